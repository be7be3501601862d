//! Returns memory to the system after a busy period, because the C library keeps freed memory per thread for a very
//! long time. Runs only while nothing is measured: trimming blocks other allocations for about a millisecond.

use chrono::{DateTime, Utc};

/// A measure of work done: the number of ended measurements, and the time at which the store last took rows.
pub type ActivitySnapshot = (u64, Option<DateTime<Utc>>);

/// Remembers the work done at the last look and at the last trim.
#[derive(Debug, Default)]
pub struct MemoryTrimmer {
    seen: Option<ActivitySnapshot>,
    gave: Option<ActivitySnapshot>,
    most: usize,
}

/// Connection count from which a fall by half is worth a trim.
const MANY: usize = 100;

impl MemoryTrimmer {
    /// Called every few seconds with the number of running measurements and the work done. Trims once after a busy
    /// period, which includes the start, when nothing happened between two looks.
    pub fn look(&mut self, running: u64, done: ActivitySnapshot) {
        if self.is_due(running, done) {
            give_back();
        }
    }

    /// Called every few seconds with the number of open connections and of answered requests. Trims as above, and also
    /// on a server that is never idle once most connections have closed.
    pub fn look_at_connections(&mut self, open: usize, answered: u64) {
        if self.is_due_for_connections(open, answered) {
            give_back();
        }
    }

    fn is_due_for_connections(&mut self, open: usize, answered: u64) -> bool {
        self.most = self.most.max(open);
        let has_fallen = self.most >= MANY && open < self.most / 2;
        let is_due = self.is_due(0, (answered, None)) || has_fallen;
        if is_due {
            self.most = open;
        }
        is_due
    }

    fn is_due(&mut self, running: u64, done: ActivitySnapshot) -> bool {
        let is_quiet = running == 0 && self.seen == Some(done);
        self.seen = Some(done);
        let is_due = is_quiet && self.gave != Some(done);
        if is_due {
            self.gave = Some(done);
        }
        is_due
    }
}

/// See malloc_trim(3). Other C libraries return memory by themselves, or never.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(
    unsafe_code,
    reason = "there is no safe wrapper; it takes a number and touches only memory that nobody uses"
)]
fn give_back() {
    // SAFETY: malloc_trim may be called at any time, from any thread.
    unsafe { libc::malloc_trim(0) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn give_back() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_given_back_once_after_a_busy_time() {
        let mut thrift = MemoryTrimmer::default();
        let mut due = |running, ended| thrift.is_due(running, (ended, None));
        assert_eq!([due(0, 0), due(0, 0), due(0, 0)], [false, true, false]);
        // The first look that finds nothing new counts as idle, whatever happened between two looks.
        assert_eq!(
            [due(2, 0), due(1, 1), due(0, 9), due(0, 9), due(0, 9)],
            [false, false, false, true, false]
        );
        assert_eq!([due(0, 10), due(1, 10), due(1, 10)], [false; 3]);
        assert_eq!([due(0, 11), due(0, 11)], [false, true]);
        // A backlog that was delivered counts, too.
        let stored = Some(DateTime::UNIX_EPOCH);
        assert_eq!([thrift.is_due(0, (11, stored)), thrift.is_due(0, (11, stored))], [false, true]);
    }

    #[test]
    fn connections_that_have_gone_leave_nothing_behind() {
        let mut thrift = MemoryTrimmer::default();
        let mut due = |open, answered| thrift.is_due_for_connections(open, answered);
        // Requests are answered all the time: the server is never idle.
        assert_eq!([due(20, 1), due(5_000, 2), due(4_000, 3), due(2_499, 4)], [false, false, false, true]);
        assert_eq!([due(1_500, 5), due(3, 6), due(2, 7), due(0, 8)], [false, true, false, false]);
        assert_eq!([due(0, 8), due(0, 8)], [true, false]);
    }
}
