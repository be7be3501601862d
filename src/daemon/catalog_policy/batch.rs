//! Changes the catalog in recorded batches: a daily number of models, and no entry that changed since it was read.

use super::CatalogPolicy;
use crate::domain::Batch;
use crate::storage::StoreError;
use crate::storage::catalog::{CatalogEntry, ChangeOutcome, ChangeRequest};
use crate::storage::health::ModelStatus;
use chrono::Utc;
use serde_json::{Map, Value};

/// Maximum number of batches that are read to count today's.
const BATCHES: u32 = 500;

/// Changes to some models, and their description in the history.
pub(super) struct PolicyDecision {
    pub action: &'static str,
    /// Prefix of the reason in the history: `quarantine`, `recheck`, `admission` or `until`.
    pub part: &'static str,
    pub why: &'static str,
    pub changes: Vec<(CatalogEntry, Map<String, Value>, ModelStatus)>,
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

    pub(super) fn status(&self, entry: &CatalogEntry, status: &str, reason: &str) -> ModelStatus {
        let model = &entry.model;
        ModelStatus {
            model: model.clone(),
            status: status.to_owned(),
            computed_at: self.now,
            reasons: vec![reason.to_owned()],
            confidence: "high".to_owned(),
            recommended_actions: vec![format!("llmbench models history {model}")],
        }
    }

    pub(super) async fn keep(&self, statuses: Vec<ModelStatus>) -> Result<(), StoreError> {
        self.store_handle.ask(move |store| async move { store.keep_model_status(&statuses).await }).await
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
        let mut statuses = Vec::new();
        for (entry, set, status) in changes {
            let expected = Some(entry.values(set.keys()));
            let order = ChangeRequest { batch: id.clone(), model: entry.model, expected, set };
            match store_handle.ask(move |store| async move { store.change(&order).await }).await {
                Ok(ChangeOutcome::Done { .. }) => statuses.push(status),
                // A person or another daemon was faster, or the model is already measured under another spelling.
                Ok(ChangeOutcome::Overtaken(_)) | Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error),
            }
        }
        store_handle.ask(move |store| async move { store.finish_batch(&id, Utc::now()).await }).await?;
        self.keep(statuses).await
    }
}
