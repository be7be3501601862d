//! The offset of another machine's clock from ours, with its uncertainty.

use chrono::{DateTime, TimeDelta, Utc};

/// The other clock minus ours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClockOffset {
    /// Seconds; above 0 the other clock is ahead.
    pub seconds: f64,
    /// Uncertainty: the true offset is at most this many seconds away.
    pub within: f64,
}

impl ClockOffset {
    /// Computes the offset from a request sent at `sent` and answered at `received` with `theirs`, a reading truncated
    /// to multiples of `step`.
    pub fn between(
        sent: DateTime<Utc>,
        received: DateTime<Utc>,
        theirs: DateTime<Utc>,
        step: TimeDelta,
    ) -> Self {
        let way = (received - sent).as_seconds_f64().max(0.0);
        let step = step.as_seconds_f64();
        let seconds = (theirs - sent).as_seconds_f64() + step / 2.0 - way / 2.0;
        Self { seconds, within: (way + step) / 2.0 }
    }

    /// True if the offset exceeds so many seconds even with its uncertainty subtracted.
    pub fn is_beyond(self, limit: f64) -> bool {
        self.seconds.abs() - self.within > limit
    }

    /// For example `0.02 s ahead, give or take 0.01 s`.
    pub fn spoken(self) -> String {
        let way = if self.seconds < 0.0 { "behind" } else { "ahead" };
        format!("{:.2} s {way}, give or take {:.2} s", self.seconds.abs(), self.within)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_700_000_000_000 + milliseconds).unwrap()
    }

    #[test]
    fn the_way_there_and_back_is_not_taken_for_an_offset() {
        let same = ClockOffset::between(at(0), at(400), at(200), TimeDelta::zero());
        assert!(same.seconds.abs() < 1e-9 && (same.within - 0.2).abs() < 1e-9, "{same:?}");
        let slow = ClockOffset::between(at(0), at(9000), at(8000), TimeDelta::zero());
        assert!(!slow.is_beyond(2.0), "3.5 s, and as uncertain: {slow:?}");
        let ahead = ClockOffset::between(at(0), at(100), at(5050), TimeDelta::zero());
        assert!(ahead.is_beyond(2.0) && ahead.spoken().starts_with("5.00 s ahead"), "{}", ahead.spoken());
    }

    #[test]
    fn a_reading_in_whole_seconds_is_taken_for_their_middle() {
        let same = ClockOffset::between(at(700), at(800), at(0), TimeDelta::seconds(1));
        assert!(same.seconds.abs() < 0.26 && same.within > 0.5, "{same:?}");
    }
}
