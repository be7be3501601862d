//! Formats differences for people: new, gone and changed models, and lists compared with what is measured.

use super::super::units::{counted, grouped};
use super::{change, context, moment, price};
use crate::domain::listing::{CatalogRow, FactChange, ModelFacts};
use crate::listings::diff::ListingDiff;
use crate::output::list_report::{Column, ListReport};
use crate::output::{ReportView, Terminal, text};
use chrono::{DateTime, Utc};

/// Findings of a kind that are shown unless all are requested.
const FIRST: usize = 10;

/// A finding that needs only a phrase beside the model: provider, model, phrase.
type ShortFinding<'a> = (&'a str, &'a str, String);

/// The whole diff, ending in a line break. `wide` shows every finding.
pub fn text(diff: &ListingDiff, since: DateTime<Utc>, wide: bool, view: &ReportView) -> String {
    let sections = DiffSections { wide, view };
    let listed = |at: Option<DateTime<Utc>>| format!("last listed {}", moment(at, view));
    let gone = diff.gone.iter().map(|one| short(&one.row, listed(one.row.last_seen_at)));
    // One line per change: of several on one line the last would be cut off.
    let changed = diff.changed.iter().flat_map(|one| {
        let changes = newest(&one.changes).into_iter();
        changes.map(|fact| short(&one.row, change(fact, view.terminal.unicode)))
    });
    let unlisted = diff.not_listed.iter().map(|one| {
        let seen = one.last_seen_at.map(|at| listed(Some(at)));
        let model = &one.model.model;
        (model.provider.as_str(), model.model_id.as_str(), seen.unwrap_or_else(|| "never listed".to_owned()))
    });
    let parts = [
        vec![headline(diff, since, view)],
        sections.models("New", &diff.new),
        sections.short("Gone", diff.gone.len(), &gone.collect::<Vec<_>>()),
        sections.short("Changed", diff.changed.len(), &changed.collect::<Vec<_>>()),
        sections.short("Measured, not listed", diff.not_listed.len(), &unlisted.collect::<Vec<_>>()),
        sections.models("Listed, not measured", &diff.not_measured),
    ];
    parts.iter().flatten().map(|line| format!("{line}\n")).collect()
}

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

/// Breaks a sentence into lines of the terminal's width.
fn folded(sentence: &str, view: &ReportView) -> String {
    text::wrap(sentence, view.terminal.text_limit().unwrap_or(usize::MAX), 0).join("\n")
}

/// The settings and the output shared by all sections.
struct DiffSections<'a> {
    wide: bool,
    view: &'a ReportView,
}

impl DiffSections<'_> {
    fn models(&self, title: &str, rows: &[CatalogRow]) -> Vec<String> {
        let lifecycle = |facts: &ModelFacts| facts.lifecycle.clone().filter(|_| self.wide);
        let ends =
            |facts: &ModelFacts| facts.ends_on.clone().or_else(|| lifecycle(facts)).unwrap_or_default();
        let list = ListReport::new(rows)
            .column(Column::new("PROVIDER"), |row| row.provider.clone())
            .column(Column::new("MODEL").free(), |row| row.model_id.clone())
            .column(Column::number("CONTEXT"), |row| context(&row.facts))
            .column(Column::new("PER MILLION"), |row| price(&row.facts))
            .column(Column::new("ENDS"), |row| ends(&row.facts))
            .column(Column::new("SINCE"), |row| moment(row.first_seen_at, self.view));
        self.section(title, rows.len(), list)
    }

    fn short(&self, title: &str, count: usize, rows: &[ShortFinding<'_>]) -> Vec<String> {
        let list = ListReport::new(rows)
            .column(Column::new("PROVIDER"), |(provider, ..)| (*provider).to_owned())
            .column(Column::new("MODEL").free(), |(_, model, _)| (*model).to_owned())
            .column(Column::new("").free(), |(.., words)| words.clone());
        self.section(title, count, list)
    }

    fn section<R>(&self, title: &str, count: usize, list: ListReport<'_, R>) -> Vec<String> {
        let rows = list.rows();
        if rows == 0 {
            return Vec::new();
        }
        let Terminal { width, unicode, .. } = self.view.terminal;
        let shown = if self.wide { rows } else { rows.min(FIRST) };
        let title = format!("{title} ({})", grouped(count as u64));
        let mut out = vec![String::new(), self.view.paint().heading(&text::cut(&title, width, unicode))];
        out.extend(list.first(shown).lines(self.view.terminal.text_limit(), unicode));
        if shown < rows {
            let more = format!("and {} more: --wide shows all", grouped((rows - shown) as u64));
            out.extend(text::wrap(&more, width, 0));
        }
        out
    }
}

fn short(row: &CatalogRow, words: String) -> ShortFinding<'_> {
    (&row.provider, &row.model_id, words)
}
