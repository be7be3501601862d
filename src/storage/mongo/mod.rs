//! The store on a MongoDB server, in the collections that existing readers use. Every write asks for majority and journal,
//! every row goes in under its own `_id`, and no call waits longer than its deadline.

mod aggregate;
mod backfill;
mod bson;
mod bulk_health;
mod bulk_insert;
mod bulk_update;
mod call;
mod catalog;
mod changes;
mod connect;
mod entries;
mod entry_status;
mod errors;
mod health_store;
mod history;
pub(super) mod indexes;
mod inspect;
mod jobs;
mod listings;
mod notices;
mod overview;
mod posts;
mod raw_batches;
mod record_outcome;
mod rows;
mod sink;
mod suggestions;
mod to_json;
mod write_command;

use crate::domain::listing::{CatalogRow, Listing, ListingChangeCounts, MeasuredModel, ReadRow};
use crate::domain::{ErrorGroup, ModelRef};
use crate::storage::catalog::{
    Batch, CatalogChange, CatalogEntry, ChangeOutcome, ChangeRequest, ChangesOf, Figures, ModelScope,
};
use crate::storage::document::Row;
use crate::storage::health_store::{Cadences, Heartbeat, ModelHealth, ModelStatus, SelfCheckRun};
use crate::storage::history::{
    ErrorGranularity, HistoryFilter, HistoryStore, RunSeries, StoredRow, Successes,
};
use crate::storage::ingest_keys::{IngestKey, IngestKeyStore};
use crate::storage::jobs::{ClaimResult, Grant, JobOutcome, JobState, SlotClaim};
use crate::storage::pending_aggregates::PendingAggregates;
use crate::storage::posts::{PostStore, RunnerActivity};
use crate::storage::rows::{RowPages, RowQuery, RowStore};
use crate::storage::{
    CatalogStore, ClaimStore, CollectionNames, HealthStore, ListingStore, MongoUri, RecordOutcome, Store,
    StoreError,
};
use async_trait::async_trait;
use call::Caller;
use chrono::{DateTime, Utc};
use mongodb::{Collection, Database, bson::Document};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
pub use suggestions::MongoSuggestions;

/// A store on a server.
pub struct MongoStore {
    shared: Arc<MongoContext>,
    caller: Caller,
    published_profiles: Vec<String>,
    shown: String,
}

/// What a spawned call needs of the store.
struct MongoContext {
    database: Database,
    names: CollectionNames,
    published_profiles: Vec<String>,
}

impl MongoContext {
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
        names: &CollectionNames,
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
            MongoContext { database, names: names.clone(), published_profiles: published_profiles.to_vec() };
        Ok(Self { shared: Arc::new(shared), caller, published_profiles: published_profiles.to_vec(), shown })
    }
}

#[async_trait]
impl CatalogStore for MongoStore {
    async fn entries(&self, provider: Option<&str>) -> Result<Vec<CatalogEntry>, StoreError> {
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

    async fn change(&self, order: &ChangeRequest) -> Result<ChangeOutcome, StoreError> {
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

    async fn changes(&self, of: &ChangesOf) -> Result<Vec<CatalogChange>, StoreError> {
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
        self.caller.call(async move { catalog::find_by_id(&shared, &model_id).await }).await
    }
}

#[async_trait]
impl HistoryStore for MongoStore {
    async fn error_groups(
        &self,
        scope: &HistoryFilter,
        grain: ErrorGranularity,
    ) -> Result<Vec<ErrorGroup>, StoreError> {
        let (shared, scope) = (Arc::clone(&self.shared), scope.clone());
        self.caller.call(async move { history::error_groups(&shared, &scope, grain).await }).await
    }

    async fn successes(
        &self,
        scope: &HistoryFilter,
        by_model: bool,
        series: &[RunSeries],
    ) -> Result<Vec<Successes>, StoreError> {
        let (shared, scope, series) = (Arc::clone(&self.shared), scope.clone(), series.to_vec());
        self.caller.call(async move { history::successes(&shared, &scope, by_model, &series).await }).await
    }

    async fn errors(&self, scope: &HistoryFilter, limit: u32) -> Result<Vec<StoredRow>, StoreError> {
        let (shared, scope) = (Arc::clone(&self.shared), scope.clone());
        self.caller.call(async move { history::errors(&shared, &scope, limit).await }).await
    }

    async fn runs(
        &self,
        scope: &HistoryFilter,
        series: RunSeries,
        limit: u32,
    ) -> Result<Vec<StoredRow>, StoreError> {
        let (shared, scope) = (Arc::clone(&self.shared), scope.clone());
        self.caller.call(async move { history::runs(&shared, &scope, series, limit).await }).await
    }

    async fn run(&self, id: &str) -> Result<Option<StoredRow>, StoreError> {
        let (shared, id) = (Arc::clone(&self.shared), id.to_owned());
        self.caller.call(async move { history::run(&shared, &id).await }).await
    }

    async fn error(&self, id: &str) -> Result<Option<StoredRow>, StoreError> {
        let (shared, id) = (Arc::clone(&self.shared), id.to_owned());
        self.caller.call(async move { history::error(&shared, &id).await }).await
    }

    async fn rollups(&self, fingerprint: &str, limit: u32) -> Result<Vec<StoredRow>, StoreError> {
        let (shared, fingerprint) = (Arc::clone(&self.shared), fingerprint.to_owned());
        self.caller.call(async move { history::rollups(&shared, &fingerprint, limit).await }).await
    }
}

impl RowStore for MongoStore {
    fn pages(&self, question: RowQuery) -> Box<dyn RowPages + '_> {
        Box::new(rows::MongoPages::new(&self.shared, &self.caller, question))
    }
}

#[async_trait]
impl ListingStore for MongoStore {
    async fn keep_listing(&self, listing: &Listing) -> Result<ListingChangeCounts, StoreError> {
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
impl ClaimStore for MongoStore {
    async fn jobs(&self, providers: Option<&[String]>) -> Result<Vec<JobState>, StoreError> {
        let (shared, providers) = (Arc::clone(&self.shared), providers.map(<[String]>::to_vec));
        self.caller.call(async move { jobs::jobs(&shared, providers.as_deref()).await }).await
    }

    async fn claim(&self, claim: &SlotClaim) -> Result<ClaimResult, StoreError> {
        let (shared, claim) = (Arc::clone(&self.shared), claim.clone());
        self.caller.call(async move { jobs::claim(&shared, &claim).await }).await
    }

    async fn renew(&self, grant: &Grant, ttl: Duration) -> Result<bool, StoreError> {
        let (shared, grant) = (Arc::clone(&self.shared), grant.clone());
        self.caller.call(async move { jobs::renew(&shared, &grant, ttl).await }).await
    }

    async fn settle(&self, grant: &Grant, ending: &JobOutcome) -> Result<bool, StoreError> {
        let (shared, grant, ending) = (Arc::clone(&self.shared), grant.clone(), ending.clone());
        self.caller.call(async move { jobs::settle(&shared, &grant, &ending).await }).await
    }

    async fn release(&self, grant: &Grant) -> Result<bool, StoreError> {
        let (shared, grant) = (Arc::clone(&self.shared), grant.clone());
        self.caller.call(async move { jobs::release(&shared, &grant).await }).await
    }
}

#[async_trait]
impl HealthStore for MongoStore {
    async fn heartbeat(&self, heartbeats: &[Heartbeat]) -> Result<(), StoreError> {
        let (shared, heartbeats) = (Arc::clone(&self.shared), heartbeats.to_vec());
        self.caller.call(async move { health_store::heartbeat(&shared, &heartbeats).await }).await
    }

    async fn keep_check_run(&self, run: &SelfCheckRun) -> Result<(), StoreError> {
        let (shared, run) = (Arc::clone(&self.shared), run.clone());
        self.caller.call(async move { health_store::keep_check_run(&shared, &run).await }).await
    }

    async fn latest_check_run(&self) -> Result<Option<SelfCheckRun>, StoreError> {
        let shared = Arc::clone(&self.shared);
        self.caller.call(async move { health_store::latest_check_run(&shared).await }).await
    }

    async fn refresh_health(&self, cadences: &Cadences) -> Result<u64, StoreError> {
        let (shared, cadences) = (Arc::clone(&self.shared), cadences.clone());
        self.caller.patiently(async move { health_store::refresh_health(&shared, &cadences).await }).await
    }

    async fn health(&self) -> Result<Vec<ModelHealth>, StoreError> {
        let shared = Arc::clone(&self.shared);
        self.caller.call(async move { health_store::health(&shared).await }).await
    }

    async fn keep_model_status(&self, statuses: &[ModelStatus]) -> Result<(), StoreError> {
        let (shared, statuses) = (Arc::clone(&self.shared), statuses.to_vec());
        self.caller.patiently(async move { health_store::keep_model_status(&shared, &statuses).await }).await
    }

    async fn server_time(&self) -> Result<DateTime<Utc>, StoreError> {
        let shared = Arc::clone(&self.shared);
        self.caller.call(async move { health_store::server_time(&shared).await }).await
    }
}

#[async_trait]
impl PostStore for MongoStore {
    async fn keep_posted(
        &self,
        rows: Vec<Row>,
    ) -> (Vec<Result<RecordOutcome, StoreError>>, PendingAggregates) {
        self.keep_rows(rows).await
    }

    async fn catch_up(&self) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        self.caller.patiently(async move { backfill::catch_up(&shared).await }).await
    }

    async fn keep_runner_activity(&self, activities: &[RunnerActivity]) -> Result<(), StoreError> {
        let (shared, activities) = (Arc::clone(&self.shared), activities.to_vec());
        self.caller.call(async move { posts::activities(&shared, &activities).await }).await
    }
}

#[async_trait]
impl IngestKeyStore for MongoStore {
    async fn add_ingest_key(&self, key: &IngestKey) -> Result<(), StoreError> {
        let (shared, key) = (Arc::clone(&self.shared), key.clone());
        self.caller.call(async move { posts::add_key(&shared, &key).await }).await
    }

    async fn ingest_keys(&self) -> Result<Vec<IngestKey>, StoreError> {
        let shared = Arc::clone(&self.shared);
        self.caller.call(async move { posts::keys(&shared).await }).await
    }

    async fn limit_ingest_key(&self, id: &str, not_after: DateTime<Utc>) -> Result<bool, StoreError> {
        let (shared, id) = (Arc::clone(&self.shared), id.to_owned());
        self.caller.call(async move { posts::limit_key(&shared, &id, not_after).await }).await
    }

    async fn revoke_ingest_key(&self, id: &str, by: &str, at: DateTime<Utc>) -> Result<bool, StoreError> {
        let (shared, id, by) = (Arc::clone(&self.shared), id.to_owned(), by.to_owned());
        self.caller.call(async move { posts::revoke_key(&shared, &id, &by, at).await }).await
    }

    async fn used_ingest_keys(&self, uses: &[(String, DateTime<Utc>)]) -> Result<(), StoreError> {
        let (shared, uses) = (Arc::clone(&self.shared), uses.to_vec());
        self.caller.call(async move { posts::used_keys(&shared, &uses).await }).await
    }
}
