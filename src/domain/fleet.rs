//! Everything that is measured, as the store knows it: provider by provider, with the last heartbeat of every daemon's
//! parts. Needs no daemon and accepts any program's rows. Judges problems in the same words as a status report.

use crate::domain::daemon_status::problem::worst_first;
use crate::domain::daemon_status::{
    DaemonProblem, DaemonStatus, LaneReport, ProblemKind, ProblemSeverity, STATUS_LIMIT,
};
use crate::domain::runner::{self, RunnerLiveness, RunnerState};
use crate::domain::window::span;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};

/// Longest silence of all parts of all daemons. The Python runner's parts write at least every minute.
pub const HEARTBEAT_LIMIT: TimeDelta = TimeDelta::minutes(5);

/// If a store had no heartbeat for so long and its models are fresh all the same, something other than
/// a daemon feeds it.
const DEPARTED: TimeDelta = TimeDelta::days(1);

/// Most failed checks that are reported one by one.
const MOST_CHECKS: usize = 5;

/// The state of all providers, runners and daemons in a store.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fleet {
    pub providers: Vec<ProviderState>,
    pub runners: Vec<RunnerState>,
    pub heartbeats: Vec<HeartbeatRow>,
    /// The newest row of self-checks, as stored.
    pub check: Option<Map<String, Value>>,
}

/// One provider's models and its counts in the window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProviderState {
    /// The name as the catalog spells it.
    pub provider: String,
    /// Models that are measured; the next four counts are parts of these.
    pub enabled: u64,
    /// Models that are measured in time.
    pub fresh: u64,
    /// Models not measured for more than 1.5 times their cadence.
    pub stale: u64,
    /// Models not measured for more than 3 times their cadence.
    pub critical: u64,
    /// Models that were never measured.
    pub never_run: u64,
    /// Part of `never_run`: measured, but with samples too doubtful to be published.
    pub only_suspect: u64,
    /// Models that are under admission.
    pub probing: u64,
    /// All other models that are not measured.
    pub disabled: u64,
    /// The newest success of any of its models.
    pub last_success_at: Option<DateTime<Utc>>,
    /// Published runs of its models in the window.
    pub successes: u64,
    /// Failures of published attempts in the window.
    pub failures: u64,
}

impl ProviderState {
    /// Failures as a share of all attempts, 0 to 1; `None` without attempts.
    pub fn error_rate(&self) -> Option<f64> {
        let all = self.successes + self.failures;
        (all > 0).then(|| self.failures as f64 / all as f64)
    }
}

/// The last heartbeat of one part of a daemon.
#[derive(Debug, Clone, PartialEq)]
pub struct HeartbeatRow {
    /// The part: `daemon:…`, `worker:…`, `runner:…`, or any other name.
    pub component: String,
    /// The time of the heartbeat, if the row holds a valid one.
    pub updated_at: Option<DateTime<Utc>>,
    /// The content of the heartbeat, as stored.
    pub details: Value,
}

impl HeartbeatRow {
    /// The status report, if a daemon of this program wrote it. Lanes are separate rows, so it may lack them.
    pub fn daemon_status(&self) -> Option<DaemonStatus> {
        let mut details = self.details.as_object().filter(|_| self.component.starts_with("daemon:"))?.clone();
        details.entry("lanes").or_insert_with(|| Value::Array(Vec::new()));
        serde_json::from_value(Value::Object(details)).ok()
    }

    /// The lane report, if a daemon of this program wrote it.
    pub fn lane(&self) -> Option<LaneReport> {
        let ours = self.component.starts_with("worker:");
        ours.then(|| serde_json::from_value(self.details.clone()).ok()).flatten()
    }

    /// True if the heartbeat is recent.
    pub fn is_recent(&self, now: DateTime<Utc>) -> bool {
        self.updated_at.is_some_and(|at| now - at <= HEARTBEAT_LIMIT)
    }
}

impl Fleet {
    /// Problems, worst first; empty if all is well. Skips the daemon of `at_hand`, because the caller has a newer
    /// status report of it and judges that one.
    pub fn problems(&self, now: DateTime<Utc>, at_hand: Option<&DaemonStatus>) -> Vec<DaemonProblem> {
        let mut problems: Vec<DaemonProblem> =
            self.runners.iter().filter_map(|one| one.problem(now)).collect();
        let heard = self.runners.iter().filter(|one| one.liveness(now) == RunnerLiveness::Heard);
        problems.extend(heard.filter_map(|one| one.calibration.as_ref()?.unfit()));
        problems.extend(self.no_work().into_iter().chain(self.silent(now)));
        problems.extend(self.providers.iter().filter_map(not_fresh));
        let daemon_statuses = self.daemon_statuses(now);
        let others = daemon_statuses
            .iter()
            .filter(|daemon_status| at_hand.is_none_or(|known| known.owner != daemon_status.owner));
        for daemon_status in others {
            let is_replaced =
                daemon_statuses.iter().chain(at_hand).any(|other| is_replaced(daemon_status, other, now));
            let stands = |problem: &DaemonProblem| !is_replaced || problem.cause != ProblemKind::DaemonSilent;
            problems.extend(daemon_status.problems(now).into_iter().filter(stands));
        }
        problems.extend(self.failed_checks(now));
        worst_first(&mut problems);
        problems
    }

    /// Status reports of the daemons with recent heartbeats, each with the lanes of its vantage.
    fn daemon_statuses(&self, now: DateTime<Utc>) -> Vec<DaemonStatus> {
        let recent = || self.heartbeats.iter().filter(|heartbeat| heartbeat.is_recent(now));
        let lanes_of = |daemon_status: &DaemonStatus| -> Vec<LaneReport> {
            let vantage = format!(":{}", daemon_status.vantage);
            recent()
                .filter(|heartbeat| heartbeat.component.ends_with(&vantage))
                .filter_map(HeartbeatRow::lane)
                .collect()
        };
        let with_lanes = |mut daemon_status: DaemonStatus| {
            if daemon_status.lanes.is_empty() {
                daemon_status.lanes = lanes_of(&daemon_status);
            }
            daemon_status
        };
        recent().filter_map(HeartbeatRow::daemon_status).map(with_lanes).collect()
    }

    /// The lanes with recent heartbeats.
    pub fn lanes(&self, now: DateTime<Utc>) -> Vec<LaneReport> {
        self.heartbeats
            .iter()
            .filter(|heartbeat| heartbeat.is_recent(now))
            .filter_map(HeartbeatRow::lane)
            .collect()
    }

    fn no_work(&self) -> Option<DaemonProblem> {
        let none = self.providers.iter().all(|state| state.enabled == 0);
        let problem = || {
            let sentence = "no model is enabled: nothing is measured";
            let problem =
                DaemonProblem::new(ProblemKind::NoWork, ProblemSeverity::Unhealthy, "store", sentence);
            problem.command("llmbench models list --all")
        };
        none.then(problem)
    }

    /// Only silence of all parts together is an alarm: a part that is gone leaves its row behind for ever. Remote
    /// runners are not parts of a daemon and are judged one by one.
    fn silent(&self, now: DateTime<Utc>) -> Option<DaemonProblem> {
        let parts =
            self.heartbeats.iter().filter(|heartbeat| !heartbeat.component.starts_with(runner::COMPONENT));
        let newest = parts.filter_map(|heartbeat| heartbeat.updated_at).max()?;
        let silence = now - newest;
        let fresh = self.providers.iter().any(|state| state.fresh > 0);
        let severity =
            if fresh && silence > DEPARTED { ProblemSeverity::Degraded } else { ProblemSeverity::Unhealthy };
        let problem = || {
            let sentence = format!("no part of any daemon has said anything for {}", span(silence));
            DaemonProblem::new(ProblemKind::DaemonSilent, severity, "daemon", sentence)
                .command("llmbench daemon")
        };
        (silence > HEARTBEAT_LIMIT).then(problem)
    }

    /// Checks of the last day that failed or could not run. Rows of other programs may hold anything.
    fn failed_checks(&self, now: DateTime<Utc>) -> Vec<DaemonProblem> {
        let Some(check) = &self.check else { return Vec::new() };
        let at = check.get("checked_at").and_then(Value::as_str);
        let at = at.and_then(|text| DateTime::parse_from_rfc3339(text).ok());
        if at.is_none_or(|at| now - at.to_utc() > DEPARTED) {
            return Vec::new();
        }
        let results = check.get("results").and_then(Value::as_array).into_iter().flatten();
        let is = |result: &Value, field: &str| result.get(field) == Some(&Value::Bool(true));
        let bad =
            results.filter(|result| result.is_object() && !(is(result, "ok") && is(result, "evaluated")));
        bad.take(MOST_CHECKS)
            .map(|result| {
                let name = result.get("name").and_then(Value::as_str).unwrap_or("without a name");
                let count = result.get("violation_count").and_then(Value::as_u64).unwrap_or(0);
                let sentence = match is(result, "evaluated") {
                    true => format!("the self-check {name} failed: {count} violate it"),
                    false => format!("the self-check {name} could not look"),
                };
                let problem = DaemonProblem::new(
                    ProblemKind::CheckFailed,
                    ProblemSeverity::Degraded,
                    "store",
                    sentence,
                );
                problem.command("llmbench status --json")
            })
            .collect()
    }
}

/// True if a silent daemon has a successor: one that started after its last heartbeat, at the same vantage. The silence
/// of a replaced container is expected, but its last report about its outbox still counts.
fn is_replaced(daemon_status: &DaemonStatus, by: &DaemonStatus, now: DateTime<Utc>) -> bool {
    now - daemon_status.written_at > STATUS_LIMIT
        && by.vantage == daemon_status.vantage
        && by.started_at > daemon_status.written_at
}

/// Unhealthy if none of a provider's models is measured in time, degraded if some are not.
fn not_fresh(state: &ProviderState) -> Option<DaemonProblem> {
    let late = state.stale + state.critical + state.never_run;
    if state.enabled == 0 || late == 0 {
        return None;
    }
    let name = &state.provider;
    let gone = state.critical + state.never_run >= state.enabled;
    let severity = if gone { ProblemSeverity::Unhealthy } else { ProblemSeverity::Degraded };
    let parts = [
        (state.stale, "stale"),
        (state.critical, "critical"),
        (state.never_run.saturating_sub(state.only_suspect), "never run"),
        (state.only_suspect, "only suspect"),
    ];
    let parts = parts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
    let parts = parts.collect::<Vec<_>>().join(", ");
    let sentence = if gone {
        format!("{name}: none of {} enabled models is measured in time ({parts})", state.enabled)
    } else {
        format!("{name}: {late} of {} enabled models are not measured in time ({parts})", state.enabled)
    };
    let problem = DaemonProblem::new(ProblemKind::NotFresh, severity, name, sentence);
    Some(problem.command_about("llmbench models list --stale", name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::daemon_status::{LaneActivity, fixtures};
    use proptest::prelude::*;
    use serde_json::json;

    fn now() -> DateTime<Utc> {
        "2026-11-01T12:00:00Z".parse().unwrap()
    }

    fn state(provider: &str, counts: [u64; 4]) -> ProviderState {
        let [fresh, stale, critical, never_run] = counts;
        let enabled = counts.iter().sum();
        ProviderState {
            provider: provider.to_owned(),
            enabled,
            fresh,
            stale,
            critical,
            never_run,
            ..Default::default()
        }
    }

    fn heartbeat(component: &str, minutes: i64, details: Value) -> HeartbeatRow {
        let updated_at = Some(now() - TimeDelta::minutes(minutes));
        HeartbeatRow { component: component.to_owned(), updated_at, details }
    }

    fn told(fleet: &Fleet) -> Vec<(ProblemSeverity, String)> {
        fleet.problems(now(), None).into_iter().map(|one| (one.severity, one.sentence)).collect()
    }

    use ProblemSeverity::{Degraded, Unhealthy};

    #[test]
    fn an_empty_store_is_an_alarm() {
        let nothing = [(Unhealthy, "no model is enabled: nothing is measured".to_owned())];
        assert_eq!(told(&Fleet::default()), nothing);
    }

    #[test]
    fn a_database_that_never_hears_of_success_is_an_alarm() {
        let providers =
            vec![state("groq", [3, 0, 0, 0]), state("openai", [0, 0, 1, 2]), state("x", [5, 1, 0, 0])];
        let fleet = Fleet { providers, ..Fleet::default() };
        assert_eq!(
            told(&fleet),
            [
                (
                    Unhealthy,
                    "openai: none of 3 enabled models is measured in time (1 critical, 2 never run)"
                        .to_owned()
                ),
                (Degraded, "x: 1 of 6 enabled models are not measured in time (1 stale)".to_owned()),
            ]
        );
    }

    #[test]
    fn silence_is_an_alarm_until_nobody_expects_a_word() {
        let fleet = |minutes, counts| Fleet {
            providers: vec![state("groq", counts)],
            heartbeats: vec![
                heartbeat("reaper", minutes, json!({})),
                heartbeat("planner", 99_999, json!(7)),
                heartbeat("runner:aws-1", 0, json!({})),
            ],
            ..Fleet::default()
        };
        assert!(told(&fleet(4, [1, 0, 0, 0])).is_empty());
        assert_eq!(told(&fleet(6, [1, 0, 0, 0]))[0].0, Unhealthy);
        assert_eq!(told(&fleet(1441, [1, 0, 0, 0]))[0].0, Degraded);
        assert_eq!(told(&fleet(1441, [0, 1, 0, 0]))[0].0, Unhealthy);
        let dateless = HeartbeatRow { updated_at: None, ..heartbeat("x", 0, Value::Null) };
        let fleet = Fleet { heartbeats: vec![dateless], ..fleet(4, [1, 0, 0, 0]) };
        assert!(told(&fleet).is_empty());
    }

    #[test]
    fn a_pulse_in_the_store_is_judged_with_its_lanes() {
        let lane = LaneReport {
            state: LaneActivity::Stalled,
            due: 1,
            due_at: Some(now()),
            ..fixtures::lane("groq", now())
        };
        let mut daemon_status = fixtures::daemon_status(now());
        daemon_status.outbox.full = true;
        let fleet = Fleet {
            providers: vec![state("groq", [1, 0, 0, 0])],
            heartbeats: vec![
                heartbeat("daemon:main:o", 0, json!(daemon_status)),
                heartbeat("worker:groq:main", 0, json!(lane)),
            ],
            ..Fleet::default()
        };
        let causes: Vec<ProblemKind> = fleet.problems(now(), None).iter().map(|one| one.cause).collect();
        assert_eq!(causes, [ProblemKind::OutboxFull, ProblemKind::LaneStalled]);
    }

    #[test]
    fn a_daemon_that_was_replaced_is_not_missed() {
        let works =
            |at| DaemonStatus { lanes: vec![fixtures::lane("groq", at)], ..fixtures::daemon_status(at) };
        let silent = works(now() - TimeDelta::minutes(3));
        let began = |minutes| DaemonStatus {
            owner: "h:2".to_owned(),
            started_at: now() - TimeDelta::minutes(minutes),
            ..works(now())
        };
        let fleet = |other: &DaemonStatus| Fleet {
            providers: vec![state("groq", [1, 0, 0, 0])],
            heartbeats: vec![
                heartbeat("daemon:main:h:1", 3, json!(silent)),
                heartbeat("daemon:main:h:2", 0, json!(other)),
            ],
            ..Fleet::default()
        };
        let causes = |other: &DaemonStatus| -> Vec<ProblemKind> {
            fleet(other).problems(now(), None).iter().map(|one| one.cause).collect()
        };
        let missed = [ProblemKind::DaemonSilent];
        assert_eq!(causes(&began(4)), missed);
        assert_eq!(causes(&began(2)), []);
        assert_eq!(causes(&DaemonStatus { vantage: "far".to_owned(), ..began(2) }), missed);
        let here = Fleet { heartbeats: fleet(&silent).heartbeats[..1].to_vec(), ..fleet(&silent) };
        assert!(here.problems(now(), Some(&began(2))).is_empty());
        let mut full = silent.clone();
        full.outbox.full = true;
        let left = Fleet { heartbeats: vec![heartbeat("daemon:main:h:1", 3, json!(full))], ..here };
        let causes: Vec<ProblemKind> =
            left.problems(now(), Some(&began(2))).iter().map(|one| one.cause).collect();
        assert_eq!(causes, [ProblemKind::OutboxFull]);
    }

    #[test]
    fn checks_that_could_not_look_are_not_fine() {
        let check = json!({"checked_at": "2026-11-01T11:00:00Z", "results": [
            {"name": "a", "ok": true, "evaluated": true}, {"name": "b", "ok": false, "evaluated": true, "violation_count": 3},
            {"name": "c", "ok": true, "evaluated": false}, {"ok": "yes"}, 7]});
        let check = check.as_object().cloned();
        let fleet = Fleet { providers: vec![state("groq", [1, 0, 0, 0])], check, ..Fleet::default() };
        let said: Vec<String> = told(&fleet).into_iter().map(|one| one.1).collect();
        assert_eq!(said.len(), 3);
        assert_eq!(said[0], "the self-check b failed: 3 violate it");
        assert!(said[1].ends_with("c could not look") && said[2].contains("without a name"));
        assert!(fleet.problems(now() + TimeDelta::days(3), None).is_empty());
    }

    proptest! {
        #[test]
        fn rows_of_any_kind_are_judged(component in ".{0,12}", details in ".{0,20}", at in prop::option::of(any::<i32>()), counts in any::<[u8; 4]>()) {
            let updated_at = at.and_then(|seconds| DateTime::from_timestamp(i64::from(seconds), 0));
            let details = serde_json::from_str(&details).unwrap_or(Value::String(details));
            let check = json!({"checked_at": component, "results": [details]}).as_object().cloned();
            let heartbeats = vec![HeartbeatRow { component, updated_at, details }];
            let fleet = Fleet { providers: vec![state("x", counts.map(u64::from))], heartbeats, check, ..Fleet::default() };
            prop_assert_eq!(fleet.problems(now(), None), fleet.problems(now(), None));
        }
    }
}
