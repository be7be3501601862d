//! How often the comparison is right, on series like those that are measured: noise that lasts (AR(1)), a daily cycle, days
//! that are better or worse as a whole, outliers. Seeded and the same on every machine.

use super::*;
use crate::measure::testing::{normal, uniform};

/// Minutes between two samples.
const EVERY: i64 = 30;

const PER_DAY: i64 = 24 * 60 / EVERY;

/// What moves the samples of a side, as standard deviations or amplitudes of logarithms.
#[derive(Clone, Copy)]
struct Weather {
    noise: f64,
    /// The correlation of neighbouring samples.
    lasting: f64,
    cycle: f64,
    day: f64,
}

const CALM: Weather = Weather { noise: 0.3, lasting: 0.0, cycle: 0.0, day: 0.0 };
const ROUGH: Weather = Weather { noise: 0.3, lasting: 0.5, cycle: 0.2, day: 0.08 };

/// Series of one side that share each day's fate, a third of their noise lasting. `first` is the number of the first
/// sample since midnight.
fn side(weather: Weather, models: usize, first: i64, count: i64, state: &mut u64) -> Vec<Vec<TimedSample>> {
    let days: Vec<f64> = (0..=count / PER_DAY + 1).map(|_| weather.day * normal(state)).collect();
    let fresh = weather.noise * (1.0 - weather.lasting * weather.lasting).sqrt();
    let mut series = |model: usize| {
        let mut drift = weather.noise * normal(state);
        let mut sample = |at: i64| {
            drift = weather.lasting * drift + fresh * normal(state);
            let outlier = if uniform(state) < 0.02 { 1.5 } else { 0.0 };
            let phase = (at % PER_DAY) as f64 / PER_DAY as f64 * std::f64::consts::TAU;
            let day = days[(at / PER_DAY - first / PER_DAY) as usize];
            let log = (1.0 + model as f64).ln() + drift + outlier + day + weather.cycle * phase.sin();
            TimedSample::new(at * EVERY * 60_000, log.exp())
        };
        (first..first + count).map(&mut sample).collect()
    };
    (0..models).map(&mut series).collect()
}

/// Both sides over so many samples, B slower by `ratio`; B begins where A ends, at the same hour of the day.
fn sides(weather: Weather, models: usize, count: i64, ratio: f64, state: &mut u64) -> Vec<SeriesSamples> {
    let first = (uniform(state) * PER_DAY as f64) as i64;
    let later = first + (count + PER_DAY - 1) / PER_DAY * PER_DAY;
    let a = side(weather, models, first, count, state);
    let mut b = side(weather, models, later, count, state);
    b.iter_mut().flatten().for_each(|sample| sample.value *= ratio);
    a.into_iter().zip(b).zip(0..).map(|((a, b), model)| SeriesSamples { model, sides: [a, b] }).collect()
}

fn compared(series: &[SeriesSamples]) -> MeasuredDifference {
    compare(series, BlockLength::of(series), 0.95).found.unwrap()
}

/// The share of `trials` for which `hits` is true.
fn share(trials: u32, seed: u64, mut hits: impl FnMut(&mut u64) -> bool) -> f64 {
    let mut state = seed;
    f64::from((0..trials).map(|_| u32::from(hits(&mut state))).sum::<u32>()) / f64::from(trials)
}

/// How often equal sides are called different.
fn false_alarms(weather: Weather, models: usize, count: i64) -> f64 {
    share(400, 7, |state| compared(&sides(weather, models, count, 1.0, state)).is_real(0.0))
}

/// 5 % are promised; the bound has two standard errors of 400 trials more.
const PROMISED: f64 = 0.072;

#[test]
fn equal_weeks_are_called_different_no_more_often_than_promised() {
    for (name, weather) in [("calm", CALM), ("rough", ROUGH)] {
        for (models, days) in [(1, 3), (1, 7), (3, 7)] {
            let wrong = false_alarms(weather, models, days * PER_DAY);
            assert!(wrong <= PROMISED, "{wrong} of {name} weeks of {days} days, {models} models");
        }
    }
}

/// Within one day nothing tells how days differ, so the days of this test do not.
#[test]
fn equal_hours_are_called_different_no_more_often_than_promised() {
    for (name, weather) in [("calm", CALM), ("rough", Weather { day: 0.0, ..ROUGH })] {
        for hours in [12, 24, 48] {
            let wrong = false_alarms(weather, 1, hours * 60 / EVERY);
            assert!(wrong <= PROMISED, "{wrong} of {name} windows of {hours} hours");
        }
    }
}

#[test]
fn the_interval_holds_the_true_ratio_as_often_as_promised() {
    for (ratio, models) in [(1.2, 1), (0.7, 3)] {
        let held = share(400, 11, |state| {
            let found = compared(&sides(ROUGH, models, 7 * PER_DAY, ratio, state)).ratio_interval;
            found.low <= ratio && ratio <= found.high
        });
        assert!(held >= 1.0 - PROMISED, "{held} at {ratio}");
    }
}

#[test]
fn a_difference_of_a_fifth_is_found_within_a_week() {
    // Days that differ by 8 % cost a quarter of the power.
    for (weather, least) in [(Weather { day: 0.0, ..ROUGH }, 0.92), (ROUGH, 0.68)] {
        let found = share(200, 3, |state| compared(&sides(weather, 1, 7 * PER_DAY, 1.2, state)).is_real(0.0));
        assert!(found >= least, "{found} of differences of a fifth are found");
    }
    let far = share(200, 3, |state| compared(&sides(ROUGH, 1, 7 * PER_DAY, 1.2, state)).is_real(0.3));
    assert!(far <= 0.01, "{far} are called a difference of 30 %");
}

/// The time that is told suffices in about as many cases as it is told for.
#[test]
fn the_time_that_is_told_is_enough() {
    let mut state = 13;
    let known = compare(&sides(ROUGH, 1, 30 * PER_DAY, 1.0, &mut state), BlockLength::Day, 0.95).noise;
    let hours = time_to_decide(BlockLength::Day, known, 0.95, 0.1).unwrap();
    let count = i64::from(hours) * 60 / EVERY;
    let found = share(200, 19, |state| compared(&sides(ROUGH, 1, count, 1.1, state)).is_real(0.0));
    assert!((0.65..0.95).contains(&found), "{found} were decided in {hours} hours");
}

/// A runner that falls silent on one side and one that comes late on the other, far from each other in level.
#[test]
fn series_that_come_and_go_make_no_difference() {
    let wrong = share(400, 23, |state| {
        let mut series = sides(ROUGH, 4, 7 * PER_DAY, 1.0, state);
        for one in &mut series {
            one.model = 0;
        }
        series[0].sides[1].truncate(3 * PER_DAY as usize + 20);
        series[1].sides[0].drain(..2 * PER_DAY as usize);
        series[2].sides[1].clear();
        compared(&series).is_real(0.0)
    });
    assert!(wrong <= PROMISED, "{wrong}");
}
