//! The work list in SQLite, and the adaptations learned for models.

use crate::domain::ModelRef;
use crate::storage::WorkItem;
use crate::storage::sqlite::errors::SqliteCallError;
use rusqlite::{Connection, Row};

/// Enabled models that are not deprecated.
pub fn work_list(
    connection: &mut Connection,
    provider: Option<&str>,
) -> Result<Vec<WorkItem>, SqliteCallError> {
    let sql = "SELECT provider, model_id, display_name, metadata FROM models
        WHERE enabled = 1 AND deprecated = 0 AND (?1 IS NULL OR provider = ?1) ORDER BY provider, model_id";
    let mut statement = connection.prepare_cached(sql)?;
    let items = statement.query_map([provider], work_item)?;
    Ok(items.collect::<rusqlite::Result<_>>()?)
}

fn work_item(found: &Row<'_>) -> rusqlite::Result<WorkItem> {
    let model = model(found)?;
    let name: String = found.get(2)?;
    let metadata: String = found.get(3)?;
    Ok(WorkItem {
        display_name: if name.is_empty() { model.model_id.clone() } else { name },
        metadata: serde_json::from_str(&metadata).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(3, rusqlite::types::Type::Text, Box::new(error))
        })?,
        model,
    })
}

fn model(found: &Row<'_>) -> rusqlite::Result<ModelRef> {
    Ok(ModelRef { provider: found.get(0)?, model_id: found.get(1)? })
}

/// Models with this bare id, enabled or not.
pub fn find_by_id(connection: &mut Connection, model_id: &str) -> Result<Vec<ModelRef>, SqliteCallError> {
    let sql = "SELECT provider, model_id FROM models WHERE model_id = ? ORDER BY provider";
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_map([model_id], model)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Adaptations in the order in which they were learned.
pub fn learned(connection: &mut Connection, model: &ModelRef) -> Result<Vec<String>, SqliteCallError> {
    let sql =
        "SELECT adaptation FROM model_adaptations WHERE provider = ? AND model_id = ? ORDER BY position";
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_map([&model.provider, &model.model_id], |row| row.get(0))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Stores an adaptation, once even if it is learned again.
pub fn learn(connection: &mut Connection, model: &ModelRef, adaptation: &str) -> Result<(), SqliteCallError> {
    let sql = "INSERT OR IGNORE INTO model_adaptations (provider, model_id, adaptation) VALUES (?, ?, ?)";
    connection.prepare_cached(sql)?.execute([&model.provider, &model.model_id, adaptation])?;
    Ok(())
}
