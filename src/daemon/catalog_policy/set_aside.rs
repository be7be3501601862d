//! Sets refusing models aside, unless their provider as a whole refuses. Reads only the claims of refusing models, and
//! the rows of a few of them at a time.

use super::batch::PolicyDecision;
use super::{CLASS, CatalogPolicy, MODELS, ROLE, kind, kind_of, text};
use crate::daemon::quarantine::{self, Quarantine, Streak};
use crate::daemon::roster::Roster;
use crate::domain::canary::{CANARY_PROFILE, is_beside_series};
use crate::domain::daemon_status::SuspectedProvider;
use crate::domain::{FailureKind, ModelRef};
use crate::storage::StoreError;
use crate::storage::catalog::enabled_fields::{DisableDetails, off};
use crate::storage::catalog::{CatalogEntry, ChangesOf};
use crate::storage::claims::JobState;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

impl CatalogPolicy<'_> {
    /// Sets refusing models aside. Returns the providers that are suspected instead of their models.
    pub(super) async fn set_aside(&self, roster: &Roster) -> Result<Vec<SuspectedProvider>, StoreError> {
        let (refusing, ripe) = self.refusing(roster).await?;
        let suspected = quarantine::suspected(&roster.counts(), &refusing);
        let blamed: BTreeSet<&String> = suspected.iter().map(|suspicion| &suspicion.provider).collect();
        let ripe: Vec<_> = ripe.into_iter().filter(|(model, _)| !blamed.contains(&model.provider)).collect();
        let most = self.daemon_config.quarantine.per_day;
        let room = if ripe.is_empty() { 0 } else { self.room("quarantine", most).await? };
        let mut changes = Vec::new();
        for (model, success) in ripe.into_iter().take(MODELS) {
            if changes.len() >= room {
                break;
            }
            if let Some(entry) = self.measured_entry(&model).await?
                && let Some(found) = self.verdict(&entry, success).await?
            {
                changes.push((entry, self.off(&found)));
            }
        }
        let why = "terminal answers alone (hard_model)";
        self.carry_out(PolicyDecision { action: "disable", part: "quarantine", why, changes }).await?;
        Ok(suspected)
    }

    /// Counts each provider's refusing models, and returns those that have refused often enough to be examined, each
    /// with its newest success.
    async fn refusing(
        &self,
        roster: &Roster,
    ) -> Result<(BTreeMap<String, u64>, Vec<(ModelRef, Option<DateTime<Utc>>)>), StoreError> {
        let rule = &self.daemon_config.quarantine;
        let terminal: Vec<&str> = FailureKind::ALL
            .into_iter()
            .filter(|kind| quarantine::is_terminal(*kind))
            .map(FailureKind::as_str)
            .collect();
        let jobs =
            self.store_handle.ask(|store| async move { store.jobs_of_refusing(&terminal).await }).await?;
        let mut by_model: BTreeMap<ModelRef, Vec<&JobState>> = BTreeMap::new();
        let is_canary = |job: &&JobState| job.series.profile_id == CANARY_PROFILE;
        let measured = jobs.iter().filter(|job| roster.measures(&job.series.model) && !is_canary(job));
        measured.for_each(|job| by_model.entry(job.series.model.unpinned()).or_default().push(job));
        // A model is set aside as a whole: one endpoint that does not refuse keeps it.
        by_model.retain(|model, jobs| {
            let lanes: BTreeSet<&ModelRef> = jobs.iter().map(|job| &job.series.model).collect();
            lanes.len() >= roster.lanes(model)
        });
        let (mut refusing, mut ripe) = (BTreeMap::new(), Vec::new());
        for (model, jobs) in by_model {
            if is_refusing(&jobs, self.now - rule.over) {
                *refusing.entry(model.provider.clone()).or_insert(0) += 1;
                if jobs.iter().any(|job| job.failures >= rule.answers) {
                    ripe.push((model.clone(), jobs.iter().filter_map(|job| job.last_success_at).max()));
                }
            }
        }
        Ok((refusing, ripe))
    }

    async fn measured_entry(&self, model: &ModelRef) -> Result<Option<CatalogEntry>, StoreError> {
        let model = model.clone();
        let entry = self.store_handle.ask(move |store| async move { store.entry(&model).await }).await?;
        Ok(entry.filter(|entry| entry.sound && entry.is_enabled()))
    }

    fn off(&self, found: &Quarantine) -> Map<String, Value> {
        let Quarantine { reason, recheck_at } = found;
        off(&DisableDetails {
            reason,
            class: CLASS,
            who: &self.who,
            until: None,
            recheck_at: Some(*recheck_at),
        })
    }

    /// The verdict from rows since the model's last success or last change: enabling it gives it a fresh start.
    async fn verdict(
        &self,
        entry: &CatalogEntry,
        success: Option<DateTime<Utc>>,
    ) -> Result<Option<Quarantine>, StoreError> {
        let of = ChangesOf::Model(entry.model.clone(), 1);
        let changes = self.store_handle.ask(|store| async move { store.changes(&of).await }).await?;
        let since = success.max(changes.first().map(|change| change.at));
        let mut streak = Streak::default();
        for (at, row) in self.errors(&entry.model, since).await? {
            let message = text(&row, "message").chars().take(200).collect::<String>();
            let role = text(&row, "sample_role");
            if role != ROLE
                && !is_beside_series(Some(role))
                && let Some(kind) = kind(&row)
            {
                streak.ended(Some(kind), &message, at);
            }
        }
        Ok(streak.verdict(&self.daemon_config.quarantine))
    }
}

/// True if a model's newest failures are terminal, and no success happened since `since`.
fn is_refusing(jobs: &[&JobState], since: DateTime<Utc>) -> bool {
    let answered = jobs.iter().filter_map(|job| job.last_success_at).any(|at| at >= since);
    let kinds = jobs.iter().filter_map(|job| job.error_kind.as_deref());
    !answered && kinds.filter_map(kind_of).any(quarantine::is_terminal)
}
