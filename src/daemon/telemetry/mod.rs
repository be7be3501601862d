//! What people and monitors learn from a running daemon: log lines, figures for Prometheus, probes, self-checks, words to
//! systemd. Everything here follows from [`Event`]s and from the [`Pulse`]; nothing here decides what is measured, and
//! nothing here makes a measurement wait.

pub mod counters;
pub mod exposition;
pub mod gauges;
pub mod http;
pub mod invariants;
mod story;
pub mod systemd;
#[cfg(test)]
mod testing;

use crate::daemon::event::Event;
use crate::domain::pulse::Pulse;
use chrono::{DateTime, Utc};
use counters::Counters;
use exposition::Page;
use gauges::Freshness;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a process knows of itself, fed from wherever something happens.
#[derive(Debug, Default)]
pub struct Telemetry {
    counters: Mutex<Counters>,
    now: Mutex<Now>,
}

#[derive(Debug, Default)]
struct Now {
    pulse: Option<Pulse>,
    freshness: Freshness,
}

impl Telemetry {
    /// Counts and tells what happened. Returns at once.
    pub fn observe(&self, event: &Event) {
        lock(&self.counters).observe(event);
        story::tell(event);
    }

    /// Takes over the newest pulse, from which gauges and probes are made.
    pub fn publish(&self, pulse: Pulse) {
        lock(&self.now).pulse = Some(pulse);
    }

    /// Takes over how fresh the catalogue is.
    pub fn freshness(&self, freshness: Freshness) {
        lock(&self.now).freshness = freshness;
    }

    /// The newest pulse; nothing before the first.
    pub fn pulse(&self) -> Option<Pulse> {
        lock(&self.now).pulse.clone()
    }

    /// The page for Prometheus.
    pub fn page(&self, now: DateTime<Utc>) -> String {
        let mut page = Page::default();
        let state = lock(&self.now);
        if let Some(pulse) = &state.pulse {
            gauges::write(&mut page, pulse, &state.freshness, now);
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
