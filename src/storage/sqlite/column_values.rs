//! Column formats that several tables share: moments in milliseconds, and JSON. Strict, because only
//! this program writes them.

use chrono::{DateTime, Utc};
use rusqlite::Row;
use rusqlite::types::Type;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Reads a column that holds milliseconds since 1970.
pub fn instant(row: &Row<'_>, column: usize) -> rusqlite::Result<DateTime<Utc>> {
    let milliseconds: i64 = row.get(column)?;
    let outside = || rusqlite::Error::IntegralValueOutOfRange(column, milliseconds);
    DateTime::from_timestamp_millis(milliseconds).ok_or_else(outside)
}

/// Reads a column that holds JSON.
pub fn parsed<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    let wrong = |error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error));
    serde_json::from_str(&text).map_err(wrong)
}

/// Writes a value as JSON for a column.
pub fn json(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}
