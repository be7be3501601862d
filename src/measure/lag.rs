//! Lateness of a thread's event loop over time. A sample measured while its loop was late includes the client's own
//! time, and is marked for that.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Interval between wake-ups of the loop while an exchange runs.
pub const TICK: Duration = Duration::from_millis(5);
/// The runtime's timer rounds up to whole milliseconds: lateness below this is its granularity, not starvation.
const GRANULARITY: Duration = Duration::from_millis(2);
/// Late wake-ups that are kept, meant to cover the longest exchange of the default limits.
const KEEP: usize = 4096;

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

    /// The longest lateness that overlaps the span from `from` to `to`; zero if the loop was on time. A wake-up that
    /// is still awaited counts up to `to`: its cause may have ended with the span itself.
    pub fn longest(&self, from: Instant, to: Instant) -> Duration {
        let overlapping = self.late.iter().rev().take_while(|(at, _)| *at >= from);
        let past = overlapping.filter(|(at, lag)| *at - *lag <= to).map(|(_, lag)| *lag);
        past.chain(self.due.and_then(|due| lateness(due, to))).max().unwrap_or_default()
    }
}

/// The lateness of a wake-up; `None` if it is within the timer's granularity.
fn lateness(due: Instant, now: Instant) -> Option<Duration> {
    Some(now.saturating_duration_since(due)).filter(|lag| *lag > GRANULARITY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lateness_inside_the_span_counts() {
        let zero = Instant::now();
        let at = |ms: u64| zero + Duration::from_millis(ms);
        let mut log = LagLog::default();
        for (due, now) in [(10, 11), (20, 80), (200, 210)] {
            log.expect(at(due));
            log.came(at(now));
        }
        assert_eq!(log.longest(at(0), at(15)), Duration::ZERO);
        assert_eq!(log.longest(at(50), at(60)), Duration::from_millis(60));
        assert_eq!(log.longest(at(90), at(300)), Duration::from_millis(10));
        assert_eq!(log.longest(at(0), at(300)), Duration::from_millis(60));
    }

    #[test]
    fn a_wake_up_that_has_not_come_is_late_already() {
        let zero = Instant::now();
        let at = |ms: u64| zero + Duration::from_millis(ms);
        let mut log = LagLog::default();
        log.expect(at(5));
        assert_eq!(log.longest(at(0), at(6)), Duration::ZERO);
        assert_eq!(log.longest(at(0), at(45)), Duration::from_millis(40));
        log.came(at(6));
        assert_eq!(log.longest(at(0), at(45)), Duration::ZERO);
    }
}
