//! `llmbench results recompute`: computes the figures of stored runs again from their receipts.

use crate::cli::results::ResultsRecomputeArgs;
use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};
use crate::commands::interrupt::Interrupt;
use crate::commands::scope::{read_error, scope, window};
use crate::commands::{stdout, unknown_names};
use crate::measure::receipt::{self, Receipt};
use crate::measure::receipt_figures::{ChangedFigure, FIGURES, changed, computed};
use crate::output::print;
use crate::output::progress_counter::ProgressCounter;
use crate::output::recompute::{self, RecomputeReport, RecomputedRun};
use crate::storage::Store;
use crate::storage::history::row_pages::{RowQuery, RowSource};
use crate::storage::history::{HistoryFilter, RunSeries};
use serde_json::{Map, Value};
use std::sync::LazyLock;

/// The fields that are read: who, when, the receipt, and every figure that follows from it.
static FIELDS: LazyLock<Vec<&str>> = LazyLock::new(|| [WHO, &[receipt::FIELD], FIGURES].concat());

/// The fields by which a run is named.
const WHO: &[&str] = &["_id", "provider", "model_name", "run_ts"];

/// Runs the command and returns its exit status.
///
/// # Errors
/// An invalid window, a store that cannot be read, an interrupt.
pub async fn run(args: ResultsRecomputeArgs, context: Context) -> Result<Exit, CommandError> {
    let scope = scope(&args.of, window(&args.window, None)?)?;
    let store = context.open_store().await?;
    unknown_names::provider(&scope, &context, &*store).await?;
    let interrupt = Interrupt::listen()
        .map_err(|error| CommandError::usage(format!("no signal handler can be set: {error}")))?;
    let mut counter = ProgressCounter::start("runs", &context.terminal, args.quiet || args.json);
    let read = tokio::select! {
        report = read(&*store, &scope, &mut counter) => report,
        () = interrupt.stop.cancelled() => Err(CommandError::usage("interrupted").exit(Exit::Interrupted)),
    };
    counter.done();
    let report = read?;
    if args.json {
        stdout::document(&recompute::document(&report))?;
    } else {
        stdout::text(&recompute::list(&report, &context.view(args.wide)))?;
        if !args.quiet {
            print::note(&recompute::summary(&report));
        }
    }
    Ok(if report.is_clean() { Exit::Yes } else { Exit::No })
}

async fn read(
    store: &dyn Store,
    scope: &HistoryFilter,
    counter: &mut ProgressCounter,
) -> Result<RecomputeReport, CommandError> {
    let mut report = RecomputeReport::default();
    for series in RunSeries::ALL {
        let question =
            RowQuery { table: RowSource::Runs(series), scope: scope.clone(), fields: Some(&FIELDS) };
        let mut pages = store.pages(question);
        while let Some(page) = pages.next().await.map_err(|error| read_error("reading runs", error))? {
            page.rows().for_each(|text| examine(text, &mut report));
            counter.more(page.len() as u64);
        }
    }
    Ok(report)
}

/// Adds a row to the report. A text that is no document has no receipt.
fn examine(text: &str, report: &mut RecomputeReport) {
    report.runs += 1;
    let Ok(row) = serde_json::from_str::<Map<String, Value>>(text) else { return };
    let Some(text) = row.get(receipt::FIELD).filter(|receipt| !receipt.is_null()) else { return };
    report.receipts += 1;
    match Receipt::read(text.as_str().unwrap_or_default()) {
        Err(error) => report.unreadable.push(named(&row, Vec::new(), Some(error.to_string()))),
        Ok(receipt) => {
            let current = receipt.is_current();
            let figures = changed(&row, &computed(receipt));
            let list = if current { &mut report.differing } else { &mut report.older };
            list.extend((!figures.is_empty()).then(|| named(&row, figures, None)));
        }
    }
}

fn named(row: &Map<String, Value>, figures: Vec<ChangedFigure>, trouble: Option<String>) -> RecomputedRun {
    let mut kept = Map::new();
    for name in WHO {
        kept.insert((*name).to_owned(), row.get(*name).cloned().unwrap_or_default());
    }
    RecomputedRun { row: kept, figures, trouble }
}
