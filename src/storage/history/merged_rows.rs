//! Merges the rows of several series: reads each along its own index and yields them in order of time, each with a
//! field that tells if it is published.

use super::row_pages::{RowPage, RowPages, RowQuery, RowSource, RowStore};
use crate::storage::StoreError;
use crate::storage::history::{HistoryFilter, RunSeries};

/// The field that is true for published runs.
pub const PUBLISHED: &str = "published";

/// Runs of several series in order of time.
pub struct Merged<'a> {
    parts: Vec<SeriesCursor<'a>>,
}

/// One series and its reading position.
struct SeriesCursor<'a> {
    published: bool,
    pages: Box<dyn RowPages + 'a>,
    page: Option<RowPage>,
    next: usize,
}

impl<'a> Merged<'a> {
    /// All runs of these series and this scope, whole.
    pub fn new(store: &'a (impl RowStore + ?Sized), series: &[RunSeries], scope: &HistoryFilter) -> Self {
        let part = |series: &RunSeries| {
            let question = RowQuery { table: RowSource::Runs(*series), scope: scope.clone(), fields: None };
            let published = *series == RunSeries::Published;
            SeriesCursor { published, pages: store.pages(question), page: Some(RowPage::default()), next: 0 }
        };
        Self { parts: series.iter().map(part).collect() }
    }

    /// The part whose next row is the oldest; of equal ones the first.
    fn oldest(&self) -> Option<usize> {
        let ats = self.parts.iter().enumerate().filter_map(|(place, part)| Some((part.row()?.0, place)));
        ats.min().map(|(_, place)| place)
    }
}

#[async_trait::async_trait]
impl RowPages for Merged<'_> {
    async fn next(&mut self) -> Result<Option<RowPage>, StoreError> {
        let mut page = RowPage::default();
        while !page.is_full() {
            for part in &mut self.parts {
                part.refill().await?;
            }
            let Some(place) = self.oldest() else { break };
            let part = &mut self.parts[place];
            if let Some((at, row)) = part.row() {
                page.add(at, |text| mark(text, row, part.published));
            }
            part.next += 1;
        }
        Ok((!page.is_empty()).then_some(page))
    }
}

impl SeriesCursor<'_> {
    fn row(&self) -> Option<(i64, &str)> {
        self.page.as_ref()?.get(self.next)
    }

    /// Reads the next page if all rows of this one were returned.
    async fn refill(&mut self) -> Result<(), StoreError> {
        if self.page.as_ref().is_some_and(|page| self.next >= page.len()) {
            self.page = self.pages.next().await?;
            self.next = 0;
        }
        Ok(())
    }
}

/// Adds the field at the front of a document. Keeps a row that is no document as it is.
fn mark(text: &mut String, row: &str, published: bool) {
    let Some(rest) = row.strip_prefix('{') else { return text.push_str(row) };
    let comma = if rest.trim_start().starts_with('}') { "" } else { "," };
    text.extend(["{\"", PUBLISHED, "\":", if published { "true" } else { "false" }, comma, rest]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Pages with the given rows, one inner list per page.
    struct Given(Vec<Vec<i64>>);

    #[async_trait::async_trait]
    impl RowPages for Given {
        async fn next(&mut self) -> Result<Option<RowPage>, StoreError> {
            let Some(times) = (!self.0.is_empty()).then(|| self.0.remove(0)) else { return Ok(None) };
            let mut page = RowPage::default();
            times.iter().for_each(|at| page.add(*at, |text| text.push_str(&format!("{{\"at\":{at}}}"))));
            Ok(Some(page))
        }
    }

    fn given(mut times: Vec<i64>, size: usize) -> Given {
        times.sort_unstable();
        Given(times.chunks(size).map(<[i64]>::to_vec).collect())
    }

    async fn merged(parts: [Given; 2]) -> Vec<(i64, bool)> {
        let part = |(place, given)| SeriesCursor {
            published: place == 0,
            pages: Box::new(given) as Box<dyn RowPages>,
            page: Some(RowPage::default()),
            next: 0,
        };
        let mut merged = Merged { parts: parts.into_iter().enumerate().map(part).collect() };
        let mut found = Vec::new();
        while let Some(page) = merged.next().await.unwrap() {
            for row in page.rows() {
                let row: serde_json::Value = serde_json::from_str(row).unwrap();
                found.push((row["at"].as_i64().unwrap(), row[PUBLISHED].as_bool().unwrap()));
            }
        }
        found
    }

    #[test]
    fn only_documents_are_marked() {
        for (row, marked) in [
            ("{}", "{\"published\":true}"),
            ("{ }", "{\"published\":true }"),
            ("{\"a\":1}", "{\"published\":true,\"a\":1}"),
            ("no document", "no document"),
            ("", ""),
        ] {
            let mut text = String::new();
            mark(&mut text, row, true);
            assert_eq!(text, marked);
        }
    }

    proptest! {
        #[test]
        fn every_row_comes_once_in_the_order_of_time(
            published in prop::collection::vec(-50_i64..50, 0..60), others in prop::collection::vec(-50_i64..50, 0..60),
            size in 1..7_usize,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let found = runtime.block_on(merged([given(published.clone(), size), given(others.clone(), size + 2)]));
            let mut all: Vec<(i64, bool)> = published.iter().map(|at| (*at, true)).collect();
            all.extend(others.iter().map(|at| (*at, false)));
            prop_assert!(found.windows(2).all(|pair| pair[0].0 <= pair[1].0));
            let mut sorted = found;
            sorted.sort_unstable();
            all.sort_unstable();
            prop_assert_eq!(sorted, all);
        }
    }
}
