//! What writes rows in one form, and how much it wrote.

use serde::{Deserialize, Serialize};
use std::io;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
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
