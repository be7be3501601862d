//! `llmbench calibrate`: runs against a simulator in a process of its own, held against what that process saw leave. A
//! daemon makes the short calibration with the same code.

mod cell;
pub mod kept;
mod simulator_process;

pub use kept::newest_id;

use crate::cli::calibrate::CalibrateArgs;
use crate::commands::bridge;
use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};
use crate::commands::interrupt::Interrupt;
use crate::commands::run::access::SIMULATOR;
use crate::commands::stdout;
use crate::daemon::owner_id;
use crate::domain::sourced::{Source, Sourced};
use crate::measure::calibration::{CalibrationCell, CellConditions, verdict};
use crate::measure::outcome_row::measured_by;
use crate::output::calibration::{self as shown, Calibration};
use crate::storage::StoreLocation;
use crate::wire::fd_table;
use cell::Bench;
use chrono::Utc;
use simulator_process::SimulatorProcess;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::time::Duration;

/// Streams at once, besides those of the daemon.
const STREAMS: [usize; 3] = [1, 50, 500];

/// Runs the command and returns its exit status.
///
/// # Errors
/// A simulator that cannot be started, an interrupt, a state directory that cannot be written.
pub async fn run(args: CalibrateArgs, context: Context) -> Result<Exit, CommandError> {
    fd_table::make_room();
    let interrupt = Interrupt::listen().map_err(CommandError::usage)?;
    let daemon = daemon_streams(&context);
    let slowed = args.slow_clock.map(Duration::from_millis);
    let plan = plan(&args, daemon);
    let measured = tokio::select! {
        cells = measure(&plan, slowed, &context, |note| context.note(args.quiet, note)) => cells?,
        () = interrupt.stop.cancelled() => {
            return Err(CommandError::usage("interrupted").exit(Exit::Interrupted).hint("nothing is kept"));
        }
    };
    let calibration = describe(measured, daemon, &context);
    if args.json {
        stdout::document(&shown::document(&calibration))?;
    } else {
        stdout::text(&shown::text(&calibration, &context.view(args.wide)))?;
    }
    if !args.no_save && slowed.is_none() {
        let path = kept::save(&shown::document(&calibration), waits(&context), &context)?;
        context.note(args.quiet, &format!("kept as {}; rows name it from now on", path.display()));
        context.note(args.quiet, &store(&context).await);
    }
    Ok(if calibration.verdict.may_publish { Exit::Yes } else { Exit::No })
}

/// The short calibration: what a daemon of these settings opens, on the host as it is.
///
/// # Errors
/// A simulator that cannot be started.
pub async fn short(context: &Context) -> Result<Calibration, CommandError> {
    let daemon = daemon_streams(context);
    let plan = conditions(&BTreeSet::from([daemon]), &[false], &[false, true]);
    Ok(describe(measure(&plan, None, context, |_| ()).await?, daemon, context))
}

/// True if a database will have the calibration: behind a bridge there is none, so nothing waits for one.
pub fn waits(context: &Context) -> bool {
    !bridge::is_named(context)
}

/// Stores what is kept, and says so. A store that is away is no failure: the next calibration or daemon stores it.
async fn store(context: &Context) -> String {
    let later = |why: &dyn Display| {
        format!("not stored: {why}; the next calibration, or the start of a daemon, stores it")
    };
    let Sourced { value: location, source } = match context.store_location() {
        Ok(location) => location,
        Err(error) => return later(&error.message),
    };
    match &location {
        StoreLocation::Bridge(_) => {
            return "this host is behind a bridge, so the figures stay in the state directory".to_owned();
        }
        // Nobody has asked for a database yet.
        StoreLocation::Sqlite(path) if source == Source::Default && !path.exists() => {
            return later(&"there is no database yet");
        }
        _ => {}
    }
    let Ok(state_dir) = context.settings.state_dir() else { return later(&"there is no state directory") };
    match context.open_store().await {
        Ok(store) => match kept::deliver(&state_dir.value, &*store).await {
            Ok(()) => format!("stored in {}, where readers of rows find it by its id", store.describe()),
            Err(error) => later(&error),
        },
        Err(error) => later(&error.message),
    }
}

/// The most streams that a daemon of these settings opens at once: all providers share one clock thread.
fn daemon_streams(context: &Context) -> usize {
    let config = &context.settings.daemon_config;
    let measured = context.settings.hosts.iter().filter(|host| {
        let named = config.only.is_empty() || config.only.contains(&host.name);
        named && !config.exclude.contains(&host.name) && host.name != SIMULATOR
    });
    let with_keys = measured.filter(|host| context.settings.login(host).is_ok());
    let streams: usize = with_keys.map(|host| config.concurrency(&host.name)).sum();
    streams.max(config.concurrency)
}

/// The conditions, idle ones first, so that the load of others does not warm the machine for them.
fn plan(args: &CalibrateArgs, daemon: usize) -> Vec<CellConditions> {
    let streams: BTreeSet<usize> = match &args.streams[..] {
        _ if args.short => BTreeSet::from([daemon]),
        [] => STREAMS.into_iter().chain([daemon]).collect(),
        named => named.iter().map(|streams| *streams as usize).collect(),
    };
    let loads: &[bool] = if args.no_stress || args.short { &[false] } else { &[false, true] };
    let ways: &[bool] = if args.no_tls { &[false] } else { &[false, true] };
    conditions(&streams, loads, ways)
}

fn conditions(streams: &BTreeSet<usize>, loads: &[bool], ways: &[bool]) -> Vec<CellConditions> {
    let mut plan = Vec::new();
    for busy in loads {
        for tls in ways {
            plan.extend(streams.iter().map(|streams| CellConditions {
                tls: *tls,
                streams: *streams,
                busy: *busy,
            }));
        }
    }
    plan
}

async fn measure(
    plan: &[CellConditions],
    slowed: Option<Duration>,
    context: &Context,
    note: impl Fn(&str),
) -> Result<Vec<CalibrationCell>, CommandError> {
    let trouble = |why: String| CommandError::usage(format!("cannot calibrate: {why}")).exit(Exit::Usage);
    let state_dir = context.settings.state_dir().ok().map(|directory| directory.value);
    let mut cells = Vec::new();
    for tls in [false, true] {
        if !plan.iter().any(|conditions| conditions.tls == tls) {
            continue;
        }
        let simulator = SimulatorProcess::start(tls, state_dir.as_deref()).await.map_err(trouble)?;
        let bench = Bench::new(&simulator, slowed).map_err(trouble)?;
        for conditions in plan.iter().filter(|conditions| conditions.tls == tls) {
            note(&crate::measure::calibration::described(*conditions));
            cells.push(bench.measure(*conditions).await.map_err(trouble)?);
        }
    }
    cells.sort_by_key(|cell| (cell.conditions.busy, cell.conditions.tls, cell.conditions.streams));
    Ok(cells)
}

fn describe(cells: Vec<CalibrationCell>, daemon: usize, context: &Context) -> Calibration {
    let system = rustix::system::uname();
    let state_dir = context.settings.state_dir().map(|directory| directory.value);
    Calibration {
        id: ulid::Ulid::generate().to_string(),
        at: Utc::now(),
        runner: state_dir.ok().and_then(|state_dir| owner_id::known(&state_dir)),
        host: owner_id::host(),
        kernel: format!("{} {}", system.sysname().to_string_lossy(), system.release().to_string_lossy()),
        program: measured_by(),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        verdict: verdict(&cells, daemon),
        cells,
    }
}
