//! The freshness of a model, from facts that a store has counted. Pure: the same rules for every store. Nothing here is
//! incremented; every figure follows from rows, so recording twice cannot count twice.

use crate::domain::ModelRef;
use crate::storage::outcomes::field_types::{date_value, parse_date};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};

/// The cadence of a model if none is set, in seconds.
pub const DEFAULT_CADENCE_SECONDS: i64 = 1800;

/// Tolerated lead of a row's date over now: clocks of remote runners differ a little. The Python runner dated rows by
/// local wall time labelled UTC; those hours must not pass for freshness.
pub const CLOCK_SLACK: TimeDelta = TimeDelta::minutes(5);

/// The window of the counters.
pub const WINDOW: TimeDelta = TimeDelta::hours(24);

/// The newest failure of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct LastError {
    pub at: DateTime<Utc>,
    /// The stored `error_kind`, in any word.
    pub kind: String,
    pub message: String,
}

/// Facts that a store has about a model: counts of rows of the published series, and two values of
/// the previous health row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HealthInputs {
    /// True if the catalog has the model enabled.
    pub enabled: bool,
    /// The cadence in the health row, in seconds.
    pub cadence_seconds: Option<i64>,
    /// End of the newest success.
    pub last_success_at: Option<DateTime<Utc>>,
    /// The newest attempt in the health row, or the one just recorded.
    pub last_attempt_at: Option<DateTime<Utc>>,
    pub last_error: Option<LastError>,
    /// Failures after the newest success.
    pub consecutive_failures: i64,
    /// Successes in the window.
    pub successes_24h: i64,
    /// Failures in the window.
    pub failures_24h: i64,
    /// Failures of kind `timeout` in the window.
    pub deadline_misses_24h: i64,
}

/// The id of a model's health row.
pub fn id(model: &ModelRef) -> String {
    model.to_string()
}

/// The health row of a model, without its `_id`. The fields of an error are null once a success has followed it.
pub fn fields(model: &ModelRef, facts: &HealthInputs, now: DateTime<Utc>) -> Map<String, Value> {
    let cadence = facts.cadence_seconds.filter(|seconds| *seconds > 0).unwrap_or(DEFAULT_CADENCE_SECONDS);
    let staleness = facts.last_success_at.map(|at| (now - at).num_seconds().max(0));
    let error = facts.last_error.as_ref().filter(|error| Some(error.at) > facts.last_success_at);
    let attempt = [facts.last_attempt_at, facts.last_success_at, error.map(|error| error.at)];
    let document = json!({
        "provider": model.provider,
        "model_id": model.model_id,
        "enabled": facts.enabled,
        "cadence_seconds": cadence,
        "last_success_at": facts.last_success_at.map(date_value),
        "last_attempt_at": attempt.into_iter().flatten().max().map(date_value),
        "last_error_at": error.map(|error| date_value(error.at)),
        "last_error_kind": error.map(|error| error.kind.as_str()),
        "last_error_message": error.map(|error| error.message.as_str()),
        "consecutive_failures": facts.consecutive_failures,
        "successes_24h": facts.successes_24h,
        "failures_24h": facts.failures_24h,
        "deadline_misses_24h": facts.deadline_misses_24h,
        "staleness_seconds": staleness,
        "freshness_status": freshness(facts.enabled, staleness, cadence),
        "updated_at": date_value(now),
    });
    let Value::Object(fields) = document else { return Map::new() };
    fields
}

/// A health row updated to `now` from its own figures. The counts of the last day become 0 once the
/// newest attempt is older.
pub fn refreshed(
    before: &Map<String, Value>,
    model: &ModelRef,
    enabled: bool,
    cadence: u32,
    now: DateTime<Utc>,
) -> Map<String, Value> {
    let instant = |name: &str| before.get(name).and_then(Value::as_str).and_then(parse_date);
    let last_attempt_at = instant("last_attempt_at");
    let text = |name: &str| before.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let last_error = instant("last_error_at").map(|at| LastError {
        at,
        kind: text("last_error_kind"),
        message: text("last_error_message"),
    });
    let recent = last_attempt_at.is_some_and(|at| now - at <= WINDOW);
    let count = |name: &str| before.get(name).and_then(Value::as_i64).unwrap_or(0);
    let of_day = |name: &str| if recent { count(name) } else { 0 };
    let facts = HealthInputs {
        enabled,
        cadence_seconds: Some(i64::from(cadence)),
        last_success_at: instant("last_success_at"),
        last_attempt_at,
        last_error,
        consecutive_failures: count("consecutive_failures"),
        successes_24h: of_day("successes_24h"),
        failures_24h: of_day("failures_24h"),
        deadline_misses_24h: of_day("deadline_misses_24h"),
    };
    fields(model, &facts, now)
}

/// The word for the age of a model's newest success.
pub fn freshness(enabled: bool, staleness_seconds: Option<i64>, cadence: i64) -> &'static str {
    match staleness_seconds {
        _ if !enabled => "disabled",
        None => "never_run",
        Some(seconds) if seconds > 3 * cadence => "critical",
        Some(seconds) if 2 * seconds > 3 * cadence => "stale",
        Some(_) => "fresh",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freshness_follows_the_cadence() {
        assert_eq!(freshness(false, Some(0), 1800), "disabled");
        assert_eq!(freshness(true, None, 1800), "never_run");
        assert_eq!(freshness(true, Some(2700), 1800), "fresh");
        assert_eq!(freshness(true, Some(2701), 1800), "stale");
        assert_eq!(freshness(true, Some(5400), 1800), "stale");
        assert_eq!(freshness(true, Some(5401), 1800), "critical");
    }

    #[test]
    fn an_error_is_over_after_a_success() {
        let now = parse_date("2026-08-01T12:00:00Z").unwrap();
        let minutes = |minutes| now - TimeDelta::minutes(minutes);
        let last_error = LastError { at: minutes(10), kind: "timeout".into(), message: "slow".into() };
        let mut facts = HealthInputs {
            enabled: true,
            last_success_at: Some(minutes(20)),
            last_error: Some(last_error),
            ..HealthInputs::default()
        };
        let model = ModelRef::new("groq", "m");
        let failing = fields(&model, &facts, now);
        assert_eq!(failing["last_error_kind"], "timeout");
        assert_eq!(failing["last_attempt_at"], date_value(minutes(10)));
        assert_eq!(failing["staleness_seconds"], 1200);
        facts.last_success_at = Some(minutes(5));
        let well = fields(&model, &facts, now);
        assert_eq!(well["last_error_kind"], Value::Null);
        assert_eq!(well["last_attempt_at"], date_value(minutes(5)));
    }
}
