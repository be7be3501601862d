//! State that all requests share, and its upkeep: rereads keys, catalog and certificates, and
//! stores the runners' activity.

use super::auth::RunnerKey;
use super::body_reader::BodyMemory;
use super::enabled_models::WorkSetCache;
use super::journal::{Journal, JournalLevel};
use super::keys::RunnerKeyCache;
use super::listener::ListenerCounters;
use super::metrics::{BridgeMetrics, ScrapeGauges};
use super::rate_limits::{GuessLimiter, KeyRateLimiter};
use super::runner_activity::RunnerActivityLog;
use super::tls::{CertificateReload, TlsIdentity};
use super::write_queue::{QueueWriters, WriteQueue};
use crate::domain::PublishedProfiles;
use crate::domain::runner::by_liveness;
use crate::storage::{Store, StoreError};
use chrono::Utc;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Interval of rereading keys and certificates.
const TICK: Duration = Duration::from_secs(2);

/// Intervals of the search for missing aggregates, after a success and after a failure.
const CATCH_UP: Duration = Duration::from_secs(600);
const CATCH_UP_AGAIN: Duration = Duration::from_secs(20);

/// Interval of counting remote runners: their patience is at least an hour.
const COUNT_RUNNERS: Duration = Duration::from_secs(60);

/// Settings of the operator.
#[derive(Debug, Clone, PartialEq)]
pub struct BridgePolicy {
    /// Interval at which runners should measure, in minutes, at least 1.
    pub interval_minutes: u32,
    /// Maximum number of items that a key may post per second.
    pub items_per_second: f64,
    /// Ids of the published profiles in the store.
    pub published_profiles: PublishedProfiles,
    /// The endpoint of each direct provider whose runners state none.
    pub endpoint_tags: Arc<BTreeMap<String, String>>,
}

/// State that all requests share.
pub struct BridgeServer {
    pub(super) store: Arc<dyn Store>,
    pub(super) policy: BridgePolicy,
    pub(super) keys: RunnerKeyCache,
    pub(super) work: WorkSetCache,
    pub(super) write_queue: WriteQueue,
    pub(super) rates: KeyRateLimiter,
    pub(super) guess_limiter: GuessLimiter,
    pub(super) held: BodyMemory,
    pub(super) runner_activity: RunnerActivityLog,
    pub(super) journal: Arc<Journal>,
    pub metrics: BridgeMetrics,
    pub tally: Arc<ListenerCounters>,
    store_sound: AtomicBool,
    identity_sound: AtomicBool,
    /// Remote runners by liveness; `None` until they were counted.
    runners: Mutex<Option<BTreeMap<&'static str, u64>>>,
}

impl BridgeServer {
    /// Reads keys and catalog for the first time. `legacy` are the keys of the environment.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn open(
        store: Arc<dyn Store>,
        policy: BridgePolicy,
        legacy: Vec<RunnerKey>,
        journal: Journal,
    ) -> Result<(Arc<Self>, QueueWriters), StoreError> {
        let keys = RunnerKeyCache::load(store.clone(), legacy).await?;
        let work = WorkSetCache::new(store.clone());
        work.current().await?;
        let journal = Arc::new(journal);
        let (write_queue, writers) = WriteQueue::open(&store, &journal);
        let bridge = Self {
            rates: KeyRateLimiter::new(policy.items_per_second),
            guess_limiter: GuessLimiter::default(),
            runner_activity: RunnerActivityLog::new(policy.interval_minutes.saturating_mul(60)),
            store,
            policy,
            keys,
            work,
            write_queue,
            held: BodyMemory::default(),
            journal,
            metrics: BridgeMetrics::default(),
            tally: Arc::default(),
            store_sound: AtomicBool::new(true),
            identity_sound: AtomicBool::new(true),
            runners: Mutex::default(),
        };
        Ok((Arc::new(bridge), writers))
    }

    /// Number of keys that are valid now.
    pub fn usable_keys(&self) -> usize {
        self.keys.ring().usable(Utc::now())
    }

    /// The reason why the bridge is not ready; `None` if it is.
    pub fn unready(&self) -> Option<&'static str> {
        if !self.store_sound.load(Ordering::Relaxed) {
            Some("the database does not answer")
        } else if !self.keys.are_sound() {
            Some("the keys cannot be read again")
        } else if !self.identity_sound.load(Ordering::Relaxed) {
            Some("the certificate on disk cannot be used")
        } else {
            None
        }
    }

    /// All metrics in Prometheus' text format.
    pub fn metrics_text(&self) -> String {
        let now = ScrapeGauges {
            waiting: self.write_queue.waiting(),
            underived: self.write_queue.underived(),
            held_bytes: self.held.bytes(),
            keys: self.usable_keys(),
            ready: self.unready().is_none(),
            runners: self.runners.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        };
        self.metrics.text(&self.tally, &now)
    }

    /// Runs the upkeep until `stop` is cancelled.
    pub async fn tend(self: Arc<Self>, identity: Option<Arc<TlsIdentity>>, stop: CancellationToken) {
        let catching_up = tokio::spawn(self.clone().catch_up(stop.clone()));
        let counting = tokio::spawn(self.clone().count_runners(stop.clone()));
        while stop.run_until_cancelled(tokio::time::sleep(TICK)).await.is_some() {
            self.tick(identity.as_deref()).await;
        }
        // The next start begins the search again.
        catching_up.abort();
        counting.abort();
        if let Err(error) = self.runner_activity.flush(&*self.store).await {
            self.warn("sightings", &error.to_string());
        }
    }

    /// Updates aggregates that a bridge left undone when it ended: at the start for all rows since then, later often
    /// enough that there are never many.
    async fn catch_up(self: Arc<Self>, stop: CancellationToken) {
        loop {
            let done = self.store.catch_up().await;
            if let Err(error) = &done {
                self.warn("derive", &error.to_string());
            }
            let rest = if done.is_ok() { CATCH_UP } else { CATCH_UP_AGAIN };
            if stop.run_until_cancelled(tokio::time::sleep(rest)).await.is_none() {
                return;
            }
        }
    }

    /// Counts remote runners by liveness, for metrics. While the store does not answer, nobody knows.
    async fn count_runners(self: Arc<Self>, stop: CancellationToken) {
        loop {
            let now = Utc::now();
            let counted = self.store.overview(now, now).await.map(|fleet| by_liveness(&fleet.runners, now));
            *self.runners.lock().unwrap_or_else(PoisonError::into_inner) = counted.ok();
            if stop.run_until_cancelled(tokio::time::sleep(COUNT_RUNNERS)).await.is_none() {
                return;
            }
        }
    }

    async fn tick(&self, identity: Option<&TlsIdentity>) {
        if let Err(error) = self.keys.reload().await {
            self.warn("keys", &error.to_string());
        }
        let work = self.work.current().await;
        self.store_sound.store(work.is_ok(), Ordering::Relaxed);
        if let Err(error) = work {
            self.warn("store", &error.to_string());
        }
        if let Err(error) = self.runner_activity.flush(&*self.store).await {
            self.warn("sightings", &error.to_string());
        }
        let Some(identity) = identity else { return };
        let looked = identity.reload();
        self.identity_sound.store(looked.is_ok(), Ordering::Relaxed);
        match looked {
            Ok(CertificateReload::Same) => {}
            Ok(CertificateReload::New) => {
                self.journal.say(JournalLevel::Info, "certificate", json!({"message": "read again"}));
            }
            Err(error) => self.warn("certificate", &error.to_string()),
        }
    }

    pub(super) fn warn(&self, what: &'static str, message: &str) {
        self.journal.say_seldom(JournalLevel::Warn, what, json!({ "message": message }));
    }
}
