//! What all lanes of a daemon share: its rules, its name, the outbox, the store, and the two signals to stop.

use crate::daemon::clock::DaemonClock;
use crate::daemon::event::EventBus;
use crate::daemon::governor::Governor;
use crate::daemon::provider_client::ProviderClients;
use crate::daemon::store_handle::StoreHandle;
use crate::domain::Outcome;
use crate::domain::daemon_config::DaemonConfig;
use crate::domain::daemon_status::SuspectedProvider;
use crate::outbox::{Outbox, OutboxError};
use chrono::{DateTime, Utc};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio_util::sync::CancellationToken;

/// What a daemon did.
#[derive(Debug, Default)]
pub struct DaemonCounts {
    succeeded: AtomicU64,
    failed: AtomicU64,
    rows: AtomicU64,
}

/// The same as numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CountsSnapshot {
    /// Measurements that succeeded.
    pub succeeded: u64,
    /// Measurements that failed.
    pub failed: u64,
    /// Rows that the outbox accepted, those of refused attempts included.
    pub rows: u64,
}

impl DaemonCounts {
    /// A measurement ended.
    pub fn measured(&self, succeeded: bool) {
        let counter = if succeeded { &self.succeeded } else { &self.failed };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Rows are in the outbox.
    pub fn accepted(&self, outcomes: &[Outcome]) {
        self.rows.fetch_add(outcomes.len() as u64, Ordering::Relaxed);
    }

    /// The numbers.
    pub fn counted(&self) -> CountsSnapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CountsSnapshot {
            succeeded: read(&self.succeeded),
            failed: read(&self.failed),
            rows: read(&self.rows),
        }
    }
}

/// What all lanes share.
pub struct DaemonContext {
    /// The rules.
    pub daemon_config: DaemonConfig,
    /// Its own name ([`crate::daemon::owner_id`]).
    pub owner: String,
    /// Its time.
    pub clock: DaemonClock,
    /// When this process began.
    pub began_at: DateTime<Utc>,
    /// Where rows go.
    pub outbox: Outbox,
    /// The store, which may be away.
    pub store_handle: Arc<StoreHandle>,
    /// The way to providers.
    pub clients: Arc<dyn ProviderClients>,
    /// What happens.
    pub events: EventBus,
    /// What was done.
    pub counts: DaemonCounts,
    /// No new measurement begins.
    pub stop: CancellationToken,
    /// Measurements under way are given up.
    pub kill: CancellationToken,
    governor: Mutex<Governor>,
    suspected: Mutex<Vec<SuspectedProvider>>,
    failure: OnceLock<OutboxError>,
}

impl DaemonContext {
    /// What lanes share, in the beginning.
    pub fn new(
        (daemon_config, clock): (DaemonConfig, DaemonClock),
        owner: String,
        outbox: Outbox,
        store_handle: Arc<StoreHandle>,
        clients: Arc<dyn ProviderClients>,
        events: EventBus,
        stop: CancellationToken,
    ) -> Arc<Self> {
        Arc::new(Self {
            daemon_config,
            owner,
            began_at: clock.now(),
            outbox,
            store_handle,
            clients,
            events,
            counts: DaemonCounts::default(),
            stop,
            kill: CancellationToken::new(),
            governor: Mutex::new(Governor::new(clock.now())),
            clock,
            suspected: Mutex::default(),
            failure: OnceLock::new(),
        })
    }

    /// How much of its concurrency the daemon uses.
    pub fn governor(&self) -> MutexGuard<'_, Governor> {
        self.governor.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Providers of which most models refuse, as the catalogue was last judged.
    pub fn suspected(&self) -> Vec<SuspectedProvider> {
        self.suspected.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says so.
    pub fn suspect(&self, providers: Vec<SuspectedProvider>) {
        *self.suspected.lock().unwrap_or_else(PoisonError::into_inner) = providers;
    }

    /// The outbox failed for good: nothing that follows could be believed, so the daemon stops.
    pub fn fail(&self, error: OutboxError) {
        let _ = self.failure.set(error);
        self.stop.cancel();
        self.kill.cancel();
    }

    /// Why the daemon stopped, if the outbox failed.
    pub fn failure(&self) -> Option<&OutboxError> {
        self.failure.get()
    }
}
