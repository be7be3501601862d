//! The end of a run: the report, the gates, what became of the rows, and the exit status that follows from all of it.

use super::ledger::{Fate, Ledger};
use super::question::AskedOf;
use crate::cli::run::SortArg;
use crate::commands::exit::{CommandError, Exit};
use crate::measure::gate::{Checked, check_all};
use crate::measure::load::{Shape, Tally};
use crate::measure::report::{Asked, LoadReport, Report};
use crate::measure::{Gate, ModelReport};
use crate::output::side_by_side::Sort;
use crate::output::terminal::Terminal;
use crate::output::view::{self, View};
use crate::output::{json, print, units};
use chrono::{DateTime, Utc};
use std::rc::Rc;

/// What people or scripts want to see.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// One JSON document.
    pub json: bool,
    /// Lines were written to standard output as runs ended.
    pub lines: bool,
    /// What several models stand sorted by.
    pub sort: Sort,
    /// Nothing but errors.
    pub quiet: bool,
    /// Phases, clocks, quality.
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

/// What ended a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EndedBy {
    /// Everything that was asked for was measured.
    Plan,
    /// The reader of standard output has gone.
    Reader,
    /// Ctrl-C or SIGTERM.
    Signal,
}

/// A run that has ended.
pub struct Ended {
    /// Where its outcomes went.
    pub ledger: Rc<Ledger>,
    /// How its lanes ended.
    pub tallies: Vec<Tally>,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// Requests that were planned.
    pub planned: Option<u64>,
    /// What was asked.
    pub asked: AskedOf,
    /// How much.
    pub load: Shape,
    /// Its gates.
    pub gates: Vec<Gate>,
    /// Whether a signal ended it.
    pub interrupted: bool,
    /// What is shown.
    pub view: Wanted,
    /// Where.
    pub terminal: Terminal,
    /// The store, in words; none where rows were not to be kept.
    pub store: Option<String>,
}

/// Reports and judges.
///
/// # Errors
/// Standard output or a file that takes no more.
pub fn finish(ended: Ended) -> Result<Exit, CommandError> {
    let ledger = Rc::into_inner(ended.ledger)
        .ok_or_else(|| CommandError::usage("requests are still running").exit(Exit::Interrupted))?;
    let (models, fate) = ledger.close();
    let ended_at = Utc::now();
    let report = Report {
        started_at: ended.started_at,
        ended_at,
        asked: asked(&ended.asked, &ended.load),
        load: load(&ended.load, &ended.tallies, &fate, ended.planned),
        models,
    };
    let checked = check_all(&ended.gates, &report);
    show(&report, &checked, ended.view, ended.terminal)?;
    tell_fate(&fate, ended.view.quiet);
    tell_next(&fate, ended.store.as_deref(), ended.view, &ended.terminal);
    if let Some(error) = fate.output_error {
        return Err(CommandError::usage(error).exit(Exit::No));
    }
    Ok(status(
        &report.models,
        &checked,
        fate.failed,
        ended_by(&fate, ended.interrupted),
        fate.waiting.len() as u64 + fate.lost,
    ))
}

fn ended_by(fate: &Fate, interrupted: bool) -> EndedBy {
    match (fate.reader_left, interrupted) {
        (true, _) => EndedBy::Reader,
        (false, true) => EndedBy::Signal,
        (false, false) => EndedBy::Plan,
    }
}

fn asked(asked: &AskedOf, load: &Shape) -> Asked {
    Asked {
        profile: asked.profile.id.clone(),
        max_output_tokens: asked.profile.max_output_tokens,
        connection: asked.connection,
        concurrency: u32::try_from(load.concurrency).ok(),
        rate: load.rate.map(|rate| rate.per_second),
    }
}

fn load(shape: &Shape, tallies: &[Tally], fate: &Fate, planned: Option<u64>) -> LoadReport {
    let started = tallies.iter().map(|tally| tally.started).sum();
    let stopped: Vec<&str> = tallies.iter().filter_map(|tally| tally.stopped_early.as_deref()).collect();
    LoadReport {
        planned,
        started,
        late_starts: if shape.rate.is_some() { fate.late_starts } else { 0 },
        max_delay: fate.max_delay,
        rate_requested: shape.rate.map(|rate| rate.per_second),
        rate_achieved: tallies.iter().filter_map(Tally::rate).reduce(f64::min),
        stopped_early: stopped.first().map(|reason| (*reason).to_owned()),
    }
}

fn show(
    report: &Report,
    checked: &[Checked],
    wanted: Wanted,
    terminal: Terminal,
) -> Result<(), CommandError> {
    let plain = View::new(Terminal { colour: false, ..terminal }, false);
    let text = if wanted.json {
        json::text(report, checked)
    } else if wanted.lines || wanted.quiet {
        String::new()
    } else {
        view::report(report, checked, wanted.sort, &View::new(terminal, wanted.verbose))
    };
    print::data(&text)
        .map_err(|error| CommandError::usage(format!("cannot write the report: {error}")).exit(Exit::No))?;
    if text.is_empty() || wanted.json {
        // Without the table, an exit status would explain nothing: neither a gate that tripped nor a run that failed.
        let tripped: Vec<Checked> =
            checked.iter().filter(|checked| checked.verdict.trips()).cloned().collect();
        view::gates(&tripped, &plain).iter().for_each(|line| print::note(line));
    }
    if wanted.quiet && !wanted.json && !wanted.lines {
        view::failures(report, &plain).iter().for_each(|line| print::note(line));
    }
    Ok(())
}

/// Says to people where the rows are and how to see them again.
fn tell_next(fate: &Fate, store: Option<&str>, wanted: Wanted, terminal: &Terminal) {
    let for_people = terminal.stderr_tty && !(wanted.quiet || wanted.json || wanted.lines);
    if let Some(store) = store.filter(|_| for_people && fate.waiting.is_empty() && fate.lost == 0) {
        print::note(&format!("stored in {store}; to see it again: llmbench results list"));
    }
}

/// Where rows wait is an error, not a note: it is said however quiet the run was.
fn tell_fate(fate: &Fate, quiet: bool) {
    let why = fate.store_error.as_deref().unwrap_or("unknown");
    if fate.caught_up > 0 && !quiet {
        let results = units::counted(fate.caught_up as u64, "result");
        print::note(&format!("the store was away for a while ({why}); {results} waited and are stored now"));
    }
    if fate.lost > 0 {
        print::note(&format!("error: {} results are nowhere but above ({why})", fate.lost));
    }
    if let Some(first) = fate.waiting.first() {
        let more = match fate.waiting.len() {
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
    checked: &[Checked],
    failed: u64,
    ended_by: EndedBy,
    unstored: u64,
) -> Exit {
    // What nobody waited for is no failure.
    let nothing = ended_by == EndedBy::Plan && models.iter().any(|model| model.successes == 0);
    let tripped = checked.iter().any(|checked| checked.verdict.trips());
    if ended_by == EndedBy::Signal {
        Exit::Interrupted
    } else if unstored > 0 {
        Exit::NotStored
    } else if tripped || failed > 0 || nothing {
        Exit::No
    } else {
        Exit::Yes
    }
}
