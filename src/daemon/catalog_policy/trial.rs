//! Tries disabled models: those that were set aside ever more rarely, and those under admission until they have
//! answered often enough to be enabled. Can also predict trials without changing anything.

use super::batch::PolicyDecision;
use super::{CLASS, CatalogPolicy, MODELS, ROLE, ROWS, at, kind, scope, text};
use crate::daemon::admission::{self, AdmissionCandidate};
use crate::daemon::quarantine::{self, RecheckOutcome};
use crate::daemon::store_handle::StoreHandle;
use crate::domain::daemon_config::DaemonConfig;
use crate::domain::{FailureKind, ModelRef};
use crate::storage::catalog::enabled_fields::{RECHECK_AT, on};
use crate::storage::catalog::{CatalogEntry, PROBING};
use crate::storage::history::{RunSeries, StoredRow};
use crate::storage::{StoreError, WorkItem};
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Sample role of the call that `models add` makes; it counts as a probe.
const ADDED: &str = "admission";

/// The reason for calling a model that is not measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrialReason {
    /// The model is new and must answer repeatedly.
    Admission,
    /// The model was set aside and may answer again.
    Recheck,
}

/// A future trial of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedTrial {
    pub model: ModelRef,
    pub trial: TrialReason,
    /// Earliest time of the trial.
    pub at: DateTime<Utc>,
}

/// Predicts the trials that a daemon would make, from the current state of the store.
///
/// # Errors
/// Those of the store.
pub async fn foresee(
    store_handle: &Arc<StoreHandle>,
    daemon_config: &DaemonConfig,
    now: DateTime<Utc>,
) -> Result<Vec<PlannedTrial>, StoreError> {
    let policy = CatalogPolicy::new(store_handle, daemon_config, now);
    let mut foreseen = Vec::new();
    for entry in policy.waiting().await? {
        let model = entry.model.clone();
        if daemon_config.quarantine.enabled && is_ours(&entry) {
            let Some(at) = entry.instant(RECHECK_AT) else { continue };
            let at = if at <= now { policy.rechecked(&entry, at).await?.next } else { at };
            foreseen.push(PlannedTrial { model, trial: TrialReason::Recheck, at });
        } else if daemon_config.admission.enabled && is_candidate(&entry) {
            let at = policy.candidate(&entry).await?.next_probe(&daemon_config.admission, now);
            foreseen.push(PlannedTrial { model, trial: TrialReason::Admission, at });
        }
    }
    Ok(foreseen)
}

/// The result of the calls since a recheck became due.
struct RecheckResult {
    returns: bool,
    /// Time of the next call, if the model does not return.
    next: DateTime<Utc>,
}

impl CatalogPolicy<'_> {
    /// Enables models that were set aside and answer again; the others are tried ever more rarely.
    pub(super) async fn recheck(
        &self,
        waiting: &[CatalogEntry],
        tried: &mut Vec<WorkItem>,
    ) -> Result<(), StoreError> {
        let due = |entry: &CatalogEntry| entry.instant(RECHECK_AT).filter(|at| *at <= self.now);
        let due =
            waiting.iter().filter(|entry| is_ours(entry)).filter_map(|entry| Some((entry, due(entry)?)));
        let mut changes = Vec::new();
        for (entry, at) in due.take(MODELS) {
            let RecheckResult { returns, next } = self.rechecked(entry, at).await?;
            if returns {
                changes.push((entry.clone(), on(Some(entry))));
            } else if next <= self.now {
                tried.push(item(entry));
            }
        }
        let why = "they answer again";
        self.carry_out(PolicyDecision { action: "enable", part: "recheck", why, changes }).await
    }

    async fn rechecked(
        &self,
        entry: &CatalogEntry,
        due_at: DateTime<Utc>,
    ) -> Result<RecheckResult, StoreError> {
        let mut found = RecheckResult { returns: false, next: due_at };
        let probes = self.probes(&entry.model, Some(due_at)).await?;
        for (times, (at, kind)) in (1..).zip(probes) {
            match quarantine::recheck(kind, times, &self.daemon_config.quarantine, at) {
                RecheckOutcome::Returns => found.returns = true,
                RecheckOutcome::Stays(at) => found.next = found.next.max(at),
            }
        }
        Ok(found)
    }

    pub(super) async fn admit(
        &self,
        waiting: &[CatalogEntry],
        tried: &mut Vec<WorkItem>,
    ) -> Result<(), StoreError> {
        let rule = &self.daemon_config.admission;
        let mut candidates = Vec::new();
        for entry in waiting.iter().filter(|entry| is_candidate(entry)) {
            let candidate = self.candidate(entry).await?;
            if candidate.next_probe(rule, self.now) <= self.now && !candidate.is_ready(rule, self.now) {
                tried.push(item(entry));
            }
            candidates.push(candidate);
        }
        if !candidates.iter().any(|candidate| candidate.is_ready(rule, self.now)) {
            return Ok(());
        }
        let room = self.room("admission", rule.per_day).await?;
        let let_in = rule.per_day.saturating_sub(u32::try_from(room).unwrap_or(u32::MAX));
        let ready: BTreeSet<&ModelRef> =
            admission::admit(&candidates, let_in, rule, self.now).into_iter().collect();
        let ready = waiting.iter().filter(|entry| ready.contains(&entry.model));
        if rule.dry_run {
            let note = "it would be enabled now; admission is a dry run";
            let ready = ready.map(|entry| entry.model.clone()).collect();
            return self.judge_anew(ready, Some(note)).await;
        }
        let changes = ready.map(|entry| (entry.clone(), on(Some(entry)))).collect();
        let why = "they keep answering";
        self.carry_out(PolicyDecision { action: "enable", part: "admission", why, changes }).await
    }

    async fn candidate(&self, entry: &CatalogEntry) -> Result<AdmissionCandidate, StoreError> {
        let probes = self.probes(&entry.model, Some(self.now - self.daemon_config.admission.within)).await?;
        let probes = probes.into_iter().map(|(at, kind)| (at, kind.is_none())).collect();
        Ok(AdmissionCandidate { model: entry.model.clone(), probes })
    }

    /// Results of the trial calls of a model, in order of time; `None` is a success.
    async fn probes(
        &self,
        model: &ModelRef,
        since: Option<DateTime<Utc>>,
    ) -> Result<Vec<(DateTime<Utc>, Option<FailureKind>)>, StoreError> {
        let is_probe = |row: &StoredRow| [ROLE, ADDED].contains(&text(row, "sample_role"));
        let scope = scope(model, since);
        let runs = self
            .store_handle
            .ask(move |store| async move { store.runs(&scope, RunSeries::Probe, ROWS).await })
            .await?;
        let answered =
            runs.iter().filter(|row| is_probe(row)).filter_map(|row| Some((at(row, "run_ts")?, None)));
        let mut probes: Vec<_> = answered.collect();
        let failed = self.errors(model, since).await?;
        let failed = failed.into_iter().filter(|(_, row)| is_probe(row));
        probes.extend(failed.map(|(at, row)| (at, Some(kind(&row).unwrap_or(FailureKind::Unknown)))));
        probes.sort_by_key(|(at, _)| *at);
        Ok(probes)
    }
}

/// True if a daemon set the model aside.
fn is_ours(entry: &CatalogEntry) -> bool {
    let by = entry.text("disabled_by").unwrap_or_default();
    by.starts_with("daemon ") && entry.text("disabled_class").as_deref() == Some(CLASS)
}

/// True if the model is under admission and nobody disabled it until a date.
fn is_candidate(entry: &CatalogEntry) -> bool {
    entry.text("status").as_deref() == Some(PROBING)
        && entry.fields.get("disabled_until").is_none_or(Value::is_null)
}

fn item(entry: &CatalogEntry) -> WorkItem {
    WorkItem {
        model: entry.model.clone(),
        display_name: entry.text("display_name").unwrap_or_else(|| entry.model.model_id.clone()),
        metadata: entry.fields.get("metadata").and_then(Value::as_object).cloned().unwrap_or_default(),
    }
}
