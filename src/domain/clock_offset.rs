//! How far another machine's clock is from ours, and how sure that is.

use chrono::{DateTime, TimeDelta, Utc};

/// The other clock minus ours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClockOffset {
    /// Seconds; above 0 the other clock is ahead.
    pub seconds: f64,
    /// The truth is at most so many seconds away.
    pub within: f64,
}

impl ClockOffset {
    /// From a question that left at `sent` and was answered at `received` with `theirs`, a reading that counts in steps of
    /// `step` and drops what is finer.
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

    /// Whether it is more than so many seconds, whatever is not known about it.
    pub fn is_beyond(self, limit: f64) -> bool {
        self.seconds.abs() - self.within > limit
    }

    /// `0.02 s ahead, give or take 0.01 s`.
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
