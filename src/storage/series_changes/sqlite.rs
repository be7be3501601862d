//! Changes of series in SQLite: whole documents, with the columns that queries search by.

use super::{ChangeFilter, MOST_CHANGES, SeriesChangeStore, found_fields};
use crate::domain::change_document::{ACKNOWLEDGED, acknowledgement, parse_change};
use crate::domain::series_change::{Acknowledgement, SeriesChange};
use crate::storage::StoreError;
use crate::storage::sqlite::SqliteStore;
use crate::storage::sqlite::errors::SqliteCallError;
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use serde_json::{Map, Value};

/// The table, a migration of the schema.
pub const TABLE: &str = "
    CREATE TABLE series_changes (
        id TEXT PRIMARY KEY,
        provider TEXT NOT NULL,
        began_ms INTEGER NOT NULL,
        ended_ms INTEGER,
        doc TEXT NOT NULL
    ) STRICT;
    CREATE INDEX series_changes_by_time ON series_changes (began_ms, id);
";

/// A later migration: the newest first, in the order in which changes are asked for.
pub const NEWEST_FIRST: &str = "
    CREATE INDEX series_changes_newest_first ON series_changes (began_ms DESC, id);
    DROP INDEX series_changes_by_time;
";

/// The changes of a provider (`?1`, or null), those that have not ended alone (`?2`), from a beginning on (`?3`).
const CHANGES: &str = "SELECT doc FROM series_changes
    WHERE began_ms >= ?3 AND (?1 IS NULL OR provider = ?1) AND (NOT ?2 OR ended_ms IS NULL)
    ORDER BY began_ms DESC, id";

#[async_trait]
impl SeriesChangeStore for SqliteStore {
    async fn keep_changes(&self, changes: &[SeriesChange]) -> Result<(), StoreError> {
        let changes = changes.to_vec();
        self.ask(move |connection| keep(connection, &changes)).await
    }

    async fn series_changes(&self, wanted: &ChangeFilter) -> Result<Vec<SeriesChange>, StoreError> {
        let wanted = wanted.clone();
        self.ask(move |connection| Ok(changes(connection, &wanted)?)).await
    }

    async fn series_change(&self, id: &str) -> Result<Option<SeriesChange>, StoreError> {
        let id = id.to_owned();
        self.ask(move |connection| Ok(document(connection, &id)?.as_ref().and_then(parse_change))).await
    }

    async fn acknowledge_change(&self, id: &str, seen: &Acknowledgement) -> Result<bool, StoreError> {
        let (id, seen) = (id.to_owned(), seen.clone());
        self.ask(move |connection| acknowledge(connection, &id, &seen)).await
    }
}

fn keep(connection: &mut Connection, changes: &[SeriesChange]) -> Result<(), SqliteCallError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for change in changes {
        let mut fields = document(&transaction, &change.id)?.unwrap_or_default();
        fields.extend(found_fields(change));
        put(&transaction, change, fields)?;
    }
    Ok(transaction.commit()?)
}

fn put(
    connection: &Transaction<'_>,
    change: &SeriesChange,
    fields: Map<String, Value>,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO series_changes VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (id) DO UPDATE SET began_ms = ?3, ended_ms = ?4, doc = ?5";
    connection.prepare_cached(sql)?.execute(params![
        change.id,
        change.series.model.provider,
        change.began.at.timestamp_millis(),
        change.ended.map(|ended| ended.at.timestamp_millis()),
        Value::Object(fields).to_string(),
    ])?;
    Ok(())
}

fn document(connection: &Connection, id: &str) -> rusqlite::Result<Option<Map<String, Value>>> {
    let sql = "SELECT doc FROM series_changes WHERE id = ?1";
    let found = connection.prepare_cached(sql)?.query_row([id], |row| row.get::<_, String>(0)).optional()?;
    Ok(found.and_then(|doc| serde_json::from_str(&doc).ok()))
}

/// Documents that are no change, which only another program can have written, are passed over.
fn changes(connection: &Connection, wanted: &ChangeFilter) -> rusqlite::Result<Vec<SeriesChange>> {
    let since = wanted.began_since.map_or(i64::MIN, |since| since.timestamp_millis());
    let mut statement = connection.prepare_cached(CHANGES)?;
    let mut rows = statement.query(params![wanted.provider, wanted.open, since])?;
    let mut found = Vec::new();
    while found.len() < MOST_CHANGES as usize
        && let Some(row) = rows.next()?
    {
        let fields = serde_json::from_str(&row.get::<_, String>(0)?).ok();
        found.extend(fields.as_ref().and_then(parse_change).filter(|change| wanted.selects(change)));
    }
    Ok(found)
}

fn acknowledge(
    connection: &mut Connection,
    id: &str,
    seen: &Acknowledgement,
) -> Result<bool, SqliteCallError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let Some(mut fields) = document(&transaction, id)? else { return Ok(false) };
    fields.insert(ACKNOWLEDGED.to_owned(), acknowledgement(seen));
    let sql = "UPDATE series_changes SET doc = ?2 WHERE id = ?1";
    transaction.prepare_cached(sql)?.execute(params![id, Value::Object(fields).to_string()])?;
    transaction.commit()?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::CHANGES;
    use crate::storage::sqlite::schema;
    use rusqlite::{Connection, params};

    /// A teller asks every five minutes, and changes are never deleted.
    #[test]
    fn the_newest_are_read_along_an_index_and_not_sorted() {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection).unwrap();
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {CHANGES}")).unwrap();
        let read = |row: &rusqlite::Row<'_>| row.get::<_, String>(3);
        let plan: Vec<String> = statement
            .query_map(params![None::<String>, false, 0], read)
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(plan, ["SEARCH series_changes USING INDEX series_changes_newest_first (began_ms>?)"]);
    }
}
