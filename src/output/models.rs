//! Formats models of the catalog for people and programs: a table that fits the terminal, JSON, CSV, bare ids, and all
//! details of one model.

use super::catalog_changes::{self, ChangeView};
use super::list_report::{Column, ListReport};
use super::view::ReportView;
use super::{csv as cells, json as document, ranking, run_report, text, units};
use crate::domain::publication::LaneRanking;
use crate::domain::window::ago;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::io;

/// The schema of the list, described by `docs/schema/models_list.schema.json`.
pub const SCHEMA: &str = "llmbench.models.list/1";
/// The schema of the details.
pub const DETAILS_SCHEMA: &str = "llmbench.models.show/1";

/// A model with the figures of its last day. The field names are those of JSON and CSV.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[allow(missing_docs, reason = "the names are the contract's and the schema's")]
pub struct ModelRow {
    pub provider: String,
    pub model: String,
    pub display_name: Option<String>,
    pub enabled: bool,
    pub deprecated: bool,
    pub status: Option<String>,
    pub freshness: String,
    pub only_suspect: bool,
    #[serde(serialize_with = "document::maybe_instant")]
    pub last_success_at: Option<DateTime<Utc>>,
    pub successes_24h: u64,
    pub failures_24h: u64,
    pub success_rate_24h: Option<f64>,
    pub ttft_median_24h: Option<f64>,
    pub tokens_per_second_median_24h: Option<f64>,
    pub last_error_kind: Option<String>,
    pub last_error_message: Option<String>,
    pub disabled_reason: Option<String>,
    pub disabled_class: Option<String>,
    pub disabled_at: Option<String>,
    pub disabled_by: Option<String>,
    pub disabled_until: Option<String>,
    pub ttft_median_24h_low: Option<f64>,
    pub ttft_median_24h_high: Option<f64>,
    pub tokens_per_second_median_24h_low: Option<f64>,
    pub tokens_per_second_median_24h_high: Option<f64>,
}

/// The list as a document, serialized directly: thousands of rows need no tree first.
#[derive(Serialize)]
struct ModelListDocument<'a> {
    schema: &'static str,
    as_of: String,
    models: &'a [ModelRow],
}

#[derive(Debug, Clone, PartialEq)]
pub struct ModelDetails {
    pub row: ModelRow,
    /// Every field of the entry.
    pub entry: Map<String, Value>,
    /// The key under which readers draw it with other providers' models, and since when.
    pub identity: Option<(String, DateTime<Utc>)>,
    /// How far each of its lanes is from a place in the dashboard's ranking.
    pub rankings: Vec<LaneRanking>,
    /// The newest changes of the model.
    pub changes: Vec<ChangeView>,
}

#[derive(Debug, Clone, Copy)]
pub struct ModelsTableOptions {
    /// Models that are off: the reason and the date instead of figures.
    pub off: bool,
    /// Shows every column, uncut.
    pub wide: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ModelsColumn {
    Provider,
    Model,
    Name,
    Freshness,
    LastSuccess,
    Success,
    Ttft,
    TtftInterval,
    Rate,
    RateInterval,
    Since,
    By,
    Class,
    Reason,
}

use ModelsColumn::{
    By, Class, Freshness, LastSuccess, Model, Name, Provider, Rate, RateInterval, Reason, Since, Success,
    Ttft, TtftInterval,
};

const EVERY: &[ModelsColumn] = &[
    Provider,
    Model,
    Name,
    Freshness,
    LastSuccess,
    Success,
    Ttft,
    TtftInterval,
    Rate,
    RateInterval,
    Since,
    By,
    Class,
    Reason,
];
const FIGURES: &[ModelsColumn] =
    &[Provider, Model, Name, Freshness, LastSuccess, Success, Ttft, Rate, Reason];
const OFF: &[ModelsColumn] = &[Provider, Model, Name, Since, By, Class, Reason];

/// The table, at most as wide as the terminal if stdout is one; empty if there is no row.
pub fn table(rows: &[ModelRow], wanted: ModelsTableOptions, now: DateTime<Utc>, view: &ReportView) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let columns = if wanted.wide {
        EVERY
    } else if wanted.off {
        OFF
    } else {
        FIGURES
    };
    let list =
        columns.iter().fold(ListReport::new(rows), |list, column| column.join(list, wanted.off, now, view));
    list.screen(&ReportView { verbose: wanted.wide, ..*view })
}

impl ModelsColumn {
    /// For models that are off the reason matters most and stays on narrow terminals.
    fn join<'a>(
        self,
        list: ListReport<'a, ModelRow>,
        off: bool,
        now: DateTime<Utc>,
        view: &'a ReportView,
    ) -> ListReport<'a, ModelRow> {
        const NOTHING: &[&str] = &["", "-"];
        let column = |title| Column::new(title).silent(NOTHING);
        let number = |title| Column::number(title).silent(NOTHING);
        let words = |text: &Option<String>| text.as_deref().map_or_else(|| "-".to_owned(), text::one_line);
        let last_success =
            move |row: &ModelRow| row.last_success_at.map_or_else(|| "-".to_owned(), |at| ago(at, now));
        match self {
            Provider => list.column(column("PROVIDER").rank(1), |row| row.provider.clone()),
            Model => list.column(column("MODEL").free(), |row| row.model.clone()),
            Name => list.column(column("DISPLAY NAME").free().rank(10), display_name),
            Freshness => list.column(column("FRESHNESS"), state),
            LastSuccess => list.column(column("LAST OK").rank(7), last_success),
            Success => list.column(number("OK 24H").rank(3), success_rate),
            Ttft => list.column(number("TTFT").rank(2), |row| ttft(row, view)),
            TtftInterval => list.column(number("TTFT 95 %").rank(11), |row| ttft_interval(row, view)),
            Rate => list.column(number("TOK/S").rank(6), rate),
            RateInterval => list.column(number("TOK/S 95 %").rank(11), rate_interval),
            Since => list.column(column("SINCE").rank(4), |row| day(row.disabled_at.as_ref())),
            By => list.column(column("BY").rank(8), move |row| words(&row.disabled_by)),
            Class => list.column(column("CLASS").rank(5), move |row| words(&row.disabled_class)),
            Reason => list.column(column("REASON").free().rank(if off { 0 } else { 9 }), reason),
        }
    }
}

/// The display name; a dash if it is missing or equals the id.
fn display_name(row: &ModelRow) -> String {
    let name = row.display_name.as_ref().filter(|name| **name != row.model);
    name.map_or_else(|| "-".to_owned(), |name| text::one_line(name))
}

fn success_rate(row: &ModelRow) -> String {
    row.success_rate_24h.map_or_else(|| "-".to_owned(), units::share)
}

fn ttft(row: &ModelRow, view: &ReportView) -> String {
    let seconds = |value| units::seconds(value, view.terminal.unicode);
    row.ttft_median_24h.map_or_else(|| "-".to_owned(), seconds)
}

fn rate(row: &ModelRow) -> String {
    row.tokens_per_second_median_24h.map_or_else(|| "-".to_owned(), units::short_rate)
}

fn ttft_interval(row: &ModelRow, view: &ReportView) -> String {
    let seconds = |value| units::seconds(value, view.terminal.unicode);
    interval(row.ttft_median_24h_low, row.ttft_median_24h_high, seconds)
}

fn rate_interval(row: &ModelRow) -> String {
    interval(row.tokens_per_second_median_24h_low, row.tokens_per_second_median_24h_high, units::short_rate)
}

fn interval(low: Option<f64>, high: Option<f64>, cell: impl Fn(f64) -> String) -> String {
    low.zip(high).map_or_else(|| "-".to_owned(), |(low, high)| format!("{} to {}", cell(low), cell(high)))
}

/// The median with its interval, where it has one.
fn with_interval(median: String, interval: &str) -> String {
    if interval == "-" { median } else { format!("{median} (95 %: {interval})") }
}

/// The freshness; for a model that is off, the way in which it is off.
fn state(row: &ModelRow) -> String {
    let freshness = || match row.freshness.as_str() {
        // The stored word counts only successes; with failures beside it, "never run" would be wrong.
        "never_run" if row.failures_24h > 0 || row.last_error_kind.is_some() => "never_succeeded".to_owned(),
        "never_run" if row.only_suspect => "only_suspect".to_owned(),
        word => word.to_owned(),
    };
    match (&row.status, row.deprecated, row.enabled) {
        (_, _, true) => freshness(),
        (Some(status), _, false) => text::one_line(status),
        (None, true, false) => "deprecated".to_owned(),
        (None, false, false) => freshness(),
    }
}

/// The reason for which a model is off, or for which an enabled one fails.
fn reason(row: &ModelRow) -> String {
    let until = row.disabled_until.as_ref().map(|_| format!(" (until {})", day(row.disabled_until.as_ref())));
    match (&row.disabled_reason, &row.last_error_kind) {
        (Some(reason), _) => text::one_line(reason) + &until.unwrap_or_default(),
        (None, Some(kind)) if row.enabled => {
            let message = row.last_error_message.as_deref().unwrap_or_default();
            text::one_line(&format!("{kind}: {message}"))
        }
        _ => "-".to_owned(),
    }
}

/// The day of an instant; any other text unchanged.
fn day(at: Option<&String>) -> String {
    match at.map(|text| (text, DateTime::parse_from_rfc3339(text))) {
        None => "-".to_owned(),
        Some((_, Ok(at))) => at.to_utc().format("%Y-%m-%d").to_string(),
        Some((text, Err(_))) => text::one_line(text),
    }
}

/// `provider:model_id`, one per line. Names that would forge a line are left out: no command could take them.
pub fn ids(rows: &[ModelRow]) -> String {
    let names = rows.iter().map(|row| format!("{}:{}", row.provider, row.model));
    names.filter(|name| !name.chars().any(char::is_control)).map(|name| name + "\n").collect()
}

/// The list as one indented document, ending in a line break.
pub fn json(rows: &[ModelRow], now: DateTime<Utc>) -> String {
    let list = ModelListDocument { schema: SCHEMA, as_of: document::time(now), models: rows };
    // Rows of texts, numbers and flags cannot fail to serialize.
    serde_json::to_string_pretty(&list).unwrap_or_default() + "\n"
}

/// The list as CSV with a header, cells disarmed as in every CSV.
///
/// # Errors
/// Passed on from the writer, which writes to memory.
pub fn csv(rows: &[ModelRow]) -> io::Result<String> {
    cells::sheet(rows)
}

/// All details of these models, for people.
pub fn stories(stories: &[ModelDetails], now: DateTime<Utc>, view: &ReportView) -> String {
    let shown: Vec<String> =
        stories.iter().map(|details| details_lines(details, now, view).join("\n")).collect();
    shown.join("\n\n") + "\n"
}

fn details_lines(details: &ModelDetails, now: DateTime<Utc>, view: &ReportView) -> Vec<String> {
    let row = &details.row;
    let width = view.terminal.width;
    let name = text::escape(&format!("{}:{}", row.provider, row.model));
    let mut lines: Vec<String> =
        text::wrap(&name, width, 0).iter().map(|line| view.paint().heading(line)).collect();
    let freshness = [("state", state(row)), ("last success", last_success(row, now, view))];
    let counted = format!("{} ok, {} failed", row.successes_24h, row.failures_24h);
    let figures = [
        ("last 24 hours", counted),
        ("median TTFT", with_interval(ttft(row, view), &ttft_interval(row, view))),
        ("median tok/s", with_interval(rate(row), &rate_interval(row))),
        (
            "last error",
            if row.last_error_kind.is_some() && row.enabled { last_error(row) } else { "-".to_owned() },
        ),
    ];
    let identity = details.identity.as_ref().map(|(key, since)| {
        ("canonical key", format!("{} (since {})", text::one_line(key), run_report::time(*since, view.zone)))
    });
    let fields = details.entry.iter().filter(|(name, _)| !matches!(name.as_str(), "provider" | "model_id"));
    let fields: Vec<(&str, String)> =
        fields.map(|(name, value)| (name.as_str(), text::one_line(&plain(value)))).collect();
    let ranking = details.rankings.iter().map(|lane| ("ranking", ranking::line(lane)));
    for (title, value) in freshness.into_iter().chain(figures).chain(ranking).chain(identity).chain(fields) {
        lines.extend(text::wrap(&format!("{}: {value}", text::escape(title)), width, 2));
    }
    if !details.changes.is_empty() {
        lines.push("  changes:".to_owned());
        lines.extend(catalog_changes::of_model(&details.changes, view));
    }
    lines
}

fn last_success(row: &ModelRow, now: DateTime<Utc>, view: &ReportView) -> String {
    row.last_success_at.map_or_else(
        || "-".to_owned(),
        |at| format!("{} ({})", run_report::time(at, view.zone), ago(at, now)),
    )
}

fn last_error(row: &ModelRow) -> String {
    let words = |text: &Option<String>| text.as_deref().map_or_else(String::new, text::one_line);
    format!("{}: {}", words(&row.last_error_kind), words(&row.last_error_message))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

pub fn stories_json(stories: &[ModelDetails], now: DateTime<Utc>) -> String {
    let details = |details: &ModelDetails| {
        let changes: Vec<Value> = details.changes.iter().map(catalog_changes::change).collect();
        let rankings: Vec<Value> = details.rankings.iter().map(ranking::json).collect();
        let identity = details.identity.as_ref();
        let identity = identity
            .map(|(key, since)| json!({ "canonical_key": key, "effective_from": document::time(*since) }));
        json!({ "model": details.row, "identity": identity, "ranking": rankings,
            "entry": details.entry, "changes": changes })
    };
    let stories: Vec<Value> = stories.iter().map(details).collect();
    format!("{:#}\n", json!({ "schema": DETAILS_SCHEMA, "as_of": document::time(now), "models": stories }))
}
