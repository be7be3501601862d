//! Where the engine shows that it lives: figures and probes for monitors, stamps for the watchdog. Showing never waits,
//! and nothing here decides what is measured.

use crate::daemon::event::Event;
use crate::daemon::telemetry::Telemetry;
use crate::daemon::telemetry::http::{Answer, Probed};
use crate::daemon::watchdog::{LOOK, Tick, Watchdog};
use crate::domain::pulse::{Pulse, Severity, Trouble};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long the control loop, which turns every second, may stand still.
const CONTROL: Duration = Duration::from_secs(60);

/// How long the judge may find a lane standing still, beyond what one measurement may take.
const LANE: Duration = Duration::from_secs(120);

/// The signs of one daemon.
pub struct Signs {
    /// Figures, and the newest pulse.
    pub telemetry: Telemetry,
    watchdog: Arc<Watchdog>,
    control: Tick,
    lanes: Mutex<BTreeMap<String, Tick>>,
    lane_limit: Duration,
    dropped: Box<dyn Fn() -> u64 + Send + Sync>,
    /// The catalogue was read.
    began: AtomicBool,
}

impl Default for Signs {
    /// Nobody watches, and no log drops anything.
    fn default() -> Self {
        Self::new(Arc::new(Watchdog::new(LOOK)), Duration::ZERO, || 0)
    }
}

impl Signs {
    /// Signs for this watchdog. A measurement may take `deadline`; `dropped` counts log lines that nobody took.
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
            began: AtomicBool::new(false),
        }
    }

    /// The control loop turned once more.
    pub fn turned(&self) {
        self.control.tick();
    }

    /// Log lines that nobody took.
    pub fn log_lines_dropped(&self) -> u64 {
        (self.dropped)()
    }

    /// Counts and tells what happened.
    pub fn observe(&self, event: &Event) {
        if matches!(event, Event::Ready { .. }) {
            self.began.store(true, Ordering::Relaxed);
        }
        self.telemetry.observe(event);
    }

    /// Takes over what the daemon says of itself. A lane that the judge finds standing still gives no sign; once the
    /// daemon stops, nobody has to give any.
    pub fn publish(&self, pulse: &Pulse) {
        let troubles = pulse.troubles(pulse.written_at);
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        for lane in &pulse.lanes {
            let name = &lane.provider;
            let watch = || self.watchdog.watch(format!("lane {name}"), self.lane_limit);
            let tick = lanes.entry(name.clone()).or_insert_with(watch);
            if pulse.stopping {
                tick.rest();
            } else if !troubles.iter().any(|trouble| trouble.fatal && trouble.subject == *name) {
                tick.tick();
            }
        }
        drop(lanes);
        if pulse.stopping {
            self.control.rest();
        }
        self.telemetry.publish(pulse.clone());
    }

    fn is_ready(&self, now: DateTime<Utc>) -> Answer {
        let Some(pulse) = self.telemetry.pulse() else {
            let body = json!({"ready": false, "reason": "the daemon begins", "troubles": []});
            return Answer { yes: false, body };
        };
        let troubles = pulse.troubles(now);
        if !self.began.load(Ordering::Relaxed) && !pulse.stopping {
            let unread = "the catalogue was not read yet";
            let store = &pulse.store;
            let reason = store.error.as_ref().map_or_else(
                || unread.to_owned(),
                |error| format!("{unread}: the store {} does not work: {error}", store.name),
            );
            let troubles: Vec<Value> = troubles.iter().map(told).collect();
            return Answer {
                yes: false,
                body: json!({"ready": false, "reason": reason, "troubles": troubles}),
            };
        }
        let yes = !pulse.stopping && troubles.iter().all(|trouble| trouble.severity < Severity::Unhealthy);
        let reason = pulse.stopping.then_some("the daemon stops");
        let troubles: Vec<Value> = troubles.iter().map(told).collect();
        Answer { yes, body: json!({"ready": yes, "reason": reason, "troubles": troubles}) }
    }
}

impl Probed for Signs {
    fn metrics(&self) -> String {
        self.telemetry.page(Utc::now())
    }

    /// Only what a fresh start would mend speaks against the process.
    fn live(&self) -> Answer {
        let troubles = self.telemetry.pulse().map(|pulse| pulse.troubles(Utc::now())).unwrap_or_default();
        let fatal: Vec<Value> = troubles.iter().filter(|trouble| trouble.fatal).map(told).collect();
        Answer { yes: fatal.is_empty(), body: json!({"live": fatal.is_empty(), "troubles": fatal}) }
    }

    fn ready(&self) -> Answer {
        self.is_ready(Utc::now())
    }
}

fn told(trouble: &Trouble) -> Value {
    json!({
        "severity": trouble.severity,
        "cause": trouble.cause,
        "subject": trouble.subject,
        "sentence": trouble.sentence,
        "command": trouble.command,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::telemetry::systemd::Systemd;
    use crate::domain::pulse::{LANE_HORIZON, LanePulse, samples};
    use chrono::TimeDelta;
    use std::sync::mpsc;

    /// A pulse of a daemon whose one lane has had work since `due_minutes` ago and ended none.
    fn pulse(due_minutes: i64, stopping: bool) -> Pulse {
        let now = Utc::now();
        let due_at = Some(now - TimeDelta::minutes(due_minutes));
        let lane = LanePulse {
            due: 1,
            due_at,
            started_at: due_at,
            finished_at: due_at,
            succeeded_at: due_at,
            stored_at: due_at,
            ..samples::lane("groq", now)
        };
        Pulse { stopping, lanes: vec![lane], ..samples::pulse(now) }
    }

    fn signs(watchdog: &Arc<Watchdog>) -> Signs {
        Signs {
            lane_limit: Duration::from_millis(1),
            ..Signs::new(Arc::clone(watchdog), Duration::ZERO, || 0)
        }
    }

    #[test]
    fn readiness_follows_the_judge() {
        let signs = Signs::default();
        assert!(!signs.ready().yes && signs.live().yes);
        assert_eq!(signs.ready().body["reason"], "the daemon begins");
        signs.publish(&pulse(1, false));
        assert_eq!(signs.ready().body["reason"], "the catalogue was not read yet");
        let mut without_store = pulse(1, false);
        without_store.store.error = Some("it refuses the login".to_owned());
        signs.publish(&without_store);
        let unread =
            "the catalogue was not read yet: the store sqlite:/x.db does not work: it refuses the login";
        assert_eq!(signs.ready().body["reason"], unread);
        assert_eq!(signs.ready().body["troubles"][0]["cause"], "store_down");
        assert!(!signs.ready().yes && signs.live().yes);
        signs.publish(&pulse(1, false));
        signs.observe(&Event::Ready { models: 1, lanes: 1 });
        assert!(signs.ready().yes && signs.live().yes);
        signs.publish(&pulse(LANE_HORIZON.num_minutes() + 1, false));
        let answer = signs.ready();
        assert_eq!(answer.body["troubles"][0]["cause"], "lane_stalled");
        assert!(!answer.yes && !signs.live().yes);
        signs.publish(&pulse(1, true));
        assert_eq!(signs.ready().body["reason"], "the daemon stops");
        assert!(signs.live().yes);
    }

    #[test]
    fn a_lane_that_stands_still_is_what_ends_the_process_and_a_stopping_one_is_not() {
        let watchdog = Arc::new(Watchdog::new(Duration::from_millis(5)));
        let (still, stops) = (signs(&watchdog), signs(&watchdog));
        still.publish(&pulse(1, false));
        stops.publish(&pulse(1, false));
        stops.publish(&pulse(99, true));
        let (said, heard) = mpsc::channel();
        let directory = tempfile::tempdir().unwrap();
        let end = move |stall: &crate::daemon::watchdog::Stall| said.send(stall.who.clone()).unwrap();
        let systemd: Arc<Systemd> = Arc::default();
        still.publish(&pulse(99, false));
        let _watching = watchdog.start(systemd, directory.path().join("reason"), end).unwrap();
        assert_eq!(heard.recv_timeout(Duration::from_secs(60)).unwrap(), "lane groq");
    }
}
