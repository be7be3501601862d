//! How often the comparison is right, on series like those that are measured: noise that lasts (AR(1)), a daily cycle, days
//! that are better or worse as a whole, outliers. Seeded and the same on every machine.

use super::*;
use crate::measure::synthetic_series::{EVERY, PER_DAY, Weather, share};
use crate::measure::trials::{compared, sides};

const CALM: Weather = Weather::CALM;
const ROUGH: Weather = Weather { lasting: 0.5, cycle: 0.2, day: 0.08, ..CALM };

/// How often equal sides are called different.
fn false_alarms(weather: Weather, models: usize, count: i64) -> f64 {
    share(400, 7, |state| compared(&sides(&weather, models, count, 1.0, state)).is_real(0.0))
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
            let found = compared(&sides(&ROUGH, models, 7 * PER_DAY, ratio, state)).ratio_interval;
            found.low <= ratio && ratio <= found.high
        });
        assert!(held >= 1.0 - PROMISED, "{held} at {ratio}");
    }
}

#[test]
fn a_difference_of_a_fifth_is_found_within_a_week() {
    // Days that differ by 8 % cost a quarter of the power.
    for (weather, least) in [(Weather { day: 0.0, ..ROUGH }, 0.92), (ROUGH, 0.68)] {
        let found =
            share(200, 3, |state| compared(&sides(&weather, 1, 7 * PER_DAY, 1.2, state)).is_real(0.0));
        assert!(found >= least, "{found} of differences of a fifth are found");
    }
    let far = share(200, 3, |state| compared(&sides(&ROUGH, 1, 7 * PER_DAY, 1.2, state)).is_real(0.3));
    assert!(far <= 0.01, "{far} are called a difference of 30 %");
}

/// The time that is told suffices in about as many cases as it is told for.
#[test]
fn the_time_that_is_told_is_enough() {
    let mut state = 13;
    let known = compare(&sides(&ROUGH, 1, 30 * PER_DAY, 1.0, &mut state), BlockLength::Day, 0.95).noise;
    let hours = time_to_decide(BlockLength::Day, known, 0.95, 0.1).unwrap();
    let count = i64::from(hours) * 60 / EVERY;
    let found = share(200, 19, |state| compared(&sides(&ROUGH, 1, count, 1.1, state)).is_real(0.0));
    assert!((0.65..0.95).contains(&found), "{found} were decided in {hours} hours");
}

/// A runner that falls silent on one side and one that comes late on the other, far from each other in level.
#[test]
fn series_that_come_and_go_make_no_difference() {
    let wrong = share(400, 23, |state| {
        let mut series = sides(&ROUGH, 4, 7 * PER_DAY, 1.0, state);
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
