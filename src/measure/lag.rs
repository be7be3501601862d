//! Lateness of a thread's event loop over time. A sample measured while its loop was late includes the client's own
//! time, and is marked for that.

use crate::wire::LateWake;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Interval between wake-ups of the loop while an exchange runs.
pub const TICK: Duration = Duration::from_millis(5);
/// The runtime's timer rounds up to whole milliseconds: lateness below this is its granularity, not starvation.
const GRANULARITY: Duration = Duration::from_millis(2);
/// Late wake-ups that are kept, meant to cover the longest exchange of the default limits.
const KEEP: usize = 4096;

/// Late wake-ups that a recording is told of.
const TOLD: usize = 64;

/// The late wake-ups of one thread, newest last.
#[derive(Debug, Default)]
pub struct LagLog {
    late: VecDeque<(Instant, Duration)>,
    due: Option<Instant>,
}

impl LagLog {
    /// Records that a wake-up is due at `due`.
    pub fn expect(&mut self, due: Instant) {
        self.due = Some(due);
    }

    /// Records that the awaited wake-up came at `now`.
    pub fn came(&mut self, now: Instant) {
        if let Some(lag) = self.due.take().and_then(|due| lateness(due, now)) {
            if self.late.len() == KEEP {
                self.late.pop_front();
            }
            self.late.push_back((now, lag));
        }
    }

    /// The longest late wake-ups that overlap the span from `from` to `to`, as times from its beginning. A wake-up that
    /// is still awaited counts up to `to`: its cause may have ended with the span itself.
    pub fn within(&self, from: Instant, to: Instant) -> Vec<LateWake> {
        let overlapping = self.late.iter().rev().take_while(|(woke, _)| *woke >= from);
        let past = overlapping.copied().filter(|(woke, lag)| *woke - *lag <= to);
        let awaited = self.due.and_then(|due| lateness(due, to)).map(|lag| (to, lag));
        let since = |at: Instant| at.saturating_duration_since(from);
        let mut found: Vec<_> = past
            .chain(awaited)
            .map(|(woke, lag)| LateWake { due: since(woke - lag), woke: since(woke), lag })
            .collect();
        found.sort_unstable_by_key(|late| std::cmp::Reverse(late.lag));
        found.truncate(TOLD);
        found
    }
}

/// The lateness of a wake-up; `None` if it is within the timer's granularity.
fn lateness(due: Instant, now: Instant) -> Option<Duration> {
    Some(now.saturating_duration_since(due)).filter(|lag| *lag > GRANULARITY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn longest(log: &LagLog, from: Instant, to: Instant) -> Duration {
        log.within(from, to).first().map(|late| late.lag).unwrap_or_default()
    }

    #[test]
    fn only_lateness_inside_the_span_counts() {
        let zero = Instant::now();
        let at = |ms: u64| zero + Duration::from_millis(ms);
        let mut log = LagLog::default();
        for (due, now) in [(10, 11), (20, 80), (200, 210)] {
            log.expect(at(due));
            log.came(at(now));
        }
        assert_eq!(longest(&log, at(0), at(15)), Duration::ZERO);
        assert_eq!(longest(&log, at(50), at(60)), Duration::from_millis(60));
        assert_eq!(longest(&log, at(90), at(300)), Duration::from_millis(10));
        assert_eq!(longest(&log, at(0), at(300)), Duration::from_millis(60));
        let millis = Duration::from_millis;
        let late = LateWake { due: Duration::ZERO, woke: millis(30), lag: millis(60) };
        assert_eq!(log.within(at(50), at(60)), [late]);
    }

    #[test]
    fn a_wake_up_that_has_not_come_is_late_already() {
        let zero = Instant::now();
        let at = |ms: u64| zero + Duration::from_millis(ms);
        let mut log = LagLog::default();
        log.expect(at(5));
        assert_eq!(longest(&log, at(0), at(6)), Duration::ZERO);
        assert_eq!(longest(&log, at(0), at(45)), Duration::from_millis(40));
        log.came(at(6));
        assert_eq!(longest(&log, at(0), at(45)), Duration::ZERO);
    }
}
