//! Lanes of rankings in MongoDB: a field of `model_status`, of which its other readers know nothing.

use super::{KeptLane, LaneHalfHour, ModelRanking, RankingStore};
use crate::domain::publication::HALF_HOUR;
use crate::storage::StoreError;
use crate::storage::catalog::mongo::entries::BATCH;
use crate::storage::catalog::mongo::work_list;
use crate::storage::history::mongo::slow;
use crate::storage::lifecycle::mongo::{PATIENCE, known};
use crate::storage::mongo::bson::date;
use crate::storage::mongo::errors::MongoCallError;
use crate::storage::mongo::to_json::{instant, whole};
use crate::storage::mongo::{MongoContext, MongoStore, bulk_update};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use mongodb::bson::{Bson, Document, doc};
use std::sync::Arc;

/// The field of `model_status`.
const RANKING: &str = "ranking";

#[async_trait]
impl RankingStore for MongoStore {
    async fn half_hours(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Vec<LaneHalfHour>, StoreError> {
        let shared = Arc::clone(&self.shared);
        self.caller.patiently(async move { half_hours(&shared, from, to).await }).await
    }

    async fn keep_rankings(&self, rankings: &[ModelRanking]) -> Result<(), StoreError> {
        let (shared, rankings) = (Arc::clone(&self.shared), rankings.to_vec());
        self.caller.patiently(async move { keep_rankings(&shared, &rankings).await }).await
    }

    async fn rankings(&self) -> Result<Vec<ModelRanking>, StoreError> {
        let shared = Arc::clone(&self.shared);
        self.caller.call(async move { rankings(&shared).await }).await
    }
}

async fn half_hours(
    shared: &MongoContext,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<Vec<LaneHalfHour>, MongoCallError> {
    let number = doc! { "$floor": { "$divide": [{ "$toLong": "$run_ts" }, HALF_HOUR * 1000] } };
    let key = doc! { "provider": "$provider", "model_id": "$model_name", "endpoint_tag": "$route_endpoint_tag",
    "quantization": "$quantization", "number": { "$toLong": number } };
    let stages = [
        doc! { "$match": { "run_ts": { "$gte": date(from), "$lt": date(to) } } },
        doc! { "$group": { "_id": key } },
    ];
    let rows = shared.collection(&shared.names.cloud);
    let asked = rows.aggregate(stages).allow_disk_use(true).batch_size(BATCH).max_time(PATIENCE);
    let mut cursor = asked.await.map_err(slow)?;
    let mut found = Vec::new();
    while cursor.advance().await.map_err(slow)? {
        let group: Document = cursor.deserialize_current()?;
        found.extend(group.get_document("_id").ok().and_then(half_hour));
    }
    Ok(found)
}

fn half_hour(key: &Document) -> Option<LaneHalfHour> {
    let lane = (text(key, "endpoint_tag"), text(key, "quantization"));
    Some(LaneHalfHour { model: work_list::model(key)?, lane, number: whole(key, "number")? })
}

fn text(row: &Document, name: &str) -> Option<String> {
    row.get_str(name).ok().map(str::to_owned)
}

async fn keep_rankings(shared: &MongoContext, rankings: &[ModelRanking]) -> Result<(), MongoCallError> {
    let mut known = known(shared).await?;
    let update = |ranking: &ModelRanking| {
        let (id, _) = known.remove(&ranking.model)?;
        Some(doc! { "q": { "_id": id }, "u": { "$set": { RANKING: document(ranking) } } })
    };
    bulk_update::in_batches(shared, &shared.names.model_status, rankings, update).await
}

fn document(ranking: &ModelRanking) -> Document {
    let integer = |count: u32| Bson::Int32(i32::try_from(count).unwrap_or(i32::MAX));
    let lane = |lane: &KeptLane| {
        doc! {
            "endpoint_tag": lane.endpoint_tag.as_deref(),
            "quantization": lane.quantization.as_deref(),
            "samples": integer(lane.samples),
            "span_seconds": integer(lane.span_seconds),
            "dates": integer(lane.dates),
            "blocks": integer(lane.blocks),
            "block_days": lane.block_days.map(integer).to_vec(),
        }
    };
    let lanes: Vec<Document> = ranking.lanes.iter().map(lane).collect();
    doc! { "counted_at": date(ranking.counted_at), "lanes": lanes }
}

async fn rankings(shared: &MongoContext) -> Result<Vec<ModelRanking>, MongoCallError> {
    let rows = shared.collection(&shared.names.model_status);
    let wanted = doc! { RANKING: { "$exists": true }, "status": { "$nin": ["disabled", "deprecated"] } };
    let fields = doc! { "_id": 0, "provider": 1, "model_id": 1, RANKING: 1 };
    let mut cursor = rows.find(wanted).projection(fields).batch_size(BATCH).await?;
    let mut found = Vec::new();
    while cursor.advance().await? {
        let row: Document = cursor.deserialize_current()?;
        found.extend(ranking(&row));
    }
    found.sort_by(|one: &ModelRanking, other| one.model.cmp(&other.model));
    Ok(found)
}

fn ranking(row: &Document) -> Option<ModelRanking> {
    let kept = row.get_document(RANKING).ok()?;
    let count = |row: &Document, name: &str| whole(row, name).and_then(|count| u32::try_from(count).ok());
    let lane = |row: &Document| {
        Some(KeptLane {
            endpoint_tag: text(row, "endpoint_tag"),
            quantization: text(row, "quantization"),
            samples: count(row, "samples")?,
            span_seconds: count(row, "span_seconds")?,
            dates: count(row, "dates")?,
            blocks: count(row, "blocks")?,
            block_days: std::array::from_fn(|block| {
                let days = bulk_update::array(row, "block_days").get(block);
                days.and_then(Bson::as_i32).and_then(|days| u32::try_from(days).ok()).unwrap_or(0)
            }),
        })
    };
    let lanes = bulk_update::array(kept, "lanes").iter().filter_map(Bson::as_document).filter_map(lane);
    Some(ModelRanking {
        model: work_list::model(row)?,
        counted_at: instant(kept, "counted_at")?,
        lanes: lanes.collect(),
    })
}
