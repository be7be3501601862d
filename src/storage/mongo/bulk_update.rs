//! Many small writes in a few `update` commands, in a form that every server version accepts: one call per row would
//! take seconds, because each waits for the journal.

use super::MongoContext;
use super::connect::WRITE_TIMEOUT;
use super::errors::{self, MongoCallError};
use crate::storage::StoreError;
use mongodb::Collection;
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::Error;
use mongodb::results::UpdateResult;

/// Updates in one command. The largest, an entry of a provider's list, has at most 128 KiB, so a command stays far
/// below the server's 48 MB.
const BATCH: usize = 200;

/// The code of `DuplicateKey`: another writer has inserted the same row first.
const DUPLICATE: i32 = 11000;

/// An upsert that loses the race for a new key finds the winner's row the second time.
pub async fn upsert(
    collection: &Collection<Document>,
    filter: Document,
    update: Document,
) -> Result<UpdateResult, Error> {
    match collection.update_one(filter.clone(), update.clone()).upsert(true).await {
        Err(error) if errors::is_duplicate(&error) => {
            collection.update_one(filter, update).upsert(true).await
        }
        other => other,
    }
}

/// Sends statements of the `update` command (`q`, `u`, `upsert`), again if another writer was first, and returns the
/// number of new rows.
pub async fn update(
    shared: &MongoContext,
    collection: &str,
    updates: &[Document],
) -> Result<u64, MongoCallError> {
    let mut new = 0;
    for batch in updates.chunks(BATCH) {
        new += write(shared, collection, batch).await?;
    }
    Ok(new)
}

/// Sends a statement for each item that needs one. Statements are made as they are sent, because those of a large catalog
/// would take more memory than all that they are made of.
pub async fn in_batches<T>(
    shared: &MongoContext,
    collection: &str,
    items: &[T],
    mut statement: impl FnMut(&T) -> Option<Document>,
) -> Result<(), MongoCallError> {
    for batch in items.chunks(BATCH) {
        let updates: Vec<Document> = batch.iter().filter_map(&mut statement).collect();
        if !updates.is_empty() {
            write(shared, collection, &updates).await?;
        }
    }
    Ok(())
}

/// Sends statements whose filters name a state besides the key, and returns the numbers of those that found another state:
/// a second row of the key cannot be inserted.
pub async fn guarded(
    shared: &MongoContext,
    collection: &str,
    updates: &[Document],
) -> Result<Vec<usize>, MongoCallError> {
    let mut lost = Vec::new();
    for (number, batch) in updates.chunks(BATCH).enumerate() {
        let answer = send(shared, collection, batch).await?;
        refuse_errors(&answer, |error| !is_duplicate(error))?;
        let errors = array(&answer, "writeErrors").iter().filter_map(Bson::as_document);
        let places = errors.filter_map(|error| usize::try_from(error.get_i32("index").ok()?).ok());
        lost.extend(places.map(|place| number * BATCH + place));
    }
    lost.sort_unstable();
    Ok(lost)
}

async fn write(shared: &MongoContext, collection: &str, batch: &[Document]) -> Result<u64, MongoCallError> {
    let answer = send(shared, collection, batch).await?;
    let lost: Vec<Document> = array(&answer, "writeErrors")
        .iter()
        .filter_map(Bson::as_document)
        .filter(|error| is_duplicate(error))
        .filter_map(|error| batch.get(usize::try_from(error.get_i32("index").ok()?).ok()?).cloned())
        .collect();
    refuse_errors(&answer, |error| !is_duplicate(error))?;
    let mut new = array(&answer, "upserted").len();
    if !lost.is_empty() {
        let answer = send(shared, collection, &lost).await?;
        refuse_errors(&answer, |_| true)?;
        new += array(&answer, "upserted").len();
    }
    Ok(new as u64)
}

fn is_duplicate(error: &Document) -> bool {
    error.get_i32("code").is_ok_and(|code| code == DUPLICATE)
}

async fn send(
    shared: &MongoContext,
    collection: &str,
    batch: &[Document],
) -> Result<Document, MongoCallError> {
    let timeout = i32::try_from(WRITE_TIMEOUT.as_millis()).unwrap_or(i32::MAX);
    let command = doc! {
        "update": collection,
        "updates": batch.to_vec(),
        "ordered": false,
        "writeConcern": { "w": "majority", "j": true, "wtimeout": timeout },
    };
    Ok(shared.database.run_command(command).await?)
}

/// Finds errors in the answer: a command that succeeds as a whole lists its failed statements there.
fn refuse_errors(answer: &Document, counts: impl Fn(&Document) -> bool) -> Result<(), MongoCallError> {
    let said = |error: &Document| error.get_str("errmsg").unwrap_or("no reason given").to_owned();
    let mut errors = array(answer, "writeErrors").iter().filter_map(Bson::as_document);
    if let Some(error) = errors.find(|error| counts(error)) {
        return Err(StoreError::Rejected(format!("a row cannot be stored: {}", said(error))).into());
    }
    if let Ok(error) = answer.get_document("writeConcernError") {
        let text = format!("the rows are not confirmed by a majority: {}", said(error));
        return Err(StoreError::Unavailable(text).into());
    }
    Ok(())
}

/// A field that is an array; else empty.
pub fn array<'a>(document: &'a Document, name: &str) -> &'a [Bson] {
    document.get_array(name).map(Vec::as_slice).unwrap_or_default()
}
