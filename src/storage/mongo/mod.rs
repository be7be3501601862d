//! The store on a MongoDB server, in the collections that existing readers use. Every write asks for majority and journal,
//! every row goes in under its own `_id`, and no call waits longer than its deadline.

mod batches;
mod bson;
mod bulk;
mod call;
mod catalogue;
mod changes;
mod connect;
mod derive;
mod entries;
mod errors;
mod healths;
mod history;
pub(super) mod indexes;
mod inspect;
mod jobs;
mod listings;
mod many;
mod notices;
mod overview;
mod owed;
mod plain;
mod received;
mod record;
mod rows;
mod sink;
mod standing;
mod suggestions;
mod updates;
mod vitals;

use crate::domain::listing::{CatalogRow, Kept, Listing, MeasuredModel, ReadRow};
use crate::domain::{ErrorGroup, ModelRef};
use crate::storage::catalogue::{
    Batch, Change, ChangesOf, Entry, Figures, Order, Ordered, Scope as ModelScope,
};
use crate::storage::document::Row;
use crate::storage::history::{Grain, History, Scope, Series, Stored, Successes};
use crate::storage::ingest_keys::{IngestKey, IngestKeys};
use crate::storage::jobs::{Claim, Claimed, Ending, Grant, JobState};
use crate::storage::moved::Moved;
use crate::storage::received::{Received, Sighting};
use crate::storage::rows::{Pages, Question, Rows};
use crate::storage::vitals::{Beat, Cadences, CheckRun, Health, ModelStatus};
use crate::storage::{Catalogue, Jobs, Listings, MongoUri, Names, Recorded, Store, StoreError, Vitals};
use async_trait::async_trait;
use call::Caller;
use chrono::{DateTime, Utc};
use mongodb::{Collection, Database, bson::Document};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
pub use suggestions::Onlooker;

/// A store on a server.
pub struct MongoStore {
    shared: Arc<Shared>,
    caller: Caller,
    published_profiles: Vec<String>,
    shown: String,
}

/// What a spawned call needs of the store.
struct Shared {
    database: Database,
    names: Names,
    published_profiles: Vec<String>,
}

impl Shared {
    fn collection(&self, name: &str) -> Collection<Document> {
        self.database.collection(name)
    }
}

impl MongoStore {
    /// Connects, logs in and asks the server for a sign of life.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] where no server answers in time, [`StoreError::Denied`] where it refuses the login,
    /// [`StoreError::Broken`] where two collections have one name or the connection string cannot work.
    pub async fn open(
        uri: &MongoUri,
        names: &Names,
        published_profiles: &[String],
    ) -> Result<Self, StoreError> {
        if let Some(name) = names.shared() {
            return Err(StoreError::Broken(format!(
                "two collections are named `{name}`: give each its own name"
            )));
        }
        let caller = Caller::new(uri.clone());
        let (uri_of_task, database) = (uri.clone(), names.database.clone());
        let database =
            caller.call(async move { connect::database(&uri_of_task, database.as_deref()).await }).await?;
        let shown = format!("{uri}/{}", database.name());
        let shared =
            Shared { database, names: names.clone(), published_profiles: published_profiles.to_vec() };
        Ok(Self { shared: Arc::new(shared), caller, published_profiles: published_profiles.to_vec(), shown })
    }
}

#[async_trait]
impl Catalogue for MongoStore {
    async fn entries(&self, provider: Option<&str>) -> Result<Vec<Entry>, StoreError> {
        let (shared, provider) = (Arc::clone(&self.shared), provider.map(str::to_owned));
        self.caller.call(async move { entries::entries(&shared, provider.as_deref()).await }).await
    }

    async fn figures(
        &self,
        scope: &ModelScope,
        now: DateTime<Utc>,
    ) -> Result<HashMap<ModelRef, Figures>, StoreError> {
        let (shared, scope) = (Arc::clone(&self.shared), scope.clone());
        self.caller.call(async move { entries::figures(&shared, &scope, now).await }).await
    }

    async fn begin_batch(&self, batch: &Batch) -> Result<(), StoreError> {
        let (shared, batch) = (Arc::clone(&self.shared), batch.clone());
        self.caller.call(async move { changes::begin(&shared, &batch).await }).await
    }

    async fn change(&self, order: &Order) -> Result<Ordered, StoreError> {
        let (shared, order) = (Arc::clone(&self.shared), order.clone());
        self.caller.call(async move { changes::change(&shared, &order).await }).await
    }

    async fn finish_batch(&self, id: &str, at: DateTime<Utc>) -> Result<(), StoreError> {
        let (shared, id) = (Arc::clone(&self.shared), id.to_owned());
        self.caller.call(async move { changes::finish(&shared, &id, at).await }).await
    }

    async fn batches(&self, limit: u32) -> Result<Vec<Batch>, StoreError> {
        let shared = Arc::clone(&self.shared);
        self.caller.call(async move { changes::batches(&shared, limit).await }).await
    }

    async fn batch(&self, id: &str) -> Result<Option<Batch>, StoreError> {
        let (shared, id) = (Arc::clone(&self.shared), id.to_owned());
        self.caller.call(async move { changes::batch(&shared, &id).await }).await
    }

    async fn changes(&self, of: &ChangesOf) -> Result<Vec<Change>, StoreError> {
        let (shared, of) = (Arc::clone(&self.shared), of.clone());
        self.caller.call(async move { changes::changes(&shared, &of).await }).await
    }
}

#[async_trait]
impl Store for MongoStore {
    async fn init(&self) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        self.caller.patiently(async move { indexes::create(&shared).await }).await
    }

    async fn find_by_id(&self, model_id: &str) -> Result<Vec<ModelRef>, StoreError> {
        let (shared, model_id) = (Arc::clone(&self.shared), model_id.to_owned());
        self.caller.call(async move { catalogue::find_by_id(&shared, &model_id).await }).await
    }
}

#[async_trait]
impl History for MongoStore {
    async fn error_groups(&self, scope: &Scope, grain: Grain) -> Result<Vec<ErrorGroup>, StoreError> {
        let (shared, scope) = (Arc::clone(&self.shared), scope.clone());
        self.caller.call(async move { history::error_groups(&shared, &scope, grain).await }).await
    }

    async fn successes(
        &self,
        scope: &Scope,
        by_model: bool,
        series: &[Series],
    ) -> Result<Vec<Successes>, StoreError> {
        let (shared, scope, series) = (Arc::clone(&self.shared), scope.clone(), series.to_vec());
        self.caller.call(async move { history::successes(&shared, &scope, by_model, &series).await }).await
    }

    async fn errors(&self, scope: &Scope, limit: u32) -> Result<Vec<Stored>, StoreError> {
        let (shared, scope) = (Arc::clone(&self.shared), scope.clone());
        self.caller.call(async move { history::errors(&shared, &scope, limit).await }).await
    }

    async fn runs(&self, scope: &Scope, series: Series, limit: u32) -> Result<Vec<Stored>, StoreError> {
        let (shared, scope) = (Arc::clone(&self.shared), scope.clone());
        self.caller.call(async move { history::runs(&shared, &scope, series, limit).await }).await
    }

    async fn run(&self, id: &str) -> Result<Option<Stored>, StoreError> {
        let (shared, id) = (Arc::clone(&self.shared), id.to_owned());
        self.caller.call(async move { history::run(&shared, &id).await }).await
    }

    async fn error(&self, id: &str) -> Result<Option<Stored>, StoreError> {
        let (shared, id) = (Arc::clone(&self.shared), id.to_owned());
        self.caller.call(async move { history::error(&shared, &id).await }).await
    }

    async fn rollups(&self, fingerprint: &str, limit: u32) -> Result<Vec<Stored>, StoreError> {
        let (shared, fingerprint) = (Arc::clone(&self.shared), fingerprint.to_owned());
        self.caller.call(async move { history::rollups(&shared, &fingerprint, limit).await }).await
    }
}

impl Rows for MongoStore {
    fn pages(&self, question: Question) -> Box<dyn Pages + '_> {
        Box::new(rows::MongoPages::new(&self.shared, &self.caller, question))
    }
}

#[async_trait]
impl Listings for MongoStore {
    async fn keep_listing(&self, listing: &Listing) -> Result<Kept, StoreError> {
        let (shared, listing) = (Arc::clone(&self.shared), listing.clone());
        self.caller.patiently(async move { listings::keep(&shared, &listing).await }).await
    }

    async fn listed(&self, provider: Option<&str>) -> Result<Vec<CatalogRow>, StoreError> {
        let (shared, provider) = (Arc::clone(&self.shared), provider.map(str::to_owned));
        self.caller.call(async move { listings::listed(&shared, provider.as_deref()).await }).await
    }

    async fn list_reads(&self, provider: Option<&str>) -> Result<Vec<ReadRow>, StoreError> {
        let (shared, provider) = (Arc::clone(&self.shared), provider.map(str::to_owned));
        self.caller.call(async move { listings::reads(&shared, provider.as_deref()).await }).await
    }

    async fn measured_models(&self) -> Result<Vec<MeasuredModel>, StoreError> {
        let shared = Arc::clone(&self.shared);
        self.caller.call(async move { listings::measured(&shared).await }).await
    }
}

#[async_trait]
impl Jobs for MongoStore {
    async fn jobs(&self, providers: Option<&[String]>) -> Result<Vec<JobState>, StoreError> {
        let (shared, providers) = (Arc::clone(&self.shared), providers.map(<[String]>::to_vec));
        self.caller.call(async move { jobs::jobs(&shared, providers.as_deref()).await }).await
    }

    async fn claim(&self, claim: &Claim) -> Result<Claimed, StoreError> {
        let (shared, claim) = (Arc::clone(&self.shared), claim.clone());
        self.caller.call(async move { jobs::claim(&shared, &claim).await }).await
    }

    async fn renew(&self, grant: &Grant, ttl: Duration) -> Result<bool, StoreError> {
        let (shared, grant) = (Arc::clone(&self.shared), grant.clone());
        self.caller.call(async move { jobs::renew(&shared, &grant, ttl).await }).await
    }

    async fn settle(&self, grant: &Grant, ending: &Ending) -> Result<bool, StoreError> {
        let (shared, grant, ending) = (Arc::clone(&self.shared), grant.clone(), ending.clone());
        self.caller.call(async move { jobs::settle(&shared, &grant, &ending).await }).await
    }

    async fn release(&self, grant: &Grant) -> Result<bool, StoreError> {
        let (shared, grant) = (Arc::clone(&self.shared), grant.clone());
        self.caller.call(async move { jobs::release(&shared, &grant).await }).await
    }
}

#[async_trait]
impl Vitals for MongoStore {
    async fn beat(&self, beats: &[Beat]) -> Result<(), StoreError> {
        let (shared, beats) = (Arc::clone(&self.shared), beats.to_vec());
        self.caller.call(async move { vitals::beat(&shared, &beats).await }).await
    }

    async fn keep_check_run(&self, run: &CheckRun) -> Result<(), StoreError> {
        let (shared, run) = (Arc::clone(&self.shared), run.clone());
        self.caller.call(async move { vitals::keep_check_run(&shared, &run).await }).await
    }

    async fn latest_check_run(&self) -> Result<Option<CheckRun>, StoreError> {
        let shared = Arc::clone(&self.shared);
        self.caller.call(async move { vitals::latest_check_run(&shared).await }).await
    }

    async fn refresh_health(&self, cadences: &Cadences) -> Result<u64, StoreError> {
        let (shared, cadences) = (Arc::clone(&self.shared), cadences.clone());
        self.caller.patiently(async move { vitals::refresh_health(&shared, &cadences).await }).await
    }

    async fn health(&self) -> Result<Vec<Health>, StoreError> {
        let shared = Arc::clone(&self.shared);
        self.caller.call(async move { vitals::health(&shared).await }).await
    }

    async fn keep_model_status(&self, statuses: &[ModelStatus]) -> Result<(), StoreError> {
        let (shared, statuses) = (Arc::clone(&self.shared), statuses.to_vec());
        self.caller.patiently(async move { vitals::keep_model_status(&shared, &statuses).await }).await
    }

    async fn server_time(&self) -> Result<DateTime<Utc>, StoreError> {
        let shared = Arc::clone(&self.shared);
        self.caller.call(async move { vitals::server_time(&shared).await }).await
    }
}

#[async_trait]
impl Received for MongoStore {
    async fn keep_posted(&self, rows: Vec<Row>) -> (Vec<Result<Recorded, StoreError>>, Moved) {
        self.keep_rows(rows).await
    }

    async fn catch_up(&self) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        self.caller.patiently(async move { owed::catch_up(&shared).await }).await
    }

    async fn keep_sightings(&self, sightings: &[Sighting]) -> Result<(), StoreError> {
        let (shared, sightings) = (Arc::clone(&self.shared), sightings.to_vec());
        self.caller.call(async move { received::sightings(&shared, &sightings).await }).await
    }
}

#[async_trait]
impl IngestKeys for MongoStore {
    async fn add_ingest_key(&self, key: &IngestKey) -> Result<(), StoreError> {
        let (shared, key) = (Arc::clone(&self.shared), key.clone());
        self.caller.call(async move { received::add_key(&shared, &key).await }).await
    }

    async fn ingest_keys(&self) -> Result<Vec<IngestKey>, StoreError> {
        let shared = Arc::clone(&self.shared);
        self.caller.call(async move { received::keys(&shared).await }).await
    }

    async fn limit_ingest_key(&self, id: &str, not_after: DateTime<Utc>) -> Result<bool, StoreError> {
        let (shared, id) = (Arc::clone(&self.shared), id.to_owned());
        self.caller.call(async move { received::limit_key(&shared, &id, not_after).await }).await
    }

    async fn revoke_ingest_key(&self, id: &str, by: &str, at: DateTime<Utc>) -> Result<bool, StoreError> {
        let (shared, id, by) = (Arc::clone(&self.shared), id.to_owned(), by.to_owned());
        self.caller.call(async move { received::revoke_key(&shared, &id, &by, at).await }).await
    }

    async fn used_ingest_keys(&self, uses: &[(String, DateTime<Utc>)]) -> Result<(), StoreError> {
        let (shared, uses) = (Arc::clone(&self.shared), uses.to_vec());
        self.caller.call(async move { received::used_keys(&shared, &uses).await }).await
    }
}
