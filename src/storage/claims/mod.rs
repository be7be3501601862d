//! Who may measure what now. One document a series, bounded by the catalogue and never by history; several daemons take
//! turns through it. A lease saves paid calls, and no more: that a slot has one counted row follows from the row's id.
//!
//! Time is the store's alone. A claim carries durations and the slot that it is for, never its own "now".

pub mod chores;
pub(super) mod mongo;
pub(super) mod sqlite;

use crate::domain::slot::DEFAULT_VANTAGE;
use crate::domain::{Series, Slot, clock_skew};
use crate::storage::StoreError;
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use std::time::Duration;

/// The profile whose jobs, at the default vantage, have the ids that the Python runner gave them.
pub const DEFAULT_PROFILE: &str = "cloud-default-v1";

/// In place of a profile: the series of calls that try a model which is not measured.
pub const PROBE: &str = "probe";

/// The longest rest. A `not_before` further away comes from a wrong clock and holds nobody.
pub const LONGEST_REST: TimeDelta = TimeDelta::hours(24);

/// Where a series stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobStatus {
    /// It waits for its turn. Words of other writers that nobody knows count as this one.
    Queued,
    /// Somebody measures, as long as the lease lasts.
    Running,
    /// The slot's measurement succeeded; the series rests until its next slot.
    Success,
    /// The slot was given up; the series rests until its next slot.
    DeadLetter,
    /// The model was switched off while its job waited.
    Cancelled,
}

impl JobStatus {
    /// As stores spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            JobStatus::Queued => "queued",
            JobStatus::Running => "running",
            JobStatus::Success => "success",
            JobStatus::DeadLetter => "dead_letter",
            JobStatus::Cancelled => "cancelled",
        }
    }

    /// From its spelling.
    pub fn read(word: &str) -> Self {
        match word {
            "running" => JobStatus::Running,
            "success" => JobStatus::Success,
            "dead_letter" => JobStatus::DeadLetter,
            "cancelled" => JobStatus::Cancelled,
            _ => JobStatus::Queued,
        }
    }
}

/// Who holds a running job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The daemon; of the Python runner's rows, its worker.
    pub owner: String,
    /// Until when, by the store's clock.
    pub expires_at: DateTime<Utc>,
}

/// A series as the store knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct JobState {
    /// Model, profile and vantage.
    pub series: Series,
    /// Where it stands.
    pub status: JobStatus,
    /// The newest slot that was claimed; nothing in the Python runner's rows.
    pub slot_at: Option<DateTime<Utc>>,
    /// Grants of that slot so far, those given back apart.
    pub slot_attempts: u32,
    /// Endings without success since the last success.
    pub failures: u32,
    /// Not before this moment, by the store's clock.
    pub not_before: Option<DateTime<Utc>>,
    /// When the newest measurement began.
    pub started_at: Option<DateTime<Utc>>,
    /// When the newest slot was finished or given up.
    pub finished_at: Option<DateTime<Utc>>,
    /// When a measurement last succeeded.
    pub last_success_at: Option<DateTime<Utc>>,
    /// When anything of this was last written.
    pub updated_at: Option<DateTime<Utc>>,
    /// Who holds it. A running job without a lease, as another writer may leave it, is nobody's.
    pub lease: Option<Lease>,
    /// One more with every grant; 0 before the first.
    pub epoch: i64,
    /// `error_kind` of the newest attempt, if it failed.
    pub error_kind: Option<String>,
    /// Its message.
    pub error_message: Option<String>,
}

impl JobState {
    /// Whether it was written under a clock that was ahead: nobody holds it, and nothing in it has to be waited for.
    pub fn is_ahead(&self, now: DateTime<Utc>) -> bool {
        self.updated_at.is_some_and(|at| clock_skew::is_ahead(at, now))
    }
}

/// Who wants to measure which slot.
#[derive(Debug, Clone, PartialEq)]
pub struct SlotClaim {
    /// The slot.
    pub slot: Slot,
    /// The daemon's own name, unlike that of any other daemon; the next process in its state directory has the same.
    pub owner: String,
    /// How long the lease lasts without a renewal; longer than the longest pause of a process that still lives.
    pub ttl: Duration,
    /// Grants that a slot may have in all, at least 1: what a crash loop may cost.
    pub max_attempts: u32,
    /// For readers: how long one measurement may take, seconds.
    pub deadline_seconds: u32,
}

/// The right to measure a slot, until it expires or somebody else's epoch is higher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The slot.
    pub slot: Slot,
    /// Whose right it is.
    pub owner: String,
    /// The fence: what a holder of an older epoch writes is refused.
    pub epoch: i64,
    /// Unlike that of any other grant: the Python runner replaces whole rows, and epochs begin again.
    pub lease_id: String,
    /// Which grant of the slot this is, from 1.
    pub attempt: u32,
    /// By the store's clock. The holder counts its own time from before it asked.
    pub expires_at: DateTime<Utc>,
}

/// The answer to a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimResult {
    /// Measure now.
    Granted(Grant),
    /// Somebody measures the series at this moment.
    Taken {
        /// Who.
        by: String,
        /// Until when the lease lasts as it stands.
        until: DateTime<Utc>,
    },
    /// The slot has its end: success, given up, no attempts left, or a newer slot was claimed.
    Finished,
    /// Not yet.
    Resting {
        /// Until when, by the store's clock.
        until: DateTime<Utc>,
    },
    /// The model was switched off, and the catalogue has not switched it on again.
    Cancelled,
}

/// How a measurement ended, for its series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobOutcome {
    /// It succeeded; the slot is finished.
    Success,
    /// It failed and may be tried again, in this slot while attempts are left, else in a later one.
    Retry {
        /// How long to rest first, at most [`LONGEST_REST`].
        after: Duration,
        /// `error_kind`.
        kind: String,
        /// The message.
        message: String,
    },
    /// It failed and the slot is given up; a later slot may be claimed at once.
    GivenUp {
        /// `error_kind`.
        kind: String,
        /// The message.
        message: String,
    },
}

/// Claims of all series.
#[async_trait]
pub trait ClaimStore: Send + Sync {
    /// Every series that was ever claimed, of some providers or of all, sorted by id. Rows that are no
    /// series' own are left out.
    async fn jobs(&self, providers: Option<&[String]>) -> Result<Vec<JobState>, StoreError>;

    /// Asks for a slot: granted to exactly one of all who ask, in one atomic step, by the store's clock.
    ///
    /// # Errors
    /// After [`StoreError::Unavailable`] the grant may have been made; who asks again under the same name is granted the
    /// series anew, as a further attempt, and otherwise it expires by itself.
    /// [`StoreError::Conflict`] where another series has the same id.
    async fn claim(&self, claim: &SlotClaim) -> Result<ClaimResult, StoreError>;

    /// Prolongs a grant from now on; `false` where it is lost.
    async fn renew(&self, grant: &Grant, ttl: Duration) -> Result<bool, StoreError>;

    /// Says how it ended; `false` where the grant was lost or has been settled already, and then nothing was changed.
    async fn settle(&self, grant: &Grant, ending: &JobOutcome) -> Result<bool, StoreError>;

    /// Gives a grant back before anything was paid: it does not count as an attempt. `false` where it is lost.
    async fn release(&self, grant: &Grant) -> Result<bool, StoreError>;
}

/// The id of a series: the Python runner's where the Python runner had one.
pub fn id(series: &Series) -> String {
    if series.profile_id == DEFAULT_PROFILE && series.vantage == DEFAULT_VANTAGE {
        return series.model.to_string();
    }
    format!("{}:{}:{}", series.model, series.profile_id, series.vantage)
}

/// What a claim finds where two series would share one id.
pub fn other_series(id: &str) -> StoreError {
    StoreError::Conflict(format!("the job `{id}` belongs to another series: rename one of the two profiles"))
}

/// How long a failed attempt rests, within its bounds, in milliseconds.
pub fn rest_milliseconds(after: Duration) -> i64 {
    let asked = i64::try_from(after.as_millis()).unwrap_or(i64::MAX);
    asked.min(LONGEST_REST.num_milliseconds())
}

/// How much of an error's message a job keeps.
pub const LONGEST_MESSAGE: usize = 2000;

/// A message, shortened.
pub fn shortened(message: &str) -> String {
    message.chars().take(LONGEST_MESSAGE).collect()
}

/// Why a claim is refused; nothing where it is granted. This is the rule: the stores apply it inside one atomic step.
pub fn refusal(job: &JobState, claim: &SlotClaim, now: DateTime<Utc>) -> Option<ClaimResult> {
    let begins = claim.slot.starts_at;
    let claimed = job.slot_at.filter(|at| *at <= now);
    let is_believed = !job.is_ahead(now);
    let resting = job.not_before.filter(|until| is_believed && *until > now && *until <= now + LONGEST_REST);
    // Whoever asks for what it holds has not heard that it was granted.
    let held = job.lease.as_ref().filter(|lease| lease.expires_at > now && lease.owner != claim.owner);
    let held = held.filter(|_| is_believed);
    match (job.status, held) {
        (JobStatus::Cancelled, _) => return Some(ClaimResult::Cancelled),
        (JobStatus::Running, Some(lease)) => {
            return Some(ClaimResult::Taken { by: lease.owner.clone(), until: lease.expires_at });
        }
        _ if begins > now => return Some(ClaimResult::Resting { until: begins }),
        _ => {}
    }
    let ended = matches!(job.status, JobStatus::Success | JobStatus::DeadLetter);
    let spent = ended || job.slot_attempts >= claim.max_attempts;
    match claimed {
        Some(at) if at > begins || (at == begins && spent) => Some(ClaimResult::Finished),
        // A lease that ran out leaves nothing to rest from: its holder never said how it ended.
        _ if job.status == JobStatus::Running => None,
        _ => resting.map(|until| ClaimResult::Resting { until }),
    }
}
