//! What a bridge keeps for runners that may not see the database: runs and failures as they were posted, every field of
//! them, under an id that makes a repetition harmless. How a post becomes a row is [`posted_row`]; who may post is the
//! bridge's, and what providers list goes through [`Listings`](super::ListingStore).

pub mod ingest_keys;
pub(super) mod mongo;
pub(super) mod plausibility;
pub mod posted_row;
pub(super) mod sqlite;

use super::aggregates::PendingAggregates;
use crate::domain::runner::COMPONENT;
use crate::storage::outcomes::document::Row;
use crate::storage::{RecordOutcome, StoreError};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
pub use posted_row::{Flaw, OWN_FIELDS, listing};
use serde_json::{Map, Value};

/// Which of the two a posted document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostKind {
    /// A benchmark result.
    Run,
    /// A failed attempt.
    Failure,
}

/// Who sent something and when, as the server knows it: nothing that a client says changes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostOrigin {
    /// When it came, by the server's clock.
    pub received_at: DateTime<Utc>,
    /// The id of the key that it came under.
    pub key_id: String,
    /// Whom that key was given to.
    pub runner: String,
}

/// One posted run or failure.
#[derive(Debug, Clone, PartialEq)]
pub struct Posted {
    /// Which of the two.
    pub kind: PostKind,
    /// All fields as they were posted, unknown ones too. Times without a zone are UTC.
    pub document: Map<String, Value>,
    /// The attempt's id, where the runner gives one. Without it the id follows from who, what and when, so that the same
    /// post twice is one row. A field `_id` of the document is never it.
    pub id: Option<String>,
    /// Who and when.
    pub stamps: PostOrigin,
}

/// A remote runner was heard of.
#[derive(Debug, Clone, PartialEq)]
pub struct RunnerActivity {
    /// Whom the key was given to; the component is `runner:<runner>`.
    pub runner: String,
    /// When, by the server's clock.
    pub seen_at: DateTime<Utc>,
    /// When a row of it was last stored; `None` leaves what was known.
    pub stored_at: Option<DateTime<Utc>>,
    /// Its program, `llmbench/0.1.0`; `None` leaves what was known, as below.
    pub version: Option<String>,
    /// Its clock minus the server's, seconds.
    pub clock_offset_seconds: Option<f64>,
    /// Rows that wait on its side.
    pub backlog: Option<u64>,
    /// How often the bridge tells it to measure, seconds.
    pub interval_seconds: Option<u32>,
}

impl RunnerActivity {
    /// The name of its heartbeat.
    pub fn component(&self) -> String {
        format!("{COMPONENT}{}", self.runner)
    }

    /// What it says beside the times, under the names in the heartbeat's details.
    pub fn said(&self) -> Map<String, Value> {
        let said = [
            ("version", self.version.clone().map(Value::from)),
            ("clock_offset_seconds", self.clock_offset_seconds.map(Value::from)),
            ("backlog", self.backlog.map(Value::from)),
            ("interval_seconds", self.interval_seconds.map(Value::from)),
        ];
        said.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

/// What a bridge writes.
#[async_trait]
pub trait PostStore: Send + Sync {
    /// Keeps the rows of posts, durably, each under its id: at most one row an id, however often and however many at once.
    /// The answers are in the order of the rows. A row that is refused leaves nothing and holds up no other. With them comes
    /// what is owed to [`Sink::derive`](super::OutcomeSink::derive).
    ///
    /// # Errors
    /// For each row: [`StoreError::Rejected`] where the store cannot hold it, [`StoreError::Conflict`] where its id is
    /// stored with other content, the others where the store cannot work.
    async fn keep_posted(
        &self,
        rows: Vec<Row>,
    ) -> (Vec<Result<RecordOutcome, StoreError>>, PendingAggregates);

    /// Derives what follows from rows that bridges have kept since this last went through: one of them may have ended
    /// between keeping rows and deriving. Bounded by what came since then; safe to repeat, and for several at once. A store
    /// that keeps rows together with what follows from them has nothing to do.
    ///
    /// # Errors
    /// The store's; then it is to be done again.
    async fn catch_up(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Keeps that runners were heard of, in the heartbeats. What a sighting does not say stays as it was.
    async fn keep_runner_activity(&self, activities: &[RunnerActivity]) -> Result<(), StoreError>;
}
