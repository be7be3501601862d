//! Where the engine shows that it lives: figures and probes for monitors, stamps for the watchdog. Showing never waits,
//! and nothing here decides what is measured.

use crate::daemon::event::Event;
use crate::daemon::telemetry::Telemetry;
use crate::daemon::telemetry::http::{Answer, Probed};
use crate::daemon::watchdog::{LOOK, Tick, Watchdog};
use crate::domain::pulse::{Pulse, Severity, Trouble, Witness};
use crate::storage::pulse_file::since_boot;
use serde_json::{Value, json};
use std::collections::BTreeMap;
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

    /// The newest pulse, and what is wrong with it as of now: what `status --check` says of it.
    fn judged(&self) -> Option<(Pulse, Vec<Trouble>)> {
        let pulse = self.telemetry.pulse()?;
        let troubles = pulse.troubles_here(&own(&pulse), pulse.written_at);
        Some((pulse, troubles))
    }
}

/// What this process knows of itself.
fn own(pulse: &Pulse) -> Witness {
    Witness { boot_id: Some(pulse.boot_id.clone()), alive: Some(true), since_boot: Some(since_boot()) }
}

impl Probed for Signs {
    fn metrics(&self) -> String {
        let now = self.telemetry.pulse().map(|pulse| pulse.read_at(&own(&pulse), pulse.written_at));
        self.telemetry.page(now.unwrap_or_default())
    }

    /// Only what a fresh start would mend speaks against the process.
    fn live(&self) -> Answer {
        let troubles = self.judged().map(|(_, troubles)| troubles).unwrap_or_default();
        let fatal: Vec<Value> = troubles.iter().filter(|trouble| trouble.fatal).map(told).collect();
        Answer { yes: fatal.is_empty(), body: json!({"live": fatal.is_empty(), "troubles": fatal}) }
    }

    fn ready(&self) -> Answer {
        let Some((_, troubles)) = self.judged() else {
            let body = json!({"ready": false, "reason": "the daemon begins", "troubles": []});
            return Answer { yes: false, body };
        };
        let worst = troubles.first().filter(|trouble| trouble.severity == Severity::Unhealthy);
        let reason = worst.map(|trouble| trouble.sentence.as_str());
        let all: Vec<Value> = troubles.iter().map(told).collect();
        let body = json!({"ready": reason.is_none(), "reason": reason, "troubles": all});
        Answer { yes: reason.is_none(), body }
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
    use chrono::{TimeDelta, Utc};
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
        let mut unread = Pulse { ready: false, ..pulse(1, false) };
        signs.publish(&unread);
        let reason = "the catalogue was not read yet, so nothing is measured";
        assert_eq!(signs.ready().body["reason"], reason);
        (unread.store.error, unread.store.refuses) = (Some("it refuses the login".to_owned()), true);
        signs.publish(&unread);
        let why = format!("{reason}: the store sqlite:/x.db does not work: it refuses the login");
        assert_eq!(signs.ready().body["reason"], why);
        assert_eq!(signs.ready().body["troubles"][0]["cause"], "store_refuses");
        assert!(!signs.ready().yes && signs.live().yes);
        signs.publish(&pulse(1, false));
        assert!(signs.ready().yes && signs.live().yes);
        signs.publish(&pulse(LANE_HORIZON.num_minutes() + 1, false));
        let answer = signs.ready();
        assert_eq!(answer.body["troubles"][0]["cause"], "lane_stalled");
        assert!(!answer.yes && !signs.live().yes);
        signs.publish(&pulse(1, true));
        assert_eq!(signs.ready().body["reason"], "the daemon stops: it begins no measurement any more");
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
