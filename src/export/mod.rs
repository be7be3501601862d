//! Stored rows as files that other programs read: CSV, JSON, JSON lines, Parquet. A row comes in as the JSON
//! text that a store keeps and goes out at once; memory does not grow with the number of rows. The command
//! chooses the rows and the destination.

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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// One header, one row per line.
    Csv,
    /// One document that holds all rows.
    Json,
    /// One JSON document per line.
    Ndjson,
    /// Columns in groups of rows, for analysis; binary.
    Parquet,
}

/// Totals of the rows written so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExportTotals {
    pub rows: u64,
    /// Rows that were no documents, or had a known field of another type than the contract's.
    pub odd: u64,
    /// True if the reader is gone, so that the written rows are not counted.
    pub closed: bool,
}

/// Writes rows in one format.
pub trait Encoder: Send {
    /// Writes a row; true if it was sound.
    ///
    /// # Errors
    /// The writer's error.
    fn row(&mut self, text: &str) -> io::Result<bool>;

    /// Writes rows that were read together; returns the number of rows that were not sound.
    ///
    /// # Errors
    /// The writer's error.
    fn rows(&mut self, texts: &[&str]) -> io::Result<u64> {
        let mut odd = 0;
        for text in texts {
            odd += u64::from(!self.row(text)?);
        }
        Ok(odd)
    }

    /// Writes the end, and flushes. Before that the file is incomplete.
    ///
    /// # Errors
    /// The writer's error.
    fn finish(&mut self) -> io::Result<()>;
}

/// An encoder that writes rows of a table to `out`. `head` stands at the top of the
/// JSON document; other formats ignore it.
///
/// # Errors
/// The writer's error.
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
