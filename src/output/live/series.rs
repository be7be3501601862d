//! What a view keeps of a model: its samples and failures of the last hours. Bounded, and the same row twice counts once. Pure.

use crate::domain::ModelRef;
use crate::domain::median::median;
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

/// Samples and failures of a model beyond which the oldest are left out.
const MOST_ROWS: usize = 2_000;

/// The samples whose median is shown as the figure of now.
const LATEST: usize = 5;

/// A stored success.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveSample {
    /// The id of the row.
    pub id: String,
    pub model: ModelRef,
    pub at: DateTime<Utc>,
    /// Seconds.
    pub ttft: Option<f64>,
    /// Tokens per second.
    pub rate: Option<f64>,
}

/// A stored failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveFailure {
    /// The id of the row.
    pub id: String,
    pub model: ModelRef,
    pub at: DateTime<Utc>,
    pub kind: String,
    pub message: String,
}

/// The figures of a sample: seconds, and tokens per second.
type SampleFigures = (Option<f64>, Option<f64>);

/// The rows of one model by their time and id.
#[derive(Debug, Clone, Default)]
pub struct LiveSeries {
    samples: BTreeMap<(i64, String), SampleFigures>,
    failures: BTreeMap<(i64, String), ()>,
}

impl LiveSeries {
    /// Adds a sample; false if it is known already.
    pub fn add(&mut self, sample: &LiveSample) -> bool {
        let key = (sample.at.timestamp_millis(), sample.id.clone());
        bounded(&mut self.samples);
        self.samples.insert(key, (usable(sample.ttft), usable(sample.rate))).is_none()
    }

    /// Adds a failure; false if it is known already.
    pub fn fail(&mut self, failure: &LiveFailure) -> bool {
        bounded(&mut self.failures);
        self.failures.insert((failure.at.timestamp_millis(), failure.id.clone()), ()).is_none()
    }

    /// Leaves out what is older than `from`, in milliseconds.
    pub fn forget(&mut self, from: i64) {
        while self.samples.first_key_value().is_some_and(|((at, _), _)| *at < from) {
            self.samples.pop_first();
        }
        while self.failures.first_key_value().is_some_and(|((at, _), ())| *at < from) {
            self.failures.pop_first();
        }
    }

    pub fn is_empty(&self) -> bool {
        self.samples.is_empty() && self.failures.is_empty()
    }

    pub fn failed(&self) -> u64 {
        self.failures.len() as u64
    }

    /// Successes and failures.
    pub fn ended(&self) -> u64 {
        self.samples.len() as u64 + self.failed()
    }

    /// The time of the newest success, in milliseconds.
    pub fn newest(&self) -> Option<i64> {
        self.samples.last_key_value().map(|((at, _), _)| *at)
    }

    /// Times in milliseconds, and seconds to the first token.
    pub fn ttfts(&self) -> impl DoubleEndedIterator<Item = (i64, f64)> {
        self.samples.iter().filter_map(|((at, _), (ttft, _))| Some((*at, (*ttft)?)))
    }

    /// Times in milliseconds, and tokens per second.
    pub fn rates(&self) -> impl DoubleEndedIterator<Item = (i64, f64)> {
        self.samples.iter().filter_map(|((at, _), (_, rate))| Some((*at, (*rate)?)))
    }

    /// The figures of now: medians of the latest samples.
    pub fn now(&self) -> SampleFigures {
        (latest(self.ttfts()), latest(self.rates()))
    }
}

fn latest(values: impl DoubleEndedIterator<Item = (i64, f64)>) -> Option<f64> {
    median(&mut values.rev().take(LATEST).map(|(_, value)| value).collect::<Vec<f64>>())
}

fn usable(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite() && *value >= 0.0)
}

fn bounded<T>(rows: &mut BTreeMap<(i64, String), T>) {
    if rows.len() >= MOST_ROWS {
        rows.pop_first();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(id: &str, seconds: i64, ttft: f64) -> LiveSample {
        LiveSample {
            id: id.to_owned(),
            model: ModelRef::new("groq", "m"),
            at: DateTime::from_timestamp(seconds, 0).unwrap(),
            ttft: Some(ttft),
            rate: Some(f64::NAN),
        }
    }

    #[test]
    fn a_row_counts_once_and_old_ones_go() {
        let mut series = LiveSeries::default();
        for place in 0..10 {
            assert!(series.add(&sample(&format!("s{place}"), place, place as f64)));
        }
        assert!(!series.add(&sample("s9", 9, 9.0)));
        assert_eq!((series.ended(), series.now()), (10, (Some(7.0), None)));
        series.forget(8_000);
        assert_eq!((series.ended(), series.newest()), (2, Some(9_000)));
    }

    #[test]
    fn a_busy_model_keeps_its_newest_rows() {
        let mut series = LiveSeries::default();
        for place in 0..3_000 {
            series.add(&sample(&format!("{place:04}"), place, 1.0));
        }
        assert_eq!((series.ended(), series.newest()), (MOST_ROWS as u64, Some(2_999_000)));
    }
}
