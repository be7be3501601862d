//! Collects the engine's signs of life: metrics and probes for monitors, ticks for the watchdog. It never waits and
//! does not decide what is measured.

use super::status_file::since_boot;
use crate::daemon::event::DaemonEvent;
use crate::daemon::telemetry::Telemetry;
use crate::daemon::telemetry::monitoring_server::{MonitoringHandler, MonitoringResponse};
use crate::daemon::watchdog::{LOOK, Watchdog, WatchdogSignal};
use crate::domain::daemon_status::{DaemonProblem, DaemonStatus, ProblemSeverity, ProcessEvidence};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Maximum silence of the control loop, which turns every second.
const CONTROL: Duration = Duration::from_secs(60);

/// Maximum silence of a lane that is judged to be standing still, in addition to the deadline of one measurement.
const LANE: Duration = Duration::from_secs(120);

/// Signs of life of one daemon.
pub struct Liveness {
    /// Metrics, and the newest status report.
    pub telemetry: Telemetry,
    watchdog: Arc<Watchdog>,
    control: WatchdogSignal,
    lanes: Mutex<BTreeMap<String, WatchdogSignal>>,
    lane_limit: Duration,
    dropped: Box<dyn Fn() -> u64 + Send + Sync>,
    site_failure: Mutex<Option<String>>,
}

impl Default for Liveness {
    /// Without a watchdog thread, and without a log that drops lines.
    fn default() -> Self {
        Self::new(Arc::new(Watchdog::new(LOOK)), Duration::ZERO, || 0)
    }
}

impl Liveness {
    /// Registers with this watchdog. `deadline` limits one measurement; `dropped` counts lost log lines.
    pub fn new(
        watchdog: Arc<Watchdog>,
        deadline: Duration,
        dropped: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Self {
        Self {
            telemetry: Telemetry::default(),
            control: watchdog.watch("control loop", CONTROL),
            watchdog,
            lanes: Mutex::default(),
            lane_limit: LANE + deadline,
            dropped: Box::new(dropped),
            site_failure: Mutex::default(),
        }
    }

    /// Ticks for one turn of the control loop.
    pub fn turned(&self) {
        self.control.tick();
    }

    /// Number of log lines that were dropped.
    pub fn log_lines_dropped(&self) -> u64 {
        (self.dropped)()
    }

    /// Notes why the site of a report was not written, or that it was.
    pub fn wrote_site(&self, failure: Option<String>) {
        *self.site_failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
    }

    /// Why the site of a report was last not written.
    pub fn site_failure(&self) -> Option<String> {
        self.site_failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts and logs an event.
    pub fn observe(&self, event: &DaemonEvent) {
        self.telemetry.observe(event);
    }

    /// Takes over a status report. Lanes that stand still do not tick. While the daemon stops, no task has to tick.
    pub fn publish(&self, daemon_status: &DaemonStatus) {
        let problems = daemon_status.problems(daemon_status.written_at);
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        for lane in &daemon_status.lanes {
            let name = &lane.provider;
            let watch = || self.watchdog.watch(format!("lane {name}"), self.lane_limit);
            let tick = lanes.entry(name.clone()).or_insert_with(watch);
            if daemon_status.stopping {
                tick.rest();
            } else if !problems.iter().any(|problem| problem.fatal && problem.subject == *name) {
                tick.tick();
            }
        }
        drop(lanes);
        if daemon_status.stopping {
            self.control.rest();
        }
        self.telemetry.publish(daemon_status.clone());
    }

    /// The newest status report and its problems as of its writing, as in `status --check`.
    fn judged(&self) -> Option<(DaemonStatus, Vec<DaemonProblem>)> {
        let daemon_status = self.telemetry.daemon_status()?;
        let problems = daemon_status.local_problems(&own(&daemon_status), daemon_status.written_at);
        Some((daemon_status, problems))
    }
}

/// Evidence of this process about itself.
fn own(daemon_status: &DaemonStatus) -> ProcessEvidence {
    ProcessEvidence {
        boot_id: Some(daemon_status.boot_id.clone()),
        alive: Some(true),
        since_boot: Some(since_boot()),
    }
}

impl MonitoringHandler for Liveness {
    fn metrics(&self) -> String {
        let now = self
            .telemetry
            .daemon_status()
            .map(|daemon_status| daemon_status.read_at(&own(&daemon_status), daemon_status.written_at));
        self.telemetry.page(now.unwrap_or_default())
    }

    /// Only problems that a restart would fix make the process not live.
    fn live(&self) -> MonitoringResponse {
        let problems = self.judged().map(|(_, problems)| problems).unwrap_or_default();
        let fatal: Vec<Value> = problems.iter().filter(|problem| problem.fatal).map(told).collect();
        MonitoringResponse {
            yes: fatal.is_empty(),
            body: json!({"live": fatal.is_empty(), "troubles": fatal}),
        }
    }

    fn ready(&self) -> MonitoringResponse {
        let Some((_, problems)) = self.judged() else {
            let body = json!({"ready": false, "reason": "the daemon begins", "troubles": []});
            return MonitoringResponse { yes: false, body };
        };
        let worst = problems.first().filter(|problem| problem.severity == ProblemSeverity::Unhealthy);
        let reason = worst.map(|problem| problem.sentence.as_str());
        let all: Vec<Value> = problems.iter().map(told).collect();
        let body = json!({"ready": reason.is_none(), "reason": reason, "troubles": all});
        MonitoringResponse { yes: reason.is_none(), body }
    }
}

fn told(problem: &DaemonProblem) -> Value {
    json!({
        "severity": problem.severity,
        "cause": problem.cause,
        "subject": problem.subject,
        "sentence": problem.sentence,
        "command": problem.command,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::telemetry::systemd::SystemdNotifier;
    use crate::domain::daemon_status::{LANE_HORIZON, LaneReport, fixtures};
    use chrono::{TimeDelta, Utc};
    use std::sync::mpsc;

    /// A status report with one lane whose work has been due for `due_minutes` and of which no measurement ended.
    fn daemon_status(due_minutes: i64, stopping: bool) -> DaemonStatus {
        let now = Utc::now();
        let due_at = Some(now - TimeDelta::minutes(due_minutes));
        let lane = LaneReport {
            due: 1,
            due_at,
            started_at: due_at,
            finished_at: due_at,
            succeeded_at: due_at,
            stored_at: due_at,
            ..fixtures::lane("groq", now)
        };
        DaemonStatus { stopping, lanes: vec![lane], ..fixtures::daemon_status(now) }
    }

    fn liveness(watchdog: &Arc<Watchdog>) -> Liveness {
        Liveness {
            lane_limit: Duration::from_millis(1),
            ..Liveness::new(Arc::clone(watchdog), Duration::ZERO, || 0)
        }
    }

    #[test]
    fn readiness_follows_the_judge() {
        let liveness = Liveness::default();
        assert!(!liveness.ready().yes && liveness.live().yes);
        assert_eq!(liveness.ready().body["reason"], "the daemon begins");
        let mut unread = DaemonStatus { ready: false, ..daemon_status(1, false) };
        liveness.publish(&unread);
        let reason = "the catalog was not read yet, so nothing is measured";
        assert_eq!(liveness.ready().body["reason"], reason);
        (unread.store.error, unread.store.refuses) = (Some("it refuses the login".to_owned()), true);
        liveness.publish(&unread);
        let why = format!("{reason}: the store sqlite:/x.db does not work: it refuses the login");
        assert_eq!(liveness.ready().body["reason"], why);
        assert_eq!(liveness.ready().body["troubles"][0]["cause"], "store_refuses");
        assert!(!liveness.ready().yes && liveness.live().yes);
        liveness.publish(&daemon_status(1, false));
        assert!(liveness.ready().yes && liveness.live().yes);
        liveness.publish(&daemon_status(LANE_HORIZON.num_minutes() + 1, false));
        let answer = liveness.ready();
        assert_eq!(answer.body["troubles"][0]["cause"], "lane_stalled");
        assert!(!answer.yes && !liveness.live().yes);
        liveness.publish(&daemon_status(1, true));
        assert_eq!(liveness.ready().body["reason"], "the daemon stops: it begins no measurement any more");
        assert!(liveness.live().yes);
    }

    #[test]
    fn a_lane_that_stands_still_is_what_ends_the_process_and_a_stopping_one_is_not() {
        let watchdog = Arc::new(Watchdog::new(Duration::from_millis(5)));
        let (still, stops) = (liveness(&watchdog), liveness(&watchdog));
        still.publish(&daemon_status(1, false));
        stops.publish(&daemon_status(1, false));
        stops.publish(&daemon_status(99, true));
        let (said, heard) = mpsc::channel();
        let directory = tempfile::tempdir().unwrap();
        let end = move |stall: &crate::daemon::watchdog::Stall| said.send(stall.who.clone()).unwrap();
        let systemd: Arc<SystemdNotifier> = Arc::default();
        still.publish(&daemon_status(99, false));
        let _watching = watchdog.start(systemd, directory.path().join("reason"), end).unwrap();
        assert_eq!(heard.recv_timeout(Duration::from_secs(60)).unwrap(), "lane groq");
    }
}
