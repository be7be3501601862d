//! The overview in SQLite: models with their health and their attempts in the window, remote runners,
//! heartbeats, the newest self-checks.

use crate::domain::ModelRef;
use crate::domain::fleet::{Fleet, HeartbeatRow};
use crate::storage::catalog::sqlite::entries::object;
use crate::storage::catalog::{Figures, PROBING};
use crate::storage::health::model_health::CLOCK_SLACK;
use crate::storage::outcomes::field_types::date_value;
use crate::storage::overview::{ModelOverview, by_provider, moment, runners};
use crate::storage::sqlite::SqliteStore;
use crate::storage::sqlite::errors::SqliteCallError;
use crate::storage::{OverviewStore, StoreError, posts};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

#[async_trait]
impl OverviewStore for SqliteStore {
    async fn overview(&self, since: DateTime<Utc>, now: DateTime<Utc>) -> Result<Fleet, StoreError> {
        self.ask(move |connection| overview(connection, since, now)).await
    }
}

/// Models with their health row and the runs of the window: one range of an index for each model.
const MODELS: &str = "
    SELECT entry.provider, entry.model_id, enabled = 1 AND deprecated = 0, entry.doc, health.doc,
        (SELECT count(*) FROM runs WHERE published = 1 AND runs.provider = entry.provider
            AND model_name = entry.model_id AND run_ts_ms >= ?1 AND run_ts_ms <= ?2),
        (SELECT max(run_ts_ms) FROM runs WHERE published = 1 AND runs.provider = entry.provider
            AND model_name = entry.model_id AND run_ts_ms >= ?1 AND run_ts_ms <= ?2)
    FROM (SELECT provider, model_id, enabled, deprecated, doc FROM models) AS entry
    LEFT JOIN (SELECT provider, model_id, doc FROM model_health) AS health
        ON health.provider = entry.provider AND health.model_id = entry.model_id";

/// Failures of the window by model, read from an index alone.
const FAILURES: &str = "
    SELECT provider, model_name FROM errors WHERE moves_health = 1 AND ts_ms >= ?1 AND ts_ms <= ?2";

pub fn overview(
    connection: &mut Connection,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Fleet, SqliteCallError> {
    let window = [since.timestamp_millis(), (now + CLOCK_SLACK).timestamp_millis()];
    let mut models = models(connection, window)?;
    let places: HashMap<ModelRef, usize> =
        models.iter().enumerate().map(|(place, (model, _))| (model.clone(), place)).collect();
    count_failures(connection, window, |model| {
        if let Some(place) = places.get(model) {
            models[*place].1.figures.failures_24h += 1;
        }
    })?;
    let providers = by_provider(models.into_iter().map(|(_, standing)| standing), now);
    let (heartbeats, keys) = (heartbeats(connection)?, posts::sqlite::keys(connection)?);
    Ok(Fleet { providers, runners: runners(&heartbeats, &keys, now), heartbeats, check: check(connection)? })
}

fn models(connection: &Connection, window: [i64; 2]) -> rusqlite::Result<Vec<(ModelRef, ModelOverview)>> {
    let mut statement = connection.prepare_cached(MODELS)?;
    statement.query_map(params![window[0], window[1]], standing)?.collect()
}

/// The needed fields of a health row. Other programs' rows may hold anything.
#[derive(Default, Deserialize)]
#[serde(default)]
struct HealthDocument {
    last_success_at: Value,
    last_attempt_at: Value,
    last_error_kind: Value,
    cadence_seconds: Value,
}

fn standing(row: &Row<'_>) -> rusqlite::Result<(ModelRef, ModelOverview)> {
    let model = ModelRef { provider: row.get(0)?, model_id: row.get(1)? };
    let health = row.get_ref(4)?.as_str_or_null()?.and_then(|text| serde_json::from_str(text).ok());
    let health: HealthDocument = health.unwrap_or_default();
    let newest: Option<i64> = row.get(6)?;
    let newest = newest.and_then(DateTime::from_timestamp_millis);
    let figures = Figures {
        last_success_at: moment(Some(&health.last_success_at)).max(newest),
        last_attempt_at: moment(Some(&health.last_attempt_at)),
        last_error_kind: health.last_error_kind.as_str().map(str::to_owned),
        cadence_seconds: health.cadence_seconds.as_i64(),
        successes_24h: row.get::<_, i64>(5)?.unsigned_abs(),
        ..Figures::default()
    };
    let enabled: bool = row.get(2)?;
    let probing = !enabled && object(row.get_ref(3)?.as_str()?).get("status") == Some(&json!(PROBING));
    Ok((model.clone(), ModelOverview { provider: model.provider, enabled, probing, figures }))
}

fn count_failures(
    connection: &Connection,
    window: [i64; 2],
    mut count: impl FnMut(&ModelRef),
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(FAILURES)?;
    let mut rows = statement.query(params![window[0], window[1]])?;
    let mut model = ModelRef::new("", "");
    while let Some(row) = rows.next()? {
        row.get_ref(0)?.as_str()?.clone_into(&mut model.provider);
        row.get_ref(1)?.as_str()?.clone_into(&mut model.model_id);
        count(&model);
    }
    Ok(())
}

fn heartbeats(connection: &Connection) -> rusqlite::Result<Vec<HeartbeatRow>> {
    let sql = "SELECT component, updated_at_ms, details FROM heartbeats ORDER BY component";
    let read = |row: &Row<'_>| {
        let details: String = row.get(2)?;
        Ok(HeartbeatRow {
            component: row.get(0)?,
            updated_at: DateTime::from_timestamp_millis(row.get(1)?),
            details: serde_json::from_str(&details).unwrap_or(Value::String(details)),
        })
    };
    connection.prepare_cached(sql)?.query_map([], read)?.collect()
}

fn check(connection: &Connection) -> rusqlite::Result<Option<Map<String, Value>>> {
    let sql = "SELECT checked_at_ms, threshold_version, cadence_seconds, results, audits FROM check_runs
        ORDER BY checked_at_ms DESC, position DESC LIMIT 1";
    let read = |row: &Row<'_>| {
        let list = |column| -> rusqlite::Result<Value> {
            let text: String = row.get(column)?;
            Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)))
        };
        let fields = [
            ("checked_at", json!(DateTime::from_timestamp_millis(row.get(0)?).map(date_value))),
            ("threshold_version", json!(row.get::<_, i64>(1)?)),
            ("cadence_seconds", json!(row.get::<_, i64>(2)?)),
            ("audits", list(4)?),
            ("results", list(3)?),
        ];
        Ok(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    };
    connection.prepare_cached(sql)?.query_row([], read).optional()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::sqlite::schema;

    #[test]
    fn no_question_reads_what_lies_before_the_window() {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection).unwrap();
        let plan = |sql: &str| {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let rows = statement.query_map(params![1, 2], |row| row.get::<_, String>(3)).unwrap();
            rows.collect::<rusqlite::Result<Vec<_>>>().unwrap()
        };
        let models = plan(MODELS);
        let runs: Vec<&String> = models.iter().filter(|line| line.contains("runs")).collect();
        assert_eq!(runs.len(), 2, "{models:?}");
        for line in runs {
            let index =
                "COVERING INDEX runs_of_model (published=? AND provider=? AND model_name=? AND run_ts_ms>?";
            assert!(line.contains(index), "{line}");
        }
        let failures = plan(FAILURES).join("; ");
        let index = "COVERING INDEX errors_of_window (moves_health=? AND ts_ms>? AND ts_ms<?)";
        assert!(failures.contains(index), "{failures}");
    }
}
