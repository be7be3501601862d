//! Administration of the outbox: lists rows, shows one with its payload, retries, resends delivered rows. Also prunes
//! delivered rows by age, by size, or when room is short.

use super::connection::OutboxCallError;
use super::rows::{self, moment, unsigned};
use super::types::{OutboxCapacity, OutboxKey, OutboxRowState, OutboxRowSummary, RowDocument};
use crate::domain::Window;
use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, Row, Transaction, params};
use serde_json::Value;

/// Maximum number of delivered rows that one confirmation prunes, so that none waits for the removal of thousands.
const PRUNED_AT_ONCE: u32 = 400;

const COLUMNS: &str = "seq, id, kind, provider, model, measured_at_ms, accepted_at_ms, attempts, next_at_ms,
    delivered_at_ms, error, bytes";

/// The newest rows in a state, newest first, at most `limit`.
pub fn list(
    transaction: &Transaction<'_>,
    state: OutboxRowState,
    limit: u32,
) -> Result<Vec<OutboxRowSummary>, OutboxCallError> {
    // The state is part of the SQL text; SQLite would not use the partial index with a parameter.
    let order =
        if state == OutboxRowState::Delivered { "delivered_at_ms DESC, seq DESC" } else { "seq DESC" };
    let sql =
        format!("SELECT {COLUMNS} FROM items WHERE state = '{}' ORDER BY {order} LIMIT ?", state.as_str());
    let mut statement = transaction.prepare_cached(&sql)?;
    let found = statement.query_map([limit], |row| item(row, state))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Selects a row by its outcome's id, which two rows can share, or by its number.
const NAMED: &str = "(id = ?1 OR seq = ?2)";

fn number(name: &str) -> Option<i64> {
    name.parse().ok()
}

/// Every row with this id or number, with its payload or a description of the damage.
pub fn show(
    transaction: &Transaction<'_>,
    id: &str,
) -> Result<Vec<(OutboxRowSummary, RowDocument)>, OutboxCallError> {
    let sql = format!(
        "SELECT {COLUMNS}, state, sha256, format, body FROM items LEFT JOIN payloads USING (seq) WHERE {NAMED} ORDER BY seq"
    );
    let mut statement = transaction.prepare_cached(&sql)?;
    let found = statement.query_map(params![id, number(id)], |row| {
        let state: String = row.get("state")?;
        let state = OutboxRowState::ALL
            .into_iter()
            .find(|one| one.as_str() == state)
            .unwrap_or(OutboxRowState::Quarantined);
        let item = item(row, state)?;
        let body: Option<Vec<u8>> = row.get("body")?;
        let sha256: String = row.get("sha256")?;
        let sound = rows::open(&item.kind, &sha256, row.get("format")?, body);
        Ok((item, sound.and_then(|(payload, _)| payload.fields().map(Value::Object))))
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

fn item(row: &Row<'_>, state: OutboxRowState) -> rusqlite::Result<OutboxRowSummary> {
    let next_at = (state == OutboxRowState::Pending).then(|| row.get("next_at_ms")).transpose()?;
    let delivered_at: Option<i64> = row.get("delivered_at_ms")?;
    Ok(OutboxRowSummary {
        key: OutboxKey(row.get("seq")?),
        id: row.get("id")?,
        kind: row.get("kind")?,
        provider: row.get("provider")?,
        model: row.get("model")?,
        state,
        measured_at: moment(row.get("measured_at_ms")?),
        accepted_at: moment(row.get("accepted_at_ms")?),
        attempts: row.get("attempts")?,
        next_at: next_at.map(moment),
        delivered_at: delivered_at.filter(|_| state == OutboxRowState::Delivered).map(moment),
        error: row.get("error")?,
        bytes: unsigned(row.get("bytes")?),
    })
}

/// Maximum number of rows that one statement changes, because its rollback data is in memory.
const AT_ONCE: i64 = 10_000;

/// Makes up to `AT_ONCE` quarantined rows due now. Returns their number; the caller repeats it until it is zero.
pub fn retry_quarantined(transaction: &Transaction<'_>, now: DateTime<Utc>) -> Result<u64, OutboxCallError> {
    let sql = "UPDATE items SET state = 'pending', next_at_ms = ?
        WHERE seq IN (SELECT seq FROM items WHERE state = 'quarantined' LIMIT ?)";
    Ok(transaction.prepare_cached(sql)?.execute([now.timestamp_millis(), AT_ONCE])? as u64)
}

/// Makes the quarantined and the waiting rows with these names due now. Returns their number.
pub fn retry_named(
    transaction: &Transaction<'_>,
    names: &[String],
    now: DateTime<Utc>,
) -> Result<u64, OutboxCallError> {
    let now = now.timestamp_millis();
    let sql =
        format!("UPDATE items SET state = 'pending', next_at_ms = ?3 WHERE {NAMED} AND state <> 'delivered'");
    let mut statement = transaction.prepare_cached(&sql)?;
    let mut changed = 0;
    for name in names {
        changed += statement.execute(params![name, number(name), now])? as u64;
    }
    Ok(changed)
}

/// Makes up to `AT_ONCE` delivered rows due again that the store confirmed in the window. Returns their number; the
/// caller repeats it until it is zero.
pub fn replay(
    transaction: &Transaction<'_>,
    window: Window,
    now: DateTime<Utc>,
) -> Result<u64, OutboxCallError> {
    let from = window.from.map_or(i64::MIN, |at| at.timestamp_millis());
    let to = window.to.map_or(i64::MAX, |at| at.timestamp_millis());
    let sql = "UPDATE items SET state = 'pending', attempts = 0, next_at_ms = ?1, delivered_at_ms = NULL
        WHERE seq IN (SELECT seq FROM items
            WHERE state = 'delivered' AND delivered_at_ms >= ?2 AND delivered_at_ms < ?3 LIMIT ?4)";
    Ok(transaction.prepare_cached(sql)?.execute(params![now.timestamp_millis(), from, to, AT_ONCE])? as u64)
}

/// Deletes a limited number of delivered rows that are too old or exceed the size limit. Runs with every confirmation.
pub fn prune(
    transaction: &Transaction<'_>,
    capacity: &OutboxCapacity,
    now: DateTime<Utc>,
) -> Result<(), OutboxCallError> {
    let oldest = now - TimeDelta::days(i64::from(capacity.archive_days));
    let aged = "delivered_at_ms <= ?2";
    let gone = discard(transaction, aged, Some(oldest.timestamp_millis()), PRUNED_AT_ONCE)?;
    let sql = "SELECT bytes FROM tally WHERE state = 'delivered'";
    let bytes: i64 = transaction.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    if unsigned(bytes) > capacity.archive_bytes {
        discard(transaction, "1", None, PRUNED_AT_ONCE.saturating_sub(gone))?;
    }
    Ok(())
}

/// Deletes the oldest delivered rows in a transaction of its own. Returns their number.
pub fn shrink(connection: &mut Connection, most: u32) -> Result<u32, OutboxCallError> {
    let transaction = connection.transaction()?;
    let gone = discard(&transaction, "1", None, most)?;
    transaction.commit()?;
    Ok(gone)
}

fn discard(
    transaction: &Transaction<'_>,
    filter: &str,
    until: Option<i64>,
    most: u32,
) -> Result<u32, OutboxCallError> {
    let sql = format!(
        "DELETE FROM items WHERE seq IN (SELECT seq FROM items WHERE state = 'delivered' AND {filter}
            ORDER BY delivered_at_ms LIMIT ?1) RETURNING seq"
    );
    let mut statement = transaction.prepare_cached(&sql)?;
    let seq = |row: &Row<'_>| row.get::<_, i64>(0);
    let found: Vec<i64> = match until {
        Some(until) => statement.query_map(params![most, until], seq)?.collect::<Result<_, _>>()?,
        None => statement.query_map([most], seq)?.collect::<Result<_, _>>()?,
    };
    let mut payload = transaction.prepare_cached("DELETE FROM payloads WHERE seq = ?")?;
    for seq in &found {
        payload.execute([seq])?;
    }
    Ok(found.len() as u32)
}
