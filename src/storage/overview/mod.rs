//! The whole catalog at a glance: freshness of each provider's models, their last day, and the last heartbeat of
//! every daemon's parts. Work is bounded by the catalog and by the window, never by history.
//! [`super::HealthStore`] writes the heartbeats.

pub(super) mod mongo;
pub(super) mod sqlite;

use crate::domain::calibration::CalibrationSummary;
use crate::domain::fleet::{Fleet, HeartbeatRow, ProviderState};
use crate::domain::runner::{COMPONENT, RunnerKeyState, RunnerState};
use crate::storage::StoreError;
use crate::storage::catalog::Figures;
use crate::storage::outcomes::field_types::parse_date;
use crate::storage::posts::ingest_keys::{IngestKey, KeyState};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Reads the overview of a store.
#[async_trait]
pub trait OverviewStore {
    /// The state of all providers, counting attempts from `since` on, with all remote runners, all heartbeats
    /// and the newest self-checks.
    async fn overview(&self, since: DateTime<Utc>, now: DateTime<Utc>) -> Result<Fleet, StoreError>;
}

/// The fields of a catalog entry that the overview needs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModelOverview {
    pub provider: String,
    /// True if the model is measured.
    pub enabled: bool,
    /// True if the model is under admission.
    pub probing: bool,
    /// Last success, cadence, and attempts in the window.
    pub figures: Figures,
}

/// Sums models by provider.
pub fn by_provider(
    models: impl IntoIterator<Item = ModelOverview>,
    now: DateTime<Utc>,
) -> Vec<ProviderState> {
    let mut all: BTreeMap<String, ProviderState> = BTreeMap::new();
    for model in models {
        let state = all.entry(model.provider).or_insert_with_key(|provider| ProviderState {
            provider: provider.clone(),
            ..Default::default()
        });
        let count = match model.figures.freshness(model.enabled, now) {
            "fresh" => &mut state.fresh,
            "stale" => &mut state.stale,
            "critical" => &mut state.critical,
            "never_run" => {
                state.only_suspect += u64::from(model.figures.only_suspect());
                &mut state.never_run
            }
            _ if model.probing => &mut state.probing,
            _ => &mut state.disabled,
        };
        *count += 1;
        state.enabled += u64::from(model.enabled);
        state.last_success_at = state.last_success_at.max(model.figures.last_success_at);
        state.successes += model.figures.successes_24h;
        state.failures += model.figures.failures_24h;
    }
    all.into_values().collect()
}

/// Every runner that has a key or was heard of, sorted by name.
pub fn runners(heartbeats: &[HeartbeatRow], keys: &[IngestKey], now: DateTime<Utc>) -> Vec<RunnerState> {
    let heard = heartbeats
        .iter()
        .filter_map(|heartbeat| Some((heartbeat.component.strip_prefix(COMPONENT)?, heartbeat)));
    let heard: BTreeMap<&str, &HeartbeatRow> = heard.collect();
    let mut keys_of: BTreeMap<&str, Vec<&IngestKey>> = BTreeMap::new();
    for key in keys {
        keys_of.entry(&key.runner).or_default().push(key);
    }
    let names: BTreeSet<&str> = heard.keys().chain(keys_of.keys()).copied().collect();
    let state = |name: &str| {
        let keyed = keyed(name, keys_of.get(name).map(Vec::as_slice).unwrap_or_default(), now);
        match heard.get(name) {
            Some(heartbeat) => with_heard(keyed, heartbeat),
            None => keyed,
        }
    };
    names.into_iter().map(state).collect()
}

/// The state of a runner as its keys tell it.
fn keyed(name: &str, keys: &[&IngestKey], now: DateTime<Utc>) -> RunnerState {
    let standing = |key: &&IngestKey| match key.state(now) {
        KeyState::Live | KeyState::Waiting => RunnerKeyState::Live,
        KeyState::Expired => RunnerKeyState::Expired,
        KeyState::Revoked => RunnerKeyState::Revoked,
    };
    let best = keys.iter().map(standing).max().unwrap_or(RunnerKeyState::Elsewhere);
    let best_keys = || keys.iter().filter(|key| standing(key) == best);
    let all = keys.is_empty() || best_keys().any(|key| key.providers.is_none());
    let named: BTreeSet<&String> = best_keys().flat_map(|key| key.providers.iter().flatten()).collect();
    let since = |key: &&IngestKey| key.created_at.max(key.not_before.unwrap_or(key.created_at));
    RunnerState {
        keyed_at: best_keys().map(since).min().filter(|_| best != RunnerKeyState::Revoked),
        providers: (!all).then(|| named.into_iter().cloned().collect()),
        ..RunnerState::unheard(name, best)
    }
}

/// Adds the facts that bridges heard. Other programs' rows may hold anything.
fn with_heard(keyed: RunnerState, heartbeat: &HeartbeatRow) -> RunnerState {
    let said = |name: &str| heartbeat.details.get(name);
    let seconds = said("interval_seconds").and_then(Value::as_u64);
    RunnerState {
        last_seen_at: moment(said("last_seen_at")).or(heartbeat.updated_at),
        last_stored_at: moment(said("last_stored_at")),
        version: said("version").and_then(Value::as_str).map(str::to_owned),
        clock_offset_seconds: said("clock_offset_seconds").and_then(Value::as_f64),
        backlog: said("backlog").and_then(Value::as_u64),
        calibration: said("calibration").and_then(|note| CalibrationSummary::of_note(&keyed.runner, note)),
        interval_seconds: seconds.and_then(|seconds| u32::try_from(seconds).ok()),
        ..keyed
    }
}

/// A moment that a row holds as text; `None` for anything else.
pub fn moment(value: Option<&Value>) -> Option<DateTime<Utc>> {
    value.and_then(Value::as_str).and_then(parse_date)
}
