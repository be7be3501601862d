//! Formats the errors of a window in groups: a table with advice for people, a document and rows for programs.
//! `commands::errors` does the grouping.

use super::advice::{self, CatalogPresence};
use super::list_report::{Column, ListReport};
use super::units::{self, counted};
use super::view::ReportView;
use super::{json, row_fields, text};
use crate::domain::{ErrorGroup, FailureKind, Window};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

pub const SUMMARY: &str = "llmbench.errors.summary/1";

/// The property that errors are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorGrouping {
    Provider,
    /// Both `provider` and `model_name`.
    Model,
    Kind,
    /// The topic of the message.
    Cause,
    Stage,
    Fingerprint,
}

/// Errors that have something in common, with the totals of the providers or models that they affected.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ErrorGroupRow {
    pub errors: ErrorGroup,
    /// All errors of the providers or models that these errors affected.
    pub errors_there: u64,
    /// All successes of the same providers or models.
    pub successes_there: u64,
}

/// A kind of failure that occurred, and the model that it affected most.
#[derive(Debug, Clone, PartialEq)]
pub struct FailureAdvice {
    pub kind: FailureKind,
    pub count: u64,
    pub provider: String,
    pub model: String,
    /// The model's state in the catalog, set if the advice [depends on it](advice::asks_the_catalog).
    pub presence: CatalogPresence,
}

/// A limit on the share of errors.
#[derive(Debug, Clone, PartialEq)]
pub struct ErrorShareLimit {
    /// The highest share that is acceptable, 0 to 1.
    pub share: f64,
    /// The groups above the limit, with their share; `None` if there was no attempt to judge by.
    pub over: Vec<(String, Option<f64>)>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ErrorSummary {
    pub window: Window,
    pub by: ErrorGrouping,
    pub errors: u64,
    /// Successes in the same window.
    pub successes: u64,
    /// The groups, the largest first.
    pub groups: Vec<ErrorGroupRow>,
    /// Known kinds, the most frequent first.
    pub advised: Vec<FailureAdvice>,
    /// True if groups were left out because there are too many.
    pub truncated: bool,
    pub limit: Option<ErrorShareLimit>,
}

/// The share of errors among attempts, 0 to 1.
pub fn error_rate(errors: u64, successes: u64) -> Option<f64> {
    let all = errors + successes;
    (all > 0).then(|| errors as f64 / all as f64)
}

impl ErrorGrouping {
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
    /// The share of successes among the attempts at the same providers or models, 0 to 1.
    pub fn success_rate(&self) -> Option<f64> {
        error_rate(self.successes_there, self.errors_there)
    }

    /// `provider`, or `provider:model`, with a dash for a missing name.
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
    with_figures(with_keys(ListReport::new(&summary.groups), summary.by), summary.errors, view).headed(view)
}

fn with_keys(list: ListReport<'_, ErrorGroupRow>, by: ErrorGrouping) -> ListReport<'_, ErrorGroupRow> {
    let subject = move |group: &ErrorGroupRow| group.subject(by);
    let kind = |group: &ErrorGroupRow| word(&group.errors.kind);
    let stage = |group: &ErrorGroupRow| word(&group.errors.stage);
    match by {
        ErrorGrouping::Provider => list.column(Column::new("PROVIDER"), subject),
        ErrorGrouping::Model => list.column(Column::new("MODEL").free(), subject),
        ErrorGrouping::Kind => list.column(Column::new("KIND"), kind),
        ErrorGrouping::Cause => list.column(Column::new("CAUSE"), |group| word(&group.errors.cause)),
        ErrorGrouping::Stage => list.column(Column::new("STAGE"), stage),
        ErrorGrouping::Fingerprint => list
            .column(Column::new("FINGERPRINT"), short_fingerprint)
            .column(Column::new("MODEL").free(), subject)
            .column(Column::new("KIND"), kind)
            .column(Column::new("STAGE").rank(5), stage),
    }
}

fn with_figures<'a>(
    list: ListReport<'a, ErrorGroupRow>,
    errors: u64,
    view: &'a ReportView,
) -> ListReport<'a, ErrorGroupRow> {
    let share = move |group: &ErrorGroupRow| group.errors.count as f64 / errors.max(1) as f64;
    let success = |rate: f64| units::share(rounded(rate));
    list.column(Column::number("ERRORS"), |group| group.errors.count.to_string())
        .column(Column::number("SHARE"), move |group| units::share(rounded(share(group))))
        .column(Column::number("SUCCESS").rank(1), move |group| {
            group.success_rate().map_or_else(|| "-".to_owned(), success)
        })
        .column(Column::new("FIRST SEEN").rank(4), |group| moment(group.errors.first, view))
        .column(Column::new("LAST SEEN").rank(2), |group| moment(group.errors.last, view))
        .column(Column::new("NEWEST MESSAGE").free().rank(3), newest_message)
}

/// A field of a group; a dash if the rows have none.
pub(super) fn word(word: &Option<String>) -> String {
    word.as_deref().map_or_else(|| "-".to_owned(), text::escape)
}

/// The first 12 characters of a fingerprint, enough to tell it from all others.
pub(super) fn short_fingerprint(group: &ErrorGroupRow) -> String {
    word(&group.errors.fingerprint).chars().take(12).collect()
}

pub(super) fn moment(at: Option<DateTime<Utc>>, view: &ReportView) -> String {
    at.map_or_else(|| "-".to_owned(), |at| row_fields::short_time(at, view.zone))
}

pub(super) fn newest_message(group: &ErrorGroupRow) -> String {
    group.errors.message.as_deref().map_or_else(|| "-".to_owned(), text::one_line)
}

/// Rounds to a tenth of a percent; a share between none and all is never rounded to either.
fn rounded(share: f64) -> f64 {
    let rounded = (share * 1e3).round() / 1e3;
    if share > 0.0 && share < 1.0 { rounded.clamp(0.001, 0.999) } else { rounded }
}

/// The advice for each kind: a sentence and a command.
pub(super) fn advised(kinds: &[FailureAdvice], view: &ReportView) -> Vec<String> {
    let paint = view.paint();
    let mut lines = vec![paint.heading("What to do")];
    for FailureAdvice { kind, count, provider, model, presence } in kinds {
        let advice = advice::advice_for(*kind, *presence);
        let sentence =
            format!("{kind}, {}: {}", counted(*count, "error"), advice::with_heading(&advice, *kind));
        lines.extend(text::wrap(&sentence, view.terminal.width, 2));
        // A command is meant to be copied, so it is never cut or broken here.
        lines.push(format!("    {}", paint.quiet(&advice::command(*kind, provider, model, *presence))));
    }
    lines
}

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

/// The groups as CSV, under one header for every grouping.
///
/// # Errors
/// Passed on from the writer, which writes to memory.
pub fn summary_csv(summary: &ErrorSummary) -> std::io::Result<String> {
    let rows: Vec<_> = summary.groups.iter().map(|group| document(group, summary.errors)).collect();
    let empty = document(&ErrorGroupRow::default(), 0);
    super::csv::text(&empty.keys().map(String::as_str).collect::<Vec<_>>(), rows.iter())
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
