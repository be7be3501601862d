//! Stored rows as files that other programs read: CSV, JSON, one JSON line a row, Parquet. A row comes in as the JSON text
//! that a store keeps and goes out at once; nothing here grows with the number of rows. Which rows, and where the bytes go
//! to, is decided by the command.

mod background_writer;
mod cell;
mod columns;
mod csv;
mod json;
pub mod new_file;
mod parquet;
mod row;

pub use columns::names;
pub use row::{fields, scalar};

use crate::storage::history::row_pages::RowSource;
use serde_json::{Map, Value};
use std::io::{self, Write};

/// In which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// One header, one row a line.
    Csv,
    /// One document.
    Json,
    /// One JSON document a line.
    Ndjson,
    /// Columns in groups of rows, for analysis; binary.
    Parquet,
}

/// What was written so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExportTotals {
    /// Rows.
    pub rows: u64,
    /// Those among them that were no documents, or had a known field of another type than the contract says.
    pub odd: u64,
    /// Nobody reads any more, so that what was written is not counted.
    pub closed: bool,
}

/// Writes rows in one form.
pub trait Encoder: Send {
    /// Writes a row; says whether it was a sound one.
    ///
    /// # Errors
    /// What the writer says.
    fn row(&mut self, text: &str) -> io::Result<bool>;

    /// Writes rows that were read together; says how many of them were not sound.
    ///
    /// # Errors
    /// What the writer says.
    fn rows(&mut self, texts: &[&str]) -> io::Result<u64> {
        let mut odd = 0;
        for text in texts {
            odd += u64::from(!self.row(text)?);
        }
        Ok(odd)
    }

    /// Writes what comes last, and flushes. Before that the file is not whole.
    ///
    /// # Errors
    /// What the writer says.
    fn finish(&mut self) -> io::Result<()>;
}

/// An encoder that writes rows of a table to `out`. `head` stands at the top of the JSON document; others have no place
/// for it.
///
/// # Errors
/// What the writer says.
pub fn encoder<'a>(
    format: ExportFormat,
    table: RowSource,
    head: &Map<String, Value>,
    out: impl Write + Send + 'a,
) -> io::Result<Box<dyn Encoder + 'a>> {
    Ok(match format {
        ExportFormat::Csv => Box::new(csv::CsvEncoder::new(table, out)?),
        ExportFormat::Json => Box::new(json::JsonDocument::new(head, out)?),
        ExportFormat::Ndjson => Box::new(json::JsonLinesEncoder::new(out)),
        ExportFormat::Parquet => Box::new(parquet::ParquetEncoder::new(table, out)?),
    })
}
