//! Entries that wait for a decision, found by the server; and chores, each taken by one update whose pipeline
//! reads the server's clock.

use super::entries;
use crate::domain::ModelRef;
use crate::storage::catalog::enabled_fields::RECHECK_AT;
use crate::storage::catalog::entry_status::{CatalogEntryStatus, StandingStore};
use crate::storage::catalog::{CatalogEntry, PROBING};
use crate::storage::claims::chores::{CLOCK_SLACK, ChoreStore};
use crate::storage::claims::{JobState, chores};
use crate::storage::mongo::errors::{MongoCallError, is_duplicate};
use crate::storage::mongo::{MongoContext, MongoStore};
use crate::storage::{StoreError, claims};
use async_trait::async_trait;
use mongodb::bson::{Document, doc};
use mongodb::options::ReturnDocument;
use std::sync::Arc;
use std::time::Duration;
use ulid::Ulid;

#[async_trait]
impl StandingStore for MongoStore {
    async fn waiting(&self) -> Result<Vec<CatalogEntry>, StoreError> {
        let shared = Arc::clone(&self.shared);
        let waits = [doc! { "status": PROBING }, is_there("disabled_until"), is_there(RECHECK_AT)];
        let filter = doc! { "enabled": false, "deprecated": { "$ne": true }, "$or": waits.to_vec() };
        self.caller.call(async move { entries::those(&shared, filter, None).await }).await
    }

    async fn places(&self) -> Result<Vec<CatalogEntryStatus>, StoreError> {
        let shared = Arc::clone(&self.shared);
        self.caller.call(async move { entries::those(&shared, doc! {}, Some(standing())).await }).await
    }

    async fn entry(&self, model: &ModelRef) -> Result<Option<CatalogEntry>, StoreError> {
        let shared = Arc::clone(&self.shared);
        let filter = doc! { "provider": &model.provider, "model_id": &model.model_id };
        self.caller
            .call(async move {
                let found = shared.collection(&shared.names.models).find_one(filter).await?;
                Ok(found.as_ref().map(entries::entry))
            })
            .await
    }

    async fn jobs_of_refusing(&self, kinds: &[&str]) -> Result<Vec<JobState>, StoreError> {
        let shared = Arc::clone(&self.shared);
        let kinds: Vec<String> = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        self.caller.call(async move { claims::mongo_lists::of_refusing(&shared, &kinds).await }).await
    }
}

#[async_trait]
impl ChoreStore for MongoStore {
    async fn take_chore(&self, chore: &str, owner: &str, rest: Duration) -> Result<bool, StoreError> {
        let (shared, component, owner) =
            (Arc::clone(&self.shared), chores::component(chore), owner.to_owned());
        self.caller.call(async move { take(&shared, &component, &owner, rest).await }).await
    }
}

/// The fields that describe the status of an entry.
fn standing() -> Document {
    doc! { "provider": 1, "model_id": 1, "enabled": 1, "deprecated": 1, "status": 1, "created_at": 1 }
}

fn is_there(field: &str) -> Document {
    doc! { field: { "$ne": null } }
}

/// `storage::claims::chores::is_free` as an aggregation; the token tells who took the turn.
async fn take(
    shared: &MongoContext,
    component: &str,
    owner: &str,
    rest: Duration,
) -> Result<bool, MongoCallError> {
    let token = Ulid::generate().to_string();
    let rested =
        doc! { "$lte": ["$updated_at", { "$subtract": ["$$NOW", chores::rest(rest).num_milliseconds()] }] };
    let ahead = doc! { "$gt": ["$updated_at", { "$add": ["$$NOW", CLOCK_SLACK.num_milliseconds()] }] };
    let undated = doc! { "$ne": [{ "$type": "$updated_at" }, "date"] };
    let free = doc! { "$or": [undated, rested, ahead] };
    let details = doc! { "owner": { "$literal": owner }, "token": &token };
    // Both are computed from the row as it was.
    let set = doc! { "$set": {
        "component": { "$literal": component },
        "details": { "$cond": [free.clone(), details, "$details"] },
        "updated_at": { "$cond": [free, "$$NOW", "$updated_at"] },
    } };
    let rows = shared.collection(&shared.names.scheduler_heartbeats);
    let taken = rows
        .find_one_and_update(doc! { "_id": component }, vec![set])
        .upsert(true)
        .return_document(ReturnDocument::After)
        .await;
    match taken {
        // Another daemon inserted the row at the same moment.
        Err(error) if is_duplicate(&error) => Ok(false),
        taken => {
            let row = taken?.unwrap_or_default();
            let details = row.get_document("details").ok();
            Ok(details.and_then(|details| details.get_str("token").ok()) == Some(token.as_str()))
        }
    }
}
