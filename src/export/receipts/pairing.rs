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
            self.weight -= line_weight(&line);
            return PairingStep::Pair(row, line);
        }
        if self.rows.contains_key(&id) {
            return PairingStep::Twice(id);
        }
        self.weight += weight(&id, Some(&row.figures));
        self.rows.insert(id, row);
        self.waits()
    }

    /// Takes a line.
    pub fn line(&mut self, line: ReceiptLine) -> PairingStep {
        if let Some(row) = self.rows.remove(&line.id) {
            self.weight -= weight(&line.id, Some(&row.figures));
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
    // The id is there twice.
    line.id.len() + line.receipt.as_ref().map_or(0, String::len) + weight(&line.id, line.figures.as_ref())
}

/// What a value takes besides its texts and items, and a field or an entry of a table besides name and value: bytes,
/// with what the allocator adds.
const BARE_VALUE: usize = 128;
const BARE_ENTRY: usize = 256;

/// About what an id and its figures take in memory.
fn weight(id: &str, figures: Option<&Map<String, Value>>) -> usize {
    2 * BARE_ENTRY + id.len() + figures.map_or(0, fields_weight)
}

fn fields_weight(fields: &Map<String, Value>) -> usize {
    fields.iter().map(|(name, value)| BARE_ENTRY + name.len() + value_weight(value)).sum()
}

/// Follows what is nested; the JSON reader has bounded its depth.
fn value_weight(value: &Value) -> usize {
    BARE_VALUE
        + match value {
            Value::String(text) => text.len(),
            Value::Array(items) => items.iter().map(value_weight).sum(),
            Value::Object(fields) => fields_weight(fields),
            _ => 0,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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

    #[test]
    fn every_text_and_every_nested_value_weighs() {
        let long = "x".repeat(50_000);
        let figures = |value: Value| json!({"generate_time": value}).as_object().cloned();
        let bare = line_weight(&line("a"));
        let with = |figures| line_weight(&ReceiptLine { figures, ..line("a") });
        assert!(line_weight(&line(&long)) >= bare + 2 * 50_000 - 2);
        assert!(line_weight(&ReceiptLine { receipt: Some(long.clone()), ..line("a") }) == bare + 50_000);
        for value in [json!(long), json!([[[[long]]]]), json!({"a": {"b": long}}), json!({long.as_str(): 1})]
        {
            assert!(with(figures(value)) > bare + 50_000);
        }
        let lists = vec![json!([]); 1000];
        assert!(with(figures(json!(lists))) > bare + 1000 * size_of::<Value>());
        assert!(BARE_VALUE >= size_of::<Value>() && BARE_ENTRY >= size_of::<(String, ReceiptLine)>());
        // What has found its partner weighs nothing any more.
        let mut pairing = Pairing::default();
        pairing.line(ReceiptLine { figures: figures(json!([[1], "x"])), ..line("a") });
        pairing.row("b".into(), ExportedRow { id: None, figures: figures(json!({"a": "x"})).unwrap() });
        assert!(pairing.weight > 0);
        pairing.row("a".into(), ExportedRow::default());
        pairing.line(line("b"));
        assert_eq!(pairing.weight, 0);
    }

    #[test]
    fn few_heavy_lines_are_enough() {
        let heavy = ReceiptLine { receipt: Some("x".repeat(1000)), ..line("b") };
        let mut pairing = Pairing { weight: HEAVIEST - 1000, ..Pairing::default() };
        assert_eq!((pairing.line(line("a")), pairing.line(heavy)), (PairingStep::Waits, PairingStep::Full));
    }
}
