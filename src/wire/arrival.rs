//! From the kernel's stamps to moments of the monotonic clock. The kernel stamps segments by the wall clock, which may
//! step; each read ties the two clocks together anew, and a stamp that cannot be trusted is not used. Pure, apart from
//! [`ClockPair::now`].

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Time within which both clocks must be read: a longer reading was interrupted.
const READING: Duration = Duration::from_micros(20);
/// Attempts at an uninterrupted reading; the shortest one counts.
const READINGS: usize = 3;
/// Difference of both clocks' progress that is no step: their readings are this exact.
const STEP_FLOOR: Duration = Duration::from_micros(200);
/// Share of the elapsed time by which the wall clock may be slewed. NTP slews by 0.05 % at most.
const SLEW: u32 = 1000;

/// Both clocks at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClockPair {
    pub monotonic: Instant,
    /// Wall clock since the Unix epoch.
    pub wall: Duration,
}

impl ClockPair {
    /// Reads both clocks.
    pub fn now() -> Self {
        let mut best: Option<(Duration, Self)> = None;
        for _ in 0..READINGS {
            let before = Instant::now();
            let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let took = before.elapsed();
            if best.is_none_or(|(shortest, _)| took < shortest) {
                best = Some((took, Self { monotonic: before + took / 2, wall }));
            }
            if took <= READING {
                break;
            }
        }
        best.map_or_else(|| Self { monotonic: Instant::now(), wall: Duration::ZERO }, |(_, pair)| pair)
    }

    /// True if the wall clock was set between two readings.
    fn stepped_since(&self, earlier: &Self) -> bool {
        let elapsed = self.monotonic.saturating_duration_since(earlier.monotonic);
        let Some(shown) = self.wall.checked_sub(earlier.wall) else { return true };
        shown.abs_diff(elapsed) > STEP_FLOOR + elapsed / SLEW
    }
}

/// The moment at which bytes arrived.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Arrival {
    /// The best knowledge of it: the kernel's stamp, else the moment at which the read returned.
    pub at: Instant,
    /// Time from the kernel's stamp to the read; `None` if there is no usable stamp.
    pub waited: Option<Duration>,
}

impl Arrival {
    /// Without a usable stamp, bytes arrived when they were read.
    pub fn at_the_read(read: Instant) -> Self {
        Self { at: read, waited: None }
    }

    /// Places a stamp on the monotonic clock. `earlier` is a reading of both clocks before the bytes can have arrived
    /// or been waited for, `read` the one of the read. A stamp later than its own read, and any stamp while the wall
    /// clock stepped, is not used.
    pub fn of(stamped: Option<Duration>, earlier: &ClockPair, read: &ClockPair) -> Self {
        let waited = stamped
            .and_then(|stamped| read.wall.checked_sub(stamped))
            .filter(|_| !read.stepped_since(earlier))
            .and_then(|waited| Some((read.monotonic.checked_sub(waited)?, waited)));
        match waited {
            Some((at, waited)) => Self { at, waited: Some(waited) },
            None => Self::at_the_read(read.monotonic),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Both clocks `ms` milliseconds after a beginning, the wall clock `step` off.
    fn pair(begin: Instant, ms: u64, step: i64) -> ClockPair {
        let wall = Duration::from_secs(1_800_000_000) + MS * ms as u32;
        let off = Duration::from_millis(step.unsigned_abs());
        ClockPair { monotonic: begin + MS * ms as u32, wall: if step < 0 { wall - off } else { wall + off } }
    }

    #[test]
    fn a_stamp_tells_when_a_late_reader_was_not_there() {
        let begin = Instant::now();
        let (earlier, read) = (pair(begin, 0, 0), pair(begin, 40, 0));
        let arrival = Arrival::of(Some(read.wall - 30 * MS), &earlier, &read);
        assert_eq!(arrival, Arrival { at: begin + 10 * MS, waited: Some(30 * MS) });
    }

    #[test]
    fn without_a_stamp_the_read_counts() {
        let begin = Instant::now();
        let (earlier, read) = (pair(begin, 0, 0), pair(begin, 40, 0));
        assert_eq!(Arrival::of(None, &earlier, &read), Arrival::at_the_read(read.monotonic));
        // A stamp later than the read.
        assert_eq!(Arrival::of(Some(read.wall + MS), &earlier, &read), Arrival::at_the_read(read.monotonic));
    }

    #[test]
    fn a_step_of_the_wall_clock_disarms_the_stamps_around_it() {
        let begin = Instant::now();
        for step in [-3_600_000, -5, 5, 3_600_000] {
            let (earlier, read) = (pair(begin, 0, 0), pair(begin, 40, step));
            let stamp = Some(read.wall - MS);
            assert_eq!(Arrival::of(stamp, &earlier, &read), Arrival::at_the_read(read.monotonic), "{step}");
            // The next read has both clocks from after the step.
            let next = pair(begin, 50, step);
            assert_eq!(Arrival::of(Some(next.wall - MS), &read, &next).waited, Some(MS));
        }
        // A slewed clock is no stepped one.
        let (earlier, mut read) = (pair(begin, 0, 0), pair(begin, 60_000, 0));
        read.wall += 25 * MS;
        assert_eq!(Arrival::of(Some(read.wall), &earlier, &read).waited, Some(Duration::ZERO));
    }

    #[test]
    fn clocks_are_read_together() {
        let (first, second) = (ClockPair::now(), ClockPair::now());
        assert!(second.monotonic >= first.monotonic && first.wall > Duration::from_secs(1_700_000_000));
    }
}
