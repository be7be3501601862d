//! `llmbench results cost`: sums what stored rows cost, page by page, and foresees the month.

use crate::cli::cost::{CostByArg, ResultsCostArgs};
use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};
use crate::commands::scope::{read_error, scope, window};
use crate::commands::{stdout, unknown_names};
use crate::domain::cost::{CallCost, CostTally, MonthSpend, PriceHistory};
use crate::domain::daemon_config::DaemonConfig;
use crate::domain::listing::listed_id;
use crate::domain::{ModelRef, Window};
use crate::export::{fields, scalar, words};
use crate::output::cost::{self, CostGroup, CostReport};
use crate::output::print;
use crate::storage::history::row_pages::{RowQuery, RowSource};
use crate::storage::history::{HistoryFilter, MOST_GROUPS, RunSeries};
use crate::storage::{Store, StoreError};
use chrono::{DateTime, Duration, Utc};
use std::collections::{HashMap, HashSet};

/// The default window.
const MONTH: Duration = Duration::days(30);

/// The key of all groups beyond [`MOST_GROUPS`].
const OTHERS: &str = "others";

const FIELDS: &[&str] = &[
    // A page has the time of a row where the row has it.
    "run_ts",
    "ts",
    "provider",
    "model_name",
    "benchmark_profile_id",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "first_event_seconds",
    "slot_at",
    "measured_by",
];

/// Runs the command and returns its exit status.
///
/// # Errors
/// An invalid window, a store that cannot be read.
pub async fn run(args: ResultsCostArgs, context: Context) -> Result<Exit, CommandError> {
    let scope = scope(&args.of, window(&args.window, Some(MONTH))?)?;
    let store = context.open_store().await?;
    unknown_names::provider(&scope, &context, &*store).await?;
    let failed = |error| read_error("reading prices", error);
    let prices = RowPrices::read(&*store, scope.provider.as_deref(), &context.settings.daemon_config)
        .await
        .map_err(failed)?;
    let mut sums = CostSums::new(args.by, scope.window, Utc::now());
    sums.read(&*store, &scope, &prices).await.map_err(|error| read_error("reading rows", error))?;
    let report = sums.report();
    if args.json {
        stdout::document(&cost::document(&report))?;
    } else if report.groups.is_empty() {
        let month = if args.window.since.is_none() { " of the last 30 days" } else { "" };
        print::note(&format!("no row{month} is stored that fits"));
        unknown_names::hint_at_model(&scope, &*store)
            .await
            .map_err(|error| read_error("reading names", error))?;
    } else {
        stdout::text(&cost::list(&report, &context.view(args.wide)))?;
    }
    Ok(Exit::Yes)
}

/// What tells the price of a row that does not state its cost.
struct RowPrices<'a> {
    config: &'a DaemonConfig,
    listed: HashMap<ModelRef, PriceHistory>,
    /// Models that are measured now.
    measured: HashSet<ModelRef>,
}

impl<'a> RowPrices<'a> {
    async fn read(
        store: &dyn Store,
        provider: Option<&str>,
        config: &'a DaemonConfig,
    ) -> Result<Self, StoreError> {
        let listed = store.listed(provider).await?;
        let listed = listed.into_iter().map(|row| {
            let history = PriceHistory::of(&row);
            (ModelRef::new(row.provider, row.model_id), history)
        });
        let measured = store.measured_models().await?;
        let measured =
            measured.into_iter().filter(|known| known.measured).map(|known| known.model.unpinned());
        Ok(Self { config, listed: listed.collect(), measured: measured.collect() })
    }

    fn cost(&self, row: &CostRow, model: &ModelRef, at: DateTime<Utc>) -> CallCost {
        if row.failed && !row.answered {
            return CallCost::Refused;
        }
        if let Some(usd) = row.cost {
            return CallCost::Known(usd);
        }
        let id = listed_id(&model.provider, &model.model_id);
        let listed = self.listed.get(&ModelRef::new(&model.provider, id)).and_then(|prices| prices.at(at));
        let price = self.config.price(model, listed).zip(row.input.zip(row.output));
        price.map_or(CallCost::Unknown, |(price, (input, output))| CallCost::Known(price.usd(input, output)))
    }
}

/// Sums of everything that was read; as large as there are groups.
struct CostSums {
    by: CostByArg,
    window: Window,
    groups: HashMap<Option<String>, CostTally>,
    total: CostTally,
    month: MonthSpend,
    now: DateTime<Utc>,
}

impl CostSums {
    fn new(by: CostByArg, window: Window, now: DateTime<Utc>) -> Self {
        let (groups, total) = (HashMap::new(), CostTally::default());
        Self { by, window, groups, total, month: MonthSpend::new(now), now }
    }

    /// Reads the rows of the window, and those that the forecast needs.
    async fn read(
        &mut self,
        store: &dyn Store,
        scope: &HistoryFilter,
        prices: &RowPrices<'_>,
    ) -> Result<(), StoreError> {
        let from = self.window.from.map(|from| from.min(self.month.from()));
        let scope = HistoryFilter { window: Window { from, to: None }, ..scope.clone() };
        let runs = RunSeries::ALL.into_iter().map(RowSource::Runs);
        for table in runs.chain([RowSource::Errors]) {
            let mut pages = store.pages(RowQuery { table, scope: scope.clone(), fields: Some(FIELDS) });
            while let Some(page) = pages.next().await? {
                for (at, text) in (0..page.len()).filter_map(|place| page.get(place)) {
                    if let Some(at) = DateTime::from_timestamp_millis(at) {
                        self.add(CostRow::read(text, table == RowSource::Errors), prices, at);
                    }
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, row: CostRow, prices: &RowPrices<'_>, at: DateTime<Utc>) {
        let Some(model) = row.model() else { return };
        let cost = prices.cost(&row, &model, at);
        self.month.add(at, cost, row.planned && prices.measured.contains(&model));
        let inside =
            self.window.from.is_none_or(|from| at >= from) && self.window.to.is_none_or(|to| at < to);
        if !inside {
            return;
        }
        let (input, output) = (row.input, row.output);
        let key = match self.by {
            CostByArg::Provider => Some(model.provider),
            CostByArg::Model => Some(model.to_string()),
            CostByArg::Profile => row.profile,
            CostByArg::Day => Some(at.date_naive().to_string()),
        };
        let full = self.groups.len() >= MOST_GROUPS && !self.groups.contains_key(&key);
        let key = if full { Some(OTHERS.to_owned()) } else { key };
        self.groups.entry(key).or_default().add(cost, input, output);
        self.total.add(cost, input, output);
    }

    /// Days in their order, everything else with the dearest first.
    fn report(self) -> CostReport {
        let groups = self.groups.into_iter().map(|(key, tally)| CostGroup { key, tally });
        let mut groups: Vec<CostGroup> = groups.collect();
        groups.sort_by(|one, other| one.key.cmp(&other.key));
        if self.by != CostByArg::Day {
            groups.sort_by(|one, other| {
                other.tally.usd.total_cmp(&one.tally.usd).then(other.tally.calls.cmp(&one.tally.calls))
            });
        }
        let by = match self.by {
            CostByArg::Provider => "provider",
            CostByArg::Model => "model",
            CostByArg::Profile => "profile",
            CostByArg::Day => "day",
        };
        CostReport { as_of: self.now, window: self.window, by, groups, total: self.total, month: self.month }
    }
}

/// The fields of a row that matter here.
#[derive(Debug, Default, PartialEq)]
struct CostRow {
    provider: Option<String>,
    model: Option<String>,
    profile: Option<String>,
    input: Option<u64>,
    output: Option<u64>,
    cost: Option<f64>,
    failed: bool,
    /// True if an answer had begun.
    answered: bool,
    /// True if a daemon made the call, ours or the Python runner's.
    planned: bool,
}

impl CostRow {
    /// Reads a row of any writer; unreadable values are missing.
    fn read(text: &str, failed: bool) -> Self {
        let mut row = Self { failed, ..Self::default() };
        let (mut slot, mut ours) = (false, false);
        let whole = fields(text, |name, value| match name.as_ref() {
            "provider" => row.provider = words(value),
            "model_name" => row.model = words(value),
            "benchmark_profile_id" => row.profile = words(value),
            "input_tokens" => row.input = count(value),
            "output_tokens" => row.output = count(value),
            "cost_usd" => row.cost = number(value),
            "first_event_seconds" => row.answered = number(value).is_some(),
            "slot_at" => slot = value != "null",
            "measured_by" => ours = value != "null",
            _ => {}
        });
        row.planned = slot || !ours;
        // A truncated row has neither provider nor model: all of it is left out.
        if whole.is_ok() { row } else { Self::default() }
    }

    fn model(&self) -> Option<ModelRef> {
        Some(ModelRef::new(self.provider.clone()?, self.model.clone()?))
    }
}

fn number(text: &str) -> Option<f64> {
    scalar(text)?.as_f64().filter(|number| number.is_finite() && *number >= 0.0)
}

/// A count, which some writers keep as a double.
fn count(text: &str) -> Option<u64> {
    number(text).filter(|number| number.fract() == 0.0 && *number < 1e15).map(|number| number as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rows_of_any_writer_are_read_as_far_as_they_go() {
        let row = CostRow::read(
            r#"{"provider":"groq","model_name":"m","benchmark_profile_id":7,"input_tokens":20.0,"output_tokens":"many",
            "cost_usd":0.5,"slot_at":"2026-11-23T12:00:00Z","measured_by":"llmbench/0.1.0"}"#,
            false,
        );
        assert_eq!((row.model(), row.profile.as_ref()), (Some(ModelRef::new("groq", "m")), None));
        assert_eq!((row.input, row.output, row.cost, row.planned), (Some(20), None, Some(0.5), true));
        let by_hand =
            CostRow::read(r#"{"provider":"a","model_name":"b","measured_by":"llmbench/0.1.0"}"#, false);
        let pythons = CostRow::read(r#"{"provider":"a","model_name":"b"}"#, false);
        assert_eq!((by_hand.planned, pythons.planned), (false, true));
        for text in ["{}", "no document", "[]", r#"{"provider":"groq","model_name":"#] {
            assert_eq!(CostRow::read(text, false).model(), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_stored_row_breaks_the_sums(
            fields in prop::collection::vec((prop::sample::select(FIELDS), "(\"[a-z]{0,4}\"|[0-9]{1,3}|-1e9|1e300|null|true|\\[\\])"), 0..12),
            failed: bool,
        ) {
            let text = format!("{{{}}}", fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect::<Vec<_>>().join(","));
            let prices = RowPrices { config: &DaemonConfig::default(), listed: HashMap::new(), measured: HashSet::new() };
            let mut sums = CostSums::new(CostByArg::Model, Window::default(), Utc::now());
            sums.add(CostRow::read(&text, failed), &prices, Utc::now());
            prop_assert!(sums.total.usd >= 0.0 && sums.groups.len() <= 1);
        }
    }
}
