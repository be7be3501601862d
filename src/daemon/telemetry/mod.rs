//! Shows people and monitors a running daemon: log lines, Prometheus metrics, probes, self-checks, notifications to
//! systemd. Everything derives from [`DaemonEvent`]s and the [`DaemonStatus`]; nothing here decides what is measured
//! or delays a measurement.

mod change_gauges;
pub mod change_log;
pub mod counters;
mod event_log;
pub mod gauges;
pub mod invariants;
pub mod monitoring_server;
pub mod prometheus;
pub mod systemd;
#[cfg(test)]
mod testing;

use crate::daemon::event::DaemonEvent;
use crate::domain::daemon_status::DaemonStatus;
use crate::domain::series_change::SeriesChange;
use chrono::{DateTime, Utc};
use counters::Counters;
use gauges::Freshness;
use prometheus::MetricsPage;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Metrics and status of the process.
#[derive(Debug, Default)]
pub struct Telemetry {
    counters: Mutex<Counters>,
    now: Mutex<TelemetryState>,
}

#[derive(Debug, Default)]
struct TelemetryState {
    daemon_status: Option<DaemonStatus>,
    freshness: Freshness,
    /// `None` until somebody has looked.
    open_changes: Option<Vec<SeriesChange>>,
}

impl Telemetry {
    /// Counts and logs an event. Returns at once.
    pub fn observe(&self, event: &DaemonEvent) {
        lock(&self.counters).observe(event);
        event_log::tell(event);
    }

    /// Takes over the newest status report, the source of gauges and probes.
    pub fn publish(&self, daemon_status: DaemonStatus) {
        lock(&self.now).daemon_status = Some(daemon_status);
    }

    /// Replaces the freshness of the catalog.
    pub fn freshness(&self, freshness: Freshness) {
        lock(&self.now).freshness = freshness;
    }

    /// Replaces the changes of series that are open, the newest first.
    pub fn open_changes(&self, changes: Vec<SeriesChange>) {
        lock(&self.now).open_changes = Some(changes);
    }

    /// The newest status report; `None` before the first one.
    pub fn daemon_status(&self) -> Option<DaemonStatus> {
        lock(&self.now).daemon_status.clone()
    }

    /// The metrics page for Prometheus.
    pub fn page(&self, now: DateTime<Utc>) -> String {
        let mut page = MetricsPage::default();
        let state = lock(&self.now);
        if let Some(daemon_status) = &state.daemon_status {
            gauges::write(&mut page, daemon_status, &state.freshness, now);
        }
        if let Some(changes) = &state.open_changes {
            change_gauges::write(&mut page, changes);
        }
        drop(state);
        lock(&self.counters).write(&mut page);
        page.into_text()
    }
}

/// Locks a mutex; the values stay valid after a panic of another thread.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
