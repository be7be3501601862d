//! Formats failures for people: the count per model and kind, a sample message, and advice.

use super::advice::told;
use super::text;
use super::view::ReportView;
use crate::domain::FailureKind;
use crate::measure::report::{FailureGroup, ModelReport};

/// The lines of all failures; empty without any.
pub fn lines(models: &[ModelReport], view: &ReportView) -> Vec<String> {
    let mut lines = Vec::new();
    for model in models.iter().filter(|model| !model.failures.is_empty()) {
        let name = text::escape(&model.model.to_string());
        let named = text::wrap(&name, view.terminal.width, 0);
        lines.extend(named.iter().map(|line| view.paint().heading(line)));
        for (kind, group) in &model.failures {
            lines.extend(group_lines(*kind, group, view));
        }
    }
    lines
}

fn group_lines(kind: FailureKind, group: &FailureGroup, view: &ReportView) -> Vec<String> {
    let (paint, terminal) = (view.paint(), view.terminal);
    let title = text::wrap(&title(kind, group), terminal.width, 2);
    let mut lines: Vec<String> = title.iter().map(|line| paint.bad(line)).collect();
    if let Some(sample) = group.typical() {
        let message = format!("    {}", text::one_line(&sample.message));
        lines.push(match terminal.text_limit() {
            Some(columns) => text::cut(&message, columns, terminal.unicode),
            None => message,
        });
    }
    let hint = text::wrap(&told(kind), terminal.width, 4);
    lines.extend(hint.iter().map(|line| paint.quiet(line)));
    lines
}

/// For example `rate_limit 2, stage response, HTTP 429, one of 3 messages`.
fn title(kind: FailureKind, group: &FailureGroup) -> String {
    let mut title = format!("{kind} {}", group.count);
    let Some(sample) = group.typical() else { return title };
    title.push_str(&format!(", stage {}", sample.stage));
    if let Some(status) = sample.http_status {
        title.push_str(&format!(", HTTP {status}"));
    }
    if let Some(code) = &sample.provider_code {
        title.push_str(&format!(", {}", text::one_line(code)));
    }
    if group.samples.len() > 1 {
        title.push_str(&format!(", the most frequent of {} messages", group.samples.len()));
    }
    title
}
