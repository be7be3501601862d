//! Runs and failures that a bridge keeps for runners without access to the database: every posted field, under an id
//! that makes a repetition harmless. [`posted_row`] turns a post into a row; the bridge decides who may post, and
//! providers' lists go through [`Listings`](super::ListingStore).

pub mod ingest_keys;
pub(super) mod mongo;
pub(super) mod plausibility;
pub mod posted_row;
pub(super) mod sqlite;

use super::aggregates::PendingAggregates;
use crate::domain::calibration::CalibrationSummary;
use crate::domain::runner::COMPONENT;
use crate::storage::outcomes::document::{PackedRow, Row};
use crate::storage::outcomes::payload::OutcomeKind;
use crate::storage::{RecordOutcome, StoreError};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
pub use posted_row::{Flaw, OWN_FIELDS, TAG_IS_OURS, is_content, listing};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Sender and time as the server knows them: clients cannot change them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostOrigin {
    /// Time of arrival by the server's clock.
    pub received_at: DateTime<Utc>,
    /// The id of the key that was used.
    pub key_id: String,
    /// The runner that the key was given to.
    pub runner: String,
    /// The endpoint of each direct provider whose rows may lack one, as the operator says: `bedrock` →
    /// `bedrock/us-east-1`. Older runners state none.
    pub endpoint_tags: Arc<BTreeMap<String, String>>,
}

/// One posted run or failure.
#[derive(Debug, Clone, PartialEq)]
pub struct Posted {
    pub kind: OutcomeKind,
    /// All fields as they were posted, unknown ones too. Times without a zone are UTC.
    pub document: Map<String, Value>,
    /// The attempt's id, if the runner gives one. Otherwise the id is derived from runner, subject and time, so that a
    /// repeated post is one row. Never taken from a field `_id` of the document.
    pub id: Option<String>,
    pub stamps: PostOrigin,
}

/// A remote runner's last contact with a bridge.
#[derive(Debug, Clone, PartialEq)]
pub struct RunnerActivity {
    /// The runner that the key was given to; the component is `runner:<runner>`.
    pub runner: String,
    /// The time by the server's clock.
    pub seen_at: DateTime<Utc>,
    /// The last time a row of it was stored; `None` keeps the stored value.
    pub stored_at: Option<DateTime<Utc>>,
    /// Its program, `llmbench/0.1.0`; here and below `None` keeps the stored value.
    pub version: Option<String>,
    /// Its clock minus the server's, seconds.
    pub clock_offset_seconds: Option<f64>,
    /// Rows that wait on its side.
    pub backlog: Option<u64>,
    /// Its newest calibration, as it tells.
    pub calibration: Option<CalibrationSummary>,
    /// The measuring interval that the bridge tells it, seconds.
    pub interval_seconds: Option<u32>,
}

impl RunnerActivity {
    /// The name of its heartbeat.
    pub fn component(&self) -> String {
        format!("{COMPONENT}{}", self.runner)
    }

    /// Everything but the times, under the names in the heartbeat's details.
    pub fn said(&self) -> Map<String, Value> {
        let said = [
            ("version", self.version.clone().map(Value::from)),
            ("clock_offset_seconds", self.clock_offset_seconds.map(Value::from)),
            ("backlog", self.backlog.map(Value::from)),
            ("calibration", self.calibration.as_ref().map(CalibrationSummary::note)),
            ("interval_seconds", self.interval_seconds.map(Value::from)),
        ];
        said.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

/// The writes of a bridge.
#[async_trait]
pub trait PostStore: Send + Sync {
    /// Stores the rows of posts, durably, each under its id: at most one row per id, however often and however many at
    /// once. Results are in the order of the rows. A refused row leaves nothing and holds up no other. Also returns
    /// the aggregates for [`OutcomeSink::derive`](super::OutcomeSink::derive).
    ///
    /// # Errors
    /// For each row: [`StoreError::Rejected`] if the store cannot hold it, [`StoreError::Conflict`] if its id is stored
    /// with other content, the others if the store cannot work.
    async fn keep_posted(
        &self,
        rows: Vec<PackedRow>,
    ) -> (Vec<Result<RecordOutcome, StoreError>>, PendingAggregates);

    /// Brings a row into the form in which it waits for [`PostStore::keep_posted`] of the same store.
    fn pack(&self, row: Row) -> PackedRow {
        PackedRow::Fields(row)
    }

    /// Updates the aggregates for rows that bridges have stored since the last call: a bridge may have ended between
    /// storing rows and updating. Bounded by the rows since then; safe to repeat and to run concurrently. Does nothing
    /// in a store that updates aggregates together with rows.
    ///
    /// # Errors
    /// The store's; then it must be called again.
    async fn catch_up(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Stores activity of runners, in the heartbeats. Absent values keep the stored ones.
    async fn keep_runner_activity(&self, activities: &[RunnerActivity]) -> Result<(), StoreError>;
}
