//! Rows in bulk: one cursor along an index, one batch per call, converted from BSON to JSON
//! without documents in between.

use super::mongo::{filter, runs_of};
use super::row_pages::{PAGE_ROWS, RowPage, RowPages, RowQuery, RowSource};
use crate::storage::StoreError;
use crate::storage::history::HistoryFilter;
use crate::storage::history::row_pages::RowStore;
use crate::storage::mongo::call::Caller;
use crate::storage::mongo::errors::{MongoCallError, lacks_index};
use crate::storage::mongo::{MongoContext, MongoStore, to_json};
use async_trait::async_trait;
use mongodb::Cursor;
use mongodb::bson::{Bson, Document, RawArray, RawBsonRef, RawDocument, RawDocumentBuf, doc};
use mongodb::error::{Error, Result};
use mongodb::options::Hint;
use serde_json::Value;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

impl RowStore for MongoStore {
    fn pages(&self, question: RowQuery) -> Box<dyn RowPages + '_> {
        Box::new(MongoPages::new(&self.shared, &self.caller, question))
    }
}

/// The server's time for one query, all of its pages together. Time between requests does not count.
const PATIENCE: Duration = Duration::from_secs(1_800);

/// Pages of one query.
pub struct MongoPages<'a> {
    shared: &'a Arc<MongoContext>,
    caller: &'a Caller,
    state: PagingState,
}

/// The progress of a query.
#[allow(clippy::large_enum_variant, reason = "one of them exists, and it lives where it is made")]
enum PagingState {
    Asked(RowQuery),
    /// Holds the name of the field with the row's time.
    Reading(&'static str, Box<Cursor<RawDocumentBuf>>),
    Ended,
}

impl<'a> MongoPages<'a> {
    /// Pages from the first row on.
    pub fn new(shared: &'a Arc<MongoContext>, caller: &'a Caller, question: RowQuery) -> Self {
        Self { shared, caller, state: PagingState::Asked(question) }
    }
}

#[async_trait]
impl RowPages for MongoPages<'_> {
    async fn next(&mut self) -> std::result::Result<Option<RowPage>, StoreError> {
        let shared = Arc::clone(self.shared);
        let state = std::mem::replace(&mut self.state, PagingState::Ended);
        let (page, state) = self.caller.call(async move { page(&shared, state).await }).await?;
        self.state = state;
        Ok((!page.is_empty()).then_some(page))
    }
}

async fn page(
    shared: &MongoContext,
    state: PagingState,
) -> std::result::Result<(RowPage, PagingState), MongoCallError> {
    let mut page = RowPage::default();
    let (at, mut cursor) = match state {
        PagingState::Asked(question) => (question.table.time(), Box::new(ask(shared, question).await?)),
        PagingState::Reading(at, cursor) => (at, cursor),
        PagingState::Ended => return Ok((page, PagingState::Ended)),
    };
    while !page.is_full() {
        if !cursor.advance().await? {
            return Ok((page, PagingState::Ended));
        }
        let row = cursor.current();
        let mut written = Ok(());
        page.add(time(row, at), |text| written = write_document(text, row));
        written?;
    }
    Ok((page, PagingState::Reading(at, cursor)))
}

/// The time of a row in milliseconds. The server sorts other types before or after all dates.
fn time(row: &RawDocument, field: &str) -> i64 {
    match row.get(field) {
        Ok(Some(RawBsonRef::DateTime(at))) => at.timestamp_millis(),
        Ok(Some(RawBsonRef::Timestamp(_) | RawBsonRef::RegularExpression(_) | RawBsonRef::MaxKey)) => {
            i64::MAX
        }
        _ => i64::MIN,
    }
}

async fn ask(
    shared: &MongoContext,
    question: RowQuery,
) -> std::result::Result<Cursor<RawDocumentBuf>, MongoCallError> {
    let RowQuery { table, scope, fields } = question;
    let scope = HistoryFilter { fingerprint: None, ..scope };
    let name = match table {
        RowSource::Runs(series) => runs_of(shared, series),
        RowSource::Errors => &shared.names.errors,
    };
    let time = table.time();
    let index = format!("{time}_1__id_1_provider_1_model_name_1");
    let rows = shared.database.collection::<RawDocumentBuf>(name);
    let find = rows.find(filter(&scope, time)).sort(doc! { time: 1, "_id": 1 }).hint(Hint::Name(index));
    let find = find.batch_size(PAGE_ROWS as u32).max_time(PATIENCE);
    let find = match fields {
        Some(fields) => find.projection(
            fields.iter().map(|field| ((*field).to_owned(), Bson::Int32(1))).collect::<Document>(),
        ),
        None => find,
    };
    find.await.map_err(|error| match lacks_index(&error) {
        true => StoreError::Broken(format!(
            "{name} lacks the index by {time} and id that rows are read by: `llmbench db init` creates it"
        ))
        .into(),
        false => error.into(),
    })
}

/// Appends a document in the format of [`to_json::document`].
fn write_document(text: &mut String, document: &RawDocument) -> Result<()> {
    text.push('{');
    let mut first = true;
    for field in document {
        let (key, value) = field.map_err(Error::custom)?;
        separate(text, &mut first);
        write_text(text, &to_json::unescape_key(key.as_str()));
        text.push(':');
        write_value(text, value)?;
    }
    text.push('}');
    Ok(())
}

fn write_array(text: &mut String, array: &RawArray) -> Result<()> {
    text.push('[');
    let mut first = true;
    for item in array {
        separate(text, &mut first);
        write_value(text, item.map_err(Error::custom)?)?;
    }
    text.push(']');
    Ok(())
}

fn separate(text: &mut String, first: &mut bool) {
    if !std::mem::replace(first, false) {
        text.push(',');
    }
}

/// Appends a value in the format of [`to_json::plain`], the usual types directly.
fn write_value(text: &mut String, value: RawBsonRef<'_>) -> Result<()> {
    match value {
        RawBsonRef::Null => text.push_str("null"),
        RawBsonRef::Boolean(flag) => text.push_str(if flag { "true" } else { "false" }),
        RawBsonRef::Int32(number) => append(text, number),
        RawBsonRef::Int64(number) => append(text, number),
        RawBsonRef::String(words) => write_text(text, words),
        RawBsonRef::Array(items) => return write_array(text, items),
        RawBsonRef::Document(fields) => return write_document(text, fields),
        other => append(text, to_json::plain(other)),
    }
    Ok(())
}

fn append(text: &mut String, value: impl std::fmt::Display) {
    // Writing to a string does not fail.
    let _ = write!(text, "{value}");
}

fn write_text(text: &mut String, words: &str) {
    if words.bytes().any(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
        append(text, Value::from(words));
    } else {
        text.push('"');
        text.push_str(words);
        text.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::DateTime;
    use mongodb::bson::oid::ObjectId;

    #[test]
    fn a_row_is_written_as_it_is_shown() {
        let odd = doc! {
            "plain": "words", "quoted": "a\"b\\c\nd\u{1f600}", "id": ObjectId::from_bytes([7; 12]), "gone": null,
            "at": DateTime::from_millis(1_700_000_000_123), "never": DateTime::MAX, "nan": f64::NAN,
            "tiny": 1e-300, "huge": 1e300, "whole": 48.0, "minus": -0.0, "int": 7, "long": i64::MIN, "yes": true,
            "gaps": [0.017_715_215_682_982_9, 1.0, [], {}], "deep": { "%24x%2Ey": [null], "%": 1, "q\"": 2 },
            "decimal": Bson::Decimal128("1.5".parse().unwrap()), "regex": Bson::MinKey,
        };
        let mut text = String::new();
        write_document(&mut text, &RawDocumentBuf::try_from(&odd).unwrap()).unwrap();
        assert_eq!(text, Value::Object(to_json::fields(&odd)).to_string());
    }
}
