//! One change in words: what moved from where to where, since when, seen by whom, why.

use crate::domain::notice::{ChangeMoment, ToldChange};
use crate::domain::series_change::{ChangeScope, ChangedLevel, EstimatedTime, SeriesChange, WatchedFigure};
use crate::output::{text, units};
use chrono::{DateTime, Utc};

/// The widest line, in columns.
const WIDEST: usize = 200;

/// Ratio from which a change is a factor and no percentage.
const DOUBLE: f64 = 2.0;

/// What became of it, for users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Movement {
    Slower,
    Faster,
    /// A swap, or some slower and some faster.
    Changed,
}

impl Movement {
    pub fn of(level: &ChangedLevel) -> Self {
        match level {
            ChangedLevel::Swap { .. } => Movement::Changed,
            ChangedLevel::Figure { figure, before, after, .. } => {
                let longer = after > before;
                let slower = longer == (*figure == WatchedFigure::Ttft);
                if slower { Movement::Slower } else { Movement::Faster }
            }
        }
    }

    pub fn of_all(changes: &[ToldChange<'_>]) -> Self {
        let mut all = changes.iter().map(|told| Movement::of(&told.change.level));
        let first = all.next().unwrap_or(Movement::Changed);
        if all.all(|one| one == first) { first } else { Movement::Changed }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Movement::Slower => "slower",
            Movement::Faster => "faster",
            Movement::Changed => "changed",
        }
    }
}

/// The lines of a mail: the change; who sees it, and its id; why; who looks after it.
pub fn in_mail(told: ToldChange<'_>) -> Vec<String> {
    let change = told.change;
    let series = &change.series;
    let names = [series.runner.as_deref(), series.profile.as_deref(), series.connection.as_deref()];
    let seen = names.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let seen = if seen.is_empty() { String::new() } else { format!("seen by {seen}; ") };
    let mut lines = vec![what(told), format!("  {seen}change {}", change.id)];
    if !change.cause_line.is_empty() {
        lines.push(format!("  {}", change.cause_line));
    }
    if is_unconfirmed(told) {
        lines.push(format!("  {UNCONFIRMED}"));
    }
    if let Some(seen) = &change.acknowledged {
        let note = seen.note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
        lines.push(format!("  acknowledged by {} on {} UTC{note}", seen.who, minute(seen.at)));
    }
    lines.iter().map(|line| shown(line)).collect()
}

/// What is said where others who measure the same did not see it until now.
const UNCONFIRMED: &str = "seen from one runner only; not confirmed by others";

fn is_unconfirmed(told: ToldChange<'_>) -> bool {
    told.moment == ChangeMoment::Began && told.change.is_unconfirmed()
}

/// One line: the change and why.
pub fn in_chat(told: ToldChange<'_>) -> String {
    let mut line = told.change.cause_line.clone();
    if is_unconfirmed(told) {
        // Before the cause: a long line is cut at its end.
        line = if line.is_empty() { UNCONFIRMED.to_owned() } else { format!("{UNCONFIRMED}; {line}") };
    }
    let why = if line.is_empty() || told.moment == ChangeMoment::Ended {
        String::new()
    } else {
        format!(" — {line}")
    };
    shown(&format!("{}{why} [{}]", what(told), told.change.id))
}

fn shown(line: &str) -> String {
    text::cut(&text::escape(line), WIDEST, true)
}

/// For example `groq:m  ttft 412 ms → 515 ms, +25 % [+21, +29], since 2026-12-01 14:00 (08:00 to 20:00 of that day …)`.
fn what(told: ToldChange<'_>) -> String {
    let change = told.change;
    let level = level(&change.level);
    let model = model(change);
    match (told.moment, change.ended) {
        (ChangeMoment::Ended, Some(ended)) => {
            let (ended, began) = (span(ended), minute(change.began.at));
            format!("{model}  is over since {ended}: {level}, from {began}")
        }
        _ if change.returned.is_some() => {
            format!("{model}  is back after it was over: {level}, since {}", span(change.began))
        }
        _ => format!("{model}  {level}, since {}", span(change.began)),
    }
}

/// The model; of a path what it leads from and to.
fn model(change: &SeriesChange) -> String {
    let series = &change.series;
    match (&series.runner, change.scope) {
        (Some(runner), ChangeScope::Path) => format!("{runner} → {}", series.model),
        _ => series.model.to_string(),
    }
}

/// For example `ttft 412 ms → 515 ms, +25 % [+21, +29]`.
pub fn level(level: &ChangedLevel) -> String {
    match level {
        ChangedLevel::Swap { fact, before, after } => format!("{fact} {before} → {after}"),
        ChangedLevel::Figure { figure, before, after, ratio } => {
            let value = |value: f64| match figure {
                WatchedFigure::Ttft => units::seconds(value, true),
                WatchedFigure::TokensPerSecond => units::rate(value),
            };
            let sizes = size(after / before, ratio.low, ratio.high);
            format!("{} {} → {}, {sizes}", figure.as_str(), value(*before), value(*after))
        }
    }
}

/// `+25 % [+21, +29]`, or `×2.4 [2.1, 2.7]`.
fn size(ratio: f64, low: f64, high: f64) -> String {
    if ratio >= DOUBLE || ratio <= 1.0 / DOUBLE {
        return format!("×{ratio:.2} [{low:.2}, {high:.2}]");
    }
    let percent = |ratio: f64| format!("{:+.0}", (ratio - 1.0) * 100.0);
    format!("{} % [{}, {}]", percent(ratio), percent(low), percent(high))
}

/// A moment in UTC with the interval in which it lies: recipients may be in any time zone.
fn span(time: EstimatedTime) -> String {
    format!("{} UTC ({} to {})", minute(time.at), minute(time.earliest), minute(time.latest))
}

fn minute(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M").to_string()
}
