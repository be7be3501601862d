//! When the published runs of a model began, in MongoDB.

use super::mongo::{PATIENCE, slow};
use crate::domain::ModelRef;
use crate::storage::mongo::MongoContext;
use crate::storage::mongo::bson::date;
use crate::storage::mongo::errors::MongoCallError;
use crate::storage::mongo::to_json::instant;
use chrono::{DateTime, Utc};
use mongodb::bson::{Document, doc};

/// Rows of one answer: a week of half-hourly turns under several profiles.
const BATCH: u32 = 5_000;

/// Read from an index alone, newest first.
pub async fn run_times(
    shared: &MongoContext,
    model: &ModelRef,
    since: DateTime<Utc>,
) -> Result<Vec<DateTime<Utc>>, MongoCallError> {
    let rows = shared.collection(&shared.names.cloud);
    let wanted = doc! {
        "provider": &model.provider, "model_name": &model.model_id, "run_ts": { "$gte": date(since) },
    };
    let find = rows.find(wanted).projection(doc! { "_id": 0, "run_ts": 1 }).sort(doc! { "run_ts": -1 });
    let mut cursor = find.batch_size(BATCH).max_time(PATIENCE).await.map_err(slow)?;
    let mut times = Vec::new();
    while cursor.advance().await.map_err(slow)? {
        let row: Document = cursor.deserialize_current()?;
        times.extend(instant(&row, "run_ts"));
    }
    Ok(times)
}
