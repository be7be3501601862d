//! The published runs of a model as rankings see them, in SQLite.

use super::PublishedSample;
use crate::domain::ModelRef;
use crate::storage::sqlite::column_values::instant;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};

/// Found by an index, newest first.
pub fn published_samples(
    connection: &Connection,
    model: &ModelRef,
    since: DateTime<Utc>,
) -> rusqlite::Result<Vec<PublishedSample>> {
    let sql = "SELECT run_ts_ms, doc ->> '$.route_endpoint_tag', doc ->> '$.quantization' FROM runs
        WHERE published = 1 AND provider = ? AND model_name = ? AND run_ts_ms >= ? ORDER BY run_ts_ms DESC";
    let mut statement = connection.prepare_cached(sql)?;
    let values = params![model.provider, model.model_id, since.timestamp_millis()];
    let samples = statement.query_map(values, |row| {
        Ok(PublishedSample { at: instant(row, 0)?, endpoint_tag: row.get(1)?, quantization: row.get(2)? })
    })?;
    samples.collect()
}
