//! A clock that goes on while the machine sleeps, unlike the monotonic one that time-outs use: leases run out by it.

use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// Time since the machine started.
pub fn since_boot() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}
