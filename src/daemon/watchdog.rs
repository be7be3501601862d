//! Ends a process that hangs. A thread outside the watched runtime checks timestamps that only progress can move. An
//! unreachable database, a bill, a refused key or a rate limit stops no progress, so they never trigger it. It uses the
//! monotonic clock, which stops in suspend. If a check comes much too late, the whole process was stopped (SIGSTOP, a
//! frozen virtual machine): then all limits start again.

use crate::daemon::telemetry::systemd::SystemdNotifier;
use serde::Serialize;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Interval of the checks.
pub const LOOK: Duration = Duration::from_secs(1);

/// A check that is later than this means that the process was stopped.
const PAUSED: Duration = Duration::from_secs(5);

/// Timestamp of a task that has nothing to do, or waits for something external.
const RESTING: u64 = u64::MAX;

/// The file in the state directory that records why the process was ended.
pub const REASON_FILE: &str = "watchdog.json";

/// A cheap sign of life for use from any thread. Dropping it with all its clones ends the watch.
#[derive(Debug, Clone)]
pub struct WatchdogSignal {
    began: Instant,
    stamp: Arc<AtomicU64>,
}

impl WatchdogSignal {
    /// Records progress of the work.
    pub fn tick(&self) {
        self.stamp.store(milliseconds(self.began.elapsed()), Ordering::Relaxed);
    }

    /// Pauses the watch until the next [`WatchdogSignal::tick`], for idle times and external waits.
    pub fn rest(&self) {
        self.stamp.store(RESTING, Ordering::Relaxed);
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(RESTING - 1)
}

/// A task that made no progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stall {
    /// Name of the task: `runtime`, `outbox`, `logger`, `lane groq`.
    pub who: String,
    /// Seconds since the last progress.
    pub silent_seconds: u64,
    /// Maximum silence, in seconds.
    pub limit_seconds: u64,
}

impl Stall {
    /// One line for users.
    pub fn sentence(&self) -> String {
        let Stall { who, silent_seconds, limit_seconds } = self;
        format!(
            "{who} has stood still for {silent_seconds} s (at most {limit_seconds} s): the process ends, to be started again"
        )
    }
}

#[derive(Debug)]
struct WatchedTask {
    who: String,
    limit: Duration,
    stamp: Arc<AtomicU64>,
}

#[derive(Debug)]
pub struct Watchdog {
    began: Instant,
    watched: Mutex<Vec<WatchedTask>>,
    every: Duration,
}

impl Watchdog {
    /// Creates a watchdog without tasks that checks at this interval; [`LOOK`] is suitable.
    pub fn new(every: Duration) -> Self {
        Self { began: Instant::now(), watched: Mutex::default(), every }
    }

    /// Watches another task, which must tick at least every `limit` unless it rests. It begins at rest.
    pub fn watch(&self, who: impl Into<String>, limit: Duration) -> WatchdogSignal {
        let stamp = Arc::new(AtomicU64::new(RESTING));
        self.watched().push(WatchedTask { who: who.into(), limit, stamp: Arc::clone(&stamp) });
        WatchdogSignal { began: self.began, stamp }
    }

    fn watched(&self) -> MutexGuard<'_, Vec<WatchedTask>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the thread. `systemd` is notified after every check without a stall. The first stall is written to
    /// `reason_file`, then `end` is called, which must report it and end the process.
    ///
    /// # Errors
    /// The operating system's error if no thread can be started.
    pub fn start(
        self: &Arc<Self>,
        systemd: Arc<SystemdNotifier>,
        reason_file: PathBuf,
        end: impl FnOnce(&Stall) + Send + 'static,
    ) -> std::io::Result<WatchdogHandle> {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, watchdog) = (Arc::clone(&stop), Arc::clone(self));
        let work = move || {
            let mut eye = SilenceTracker::default();
            while !stopped.load(Ordering::Relaxed) {
                if let Some(stall) = watchdog.look(&mut eye) {
                    // Ending the process matters more: a full disk must not prevent it.
                    let _ = write_reason(&reason_file, &stall);
                    return end(&stall);
                }
                systemd.alive();
                std::thread::park_timeout(watchdog.every);
            }
        };
        let thread = std::thread::Builder::new().name("watchdog".to_owned()).spawn(work)?;
        Ok(WatchdogHandle { stop, thread: Some(thread) })
    }

    /// The task that exceeds its limit by the most.
    fn look(&self, eye: &mut SilenceTracker) -> Option<Stall> {
        let mut watched = self.watched();
        watched.retain(|watched| Arc::strong_count(&watched.stamp) > 1);
        let stamps = watched.iter().map(|watched| watched.stamp.load(Ordering::Relaxed));
        let silent = eye.look(milliseconds(self.began.elapsed()), stamps);
        let over =
            |(watched, silent): &(&WatchedTask, u64)| silent.checked_sub(milliseconds(watched.limit) + 1);
        let beyond = watched.iter().zip(silent).filter(|pair| over(pair).is_some());
        let (watched, silent) = beyond.max_by_key(over)?;
        Some(Stall {
            who: watched.who.clone(),
            silent_seconds: silent / 1000,
            limit_seconds: watched.limit.as_secs(),
        })
    }
}

/// Stops the watch when dropped.
#[derive(Debug)]
pub struct WatchdogHandle {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for WatchdogHandle {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
        }
    }
}

/// Computes each task's silence, except while the process was stopped. Times are in milliseconds. Pure.
#[derive(Debug, Default)]
struct SilenceTracker {
    looked: Option<u64>,
    /// Silence before this moment does not count.
    since: u64,
}

impl SilenceTracker {
    fn look(&mut self, now: u64, stamps: impl Iterator<Item = u64>) -> Vec<u64> {
        let late = self.looked.is_none_or(|before| now.saturating_sub(before) > milliseconds(PAUSED));
        if late {
            self.since = now;
        }
        self.looked = Some(now);
        let silent = |stamp| if stamp == RESTING { 0 } else { now.saturating_sub(self.since.max(stamp)) };
        stamps.map(silent).collect()
    }
}

fn write_reason(file: &PathBuf, stall: &Stall) -> std::io::Result<()> {
    let reason = serde_json::json!({
        "at": chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        "reason": "stalled",
        "stall": stall,
        "message": stall.sentence(),
    });
    fs::write(file, format!("{reason}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::mpsc;

    #[test]
    fn silence_counts_and_rest_does_not() {
        let mut eye = SilenceTracker::default();
        assert_eq!(eye.look(1000, [0, RESTING].into_iter()), [0, 0]);
        assert_eq!(eye.look(2000, [0, RESTING].into_iter()), [1000, 0]);
        assert_eq!(eye.look(3000, [2900, 500].into_iter()), [100, 2000]);
    }

    #[test]
    fn a_process_that_was_stopped_gets_its_time_again() {
        let mut eye = SilenceTracker::default();
        eye.look(1000, [900].into_iter());
        assert_eq!(eye.look(3_600_000, [900].into_iter()), [0]);
        assert_eq!(eye.look(3_601_000, [900].into_iter()), [1000]);
    }

    proptest! {
        /// Whatever pauses there are, no silence is longer than the time since the last sign or since the last pause.
        #[test]
        fn nobody_answers_for_a_pause(steps in prop::collection::vec((1u64..20_000, any::<bool>()), 1..50)) {
            let (mut eye, mut now, mut stamp, mut paused_at) = (SilenceTracker::default(), 0, 0, 0);
            for (number, (step, works)) in steps.into_iter().enumerate() {
                now += step;
                if number == 0 || step > milliseconds(PAUSED) {
                    paused_at = now;
                }
                if works {
                    stamp = now;
                }
                let silent = eye.look(now, [stamp].into_iter())[0];
                prop_assert_eq!(silent, now - stamp.max(paused_at));
            }
        }
    }

    #[test]
    fn the_one_beyond_its_limit_is_named_and_the_reason_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join(REASON_FILE);
        let watchdog = Arc::new(Watchdog::new(Duration::from_millis(5)));
        let (busy, still, resting, gone) = (
            watchdog.watch("runtime", Duration::from_secs(600)),
            watchdog.watch("lane groq", Duration::from_millis(50)),
            watchdog.watch("outbox", Duration::from_millis(1)),
            watchdog.watch("lane gone", Duration::from_millis(1)),
        );
        gone.tick();
        drop(gone);
        busy.tick();
        resting.tick();
        resting.rest();
        still.tick();
        let (said, heard) = mpsc::channel();
        let end = move |stall: &Stall| said.send(stall.clone()).unwrap();
        let watching = watchdog.start(Arc::default(), file.clone(), end).unwrap();
        let stall = heard.recv_timeout(Duration::from_secs(60)).unwrap();
        assert_eq!((stall.who.as_str(), stall.limit_seconds), ("lane groq", 0));
        let reason: serde_json::Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        assert_eq!((&reason["reason"], &reason["stall"]["who"]), (&"stalled".into(), &"lane groq".into()));
        drop(watching);
    }

    #[test]
    fn whoever_gives_signs_is_left_alone_and_systemd_hears_of_it() {
        let directory = tempfile::tempdir().unwrap();
        let socket = std::os::unix::net::UnixDatagram::bind(directory.path().join("notify")).unwrap();
        let systemd = Arc::new(SystemdNotifier::new(directory.path().join("notify").to_str()).unwrap());
        let watchdog = Arc::new(Watchdog::new(Duration::from_millis(1)));
        let tick = watchdog.watch("runtime", Duration::from_secs(600));
        tick.tick();
        let (said, heard) = mpsc::channel();
        let end = move |stall: &Stall| said.send(stall.clone()).unwrap();
        let watching = watchdog.start(systemd, directory.path().join(REASON_FILE), end).unwrap();
        for _ in 0..3 {
            let mut buffer = [0; 16];
            let length = socket.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], b"WATCHDOG=1");
        }
        drop(watching);
        // The thread dropped the sender without using it.
        assert!(heard.recv_timeout(Duration::from_secs(60)).is_err());
    }
}
