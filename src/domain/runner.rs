//! A remote runner as the store knows it: what bridges heard of it last, and how its keys stand. Whether its silence is an
//! alarm is judged here; nothing else about it is known on this side.

use crate::domain::daemon_status::{DaemonProblem, ProblemKind, ProblemSeverity};
use crate::domain::window::span;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

/// How runners' components begin in heartbeats, and the subjects of what is wrong with them.
pub const COMPONENT: &str = "runner:";

/// A runner may be silent for so long, however often it measures: a host that is started again is no alarm.
const LEAST_PATIENCE: TimeDelta = TimeDelta::hours(1);

/// How often runners measure where no bridge has said it: the bridge's own default.
const USUAL_INTERVAL: TimeDelta = TimeDelta::minutes(30);

/// A runner without a key in the store (its key is in the environment of a bridge) is forgotten after so long a silence:
/// nobody could revoke what ends the alarm about it.
const FORGOTTEN: TimeDelta = TimeDelta::days(7);

/// How the keys of a runner stand, the best of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunnerKeyState {
    /// All were taken back: nothing is expected of it any more.
    Revoked,
    /// The time of those that were not taken back is over.
    Expired,
    /// The store has none: it showed one of the environment of a bridge.
    Elsewhere,
    /// One counts, or will.
    Live,
}

/// How a runner is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunnerLiveness {
    /// A bridge heard it lately.
    Heard,
    /// None did, for too long.
    Silent,
    /// None ever did.
    Never,
    /// Nothing is expected of it any more.
    Retired,
}

impl RunnerLiveness {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            RunnerLiveness::Heard => "heard",
            RunnerLiveness::Silent => "silent",
            RunnerLiveness::Never => "never",
            RunnerLiveness::Retired => "retired",
        }
    }
}

/// A remote runner.
#[derive(Debug, Clone, PartialEq)]
pub struct RunnerState {
    /// The name that its keys were made under.
    pub runner: String,
    /// How its keys stand.
    pub keys: RunnerKeyState,
    /// Since when it has a key that was not taken back.
    pub keyed_at: Option<DateTime<Utc>>,
    /// The providers that its keys are for, sorted; `None` is all of them.
    pub providers: Option<Vec<String>>,
    /// When a bridge last heard it, by the bridge's clock.
    pub last_seen_at: Option<DateTime<Utc>>,
    /// When something of it was last stored.
    pub last_stored_at: Option<DateTime<Utc>>,
    /// Its program, as it says.
    pub version: Option<String>,
    /// Its clock minus the bridge's, seconds; of our own runners.
    pub clock_offset_seconds: Option<f64>,
    /// Rows that wait on its side; of our own runners.
    pub backlog: Option<u64>,
    /// How often it is told to measure, seconds.
    pub interval_seconds: Option<u32>,
}

impl RunnerState {
    /// One of whom nothing is known but its name.
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
            interval_seconds: None,
        }
    }

    /// Its component in the heartbeats, and what troubles about it are about.
    pub fn component(&self) -> String {
        format!("{COMPONENT}{}", self.runner)
    }

    /// Whether a key of it is for one of these providers.
    pub fn covers(&self, providers: &[String]) -> bool {
        self.providers.as_ref().is_none_or(|own| own.iter().any(|name| providers.contains(name)))
    }

    /// How it is.
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

    /// What is wrong with it, if anything is.
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

    /// How long it may say nothing: it asks what to measure in every interval, and may miss one.
    fn patience(&self) -> TimeDelta {
        let interval =
            self.interval_seconds.map_or(USUAL_INTERVAL, |seconds| TimeDelta::seconds(seconds.into()));
        (interval * 2).max(LEAST_PATIENCE)
    }
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
}
