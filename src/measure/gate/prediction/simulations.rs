//! How often a comparison with history is right, on series like those that are measured: noise that lasts (AR(1) of 0.5 from
//! one half hour to the next) or does not, a daily cycle, days that are better or worse as a whole, outliers. Seeded and the
//! same on every machine.

use super::*;
use crate::measure::synthetic_series::{normal, uniform};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// The correlation of the lasting noise half an hour apart.
const LASTING: f64 = 0.5;

/// What moves samples, as standard deviations or amplitudes of logarithms.
#[derive(Clone, Copy)]
struct Climate {
    /// Of noise that lasts: samples of one minute share it.
    lasting: f64,
    /// Of noise that each sample has for itself.
    fresh: f64,
    cycle: f64,
    day: f64,
}

const STEADY: Climate = Climate { lasting: 0.0, fresh: 0.3, cycle: 0.0, day: 0.0 };
const STORMY: Climate = Climate { lasting: 0.3, fresh: 0.0, cycle: 0.2, day: 0.08 };
const MIXED: Climate = Climate { lasting: 0.2, fresh: 0.22, cycle: 0.2, day: 0.05 };

/// A series that is sampled at moments in ascending order.
struct SimulatedSeries<'a> {
    climate: Climate,
    state: &'a mut u64,
    drift: f64,
    of_day: f64,
    /// The time of the last sample.
    last: Option<i64>,
}

impl<'a> SimulatedSeries<'a> {
    fn new(climate: Climate, state: &'a mut u64) -> Self {
        Self { climate, state, drift: 0.0, of_day: 0.0, last: None }
    }

    fn sample(&mut self, at: i64) -> StoredSample {
        let Climate { lasting, fresh, cycle, day } = self.climate;
        if self.last.is_none_or(|last| last / DAY != at / DAY) {
            self.of_day = day * normal(self.state);
        }
        let kept = self.last.map_or(0.0, |last| LASTING.powf((at - last).max(0) as f64 / (HOUR / 2) as f64));
        self.drift = kept * self.drift + lasting * (1.0 - kept * kept).sqrt() * normal(self.state);
        self.last = Some(at);
        let outlier = if uniform(self.state) < 0.02 { 1.5 } else { 0.0 };
        let phase = (at % DAY) as f64 / DAY as f64 * std::f64::consts::TAU;
        let log = self.drift + fresh * normal(self.state) + self.of_day + cycle * phase.sin() + outlier;
        StoredSample { at, value: log.exp() }
    }

    /// So many samples, five seconds apart.
    fn burst(&mut self, at: i64, count: i64) -> Vec<StoredSample> {
        (0..count).map(|step| self.sample(at + step * 5_000)).collect()
    }
}

/// How the history was measured.
#[derive(Clone, Copy, Debug)]
enum History {
    /// Every half hour, by a daemon.
    HalfHourly,
    /// A burst of so many samples once a day, by a scheduled job.
    Daily(i64),
    /// Such bursts four times a day at any time, as changes of a project come.
    AtAnyTime(i64),
}

/// A run of `count` samples after so many days of history. `None` where it is not decided.
fn trial(climate: Climate, history: History, days: i64, count: i64, state: &mut u64) -> Option<HistoryRatio> {
    let began = 20_000 * DAY + (uniform(state) * DAY as f64) as i64;
    let mut within = |most: i64| (uniform(state) * most as f64) as i64;
    let late: Vec<i64> = (0..days).map(|_| within(20 * 60_000)).collect();
    let mut any: Vec<i64> = (0..days * 4).map(|_| began - within(days * DAY)).collect();
    any.sort_unstable();
    let mut series = SimulatedSeries::new(climate, state);
    let stored: Vec<StoredSample> = match history {
        History::HalfHourly => {
            (1..=days * 48).rev().map(|step| series.sample(began - step * HOUR / 2)).collect()
        }
        History::Daily(each) => {
            let bursts = (1..=days).rev().zip(late);
            bursts.flat_map(|(day, late)| series.burst(began - day * DAY - late, each)).collect()
        }
        History::AtAnyTime(each) => any.into_iter().flat_map(|at| series.burst(at, each)).collect(),
    };
    let values: Vec<f64> = series.burst(began, count).iter().map(|sample| sample.value).collect();
    let run = JudgedRun { began, ended: began + count * 5_000, values: &values };
    compare(run, &stored, 0.95).1.ok()
}

/// The shares of trials in which the interval of the ratio holds 1, in which it lies above it and in which it lies above 1.3.
struct Rates {
    holds: f64,
    slower: f64,
    slower_by_a_third: f64,
}

fn rates(climate: Climate, history: History, days: i64, count: i64) -> Rates {
    const TRIALS: u32 = 400;
    let mut state = 107;
    let (mut holds, mut slower, mut third) = (0, 0, 0);
    let found: Vec<HistoryRatio> =
        (0..TRIALS).filter_map(|_| trial(climate, history, days, count, &mut state)).collect();
    assert!(found.len() as f64 >= 0.9 * f64::from(TRIALS), "{} are decided", found.len());
    for Interval { low, high } in found.iter().map(|found| found.ratio_interval) {
        holds += u32::from(low <= 1.0 && 1.0 <= high);
        slower += u32::from(low > 1.0);
        third += u32::from(low > 1.3);
    }
    let share = |count: u32| f64::from(count) / found.len() as f64;
    Rates { holds: share(holds), slower: share(slower), slower_by_a_third: share(third) }
}

/// The histories and runs that are tried.
const CASES: [(History, i64, i64); 7] = [
    (History::HalfHourly, 3, 5),
    (History::HalfHourly, 7, 3),
    (History::HalfHourly, 7, 20),
    (History::HalfHourly, 28, 20),
    (History::Daily(20), 7, 20),
    (History::Daily(5), 28, 5),
    (History::AtAnyTime(10), 7, 10),
];

/// 2.5 % on one side are promised and 5 % on both; the bounds have two standard errors of 400 trials more.
const ONE_SIDE: f64 = 0.041;
const BOTH_SIDES: f64 = 0.072;

#[test]
fn a_run_of_the_same_series_trips_no_more_often_than_promised() {
    for (name, climate) in [("steady", STEADY), ("stormy", STORMY), ("mixed", MIXED)] {
        for (history, days, count) in CASES {
            let Rates { holds, slower, slower_by_a_third } = rates(climate, history, days, count);
            println!("{name} {history:?} {days} d, {count} samples: {holds} {slower} {slower_by_a_third}");
            let case = format!("{name} {history:?} of {days} days, {count} samples");
            assert!(slower <= ONE_SIDE, "{slower} of {case} are called slower");
            assert!(holds >= 1.0 - BOTH_SIDES, "{holds} of intervals of {case} hold the truth");
            assert!(slower_by_a_third <= 0.012, "{slower_by_a_third} of {case} are called slower by a third");
        }
    }
}

/// A history of bursts as large as the run tells sooner than one of single samples, of which nobody knows how much of their
/// scatter the samples of one minute share.
#[test]
fn a_run_that_is_much_slower_trips() {
    let found = |climate: Climate, history: History, ratio: f64| {
        let mut state = 11;
        let hits = (0..300).filter(|_| {
            let found = trial(climate, history, 7, 20, &mut state).unwrap();
            found.ratio_interval.low * ratio > 1.3
        });
        hits.count() as f64 / 300.0
    };
    let cases = [
        ("steady", STEADY, History::HalfHourly, 2.5, 0.8),
        ("steady", STEADY, History::Daily(20), 1.8, 0.8),
        ("mixed", MIXED, History::HalfHourly, 3.0, 0.8),
        ("stormy", STORMY, History::HalfHourly, 3.5, 0.7),
    ];
    for (name, climate, history, ratio, least) in cases {
        let share = found(climate, history, ratio);
        println!("{name} {history:?}, {ratio} times as slow: {share}");
        assert!(share >= least, "{share} of {name} {history:?} at {ratio} trip");
    }
}
