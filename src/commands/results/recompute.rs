//! `llmbench results recompute`: computes the figures of stored runs again from their receipts.

use crate::cli::results::ResultsRecomputeArgs;
use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};
use crate::commands::interrupt::Interrupt;
use crate::commands::scope::{read_error, scope, window};
use crate::commands::{stdout, unknown_names};
use crate::measure::receipt::{self, Receipt};
use crate::output::print;
use crate::output::progress_counter::ProgressCounter;
use crate::output::recompute::{self, ChangedFigure, RecomputeReport, RecomputedRun};
use crate::storage::Store;
use crate::storage::history::row_pages::{RowQuery, RowSource};
use crate::storage::history::{HistoryFilter, RunSeries};
use serde_json::{Map, Value};

/// The fields that are read: who, when, the receipt, and every figure that follows from it.
const FIELDS: &[&str] = &[
    "_id",
    "provider",
    "model_name",
    "run_ts",
    receipt::FIELD,
    "generate_time",
    "tokens_per_second",
    "generated_tokens_per_second",
    "visible_tokens_per_second",
    "decode_tokens_per_second",
    "time_to_first_token",
    "time_to_first_reasoning_token",
    "ttft_available",
    "times_between_tokens",
    "inter_token_latency",
    "time_to_64_visible_tokens_seconds",
    "ttft_beyond_rtt",
    "max_stall_seconds",
    "stream_resolution",
    "visible_stream_chunks",
    "max_tokens_per_chunk",
];

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
            RowQuery { table: RowSource::Runs(series), scope: scope.clone(), fields: Some(FIELDS) };
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
            let figures = differences(&row, receipt);
            let list = if current { &mut report.differing } else { &mut report.older };
            list.extend((!figures.is_empty()).then(|| named(&row, figures, None)));
        }
    }
}

fn named(row: &Map<String, Value>, figures: Vec<ChangedFigure>, trouble: Option<String>) -> RecomputedRun {
    let mut kept = Map::new();
    for name in ["_id", "provider", "model_name", "run_ts"] {
        kept.insert(name.to_owned(), row.get(name).cloned().unwrap_or_default());
    }
    RecomputedRun { row: kept, figures, trouble }
}

/// The figures whose stored value is not the one that follows from the receipt.
fn differences(row: &Map<String, Value>, receipt: Receipt) -> Vec<ChangedFigure> {
    let figures = receipt.recompute();
    let computed = [serde_json::to_value(figures.speeds), serde_json::to_value(figures.stream)];
    let computed = computed.into_iter().flatten().filter_map(|value| match value {
        Value::Object(fields) => Some(fields),
        _ => None,
    });
    computed
        .flatten()
        .filter_map(|(name, recomputed)| {
            let stored = row.get(&name).cloned().unwrap_or_default();
            let withheld = name == "tokens_per_second" && stored.is_null();
            let same = withheld || is_same(&stored, &recomputed);
            (!same).then_some(ChangedFigure { name, stored, recomputed })
        })
        .collect()
}

/// Equal bit for bit; a whole number counts as the float that it is.
fn is_same(stored: &Value, recomputed: &Value) -> bool {
    match (stored, recomputed) {
        (Value::Number(_), Value::Number(_)) => {
            let bits = |value: &Value| value.as_f64().map(f64::to_bits);
            bits(stored) == bits(recomputed)
        }
        (Value::Array(stored), Value::Array(recomputed)) => {
            stored.len() == recomputed.len()
                && stored.iter().zip(recomputed).all(|(stored, recomputed)| is_same(stored, recomputed))
        }
        _ => stored == recomputed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::testing::run;
    use serde_json::json;

    #[test]
    fn every_figure_that_follows_from_a_receipt_is_read() {
        let run = run("groq", "m", 0.2);
        for value in [serde_json::to_value(run.speeds), serde_json::to_value(run.stream)] {
            for name in value.unwrap().as_object().unwrap().keys() {
                assert!(FIELDS.contains(&name.as_str()), "{name}");
            }
        }
    }

    #[test]
    fn the_last_bit_of_a_figure_counts() {
        let next = |value: f64| json!(f64::from_bits(value.to_bits() + 1));
        assert!(is_same(&json!(0.1), &json!(0.1)) && !is_same(&json!(0.1), &next(0.1)));
        assert!(is_same(&json!(3), &json!(3.0)) && is_same(&json!([1.5, 2]), &json!([1.5, 2.0])));
        assert!(!is_same(&json!([1.5]), &json!([1.5, 2.0])) && !is_same(&json!(null), &json!(0.0)));
        assert!(is_same(&json!("token"), &json!("token")) && !is_same(&json!("token"), &json!("burst")));
    }
}
