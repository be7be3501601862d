//! A store that may be unreachable: opened as soon as possible, called in tasks that are never aborted, and left alone
//! for a moment after a failure. The daemon measures on without it. Behind a bridge the store is a local file that only
//! knows slots and leases: rows go to the bridge, and the work list comes from there.

use crate::bridge::client;
use crate::bridge::client::BridgeClient;
use crate::daemon::catalog_cache::CatalogCache;
use crate::domain::{ModelRef, Outcome, PublishedProfiles};
use crate::storage::aggregates::PendingAggregates;
use crate::storage::outcomes::payload::OutcomePayload;
use crate::storage::{
    CollectionNames, OutcomeSink, RecordOutcome, Store, StoreError, StoreLocation, WorkItem, open,
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// Time limit for an answer. The call itself continues, because a driver's future must not be dropped.
const DEADLINE: Duration = Duration::from_secs(20);

/// Pause of calls after the store failed.
const REST: Duration = Duration::from_secs(5);

/// Minimum age of a store connection that is dropped because calls are refused: a permission that is missing for good
/// must not cause a new login for every call.
const REOPEN: Duration = Duration::from_secs(20);

/// The result of the newest calls to the store.
#[derive(Debug, Clone, Default)]
pub struct StoreReachability {
    /// Time of the last successful answer.
    pub answered_at: Option<DateTime<Utc>>,
    /// The error of the last call, if it failed.
    pub error: Option<String>,
    /// True if that error refuses the login or a permission.
    pub refuses: bool,
    failed: Option<Instant>,
}

/// An open store, and the time at which it was opened.
struct OpenedStore {
    store: Arc<dyn Store>,
    at: Instant,
}

/// Access to a store that may be unreachable.
pub struct StoreHandle {
    location: StoreLocation,
    names: CollectionNames,
    published: PublishedProfiles,
    opened: tokio::sync::Mutex<Option<OpenedStore>>,
    heard: Mutex<StoreReachability>,
    bridge: Option<Arc<BridgeClient>>,
    known: Option<Mutex<CatalogCache>>,
    /// Date of the saved catalog that is measured because the store was unreachable at the start.
    recalled: Mutex<Option<DateTime<Utc>>>,
}

impl StoreHandle {
    /// Creates a handle for the store at `location`. `published` names the published profiles. Opens nothing yet.
    pub fn new(location: StoreLocation, names: CollectionNames, published: PublishedProfiles) -> Self {
        let (opened, heard) = (tokio::sync::Mutex::new(None), Mutex::default());
        Self {
            location,
            names,
            published,
            opened,
            heard,
            bridge: None,
            known: None,
            recalled: Mutex::default(),
        }
    }

    /// Sends rows to a bridge and gets the work list from there.
    #[must_use]
    pub fn behind(self, bridge: Arc<BridgeClient>) -> Self {
        Self { bridge: Some(bridge), ..self }
    }

    /// Saves the catalog for a start without the store.
    #[must_use]
    pub fn knowing(self, known: CatalogCache) -> Self {
        Self { known: Some(Mutex::new(known)), ..self }
    }

    /// The bridge, if there is one.
    pub fn bridge(&self) -> Option<&Arc<BridgeClient>> {
        self.bridge.as_ref()
    }

    /// The models to measure, from the catalog or from the bridge.
    ///
    /// # Errors
    /// The store's errors. A bridge causes none; its refusal is part of the result.
    pub async fn work(self: &Arc<Self>) -> Result<client::BridgeWork, StoreError> {
        match &self.bridge {
            Some(bridge) => Ok(bridge.work().await),
            None => {
                let items = self.ask(|store| async move { store.work_list(None).await }).await?;
                if let Some(known) = &self.known {
                    known.lock().unwrap_or_else(PoisonError::into_inner).keep(&items, Utc::now());
                }
                *self.recalled.lock().unwrap_or_else(PoisonError::into_inner) = None;
                Ok(client::BridgeWork { items, ..client::BridgeWork::default() })
            }
        }
    }

    /// The saved catalog and its date; `None` if it is too old. Until the store delivers a new one,
    /// [`Self::heard`] mentions the date.
    pub fn recall(&self) -> Option<(DateTime<Utc>, Vec<WorkItem>)> {
        let known = self.known.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.recall(Utc::now());
        *self.recalled.lock().unwrap_or_else(PoisonError::into_inner) = found.as_ref().map(|(at, _)| *at);
        found
    }

    /// Name of the store, without secrets.
    pub fn name(&self) -> String {
        self.bridge.as_ref().map_or_else(|| self.location.to_string(), |bridge| bridge.describe())
    }

    /// The store; opens it if necessary.
    ///
    /// # Errors
    /// Those of opening the store.
    pub async fn store(&self) -> Result<Arc<dyn Store>, StoreError> {
        let mut opened = self.opened.lock().await;
        if let Some(opened) = &*opened {
            return Ok(Arc::clone(&opened.store));
        }
        // After waiting for another caller's failed attempt, do not try again at once.
        if let Some(why) = self.resting() {
            return Err(StoreError::Unavailable(why));
        }
        let attempt = open(&self.location, &self.names, &self.published).await;
        self.note(&attempt);
        let store = attempt?;
        *opened = Some(OpenedStore { store: Arc::clone(&store), at: Instant::now() });
        Ok(store)
    }

    /// Drops a store connection whose calls are refused, because connections keep their original login. Running calls
    /// keep it; the next call after the pause logs in again.
    fn let_go(&self) {
        // A failed lock means that another caller is opening the store, with a new login.
        let Ok(mut opened) = self.opened.try_lock() else { return };
        if opened.as_ref().is_some_and(|opened| opened.at.elapsed() >= REOPEN) {
            *opened = None;
        }
    }

    /// The reason why no call is made now, if there is one.
    fn resting(&self) -> Option<String> {
        let heard = self.own();
        heard.failed.filter(|at| at.elapsed() < REST)?;
        Some(heard.error.unwrap_or_else(|| "the store does not answer".to_owned()))
    }

    /// The reachability of the store or of the bridge.
    pub fn heard(&self) -> StoreReachability {
        let own = self.own();
        let Some(bridge) = &self.bridge else { return self.with_the_catalog(own) };
        let client::BridgeReachability { answered_at, error } = bridge.heard();
        StoreReachability {
            answered_at,
            refuses: error.is_none() && own.refuses,
            error: error.or(own.error),
            failed: None,
        }
    }

    fn with_the_catalog(&self, heard: StoreReachability) -> StoreReachability {
        let recalled = *self.recalled.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(at) = recalled else { return heard };
        let at = at.format("%Y-%m-%d %H:%M:%SZ");
        StoreReachability {
            error: heard.error.map(|error| format!("{error}; the catalog is the one of {at}")),
            ..heard
        }
    }

    fn own(&self) -> StoreReachability {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Runs a call on the store. Returns at once while the store is paused after a failure.
    ///
    /// # Errors
    /// The store's errors, and [`StoreError::Unavailable`] if it is paused or does not answer in time.
    pub async fn ask<T, F>(
        self: &Arc<Self>,
        question: impl FnOnce(Arc<dyn Store>) -> F + Send + 'static,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send,
    {
        if let Some(why) = self.resting() {
            return Err(StoreError::Unavailable(why));
        }
        let store_handle = Arc::clone(self);
        let call = tokio::spawn(async move { question(store_handle.store().await?).await });
        let answer = match timeout(DEADLINE, call).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(StoreError::Broken("a call to the store ended without an answer".to_owned())),
            Err(_) => Err(StoreError::Unavailable(format!(
                "the store did not answer within {} s",
                DEADLINE.as_secs()
            ))),
        };
        self.note(&answer);
        answer
    }

    /// Records the last of several answers: if the store failed, no calls were made after it.
    fn note_last<T>(&self, answers: &[Result<T, StoreError>]) {
        if let Some(answer) = answers.last() {
            self.note(answer);
        }
    }

    fn note<T>(&self, answer: &Result<T, StoreError>) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        match answer {
            // An error about a row shows that the store is reachable.
            Ok(_) | Err(StoreError::Conflict(_) | StoreError::Rejected(_)) => {
                *heard = StoreReachability { answered_at: Some(Utc::now()), ..StoreReachability::default() };
            }
            Err(error) => {
                heard.error = Some(error.to_string());
                heard.failed = Some(Instant::now());
                heard.refuses = matches!(error, StoreError::Denied(_));
                if heard.refuses {
                    self.let_go();
                }
            }
        }
    }
}

/// The sender's access to the store. It has its own time limits and pauses.
#[async_trait]
impl OutcomeSink for StoreHandle {
    async fn work_list(&self, provider: Option<&str>) -> Result<Vec<WorkItem>, StoreError> {
        if let Some(bridge) = &self.bridge {
            return bridge.work_list(provider).await;
        }
        self.store().await?.work_list(provider).await
    }

    async fn record(&self, outcome: &Outcome) -> Result<RecordOutcome, StoreError> {
        if let Some(bridge) = &self.bridge {
            return bridge.record(outcome).await;
        }
        let recorded = match self.store().await {
            Ok(store) => store.record(outcome).await,
            Err(error) => Err(error),
        };
        self.note(&recorded);
        recorded
    }

    async fn keep_all(
        &self,
        payloads: &[&OutcomePayload],
    ) -> (Vec<Result<RecordOutcome, StoreError>>, PendingAggregates) {
        if let Some(bridge) = &self.bridge {
            return bridge.keep_all(payloads).await;
        }
        let (answers, moved) = match self.store().await {
            Ok(store) => store.keep_all(payloads).await,
            Err(error) => (vec![Err(error)], PendingAggregates::default()),
        };
        self.note_last(&answers);
        (answers, moved)
    }

    async fn derive(&self, moved: &PendingAggregates) -> Result<(), StoreError> {
        let derived = match self.store().await {
            Ok(store) => store.derive(moved).await,
            Err(error) => Err(error),
        };
        self.note(&derived);
        derived
    }

    fn rest(&self) -> Option<Duration> {
        self.bridge.as_ref().and_then(|bridge| bridge.rest())
    }

    fn describe(&self) -> String {
        self.name()
    }

    async fn learned(&self, model: &ModelRef) -> Result<Vec<String>, StoreError> {
        self.store().await?.learned(model).await
    }

    async fn learn(&self, model: &ModelRef, adaptation: &str) -> Result<(), StoreError> {
        self.store().await?.learn(model, adaptation).await
    }
}
