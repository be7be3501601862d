//! Errors of a window in groups: the table for people with what to do about each kind, the document and the rows for
//! programs. How rows become groups is `commands::errors`.

use super::advice::{self, CatalogPresence};
use super::grid::{self, Column};
use super::run_report::ReportView;
use super::units::{self, counted};
use super::{json, row_fields, text};
use crate::domain::{ErrorGroup, FailureKind, Window};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

/// The name and version of the summary's document.
pub const SUMMARY: &str = "llmbench.errors.summary/1";

/// What errors are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorGrouping {
    /// `provider`.
    Provider,
    /// `provider` and `model_name`.
    Model,
    /// `error_kind`.
    Kind,
    /// What the message is about.
    Cause,
    /// `stage`.
    Stage,
    /// `fingerprint`.
    Fingerprint,
}

/// Errors that have something in common, beside all attempts at what they struck.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ErrorGroupRow {
    /// The errors.
    pub errors: ErrorGroup,
    /// All errors of the providers or models that these errors struck.
    pub errors_there: u64,
    /// All successes of the same.
    pub successes_there: u64,
}

/// A kind that occurred, and the model that it struck most.
#[derive(Debug, Clone, PartialEq)]
pub struct FailureAdvice {
    /// The kind.
    pub kind: FailureKind,
    /// How many.
    pub count: u64,
    /// Its provider.
    pub provider: String,
    /// The model.
    pub model: String,
    /// How it stands in the catalog, where that [matters](advice::asks_the_catalog).
    pub presence: CatalogPresence,
}

/// A limit on the share of errors.
#[derive(Debug, Clone, PartialEq)]
pub struct ErrorShareLimit {
    /// The highest share that is well.
    pub share: f64,
    /// What is above it, with its share; `None` where there was no attempt to judge by.
    pub over: Vec<(String, Option<f64>)>,
}

/// The errors of a window.
#[derive(Debug, Clone, PartialEq)]
pub struct ErrorSummary {
    /// The window.
    pub window: Window,
    /// What they are grouped by.
    pub by: ErrorGrouping,
    /// How many.
    pub errors: u64,
    /// Successes beside them.
    pub successes: u64,
    /// The groups, the largest first.
    pub groups: Vec<ErrorGroupRow>,
    /// Known kinds, the most frequent first.
    pub advised: Vec<FailureAdvice>,
    /// Whether groups were left out because there are too many.
    pub truncated: bool,
    /// The limit, if there is one.
    pub limit: Option<ErrorShareLimit>,
}

/// The share of errors among attempts.
pub fn error_rate(errors: u64, successes: u64) -> Option<f64> {
    let all = errors + successes;
    (all > 0).then(|| errors as f64 / all as f64)
}

impl ErrorGrouping {
    /// The word on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorGrouping::Provider => "provider",
            ErrorGrouping::Model => "model",
            ErrorGrouping::Kind => "kind",
            ErrorGrouping::Cause => "cause",
            ErrorGrouping::Stage => "stage",
            ErrorGrouping::Fingerprint => "fingerprint",
        }
    }
}

impl ErrorGroupRow {
    /// The share of successes among the attempts at what these errors struck.
    pub fn success_rate(&self) -> Option<f64> {
        error_rate(self.successes_there, self.errors_there)
    }

    /// `provider`, or `provider:model`, with a dash for what is missing.
    pub fn subject(&self, by: ErrorGrouping) -> String {
        let provider = self.errors.provider.as_deref().unwrap_or("-");
        match by {
            ErrorGrouping::Provider => provider.to_owned(),
            _ => format!("{provider}:{}", self.errors.model.as_deref().unwrap_or("-")),
        }
    }
}

/// The summary for people, ending in a line break.
pub fn summary(summary: &ErrorSummary, view: &ReportView) -> String {
    let mut lines = view.wrap(&heading(summary, view));
    if !summary.groups.is_empty() {
        lines.push(String::new());
        lines.extend(table(summary, view));
    }
    if summary.truncated {
        lines.push("More groups than can be shown: ask about less, with --provider or --since.".to_owned());
    }
    if !summary.advised.is_empty() {
        lines.push(String::new());
        lines.extend(advised(&summary.advised, view));
    }
    lines.join("\n") + "\n"
}

fn heading(summary: &ErrorSummary, view: &ReportView) -> String {
    let rate = error_rate(summary.errors, summary.successes);
    let rate = rate.map(|rate| format!(", error rate {}", units::share(rate))).unwrap_or_default();
    format!(
        "{}: {}, {}{rate}",
        window(&summary.window, view),
        counted(summary.errors, "error"),
        counted(summary.successes, "success")
    )
}

/// A window in words.
pub(super) fn window(window: &Window, view: &ReportView) -> String {
    let time = |at| super::run_report::time(at, view.zone);
    match (window.from, window.to) {
        (Some(from), Some(to)) => format!("From {} to {}", time(from), time(to)),
        (Some(from), None) => format!("Since {}", time(from)),
        (None, Some(to)) => format!("Until {}", time(to)),
        (None, None) => "Of all time".to_owned(),
    }
}

fn table(summary: &ErrorSummary, view: &ReportView) -> Vec<String> {
    let keys: &[Column] = match summary.by {
        ErrorGrouping::Provider => &[Column::new("PROVIDER")],
        ErrorGrouping::Model => &[Column::new("MODEL").free()],
        ErrorGrouping::Kind => &[Column::new("KIND")],
        ErrorGrouping::Cause => &[Column::new("CAUSE")],
        ErrorGrouping::Stage => &[Column::new("STAGE")],
        ErrorGrouping::Fingerprint => &[
            Column::new("FINGERPRINT"),
            Column::new("MODEL").free(),
            Column::new("KIND"),
            Column::new("STAGE").rank(5),
        ],
    };
    let columns: Vec<Column> = keys.iter().copied().chain(FIGURES).collect();
    let row = |group: &ErrorGroupRow| {
        key(group, summary.by).into_iter().chain(figures(group, summary, view)).collect()
    };
    let rows: Vec<Vec<String>> = summary.groups.iter().map(row).collect();
    let mut lines = grid::lines(&columns, &rows, view.limit(), view.terminal.unicode);
    if let Some(header) = lines.first_mut() {
        *header = view.paint().heading(header);
    }
    lines
}

const FIGURES: [Column; 6] = [
    Column::number("ERRORS"),
    Column::number("SHARE"),
    Column::number("SUCCESS").rank(1),
    Column::new("FIRST SEEN").rank(4),
    Column::new("LAST SEEN").rank(2),
    Column::new("NEWEST MESSAGE").free().rank(3),
];

/// How much of a fingerprint tells it from all others.
const FINGERPRINT: usize = 12;

fn key(group: &ErrorGroupRow, by: ErrorGrouping) -> Vec<String> {
    let word = |word: &Option<String>| word.as_deref().map_or_else(|| "-".to_owned(), text::escape);
    match by {
        ErrorGrouping::Provider | ErrorGrouping::Model => vec![text::escape(&group.subject(by))],
        ErrorGrouping::Kind => vec![word(&group.errors.kind)],
        ErrorGrouping::Cause => vec![word(&group.errors.cause)],
        ErrorGrouping::Stage => vec![word(&group.errors.stage)],
        ErrorGrouping::Fingerprint => vec![
            word(&group.errors.fingerprint).chars().take(FINGERPRINT).collect(),
            text::escape(&group.subject(by)),
            word(&group.errors.kind),
            word(&group.errors.stage),
        ],
    }
}

fn figures(group: &ErrorGroupRow, summary: &ErrorSummary, view: &ReportView) -> [String; 6] {
    let time = |at: Option<DateTime<Utc>>| {
        at.map_or_else(|| "-".to_owned(), |at| row_fields::short_time(at, view.zone))
    };
    let share = group.errors.count as f64 / summary.errors.max(1) as f64;
    [
        group.errors.count.to_string(),
        units::share(rounded(share)),
        group.success_rate().map_or_else(|| "-".to_owned(), |rate| units::share(rounded(rate))),
        time(group.errors.first),
        time(group.errors.last),
        group.errors.message.as_deref().map_or_else(|| "-".to_owned(), text::one_line),
    ]
}

/// To a tenth of a percent; what is neither all nor nothing never looks like it.
fn rounded(share: f64) -> f64 {
    let rounded = (share * 1e3).round() / 1e3;
    if share > 0.0 && share < 1.0 { rounded.clamp(0.001, 0.999) } else { rounded }
}

/// What to do about each kind: a sentence and a command.
pub(super) fn advised(kinds: &[FailureAdvice], view: &ReportView) -> Vec<String> {
    let paint = view.paint();
    let mut lines = vec![paint.heading("What to do")];
    for FailureAdvice { kind, count, provider, model, presence } in kinds {
        let advice = advice::advice_for(*kind, *presence);
        let sentence =
            format!("{kind}, {}: {}", counted(*count, "error"), advice::with_heading(&advice, *kind));
        lines.extend(text::wrap(&sentence, view.terminal.width, 2));
        // A command is copied: it is never cut or broken by us.
        lines.push(format!("    {}", paint.quiet(&advice::command(*kind, provider, model, *presence))));
    }
    lines
}

/// The summary for programs.
pub fn summary_document(summary: &ErrorSummary) -> Value {
    json!({
        "schema": SUMMARY,
        "from": summary.window.from.map(json::time),
        "to": summary.window.to.map(json::time),
        "by": summary.by.as_str(),
        "errors": summary.errors,
        "successes": summary.successes,
        "error_rate": error_rate(summary.errors, summary.successes),
        "truncated": summary.truncated,
        "groups": summary.groups.iter().map(|group| document(group, summary.errors)).collect::<Vec<_>>(),
        "advice": advice_document(&summary.advised),
        "limit": summary.limit.as_ref().map(limit_document),
    })
}

fn limit_document(limit: &ErrorShareLimit) -> Value {
    let over = |(name, rate): &(String, Option<f64>)| json!({ "name": name, "error_rate": rate });
    json!({ "max_error_rate": limit.share, "over": limit.over.iter().map(over).collect::<Vec<_>>() })
}

/// One group for programs.
pub(super) fn document(group: &ErrorGroupRow, errors: u64) -> Map<String, Value> {
    let document = json!({
        "provider": group.errors.provider,
        "model": group.errors.model,
        "kind": group.errors.kind,
        "cause": group.errors.cause,
        "stage": group.errors.stage,
        "fingerprint": group.errors.fingerprint,
        "errors": group.errors.count,
        "share": group.errors.count as f64 / errors.max(1) as f64,
        "successes": group.successes_there,
        "success_rate": group.success_rate(),
        "first_seen": group.errors.first.map(json::time),
        "last_seen": group.errors.last.map(json::time),
        "message": group.errors.message,
    });
    let Value::Object(fields) = document else { return Map::new() };
    fields
}

/// Advice for programs.
pub(super) fn advice_document(kinds: &[FailureAdvice]) -> Value {
    let one = |advised: &FailureAdvice| {
        json!({
            "kind": advised.kind.as_str(),
            "errors": advised.count,
            "advice": advice::advice_for(advised.kind, advised.presence),
            "command": advice::command(advised.kind, &advised.provider, &advised.model, advised.presence),
        })
    };
    kinds.iter().map(one).collect()
}

/// The columns of the summary as CSV: the fields of a group.
pub const COLUMNS: [&str; 13] = [
    "provider",
    "model",
    "kind",
    "cause",
    "stage",
    "fingerprint",
    "errors",
    "share",
    "successes",
    "success_rate",
    "first_seen",
    "last_seen",
    "message",
];

/// The groups as CSV, under one header whatever they are grouped by.
///
/// # Errors
/// None that a group can cause; passed on from the writer.
pub fn summary_csv(summary: &ErrorSummary) -> std::io::Result<String> {
    let rows: Vec<_> = summary.groups.iter().map(|group| document(group, summary.errors)).collect();
    super::csv::text(&COLUMNS, rows.iter())
}

/// One stored error as a line of `errors tail`.
pub fn line(row: &Map<String, Value>, view: &ReportView) -> String {
    let status = row_fields::word(row, "http_status");
    let status = if status == "-" { String::new() } else { format!(" HTTP {status}") };
    let message = row
        .get("message")
        .and_then(Value::as_str)
        .map_or_else(|| row_fields::word(row, "message"), text::one_line);
    let line = format!(
        "{}  {}  {} in {}{status}  {message}",
        row_fields::time(row, "ts", view.zone),
        row_fields::model(row),
        row_fields::word(row, "error_kind"),
        row_fields::word(row, "stage"),
    );
    match view.limit() {
        Some(limit) => text::cut(&line, limit, view.terminal.unicode),
        None => line,
    }
}
