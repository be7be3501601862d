//! Differences for people: what is new, gone and changed, and lists against what is measured.

use super::super::units::{counted, grouped};
use super::{change, context, moment, price};
use crate::domain::listing::{CatalogRow, FactChange};
use crate::listings::diff::{ChangedModel, GoneModel, ListingDiff, UnlistedModel};
use crate::output::grid::{Column, lines};
use crate::output::{ReportView, text};
use chrono::{DateTime, Utc};

/// How many findings of a kind are shown where not all are asked for.
const FIRST: usize = 10;

const MODEL: [Column; 6] = [
    Column::new("PROVIDER"),
    Column::new("MODEL").free(),
    Column::number("CONTEXT"),
    Column::new("PER MILLION"),
    Column::new("ENDS"),
    Column::new("SINCE"),
];

const SHORT: [Column; 3] = [Column::new("PROVIDER"), Column::new("MODEL").free(), Column::new("").free()];

/// The whole of it, ending in a line break. `wide` shows every finding.
pub fn text(diff: &ListingDiff, since: DateTime<Utc>, wide: bool, view: &ReportView) -> String {
    let mut out = vec![headline(diff, since, view)];
    let unicode = view.terminal.unicode;
    let models = |rows: &[CatalogRow], at: fn(&CatalogRow) -> Option<DateTime<Utc>>| -> Vec<Vec<String>> {
        rows.iter().map(|row| model(row, at(row), wide, view)).collect()
    };
    let gone =
        |gone: &GoneModel| short(&gone.row, format!("last listed {}", moment(gone.row.last_seen_at, view)));
    // A line for each change: of several on one line the last would be cut away.
    let changed = |changed: &ChangedModel| -> Vec<Vec<String>> {
        newest(&changed.changes).into_iter().map(|one| short(&changed.row, change(one, unicode))).collect()
    };
    let unlisted = |one: &UnlistedModel| {
        let seen = one.last_seen_at.map(|at| format!("last listed {}", moment(Some(at), view)));
        let model = &one.model.model;
        vec![
            model.provider.clone(),
            model.model_id.clone(),
            seen.unwrap_or_else(|| "never listed".to_owned()),
        ]
    };
    for (title, count, columns, rows) in [
        ("New", diff.new.len(), &MODEL[..], models(&diff.new, |row| row.first_seen_at)),
        ("Gone", diff.gone.len(), &SHORT[..], diff.gone.iter().map(gone).collect()),
        ("Changed", diff.changed.len(), &SHORT[..], diff.changed.iter().flat_map(changed).collect()),
        (
            "Measured, not listed",
            diff.not_listed.len(),
            &SHORT[..],
            diff.not_listed.iter().map(unlisted).collect(),
        ),
        (
            "Listed, not measured",
            diff.not_measured.len(),
            &MODEL[..],
            models(&diff.not_measured, |row| row.first_seen_at),
        ),
    ] {
        let title = format!("{title} ({})", grouped(count as u64));
        out.extend(section(&title, columns, &rows, wide, view));
    }
    out.iter().map(|line| format!("{line}\n")).collect()
}

/// The last change of each fact, in the order of the facts.
fn newest(changes: &[FactChange]) -> Vec<&FactChange> {
    let mut last: Vec<&FactChange> = Vec::new();
    for change in changes {
        match last.iter_mut().find(|there| there.fact == change.fact) {
            Some(there) => *there = change,
            None => last.push(change),
        }
    }
    last
}

fn headline(diff: &ListingDiff, since: DateTime<Utc>, view: &ReportView) -> String {
    if diff.is_same() {
        let listed: usize = diff.providers.values().map(|state| state.listed).sum();
        return folded(
            &format!(
                "Nothing differs since {}: {} listed",
                moment(Some(since), view),
                counted(listed as u64, "model")
            ),
            view,
        );
    }
    let count = |number: usize, word: &str| format!("{} {word}", grouped(number as u64));
    let words =
        [count(diff.new.len(), "new"), count(diff.gone.len(), "gone"), count(diff.changed.len(), "changed")];
    let now = [
        count(diff.not_listed.len(), "measured and not listed"),
        count(diff.not_measured.len(), "listed and not measured"),
    ];
    let line = format!("Since {}: {}. Now: {}", moment(Some(since), view), words.join(", "), now.join(", "));
    folded(&line, view)
}

/// A sentence in lines of the terminal's width.
fn folded(sentence: &str, view: &ReportView) -> String {
    text::wrap(sentence, view.terminal.text_limit().unwrap_or(usize::MAX), 0).join("\n")
}

fn section(
    title: &str,
    columns: &[Column],
    rows: &[Vec<String>],
    wide: bool,
    view: &ReportView,
) -> Vec<String> {
    if rows.is_empty() {
        return Vec::new();
    }
    let shown = if wide { rows.len() } else { rows.len().min(FIRST) };
    let mut out = vec![
        String::new(),
        view.paint().heading(&text::cut(title, view.terminal.width, view.terminal.unicode)),
    ];
    out.extend(lines(columns, &rows[..shown], view.terminal.text_limit(), view.terminal.unicode));
    if shown < rows.len() {
        let more = format!("and {} more: --wide shows all", grouped((rows.len() - shown) as u64));
        out.extend(text::wrap(&more, view.terminal.width, 0));
    }
    out
}

fn model(row: &CatalogRow, at: Option<DateTime<Utc>>, wide: bool, view: &ReportView) -> Vec<String> {
    let facts = &row.facts;
    let ends =
        if wide { facts.ends_on.clone().or_else(|| facts.lifecycle.clone()) } else { facts.ends_on.clone() };
    vec![
        row.provider.clone(),
        row.model_id.clone(),
        context(facts),
        price(facts),
        ends.unwrap_or_default(),
        moment(at, view),
    ]
}

fn short(row: &CatalogRow, words: String) -> Vec<String> {
    vec![row.provider.clone(), row.model_id.clone(), words]
}
