//! How often the search is right, on few series of `benches/statistics`. The bounds are those that the bench holds over
//! many, with two standard errors for how few they are.

use super::{ShiftSettings, find_shifts, level_blocks};
use crate::measure::level_shift::IncidentSettings;
use crate::measure::synthetic_series::{PER_DAY, SyntheticSample, Weather, series};
use crate::measure::trials::{WARM_DAYS, false_alarms, false_incidents, incident_trials, step_trials};

const ROUGH: Weather =
    Weather { lasting: 0.5, cycle: 0.2, day: 0.05, weekend: 0.1, outliers: 0.02, ..Weather::CALM };

/// One alarm in 500 months is allowed; in 150 months none is expected, and two would be a sign of ten times as many.
#[test]
fn months_without_a_change_raise_no_alarm() {
    for (name, weather) in [("rough", ROUGH), ("lasting", Weather { lasting: 0.8, ..ROUGH })] {
        let found = false_alarms(&weather, 150, WARM_DAYS, 31);
        assert!(found <= 1, "{found} alarms in 150 {name} months");
    }
    let young = false_alarms(&ROUGH, 100, 17, 37);
    assert!(young <= 1, "{young} alarms in 100 first months");
}

#[test]
fn steps_are_found_in_time_and_their_intervals_hold_them() {
    let quiet = Weather { day: 0.0, ..ROUGH };
    for (ratio, weather) in [(1.4, quiet), (1.2, Weather { noise: 0.15, ..quiet }), (1.0 / 1.4, ROUGH)] {
        let trials = step_trials(&weather, ratio, 60, 41);
        assert!(trials.found() >= 0.96, "{} of steps of {ratio} are found", trials.found());
        assert!(trials.median_delay() <= 75.0, "{} h until steps of {ratio}", trials.median_delay());
        let [time, effect] = trials.held();
        assert!(time >= 0.88 && effect >= 0.88, "{time} of times, {effect} of effects at {ratio}");
        // An interval that held everything would say nothing.
        assert!(trials.median_width() <= 60.0, "{} h wide at {ratio}", trials.median_width());
    }
}

/// Alarms after a plan made a series rarer: every second sample from `WARM_DAYS` on, every fourth from 16 days later on.
/// `step` is what everything is slower by after 24 days more. Of each series, the ratios of its alarms.
fn alarms_of_rarer(weather: &Weather, many: i64, step: f64, seed: u64) -> Vec<Vec<f64>> {
    let mut state = seed;
    let of_one = |number: i64| {
        let first = (20_000 + number % 7) * PER_DAY;
        let samples = series(weather, 1, first, (WARM_DAYS + 56) * PER_DAY, &mut state).remove(0);
        let day = |sample: &SyntheticSample| (sample.at - first) / PER_DAY - WARM_DAYS;
        let every = |sample: &SyntheticSample| match day(sample) {
            ..0 => 1,
            0..16 => 2,
            _ => 4,
        };
        let value = |sample: SyntheticSample| {
            let slower = if day(&sample) >= 40 { step } else { 0.0 };
            (sample.milliseconds(), (sample.log + slower).exp())
        };
        let kept = samples.into_iter().filter(|sample| sample.at % every(sample) == 0);
        let found = find_shifts(&level_blocks(kept.map(value)), &ShiftSettings::default());
        found.iter().map(super::LevelShift::ratio).collect()
    };
    (0..many).map(of_one).collect()
}

/// Single samples alone make the blocks of the calm series scatter, so fewer of them do as much as they can.
#[test]
fn a_series_that_is_measured_more_rarely_is_no_change_and_keeps_its_changes() {
    let still: usize = alarms_of_rarer(&Weather::CALM, 120, 0.0, 59).iter().map(Vec::len).sum();
    assert!(still <= 1, "{still} alarms of 120 series that were made rarer");
    let step = 1.4_f64.ln();
    let found = alarms_of_rarer(&Weather { noise: 0.2, ..ROUGH }, 60, step, 61);
    let held = found.iter().filter(|ratios| ratios.len() == 1 && (1.2..1.65).contains(&ratios[0])).count();
    assert!(held >= 50, "{held} of 60 steps: {found:?}");
}

#[test]
fn short_incidents_are_no_changes_and_are_found_where_asked() {
    let weather = Weather { noise: 0.15, ..ROUGH };
    let trials = incident_trials(&weather, 2.0, 6, 60, 43);
    assert!(trials.told <= 0.02 && trials.found >= 0.9 && trials.listed >= 0.6, "{trials:?}");
    let chance = false_incidents(&weather, &IncidentSettings::default(), 60, 47);
    assert!(chance <= 8, "{chance} incidents in 60 months are chance");
    let chance = false_incidents(&weather, &IncidentSettings::ALONE, 150, 59);
    assert!(chance <= 2, "{chance} listed incidents in 150 months are chance");
}

#[test]
fn a_week_of_slowness_is_told_and_told_as_ended() {
    let trials = incident_trials(&Weather { noise: 0.15, ..ROUGH }, 1.5, 7 * 24, 60, 53);
    assert!(trials.told >= 0.95 && trials.ended >= 0.9, "{trials:?}");
}
