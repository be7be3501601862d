//! The status as documents, described by `docs/schema/status.schema.json`.

use super::{StatusReport, budgets, calibrations, open_changes, places, runners};
use crate::domain::daemon_status::{DaemonProblem, LaneReport};
use crate::domain::fleet::{HeartbeatRow, ProviderState};
use crate::output::json::time;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};

/// The schema of the whole status.
pub const SCHEMA: &str = "llmbench.status/1";
/// The schema of a check's answer.
pub const CHECK_SCHEMA: &str = "llmbench.status.check/1";

pub fn document(report: &StatusReport) -> Value {
    let providers = report.rows();
    let providers =
        providers.iter().map(|(state, lane, name)| provider(*state, lane.as_ref(), name, report.as_of));
    let fleet = report.fleet.as_ref();
    json!({
        "schema": SCHEMA,
        "as_of": time(report.as_of),
        "healthy": report.healthy(),
        "troubles": report.problems.iter().map(problem).collect::<Vec<_>>(),
        "store": report.store,
        "providers": providers.collect::<Vec<_>>(),
        "daemon": report.daemon_status,
        "runners": fleet.map(|fleet| {
            fleet.runners.iter().map(|one| runners::document(one, report.as_of)).collect::<Vec<_>>()
        }),
        "ranking": report.ranking.as_ref().map(places::json),
        "changes": report.open_changes.as_deref().map(open_changes::json),
        "calibrations": report.calibrations.as_ref().map(|known| calibrations::json(known, report.as_of)),
        "heartbeats": fleet.map(|fleet| fleet.heartbeats.iter().map(heartbeat).collect::<Vec<_>>()),
        "check_run": fleet.and_then(|fleet| fleet.check.as_ref()),
    })
}

pub fn check(problems: &[DaemonProblem], healthy: bool) -> Value {
    json!({
        "schema": CHECK_SCHEMA,
        "healthy": healthy,
        "troubles": problems.iter().map(problem).collect::<Vec<_>>(),
    })
}

fn problem(problem: &DaemonProblem) -> Value {
    json!({
        "severity": problem.severity,
        "fatal": problem.fatal,
        "cause": problem.cause,
        "subject": problem.subject,
        "sentence": problem.sentence,
        "command": problem.command,
        "heading": problem.cause.heading(),
    })
}

fn provider(
    state: Option<&ProviderState>,
    lane: Option<&LaneReport>,
    name: &str,
    now: DateTime<Utc>,
) -> Value {
    json!({
        "provider": name,
        "enabled": state.map(|state| state.enabled),
        "fresh": state.map(|state| state.fresh),
        "stale": state.map(|state| state.stale),
        "critical": state.map(|state| state.critical),
        "never_run": state.map(|state| state.never_run),
        "only_suspect": state.map(|state| state.only_suspect),
        "probing": state.map(|state| state.probing),
        "disabled": state.map(|state| state.disabled),
        "last_success_at": state.and_then(|state| state.last_success_at).map(time),
        "successes_24h": state.map(|state| state.successes),
        "failures_24h": state.map(|state| state.failures),
        "error_rate_24h": state.and_then(ProviderState::error_rate),
        "lane": lane,
        "budget_today": budgets::json(lane, now),
    })
}

fn heartbeat(heartbeat: &HeartbeatRow) -> Value {
    json!({
        "component": heartbeat.component,
        "updated_at": heartbeat.updated_at.map(time),
        "details": heartbeat.details,
    })
}

/// A value of the daemon's status as its documents spell it.
pub(super) fn word(word: &impl Serialize) -> String {
    json!(word).as_str().unwrap_or_default().to_owned()
}
