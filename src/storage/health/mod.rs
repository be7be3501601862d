//! Signs of life and self-checks, as stores keep them for operators and existing readers: heartbeats, check runs, the
//! freshness of all models, their lifecycle. What a sign means is judged elsewhere.

pub mod model_health;
pub(super) mod mongo;
pub(super) mod sqlite;

use crate::domain::ModelRef;
use crate::storage::StoreError;
use crate::storage::outcomes::field_types::parse_date;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use model_health::DEFAULT_CADENCE_SECONDS;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// One part of a daemon says that it lives.
#[derive(Debug, Clone, PartialEq)]
pub struct Heartbeat {
    /// Which part: `daemon:<vantage>:<owner>`, `worker:<provider>:<vantage>`.
    pub component: String,
    /// What it says of itself.
    pub details: Map<String, Value>,
}

/// The answers to all self-checks at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct SelfCheckRun {
    /// When.
    pub checked_at: DateTime<Utc>,
    /// One more whenever the limits of the checks change.
    pub threshold_version: u32,
    /// The default cadence that the checks went by, seconds.
    pub cadence_seconds: u32,
    /// What the size of the catalogue is compared with next time; nothing in the Python runner's rows.
    pub baseline: Option<Baseline>,
    /// One a check.
    pub results: Vec<SelfCheckResult>,
}

/// How large the catalogue was, for the check that it does not shrink unseen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Baseline {
    /// Enabled models.
    pub models: u64,
    /// When there were so many.
    pub at: DateTime<Utc>,
}

/// The answer to one self-check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelfCheckResult {
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

/// How a model is, from its health row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelHealth {
    /// The model.
    pub model: ModelRef,
    /// Whether it is measured, when the row was written.
    pub enabled: bool,
    /// How often it is due, seconds.
    pub cadence_seconds: Option<u32>,
    /// End of the newest success of the published series.
    pub last_success_at: Option<DateTime<Utc>>,
    /// The newest attempt.
    pub last_attempt_at: Option<DateTime<Utc>>,
    /// Failures since the newest success.
    pub consecutive_failures: u32,
}

impl ModelHealth {
    /// From a row's fields, whatever types they have.
    pub fn read(row: &Map<String, Value>) -> Option<Self> {
        let instant = |name: &str| row.get(name).and_then(Value::as_str).and_then(parse_date);
        let count =
            |name: &str| row.get(name).and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok());
        let text = |name: &str| row.get(name).and_then(Value::as_str);
        Some(Self {
            model: ModelRef::new(text("provider")?, text("model_id")?),
            enabled: row.get("enabled") == Some(&Value::Bool(true)),
            cadence_seconds: count("cadence_seconds"),
            last_success_at: instant("last_success_at"),
            last_attempt_at: instant("last_attempt_at"),
            consecutive_failures: count("consecutive_failures").unwrap_or(0),
        })
    }
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
pub trait HealthStore: Send + Sync {
    /// Keeps what components say, each instead of what it said before.
    async fn heartbeat(&self, heartbeats: &[Heartbeat]) -> Result<(), StoreError>;

    /// Keeps a run of the self-checks.
    async fn keep_check_run(&self, run: &SelfCheckRun) -> Result<(), StoreError>;

    /// The newest run of the self-checks.
    async fn latest_check_run(&self) -> Result<Option<SelfCheckRun>, StoreError>;

    /// Brings age, freshness and cadence of every model of the catalogue up to date, from the health rows alone: work
    /// bounded by the catalogue. A model without a row gets one. Returns how many rows there are.
    async fn refresh_health(&self, cadences: &Cadences) -> Result<u64, StoreError>;

    /// How every model is, from the health rows as they stand, sorted by id.
    async fn health(&self) -> Result<Vec<ModelHealth>, StoreError>;

    /// Keeps where models stand, each instead of an older word.
    async fn keep_model_status(&self, statuses: &[ModelStatus]) -> Result<(), StoreError>;

    /// The store's clock, in milliseconds: what leases and slots go by.
    async fn server_time(&self) -> Result<DateTime<Utc>, StoreError>;
}
