//! Starts and ends the daemon's tasks: the control loop, one task for each lane, the sender, the exchange with the
//! store, and the control socket for questions about the outbox.

mod control_loop;
mod lane_supervisor;
mod store_activity;

use super::context::{CountsSnapshot, DaemonContext};
use crate::daemon::calibration_gate::CalibrationGate;
use crate::daemon::clock::DaemonClock;
use crate::daemon::event::{DaemonEvent, EventBus};
use crate::daemon::liveness::Liveness;
use crate::daemon::provider_client::ProviderClients;
use crate::daemon::series_work::RequestSpecs;
use crate::daemon::store_handle::StoreHandle;
use crate::daemon::{owner_id, store_sync};
use crate::domain::daemon_config::DaemonConfig;
use crate::measure::measurer::RequestSpec;
use crate::outbox::sender::{Flushed, OutboxSender};
use crate::outbox::{Outbox, OutboxError, control_socket as socket};
use crate::storage::OutcomeSink;
use control_loop::{ControlLoop, ControlSetup};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// Time limit for sending the last rows when the daemon stops.
const FLUSH: Duration = Duration::from_secs(5);

/// Pause after the outbox could not be read for sending.
const SEND_AGAIN: Duration = Duration::from_secs(5);

/// The arguments of [`run`].
pub struct DaemonSetup {
    pub daemon_config: DaemonConfig,
    pub clock: DaemonClock,
    /// The requests for every model.
    pub questions: Vec<RequestSpec>,
    pub store_handle: Arc<StoreHandle>,
    pub outbox: Outbox,
    pub clients: Arc<dyn ProviderClients>,
    /// Closed while the host is calibrated.
    pub gate: Arc<CalibrationGate>,
    /// Directory of status file and control socket.
    pub state_dir: PathBuf,
    pub events: EventBus,
    pub liveness: Arc<Liveness>,
    /// True to end after everything that is due was tried.
    pub once: bool,
}

/// The result of a daemon's run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ShutdownReport {
    pub counted: CountsSnapshot,
    /// Delivery of the last rows.
    pub flushed: Flushed,
    /// Measurements that did not end in time; the next start records that in their rows.
    pub given_up: u64,
    /// True if a single pass ended because no work list arrived.
    pub waited_in_vain: bool,
}

/// Runs a daemon until `stop`, or through one pass.
///
/// # Errors
/// The outbox's permanent errors.
pub async fn run(setup: DaemonSetup, stop: CancellationToken) -> Result<ShutdownReport, OutboxError> {
    let spent = setup.outbox.spent(setup.clock.now().date_naive()).await?;
    let shared = DaemonContext::new(
        (setup.daemon_config, setup.clock),
        owner_id::of(&setup.state_dir),
        setup.outbox.clone(),
        Arc::clone(&setup.store_handle),
        (Arc::clone(&setup.clients), Arc::clone(&setup.gate)),
        setup.events.clone(),
        stop,
    );
    let sink: Arc<dyn OutcomeSink> = Arc::clone(&setup.store_handle) as Arc<dyn OutcomeSink>;
    let (sender, sent) = OutboxSender::new(setup.outbox.clone(), sink, setup.store_handle.name());
    let events = setup.events.clone();
    let sender = sender.telling(move |news| events.tell(news.into()));
    // The first status report must show the backlog.
    sender.look().await?;
    let stop_sending = CancellationToken::new();
    let sending = send(sender, &shared, stop_sending.clone());
    let (listed, list) = mpsc::channel(1);
    let (daemon_status, said) = watch::channel(None);
    let rounds = tokio::spawn(store_sync::run(Arc::clone(&shared), listed, said, setup.once));
    let asked = answer(&setup.state_dir, &setup.outbox, &stop_sending);
    let questions = RequestSpecs::new(setup.questions);
    let start = ControlSetup {
        questions,
        spent,
        state_dir: setup.state_dir,
        sent,
        daemon_status,
        liveness: setup.liveness,
    };
    let mut control = ControlLoop::new(Arc::clone(&shared), start);
    control.work(list, setup.once).await;
    let given_up = control.stop().await;
    rounds.abort();
    let flushed = flush(sending, &stop_sending).await;
    control.say(true);
    if let Some(asked) = asked {
        let _ = asked.await;
    }
    if let Some(error) = shared.failure() {
        return Err(error.clone());
    }
    let flushed = flushed?;
    // If it is not closed, the next start takes longer, but nothing is lost.
    let _ = shared.outbox.close().await;
    let counted = shared.counts.counted();
    let CountsSnapshot { succeeded: measured, failed, .. } = counted;
    let Flushed { delivered: sent, left: waiting, .. } = flushed;
    shared.events.tell(DaemonEvent::Stopped { measured, failed, given_up, sent, waiting });
    Ok(ShutdownReport { counted, flushed, given_up, waited_in_vain: control.waited_in_vain() })
}

fn send(
    mut sender: OutboxSender,
    shared: &Arc<DaemonContext>,
    until: CancellationToken,
) -> JoinHandle<OutboxSender> {
    let reason = Arc::clone(shared);
    tokio::spawn(async move {
        while let Err(error) = sender.run(&until).await {
            if error.is_fatal() {
                reason.fail(error);
                break;
            }
            warn!("rows cannot be sent now: {error}");
            sleep(SEND_AGAIN).await;
        }
        sender
    })
}

/// Serves commands that ask about the outbox.
fn answer(state_dir: &Path, outbox: &Outbox, until: &CancellationToken) -> Option<JoinHandle<()>> {
    let listener = socket::listen(&state_dir.join(socket::SOCKET)).inspect_err(
        |error| warn!(%error, "no control socket: `llmbench outbox` does not work beside this daemon"),
    );
    Some(tokio::spawn(socket::serve(listener.ok()?, outbox.clone(), until.clone())))
}

async fn flush(sending: JoinHandle<OutboxSender>, stop: &CancellationToken) -> Result<Flushed, OutboxError> {
    stop.cancel();
    match sending.await {
        Ok(mut sender) => sender.flush_once(FLUSH).await,
        // The task panicked; its rows are still in the outbox.
        Err(_) => Ok(Flushed::default()),
    }
}

#[cfg(test)]
mod tests;
