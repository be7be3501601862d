//! Errors of a window in groups: the table for people with what to do about each kind, the document and the rows for
//! programs. How rows become groups is `commands::errors`.

use super::advice::{self, Standing};
use super::grid::{self, Column};
use super::units::{self, counted};
use super::{json, stored, text, view::View};
use crate::domain::{ErrorGroup, Kind, Window};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

/// The name and version of the summary's document.
pub const SUMMARY: &str = "llmbench.errors.summary/1";

/// What errors are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
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
pub struct Group {
    /// The errors.
    pub errors: ErrorGroup,
    /// All errors of the providers or models that these errors struck.
    pub errors_there: u64,
    /// All successes of the same.
    pub successes_there: u64,
}

/// A kind that occurred, and the model that it struck most.
#[derive(Debug, Clone, PartialEq)]
pub struct Advised {
    /// The kind.
    pub kind: Kind,
    /// How many.
    pub count: u64,
    /// Its provider.
    pub provider: String,
    /// The model.
    pub model: String,
    /// How it stands in the catalogue, where that [matters](advice::asks_the_catalogue).
    pub standing: Standing,
}

/// A limit on the share of errors.
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    /// The highest share that is well.
    pub share: f64,
    /// What is above it, with its share; `None` where there was no attempt to judge by.
    pub over: Vec<(String, Option<f64>)>,
}

/// The errors of a window.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// The window.
    pub window: Window,
    /// What they are grouped by.
    pub by: By,
    /// How many.
    pub errors: u64,
    /// Successes beside them.
    pub successes: u64,
    /// The groups, the largest first.
    pub groups: Vec<Group>,
    /// Known kinds, the most frequent first.
    pub advised: Vec<Advised>,
    /// Whether groups were left out because there are too many.
    pub truncated: bool,
    /// The limit, if there is one.
    pub limit: Option<Limit>,
}

/// The share of errors among attempts.
pub fn error_rate(errors: u64, successes: u64) -> Option<f64> {
    let all = errors + successes;
    (all > 0).then(|| errors as f64 / all as f64)
}

impl By {
    /// The word on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            By::Provider => "provider",
            By::Model => "model",
            By::Kind => "kind",
            By::Cause => "cause",
            By::Stage => "stage",
            By::Fingerprint => "fingerprint",
        }
    }
}

impl Group {
    /// The share of successes among the attempts at what these errors struck.
    pub fn success_rate(&self) -> Option<f64> {
        error_rate(self.successes_there, self.errors_there)
    }

    /// `provider`, or `provider:model`, with a dash for what is missing.
    pub fn subject(&self, by: By) -> String {
        let provider = self.errors.provider.as_deref().unwrap_or("-");
        match by {
            By::Provider => provider.to_owned(),
            _ => format!("{provider}:{}", self.errors.model.as_deref().unwrap_or("-")),
        }
    }
}

/// The summary for people, ending in a line break.
pub fn summary(summary: &Summary, view: &View) -> String {
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

fn heading(summary: &Summary, view: &View) -> String {
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
pub(super) fn window(window: &Window, view: &View) -> String {
    let time = |at| super::view::time(at, view.zone);
    match (window.from, window.to) {
        (Some(from), Some(to)) => format!("From {} to {}", time(from), time(to)),
        (Some(from), None) => format!("Since {}", time(from)),
        (None, Some(to)) => format!("Until {}", time(to)),
        (None, None) => "Of all time".to_owned(),
    }
}

fn table(summary: &Summary, view: &View) -> Vec<String> {
    let keys: &[Column] = match summary.by {
        By::Provider => &[Column::new("PROVIDER")],
        By::Model => &[Column::new("MODEL").free()],
        By::Kind => &[Column::new("KIND")],
        By::Cause => &[Column::new("CAUSE")],
        By::Stage => &[Column::new("STAGE")],
        By::Fingerprint => &[
            Column::new("FINGERPRINT"),
            Column::new("MODEL").free(),
            Column::new("KIND"),
            Column::new("STAGE").rank(5),
        ],
    };
    let columns: Vec<Column> = keys.iter().copied().chain(FIGURES).collect();
    let row =
        |group: &Group| key(group, summary.by).into_iter().chain(figures(group, summary, view)).collect();
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

fn key(group: &Group, by: By) -> Vec<String> {
    let word = |word: &Option<String>| word.as_deref().map_or_else(|| "-".to_owned(), text::escape);
    match by {
        By::Provider | By::Model => vec![text::escape(&group.subject(by))],
        By::Kind => vec![word(&group.errors.kind)],
        By::Cause => vec![word(&group.errors.cause)],
        By::Stage => vec![word(&group.errors.stage)],
        By::Fingerprint => vec![
            word(&group.errors.fingerprint).chars().take(FINGERPRINT).collect(),
            text::escape(&group.subject(by)),
            word(&group.errors.kind),
            word(&group.errors.stage),
        ],
    }
}

fn figures(group: &Group, summary: &Summary, view: &View) -> [String; 6] {
    let time =
        |at: Option<DateTime<Utc>>| at.map_or_else(|| "-".to_owned(), |at| stored::short_time(at, view.zone));
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
pub(super) fn advised(kinds: &[Advised], view: &View) -> Vec<String> {
    let paint = view.paint();
    let mut lines = vec![paint.heading("What to do")];
    for Advised { kind, count, provider, model, standing } in kinds {
        let advice = advice::advice_for(*kind, *standing);
        let sentence =
            format!("{kind}, {}: {}", counted(*count, "error"), advice::with_heading(&advice, *kind));
        lines.extend(text::wrap(&sentence, view.terminal.width, 2));
        // A command is copied: it is never cut or broken by us.
        lines.push(format!("    {}", paint.quiet(&advice::command(*kind, provider, model, *standing))));
    }
    lines
}

/// The summary for programs.
pub fn summary_document(summary: &Summary) -> Value {
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

fn limit_document(limit: &Limit) -> Value {
    let over = |(name, rate): &(String, Option<f64>)| json!({ "name": name, "error_rate": rate });
    json!({ "max_error_rate": limit.share, "over": limit.over.iter().map(over).collect::<Vec<_>>() })
}

/// One group for programs.
pub(super) fn document(group: &Group, errors: u64) -> Map<String, Value> {
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
pub(super) fn advice_document(kinds: &[Advised]) -> Value {
    let one = |advised: &Advised| {
        json!({
            "kind": advised.kind.as_str(),
            "errors": advised.count,
            "advice": advice::advice_for(advised.kind, advised.standing),
            "command": advice::command(advised.kind, &advised.provider, &advised.model, advised.standing),
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
pub fn summary_csv(summary: &Summary) -> std::io::Result<String> {
    let rows: Vec<_> = summary.groups.iter().map(|group| document(group, summary.errors)).collect();
    super::csv::text(&COLUMNS, rows.iter())
}

/// One stored error as a line of `errors tail`.
pub fn line(row: &Map<String, Value>, view: &View) -> String {
    let status = stored::word(row, "http_status");
    let status = if status == "-" { String::new() } else { format!(" HTTP {status}") };
    let message = row
        .get("message")
        .and_then(Value::as_str)
        .map_or_else(|| stored::word(row, "message"), text::one_line);
    let line = format!(
        "{}  {}  {} in {}{status}  {message}",
        stored::time(row, "ts", view.zone),
        stored::model(row),
        stored::word(row, "error_kind"),
        stored::word(row, "stage"),
    );
    match view.limit() {
        Some(limit) => text::cut(&line, limit, view.terminal.unicode),
        None => line,
    }
}
