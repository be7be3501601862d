//! What is said of the outbox: intents, queued rows, spend, room, and what can be wrong with it. Data alone.

use crate::domain::Series;
use crate::storage::outcomes::payload::OutcomePayload;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::path::PathBuf;

/// How much the outbox may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutboxCapacity {
    /// The largest that the database may become, bytes. Nothing is thrown away to stay below it.
    pub max_bytes: u64,
    /// A file of so many bytes that is given up when the disk is full, so that rows can still go; 0 for none.
    pub ballast_bytes: u64,
    /// With less room than this, bytes, no intent is taken.
    pub low_water: u64,
    /// Days for which delivered rows stay, for `replay`; 0 keeps none.
    pub archive_days: u32,
    /// The most that delivered rows may take, bytes; the oldest go first.
    pub archive_bytes: u64,
}

impl Default for OutboxCapacity {
    /// 4 GiB: more than a million rows; a quarter of it for delivered ones of the last 7 days; 16 MiB of ballast, and
    /// paid calls stop with less than 32 MiB left.
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

/// What calls of a day cost: requests, tokens (input and output), millionths of a US dollar.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spend {
    /// Requests.
    pub runs: u64,
    /// Tokens, input and output.
    pub tokens: u64,
    /// Millionths of a US dollar.
    pub micro_dollars: u64,
}

impl Spend {
    /// The sum of two; where there is no larger number, the largest.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        self.each(other, u64::saturating_add)
    }

    /// The difference of two, at least nothing.
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

/// A row that was set aside, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAsideRow {
    /// The outcome's id.
    pub id: String,
    /// Why no store can have it.
    pub why: String,
}

/// A call that is about to be made. Written down before it, so that a call whose process died is seen and paid for.
#[derive(Debug, Clone, PartialEq)]
pub struct CallIntent {
    /// The attempt's id, unlike any other.
    pub id: String,
    /// What is measured.
    pub series: Series,
    /// Whose turn it is; none for calls outside the turns (a probe).
    pub slot_at: Option<DateTime<Utc>>,
    /// When the call starts; its UTC day is the one that pays.
    pub at: DateTime<Utc>,
    /// The most that it can cost; counts as spent until the outcome says what it did cost.
    pub reserve: Spend,
    /// Further fields of the `interrupted` row that the intent becomes if the process dies: `sample_role`, owner, ….
    pub stamps: Map<String, Value>,
}

/// The outbox's own name of a row; an outcome's id can be there twice, with different content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OutboxKey(pub i64);

/// A row that is due.
#[derive(Debug, Clone, PartialEq)]
pub struct QueuedRow {
    /// The outbox's name of it.
    pub key: OutboxKey,
    /// The outcome's document, found as it was written.
    pub payload: OutcomePayload,
    /// The size of its payload, bytes.
    pub bytes: u64,
    /// How often it was tried in vain.
    pub attempts: u32,
    /// When it was measured.
    pub measured_at: DateTime<Utc>,
    /// Where it stands among those that are due.
    pub turn: QueuePosition,
}

/// A place in the order in which rows are due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueuePosition {
    /// When the row is due, milliseconds since 1970.
    pub(super) next_at_ms: i64,
    pub(super) key: OutboxKey,
}

/// Where a row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutboxRowState {
    /// It waits for the store.
    Pending,
    /// Trying again cannot help; it waits for somebody to look.
    Quarantined,
    /// The store has confirmed it; it stays for some days.
    Delivered,
}

impl OutboxRowState {
    /// All of them.
    pub const ALL: [OutboxRowState; 3] =
        [OutboxRowState::Pending, OutboxRowState::Quarantined, OutboxRowState::Delivered];

    /// The word for it, on the disk and for people.
    pub fn as_str(self) -> &'static str {
        match self {
            OutboxRowState::Pending => "pending",
            OutboxRowState::Quarantined => "quarantined",
            OutboxRowState::Delivered => "delivered",
        }
    }
}

/// A row as lists show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutboxRowSummary {
    /// The outbox's name of it.
    pub key: OutboxKey,
    /// The outcome's id.
    pub id: String,
    /// `run` or `failure`.
    pub kind: String,
    /// The provider.
    pub provider: String,
    /// The provider's id for the model.
    pub model: String,
    /// Where it stands.
    pub state: OutboxRowState,
    /// When it was measured.
    pub measured_at: DateTime<Utc>,
    /// When the outbox took it.
    pub accepted_at: DateTime<Utc>,
    /// How often it was tried in vain.
    pub attempts: u32,
    /// When it is tried again; for pending rows.
    pub next_at: Option<DateTime<Utc>>,
    /// When the store confirmed it; for delivered rows.
    pub delivered_at: Option<DateTime<Utc>>,
    /// What the store said last, or why it is quarantined.
    pub error: Option<String>,
    /// The size of its payload, bytes.
    pub bytes: u64,
}

/// A row's document as it is kept, or what is wrong with it.
pub type RowDocument = Result<Value, String>;

/// How full the outbox is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxDepth {
    /// Rows that wait.
    pub pending: u64,
    /// Rows set aside until somebody looks.
    pub quarantined: u64,
    /// Delivered rows that are kept.
    pub delivered: u64,
    /// When the oldest waiting row was measured.
    pub oldest_at: Option<DateTime<Utc>>,
    /// What it takes on the disk, bytes, without the ballast.
    pub bytes: u64,
    /// No room: no intent is taken.
    pub full: bool,
    /// Damaged databases that lie beside it, until somebody has looked and moved them away.
    #[serde(default)]
    pub damaged: u64,
}

/// What was found when the outbox was opened.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OpenReport {
    /// The process before did not close it.
    pub unclean: bool,
    /// Intents whose process died; each is an `interrupted` failure row now.
    pub interrupted: Vec<CallIntent>,
    /// Damaged databases in the directory, this time's and earlier ones. Rows may be lost in them until somebody has
    /// looked and moved them away.
    pub damaged: Vec<PathBuf>,
    /// What somebody should know: the directory dies with the container.
    pub notes: Vec<String>,
}

/// Why the outbox did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutboxError {
    /// There is no room. Rows that are in it stay, and can still go.
    #[error("the outbox {} is full: {why}", path.display())]
    Full {
        /// The database.
        path: PathBuf,
        /// Which room is missing.
        why: String,
    },
    /// What is on the disk is no sound database. Final: opening it again sets the file aside.
    #[error("the outbox {} is damaged: {why}", path.display())]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What SQLite says.
        why: String,
    },
    /// The disk failed, or the thread has ended. Final: what was not acknowledged may or may not be there.
    #[error("the outbox {} cannot be used: {why}", path.display())]
    Io {
        /// The database.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
    /// Another process has it open.
    #[error(
        "the outbox {} is open in another process{}",
        path.display(),
        pid.map(|pid| format!(", pid {pid}")).unwrap_or_default()
    )]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// Who, where the lock file says it.
        pid: Option<u32>,
    },
    /// The place is none for an outbox: a network file system, a newer version's file.
    #[error("{0}")]
    Unsuitable(String),
    /// SQLite does not take what it was given, on a disk that works.
    #[error("the outbox does not take this: {0}")]
    Refused(String),
}

impl OutboxError {
    /// Whether the process should end with its reason: nothing that follows could be believed.
    pub fn is_fatal(&self) -> bool {
        matches!(self, OutboxError::Damaged { .. } | OutboxError::Io { .. })
    }
}
