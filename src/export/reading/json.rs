//! Rows of JSON lines, and of the document that an export writes with a row a line.

use super::{ExportedRow, RowsError, RowsReader};
use crate::export::receipts::bounded::{LONGEST, is_id, next_line};
use crate::export::row::fields;
use crate::measure::receipt_figures::FIGURES;
use std::io::BufRead;

/// The part of the file that comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum JsonPart {
    /// The first line of a document.
    Head,
    /// A row of a document, or its end.
    Row,
    /// A row on a line of its own.
    Line,
    /// Nothing more.
    End,
}

pub struct JsonRows<R> {
    reader: R,
    line: Vec<u8>,
    next: JsonPart,
    number: u64,
}

impl<R: BufRead> JsonRows<R> {
    pub fn of_document(from: R) -> Self {
        Self { reader: from, line: Vec::new(), next: JsonPart::Head, number: 0 }
    }

    pub fn of_lines(from: R) -> Self {
        Self { next: JsonPart::Line, ..Self::of_document(from) }
    }

    fn advance(&mut self) -> Result<bool, RowsError> {
        next_line(&mut self.reader, &mut self.line, LONGEST).map_err(RowsError::of)
    }

    fn row(&mut self) -> Result<Option<ExportedRow>, RowsError> {
        if self.next == JsonPart::Head {
            if !(self.advance()? && self.line.starts_with(b"{") && self.line.ends_with(b"\"rows\":[")) {
                return Err(RowsError::Form("it is no JSON document of an export".to_owned()));
            }
            self.next = JsonPart::Row;
        }
        let in_document = self.next == JsonPart::Row;
        if !self.advance()? {
            return if in_document {
                Err(RowsError::Form("it has no end: it is cut off".to_owned()))
            } else {
                Ok(None)
            };
        }
        if in_document && self.line == b"]}" {
            return match self.advance()? {
                true => Err(RowsError::Form("something follows its end".to_owned())),
                false => Ok(None),
            };
        }
        if in_document && self.line.last() == Some(&b',') {
            self.line.pop();
        }
        self.number += 1;
        let row = std::str::from_utf8(&self.line).ok().and_then(row);
        row.map(Some).ok_or(RowsError::Row(self.number))
    }
}

impl<R: BufRead> RowsReader for JsonRows<R> {
    fn next_row(&mut self) -> Option<Result<ExportedRow, RowsError>> {
        if self.next == JsonPart::End {
            return None;
        }
        let row = self.row();
        if matches!(row, Ok(None) | Err(RowsError::Io(_) | RowsError::Form(_))) {
            self.next = JsonPart::End;
        }
        row.transpose()
    }
}

/// `None` if the text is no document.
fn row(text: &str) -> Option<ExportedRow> {
    let mut row = ExportedRow::default();
    let read = fields(text, |name, value| {
        if name == "_id" {
            row.id = serde_json::from_str::<String>(value).ok().filter(|id| is_id(id));
        } else if let Some(figure) = FIGURES.iter().find(|figure| **figure == name) {
            let value = serde_json::from_str(value).unwrap_or_default();
            // The first of two counts, as in a column.
            if value != serde_json::Value::Null && !row.figures.contains_key(*figure) {
                row.figures.insert((*figure).to_owned(), value);
            }
        }
    });
    read.ok().map(|()| row)
}
