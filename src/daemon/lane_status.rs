//! Derives a lane's state and its reason from counters and times. Only finished work changes these, so a lane that is
//! busy without results cannot look healthy. Pure.

use crate::domain::FailureKind;
use crate::domain::daemon_status::LaneActivity;
use chrono::{DateTime, TimeDelta, Utc};
use std::time::Duration;

/// Counters and times of a lane.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LaneFacts {
    /// The lane panicked or hung, and restarts at this time.
    pub restarts_at: Option<DateTime<Utc>>,
    /// Reason of a hold, and its end if known.
    pub held: Option<(String, Option<DateTime<Utc>>)>,
    /// The lane uses less than its concurrency because the machine is too busy.
    pub held_back: bool,
    /// Number of due series.
    pub due: u64,
    /// Time since which the oldest of them has been due.
    pub due_at: Option<DateTime<Utc>>,
    /// Number of running measurements.
    pub running: u64,
    /// End of the last measurement.
    pub finished_at: Option<DateTime<Utc>>,
    /// End of the last success.
    pub succeeded_at: Option<DateTime<Utc>>,
    /// Failures since the last success.
    pub failures: u32,
    /// Kind and message of the last failure.
    pub last_failure: Option<(FailureKind, String)>,
    /// Start of the lane.
    pub began_at: Option<DateTime<Utc>>,
    /// The longest time that a measurement may take, including everything around it.
    pub patience: Option<TimeDelta>,
}

impl LaneFacts {
    /// Moves all times after the daemon's clock moved.
    pub fn clock_moved(&mut self, by: TimeDelta) {
        let moments =
            [&mut self.restarts_at, &mut self.finished_at, &mut self.succeeded_at, &mut self.began_at];
        moments.into_iter().flatten().for_each(|moment| *moment += by);
    }
}

/// A lane with at least this many consecutive failures is failing.
const FAILING: u32 = 3;
/// Limit before a lane counts as stalled, if its measurements have no deadline.
const PATIENCE: TimeDelta = TimeDelta::minutes(5);

/// The longest time that an order of so many measurements may take, including everything around it.
pub fn patience(deadline: Duration, measurements: u32) -> Option<TimeDelta> {
    TimeDelta::from_std(deadline * (measurements + 1)).ok()
}

/// State, reason, and end of the state if known.
pub type LaneStatus = (LaneActivity, Option<String>, Option<DateTime<Utc>>);

/// The state of the lane at `now`.
pub fn judge(facts: &LaneFacts, now: DateTime<Utc>) -> LaneStatus {
    if let Some(at) = facts.restarts_at.filter(|at| *at > now) {
        return (LaneActivity::Restarting, Some("it ended unexpectedly".to_owned()), Some(at));
    }
    if let Some((reason, until)) = &facts.held {
        return (LaneActivity::Held, Some(reason.clone()), *until);
    }
    if let Some(silent) = stalled_for(facts, now) {
        let minutes = silent.num_minutes();
        return (
            LaneActivity::Stalled,
            Some(format!("{} due, and none ended for {minutes} min", facts.due)),
            None,
        );
    }
    if facts.failures >= FAILING {
        let (kind, message) = match &facts.last_failure {
            Some((kind, message)) => (kind.as_str(), message.as_str()),
            None => ("unknown", ""),
        };
        let reason = format!("{} failures in a row, the last {kind}: {message}", facts.failures);
        return (LaneActivity::Failing, Some(reason), None);
    }
    // A lane without due series does not need the concurrency.
    if facts.held_back && facts.due > 0 {
        return (
            LaneActivity::Starved,
            Some("the machine is too busy: it measures less at once".to_owned()),
            None,
        );
    }
    if facts.due > 0 || facts.running > 0 {
        (LaneActivity::Producing, None, None)
    } else {
        (LaneActivity::Idle, None, None)
    }
}

/// Time since the last measurement ended, if series are due and it exceeds the limit.
fn stalled_for(facts: &LaneFacts, now: DateTime<Utc>) -> Option<TimeDelta> {
    let due_at = facts.due_at.filter(|_| facts.due > 0)?;
    let since = [Some(due_at), facts.finished_at, facts.began_at].into_iter().flatten().max()?;
    let silent = now - since;
    (silent > facts.patience.unwrap_or(PATIENCE)).then_some(silent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000 + seconds, 0).unwrap()
    }

    fn word(facts: &LaneFacts, now: i64) -> LaneActivity {
        judge(facts, at(now)).0
    }

    #[test]
    fn idle_and_producing_follow_from_what_is_due() {
        let idle = LaneFacts { began_at: Some(at(0)), ..LaneFacts::default() };
        assert_eq!(judge(&idle, at(100_000)), (LaneActivity::Idle, None, None));
        let due = LaneFacts { due: 3, due_at: Some(at(90)), ..idle.clone() };
        assert_eq!(word(&due, 100), LaneActivity::Producing);
        assert_eq!(word(&LaneFacts { running: 1, ..idle }, 100), LaneActivity::Producing);
    }

    #[test]
    fn due_work_that_never_ends_is_a_stall_whatever_runs() {
        let facts = LaneFacts {
            due: 2,
            due_at: Some(at(0)),
            running: 4,
            finished_at: Some(at(50)),
            patience: Some(TimeDelta::seconds(200)),
            ..LaneFacts::default()
        };
        assert_eq!(word(&facts, 250), LaneActivity::Producing);
        let (state, reason, _) = judge(&facts, at(251));
        assert_eq!(
            (state, reason.as_deref()),
            (LaneActivity::Stalled, Some("2 due, and none ended for 3 min"))
        );
    }

    #[test]
    fn held_says_why_and_until_when() {
        let held = Some(("the key is refused: 401".to_owned(), Some(at(60))));
        let facts = LaneFacts { held, due: 2, due_at: Some(at(-9999)), failures: 9, ..LaneFacts::default() };
        let expected = (LaneActivity::Held, Some("the key is refused: 401".to_owned()), Some(at(60)));
        assert_eq!(judge(&facts, at(0)), expected);
        let restarting = LaneFacts { restarts_at: Some(at(5)), ..facts };
        assert_eq!(word(&restarting, 0), LaneActivity::Restarting);
        assert_eq!(word(&restarting, 6), LaneActivity::Held);
    }

    #[test]
    fn failures_in_a_row_stay_visible_while_nothing_is_due() {
        let last_failure = Some((FailureKind::Timeout, "no first byte".to_owned()));
        let facts = LaneFacts { failures: 3, last_failure, ..LaneFacts::default() };
        let (state, reason, _) = judge(&facts, at(0));
        assert_eq!(state, LaneActivity::Failing);
        assert_eq!(reason.as_deref(), Some("3 failures in a row, the last timeout: no first byte"));
        let busy = LaneFacts { failures: 2, held_back: true, ..facts };
        assert_eq!(word(&busy, 0), LaneActivity::Idle);
        assert_eq!(word(&LaneFacts { due: 1, ..busy }, 0), LaneActivity::Starved);
    }
}
