//! Heartbeats, check runs and the freshness of all models, in SQLite.

use super::{Baseline, Cadences, Heartbeat, ModelHealth, SelfCheckRun, model_health};
use crate::domain::ModelRef;
use crate::storage::aggregates::sqlite::put_health;
use crate::storage::catalog::sqlite::entries::object;
use crate::storage::sqlite::SqliteStore;
use crate::storage::sqlite::column_values::{instant, json, parsed};
use crate::storage::sqlite::errors::SqliteCallError;
use crate::storage::{HealthStore, StoreError};
use async_trait::async_trait;
use chrono::{DateTime, SubsecRound, Utc};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};
use serde_json::{Map, Value};

/// Findings beside the results of self-checks.
pub const AUDITS: &str = "
    ALTER TABLE check_runs ADD COLUMN audits TEXT NOT NULL DEFAULT '[]';
";

#[async_trait]
impl HealthStore for SqliteStore {
    async fn heartbeat(&self, heartbeats: &[Heartbeat]) -> Result<(), StoreError> {
        let heartbeats = heartbeats.to_vec();
        self.ask(move |connection| heartbeat(connection, &heartbeats)).await
    }

    async fn keep_check_run(&self, run: &SelfCheckRun) -> Result<(), StoreError> {
        let run = run.clone();
        self.ask(move |connection| keep_check_run(connection, &run)).await
    }

    async fn latest_check_run(&self) -> Result<Option<SelfCheckRun>, StoreError> {
        self.ask(latest_check_run).await
    }

    async fn refresh_health(&self, cadences: &Cadences) -> Result<u64, StoreError> {
        let cadences = cadences.clone();
        self.ask(move |connection| refresh_health(connection, &cadences)).await
    }

    async fn health(&self) -> Result<Vec<ModelHealth>, StoreError> {
        self.ask(health).await
    }

    async fn server_time(&self) -> Result<DateTime<Utc>, StoreError> {
        self.ask(|_| Ok(Utc::now().trunc_subsecs(3))).await
    }
}

pub fn heartbeat(connection: &mut Connection, heartbeats: &[Heartbeat]) -> Result<(), SqliteCallError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let sql = "INSERT INTO heartbeats VALUES (?1, ?2, ?3) ON CONFLICT (component) DO UPDATE SET
        updated_at_ms = ?2, details = ?3";
    let now = Utc::now().timestamp_millis();
    for heartbeat in heartbeats {
        let details = Value::Object(heartbeat.details.clone()).to_string();
        transaction.prepare_cached(sql)?.execute(params![heartbeat.component, now, details])?;
    }
    Ok(transaction.commit()?)
}

pub fn keep_check_run(connection: &mut Connection, run: &SelfCheckRun) -> Result<(), SqliteCallError> {
    let sql = "INSERT INTO check_runs (checked_at_ms, threshold_version, cadence_seconds, baseline_models, baseline_at_ms,
        results, audits) VALUES (?, ?, ?, ?, ?, ?, ?)";
    let baseline = run.baseline.as_ref();
    connection.prepare_cached(sql)?.execute(params![
        run.checked_at.timestamp_millis(),
        run.threshold_version,
        run.cadence_seconds,
        baseline.map(|baseline| i64::try_from(baseline.models).unwrap_or(i64::MAX)),
        baseline.map(|baseline| baseline.at.timestamp_millis()),
        json(&run.results)?,
        json(&run.audits)?,
    ])?;
    Ok(())
}

pub fn latest_check_run(connection: &mut Connection) -> Result<Option<SelfCheckRun>, SqliteCallError> {
    let sql =
        "SELECT checked_at_ms, threshold_version, cadence_seconds, results, baseline_models, baseline_at_ms, audits
        FROM check_runs
        ORDER BY checked_at_ms DESC, position DESC LIMIT 1";
    let read = |row: &Row<'_>| {
        let baseline = match row.get::<_, Option<i64>>(4)? {
            Some(models) => Some(Baseline { models: models.unsigned_abs(), at: instant(row, 5)? }),
            None => None,
        };
        Ok(SelfCheckRun {
            baseline,
            checked_at: instant(row, 0)?,
            threshold_version: row.get(1)?,
            cadence_seconds: row.get(2)?,
            results: parsed(row, 3)?,
            audits: parsed(row, 6)?,
        })
    };
    Ok(connection.prepare_cached(sql)?.query_row([], read).optional()?)
}

type HealthRow = (ModelRef, bool, Map<String, Value>);

/// Updates every model's freshness.
pub fn refresh_health(connection: &mut Connection, cadences: &Cadences) -> Result<u64, SqliteCallError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let now = Utc::now();
    let (mut refreshed, mut last) = (0, ModelRef::new("", ""));
    loop {
        let rows = health_rows(&transaction, &last)?;
        for (model, enabled, before) in &rows {
            let fields = model_health::refreshed(before, model, *enabled, cadences.of(model), now);
            put_health(&transaction, model, &fields, now)?;
        }
        refreshed += rows.len() as u64;
        match rows.into_iter().next_back() {
            Some((model, ..)) => last = model,
            None => break,
        }
    }
    transaction.commit()?;
    Ok(refreshed)
}

/// The next models of the catalog after `last`, each with its enabled state and its present row.
fn health_rows(transaction: &Transaction<'_>, last: &ModelRef) -> rusqlite::Result<Vec<HealthRow>> {
    let sql = "SELECT m.provider, m.model_id, m.enabled AND NOT m.deprecated, h.doc FROM models AS m
        LEFT JOIN model_health AS h ON h.provider = m.provider AND h.model_id = m.model_id
        WHERE (m.provider, m.model_id) > (?, ?) ORDER BY m.provider, m.model_id LIMIT 500";
    let read = |row: &Row<'_>| {
        let doc: Option<String> = row.get(3)?;
        let model = ModelRef { provider: row.get(0)?, model_id: row.get(1)? };
        Ok((model, row.get(2)?, doc.as_deref().map(object).unwrap_or_default()))
    };
    transaction.prepare_cached(sql)?.query_map([&last.provider, &last.model_id], read)?.collect()
}

pub fn health(connection: &mut Connection) -> Result<Vec<ModelHealth>, SqliteCallError> {
    let mut statement = connection.prepare_cached("SELECT doc FROM model_health ORDER BY id")?;
    let read = |row: &Row<'_>| Ok(ModelHealth::read(&object(&row.get::<_, String>(0)?)));
    let rows = statement.query_map([], read)?;
    Ok(rows.filter_map(Result::transpose).collect::<rusqlite::Result<_>>()?)
}
