//! The store, which may be away: opened as soon as it can be, asked by tasks that nobody interrupts, left alone for a
//! moment after it failed. A daemon measures on without it.
//!
//! Behind a bridge the store is a file of this machine, which knows whose turn it is and nothing else: rows go to the
//! bridge, and what is measured comes from there.

use crate::bridge::client;
use crate::bridge::client::BridgeClient;
use crate::daemon::catalog_cache::CatalogCache;
use crate::domain::{ModelRef, Outcome};
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

/// How long an answer is waited for. The call itself goes on: a driver's future must not be dropped.
const DEADLINE: Duration = Duration::from_secs(20);

/// How long nobody asks after the store did not answer.
const REST: Duration = Duration::from_secs(5);

/// How old a store is at least that is let go because it refuses what it is asked: a right that is missing for good must
/// not make a new login of every call.
const REOPEN: Duration = Duration::from_secs(20);

/// What was last heard of the store.
#[derive(Debug, Clone, Default)]
pub struct StoreReachability {
    /// When it last answered.
    pub answered_at: Option<DateTime<Utc>>,
    /// What it said last, if that was an error.
    pub error: Option<String>,
    /// That error: it refuses the login or a right.
    pub refuses: bool,
    failed: Option<Instant>,
}

/// A store that is open, and since when.
struct OpenedStore {
    store: Arc<dyn Store>,
    at: Instant,
}

/// The way to a store.
pub struct StoreHandle {
    location: StoreLocation,
    names: CollectionNames,
    published: Vec<String>,
    opened: tokio::sync::Mutex<Option<OpenedStore>>,
    heard: Mutex<StoreReachability>,
    bridge: Option<Arc<BridgeClient>>,
    known: Option<Mutex<CatalogCache>>,
    /// Of when the catalogue is that is measured because the store was away at the start.
    recalled: Mutex<Option<DateTime<Utc>>>,
}

impl StoreHandle {
    /// A way to the store at this place, where these profiles are published. Opens nothing yet.
    pub fn new(location: StoreLocation, names: CollectionNames, published: Vec<String>) -> Self {
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

    /// The same, with rows that go to a bridge and a work list that comes from there.
    #[must_use]
    pub fn behind(self, bridge: Arc<BridgeClient>) -> Self {
        Self { bridge: Some(bridge), ..self }
    }

    /// The same, which remembers the catalogue for a start without the store.
    #[must_use]
    pub fn knowing(self, known: CatalogCache) -> Self {
        Self { known: Some(Mutex::new(known)), ..self }
    }

    /// The bridge, where there is one.
    pub fn bridge(&self) -> Option<&Arc<BridgeClient>> {
        self.bridge.as_ref()
    }

    /// What is to be measured: the catalogue, or what the bridge says.
    ///
    /// # Errors
    /// The store's; of a bridge there are none, its refusal is in the answer.
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

    /// The catalogue that was known last, and of when it is; `None` where it is too old. From now on what is heard of the
    /// store says so, until it gives another.
    pub fn recall(&self) -> Option<(DateTime<Utc>, Vec<WorkItem>)> {
        let known = self.known.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.recall(Utc::now());
        *self.recalled.lock().unwrap_or_else(PoisonError::into_inner) = found.as_ref().map(|(at, _)| *at);
        found
    }

    /// What the store is called, without any secret.
    pub fn name(&self) -> String {
        self.bridge.as_ref().map_or_else(|| self.location.to_string(), |bridge| bridge.describe())
    }

    /// The store; opened now if it is not yet.
    ///
    /// # Errors
    /// Those of opening it.
    pub async fn store(&self) -> Result<Arc<dyn Store>, StoreError> {
        let mut opened = self.opened.lock().await;
        if let Some(opened) = &*opened {
            return Ok(Arc::clone(&opened.store));
        }
        // Whoever waited here behind an attempt in vain does not make another one at once.
        if let Some(why) = self.resting() {
            return Err(StoreError::Unavailable(why));
        }
        let attempt = open(&self.location, &self.names, &self.published).await;
        self.note(&attempt);
        let store = attempt?;
        *opened = Some(OpenedStore { store: Arc::clone(&store), at: Instant::now() });
        Ok(store)
    }

    /// Lets go of a store that refuses what it is asked: its connections go on with the login that they were made with,
    /// whatever has become of it. Calls under way keep it; the next one after the rest logs in anew.
    fn let_go(&self) {
        // Whoever opens it now has a new login already.
        let Ok(mut opened) = self.opened.try_lock() else { return };
        if opened.as_ref().is_some_and(|opened| opened.at.elapsed() >= REOPEN) {
            *opened = None;
        }
    }

    /// Why nobody asks now, if so.
    fn resting(&self) -> Option<String> {
        let heard = self.own();
        heard.failed.filter(|at| at.elapsed() < REST)?;
        Some(heard.error.unwrap_or_else(|| "the store does not answer".to_owned()))
    }

    /// What was last heard of it, or of the bridge.
    pub fn heard(&self) -> StoreReachability {
        let own = self.own();
        let Some(bridge) = &self.bridge else { return self.with_the_catalogue(own) };
        let client::BridgeReachability { answered_at, error } = bridge.heard();
        StoreReachability {
            answered_at,
            refuses: error.is_none() && own.refuses,
            error: error.or(own.error),
            failed: None,
        }
    }

    fn with_the_catalogue(&self, heard: StoreReachability) -> StoreReachability {
        let recalled = *self.recalled.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(at) = recalled else { return heard };
        let at = at.format("%Y-%m-%d %H:%M:%SZ");
        StoreReachability {
            error: heard.error.map(|error| format!("{error}; the catalogue is the one of {at}")),
            ..heard
        }
    }

    fn own(&self) -> StoreReachability {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks the store something. While it is away nobody is kept waiting for it.
    ///
    /// # Errors
    /// The store's, and [`StoreError::Unavailable`] where it is given a rest or did not answer in time.
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

    /// The last answer is the newest, and the one after which a store that gives out was asked no more.
    fn note_last<T>(&self, answers: &[Result<T, StoreError>]) {
        if let Some(answer) = answers.last() {
            self.note(answer);
        }
    }

    fn note<T>(&self, answer: &Result<T, StoreError>) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        match answer {
            // What is wrong with a row says that the store is there.
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

/// What the sender needs: it has its own patience, and asks in its own time.
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
