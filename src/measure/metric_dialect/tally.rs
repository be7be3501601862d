//! Folds requests into the figures of a dialect, model by model. Suspect samples are among them: the tools know no such
//! thing.

use super::{ChunkTimes, DialectMetric, DialectReading, MetricDialect, RequestStamps};
use crate::domain::ModelRef;
use crate::measure::report::MetricSamples;
use chrono::{DateTime, TimeDelta, Utc};

/// The figures of a run in a dialect.
#[derive(Debug, Clone, PartialEq)]
pub struct DialectReport {
    pub dialect: MetricDialect,
    /// One entry for each model of the report, in its order.
    pub models: Vec<DialectFigures>,
}

/// The figures of one model.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DialectFigures {
    /// Successes in a wire format that the tool reads.
    pub requests: u64,
    /// Successes in another one, which are in no figure.
    pub unread: u64,
    /// One entry for each metric of the dialect, in its order; the metric of a whole run has one value at most.
    pub samples: Vec<MetricSamples>,
}

/// What a metric of a whole run follows from.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct RunTotals {
    pub requests: u64,
    pub output_tokens: u64,
    /// From the first request's t0 to the end of the last answer.
    pub seconds: f64,
}

impl RunTotals {
    /// The rate of a count; `None` without any time.
    pub fn per_second(&self, count: u64) -> Option<f64> {
        (self.seconds > 0.0).then(|| count as f64 / self.seconds)
    }
}

/// Takes requests as they end.
#[derive(Debug)]
pub struct DialectCollector {
    dialect: MetricDialect,
    models: Vec<(ModelRef, DialectTally)>,
}

#[derive(Debug)]
struct DialectTally {
    samples: Vec<Vec<f64>>,
    requests: u64,
    unread: u64,
    tokens: u64,
    /// t0 of the first request, end of the last answer.
    span: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

impl DialectCollector {
    /// A collector that reports on these models in this order.
    pub fn expecting<'a>(dialect: MetricDialect, models: impl IntoIterator<Item = &'a ModelRef>) -> Self {
        let metrics = dialect.definition().metrics;
        let tally = |model: &ModelRef| (model.clone(), DialectTally::new(metrics.len()));
        Self { dialect, models: models.into_iter().map(tally).collect() }
    }

    /// Adds a success. `counted_tokens` stands in where the answer counts no tokens; without `chunks` the tool could not
    /// have read the answer.
    pub fn add(&mut self, model: &ModelRef, chunks: Option<&ChunkTimes>, counted_tokens: Option<u64>) {
        let metrics = self.dialect.definition().metrics;
        if let Some((_, tally)) = self.models.iter_mut().find(|(known, _)| known == model) {
            match chunks {
                Some(chunks) => tally.add(metrics, &RequestStamps { chunks, counted_tokens }),
                None => tally.unread += 1,
            }
        }
    }

    pub fn finish(self) -> DialectReport {
        let metrics = self.dialect.definition().metrics;
        let models = self.models.into_iter().map(|(_, tally)| tally.finish(metrics)).collect();
        DialectReport { dialect: self.dialect, models }
    }
}

impl DialectTally {
    fn new(metrics: usize) -> Self {
        Self { samples: vec![Vec::new(); metrics], requests: 0, unread: 0, tokens: 0, span: None }
    }

    fn add(&mut self, metrics: &[DialectMetric], request: &RequestStamps<'_>) {
        for (metric, samples) in metrics.iter().zip(&mut self.samples) {
            if let DialectReading::Request(read) = metric.reading {
                samples.extend(read(request).into_iter().filter(|value| value.is_finite()));
            }
        }
        let start = request.chunks.started_at;
        let end = start + TimeDelta::from_std(request.chunks.end).unwrap_or_default();
        let (first, last) = self.span.unwrap_or((start, end));
        self.span = Some((first.min(start), last.max(end)));
        self.requests += 1;
        self.tokens += request.tokens().unwrap_or(0);
    }

    fn finish(self, metrics: &[DialectMetric]) -> DialectFigures {
        let seconds = self.span.map_or(0.0, |(first, last)| (last - first).as_seconds_f64());
        let totals = RunTotals { requests: self.requests, output_tokens: self.tokens, seconds };
        let samples = metrics.iter().zip(self.samples).map(|(metric, samples)| match metric.reading {
            DialectReading::Request(_) => MetricSamples::new(samples),
            DialectReading::Run(read) => MetricSamples::new(read(&totals).into_iter().collect()),
        });
        DialectFigures { requests: self.requests, unread: self.unread, samples: samples.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{CHAT, recording};
    use super::*;

    #[test]
    fn a_run_lasts_from_the_first_request_to_the_last_answer() {
        let model = ModelRef::new("sim", "steady");
        let mut collector = DialectCollector::expecting(MetricDialect::Vllm, [&model]);
        let first = ChunkTimes::of(&recording(CHAT)).unwrap();
        let later =
            ChunkTimes { started_at: first.started_at + TimeDelta::milliseconds(600), ..first.clone() };
        // In the order in which they ended.
        collector.add(&model, Some(&later), None);
        collector.add(&model, Some(&first), None);
        collector.add(&model, None, Some(64));
        let report = collector.finish();
        let figures = &report.models[0];
        assert_eq!((figures.requests, figures.unread), (2, 1));
        let place = |name| report.dialect.definition().metrics.iter().position(|m| m.name == name).unwrap();
        assert_eq!(figures.samples[place("output_throughput")].sorted, [10.0]);
        assert_eq!(figures.samples[place("request_throughput")].sorted, [2.0]);
        assert_eq!(figures.samples[place("itl_ms")].sorted.len(), 8);
    }

    #[test]
    fn a_model_without_answers_has_no_figure() {
        let model = ModelRef::new("sim", "steady");
        let report = DialectCollector::expecting(MetricDialect::Aiperf, [&model]).finish();
        assert!(report.models[0].samples.iter().all(|samples| samples.summary.is_none()));
    }

    #[test]
    fn our_count_stands_in_where_the_answer_has_none() {
        let model = ModelRef::new("sim", "steady");
        let mut collector = DialectCollector::expecting(MetricDialect::Aiperf, [&model]);
        let chunks = ChunkTimes { completion_tokens: None, ..ChunkTimes::of(&recording(CHAT)).unwrap() };
        collector.add(&model, Some(&chunks), Some(8));
        let report = collector.finish();
        let place =
            report.dialect.definition().metrics.iter().position(|m| m.name == "output_sequence_length");
        assert_eq!(report.models[0].samples[place.unwrap()].sorted, [8.0]);
    }
}
