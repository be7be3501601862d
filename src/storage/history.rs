//! What happened: questions about stored runs and errors. Every answer is bounded and every question has an index, so that
//! it costs what it returns and not what the store holds.
//!
//! Rows may be another program's. They come back as they are: a field may be missing or of any type.

use crate::domain::{ErrorGroup, Window};
use crate::storage::StoreError;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

/// The most groups that one question answers; beyond them the rarest are left out.
pub const MOST_GROUPS: usize = 20_000;

/// The most rows of a page.
pub const MOST_ROWS: u32 = 10_000;

/// How much of a sample message is kept, in characters.
pub const SAMPLE: usize = 300;

/// A stored row, with dates as RFC 3339 text.
pub type Stored = Map<String, Value>;

/// Which rows are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// By time: `ts` of errors, `run_ts` of runs.
    pub window: Window,
    /// Of one provider.
    pub provider: Option<String>,
    /// With this `model_name`.
    pub model: Option<String>,
    /// Errors with this fingerprint.
    pub fingerprint: Option<String>,
}

/// How finely errors are grouped; always by kind, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grain {
    /// By provider.
    Provider,
    /// By provider and model.
    Model,
    /// By provider, model and what the message is about ([`crate::domain::cause`]).
    Cause,
    /// By provider, model and stage.
    Stage,
    /// By provider, model, stage and fingerprint.
    Fingerprint,
}

/// How often a provider or model succeeded.
#[derive(Debug, Clone, PartialEq)]
pub struct Successes {
    /// `provider`.
    pub provider: Option<String>,
    /// `model_name`; `None` where only providers are told apart.
    pub model: Option<String>,
    /// How many.
    pub count: u64,
    /// The newest start of one.
    pub newest: Option<DateTime<Utc>>,
}

/// Which runs are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Series {
    /// What the dashboard shows.
    Published,
    /// Everything else.
    Probe,
}

/// Questions about what happened.
#[async_trait]
pub trait History {
    /// Errors in groups, the largest first; at most [`MOST_GROUPS`].
    async fn error_groups(&self, scope: &Scope, grain: Grain) -> Result<Vec<ErrorGroup>, StoreError>;

    /// Successes by provider, or by provider and model.
    async fn successes(
        &self,
        scope: &Scope,
        by_model: bool,
        series: &[Series],
    ) -> Result<Vec<Successes>, StoreError>;

    /// The newest errors, newest first; at most [`MOST_ROWS`].
    async fn errors(&self, scope: &Scope, limit: u32) -> Result<Vec<Stored>, StoreError>;

    /// The newest runs, newest first; at most [`MOST_ROWS`].
    async fn runs(&self, scope: &Scope, series: Series, limit: u32) -> Result<Vec<Stored>, StoreError>;

    /// The run with this id, of either series.
    async fn run(&self, id: &str) -> Result<Option<Stored>, StoreError>;

    /// The error with this id.
    async fn error(&self, id: &str) -> Result<Option<Stored>, StoreError>;

    /// Rollups whose fingerprint begins like this, at most `limit`.
    async fn rollups(&self, fingerprint: &str, limit: u32) -> Result<Vec<Stored>, StoreError>;
}
