//! Data types of the outbox: intents, queued rows, spending, capacity, and errors.

pub use crate::domain::outbox_rows::{OutboxDepth, OutboxKey, OutboxRowState, OutboxRowSummary};

use crate::domain::Series;
use crate::storage::outcomes::payload::OutcomePayload;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::path::PathBuf;

/// The limits of the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutboxCapacity {
    /// Maximum size of the database, in bytes. No undelivered row is deleted to stay below it.
    pub max_bytes: u64,
    /// Size in bytes of a file that is deleted when the disk is full, so that rows can still be sent; 0 for none.
    pub ballast_bytes: u64,
    /// With less free space than this, in bytes, no intent is accepted.
    pub low_water: u64,
    /// Days for which delivered rows stay, for `replay`; 0 keeps none.
    pub archive_days: u32,
    /// Maximum size of delivered rows, in bytes; the oldest are deleted first.
    pub archive_bytes: u64,
}

impl Default for OutboxCapacity {
    /// 4 GiB, enough for more than a million rows; a quarter of it for delivered rows of the last 7 days; 16 MiB of
    /// ballast; no paid calls with less than 32 MiB left.
    fn default() -> Self {
        let mib = 1024 * 1024;
        Self {
            max_bytes: 4096 * mib,
            ballast_bytes: 16 * mib,
            low_water: 32 * mib,
            archive_days: 7,
            archive_bytes: 1024 * mib,
        }
    }
}

/// The cost of calls: requests, tokens (input and output), millionths of a US dollar.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spend {
    pub runs: u64,
    pub tokens: u64,
    pub micro_dollars: u64,
}

impl Spend {
    /// The sum, saturating at the largest number.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        self.each(other, u64::saturating_add)
    }

    /// The difference, at least zero.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        self.each(other, u64::saturating_sub)
    }

    fn each(self, other: Self, combine: fn(u64, u64) -> u64) -> Self {
        Self {
            runs: combine(self.runs, other.runs),
            tokens: combine(self.tokens, other.tokens),
            micro_dollars: combine(self.micro_dollars, other.micro_dollars),
        }
    }
}

/// A row that was set aside, and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAsideRow {
    pub id: String,
    pub why: String,
}

/// A call that is about to be made, recorded so that a call whose process died is noticed and paid for.
#[derive(Debug, Clone, PartialEq)]
pub struct CallIntent {
    /// Unique id of the attempt.
    pub id: String,
    pub series: Series,
    /// Start of the slot; `None` for calls outside the slots (a probe).
    pub slot_at: Option<DateTime<Utc>>,
    /// Start of the call; its UTC day pays.
    pub at: DateTime<Utc>,
    /// The maximum cost; counts as spent until the outcome reports the actual cost.
    pub reserve: Spend,
    /// Further fields of the `interrupted` row that the intent becomes if the process dies: `sample_role`, owner, ….
    pub stamps: Map<String, Value>,
}

/// A row that is due.
#[derive(Debug, Clone, PartialEq)]
pub struct QueuedRow {
    pub key: OutboxKey,
    /// Id of the outcome.
    pub id: String,
    pub provider: String,
    /// The outcome's document, verified to be as it was written.
    pub payload: OutcomePayload,
    /// Size of the payload, in bytes.
    pub bytes: u64,
    /// Number of failed attempts to send it.
    pub attempts: u32,
    pub measured_at: DateTime<Utc>,
    /// Position in the queue of due rows.
    pub turn: QueuePosition,
}

/// A position in the order in which rows are due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueuePosition {
    /// Time at which the row is due, in milliseconds since 1970.
    pub(super) next_at_ms: i64,
    pub(super) key: OutboxKey,
}

/// A row's document as it is stored, or a description of its damage.
pub type RowDocument = Result<Value, String>;

/// The findings at the opening of the outbox.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OpenReport {
    /// True if the previous process did not close it.
    pub unclean: bool,
    /// Intents whose process died; each is an `interrupted` failure row now.
    pub interrupted: Vec<CallIntent>,
    /// Damaged databases in the directory, from this start and earlier ones. They may contain undelivered rows, until
    /// someone has moved them away.
    pub damaged: Vec<PathBuf>,
    /// Warnings for the user, such as a directory that is deleted with its container.
    pub notes: Vec<String>,
}

/// The reason why the outbox could not do a task.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutboxError {
    /// There is no room. Stored rows stay, and can still be sent.
    #[error("the outbox {} is full: {why}", path.display())]
    Full {
        path: PathBuf,
        /// Description of the missing room.
        why: String,
    },
    /// The file is no valid database. Permanent: opening it again sets the file aside.
    #[error("the outbox {} is damaged: {why}", path.display())]
    Damaged {
        path: PathBuf,
        /// The error message of SQLite.
        why: String,
    },
    /// The disk failed, or the thread has ended. Permanent: unacknowledged changes may or may not be stored.
    #[error("the outbox {} cannot be used: {why}", path.display())]
    Io {
        path: PathBuf,
        /// The error message of the system.
        why: String,
    },
    /// Another process has the outbox open.
    #[error(
        "the outbox {} is open in another process{}",
        path.display(),
        pid.map(|pid| format!(", pid {pid}")).unwrap_or_default()
    )]
    Locked {
        path: PathBuf,
        /// Id of the other process, if the lock file names it.
        pid: Option<u32>,
    },
    /// The directory cannot hold an outbox: a network file system, a newer version's file.
    #[error("{0}")]
    Unsuitable(String),
    /// SQLite refuses a value, although the disk works.
    #[error("the outbox does not take this: {0}")]
    Refused(String),
}

impl OutboxError {
    /// True if the process should end with this error, because later results could not be trusted.
    pub fn is_fatal(&self) -> bool {
        matches!(self, OutboxError::Damaged { .. } | OutboxError::Io { .. })
    }
}
