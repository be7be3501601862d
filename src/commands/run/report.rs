//! The end of a run: the report, the gates, the delivery of the rows, and the exit status that follows from all of it.

use super::recorder::{DeliverySummary, RecordedRuns, ResultRecorder};
use super::request_options::RequestOptions;
use crate::cli::run::{DialectArg, SortArg};
use crate::commands::exit::{CommandError, Exit};
use crate::domain::Run;
use crate::domain::failure::FailureStage;
use crate::measure::gate::history::GateHistory;
use crate::measure::gate::{GateResult, check_all};
use crate::measure::load::{LoadOutcome, LoadSpec};
use crate::measure::metric_dialect::MetricDialect;
use crate::measure::report::{LoadReport, Report, RunParameters};
use crate::measure::{Gate, ModelReport};
use crate::output::side_by_side::Sort;
use crate::output::terminal::Terminal;
use crate::output::{ReportView, gates, run_details, run_report};
use crate::output::{json, markdown, print, units};
use crate::settings::Settings;
use chrono::{DateTime, Utc};
use std::rc::Rc;

/// The output that the flags request.
#[derive(Debug, Clone, Copy)]
pub struct ReportOptions {
    /// Prints one JSON document instead of tables.
    pub json: bool,
    /// Prints a summary in Markdown instead of tables.
    pub markdown: bool,
    /// Lines were written to standard output as runs ended.
    pub lines: bool,
    /// The order of several models.
    pub sort: Sort,
    /// Prints only errors.
    pub quiet: bool,
    /// Prints phases, clocks and quality.
    pub verbose: bool,
}

impl From<SortArg> for Sort {
    fn from(by: SortArg) -> Self {
        match by {
            SortArg::Ttft => Sort::Ttft,
            SortArg::Tps => Sort::Tps,
            SortArg::Name => Sort::Name,
        }
    }
}

impl From<DialectArg> for MetricDialect {
    fn from(tool: DialectArg) -> Self {
        match tool {
            DialectArg::Aiperf => MetricDialect::Aiperf,
            DialectArg::Guidellm => MetricDialect::Guidellm,
            DialectArg::Vllm => MetricDialect::Vllm,
        }
    }
}

/// The cause of a run's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RunEndCause {
    /// Everything requested was measured.
    Plan,
    /// The reader of standard output has gone.
    Reader,
    /// Ctrl-C or SIGTERM.
    Signal,
}

/// A run that has ended.
pub struct FinishedRun {
    pub recorder: Rc<ResultRecorder>,
    /// The results of its lanes.
    pub tallies: Vec<LoadOutcome>,
    pub started_at: DateTime<Utc>,
    /// Requests, or pairs, that were planned.
    pub planned: Option<u64>,
    pub asked: RequestOptions,
    pub load: LoadSpec,
    pub gates: Vec<Gate>,
    /// What is stored of the models, for gates that compare with it.
    pub history: GateHistory,
    /// True if a gate that is not decided does not fail the run.
    pub allow_undecided: bool,
    /// True if a signal ended it.
    pub interrupted: bool,
    pub view: ReportOptions,
    pub terminal: Terminal,
    /// The store, in words; `None` if rows were not to be stored.
    pub store: Option<String>,
    /// Variables that name a proxy, none of which was used.
    pub proxies: UnusedProxies,
}

/// Variables that name a proxy and lead no measured request through it.
pub struct UnusedProxies {
    /// Those that are set.
    pub variables: Vec<String>,
    /// Providers that are measured through a proxy of their own.
    pub elsewhere: Vec<String>,
}

impl UnusedProxies {
    /// What the settings say.
    pub fn of(settings: &Settings) -> Self {
        let proxied = settings.hosts.iter().filter(|host| host.proxy.is_some());
        Self {
            variables: settings.proxy_variables(),
            elsewhere: proxied.map(|host| host.name.clone()).collect(),
        }
    }

    /// The sentence beside failures to connect, where a proxy may be what is missing.
    fn sentence(&self, models: &[ModelReport]) -> Option<String> {
        let unconnected = |model: &&ModelReport| {
            let mut samples = model.failures.values().flat_map(|group| &group.samples);
            samples.any(|sample| sample.stage == FailureStage::Connect)
        };
        let direct = |model: &ModelReport| !self.elsewhere.contains(&model.model.provider);
        let concerned = models.iter().filter(unconnected).any(direct);
        let (verb, names) = match self.variables.as_slice() {
            [] => return None,
            [one] => ("is", one.clone()),
            several => ("are", several.join(", ")),
        };
        concerned.then(|| {
            format!("note: {names} {verb} set; measured requests do not use a proxy of the environment: see --proxy")
        })
    }
}

/// Prints the report and judges the run.
///
/// # Errors
/// A failed write to standard output or a file.
pub fn finish(ended: FinishedRun) -> Result<Exit, CommandError> {
    let recorder = Rc::into_inner(ended.recorder)
        .ok_or_else(|| CommandError::usage("requests are still running").exit(Exit::Interrupted))?;
    let RecordedRuns { models, dialect, delivery, last } = recorder.close();
    let ended_at = Utc::now();
    let report = Report {
        started_at: ended.started_at,
        ended_at,
        asked: asked(&ended.asked, &ended.load),
        load: load(&ended.load, &ended.tallies, &delivery, ended.planned),
        models,
        dialect,
    };
    let checked = check_all(&ended.gates, &report, &ended.history);
    show(&report, &checked, last.as_deref(), ended.view, !ended.allow_undecided, ended.terminal)?;
    if let Some(sentence) = ended.proxies.sentence(&report.models) {
        print::note(&sentence);
    }
    report_delivery(&delivery, ended.view.quiet);
    tell_next(&delivery, ended.store.as_deref(), ended.view, &ended.terminal);
    if let Some(error) = delivery.output_error {
        return Err(CommandError::usage(error).exit(Exit::No));
    }
    Ok(status(
        &report.models,
        checked.iter().any(|checked| checked.verdict.fails(!ended.allow_undecided)),
        delivery.failed,
        ended_by(&delivery, ended.interrupted),
        delivery.waiting.len() as u64 + delivery.lost,
    ))
}

fn ended_by(delivery: &DeliverySummary, interrupted: bool) -> RunEndCause {
    match (delivery.reader_left, interrupted) {
        (true, _) => RunEndCause::Reader,
        (false, true) => RunEndCause::Signal,
        (false, false) => RunEndCause::Plan,
    }
}

fn asked(asked: &RequestOptions, load: &LoadSpec) -> RunParameters {
    RunParameters {
        profile: asked.profile.id.clone(),
        max_output_tokens: asked.profile.max_output_tokens,
        connection: asked.connection,
        concurrency: u32::try_from(load.concurrency).ok(),
        rate: load.rate.map(|rate| rate.per_second),
    }
}

fn load(
    shape: &LoadSpec,
    tallies: &[LoadOutcome],
    delivery: &DeliverySummary,
    planned: Option<u64>,
) -> LoadReport {
    let started = tallies.iter().map(|tally| tally.started).sum();
    let stopped: Vec<&str> = tallies.iter().filter_map(|tally| tally.stopped_early.as_deref()).collect();
    LoadReport {
        planned,
        started,
        late_starts: if shape.rate.is_some() { delivery.late_starts } else { 0 },
        max_delay: delivery.max_delay,
        rate_requested: shape.rate.map(|rate| rate.per_second),
        rate_achieved: tallies.iter().filter_map(LoadOutcome::rate).reduce(f64::min),
        stopped_early: stopped.first().map(|reason| (*reason).to_owned()),
    }
}

fn show(
    report: &Report,
    checked: &[GateResult],
    last: Option<&Run>,
    wanted: ReportOptions,
    undecided_fails: bool,
    terminal: Terminal,
) -> Result<(), CommandError> {
    let plain = ReportView::new(Terminal { colour: false, ..terminal }, false);
    let text = if wanted.json {
        json::text(report, checked)
    } else if wanted.markdown {
        markdown::summary(report, checked, undecided_fails, wanted.sort)
    } else if wanted.lines || wanted.quiet {
        String::new()
    } else {
        let view = ReportView::new(terminal, wanted.verbose);
        let drawn = last.filter(|_| wanted.verbose).map(|run| run_details::drawing(run, &view));
        run_report::report(report, checked, wanted.sort, &view) + &drawn.unwrap_or_default()
    };
    print::data(&text)
        .map_err(|error| CommandError::usage(format!("cannot write the report: {error}")).exit(Exit::No))?;
    let table = !(text.is_empty() || wanted.json || wanted.markdown);
    if !table {
        // Without the table, an exit status would explain nothing: neither a gate that tripped nor a run that failed.
        let told: Vec<GateResult> =
            checked.iter().filter(|checked| checked.verdict.fails(true)).cloned().collect();
        gates::lines(&told, &plain).iter().for_each(|line| print::note(line));
    }
    if wanted.quiet && !wanted.json && !wanted.markdown && !wanted.lines {
        run_report::failures(report, &plain).iter().for_each(|line| print::note(line));
    }
    Ok(())
}

/// Prints for people where the rows are and the commands to show them again.
fn tell_next(delivery: &DeliverySummary, store: Option<&str>, wanted: ReportOptions, terminal: &Terminal) {
    let for_people = terminal.stderr_tty && !(wanted.quiet || wanted.json || wanted.markdown || wanted.lines);
    if let Some(store) = store.filter(|_| for_people && delivery.waiting.is_empty() && delivery.lost == 0) {
        print::note(&format!("stored in {store}; to see it again: llmbench results list"));
    }
}

/// Waiting rows are an error, not a note: reported however quiet the run was.
fn report_delivery(delivery: &DeliverySummary, quiet: bool) {
    let why = delivery.store_error.as_deref().unwrap_or("unknown");
    if delivery.caught_up > 0 && !quiet {
        let results = units::counted(delivery.caught_up as u64, "result");
        print::note(&format!("the store was away for a while ({why}); {results} waited and are stored now"));
    }
    if delivery.lost > 0 {
        print::note(&format!(
            "error: {} results were stored nowhere; they are printed above ({why})",
            delivery.lost
        ));
    }
    if let Some(first) = delivery.waiting.first() {
        let more = match delivery.waiting.len() {
            1 => String::new(),
            n => format!(" and {} more beside it", n - 1),
        };
        print::note(&format!(
            "error: the store did not take every result ({why})\nThey wait in {}{more}; the next run delivers them",
            first.display()
        ));
    }
}

fn status(
    models: &[ModelReport],
    gate_failed: bool,
    failed: u64,
    ended_by: RunEndCause,
    unstored: u64,
) -> Exit {
    // A model without a success is a failure only if the run was not ended early.
    let nothing = ended_by == RunEndCause::Plan && models.iter().any(|model| model.successes == 0);
    if ended_by == RunEndCause::Signal {
        Exit::Interrupted
    } else if unstored > 0 {
        Exit::NotStored
    } else if gate_failed || failed > 0 || nothing {
        Exit::No
    } else {
        Exit::Yes
    }
}
