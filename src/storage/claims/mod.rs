//! Claims decide which daemon may measure a series now. One document per series, bounded by the catalog and never by
//! history. A lease only saves paid calls: the row's id ensures that a slot has one counted row. Time is the store's
//! alone: a claim carries durations and its slot, never the daemon's own "now".

pub mod chores;
pub(super) mod mongo;
pub(super) mod mongo_lists;
pub(super) mod sqlite;

use crate::domain::slot::DEFAULT_VANTAGE;
use crate::domain::{FailureKind, ModelRef, Series, Slot, clock_skew};
use crate::storage::StoreError;
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use std::time::Duration;

/// The profile whose jobs, at the default vantage, have the ids that the Python runner gave them.
pub const DEFAULT_PROFILE: &str = "cloud-default-v1";

/// Replaces the profile in the series of trial calls to a model that is not measured.
pub const PROBE: &str = "probe";

/// The longest rest. A `not_before` further away comes from a wrong clock and is ignored.
pub const LONGEST_REST: TimeDelta = TimeDelta::hours(24);

/// The status of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobStatus {
    /// It waits for its turn. Unknown words of other writers are read as this one.
    Queued,
    /// A daemon measures it, as long as the lease lasts.
    Running,
    /// The slot's measurement succeeded; the series rests until its next slot.
    Success,
    /// The slot was given up; the series rests until its next slot.
    DeadLetter,
    /// The model was disabled while its job waited.
    Cancelled,
}

impl JobStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            JobStatus::Queued => "queued",
            JobStatus::Running => "running",
            JobStatus::Success => "success",
            JobStatus::DeadLetter => "dead_letter",
            JobStatus::Cancelled => "cancelled",
        }
    }

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

/// The holder of a running job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The daemon; in the Python runner's rows its worker.
    pub owner: String,
    /// Expiry by the store's clock.
    pub expires_at: DateTime<Utc>,
}

/// A series as the store knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct JobState {
    pub series: Series,
    pub status: JobStatus,
    /// The newest slot that was claimed; `None` in the Python runner's rows.
    pub slot_at: Option<DateTime<Utc>>,
    /// Grants of that slot so far, except those given back.
    pub slot_attempts: u32,
    /// Endings without success since the last success.
    pub failures: u32,
    /// Earliest time of the next claim, by the store's clock.
    pub not_before: Option<DateTime<Utc>>,
    /// Start of the newest measurement.
    pub started_at: Option<DateTime<Utc>>,
    /// The time at which the newest slot was finished or given up.
    pub finished_at: Option<DateTime<Utc>>,
    /// The last success of a measurement.
    pub last_success_at: Option<DateTime<Utc>>,
    /// The last write to this row.
    pub updated_at: Option<DateTime<Utc>>,
    /// The present holder. A running job without a lease, as other programs may leave it, is free.
    pub lease: Option<Lease>,
    /// Increases with every grant; 0 before the first.
    pub epoch: i64,
    /// `error_kind` of the newest attempt, if it failed.
    pub error_kind: Option<String>,
    /// The message of that error.
    pub error_message: Option<String>,
}

/// A queued job of another program, such as one that was enqueued by hand for the Python scheduler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignJob {
    pub id: String,
    pub model: ModelRef,
    /// The other program's word: `ad_hoc`, ….
    pub kind: String,
    pub created_at: Option<DateTime<Utc>>,
}

impl JobState {
    /// How the newest attempt ended; `None` while one runs, and for words that are not ours.
    pub fn ended(&self) -> Option<AttemptEnd> {
        match self.status {
            JobStatus::Running | JobStatus::Cancelled => None,
            JobStatus::Success => Some(AttemptEnd::Success),
            _ => self.failure_kind().map(AttemptEnd::Failure),
        }
    }

    /// `error_kind`, if it is one of ours.
    pub fn failure_kind(&self) -> Option<FailureKind> {
        let is_it = |kind: &&FailureKind| self.error_kind.as_deref() == Some(kind.as_str());
        FailureKind::ALL.iter().find(is_it).copied()
    }

    /// True if it was written while the clock was ahead: then it has no holder, and no claim waits for a time in it.
    pub fn is_ahead(&self, now: DateTime<Utc>) -> bool {
        self.updated_at.is_some_and(|at| clock_skew::is_ahead(at, now))
    }
}

/// A daemon's claim to measure a slot.
#[derive(Debug, Clone, PartialEq)]
pub struct SlotClaim {
    pub slot: Slot,
    /// The daemon's unique name; the next process in its state directory has the same.
    pub owner: String,
    /// Time that the lease lasts without a renewal; longer than the longest pause of a live process.
    pub ttl: Duration,
    /// Most grants of a slot in all, at least 1: bounds the cost of a crash loop.
    pub max_attempts: u32,
    /// Longest time of one measurement, seconds; informative only.
    pub deadline_seconds: u32,
}

/// The right to measure a slot, until it expires or another daemon's epoch is higher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub slot: Slot,
    pub owner: String,
    /// Fencing token: writes of a holder with an older epoch are refused.
    pub epoch: i64,
    /// Unique to this grant: the Python runner replaces whole rows, and epochs start again.
    pub lease_id: String,
    /// The number of this grant among those of the slot, from 1.
    pub attempt: u32,
    /// Expiry by the store's clock. The holder counts its own time from before the request.
    pub expires_at: DateTime<Utc>,
}

/// How an attempt at a slot ended, whoever made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptEnd {
    Success,
    Failure(FailureKind),
}

/// The answer to a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimResult {
    /// The daemon may measure now.
    Granted(Grant),
    /// Another daemon measures the series at this moment.
    Taken {
        /// The holder of the lease.
        by: String,
        /// The present expiry of the lease.
        until: DateTime<Utc>,
    },
    /// The slot is over: success, given up, no attempts left, or a newer slot was claimed.
    Finished {
        /// How the slot's last attempt ended; `None` if the job does not say.
        ended: Option<AttemptEnd>,
    },
    /// The series rests.
    Resting {
        /// End of the rest by the store's clock.
        until: DateTime<Utc>,
    },
    /// The model was disabled, and the catalog has not enabled it again.
    Cancelled,
}

/// The result of a measurement, for its series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobOutcome {
    /// It succeeded; the slot is finished.
    Success,
    /// It failed and may be tried again, in this slot while attempts are left, else in a later one.
    Retry {
        /// The rest before the next attempt, at most [`LONGEST_REST`].
        after: Duration,
        /// `error_kind` of the failed attempt.
        kind: String,
        /// The message of that failure.
        message: String,
    },
    /// It failed and the slot is given up; a later slot may be claimed at once.
    GivenUp {
        /// `error_kind` of the failed attempt.
        kind: String,
        /// The message of that failure.
        message: String,
    },
}

/// Claims of all series.
#[async_trait]
pub trait ClaimStore: Send + Sync {
    /// Every series that was ever claimed, of some providers or of all, sorted by id. Leaves out rows that
    /// belong to no series.
    async fn jobs(&self, providers: Option<&[String]>) -> Result<Vec<JobState>, StoreError>;

    /// Queued jobs that belong to no series: other programs enqueued them, and no daemon here works on them. Oldest first.
    async fn foreign_jobs(&self) -> Result<Vec<ForeignJob>, StoreError> {
        Ok(Vec::new())
    }

    /// Claims a slot: granted to exactly one of all callers, in one atomic step, by the store's clock.
    ///
    /// # Errors
    /// After [`StoreError::Unavailable`] the grant may have been made; a repeated claim under the same name is granted
    /// anew, as a further attempt, and otherwise the grant expires by itself. [`StoreError::Conflict`] if another
    /// series has the same id.
    async fn claim(&self, claim: &SlotClaim) -> Result<ClaimResult, StoreError>;

    /// Extends a grant from now on; `false` if it is lost.
    async fn renew(&self, grant: &Grant, ttl: Duration) -> Result<bool, StoreError>;

    /// Records the result; `false` if the grant was lost or settled already, and then nothing was changed.
    async fn settle(&self, grant: &Grant, ending: &JobOutcome) -> Result<bool, StoreError>;

    /// Gives a grant back before anything was paid: it does not count as an attempt. `false` if it is lost.
    async fn release(&self, grant: &Grant) -> Result<bool, StoreError>;
}

/// The id of a series: the Python runner's if it had one.
pub fn id(series: &Series) -> String {
    if series.profile_id == DEFAULT_PROFILE && series.vantage == DEFAULT_VANTAGE {
        return series.model.to_string();
    }
    format!("{}:{}:{}", series.model, series.profile_id, series.vantage)
}

/// The range of ids, from and to, that the pinned endpoints of a model have; empty if it cannot have any.
pub fn pinned_ids(model: &ModelRef) -> (String, String) {
    let id = &model.model_id;
    // `A` follows `@`.
    if model.is_routed() { (format!("{id}@"), format!("{id}A")) } else { (id.clone(), id.clone()) }
}

/// The error of a claim if two series would share one id.
pub fn other_series(id: &str) -> StoreError {
    StoreError::Conflict(format!("the job `{id}` belongs to another series: rename one of the two profiles"))
}

/// The rest after a failed attempt, within its bounds, in milliseconds.
pub fn rest_milliseconds(after: Duration) -> i64 {
    let asked = i64::try_from(after.as_millis()).unwrap_or(i64::MAX);
    asked.min(LONGEST_REST.num_milliseconds())
}

/// Most characters of an error's message that a job keeps.
pub const LONGEST_MESSAGE: usize = 2000;

pub fn shortened(message: &str) -> String {
    message.chars().take(LONGEST_MESSAGE).collect()
}

/// The reason for refusing a claim; `None` if it is granted. This is the rule: the stores apply it
/// inside one atomic step.
pub fn refusal(job: &JobState, claim: &SlotClaim, now: DateTime<Utc>) -> Option<ClaimResult> {
    let begins = claim.slot.starts_at;
    let claimed = job.slot_at.filter(|at| *at <= now);
    let is_believed = !job.is_ahead(now);
    let resting = job.not_before.filter(|until| is_believed && *until > now && *until <= now + LONGEST_REST);
    // A holder that claims again did not learn of its grant.
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
        Some(at) if at > begins => Some(ClaimResult::Finished { ended: None }),
        Some(at) if at == begins && spent => Some(ClaimResult::Finished { ended: job.ended() }),
        // An expired lease requires no rest: its holder never recorded a result.
        _ if job.status == JobStatus::Running => None,
        _ => resting.map(|until| ClaimResult::Resting { until }),
    }
}
