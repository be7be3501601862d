//! Signs of life and self-checks, as stores keep them for operators and existing readers: heartbeats, check runs, the
//! freshness of all models, their lifecycle. What a sign means is judged elsewhere.

use crate::domain::ModelRef;
use crate::storage::StoreError;
use crate::storage::health::DEFAULT_CADENCE_SECONDS;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// One part of a daemon says that it lives.
#[derive(Debug, Clone, PartialEq)]
pub struct Beat {
    /// Which part: `daemon:<vantage>:<owner>`, `worker:<provider>:<vantage>`.
    pub component: String,
    /// What it says of itself.
    pub details: Map<String, Value>,
}

/// A beat as the store has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Heartbeat {
    /// Which part.
    pub component: String,
    /// When it last said so, by the store's clock.
    pub updated_at: DateTime<Utc>,
    /// What it said.
    pub details: Map<String, Value>,
}

/// The answers to all self-checks at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckRun {
    /// When.
    pub checked_at: DateTime<Utc>,
    /// One more whenever the limits of the checks change.
    pub threshold_version: u32,
    /// The default cadence that the checks went by, seconds.
    pub cadence_seconds: u32,
    /// One a check.
    pub results: Vec<CheckResult>,
}

/// The answer to one self-check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckResult {
    /// `every_enabled_model_is_measured`.
    pub name: String,
    /// Evaluated, and nothing violates it.
    pub ok: bool,
    /// Whether it could look at all.
    pub evaluated: bool,
    /// How many violate it.
    pub violation_count: u64,
    /// Why it could not look.
    pub error: Option<String>,
    /// Who violates it, the first few.
    pub subjects: Vec<String>,
}

/// Where a model stands in its life, newest wins.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelStatus {
    /// The model.
    pub model: ModelRef,
    /// One word: `active`, `failing`, `quarantined`.
    pub status: String,
    /// When that was found.
    pub computed_at: DateTime<Utc>,
    /// Why, in sentences.
    pub reasons: Vec<String>,
    /// `high`, `medium`, `low`.
    pub confidence: String,
    /// What somebody could do.
    pub recommended_actions: Vec<String>,
}

/// How often models are due, seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cadences {
    /// Where nothing else is said.
    pub default_seconds: u32,
    /// Models that have their own.
    pub by_model: HashMap<ModelRef, u32>,
}

impl Cadences {
    /// A model's cadence, at least 1.
    pub fn of(&self, model: &ModelRef) -> u32 {
        self.by_model.get(model).copied().unwrap_or(self.default_seconds).max(1)
    }
}

impl Default for Cadences {
    fn default() -> Self {
        let default_seconds = u32::try_from(DEFAULT_CADENCE_SECONDS).unwrap_or(u32::MAX);
        Self { default_seconds, by_model: HashMap::new() }
    }
}

/// Signs of life.
#[async_trait]
pub trait Vitals: Send + Sync {
    /// Keeps what components say, each instead of what it said before.
    async fn beat(&self, beats: &[Beat]) -> Result<(), StoreError>;

    /// What every component said last, sorted by component.
    async fn heartbeats(&self) -> Result<Vec<Heartbeat>, StoreError>;

    /// Keeps a run of the self-checks.
    async fn keep_check_run(&self, run: &CheckRun) -> Result<(), StoreError>;

    /// The newest run of the self-checks.
    async fn latest_check_run(&self) -> Result<Option<CheckRun>, StoreError>;

    /// Brings age, freshness and cadence of every model of the catalogue up to date, from the health rows alone: work
    /// bounded by the catalogue. A model without a row gets one. Returns how many rows there are.
    async fn refresh_health(&self, cadences: &Cadences) -> Result<u64, StoreError>;

    /// Keeps where models stand, each instead of an older word.
    async fn keep_model_status(&self, statuses: &[ModelStatus]) -> Result<(), StoreError>;

    /// The store's clock: what leases and slots go by.
    async fn server_time(&self) -> Result<DateTime<Utc>, StoreError>;
}
