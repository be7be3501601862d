//! The daemon as monitors and the service manager see it: probes, notifications to systemd, and the watchdog behind
//! them. Its output for people is in `log_setup`.

use super::log_setup::LogSetup;
use crate::commands::context::Context;
use crate::commands::exit::CommandError;
use crate::commands::{process_log, stall_exit};
use crate::daemon::event::{DaemonEvent, EventBus};
use crate::daemon::liveness::Liveness;
use crate::daemon::status_file;
use crate::daemon::telemetry::monitoring_server;
use crate::daemon::telemetry::systemd::SystemdNotifier;
use crate::daemon::watchdog::{LOOK, REASON_FILE, Stall, Watchdog, WatchdogHandle, WatchdogSignal};
use crate::domain::env_vars::NOTIFY_SOCKET;
use crate::domain::listen::ListenAddress;
use crate::outbox::Outbox;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Longest standstill of the runtime. A turn of it takes microseconds.
const RUNTIME: Duration = Duration::from_secs(60);
/// Longest time for an answer of the outbox: disks pause, and one that pauses for so long has failed.
const OUTBOX: Duration = Duration::from_secs(120);
/// Interval of queries to the outbox.
const ASK: Duration = Duration::from_secs(5);

/// Probes, systemd notifications and watchdog of one daemon.
pub struct MonitoringEndpoints {
    /// The engine's signs of life.
    pub liveness: Arc<Liveness>,
    systemd: Arc<SystemdNotifier>,
    watchdog: Arc<Watchdog>,
    _watching: WatchdogHandle,
}

impl MonitoringEndpoints {
    /// Starts the watchdog.
    ///
    /// # Errors
    /// Status 2 if no threads can be started.
    pub fn start(log_setup: &LogSetup, context: &Context, state_dir: &Path) -> Result<Self, CommandError> {
        let watchdog = Arc::clone(&log_setup.watchdog);
        let systemd =
            SystemdNotifier::new(context.settings.env().get(NOTIFY_SOCKET)).unwrap_or_else(|error| {
                warn!(%error, "the service manager hears nothing");
                SystemdNotifier::default()
            });
        let systemd = Arc::new(systemd);
        let reason = state_dir.join(REASON_FILE);
        let log = log_setup.log.clone();
        let place = state_dir.to_owned();
        let end = move |stall: &Stall| {
            status_file::leave_word(&place, &stall.sentence());
            stall_exit::end(stall, &log);
        };
        let watching = watchdog.start(Arc::clone(&systemd), reason, end).map_err(process_log::no_thread)?;
        tokio::spawn(turn(watchdog.watch("runtime", RUNTIME)));
        let (deadline, dropped) = (context.settings.daemon_config.deadline, log_setup.log.clone());
        let liveness = Arc::new(Liveness::new(Arc::clone(&watchdog), deadline, move || dropped.dropped()));
        Ok(Self { liveness, systemd, watchdog, _watching: watching })
    }

    /// Answers probes, if an address is set, as long as the process lives.
    ///
    /// # Errors
    /// Status 2 if the address cannot be bound.
    pub async fn listen(&self, listen: ListenAddress) -> Result<(), CommandError> {
        let Some(address) = listen.0 else { return Ok(()) };
        let failed = |error| {
            CommandError::usage(format!("probes cannot be answered at {address}: {error}"))
                .hint("name another address with --listen or LLMBENCH_LISTEN, or none: TROUBLESHOOTING.md, \"Around the clock\"")
        };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        info!(%address, "probes are answered at http://{address}/metrics, /livez and /readyz");
        tokio::spawn(monitoring_server::serve(listener, self.liveness.clone()));
        Ok(())
    }

    /// Adds the outbox to the watchdog.
    pub fn watch(&self, outbox: Outbox) {
        tokio::spawn(ask(outbox, self.watchdog.watch("outbox", OUTBOX)));
    }

    /// Tells the service manager that the daemon works. Does not wait for a store that is down, because
    /// rows wait for it.
    pub fn ready(&self) {
        self.systemd.ready();
    }

    /// Turns events into log lines, metrics and notifications until `end`; then those still queued.
    pub fn hear(&self, events: &EventBus, end: CancellationToken) -> JoinHandle<()> {
        let (liveness, systemd) = (Arc::clone(&self.liveness), Arc::clone(&self.systemd));
        tokio::spawn(hear(events.listen(), end, move |event| {
            match event {
                DaemonEvent::Ready { models, lanes } => {
                    systemd.status(&format!("measures {models} models of {lanes} providers"));
                }
                DaemonEvent::Stopping { .. } => systemd.stopping(),
                _ => {}
            }
            liveness.observe(event);
        }))
    }
}

async fn turn(runtime: WatchdogSignal) {
    loop {
        runtime.tick();
        sleep(LOOK).await;
    }
}

/// Any answer counts: a final error ends the daemon elsewhere.
async fn ask(outbox: Outbox, answers: WatchdogSignal) {
    loop {
        answers.tick();
        let _ = outbox.depth().await;
        answers.rest();
        sleep(ASK).await;
    }
}

async fn hear(mut events: Receiver<Arc<DaemonEvent>>, end: CancellationToken, take: impl Fn(&DaemonEvent)) {
    loop {
        let event = tokio::select! {
            biased;
            event = events.recv() => event,
            () = end.cancelled() => return,
        };
        match event {
            Ok(event) => take(&event),
            Err(RecvError::Lagged(missed)) => warn!(missed, "events came too fast to be counted and told"),
            Err(RecvError::Closed) => return,
        }
    }
}
