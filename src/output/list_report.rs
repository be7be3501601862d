//! Lays out lists for people. Each column is declared once: title, alignment, the order in which columns give way on a
//! narrow screen, and the cell. This module decides which columns have room and where text is cut; comfy-table lays out
//! the rest. Nothing wraps, and no cell can move a cursor or forge a row. Documents for programs (JSON, CSV) follow
//! from the rows, by serde.

use super::text;
use super::view::ReportView;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use std::borrow::Cow;

/// Spaces between two columns.
const GAP: u16 = 2;

/// The least width of free text, in columns; below it another column gives way.
const LEAST: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    title: &'static str,
    right: bool,
    rank: u8,
    free: bool,
    silent: &'static [&'static str],
}

pub struct ListReport<'a, R> {
    rows: &'a [R],
    columns: Vec<(Column, CellText<'a, R>)>,
}

/// Returns the text of a row's cell.
type CellText<'a, R> = Box<dyn Fn(&R) -> String + 'a>;

impl Column {
    /// A column of words that always stays.
    pub const fn new(title: &'static str) -> Self {
        Self { title, right: false, rank: 0, free: false, silent: &[""] }
    }

    /// A column of numbers, aligned right, that always stays.
    pub const fn number(title: &'static str) -> Self {
        Self { right: true, ..Self::new(title) }
    }

    /// Lets the column give way on a narrow screen. The highest rank goes first, rank 0 never.
    #[must_use]
    pub const fn rank(self, rank: u8) -> Self {
        Self { rank, ..self }
    }

    /// Lets its text be cut if there is no room.
    #[must_use]
    pub const fn free(self) -> Self {
        Self { free: true, ..self }
    }

    /// Leaves the column out if every cell is one of these words. By default: if every cell is empty.
    #[must_use]
    pub const fn silent(self, silent: &'static [&'static str]) -> Self {
        Self { silent, ..self }
    }
}

impl<'a, R> ListReport<'a, R> {
    /// A list without columns.
    pub const fn new(rows: &'a [R]) -> Self {
        Self { rows, columns: Vec::new() }
    }

    pub const fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Keeps the first `most` rows.
    #[must_use]
    pub fn first(mut self, most: usize) -> Self {
        self.rows = &self.rows[..most.min(self.rows.len())];
        self
    }

    /// Adds a column. Characters in its cells that could move a cursor are escaped.
    #[must_use]
    pub fn column(mut self, column: Column, cell: impl Fn(&R) -> String + 'a) -> Self {
        self.columns.push((column, Box::new(cell)));
        self
    }

    /// The list as text: a header set off, one line per row, and a line break at the end.
    pub fn screen(&self, view: &ReportView) -> String {
        self.headed(view).join("\n") + "\n"
    }

    /// The header, set off, and one line per row.
    pub fn headed(&self, view: &ReportView) -> Vec<String> {
        let mut lines = self.lines(view.limit(), view.terminal.unicode);
        if let Some(header) = lines.first_mut() {
            *header = view.paint().heading(header);
        }
        lines
    }

    /// The header and the rows, one line each. `limit` is the terminal's width; without it every column stays whole.
    pub fn lines(&self, limit: Option<usize>, unicode: bool) -> Vec<String> {
        let cells = |cell: &CellText<'_, R>| self.rows.iter().map(|row| safe(cell(row))).collect();
        let all = self.columns.iter().map(|(column, cell)| FilledColumn::new(*column, cells(cell)));
        let shown = with_room(all.filter(FilledColumn::speaks).collect(), limit);
        if shown.is_empty() {
            return vec![String::new(); self.rows.len() + 1];
        }
        let lines = set(narrowed(shown, limit), self.rows.len(), unicode);
        match limit {
            Some(limit) => lines.iter().map(|line| text::cut(line, limit, unicode)).collect(),
            None => lines,
        }
    }
}

fn safe(cell: String) -> String {
    match text::escaped(&cell) {
        Cow::Borrowed(_) => cell,
        Cow::Owned(escaped) => escaped,
    }
}

struct FilledColumn {
    column: Column,
    cells: Vec<String>,
    natural: usize,
    width: usize,
}

impl FilledColumn {
    fn new(column: Column, cells: Vec<String>) -> Self {
        let widths = cells.iter().map(|cell| text::width(cell));
        let natural = widths.chain([text::width(column.title)]).max().unwrap_or(0);
        Self { column, cells, natural, width: natural }
    }

    fn speaks(&self) -> bool {
        self.cells.iter().any(|cell| !self.column.silent.contains(&cell.as_str()))
    }

    /// The least width of the column; with less it is left out.
    fn least(&self) -> usize {
        if self.column.free { self.natural.min(LEAST) } else { self.natural }
    }
}

fn gaps(columns: &[FilledColumn]) -> usize {
    usize::from(GAP) * columns.len().saturating_sub(1)
}

/// Removes columns of the highest rank until the others fit.
fn with_room(mut shown: Vec<FilledColumn>, limit: Option<usize>) -> Vec<FilledColumn> {
    let Some(limit) = limit else { return shown };
    while shown.iter().map(FilledColumn::least).sum::<usize>() + gaps(&shown) > limit {
        let last = shown.iter().enumerate().max_by_key(|(at, one)| (one.column.rank, *at));
        match last {
            Some((at, one)) if one.column.rank > 0 => drop(shown.remove(at)),
            _ => break,
        }
    }
    shown
}

/// Cuts free columns until all fit: first those that could be left out, then the widest.
fn narrowed(mut shown: Vec<FilledColumn>, limit: Option<usize>) -> Vec<FilledColumn> {
    let Some(limit) = limit else { return shown };
    let total = shown.iter().map(|one| one.natural).sum::<usize>() + gaps(&shown);
    for _ in limit..total {
        let free = shown.iter_mut().filter(|one| one.column.free && one.width > LEAST);
        let Some(widest) = free.max_by_key(|one| (one.column.rank > 0, one.width)) else { break };
        widest.width -= 1;
    }
    shown
}

fn set(mut columns: Vec<FilledColumn>, rows: usize, unicode: bool) -> Vec<String> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(columns.iter().map(|one| one.column.title));
    for row in 0..rows {
        table.add_row(columns.iter_mut().map(|one| {
            let cell = std::mem::take(&mut one.cells[row]);
            // The library counts widths in 16 bits and would wrap what is wider.
            let most = one.width.min(usize::from(u16::MAX));
            if one.natural > most { text::cut(&cell, most, unicode) } else { cell }
        }));
    }
    for (at, (shape, one)) in table.column_iter_mut().zip(&columns).enumerate() {
        shape.set_padding((if at > 0 { GAP } else { 0 }, 0));
        if one.column.right {
            shape.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const COLUMNS: [Column; 4] = [
        Column::new("MODEL").free(),
        Column::number("ERRORS"),
        Column::new("FIRST SEEN").rank(1),
        Column::new("MESSAGE").free().rank(2),
    ];

    type Cells = Vec<String>;

    fn shown(rows: &[Cells], limit: Option<usize>) -> Vec<String> {
        let cell = |at: usize| move |row: &Cells| row.get(at).cloned().unwrap_or_default();
        let list = COLUMNS
            .into_iter()
            .enumerate()
            .fold(ListReport::new(rows), |list, (at, column)| list.column(column, cell(at)));
        list.lines(limit, true)
    }

    fn rows() -> Vec<Vec<String>> {
        let row = |cells: [&str; 4]| cells.map(str::to_owned).to_vec();
        vec![
            row([
                "groq:llama-3.3-70b-versatile",
                "12",
                "2026-11-01 13:00",
                "rate limit reached for this model",
            ]),
            row(["openai:gpt", "3", "2026-11-01 12:00", "no"]),
        ]
    }

    #[test]
    fn columns_give_way_by_rank_and_the_widest_text_is_cut() {
        let at = |limit| shown(&rows(), limit).join("\n");
        assert_eq!(
            at(None),
            "MODEL                         ERRORS  FIRST SEEN        MESSAGE\n\
             groq:llama-3.3-70b-versatile      12  2026-11-01 13:00  rate limit reached for this model\n\
             openai:gpt                         3  2026-11-01 12:00  no"
        );
        assert_eq!(
            at(Some(74)),
            "MODEL                         ERRORS  FIRST SEEN        MESSAGE\n\
             groq:llama-3.3-70b-versatile      12  2026-11-01 13:00  rate limit reache…\n\
             openai:gpt                         3  2026-11-01 12:00  no"
        );
        assert_eq!(
            at(Some(36)),
            "MODEL                         ERRORS\n\
             groq:llama-3.3-70b-versatile      12\n\
             openai:gpt                         3"
        );
        assert_eq!(at(Some(24)).lines().nth(1), Some("groq:llama-3.3-…      12"));
    }

    #[test]
    fn columns_without_a_cell_are_left_out() {
        let rows = [["a", "", "", "x"], ["longer", "", "", ""]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(shown(&rows, Some(80)), ["MODEL   MESSAGE", "a       x", "longer"]);
    }

    proptest! {
        #[test]
        fn no_cell_forges_a_row_and_no_line_is_too_wide(
            cells in prop::collection::vec(prop_oneof![any::<String>(), "[a-z 模]{0,40}"], 0..9),
            limit in 1..120_usize,
        ) {
            let rows: Vec<Vec<String>> = cells.chunks(4).map(<[String]>::to_vec).collect();
            let shown = shown(&rows, Some(limit));
            prop_assert_eq!(shown.len(), rows.len() + 1);
            for line in shown {
                prop_assert!(text::width(&line) <= limit && !line.contains(char::is_control), "{line:?}");
            }
        }
    }
}
