//! Heartbeats and self-checks as stores keep them for operators and existing readers, with the freshness of all models.
//! Judging them happens elsewhere.

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

/// A sign of life from one part of a daemon.
#[derive(Debug, Clone, PartialEq)]
pub struct Heartbeat {
    /// The part: `daemon:<vantage>:<owner>`, `worker:<provider>:<vantage>`.
    pub component: String,
    /// The content of the heartbeat.
    pub details: Map<String, Value>,
}

/// The results of all self-checks at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct SelfCheckRun {
    pub checked_at: DateTime<Utc>,
    /// Incremented whenever the limits of the checks change.
    pub threshold_version: u32,
    /// The default cadence that the checks used, seconds.
    pub cadence_seconds: u32,
    /// The size of the catalog for the next comparison; `None` in the Python runner's rows.
    pub baseline: Option<Baseline>,
    /// One result per check.
    pub results: Vec<SelfCheckResult>,
    /// Findings that are no fault of the measuring and raise no alarm.
    pub audits: Vec<Audit>,
}

/// A finding for whoever decides what is measured, under the names that the Python runner's readers know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// For example `models_measurable_by_the_published_profile`.
    pub name: String,
    /// What holds for models that are not among the subjects.
    pub description: String,
    /// The number of subjects, named or not.
    pub count: u64,
    /// The first few of them.
    pub subjects: Vec<String>,
}

/// The size of the catalog, for the check that it does not shrink unnoticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Baseline {
    pub models: u64,
    /// The time of that count.
    pub at: DateTime<Utc>,
}

/// The result of one self-check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelfCheckResult {
    /// For example `every_enabled_model_is_measured`.
    pub name: String,
    /// True if it was evaluated and nothing violates it.
    pub ok: bool,
    /// True if it could be evaluated at all.
    pub evaluated: bool,
    /// The number of violations.
    pub violation_count: u64,
    /// The reason why it could not be evaluated.
    pub error: Option<String>,
    /// The first few violating models or rows.
    pub subjects: Vec<String>,
}

/// The state of a model in its health row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelHealth {
    pub model: ModelRef,
    /// True if the model was enabled when the row was written.
    pub enabled: bool,
    /// The cadence in seconds.
    pub cadence_seconds: Option<u32>,
    /// End of the newest success of the published series.
    pub last_success_at: Option<DateTime<Utc>>,
    pub last_attempt_at: Option<DateTime<Utc>>,
    /// Failures since the newest success.
    pub consecutive_failures: u32,
}

impl ModelHealth {
    /// Reads a row's fields, which may have any type.
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

/// Cadences of models, in seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cadences {
    /// The cadence if a model has none of its own.
    pub default_seconds: u32,
    /// Models with a cadence of their own.
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

/// Heartbeats, self-checks and the state of models.
#[async_trait]
pub trait HealthStore: Send + Sync {
    /// Stores heartbeats, each in place of the component's previous one.
    async fn heartbeat(&self, heartbeats: &[Heartbeat]) -> Result<(), StoreError>;

    async fn keep_check_run(&self, run: &SelfCheckRun) -> Result<(), StoreError>;

    async fn latest_check_run(&self) -> Result<Option<SelfCheckRun>, StoreError>;

    /// Updates age, freshness and cadence of every model of the catalog, from the health rows alone: work bounded by
    /// the catalog. A model without a row gets one. Returns the number of rows.
    async fn refresh_health(&self, cadences: &Cadences) -> Result<u64, StoreError>;

    /// The state of every model, from the present health rows, sorted by id.
    async fn health(&self) -> Result<Vec<ModelHealth>, StoreError>;

    /// The store's clock, in milliseconds, which leases and slots use.
    async fn server_time(&self) -> Result<DateTime<Utc>, StoreError>;
}
