//! What stands on the pages of a report: facts of stores in, entries out. Pure; pages and data files are made of the same
//! entries, so that every number on a page is in the file beside it. Fields are those of the data files.

pub mod facts;
pub mod model_detail;
pub mod paths;
mod standing_table;
pub use standing_table::metric;
#[cfg(test)]
pub mod tests;
pub mod weighted;

use crate::domain::ModelRef;
use crate::domain::change_document::{ACKNOWLEDGED, change_document};
use crate::domain::series_change::SeriesChange;
use crate::domain::timestamp;
use crate::measure::ranking::circumstances::RankingCircumstances;
use chrono::{DateTime, Utc};
use facts::{BlockHistory, ReportFacts};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};

/// The schema of the index' data, described by `docs/schema/report.schema.json`.
pub const SCHEMA: &str = "llmbench.report/1";

/// The schema of a model's data.
pub const MODEL_SCHEMA: &str = "llmbench.report.model/1";

/// The schema of a provider's data.
pub const PROVIDER_SCHEMA: &str = "llmbench.report.provider/1";

/// What stands on the index.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReportContents {
    pub schema: &'static str,
    #[serde(serialize_with = "timestamp::instant")]
    pub as_of: DateTime<Utc>,
    #[serde(serialize_with = "timestamp::instant")]
    pub from: DateTime<Utc>,
    pub circumstances: CountedCircumstances,
    /// Those with a place by TTFT, by place; then the others, those with the most samples first.
    pub models: Vec<ReportedModel>,
    /// The latest begun first.
    pub changes: Vec<ReportedChange>,
    pub calibrations: Vec<ReportedCalibration>,
    pub left_out: LeftOutSamples,
}

/// The circumstances under which models are compared.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CountedCircumstances {
    pub profile: Option<String>,
    pub connection: Option<String>,
    /// `None` for rows that name no runner.
    pub runners: Vec<Option<String>>,
    /// Hours of the blocks of which levels are made.
    pub block_hours: u32,
}

/// A model, at a router at one endpoint.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReportedModel {
    pub provider: String,
    pub model: String,
    /// A router's endpoint.
    pub endpoint: Option<String>,
    /// Part of the paths of its files: `models/PATH.html`, `data/models/PATH.json`, `badges/PATH/…`.
    pub path: String,
    pub ttft: ReportedFigure,
    pub tokens_per_second: ReportedFigure,
    pub attempts: u64,
    pub failures: u64,
    /// The share of attempts that were answered.
    pub availability: Option<f64>,
    /// The end of the 3 hours that hold the newest sample.
    #[serde(serialize_with = "timestamp::maybe_instant")]
    pub newest_before: Option<DateTime<Utc>>,
    #[serde(skip)]
    pub name: ModelRef,
}

/// A figure of a model: seconds, or tokens per second.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ReportedFigure {
    /// Tiers are counted from 1; `None` without a place.
    pub tier: Option<usize>,
    /// The first and the last place of its tier.
    pub place_from: Option<usize>,
    pub place_to: Option<usize>,
    pub median: Option<f64>,
    pub median_low: Option<f64>,
    pub median_high: Option<f64>,
    /// The 10th and the 90th percentile of medians of 3 hours.
    pub p10: Option<f64>,
    pub p90: Option<f64>,
    /// Samples.
    pub n: u64,
    /// What a model without a place lacks.
    pub missing: Option<String>,
}

/// A change of a series, without who has seen it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReportedChange {
    #[serde(flatten)]
    pub document: Map<String, Value>,
    #[serde(skip)]
    pub change: SeriesChange,
}

/// How wrong the clock of a measuring host is. Hosts have no names here: those are the operator's own.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReportedCalibration {
    /// The runner; `None` where none is named.
    pub runner: Option<String>,
    #[serde(serialize_with = "timestamp::instant")]
    pub at: DateTime<Utc>,
    pub may_publish: bool,
    pub streams: Option<u64>,
    /// Measured minus true TTFT, seconds.
    pub ttft_error_mean: Option<f64>,
    pub ttft_error_p99: Option<f64>,
}

/// What was measured under the counted circumstances, and what of it is in no figure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct LeftOutSamples {
    pub attempts: u64,
    pub failures: u64,
    /// Answers without a sound TTFT: the host may have moved it, or no text was visible.
    pub without_ttft: u64,
    pub without_tokens_per_second: u64,
    /// Attempts under other circumstances: another question, connection or runner.
    pub elsewhere: u64,
}

/// What stands on a provider's page.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProviderDetail<'a> {
    pub schema: &'static str,
    #[serde(serialize_with = "timestamp::instant")]
    pub as_of: DateTime<Utc>,
    #[serde(serialize_with = "timestamp::instant")]
    pub from: DateTime<Utc>,
    pub provider: &'a str,
    pub models: Vec<&'a ReportedModel>,
    pub changes: Vec<&'a ReportedChange>,
}

impl ReportContents {
    /// Makes the entries of these facts.
    pub fn of(facts: &ReportFacts) -> Self {
        let by_model = by_model(&facts.series);
        let (models, circumstances, block_hours) = standing_table::models(facts, &by_model);
        Self {
            schema: SCHEMA,
            as_of: facts.as_of,
            from: facts.from,
            left_out: left_out(&facts.series, &circumstances),
            circumstances: CountedCircumstances {
                profile: circumstances.profile.clone(),
                connection: circumstances.connection.clone(),
                runners: circumstances.runners.iter().cloned().collect(),
                block_hours,
            },
            models,
            // An open change of a model that was not measured in this time has no page to lead to.
            changes: facts
                .changes
                .iter()
                .filter(|change| by_model.contains_key(&change.series.model))
                .map(ReportedChange::of)
                .collect(),
            calibrations: facts
                .calibrations
                .iter()
                .map(|one| ReportedCalibration::of(one, &facts.series))
                .collect(),
        }
    }

    /// The names of providers, sorted.
    pub fn providers(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.models.iter().map(|model| model.provider.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// What stands on the page of a provider.
    pub fn provider<'a>(&'a self, provider: &'a str) -> ProviderDetail<'a> {
        let (models, changes) = (self.models.iter(), self.changes.iter());
        ProviderDetail {
            schema: PROVIDER_SCHEMA,
            as_of: self.as_of,
            from: self.from,
            provider,
            models: models.filter(|model| model.provider == provider).collect(),
            changes: changes.filter(|one| one.change.series.model.provider == provider).collect(),
        }
    }

    /// The changes by model, so that the page of each model finds its own.
    pub fn changes_by_model(&self) -> HashMap<&ModelRef, Vec<&ReportedChange>> {
        let mut found: HashMap<&ModelRef, Vec<&ReportedChange>> = HashMap::new();
        self.changes.iter().for_each(|one| found.entry(&one.change.series.model).or_default().push(one));
        found
    }
}

impl CountedCircumstances {
    /// True if this series is in the comparison of models.
    pub fn hold(&self, one: &BlockHistory) -> bool {
        let series = &one.series;
        series.profile == self.profile
            && series.connection == self.connection
            && self.runners.contains(&series.runner)
    }
}

impl ReportedChange {
    fn of(change: &SeriesChange) -> Self {
        let mut document = change_document(change);
        document.remove(ACKNOWLEDGED);
        let change = SeriesChange { acknowledged: None, ..change.clone() };
        Self { document, change }
    }
}

impl ReportedCalibration {
    /// A daemon that no row names has the name of its host, which is nobody's business.
    fn of(one: &crate::domain::calibration::CalibrationSummary, series: &[BlockHistory]) -> Self {
        let is_in_rows = |name: &&String| series.iter().any(|one| one.series.runner.as_ref() == Some(*name));
        Self {
            runner: one.runner.as_ref().filter(is_in_rows).cloned(),
            at: one.at,
            may_publish: one.may_publish,
            streams: one.streams,
            ttft_error_mean: one.ttft_error_mean.map(weighted::rounded),
            ttft_error_p99: one.ttft_error_p99.map(weighted::rounded),
        }
    }
}

/// The series of each model.
pub fn by_model(series: &[BlockHistory]) -> BTreeMap<&ModelRef, Vec<&BlockHistory>> {
    let mut found: BTreeMap<&ModelRef, Vec<&BlockHistory>> = BTreeMap::new();
    series.iter().for_each(|one| found.entry(&one.series.model).or_default().push(one));
    found
}

/// Attempts that failed before they had a connection count for every kind of connection.
fn left_out(series: &[BlockHistory], counted: &RankingCircumstances) -> LeftOutSamples {
    let mut found = LeftOutSamples::default();
    for one in series {
        let of = &one.series;
        let same_question = of.profile == counted.profile && counted.runners.contains(&of.runner);
        let holds = same_question && (of.connection == counted.connection || of.connection.is_none());
        for block in &one.blocks {
            let (attempts, failures) = (u64::from(block.attempts), u64::from(block.failures));
            if !holds {
                found.elsewhere += attempts;
                continue;
            }
            let answers = attempts.saturating_sub(failures);
            let without = |figure: Option<crate::domain::series_block::BlockFigure>| {
                answers.saturating_sub(figure.map_or(0, |figure| u64::from(figure.samples)))
            };
            found.attempts += attempts;
            found.failures += failures;
            found.without_ttft += without(block.ttft);
            found.without_tokens_per_second += without(block.tokens_per_second);
        }
    }
    found
}
