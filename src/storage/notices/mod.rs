//! What was told to whom about providers' lists, as stores keep it. A finding is written down before it is sent, and marked
//! when the other side has taken it; so what could not be sent is sent next time, and a crash in between costs one repeat.

pub(super) mod mongo;
pub(super) mod sqlite;

use crate::domain::notice::ListingFinding;
use crate::storage::StoreError;
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

/// How long it is remembered that a finding was told. One that still holds after that is told once more.
pub const REMEMBERED: TimeDelta = TimeDelta::days(400);

/// A finding that was written down for a destination.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// What there is to tell.
    pub finding: ListingFinding,
    /// When it was written down.
    pub noted_at: DateTime<Utc>,
    /// When the destination took it; `None` while it is pending.
    pub sent_at: Option<DateTime<Utc>>,
    /// How often it was sent in vain.
    pub failures: u64,
    /// Why, the last time.
    pub error: Option<String>,
}

/// Notices that one sender holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClaimedNotices {
    /// What the sender holds now, oldest first.
    pub findings: Vec<ListingFinding>,
    /// How many other pending ones another sender holds.
    pub elsewhere: u64,
}

/// Who holds notices, and until when nobody else may: a sender that ends without a word must not keep them for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeHold {
    /// Unique to one sending.
    pub id: String,
    /// Now.
    pub at: DateTime<Utc>,
    /// The end of the hold.
    pub until: DateTime<Utc>,
}

/// How a sending ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendOutcome {
    /// The destination took it.
    Taken,
    /// It did not, for this reason.
    Kept(String),
}

/// What a store keeps about notices. A destination is one recipient of mail (`mail:ADDRESS`) or the `webhook`.
#[async_trait]
pub trait NoticeStore: Send + Sync {
    /// Writes findings down as pending. One that is there already, pending or sent, stays as it is.
    async fn note_findings(
        &self,
        destination: &str,
        findings: &[ListingFinding],
        at: DateTime<Utc>,
    ) -> Result<(), StoreError>;

    /// Takes every pending notice that nobody holds, so that two senders at once do not tell the same.
    async fn claim_notices(
        &self,
        destination: &str,
        holder: &NoticeHold,
    ) -> Result<ClaimedNotices, StoreError>;

    /// Marks what a holder has as sent, or gives it back.
    async fn settle_notices(
        &self,
        destination: &str,
        holder: &str,
        at: DateTime<Utc>,
        sending: &SendOutcome,
    ) -> Result<(), StoreError>;

    /// Forgets what was sent before this moment, to whomever. What is pending stays, however old it is.
    async fn forget_notices(&self, sent_before: DateTime<Utc>) -> Result<(), StoreError>;

    /// All that is written down for a destination, oldest first.
    async fn notices(&self, destination: &str) -> Result<Vec<Notice>, StoreError>;
}
