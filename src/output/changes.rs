//! Formats changes of series: a list with the cause under each change, and a document for programs; [`explained`] one
//! change with all that is known beside it.

pub mod explained;
pub mod incidents;

use super::list_report::{Column, ListReport};
use super::view::ReportView;
use super::{text, units};
use crate::domain::Window;
use crate::domain::change_document::change_document;
use crate::domain::series_block::HISTORY_DAYS;
use crate::domain::series_change::{
    ChangedLevel, EstimatedTime, MeasuredSeries, SeriesChange, WatchedFigure,
};
use crate::domain::timestamp::time;
use crate::measure::change_state::{ChangeState, state_of};
use chrono::{DateTime, FixedOffset, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::HashMap;

/// The schema of the list, described by `docs/schema/results_changes.schema.json`.
pub const SCHEMA: &str = "llmbench.results.changes/1";

/// How many series there are to find changes in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct WatchedSeries {
    /// Long and dense enough to be judged.
    pub judged: u64,
    /// With fewer days of blocks than the judgement needs.
    pub too_young: u64,
    /// As old, but with blocks on fewer days of the time that is looked at.
    pub too_thin: u64,
    /// Days of blocks that a judgement needs.
    pub days_needed: i64,
}

/// A list of changes.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeList {
    pub as_of: DateTime<Utc>,
    pub window: Window,
    pub series: WatchedSeries,
    pub changes: Vec<SeriesChange>,
    /// The slot of the newest block of each series.
    pub last_slots: HashMap<MeasuredSeries, i64>,
}

impl ChangeList {
    fn state(&self, change: &SeriesChange) -> ChangeState {
        state_of(change, self.last_slots.get(&change.series).copied(), self.as_of)
    }
}

/// The list for people, ending in a line break.
pub fn list(list: &ChangeList, view: &ReportView) -> String {
    let unicode = view.terminal.unicode;
    let mut lines = headed(list, view);
    let rows = lines.split_off(1);
    let is_shown = lines.iter().any(|header| header.contains(EFFECT));
    for (row, change) in rows.into_iter().zip(&list.changes) {
        lines.push(row);
        let moved = format!("{} {}; ", what(change), effect(change, unicode));
        let cause =
            text::one_line(&format!("{}{}", if is_shown { "" } else { moved.as_str() }, detail(change)));
        match view.limit() {
            Some(width) => {
                lines.extend(text::wrap(&cause, width, 2).iter().map(|line| view.paint().quiet(line)));
            }
            None => lines.push(format!("  {cause}")),
        }
    }
    lines.join("\n") + "\n"
}

/// Titles of columns that narrow lists are known by.
const EFFECT: &str = "EFFECT";
const BEGAN: &str = "BEGAN";

/// How long the cells of a list are: whether a change is open must have room, so dates and effects become shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CellLength {
    Whole,
    /// Dates without weekdays.
    Dates,
    /// Days alone.
    Days,
    /// Effects without their intervals, too.
    Least,
}

impl CellLength {
    const ALL: [CellLength; 4] = [CellLength::Whole, CellLength::Dates, CellLength::Days, CellLength::Least];
}

/// The header and the rows, as long as there is room.
fn headed(list: &ChangeList, view: &ReportView) -> Vec<String> {
    let mut lines = Vec::new();
    for length in CellLength::ALL {
        lines = table(list, view, length).headed(view);
        // This column gives way before those that matter more.
        if lines.first().is_some_and(|header| header.contains(BEGAN)) {
            break;
        }
    }
    lines
}

fn table<'a>(list: &'a ChangeList, view: &ReportView, length: CellLength) -> ListReport<'a, SeriesChange> {
    let (zone, unicode) = (view.zone, view.terminal.unicode);
    ListReport::new(&list.changes)
        .column(Column::new("ID"), |change| change.id.clone())
        .column(Column::new("MODEL").free(), |change| change.series.model.to_string())
        .column(Column::new("WHAT").rank(2), move |change| short_what(change, length, unicode))
        .column(Column::new(EFFECT).rank(1), move |change| short_effect(change, length, unicode))
        .column(Column::new(BEGAN).rank(3), move |change| short(change.began.at, zone, length))
        .column(Column::new("STATE"), move |change| state(list.state(change), change, zone, length))
        .column(Column::new("SCOPE").rank(4), |change| change.scope.as_str().to_owned())
        .column(Column::new("BETWEEN").rank(5), move |change| between(&change.began, zone))
        .column(Column::new("RUNNER").rank(6).silent(&["-"]), |change| name_or_none(&change.series.runner))
        .column(Column::new("PROFILE").rank(7).silent(&["-"]), |change| name_or_none(&change.series.profile))
        .column(Column::new("OVER").rank(8).silent(&["-"]), |change| name_or_none(&change.series.connection))
}

/// A name of a series in a list; rows may name none.
fn name_or_none(name: &Option<String>) -> String {
    name.clone().unwrap_or_else(|| "-".to_owned())
}

/// What keeps series from being judged; `None` where nothing does.
pub fn unjudged(series: &WatchedSeries) -> Option<String> {
    let WatchedSeries { judged, too_young, too_thin, days_needed } = *series;
    let mut why = Vec::new();
    if too_young > 0 {
        why.push(format!(
            "{} series too young: {days_needed} days of runs are needed",
            units::grouped(too_young)
        ));
    }
    if too_thin > 0 {
        let needed = format!("runs on {days_needed} of the last {HISTORY_DAYS} days are needed");
        why.push(format!("{} series too thin: {needed}", units::grouped(too_thin)));
    }
    let judged = if judged == 0 { "no series".to_owned() } else { units::grouped(judged) };
    (!why.is_empty()).then(|| format!("{judged} judged; {}", why.join("; ")))
}

/// The figure or fact that changed.
fn what(change: &SeriesChange) -> &str {
    match &change.level {
        ChangedLevel::Figure { figure: WatchedFigure::Ttft, .. } => "TTFT",
        ChangedLevel::Figure { figure: WatchedFigure::TokensPerSecond, .. } => "tokens/s",
        ChangedLevel::Swap { fact, .. } => fact,
    }
}

/// One line about a change of a known model: what moved, by how much, since when, how far it reaches, and why.
pub(super) fn sentence(change: &SeriesChange, unicode: bool) -> String {
    let began = change.began.at.format("%m-%d %H:%M UTC");
    let (what, effect, scope) = (what(change), effect(change, unicode), change.scope.as_str());
    let said = format!("{} {what} {effect}, since {began}, {scope}: {}", change.id, detail(change));
    text::one_line(&said)
}

/// For example `+18 % [13, 24]`, or the value that a swap brought.
fn effect(change: &SeriesChange, unicode: bool) -> String {
    match &change.level {
        ChangedLevel::Figure { before, after, ratio, .. } => {
            format!("{} % [{}, {}]", percent(after / before), inner(ratio.low), inner(ratio.high))
        }
        ChangedLevel::Swap { after, .. } => format!("-> {}", text::cut(after, SWAPPED, unicode)),
    }
}

/// Columns of a swapped value in a list, and in a narrow one; the line below has both values whole.
const SWAPPED: usize = 14;
const LEAST_SWAPPED: usize = 6;

/// Columns of a figure's or fact's name in a narrow list.
const LEAST_WHAT: usize = 8;

fn short_what(change: &SeriesChange, length: CellLength, unicode: bool) -> String {
    match length {
        CellLength::Least => text::cut(what(change), LEAST_WHAT, unicode),
        _ => what(change).to_owned(),
    }
}

fn short_effect(change: &SeriesChange, length: CellLength, unicode: bool) -> String {
    match (length, &change.level) {
        (CellLength::Least, ChangedLevel::Figure { before, after, .. }) => {
            format!("{} %", percent(after / before))
        }
        (CellLength::Least, ChangedLevel::Swap { after, .. }) => {
            format!("-> {}", text::cut(after, LEAST_SWAPPED, unicode))
        }
        _ => effect(change, unicode),
    }
}

/// A ratio as a signed percentage without its sign of percent; what rounds to nothing has no sign.
fn percent(ratio: f64) -> String {
    let rounded = ((ratio - 1.0) * 100.0).round();
    if rounded == 0.0 { "0".to_owned() } else { format!("{rounded:+.0}") }
}

/// The same within brackets, where only less than nothing has a sign.
fn inner(ratio: f64) -> String {
    percent(ratio).trim_start_matches('+').to_owned()
}

/// A time in a sentence, with its offset.
fn local(at: DateTime<Utc>, zone: FixedOffset) -> String {
    at.with_timezone(&zone).format("%a %Y-%m-%d %H:%M %:z").to_string()
}

/// The same in a list, without the year, which is that of now or of the year before.
fn short(at: DateTime<Utc>, zone: FixedOffset, length: CellLength) -> String {
    let form = match length {
        CellLength::Whole => "%a %m-%d %H:%M",
        CellLength::Dates => "%m-%d %H:%M",
        CellLength::Days | CellLength::Least => "%m-%d",
    };
    at.with_timezone(&zone).format(form).to_string()
}

fn between(moment: &EstimatedTime, zone: FixedOffset) -> String {
    let short = |at: DateTime<Utc>| at.with_timezone(&zone).format("%m-%d %H:%M").to_string();
    format!("{} to {}", short(moment.earliest), short(moment.latest))
}

/// The word for a state; for what is over `until …` where the day has room.
fn state(state: ChangeState, change: &SeriesChange, zone: FixedOffset, length: CellLength) -> String {
    let ended = change.ended.as_ref().filter(|_| state == ChangeState::Over);
    let Some(ended) = ended else { return state.as_str().to_owned() };
    let at = ended.at.with_timezone(&zone);
    match length {
        CellLength::Whole => format!("until {}", at.format("%m-%d %H:%M")),
        CellLength::Dates => format!("until {}", at.format("%m-%d")),
        CellLength::Days | CellLength::Least => state.as_str().to_owned(),
    }
}

/// The cause, and who has seen the change.
fn detail(change: &SeriesChange) -> String {
    let seen = change.acknowledged.as_ref().map(|seen| {
        let note = seen.note.as_ref().map_or_else(String::new, |note| format!(" ({note})"));
        format!("; seen by {}{note}", seen.who)
    });
    let back = if change.returned.is_some() { "; it was over and came back" } else { "" };
    cause(change) + back + &seen.unwrap_or_default()
}

fn cause(change: &SeriesChange) -> String {
    if change.cause_line.is_empty() {
        "nothing is known of the cause".to_owned()
    } else {
        change.cause_line.clone()
    }
}

/// The list for programs.
pub fn document(list: &ChangeList) -> Value {
    json!({
        "schema": SCHEMA,
        "as_of": time(list.as_of),
        "from": list.window.from.map(time),
        "series": list.series,
        "changes": list.changes.iter().map(|change| stated(change, list.state(change))).collect::<Vec<_>>(),
    })
}

/// A change with its state of today, which stores do not keep.
fn stated(change: &SeriesChange, state: ChangeState) -> Value {
    let mut fields = change_document(change);
    fields.insert("state".to_owned(), state.as_str().into());
    Value::Object(fields)
}

#[cfg(test)]
mod tests;
