//! Gives memory back that a busy time took. The C library keeps what was freed, a share for each thread, and takes years to
//! return it by itself. Only while nothing is measured: it holds up whoever allocates meanwhile for about a millisecond.

use chrono::{DateTime, Utc};

/// What a busy time leaves behind: how many measurements have ended, and when the store last took rows.
pub type ActivitySnapshot = (u64, Option<DateTime<Utc>>);

/// What was done when it last looked, and when memory was last given back.
#[derive(Debug, Default)]
pub struct MemoryTrimmer {
    seen: Option<ActivitySnapshot>,
    gave: Option<ActivitySnapshot>,
    most: usize,
}

/// So many connections leave something behind that is worth a look.
const MANY: usize = 100;

impl MemoryTrimmer {
    /// To be told every few seconds how many measurements run, and what is done. Gives memory back once after a busy time
    /// (a start is one too), when nothing happened from one look to the next.
    pub fn look(&mut self, running: u64, done: ActivitySnapshot) {
        if self.is_due(running, done) {
            give_back();
        }
    }

    /// To be told every few seconds how many connections are open, and how many requests were answered. Gives memory back as
    /// above, and also where nothing is ever quiet, once most connections have gone.
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
    // SAFETY: it may be called at any time, from any thread.
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
        // Whatever happened between two looks, the first that finds nothing new is quiet.
        assert_eq!(
            [due(2, 0), due(1, 1), due(0, 9), due(0, 9), due(0, 9)],
            [false, false, false, true, false]
        );
        assert_eq!([due(0, 10), due(1, 10), due(1, 10)], [false; 3]);
        assert_eq!([due(0, 11), due(0, 11)], [false, true]);
        // A backlog that left counts too.
        let stored = Some(DateTime::UNIX_EPOCH);
        assert_eq!([thrift.is_due(0, (11, stored)), thrift.is_due(0, (11, stored))], [false, true]);
    }

    #[test]
    fn connections_that_have_gone_leave_nothing_behind() {
        let mut thrift = MemoryTrimmer::default();
        let mut due = |open, answered| thrift.is_due_for_connections(open, answered);
        // Something is always answered: it is never quiet.
        assert_eq!([due(20, 1), due(5_000, 2), due(4_000, 3), due(2_499, 4)], [false, false, false, true]);
        assert_eq!([due(1_500, 5), due(3, 6), due(2, 7), due(0, 8)], [false, true, false, false]);
        assert_eq!([due(0, 8), due(0, 8)], [true, false]);
    }
}
