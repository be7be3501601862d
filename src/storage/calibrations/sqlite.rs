//! Calibrations in SQLite: whole documents, with the columns that queries search by.

use super::CalibrationStore;
use crate::domain::calibration::KeptCalibration;
use crate::storage::StoreError;
use crate::storage::sqlite::SqliteStore;
use crate::storage::sqlite::column_values::json;
use crate::storage::sqlite::errors::SqliteCallError;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, Params, params};

/// The table, a migration of the schema.
pub const TABLE: &str = "
    CREATE TABLE calibrations (
        id TEXT PRIMARY KEY,
        host TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        doc TEXT NOT NULL
    ) STRICT;
    CREATE INDEX calibrations_by_host ON calibrations (host, at_ms, id);
";

#[async_trait]
impl CalibrationStore for SqliteStore {
    async fn keep_calibration(&self, calibration: &KeptCalibration) -> Result<(), StoreError> {
        let calibration = calibration.clone();
        self.ask(move |connection| keep(connection, &calibration)).await
    }

    async fn calibrations(&self, host: &str, most: u32) -> Result<Vec<KeptCalibration>, StoreError> {
        let host = host.to_owned();
        let sql = "SELECT doc FROM calibrations WHERE host = ?1 ORDER BY at_ms DESC, id DESC LIMIT ?2";
        self.ask(move |connection| found(connection, sql, params![host, most])).await
    }

    async fn newest_calibrations(&self, since: DateTime<Utc>) -> Result<Vec<KeptCalibration>, StoreError> {
        let since = since.timestamp_millis();
        // A document that is none has no daemon.
        let daemon = |of: &str| format!("CASE WHEN json_valid({of}.doc) THEN {of}.doc ->> '$.runner' END");
        let sql = format!(
            "SELECT doc FROM calibrations AS one WHERE at_ms >= ?1 AND NOT EXISTS (
                SELECT 1 FROM calibrations AS other
                WHERE other.host = one.host AND {} IS {} AND (other.at_ms, other.id) > (one.at_ms, one.id)
            ) ORDER BY host, {}",
            daemon("other"),
            daemon("one"),
            daemon("one")
        );
        self.ask(move |connection| found(connection, &sql, params![since])).await
    }
}

fn keep(connection: &mut Connection, calibration: &KeptCalibration) -> Result<(), SqliteCallError> {
    let KeptCalibration { id, at, host, document } = calibration;
    let sql =
        "INSERT INTO calibrations (id, host, at_ms, doc) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING";
    connection.prepare_cached(sql)?.execute(params![id, host, at.timestamp_millis(), json(document)?])?;
    Ok(())
}

/// The calibrations that a query finds; a document that is none, which only another program can have written, is passed
/// over.
fn found(
    connection: &Connection,
    sql: &str,
    values: impl Params,
) -> Result<Vec<KeptCalibration>, SqliteCallError> {
    let mut statement = connection.prepare_cached(sql)?;
    let documents =
        statement.query_map(values, |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
    Ok(documents.iter().filter_map(|document| KeptCalibration::parse(document)).collect())
}
