//! The checks. Each returns the subjects that violate it, or the reason why it could not read its data.

use super::{EndpointTarget, Evidence, Observation};
use crate::domain::profile::DEFAULT_PROFILE;
use crate::domain::{FailureKind, ModelRef};
use crate::storage::catalog::entry_status::CatalogEntryStatus;
use crate::storage::claims::{AttemptEnd, JobStatus, PROBE};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::{BTreeMap, BTreeSet, HashMap};

pub type InvariantCheck = fn(&Evidence) -> Observation<Vec<String>>;

/// All checks, under the names that readers of `bench_check_runs` know.
pub const ALL: &[(&str, InvariantCheck)] = &[
    ("every_enabled_model_is_measured", every_enabled_model_is_measured),
    ("no_model_is_starved", no_model_is_starved),
    ("catalogue_is_not_shrinking", catalogue_is_not_shrinking),
    ("discovery_is_recent", discovery_is_recent),
    ("no_job_is_stuck_in_queue", no_job_is_stuck_in_queue),
    ("no_case_duplicate_models", no_case_duplicate_models),
    ("no_work_for_disabled_models", no_work_for_disabled_models),
    ("endpoint_targets_are_being_measured", endpoint_targets_are_being_measured),
];

/// A finding: its name, its description, and what finds its subjects.
pub type AuditCheck = (&'static str, &'static str, InvariantCheck);

/// Findings that are no fault: the Python runner writes its own, of the same name, beside its results and not among them,
/// because no scheduling mends what the published profile cannot measure.
pub const AUDITS: &[AuditCheck] = &[(
    "models_measurable_by_the_published_profile",
    "an answer of the default profile's length shows text: models among the subjects spend it without any",
    beyond_the_profile,
)];

/// Number of turns that a model may miss in a row before it counts as not measured.
const TURNS: i32 = 4;

/// Minimum time before a model counts as late, however short its cadence is.
const SHORTEST_HORIZON: TimeDelta = TimeDelta::hours(2);

/// Maximum age of a list. Discovery runs daily: one missed read may happen, two are a fault.
const DISCOVERY: TimeDelta = TimeDelta::hours(48);

/// Maximum wait of work that may start.
const QUEUE: TimeDelta = TimeDelta::hours(6);

/// Maximum time since a lease expired without another claim.
const ORPHANED: TimeDelta = TimeDelta::hours(1);

/// Maximum share of the catalog that may vanish without a record.
const SHRINK: f64 = 0.1;

/// Enabled models whose newest attempt under the default profile used up its tokens before any visible text.
fn beyond_the_profile(evidence: &Evidence) -> Observation<Vec<String>> {
    let enabled: BTreeSet<&ModelRef> = enabled(evidence)?.into_iter().map(|entry| &entry.model).collect();
    let jobs = evidence.jobs.as_ref().map_err(Clone::clone)?;
    let exhausted = AttemptEnd::Failure(FailureKind::BudgetExhausted);
    let beyond = jobs.iter().filter(|job| {
        job.series.profile_id == DEFAULT_PROFILE
            && job.ended() == Some(exhausted)
            && enabled.contains(&job.series.model.unpinned())
    });
    let subjects: BTreeSet<String> = beyond.map(|job| job.series.model.to_string()).collect();
    Ok(subjects.into_iter().collect())
}

fn horizon(evidence: &Evidence, model: &ModelRef) -> TimeDelta {
    let cadence = TimeDelta::seconds(i64::from(evidence.cadences.of(model)));
    (cadence * TURNS).max(SHORTEST_HORIZON)
}

fn enabled(evidence: &Evidence) -> Observation<Vec<&CatalogEntryStatus>> {
    let entries = evidence.entries.as_ref().map_err(Clone::clone)?;
    Ok(entries.iter().filter(|entry| entry.measured).collect())
}

/// Last success and last attempt of each model, from the record with the later time.
type LastAttemptTimes<'a> = HashMap<&'a ModelRef, (Option<DateTime<Utc>>, Option<DateTime<Utc>>)>;

fn moments(evidence: &Evidence) -> Observation<LastAttemptTimes<'_>> {
    let health = evidence.health.as_ref().map_err(Clone::clone)?;
    let jobs = evidence.jobs.as_ref().map_err(Clone::clone)?;
    let mut moments = LastAttemptTimes::new();
    for row in health {
        moments.insert(&row.model, (row.last_success_at, row.last_attempt_at));
    }
    // Health rows describe the published series; claims only add attempts.
    for job in jobs {
        let (_, attempted) = moments.entry(&job.series.model).or_default();
        *attempted = (*attempted).max(job.started_at);
    }
    Ok(moments)
}

/// Enabled models for which this time is longer ago than their horizon. A model's creation counts as such a time.
fn older(
    evidence: &Evidence,
    moment: impl Fn(&ModelRef) -> Option<DateTime<Utc>>,
) -> Observation<Vec<&CatalogEntryStatus>> {
    let late = |entry: &&CatalogEntryStatus| {
        let since = moment(&entry.model).max(entry.created_at);
        since.is_none_or(|at| evidence.now - at > horizon(evidence, &entry.model))
    };
    Ok(enabled(evidence)?.into_iter().filter(late).collect())
}

fn names(entries: &[&CatalogEntryStatus]) -> Vec<String> {
    entries.iter().map(|entry| entry.model.to_string()).collect()
}

fn every_enabled_model_is_measured(evidence: &Evidence) -> Observation<Vec<String>> {
    let moments = moments(evidence)?;
    let success = |model: &ModelRef| moments.get(model).and_then(|(success, _)| *success);
    Ok(names(&older(evidence, success)?))
}

/// Models without attempts, although others of their provider are tried: the scheduler forgot them.
fn no_model_is_starved(evidence: &Evidence) -> Observation<Vec<String>> {
    let moments = moments(evidence)?;
    let attempt = |model: &ModelRef| moments.get(model).and_then(|(_, attempt)| *attempt);
    let mut untried = older(evidence, attempt)?;
    let recent = |entry: &&CatalogEntryStatus| {
        attempt(&entry.model).is_some_and(|at| evidence.now - at <= horizon(evidence, &entry.model))
    };
    let busy: BTreeSet<_> =
        enabled(evidence)?.into_iter().filter(recent).map(|entry| &entry.model.provider).collect();
    untried.retain(|entry| busy.contains(&entry.model.provider));
    Ok(names(&untried))
}

/// Expected number of enabled models: that of the previous run, minus recorded removals since.
pub fn expected_models(evidence: &Evidence) -> Option<u64> {
    let before = evidence.before.as_ref().ok()?.as_ref()?;
    let since = |at: DateTime<Utc>| at > before.checked_at;
    let batches = evidence.batches.as_ref().ok()?;
    let taken =
        batches.iter().filter(|batch| since(batch.at) && batch.action != "enable" && batch.action != "add");
    Some(before.baseline.as_ref()?.models.saturating_sub(taken.map(|batch| batch.planned).sum()))
}

fn catalogue_is_not_shrinking(evidence: &Evidence) -> Observation<Vec<String>> {
    let now = enabled(evidence)?.len() as u64;
    evidence.before.as_ref().map_err(Clone::clone)?;
    evidence.batches.as_ref().map_err(Clone::clone)?;
    if now == 0 {
        return Ok(vec!["no model is enabled".to_owned()]);
    }
    let Some(expected) = expected_models(evidence) else { return Ok(Vec::new()) };
    let missing = expected.saturating_sub(now);
    if missing as f64 <= expected as f64 * SHRINK {
        return Ok(Vec::new());
    }
    Ok(vec![format!("{now} models are enabled, and {missing} more were; no batch says why")])
}

/// If no daemon reads lists, no list is too old. Nor is any missing where every model is younger than a list may be old: the
/// first reading of a new installation comes at the hour of discovery.
fn discovery_is_recent(evidence: &Evidence) -> Observation<Vec<String>> {
    if !evidence.discovers {
        return Ok(Vec::new());
    }
    let reads = evidence.reads.as_ref().map_err(Clone::clone)?;
    let mut newest: BTreeMap<&str, Option<DateTime<Utc>>> = BTreeMap::new();
    for read in reads {
        let complete = read.complete.then_some(read.finished_at);
        let at = newest.entry(&read.provider).or_default();
        *at = (*at).max(complete);
    }
    if newest.is_empty() {
        let is_new = |at: Option<DateTime<Utc>>| at.is_some_and(|at| evidence.now - at <= DISCOVERY);
        let is_due = enabled(evidence)?.into_iter().any(|entry| !is_new(entry.created_at));
        return Ok(is_due.then(|| "no list was ever read".to_owned()).into_iter().collect());
    }
    let measured: BTreeSet<&str> =
        enabled(evidence)?.into_iter().map(|entry| entry.model.provider.as_str()).collect();
    let late = |at: Option<DateTime<Utc>>| at.is_none_or(|at| evidence.now - at > DISCOVERY);
    let found = newest.into_iter().filter(|(provider, at)| measured.contains(provider) && late(*at));
    Ok(found.map(|(provider, _)| provider.to_owned()).collect())
}

/// Work that may start and does not, and expired leases that nobody took over.
fn no_job_is_stuck_in_queue(evidence: &Evidence) -> Observation<Vec<String>> {
    let enabled: BTreeSet<&ModelRef> = enabled(evidence)?.into_iter().map(|entry| &entry.model).collect();
    let jobs = evidence.jobs.as_ref().map_err(Clone::clone)?;
    let stuck = jobs.iter().filter(|job| enabled.contains(&job.series.model.unpinned())).filter(|job| {
        let turn = TimeDelta::seconds(i64::from(evidence.cadences.of(&job.series.model.unpinned()))) * 2;
        let since = |at: Option<DateTime<Utc>>| at.map_or(TimeDelta::MAX, |at| evidence.now - at);
        match (job.status, &job.lease) {
            (JobStatus::Queued, _) => since(job.not_before) > QUEUE.max(turn),
            (JobStatus::Running, Some(lease)) => since(Some(lease.expires_at)) > ORPHANED.max(turn),
            (JobStatus::Running, None) => since(job.started_at) > ORPHANED.max(turn),
            _ => false,
        }
    });
    let stuck = stuck.map(|job| crate::storage::claims::id(&job.series));
    let foreign = evidence.foreign.as_ref().map_err(Clone::clone)?.iter();
    let foreign = foreign.filter(|job| job.created_at.is_none_or(|at| evidence.now - at > QUEUE));
    Ok(stuck.chain(foreign.map(|job| job.id.clone())).collect())
}

fn no_case_duplicate_models(evidence: &Evidence) -> Observation<Vec<String>> {
    let spelled = |entry: &CatalogEntryStatus| entry.model.to_string();
    let mut names: Vec<(String, String)> =
        enabled(evidence)?.into_iter().map(spelled).map(|name| (name.to_lowercase(), name)).collect();
    names.sort_by(|(one, _), (other, _)| one.cmp(other));
    let alike = names.chunk_by(|(one, _), (other, _)| one == other).filter(|alike| alike.len() > 1);
    let together = |alike: &[(String, String)]| {
        alike.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>().join(" = ")
    };
    Ok(alike.map(together).collect())
}

/// Queue and catalog agree about the measured models. Models under admission are probed but not enabled.
fn no_work_for_disabled_models(evidence: &Evidence) -> Observation<Vec<String>> {
    let entries = evidence.entries.as_ref().map_err(Clone::clone)?;
    let wanted = |entry: &&CatalogEntryStatus| entry.measured || entry.probing;
    let wanted: BTreeSet<&ModelRef> = entries.iter().filter(wanted).map(|entry| &entry.model).collect();
    let jobs = evidence.jobs.as_ref().map_err(Clone::clone)?;
    let waits = jobs.iter().filter(|job| matches!(job.status, JobStatus::Queued | JobStatus::Running));
    let waits = waits.filter(|job| job.series.profile_id != PROBE);
    let unwanted = waits.filter(|job| !wanted.contains(&job.series.model.unpinned()));
    Ok(unwanted.map(|job| crate::storage::claims::id(&job.series)).collect())
}

/// Pinned endpoints without a success within their model's horizon. Without targets nothing is missed.
fn endpoint_targets_are_being_measured(evidence: &Evidence) -> Observation<Vec<String>> {
    let targets = evidence.endpoints.as_ref().map_err(Clone::clone)?;
    let late = |target: &&EndpointTarget| {
        let since = target.last_success_at.max(target.since);
        since.is_none_or(|at| evidence.now - at > horizon(evidence, &target.model))
    };
    Ok(targets.iter().filter(late).map(|target| format!("{}@{}", target.model, target.tag)).collect())
}
