//! Models of the catalog for people and programs: a table as wide as there is room, JSON, CSV, bare ids, and the whole
//! story of one.

use super::catalog_changes::{self, ChangeView};
use super::run_report::ReportView;
use super::{csv as cells, grid, json as document, run_report, text, units};
use crate::domain::window::ago;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::io;

/// The name and version of the list's form; described by `docs/schema/models_list.schema.json`.
pub const SCHEMA: &str = "llmbench.models.list/1";
/// The same of the form of whole stories.
pub const DETAILS_SCHEMA: &str = "llmbench.models.show/1";

/// A model with the figures of its last day. The names of its fields are those of JSON and CSV.
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
}

/// The list as programs read it, written as it is: thousands of rows need no tree first.
#[derive(Serialize)]
struct ModelListDocument<'a> {
    schema: &'static str,
    as_of: String,
    models: &'a [ModelRow],
}

/// All that is known about a model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelDetails {
    /// The row of the list.
    pub row: ModelRow,
    /// Every field of the entry.
    pub entry: Map<String, Value>,
    /// Its newest changes.
    pub changes: Vec<ChangeView>,
}

/// Which table.
#[derive(Debug, Clone, Copy)]
pub struct ModelsTableOptions {
    /// Models that are off: why and since when, instead of figures.
    pub off: bool,
    /// Every column, whole.
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
    Rate,
    Since,
    By,
    Class,
    Reason,
}

use ModelsColumn::{
    By, Class, Freshness, LastSuccess, Model, Name, Provider, Rate, Reason, Since, Success, Ttft,
};

const EVERY: &[ModelsColumn] =
    &[Provider, Model, Name, Freshness, LastSuccess, Success, Ttft, Rate, Since, By, Class, Reason];
const FIGURES: &[ModelsColumn] =
    &[Provider, Model, Name, Freshness, LastSuccess, Success, Ttft, Rate, Reason];
const OFF: &[ModelsColumn] = &[Provider, Model, Name, Since, By, Class, Reason];

/// The table, no wider than the terminal where somebody looks at one; nothing where there is no row.
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
    let mut cells: Vec<Vec<String>> =
        rows.iter().map(|row| columns.iter().map(|column| column.cell(row, now, view)).collect()).collect();
    // A column without any content says nothing.
    for place in 0..columns.len() {
        if cells.iter().all(|row| row[place] == "-") {
            cells.iter_mut().for_each(|row| row[place].clear());
        }
    }
    let shape: Vec<grid::Column> = columns.iter().map(|column| column.shape(wanted.off)).collect();
    let limit = view.terminal.text_limit().filter(|_| !wanted.wide);
    let mut lines = grid::lines(&shape, &cells, limit, view.terminal.unicode);
    if let Some(header) = lines.first_mut() {
        *header = view.paint().heading(header);
    }
    lines.join("\n") + "\n"
}

impl ModelsColumn {
    /// Its title, and when narrow terminals do without it. Of models that are off, the reason is what matters.
    fn shape(self, off: bool) -> grid::Column {
        use grid::Column;
        match self {
            Provider => Column::new("PROVIDER").rank(1),
            Model => Column::new("MODEL").free(),
            Name => Column::new("DISPLAY NAME").free().rank(10),
            Freshness => Column::new("FRESHNESS"),
            LastSuccess => Column::new("LAST OK").rank(7),
            Success => Column::number("OK 24H").rank(3),
            Ttft => Column::number("TTFT").rank(2),
            Rate => Column::number("TOK/S").rank(6),
            Since => Column::new("SINCE").rank(4),
            By => Column::new("BY").rank(8),
            Class => Column::new("CLASS").rank(5),
            Reason if off => Column::new("REASON").free(),
            Reason => Column::new("REASON").free().rank(9),
        }
    }

    fn cell(self, row: &ModelRow, now: DateTime<Utc>, view: &ReportView) -> String {
        let unicode = view.terminal.unicode;
        let words = |text: &Option<String>| text.as_deref().map_or_else(|| "-".to_owned(), text::one_line);
        match self {
            Provider => text::escape(&row.provider),
            Model => text::escape(&row.model),
            // A name that is the id says nothing new.
            Name if row.display_name.as_ref() == Some(&row.model) => "-".to_owned(),
            Name => words(&row.display_name),
            Freshness => state(row),
            LastSuccess => row.last_success_at.map_or_else(|| "-".to_owned(), |at| ago(at, now)),
            Success => row.success_rate_24h.map_or_else(|| "-".to_owned(), units::share),
            Ttft => {
                row.ttft_median_24h.map_or_else(|| "-".to_owned(), |value| units::seconds(value, unicode))
            }
            Rate => row.tokens_per_second_median_24h.map_or_else(|| "-".to_owned(), units::short_rate),
            Since => day(row.disabled_at.as_ref()),
            By => words(&row.disabled_by),
            Class => words(&row.disabled_class),
            Reason => reason(row),
        }
    }
}

/// The freshness; of a model that is off, in which way.
fn state(row: &ModelRow) -> String {
    let freshness = || match row.freshness.as_str() {
        // The stored word counts successes alone, and somebody who sees failures beside it knows that it ran.
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

/// Why a model is off, or why one that is on fails.
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

/// The day of an instant; whatever else stands there as it is.
fn day(at: Option<&String>) -> String {
    match at.map(|text| (text, DateTime::parse_from_rfc3339(text))) {
        None => "-".to_owned(),
        Some((_, Ok(at))) => at.to_utc().format("%Y-%m-%d").to_string(),
        Some((text, Err(_))) => text::one_line(text),
    }
}

/// `provider:model_id`, one a line. Names that would forge a line are left out: nobody could pass them on.
pub fn ids(rows: &[ModelRow]) -> String {
    let names = rows.iter().map(|row| format!("{}:{}", row.provider, row.model));
    names.filter(|name| !name.chars().any(char::is_control)).map(|name| name + "\n").collect()
}

/// The list as one document, indented, ending in a line break.
pub fn json(rows: &[ModelRow], now: DateTime<Utc>) -> String {
    let list = ModelListDocument { schema: SCHEMA, as_of: document::time(now), models: rows };
    // Rows of texts, numbers and flags: nothing in them can fail.
    serde_json::to_string_pretty(&list).unwrap_or_default() + "\n"
}

/// The list as CSV with a header, cells disarmed as in every CSV.
///
/// # Errors
/// What the writer says.
pub fn csv(rows: &[ModelRow]) -> io::Result<String> {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    let header = json!(ModelRow::default());
    writer.write_record(header.as_object().into_iter().flat_map(Map::keys))?;
    for row in rows {
        let fields = json!(row);
        writer.write_record(fields.as_object().into_iter().flat_map(Map::values).map(
            |value| match value {
                Value::Null => String::new(),
                Value::String(text) => cells::disarm(text),
                other => other.to_string(),
            },
        ))?;
    }
    let bytes = writer.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
    String::from_utf8(bytes).map_err(io::Error::other)
}

/// All that is known about these models, for people.
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
    let figure = |column: ModelsColumn| column.cell(row, now, view);
    let counted = format!("{} ok, {} failed", row.successes_24h, row.failures_24h);
    let figures = [
        ("last 24 hours", counted),
        ("median TTFT", figure(Ttft)),
        ("median tok/s", figure(Rate)),
        (
            "last error",
            if row.last_error_kind.is_some() && row.enabled { last_error(row) } else { "-".to_owned() },
        ),
    ];
    let fields = details.entry.iter().filter(|(name, _)| !matches!(name.as_str(), "provider" | "model_id"));
    let fields: Vec<(&str, String)> =
        fields.map(|(name, value)| (name.as_str(), text::one_line(&plain(value)))).collect();
    for (title, value) in freshness.into_iter().chain(figures).chain(fields) {
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

/// The same as one document.
pub fn stories_json(stories: &[ModelDetails], now: DateTime<Utc>) -> String {
    let details = |details: &ModelDetails| {
        let changes: Vec<Value> = details.changes.iter().map(catalog_changes::change).collect();
        json!({ "model": details.row, "entry": details.entry, "changes": changes })
    };
    let stories: Vec<Value> = stories.iter().map(details).collect();
    format!("{:#}\n", json!({ "schema": DETAILS_SCHEMA, "as_of": document::time(now), "models": stories }))
}
