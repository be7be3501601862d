//! The machine's monotonic clock as plain nanoseconds, so that a measuring process on the same machine can compare
//! its stamps with the simulator's. Not a wall clock, and not for waiting: that is `timer`.

use rustix::time::{ClockId, clock_gettime};

/// `CLOCK_MONOTONIC` now, in nanoseconds. On Linux `std::time::Instant` reads the same clock.
pub fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Seconds from one stamp to a later one; 0 if it is not later.
pub fn seconds_between(from: u64, to: u64) -> f64 {
    to.saturating_sub(from) as f64 / 1e9
}
