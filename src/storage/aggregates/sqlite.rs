//! Aggregates derived from rows inside the transaction of the newest one: the rollup of an error, the
//! health of a model.

use crate::domain::ModelRef;
use crate::storage::health::model_health;
use crate::storage::health::model_health::{CLOCK_SLACK, HealthInputs, LastError, WINDOW};
use crate::storage::outcomes::document::Row;
use crate::storage::outcomes::sqlite::milliseconds;
use crate::storage::overview::moment;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Transaction, named_params, params};
use serde_json::{Map, Value, json};

/// Recounts the rows of this row's fingerprint.
pub fn rollup(connection: &Connection, row: &Row) -> rusqlite::Result<()> {
    let sql = "INSERT INTO error_rollups VALUES (:fingerprint, :provider, :model, :stage, :kind, :ts, :ts, 1, :samples)
        ON CONFLICT (fingerprint) DO UPDATE SET
            count = (SELECT count(*) FROM errors WHERE errors.fingerprint = :fingerprint),
            first_seen_ms = min(first_seen_ms, :ts),
            last_seen_ms = max(last_seen_ms, :ts)";
    connection.prepare_cached(sql)?.execute(named_params! {
        ":fingerprint": row.text("fingerprint"),
        ":provider": row.text("provider"),
        ":model": row.text("model_name"),
        ":stage": row.text("stage"),
        ":kind": row.text("error_kind"),
        ":ts": milliseconds(row, "ts"),
        ":samples": json!([row.text("normalized_message")]).to_string(),
    })?;
    Ok(())
}

/// Recomputes the health of a model, if the catalog has the model. `suspect_at` is the end of a new sample
/// that is not published.
pub fn health(
    transaction: &Transaction<'_>,
    model: &ModelRef,
    suspect_at: Option<DateTime<Utc>>,
) -> rusqlite::Result<()> {
    let sql = "SELECT enabled AND NOT deprecated FROM models WHERE provider = ? AND model_id = ?";
    let enabled = transaction
        .prepare_cached(sql)?
        .query_row(params![model.provider, model.model_id], |found| found.get(0))
        .optional()?;
    let Some(enabled) = enabled else { return Ok(()) };
    let now = Utc::now();
    let mut facts = HealthInputs { enabled, ..facts(transaction, model, now)? };
    facts.last_attempt_at = facts.last_attempt_at.max(suspect_at);
    put_health(transaction, model, &model_health::fields(model, &facts, now), now)
}

/// Deletes the health of a model that the catalog no longer has.
pub fn forget(transaction: &Transaction<'_>, model: &ModelRef) -> rusqlite::Result<()> {
    let sql = "DELETE FROM model_health WHERE id = ?";
    transaction.prepare_cached(sql)?.execute([model_health::id(model)]).map(drop)
}

fn facts(
    transaction: &Transaction<'_>,
    model: &ModelRef,
    now: DateTime<Utc>,
) -> rusqlite::Result<HealthInputs> {
    let before: Map<String, Value> = transaction
        .prepare_cached("SELECT doc FROM model_health WHERE id = ?")?
        .query_row([model_health::id(model)], |found| found.get::<_, String>(0))
        .optional()?
        .and_then(|doc| serde_json::from_str(&doc).ok())
        .unwrap_or_default();
    let horizon = (now + CLOCK_SLACK).timestamp_millis();
    let since = (now - WINDOW).timestamp_millis();
    let (last_success_at, successes_24h) = successes(transaction, model, since, horizon)?;
    let last_error = last_error(transaction, model, horizon)?;
    let after = last_success_at.map_or(i64::MIN, |at| at.timestamp_millis());
    Ok(HealthInputs {
        enabled: false,
        cadence_seconds: before.get("cadence_seconds").and_then(Value::as_i64),
        last_success_at,
        last_attempt_at: moment(before.get("last_attempt_at")).max(last_error.as_ref().map(|error| error.at)),
        last_error,
        consecutive_failures: failures(transaction, model, after, None)?,
        successes_24h,
        failures_24h: failures(transaction, model, since, None)?,
        deadline_misses_24h: failures(transaction, model, since, Some("timeout"))?,
    })
}

fn successes(
    transaction: &Transaction<'_>,
    model: &ModelRef,
    since: i64,
    horizon: i64,
) -> rusqlite::Result<(Option<DateTime<Utc>>, i64)> {
    let newest = "SELECT gen_ts_ms FROM runs WHERE published = 1 AND provider = ? AND model_name = ? AND run_ts_ms <= ?
        ORDER BY run_ts_ms DESC LIMIT 1";
    let newest: Option<i64> = transaction
        .prepare_cached(newest)?
        .query_row(params![model.provider, model.model_id, horizon], |found| found.get(0))
        .optional()?;
    let count = "SELECT count(*) FROM runs WHERE published = 1 AND provider = ? AND model_name = ? AND run_ts_ms >= ?";
    let count = transaction
        .prepare_cached(count)?
        .query_row(params![model.provider, model.model_id, since], |found| found.get(0))?;
    Ok((newest.and_then(DateTime::from_timestamp_millis), count))
}

fn failures(
    transaction: &Transaction<'_>,
    model: &ModelRef,
    after: i64,
    kind: Option<&str>,
) -> rusqlite::Result<i64> {
    let sql = "SELECT count(*) FROM errors WHERE provider = ?1 AND model_name = ?2 AND ts_ms > ?3
        AND moves_health = 1 AND (?4 IS NULL OR error_kind = ?4)";
    transaction
        .prepare_cached(sql)?
        .query_row(params![model.provider, model.model_id, after, kind], |found| found.get(0))
}

fn last_error(
    transaction: &Transaction<'_>,
    model: &ModelRef,
    horizon: i64,
) -> rusqlite::Result<Option<LastError>> {
    let sql =
        "SELECT ts_ms, error_kind, message FROM errors WHERE provider = ? AND model_name = ? AND ts_ms <= ?
        AND moves_health = 1 ORDER BY ts_ms DESC LIMIT 1";
    transaction
        .prepare_cached(sql)?
        .query_row(params![model.provider, model.model_id, horizon], |found| {
            let at = DateTime::from_timestamp_millis(found.get(0)?).unwrap_or_default();
            Ok(LastError { at, kind: found.get(1)?, message: found.get(2)? })
        })
        .optional()
}

pub fn put_health(
    transaction: &Transaction<'_>,
    model: &ModelRef,
    fields: &Map<String, Value>,
    now: DateTime<Utc>,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO model_health VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO UPDATE SET
        enabled = ?4, freshness_status = ?5, updated_at_ms = ?6, doc = ?7";
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    transaction.prepare_cached(sql)?.execute(params![
        model_health::id(model),
        model.provider,
        model.model_id,
        fields.get("enabled").and_then(Value::as_bool),
        text("freshness_status"),
        now.timestamp_millis(),
        Value::Object(fields.clone()).to_string(),
    ])?;
    Ok(())
}
