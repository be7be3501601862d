//! What monitors and the service manager see of a daemon: probes, words to systemd, and the watchdog behind them. What it
//! says for people is its voice.

use super::voice::{Voice, no_thread};
use crate::commands::context::Context;
use crate::commands::exit::CommandError;
use crate::commands::standstill;
use crate::daemon::event::{Event, Events};
use crate::daemon::signs::Signs;
use crate::daemon::telemetry::http;
use crate::daemon::telemetry::systemd::Systemd;
use crate::daemon::watchdog::{LOOK, REASON_FILE, Stall, Tick, Watchdog, Watching};
use crate::domain::listen::Listen;
use crate::domain::names::NOTIFY_SOCKET;
use crate::storage::outbox::Outbox;
use crate::storage::pulse_file;
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

/// How long the runtime may stand still. A turn of it takes microseconds.
const RUNTIME: Duration = Duration::from_secs(60);
/// How long the outbox may take for one answer: disks pause, and one that pauses for so long has failed.
const OUTBOX: Duration = Duration::from_secs(120);
/// How often the outbox is asked.
const ASK: Duration = Duration::from_secs(5);

/// The front of one daemon.
pub struct Front {
    /// Where the engine shows that it lives.
    pub signs: Arc<Signs>,
    systemd: Arc<Systemd>,
    watchdog: Arc<Watchdog>,
    _watching: Watching,
}

impl Front {
    /// Starts the watchdog.
    ///
    /// # Errors
    /// Status 2 where no threads can be had.
    pub fn start(voice: &Voice, context: &Context, state_dir: &Path) -> Result<Self, CommandError> {
        let watchdog = Arc::clone(&voice.watchdog);
        let systemd = Systemd::new(context.settings.env().get(NOTIFY_SOCKET)).unwrap_or_else(|error| {
            warn!(%error, "the service manager hears nothing");
            Systemd::default()
        });
        let systemd = Arc::new(systemd);
        let reason = state_dir.join(REASON_FILE);
        let log = voice.log.clone();
        let place = state_dir.to_owned();
        let end = move |stall: &Stall| {
            pulse_file::leave_word(&place, &stall.sentence());
            standstill::end(stall, &log);
        };
        let watching = watchdog.start(Arc::clone(&systemd), reason, end).map_err(no_thread)?;
        tokio::spawn(turn(watchdog.watch("runtime", RUNTIME)));
        let (deadline, dropped) = (context.settings.regime.deadline, voice.log.clone());
        let signs = Arc::new(Signs::new(Arc::clone(&watchdog), deadline, move || dropped.dropped()));
        Ok(Self { signs, systemd, watchdog, _watching: watching })
    }

    /// Answers probes, where anybody wants them, as long as the process lives.
    ///
    /// # Errors
    /// Status 2 where the address cannot be had.
    pub async fn listen(&self, listen: Listen) -> Result<(), CommandError> {
        let Some(address) = listen.0 else { return Ok(()) };
        let failed = |error| {
            CommandError::usage(format!("probes cannot be answered at {address}: {error}"))
                .hint("name another address with --listen or LLMBENCH_LISTEN, or none: TROUBLESHOOTING.md, \"Around the clock\"")
        };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        info!(%address, "probes are answered at http://{address}/metrics, /livez and /readyz");
        tokio::spawn(http::serve(listener, self.signs.clone()));
        Ok(())
    }

    /// Has the watchdog watch the outbox.
    pub fn watch(&self, outbox: Outbox) {
        tokio::spawn(ask(outbox, self.watchdog.watch("outbox", OUTBOX)));
    }

    /// Tells the service manager that the daemon works. A store that is down does not put this off: rows wait for it.
    pub fn ready(&self) {
        self.systemd.ready();
    }

    /// Makes lines, figures and words of events, until `end`; then of those that wait.
    pub fn hear(&self, events: &Events, end: CancellationToken) -> JoinHandle<()> {
        let (signs, systemd) = (Arc::clone(&self.signs), Arc::clone(&self.systemd));
        tokio::spawn(hear(events.listen(), end, move |event| {
            match event {
                Event::Ready { models, lanes } => {
                    systemd.status(&format!("measures {models} models of {lanes} providers"));
                }
                Event::Stopping { .. } => systemd.stopping(),
                _ => {}
            }
            signs.observe(event);
        }))
    }
}

async fn turn(runtime: Tick) {
    loop {
        runtime.tick();
        sleep(LOOK).await;
    }
}

/// What counts is whether an answer comes, not which: a final error ends the daemon in its own way.
async fn ask(outbox: Outbox, answers: Tick) {
    loop {
        answers.tick();
        let _ = outbox.depth().await;
        answers.rest();
        sleep(ASK).await;
    }
}

async fn hear(mut events: Receiver<Arc<Event>>, end: CancellationToken, take: impl Fn(&Event)) {
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
