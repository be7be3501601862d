//! Changes the catalog in recorded batches: a daily number of models, and no entry that changed since it was read.

use super::CatalogPolicy;
use crate::domain::{Batch, ModelRef};
use crate::storage::StoreError;
use crate::storage::catalog::{CatalogEntry, ChangeOutcome, ChangeRequest};
use crate::storage::{endpoints, lifecycle};
use chrono::Utc;
use serde_json::{Map, Value};
use tracing::warn;

/// Maximum number of batches that are read to count today's.
const BATCHES: u32 = 500;

/// Changes to some models, and their description in the history.
pub(super) struct PolicyDecision {
    pub action: &'static str,
    /// Prefix of the reason in the history: `quarantine`, `recheck`, `admission` or `until`.
    pub part: &'static str,
    pub why: &'static str,
    pub changes: Vec<(CatalogEntry, Map<String, Value>)>,
}

impl CatalogPolicy<'_> {
    /// Number of models that any daemon may still change today for this reason.
    pub(super) async fn room(&self, part: &str, per_day: u32) -> Result<usize, StoreError> {
        let batches = self.store_handle.ask(|store| async move { store.batches(BATCHES).await }).await?;
        let today = self.now.date_naive();
        let of_part = |batch: &&Batch| {
            batch.at.date_naive() == today
                && batch.who.starts_with("daemon ")
                && batch.why.as_deref().is_some_and(|why| why.starts_with(part))
        };
        let used: u64 = batches.iter().filter(of_part).map(|batch| batch.planned).sum();
        Ok(u64::from(per_day).saturating_sub(used) as usize)
    }

    /// Makes one batch, which is recorded before its first change. Entries that changed in the meantime are skipped.
    pub(super) async fn carry_out(&self, verdict: PolicyDecision) -> Result<(), StoreError> {
        let PolicyDecision { action, part, why, changes } = verdict;
        if changes.is_empty() {
            return Ok(());
        }
        let batch = Batch {
            id: ulid::Ulid::generate().to_string(),
            at: self.now,
            who: self.who.clone(),
            action: action.to_owned(),
            why: Some(format!("{part}: {why}")),
            planned: changes.len() as u64,
            undoes: None,
            undone_by: None,
            finished_at: None,
        };
        let (id, begun) = (batch.id.clone(), batch);
        let store_handle = self.store_handle;
        store_handle.ask(move |store| async move { store.begin_batch(&begun).await }).await?;
        let mut changed = Vec::new();
        for (entry, set) in changes {
            let model = entry.model.clone();
            let expected = Some(entry.values(set.keys()));
            let order = ChangeRequest { batch: id.clone(), model: entry.model, expected, set };
            match store_handle.ask(move |store| async move { store.change(&order).await }).await {
                Ok(ChangeOutcome::Done { .. }) => changed.push(model),
                // A person or another daemon was faster, or the model is already measured under another spelling.
                Ok(ChangeOutcome::Overtaken(_)) | Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error),
            }
        }
        store_handle.ask(move |store| async move { store.finish_batch(&id, Utc::now()).await }).await?;
        let models = changed.clone();
        self.judge_anew(changed, None).await?;
        // The changes are made; the next list of the router marks its endpoints again.
        let marked = store_handle
            .ask(move |store| async move { endpoints::mark_measured(&models, &*store).await })
            .await;
        if let Err(error) = marked {
            warn!("endpoints of changed models are not marked yet: {error}");
        }
        Ok(())
    }

    /// Keeps the lifecycle of models that have just changed, and this note beside its reasons.
    pub(super) async fn judge_anew(
        &self,
        models: Vec<ModelRef>,
        note: Option<&'static str>,
    ) -> Result<(), StoreError> {
        let now = self.now;
        self.store_handle
            .ask(move |store| async move { lifecycle::refresh_models(&*store, &models, note, now).await })
            .await
    }
}
