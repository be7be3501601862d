//! State that all lanes of a daemon share: configuration, name, outbox, store, and the two stop signals.

use crate::daemon::calibration_gate::CalibrationGate;
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

/// Counters of a daemon's work.
#[derive(Debug, Default)]
pub struct DaemonCounts {
    succeeded: AtomicU64,
    failed: AtomicU64,
    rows: AtomicU64,
}

/// The values of [`DaemonCounts`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CountsSnapshot {
    pub succeeded: u64,
    pub failed: u64,
    /// Rows that the outbox accepted, including those of refused attempts.
    pub rows: u64,
}

impl DaemonCounts {
    /// Counts a measurement that ended.
    pub fn measured(&self, succeeded: bool) {
        let counter = if succeeded { &self.succeeded } else { &self.failed };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts rows that the outbox accepted.
    pub fn accepted(&self, outcomes: &[Outcome]) {
        self.rows.fetch_add(outcomes.len() as u64, Ordering::Relaxed);
    }

    pub fn counted(&self) -> CountsSnapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CountsSnapshot {
            succeeded: read(&self.succeeded),
            failed: read(&self.failed),
            rows: read(&self.rows),
        }
    }
}

/// State that all lanes share.
pub struct DaemonContext {
    pub daemon_config: DaemonConfig,
    /// The daemon's name ([`crate::daemon::owner_id`]).
    pub owner: String,
    pub clock: DaemonClock,
    /// Start of this process, by the daemon's clock.
    pub began_at: DateTime<Utc>,
    pub outbox: Outbox,
    /// The store, which may be unreachable.
    pub store_handle: Arc<StoreHandle>,
    pub clients: Arc<dyn ProviderClients>,
    /// Closed while the host is calibrated.
    pub gate: Arc<CalibrationGate>,
    pub events: EventBus,
    pub counts: DaemonCounts,
    /// Cancelled when no new measurement may begin.
    pub stop: CancellationToken,
    /// Cancelled when running measurements are given up.
    pub kill: CancellationToken,
    governor: Mutex<Governor>,
    suspected: Mutex<Vec<SuspectedProvider>>,
    failure: OnceLock<OutboxError>,
}

impl DaemonContext {
    pub fn new(
        (daemon_config, clock): (DaemonConfig, DaemonClock),
        owner: String,
        outbox: Outbox,
        store_handle: Arc<StoreHandle>,
        (clients, gate): (Arc<dyn ProviderClients>, Arc<CalibrationGate>),
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
            gate,
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

    /// Locks the governor, which limits the concurrency of all lanes.
    pub fn governor(&self) -> MutexGuard<'_, Governor> {
        self.governor.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Providers most of whose models refuse, as of the last catalog review.
    pub fn suspected(&self) -> Vec<SuspectedProvider> {
        self.suspected.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the suspected providers.
    pub fn suspect(&self, providers: Vec<SuspectedProvider>) {
        *self.suspected.lock().unwrap_or_else(PoisonError::into_inner) = providers;
    }

    /// Stops the daemon after a permanent failure of the outbox: later results could not be trusted.
    pub fn fail(&self, error: OutboxError) {
        let _ = self.failure.set(error);
        self.stop.cancel();
        self.kill.cancel();
    }

    /// The outbox error that stopped the daemon.
    pub fn failure(&self) -> Option<&OutboxError> {
        self.failure.get()
    }
}
