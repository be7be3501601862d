//! Stores one outcome under its `_id`, at most once, and updates its aggregates. Safe to repeat at any point: a
//! repetition finds the row, compares, and derives again.

use super::document::RowDestination;
use super::mongo_row::BsonRow;
use crate::storage::aggregates::PendingAggregates;
use crate::storage::mongo::MongoContext;
use crate::storage::mongo::bson::{SLOT_AT, date};
use crate::storage::mongo::bulk_update::upsert;
use crate::storage::mongo::errors::MongoCallError;
use crate::storage::outcomes::field_types::parse_date;
use crate::storage::posts::{TAG_IS_OURS, is_content};
use crate::storage::{RecordOutcome, StoreError, aggregates};
use chrono::Utc;
use mongodb::Collection;
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::Error;
use mongodb::options::ReadConcern;

/// Stores a row and updates rollup and health.
pub async fn record(shared: &MongoContext, row: &BsonRow) -> Result<RecordOutcome, MongoCallError> {
    let recorded = place(shared, row).await?;
    let mut aggregates = PendingAggregates::default();
    aggregates.add(&row.view(), Utc::now());
    aggregates::mongo::rollups(shared, &aggregates).await?;
    aggregates::mongo::healths(shared, &aggregates).await?;
    Ok(recorded)
}

/// Stores a row without updating aggregates.
pub async fn place(shared: &MongoContext, row: &BsonRow) -> Result<RecordOutcome, MongoCallError> {
    let document = row.fields().map_err(Error::from)?;
    match elsewhere(shared, row, &document).await? {
        Some(found) => Ok(found),
        None => put(&shared.collection(home(shared, row.place)), row.id(), document).await,
    }
}

/// The name of the collection.
pub fn home(shared: &MongoContext, place: RowDestination) -> &str {
    match place {
        RowDestination::Published => &shared.names.cloud,
        RowDestination::Probe => &shared.names.cloud_probe,
        RowDestination::Errors => &shared.names.errors,
    }
}

/// Searches the other collections for the id: a row from an earlier attempt may be delivered after the published
/// profiles have changed, and must not be counted in both.
async fn elsewhere(
    shared: &MongoContext,
    row: &BsonRow,
    document: &Document,
) -> Result<Option<RecordOutcome>, MongoCallError> {
    let id = row.id();
    let [one, other] = others(row.place).map(|place| shared.collection(home(shared, place)));
    let found = tokio::try_join!(read_back(&one, id), read_back(&other, id))?;
    found.0.or(found.1).map(|found| same(&found, document, id)).transpose()
}

pub fn others(place: RowDestination) -> [RowDestination; 2] {
    match place {
        RowDestination::Published => [RowDestination::Probe, RowDestination::Errors],
        RowDestination::Probe => [RowDestination::Published, RowDestination::Errors],
        RowDestination::Errors => [RowDestination::Published, RowDestination::Probe],
    }
}

/// Uses `$setOnInsert` and not an insert: if the row exists already, the server still waits for the majority, but a
/// second insert would report the taken key and hide that the first write is not yet safe.
async fn put(
    collection: &Collection<Document>,
    id: &str,
    document: Document,
) -> Result<RecordOutcome, MongoCallError> {
    let mut fields = document.clone();
    fields.remove("_id");
    let update = doc! { "$setOnInsert": fields };
    let result = upsert(collection, doc! { "_id": id }, update).await?;
    if result.upserted_id.is_some() {
        return Ok(RecordOutcome::Stored);
    }
    match read_back(collection, id).await? {
        Some(found) => same(&found, &document, id),
        None => Err(StoreError::Unavailable(format!(
            "the row `{id}` is there and not yet confirmed by a majority: try again"
        ))
        .into()),
    }
}

async fn read_back(collection: &Collection<Document>, id: &str) -> Result<Option<Document>, Error> {
    collection.find_one(doc! { "_id": id }).read_concern(ReadConcern::majority()).await
}

fn same(found: &Document, sent: &Document, id: &str) -> Result<RecordOutcome, MongoCallError> {
    if is_same(found, sent) {
        return Ok(RecordOutcome::Duplicate);
    }
    Err(StoreError::Conflict(format!("the id `{id}` is stored already with other content")).into())
}

/// True if two rows are the same, regardless of the sender, the time of sending and an endpoint that the bridge named.
pub fn is_same(found: &Document, sent: &Document) -> bool {
    let tag_is_ours = found.contains_key(TAG_IS_OURS) || sent.contains_key(TAG_IS_OURS);
    let counts = |(name, _): &(&String, &Bson)| is_content(name, tag_is_ours);
    let sent: Vec<_> = sent.iter().filter(counts).collect();
    found.iter().filter(counts).count() == sent.len()
        && sent
            .into_iter()
            .all(|(name, value)| found.get(name) == Some(value) || is_older_slot(name, found, value))
}

/// True if a row of an earlier version spells the time of its slot as text, and means the same.
fn is_older_slot(name: &str, found: &Document, sent: &Bson) -> bool {
    let stored = (name == SLOT_AT).then(|| found.get_str(name).ok()).flatten().and_then(parse_date);
    stored.is_some_and(|at| Some(&date(at)) == Some(sent))
}
