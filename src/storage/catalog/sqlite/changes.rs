//! Audited changes of the catalog. A change and its record are one transaction, so every recorded change was made.

use super::entries::{find, object};
use crate::domain::ModelRef;
use crate::storage::catalog::{
    Batch, CatalogChange, CatalogEntry, ChangeOutcome, ChangeRequest, ChangeStatus, ChangesOf,
    other_is_enabled,
};
use crate::storage::sqlite::errors::SqliteCallError;
use crate::storage::{aggregates, claims};
use chrono::{DateTime, Utc};
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, Transaction, TransactionBehavior, params};
use serde_json::{Map, Value};

/// Fields that are columns; all others are in `doc`.
const COLUMNS: [&str; 7] =
    ["provider", "model_id", "display_name", "enabled", "deprecated", "created_at", "metadata"];

pub fn begin(connection: &mut Connection, batch: &Batch) -> Result<(), SqliteCallError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction
        .prepare_cached("INSERT INTO catalog_batches VALUES (?, ?, ?, ?, ?, ?, ?, NULL, NULL)")?
        .execute(params![
            batch.id,
            batch.at.timestamp_millis(),
            batch.who,
            batch.action,
            batch.why,
            i64::try_from(batch.planned).unwrap_or(i64::MAX),
            batch.undoes,
        ])?;
    if let Some(undone) = &batch.undoes {
        let sql = "UPDATE catalog_batches SET undone_by = ? WHERE id = ?";
        transaction.prepare_cached(sql)?.execute([&batch.id, undone])?;
    }
    Ok(transaction.commit()?)
}

pub fn finish(connection: &mut Connection, id: &str, at: DateTime<Utc>) -> Result<(), SqliteCallError> {
    let sql = "UPDATE catalog_batches SET finished_at_ms = ? WHERE id = ?";
    connection.prepare_cached(sql)?.execute(params![at.timestamp_millis(), id])?;
    Ok(())
}

pub fn change(connection: &mut Connection, order: &ChangeRequest) -> Result<ChangeOutcome, SqliteCallError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let present = find(&transaction, &order.model)?;
    if !order.fits(present.as_ref()) {
        return Ok(ChangeOutcome::Overtaken(present.map(Box::new)));
    }
    let before = present.as_ref().map(|entry| entry.values(order.set.keys()));
    let written = match &present {
        Some(_) if order.removes() => remove(&transaction, &order.model),
        Some(entry) => update(&transaction, entry, order),
        None => insert(&transaction, order),
    };
    match written {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
            return Err(other_is_enabled(&order.model).into());
        }
        other => other?,
    }
    note(&transaction, order, before)?;
    let cancelled_jobs = if order.stops() { claims::sqlite::cancel(&transaction, &order.model)? } else { 0 };
    aggregates::sqlite::health(&transaction, &order.model, None)?;
    transaction.commit()?;
    Ok(ChangeOutcome::Done { cancelled_jobs })
}

fn note(
    transaction: &Transaction<'_>,
    order: &ChangeRequest,
    before: Option<Map<String, Value>>,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO catalog_changes (batch, provider, model_id, at_ms, before, after) VALUES (?, ?, ?, ?, ?, ?)";
    transaction.prepare_cached(sql)?.execute(params![
        order.batch,
        order.model.provider,
        order.model.model_id,
        Utc::now().timestamp_millis(),
        before.map(|fields| Value::Object(fields).to_string()),
        Value::Object(order.set.clone()).to_string(),
    ])?;
    Ok(())
}

struct EntryColumns {
    name: String,
    enabled: bool,
    deprecated: bool,
    metadata: String,
    doc: String,
}

impl EntryColumns {
    fn of(fields: &Map<String, Value>) -> Self {
        let entry = CatalogEntry::new(fields.clone());
        let metadata = fields.get("metadata").filter(|value| value.is_object());
        let rest: Map<String, Value> =
            fields.clone().into_iter().filter(|(name, _)| !COLUMNS.contains(&name.as_str())).collect();
        Self {
            name: entry.text("display_name").unwrap_or_default(),
            enabled: entry.flag("enabled"),
            deprecated: entry.flag("deprecated"),
            metadata: metadata.map_or_else(|| "{}".to_owned(), Value::to_string),
            doc: Value::Object(rest).to_string(),
        }
    }
}

fn update(
    transaction: &Transaction<'_>,
    entry: &CatalogEntry,
    order: &ChangeRequest,
) -> rusqlite::Result<()> {
    let mut fields = entry.fields.clone();
    for (name, value) in &order.set {
        if value.is_null() {
            fields.shift_remove(name)
        } else {
            fields.insert(name.clone(), value.clone())
        };
    }
    let columns = EntryColumns::of(&fields);
    let sql = "UPDATE models SET display_name = ?, enabled = ?, deprecated = ?, metadata = ?, doc = ?
        WHERE provider = ? AND model_id = ?";
    transaction.prepare_cached(sql)?.execute(params![
        columns.name,
        columns.enabled,
        columns.deprecated,
        columns.metadata,
        columns.doc,
        order.model.provider,
        order.model.model_id,
    ])?;
    Ok(())
}

/// Removes an entry and the rows derived for it.
fn remove(transaction: &Transaction<'_>, model: &ModelRef) -> rusqlite::Result<()> {
    let sql = "DELETE FROM models WHERE provider = ? AND model_id = ?";
    transaction.prepare_cached(sql)?.execute([&model.provider, &model.model_id])?;
    aggregates::sqlite::forget(transaction, model)
}

/// Inserts a new entry; one that comes back keeps its stated creation time.
fn insert(transaction: &Transaction<'_>, order: &ChangeRequest) -> rusqlite::Result<()> {
    let fields = order.set.clone().into_iter().filter(|(_, value)| !value.is_null()).collect();
    let columns = EntryColumns::of(&fields);
    let created = CatalogEntry::new(fields).instant("created_at").unwrap_or_else(Utc::now);
    let sql = "INSERT INTO models (provider, model_id, display_name, enabled, deprecated, created_at_ms, metadata, doc)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    transaction.prepare_cached(sql)?.execute(params![
        order.model.provider,
        order.model.model_id,
        columns.name,
        columns.enabled,
        columns.deprecated,
        created.timestamp_millis(),
        columns.metadata,
        columns.doc,
    ])?;
    Ok(())
}

const BATCH: &str = "id, at_ms, who, action, why, planned, undoes, undone_by, finished_at_ms";

pub fn batches(connection: &mut Connection, limit: u32) -> Result<Vec<Batch>, SqliteCallError> {
    let sql = format!("SELECT {BATCH} FROM catalog_batches ORDER BY id DESC LIMIT ?");
    let mut statement = connection.prepare_cached(&sql)?;
    let found = statement.query_map([limit], read_batch)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

pub fn batch(connection: &mut Connection, id: &str) -> Result<Option<Batch>, SqliteCallError> {
    let sql = format!("SELECT {BATCH} FROM catalog_batches WHERE id = ?");
    Ok(connection.prepare_cached(&sql)?.query_row([id], read_batch).optional()?)
}

fn read_batch(row: &Row<'_>) -> rusqlite::Result<Batch> {
    Ok(Batch {
        id: row.get(0)?,
        at: instant(row.get(1)?),
        who: row.get(2)?,
        action: row.get(3)?,
        why: row.get(4)?,
        planned: row.get::<_, i64>(5)?.unsigned_abs(),
        undoes: row.get(6)?,
        undone_by: row.get(7)?,
        finished_at: row.get::<_, Option<i64>>(8)?.map(instant),
    })
}

fn instant(milliseconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(milliseconds).unwrap_or_default()
}

pub fn changes(connection: &mut Connection, of: &ChangesOf) -> Result<Vec<CatalogChange>, SqliteCallError> {
    const CHANGE: &str = "SELECT batch, provider, model_id, at_ms, before, after FROM catalog_changes";
    let found = match of {
        ChangesOf::Batch(id) => {
            let sql = format!("{CHANGE} WHERE batch = ? ORDER BY position");
            let mut statement = connection.prepare_cached(&sql)?;
            statement.query_map([id], read_change)?.collect::<rusqlite::Result<_>>()
        }
        ChangesOf::Model(model, limit) => {
            let sql = format!("{CHANGE} WHERE provider = ? AND model_id = ? ORDER BY position DESC LIMIT ?");
            let mut statement = connection.prepare_cached(&sql)?;
            let of_model = params![model.provider, model.model_id, limit];
            statement.query_map(of_model, read_change)?.collect::<rusqlite::Result<_>>()
        }
    };
    Ok(found?)
}

fn read_change(row: &Row<'_>) -> rusqlite::Result<CatalogChange> {
    Ok(CatalogChange {
        batch: row.get(0)?,
        model: ModelRef { provider: row.get(1)?, model_id: row.get(2)? },
        at: instant(row.get(3)?),
        before: row.get::<_, Option<String>>(4)?.map(|text| object(&text)),
        after: object(&row.get::<_, String>(5)?),
        became: ChangeStatus::Done,
    })
}
