//! Stores one outcome in one transaction: the row, then the tables derived from rows.

use super::document::{Row, RowDestination};
use super::field_types;
use crate::domain::{ModelRef, Outcome};
use crate::storage::aggregates::{PendingAggregates, newest};
use crate::storage::outcomes::document;
use crate::storage::outcomes::payload::OutcomePayload;
use crate::storage::posts::{TAG_IS_OURS, is_content};
use crate::storage::sqlite::SqliteStore;
use crate::storage::sqlite::errors::{SqliteCallError, explain};
use crate::storage::{OutcomeSink, RecordOutcome, StoreError, WorkItem, aggregates};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, named_params, params};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;

impl SqliteStore {
    /// Stores the valid rows in one transaction, and returns answers for all.
    pub(in crate::storage) async fn keep_rows(
        &self,
        rows: impl Iterator<Item = Result<Row, StoreError>>,
    ) -> Vec<Result<RecordOutcome, StoreError>> {
        let (sound, flaws) = document::sound(rows);
        let path = self.path.clone();
        let kept = self.ask(move |connection| record_all(connection, &sound, &path)).await;
        document::answers(flaws, kept)
    }
}

#[async_trait]
impl OutcomeSink for SqliteStore {
    async fn work_list(&self, provider: Option<&str>) -> Result<Vec<WorkItem>, StoreError> {
        let provider = provider.map(str::to_owned);
        self.ask(move |connection| {
            crate::storage::catalog::sqlite::work_list::work_list(connection, provider.as_deref())
        })
        .await
    }

    async fn record(&self, outcome: &Outcome) -> Result<RecordOutcome, StoreError> {
        let row = document::row(outcome, &self.published_profiles)?;
        self.ask(move |connection| record(connection, &row)).await
    }

    async fn keep_all(
        &self,
        payloads: &[&OutcomePayload],
    ) -> (Vec<Result<RecordOutcome, StoreError>>, PendingAggregates) {
        let rows = payloads.iter().map(|payload| document::row_of(payload, &self.published_profiles));
        // The derived tables are updated in the same transaction.
        (self.keep_rows(rows).await, PendingAggregates::default())
    }

    fn describe(&self) -> String {
        format!("sqlite:{}", self.path.display())
    }

    async fn learned(&self, model: &ModelRef) -> Result<Vec<String>, StoreError> {
        let model = model.clone();
        self.ask(move |connection| crate::storage::catalog::sqlite::work_list::learned(connection, &model))
            .await
    }

    async fn learn(&self, model: &ModelRef, adaptation: &str) -> Result<(), StoreError> {
        let (model, adaptation) = (model.clone(), adaptation.to_owned());
        self.ask(move |connection| {
            crate::storage::catalog::sqlite::work_list::learn(connection, &model, &adaptation)
        })
        .await
    }
}

/// Stores a row under its id. The derived tables change only with a new row.
pub fn record(connection: &mut Connection, row: &Row) -> Result<RecordOutcome, SqliteCallError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let recorded = put(&transaction, row)?;
    if recorded == RecordOutcome::Stored && row.moves_health {
        aggregates::sqlite::health(&transaction, &model(row), newest(row, Utc::now()).suspect_at)?;
    }
    transaction.commit()?;
    Ok(recorded)
}

/// Stores rows in one transaction, and derives each model's health once. A row that fails is rolled back separately.
pub fn record_all(
    connection: &mut Connection,
    rows: &[Row],
    path: &Path,
) -> Result<Vec<Result<RecordOutcome, StoreError>>, SqliteCallError> {
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut answers = Vec::with_capacity(rows.len());
    let mut aggregates: BTreeMap<ModelRef, Option<DateTime<Utc>>> = BTreeMap::new();
    for row in rows {
        let savepoint = transaction.savepoint()?;
        let kept = put(&savepoint, row).map_err(|call_error| explain(call_error, path));
        match &kept {
            Err(error) if !error.is_about_the_row() => return Err(SqliteCallError::Store(error.clone())),
            // Dropping the savepoint rolls it back.
            Err(_) => {}
            Ok(recorded) => {
                savepoint.commit()?;
                if *recorded == RecordOutcome::Stored && row.moves_health {
                    let suspect_at = aggregates.entry(model(row)).or_default();
                    *suspect_at = newest(row, Utc::now()).suspect_at.max(*suspect_at);
                }
            }
        }
        answers.push(kept);
    }
    for (model, suspect_at) in &aggregates {
        aggregates::sqlite::health(&transaction, model, *suspect_at)?;
    }
    transaction.commit()?;
    Ok(answers)
}

fn model(row: &Row) -> ModelRef {
    ModelRef::new(row.text("provider"), row.text("model_name"))
}

fn put(connection: &Connection, row: &Row) -> Result<RecordOutcome, SqliteCallError> {
    if let Some(stored) = stored(connection, row.text("_id"))? {
        return same(&stored, row);
    }
    match row.place {
        RowDestination::Published | RowDestination::Probe => insert_run(connection, row)?,
        RowDestination::Errors => {
            insert_error(connection, row)?;
            aggregates::sqlite::rollup(connection, row)?;
        }
    }
    Ok(RecordOutcome::Stored)
}

/// The document under this id, a run's or a failure's.
fn stored(connection: &Connection, id: &str) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT doc FROM runs WHERE id = ?1 UNION ALL SELECT doc FROM errors WHERE id = ?1";
    connection.prepare_cached(sql)?.query_row([id], |found| found.get(0)).optional()
}

fn same(stored: &str, row: &Row) -> Result<RecordOutcome, SqliteCallError> {
    let is_same = |stored: Map<String, Value>| {
        let tag_is_ours = [&stored, &row.fields].iter().any(|fields| fields.contains_key(TAG_IS_OURS));
        let content = |fields: &Map<String, Value>| -> Map<String, Value> {
            let content = fields.iter().filter(|(name, _)| is_content(name, tag_is_ours));
            content.map(|(name, value)| (name.clone(), value.clone())).collect()
        };
        content(&stored) == content(&row.fields)
    };
    if serde_json::from_str(stored).is_ok_and(is_same) {
        return Ok(RecordOutcome::Duplicate);
    }
    let id = row.text("_id");
    Err(SqliteCallError::Store(StoreError::Conflict(format!(
        "the id `{id}` is stored already with other content"
    ))))
}

fn insert_run(connection: &Connection, row: &Row) -> rusqlite::Result<()> {
    let sql =
        "INSERT INTO runs VALUES (:id, :published, :provider, :model, :run_ts, :gen_ts, :profile, :role,
        :rate, :visible_rate, :first_token, :doc)";
    connection.prepare_cached(sql)?.execute(named_params! {
        ":id": row.text("_id"),
        ":published": row.place == RowDestination::Published,
        ":provider": row.text("provider"),
        ":model": row.text("model_name"),
        ":run_ts": milliseconds(row, "run_ts"),
        ":gen_ts": milliseconds(row, "gen_ts"),
        ":profile": row.text("benchmark_profile_id"),
        ":role": row.text("sample_role"),
        // The column takes no null, and readers of figures pass over 0; the document says null.
        ":rate": number(row, "tokens_per_second").unwrap_or(0.0),
        ":visible_rate": number(row, "visible_tokens_per_second"),
        ":first_token": number(row, "time_to_first_token"),
        ":doc": row.json(),
    })?;
    Ok(())
}

fn insert_error(connection: &Connection, row: &Row) -> rusqlite::Result<()> {
    let sql = "INSERT INTO errors VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    connection.prepare_cached(sql)?.execute(params![
        row.text("_id"),
        row.text("provider"),
        row.text("model_name"),
        milliseconds(row, "ts"),
        row.text("stage"),
        row.text("error_kind"),
        row.fields.get("http_status").and_then(Value::as_i64),
        row.text("fingerprint"),
        row.moves_health,
        row.text("message"),
        row.json(),
    ])?;
    Ok(())
}

/// A date field in milliseconds since 1970; `None` if the row has none.
pub fn milliseconds(row: &Row, name: &str) -> Option<i64> {
    field_types::parse_date(row.text(name)).map(|instant| instant.timestamp_millis())
}

fn number(row: &Row, name: &str) -> Option<f64> {
    row.fields.get(name).and_then(Value::as_f64)
}
