//! The rules of the comparison, one by one, and what holds for all samples.

use super::*;
use proptest::prelude::*;

const HOUR: i64 = 3_600_000;

/// Samples every hour of these hours of the day, on days from `day` on, one day for each value.
fn days(day: i64, hours: std::ops::Range<i64>, values: &[f64]) -> Vec<TimedSample> {
    let of_day = |(value, day): (&f64, i64)| -> Vec<TimedSample> {
        hours.clone().map(|hour| TimedSample::new((day * 24 + hour) * HOUR, *value)).collect()
    };
    values.iter().zip(day..).flat_map(of_day).collect()
}

fn series(model: usize, a: Vec<TimedSample>, b: Vec<TimedSample>) -> SeriesSamples {
    SeriesSamples { model, sides: [a, b] }
}

fn compared(series: &[SeriesSamples]) -> BlockComparison {
    compare(series, BlockLength::of(series), 0.95)
}

#[test]
fn the_interval_is_welchs() {
    // Block medians e^0, e^0.1, e^0.2 against e^0.5, e^0.5, e^0.8, e^1.
    let values = |logs: &[f64]| logs.iter().map(|log| log.exp()).collect::<Vec<_>>();
    let (a, b) = (values(&[0.0, 0.1, 0.2]), values(&[0.5, 0.5, 0.8, 1.0]));
    let answer = compared(&[series(0, days(0, 0..24, &a), days(10, 0..24, &b))]);
    let found = answer.found.unwrap();
    // Means 0.1 and 0.7, variances 0.01 and 0.06, so 0.6 ± t(4.172) × 0.13540.
    let reach = 2.731_8 * 0.135_401;
    assert!((found.ratio.ln() - 0.6).abs() < 1e-9, "{found:?}");
    assert!((found.ratio_interval.low.ln() - (0.6 - reach)).abs() < 2e-4, "{found:?}");
    assert!((found.ratio_interval.high.ln() - (0.6 + reach)).abs() < 2e-4, "{found:?}");
    assert!((found.median_a - 0.1_f64.exp()).abs() < 1e-9 && (found.median_b - 0.7_f64.exp()).abs() < 1e-9);
    assert!((found.difference - (found.median_b - found.median_a)).abs() < 1e-9);
    assert_eq!((answer.sides[0].blocks, answer.sides[1].blocks, answer.sides[1].runs), (3, 4, 96));
    assert_eq!((answer.length, answer.hours, answer.models), (BlockLength::Day, HoursOfDay::Same, 1));
}

#[test]
fn windows_of_fewer_than_three_days_have_blocks_of_three_hours() {
    let length =
        |values: &[f64]| BlockLength::of(&[series(0, days(0, 0..24, values), days(9, 0..24, &[1.0; 7]))]);
    assert_eq!((length(&[1.0; 2]), length(&[1.0; 3])), (BlockLength::ThreeHours, BlockLength::Day));
    assert_eq!(BlockLength::of(&[]), BlockLength::ThreeHours);
    let answer = compared(&[series(0, days(0, 0..24, &[1.0; 2]), days(9, 0..24, &[1.0; 7]))]);
    assert_eq!((answer.sides[0].blocks, answer.sides[1].blocks), (16, 56));
}

#[test]
fn too_few_blocks_make_no_interval_and_tell_the_noise() {
    let answer = compared(&[series(0, days(0, 0..6, &[1.0]), days(1, 0..6, &[2.0]))]);
    assert_eq!((answer.found, answer.models, answer.sides[0].blocks), (None, 0, 2));
    assert_eq!(answer.noise, Some(0.0));
    let answer = compared(&[series(0, days(0, 0..3, &[1.0]), days(1, 0..3, &[2.0]))]);
    assert_eq!((answer.noise, time_to_decide(answer.length, answer.noise, 0.95, 0.1)), (None, Some(9)));
    assert_eq!(compared(&[]).found, None);
}

#[test]
fn a_series_of_one_side_does_not_count() {
    let values = [1.0, 1.01, 0.99, 1.0];
    let near = || series(0, days(0, 0..24, &values), days(4, 0..24, &values));
    let alone = series(0, days(0, 0..24, &[9.0; 4]), Vec::new());
    assert_eq!(compared(&[near(), alone]), compared(&[near()]));
}

#[test]
fn every_model_counts_the_same_however_many_strata_it_has() {
    let of = |model, ratio: f64| series(model, days(0, 0..24, &[1.0; 4]), days(4, 0..24, &[ratio; 4]));
    let found = compared(&[of(0, 4.0), of(0, 4.0), of(0, 4.0), of(1, 1.0)]);
    assert!((found.found.unwrap().ratio - 2.0).abs() < 1e-9);
    assert_eq!((found.models, found.sides[0].blocks, found.sides[0].runs), (2, 4, 384));
}

#[test]
fn only_hours_that_both_sides_have_are_compared() {
    // B has mornings alone, and the mornings are alike; A's afternoons are slow.
    let mut a = days(0, 0..12, &[1.0; 4]);
    a.extend(days(0, 12..24, &[3.0; 4]));
    // One run in the evening does not make a side that has evenings.
    let mut b = days(4, 0..12, &[1.0; 4]);
    b.push(TimedSample::new((4 * 24 + 20) * HOUR, 3.0));
    let answer = compared(&[series(0, a.clone(), b)]);
    assert_eq!((answer.hours, answer.found.unwrap().ratio), (HoursOfDay::Matched, 1.0));
    assert_eq!((answer.sides[0].other_hours, answer.sides[1].other_hours), (48, 1));
    let (mornings, evenings) = (days(0, 0..12, &[1.0; 4]), days(4, 12..24, &[3.0; 4]));
    let answer = compared(&[series(0, mornings, evenings)]);
    assert_eq!((answer.hours, answer.sides[0].other_hours), (HoursOfDay::Apart, 0));
    assert!(answer.found.unwrap().is_real(0.0));
}

#[test]
fn a_day_that_was_hardly_measured_is_no_block() {
    let mut a = days(0, 0..24, &[1.0; 5]);
    a.extend(days(5, 0..11, &[5.0]));
    let answer = compared(&[series(0, a, days(9, 0..24, &[1.0; 5]))]);
    assert_eq!((answer.sides[0].blocks, answer.sides[0].runs), (5, 120));
    assert!(!answer.found.unwrap().is_real(0.0));
}

#[test]
fn the_least_difference_is_the_same_in_both_directions() {
    let found = |low: f64, high: f64| {
        let ratio = (low * high).sqrt();
        let interval = Interval { low, high };
        MeasuredDifference {
            median_a: 1.0,
            median_b: ratio,
            ratio,
            ratio_interval: interval,
            difference: ratio - 1.0,
            difference_interval: interval,
        }
    };
    // The near end decides: B is between 4 and 30 % slower, or A is.
    for (low, high) in [(1.04, 1.3), (1.0 / 1.3, 1.0 / 1.04)] {
        let found = found(low, high);
        assert!(found.is_real(0.0) && found.is_real(0.039) && !found.is_real(0.041));
    }
    assert!(!found(0.9, 1.3).is_real(0.0));
    assert!(found(1.0 / 1.5, 1.0 / 1.25).is_real(0.24) && found(1.25, 1.5).is_real(0.24));
}

#[test]
fn the_time_to_decide_grows_with_noise_and_falls_with_the_difference() {
    let hours = |noise: f64, difference| time_to_decide(BlockLength::Day, Some(noise), 0.95, difference);
    // Two samples of a t-test for half a standard deviation at 80 %: 64 each.
    assert_eq!(hours(1.0, 0.5_f64.exp() - 1.0), Some(64 * 24));
    assert_eq!((hours(0.0, 0.1), hours(9.0, 0.01)), (Some(72), None));
    assert!(hours(0.2, 0.1) > hours(0.1, 0.1) && hours(0.2, 0.1) > hours(0.2, 0.2));
}

#[test]
fn no_values_are_too_far_apart() {
    let answer = compared(&[series(0, days(0, 0..24, &[1e-300; 3]), days(4, 0..24, &[1e300, 1.0, 1e-300]))]);
    let found = answer.found.unwrap();
    assert!(!found.is_real(0.0) && found.ratio_interval.low == 0.0, "{found:?}");
}

fn samples() -> impl Strategy<Value = Vec<TimedSample>> {
    let sample = (0..40_i64 * 24, 1e-3..1e3_f64);
    prop::collection::vec(sample.prop_map(|(hour, value)| TimedSample::new(hour * HOUR, value)), 0..80)
}

fn many_series() -> impl Strategy<Value = Vec<SeriesSamples>> {
    let one = (0..3_usize, samples(), samples()).prop_map(|(model, a, b)| series(model, a, b));
    prop::collection::vec(one, 0..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn sides_swapped_give_the_mirrored_answer(series in many_series(), least in 0.0..0.5_f64) {
        let swapped: Vec<SeriesSamples> = series
            .iter()
            .map(|one| {
                let [a, b] = one.sides.clone();
                SeriesSamples { model: one.model, sides: [b, a] }
            })
            .collect();
        let (found, mirrored) = (compared(&series), compared(&swapped));
        prop_assert_eq!((found.sides[0], found.sides[1]), (mirrored.sides[1], mirrored.sides[0]));
        prop_assert_eq!((found.hours, found.length, found.models), (mirrored.hours, mirrored.length, mirrored.models));
        let near = |one: f64, other: f64| (one - other).abs() <= 1e-6 * one.abs().max(1.0);
        match (found.found, mirrored.found) {
            (None, None) => {}
            (Some(found), Some(mirrored)) => {
                prop_assert!(near(found.ratio.ln(), -mirrored.ratio.ln()));
                prop_assert!(near(found.ratio_interval.low.ln(), -mirrored.ratio_interval.high.ln()));
                prop_assert!(near(found.difference, -mirrored.difference));
                prop_assert!(near(found.median_a, mirrored.median_b));
                let Interval { low, high } = found.ratio_interval;
                prop_assert!(low <= found.ratio && found.ratio <= high);
                // Apart from intervals that end at the bound itself, up to rounding.
                let edge = [low, high].iter().any(|end| (end.ln().abs() - least.ln_1p()).abs() < 1e-9);
                prop_assert!(edge || found.is_real(least) == mirrored.is_real(least));
            }
            other => prop_assert!(false, "{other:?}"),
        }
    }

    #[test]
    fn the_same_samples_are_never_different(a in samples(), confidence in 0.5..0.9999_f64) {
        let series = [series(0, a.clone(), a)];
        if let Some(found) = compare(&series, BlockLength::of(&series), confidence).found {
            prop_assert!(!found.is_real(0.0) && (found.ratio - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn the_order_of_samples_and_series_means_nothing(mut series in many_series()) {
        let found = compared(&series);
        series.reverse();
        for one in &mut series {
            one.sides.iter_mut().for_each(|side| side.reverse());
        }
        let reversed = compared(&series);
        prop_assert_eq!(found.sides, reversed.sides);
        let ratio = |found: Option<MeasuredDifference>| found.map_or(1.0, |found| found.ratio);
        prop_assert!((ratio(found.found) / ratio(reversed.found) - 1.0).abs() < 1e-9);
    }
}
