//! The samples of a comparison: stored runs and failures of both sides, sorted into series: one model in one stratum.

use super::sides::{ComparisonSide, RunScope};
use crate::commands::exit::CommandError;
use crate::commands::scope::read_error;
use crate::domain::pair::COUNTERPART;
use crate::domain::{FailureKind, ModelRef};
use crate::export::{fields, scalar, words};
use crate::measure::block_comparison::{SeriesSamples, TimedSample, slot};
use crate::measure::compare::{FIGURES, RunStratum};
use crate::measure::failure_shares::{AttemptCount, AttemptsBySlot};
use crate::storage::Store;
use crate::storage::history::RunSeries;
use crate::storage::history::row_pages::{RowQuery, RowSource};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::{BTreeMap, HashMap};

const FIELDS: &[&str] = &[
    // A page has the time of a row where the row has it.
    "run_ts",
    "ts",
    "provider",
    "model_name",
    "suspect",
    "runner",
    "benchmark_profile_id",
    "connection",
    "error_kind",
    "sample_role",
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
    /// Left out because they name no provider and model as texts, have no time that can be true, or are no documents.
    pub odd: u64,
    /// Values left out because they are no number above 0.
    pub odd_values: u64,
}

/// A model in a stratum: how many runs each side has, and the samples of each figure.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelSeries {
    pub runs: [u64; 2],
    pub figures: [SeriesSamples; FIGURES.len()],
}

/// Failures are told apart by model, runner and profile. A failure may have ended before there was a connection.
type AttemptKey = (String, Option<String>, Option<String>);

/// Everything that was read.
#[derive(Debug, Default)]
pub struct ComparedRows {
    pub counted: [SideCounts; 2],
    pub series: BTreeMap<(String, RunStratum), ModelSeries>,
    attempts: BTreeMap<AttemptKey, [AttemptsBySlot; 2]>,
}

impl ComparedRows {
    /// The attempts of each side, of what both sides attempted. A success must be among them: profiles of which the series
    /// that was read has nothing have their failures in the same place.
    pub fn attempts_of_both(&self) -> [AttemptsBySlot; 2] {
        let mut sums = [AttemptsBySlot::new(), AttemptsBySlot::new()];
        let answered = |side: &AttemptsBySlot| side.values().any(|count| count.failures < count.attempts);
        let both = self
            .attempts
            .values()
            .filter(|sides| sides.iter().all(|side| !side.is_empty()) && sides.iter().any(answered));
        for sides in both {
            for (sum, side) in sums.iter_mut().zip(sides) {
                side.iter().for_each(|(slot, count)| sum.entry(*slot).or_default().add(*count));
            }
        }
        sums
    }

    fn attempt(&mut self, row: &ComparedRow, name: &str, side: usize, at: i64, failures: u64) {
        let key = (name.to_owned(), row.stratum.runner.clone(), row.stratum.profile.clone());
        let counted = self.attempts.entry(key).or_default()[side].entry(slot(at)).or_default();
        counted.add(AttemptCount { attempts: 1, failures });
    }

    /// Sorts a run in, or counts the reason why it is left out.
    fn run(&mut self, row: &ComparedRow, naming: &ModelNaming, side: usize, at: i64) {
        let counted = &mut self.counted[side];
        counted.runs += 1;
        counted.suspect += u64::from(row.suspect);
        let Some(model) = row.model().filter(|_| naming.may_be(at)) else {
            counted.odd += u64::from(!row.suspect);
            return;
        };
        let name = naming.name(model);
        self.attempt(row, &name, side, at, 0);
        if row.suspect {
            return;
        }
        self.counted[side].odd_values += row.odd_values;
        let series = self.series.entry((name, row.stratum.clone())).or_insert_with(|| ModelSeries {
            runs: [0, 0],
            figures: std::array::from_fn(|_| SeriesSamples::default()),
        });
        series.runs[side] += 1;
        for (figure, value) in series.figures.iter_mut().zip(row.values) {
            figure.sides[side].extend(value.map(|value| TimedSample::new(at, value)));
        }
    }

    fn failure(&mut self, row: &ComparedRow, naming: &ModelNaming, side: usize, at: i64) {
        if let Some(model) = row.model().filter(|_| !row.ours && naming.may_be(at)) {
            self.attempt(row, &naming.name(model), side, at, 1);
        }
    }
}

/// Names of models that both sides share, so that equal ones are compared.
pub struct ModelNaming {
    single: bool,
    by_provider: bool,
    canonical: HashMap<ModelRef, String>,
    /// Rows from later than this have dates that cannot be true.
    latest: i64,
}

impl ModelNaming {
    /// The naming depends on the sides: two models form one series; models of two providers match by id, or by
    /// `canonical_id` in the catalog; else by their own names.
    ///
    /// # Errors
    /// A catalog that cannot be read.
    pub async fn of(
        store: &dyn Store,
        a: &ComparisonSide,
        b: &ComparisonSide,
        now: DateTime<Utc>,
    ) -> Result<Self, CommandError> {
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
        let latest = (now + TimeDelta::days(1)).timestamp_millis();
        Ok(Self { single, by_provider, canonical, latest })
    }

    fn name(&self, model: ModelRef) -> String {
        match (self.single, self.by_provider) {
            (true, _) => String::new(),
            (_, true) => self.canonical.get(&model).cloned().unwrap_or(model.model_id),
            _ => model.to_string(),
        }
    }

    /// Whether a row may be from then: one date of another century would stretch a window over it.
    fn may_be(&self, at: i64) -> bool {
        0 < at && at <= self.latest
    }
}

/// Reads the runs of a side (0 is A, 1 is B), and its failures, into `rows`. Samples have no order.
///
/// # Errors
/// A store that cannot be read.
pub async fn read(
    store: &dyn Store,
    compared: &ComparisonSide,
    series: &[RunSeries],
    naming: &ModelNaming,
    rows: &mut ComparedRows,
    side: usize,
) -> Result<(), CommandError> {
    let sources = series.iter().map(|one| RowSource::Runs(*one)).chain([RowSource::Errors]);
    for table in sources {
        let mut pages = store.pages(RowQuery { table, scope: compared.scope(), fields: Some(FIELDS) });
        while let Some(page) = pages.next().await.map_err(|error| read_error("reading runs", error))? {
            let published = table == RowSource::Runs(RunSeries::Published);
            rows.counted[side].published += if published { page.len() as u64 } else { 0 };
            for (at, text) in (0..page.len()).filter_map(|place| page.get(place)) {
                let row = ComparedRow::read(text);
                // Warm halves of pairs would make a side look faster from the day on which its profile asks for pairs.
                if row.role.as_deref() == Some(COUNTERPART) {
                    continue;
                }
                match table {
                    RowSource::Runs(_) => rows.run(&row, naming, side, at),
                    RowSource::Errors if series.contains(&row.series()) => {
                        rows.failure(&row, naming, side, at);
                    }
                    RowSource::Errors => {}
                }
            }
        }
    }
    Ok(())
}

/// The fields of a row that matter to a comparison.
#[derive(Debug, Default, PartialEq)]
struct ComparedRow {
    provider: Option<String>,
    model: Option<String>,
    stratum: RunStratum,
    role: Option<String>,
    /// True for a failure of the measuring side, which says nothing about the provider.
    ours: bool,
    suspect: bool,
    values: [Option<f64>; FIGURES.len()],
    odd_values: u64,
}

impl ComparedRow {
    /// Reads a row of any writer; unreadable values are missing.
    fn read(text: &str) -> Self {
        let mut row = Self::default();
        // A truncated row has neither provider nor model: all of it is left out.
        let whole = fields(text, |name, value| match name.as_ref() {
            "provider" => row.provider = words(value),
            "model_name" => row.model = words(value),
            "runner" => row.stratum.runner = words(value),
            "benchmark_profile_id" => row.stratum.profile = words(value),
            "connection" => row.stratum.connection = words(value),
            "sample_role" => row.role = words(value),
            "error_kind" => row.ours = words(value).is_some_and(|kind| is_ours(&kind)),
            "suspect" => row.suspect = value == "true",
            name => {
                if let Some(place) = FIGURES.iter().position(|figure| figure.field == name) {
                    row.values[place] = number(value);
                    row.odd_values += u64::from(row.values[place].is_none() && value != "null");
                }
            }
        });
        if whole.is_ok() { row } else { Self::default() }
    }

    fn model(&self) -> Option<ModelRef> {
        Some(ModelRef::new(self.provider.clone()?, self.model.clone()?))
    }

    /// The series to which a success of this attempt would have belonged. Older rows have no role, and were published.
    fn series(&self) -> RunSeries {
        match self.role.as_deref() {
            Some("published") | None => RunSeries::Published,
            Some(_) => RunSeries::Probe,
        }
    }
}

fn is_ours(kind: &str) -> bool {
    FailureKind::ALL.iter().any(|known| known.is_ours() && known.as_str() == kind)
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
        let row = ComparedRow::read(
            r#"{"provider":"groq","model_name":"m","time_to_first_token":"fast","tokens_per_second":48,
            "visible_tokens_per_second":null,"inter_token_latency":0,"generate_time":{"a":1},"misc":{},
            "runner":"tokyo","benchmark_profile_id":7,"connection":"cold","sample_role":"published"}"#,
        );
        assert_eq!(row.model(), Some(ModelRef::new("groq", "m")));
        assert_eq!((row.values, row.odd_values), ([None, Some(48.0), None, None, None], 3));
        let (runner, connection) = (Some("tokyo".to_owned()), Some("cold".to_owned()));
        assert_eq!(row.stratum, RunStratum { runner, profile: None, connection });
        assert_eq!((row.series(), row.ours), (RunSeries::Published, false));
        assert!(ComparedRow::read(r#"{"suspect":true}"#).suspect);
        assert!(ComparedRow::read(r#"{"error_kind":"interrupted"}"#).ours);
        for text in [
            "{}",
            "no document",
            "[]",
            r#"{"provider":7,"model_name":"m"}"#,
            r#"{"provider":"groq","model_name":"#,
        ] {
            assert_eq!(ComparedRow::read(text).model(), None, "{text}");
        }
    }

    #[test]
    fn every_figure_has_its_field() {
        for figure in &FIGURES {
            assert!(FIELDS.contains(&figure.field));
        }
        assert_eq!(FIELDS.len(), 10 + FIGURES.len());
    }
}
