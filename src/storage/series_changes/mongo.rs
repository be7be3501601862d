//! Changes of series in MongoDB. The id is `_id`; beside the document's own times there are dates to search by.

use super::{ChangeFilter, MOST_CHANGES, SeriesChangeStore, found_fields};
use crate::domain::change_document::{ACKNOWLEDGED, acknowledgement, parse_change};
use crate::domain::series_change::{Acknowledgement, SeriesChange};
use crate::storage::StoreError;
use crate::storage::mongo::bson::{date, fields_of, natural};
use crate::storage::mongo::errors::MongoCallError;
use crate::storage::mongo::to_json::fields;
use crate::storage::mongo::{MongoContext, MongoStore, bulk_update};
use async_trait::async_trait;
use mongodb::bson::{Bson, Document, doc};
use std::sync::Arc;

#[async_trait]
impl SeriesChangeStore for MongoStore {
    async fn keep_changes(&self, changes: &[SeriesChange]) -> Result<(), StoreError> {
        let (shared, changes) = (Arc::clone(&self.shared), changes.to_vec());
        let put = |change: &SeriesChange| {
            Some(doc! { "q": { "_id": &change.id }, "u": { "$set": row(change) }, "upsert": true })
        };
        let keep = async move {
            bulk_update::in_batches(&shared, &shared.names.series_changes, &changes, put).await
        };
        self.caller.patiently(keep).await
    }

    async fn series_changes(&self, wanted: &ChangeFilter) -> Result<Vec<SeriesChange>, StoreError> {
        let (shared, wanted) = (Arc::clone(&self.shared), wanted.clone());
        self.caller.patiently(async move { changes(&shared, &wanted).await }).await
    }

    async fn series_change(&self, id: &str) -> Result<Option<SeriesChange>, StoreError> {
        let (shared, id) = (Arc::clone(&self.shared), id.to_owned());
        let find = async move {
            let found = shared.collection(&shared.names.series_changes).find_one(doc! { "_id": id }).await?;
            Ok(found.as_ref().and_then(change))
        };
        self.caller.call(find).await
    }

    async fn acknowledge_change(&self, id: &str, seen: &Acknowledgement) -> Result<bool, StoreError> {
        let (shared, id, seen) = (Arc::clone(&self.shared), id.to_owned(), natural(&acknowledgement(seen)));
        let note = async move {
            let changes = shared.collection(&shared.names.series_changes);
            let set = doc! { "$set": { ACKNOWLEDGED: seen } };
            Ok(changes.update_one(doc! { "_id": id }, set).await?.matched_count > 0)
        };
        self.caller.call(note).await
    }
}

fn row(change: &SeriesChange) -> Document {
    let mut row = fields_of(&found_fields(change));
    row.remove("id");
    row.insert("began_at", date(change.began.at));
    row.insert("ended_at", change.ended.map_or(Bson::Null, |ended| date(ended.at)));
    row
}

/// The change of a document; one that is none, which only another program can have written, is passed over.
fn change(row: &Document) -> Option<SeriesChange> {
    let mut fields = fields(row);
    let id = fields.remove("_id")?;
    fields.insert("id".to_owned(), id);
    parse_change(&fields)
}

async fn changes(shared: &MongoContext, wanted: &ChangeFilter) -> Result<Vec<SeriesChange>, MongoCallError> {
    let mut filter = Document::new();
    if let Some(provider) = &wanted.provider {
        filter.insert("provider", provider);
    }
    if let Some(since) = wanted.began_since {
        filter.insert("began_at", doc! { "$gte": date(since) });
    }
    if wanted.open {
        filter.insert("ended_at", Bson::Null);
    }
    let rows = shared.collection(&shared.names.series_changes);
    let mut cursor = rows.find(filter).sort(doc! { "began_at": -1, "_id": 1 }).await?;
    let mut found = Vec::new();
    while found.len() < MOST_CHANGES as usize && cursor.advance().await? {
        let row: Document = cursor.deserialize_current()?;
        found.extend(change(&row).filter(|change| wanted.selects(change)));
    }
    Ok(found)
}
