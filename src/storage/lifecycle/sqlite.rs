//! Facts about models, and their lifecycle, in SQLite.

use super::{FailureCounts, LifecycleStore, ListedTimes, ModelStatus};
use crate::domain::ModelRef;
use crate::domain::model_lifecycle::{HARD_KINDS, LifecycleFacts};
use crate::storage::StoreError;
use crate::storage::catalog::sqlite::entries;
use crate::storage::history::HistoryFilter;
use crate::storage::outcomes::field_types::date_value;
use crate::storage::sqlite::SqliteStore;
use crate::storage::sqlite::column_values::json;
use crate::storage::sqlite::errors::SqliteCallError;
use async_trait::async_trait;
use chrono::DateTime;
use rusqlite::{Connection, Row, TransactionBehavior, params};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// What `model_status` got after its first release, and the index that counts failures by kind.
pub const TABLES: &str = "
    ALTER TABLE model_status ADD COLUMN catalog_state TEXT NOT NULL DEFAULT 'unknown';
    ALTER TABLE model_status ADD COLUMN display_name TEXT NOT NULL DEFAULT '';
    ALTER TABLE model_status ADD COLUMN metrics TEXT NOT NULL DEFAULT '{}';
    CREATE INDEX errors_of_window ON errors (moves_health, ts_ms, provider, model_name, error_kind);
    DROP INDEX errors_of_day;
    CREATE INDEX provider_catalog_times ON provider_catalog (provider, model_id, last_seen_at_ms);
";

#[async_trait]
impl LifecycleStore for SqliteStore {
    async fn lifecycle_entries(&self) -> Result<Vec<LifecycleFacts>, StoreError> {
        self.ask(|connection| entries::those(connection, "1")).await
    }

    async fn success_counts(&self, scope: &HistoryFilter) -> Result<Vec<(ModelRef, u32)>, StoreError> {
        let scope = scope.clone();
        self.ask(move |connection| success_counts(connection, &scope)).await
    }

    async fn failure_counts(
        &self,
        scope: &HistoryFilter,
    ) -> Result<Vec<(ModelRef, FailureCounts)>, StoreError> {
        let scope = scope.clone();
        self.ask(move |connection| failure_counts(connection, &scope)).await
    }

    async fn listed_times(&self, model: Option<&ModelRef>) -> Result<ListedTimes, StoreError> {
        let model = model.cloned();
        self.ask(move |connection| listed_times(connection, model.as_ref())).await
    }

    async fn keep_model_status(&self, statuses: &[ModelStatus]) -> Result<(), StoreError> {
        let statuses = statuses.to_vec();
        self.ask(move |connection| keep_model_status(connection, &statuses)).await
    }
}

/// A range of time, and the model's own if there is one. A plus keeps the planner from an index that begins with the
/// provider where the range is of all models.
fn condition(scope: &HistoryFilter, time: &str) -> String {
    match scope.model {
        Some(_) => format!("provider = ?1 AND model_name = ?2 AND {time} >= ?3 AND {time} < ?4"),
        None => format!(
            "(?1 IS NULL OR +provider = ?1) AND (?2 IS NULL OR +model_name = ?2) AND {time} >= ?3 AND {time} < ?4"
        ),
    }
}

fn milliseconds(scope: &HistoryFilter) -> [i64; 2] {
    let at =
        |at: Option<DateTime<_>>, open| at.map_or(open, |at: DateTime<chrono::Utc>| at.timestamp_millis());
    [at(scope.window.from, i64::MIN), at(scope.window.to, i64::MAX)]
}

fn success_sql(scope: &HistoryFilter) -> String {
    let condition = condition(scope, "run_ts_ms");
    format!(
        "SELECT provider, model_name, count(*) FROM runs WHERE published = 1 AND {condition}
        GROUP BY provider, model_name"
    )
}

fn failure_sql(scope: &HistoryFilter) -> String {
    let hard = HARD_KINDS.map(|kind| format!("'{kind}'")).join(", ");
    // A plus: the index on the model's time serves one model, and this condition narrows its rows.
    let moves = if scope.model.is_some() { "+moves_health" } else { "moves_health" };
    format!(
        "SELECT provider, model_name, count(*), sum(error_kind IN ({hard})) FROM errors
        WHERE {moves} = 1 AND {} GROUP BY provider, model_name",
        condition(scope, "ts_ms")
    )
}

fn success_counts(
    connection: &mut Connection,
    scope: &HistoryFilter,
) -> Result<Vec<(ModelRef, u32)>, SqliteCallError> {
    let mut statement = connection.prepare_cached(&success_sql(scope))?;
    let [from, to] = milliseconds(scope);
    let found = statement.query_map(params![scope.provider, scope.model, from, to], |row| {
        Ok((model(row)?, row.get::<_, u32>(2)?))
    })?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

fn failure_counts(
    connection: &mut Connection,
    scope: &HistoryFilter,
) -> Result<Vec<(ModelRef, FailureCounts)>, SqliteCallError> {
    let mut statement = connection.prepare_cached(&failure_sql(scope))?;
    let [from, to] = milliseconds(scope);
    let found = statement.query_map(params![scope.provider, scope.model, from, to], |row| {
        Ok((model(row)?, FailureCounts { errors: row.get(2)?, hard: row.get(3)? }))
    })?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

fn model(row: &Row<'_>) -> rusqlite::Result<ModelRef> {
    Ok(ModelRef::new(row.get::<_, String>(0)?, row.get::<_, String>(1)?))
}

fn listed_times(
    connection: &mut Connection,
    only: Option<&ModelRef>,
) -> Result<ListedTimes, SqliteCallError> {
    let sql = match only {
        Some(_) => {
            "SELECT provider, model_id, last_seen_at_ms FROM provider_catalog WHERE provider = ?1 AND model_id = ?2"
        }
        None => {
            "SELECT provider, model_id, last_seen_at_ms FROM provider_catalog WHERE ?1 IS NULL AND ?2 IS NULL"
        }
    };
    let mut statement = connection.prepare_cached(sql)?;
    let only = params![only.map(|model| &model.provider), only.map(|model| &model.model_id)];
    let seen = statement.query_map(only, |row| {
        Ok(DateTime::from_timestamp_millis(row.get(2)?).map(|at| model(row).map(|model| (model, at))))
    })?;
    let seen = seen.filter_map(Result::transpose).map(Result::flatten);
    let seen = seen.collect::<rusqlite::Result<HashMap<_, _>>>()?;
    let sql = "SELECT provider, max(started_at_ms) FROM discovery_runs WHERE status = 'completed'
        AND pagination_complete = 1 GROUP BY provider";
    let mut statement = connection.prepare_cached(sql)?;
    let read = |row: &Row<'_>| {
        Ok((row.get::<_, String>(0)?, DateTime::from_timestamp_millis(row.get(1)?).unwrap_or_default()))
    };
    let reads = statement.query_map([], read)?.collect::<rusqlite::Result<_>>()?;
    Ok(ListedTimes { seen, reads })
}

/// The figures of a status under the names of the data contract.
fn metrics(status: &ModelStatus) -> Map<String, Value> {
    let mut metrics: Map<String, Value> =
        status.counts().into_iter().map(|(name, count)| (name.to_owned(), json!(count))).collect();
    metrics.insert("last_success".to_owned(), json!(status.last_success_at.map(date_value)));
    metrics
}

pub fn keep_model_status(
    connection: &mut Connection,
    statuses: &[ModelStatus],
) -> Result<(), SqliteCallError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let sql = "INSERT INTO model_status (provider, model_id, computed_at_ms, status, reasons, confidence,
            recommended_actions, catalog_state, display_name, metrics) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
        ON CONFLICT (provider, model_id) DO UPDATE SET computed_at_ms = ?3, status = ?4, reasons = ?5, confidence = ?6,
            recommended_actions = ?7, catalog_state = ?8, display_name = ?9, metrics = ?10
        WHERE computed_at_ms <= ?3";
    for status in statuses {
        transaction.prepare_cached(sql)?.execute(params![
            status.model.provider,
            status.model.model_id,
            status.computed_at.timestamp_millis(),
            status.judged.state.as_str(),
            json(&status.judged.reasons)?,
            status.judged.confidence,
            json(&status.judged.recommended_actions)?,
            status.listed.as_str(),
            status.display_name,
            json(&metrics(status))?,
        ])?;
    }
    Ok(transaction.commit()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::sqlite::schema;

    #[test]
    fn counts_are_read_from_indexes_alone() {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection).unwrap();
        let plan = |sql: &str| {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let rows = statement.query_map(params!["p", "m", 1, 2], |row| row.get::<_, String>(3)).unwrap();
            rows.collect::<rusqlite::Result<Vec<_>>>().unwrap().join("; ")
        };
        let all = HistoryFilter::default();
        let one = HistoryFilter { provider: Some("p".into()), model: Some("m".into()), ..all.clone() };
        for (sql, index) in [
            (
                success_sql(&all),
                "COVERING INDEX runs_of_window (published=? AND run_ts_ms>? AND run_ts_ms<?)",
            ),
            (
                success_sql(&one),
                "COVERING INDEX runs_of_model (published=? AND provider=? AND model_name=? AND run_ts_ms>? AND",
            ),
            (failure_sql(&all), "COVERING INDEX errors_of_window (moves_health=? AND ts_ms>? AND ts_ms<?)"),
            (
                failure_sql(&one),
                "INDEX errors_by_model (provider=? AND model_name=? AND ts_ms>? AND ts_ms<?)",
            ),
        ] {
            assert!(plan(&sql).contains(index), "{sql}: {}", plan(&sql));
        }
    }
}
