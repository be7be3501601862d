//! The whole catalogue at a glance: how fresh each provider's models are, how their last day went, and what every part of
//! every daemon said last. Work is bounded by the catalogue and by the window, never by history. Writing signs of life is
//! another trait's.

use crate::domain::fleet::{Fleet, ProviderState};
use crate::storage::catalogue::Figures;
use crate::storage::{StoreError, contract::parse_date};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::collections::BTreeMap;

/// Questions about everything at once.
#[async_trait]
pub trait Overview {
    /// The state of all providers, counting attempts from `since` on, with all heartbeats and the newest self-checks.
    async fn overview(&self, since: DateTime<Utc>, now: DateTime<Utc>) -> Result<Fleet, StoreError>;
}

/// One entry of the catalogue, as far as the overview needs it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Standing {
    /// Its provider.
    pub provider: String,
    /// Whether it is measured.
    pub enabled: bool,
    /// Whether it is under admission.
    pub probing: bool,
    /// When it last succeeded, its cadence, and the attempts in the window.
    pub figures: Figures,
}

/// Adds models up, provider by provider.
pub fn by_provider(models: impl IntoIterator<Item = Standing>, now: DateTime<Utc>) -> Vec<ProviderState> {
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
            "never_run" => &mut state.never_run,
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

/// A moment that a row holds as text; anything else is none.
pub fn moment(value: Option<&Value>) -> Option<DateTime<Utc>> {
    value.and_then(Value::as_str).and_then(parse_date)
}
