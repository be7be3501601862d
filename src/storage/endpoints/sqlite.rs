//! Endpoints of a router's models in SQLite.

use super::{EndpointRow, EndpointStore};
use crate::domain::listing::ListedEndpoint;
use crate::storage::StoreError;
use crate::storage::sqlite::SqliteStore;
use crate::storage::sqlite::errors::SqliteCallError;
use async_trait::async_trait;
use chrono::DateTime;
use rusqlite::{Connection, Row, TransactionBehavior, params};

#[async_trait]
impl EndpointStore for SqliteStore {
    async fn keep_endpoints(&self, models: &[String], rows: &[EndpointRow]) -> Result<(), StoreError> {
        let (models, rows) = (models.to_vec(), rows.to_vec());
        self.ask(move |connection| keep(connection, &models, &rows)).await
    }

    async fn endpoints(&self, model_id: Option<&str>) -> Result<Vec<EndpointRow>, StoreError> {
        let model_id = model_id.map(str::to_owned);
        self.ask(move |connection| endpoints(connection, model_id.as_deref())).await
    }
}

/// The table, a migration of the schema.
pub const TABLE: &str = "
    CREATE TABLE bench_endpoints (
        model_id TEXT NOT NULL,
        endpoint_tag TEXT NOT NULL,
        provider_canonical TEXT NOT NULL,
        provider_name TEXT NOT NULL,
        quantization TEXT,
        enabled INTEGER NOT NULL,
        or_status INTEGER,
        or_uptime_1d REAL,
        or_throughput_p50 REAL,
        last_seen_at_ms INTEGER,
        PRIMARY KEY (model_id, endpoint_tag)
    ) STRICT;
";

fn keep(connection: &mut Connection, models: &[String], rows: &[EndpointRow]) -> Result<(), SqliteCallError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for model_id in models {
        let sql = "UPDATE bench_endpoints SET enabled = 0 WHERE model_id = ? AND enabled = 1";
        transaction.prepare_cached(sql)?.execute([model_id])?;
    }
    // A pinned endpoint that is not listed keeps what was known of it.
    let sql = "INSERT INTO bench_endpoints (model_id, endpoint_tag, provider_canonical, provider_name, quantization,
            enabled, or_status, or_uptime_1d, or_throughput_p50, last_seen_at_ms)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
        ON CONFLICT (model_id, endpoint_tag) DO UPDATE SET enabled = excluded.enabled,
            provider_name = iif(?10 IS NULL, provider_name, excluded.provider_name),
            quantization = iif(?10 IS NULL, quantization, excluded.quantization),
            or_status = iif(?10 IS NULL, or_status, excluded.or_status),
            or_uptime_1d = iif(?10 IS NULL, or_uptime_1d, excluded.or_uptime_1d),
            or_throughput_p50 = iif(?10 IS NULL, or_throughput_p50, excluded.or_throughput_p50),
            last_seen_at_ms = coalesce(?10, last_seen_at_ms)";
    for row in rows {
        let listed = &row.listed;
        transaction.prepare_cached(sql)?.execute(params![
            row.model_id,
            listed.tag,
            row.provider_canonical(),
            listed.provider_name,
            listed.quantization,
            row.enabled,
            listed.status,
            listed.uptime_1d,
            listed.throughput_p50,
            row.last_seen_at.map(|at| at.timestamp_millis()),
        ])?;
    }
    Ok(transaction.commit()?)
}

fn endpoints(
    connection: &mut Connection,
    model_id: Option<&str>,
) -> Result<Vec<EndpointRow>, SqliteCallError> {
    let sql = "SELECT model_id, endpoint_tag, provider_name, quantization, enabled, or_status, or_uptime_1d,
            or_throughput_p50, last_seen_at_ms FROM bench_endpoints
        WHERE ?1 IS NULL OR model_id = ?1 ORDER BY model_id, endpoint_tag";
    let read = |found: &Row<'_>| {
        let at: Option<i64> = found.get(8)?;
        Ok(EndpointRow {
            model_id: found.get(0)?,
            listed: ListedEndpoint {
                tag: found.get(1)?,
                provider_name: found.get(2)?,
                quantization: found.get(3)?,
                status: found.get(5)?,
                uptime_1d: found.get(6)?,
                throughput_p50: found.get(7)?,
            },
            enabled: found.get(4)?,
            last_seen_at: at.and_then(DateTime::from_timestamp_millis),
        })
    };
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([model_id], read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
