//! Lists for people: a header and rows in columns that fit the terminal. Columns of lesser rank give way first, then free
//! text is cut, the widest first. Nothing wraps, and no cell can move a cursor or forge a row.

use super::text;
use std::borrow::Cow;

/// The gap between two columns.
const GAP: usize = 2;

/// The least room for free text; below it another column gives way.
const LEAST: usize = 16;

/// One column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its title.
    pub title: &'static str,
    /// Numbers stand at the right.
    pub right: bool,
    /// Columns of the highest rank give way first; those of rank 0 never.
    pub rank: u8,
    /// Whether its text may be cut.
    pub free: bool,
}

impl Column {
    /// A column of words that stays.
    pub const fn new(title: &'static str) -> Self {
        Self { title, right: false, rank: 0, free: false }
    }

    /// A column of numbers that stays.
    pub const fn number(title: &'static str) -> Self {
        Self { title, right: true, rank: 0, free: false }
    }

    /// The same, giving way at this rank.
    #[must_use]
    pub const fn rank(self, rank: u8) -> Self {
        Self { rank, ..self }
    }

    /// The same, cut where there is no room.
    #[must_use]
    pub const fn free(self) -> Self {
        Self { free: true, ..self }
    }
}

/// The header and the rows, a line each. `limit` is the terminal's width; without one every column stays whole. Cells are
/// cleaned of what could move a cursor. A column whose cells are all empty is left out.
pub fn lines<'a>(
    columns: &[Column],
    rows: &'a [Vec<String>],
    limit: Option<usize>,
    unicode: bool,
) -> Vec<String> {
    let cell = |row: &'a Vec<String>, place: usize| {
        row.get(place).map_or(Cow::Borrowed(""), |cell| text::escaped(cell))
    };
    let rows: Vec<Vec<Cow<'_, str>>> =
        rows.iter().map(|row| (0..columns.len()).map(|place| cell(row, place)).collect()).collect();
    let natural: Vec<usize> = (0..columns.len()).map(|place| natural(columns, &rows, place)).collect();
    let filled = (0..columns.len()).filter(|place| rows.iter().any(|row| !row[*place].is_empty()));
    let shown = shown(columns, &natural, filled.collect(), limit);
    let widths = widths(columns, &natural, &shown, limit);
    let header: Vec<Cow<'_, str>> = columns.iter().map(|column| column.title.into()).collect();
    let line = |cells: &Vec<Cow<'_, str>>| {
        let mut line = String::new();
        for (at, (place, width)) in shown.iter().zip(&widths).enumerate() {
            line.extend(std::iter::repeat_n(' ', if at > 0 { GAP } else { 0 }));
            let cell = &cells[*place];
            let is_cut = natural[*place] > *width;
            let cell = if is_cut { &Cow::Owned(text::cut(cell, *width, unicode)) } else { cell };
            push(&mut line, cell, *width, columns[*place].right);
        }
        line.truncate(line.trim_end().len());
        match limit {
            Some(limit) => text::cut(&line, limit, unicode),
            None => line,
        }
    };
    std::iter::once(&header).chain(&rows).map(line).collect()
}

fn natural(columns: &[Column], rows: &[Vec<Cow<'_, str>>], place: usize) -> usize {
    let cells = rows.iter().map(|row| text::width(&row[place]));
    cells.chain([text::width(columns[place].title)]).max().unwrap_or(0)
}

/// Of those columns, the ones that there is room for.
fn shown(columns: &[Column], natural: &[usize], mut shown: Vec<usize>, limit: Option<usize>) -> Vec<usize> {
    let Some(limit) = limit else { return shown };
    let least =
        |place: &usize| if columns[*place].free { natural[*place].min(LEAST) } else { natural[*place] };
    while shown.iter().map(least).sum::<usize>() + GAP * shown.len().saturating_sub(1) > limit {
        let last = shown.iter().enumerate().max_by_key(|(at, place)| (columns[**place].rank, *at));
        match last {
            Some((at, place)) if columns[*place].rank > 0 => drop(shown.remove(at)),
            _ => break,
        }
    }
    shown
}

/// Free columns share what the others leave: those that could be left out are cut first, then the widest, until all fit.
fn widths(columns: &[Column], natural: &[usize], shown: &[usize], limit: Option<usize>) -> Vec<usize> {
    let mut widths: Vec<usize> = shown.iter().map(|place| natural[*place]).collect();
    let Some(limit) = limit else { return widths };
    let total = widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
    for _ in limit..total {
        let free = (0..shown.len()).filter(|at| columns[shown[*at]].free && widths[*at] > LEAST);
        let gives_way = |at: &usize| (columns[shown[*at]].rank > 0, widths[*at]);
        let Some(widest) = free.max_by_key(gives_way) else { break };
        widths[widest] -= 1;
    }
    widths
}

fn push(line: &mut String, cell: &str, width: usize, right: bool) {
    let room = std::iter::repeat_n(' ', width.saturating_sub(text::width(cell)));
    if right {
        line.extend(room);
        line.push_str(cell);
    } else {
        line.push_str(cell);
        line.extend(room);
    }
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
        let at = |limit| lines(&COLUMNS, &rows(), limit, true).join("\n");
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
        assert_eq!(lines(&COLUMNS, &rows, Some(80), true), ["MODEL   MESSAGE", "a       x", "longer"]);
    }

    proptest! {
        #[test]
        fn no_cell_forges_a_row_and_no_line_is_too_wide(
            cells in prop::collection::vec(prop_oneof![any::<String>(), "[a-z 模]{0,40}"], 0..9),
            limit in 1..120_usize,
        ) {
            let rows: Vec<Vec<String>> = cells.chunks(4).map(<[String]>::to_vec).collect();
            let shown = lines(&COLUMNS, &rows, Some(limit), true);
            prop_assert_eq!(shown.len(), rows.len() + 1);
            for line in shown {
                prop_assert!(text::width(&line) <= limit && !line.contains(char::is_control), "{line:?}");
            }
        }
    }
}
