//! How late a thread's event loop was, and when. A sample that was measured while its loop was late carries the client's
//! own time, and must say so.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How often the loop is asked to wake up while anything is being measured.
pub const TICK: Duration = Duration::from_millis(5);
/// The runtime's timer rounds up to whole milliseconds: lateness below this is its granularity, not starvation.
const GRANULARITY: Duration = Duration::from_millis(2);
/// Lateness is kept this long: no exchange lasts longer by default.
const KEEP: usize = 4096;

/// The late wake-ups of one thread, newest last.
#[derive(Debug, Default)]
pub struct LagLog {
    late: VecDeque<(Instant, Duration)>,
}

impl LagLog {
    /// Notes one wake-up that was due at `due` and came at `now`.
    pub fn note(&mut self, due: Instant, now: Instant) {
        let lag = now.saturating_duration_since(due);
        if lag > GRANULARITY {
            if self.late.len() == KEEP {
                self.late.pop_front();
            }
            self.late.push_back((now, lag));
        }
    }

    /// The longest lateness that overlaps the span from `from` to `to`; zero if the loop was on time.
    pub fn longest(&self, from: Instant, to: Instant) -> Duration {
        let overlapping = self.late.iter().rev().take_while(|(at, _)| *at >= from);
        overlapping.filter(|(at, lag)| *at - *lag <= to).map(|(_, lag)| *lag).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lateness_inside_the_span_counts() {
        let zero = Instant::now();
        let at = |ms: u64| zero + Duration::from_millis(ms);
        let mut log = LagLog::default();
        log.note(at(10), at(11));
        log.note(at(20), at(80));
        log.note(at(200), at(210));
        assert_eq!(log.longest(at(0), at(15)), Duration::ZERO);
        assert_eq!(log.longest(at(50), at(60)), Duration::from_millis(60));
        assert_eq!(log.longest(at(90), at(300)), Duration::from_millis(10));
        assert_eq!(log.longest(at(0), at(300)), Duration::from_millis(60));
    }
}
