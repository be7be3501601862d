//! Stored attempts as comparisons and rankings read them: runs and failures of a scope, page by page, each handed on as it
//! comes, so that memory holds a page and what is kept of it.

use crate::commands::exit::CommandError;
use crate::commands::scope::read_error;
use crate::domain::canary::is_beside_series;
use crate::domain::{FailureKind, ModelRef};
use crate::export::{fields, scalar, words};
use crate::measure::compare::{FIGURES, RunStratum};
use crate::storage::Store;
use crate::storage::history::row_pages::{RowQuery, RowSource};
use crate::storage::history::{HistoryFilter, RunSeries};
use chrono::{DateTime, TimeDelta, Utc};

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
    "route_endpoint_tag",
    "quantization",
    "error_kind",
    "sample_role",
    FIGURES[0].field,
    FIGURES[1].field,
    FIGURES[2].field,
    FIGURES[3].field,
    FIGURES[4].field,
];

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredEnd {
    /// A run of this series.
    Run(RunSeries),
    Failure,
}

/// Hands on every run of these series, and every failure that would have been one, with its time in milliseconds. Warm
/// halves of pairs are none: a model would look faster from the day on which its profile asks for pairs.
///
/// # Errors
/// A store that cannot be read.
pub async fn each(
    store: &dyn Store,
    scope: &HistoryFilter,
    series: &[RunSeries],
    mut take: impl FnMut(&StoredAttempt, i64, StoredEnd),
) -> Result<(), CommandError> {
    let sources = series.iter().map(|one| RowSource::Runs(*one)).chain([RowSource::Errors]);
    for table in sources {
        let mut pages = store.pages(RowQuery { table, scope: scope.clone(), fields: Some(FIELDS) });
        while let Some(page) = pages.next().await.map_err(|error| read_error("reading runs", error))? {
            for (at, text) in (0..page.len()).filter_map(|place| page.get(place)) {
                let attempt = StoredAttempt::read(text);
                // A canary's question is another one, and rare: its level and its failures are not the model's.
                if is_beside_series(attempt.role.as_deref()) {
                    continue;
                }
                match table {
                    RowSource::Runs(one) => take(&attempt, at, StoredEnd::Run(one)),
                    RowSource::Errors if series.contains(&attempt.series()) => {
                        take(&attempt, at, StoredEnd::Failure);
                    }
                    RowSource::Errors => {}
                }
            }
        }
    }
    Ok(())
}

/// Rows from later than this have dates that cannot be true.
pub fn latest(now: DateTime<Utc>) -> i64 {
    (now + TimeDelta::days(1)).timestamp_millis()
}

/// The fields of a row that matter.
#[derive(Debug, Default, PartialEq)]
pub struct StoredAttempt {
    provider: Option<String>,
    model: Option<String>,
    pub stratum: RunStratum,
    /// The endpoint that answered, and the quantization of its weights.
    pub endpoint_tag: Option<String>,
    pub quantization: Option<String>,
    role: Option<String>,
    /// True for a failure of the measuring side, which says nothing about the provider.
    pub ours: bool,
    pub suspect: bool,
    /// The figures, in the order of [`FIGURES`].
    pub values: [Option<f64>; FIGURES.len()],
    /// Those that hold no number, in the same order.
    pub odd: [bool; FIGURES.len()],
}

impl StoredAttempt {
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
            "route_endpoint_tag" => row.endpoint_tag = words(value),
            "quantization" => row.quantization = words(value),
            "sample_role" => row.role = words(value),
            "error_kind" => row.ours = words(value).is_some_and(|kind| is_ours(&kind)),
            "suspect" => row.suspect = value == "true",
            name => {
                if let Some(place) = FIGURES.iter().position(|figure| figure.field == name) {
                    row.values[place] = number(value);
                    row.odd[place] = row.values[place].is_none() && value != "null";
                }
            }
        });
        if whole.is_ok() { row } else { Self::default() }
    }

    /// Provider and model, if the row names both as texts.
    pub fn model(&self) -> Option<ModelRef> {
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
        let row = StoredAttempt::read(
            r#"{"provider":"groq","model_name":"m","time_to_first_token":"fast","tokens_per_second":48,
            "visible_tokens_per_second":null,"inter_token_latency":0,"generate_time":{"a":1},"misc":{},
            "runner":"tokyo","benchmark_profile_id":7,"connection":"cold","sample_role":"published"}"#,
        );
        assert_eq!(row.model(), Some(ModelRef::new("groq", "m")));
        assert_eq!(
            (row.values, row.odd),
            ([None, Some(48.0), None, None, None], [true, false, false, true, true])
        );
        let (runner, connection) = (Some("tokyo".to_owned()), Some("cold".to_owned()));
        assert_eq!(row.stratum, RunStratum { runner, profile: None, connection });
        assert_eq!((row.series(), row.ours), (RunSeries::Published, false));
        assert!(StoredAttempt::read(r#"{"suspect":true}"#).suspect);
        assert!(StoredAttempt::read(r#"{"error_kind":"interrupted"}"#).ours);
        for text in [
            "{}",
            "no document",
            "[]",
            r#"{"provider":7,"model_name":"m"}"#,
            r#"{"provider":"groq","model_name":"#,
        ] {
            assert_eq!(StoredAttempt::read(text).model(), None, "{text}");
        }
    }

    #[test]
    fn every_figure_has_its_field() {
        for figure in &FIGURES {
            assert!(FIELDS.contains(&figure.field));
        }
        assert_eq!(FIELDS.len(), 12 + FIGURES.len());
    }
}
