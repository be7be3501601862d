//! Blocks of series in SQLite. A series' days lie side by side, so that its history is one range of pages.

use super::{DayColumns, DayWrite, DerivedCount, SeriesBlockStore, SeriesDay, StoredSeries, by_key};
use crate::domain::ModelRef;
use crate::domain::series_block::{BlockOfSeries, SLOT_MILLISECONDS, day_of_slot, slot_of, slot_start};
use crate::domain::series_change::MeasuredSeries;
use crate::storage::StoreError;
use crate::storage::sqlite::SqliteStore;
use crate::storage::sqlite::column_values::json;
use crate::storage::sqlite::errors::SqliteCallError;
use async_trait::async_trait;
use chrono::Utc;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};
use std::collections::BTreeMap;

/// The tables, a migration of the schema.
pub const TABLES: &str = "
    CREATE TABLE measured_series (
        series TEXT PRIMARY KEY,
        provider TEXT NOT NULL,
        model_id TEXT NOT NULL,
        runner TEXT,
        profile TEXT,
        connection TEXT,
        first_slot INTEGER NOT NULL,
        last_slot INTEGER NOT NULL,
        sampled_blocks INTEGER NOT NULL,
        changed_from INTEGER,
        revision INTEGER NOT NULL DEFAULT 0
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE series_blocks (
        series TEXT NOT NULL,
        day INTEGER NOT NULL,
        doc TEXT NOT NULL,
        PRIMARY KEY (series, day)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE series_slots (
        slot INTEGER PRIMARY KEY,
        row_count INTEGER NOT NULL,
        derived_at_ms INTEGER NOT NULL
    ) STRICT;
";

/// What a look notes of a series, a later migration.
pub const JUDGED_DAYS: &str = "ALTER TABLE measured_series ADD COLUMN judged_days INTEGER;";

#[async_trait]
impl SeriesBlockStore for SqliteStore {
    async fn oldest_slot(&self) -> Result<Option<i64>, StoreError> {
        self.ask(|connection| Ok(oldest_slot(connection)?)).await
    }

    async fn rows_by_slot(&self, from: i64, to: i64) -> Result<BTreeMap<i64, u64>, StoreError> {
        self.ask(move |connection| Ok(rows_by_slot(connection, from, to)?)).await
    }

    async fn derived_slots(&self, from: i64, to: i64) -> Result<BTreeMap<i64, u64>, StoreError> {
        self.ask(move |connection| {
            let sql = "SELECT slot, row_count FROM series_slots WHERE slot >= ?1 AND slot < ?2";
            Ok(counts(connection, sql, from, to)?)
        })
        .await
    }

    async fn keep_blocks(&self, slots: &[DerivedCount], blocks: &[BlockOfSeries]) -> Result<(), StoreError> {
        let (slots, blocks) = (slots.to_vec(), blocks.to_vec());
        self.ask(move |connection| keep_blocks(connection, &slots, &blocks)).await
    }

    async fn measured_series(&self) -> Result<Vec<StoredSeries>, StoreError> {
        self.ask(|connection| Ok(measured_series(connection)?)).await
    }

    async fn series_days(&self, keys: &[String], from: i64, to: i64) -> Result<Vec<SeriesDay>, StoreError> {
        let keys = keys.to_vec();
        self.ask(move |connection| Ok(series_days(connection, &keys, from, to)?)).await
    }

    async fn looked_at(&self, series: &[StoredSeries]) -> Result<(), StoreError> {
        let series = series.to_vec();
        self.ask(move |connection| looked_at(connection, &series)).await
    }
}

fn oldest_slot(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT min(run_ts_ms) FROM runs WHERE published = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let mut oldest = |published: bool| statement.query_row([published], |row| row.get::<_, Option<i64>>(0));
    let times = [oldest(true)?, oldest(false)?];
    Ok(times.into_iter().flatten().min().map(slot_of))
}

/// Counts along indexes, so that no row is read.
fn rows_by_slot(connection: &Connection, from: i64, to: i64) -> rusqlite::Result<BTreeMap<i64, u64>> {
    let mut rows: BTreeMap<i64, u64> = BTreeMap::new();
    for (table, time, condition) in [
        ("runs", "run_ts_ms", "published = 1 AND"),
        ("runs", "run_ts_ms", "published = 0 AND"),
        ("errors", "ts_ms", ""),
    ] {
        let sql = format!(
            "SELECT {time} / {SLOT_MILLISECONDS} AS slot, count(*) FROM {table}
                WHERE {condition} {time} >= ?1 AND {time} < ?2 GROUP BY slot"
        );
        let milliseconds = |slot: i64| slot_start(slot).timestamp_millis();
        for (slot, count) in counts(connection, &sql, milliseconds(from), milliseconds(to))? {
            *rows.entry(slot).or_default() += count;
        }
    }
    Ok(rows)
}

fn counts(connection: &Connection, sql: &str, from: i64, to: i64) -> rusqlite::Result<BTreeMap<i64, u64>> {
    let mut statement = connection.prepare_cached(sql)?;
    let read = |row: &Row<'_>| Ok((row.get(0)?, u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0)));
    statement.query_map([from, to], read)?.collect()
}

fn keep_blocks(
    connection: &mut Connection,
    slots: &[DerivedCount],
    blocks: &[BlockOfSeries],
) -> Result<(), SqliteCallError> {
    let Some(day) = slots.first().map(|one| day_of_slot(one.slot)) else { return Ok(()) };
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut newer = Vec::new();
    for one in slots {
        if one.may_replace(stored_rows(&transaction, one.slot)?) {
            newer.push(*one);
        }
    }
    for one in &by_key(blocks, &newer) {
        let kept = stored_day(&transaction, one.0, day)?;
        let Some(write) = DayWrite::of(one, day, kept.as_ref()) else { continue };
        let sql =
            "INSERT INTO series_blocks VALUES (?1, ?2, ?3) ON CONFLICT (series, day) DO UPDATE SET doc = ?3";
        transaction.prepare_cached(sql)?.execute(params![write.key, day, json(&write.columns)?])?;
        mark(&transaction, &write)?;
    }
    let sql = "INSERT INTO series_slots VALUES (?1, ?2, ?3)
        ON CONFLICT (slot) DO UPDATE SET row_count = ?2, derived_at_ms = ?3";
    for one in newer {
        let rows = i64::try_from(one.rows).unwrap_or(i64::MAX);
        transaction.prepare_cached(sql)?.execute([one.slot, rows, Utc::now().timestamp_millis()])?;
    }
    Ok(transaction.commit()?)
}

/// The number of rows of the stored derivation of a slot.
fn stored_rows(connection: &Transaction<'_>, slot: i64) -> rusqlite::Result<Option<u64>> {
    let sql = "SELECT row_count FROM series_slots WHERE slot = ?1";
    let rows = connection.prepare_cached(sql)?.query_row([slot], |row| row.get::<_, i64>(0)).optional()?;
    Ok(rows.map(|rows| u64::try_from(rows).unwrap_or(0)))
}

/// The stored day; one that cannot be read is made anew.
fn stored_day(connection: &Transaction<'_>, key: &str, day: i64) -> rusqlite::Result<Option<DayColumns>> {
    let sql = "SELECT doc FROM series_blocks WHERE series = ?1 AND day = ?2";
    let doc = connection
        .prepare_cached(sql)?
        .query_row(params![key, day], |row| row.get::<_, String>(0))
        .optional()?;
    Ok(doc.and_then(|doc| serde_json::from_str(&doc).ok()))
}

fn mark(connection: &Transaction<'_>, write: &DayWrite<'_>) -> rusqlite::Result<()> {
    let sql = "INSERT INTO measured_series (series, provider, model_id, runner, profile, connection, first_slot, last_slot,
            sampled_blocks, changed_from, revision)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?7, 1) ON CONFLICT (series) DO UPDATE
        SET first_slot = min(first_slot, ?7), last_slot = max(last_slot, ?8), sampled_blocks = sampled_blocks + ?9,
            changed_from = min(coalesce(changed_from, ?7), ?7), revision = revision + 1";
    let MeasuredSeries { model, runner, profile, connection: over } = write.series;
    let ((first, last), new) = (write.slots, write.new_samples);
    let values = params![write.key, model.provider, model.model_id, runner, profile, over, first, last, new];
    connection.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

fn measured_series(connection: &Connection) -> rusqlite::Result<Vec<StoredSeries>> {
    let sql = "SELECT series, provider, model_id, runner, profile, connection, first_slot, last_slot, sampled_blocks,
        changed_from, revision, judged_days FROM measured_series ORDER BY series";
    let read = |row: &Row<'_>| {
        Ok(StoredSeries {
            key: row.get(0)?,
            series: MeasuredSeries {
                model: ModelRef::new(row.get::<_, String>(1)?, row.get::<_, String>(2)?),
                runner: row.get(3)?,
                profile: row.get(4)?,
                connection: row.get(5)?,
            },
            first_slot: row.get(6)?,
            last_slot: row.get(7)?,
            sampled_blocks: u64::try_from(row.get::<_, i64>(8)?).unwrap_or(0),
            changed_from: row.get(9)?,
            revision: row.get(10)?,
            judged_days: row.get(11)?,
        })
    };
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_map([], read)?.collect()
}

fn series_days(
    connection: &Connection,
    keys: &[String],
    from: i64,
    to: i64,
) -> rusqlite::Result<Vec<SeriesDay>> {
    let sql = "SELECT day, doc FROM series_blocks WHERE series = ?1 AND day >= ?2 AND day < ?3 ORDER BY day";
    let mut statement = connection.prepare_cached(sql)?;
    let mut found = Vec::new();
    for key in keys {
        let mut rows = statement.query(params![key, from, to])?;
        while let Some(row) = rows.next()? {
            let doc = row.get_ref(1)?.as_str().unwrap_or_default();
            // A damaged day is passed over: nobody but this program writes them, and they can be derived again.
            if let Ok(columns) = serde_json::from_str(doc) {
                found.push(SeriesDay { key: key.clone(), day: row.get(0)?, columns });
            }
        }
    }
    Ok(found)
}

fn looked_at(connection: &mut Connection, series: &[StoredSeries]) -> Result<(), SqliteCallError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let sql = "UPDATE measured_series SET changed_from = NULL, judged_days = coalesce(?3, judged_days)
        WHERE series = ?1 AND revision = ?2";
    for one in series {
        transaction.prepare_cached(sql)?.execute(params![one.key, one.revision, one.judged_days])?;
    }
    Ok(transaction.commit()?)
}
