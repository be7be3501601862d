//! `llmbench daemon`: joins the daemon with settings, keys, store and signals, and says how it ended.

mod discovery;
mod front;

use super::run::access;
use super::run::limits_for;
use crate::cli::daemon::DaemonArgs;
use crate::commands::context::{Context, store_error};
use crate::commands::exit::{CommandError, Exit};
use crate::commands::interrupt::Interrupt;
use crate::daemon::bench::{Bench, Doors, Opened, RealBench};
use crate::daemon::engine::{self, Setup};
use crate::daemon::event::Events;
use crate::daemon::keeper::Keeper;
use crate::daemon::schedule::{Due, due};
use crate::daemon::selfcheck::SelfCheck;
use crate::daemon::work;
use crate::domain::Series;
use crate::domain::listen::Listen;
use crate::domain::redact::Redactor;
use crate::domain::sourced::{Source, Sourced};
use crate::measure::laboratory::Question;
use crate::measure::meter::Meter;
use crate::output::{daemon as shown, print};
use crate::storage::outbox::{Capacity, Opening, Outbox, OutboxError};
use crate::storage::{StoreError, create_private_dir, pulse_file};
use crate::wire::descriptors;
use crate::wire::tls::client_config;
use async_trait::async_trait;
use chrono::Utc;
use front::Front;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

/// The role of rows of profiles that are not published.
const SHADOW: &str = "shadow";
/// The role of rows of those that are.
const PUBLISHED: &str = "published";

/// Runs the command.
///
/// # Errors
/// [`CommandError`], where nothing could be measured: configuration, state directory, outbox, a store that cannot work.
pub async fn run(args: DaemonArgs, context: Context) -> Result<Exit, CommandError> {
    let questions = questions(&context)?;
    if args.dry_run {
        return dry_run(&context, &questions).await;
    }
    descriptors::make_room();
    let state_dir = state_dir(&context)?;
    let front = Front::start(&args, &context, &state_dir)?;
    let keeper = Arc::new(keeper(&context)?);
    // A store that is away takes seconds to say so, and a long backlog takes as long to open.
    let outbox_dir = state_dir.join("outbox");
    let opening = Outbox::open(&outbox_dir, Capacity::default());
    let (usable, opened) = tokio::join!(usable(&keeper), opening);
    usable?;
    let (outbox, opening) = opened.map_err(outbox_error)?;
    tell_opening(&opening);
    front.watch(outbox.clone());
    // One pass is over before anybody asks, unless somebody says that they will.
    let nowhere = args.once.then_some(Listen(None));
    front.listen(context.settings.listen.or(nowhere).unwrap_or_default()).await?;
    let doors = doors(context)?;
    let regime = doors.context.settings.regime.clone();
    let interrupt = Interrupt::listen().map_err(CommandError::usage)?;
    let (events, heard) = (Events::default(), CancellationToken::new());
    let hearing = front.hear(&events, heard.clone());
    let (store, vantage) = (keeper.name(), &regime.vantage);
    info!("measuring for {store} at vantage {vantage}, state in {}", state_dir.display());
    let _beside = beside(&args, &doors.context, &keeper, &events, &front, &interrupt.stop);
    let setup = Setup {
        regime,
        questions,
        keeper,
        outbox,
        doors,
        state_dir: state_dir.clone(),
        events,
        signs: Arc::clone(&front.signs),
        once: args.once,
    };
    front.ready();
    let stopped = tokio::select! {
        stopped = engine::run(setup, interrupt.stop.clone()) => stopped.map_err(outbox_error)?,
        // What was accepted is on the disk.
        () = interrupt.abort.cancelled() => return Ok(Exit::Interrupted),
    };
    heard.cancel();
    // What waits to be told is told; a task that broke has told what it could.
    let _ = hearing.await;
    if args.once {
        // Nobody is to miss a daemon that was never to stay.
        pulse_file::remove(&state_dir);
    }
    Ok(if args.once && stopped.counted.succeeded == 0 && stopped.counted.failed > 0 {
        Exit::No
    } else {
        Exit::Yes
    })
}

/// What goes on beside measuring in a daemon that stays; it ends when the set is let go.
fn beside(
    args: &DaemonArgs,
    context: &Arc<Context>,
    keeper: &Arc<Keeper>,
    events: &Events,
    front: &Front,
    stop: &CancellationToken,
) -> JoinSet<()> {
    let mut beside = JoinSet::new();
    if args.once {
        return beside;
    }
    let regime = context.settings.regime.clone();
    if let Some(at) = regime.discovery {
        beside.spawn(discovery::run(Arc::clone(context), Arc::clone(keeper), at, stop.clone()));
    }
    let (events, signs) = (events.clone(), Arc::clone(&front.signs));
    beside.spawn(SelfCheck { keeper: Arc::clone(keeper), regime, events, signs }.run());
    beside
}

/// The store is worth waiting for; a store that can never work is not.
async fn usable(keeper: &Arc<Keeper>) -> Result<(), CommandError> {
    match keeper.store().await {
        Err(error @ StoreError::Broken(_)) => Err(store_error("store", error)),
        Err(error) => {
            warn!("{} does not answer, and rows wait in the outbox: {error}", keeper.name());
            Ok(())
        }
        Ok(_) => Ok(()),
    }
}

fn keeper(context: &Context) -> Result<Keeper, CommandError> {
    let Sourced { value: location, source } = context.store_location()?;
    context.make_default_store_dir(&location, &source)?;
    let published = context.settings.profiles.published.value.clone();
    Ok(Keeper::new(location, context.names(), published))
}

fn state_dir(context: &Context) -> Result<PathBuf, CommandError> {
    let directory = context.settings.state_dir().map_err(CommandError::usage)?.value;
    create_private_dir(&directory).map_err(|error| {
        CommandError::usage(format!("the state directory {} cannot be made: {error}", directory.display()))
            .hint("name another one with --state-dir or LLMBENCH_STATE_DIR")
    })?;
    Ok(directory)
}

fn outbox_error(error: OutboxError) -> CommandError {
    let exit = if error.is_fatal() || matches!(error, OutboxError::Full { .. }) {
        Exit::NotStored
    } else {
        Exit::Usage
    };
    CommandError::usage(error).exit(exit).hint("TROUBLESHOOTING.md, \"Around the clock\"")
}

fn tell_opening(opening: &Opening) {
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

/// What is asked of every model, each with the role of its rows.
fn questions(context: &Context) -> Result<Vec<Question>, CommandError> {
    let settings = &context.settings;
    let question = |id: &String| {
        let named = Sourced::new(id.clone(), Source::Default);
        let profile = settings.profiles.find(&named).map_err(CommandError::usage)?.clone();
        let role = if profile.published { PUBLISHED } else { SHADOW }.to_owned();
        let mut limits = limits_for(context, &profile);
        limits.total = limits.total.min(settings.regime.deadline);
        Ok(Question { profile, role, limits, warm: false })
    };
    settings.regime.profiles.iter().map(question).collect()
}

/// The way to providers: keys from the settings, one measuring thread for all.
struct Keys {
    context: Arc<Context>,
    meter: Meter,
    redactor: Redactor,
}

fn doors(context: Context) -> Result<Arc<Keys>, CommandError> {
    let tls = client_config(context.extra_ca().as_deref())
        .map_err(|error| CommandError::usage(error).hint("SSL_CERT_FILE names a PEM file, or is unset"))?;
    let meter = Meter::start(tls)
        .map_err(|error| CommandError::usage(format!("no measuring thread can be had: {error}")))?;
    let redactor = context.settings.redactor();
    Ok(Arc::new(Keys { context: Arc::new(context), meter, redactor }))
}

#[async_trait]
impl Doors for Keys {
    async fn open(&self, provider: &str) -> Result<Arc<dyn Bench>, String> {
        let host = self.context.settings.hosts.find(provider).map_err(|unknown| unknown.to_string())?;
        // A key command may take seconds, and nothing else should wait for it.
        let (host, context, runtime) = (host.clone(), Arc::clone(&self.context), Handle::current());
        let opening = tokio::task::spawn_blocking(move || runtime.block_on(access::open(&host, &context)));
        let opened = opening.await.map_err(|_| "fetching the key broke".to_owned())??;
        let keep = opened.simulator.map(|simulator| Box::new(simulator) as _);
        let opened = Opened { route: opened.route, secret: opened.secret, keep };
        let bench = RealBench::new(opened, self.meter.clone(), &self.redactor);
        Ok(Arc::new(bench.map_err(|error| format!("no decoding thread can be had: {error}"))?))
    }
}

/// What is due, as the store knows it now.
async fn dry_run(context: &Context, questions: &[Question]) -> Result<Exit, CommandError> {
    let store = context.open_store().await?;
    let failed = |error| store_error("reading the catalogue", error);
    let items = store.work_list(None).await.map_err(failed)?;
    let jobs = store.jobs(None).await.map_err(failed)?;
    let turns: HashMap<Series, _> = jobs.iter().map(|job| (job.series.clone(), work::turn(job))).collect();
    let questions: Vec<_> = questions.iter().cloned().map(Arc::new).collect();
    let lanes = work::work(&items, &questions, &context.settings.regime, &HashMap::new());
    let now = Utc::now();
    let mut rows: Vec<shown::DueRow> = Vec::new();
    for work in lanes.values().flatten() {
        let turn = turns.get(&work.plan.series).cloned().unwrap_or_default();
        rows.push(shown::DueRow {
            model: work.item.model.clone(),
            profile: work.question.profile.name.clone(),
            cadence_seconds: work.plan.cadence_seconds,
            finished_at: turn.finished_at,
            due_at: match due(&work.plan, &turn, now) {
                Due::Since(_) => None,
                Due::At(at) => Some(at),
            },
        });
    }
    rows.sort_by_key(|row| (row.due_at, row.finished_at));
    print::data(&shown::due(&rows, now, &context.terminal))
        .map_err(|error| CommandError::usage(error).exit(Exit::No))?;
    Ok(if rows.is_empty() { Exit::No } else { Exit::Yes })
}
