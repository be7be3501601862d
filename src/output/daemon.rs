//! What a daemon would do: which series is due and when, for people.

use super::grid::{self, Column};
use super::terminal::Terminal;
use super::text;
use crate::domain::ModelRef;
use crate::domain::window::span;
use chrono::{DateTime, TimeDelta, Utc};

/// A series and its next turn.
#[derive(Debug, Clone, PartialEq)]
pub struct DueRow {
    /// The model.
    pub model: ModelRef,
    /// The profile's name.
    pub profile: String,
    /// Seconds from turn to turn.
    pub cadence_seconds: u32,
    /// When it was last measured.
    pub finished_at: Option<DateTime<Utc>>,
    /// When it is due; `None` for now.
    pub due_at: Option<DateTime<Utc>>,
}

const COLUMNS: [Column; 5] = [
    Column::new("MODEL").free(),
    Column::new("PROFILE").rank(1),
    Column::number("EVERY"),
    Column::number("LAST").rank(2),
    Column::number("DUE"),
];

/// The table, what is due first at the top, and how many are due.
pub fn due(rows: &[DueRow], now: DateTime<Utc>, terminal: &Terminal) -> String {
    if rows.is_empty() {
        return "no model is enabled for this daemon\n".to_owned();
    }
    let cells = |row: &DueRow| {
        vec![
            text::escape(&row.model.to_string()),
            text::escape(&row.profile),
            span(TimeDelta::seconds(row.cadence_seconds.into())),
            row.finished_at.map_or_else(|| "never".to_owned(), |at| format!("{} ago", span(now - at))),
            row.due_at.map_or_else(|| "now".to_owned(), |at| format!("in {}", span(at - now))),
        ]
    };
    let cells: Vec<_> = rows.iter().map(cells).collect();
    let limit = terminal.cuts.then_some(terminal.width);
    let mut lines = grid::lines(&COLUMNS, &cells, limit, terminal.unicode);
    let now = rows.iter().filter(|row| row.due_at.is_none()).count();
    lines.push(format!("\n{now} of {} due now", rows.len()));
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::terminal::Wishes;

    #[test]
    fn what_is_due_is_a_table_that_fits() {
        let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let row = |id: &str, last: Option<i64>, due: Option<i64>| DueRow {
            model: ModelRef::new("groq", id),
            profile: "default".to_owned(),
            cadence_seconds: 1800,
            finished_at: last.map(|ago| now - TimeDelta::seconds(ago)),
            due_at: due.map(|after| now + TimeDelta::seconds(after)),
        };
        let rows = [row("new\u{1b}[31m", None, None), row("llama-3.3-70b-versatile", Some(600), Some(1200))];
        let at = |columns| {
            let wishes = Wishes { columns: Some(columns), ..Wishes::default() };
            due(&rows, now, &Terminal::new(wishes, true, true, Some(columns)))
        };
        insta::assert_snapshot!("due_80", at(80));
        assert!(at(40).lines().all(|line| line.len() <= 40), "{}", at(40));
    }
}
