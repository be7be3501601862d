//! Notices in SQLite: items by destination. Each statement is its own transaction; a batch of items is one.

use super::record::NoticeRecord;
use crate::domain::ModelRef;
use crate::domain::notice::NoticeItem;
use crate::storage::StoreError;
use crate::storage::notices::{ClaimedNotices, Notice, NoticeHold, NoticeStore, SendOutcome};
use crate::storage::sqlite::SqliteStore;
use crate::storage::sqlite::errors::SqliteCallError;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rusqlite::types::Type;
use rusqlite::{Connection, Row, TransactionBehavior, params};
use serde_json::Value;

/// The table, a migration of the schema.
pub const TABLE: &str = "
    CREATE TABLE notices (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        destination TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        kind TEXT NOT NULL,
        provider TEXT NOT NULL,
        model_id TEXT NOT NULL,
        at_ms INTEGER,
        fact TEXT,
        from_value TEXT NOT NULL,
        to_value TEXT NOT NULL,
        noted_at_ms INTEGER NOT NULL,
        sent_at_ms INTEGER,
        failures INTEGER NOT NULL DEFAULT 0,
        error TEXT,
        holder TEXT,
        held_until_ms INTEGER,
        UNIQUE (destination, fingerprint)
    ) STRICT;
    CREATE INDEX notices_pending ON notices (destination, sent_at_ms, position);
";

#[async_trait]
impl NoticeStore for SqliteStore {
    async fn note_items(
        &self,
        destination: &str,
        items: &[NoticeItem],
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let (destination, records) = (destination.to_owned(), items.iter().map(NoticeRecord::from).collect());
        self.ask(move |connection| note(connection, &destination, records, at)).await
    }

    async fn claim_notices(
        &self,
        destination: &str,
        holder: &NoticeHold,
    ) -> Result<ClaimedNotices, StoreError> {
        let (destination, holder) = (destination.to_owned(), holder.clone());
        self.ask(move |connection| claim(connection, &destination, &holder)).await
    }

    async fn settle_notices(
        &self,
        destination: &str,
        holder: &str,
        at: DateTime<Utc>,
        sending: &SendOutcome,
    ) -> Result<(), StoreError> {
        let (destination, holder, sending) = (destination.to_owned(), holder.to_owned(), sending.clone());
        self.ask(move |connection| settle(connection, &destination, &holder, at, &sending)).await
    }

    async fn forget_notices(&self, sent_before: DateTime<Utc>) -> Result<(), StoreError> {
        self.ask(move |connection| forget(connection, sent_before)).await
    }

    async fn notices(&self, destination: &str) -> Result<Vec<Notice>, StoreError> {
        let destination = destination.to_owned();
        self.ask(move |connection| all(connection, &destination)).await
    }
}

fn note(
    connection: &mut Connection,
    destination: &str,
    records: Vec<NoticeRecord>,
    at: DateTime<Utc>,
) -> Result<(), SqliteCallError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let sql = "INSERT INTO notices (destination, fingerprint, kind, provider, model_id, at_ms, fact, from_value, to_value,
        noted_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (destination, fingerprint) DO NOTHING";
    for record in records {
        transaction.prepare_cached(sql)?.execute(params![
            destination,
            record.fingerprint,
            record.kind,
            record.model.provider,
            record.model.model_id,
            record.at.map(|at| at.timestamp_millis()),
            record.fact,
            record.from.to_string(),
            record.to.to_string(),
            at.timestamp_millis(),
        ])?;
    }
    Ok(transaction.commit()?)
}

fn claim(
    connection: &mut Connection,
    destination: &str,
    holder: &NoticeHold,
) -> Result<ClaimedNotices, SqliteCallError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let sql = "UPDATE notices SET holder = ?2, held_until_ms = ?3
        WHERE destination = ?1 AND sent_at_ms IS NULL AND (holder IS NULL OR held_until_ms <= ?4)";
    let times = (holder.until.timestamp_millis(), holder.at.timestamp_millis());
    transaction.prepare_cached(sql)?.execute(params![destination, holder.id, times.0, times.1])?;
    let items: Vec<NoticeItem> = {
        let sql = "SELECT * FROM notices WHERE destination = ?1 AND sent_at_ms IS NULL AND holder = ?2
            ORDER BY position";
        let mut statement = transaction.prepare_cached(sql)?;
        let rows = statement.query_map(params![destination, holder.id], item)?;
        rows.collect::<rusqlite::Result<_>>()?
    };
    let sql = "SELECT count(*) FROM notices WHERE destination = ?1 AND sent_at_ms IS NULL AND holder <> ?2";
    let elsewhere: i64 =
        transaction.prepare_cached(sql)?.query_row(params![destination, holder.id], |row| row.get(0))?;
    transaction.commit()?;
    Ok(ClaimedNotices { items, elsewhere: u64::try_from(elsewhere).unwrap_or(0) })
}

fn settle(
    connection: &mut Connection,
    destination: &str,
    holder: &str,
    at: DateTime<Utc>,
    sending: &SendOutcome,
) -> Result<(), SqliteCallError> {
    let held =
        "holder = NULL, held_until_ms = NULL WHERE destination = ?1 AND holder = ?2 AND sent_at_ms IS NULL";
    let done = match sending {
        SendOutcome::Taken => {
            let sql = format!("UPDATE notices SET sent_at_ms = ?3, error = NULL, {held}");
            connection.execute(&sql, params![destination, holder, at.timestamp_millis()])
        }
        SendOutcome::Kept(why) => {
            let sql = format!("UPDATE notices SET failures = failures + 1, error = ?3, {held}");
            connection.execute(&sql, params![destination, holder, why])
        }
    };
    Ok(done.map(drop)?)
}

fn forget(connection: &mut Connection, sent_before: DateTime<Utc>) -> Result<(), SqliteCallError> {
    let sql = "DELETE FROM notices WHERE sent_at_ms < ?";
    Ok(connection.execute(sql, [sent_before.timestamp_millis()]).map(drop)?)
}

fn all(connection: &mut Connection, destination: &str) -> Result<Vec<Notice>, SqliteCallError> {
    let mut statement =
        connection.prepare_cached("SELECT * FROM notices WHERE destination = ?1 ORDER BY position")?;
    let read = |row: &Row<'_>| {
        Ok(Notice {
            item: item(row)?,
            noted_at: instant(row, "noted_at_ms")?.unwrap_or_default(),
            sent_at: instant(row, "sent_at_ms")?,
            failures: u64::try_from(row.get::<_, i64>("failures")?).unwrap_or(0),
            error: row.get("error")?,
        })
    };
    let rows = statement.query_map([destination], read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn item(row: &Row<'_>) -> rusqlite::Result<NoticeItem> {
    let record = NoticeRecord {
        fingerprint: row.get("fingerprint")?,
        kind: row.get("kind")?,
        model: ModelRef { provider: row.get("provider")?, model_id: row.get("model_id")? },
        at: instant(row, "at_ms")?,
        fact: row.get("fact")?,
        from: json(row, "from_value")?,
        to: json(row, "to_value")?,
    };
    record.into_item().map_err(wrong)
}

fn instant(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<DateTime<Utc>>> {
    Ok(row.get::<_, Option<i64>>(column)?.and_then(DateTime::from_timestamp_millis))
}

fn json(row: &Row<'_>, column: &str) -> rusqlite::Result<Value> {
    serde_json::from_str(&row.get::<_, String>(column)?).map_err(|error| wrong(error.to_string()))
}

fn wrong(why: String) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, why.into())
}
