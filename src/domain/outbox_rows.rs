//! Rows of the outbox as its control socket, lists and JSON documents show them.

use super::timestamp;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The outbox's number of a row. An outcome's id may occur twice, with different content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OutboxKey(pub i64);

/// The state of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutboxRowState {
    /// The row waits for the store.
    Pending,
    /// Another try cannot help; the row waits until someone handles it.
    Quarantined,
    /// The store has confirmed the row; it stays for some days.
    Delivered,
}

impl OutboxRowState {
    pub const ALL: [OutboxRowState; 3] =
        [OutboxRowState::Pending, OutboxRowState::Quarantined, OutboxRowState::Delivered];

    /// The name of the state, on disk and for users.
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
    /// Daemons of earlier versions call it `key` on their socket, which is read; an earlier `llmbench outbox` cannot read
    /// ours.
    #[serde(rename = "number", alias = "key")]
    pub key: OutboxKey,
    /// Id of the outcome.
    pub id: String,
    /// Either `run` or `failure`.
    pub kind: String,
    pub provider: String,
    /// The provider's id for the model.
    pub model: String,
    pub state: OutboxRowState,
    #[serde(serialize_with = "timestamp::instant")]
    pub measured_at: DateTime<Utc>,
    /// Time at which the outbox accepted the row.
    #[serde(serialize_with = "timestamp::instant")]
    pub accepted_at: DateTime<Utc>,
    /// Number of failed attempts to send it.
    pub attempts: u32,
    /// Time of the next attempt; only for pending rows.
    #[serde(serialize_with = "timestamp::maybe_instant")]
    pub next_at: Option<DateTime<Utc>>,
    /// Time of the store's confirmation; only for delivered rows.
    #[serde(serialize_with = "timestamp::maybe_instant")]
    pub delivered_at: Option<DateTime<Utc>>,
    /// The store's last error, or the reason for the quarantine.
    pub error: Option<String>,
    /// Size of the payload, in bytes.
    pub bytes: u64,
}

/// The fill level of the outbox.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxDepth {
    pub pending: u64,
    /// Rows set aside until someone handles them.
    pub quarantined: u64,
    /// Delivered rows that are kept.
    pub delivered: u64,
    /// Time of measurement of the oldest waiting row.
    #[serde(serialize_with = "timestamp::maybe_instant")]
    pub oldest_at: Option<DateTime<Utc>>,
    /// Size on disk, in bytes, without the ballast.
    pub bytes: u64,
    /// True if there is no room, so no intent is accepted.
    pub full: bool,
    /// Damaged databases that were set aside, until someone has moved them away.
    #[serde(default)]
    pub damaged: u64,
}
