//! Self-checks over all stored data: two parts that each work may still disagree, and a part that reports success may
//! do nothing. A check that cannot read its data reports that, never success. This file gathers the data and stores the
//! run; the checks in [`checks`] are pure.

pub mod checks;

use crate::domain::listing::ReadRow;
use crate::domain::model::ROUTERS;
use crate::domain::{Batch, ModelRef};
use crate::storage::catalog::ChangesOf;
use crate::storage::catalog::endpoint_lanes::{PinnedEndpoint, pinned_endpoints};
use crate::storage::catalog::entry_status::CatalogEntryStatus;
use crate::storage::claims::{ForeignJob, JobState};
use crate::storage::health::{Audit, Baseline, Cadences, ModelHealth, SelfCheckResult, SelfCheckRun};
use crate::storage::{Store, StoreError, WorkItem};
use chrono::{DateTime, TimeDelta, Utc};

/// Higher than the Python runner's last version, and raised whenever a limit changes.
pub const THRESHOLD_VERSION: u32 = 5;

/// Maximum number of subjects that a result names; all are counted.
const NAMED: usize = 20;

/// Maximum number of batches that are read; more changes in a day are exceptional.
const BATCHES: u32 = 200;

/// Time for which a larger catalog remains the baseline.
const REMEMBERED: TimeDelta = TimeDelta::hours(24);

/// Data that was read, or the reason why it could not be.
pub type Observation<T> = Result<T, String>;

/// The data for all checks.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// Time by the store's clock.
    pub now: DateTime<Utc>,
    pub cadences: Cadences,
    /// True if this daemon reads the providers' lists.
    pub discovers: bool,
    pub entries: Observation<Vec<CatalogEntryStatus>>,
    pub jobs: Observation<Vec<JobState>>,
    /// Queued jobs of other programs, on which no daemon works.
    pub foreign: Observation<Vec<ForeignJob>>,
    pub health: Observation<Vec<ModelHealth>>,
    /// Reads of the providers' lists.
    pub reads: Observation<Vec<ReadRow>>,
    /// The previous self-check run.
    pub before: Observation<Option<SelfCheckRun>>,
    /// The newest changes of the catalog.
    pub batches: Observation<Vec<Batch>>,
    /// Endpoints to which requests are pinned, on top of the models.
    pub endpoints: Observation<Vec<EndpointTarget>>,
}

/// An endpoint of a router that is measured as a lane of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointTarget {
    pub model: ModelRef,
    /// For example `deepinfra/fp4`.
    pub tag: String,
    /// When it became a target, if known.
    pub since: Option<DateTime<Utc>>,
    /// End of the newest success of a request that was pinned to it.
    pub last_success_at: Option<DateTime<Utc>>,
}

/// Reads all data that can be read, by the store's clock.
///
/// # Errors
/// The store cannot even tell its time.
pub async fn look(store: &dyn Store, cadences: &Cadences, discovers: bool) -> Result<Evidence, StoreError> {
    let now = store.server_time().await?;
    let jobs = seen(store.jobs(None).await);
    let endpoints = match &jobs {
        Ok(jobs) => seen(endpoint_targets(store, jobs).await),
        Err(error) => Err(error.clone()),
    };
    Ok(Evidence {
        now,
        cadences: cadences.clone(),
        discovers,
        entries: seen(store.places().await),
        jobs,
        foreign: seen(store.foreign_jobs().await),
        health: seen(store.health().await),
        reads: seen(store.list_reads(None).await),
        before: seen(store.latest_check_run().await),
        batches: seen(store.batches(BATCHES).await),
        endpoints,
    })
}

/// The endpoints that the catalog pins, with the newest success of each one's own series.
async fn endpoint_targets(store: &dyn Store, jobs: &[JobState]) -> Result<Vec<EndpointTarget>, StoreError> {
    let mut targets = Vec::new();
    for router in ROUTERS {
        for WorkItem { model, metadata, .. } in store.work_list(Some(router)).await? {
            let endpoints = pinned_endpoints(&metadata);
            if endpoints.is_empty() {
                continue;
            }
            let changes = store.changes(&ChangesOf::Model(model.clone(), 1)).await?;
            let since = changes.first().map(|change| change.at);
            targets.extend(endpoints.into_iter().map(|PinnedEndpoint { tag, .. }| {
                let lane = model.pinned(&tag);
                let of_lane = jobs.iter().filter(|job| job.series.model == lane);
                let last_success_at = of_lane.filter_map(|job| job.last_success_at).max();
                EndpointTarget { model: model.clone(), tag, since, last_success_at }
            }));
        }
    }
    Ok(targets)
}

fn seen<T>(asked: Result<T, StoreError>) -> Observation<T> {
    asked.map_err(|error| error.to_string())
}

/// Runs all checks and stores the run. Checks whose data could not be read say so in their results.
///
/// # Errors
/// The run could not be stored.
pub async fn run(
    store: &dyn Store,
    cadences: &Cadences,
    discovers: bool,
) -> Result<SelfCheckRun, StoreError> {
    let run = judge(&look(store, cadences, discovers).await?);
    store.keep_check_run(&run).await?;
    Ok(run)
}

/// Runs all checks on the evidence.
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
        audits: checks::AUDITS.iter().filter_map(|audit| audited(audit, evidence)).collect(),
    }
}

/// A finding; `None` if its data could not be read, which the checks that need the same data say.
fn audited((name, description, find): &checks::AuditCheck, evidence: &Evidence) -> Option<Audit> {
    let subjects = find(evidence).ok()?;
    Some(Audit {
        name: (*name).to_owned(),
        description: (*description).to_owned(),
        count: subjects.len() as u64,
        subjects: subjects.into_iter().take(NAMED).collect(),
    })
}

/// The catalog size for comparison in the next run: the largest of the last day, minus recorded removals. So an
/// unrecorded loss raises an alarm for a day, not just for one run.
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
