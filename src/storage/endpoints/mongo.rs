//! Endpoints of a router's models in MongoDB, in the form that the dashboard reads.

use super::{EndpointRow, EndpointStore};
use crate::domain::listing::ListedEndpoint;
use crate::storage::StoreError;
use crate::storage::mongo::bson::date;
use crate::storage::mongo::errors::MongoCallError;
use crate::storage::mongo::to_json::{instant, whole};
use crate::storage::mongo::{MongoContext, MongoStore, bulk_update};
use async_trait::async_trait;
use mongodb::bson::{Bson, Document, doc};
use std::collections::BTreeMap;
use std::sync::Arc;

#[async_trait]
impl EndpointStore for MongoStore {
    async fn keep_endpoints(&self, models: &[String], rows: &[EndpointRow]) -> Result<(), StoreError> {
        let (shared, models, rows) = (Arc::clone(&self.shared), models.to_vec(), rows.to_vec());
        self.caller.patiently(async move { keep(&shared, &models, &rows).await }).await
    }

    async fn endpoints(&self, model_id: Option<&str>) -> Result<Vec<EndpointRow>, StoreError> {
        let (shared, model_id) = (Arc::clone(&self.shared), model_id.map(str::to_owned));
        self.caller.call(async move { endpoints(&shared, model_id.as_deref()).await }).await
    }
}

async fn keep(shared: &MongoContext, models: &[String], rows: &[EndpointRow]) -> Result<(), MongoCallError> {
    let mut tags: BTreeMap<&str, Vec<&str>> =
        models.iter().map(|model_id| (model_id.as_str(), Vec::new())).collect();
    for row in rows {
        tags.entry(&row.model_id).or_default().push(&row.listed.tag);
    }
    let no_longer = tags.iter().map(|(model_id, tags)| {
        doc! {
            "q": { "model_id": model_id, "enabled": true, "endpoint_tag": { "$nin": tags } },
            "u": { "$set": { "enabled": false } },
            "multi": true,
        }
    });
    let updates: Vec<Document> = rows.iter().map(upsert).chain(no_longer).collect();
    bulk_update::update(shared, &shared.names.endpoints, &updates).await.map(drop)
}

fn upsert(row: &EndpointRow) -> Document {
    let ListedEndpoint { tag, provider_name, quantization, status, uptime_1d, throughput_p50 } = &row.listed;
    let status = status.map(|status| i32::try_from(status).map_or(Bson::Int64(status), Bson::Int32));
    let facts = doc! {
        "provider_canonical": row.provider_canonical(),
        "provider_name": provider_name,
        "quantization": quantization.as_deref(),
        "or_status": status,
        "or_uptime_1d": *uptime_1d,
        "or_throughput_p50": *throughput_p50,
        "last_seen_at": row.last_seen_at.map(date),
    };
    let (set, on_insert) = match row.last_seen_at {
        Some(_) => {
            let mut set = facts;
            set.insert("enabled", row.enabled);
            (set, Document::new())
        }
        // A pinned endpoint that is not listed keeps what was known of it.
        None => (doc! { "enabled": row.enabled }, facts),
    };
    let mut update = doc! { "$set": set };
    if !on_insert.is_empty() {
        update.insert("$setOnInsert", on_insert);
    }
    doc! { "q": { "model_id": &row.model_id, "endpoint_tag": tag }, "u": update, "upsert": true }
}

async fn endpoints(
    shared: &MongoContext,
    model_id: Option<&str>,
) -> Result<Vec<EndpointRow>, MongoCallError> {
    let filter = model_id.map_or_else(Document::new, |model_id| doc! { "model_id": model_id });
    let rows = shared.collection(&shared.names.endpoints);
    let mut cursor = rows.find(filter).sort(doc! { "model_id": 1, "endpoint_tag": 1 }).await?;
    let mut found = Vec::new();
    while cursor.advance().await? {
        found.extend(read(&cursor.deserialize_current()?));
    }
    Ok(found)
}

/// Rows of other writers may have other types; one without model or tag is passed over.
fn read(row: &Document) -> Option<EndpointRow> {
    let text = |name: &str| row.get_str(name).ok().map(str::to_owned);
    let number = |name: &str| match row.get(name)? {
        Bson::Double(number) => Some(*number),
        Bson::Int32(number) => Some(f64::from(*number)),
        _ => None,
    };
    let tag = text("endpoint_tag")?;
    Some(EndpointRow {
        model_id: text("model_id")?,
        listed: ListedEndpoint {
            provider_name: text("provider_name").unwrap_or_else(|| tag.clone()),
            quantization: text("quantization"),
            status: whole(row, "or_status"),
            uptime_1d: number("or_uptime_1d"),
            throughput_p50: number("or_throughput_p50"),
            tag,
        },
        enabled: row.get_bool("enabled").unwrap_or(false),
        last_seen_at: instant(row, "last_seen_at"),
    })
}
