//! `llmbench run`: opens everything it needs before money is spent, measures, records each outcome as it ends, reports,
//! and answers with its exit status.

pub(super) mod access;
mod baseline;
pub mod estimate;
mod lanes;
mod live;
mod outcome_target;
mod recorder;
mod report;
mod request_options;
mod selection;

pub(super) use request_options::limits as limits_for;

use crate::cli::run::RunArgs;
use crate::commands::calibrate;
use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};
use crate::commands::interrupt::Interrupt;
use crate::measure::Gate;
use crate::measure::clock_thread::ClockThread;
use crate::measure::decode_thread::DecodeThread;
use crate::measure::gate::GateSubject;
use crate::measure::measurer::Measurer;
use crate::measure::metric_dialect::MetricDialect;
use crate::wire::fd_table;
use crate::wire::tls::client_config;
use outcome_target::StoreOrBridge;
use recorder::{ResultRecorder, RunOutputs, StoreWithFallback};
use std::rc::Rc;
use std::sync::Arc;

/// Runs `llmbench run` to its exit status.
///
/// # Errors
/// [`CommandError`] if nothing could be measured: usage, configuration, keys, a store that cannot be opened.
pub async fn run(mut args: RunArgs, context: Context) -> Result<Exit, CommandError> {
    args.models.splice(0..0, std::mem::take(&mut args.named));
    let csv_to_stdout = writes_csv_to_stdout(&args)?;
    let gates = gates(&args)?;
    // Must come before the first thread: see there.
    fd_table::make_room();
    let asked = request_options::settle(&args, &context)?;
    baseline::check(&args, &gates, &asked, &context)?;
    let load = request_options::load(&args);
    let place = if args.no_store { None } else { Some(StoreOrBridge::open(&args, &context).await?) };
    let fallback_store = match &place {
        Some(place) => Some(fallback_store(&args, &context, place).await?),
        None => None,
    };
    let settled = selection::settle(&args, &context, place.as_ref()).await?;
    let subjects = &settled.subjects;
    let models: Vec<_> = subjects.iter().map(|subject| subject.subject.model.clone()).collect();
    let planned = load.requests.map(|each| each.saturating_mul(models.len() as u64));
    let prices = estimate::prices(&context, place.as_ref(), &models).await;
    if args.all && !estimate::agreed(&args, &context, &prices, &models, &asked.profile, &load).await? {
        return Ok(Exit::Yes);
    }
    let history = baseline::read(&args, &gates, place.as_ref(), subjects, &asked, &load).await?;
    let dialect = args.dialect.map(MetricDialect::from);
    let measurer = Measurer { keeps_chunk_times: dialect.is_some(), ..measurer(&context, &settled.secrets)? };
    // Until here nothing can be lost, and a signal ends the process in the default way.
    let interrupt = Interrupt::listen().map_err(CommandError::usage)?;
    let sinks =
        RunOutputs { fallback_store, ndjson: args.ndjson, csv: recorder::csv(args.csv.as_deref())?, dialect };
    let started_at = chrono::Utc::now();
    let halves = if args.paired { 2 } else { 1 };
    let requests = planned.map(|units| units.saturating_mul(halves));
    let progress = live::progress(&args, &context, &models, requests, &asked, started_at, csv_to_stdout)?;
    let recorder = Rc::new(ResultRecorder::new(sinks, progress, &models, prices, interrupt.clone()));
    let tallies = lanes::run(measurer, settled, &asked, &load, args.warmup, &recorder, &interrupt).await;
    recorder.catch_up().await;
    report::finish(report::FinishedRun {
        recorder,
        tallies,
        started_at,
        planned,
        asked,
        load,
        gates,
        history,
        allow_undecided: args.allow_undecided,
        interrupted: interrupt.stop.is_cancelled(),
        view: report_options(&args, csv_to_stdout),
        terminal: context.terminal,
        store: place.map(|place| place.sink().describe()),
        proxies: report::UnusedProxies::of(&context.settings),
    })
}

fn report_options(args: &RunArgs, csv_to_stdout: bool) -> report::ReportOptions {
    report::ReportOptions {
        json: args.json,
        markdown: args.markdown,
        lines: args.ndjson || csv_to_stdout,
        sort: args.sort.into(),
        quiet: args.quiet,
        verbose: args.verbose,
    }
}

/// True if standard output carries CSV rows.
///
/// # Errors
/// Status 2 if another output goes there too.
fn writes_csv_to_stdout(args: &RunArgs) -> Result<bool, CommandError> {
    let wanted = args.csv.as_deref().is_some_and(|path| path.as_os_str() == recorder::STANDARD_OUTPUT);
    let others = [(args.json, "--json"), (args.ndjson, "--ndjson"), (args.markdown, "--markdown")];
    if let Some((_, other)) = others.into_iter().find(|(given, _)| wanted && *given) {
        return Err(CommandError::usage(format!("--csv - and {other} both write to standard output"))
            .hint(format!("leave one of them out, or name a file: --csv runs.csv {other}")));
    }
    Ok(wanted)
}

/// The store with its fallback; delivers rows that wait from earlier runs first.
async fn fallback_store(
    args: &RunArgs,
    context: &Context,
    place: &StoreOrBridge,
) -> Result<StoreWithFallback, CommandError> {
    let undelivered = context.undelivered()?;
    let store = place.sink();
    recorder::deliver(&undelivered, store.as_ref(), |note| context.note(args.quiet, note)).await;
    Ok(StoreWithFallback { store, undelivered })
}

/// The conditions of `--fail-if`.
///
/// # Errors
/// Status 2 for one that cannot be read, and for the difference within pairs where none are made.
fn gates(args: &RunArgs) -> Result<Vec<Gate>, CommandError> {
    let parse = |text: &String| {
        let gate: Gate = text
            .parse()
            .map_err(|error| CommandError::usage(format!("--fail-if '{}': {error}", text.escape_debug())))?;
        match gate.subject() {
            GateSubject::PairDifference(_) if !args.paired => {
                Err(CommandError::usage(format!("--fail-if '{gate}' is about pairs, and none are made"))
                    .hint("add --paired: a cold and a warm request each"))
            }
            _ => Ok(gate),
        }
    };
    args.fail_if.iter().map(parse).collect()
}

/// The threads that measure and decode, and a redactor that knows these secrets besides those of the settings.
///
/// # Errors
/// [`CommandError`] if a certificate cannot be read or no thread can be started.
pub(super) fn measurer(
    context: &Context,
    secrets: &[crate::domain::secret::Secret],
) -> Result<Measurer, CommandError> {
    let mut redactor = context.settings.redactor();
    for secret in secrets {
        redactor.add(secret);
    }
    let tls = client_config(context.extra_ca().as_deref())
        .map_err(|error| CommandError::usage(error).hint("SSL_CERT_FILE names a PEM file, or is unset"))?;
    let start = || Ok::<_, std::io::Error>((ClockThread::start(tls)?, DecodeThread::start()?));
    let (clock_thread, decode_thread) =
        start().map_err(|error| CommandError::usage(format!("a thread cannot be started: {error}")))?;
    let calibration = calibrate::newest_id(context);
    Ok(Measurer {
        clock_thread,
        decode_thread,
        redactor: Arc::new(redactor),
        calibration,
        keeps_chunk_times: false,
    })
}
