//! Stores many rows at once, each under its `_id` and at most once, with a few commands instead of some for each row.
//! Their aggregates are left pending (`pending_aggregates`). As safe to repeat as storing one row.

use super::document::RowDestination;
use super::mongo_record;
use super::mongo_row::BsonRow;
use crate::storage::aggregates::PendingAggregates;
use crate::storage::mongo::errors::MongoCallError;
use crate::storage::mongo::write_command::BulkOutcome;
use crate::storage::mongo::{MongoContext, errors, write_command};
use crate::storage::{MongoUri, RecordOutcome, StoreError};
use chrono::Utc;
use mongodb::bson::{Document, doc};
use mongodb::error::Error;
use mongodb::options::ReadConcern;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Rows in one command.
const ROWS: usize = 200;

/// Number of concurrent commands: while one waits for the journal, another is written.
const COMMANDS: usize = 4;

type BulkInsertResult = Result<RecordOutcome, StoreError>;

/// Stores rows, and returns their answers, in order, and the pending aggregates.
pub async fn keep_all(
    shared: &Arc<MongoContext>,
    rows: Vec<BsonRow>,
    uri: &MongoUri,
) -> (Vec<BulkInsertResult>, PendingAggregates) {
    let rows = Arc::new(rows);
    let answers = kept(shared, &rows, uri).await;
    let aggregates = aggregates(&rows, &answers);
    (answers, aggregates)
}

/// The aggregates that the stored rows change.
fn aggregates(rows: &[BsonRow], answers: &[BulkInsertResult]) -> PendingAggregates {
    let (mut aggregates, now) = (PendingAggregates::default(), Utc::now());
    let there = rows.iter().zip(answers).filter(|(_, kept)| kept.is_ok());
    there.for_each(|(row, _)| aggregates.add(&row.view(), now));
    aggregates
}

async fn kept(shared: &Arc<MongoContext>, rows: &Arc<Vec<BsonRow>>, uri: &MongoUri) -> Vec<BulkInsertResult> {
    let mut answers: Vec<Option<BulkInsertResult>> = rows.iter().map(|_| None).collect();
    let mut waiting = portions(rows).into_iter();
    let mut under_way = JoinSet::new();
    loop {
        while under_way.len() < COMMANDS
            && let Some(portion) = waiting.next()
        {
            let (shared, rows, uri) = (Arc::clone(shared), Arc::clone(rows), uri.clone());
            under_way.spawn(async move {
                let kept = keep(&shared, &rows, &portion, &uri).await;
                portion.into_iter().zip(kept).collect::<Vec<_>>()
            });
        }
        match under_way.join_next().await {
            None => break,
            Some(Ok(kept)) => kept.into_iter().for_each(|(place, kept)| answers[place] = Some(kept)),
            // The driver has panicked: the state of these rows is unknown.
            Some(Err(_)) => {}
        }
    }
    let lost = || StoreError::Broken(format!("the call to {uri} ended without an answer"));
    answers.into_iter().map(|kept| kept.unwrap_or_else(|| Err(lost()))).collect()
}

/// The indexes of rows that are sent together: of one collection, limited in number.
fn portions(rows: &[BsonRow]) -> Vec<Vec<usize>> {
    let places = |home| (0..rows.len()).filter(|place| rows[*place].place == home).collect::<Vec<_>>();
    let homes = [RowDestination::Published, RowDestination::Probe, RowDestination::Errors].map(places);
    homes.iter().flat_map(|home| home.chunks(ROWS).map(<[usize]>::to_vec)).collect()
}

async fn keep(
    shared: &MongoContext,
    rows: &[BsonRow],
    portion: &[usize],
    uri: &MongoUri,
) -> Vec<BulkInsertResult> {
    let rows: Vec<&BsonRow> = portion.iter().map(|place| &rows[*place]).collect();
    match put(shared, &rows).await.map_err(|call_error| errors::explain(call_error, uri)) {
        Ok(put) => {
            let mut kept = Vec::with_capacity(rows.len());
            for (row, put) in rows.into_iter().zip(put) {
                kept.push(match put {
                    Some(recorded) => Ok(recorded),
                    None => alone(shared, row, uri).await,
                });
            }
            kept
        }
        // One of the rows is too large for the whole command.
        Err(StoreError::Rejected(_)) if rows.len() > 1 => {
            let mut kept = Vec::with_capacity(rows.len());
            for row in rows {
                kept.push(alone(shared, row, uri).await);
            }
            kept
        }
        Err(error) => rows.iter().map(|_| Err(error.clone())).collect(),
    }
}

/// Stores a single row, so that the driver's message describes its error.
async fn alone(shared: &MongoContext, row: &BsonRow, uri: &MongoUri) -> BulkInsertResult {
    mongo_record::place(shared, row).await.map_err(|call_error| errors::explain(call_error, uri))
}

/// Inserts rows of one collection. `None` for a row that must be handled separately: it was refused, or its id
/// already exists with different content.
///
/// New rows, nearly all, are inserted, which is much faster for a server than upserts. An insert that finds its id
/// taken does not show if a majority has the other row; an upsert of it waits for that (see `mongo_record::place`).
async fn put(shared: &MongoContext, rows: &[&BsonRow]) -> Result<Vec<Option<RecordOutcome>>, MongoCallError> {
    let Some(home) = rows.first().map(|row| row.place) else { return Ok(Vec::new()) };
    let collection = mongo_record::home(shared, home);
    let ids: Vec<&str> = rows.iter().map(|row| row.id()).collect();
    let [one, other] = mongo_record::others(home);
    let (one, other) = tokio::try_join!(found(shared, one, &ids), found(shared, other, &ids))?;
    let elsewhere = |place: &usize| one.contains_key(ids[*place]) || other.contains_key(ids[*place]);
    let mut kept = vec![None; rows.len()];
    let sent: Vec<usize> = (0..rows.len()).filter(|place| !elsewhere(place)).collect();
    if sent.is_empty() {
        return Ok(kept);
    }
    let documents = sent.iter().map(|place| &*rows[*place].document).collect();
    let BulkOutcome { refused, unconfirmed, .. } =
        write_command::insert(shared, collection, documents).await?;
    confirmed(unconfirmed)?;
    for place in &sent {
        kept[*place] = Some(RecordOutcome::Stored);
    }
    for refused in &refused {
        kept[sent[refused.place]] = None;
    }
    let taken: Vec<usize> =
        refused.iter().filter(|refused| refused.is_duplicate).map(|refused| sent[refused.place]).collect();
    if taken.is_empty() {
        return Ok(kept);
    }
    let statements = taken.iter().map(|place| statement(rows[*place])).collect::<Result<Vec<_>, _>>()?;
    let answer = write_command::send(shared, collection, statements).await?;
    confirmed(answer.unconfirmed)?;
    for place in answer.new {
        kept[taken[place]] = Some(RecordOutcome::Stored);
    }
    let matched: Vec<usize> = taken.into_iter().filter(|place| kept[*place].is_none()).collect();
    let there = found(shared, home, &matched.iter().map(|place| ids[*place]).collect::<Vec<_>>()).await?;
    for place in matched {
        let sent = rows[place].fields().map_err(Error::from)?;
        let same = there.get(ids[place]).is_some_and(|found| mongo_record::is_same(found, &sent));
        kept[place] = same.then_some(RecordOutcome::Duplicate);
    }
    Ok(kept)
}

fn confirmed(unconfirmed: Option<String>) -> Result<(), StoreError> {
    let text = |why| format!("the rows are not confirmed by a majority: {why}");
    unconfirmed.map_or(Ok(()), |why| Err(StoreError::Unavailable(text(why))))
}

/// `mongo_record::put` explains why this is no insert.
fn statement(row: &BsonRow) -> Result<Document, Error> {
    let mut fields = row.fields().map_err(Error::from)?;
    let id = fields.remove("_id");
    Ok(doc! { "q": { "_id": id }, "u": { "$setOnInsert": fields }, "upsert": true })
}

/// Rows of a collection by their ids, as acknowledged by a majority.
async fn found(
    shared: &MongoContext,
    place: RowDestination,
    ids: &[&str],
) -> Result<HashMap<String, Document>, MongoCallError> {
    let collection = shared.collection(mongo_record::home(shared, place));
    let query = collection.find(doc! { "_id": { "$in": ids } }).read_concern(ReadConcern::majority());
    let mut cursor = query.await?;
    let mut found = HashMap::new();
    while cursor.advance().await? {
        let row: Document = cursor.deserialize_current()?;
        found.insert(row.get_str("_id").unwrap_or_default().to_owned(), row);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Outcome;
    use crate::storage::fixtures;
    use crate::storage::outcomes::document;

    fn row(id: &str) -> BsonRow {
        let outcome = Outcome::Success(Box::new(fixtures::run(id, "groq", "m")));
        let profiles = crate::domain::PublishedProfiles::from(&["cloud-default-v1".to_owned()]);
        BsonRow::of(&document::row(&outcome, &profiles).unwrap()).unwrap()
    }

    #[test]
    fn portions_are_bounded_and_hold_each_row_once() {
        let mut rows: Vec<BsonRow> = (0..450).map(|number| row(&number.to_string())).collect();
        rows[7].place = RowDestination::Errors;
        let portions = portions(&rows);
        let sizes: Vec<usize> = portions.iter().map(Vec::len).collect();
        assert_eq!(sizes, [200, 200, 49, 1]);
        let mut all: Vec<usize> = portions.concat();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..rows.len()));
    }
}
