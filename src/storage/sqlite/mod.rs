//! The store in one SQLite file. One thread owns the connection and takes work over a bounded queue; other processes may
//! have the same file open. Each outcome is one transaction: its row, its rollup and the model's health.

mod aggregate;
mod catalog;
mod changes;
mod column_values;
mod entries;
mod entry_status;
mod errors;
mod file;
mod health_store;
mod history;
mod inspect;
mod jobs;
pub(super) mod library_version;
mod listings;
mod notices;
mod overview;
mod posts;
mod record_outcome;
mod rows;
pub(super) mod schema;
mod suggestions;
#[cfg(test)]
mod tests;
mod worker;

use crate::domain::fleet::Fleet;
use crate::domain::listing::{CatalogRow, Listing, ListingChangeCounts, MeasuredModel, ReadRow};
use crate::domain::{CachedInput, ErrorGroup, ModelRef, Outcome};
use crate::storage::catalog::{
    Batch, CatalogChange, CatalogEntry, ChangeOutcome, ChangeRequest, ChangesOf, Figures, ModelScope,
};
use crate::storage::document::Row;
use crate::storage::health_store::{Cadences, Heartbeat, ModelHealth, ModelStatus, SelfCheckRun};
use crate::storage::history::{
    ErrorGranularity, HistoryFilter, HistoryStore, RunSeries, StoredRow, Successes,
};
use crate::storage::ingest_keys::{IngestKey, IngestKeyStore};
use crate::storage::inspect::{IndexFault, InspectStore, OddFieldReport, StoreInfo, StoreRights};
use crate::storage::jobs::{ClaimResult, Grant, JobOutcome, JobState, SlotClaim};
use crate::storage::payload::OutcomePayload;
use crate::storage::pending_aggregates::PendingAggregates;
use crate::storage::posts::{PostStore, RunnerActivity};
use crate::storage::rows::{RowPages, RowQuery, RowStore};
use crate::storage::{
    CatalogStore, ClaimStore, HealthStore, ListingStore, OutcomeSink, OverviewStore, RecordOutcome, Store,
    StoreError, WorkItem, document,
};
use async_trait::async_trait;
use chrono::{DateTime, SubsecRound, Utc};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;
pub use suggestions::SqliteSuggestions;
use worker::SqliteWorker;

/// A store in one file.
pub struct SqliteStore {
    path: PathBuf,
    published_profiles: Vec<String>,
    owner: SqliteWorker,
    /// Opened by [`SqliteStore::look`]: nothing may stay behind.
    only_looks: bool,
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        if self.only_looks {
            self.owner.close();
        }
    }
}

impl SqliteStore {
    /// Opens the file at `path`, creating it (0600) in an existing directory, and brings its tables up to date.
    ///
    /// # Errors
    /// [`StoreError::Broken`] where the directory is missing or read-only, the disk is full, the file is no database or
    /// comes from a newer version, or the SQLite library is too old; [`StoreError::Unavailable`] where it is locked.
    pub async fn open(path: &Path, published_profiles: &[String]) -> Result<Self, StoreError> {
        let path = file::prepare(path)?;
        let owner = SqliteWorker::start(path.clone(), worker::connect).await?;
        Ok(Self { path, published_profiles: published_profiles.to_vec(), owner, only_looks: false })
    }

    /// Opens the file at `path` to look at it: it is neither created nor brought up to date, and nothing can be written.
    ///
    /// # Errors
    /// As [`SqliteStore::open`], and where there is no file.
    pub async fn look(path: &Path, published_profiles: &[String]) -> Result<Self, StoreError> {
        let path = file::existing(path)?;
        let owner = SqliteWorker::start(path.clone(), worker::look).await?;
        Ok(Self { path, published_profiles: published_profiles.to_vec(), owner, only_looks: true })
    }

    /// Keeps the rows that could be made, in one transaction, and answers for all.
    async fn keep_rows(
        &self,
        rows: impl Iterator<Item = Result<Row, StoreError>>,
    ) -> Vec<Result<RecordOutcome, StoreError>> {
        let (sound, flaws) = document::sound(rows);
        let path = self.path.clone();
        let kept =
            self.owner.ask(move |connection| record_outcome::record_all(connection, &sound, &path)).await;
        document::answers(flaws, kept)
    }
}

#[async_trait]
impl OutcomeSink for SqliteStore {
    async fn work_list(&self, provider: Option<&str>) -> Result<Vec<WorkItem>, StoreError> {
        let provider = provider.map(str::to_owned);
        self.owner.ask(move |connection| catalog::work_list(connection, provider.as_deref())).await
    }

    async fn record(&self, outcome: &Outcome) -> Result<RecordOutcome, StoreError> {
        let row = document::row(outcome, &self.published_profiles)?;
        self.owner.ask(move |connection| record_outcome::record(connection, &row)).await
    }

    async fn keep_all(
        &self,
        payloads: &[&OutcomePayload],
    ) -> (Vec<Result<RecordOutcome, StoreError>>, PendingAggregates) {
        let rows = payloads.iter().map(|payload| document::row_of(payload, &self.published_profiles));
        // What follows from rows is in their transaction.
        (self.keep_rows(rows).await, PendingAggregates::default())
    }

    fn describe(&self) -> String {
        format!("sqlite:{}", self.path.display())
    }

    async fn learned(&self, model: &ModelRef) -> Result<Vec<String>, StoreError> {
        let model = model.clone();
        self.owner.ask(move |connection| catalog::learned(connection, &model)).await
    }

    async fn learn(&self, model: &ModelRef, adaptation: &str) -> Result<(), StoreError> {
        let (model, adaptation) = (model.clone(), adaptation.to_owned());
        self.owner.ask(move |connection| catalog::learn(connection, &model, &adaptation)).await
    }
}

#[async_trait]
impl CatalogStore for SqliteStore {
    async fn entries(&self, provider: Option<&str>) -> Result<Vec<CatalogEntry>, StoreError> {
        let provider = provider.map(str::to_owned);
        self.owner.ask(move |connection| entries::entries(connection, provider.as_deref())).await
    }

    async fn figures(
        &self,
        scope: &ModelScope,
        now: DateTime<Utc>,
    ) -> Result<HashMap<ModelRef, Figures>, StoreError> {
        let scope = scope.clone();
        self.owner.ask(move |connection| entries::figures(connection, &scope, now)).await
    }

    async fn begin_batch(&self, batch: &Batch) -> Result<(), StoreError> {
        let batch = batch.clone();
        self.owner.ask(move |connection| changes::begin(connection, &batch)).await
    }

    async fn change(&self, order: &ChangeRequest) -> Result<ChangeOutcome, StoreError> {
        let order = order.clone();
        self.owner.ask(move |connection| changes::change(connection, &order)).await
    }

    async fn finish_batch(&self, id: &str, at: DateTime<Utc>) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.owner.ask(move |connection| changes::finish(connection, &id, at)).await
    }

    async fn batches(&self, limit: u32) -> Result<Vec<Batch>, StoreError> {
        self.owner.ask(move |connection| changes::batches(connection, limit)).await
    }

    async fn batch(&self, id: &str) -> Result<Option<Batch>, StoreError> {
        let id = id.to_owned();
        self.owner.ask(move |connection| changes::batch(connection, &id)).await
    }

    async fn changes(&self, of: &ChangesOf) -> Result<Vec<CatalogChange>, StoreError> {
        let of = of.clone();
        self.owner.ask(move |connection| changes::changes(connection, &of)).await
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn init(&self) -> Result<(), StoreError> {
        self.owner.ask(schema::migrate).await
    }

    async fn find_by_id(&self, model_id: &str) -> Result<Vec<ModelRef>, StoreError> {
        let model_id = model_id.to_owned();
        self.owner.ask(move |connection| catalog::find_by_id(connection, &model_id)).await
    }
}

#[async_trait]
impl HistoryStore for SqliteStore {
    async fn error_groups(
        &self,
        scope: &HistoryFilter,
        grain: ErrorGranularity,
    ) -> Result<Vec<ErrorGroup>, StoreError> {
        let scope = scope.clone();
        self.owner.ask(move |connection| history::error_groups(connection, &scope, grain)).await
    }

    async fn successes(
        &self,
        scope: &HistoryFilter,
        by_model: bool,
        series: &[RunSeries],
    ) -> Result<Vec<Successes>, StoreError> {
        let (scope, series) = (scope.clone(), series.to_vec());
        self.owner.ask(move |connection| history::successes(connection, &scope, by_model, &series)).await
    }

    async fn errors(&self, scope: &HistoryFilter, limit: u32) -> Result<Vec<StoredRow>, StoreError> {
        let scope = scope.clone();
        self.owner.ask(move |connection| history::errors(connection, &scope, limit)).await
    }

    async fn runs(
        &self,
        scope: &HistoryFilter,
        series: RunSeries,
        limit: u32,
    ) -> Result<Vec<StoredRow>, StoreError> {
        let scope = scope.clone();
        self.owner.ask(move |connection| history::runs(connection, &scope, series, limit)).await
    }

    async fn run(&self, id: &str) -> Result<Option<StoredRow>, StoreError> {
        let id = id.to_owned();
        self.owner.ask(move |connection| history::run(connection, &id)).await
    }

    async fn error(&self, id: &str) -> Result<Option<StoredRow>, StoreError> {
        let id = id.to_owned();
        self.owner.ask(move |connection| history::error(connection, &id)).await
    }

    async fn rollups(&self, fingerprint: &str, limit: u32) -> Result<Vec<StoredRow>, StoreError> {
        let fingerprint = fingerprint.to_owned();
        self.owner.ask(move |connection| history::rollups(connection, &fingerprint, limit)).await
    }
}

impl RowStore for SqliteStore {
    fn pages(&self, question: RowQuery) -> Box<dyn RowPages + '_> {
        Box::new(rows::SqlitePages::new(&self.owner, question))
    }
}

#[async_trait]
impl ListingStore for SqliteStore {
    async fn keep_listing(&self, listing: &Listing) -> Result<ListingChangeCounts, StoreError> {
        let listing = listing.clone();
        self.owner.ask(move |connection| listings::keep(connection, &listing)).await
    }

    async fn listed(&self, provider: Option<&str>) -> Result<Vec<CatalogRow>, StoreError> {
        let provider = provider.map(str::to_owned);
        self.owner.ask(move |connection| listings::listed(connection, provider.as_deref())).await
    }

    async fn list_reads(&self, provider: Option<&str>) -> Result<Vec<ReadRow>, StoreError> {
        let provider = provider.map(str::to_owned);
        self.owner.ask(move |connection| listings::reads(connection, provider.as_deref())).await
    }

    async fn measured_models(&self) -> Result<Vec<MeasuredModel>, StoreError> {
        self.owner.ask(listings::measured).await
    }
}

#[async_trait]
impl OverviewStore for SqliteStore {
    async fn overview(&self, since: DateTime<Utc>, now: DateTime<Utc>) -> Result<Fleet, StoreError> {
        self.owner.ask(move |connection| overview::overview(connection, since, now)).await
    }
}

#[async_trait]
impl ClaimStore for SqliteStore {
    async fn jobs(&self, providers: Option<&[String]>) -> Result<Vec<JobState>, StoreError> {
        let providers = providers.map(<[String]>::to_vec);
        self.owner.ask(move |connection| jobs::jobs(connection, providers.as_deref())).await
    }

    async fn claim(&self, claim: &SlotClaim) -> Result<ClaimResult, StoreError> {
        let claim = claim.clone();
        self.owner.ask(move |connection| jobs::claim(connection, &claim)).await
    }

    async fn renew(&self, grant: &Grant, ttl: Duration) -> Result<bool, StoreError> {
        let grant = grant.clone();
        self.owner.ask(move |connection| jobs::renew(connection, &grant, ttl)).await
    }

    async fn settle(&self, grant: &Grant, ending: &JobOutcome) -> Result<bool, StoreError> {
        let (grant, ending) = (grant.clone(), ending.clone());
        self.owner.ask(move |connection| jobs::settle(connection, &grant, &ending)).await
    }

    async fn release(&self, grant: &Grant) -> Result<bool, StoreError> {
        let grant = grant.clone();
        self.owner.ask(move |connection| jobs::release(connection, &grant)).await
    }
}

#[async_trait]
impl InspectStore for SqliteStore {
    async fn facts(&self) -> Result<StoreInfo, StoreError> {
        self.owner.ask(inspect::facts).await
    }

    async fn index_faults(&self) -> Result<Vec<IndexFault>, StoreError> {
        self.owner.ask(inspect::index_faults).await
    }

    async fn rights(&self) -> Result<StoreRights, StoreError> {
        let path = self.path.clone();
        self.owner.ask(move |connection| inspect::rights(connection, &path)).await
    }

    async fn census(&self) -> Result<Vec<OddFieldReport>, StoreError> {
        self.owner.ask(inspect::census).await
    }

    async fn cached_input(&self) -> Result<BTreeMap<ModelRef, CachedInput>, StoreError> {
        self.owner.ask(inspect::cached_input).await
    }
}

#[async_trait]
impl HealthStore for SqliteStore {
    async fn heartbeat(&self, heartbeats: &[Heartbeat]) -> Result<(), StoreError> {
        let heartbeats = heartbeats.to_vec();
        self.owner.ask(move |connection| health_store::heartbeat(connection, &heartbeats)).await
    }

    async fn keep_check_run(&self, run: &SelfCheckRun) -> Result<(), StoreError> {
        let run = run.clone();
        self.owner.ask(move |connection| health_store::keep_check_run(connection, &run)).await
    }

    async fn latest_check_run(&self) -> Result<Option<SelfCheckRun>, StoreError> {
        self.owner.ask(health_store::latest_check_run).await
    }

    async fn refresh_health(&self, cadences: &Cadences) -> Result<u64, StoreError> {
        let cadences = cadences.clone();
        self.owner.ask(move |connection| health_store::refresh_health(connection, &cadences)).await
    }

    async fn health(&self) -> Result<Vec<ModelHealth>, StoreError> {
        self.owner.ask(health_store::health).await
    }

    async fn keep_model_status(&self, statuses: &[ModelStatus]) -> Result<(), StoreError> {
        let statuses = statuses.to_vec();
        self.owner.ask(move |connection| health_store::keep_model_status(connection, &statuses)).await
    }

    async fn server_time(&self) -> Result<DateTime<Utc>, StoreError> {
        self.owner.ask(|_| Ok(Utc::now().trunc_subsecs(3))).await
    }
}

#[async_trait]
impl PostStore for SqliteStore {
    async fn keep_posted(
        &self,
        rows: Vec<Row>,
    ) -> (Vec<Result<RecordOutcome, StoreError>>, PendingAggregates) {
        // What follows from rows is in their transaction.
        (self.keep_rows(rows.into_iter().map(Ok)).await, PendingAggregates::default())
    }

    async fn keep_runner_activity(&self, activities: &[RunnerActivity]) -> Result<(), StoreError> {
        let activities = activities.to_vec();
        self.owner.ask(move |connection| posts::activities(connection, &activities)).await
    }
}

#[async_trait]
impl IngestKeyStore for SqliteStore {
    async fn add_ingest_key(&self, key: &IngestKey) -> Result<(), StoreError> {
        let key = key.clone();
        self.owner.ask(move |connection| posts::add_key(connection, &key)).await
    }

    async fn ingest_keys(&self) -> Result<Vec<IngestKey>, StoreError> {
        self.owner.ask(posts::keys).await
    }

    async fn limit_ingest_key(&self, id: &str, not_after: DateTime<Utc>) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.owner.ask(move |connection| posts::limit_key(connection, &id, not_after)).await
    }

    async fn revoke_ingest_key(&self, id: &str, by: &str, at: DateTime<Utc>) -> Result<bool, StoreError> {
        let (id, by) = (id.to_owned(), by.to_owned());
        self.owner.ask(move |connection| posts::revoke_key(connection, &id, &by, at)).await
    }

    async fn used_ingest_keys(&self, uses: &[(String, DateTime<Utc>)]) -> Result<(), StoreError> {
        let uses = uses.to_vec();
        self.owner.ask(move |connection| posts::used_keys(connection, &uses)).await
    }
}
