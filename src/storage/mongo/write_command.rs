//! One `update` or `insert` command for many rows, in a form that every server version accepts, with the result of each
//! row. The driver's own bulk write needs MongoDB 8.

use super::MongoContext;
use super::connect::WRITE_TIMEOUT;
use super::errors::is_duplicate_code;
use crate::storage::StoreError;
use mongodb::bson::{self, Bson, Document, RawArrayBuf, RawDocument, RawDocumentBuf, cstr, rawdoc};
use mongodb::error::Error;
use std::ops::Range;

/// The results of the statements of a command, or of the documents of an insert.
#[derive(Debug, Default)]
pub struct BulkOutcome {
    /// Indexes of the updates that made a new row; an insert that is not refused always does.
    pub new: Vec<usize>,
    /// The refused ones, with their indexes and reasons.
    pub refused: Vec<FailedUpdate>,
    /// The reason why a majority has not confirmed the writes.
    pub unconfirmed: Option<String>,
}

/// A statement that was refused.
#[derive(Debug)]
pub struct FailedUpdate {
    /// Its index in the command.
    pub place: usize,
    /// True if another writer has inserted the same key first.
    pub is_duplicate: bool,
    pub why: String,
}

/// Sends statements (`q`, `u`, `upsert`); a refused one holds up no other.
pub async fn send(
    shared: &MongoContext,
    collection: &str,
    statements: Vec<Document>,
) -> Result<BulkOutcome, Error> {
    let mut command = RawDocumentBuf::new();
    command.append(cstr!("update"), collection);
    command.append(cstr!("updates"), array(statements.iter().map(RawDocumentBuf::try_from))?);
    run(shared, command).await
}

/// Inserts documents; a refused one holds up no other. Large ones take several commands.
pub async fn insert(
    shared: &MongoContext,
    collection: &str,
    documents: Vec<&RawDocument>,
) -> Result<BulkOutcome, Error> {
    let mut answer = BulkOutcome::default();
    let lengths: Vec<usize> = documents.iter().map(|document| document.as_bytes().len()).collect();
    for part in parts(&lengths) {
        let mut items = RawArrayBuf::new();
        documents[part.clone()].iter().for_each(|document| items.push(*document));
        let mut command = RawDocumentBuf::new();
        command.append(cstr!("insert"), collection);
        command.append(cstr!("documents"), items);
        let BulkOutcome { refused, unconfirmed, .. } = run(shared, command).await?;
        let placed = |one: FailedUpdate| FailedUpdate { place: part.start + one.place, ..one };
        answer.refused.extend(refused.into_iter().map(placed));
        answer.unconfirmed = answer.unconfirmed.or(unconfirmed);
    }
    Ok(answer)
}

/// Approximate bytes in one command; a server takes 16 MiB.
const BYTES: usize = 8 * 1024 * 1024;

/// Splits documents into commands by their lengths.
fn parts(lengths: &[usize]) -> Vec<Range<usize>> {
    let (mut parts, mut start, mut bytes) = (Vec::new(), 0, 0);
    for (place, length) in lengths.iter().enumerate() {
        if place > start && bytes + length > BYTES {
            parts.push(start..place);
            (start, bytes) = (place, 0);
        }
        bytes += length;
    }
    parts.extend((start < lengths.len()).then_some(start..lengths.len()));
    parts
}

fn array(items: impl Iterator<Item = bson::error::Result<RawDocumentBuf>>) -> Result<RawArrayBuf, Error> {
    let mut array = RawArrayBuf::new();
    for item in items {
        array.push(item?);
    }
    Ok(array)
}

async fn run(shared: &MongoContext, mut command: RawDocumentBuf) -> Result<BulkOutcome, Error> {
    let timeout = i32::try_from(WRITE_TIMEOUT.as_millis()).unwrap_or(i32::MAX);
    command.append(cstr!("ordered"), false);
    command.append(cstr!("writeConcern"), rawdoc! { "w": "majority", "j": true, "wtimeout": timeout });
    let answer = shared.database.run_raw_command(command).await?;
    let documents = |name: &str| {
        let items = answer.get_array(name).map(Vec::as_slice).unwrap_or_default();
        items.iter().filter_map(Bson::as_document).collect::<Vec<_>>()
    };
    let place = |item: &Document| usize::try_from(item.get_i32("index").ok()?).ok();
    let refused = |item: &Document| {
        let is_duplicate = item.get_i32("code").is_ok_and(is_duplicate_code);
        Some(FailedUpdate { place: place(item)?, is_duplicate, why: words(item) })
    };
    Ok(BulkOutcome {
        new: documents("upserted").into_iter().filter_map(place).collect(),
        refused: documents("writeErrors").into_iter().filter_map(refused).collect(),
        unconfirmed: answer.get_document("writeConcernError").ok().map(words),
    })
}

impl BulkOutcome {
    /// Checks that the rows are stored: a key that another writer has inserted first is no error.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: a repetition may succeed.
    pub fn check(&self, what: &str) -> Result<(), StoreError> {
        let refused = self.refused.iter().find(|refused| !refused.is_duplicate).map(|refused| &refused.why);
        match refused.or(self.unconfirmed.as_ref()) {
            None => Ok(()),
            Some(why) => Err(StoreError::Unavailable(format!(
                "the row is stored, but {what} could not be brought up to date: {why}"
            ))),
        }
    }
}

fn words(error: &Document) -> String {
    error.get_str("errmsg").unwrap_or("no reason given").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_bounded_and_hold_each_document_once() {
        assert!(parts(&[]).is_empty());
        assert_eq!(parts(&[9; 300]), vec![0..300]);
        assert_eq!(parts(&[1, BYTES, 1, BYTES - 1, 2]), vec![0..1, 1..2, 2..4, 4..5]);
    }
}
