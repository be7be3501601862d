//! `llmbench daemon`: joins the daemon with settings, keys, store and signals, and reports the reason of its end.

mod daily_calibration;
mod discovery;
mod dry_run;
mod listing;
mod log_setup;
mod monitoring_endpoints;
mod provider_clients;
mod series_changes;

use super::run::limits_for;
use crate::cli::daemon::DaemonArgs;
use crate::commands::bridge;
use crate::commands::context::{Context, store_error};
use crate::commands::exit::{CommandError, Exit};
use crate::commands::interrupt::Interrupt;
use crate::daemon::calibration_gate::CalibrationGate;
use crate::daemon::catalog_cache::CatalogCache;
use crate::daemon::clock::DaemonClock;
use crate::daemon::engine::{self, DaemonSetup, ShutdownReport};
use crate::daemon::event::EventBus;
use crate::daemon::model_status;
use crate::daemon::self_check::SelfChecker;
use crate::daemon::status_file;
use crate::daemon::store_handle::StoreHandle;
use crate::domain::Profile;
use crate::domain::canary::{CANARY_ROLE, canary_profile};
use crate::domain::listen::ListenAddress;
use crate::domain::redact::Redactor;
use crate::domain::sourced::{Source, Sourced};
use crate::measure::measurer::RequestSpec;
use crate::outbox::{OpenReport, Outbox, OutboxCapacity, OutboxError};
use crate::output::log::LogFormat;
use crate::output::terminal::{Terminal, TerminalEnv};
use crate::settings::python_runner::PythonNote;
use crate::storage::{StoreError, prepare_private_dir};
use crate::wire::fd_table;
use daily_calibration::DailyCalibration;
use log_setup::LogSetup;
use monitoring_endpoints::MonitoringEndpoints;
use provider_clients::clients;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

/// The role of rows of unpublished profiles.
const SHADOW: &str = "shadow";
/// The role of rows of published profiles.
const PUBLISHED: &str = "published";

/// Time that a start waits for an outbox that another process has open: a killed one releases it a moment later.
const LOCK_PATIENCE: Duration = Duration::from_secs(3);
/// Interval of the tries meanwhile.
const LOCK_LOOK: Duration = Duration::from_millis(100);

/// Runs `llmbench daemon` to its exit status. Once its log runs, a daemon logs the reason of its end; if log lines are
/// for programs, an unusable `context` is logged as well.
///
/// # Errors
/// [`CommandError`] if nothing was logged yet, or of a dry run.
pub async fn run(args: DaemonArgs, context: Result<Context, CommandError>) -> Result<Exit, CommandError> {
    let context = context.and_then(adapted);
    if args.dry_run {
        let context = context?;
        let questions = questions(&context)?;
        return dry_run::run(&args, &context, &questions).await;
    }
    let context = match context {
        Ok(context) => context,
        Err(error) => return untold(&args, error),
    };
    let log_setup = LogSetup::start(&args, context.settings.redactor(), context.terminal.stderr_tty)?;
    let state_dir = context.settings.state_dir().map(|directory| directory.value);
    let redactor = context.settings.redactor();
    let ended = work(&args, context, &log_setup).await;
    Ok(ended.unwrap_or_else(|error| {
        if let Ok(state_dir) = state_dir {
            status_file::leave_word(&state_dir, &redactor.redact(&error.message));
        }
        log_setup.last_word(&error);
        error.exit
    }))
}

/// Removes the parts of the settings that a runner behind a bridge leaves to the owner of the database.
fn adapted(mut context: Context) -> Result<Context, CommandError> {
    if bridge::named(&context)?.is_some() {
        bridge::adapt(&mut context);
    }
    Ok(context)
}

/// Handles an error before the log runs.
fn untold(args: &DaemonArgs, error: CommandError) -> Result<Exit, CommandError> {
    let stderr_tty = Terminal::detect(TerminalEnv::default()).stderr_tty;
    if log_setup::format(args, stderr_tty) == LogFormat::Text {
        return Err(error);
    }
    LogSetup::start(args, Redactor::new(), stderr_tty)?.last_word(&error);
    Ok(error.exit)
}

/// The address for probes. A single pass has none unless a flag sets it, because it ends before anybody asks.
fn listen(args: &DaemonArgs, context: &Context) -> Result<ListenAddress, CommandError> {
    let nowhere = args.once.then_some(ListenAddress(None));
    let listen = context.settings.listen.or(nowhere).unwrap_or_default();
    let Some(address) = listen.0.filter(|address| !address.ip().is_loopback() && !args.plain_http) else {
        return Ok(listen);
    };
    let why = format!("--listen {address} is not loopback, and probes ask for no key and speak no TLS");
    Err(CommandError::usage(why).hint(
        "listen on 127.0.0.1, or add --plain-http where the network is trusted: TROUBLESHOOTING.md, \"Around the clock\"",
    ))
}

/// Measures until it is told to stop, or through one pass.
async fn work(args: &DaemonArgs, context: Context, log_setup: &LogSetup) -> Result<Exit, CommandError> {
    tell_python(&context);
    let listen = listen(args, &context)?;
    let questions = questions(&context)?;
    fd_table::make_room();
    let state_dir = state_dir(&context)?;
    let endpoints = MonitoringEndpoints::start(log_setup, &context, &state_dir)?;
    let interrupt = Interrupt::listen().map_err(CommandError::usage)?;
    let store_handle = Arc::new(store_handle(&context, &state_dir)?);
    // An unreachable store takes seconds to report it, and a long backlog takes as long to open.
    let (usable, opened) = tokio::join!(usable(&store_handle, args.once), open_outbox(&state_dir));
    usable?;
    if !args.no_init && store_handle.bridge().is_none() {
        initialize(&store_handle).await;
    }
    tell_foreign_jobs(&store_handle).await;
    let (outbox, opening) = opened.map_err(outbox_error)?;
    tell_opening(&opening);
    endpoints.watch(outbox.clone());
    endpoints.listen(listen).await?;
    let clients = clients(context)?;
    let daemon_config = clients.context.settings.daemon_config.clone();
    let (events, heard) = (EventBus::default(), CancellationToken::new());
    let hearing = endpoints.hear(&events, heard.clone());
    let (store, vantage) = (store_handle.name(), &daemon_config.vantage);
    info!("measuring for {store} at vantage {vantage}, state in {}", state_dir.display());
    let gate = Arc::default();
    let _beside =
        beside(args, &clients.context, (&store_handle, &gate), &events, &endpoints, &interrupt.stop);
    let wait = daemon_config.store_wait;
    let setup = DaemonSetup {
        daemon_config,
        clock: DaemonClock::default(),
        questions,
        store_handle: Arc::clone(&store_handle),
        outbox,
        clients,
        gate,
        state_dir: state_dir.clone(),
        events,
        liveness: Arc::clone(&endpoints.liveness),
        once: args.once,
    };
    endpoints.ready();
    let stopped = tokio::select! {
        stopped = engine::run(setup, interrupt.stop.clone()) => stopped.map_err(outbox_error)?,
        // Accepted rows are on the disk.
        () = interrupt.abort.cancelled() => return Ok(Exit::Interrupted),
    };
    heard.cancel();
    // Reports the remaining events; a task that panicked has reported as much as it could.
    let _ = hearing.await;
    if !args.once {
        return Ok(Exit::Yes);
    }
    // A single pass ends on purpose, so no status file may report a missing daemon.
    status_file::remove(&state_dir);
    passed(stopped, &store_handle, wait)
}

/// The result of a single pass.
///
/// # Errors
/// Status 75 if the store did not return a work list, or has not all of the rows.
fn passed(stopped: ShutdownReport, store_handle: &StoreHandle, wait: Duration) -> Result<Exit, CommandError> {
    let ShutdownReport { counted, flushed, waited_in_vain, .. } = stopped;
    let why = store_handle.heard().error.unwrap_or_else(|| "it does not answer".to_owned());
    let (store, waiting) = (store_handle.name(), flushed.left);
    let not_stored = |what: String| {
        let hint = "the outbox keeps them: the next start sends them. TROUBLESHOOTING.md, \"A single pass ends with 75\"";
        Err(CommandError::usage(what).exit(Exit::NotStored).hint(hint))
    };
    if waited_in_vain {
        let waited = wait.as_secs_f64();
        return not_stored(format!(
            "nothing was measured: {store} was waited for {waited} s ({why}); {waiting} rows wait in the outbox"
        ));
    }
    if waiting > 0 && store_handle.heard().error.is_some() {
        return not_stored(format!(
            "{waiting} rows wait in the outbox, because {store} does not take them: {why}"
        ));
    }
    Ok(if counted.succeeded == 0 && counted.failed > 0 { Exit::No } else { Exit::Yes })
}

/// Background tasks of a lasting daemon; they end when the set is dropped.
fn beside(
    args: &DaemonArgs,
    context: &Arc<Context>,
    (store_handle, gate): (&Arc<StoreHandle>, &Arc<CalibrationGate>),
    events: &EventBus,
    endpoints: &MonitoringEndpoints,
    stop: &CancellationToken,
) -> JoinSet<()> {
    let mut beside = JoinSet::new();
    if args.once {
        return beside;
    }
    let daily = DailyCalibration {
        context: Arc::clone(context),
        store_handle: Arc::clone(store_handle),
        gate: Arc::clone(gate),
        events: events.clone(),
        stop: stop.clone(),
    };
    beside.spawn(daily.run());
    let daemon_config = context.settings.daemon_config.clone();
    if let Some(at) = daemon_config.discovery {
        beside.spawn(discovery::run(Arc::clone(context), Arc::clone(store_handle), at, stop.clone()));
    }
    if let Some(bridge) = store_handle.bridge() {
        // Self-checks run next to the database, not behind a bridge.
        let every = bridge::named(context).ok().flatten();
        let every = every.and_then(|named| bridge::settings(context, &named.source).ok());
        if let Some(settings) = every.filter(|_| daemon_config.covers(bridge::PROVIDER)) {
            beside.spawn(listing::run(Arc::clone(context), Arc::clone(bridge), settings.catalog_every));
        }
        return beside;
    }
    beside.spawn(model_status::run(Arc::clone(store_handle), daemon_config.tick));
    series_changes::spawn(&mut beside, context, store_handle, events, endpoints, stop);
    series_changes::spawn_report(&mut beside, context, store_handle, endpoints);
    let (events, liveness) = (events.clone(), Arc::clone(&endpoints.liveness));
    beside
        .spawn(SelfChecker { store_handle: Arc::clone(store_handle), daemon_config, events, liveness }.run());
    beside
}

/// Waits for the store, but not for one that can never work. A single pass does not wait for a bridge that refuses.
async fn usable(store_handle: &Arc<StoreHandle>, once: bool) -> Result<(), CommandError> {
    match store_handle.store().await {
        Err(error @ StoreError::Broken(_)) => return Err(store_error("store", error)),
        Err(error) => {
            warn!("{} does not answer, and rows wait in the outbox: {error}", store_handle.name());
        }
        Ok(_) => {}
    }
    match store_handle.bridge() {
        Some(bridge) if once => match bridge.work().await.refused {
            Some(error) => Err(store_error("the work list", error)),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Time for creating collections and indexes. The database goes on beyond it.
const INIT: Duration = Duration::from_secs(30);

/// Creates collections and indexes that are missing. A store that is away, or that refuses it, is measured for all the
/// same: the log says what is missing. Large collections are indexed by the database itself, beyond this deadline.
async fn initialize(store_handle: &Arc<StoreHandle>) {
    // Not through the handle's calls: a right that is missing here says nothing about the store's use.
    let Ok(store) = store_handle.store().await else { return };
    let made = timeout(INIT, store.init()).await.unwrap_or_else(|_| {
        Err(StoreError::Unavailable(format!("it takes longer than {} s", INIT.as_secs())))
    });
    if let Err(error) = made {
        warn!(
            "collections or indexes may be missing, and creating them failed: {error}. `llmbench doctor` names them, \
             `llmbench db init` creates them"
        );
    }
}

/// Tells of jobs that were enqueued for the Python scheduler, by hand for example: no daemon works on them.
async fn tell_foreign_jobs(store_handle: &Arc<StoreHandle>) {
    if store_handle.bridge().is_some() {
        return;
    }
    // A store that is away is told of elsewhere.
    let found = store_handle.ask(|store| async move { store.foreign_jobs().await }).await.unwrap_or_default();
    if let Some(first) = found.first() {
        let (jobs, id) = (found.len(), first.id.escape_debug());
        warn!(
            "{jobs} queued jobs belong to no series, the oldest is `{id}`: no daemon works on them (`llmbench doctor --switch`)"
        );
    }
}

/// The handle to the store, or to the bridge in front of one.
fn store_handle(context: &Context, state_dir: &Path) -> Result<StoreHandle, CommandError> {
    let Sourced { value: location, source } = context.store_location()?;
    context.make_default_store_dir(&location, &source)?;
    Ok(match bridge::open(context, context.settings.daemon_config.wanted())? {
        Some(bridge) => bridge::store_handle(context, state_dir, bridge),
        None => {
            let known = CatalogCache::open(state_dir, context.settings.daemon_config.catalogue_max_age);
            context.store_handle(location).knowing(known)
        }
    })
}

fn state_dir(context: &Context) -> Result<PathBuf, CommandError> {
    let directory = context.settings.state_dir().map_err(CommandError::usage)?.value;
    prepare_private_dir(&directory).map_err(|why| {
        CommandError::usage(format!("the state directory cannot be used: {why}"))
            .hint("name another one with --state-dir or LLMBENCH_STATE_DIR")
    })?;
    Ok(directory)
}

/// Opens the outbox, and waits a moment if another process has it open.
async fn open_outbox(state_dir: &Path) -> Result<(Outbox, OpenReport), OutboxError> {
    let begun = Instant::now();
    loop {
        match Outbox::open(&state_dir.join("outbox"), OutboxCapacity::default()).await {
            Err(OutboxError::Locked { .. }) if begun.elapsed() < LOCK_PATIENCE => sleep(LOCK_LOOK).await,
            opened => return opened,
        }
    }
}

fn outbox_error(error: OutboxError) -> CommandError {
    if let OutboxError::Locked { path, pid: Some(pid) } = &error {
        let directory = path.parent().and_then(Path::parent).unwrap_or(path).display();
        return CommandError::usage(format!("a daemon runs here already, pid {pid}: {directory} is its own"))
            .hint(format!(
                "`kill {pid}` ends it, and --state-dir names another directory for a second one; \
                 TROUBLESHOOTING.md, \"The outbox is open in another process\""
            ));
    }
    let exit = if error.is_fatal() || matches!(error, OutboxError::Full { .. }) {
        Exit::NotStored
    } else {
        Exit::Usage
    };
    CommandError::usage(error).exit(exit).hint("TROUBLESHOOTING.md, \"Around the clock\"")
}

/// Tells once what the Python runner's variables mean here, and which of them mean nothing.
fn tell_python(context: &Context) {
    for PythonNote { sentence, fix, warning, .. } in context.settings.python.notes() {
        if warning {
            warn!("{sentence} ({fix})");
        } else {
            info!("{sentence} ({fix})");
        }
    }
}

fn tell_opening(opening: &OpenReport) {
    for note in &opening.notes {
        warn!("{note}");
    }
    for path in &opening.damaged {
        error!(path = %path.display(), "a damaged outbox was set aside, rows may be lost in it: TROUBLESHOOTING.md, \"The outbox\"");
    }
    if !opening.interrupted.is_empty() {
        let calls = opening.interrupted.len();
        warn!("{calls} measurements of the process before were interrupted; their rows say so");
    }
}

/// The requests for every model, each with the role of its rows, and that for models with a canary.
fn questions(context: &Context) -> Result<Vec<RequestSpec>, CommandError> {
    let settings = &context.settings;
    let question = |profile: Profile, role: &str| {
        let mut limits = limits_for(context, &profile);
        limits.total = limits.total.min(settings.daemon_config.deadline);
        RequestSpec { profile, role: role.to_owned(), limits, warm: false }
    };
    let measured = settings.daemon_config.profiles.iter().map(|id| {
        let named = Sourced::new(id.clone(), Source::Default);
        let profile = settings.profiles.find(&named).map_err(CommandError::usage)?.clone();
        let role = if profile.published { PUBLISHED } else { SHADOW };
        Ok(question(profile, role))
    });
    let canary = Ok(question(canary_profile(), CANARY_ROLE));
    measured.chain([canary]).collect()
}
