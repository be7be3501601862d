//! Notices as stores keep them: findings about providers' lists, changes of series. An item is recorded before it is sent,
//! and marked when the destination has taken it; so a failed one is sent next time, and a crash in between costs one repeat.

pub(super) mod mongo;
mod record;
pub(super) mod sqlite;

use crate::domain::notice::NoticeItem;
use crate::storage::StoreError;
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

/// Time for which sent items are remembered. One that still holds after that is sent once more.
pub const REMEMBERED: TimeDelta = TimeDelta::days(400);

/// An item that was recorded for a destination.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    pub item: NoticeItem,
    /// The time it was recorded.
    pub noted_at: DateTime<Utc>,
    /// The time the destination took it; `None` while it is pending.
    pub sent_at: Option<DateTime<Utc>>,
    /// The number of failed sendings.
    pub failures: u64,
    /// The reason of the last failure.
    pub error: Option<String>,
}

/// Notices that one sender holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClaimedNotices {
    /// The items that the sender now holds, oldest first.
    pub items: Vec<NoticeItem>,
    /// The number of other pending ones, held by another sender.
    pub elsewhere: u64,
}

/// The holder of notices, and the end of the hold: a sender that crashes must not keep them for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeHold {
    /// Unique to one sending.
    pub id: String,
    pub at: DateTime<Utc>,
    pub until: DateTime<Utc>,
}

/// The result of a sending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendOutcome {
    /// The destination took it.
    Taken,
    /// The destination did not take it, for this reason.
    Kept(String),
}

/// Stored notices. A destination is one recipient of mail (`mail:ADDRESS`) or the `webhook`, for one topic:
/// [`NoticeTopic::place`](crate::domain::notice::NoticeTopic::place).
#[async_trait]
pub trait NoticeStore: Send + Sync {
    /// Records items as pending. One that is there already, pending or sent, stays as it is.
    async fn note_items(
        &self,
        destination: &str,
        items: &[NoticeItem],
        at: DateTime<Utc>,
    ) -> Result<(), StoreError>;

    /// Takes every pending notice that nobody holds, so that two concurrent senders do not send the same.
    async fn claim_notices(
        &self,
        destination: &str,
        holder: &NoticeHold,
    ) -> Result<ClaimedNotices, StoreError>;

    /// Marks the notices of a holder as sent, or gives them back.
    async fn settle_notices(
        &self,
        destination: &str,
        holder: &str,
        at: DateTime<Utc>,
        sending: &SendOutcome,
    ) -> Result<(), StoreError>;

    /// Deletes notices sent before this moment, to any destination. Pending ones stay, however old.
    async fn forget_notices(&self, sent_before: DateTime<Utc>) -> Result<(), StoreError>;

    /// All notices for a destination, oldest first.
    async fn notices(&self, destination: &str) -> Result<Vec<Notice>, StoreError>;
}
