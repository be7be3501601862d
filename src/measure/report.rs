//! The result of one invocation: per model the figures of its successes, and separately its failures.
//! `measure::collect` folds outcomes into it; `output` displays it.

use crate::domain::{CachedInput, Failure, FailureKind, FailureStage, ModelRef, Run};
use crate::measure::metric_dialect::DialectReport;
use crate::measure::metrics::position;
use crate::measure::paired::PairReport;
use crate::measure::stats::SummaryStats;
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::collections::BTreeMap;

/// Different words or messages that a tally keeps; the rest is counted together.
pub(super) const DISTINCT: usize = 16;

/// The connections that requests were to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestedConnection {
    /// Each one opened within the measured time.
    Cold,
    /// Opened before.
    Warm,
    /// Both in turn; figures are those of the cold ones.
    Paired,
}

/// Parameters shared by every model's requests.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunParameters {
    /// The profile's id.
    pub profile: String,
    /// The profile's output budget, tokens.
    pub max_output_tokens: u32,
    pub connection: RequestedConnection,
    /// The most requests in flight at once.
    pub concurrency: Option<u32>,
    /// Requests per second of an open loop; `None` in a closed one.
    pub rate: Option<f64>,
}

/// Totals of the load. Pairs count as one request here.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct LoadReport {
    /// Requests that were planned; `None` if only a duration was.
    pub planned: Option<u64>,
    pub started: u64,
    /// Requests that started later than the schedule allows.
    pub late_starts: u64,
    /// The longest wait between schedule and start, seconds.
    pub max_delay: f64,
    /// Requests per second that were requested; `None` in a closed loop.
    pub rate_requested: Option<f64>,
    /// Requests per second that the slowest provider started, counted only while requests were started.
    pub rate_achieved: Option<f64>,
    /// The reason, if the load ended before its plan.
    pub stopped_early: Option<String>,
}

/// Failures with the same message, and their count.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FailureSample {
    pub count: u64,
    /// The stage that the attempt reached.
    pub stage: FailureStage,
    /// The HTTP status, if an answer came.
    pub http_status: Option<u16>,
    pub provider_code: Option<String>,
    /// The message of the first occurrence.
    pub message: String,
    /// The message without the parts that change between occurrences.
    pub normalized_message: String,
}

/// All failures of one kind.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FailureGroup {
    pub count: u64,
    /// The different failures among them, by first occurrence; at most 16.
    pub samples: Vec<FailureSample>,
}

impl FailureGroup {
    /// The most frequent sample, the earliest among equals.
    pub fn typical(&self) -> Option<&FailureSample> {
        self.samples.iter().rev().max_by_key(|sample| sample.count)
    }

    pub(super) fn add(&mut self, failure: &Failure) {
        self.count += 1;
        let known = |sample: &&mut FailureSample| sample.normalized_message == failure.normalized_message;
        if let Some(sample) = self.samples.iter_mut().find(known) {
            sample.count += 1;
        } else if self.samples.len() < DISTINCT {
            self.samples.push(FailureSample {
                count: 1,
                stage: failure.stage,
                http_status: failure.http_status,
                provider_code: failure.provider_error_code.clone(),
                message: failure.message.clone(),
                normalized_message: failure.normalized_message.clone(),
            });
        }
    }
}

/// Words and their counts; the seventeenth different word and all after it are counted under `other`.
pub type WordCounts = BTreeMap<String, u64>;

/// A reason without its amount, which differs from sample to sample; the amounts are metrics of their own.
fn cause(reason: &str) -> &str {
    reason.rsplit_once(" by ").map_or(reason, |(cause, _)| cause)
}

fn count_word(words: &mut WordCounts, word: &str) {
    let known = words.contains_key(word) || words.len() < DISTINCT;
    *words.entry(if known { word } else { "other" }.to_owned()).or_default() += 1;
}

/// Facts about runs that are words instead of figures.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RunLabels {
    pub token_source: WordCounts,
    /// Reasons why generation ended, in the provider's words; `none` if it gave none.
    pub finish_reason: WordCounts,
    /// Resolutions of the streams, which tell if decoding could be timed.
    pub stream_resolution: WordCounts,
    pub suspect_reason: WordCounts,
}

impl RunLabels {
    pub(super) fn add(&mut self, run: &Run) {
        count_word(&mut self.token_source, &run.tokens.token_source);
        count_word(&mut self.finish_reason, run.finish_reason.as_deref().unwrap_or("none"));
        if let Some(resolution) = &run.stream.stream_resolution {
            count_word(&mut self.stream_resolution, resolution);
        }
        for reason in &run.quality.suspect_reasons {
            count_word(&mut self.suspect_reason, cause(reason));
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct MetricSamples {
    /// In ascending order; finite.
    pub sorted: Vec<f64>,
    /// `None` without samples.
    pub summary: Option<SummaryStats>,
}

impl MetricSamples {
    pub(super) fn new(mut samples: Vec<f64>) -> Self {
        samples.sort_unstable_by(f64::total_cmp);
        Self { summary: SummaryStats::of_sorted(&samples), sorted: samples }
    }
}

/// The results of one model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelReport {
    pub model: ModelRef,
    /// Successful runs, suspect ones included.
    pub successes: u64,
    /// Suspect runs among the successes.
    pub suspects: u64,
    /// True if the figures are those of suspect samples, because there are no others.
    pub figures_are_suspect: bool,
    /// Failures by kind; kinds that did not occur are absent.
    pub failures: BTreeMap<FailureKind, FailureGroup>,
    /// One figure for each row of [`super::metrics::METRICS`], in its order.
    pub figures: Vec<MetricSamples>,
    /// The provider's own clock under its own names, as its answers gave it, seconds.
    pub provider_timing: BTreeMap<String, SummaryStats>,
    pub cached_input: CachedInput,
    pub labels: RunLabels,
    /// The pairs; `None` if requests were not made in pairs.
    pub pairs: Option<PairReport>,
}

impl ModelReport {
    /// The figure of a metric, by key; `None` if no metric has that key.
    pub fn figure(&self, key: &str) -> Option<&MetricSamples> {
        position(key).map(|place| &self.figures[place])
    }

    /// Failures of all kinds.
    pub fn failed(&self) -> u64 {
        self.failures.values().map(|group| group.count).sum()
    }

    /// Failures / attempts, 0 to 1; `None` if nothing was attempted. A spent budget counts as a failure here; an
    /// attempt that failed on this side does not.
    pub fn error_rate(&self) -> Option<f64> {
        let theirs = self.failures.iter().filter(|(kind, _)| !kind.is_ours());
        let failed: u64 = theirs.map(|(_, group)| group.count).sum();
        let attempts = failed + self.successes;
        (attempts > 0).then(|| failed as f64 / attempts as f64)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The moment when the first run could have started, UTC.
    pub started_at: DateTime<Utc>,
    /// The moment when the last run had ended, UTC.
    pub ended_at: DateTime<Utc>,
    pub asked: RunParameters,
    pub load: LoadReport,
    /// One entry per model, in the order in which they were named.
    pub models: Vec<ModelReport>,
    /// The same requests in the metrics of another tool, if that was asked for.
    pub dialect: Option<DialectReport>,
}

impl Report {
    /// Failures of all models.
    pub fn failed(&self) -> u64 {
        self.models.iter().map(ModelReport::failed).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_of_words_is_bounded() {
        let mut words = WordCounts::new();
        (0..100).for_each(|n| count_word(&mut words, &format!("reason {n}")));
        assert_eq!(words.len(), DISTINCT + 1);
        assert_eq!(words.values().sum::<u64>(), 100);
    }
}
