//! Stored rows in bulk, oldest first, for exports and comparisons. Pages are small and each is a query of its own, so
//! that nothing else waits long and no statement outlives its page; see [`super`] for the newest few.
//!
//! Pages are no snapshot: a row stored meanwhile appears if its time is after the rows that were already read.

use crate::storage::StoreError;
use crate::storage::history::{HistoryFilter, RunSeries};
use async_trait::async_trait;

/// The most rows of a page.
pub const PAGE_ROWS: usize = 1_000;

/// A page takes no further row beyond so many bytes of text.
pub const PAGE_BYTES: usize = 1 << 20;

/// The table to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowSource {
    /// Runs, by `run_ts` and id.
    Runs(RunSeries),
    /// Errors, by `ts` and id.
    Errors,
}

impl RowSource {
    /// The field with the row's time.
    pub fn time(self) -> &'static str {
        match self {
            RowSource::Runs(_) => "run_ts",
            RowSource::Errors => "ts",
        }
    }
}

/// A query for rows in bulk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowQuery {
    pub table: RowSource,
    /// Selects rows. The fingerprint is ignored.
    pub scope: HistoryFilter,
    /// The top-level fields that are needed, at least; `None` for whole rows.
    pub fields: Option<&'static [&'static str]>,
}

/// Rows as JSON, one text each, in one piece of memory. Dates are RFC 3339. A text is as the store keeps it: if another
/// program wrote it, it may be no document.
#[derive(Debug, Default)]
pub struct RowPage {
    text: String,
    ends: Vec<usize>,
    times: Vec<i64>,
}

impl RowPage {
    /// Adds a row of this time, in milliseconds; `write` appends its text.
    pub fn add(&mut self, at: i64, write: impl FnOnce(&mut String)) {
        write(&mut self.text);
        self.ends.push(self.text.len());
        self.times.push(at);
    }

    /// The time and the text of a row.
    pub fn get(&self, place: usize) -> Option<(i64, &str)> {
        let end = *self.ends.get(place)?;
        let begin = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some((*self.times.get(place)?, &self.text[begin..end]))
    }

    /// True if it takes no further row.
    pub fn is_full(&self) -> bool {
        self.ends.len() >= PAGE_ROWS || self.text.len() >= PAGE_BYTES
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub fn rows(&self) -> impl Iterator<Item = &str> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins.zip(&self.ends).map(|(begin, end)| &self.text[begin..*end])
    }
}

/// Reads pages, one after the other.
#[async_trait]
pub trait RowPages: Send {
    /// The next page; `None` after the last one. A page holds at least one row.
    async fn next(&mut self) -> Result<Option<RowPage>, StoreError>;
}

/// Queries for many rows.
pub trait RowStore {
    /// Creates the reader; no query runs before the first page.
    fn pages(&self, question: RowQuery) -> Box<dyn RowPages + '_>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_gives_back_what_was_added() {
        let mut page = RowPage::default();
        assert!(page.is_empty() && page.rows().next().is_none());
        for row in ["{}", "", "{\"a\":1}"] {
            page.add(7, |text| text.push_str(row));
        }
        assert_eq!(page.rows().collect::<Vec<_>>(), ["{}", "", "{\"a\":1}"]);
        assert_eq!((page.len(), page.is_full()), (3, false));
        assert_eq!((page.get(2), page.get(3)), (Some((7, "{\"a\":1}")), None));
        page.add(8, |text| text.extend(std::iter::repeat_n('x', PAGE_BYTES)));
        assert!(page.is_full());
    }
}
