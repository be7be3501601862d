//! Reads the stored series that gates compare a run with (`--fail-if 'ttft_p50>1.3x'`), before anything is measured: a store
//! that cannot be read costs no money then, and the run itself is no part of its own history.

use super::outcome_target::StoreOrBridge;
use super::request_options::{CUSTOM_PROFILE, RequestOptions};
use super::selection::SelectedTarget;
use crate::cli::run::RunArgs;
use crate::commands::bridge;
use crate::commands::context::Context;
use crate::commands::exit::CommandError;
use crate::commands::scope::read_error;
use crate::domain::Window;
use crate::domain::canary::is_beside_series;
use crate::export::{fields, scalar, words};
use crate::measure::Gate;
use crate::measure::compare::RunStratum;
use crate::measure::gate::history::{GateHistory, SeriesHistory, StoredRunFacts};
use crate::measure::gate::{STORED_METRICS, stored_field};
use crate::measure::load::LoadSpec;
use crate::measure::metrics::METRICS;
use crate::measure::report::RequestedConnection;
use crate::storage::Store;
use crate::storage::history::row_pages::{RowQuery, RowSource};
use crate::storage::history::{HistoryFilter, RunSeries};
use chrono::{TimeDelta, Utc};
use std::collections::BTreeSet;

/// The default of `--baseline`.
const WEEK: TimeDelta = TimeDelta::days(7);

const FIELDS: &[&str] = &[
    // A page has the time of a row where the row has it.
    "run_ts",
    "runner",
    "benchmark_profile_id",
    "connection",
    "sample_role",
    "suspect",
    "ttft_suspect",
    "decode_suspect",
    "definitions_version",
    "proxy",
    "route_endpoint_tag",
    STORED_METRICS[0].1,
    STORED_METRICS[1].1,
    STORED_METRICS[2].1,
    STORED_METRICS[3].1,
    STORED_METRICS[4].1,
    STORED_METRICS[5].1,
    STORED_METRICS[6].1,
    STORED_METRICS[7].1,
    STORED_METRICS[8].1,
    STORED_METRICS[9].1,
];

/// The indices of the metrics that gates hold against history.
fn metrics(gates: &[Gate]) -> BTreeSet<usize> {
    gates.iter().filter_map(Gate::history_metric).collect()
}

/// Checks, before a store is opened, that there can be a history to compare with.
///
/// # Errors
/// Status 2 for flags that leave none.
pub(super) fn check(
    args: &RunArgs,
    gates: &[Gate],
    asked: &RequestOptions,
    context: &Context,
) -> Result<(), CommandError> {
    let Some(gate) = gates.iter().find(|gate| gate.history_metric().is_some()) else {
        let flag = match (args.baseline, args.allow_undecided) {
            (Some(_), _) => "--baseline",
            (_, true) => "--allow-undecided",
            _ => return Ok(()),
        };
        return Err(CommandError::usage(format!(
            "{flag} is for conditions that compare with stored runs, and there is none"
        ))
        .hint("write one: --fail-if 'ttft_p50>1.3x'"));
    };
    let refused = |why: &str| CommandError::usage(format!("--fail-if '{gate}' {why}"));
    if args.no_store {
        return Err(refused("compares with stored runs, and --no-store opens no store")
            .hint("leave out --no-store, or write a threshold without history: --fail-if 'ttft_p50>2s'"));
    }
    if bridge::is_named(context) {
        return Err(refused("compares with stored runs, and a bridge gives none back")
            .hint("run it where the store itself can be reached (--store), or write a threshold: --fail-if 'ttft_p50>2s'"));
    }
    if asked.profile.id == CUSTOM_PROFILE {
        return Err(refused(
            "compares with stored runs of the same question, and rows of a question made of flags do not tell which it was",
        )
        .hint("give the question a name in the configuration, [profiles.NAME], and ask it with --profile NAME"));
    }
    Ok(())
}

/// Reads what is stored of each model in the circumstances of the run. Without a gate against history nothing is read.
///
/// # Errors
/// Those of the store.
pub(super) async fn read(
    args: &RunArgs,
    gates: &[Gate],
    place: Option<&StoreOrBridge>,
    subjects: &[SelectedTarget],
    asked: &RequestOptions,
    load: &LoadSpec,
) -> Result<GateHistory, CommandError> {
    let metrics = metrics(gates);
    let Some(StoreOrBridge::Store(store)) = place.filter(|_| !metrics.is_empty()) else {
        return Ok(GateHistory::default());
    };
    let now = Utc::now();
    let length = args.baseline.and_then(|length| TimeDelta::from_std(length).ok()).unwrap_or(WEEK);
    let window = Window { from: Some(now - length), to: Some(now) };
    let connection = match asked.connection {
        RequestedConnection::Cold | RequestedConnection::Paired => "cold",
        RequestedConnection::Warm => "warm",
    };
    let mut history = GateHistory {
        window: Some((now - length, now)),
        stratum: RunStratum {
            // A row that a program writes into a store itself names no runner.
            runner: None,
            profile: Some(asked.profile.id.clone()),
            connection: Some(connection.to_owned()),
        },
        under_load: load.rate.is_some() || load.concurrency > 1,
        ..GateHistory::default()
    };
    for subject in subjects {
        let series = of_model(&**store, subject, window, &history.stratum, &metrics).await?;
        history.models.insert(subject.subject.model.clone(), series);
    }
    Ok(history)
}

async fn of_model(
    store: &dyn Store,
    subject: &SelectedTarget,
    window: Window,
    stratum: &RunStratum,
    metrics: &BTreeSet<usize>,
) -> Result<SeriesHistory, CommandError> {
    let model = &subject.subject.model;
    let scope = HistoryFilter {
        window,
        provider: Some(model.provider.clone()),
        model: Some(model.served_id().to_owned()),
        ..HistoryFilter::default()
    };
    let (tag, proxied) = (model.endpoint_tag(), subject.subject.route.host.proxy.is_some());
    let mut found = SeriesHistory::default();
    for series in RunSeries::ALL {
        let table = RowSource::Runs(series);
        let mut pages = store.pages(RowQuery { table, scope: scope.clone(), fields: Some(FIELDS) });
        while let Some(page) = pages.next().await.map_err(|error| read_error("reading stored runs", error))? {
            for (at, text) in (0..page.len()).filter_map(|place| page.get(place)) {
                let Some(mut row) = BaselineRow::read(text, metrics) else { continue };
                row.facts.at = at;
                row.facts.same_route =
                    row.proxied == proxied && (tag.is_none() || row.endpoint.as_deref() == tag);
                found.add(&row.facts, stratum, &row.values);
            }
        }
    }
    Ok(found)
}

/// A stored run as far as it matters here.
#[derive(Debug, Default, PartialEq)]
struct BaselineRow {
    facts: StoredRunFacts,
    proxied: bool,
    endpoint: Option<String>,
    /// Values by metric.
    values: Vec<(usize, f64)>,
}

impl BaselineRow {
    /// Reads a row of any writer; `None` for a counterpart of a pair, for the daily question of a canary, and for a text that
    /// is no document. Unreadable values are missing.
    fn read(text: &str, metrics: &BTreeSet<usize>) -> Option<Self> {
        let mut row = Self::default();
        let mut other = false;
        let whole = fields(text, |name, value| match name.as_ref() {
            "runner" => row.facts.stratum.runner = words(value),
            "benchmark_profile_id" => row.facts.stratum.profile = words(value),
            "connection" => row.facts.stratum.connection = words(value),
            "sample_role" => other = is_beside_series(words(value).as_deref()),
            "suspect" => row.facts.quality.suspect = value == "true",
            "ttft_suspect" => row.facts.quality.ttft_suspect = value == "true",
            "decode_suspect" => row.facts.quality.decode_suspect = value == "true",
            "definitions_version" => row.facts.definitions = value.parse().ok(),
            "proxy" => row.proxied = words(value).is_some(),
            "route_endpoint_tag" => row.endpoint = words(value),
            name => {
                let of_field = |metric: &&usize| stored_field(METRICS[**metric].key) == Some(name);
                let number = || scalar(value)?.as_f64();
                row.values.extend(metrics.iter().find(of_field).copied().zip(number()));
            }
        });
        (whole.is_ok() && !other).then_some(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::metrics::position;

    #[test]
    fn rows_of_any_writer_are_read_as_far_as_they_go() {
        let (ttft, tps) = (position("ttft").unwrap(), position("tps").unwrap());
        let read = |text: &str| BaselineRow::read(text, &BTreeSet::from([ttft, tps]));
        let row = read(
            r#"{"time_to_first_token":0.25,"tokens_per_second":"fast","generate_time":7,"connection":"warm",
            "benchmark_profile_id":"cloud-default-v1","ttft_suspect":true,"suspect":true,"proxy":"p:1","definitions_version":2}"#,
        )
        .unwrap();
        assert_eq!((row.values, row.proxied), (vec![(ttft, 0.25)], true));
        let (profile, connection) = (Some("cloud-default-v1".to_owned()), Some("warm".to_owned()));
        assert_eq!(row.facts.stratum, RunStratum { runner: None, profile, connection });
        assert_eq!((row.facts.definitions, row.facts.quality.ttft_suspect), (Some(2), true));
        assert_eq!(read(r#"{"sample_role":"counterpart"}"#), None);
        assert_eq!(read(r#"{"sample_role":"canary","benchmark_profile_id":"canary-v1"}"#), None);
        assert_eq!(read("no document"), None);
        assert_eq!(read("{}"), Some(BaselineRow::default()));
    }

    #[test]
    fn every_stored_metric_has_its_field() {
        assert!(STORED_METRICS.iter().all(|(_, field)| FIELDS.contains(field)));
    }
}
