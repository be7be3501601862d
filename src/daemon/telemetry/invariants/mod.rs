//! Self-checks over the whole of the data: two parts that each work can still disagree, and a part that reports success can
//! do nothing. What could not be looked at is told as that, never as fine. Here: what is looked at, and the run that is
//! kept; the checks themselves are pure and stand in [`checks`].

pub mod checks;

use crate::domain::Batch;
use crate::domain::listing::ReadRow;
use crate::storage::catalog::entry_status::CatalogEntryStatus;
use crate::storage::claims::JobState;
use crate::storage::health::{Baseline, Cadences, ModelHealth, SelfCheckResult, SelfCheckRun};
use crate::storage::{Store, StoreError};
use chrono::{DateTime, TimeDelta, Utc};

/// One more than the Python runner's last, and one more whenever a limit changes.
pub const THRESHOLD_VERSION: u32 = 5;

/// Subjects that a result names; the count goes on.
const NAMED: usize = 20;

/// Batches that are read: more changes than these in a day are a story of their own.
const BATCHES: u32 = 200;

/// How long a larger catalogue is remembered.
const REMEMBERED: TimeDelta = TimeDelta::hours(24);

/// Something that was looked at, or why it could not be.
pub type Observation<T> = Result<T, String>;

/// All that the checks look at.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The store's clock.
    pub now: DateTime<Utc>,
    /// How often models are due.
    pub cadences: Cadences,
    /// Whether this daemon reads what providers list.
    pub discovers: bool,
    /// The catalogue.
    pub entries: Observation<Vec<CatalogEntryStatus>>,
    /// Claims.
    pub jobs: Observation<Vec<JobState>>,
    /// Health rows.
    pub health: Observation<Vec<ModelHealth>>,
    /// Reads of what providers list.
    pub reads: Observation<Vec<ReadRow>>,
    /// The run before.
    pub before: Observation<Option<SelfCheckRun>>,
    /// The newest changes of the catalogue.
    pub batches: Observation<Vec<Batch>>,
}

/// Looks at everything that can be looked at, by the store's clock.
///
/// # Errors
/// The store does not even say what time it is.
pub async fn look(store: &dyn Store, cadences: &Cadences, discovers: bool) -> Result<Evidence, StoreError> {
    let now = store.server_time().await?;
    Ok(Evidence {
        now,
        cadences: cadences.clone(),
        discovers,
        entries: seen(store.places().await),
        jobs: seen(store.jobs(None).await),
        health: seen(store.health().await),
        reads: seen(store.list_reads(None).await),
        before: seen(store.latest_check_run().await),
        batches: seen(store.batches(BATCHES).await),
    })
}

fn seen<T>(asked: Result<T, StoreError>) -> Observation<T> {
    asked.map_err(|error| error.to_string())
}

/// Makes all checks and keeps the run. Where nothing could be looked at, every result says so.
///
/// # Errors
/// The run could not be kept.
pub async fn run(
    store: &dyn Store,
    cadences: &Cadences,
    discovers: bool,
) -> Result<SelfCheckRun, StoreError> {
    let run = judge(&look(store, cadences, discovers).await?);
    store.keep_check_run(&run).await?;
    Ok(run)
}

/// All checks over what was seen.
pub fn judge(evidence: &Evidence) -> SelfCheckRun {
    let result = |(name, check): &(&str, checks::InvariantCheck)| match check(evidence) {
        Ok(subjects) => SelfCheckResult {
            name: (*name).to_owned(),
            ok: subjects.is_empty(),
            evaluated: true,
            violation_count: subjects.len() as u64,
            error: None,
            subjects: subjects.into_iter().take(NAMED).collect(),
        },
        Err(error) => SelfCheckResult {
            name: (*name).to_owned(),
            ok: false,
            evaluated: false,
            violation_count: 0,
            error: Some(error),
            subjects: Vec::new(),
        },
    };
    SelfCheckRun {
        checked_at: evidence.now,
        threshold_version: THRESHOLD_VERSION,
        cadence_seconds: evidence.cadences.default_seconds,
        baseline: baseline(evidence),
        results: checks::ALL.iter().map(result).collect(),
    }
}

/// What the next run compares the catalogue with: the largest of the last day, less what was taken away on the record. So
/// a catalogue that shrank unseen stays an alarm for a day, and not for one run.
fn baseline(evidence: &Evidence) -> Option<Baseline> {
    let before = evidence.before.as_ref().ok().and_then(Option::as_ref).and_then(|run| run.baseline.clone());
    let Ok(entries) = &evidence.entries else { return before };
    let models = entries.iter().filter(|entry| entry.measured).count() as u64;
    let now = Baseline { models, at: evidence.now };
    let Some(expected) = checks::expected_models(evidence) else { return Some(now) };
    match before {
        Some(before) if expected > models && evidence.now - before.at < REMEMBERED => {
            Some(Baseline { models: expected, at: before.at })
        }
        _ => Some(now),
    }
}

#[cfg(test)]
mod tests;
