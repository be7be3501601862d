//! Entries that wait for a decision, and chores. One daemon owns the file, so a chore is free once its rest is over.

use super::entries;
use crate::domain::ModelRef;
use crate::storage::catalog::enabled_fields::RECHECK_AT;
use crate::storage::catalog::entry_status::{CatalogEntryStatus, StandingStore};
use crate::storage::catalog::{CatalogEntry, PROBING};
use crate::storage::claims::chores::ChoreStore;
use crate::storage::claims::{JobState, chores};
use crate::storage::sqlite::SqliteStore;
use crate::storage::sqlite::errors::SqliteCallError;
use crate::storage::{StoreError, claims};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use serde_json::json;
use std::time::Duration;

#[async_trait]
impl StandingStore for SqliteStore {
    async fn waiting(&self) -> Result<Vec<CatalogEntry>, StoreError> {
        self.ask(waiting).await
    }

    async fn places(&self) -> Result<Vec<CatalogEntryStatus>, StoreError> {
        self.ask(|connection| entries::those(connection, "1")).await
    }

    async fn entry(&self, model: &ModelRef) -> Result<Option<CatalogEntry>, StoreError> {
        let model = model.clone();
        self.ask(move |connection| Ok(entries::find(connection, &model)?)).await
    }

    async fn jobs_of_refusing(&self, kinds: &[&str]) -> Result<Vec<JobState>, StoreError> {
        let kinds = json!(kinds).to_string();
        self.ask(move |connection| claims::sqlite::of_refusing(connection, &kinds)).await
    }
}

#[async_trait]
impl ChoreStore for SqliteStore {
    async fn take_chore(&self, chore: &str, owner: &str, rest: Duration) -> Result<bool, StoreError> {
        let (component, details) = (chores::component(chore), json!({"owner": owner}).to_string());
        self.ask(move |connection| take(connection, &component, &details, rest)).await
    }
}

/// Skips rows whose document cannot be parsed, because they do not say what they wait for.
fn waiting(connection: &mut Connection) -> Result<Vec<CatalogEntry>, SqliteCallError> {
    let field = |name: &str| format!("CASE WHEN json_valid(doc) THEN json_extract(doc, '$.{name}') END");
    let condition = format!(
        "enabled = 0 AND deprecated = 0 AND ({} = '{PROBING}' OR {} IS NOT NULL OR {} IS NOT NULL)",
        field("status"),
        field("disabled_until"),
        field(RECHECK_AT)
    );
    entries::those(connection, &condition)
}

fn take(
    connection: &mut Connection,
    component: &str,
    details: &str,
    rest: Duration,
) -> Result<bool, SqliteCallError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let now = Utc::now();
    let sql = "SELECT updated_at_ms FROM heartbeats WHERE component = ?";
    let taken_at: Option<i64> =
        transaction.prepare_cached(sql)?.query_row([component], |row| row.get(0)).optional()?;
    let taken_at = taken_at.and_then(DateTime::from_timestamp_millis);
    if !chores::is_free(taken_at, chores::rest(rest), now) {
        return Ok(false);
    }
    let sql = "INSERT OR REPLACE INTO heartbeats VALUES (?, ?, ?)";
    transaction.prepare_cached(sql)?.execute(params![component, now.timestamp_millis(), details])?;
    transaction.commit()?;
    Ok(true)
}
