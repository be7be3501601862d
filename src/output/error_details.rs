//! Formats all that is known about a model's errors, or about one fingerprint: count, dates, forms, the last
//! occurrences with full messages, and advice.

use super::errors::{
    self, ErrorGroupRow, FailureAdvice, advice_document, advised, document, error_rate, window,
};
use super::list_report::{Column, ListReport};
use super::units::{self, counted};
use super::view::ReportView;
use super::{json, row_fields, text};
use crate::domain::Window;
use serde_json::{Map, Value, json};

pub const DETAILS: &str = "llmbench.errors.show/1";

/// The errors of one model or of one fingerprint.
#[derive(Debug, Clone, PartialEq)]
pub struct ErrorStory {
    pub provider: Option<String>,
    pub model: Option<String>,
    /// The fingerprint; `None` for all errors of a model.
    pub fingerprint: Option<String>,
    /// True if the model is enabled in the catalog.
    pub enabled: bool,
    pub window: Window,
    pub errors: u64,
    /// Successes of the model in the window.
    pub successes: u64,
    /// The model's newest success of all time.
    pub last_success: Option<Map<String, Value>>,
    /// The stored totals of the fingerprint since its first occurrence.
    pub rollup: Option<Map<String, Value>>,
    /// The errors by fingerprint.
    pub groups: Vec<ErrorGroupRow>,
    /// The newest errors, newest first, as stored rows.
    pub recent: Vec<Map<String, Value>>,
    pub advised: Vec<FailureAdvice>,
}

/// The details for people, ending in a line break.
pub fn text(details: &ErrorStory, view: &ReportView) -> String {
    let mut lines = heading(details, view);
    lines.extend(details.rollup.iter().flat_map(|rollup| whole_life(rollup, view)));
    if details.groups.len() > usize::from(details.fingerprint.is_some()) {
        lines.push(String::new());
        lines.extend(forms(&details.groups, view));
    }
    if !details.recent.is_empty() {
        lines.push(String::new());
        lines.push(view.paint().heading("Newest"));
        lines.extend(details.recent.iter().flat_map(|row| occurrence(row, view)));
    }
    if !details.advised.is_empty() {
        lines.push(String::new());
        lines.extend(advised(&details.advised, view));
    }
    lines.join("\n") + "\n"
}

fn heading(details: &ErrorStory, view: &ReportView) -> Vec<String> {
    let word = |word: &Option<String>| word.as_deref().map_or_else(|| "-".to_owned(), text::escape);
    let enabled = if details.enabled { "enabled" } else { "not enabled" };
    let name = format!("{}:{} ({enabled})", word(&details.provider), word(&details.model));
    let mut lines: Vec<String> = view.wrap(&name).iter().map(|line| view.paint().heading(line)).collect();
    if let Some(fingerprint) = &details.fingerprint {
        lines.extend(view.wrap(&format!("fingerprint {}", text::escape(fingerprint))));
    }
    let rate = error_rate(details.successes, details.errors);
    let rate = rate.map(|rate| format!(", success rate {}", units::share(rate))).unwrap_or_default();
    let figures = match details.fingerprint {
        // The model's other errors are not shown, so its rate is not shown either.
        Some(_) => counted(details.errors, "error"),
        None => {
            format!("{}, {}{rate}", counted(details.errors, "error"), counted(details.successes, "success"))
        }
    };
    lines.extend(view.wrap(&format!("{}: {figures}", window(&details.window, view))));
    let last = details.last_success.as_ref().map(|run| row_fields::time(run, "run_ts", view.zone));
    lines.extend(view.wrap(&format!("last success: {}", last.as_deref().unwrap_or("never"))));
    lines
}

/// The facts of the rollup that reach beyond the window.
fn whole_life(rollup: &Map<String, Value>, view: &ReportView) -> Vec<String> {
    view.wrap(&format!(
        "{} in {}, {} times since {}, last {}",
        row_fields::word(rollup, "error_kind"),
        row_fields::word(rollup, "stage"),
        row_fields::word(rollup, "count"),
        row_fields::time(rollup, "first_seen", view.zone),
        row_fields::time(rollup, "last_seen", view.zone),
    ))
}

fn forms(groups: &[ErrorGroupRow], view: &ReportView) -> Vec<String> {
    let list = ListReport::new(groups)
        .column(Column::new("FINGERPRINT").rank(3), errors::short_fingerprint)
        .column(Column::new("KIND"), |group| errors::word(&group.errors.kind))
        .column(Column::new("STAGE").rank(5), |group| errors::word(&group.errors.stage))
        .column(Column::number("ERRORS"), |group| group.errors.count.to_string())
        .column(Column::new("FIRST SEEN").rank(4), |group| errors::moment(group.errors.first, view))
        .column(Column::new("LAST SEEN").rank(2), |group| errors::moment(group.errors.last, view))
        .column(Column::new("NEWEST MESSAGE").free().rank(1), errors::newest_message);
    list.headed(view)
}

/// One occurrence with its whole message.
pub(super) fn occurrence(row: &Map<String, Value>, view: &ReportView) -> Vec<String> {
    let mut words = vec![
        row_fields::time(row, "ts", view.zone),
        row_fields::word(row, "error_kind"),
        format!("in {}", row_fields::word(row, "stage")),
    ];
    for (name, title) in [("http_status", "HTTP "), ("provider_error_code", ""), ("sample_role", "role ")] {
        let word = row_fields::word(row, name);
        words.extend((word != "-").then(|| format!("{title}{word}")));
    }
    words.push(format!("id {}", row_fields::word(row, "_id")));
    let mut lines = text::wrap(&words.join(", "), view.terminal.width, 2);
    let message = row
        .get("message")
        .and_then(Value::as_str)
        .map_or_else(|| row_fields::word(row, "message"), text::one_line);
    lines.extend(text::wrap(&message, view.terminal.width, 4));
    let traceback = row.get("traceback").and_then(Value::as_str).unwrap_or_default();
    lines.extend(traceback.lines().map(|line| format!("    {}", text::escape(line))));
    lines
}

pub fn json(details: &ErrorStory) -> Value {
    let groups: Vec<_> = details.groups.iter().map(|group| document(group, details.errors)).collect();
    let last = details.last_success.as_ref().and_then(|run| run.get("run_ts"));
    json!({
        "schema": DETAILS,
        "provider": details.provider,
        "model": details.model,
        "fingerprint": details.fingerprint,
        "enabled": details.enabled,
        "from": details.window.from.map(json::time),
        "to": details.window.to.map(json::time),
        "errors": details.errors,
        "successes": details.successes,
        "last_success_at": last,
        "rollup": details.rollup,
        "groups": groups,
        "recent": details.recent,
        "advice": advice_document(&details.advised),
    })
}
