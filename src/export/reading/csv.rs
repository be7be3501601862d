//! Rows of a CSV file: columns by the names in its header, cells by the type that the contract gives to the column.

use super::{ExportedRow, RowsError, RowsReader};
use crate::domain::row_fields::{FieldType, field_type};
use crate::export::receipts::bounded::{Budgeted, is_id};
use crate::measure::receipt_figures::FIGURES;
use crate::output::csv::is_formula;
use ::csv::{ByteRecord, Reader, ReaderBuilder};
use serde_json::{Number, Value};
use std::io::Read;

/// The columns that are read, by their place.
struct CsvColumns {
    id: usize,
    figures: Vec<(usize, &'static str, FieldType)>,
}

pub struct CsvExport<R> {
    reader: Reader<Budgeted<R>>,
    record: ByteRecord,
    columns: Option<CsvColumns>,
    number: u64,
    /// True after an error behind which nothing can be read.
    ended: bool,
}

impl<R: Read> CsvExport<R> {
    pub fn new(from: R) -> Self {
        let reader = ReaderBuilder::new().flexible(true).has_headers(false).from_reader(Budgeted::new(from));
        Self { reader, record: ByteRecord::new(), columns: None, number: 0, ended: false }
    }

    /// Reads the next record; false at the end.
    fn advance(&mut self) -> Result<bool, RowsError> {
        self.reader.get_mut().renew();
        self.reader.read_byte_record(&mut self.record).map_err(|error| match error.into_kind() {
            ::csv::ErrorKind::Io(error) => RowsError::of(error),
            other => RowsError::Form(format!("{other:?}")),
        })
    }

    fn row(&mut self) -> Result<Option<ExportedRow>, RowsError> {
        if self.columns.is_none() {
            self.advance()?;
            self.columns = columns(&self.record);
        }
        if self.columns.is_none() {
            return Err(RowsError::Form("it has no column `_id`".to_owned()));
        }
        self.number += 1;
        if !self.advance()? {
            return Ok(None);
        }
        let Some(columns) = &self.columns else { return Ok(None) };
        let cell = |place: usize| std::str::from_utf8(self.record.get(place).unwrap_or_default());
        let id = cell(columns.id).map_err(|_| RowsError::Row(self.number))?;
        let id = Some(armed(id)).filter(|id| is_id(id)).map(str::to_owned);
        let mut row = ExportedRow { id, ..ExportedRow::default() };
        for (place, name, kind) in &columns.figures {
            let cell = cell(*place).map_err(|_| RowsError::Row(self.number))?;
            if !cell.is_empty() {
                row.figures.insert((*name).to_owned(), value(*kind, cell));
            }
        }
        Ok(Some(row))
    }
}

impl<R: Read> RowsReader for CsvExport<R> {
    fn next_row(&mut self) -> Option<Result<ExportedRow, RowsError>> {
        if self.ended {
            return None;
        }
        let row = self.row();
        self.ended = matches!(row, Ok(None) | Err(RowsError::Io(_) | RowsError::Form(_)));
        row.transpose()
    }
}

fn columns(header: &ByteRecord) -> Option<CsvColumns> {
    let place = |name: &str| header.iter().position(|column| column == name.as_bytes());
    let figure = |name: &&'static str| Some((place(name)?, *name, field_type(name)?));
    Some(CsvColumns { id: place("_id")?, figures: FIGURES.iter().filter_map(figure).collect() })
}

/// The text before it was disarmed for spreadsheets.
fn armed(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|rest| is_formula(rest)).unwrap_or(cell)
}

/// The value of a cell; one of another type than the column's stays a text.
fn value(kind: FieldType, cell: &str) -> Value {
    let double = |text: &str| text.parse().ok().and_then(Number::from_f64).map(Value::Number);
    let value = match kind {
        FieldType::Double => double(cell),
        FieldType::Integer => cell.parse::<i64>().ok().map(Value::from),
        FieldType::Flag => cell.parse::<bool>().ok().map(Value::from),
        FieldType::DoubleList => cell.split(' ').map(double).collect::<Option<Vec<_>>>().map(Value::from),
        _ => None,
    };
    value.unwrap_or_else(|| armed(cell).into())
}
