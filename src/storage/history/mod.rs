//! What happened: questions about stored runs and errors. Every answer is bounded and every question has an index, so that
//! it costs what it returns and not what the store holds.
//!
//! Rows may be another program's. They come back as they are: a field may be missing or of any type.

pub mod merged_rows;
pub(super) mod mongo;
pub(super) mod mongo_batches;
pub(super) mod mongo_pages;
pub mod row_pages;
pub(super) mod sqlite;
pub(super) mod sqlite_pages;

use crate::domain::{ErrorGroup, Window};
use crate::storage::StoreError;
use crate::storage::outcomes::field_types::parse_date;
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
pub type StoredRow = Map<String, Value>;

/// Which rows are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HistoryFilter {
    /// By time: `ts` of errors, `run_ts` of runs.
    pub window: Window,
    /// Of one provider.
    pub provider: Option<String>,
    /// With this `model_name`.
    pub model: Option<String>,
    /// Errors with this fingerprint.
    pub fingerprint: Option<String>,
    /// Only errors of attempts that a success would have published; says nothing about runs, which have a [`RunSeries`].
    pub published_errors: bool,
}

/// How finely errors are grouped; always by kind, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrorGranularity {
    /// By provider.
    Provider,
    /// By provider and model.
    Model,
    /// By provider, model and what the message is about ([`crate::domain::error_cause`]).
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
pub enum RunSeries {
    /// What the dashboard shows.
    Published,
    /// Everything else.
    Probe,
}

impl RunSeries {
    /// Everything that was measured.
    pub const ALL: [RunSeries; 2] = [RunSeries::Published, RunSeries::Probe];
}

/// The newest runs of several series, newest first, each with its own: one question a series, each along its index. A run
/// without a date that can be read comes last.
///
/// # Errors
/// The store's.
pub async fn newest_runs(
    store: &(impl HistoryStore + Sync + ?Sized),
    scope: &HistoryFilter,
    series: &[RunSeries],
    limit: u32,
) -> Result<Vec<(RunSeries, StoredRow)>, StoreError> {
    let mut all = Vec::new();
    for one in series {
        let found = store.runs(scope, *one, limit).await?;
        all.extend(found.into_iter().map(|run| (*one, run)));
    }
    all.sort_by_cached_key(|(_, run)| std::cmp::Reverse(started(run)));
    all.truncate(limit.min(MOST_ROWS) as usize);
    Ok(all)
}

fn started(run: &StoredRow) -> Option<DateTime<Utc>> {
    parse_date(run.get("run_ts")?.as_str()?)
}

/// Questions about what happened.
#[async_trait]
pub trait HistoryStore {
    /// Errors in groups, the largest first; at most [`MOST_GROUPS`].
    async fn error_groups(
        &self,
        scope: &HistoryFilter,
        grain: ErrorGranularity,
    ) -> Result<Vec<ErrorGroup>, StoreError>;

    /// Successes by provider, or by provider and model.
    async fn successes(
        &self,
        scope: &HistoryFilter,
        by_model: bool,
        series: &[RunSeries],
    ) -> Result<Vec<Successes>, StoreError>;

    /// The newest errors, newest first; at most [`MOST_ROWS`].
    async fn errors(&self, scope: &HistoryFilter, limit: u32) -> Result<Vec<StoredRow>, StoreError>;

    /// The newest runs, newest first; at most [`MOST_ROWS`].
    async fn runs(
        &self,
        scope: &HistoryFilter,
        series: RunSeries,
        limit: u32,
    ) -> Result<Vec<StoredRow>, StoreError>;

    /// The run with this id, of either series.
    async fn run(&self, id: &str) -> Result<Option<StoredRow>, StoreError>;

    /// The error with this id.
    async fn error(&self, id: &str) -> Result<Option<StoredRow>, StoreError>;

    /// Rollups whose fingerprint begins like this, at most `limit`.
    async fn rollups(&self, fingerprint: &str, limit: u32) -> Result<Vec<StoredRow>, StoreError>;
}
