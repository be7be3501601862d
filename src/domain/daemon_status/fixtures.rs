//! Status reports for tests: a healthy daemon, and its lanes.

use super::{ClockReport, DaemonStatus, LaneActivity, LaneReport, OutboxReport, STATUS_FORMAT, StoreReport};
use chrono::{DateTime, TimeDelta, Utc};

/// A daemon without lanes that has been up for ten hours.
pub fn daemon_status(at: DateTime<Utc>) -> DaemonStatus {
    DaemonStatus {
        format: STATUS_FORMAT,
        program: "llmbench/0.1.0".to_owned(),
        owner: "h:1".to_owned(),
        vantage: "main".to_owned(),
        pid: 7,
        boot_id: "b".to_owned(),
        started_at: at - TimeDelta::hours(10),
        written_at: at,
        written_since_boot_seconds: None,
        ready: true,
        stopping: false,
        failure: None,
        clock: ClockReport::default(),
        store: StoreReport {
            name: "sqlite:/x.db".to_owned(),
            stored_at: Some(at - TimeDelta::minutes(2)),
            answered_at: Some(at),
            error: None,
            refuses: false,
        },
        outbox: OutboxReport::default(),
        calibration: None,
        plan: None,
        site_failure: None,
        suspected: Vec::new(),
        loop_lag_seconds: 0.001,
        log_lines_dropped: 0,
        lanes: Vec::new(),
    }
}

/// A lane that measures and finished a measurement two minutes ago.
pub fn lane(provider: &str, at: DateTime<Utc>) -> LaneReport {
    let ended = Some(at - TimeDelta::minutes(2));
    LaneReport {
        provider: provider.to_owned(),
        state: LaneActivity::Producing,
        reason: None,
        until: None,
        series: 3,
        due: 0,
        running: 1,
        concurrency: 2,
        due_at: None,
        started_at: Some(at - TimeDelta::minutes(1)),
        finished_at: ended,
        succeeded_at: ended,
        stored_at: ended,
        idle_since: ended,
        cadence_seconds: Some(1800),
        budget: None,
    }
}
