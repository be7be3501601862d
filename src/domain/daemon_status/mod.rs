//! A daemon's report of itself: its lanes, its outbox, its store, each with moments that only real work can move. It is
//! a file beside the outbox and a heartbeat in the store, read by `status` and the health check. [`health`] judges it,
//! in the words of [`problem`].

pub mod calibration_problems;
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

use crate::domain::calibration::CalibrationReport;
use crate::domain::clock_skew::BEARABLE;
use crate::domain::daemon_config::DailyLimits;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// Version of the format below; a reader refuses a newer one with a message.
pub const STATUS_FORMAT: u32 = 1;

/// The state of a daemon at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DaemonStatus {
    /// The value of [`STATUS_FORMAT`] when written.
    pub format: u32,
    /// Program and version: `llmbench/0.1.0`.
    pub program: String,
    /// Host and a random part, unique to this daemon. Kept in the state directory.
    pub owner: String,
    pub vantage: String,
    pub pid: u32,
    /// The kernel's id of this boot; a process id in a status report of another boot is meaningless.
    pub boot_id: String,
    pub started_at: DateTime<Utc>,
    /// Time of writing, by the best clock that the daemon has. All other moments of its work are this one minus the
    /// time elapsed by a monotonic clock.
    pub written_at: DateTime<Utc>,
    /// Uptime of the machine at that time, seconds: gives the age of the report even if the wall clock is set.
    #[serde(default)]
    pub written_since_boot_seconds: Option<f64>,
    /// True once the daemon knows the work to measure. Reports of older programs lack the field; their daemons
    /// wrote no report before.
    #[serde(default = "yes")]
    pub ready: bool,
    /// True if the daemon was told to stop and finishes running work.
    pub stopping: bool,
    /// The reason why it ends or has ended, if it was not told to stop.
    #[serde(default)]
    pub failure: Option<String>,
    #[serde(default)]
    pub clock: ClockReport,
    pub store: StoreReport,
    pub outbox: OutboxReport,
    /// Calibrations of the host; reports of older programs lack them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<CalibrationReport>,
    /// What the sampling plan comes to; `None` where every series has its configured cadence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanReport>,
    /// Why the site of `[report]` was last not written; `None` after one that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site_failure: Option<String>,
    /// Providers of which most models refuse: none of their models is set aside.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suspected: Vec<SuspectedProvider>,
    /// Greatest lag of the control loop since the last status report, seconds.
    pub loop_lag_seconds: f64,
    /// Log lines that were lost because they were not written in time.
    pub log_lines_dropped: u64,
    /// One per provider, sorted by provider.
    pub lanes: Vec<LaneReport>,
}

fn yes() -> bool {
    true
}

/// A sampling plan in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanReport {
    /// Series that it is about.
    pub series: u64,
    /// Series that are asked more rarely than configured, and more often.
    pub rarer: u64,
    pub oftener: u64,
    /// Series of which too little is stored to plan them.
    pub unknown: u64,
    /// What it costs, of what the configured cadences would cost.
    pub cost_share: f64,
    /// True if runs were weighed by their price; else each counts the same.
    pub priced: bool,
}

/// The daemon's observations of the clocks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ClockReport {
    /// Seconds by which the machine's clock is ahead of the store's, negative if behind; `None` until the store
    /// has told its time.
    pub ahead_of_store_seconds: Option<f64>,
    /// Seconds by which the machine's clock was last set while the daemon ran, if more than leases tolerate.
    pub stepped_seconds: Option<f64>,
    /// The time of that step.
    pub stepped_at: Option<DateTime<Utc>>,
}

impl ClockReport {
    /// The time by which the machine's clock is ahead of the store's, negative if behind, if it is
    /// more than leases tolerate.
    pub fn apart(&self) -> Option<TimeDelta> {
        self.ahead_of_store_seconds.map(delta).filter(|ahead| ahead.abs() > BEARABLE)
    }

    /// The size and time of the last step of the machine's clock.
    pub fn step(&self) -> Option<(TimeDelta, DateTime<Utc>)> {
        self.stepped_seconds.map(delta).zip(self.stepped_at)
    }
}

/// Clamps the value, because a file may hold any number.
fn delta(seconds: f64) -> TimeDelta {
    TimeDelta::milliseconds(((seconds * 1000.0) as i64).max(-i64::MAX))
}

/// A provider of which most models refuse at once: the cause is the provider, not its models.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuspectedProvider {
    pub provider: String,
    /// Models whose last answer was terminal.
    pub refusing: u64,
    /// Measured models of the provider.
    pub of: u64,
}

/// The store as the daemon last saw it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StoreReport {
    /// The store's URL without any secret: `sqlite:/path`, `mongodb://host/db`.
    pub name: String,
    /// Last time the store confirmed a row.
    pub stored_at: Option<DateTime<Utc>>,
    /// Last time the store answered any call.
    pub answered_at: Option<DateTime<Utc>>,
    /// The store's last answer, if it was an error.
    pub error: Option<String>,
    /// True if that error refuses the login or a right.
    #[serde(default)]
    pub refuses: bool,
}

/// The state of the outbox.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct OutboxReport {
    /// Rows that wait for the store.
    pub pending: u64,
    /// Rows set aside with a reason until a person looks at them.
    pub quarantined: u64,
    /// Measurement time of the oldest waiting row.
    pub oldest_at: Option<DateTime<Utc>>,
    /// Size on the disk, bytes.
    pub bytes: u64,
    /// There is no room, so no paid call is started.
    pub full: bool,
    /// Damaged databases that were set aside beside the outbox.
    #[serde(default)]
    pub damaged: u64,
}

/// The activity of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LaneActivity {
    /// No series is due.
    Idle,
    /// Measurements end in time, and some succeed.
    Producing,
    /// Measurements end, but only in failures.
    Failing,
    /// The lane waits on purpose: a key, a bill, a rate limit, a budget, a full outbox.
    Held,
    /// Work is due, but no measurement ends.
    Stalled,
    /// The machine is too busy for samples that can be believed.
    Starved,
    /// The lane panicked and starts again soon.
    Restarting,
}

/// The state of one provider's lane.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LaneReport {
    pub provider: String,
    pub state: LaneActivity,
    /// The reason for the state, if it needs one.
    pub reason: Option<String>,
    /// The time the state ends, if known.
    pub until: Option<DateTime<Utc>>,
    /// Series that the lane measures.
    pub series: u64,
    /// The number of series that are due.
    pub due: u64,
    /// Measurements that run now.
    pub running: u64,
    /// Measurements that may run at once.
    pub concurrency: u64,
    /// The time since which something has been due.
    pub due_at: Option<DateTime<Utc>>,
    /// The last start of a measurement.
    pub started_at: Option<DateTime<Utc>>,
    /// The last end of a measurement.
    pub finished_at: Option<DateTime<Utc>>,
    /// The last success of a measurement.
    pub succeeded_at: Option<DateTime<Utc>>,
    /// The last time the store confirmed a row of the lane.
    pub stored_at: Option<DateTime<Utc>>,
    /// The time since which, despite work, no measurement ended and no slot was found finished by another daemon.
    #[serde(default)]
    pub idle_since: Option<DateTime<Utc>>,
    /// Shortest cadence of its series, seconds; `None` if no series counts.
    #[serde(default)]
    pub cadence_seconds: Option<u32>,
    /// The rest of today's budget; `None` without a budget.
    pub budget: Option<BudgetReport>,
}

/// A day's budget (UTC) and what is left of it; a field is `None` if it is not limited. Running calls count with the most
/// that they may cost.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BudgetReport {
    pub runs_left: Option<u64>,
    /// Tokens, input and output together.
    pub tokens_left: Option<u64>,
    pub dollars_left: Option<f64>,
    /// The limits; reports of older programs lack them.
    #[serde(default)]
    pub runs_limit: Option<u64>,
    #[serde(default)]
    pub tokens_limit: Option<u64>,
    #[serde(default)]
    pub dollars_limit: Option<f64>,
}

impl BudgetReport {
    /// `None` if nothing is limited.
    pub fn of(limits: DailyLimits, left: DailyLimits) -> Option<Self> {
        let dollars = |micro: Option<u64>| micro.map(|micro| micro as f64 / 1e6);
        (limits != DailyLimits::default()).then(|| Self {
            runs_left: left.runs,
            tokens_left: left.tokens,
            dollars_left: dollars(left.micro_dollars),
            runs_limit: limits.runs,
            tokens_limit: limits.tokens,
            dollars_limit: dollars(limits.micro_dollars),
        })
    }

    /// Every unit that may be limited: its name, what is left, and the limit.
    pub fn units(&self) -> [(&'static str, Option<f64>, Option<f64>); 3] {
        let number = |count: Option<u64>| count.map(|count| count as f64);
        [
            ("runs", number(self.runs_left), number(self.runs_limit)),
            ("tokens", number(self.tokens_left), number(self.tokens_limit)),
            ("dollars", self.dollars_left, self.dollars_limit),
        ]
    }
}
