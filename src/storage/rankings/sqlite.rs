//! Lanes of rankings in SQLite: a column of `model_status`.

use super::{KeptLane, LaneHalfHour, ModelRanking, RankingStore};
use crate::domain::ModelRef;
use crate::domain::publication::HALF_HOUR;
use crate::storage::StoreError;
use crate::storage::sqlite::SqliteStore;
use crate::storage::sqlite::column_values::{instant, json};
use crate::storage::sqlite::errors::SqliteCallError;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, Row, TransactionBehavior, params};

pub const COLUMNS: &str = "
    ALTER TABLE model_status ADD COLUMN ranking TEXT;
    ALTER TABLE model_status ADD COLUMN ranking_at_ms INTEGER;
";

#[async_trait]
impl RankingStore for SqliteStore {
    async fn half_hours(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Vec<LaneHalfHour>, StoreError> {
        self.ask(move |connection| half_hours(connection, from, to)).await
    }

    async fn keep_rankings(&self, rankings: &[ModelRanking]) -> Result<(), StoreError> {
        let rankings = rankings.to_vec();
        self.ask(move |connection| keep_rankings(connection, &rankings)).await
    }

    async fn rankings(&self) -> Result<Vec<ModelRanking>, StoreError> {
        self.ask(rankings).await
    }
}

fn model(row: &Row<'_>) -> rusqlite::Result<ModelRef> {
    Ok(ModelRef::new(row.get::<_, String>(0)?, row.get::<_, String>(1)?))
}

fn half_hours(
    connection: &mut Connection,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<Vec<LaneHalfHour>, SqliteCallError> {
    let sql = "SELECT DISTINCT provider, model_name, run_ts_ms / ?3, doc ->> '$.route_endpoint_tag',
            doc ->> '$.quantization' FROM runs WHERE published = 1 AND run_ts_ms >= ?1 AND run_ts_ms < ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let read = |row: &Row<'_>| {
        Ok(LaneHalfHour { model: model(row)?, number: row.get(2)?, lane: (row.get(3)?, row.get(4)?) })
    };
    let range = params![from.timestamp_millis(), to.timestamp_millis(), HALF_HOUR * 1000];
    Ok(statement.query_map(range, read)?.collect::<rusqlite::Result<_>>()?)
}

fn keep_rankings(connection: &mut Connection, rankings: &[ModelRanking]) -> Result<(), SqliteCallError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let sql =
        "UPDATE model_status SET ranking = ?3, ranking_at_ms = ?4 WHERE provider = ?1 AND model_id = ?2";
    for ModelRanking { model, counted_at, lanes } in rankings {
        let counted_at = counted_at.timestamp_millis();
        let values = params![model.provider, model.model_id, json(lanes)?, counted_at];
        transaction.prepare_cached(sql)?.execute(values)?;
    }
    Ok(transaction.commit()?)
}

fn rankings(connection: &mut Connection) -> Result<Vec<ModelRanking>, SqliteCallError> {
    let sql = "SELECT provider, model_id, ranking_at_ms, ranking FROM model_status
        WHERE ranking IS NOT NULL AND status NOT IN ('disabled', 'deprecated') ORDER BY provider, model_id";
    let mut statement = connection.prepare_cached(sql)?;
    let read = |row: &Row<'_>| {
        // A list that cannot be read has no lanes, and the next count writes it anew.
        let lanes: Vec<KeptLane> = serde_json::from_str(&row.get::<_, String>(3)?).unwrap_or_default();
        Ok(ModelRanking { model: model(row)?, counted_at: instant(row, 2)?, lanes })
    };
    Ok(statement.query_map([], read)?.collect::<rusqlite::Result<_>>()?)
}
