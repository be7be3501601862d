//! A remote runner as the store knows it: the last report of bridges about it, and the state of its keys. Decides if
//! its silence is an alarm; nothing else about it is known on this side.

use crate::domain::calibration::CalibrationSummary;
use crate::domain::daemon_status::{DaemonProblem, ProblemKind, ProblemSeverity};
use crate::domain::window::span;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use std::collections::BTreeMap;

/// The prefix of runners' components in heartbeats, and of the subjects of problems with them.
pub const COMPONENT: &str = "runner:";

/// Shortest tolerated silence, however often the runner measures: a restart of its host is no alarm.
const LEAST_PATIENCE: TimeDelta = TimeDelta::hours(1);

/// Interval of runners if no bridge has told it: the bridge's own default.
const USUAL_INTERVAL: TimeDelta = TimeDelta::minutes(30);

/// Silence after which a runner without a key in the store (its key is in the environment of a bridge) is forgotten:
/// there is no key that could be revoked to end the alarm.
const FORGOTTEN: TimeDelta = TimeDelta::days(7);

/// The state of the best of a runner's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunnerKeyState {
    /// All were revoked: the runner is not expected any more.
    Revoked,
    /// All that were not revoked have expired.
    Expired,
    /// The store has none: the runner used one from the environment of a bridge.
    Elsewhere,
    /// At least one is valid now or later.
    Live,
}

/// The liveness of a runner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunnerLiveness {
    /// A bridge heard it lately.
    Heard,
    /// No bridge has heard it for too long.
    Silent,
    /// No bridge ever heard it.
    Never,
    /// It is not expected any more.
    Retired,
}

impl RunnerLiveness {
    const ALL: [RunnerLiveness; 4] =
        [RunnerLiveness::Heard, RunnerLiveness::Silent, RunnerLiveness::Never, RunnerLiveness::Retired];

    pub fn as_str(self) -> &'static str {
        match self {
            RunnerLiveness::Heard => "heard",
            RunnerLiveness::Silent => "silent",
            RunnerLiveness::Never => "never",
            RunnerLiveness::Retired => "retired",
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct RunnerState {
    /// The name under which its keys were made.
    pub runner: String,
    pub keys: RunnerKeyState,
    /// The time since which it has an unrevoked key.
    pub keyed_at: Option<DateTime<Utc>>,
    /// The providers that its keys are for, sorted; `None` is all of them.
    pub providers: Option<Vec<String>>,
    /// The last time a bridge heard it, by the bridge's clock.
    pub last_seen_at: Option<DateTime<Utc>>,
    /// The last time a row of it was stored.
    pub last_stored_at: Option<DateTime<Utc>>,
    /// Its program and version, as it states them.
    pub version: Option<String>,
    /// Its clock minus the bridge's, seconds; only of runners of this program.
    pub clock_offset_seconds: Option<f64>,
    /// Rows that wait on its side; only of runners of this program.
    pub backlog: Option<u64>,
    /// Its newest calibration, as it told a bridge; only of runners of this program.
    pub calibration: Option<CalibrationSummary>,
    /// Its measuring interval as told by a bridge, seconds.
    pub interval_seconds: Option<u32>,
}

impl RunnerState {
    /// A runner of which only the name is known.
    pub fn unheard(runner: &str, keys: RunnerKeyState) -> Self {
        Self {
            runner: runner.to_owned(),
            keys,
            keyed_at: None,
            providers: None,
            last_seen_at: None,
            last_stored_at: None,
            version: None,
            clock_offset_seconds: None,
            backlog: None,
            calibration: None,
            interval_seconds: None,
        }
    }

    /// Its component in heartbeats, and the subject of problems with it.
    pub fn component(&self) -> String {
        format!("{COMPONENT}{}", self.runner)
    }

    /// True if one of its keys is for one of these providers.
    pub fn covers(&self, providers: &[String]) -> bool {
        self.providers.as_ref().is_none_or(|own| own.iter().any(|name| providers.contains(name)))
    }

    pub fn liveness(&self, now: DateTime<Utc>) -> RunnerLiveness {
        let silence = self.last_seen_at.map(|at| now - at);
        match silence {
            _ if self.keys == RunnerKeyState::Revoked => RunnerLiveness::Retired,
            None => RunnerLiveness::Never,
            Some(silence) if silence <= self.patience() => RunnerLiveness::Heard,
            Some(silence) if self.keys == RunnerKeyState::Elsewhere && silence > FORGOTTEN => {
                RunnerLiveness::Retired
            }
            Some(_) => RunnerLiveness::Silent,
        }
    }

    /// The problem with the runner, if there is one.
    pub fn problem(&self, now: DateTime<Utc>) -> Option<DaemonProblem> {
        let name = &self.runner;
        let (cause, severity, sentence) = match (self.liveness(now), self.last_seen_at) {
            (RunnerLiveness::Silent, Some(at)) => {
                let why = if self.keys == RunnerKeyState::Expired { "; its keys have expired" } else { "" };
                let sentence = format!("no bridge has heard the runner {name} for {}{why}", span(now - at));
                (ProblemKind::RunnerSilent, ProblemSeverity::Unhealthy, sentence)
            }
            (RunnerLiveness::Never, _) => {
                let age = self.keyed_at.map(|at| now - at).filter(|age| *age > self.patience())?;
                let sentence =
                    format!("no bridge has ever heard the runner {name}; it has a key for {}", span(age));
                (ProblemKind::RunnerNeverHeard, ProblemSeverity::Degraded, sentence)
            }
            _ => return None,
        };
        let problem = DaemonProblem::new(cause, severity, &self.component(), sentence);
        Some(problem.command("llmbench ingest key list --all"))
    }

    /// Longest tolerated silence: a runner asks for work in every interval, and may miss one.
    fn patience(&self) -> TimeDelta {
        let interval =
            self.interval_seconds.map_or(USUAL_INTERVAL, |seconds| TimeDelta::seconds(seconds.into()));
        (interval * 2).max(LEAST_PATIENCE)
    }
}

/// Counts runners by liveness; words without a runner are there with 0.
pub fn by_liveness(runners: &[RunnerState], now: DateTime<Utc>) -> BTreeMap<&'static str, u64> {
    let mut counts: BTreeMap<&'static str, u64> =
        RunnerLiveness::ALL.into_iter().map(|liveness| (liveness.as_str(), 0)).collect();
    for runner in runners {
        *counts.entry(runner.liveness(now).as_str()).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-11-23T12:00:00Z".parse().unwrap()
    }

    fn runner(keys: RunnerKeyState, minutes: Option<i64>) -> RunnerState {
        let last_seen_at = minutes.map(|minutes| now() - TimeDelta::minutes(minutes));
        RunnerState { last_seen_at, ..RunnerState::unheard("aws-1", keys) }
    }

    fn told(runner: &RunnerState) -> Option<String> {
        let problem = runner.problem(now())?;
        assert_eq!(problem.subject, "runner:aws-1");
        Some(format!("{}: {}", problem.severity.as_str(), problem.sentence))
    }

    #[test]
    fn silence_is_an_alarm_until_its_keys_are_taken_back() {
        let said = |keys, minutes| told(&runner(keys, Some(minutes)));
        assert_eq!(said(RunnerKeyState::Live, 60), None);
        let silent = "unhealthy: no bridge has heard the runner aws-1 for 61 min";
        assert_eq!(said(RunnerKeyState::Live, 61).as_deref(), Some(silent));
        assert_eq!(said(RunnerKeyState::Expired, 61), Some(format!("{silent}; its keys have expired")));
        assert_eq!(said(RunnerKeyState::Live, 99_999).map(|said| said.ends_with("for 69 d")), Some(true));
        assert_eq!(said(RunnerKeyState::Revoked, 99_999), None);
        assert_eq!(runner(RunnerKeyState::Revoked, Some(1)).liveness(now()), RunnerLiveness::Retired);
    }

    #[test]
    fn a_key_of_the_environment_is_forgotten_after_a_week() {
        let week = 7 * 24 * 60;
        assert!(told(&runner(RunnerKeyState::Elsewhere, Some(week))).is_some());
        assert_eq!(
            runner(RunnerKeyState::Elsewhere, Some(week + 1)).liveness(now()),
            RunnerLiveness::Retired
        );
        assert_eq!(told(&runner(RunnerKeyState::Elsewhere, Some(week + 1))), None);
    }

    #[test]
    fn who_measures_seldom_may_be_silent_for_longer() {
        let mut seldom = runner(RunnerKeyState::Live, Some(12 * 60));
        seldom.interval_seconds = Some(6 * 3600);
        assert_eq!(seldom.liveness(now()), RunnerLiveness::Heard);
        seldom.interval_seconds = Some(60);
        assert_eq!(seldom.liveness(now()), RunnerLiveness::Silent);
    }

    #[test]
    fn a_key_that_nobody_uses_is_told_and_no_alarm() {
        let mut never = runner(RunnerKeyState::Live, None);
        assert_eq!((never.liveness(now()), told(&never)), (RunnerLiveness::Never, None));
        never.keyed_at = Some(now() - TimeDelta::minutes(59));
        assert_eq!(told(&never), None);
        never.keyed_at = Some(now() - TimeDelta::minutes(90));
        let said = "degraded: no bridge has ever heard the runner aws-1; it has a key for 90 min";
        assert_eq!(told(&never).as_deref(), Some(said));
    }

    #[test]
    fn every_liveness_is_counted() {
        let runners = [
            runner(RunnerKeyState::Live, Some(1)),
            runner(RunnerKeyState::Live, Some(99)),
            runner(RunnerKeyState::Live, None),
        ];
        let expected = [("heard", 1), ("never", 1), ("retired", 0), ("silent", 1)];
        assert_eq!(by_liveness(&runners, now()), expected.into());
    }
}
