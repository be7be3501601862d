//! Stored rows as files that other programs read: CSV, JSON, JSON lines, Parquet. A row comes in as the JSON
//! text that a store keeps and goes out at once; memory does not grow with the number of rows. The command
//! chooses the rows and the destination. [`receipts`] stand beside an export, and whoever has both can check its figures.

mod background_writer;
mod cell;
mod columns;
mod csv;
mod encoder;
mod json;
pub mod new_file;
mod parquet;
pub mod reading;
pub mod receipts;
mod row;

pub use columns::names;
pub use encoder::{Encoder, ExportFormat, ExportTotals};
pub use row::{fields, scalar, words};

use crate::storage::history::row_pages::RowSource;
use serde_json::{Map, Value};
use std::io::{self, Write};

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
