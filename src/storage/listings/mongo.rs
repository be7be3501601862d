//! Providers' lists in MongoDB. The models of a read are sent in a few commands of many upserts each.

use crate::domain::ModelRef;
use crate::domain::listing::{
    CatalogRow, FactChange, ListedModel, Listing, ListingChangeCounts, MeasuredModel, ModelFacts, ReadRow,
};
use crate::storage::listings::{ListedModelHistory, SOURCE_VERSION, changes_after, facts_after};
use crate::storage::mongo::bson::{date, fields_of, natural};
use crate::storage::mongo::errors::MongoCallError;
use crate::storage::mongo::to_json::instant;
use crate::storage::mongo::{MongoContext, MongoStore, bulk_update};
use crate::storage::{ListingStore, StoreError};
use async_trait::async_trait;
use mongodb::Collection;
use mongodb::bson::{self, Bson, Document, doc};
use std::collections::HashMap;
use std::sync::Arc;

#[async_trait]
impl ListingStore for MongoStore {
    async fn keep_listing(&self, listing: &Listing) -> Result<ListingChangeCounts, StoreError> {
        let (shared, listing) = (Arc::clone(&self.shared), listing.clone());
        self.caller.patiently(async move { keep(&shared, &listing).await }).await
    }

    async fn listed(&self, provider: Option<&str>) -> Result<Vec<CatalogRow>, StoreError> {
        let (shared, provider) = (Arc::clone(&self.shared), provider.map(str::to_owned));
        self.caller.call(async move { listed(&shared, provider.as_deref()).await }).await
    }

    async fn list_reads(&self, provider: Option<&str>) -> Result<Vec<ReadRow>, StoreError> {
        let (shared, provider) = (Arc::clone(&self.shared), provider.map(str::to_owned));
        self.caller.call(async move { reads(&shared, provider.as_deref()).await }).await
    }

    async fn measured_models(&self) -> Result<Vec<MeasuredModel>, StoreError> {
        let shared = Arc::clone(&self.shared);
        self.caller.call(async move { measured(&shared).await }).await
    }
}

pub async fn keep(shared: &MongoContext, listing: &Listing) -> Result<ListingChangeCounts, MongoCallError> {
    let before = before(shared, &listing.provider).await?;
    let mut kept = ListingChangeCounts::default();
    let mut updates = Vec::with_capacity(listing.models.len());
    for model in &listing.models {
        let before = before.get(&model.model_id);
        let (changes, changed) = changes_after(before, model, listing.finished_at);
        kept.changed += u64::from(changed);
        updates.push(upsert(listing, model, &facts_after(before, model), &changes));
    }
    kept.new = bulk_update::update(shared, &shared.names.provider_catalog, &updates).await?;
    let count = |count: u64| Bson::Int32(i32::try_from(count).unwrap_or(i32::MAX));
    let row = doc! {
        "provider": &listing.provider,
        "started_at": date(listing.started_at),
        "finished_at": date(listing.finished_at),
        "status": listing.status.as_str(),
        "error": listing.error.clone(),
        "raw_count": count(listing.raw_count),
        "accepted_count": count(listing.models.len() as u64),
        "new_count": count(kept.new),
        "pagination_complete": listing.status.is_complete(),
        "source_version": SOURCE_VERSION,
    };
    shared.collection(&shared.names.discovery_runs).insert_one(row).await?;
    Ok(kept)
}

/// One model as a statement of the `update` command: the fields of the contract, and the facts for comparison.
fn upsert(listing: &Listing, model: &ListedModel, facts: &ModelFacts, changes: &[FactChange]) -> Document {
    let at = date(listing.finished_at);
    let change = |change: &FactChange| {
        Bson::Document(doc! {
            "at": date(change.at), "fact": &change.fact, "from": natural(&change.from), "to": natural(&change.to),
        })
    };
    doc! {
        "q": { "provider": &listing.provider, "model_id": &model.model_id },
        "u": {
            "$set": {
                "name": &model.name,
                "raw": natural(&model.raw),
                "facts": fields_of(&facts.named()),
                "changes": changes.iter().map(change).collect::<Vec<_>>(),
            },
            "$max": { "last_seen_at": at.clone() },
            "$setOnInsert": { "first_seen_at": at },
        },
        "upsert": true,
    }
}

async fn before(
    shared: &MongoContext,
    provider: &str,
) -> Result<HashMap<String, ListedModelHistory>, MongoCallError> {
    let rows = shared.collection(&shared.names.provider_catalog);
    let found = all(&rows, doc! { "provider": provider }, doc! {}, doc! { "raw": 0 }).await?;
    let entry = |row: &Document| {
        let before = ListedModelHistory { facts: facts(row), changes: changes(row) };
        Some((row.get_str("model_id").ok()?.to_owned(), before))
    };
    Ok(found.iter().filter_map(entry).collect())
}

/// Every model that was ever listed.
pub async fn listed(
    shared: &MongoContext,
    provider: Option<&str>,
) -> Result<Vec<CatalogRow>, MongoCallError> {
    let rows = shared.collection(&shared.names.provider_catalog);
    let sort = doc! { "provider": 1, "model_id": 1 };
    let found = all(&rows, of(provider), sort, doc! { "raw": 0 }).await?;
    Ok(found.iter().filter_map(catalog_row).collect())
}

fn catalog_row(row: &Document) -> Option<CatalogRow> {
    let model_id = row.get_str("model_id").ok()?;
    Some(CatalogRow {
        provider: row.get_str("provider").ok()?.to_owned(),
        model_id: model_id.to_owned(),
        name: row.get_str("name").unwrap_or(model_id).to_owned(),
        first_seen_at: instant(row, "first_seen_at"),
        last_seen_at: instant(row, "last_seen_at"),
        facts: facts(row).unwrap_or_default(),
        changes: changes(row),
    })
}

pub async fn reads(shared: &MongoContext, provider: Option<&str>) -> Result<Vec<ReadRow>, MongoCallError> {
    let rows = shared.collection(&shared.names.discovery_runs);
    let found = all(&rows, of(provider), doc! { "started_at": 1, "_id": 1 }, doc! {}).await?;
    Ok(found.iter().filter_map(read_row).collect())
}

fn read_row(row: &Document) -> Option<ReadRow> {
    let paged = row.get_bool("pagination_complete").unwrap_or(false);
    Some(ReadRow {
        provider: row.get_str("provider").ok()?.to_owned(),
        started_at: instant(row, "started_at")?,
        finished_at: instant(row, "finished_at")?,
        complete: paged && row.get_str("status").is_ok_and(|status| status == "completed"),
        error: row.get_str("error").ok().map(str::to_owned),
    })
}

/// Every model of the catalog of measured models.
pub async fn measured(shared: &MongoContext) -> Result<Vec<MeasuredModel>, MongoCallError> {
    let rows = shared.collection(&shared.names.models);
    let fields = doc! { "provider": 1, "model_id": 1, "display_name": 1, "enabled": 1, "deprecated": 1 };
    let found = all(&rows, doc! {}, doc! { "provider": 1, "model_id": 1 }, fields).await?;
    let model = |row: &Document| {
        let model = ModelRef::new(row.get_str("provider").ok()?, row.get_str("model_id").ok()?);
        let flag = |name: &str| row.get_bool(name).unwrap_or(false);
        Some(MeasuredModel {
            display_name: row.get_str("display_name").unwrap_or(&model.model_id).to_owned(),
            measured: flag("enabled") && !flag("deprecated"),
            model,
        })
    };
    Ok(found.iter().filter_map(model).collect())
}

fn of(provider: Option<&str>) -> Document {
    provider.map_or_else(Document::new, |provider| doc! { "provider": provider })
}

pub(in crate::storage) async fn all(
    rows: &Collection<Document>,
    filter: Document,
    sort: Document,
    fields: Document,
) -> Result<Vec<Document>, MongoCallError> {
    let mut cursor = rows.find(filter).sort(sort).projection(fields).await?;
    let mut found = Vec::new();
    while cursor.advance().await? {
        found.push(cursor.deserialize_current()?);
    }
    Ok(found)
}

/// `None` if another program wrote the row, or wrote other facts into it.
fn facts(row: &Document) -> Option<ModelFacts> {
    let facts = row.get_document("facts").ok()?.clone();
    let json: serde_json::Value = bson::deserialize_from_document(facts).ok()?;
    serde_json::from_value(json).ok()
}

fn changes(row: &Document) -> Vec<FactChange> {
    let change = |change: &Document| {
        let value = |name: &str| {
            let value = change.get(name).cloned().unwrap_or(Bson::Null);
            bson::deserialize_from_bson::<serde_json::Value>(value).unwrap_or_default()
        };
        let fact = change.get_str("fact").ok()?.to_owned();
        Some(FactChange { at: instant(change, "at")?, fact, from: value("from"), to: value("to") })
    };
    bulk_update::array(row, "changes").iter().filter_map(Bson::as_document).filter_map(change).collect()
}
