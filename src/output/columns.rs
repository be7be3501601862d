//! Rows under a header, in columns as wide as they must be. Where the terminal is narrower, the columns that can give way
//! do; nothing ever wraps.

use super::text;

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its title.
    pub title: &'static str,
    /// How its cells stand.
    pub align: Align,
}

/// How cells stand in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Words that may be cut where there is no room.
    Yields,
    /// Numbers.
    Right,
}

/// What is between two columns.
const GAP: usize = 2;

/// No column gives way below this.
const NARROWEST: usize = 12;

/// Header and rows as lines of at most `limit` columns; `None` keeps every cell whole. Cells are cleaned of what could
/// move a cursor. A column whose cells are all empty is left out.
pub fn lines(columns: &[Column], rows: &[Vec<String>], limit: Option<usize>, unicode: bool) -> Vec<String> {
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| text::escape(cell)).collect()).collect();
    let filled = |place: usize| rows.iter().any(|row| row.get(place).is_some_and(|cell| !cell.is_empty()));
    let shown: Vec<usize> = (0..columns.len()).filter(|place| filled(*place)).collect();
    let cell = |row: &[String], place: usize| row.get(place).cloned().unwrap_or_default();
    let mut table: Vec<Vec<String>> =
        vec![shown.iter().map(|place| columns[*place].title.to_owned()).collect()];
    table.extend(rows.iter().map(|row| shown.iter().map(|place| cell(row, *place)).collect()));
    let aligns: Vec<Align> = shown.iter().map(|place| columns[*place].align).collect();
    let widths = widths(&table, &aligns, limit);
    table.iter().map(|row| line(row, &aligns, &widths, limit, unicode)).collect()
}

/// The widths of all columns: as wide as their widest cell, then the widest that yields becomes narrower until all fit.
fn widths(table: &[Vec<String>], aligns: &[Align], limit: Option<usize>) -> Vec<usize> {
    let widest = |place: usize| table.iter().map(|row| text::width(&row[place])).max().unwrap_or(0);
    let mut widths: Vec<usize> = (0..aligns.len()).map(widest).collect();
    let Some(limit) = limit else { return widths };
    loop {
        let total = widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
        let yielding = (0..widths.len()).filter(|place| aligns[*place] == Align::Yields);
        let widest = yielding.max_by_key(|place| widths[*place]).filter(|place| widths[*place] > NARROWEST);
        match widest {
            Some(place) if total > limit => widths[place] -= 1,
            _ => return widths,
        }
    }
}

fn line(row: &[String], aligns: &[Align], widths: &[usize], limit: Option<usize>, unicode: bool) -> String {
    let cell = |place: usize| {
        let cell = text::cut(&row[place], widths[place], unicode);
        let space = " ".repeat(widths[place].saturating_sub(text::width(&cell)));
        if aligns[place] == Align::Right { space + &cell } else { cell + &space }
    };
    let cells: Vec<String> = (0..row.len()).map(cell).collect();
    let line = cells.join(&" ".repeat(GAP));
    let line = line.trim_end();
    limit.map_or_else(|| line.to_owned(), |limit| text::cut(line, limit, unicode))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const COLUMNS: [Column; 4] = [
        Column { title: "model", align: Align::Yields },
        Column { title: "n", align: Align::Right },
        Column { title: "empty", align: Align::Left },
        Column { title: "note", align: Align::Yields },
    ];

    fn row(model: &str, number: &str, note: &str) -> Vec<String> {
        [model, number, "", note].map(str::to_owned).into()
    }

    #[test]
    fn columns_align_and_empty_ones_are_left_out() {
        let rows = [row("a", "1", "x"), row("longer", "1,000", "")];
        let expected = ["model       n  note", "a           1  x", "longer  1,000"];
        assert_eq!(lines(&COLUMNS, &rows, Some(80), true), expected);
    }

    #[test]
    fn the_widest_gives_way() {
        let rows = [row("a-very-long-name-of-a-model", "1", "some note that is longer still")];
        let shown = lines(&COLUMNS, &rows, Some(40), true);
        assert!(shown.iter().all(|line| text::width(line) <= 40), "{shown:?}");
        assert!(shown[1].contains('…') && shown[1].contains("  1  "));
        assert!(lines(&COLUMNS, &rows, None, true)[1].ends_with("longer still"));
    }

    proptest! {
        #[test]
        fn no_cell_forges_a_row_and_no_line_is_too_wide(cells in prop::collection::vec(any::<String>(), 0..9), limit in 10..90_usize) {
            let rows: Vec<Vec<String>> = cells.chunks(4).map(<[String]>::to_vec).collect();
            let shown = lines(&COLUMNS, &rows, Some(limit), true);
            prop_assert_eq!(shown.len(), rows.len() + 1);
            for line in shown {
                prop_assert!(text::width(&line) <= limit && !line.contains(char::is_control));
            }
        }
    }
}
