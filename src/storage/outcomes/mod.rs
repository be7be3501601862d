//! Rows: converts an outcome to the document that a store keeps, and writes it to each store.

pub mod document;
pub mod field_types;
mod finite_check;
pub(super) mod mongo;
pub(super) mod mongo_bulk;
mod mongo_json;
pub(super) mod mongo_record;
pub(super) mod mongo_row;
pub mod payload;
pub(super) mod sqlite;

use crate::domain::{ModelRef, Outcome};
use crate::storage::aggregates::PendingAggregates;
use crate::storage::catalog::WorkItem;
use crate::storage::error::StoreError;
use async_trait::async_trait;
use payload::OutcomePayload;
use std::time::Duration;

/// The result of storing a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordOutcome {
    /// The row is now stored, durably.
    Stored,
    /// The same row was stored before.
    Duplicate,
}

/// The calls that a runner may make.
#[async_trait]
pub trait OutcomeSink: Send + Sync {
    /// The enabled models, of one provider or of all, sorted by provider and id.
    async fn work_list(&self, provider: Option<&str>) -> Result<Vec<WorkItem>, StoreError>;

    /// Stores one outcome, durably, under its id: at most one row per id, however often it is called.
    async fn record(&self, outcome: &Outcome) -> Result<RecordOutcome, StoreError>;

    /// Stores several outcomes by their documents, each as [`OutcomeSink::record`] does, and returns the aggregates to
    /// pass to [`OutcomeSink::derive`]: a row is done when that has succeeded, and until then it must be possible to
    /// deliver it again. The results are in the order of the documents; if the store itself fails, the documents after
    /// that were not tried and have no result. Together they should stay below some megabytes.
    async fn keep_all(
        &self,
        payloads: &[&OutcomePayload],
    ) -> (Vec<Result<RecordOutcome, StoreError>>, PendingAggregates) {
        let mut answers = Vec::with_capacity(payloads.len());
        for payload in payloads {
            let answer = match payload.outcome() {
                Ok(outcome) => self.record(&outcome).await,
                Err(why) => Err(StoreError::Rejected(format!("row `{}`: {why}", payload.id()))),
            };
            let goes_on = answer.as_ref().err().is_none_or(StoreError::is_about_the_row);
            answers.push(answer);
            if !goes_on {
                break;
            }
        }
        (answers, PendingAggregates::default())
    }

    /// Updates the aggregates that [`OutcomeSink::keep_all`] returned. Safe to repeat.
    async fn derive(&self, _aggregates: &PendingAggregates) -> Result<(), StoreError> {
        Ok(())
    }

    /// The time for which the store's last answer asked not to be called, if it did.
    fn rest(&self) -> Option<Duration> {
        None
    }

    /// The store's name, without any secret: `sqlite:/path`, `mongodb://host/db`, `https://bridge`.
    fn describe(&self) -> String;

    /// Adaptations learned for a model, in the order in which they were learned.
    async fn learned(&self, model: &ModelRef) -> Result<Vec<String>, StoreError>;

    /// Stores an adaptation for a model, once even if it is learned again.
    async fn learn(&self, model: &ModelRef, adaptation: &str) -> Result<(), StoreError>;
}
