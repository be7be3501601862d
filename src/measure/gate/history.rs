//! The stored series that a run is held against, model by model, and what came of it. The command reads the rows; which of
//! them are samples is decided here, by the rules that decide it for the run itself.

use super::prediction::{self, HistoryRatio, JudgedRun, StoredSample, UsedHistory};
use super::shortage::HistoryShortage;
use crate::domain::ModelRef;
use crate::domain::run::Quality;
use crate::measure::compare::RunStratum;
use crate::measure::metrics::{METRICS, RunPart};
use crate::measure::report::{ModelReport, Report};
use crate::measure::timeline::DEFINITIONS_VERSION;
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, HashMap};

/// The stored series of all models of a run, in one window and one stratum.
#[derive(Debug, Default)]
pub struct GateHistory {
    /// From when to when rows were read.
    pub window: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// The circumstances of the run: rows of other ones are no history of it.
    pub stratum: RunStratum,
    /// True if the run has several requests in flight, or a rate. Rows do not say under which load they were measured.
    pub under_load: bool,
    pub models: HashMap<ModelRef, SeriesHistory>,
}

/// What is stored of a model.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SeriesHistory {
    samples: BTreeMap<usize, Vec<StoredSample>>,
    /// Values left out because their run is suspect, by metric.
    suspect: BTreeMap<usize, u64>,
    /// Runs of the model in other circumstances.
    elsewhere: BTreeMap<RunStratum, u64>,
    /// Runs that went another way than this one: through a proxy, or to another endpoint.
    other_route: u64,
}

/// The fields of a stored run that decide whether it is a sample.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StoredRunFacts {
    pub at: i64,
    pub stratum: RunStratum,
    pub quality: Quality,
    /// Of the figures; older rows have none, which is 1.
    pub definitions: Option<u32>,
    /// True if its requests go the way of the run that is judged.
    pub same_route: bool,
}

/// What a gate compared on a model.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryComparison {
    pub window: Option<(DateTime<Utc>, DateTime<Utc>)>,
    pub stratum: RunStratum,
    pub under_load: bool,
    /// The confidence of the interval, 0 to 1, chosen so that all comparisons of the invocation reach 95 % together.
    pub confidence: f64,
    /// Samples of the run.
    pub run_samples: usize,
    pub run_median: Option<f64>,
    pub used: UsedHistory,
    /// Stored values left out because their run is suspect.
    pub suspect: u64,
    /// Stored runs of the model in other circumstances.
    pub elsewhere: BTreeMap<RunStratum, u64>,
    /// Stored runs that went another way: through a proxy, or to another endpoint.
    pub other_route: u64,
    pub found: Result<HistoryRatio, HistoryShortage>,
}

impl SeriesHistory {
    /// Adds a stored run with its values, by metric; values that are no number above 0 are no samples.
    pub fn add(&mut self, run: &StoredRunFacts, wanted: &RunStratum, values: &[(usize, f64)]) {
        if run.stratum != *wanted {
            *self.elsewhere.entry(run.stratum.clone()).or_default() += 1;
            return;
        }
        if !run.same_route {
            self.other_route += 1;
            return;
        }
        for (metric, value) in values.iter().filter(|(_, value)| *value > 0.0 && value.is_finite()) {
            let definition = &METRICS[*metric];
            // The pace of tokens is another figure under other definitions.
            if definition.part == RunPart::Decode && run.definitions != Some(DEFINITIONS_VERSION) {
                continue;
            }
            if definition.leaves_out(&run.quality) {
                *self.suspect.entry(*metric).or_default() += 1;
            } else {
                let sample = StoredSample { at: run.at, value: *value };
                self.samples.entry(*metric).or_default().push(sample);
            }
        }
    }
}

impl GateHistory {
    /// Holds a model's median of a metric against what is stored of it.
    pub(super) fn compare(
        &self,
        metric: usize,
        model: &ModelReport,
        report: &Report,
        confidence: f64,
    ) -> HistoryComparison {
        let nothing = SeriesHistory::default();
        let history = self.models.get(&model.model).unwrap_or(&nothing);
        let figure = &model.figures[metric];
        let values: Vec<f64> = figure.sorted.iter().copied().filter(|value| *value > 0.0).collect();
        let run = JudgedRun {
            began: report.started_at.timestamp_millis(),
            ended: report.ended_at.timestamp_millis(),
            values: &values,
        };
        let stored = history.samples.get(&metric).map_or(&[][..], Vec::as_slice);
        let (used, found) = match stored {
            _ if model.figures_are_suspect => (UsedHistory::default(), Err(HistoryShortage::Suspect)),
            [] => (UsedHistory::default(), Err(HistoryShortage::NothingStored)),
            stored => prediction::compare(run, stored, confidence),
        };
        HistoryComparison {
            window: self.window,
            stratum: self.stratum.clone(),
            under_load: self.under_load,
            confidence,
            run_samples: values.len(),
            run_median: figure.summary.map(|summary| summary.p50),
            used,
            suspect: history.suspect.get(&metric).copied().unwrap_or(0),
            elsewhere: history.elsewhere.clone(),
            other_route: history.other_route,
            found,
        }
    }
}
