//! Audited changes of the catalog. A standalone server has no transactions, so a change is recorded first, then made in
//! one update that also checks the values before, then marked as done. The next reader resolves a change that a crash
//! left unmarked, by comparing the entry with the values before and after.

use super::entries::entry;
use super::work_list::other_spelling;
use crate::domain::ModelRef;
use crate::domain::change_batch::takes_away;
use crate::storage::catalog::{
    Batch, CatalogChange, ChangeOutcome, ChangeRequest, ChangeStatus, ChangesOf, other_is_enabled,
};
use crate::storage::mongo::MongoContext;
use crate::storage::mongo::bson::{date, to_document};
use crate::storage::mongo::errors::{MongoCallError, is_duplicate};
use crate::storage::mongo::to_json::{fields, instant};
use crate::storage::{aggregates, claims};
use chrono::{DateTime, Utc};
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::Error;
use serde_json::{Map, Value};

pub async fn begin(shared: &MongoContext, batch: &Batch) -> Result<(), MongoCallError> {
    let batches = shared.collection(&shared.names.catalog_batches);
    let row = doc! {
        "_id": &batch.id,
        "started_at": date(batch.at),
        "who": &batch.who,
        "action": &batch.action,
        "why": batch.why.as_deref(),
        "planned": i64::try_from(batch.planned).unwrap_or(i64::MAX),
        "undoes": batch.undoes.as_deref(),
        "undone_by": null,
        "finished_at": null,
    };
    batches.insert_one(row).await?;
    if let Some(undone) = &batch.undoes {
        batches.update_one(doc! { "_id": undone }, doc! { "$set": { "undone_by": &batch.id } }).await?;
    }
    Ok(())
}

pub async fn finish(shared: &MongoContext, id: &str, at: DateTime<Utc>) -> Result<(), MongoCallError> {
    let batches = shared.collection(&shared.names.catalog_batches);
    batches.update_one(doc! { "_id": id }, doc! { "$set": { "finished_at": date(at) } }).await?;
    Ok(())
}

pub async fn change(shared: &MongoContext, order: &ChangeRequest) -> Result<ChangeOutcome, MongoCallError> {
    let present = shared.collection(&shared.names.models).find_one(of_model(&order.model)).await?;
    let shown = present.as_ref().map(entry);
    if !order.fits(shown.as_ref()) {
        return Ok(ChangeOutcome::Overtaken(shown.map(Box::new)));
    }
    let enables = order.set.get("enabled") == Some(&Value::Bool(true));
    if enables && other_spelling(shared, &order.model).await? {
        return Err(other_is_enabled(&order.model).into());
    }
    let id = write_down(shared, order, present.as_ref()).await?;
    let made = match &present {
        Some(document) if order.removes() => remove(shared, document).await,
        Some(document) => update(shared, order, document).await,
        None => insert(shared, order).await,
    };
    match made {
        Ok(true) => {}
        Ok(false) => {
            mark(shared, &id, ChangeStatus::NotDone).await?;
            let now = shared.collection(&shared.names.models).find_one(of_model(&order.model)).await?;
            return Ok(ChangeOutcome::Overtaken(now.map(|document| Box::new(entry(&document)))));
        }
        Err(error) if is_duplicate(&error) => {
            mark(shared, &id, ChangeStatus::NotDone).await?;
            return Err(other_is_enabled(&order.model).into());
        }
        Err(error) => return Err(error.into()),
    }
    mark(shared, &id, ChangeStatus::Done).await?;
    let cancelled_jobs = if order.stops() { cancel_jobs(shared, order).await? } else { 0 };
    let derived = match order.removes() {
        true => aggregates::mongo::forget(shared, &order.model).await,
        false => aggregates::mongo::health(shared, &order.model, None).await,
    };
    derived.map_err(|source| MongoCallError::Derived { what: "the model's health", source })?;
    Ok(ChangeOutcome::Done { cancelled_jobs })
}

fn of_model(model: &ModelRef) -> Document {
    doc! { "provider": &model.provider, "model_id": &model.model_id }
}

/// Records a change before it is made. The values before keep their own types.
async fn write_down(
    shared: &MongoContext,
    order: &ChangeRequest,
    present: Option<&Document>,
) -> Result<String, Error> {
    let id = format!("{}/{}", order.batch, order.model);
    let before = present.map(|document| {
        let value = |name: &String| document.get(name).cloned().unwrap_or(Bson::Null);
        order.set.keys().map(|name| (name.clone(), value(name))).collect::<Document>()
    });
    let fields = doc! {
        "batch": &order.batch,
        "provider": &order.model.provider,
        "model_id": &order.model.model_id,
        "changed_at": date(Utc::now()),
        "before": before,
        "after": to_document(&order.set),
        "became": ChangeStatus::Unknown.as_str(),
    };
    // A second change of the same model within a batch: the user was asked again after a foreign change.
    let changes = shared.collection(&shared.names.catalog_changes);
    changes.update_one(doc! { "_id": &id }, doc! { "$set": fields }).upsert(true).await?;
    Ok(id)
}

async fn mark(shared: &MongoContext, id: &str, became: ChangeStatus) -> Result<(), Error> {
    let changes = shared.collection(&shared.names.catalog_changes);
    let update = doc! { "$set": { "became": became.as_str() } };
    changes.update_one(doc! { "_id": id }, update).await.map(drop)
}

/// True if the entry still was as read: the filter holds the values before, in their own types.
async fn update(shared: &MongoContext, order: &ChangeRequest, present: &Document) -> Result<bool, Error> {
    let mut filter = doc! { "_id": present.get("_id").cloned().unwrap_or(Bson::Null) };
    for name in order.set.keys().chain(order.expected.iter().flat_map(Map::keys)) {
        let before = match present.get(name) {
            Some(value) => doc! { "$eq": value.clone() },
            None => doc! { "$exists": false },
        };
        filter.insert(name, before);
    }
    let (mut set, mut unset) = (Document::new(), Document::new());
    for (name, value) in to_document(&order.set) {
        if value == Bson::Null {
            unset.insert(name, "")
        } else {
            set.insert(name, value)
        };
    }
    let parts = [("$set", set), ("$unset", unset)];
    let update: Document = parts
        .into_iter()
        .filter(|(_, fields)| !fields.is_empty())
        .map(|(operator, fields)| (operator.to_owned(), fields.into()))
        .collect();
    let result = shared.collection(&shared.names.models).update_one(filter, update).await?;
    Ok(result.matched_count == 1)
}

/// True if the entry still was as read, in every field.
async fn remove(shared: &MongoContext, present: &Document) -> Result<bool, Error> {
    let id = present.get("_id").cloned().unwrap_or(Bson::Null);
    let unchanged = doc! { "$eq": ["$$ROOT", { "$literal": present.clone() }] };
    let models = shared.collection(&shared.names.models);
    let result = models.delete_one(doc! { "_id": id, "$expr": unchanged }).await?;
    Ok(result.deleted_count == 1)
}

/// True if the entry is new; one that comes back keeps its stated creation time. An upsert, because not every database
/// has the unique index.
async fn insert(shared: &MongoContext, order: &ChangeRequest) -> Result<bool, Error> {
    let set = to_document(&order.set).into_iter();
    let mut fields: Document = set.filter(|(_, value)| *value != Bson::Null).collect();
    fields.entry("created_at".to_owned()).or_insert_with(|| date(Utc::now()));
    let models = shared.collection(&shared.names.models);
    let update = doc! { "$setOnInsert": fields };
    let result = models.update_one(of_model(&order.model), update).upsert(true).await?;
    Ok(result.upserted_id.is_some())
}

/// Cancels the model's waiting jobs, those of its pinned endpoints too: nothing may be paid for a disabled model. Series
/// that rest between two turns are cancelled too, but not counted.
async fn cancel_jobs(shared: &MongoContext, order: &ChangeRequest) -> Result<u64, Error> {
    let (from, to) = claims::pinned_ids(&order.model);
    let ids = [doc! { "model_id": &order.model.model_id }, doc! { "model_id": { "$gte": from, "$lt": to } }];
    let of_lanes = doc! { "provider": &order.model.provider, "$or": ids.to_vec() };
    let mut queued = of_lanes.clone();
    queued.insert("status", "queued");
    let now = date(Utc::now());
    let cancelled = doc! { "$set": { "status": "cancelled", "updated_at": now.clone(), "finished_at": now } };
    let jobs = shared.collection(&shared.names.bench_jobs);
    let count = jobs.update_many(queued, cancelled).await?.modified_count;
    let mut resting = of_lanes;
    resting.insert("status", doc! { "$in": ["success", "dead_letter"] });
    let cancelled = doc! { "$set": { "status": "cancelled", "updated_at": date(Utc::now()) } };
    jobs.update_many(resting, cancelled).await?;
    Ok(count)
}

pub async fn batches(shared: &MongoContext, limit: u32) -> Result<Vec<Batch>, MongoCallError> {
    let rows = shared.collection(&shared.names.catalog_batches);
    let mut cursor = rows.find(doc! {}).sort(doc! { "_id": -1 }).limit(i64::from(limit)).await?;
    let mut found = Vec::new();
    while cursor.advance().await? {
        found.push(read_batch(&cursor.deserialize_current()?));
    }
    Ok(found)
}

pub async fn batch(shared: &MongoContext, id: &str) -> Result<Option<Batch>, MongoCallError> {
    let row = shared.collection(&shared.names.catalog_batches).find_one(doc! { "_id": id }).await?;
    Ok(row.as_ref().map(read_batch))
}

fn read_batch(row: &Document) -> Batch {
    let text = |name: &str| row.get_str(name).ok().map(str::to_owned);
    Batch {
        id: text("_id").unwrap_or_default(),
        at: instant(row, "started_at").unwrap_or_default(),
        who: text("who").unwrap_or_default(),
        action: text("action").unwrap_or_default(),
        why: text("why"),
        planned: row.get_i64("planned").unwrap_or_default().unsigned_abs(),
        undoes: text("undoes"),
        undone_by: text("undone_by"),
        finished_at: instant(row, "finished_at"),
    }
}

pub async fn changes(shared: &MongoContext, of: &ChangesOf) -> Result<Vec<CatalogChange>, MongoCallError> {
    let rows = shared.collection(&shared.names.catalog_changes);
    let found = match of {
        ChangesOf::Batch(id) => rows.find(doc! { "batch": id }).sort(doc! { "changed_at": 1, "_id": 1 }),
        ChangesOf::Model(model, limit) => {
            rows.find(of_model(model)).sort(doc! { "changed_at": -1 }).limit(i64::from(*limit))
        }
    };
    let mut cursor = found.await?;
    let mut changes = Vec::new();
    while cursor.advance().await? {
        let row: Document = cursor.deserialize_current()?;
        let mut change = read_change(&row);
        if change.became == ChangeStatus::Unknown {
            change.became = settle(shared, &change).await?;
        }
        changes.push(change);
    }
    Ok(changes)
}

fn read_change(row: &Document) -> CatalogChange {
    let text = |name: &str| row.get_str(name).unwrap_or_default().to_owned();
    let fields = |name: &str| row.get_document(name).ok().map(fields);
    CatalogChange {
        batch: text("batch"),
        model: ModelRef { provider: text("provider"), model_id: text("model_id") },
        at: instant(row, "changed_at").unwrap_or_default(),
        before: fields("before"),
        after: fields("after").unwrap_or_default(),
        became: ChangeStatus::read(&text("became")),
    }
}

/// Resolves a change that was recorded but not marked, and marks it if the result can be told.
async fn settle(shared: &MongoContext, change: &CatalogChange) -> Result<ChangeStatus, Error> {
    let present = shared.collection(&shared.names.models).find_one(of_model(&change.model)).await?;
    let present = present.as_ref().map(entry);
    let values = present.as_ref().map(|entry| entry.values(change.after.keys()));
    let made = match takes_away(&change.after) {
        true => present.is_none(),
        false => values.as_ref() == Some(&change.after),
    };
    let became = if made {
        ChangeStatus::Done
    } else if values == change.before {
        ChangeStatus::NotDone
    } else {
        ChangeStatus::Unknown
    };
    if became != ChangeStatus::Unknown {
        mark(shared, &format!("{}/{}", change.batch, change.model), became).await?;
    }
    Ok(became)
}
