//! What people and monitors learn from a running daemon: log lines, figures for Prometheus, probes, self-checks, words to
//! systemd. Everything here follows from [`DaemonEvent`]s and from the [`DaemonStatus`]; nothing here decides what is measured, and
//! nothing here makes a measurement wait.

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
use chrono::{DateTime, Utc};
use counters::Counters;
use gauges::Freshness;
use prometheus::MetricsPage;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a process knows of itself, fed from wherever something happens.
#[derive(Debug, Default)]
pub struct Telemetry {
    counters: Mutex<Counters>,
    now: Mutex<TelemetryState>,
}

#[derive(Debug, Default)]
struct TelemetryState {
    daemon_status: Option<DaemonStatus>,
    freshness: Freshness,
}

impl Telemetry {
    /// Counts and tells what happened. Returns at once.
    pub fn observe(&self, event: &DaemonEvent) {
        lock(&self.counters).observe(event);
        event_log::tell(event);
    }

    /// Takes over the newest status report, from which gauges and probes are made.
    pub fn publish(&self, daemon_status: DaemonStatus) {
        lock(&self.now).daemon_status = Some(daemon_status);
    }

    /// Takes over how fresh the catalogue is.
    pub fn freshness(&self, freshness: Freshness) {
        lock(&self.now).freshness = freshness;
    }

    /// The newest status report; nothing before the first.
    pub fn daemon_status(&self) -> Option<DaemonStatus> {
        lock(&self.now).daemon_status.clone()
    }

    /// The page for Prometheus.
    pub fn page(&self, now: DateTime<Utc>) -> String {
        let mut page = MetricsPage::default();
        let state = lock(&self.now);
        if let Some(daemon_status) = &state.daemon_status {
            gauges::write(&mut page, daemon_status, &state.freshness, now);
        }
        drop(state);
        lock(&self.counters).write(&mut page);
        page.into_text()
    }
}

/// A panic of another thread left figures behind that are still figures.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
