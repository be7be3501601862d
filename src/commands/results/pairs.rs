//! `llmbench results pairs`: joins stored rows to pairs of a cold and a warm request, and says what connecting costs.

use crate::cli::results::ResultsPairsArgs;
use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};
use crate::commands::scope::{read_error, scope, window};
use crate::commands::{stdout, unknown_names};
use crate::domain::ModelRef;
use crate::domain::pair::COUNTERPART;
use crate::domain::run::Quality;
use crate::measure::paired::{HalfTtft, PairReport, PairTally};
use crate::output::pairs::PairSeries;
use crate::output::{pairs, print};
use crate::storage::Store;
use crate::storage::history::row_pages::{RowQuery, RowSource};
use crate::storage::history::{HistoryFilter, RunSeries};
use chrono::Duration;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};

/// The default window.
const WEEK: Duration = Duration::days(7);

const FIELDS: &[&str] = &[
    "provider",
    "model_name",
    "pair_id",
    "pair_position",
    "route_endpoint_tag",
    "benchmark_profile_id",
    "sample_role",
    "connection",
    "time_to_first_token",
    "suspect",
    "ttft_suspect",
    "decode_suspect",
];

/// Runs the command and returns its exit status.
///
/// # Errors
/// An invalid window, a store that cannot be read.
pub async fn run(args: ResultsPairsArgs, context: Context) -> Result<Exit, CommandError> {
    let scope = scope(&args.of, window(&args.window, Some(WEEK))?)?;
    let store = context.open_store().await?;
    unknown_names::provider(&scope, &context, &*store).await?;
    let models = read(&*store, &scope).await?;
    if args.json {
        stdout::document(&pairs::list_document(&models, &scope.window))?;
    } else if models.is_empty() {
        let week = if args.window.since.is_none() { " of the last 7 days" } else { "" };
        print::note(&format!(
            "no pair{week} is stored that fits; `llmbench run --paired` and profiles with `paired = true` make some"
        ));
        unknown_names::hint_at_model(&scope, &*store)
            .await
            .map_err(|error| read_error("reading names", error))?;
    } else {
        stdout::text(&pairs::list(&models, &context.view(args.wide)))?;
    }
    Ok(Exit::Yes)
}

/// A pair, as far as its rows were read.
struct StoredPair {
    series: PairSeries,
    cold: HalfTtft,
    warm: HalfTtft,
    cold_first: bool,
}

/// The pairs of each question to each endpoint.
async fn read(
    store: &dyn Store,
    scope: &HistoryFilter,
) -> Result<BTreeMap<PairSeries, PairReport>, CommandError> {
    let mut found: HashMap<String, StoredPair> = HashMap::new();
    let runs = RunSeries::ALL.into_iter().map(RowSource::Runs);
    for table in runs.chain([RowSource::Errors]) {
        let mut pages = store.pages(RowQuery { table, scope: scope.clone(), fields: Some(FIELDS) });
        while let Some(page) = pages.next().await.map_err(|error| read_error("reading rows", error))? {
            page.rows().for_each(|text| join(text, table == RowSource::Errors, &mut found));
        }
    }
    let mut tallies: BTreeMap<PairSeries, PairTally> = BTreeMap::new();
    for StoredPair { series, cold, warm, cold_first } in found.into_values() {
        tallies.entry(series).or_default().add(cold, warm, cold_first);
    }
    Ok(tallies.into_iter().map(|(series, tally)| (series, tally.report())).collect())
}

/// Adds a row to its pair, if it is of one. A failed half leaves its place in the pair empty.
fn join(text: &str, failed: bool, found: &mut HashMap<String, StoredPair>) {
    let Ok(row) = serde_json::from_str::<Map<String, Value>>(text) else { return };
    let word = |name: &str| row.get(name).and_then(Value::as_str);
    let (Some(id), Some(provider), Some(model)) = (word("pair_id"), word("provider"), word("model_name"))
    else {
        return;
    };
    let counterpart = word("sample_role") == Some(COUNTERPART);
    let pair = found.entry(id.to_owned()).or_insert_with(|| StoredPair {
        series: PairSeries {
            model: measured(ModelRef::new(provider, model), word("route_endpoint_tag")),
            profile: word("benchmark_profile_id").map(str::to_owned),
        },
        cold: HalfTtft::Missing,
        warm: HalfTtft::Missing,
        cold_first: counterpart != (row.get("pair_position").and_then(Value::as_u64) == Some(1)),
    });
    if !failed {
        *(if counterpart { &mut pair.warm } else { &mut pair.cold }) = half(&row, counterpart);
    }
}

/// The model with its endpoint, if a router has it.
pub(super) fn measured(model: ModelRef, endpoint: Option<&str>) -> ModelRef {
    match endpoint.filter(|_| model.is_routed() && model.endpoint_tag().is_none()) {
        Some(tag) => model.pinned(tag),
        None => model,
    }
}

fn half(row: &Map<String, Value>, counterpart: bool) -> HalfTtft {
    let wanted = if counterpart { "warm" } else { "cold" };
    let flag = |name: &str| row.get(name).and_then(Value::as_bool).unwrap_or(false);
    let quality = Quality {
        suspect: flag("suspect"),
        ttft_suspect: flag("ttft_suspect"),
        decode_suspect: flag("decode_suspect"),
        ..Quality::default()
    };
    match row.get("connection").and_then(Value::as_str) {
        Some(had) if had == wanted => {
            HalfTtft::of_figures(row.get("time_to_first_token").and_then(Value::as_f64), &quality)
        }
        _ => HalfTtft::Missing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn row(pair: &str, position: u64, role: &str, connection: &str, ttft: f64) -> String {
        json!({"provider": "groq", "model_name": "m", "pair_id": pair, "pair_position": position,
            "sample_role": role, "connection": connection, "time_to_first_token": ttft, "suspect": false})
        .to_string()
    }

    fn joined(rows: &[(String, bool)]) -> Vec<(HalfTtft, HalfTtft, bool)> {
        let mut found = HashMap::new();
        rows.iter().for_each(|(text, failed)| join(text, *failed, &mut found));
        let mut pairs: Vec<_> = found.into_iter().collect();
        pairs.sort_by(|(one, _), (other, _)| one.cmp(other));
        pairs.into_iter().map(|(_, pair)| (pair.cold, pair.warm, pair.cold_first)).collect()
    }

    #[test]
    fn rows_are_joined_whichever_comes_first_and_a_missing_half_stays_missing() {
        let rows = [
            (row("a", 1, "published", "cold", 0.3), false),
            (row("b", 1, COUNTERPART, "warm", 0.2), false),
            (row("a", 2, COUNTERPART, "warm", 0.2), false),
            (row("b", 2, "manual", "cold", 0.4), false),
            (row("c", 1, COUNTERPART, "cold", 0.4), false),
            (row("d", 2, COUNTERPART, "warm", 0.4), true),
            (row("d", 1, "published", "cold", 0.4), false),
            (r#"{"provider":"groq","model_name":"m","pair_id":null}"#.to_owned(), false),
            ("no document".to_owned(), false),
        ];
        let (sound, missing) = (HalfTtft::Sound, HalfTtft::Missing);
        let expected = [
            (sound(0.3), sound(0.2), true),
            (sound(0.4), sound(0.2), false),
            // A counterpart that had to connect is a cold request, and no half of this pair.
            (missing, missing, false),
            (sound(0.4), missing, true),
        ];
        assert_eq!(joined(&rows), expected);
        let reversed: Vec<_> = rows.into_iter().rev().collect();
        assert_eq!(joined(&reversed), expected, "in whatever order rows are read");
    }

    proptest! {
        #[test]
        fn no_stored_row_breaks_the_joining(
            fields in prop::collection::vec((prop::sample::select(FIELDS), "(\"[a-z]{0,4}\"|[0-9]{1,3}|-1e9|null|true|\\[\\])"), 0..12),
            failed: bool,
        ) {
            let text = format!("{{{}}}", fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect::<Vec<_>>().join(","));
            let mut found = HashMap::new();
            join(&text, failed, &mut found);
            prop_assert!(found.len() <= 1);
        }
    }
}
