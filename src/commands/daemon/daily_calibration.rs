//! Calibrates the host once a day while a daemon runs, with the code of `llmbench calibrate --short`, and stores what no
//! store has yet. The gate in front of lanes keeps calibration and measurements apart: both would be wrong beside each
//! other.

use crate::commands::calibrate::{self, kept};
use crate::commands::context::Context;
use crate::daemon::calibration_gate::CalibrationGate;
use crate::daemon::event::{DaemonEvent, EventBus};
use crate::daemon::store_handle::StoreHandle;
use crate::domain::calibration::{CalibrationReport, KeptCalibration};
use crate::output::calibration::document;
use crate::storage::StoreError;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

/// Interval of the checks for due work.
const LOOK: Duration = Duration::from_secs(60);
/// Ticks of the schedule after which a daemon's first work has begun.
const SETTLED_TICKS: u32 = 6;
/// The age at which a calibration is replaced.
const EVERY: TimeDelta = TimeDelta::days(1);
/// Least time between two calibrations of one process.
const REST: Duration = Duration::from_secs(12 * 3600);
/// Uptime before the first calibration of a host that has none: a new daemon measures first.
const FIRST: Duration = Duration::from_secs(600);
/// Pause after a failed one.
const AGAIN: Duration = Duration::from_secs(3600);
/// Time for which a quiet moment is waited for.
const PATIENCE: Duration = Duration::from_secs(3600);
/// Time beyond the deadlines of a pair within which running measurements have to end once lanes begin nothing.
const DRAIN_MARGIN: Duration = Duration::from_secs(10);
/// Deadline of a calibration, which takes ten seconds.
const DEADLINE: Duration = Duration::from_secs(180);

/// The task; it runs until `stop`.
pub struct DailyCalibration {
    pub context: Arc<Context>,
    pub store_handle: Arc<StoreHandle>,
    pub gate: Arc<CalibrationGate>,
    pub events: EventBus,
    pub stop: CancellationToken,
}

/// The last try, if it failed.
struct FailedCalibration {
    at: Instant,
    why: String,
}

/// What the store has.
#[derive(Default)]
struct StoredCalibrations {
    /// Id of the newest calibration that it took.
    newest: Option<String>,
    /// The reason why it did not take one, as it was told last.
    refused: Option<String>,
}

impl DailyCalibration {
    pub async fn run(self) {
        // A running daemon has one.
        let Ok(state_dir) = self.context.settings.state_dir() else { return };
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = self.work(&state_dir.value) => {}
        }
    }

    async fn work(&self, state_dir: &Path) {
        let (began, config) = (Instant::now(), &self.context.settings.daemon_config);
        self.publish(state_dir, None);
        sleep(config.tick.saturating_mul(SETTLED_TICKS).min(LOOK)).await;
        let (mut failed, mut stored) = (None::<FailedCalibration>, StoredCalibrations::default());
        let mut done = None::<Instant>;
        loop {
            self.deliver(state_dir, &mut stored).await;
            let newest = self.publish(state_dir, failed.as_ref());
            let newest_at = newest.map(|newest| newest.at);
            let since_failure = failed.as_ref().map(|failed| failed.at.elapsed());
            // Whatever became of its file, one that was made just now is not made again.
            let rests = done.is_some_and(|at| at.elapsed() < REST);
            if config.calibrate && !rests && is_due(newest_at, began.elapsed(), since_failure, Utc::now()) {
                failed =
                    self.calibrate().await.err().map(|why| FailedCalibration { at: Instant::now(), why });
                done = failed.is_none().then(Instant::now);
                if let Some(FailedCalibration { why, .. }) = &failed {
                    let why = why.clone();
                    self.events.tell(DaemonEvent::CalibrationFailed { why, again: AGAIN });
                }
                continue;
            }
            sleep(LOOK).await;
        }
    }

    /// Tells the engine what is known, and returns the newest calibration.
    fn publish(&self, state_dir: &Path, failed: Option<&FailedCalibration>) -> Option<KeptCalibration> {
        let newest = kept::newest(state_dir);
        self.gate.publish(CalibrationReport {
            daily: self.context.settings.daemon_config.calibrate,
            newest: newest.as_ref().map(KeptCalibration::summary),
            failure: failed.map(|failed| failed.why.clone()),
        });
        newest
    }

    /// Calibrates the host while lanes begin nothing, and keeps the result.
    async fn calibrate(&self) -> Result<(), String> {
        let impatient = || self.events.tell(DaemonEvent::CalibrationOverdue { waited: PATIENCE });
        let drain = self.context.settings.daemon_config.deadline * 2 + DRAIN_MARGIN;
        let closed = self.gate.close(PATIENCE, drain, impatient).await?;
        let calibration = timeout(DEADLINE, calibrate::short(&self.context))
            .await
            .map_err(|_| format!("it took longer than {} s", DEADLINE.as_secs()))?
            .map_err(|error| error.message)?;
        drop(closed);
        let (kept, context): (Value, _) = (document(&calibration), Arc::clone(&self.context));
        let saving = spawn_blocking(move || kept::save(&kept, calibrate::waits(&context), &context));
        saving.await.map_err(|error| error.to_string())?.map_err(|error| error.message)?;
        let verdict = calibration.verdict;
        self.events.tell(DaemonEvent::Calibrated {
            id: calibration.id,
            may_publish: verdict.may_publish,
            verdict: verdict.sentence,
        });
        Ok(())
    }

    /// Stores what is kept, unless that was done.
    async fn deliver(&self, state_dir: &Path, stored: &mut StoredCalibrations) {
        if self.store_handle.bridge().is_some() {
            return;
        }
        let newest = kept::newest(state_dir).map(|newest| newest.id);
        if newest == stored.newest && !kept::is_waiting(state_dir) {
            return;
        }
        // Not through the handle's calls: a right that is missing here says nothing about the store's use.
        let Ok(store) = self.store_handle.store().await else { return };
        match kept::deliver(state_dir, &*store).await {
            Ok(()) => {
                debug!(id = newest, "calibrations are stored");
                *stored = StoredCalibrations { newest, refused: None };
            }
            // The engine tells that the store is away.
            Err(StoreError::Unavailable(_)) => {}
            Err(error) => {
                let why = error.to_string();
                if stored.refused.as_ref() != Some(&why) {
                    warn!("calibrations of this host are kept, because the store does not take them: {why}");
                }
                stored.refused = Some(why);
            }
        }
    }
}

/// True if the host should be calibrated now. `newest` is the moment of its newest calibration, `failed` the time since a
/// try that failed.
fn is_due(
    newest: Option<DateTime<Utc>>,
    uptime: Duration,
    failed: Option<Duration>,
    now: DateTime<Utc>,
) -> bool {
    if failed.is_some_and(|ago| ago < AGAIN) {
        return false;
    }
    match newest {
        // One that is dated in the future was made under a clock that was ahead, so its age is unknown.
        Some(at) => now - at >= EVERY || at - now >= EVERY,
        None => uptime >= FIRST,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_old_calibration_is_replaced_and_a_failure_is_not_repeated_at_once() {
        let now: DateTime<Utc> = "2026-11-20T07:00:00Z".parse().unwrap();
        let (started, hour) = (Duration::from_secs(60), Duration::from_secs(3600));
        let due = |hours: i64, failed| is_due(Some(now - TimeDelta::hours(hours)), started, failed, now);
        assert!(!due(23, None) && due(24, None) && due(2400, None));
        assert!(!due(-1, None) && due(-2400, None), "a clock was ahead");
        assert!(!due(24, Some(started)) && due(24, Some(hour)));
        assert!(!is_due(None, started, None, now) && is_due(None, FIRST, None, now), "measuring comes first");
        assert!(!is_due(None, hour, Some(started), now));
    }
}
