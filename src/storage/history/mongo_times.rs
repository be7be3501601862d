//! The published runs of a model as rankings see them, in MongoDB.

use super::PublishedSample;
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

/// Found by an index, newest first.
pub async fn published_samples(
    shared: &MongoContext,
    model: &ModelRef,
    since: DateTime<Utc>,
) -> Result<Vec<PublishedSample>, MongoCallError> {
    let rows = shared.collection(&shared.names.cloud);
    let wanted = doc! {
        "provider": &model.provider, "model_name": &model.model_id, "run_ts": { "$gte": date(since) },
    };
    let fields = doc! { "_id": 0, "run_ts": 1, "route_endpoint_tag": 1, "quantization": 1 };
    let find = rows.find(wanted).projection(fields).sort(doc! { "run_ts": -1 });
    let mut cursor = find.batch_size(BATCH).max_time(PATIENCE).await.map_err(slow)?;
    let mut samples = Vec::new();
    while cursor.advance().await.map_err(slow)? {
        let row: Document = cursor.deserialize_current()?;
        let text = |name: &str| row.get_str(name).ok().map(str::to_owned);
        samples.extend(instant(&row, "run_ts").map(|at| PublishedSample {
            at,
            endpoint_tag: text("route_endpoint_tag"),
            quantization: text("quantization"),
        }));
    }
    Ok(samples)
}
