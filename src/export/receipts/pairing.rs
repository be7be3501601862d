//! Pairs the rows of an export with the lines of its receipts by id. Both come in one order, so hardly any waits for its
//! partner; what waits is bounded, because a stranger's files may have nothing in common.

use super::lines::ReceiptLine;
use crate::export::reading::ExportedRow;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Rows and lines that may wait, and what they may weigh in bytes of memory.
const MOST_WAITING: usize = 100_000;
const HEAVIEST: usize = 256 * 1024 * 1024;

/// What became of a row or a line.
#[derive(Debug, PartialEq)]
pub enum PairingStep {
    Pair(ExportedRow, ReceiptLine),
    /// It waits for its partner.
    Waits,
    /// Another one with this id waits already.
    Twice(String),
    /// Too many wait.
    Full,
}

/// Rows and lines without their partner.
#[derive(Debug, Default)]
pub struct Pairing {
    rows: HashMap<String, ExportedRow>,
    lines: HashMap<String, ReceiptLine>,
    weight: usize,
}

impl Pairing {
    /// Takes a row with its id.
    pub fn row(&mut self, id: String, row: ExportedRow) -> PairingStep {
        if let Some(line) = self.lines.remove(&id) {
            self.weight = self.weight.saturating_sub(line_weight(&line));
            return PairingStep::Pair(row, line);
        }
        if self.rows.contains_key(&id) {
            return PairingStep::Twice(id);
        }
        self.weight += weight(Some(&row.figures));
        self.rows.insert(id, row);
        self.waits()
    }

    /// Takes a line.
    pub fn line(&mut self, line: ReceiptLine) -> PairingStep {
        if let Some(row) = self.rows.remove(&line.id) {
            self.weight = self.weight.saturating_sub(weight(Some(&row.figures)));
            return PairingStep::Pair(row, line);
        }
        if self.lines.contains_key(&line.id) {
            return PairingStep::Twice(line.id);
        }
        self.weight += line_weight(&line);
        self.lines.insert(line.id.clone(), line);
        self.waits()
    }

    fn waits(&self) -> PairingStep {
        let full = self.weight > HEAVIEST || self.rows.len() + self.lines.len() > MOST_WAITING;
        if full { PairingStep::Full } else { PairingStep::Waits }
    }

    /// The ids of the rows that have no line, and the lines that have no row, in order of their ids.
    pub fn left(self) -> (Vec<String>, Vec<ReceiptLine>) {
        let mut rows: Vec<String> = self.rows.into_keys().collect();
        let mut lines: Vec<ReceiptLine> = self.lines.into_values().collect();
        rows.sort_unstable();
        lines.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        (rows, lines)
    }
}

fn line_weight(line: &ReceiptLine) -> usize {
    weight(line.figures.as_ref()) + line.receipt.as_ref().map_or(0, String::len)
}

/// About what figures take in memory.
fn weight(figures: Option<&Map<String, Value>>) -> usize {
    let one = |value: &Value| 100 + value.as_array().map_or(0, |items| items.len() * 40);
    500 + figures.map_or(0, |figures| figures.values().map(one).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: &str) -> ReceiptLine {
        ReceiptLine { id: id.to_owned(), receipt: None, figures: None }
    }

    #[test]
    fn partners_find_each_other_whoever_comes_first() {
        let mut pairing = Pairing::default();
        let row = ExportedRow::default;
        assert_eq!(pairing.row("a".into(), row()), PairingStep::Waits);
        assert_eq!(pairing.row("a".into(), row()), PairingStep::Twice("a".into()));
        assert_eq!(pairing.line(line("b")), PairingStep::Waits);
        assert_eq!(pairing.line(line("b")), PairingStep::Twice("b".into()));
        assert!(matches!(pairing.line(line("a")), PairingStep::Pair(..)));
        assert!(matches!(pairing.row("b".into(), row()), PairingStep::Pair(..)));
        assert_eq!(pairing.weight, 0);
        pairing.row("d".into(), row());
        pairing.row("c".into(), row());
        pairing.line(line("e"));
        let (rows, lines) = pairing.left();
        assert_eq!((rows, lines), (vec!["c".to_owned(), "d".to_owned()], vec![line("e")]));
    }

    #[test]
    fn no_more_wait_than_memory_has_room_for() {
        let mut pairing = Pairing::default();
        let steps = (0..=MOST_WAITING).map(|number| pairing.line(line(&number.to_string())));
        assert_eq!(steps.last(), Some(PairingStep::Full));
    }
}
