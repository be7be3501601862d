//! Remote runners in the heartbeats, and their keys, in SQLite.

use super::ingest_keys::IngestKey;
use crate::storage::aggregates::PendingAggregates;
use crate::storage::catalog::sqlite::entries::object;
use crate::storage::outcomes::document::PackedRow;
use crate::storage::outcomes::field_types::{date_value, parse_date};
use crate::storage::posts::ingest_keys::IngestKeyStore;
use crate::storage::posts::{PostStore, RunnerActivity};
use crate::storage::sqlite::SqliteStore;
use crate::storage::sqlite::errors::SqliteCallError;
use crate::storage::{RecordOutcome, StoreError};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use serde_json::Value;

#[async_trait]
impl PostStore for SqliteStore {
    async fn keep_posted(
        &self,
        rows: Vec<PackedRow>,
    ) -> (Vec<Result<RecordOutcome, StoreError>>, PendingAggregates) {
        let rows = rows.into_iter().map(|row| match row {
            PackedRow::Fields(row) => Ok(row),
            PackedRow::Bytes { .. } => {
                Err(StoreError::Broken("the row is packed for another store".to_owned()))
            }
        });
        // Aggregates are updated in the transaction of the rows.
        (self.keep_rows(rows).await, PendingAggregates::default())
    }

    async fn keep_runner_activity(&self, activities: &[RunnerActivity]) -> Result<(), StoreError> {
        let activities = activities.to_vec();
        self.ask(move |connection| keep_activities(connection, &activities)).await
    }
}

#[async_trait]
impl IngestKeyStore for SqliteStore {
    async fn add_ingest_key(&self, key: &IngestKey) -> Result<(), StoreError> {
        let key = key.clone();
        self.ask(move |connection| add_key(connection, &key)).await
    }

    async fn ingest_keys(&self) -> Result<Vec<IngestKey>, StoreError> {
        self.ask(keys).await
    }

    async fn limit_ingest_key(&self, id: &str, not_after: DateTime<Utc>) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.ask(move |connection| limit_key(connection, &id, not_after)).await
    }

    async fn revoke_ingest_key(&self, id: &str, by: &str, at: DateTime<Utc>) -> Result<bool, StoreError> {
        let (id, by) = (id.to_owned(), by.to_owned());
        self.ask(move |connection| revoke_key(connection, &id, &by, at)).await
    }

    async fn used_ingest_keys(&self, uses: &[(String, DateTime<Utc>)]) -> Result<(), StoreError> {
        let uses = uses.to_vec();
        self.ask(move |connection| used_keys(connection, &uses)).await
    }
}

/// The table of keys, a migration of the schema.
pub const TABLES: &str = "
    CREATE TABLE ingest_keys (
        id TEXT PRIMARY KEY,
        label TEXT NOT NULL,
        created_at_ms INTEGER NOT NULL,
        doc TEXT NOT NULL
    ) STRICT;
";

/// Stores activity of runners. Absent values keep the stored ones; an older report sets no time back.
pub fn keep_activities(
    connection: &mut Connection,
    activities: &[RunnerActivity],
) -> Result<(), SqliteCallError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let now = Utc::now().timestamp_millis();
    for activity in activities {
        let found = "SELECT details FROM heartbeats WHERE component = ?";
        let before: Option<String> = transaction
            .prepare_cached(found)?
            .query_row([activity.component()], |row| row.get(0))
            .optional()?;
        let mut details = before.map(|before| object(&before)).unwrap_or_default();
        let times = [("last_seen_at", Some(activity.seen_at)), ("last_stored_at", activity.stored_at)];
        for (name, at) in times {
            let known = details.get(name).and_then(Value::as_str).and_then(parse_date);
            if let Some(at) = at.filter(|at| known.is_none_or(|known| known < *at)) {
                details.insert(name.to_owned(), date_value(at));
            }
        }
        details.extend(activity.said());
        let sql = "INSERT INTO heartbeats VALUES (?1, ?2, ?3) ON CONFLICT (component) DO UPDATE SET
            updated_at_ms = ?2, details = ?3";
        let details = Value::Object(details).to_string();
        transaction.prepare_cached(sql)?.execute(params![activity.component(), now, details])?;
    }
    Ok(transaction.commit()?)
}

pub fn add_key(connection: &mut Connection, key: &IngestKey) -> Result<(), SqliteCallError> {
    let sql = "INSERT INTO ingest_keys VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING";
    let values = params![key.id, key.label, key.created_at.timestamp_millis(), json(key)?];
    match connection.prepare_cached(sql)?.execute(values)? {
        0 => Err(StoreError::Conflict(format!("there is a key `{}` already", key.id)).into()),
        _ => Ok(()),
    }
}

pub fn keys(connection: &mut Connection) -> Result<Vec<IngestKey>, SqliteCallError> {
    let sql = "SELECT doc FROM ingest_keys ORDER BY label, created_at_ms, id";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([], read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Ends a key's validity, unless it ends earlier.
pub fn limit_key(
    connection: &mut Connection,
    id: &str,
    not_after: DateTime<Utc>,
) -> Result<bool, SqliteCallError> {
    change(connection, &[id], |key| {
        key.not_after = Some(key.not_after.map_or(not_after, |end| end.min(not_after)));
    })
}

/// Revokes a key; the first time is kept.
pub fn revoke_key(
    connection: &mut Connection,
    id: &str,
    by: &str,
    at: DateTime<Utc>,
) -> Result<bool, SqliteCallError> {
    change(connection, &[id], |key| {
        key.revoked_at.get_or_insert(at);
        key.revoked_by.get_or_insert_with(|| by.to_owned());
    })
}

/// Stores the last use of keys.
pub fn used_keys(
    connection: &mut Connection,
    uses: &[(String, DateTime<Utc>)],
) -> Result<(), SqliteCallError> {
    let ids: Vec<&str> = uses.iter().map(|(id, _)| id.as_str()).collect();
    let used = |key: &mut IngestKey| {
        let used_at = uses.iter().filter(|(id, _)| *id == key.id).map(|(_, at)| *at).max();
        key.last_used_at = key.last_used_at.max(used_at);
    };
    change(connection, &ids, used).map(drop)
}

/// Updates the given keys; true if all of them exist.
fn change(
    connection: &mut Connection,
    ids: &[&str],
    change: impl Fn(&mut IngestKey),
) -> Result<bool, SqliteCallError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut all = true;
    for id in ids {
        let Some(mut key) = key(&transaction, id)? else {
            all = false;
            continue;
        };
        change(&mut key);
        let sql = "UPDATE ingest_keys SET doc = ? WHERE id = ?";
        transaction.prepare_cached(sql)?.execute(params![json(&key)?, id])?;
    }
    transaction.commit()?;
    Ok(all)
}

fn key(transaction: &Transaction<'_>, id: &str) -> rusqlite::Result<Option<IngestKey>> {
    transaction.prepare_cached("SELECT doc FROM ingest_keys WHERE id = ?")?.query_row([id], read).optional()
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<IngestKey> {
    crate::storage::sqlite::column_values::parsed(row, 0)
}

fn json(key: &IngestKey) -> rusqlite::Result<String> {
    crate::storage::sqlite::column_values::json(key)
}
