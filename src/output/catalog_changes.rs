//! Formats changes of the catalog for people and programs: planned and past changes, with their author and reason.

use super::view::ReportView;
use super::{json as document, run_report, text};
use crate::domain::change_batch::takes_away;
use crate::domain::{Batch, ModelRef};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

/// The schema of the document, described by `docs/schema/models_history.schema.json`.
pub const SCHEMA: &str = "llmbench.models.history/1";

#[derive(Debug, Clone, PartialEq)]
pub struct BatchView {
    pub batch: Batch,
    /// Its changes, or those that were requested.
    pub changes: Vec<ChangeView>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ChangeView {
    pub batch: String,
    pub action: Option<String>,
    pub who: Option<String>,
    pub why: Option<String>,
    pub provider: String,
    pub model: String,
    pub at: DateTime<Utc>,
    /// The values before; `None` if the model was not in the catalog.
    pub before: Option<Map<String, Value>>,
    /// The values after the change.
    pub after: Map<String, Value>,
    /// `done`, `not_done`, or `unknown` after a crash.
    pub became: String,
}

/// One line of a plan: the model and the fields that change.
pub fn planned(model: &ModelRef, before: Option<&Map<String, Value>>, after: &Map<String, Value>) -> String {
    format!("{}: {}", text::escape(&model.to_string()), difference(before, Some(after)))
}

/// For example `enabled true → false, disabled_reason "gone"`; times of the change itself are left out.
pub fn difference(before: Option<&Map<String, Value>>, after: Option<&Map<String, Value>>) -> String {
    let Some(after) = after else { return "it is not in the catalog any more".to_owned() };
    if takes_away(after) {
        return "removed from the catalog".to_owned();
    }
    let none = Map::new();
    let before_or_none = before.unwrap_or(&none);
    let value = |fields: &Map<String, Value>, name: &str| fields.get(name).cloned().unwrap_or(Value::Null);
    let changed =
        after.iter().filter(|(name, new)| *name != "disabled_at" && value(before_or_none, name) != **new);
    let said = changed.map(|(name, new)| match value(before_or_none, name) {
        Value::Null => format!("{name} {}", one(new)),
        old if new.is_null() => format!("{name} {} taken away", one(&old)),
        old => format!("{name} {} -> {}", one(&old), one(new)),
    });
    let said: Vec<String> = said.collect();
    let said = if said.is_empty() { "the same values".to_owned() } else { said.join(", ") };
    if before.is_none() { format!("new, {said}") } else { said }
}

fn one(value: &Value) -> String {
    text::one_line(&value.to_string())
}

/// The batches: a few lines each, or every value if `whole`.
pub fn text(batches: &[BatchView], whole: bool, view: &ReportView) -> String {
    let mut lines = Vec::new();
    for batch in batches {
        lines.extend(heading(batch, view));
        if whole {
            lines.extend(batch.changes.iter().flat_map(|change| change_lines(change, view)));
        } else {
            lines.extend(text::wrap(&names(batch), view.terminal.width, 2));
        }
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn heading(shown: &BatchView, view: &ReportView) -> Vec<String> {
    let batch = &shown.batch;
    let mut words = format!(
        "{}  {}  {} by {}",
        text::escape(&batch.id),
        run_report::time(batch.at, view.zone),
        text::one_line(&batch.action),
        text::one_line(&batch.who)
    );
    words.extend(batch.undoes.iter().map(|id| format!(", undoes {}", text::escape(id))));
    words.extend(batch.undone_by.iter().map(|id| format!(", undone by {}", text::escape(id))));
    let mut lines: Vec<String> =
        text::wrap(&words, view.terminal.width, 0).iter().map(|line| view.paint().heading(line)).collect();
    if let Some(why) = &batch.why {
        lines.extend(text::wrap(&text::one_line(why), view.terminal.width, 2));
    }
    if batch.finished_at.is_none() {
        let said = format!("did not come to its end: {} of {} models changed", done(shown), batch.planned);
        lines
            .extend(text::wrap(&said, view.terminal.width, 2).iter().map(|line| view.paint().doubtful(line)));
    }
    lines
}

fn done(batch: &BatchView) -> usize {
    batch.changes.iter().filter(|change| change.became == "done").count()
}

/// The number of models, and the first of them by name.
fn names(batch: &BatchView) -> String {
    const SHOWN: usize = 3;
    let changed: Vec<&ChangeView> = batch.changes.iter().filter(|change| change.became == "done").collect();
    let name = |change: &&&ChangeView| text::escape(&format!("{}:{}", change.provider, change.model));
    let first: Vec<String> = changed.iter().take(SHOWN).map(|change| name(&change)).collect();
    match changed.len() {
        0 => "no model changed".to_owned(),
        few if few <= SHOWN => first.join(", "),
        many => format!("{} and {} more", first.join(", "), many - SHOWN),
    }
}

/// The result of a change; empty if it was simply made.
fn became(change: &ChangeView) -> &'static str {
    match change.became.as_str() {
        "done" => "",
        "not_done" => " (not done)",
        _ => " (interrupted; changed by others since)",
    }
}

fn change_lines(change: &ChangeView, view: &ReportView) -> Vec<String> {
    let model = ModelRef::new(&change.provider, &change.model);
    let became = became(change);
    let line = format!("{}{became}", planned(&model, change.before.as_ref(), &change.after));
    text::wrap(&line, view.terminal.width, 2)
}

pub fn of_model(changes: &[ChangeView], view: &ReportView) -> Vec<String> {
    let words = |text: &Option<String>| text.as_deref().map_or_else(|| "?".to_owned(), text::one_line);
    let line = |change: &ChangeView| {
        let why = change.why.as_ref().map_or_else(String::new, |why| format!(", {}", text::one_line(why)));
        format!(
            "{}  {} by {}{why}: {}{} (batch {})",
            run_report::time(change.at, view.zone),
            words(&change.action),
            words(&change.who),
            difference(change.before.as_ref(), Some(&change.after)),
            became(change),
            text::escape(&change.batch)
        )
    };
    changes.iter().flat_map(|change| text::wrap(&line(change), view.terminal.width, 4)).collect()
}

/// The document, indented, ending in a line break.
pub fn json(batches: &[BatchView]) -> String {
    let batch = |shown: &BatchView| {
        let batch = &shown.batch;
        json!({
            "id": batch.id,
            "at": document::time(batch.at),
            "who": batch.who,
            "action": batch.action,
            "why": batch.why,
            "planned": batch.planned,
            "done": done(shown),
            "finished_at": batch.finished_at.map(document::time),
            "undoes": batch.undoes,
            "undone_by": batch.undone_by,
            "changes": shown.changes.iter().map(change).collect::<Vec<_>>(),
        })
    };
    let batches: Vec<Value> = batches.iter().map(batch).collect();
    format!("{:#}\n", json!({ "schema": SCHEMA, "batches": batches }))
}

pub fn change(change: &ChangeView) -> Value {
    json!({
        "batch": change.batch,
        "action": change.action,
        "who": change.who,
        "why": change.why,
        "provider": change.provider,
        "model": change.model,
        "at": document::time(change.at),
        "before": change.before,
        "after": change.after,
        "became": change.became,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(value: Value) -> Map<String, Value> {
        let Value::Object(fields) = value else { panic!() };
        fields
    }

    #[test]
    fn differences_name_what_changes_and_nothing_else() {
        let before =
            fields(json!({"enabled": true, "status": "probing", "disabled_reason": null, "same": 1}));
        let after =
            fields(json!({"enabled": false, "status": null, "disabled_reason": "gone\n\u{1b}", "same": 1,
            "disabled_at": "2026-01-01T00:00:00.000Z"}));
        let said = difference(Some(&before), Some(&after));
        assert_eq!(
            said,
            "enabled true -> false, status \"probing\" taken away, disabled_reason \"gone\\n\\u001b\""
        );
        assert_eq!(difference(Some(&after), Some(&after)), "the same values");
        assert!(difference(None, Some(&after)).starts_with("new, enabled false"));
        assert!(difference(Some(&before), None).contains("not in the catalog"));
        let gone = fields(json!({"provider": null, "model_id": null, "enabled": null}));
        assert_eq!(difference(Some(&before), Some(&gone)), "removed from the catalog");
    }
}
