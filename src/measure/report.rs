//! What one invocation found: per model the figures of its successes, and its failures beside them, never inside. How
//! outcomes are folded into it is `measure::collect`; what it looks like is `output`'s business.

use crate::domain::run::Connection;
use crate::domain::{CachedInput, Failure, FailureKind, FailureStage, ModelRef, Run};
use crate::measure::metrics::position;
use crate::measure::stats::SummaryStats;
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::collections::BTreeMap;

/// How many different words or messages a tally keeps; the rest is counted without being told apart.
pub(super) const DISTINCT: usize = 16;

/// What was asked of every model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunParameters {
    /// The profile's id.
    pub profile: String,
    /// The profile's output budget, tokens.
    pub max_output_tokens: u32,
    /// Cold or warm.
    pub connection: Connection,
    /// The most requests in flight at once.
    pub concurrency: Option<u32>,
    /// Requests per second of an open loop; `None` in a closed one.
    pub rate: Option<f64>,
}

/// What became of the load.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct LoadReport {
    /// Requests that were planned; `None` where only a duration was.
    pub planned: Option<u64>,
    /// Requests that were started.
    pub started: u64,
    /// Requests that started later than the schedule allows.
    pub late_starts: u64,
    /// The longest wait between schedule and start, seconds.
    pub max_delay: f64,
    /// Requests per second that were asked for; `None` in a closed loop.
    pub rate_requested: Option<f64>,
    /// Requests per second that were started, by the slowest provider, while requests were started at all.
    pub rate_achieved: Option<f64>,
    /// Why the load ended before its plan, if it did.
    pub stopped_early: Option<String>,
}

/// One way of failing, with how often it was seen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FailureSample {
    /// How often.
    pub count: u64,
    /// How far the attempt had come.
    pub stage: FailureStage,
    /// The HTTP status, where an answer came.
    pub http_status: Option<u16>,
    /// The provider's own code.
    pub provider_code: Option<String>,
    /// The message of the first occurrence.
    pub message: String,
    /// The message without what changes between occurrences.
    pub normalized_message: String,
}

/// All failures of one kind.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FailureGroup {
    /// How many.
    pub count: u64,
    /// The different ones among them, by first occurrence; at most 16.
    pub samples: Vec<FailureSample>,
}

impl FailureGroup {
    /// The most frequent one, the earliest among equals.
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

/// Words and how often each was seen; the seventeenth different word and all after it are counted under `other`.
pub type WordCounts = BTreeMap<String, u64>;

/// A reason without its amount, which differs from sample to sample; the amounts are metrics of their own.
fn cause(reason: &str) -> &str {
    reason.rsplit_once(" by ").map_or(reason, |(cause, _)| cause)
}

fn count_word(words: &mut WordCounts, word: &str) {
    let known = words.contains_key(word) || words.len() < DISTINCT;
    *words.entry(if known { word } else { "other" }.to_owned()).or_default() += 1;
}

/// What runs say in words rather than in figures.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RunLabels {
    /// Who counted the tokens.
    pub token_source: WordCounts,
    /// Why generation ended, in the provider's words; `none` where it gave none.
    pub finish_reason: WordCounts,
    /// Whether the streams were fine enough to time decoding.
    pub stream_resolution: WordCounts,
    /// Why samples are suspect.
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

/// The samples of one metric.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MetricSamples {
    /// In ascending order; finite.
    pub sorted: Vec<f64>,
    /// What they amount to; `None` where there are none.
    pub summary: Option<SummaryStats>,
}

impl MetricSamples {
    pub(super) fn new(mut samples: Vec<f64>) -> Self {
        samples.sort_unstable_by(f64::total_cmp);
        Self { summary: SummaryStats::of_sorted(&samples), sorted: samples }
    }
}

/// Everything known about one model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelReport {
    /// Which model.
    pub model: ModelRef,
    /// Successful runs, suspect ones included.
    pub successes: u64,
    /// Of these, suspect.
    pub suspects: u64,
    /// True where the figures are those of suspect samples, because there are no others.
    pub figures_are_suspect: bool,
    /// Failures by kind; kinds that did not occur are absent.
    pub failures: BTreeMap<FailureKind, FailureGroup>,
    /// One figure for each row of [`METRICS`], in its order.
    pub figures: Vec<MetricSamples>,
    /// The provider's own clock under its own names, as its answers gave it, seconds.
    pub provider_timing: BTreeMap<String, SummaryStats>,
    /// What prefix caches answered.
    pub cached_input: CachedInput,
    /// What the runs said in words.
    pub labels: RunLabels,
}

impl ModelReport {
    /// The figure of a metric, by key; `None` where no metric has that key.
    pub fn figure(&self, key: &str) -> Option<&MetricSamples> {
        position(key).map(|place| &self.figures[place])
    }

    /// Failures of all kinds.
    pub fn failed(&self) -> u64 {
        self.failures.values().map(|group| group.count).sum()
    }

    /// Failures / attempts, 0 to 1; `None` where nothing was attempted. A spent budget counts as a failure here; an attempt
    /// that failed on this side is none.
    pub fn error_rate(&self) -> Option<f64> {
        let theirs = self.failures.iter().filter(|(kind, _)| !kind.is_ours());
        let failed: u64 = theirs.map(|(_, group)| group.count).sum();
        let attempts = failed + self.successes;
        (attempts > 0).then(|| failed as f64 / attempts as f64)
    }
}

/// One invocation's result.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// When the first run could have started, UTC.
    pub started_at: DateTime<Utc>,
    /// When the last run had ended, UTC.
    pub ended_at: DateTime<Utc>,
    /// What was asked.
    pub asked: RunParameters,
    /// What became of the load.
    pub load: LoadReport,
    /// One entry a model, in the order in which they were named.
    pub models: Vec<ModelReport>,
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
