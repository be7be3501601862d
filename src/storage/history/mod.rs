//! Queries about stored runs and errors. Every answer is bounded and every query has an index, so that it costs as much
//! as it returns, not as much as the store holds.
//!
//! Rows may be another program's. They come back as they are: a field may be missing or of any type.

pub mod merged_rows;
pub(super) mod mongo;
pub(super) mod mongo_batches;
pub(super) mod mongo_pages;
mod mongo_times;
pub mod row_pages;
pub(super) mod sqlite;
pub(super) mod sqlite_pages;
mod sqlite_times;

use crate::domain::{ErrorGroup, ModelRef, Window};
use crate::storage::StoreError;
use crate::storage::outcomes::field_types::parse_date;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

/// The most groups of one answer; beyond them the rarest are left out.
pub const MOST_GROUPS: usize = 20_000;

/// The most rows of a page.
pub const MOST_ROWS: u32 = 10_000;

/// Length of a kept sample message, in characters.
pub const SAMPLE: usize = 300;

/// A stored row, with dates as RFC 3339 text.
pub type StoredRow = Map<String, Value>;

/// Selects rows; `None` matches all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HistoryFilter {
    /// The window of time: `ts` of errors, `run_ts` of runs.
    pub window: Window,
    pub provider: Option<String>,
    /// Rows with this `model_name`.
    pub model: Option<String>,
    /// Errors with this fingerprint.
    pub fingerprint: Option<String>,
    /// Only errors of attempts that a success would have published; does not apply to runs, which have a [`RunSeries`].
    pub published_errors: bool,
}

/// The granularity of error groups; they are always grouped by kind, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrorGranularity {
    Provider,
    /// Groups by provider and model.
    Model,
    /// Groups by provider, model and subject of the message ([`crate::domain::error_cause`]).
    Cause,
    /// Groups by provider, model and stage.
    Stage,
    /// Groups by provider, model, stage and fingerprint.
    Fingerprint,
}

/// The number of successes of a provider or model.
#[derive(Debug, Clone, PartialEq)]
pub struct Successes {
    pub provider: Option<String>,
    /// The `model_name`; `None` if grouped by provider alone.
    pub model: Option<String>,
    pub count: u64,
    /// Start of the newest success.
    pub newest: Option<DateTime<Utc>>,
}

/// Selects the published or the other runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunSeries {
    /// Runs that the dashboard shows.
    Published,
    /// All other runs.
    Probe,
}

impl RunSeries {
    /// Both series, which is everything measured.
    pub const ALL: [RunSeries; 2] = [RunSeries::Published, RunSeries::Probe];
}

/// The newest runs of several series, newest first, each with its series: one query per series, each along its index. A
/// run without a readable date comes last.
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

/// Queries about stored runs and errors.
/// A published run as rankings see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedSample {
    /// Its start.
    pub at: DateTime<Utc>,
    pub endpoint_tag: Option<String>,
    pub quantization: Option<String>,
}

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

    /// The published runs of a model that began since a moment, with what rankings group them by; newest first.
    async fn published_samples(
        &self,
        model: &ModelRef,
        since: DateTime<Utc>,
    ) -> Result<Vec<PublishedSample>, StoreError>;

    /// The run with this id, of either series.
    async fn run(&self, id: &str) -> Result<Option<StoredRow>, StoreError>;

    async fn error(&self, id: &str) -> Result<Option<StoredRow>, StoreError>;

    /// Rollups whose fingerprint has this prefix, at most `limit`.
    async fn rollups(&self, fingerprint: &str, limit: u32) -> Result<Vec<StoredRow>, StoreError>;
}
