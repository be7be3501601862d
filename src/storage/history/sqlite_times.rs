//! When the published runs of a model began, in SQLite.

use crate::domain::ModelRef;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};

/// Read from an index alone, newest first.
pub fn run_times(
    connection: &Connection,
    model: &ModelRef,
    since: DateTime<Utc>,
) -> rusqlite::Result<Vec<DateTime<Utc>>> {
    let sql = "SELECT run_ts_ms FROM runs WHERE published = 1 AND provider = ? AND model_name = ? AND run_ts_ms >= ?
        ORDER BY run_ts_ms DESC";
    let mut statement = connection.prepare_cached(sql)?;
    let times = statement
        .query_map(params![model.provider, model.model_id, since.timestamp_millis()], |row| {
            Ok(DateTime::from_timestamp_millis(row.get(0)?))
        })?;
    times.filter_map(Result::transpose).collect()
}
