//! Rows: from an outcome to the document that a store keeps, and the way into each store.

pub mod document;
pub mod field_types;
pub(super) mod mongo;
pub(super) mod mongo_bulk;
pub(super) mod mongo_record;
pub mod payload;
pub(super) mod sqlite;

use crate::domain::{ModelRef, Outcome};
use crate::storage::aggregates::PendingAggregates;
use crate::storage::catalog::WorkItem;
use crate::storage::error::StoreError;
use async_trait::async_trait;
use payload::OutcomePayload;
use std::time::Duration;

/// What became of a row that a store was asked to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordOutcome {
    /// It is stored now, durably.
    Stored,
    /// The same row was there already.
    Duplicate,
}

/// All that a runner may do.
#[async_trait]
pub trait OutcomeSink: Send + Sync {
    /// The enabled models, of one provider or of all, sorted by provider and id.
    async fn work_list(&self, provider: Option<&str>) -> Result<Vec<WorkItem>, StoreError>;

    /// Keeps one outcome, durably, under its id: at most one row an id, however often it is called.
    async fn record(&self, outcome: &Outcome) -> Result<RecordOutcome, StoreError>;

    /// Keeps several outcomes by their documents, each as [`OutcomeSink::record`] does, and tells what is owed for them to
    /// [`OutcomeSink::derive`]: a row is done when that has gone through, and until then it must be possible to deliver it again. The
    /// answers are in the order of the documents; where the store itself gives out, what comes after has no answer and was
    /// not tried. Together they should stay below some megabytes.
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

    /// Brings up to date what rows have moved that [`OutcomeSink::keep_all`] kept. Safe to repeat.
    async fn derive(&self, _aggregates: &PendingAggregates) -> Result<(), StoreError> {
        Ok(())
    }

    /// How long the store asks to be left alone, if its last answer said so.
    fn rest(&self) -> Option<Duration> {
        None
    }

    /// What it is, without any secret: `sqlite:/path`, `mongodb://host/db`, `https://bridge`.
    fn describe(&self) -> String;

    /// Adaptations learned for a model, in the order in which they were learned.
    async fn learned(&self, model: &ModelRef) -> Result<Vec<String>, StoreError>;

    /// Remembers an adaptation for a model; twice is once.
    async fn learn(&self, model: &ModelRef, adaptation: &str) -> Result<(), StoreError>;
}
