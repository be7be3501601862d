//! What a daemon says of itself: its lanes, its outbox, its store, each with the moments that only real work can move. It
//! is a file beside the outbox, a heartbeat in the store, and what `status` and the health check read. Whether it is a
//! healthy one is [`health`]'s to say, in the words of [`problem`].

#[cfg(test)]
pub mod fixtures;
mod health;
#[cfg(test)]
mod health_tests;
mod local;
pub mod problem;

pub use health::{LANE_HORIZON, STATUS_LIMIT};
pub use local::ProcessEvidence;
pub use problem::{DaemonProblem, ProblemKind, ProblemSeverity};

use crate::domain::clock_skew::BEARABLE;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// Version of the shape below; a reader refuses a newer one in a sentence.
pub const STATUS_FORMAT: u32 = 1;

/// A daemon at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DaemonStatus {
    /// [`PULSE_FORMAT`].
    pub format: u32,
    /// The program: `llmbench/0.1.0`.
    pub program: String,
    /// Host and a random part, unlike that of any other daemon, ever. It goes with the state directory.
    pub owner: String,
    /// Where it measures from.
    pub vantage: String,
    /// Its process id.
    pub pid: u32,
    /// The kernel's id of this boot; a status report of another boot says nothing about a process id.
    pub boot_id: String,
    /// When the daemon started.
    pub started_at: DateTime<Utc>,
    /// When this was written, by the best clock that the daemon has. All other moments of its work are this one minus what
    /// has passed since by a clock that nobody sets.
    pub written_at: DateTime<Utc>,
    /// How long the machine had run then, seconds: the age of a status report follows from it whatever becomes of the wall clock.
    #[serde(default)]
    pub written_since_boot_seconds: Option<f64>,
    /// It knows what is to be measured. Programs before this field said nothing before they did.
    #[serde(default = "yes")]
    pub ready: bool,
    /// It was told to stop and finishes what runs.
    pub stopping: bool,
    /// Why it ends or has ended, where nobody told it to.
    #[serde(default)]
    pub failure: Option<String>,
    /// The clocks of machine and store.
    #[serde(default)]
    pub clock: ClockReport,
    /// Where rows go.
    pub store: StoreReport,
    /// Rows that wait to go there.
    pub outbox: OutboxReport,
    /// Providers of which most models refuse: none of their models is set aside.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suspected: Vec<SuspectedProvider>,
    /// How late the control loop was at its worst since the last status report, seconds.
    pub loop_lag_seconds: f64,
    /// Log lines that nobody took.
    pub log_lines_dropped: u64,
    /// One a provider, sorted by provider.
    pub lanes: Vec<LaneReport>,
}

fn yes() -> bool {
    true
}

/// What the daemon saw of the clocks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ClockReport {
    /// How far the machine's clock is ahead of the store's, seconds, negative where it is behind; nothing before the store
    /// has said what time it is.
    pub ahead_of_store_seconds: Option<f64>,
    /// By how much the machine's clock was last set while the daemon ran, seconds, where that was more than leases bear.
    pub stepped_seconds: Option<f64>,
    /// When that was.
    pub stepped_at: Option<DateTime<Utc>>,
}

impl ClockReport {
    /// How far the machine's clock is ahead of the store's, negative where it is behind, where that is more than leases
    /// bear.
    pub fn apart(&self) -> Option<TimeDelta> {
        self.ahead_of_store_seconds.map(delta).filter(|ahead| ahead.abs() > BEARABLE)
    }

    /// By how much the machine's clock was last set, and when.
    pub fn step(&self) -> Option<(TimeDelta, DateTime<Utc>)> {
        self.stepped_seconds.map(delta).zip(self.stepped_at)
    }
}

/// Whatever a file says is some length of time.
fn delta(seconds: f64) -> TimeDelta {
    TimeDelta::milliseconds(((seconds * 1000.0) as i64).max(-i64::MAX))
}

/// A provider of which most models refuse at once: that says something about the provider, not about its models.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuspectedProvider {
    /// The provider.
    pub provider: String,
    /// Models that gave a terminal answer last.
    pub refusing: u64,
    /// Of so many that are measured.
    pub of: u64,
}

/// The store as the daemon last saw it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StoreReport {
    /// Without any secret: `sqlite:/path`, `mongodb://host/db`.
    pub name: String,
    /// When it last confirmed a row.
    pub stored_at: Option<DateTime<Utc>>,
    /// When it last answered anything.
    pub answered_at: Option<DateTime<Utc>>,
    /// What it said last, if that was an error.
    pub error: Option<String>,
    /// That error: it refuses the login or a right.
    #[serde(default)]
    pub refuses: bool,
}

/// The outbox.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct OutboxReport {
    /// Rows that wait.
    pub pending: u64,
    /// Rows set aside for good reasons, until somebody looks.
    pub quarantined: u64,
    /// When the oldest waiting row was measured.
    pub oldest_at: Option<DateTime<Utc>>,
    /// Bytes on the disk.
    pub bytes: u64,
    /// No room: no paid call is started.
    pub full: bool,
    /// Damaged databases that were set aside and lie beside the outbox.
    #[serde(default)]
    pub damaged: u64,
}

/// What a lane is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LaneActivity {
    /// Nothing is due.
    Idle,
    /// Work ends in time, and well.
    Producing,
    /// Work ends, and only in failures.
    Failing,
    /// It waits on purpose: a key, a bill, a rate limit, a budget, a full outbox.
    Held,
    /// Work is due and none ends.
    Stalled,
    /// The machine is too busy for samples that can be believed.
    Starved,
    /// It panicked, and starts again soon.
    Restarting,
}

/// One provider's lane.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LaneReport {
    /// The provider.
    pub provider: String,
    /// What it is doing.
    pub state: LaneActivity,
    /// Why, where the state needs a reason.
    pub reason: Option<String>,
    /// Until when, where that is known.
    pub until: Option<DateTime<Utc>>,
    /// Series in its care.
    pub series: u64,
    /// Of these, how many are due.
    pub due: u64,
    /// Measurements that run.
    pub running: u64,
    /// Measurements that may run at once.
    pub concurrency: u64,
    /// Since when something has been due.
    pub due_at: Option<DateTime<Utc>>,
    /// When a measurement last began.
    pub started_at: Option<DateTime<Utc>>,
    /// When one last ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// When one last succeeded.
    pub succeeded_at: Option<DateTime<Utc>>,
    /// When the store last confirmed a row of the lane.
    pub stored_at: Option<DateTime<Utc>>,
    /// Since when no measurement has ended and no slot was found finished by another daemon, though there was work.
    #[serde(default)]
    pub idle_since: Option<DateTime<Utc>>,
    /// How often one of its series at least has a turn, seconds; nothing where no series counts.
    #[serde(default)]
    pub cadence_seconds: Option<u32>,
    /// What is left of today's budget; nothing where there is none.
    pub budget: Option<BudgetReport>,
}

/// What is left of a day's budget (UTC); nothing where that is not limited.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BudgetReport {
    /// Requests.
    pub runs_left: Option<u64>,
    /// Tokens, input and output.
    pub tokens_left: Option<u64>,
    /// US dollars.
    pub dollars_left: Option<f64>,
}
