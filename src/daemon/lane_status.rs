//! What a lane is doing, in one word and a reason: a pure function of its counters and moments. Only work that ends moves
//! them, so a lane that is busy with nothing cannot look well.

use crate::domain::FailureKind;
use crate::domain::daemon_status::LaneActivity;
use chrono::{DateTime, TimeDelta, Utc};

/// What is known about a lane.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LaneFacts {
    /// It panicked or was wedged, and begins again then.
    pub restarts_at: Option<DateTime<Utc>>,
    /// It waits on purpose: why, and until when if that is known.
    pub held: Option<(String, Option<DateTime<Utc>>)>,
    /// It uses less than its concurrency because the machine is too busy.
    pub held_back: bool,
    /// Series that are due.
    pub due: u64,
    /// Since when the oldest of them has been.
    pub due_at: Option<DateTime<Utc>>,
    /// Measurements that run.
    pub running: u64,
    /// When a measurement last ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// When one last succeeded.
    pub succeeded_at: Option<DateTime<Utc>>,
    /// Ends without success since the last success.
    pub failures: u32,
    /// How the last one failed.
    pub last_failure: Option<(FailureKind, String)>,
    /// When the lane began.
    pub began_at: Option<DateTime<Utc>>,
    /// The longest that a measurement may take, with everything around it.
    pub patience: Option<TimeDelta>,
}

impl LaneFacts {
    /// The clock was set by so much: what happened is as long ago as before.
    pub fn clock_moved(&mut self, by: TimeDelta) {
        let moments =
            [&mut self.restarts_at, &mut self.finished_at, &mut self.succeeded_at, &mut self.began_at];
        moments.into_iter().flatten().for_each(|moment| *moment += by);
    }
}

/// A row of so many failures is more than bad luck.
const FAILING: u32 = 3;
/// A lane whose measurements have no longest time is looked at after this.
const PATIENCE: TimeDelta = TimeDelta::minutes(5);

/// State, reason, until when.
pub type LaneStatus = (LaneActivity, Option<String>, Option<DateTime<Utc>>);

/// What the lane is doing at `now`.
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
    // Where nothing waits, nothing is held back.
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

/// How long nothing has ended although something is due, where that is too long.
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
