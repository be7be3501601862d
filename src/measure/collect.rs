//! Folds outcomes, one by one and in any order, into one report per model. Keeps numbers instead of runs,
//! so that a million runs fit.
//!
//! Suspect samples are counted apart, and left out of the figures of which they are in doubt: a late first token says
//! nothing against the pace of the others. If a model has no other success, figures without a sound sample use the
//! suspect ones and the report says so.

use crate::domain::{CachedInput, FailureKind, ModelRef, Outcome, Run};
use crate::measure::metrics::{METRIC_COUNT, METRICS, Metric};
use crate::measure::paired::{HalfTtft, PairTally};
use crate::measure::report::{DISTINCT, FailureGroup, MetricSamples, ModelReport, RunLabels};
use std::collections::{BTreeMap, HashMap};

#[derive(Debug, Default)]
pub struct OutcomeCollector {
    places: HashMap<ModelRef, usize>,
    tallies: Vec<ModelAccumulator>,
}

impl OutcomeCollector {
    /// Creates a collector that reports on these models in this order, even those without outcomes. Other
    /// models are added at the end.
    pub fn expecting<'a>(models: impl IntoIterator<Item = &'a ModelRef>) -> Self {
        let mut collector = Self::default();
        for model in models {
            collector.place(model.clone());
        }
        collector
    }

    /// Adds an outcome of a model as it was asked for, with its pinned endpoint.
    pub fn add(&mut self, model: &ModelRef, outcome: &Outcome) {
        let place = self.place(model.clone());
        self.tallies[place].add(outcome);
    }

    /// Adds the outcome of a pair's warm half. Requests count whatever their connection, but a model's figures are those
    /// of its cold requests: the warm one is in the figures of its pair alone.
    pub fn add_counterpart(&mut self, model: &ModelRef, outcome: &Outcome) {
        let place = self.place(model.clone());
        self.tallies[place].add_counterpart(outcome);
    }

    /// Adds a pair whose halves were added.
    pub fn add_pair(&mut self, model: &ModelRef, cold: HalfTtft, warm: HalfTtft, cold_first: bool) {
        let place = self.place(model.clone());
        self.tallies[place].pairs.get_or_insert_default().add(cold, warm, cold_first);
    }

    /// Returns the reports, one per model.
    pub fn finish(self) -> Vec<ModelReport> {
        self.tallies.into_iter().map(ModelAccumulator::finish).collect()
    }

    fn place(&mut self, model: ModelRef) -> usize {
        let next = self.tallies.len();
        let tallies = &mut self.tallies;
        *self.places.entry(model).or_insert_with_key(|model| {
            tallies.push(ModelAccumulator::new(model.clone()));
            next
        })
    }
}

/// Samples of runs that are counted together.
#[derive(Debug, Default)]
struct SamplePool {
    runs: u64,
    samples: [Vec<f64>; METRIC_COUNT],
    provider_timing: BTreeMap<String, Vec<f64>>,
}

impl SamplePool {
    /// Adds the figures of a run that `counts` accepts.
    fn add(&mut self, run: &Run, counts: impl Fn(&Metric) -> bool) {
        for (metric, samples) in METRICS.iter().zip(&mut self.samples).filter(|(metric, _)| counts(metric)) {
            samples.extend((metric.read)(run).filter(|value| value.is_finite()));
        }
    }

    /// Counts a run and adds what the provider's own clock says of it.
    fn count(&mut self, run: &Run) {
        self.runs += 1;
        for (name, value) in run.provider_timing.iter().flatten() {
            let known = self.provider_timing.contains_key(name) || self.provider_timing.len() < DISTINCT;
            if let (true, Some(value)) = (known, value.as_f64()) {
                self.provider_timing.entry(name.clone()).or_default().push(value);
            }
        }
    }
}

/// State of one model while runs come in.
#[derive(Debug)]
struct ModelAccumulator {
    model: ModelRef,
    sound: SamplePool,
    suspect: SamplePool,
    /// Successes of warm halves, and the suspect ones among them.
    counterparts: (u64, u64),
    pairs: Option<PairTally>,
    failures: BTreeMap<FailureKind, FailureGroup>,
    cached_input: CachedInput,
    labels: RunLabels,
}

impl ModelAccumulator {
    fn new(model: ModelRef) -> Self {
        Self {
            model,
            sound: SamplePool::default(),
            suspect: SamplePool::default(),
            counterparts: (0, 0),
            pairs: None,
            failures: BTreeMap::new(),
            cached_input: CachedInput::default(),
            labels: RunLabels::default(),
        }
    }

    fn add(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Success(run) => {
                self.sound.add(run, |metric| !metric.leaves_out(&run.quality));
                self.suspect.add(run, |metric| metric.leaves_out(&run.quality));
                let pool = if run.quality.suspect { &mut self.suspect } else { &mut self.sound };
                pool.count(run);
                self.note(run);
            }
            Outcome::Failure(failure) => self.failures.entry(failure.error_kind).or_default().add(failure),
        }
    }

    fn add_counterpart(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Success(run) => {
                self.counterparts.0 += 1;
                self.counterparts.1 += u64::from(run.quality.suspect);
                self.note(run);
            }
            Outcome::Failure(failure) => self.failures.entry(failure.error_kind).or_default().add(failure),
        }
    }

    fn note(&mut self, run: &Run) {
        self.cached_input.add(&run.tokens);
        self.labels.add(run);
    }

    fn finish(self) -> ModelReport {
        let suspects = self.suspect.runs;
        let (mut samples, mut timing) = (self.sound.samples, self.sound.provider_timing);
        let mut figures_are_suspect = false;
        if self.sound.runs == 0 && suspects > 0 {
            for (sound, suspect) in samples.iter_mut().zip(self.suspect.samples) {
                if sound.is_empty() && !suspect.is_empty() {
                    *sound = suspect;
                    figures_are_suspect = true;
                }
            }
            timing = self.suspect.provider_timing;
        }
        ModelReport {
            model: self.model,
            successes: self.sound.runs + suspects + self.counterparts.0,
            suspects: suspects + self.counterparts.1,
            figures_are_suspect,
            failures: self.failures,
            figures: samples.into_iter().map(MetricSamples::new).collect(),
            provider_timing: timing
                .into_iter()
                .filter_map(|(name, samples)| Some((name, MetricSamples::new(samples).summary?)))
                .collect(),
            cached_input: self.cached_input,
            labels: self.labels,
            pairs: self.pairs.map(PairTally::report),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::testing::{failure, report_of, run, suspect};

    fn success(run: Run) -> Outcome {
        Outcome::Success(Box::new(run))
    }

    #[test]
    fn failures_are_beside_the_figures_never_inside() {
        let model = ModelRef::new("groq", "m");
        let outcomes = [
            success(run("groq", "m", 0.2)),
            success(run("groq", "m", 0.4)),
            failure("groq", "m", FailureKind::RateLimit, "slow down, request 12345678"),
            failure("groq", "m", FailureKind::RateLimit, "slow down, request 87654321"),
            failure("groq", "m", FailureKind::BudgetExhausted, "64 tokens of reasoning"),
        ];
        let report = report_of(&model, &outcomes);
        assert_eq!((report.successes, report.failed()), (2, 3));
        assert_eq!(report.error_rate(), Some(0.6));
        assert_eq!(report.figure("ttft").unwrap().sorted, [0.2, 0.4]);
        let limited = &report.failures[&FailureKind::RateLimit];
        assert_eq!((limited.count, limited.samples.len()), (2, 1));
        assert_eq!(limited.typical().unwrap().message, "slow down, request 12345678");
    }

    #[test]
    fn suspects_stay_out_unless_there_is_nothing_else() {
        let model = ModelRef::new("groq", "m");
        let starved = || success(suspect(run("groq", "m", 5.0), "the loop was late"));
        let mixed = report_of(&model, &[success(run("groq", "m", 0.2)), starved()]);
        assert_eq!(mixed.figure("ttft").unwrap().sorted, [0.2]);
        assert_eq!((mixed.successes, mixed.suspects, mixed.figures_are_suspect), (2, 1, false));
        let only = report_of(&model, &[starved(), starved()]);
        assert_eq!(only.figure("ttft").unwrap().sorted, [5.0, 5.0]);
        assert!(only.figures_are_suspect);
        assert_eq!(only.labels.suspect_reason["the loop was late"], 2);
    }

    #[test]
    fn figures_are_those_of_cold_halves_and_counts_those_of_both() {
        let model = ModelRef::new("groq", "m");
        let mut collector = OutcomeCollector::expecting([&model]);
        collector.add(&model, &success(run("groq", "m", 0.3)));
        collector.add_counterpart(&model, &success(run("groq", "m", 0.2)));
        collector.add_pair(&model, HalfTtft::Sound(0.3), HalfTtft::Sound(0.2), true);
        collector.add(&model, &success(run("groq", "m", 0.4)));
        collector.add_counterpart(&model, &failure("groq", "m", FailureKind::Timeout, "late"));
        collector.add_pair(&model, HalfTtft::Sound(0.4), HalfTtft::Missing, false);
        let report = collector.finish().remove(0);
        assert_eq!((report.successes, report.failed()), (3, 1));
        assert_eq!(report.figure("ttft").unwrap().sorted, [0.3, 0.4]);
        let pairs = report.pairs.unwrap();
        assert_eq!((pairs.difference.sorted.len(), pairs.incomplete, pairs.cold_first), (1, 1, 1));
        assert_eq!(report_of(&model, &[success(run("groq", "m", 0.3))]).pairs, None);
    }

    #[test]
    fn a_figure_that_did_not_happen_is_none_and_not_zero() {
        let mut silent = run("groq", "m", 0.2);
        silent.speeds.time_to_first_token = None;
        silent.speeds.tokens_per_second = f64::NAN;
        let report = report_of(&ModelRef::new("groq", "m"), &[success(silent)]);
        assert_eq!(report.figure("ttft").unwrap().summary, None);
        assert_eq!(report.figure("tps").unwrap().summary, None);
        assert_eq!(report.figure("total").unwrap().summary.unwrap().n, 1);
    }

    #[test]
    fn models_keep_their_order_and_silent_ones_are_listed() {
        let (a, b) = (ModelRef::new("z", "1"), ModelRef::new("a", "2"));
        let mut collector = OutcomeCollector::expecting([&a, &b]);
        collector.add(&ModelRef::new("new", "3"), &success(run("new", "3", 0.1)));
        collector.add(&b, &success(run("a", "2", 0.1)));
        let reports = collector.finish();
        let names: Vec<String> = reports.iter().map(|report| report.model.to_string()).collect();
        assert_eq!(names, ["z:1", "a:2", "new:3"]);
        assert_eq!(reports[0].error_rate(), None);
    }
}
