//! How often the search is right, on few series of `benches/statistics`. The bounds are those that the bench holds over
//! many, with two standard errors for how few they are.

use crate::measure::level_shift::IncidentSettings;
use crate::measure::synthetic_series::Weather;
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
