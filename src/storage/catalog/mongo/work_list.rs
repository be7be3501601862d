//! The work list in MongoDB, and the adaptations learned for models.

use crate::domain::ModelRef;
use crate::storage::WorkItem;
use crate::storage::catalog::QUIRKS_AT_THE_TOP;
use crate::storage::mongo::bulk_update::upsert;
use crate::storage::mongo::errors::MongoCallError;
use crate::storage::mongo::{MongoContext, to_json};
use chrono::Utc;
use mongodb::bson::{Bson, Document, doc};
use mongodb::options::{Collation, CollationStrength};
use serde_json::{Map, Value};

/// Enabled models that are not deprecated.
pub async fn work_list(
    shared: &MongoContext,
    provider: Option<&str>,
) -> Result<Vec<WorkItem>, MongoCallError> {
    let mut filter = doc! { "enabled": true, "deprecated": { "$ne": true } };
    if let Some(provider) = provider {
        filter.insert("provider", provider);
    }
    let found = models(shared, filter).await?;
    Ok(found.iter().filter_map(work_item).collect())
}

/// Models with this bare id, enabled or not.
pub async fn find_by_id(shared: &MongoContext, model_id: &str) -> Result<Vec<ModelRef>, MongoCallError> {
    let found = models(shared, doc! { "model_id": model_id }).await?;
    Ok(found.iter().filter_map(model).collect())
}

async fn models(shared: &MongoContext, filter: Document) -> Result<Vec<Document>, MongoCallError> {
    let sort = doc! { "provider": 1, "model_id": 1 };
    let mut cursor = shared.collection(&shared.names.models).find(filter).sort(sort).await?;
    let mut found = Vec::new();
    while cursor.advance().await? {
        found.push(cursor.deserialize_current()?);
    }
    Ok(found)
}

/// The entry's provider and model, if both are texts.
pub fn model(entry: &Document) -> Option<ModelRef> {
    Some(ModelRef::new(entry.get_str("provider").ok()?, entry.get_str("model_id").ok()?))
}

fn work_item(entry: &Document) -> Option<WorkItem> {
    let model = model(entry)?;
    let name = entry.get_str("display_name").ok().filter(|name| !name.trim().is_empty());
    Some(WorkItem {
        display_name: name.unwrap_or(&model.model_id).to_owned(),
        metadata: metadata(entry),
        model,
    })
}

/// Request quirks: the object `metadata`, and the two keys that Python runners also obey at the top of the entry.
fn metadata(entry: &Document) -> Map<String, Value> {
    let mut out = entry.get_document("metadata").map(to_json::fields).unwrap_or_default();
    for name in QUIRKS_AT_THE_TOP {
        if let (false, Some(value)) = (out.contains_key(name), entry.get(name)) {
            out.insert(name.to_owned(), to_json::value(value));
        }
    }
    out
}

/// True if the model is measured; `None` if the catalog does not have it.
pub async fn is_enabled(
    shared: &MongoContext,
    model: &ModelRef,
) -> Result<Option<bool>, mongodb::error::Error> {
    let named = doc! { "provider": &model.provider, "model_id": model.served_id() };
    let entry = shared.collection(&shared.names.models).find_one(named).await?;
    Ok(entry.as_ref().map(wanted))
}

/// True if an entry of the catalog is to be measured.
pub fn wanted(entry: &Document) -> bool {
    let is_true = |name: &str| entry.get_bool(name).unwrap_or(false);
    is_true("enabled") && !is_true("deprecated")
}

/// True if a model whose id differs in case alone is enabled.
pub async fn other_spelling(shared: &MongoContext, model: &ModelRef) -> Result<bool, MongoCallError> {
    let same = doc! { "provider": &model.provider, "model_id": &model.model_id, "enabled": true };
    let any_case = Collation::builder().locale("en").strength(CollationStrength::Secondary).build();
    let mut cursor = shared.collection(&shared.names.models).find(same).collation(any_case).await?;
    while cursor.advance().await? {
        let entry: Document = cursor.deserialize_current()?;
        if self::model(&entry).is_some_and(|found| found != *model) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Adaptations in the order in which they were learned.
pub async fn learned(shared: &MongoContext, model: &ModelRef) -> Result<Vec<String>, MongoCallError> {
    let rows = shared.collection(&shared.names.model_adaptations);
    let Some(row) = rows.find_one(doc! { "_id": model.to_string() }).await? else { return Ok(Vec::new()) };
    let learned = row.get_array("adaptations").map(Vec::as_slice).unwrap_or_default();
    Ok(learned.iter().filter_map(Bson::as_str).map(str::to_owned).collect())
}

/// Stores an adaptation, once even if it is learned again.
pub async fn learn(shared: &MongoContext, model: &ModelRef, adaptation: &str) -> Result<(), MongoCallError> {
    let update = doc! {
        "$setOnInsert": { "provider": &model.provider, "model_id": &model.model_id },
        "$addToSet": { "adaptations": adaptation },
        "$max": { "updated_at": crate::storage::mongo::bson::date(Utc::now()) },
    };
    let rows = shared.collection(&shared.names.model_adaptations);
    Ok(upsert(&rows, doc! { "_id": model.to_string() }, update).await.map(drop)?)
}
