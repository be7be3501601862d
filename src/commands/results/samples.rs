//! The samples of a comparison: stored runs, sorted into one block per model and figure.

use super::sides::{ComparisonSide, RunScope};
use crate::commands::exit::CommandError;
use crate::commands::scope::read_error;
use crate::domain::ModelRef;
use crate::domain::pair::COUNTERPART;
use crate::export::{fields, scalar};
use crate::measure::compare::{FIGURES, SampleBlock};
use crate::storage::Store;
use crate::storage::history::RunSeries;
use crate::storage::history::row_pages::{RowQuery, RowSource};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

const FIELDS: &[&str] = &[
    "provider",
    "model_name",
    "sample_role",
    "suspect",
    FIGURES[0].field,
    FIGURES[1].field,
    FIGURES[2].field,
    FIGURES[3].field,
    FIGURES[4].field,
];

/// Counts of the rows of a side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SideCounts {
    /// All runs, those left out included; but no counterparts of pairs, which are asked in another way than the others.
    pub runs: u64,
    /// Those of the published series.
    pub published: u64,
    /// Left out because they are suspect.
    pub suspect: u64,
    /// Left out because they name no provider and model as texts, or are no documents.
    pub odd: u64,
    /// Values left out because they are no number above 0.
    pub odd_values: u64,
}

/// A model's samples: one block per figure.
pub type BlocksByModel = BTreeMap<String, Vec<SampleBlock>>;

/// Names of models that both sides share, so that equal ones are compared.
pub struct ModelNaming {
    single: bool,
    by_provider: bool,
    canonical: HashMap<ModelRef, String>,
}

impl ModelNaming {
    /// The naming depends on the sides: two models form one block; models of two providers match by id, or by
    /// `canonical_id` in the catalog; else by their own names.
    ///
    /// # Errors
    /// A catalog that cannot be read.
    pub async fn of(store: &dyn Store, a: &ComparisonSide, b: &ComparisonSide) -> Result<Self, CommandError> {
        let single = matches!(a.what, RunScope::Model(_));
        let by_provider = !single && a.provider() != b.provider();
        let mut canonical = HashMap::new();
        for provider in [a, b].iter().filter_map(|side| side.provider()).filter(|_| by_provider) {
            let entries = store.entries(Some(provider)).await;
            let entries = entries.map_err(|error| read_error("reading the catalog", error))?;
            canonical.extend(
                entries
                    .into_iter()
                    .filter_map(|entry| Some((entry.model.clone(), entry.text("canonical_id")?))),
            );
        }
        Ok(Self { single, by_provider, canonical })
    }

    fn name(&self, model: ModelRef) -> String {
        match (self.single, self.by_provider) {
            (true, _) => String::new(),
            (_, true) => self.canonical.get(&model).cloned().unwrap_or(model.model_id),
            _ => model.to_string(),
        }
    }
}

/// Reads a side's runs into `blocks`; `pick` selects the half of a block. Samples have no order.
///
/// # Errors
/// A store that cannot be read.
pub async fn read(
    store: &dyn Store,
    side: &ComparisonSide,
    series: &[RunSeries],
    naming: &ModelNaming,
    blocks: &mut BlocksByModel,
    pick: fn(&mut SampleBlock) -> &mut Vec<f64>,
) -> Result<SideCounts, CommandError> {
    let mut counted = SideCounts::default();
    for one in series {
        let question = RowQuery { table: RowSource::Runs(*one), scope: side.scope(), fields: Some(FIELDS) };
        let mut pages = store.pages(question);
        while let Some(page) = pages.next().await.map_err(|error| read_error("reading runs", error))? {
            counted.published += if *one == RunSeries::Published { page.len() as u64 } else { 0 };
            page.rows().for_each(|text| sort_in(SampleRow::read(text), naming, blocks, pick, &mut counted));
        }
    }
    Ok(counted)
}

/// Sorts a run into the blocks, or counts the reason why it is left out. Warm halves of pairs would make a side look
/// faster from the day on which its profile asks for pairs.
fn sort_in(
    run: SampleRow,
    naming: &ModelNaming,
    blocks: &mut BlocksByModel,
    pick: fn(&mut SampleBlock) -> &mut Vec<f64>,
    counted: &mut SideCounts,
) {
    if run.counterpart {
        return;
    }
    counted.runs += 1;
    counted.suspect += u64::from(run.suspect);
    match run.model() {
        _ if run.suspect => {}
        None => counted.odd += 1,
        Some(model) => {
            counted.odd_values += run.odd_values;
            let block = blocks
                .entry(naming.name(model))
                .or_insert_with(|| vec![SampleBlock::default(); FIGURES.len()]);
            for (block, value) in block.iter_mut().zip(run.values) {
                pick(block).extend(value);
            }
        }
    }
}

/// The fields of a row that are compared.
#[derive(Debug, Default, PartialEq)]
struct SampleRow {
    provider: Option<String>,
    model: Option<String>,
    counterpart: bool,
    suspect: bool,
    values: [Option<f64>; FIGURES.len()],
    odd_values: u64,
}

impl SampleRow {
    /// Reads a row of any writer; unreadable values are missing.
    fn read(text: &str) -> Self {
        let mut run = Self::default();
        let words = |text| match scalar(text) {
            Some(Value::String(words)) if !words.trim().is_empty() => Some(words),
            _ => None,
        };
        // A truncated row has neither provider nor model: all of it is left out.
        let whole = fields(text, |name, value| match name.as_ref() {
            "provider" => run.provider = words(value),
            "model_name" => run.model = words(value),
            "sample_role" => run.counterpart = words(value).as_deref() == Some(COUNTERPART),
            "suspect" => run.suspect = value == "true",
            name => {
                if let Some(place) = FIGURES.iter().position(|figure| figure.field == name) {
                    run.values[place] = number(value);
                    run.odd_values += u64::from(run.values[place].is_none() && value != "null");
                }
            }
        });
        if whole.is_ok() { run } else { Self::default() }
    }

    fn model(&self) -> Option<ModelRef> {
        Some(ModelRef::new(self.provider.clone()?, self.model.clone()?))
    }
}

/// Every measured figure is above 0; ratios need that.
fn number(text: &str) -> Option<f64> {
    scalar(text)?.as_f64().filter(|number| number.is_finite() && *number > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_any_writer_are_read_as_far_as_they_go() {
        let run = SampleRow::read(
            r#"{"provider":"groq","model_name":"m","time_to_first_token":"fast","tokens_per_second":48,
            "visible_tokens_per_second":null,"inter_token_latency":0,"generate_time":{"a":1},"misc":{}}"#,
        );
        assert_eq!(run.model(), Some(ModelRef::new("groq", "m")));
        assert_eq!((run.values, run.odd_values), ([None, Some(48.0), None, None, None], 3));
        assert!(SampleRow::read(r#"{"suspect":true}"#).suspect);
        for text in [
            "{}",
            "no document",
            "[]",
            r#"{"provider":7,"model_name":"m"}"#,
            r#"{"provider":"groq","model_name":"#,
        ] {
            assert_eq!(SampleRow::read(text).model(), None, "{text}");
        }
    }

    #[test]
    fn every_figure_has_its_field() {
        for figure in &FIGURES {
            assert!(FIELDS.contains(&figure.field));
        }
        assert_eq!(FIELDS.len(), 4 + FIGURES.len());
    }
}
