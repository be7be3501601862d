//! Writes events as log lines. A "stored" row was confirmed by the store; a "measured" one waits for that.

use super::change_log;
use crate::daemon::event::DaemonEvent;
use crate::domain::pair::is_counterpart;
use crate::domain::{Outcome, Slot};
use chrono::TimeDelta;
use std::time::Duration;
use tracing::{debug, error, info, warn};

pub fn tell(event: &DaemonEvent) {
    match event {
        DaemonEvent::Ready { models, lanes } => info!(models, lanes, "ready"),
        DaemonEvent::Started { slot, attempt } => {
            debug!(
                provider = slot.series.model.provider,
                model = slot.series.model.model_id,
                attempt,
                "started"
            );
        }
        DaemonEvent::Finished { slot, outcome, took } => finished(slot, outcome, *took),
        DaemonEvent::Stored { provider, rows } => debug!(provider, rows, "stored"),
        DaemonEvent::SetAside { id, why } => warn!(id, why, "a row is set aside: `llmbench outbox list`"),
        DaemonEvent::Held { provider, reason, until } => {
            let until = until.map(|at| at.to_rfc3339());
            warn!(provider, reason, until, "lane held");
        }
        DaemonEvent::Released { provider } => info!(provider, "lane works again"),
        DaemonEvent::Restarted { provider, reason, pause } => {
            error!(
                provider,
                reason,
                pause_seconds = pause.as_secs_f64(),
                "lane ended unexpectedly, and begins again"
            );
        }
        DaemonEvent::StoreLost { error } => warn!(error, "the store does not work: rows wait in the outbox"),
        DaemonEvent::StoreBack => info!("the store works again"),
        DaemonEvent::ClockSet { by } => clock_set(*by),
        DaemonEvent::ClocksApart { by } => clocks_apart(*by),
        DaemonEvent::Checked { violated, blind } if violated.is_empty() && blind.is_empty() => {
            debug!("self-checks passed")
        }
        DaemonEvent::Checked { violated, blind } => {
            warn!(violated = violated.join(" "), could_not_look = blind.join(" "), "self-checks");
        }
        DaemonEvent::Calibrated { .. }
        | DaemonEvent::CalibrationOverdue { .. }
        | DaemonEvent::CalibrationFailed { .. } => calibration(event),
        DaemonEvent::SeriesChanged { change } => change_log::changed(change),
        DaemonEvent::SeriesChangeEnded { change } => change_log::ended(change),
        DaemonEvent::Stopping { running } => info!(running, "stopping: no new calls"),
        DaemonEvent::Stopped { measured, failed, given_up, sent, waiting } => {
            let all = measured + failed;
            info!(
                measured,
                failed,
                given_up,
                sent,
                waiting,
                "stopped: {all} measured ({failed} failed), {given_up} given up, {sent} rows sent at the end, {waiting} wait in the outbox"
            );
        }
    }
}

fn calibration(event: &DaemonEvent) {
    match event {
        DaemonEvent::Calibrated { id, may_publish: true, verdict } => info!(id, verdict, "calibrated"),
        DaemonEvent::Calibrated { id, may_publish: false, verdict } => {
            warn!(id, verdict, "calibrated: TROUBLESHOOTING.md, \"This host should not publish\"");
        }
        DaemonEvent::CalibrationOverdue { waited } => {
            let waited_seconds = waited.as_secs_f64();
            warn!(
                waited_seconds,
                "no quiet moment for the calibration of this host: no new calls until it is made"
            );
        }
        DaemonEvent::CalibrationFailed { why, again } => {
            let again_seconds = again.as_secs_f64();
            warn!(why, again_seconds, "this host could not be calibrated");
        }
        _ => {}
    }
}

fn clock_set(by: TimeDelta) {
    let seconds = by.as_seconds_f64();
    warn!(
        seconds,
        "this machine's clock was set while the daemon runs: rows of that time may be dated wrong"
    );
}

fn clocks_apart(by: Option<TimeDelta>) {
    let Some(by) = by else { return info!("the clocks of this machine and the store agree") };
    let ahead_seconds = by.as_seconds_f64();
    warn!(ahead_seconds, "this machine's clock is not the store's: slots and leases go by the store's");
}

fn finished(slot: &Slot, outcome: &Outcome, took: Duration) {
    let (provider, model) = (slot.series.model.provider.as_str(), slot.series.model.model_id.as_str());
    let (profile, seconds) = (slot.series.profile_id.as_str(), took.as_secs_f64());
    // Absent where it is none.
    let counterpart = is_counterpart(outcome).then_some(true);
    match outcome {
        Outcome::Success(run) => {
            let ttft_seconds = run.speeds.time_to_first_token;
            let (tokens_per_second, suspect) = (run.speeds.tokens_per_second, run.quality.suspect);
            info!(
                provider,
                model, profile, seconds, ttft_seconds, tokens_per_second, suspect, counterpart, "measured"
            );
            if let Some(why) = &run.endpoint_mismatch {
                warn!(provider, model, why, "a row names no endpoint");
            }
        }
        Outcome::Failure(failure) => {
            let (kind, stage) = (failure.error_kind.as_str(), failure.stage.as_str());
            let (status, error) = (failure.http_status, failure.message.as_str());
            warn!(provider, model, profile, seconds, kind, stage, status, error, counterpart, "failed");
        }
    }
}
