//! The rules of a comparison with history, one by one, and what holds for all samples.

use super::*;
use proptest::prelude::*;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// A run of a minute at 10:00 of a day.
const BEGAN: i64 = 20_000 * DAY + 10 * HOUR;

fn run(values: &[f64]) -> JudgedRun<'_> {
    JudgedRun { began: BEGAN, ended: BEGAN + MINUTE, values }
}

/// Samples of so many earlier days at these hours of the day.
fn stored(days: i64, hours: &[i64], value: impl Fn(i64) -> f64) -> Vec<StoredSample> {
    let at = |day: i64, hour: i64| 20_000 * DAY - day * DAY + hour * HOUR;
    let of_day = |day: i64| hours.iter().map(move |hour| (at(day, *hour), day));
    (1..=days).flat_map(of_day).map(|(at, day)| StoredSample { at, value: value(day) }).collect()
}

const ALL: [i64; 24] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23];

fn compared(values: &[f64], stored: &[StoredSample]) -> Result<HistoryRatio, HistoryShortage> {
    compare(run(values), stored, 0.95).1
}

#[test]
fn bursts_of_a_day_make_a_prediction_interval_of_t() {
    // Medians of seven days, one burst a day: their logarithms are -3 to 3 tenths.
    let logs = |day: i64| (day - 4) as f64 / 10.0;
    let bursts: Vec<StoredSample> = stored(7, &[10], |day| logs(day).exp())
        .into_iter()
        .flat_map(|one| (0..5).map(move |second| StoredSample { at: one.at + second * 1000, ..one }))
        .collect();
    let found = compared(&[2.0; 5], &bursts).unwrap();
    assert!((found.ratio - 2.0).abs() < 1e-9 && (found.stored_median - 1.0).abs() < 1e-9, "{found:?}");
    // The variance of a day is 0.28 / 6, that of the median of seven pi / (12 + pi) of it; t of 6 degrees is 2.4469.
    let variance = 0.28 / 6.0 * (1.0 + PI / (12.0 + PI));
    let reach = 2.446_9 * variance.sqrt();
    let low = found.ratio_interval.low.ln();
    assert!((low - (2.0_f64.ln() - reach)).abs() < 1e-3, "{low} {reach}");
    assert!(found.same_hours);
}

#[test]
fn the_hour_of_the_day_is_the_runs_own() {
    // Afternoons are twice as slow; the run is of the morning.
    let mut series = stored(7, &[9, 10, 11], |_| 1.0);
    series.extend(stored(7, &[15, 16, 17], |_| 2.0));
    let found = compared(&[1.0; 3], &series).unwrap();
    assert!((found.ratio - 1.0).abs() < 1e-9 && found.same_hours, "{found:?}");
    // Ninety minutes either way.
    for (minutes, near) in [(-89, true), (89, true), (-92, false), (92, false)] {
        let at = stored(5, &[10], |_| 1.0);
        let moved: Vec<StoredSample> =
            at.iter().map(|one| StoredSample { at: one.at + minutes * MINUTE, ..*one }).collect();
        assert_eq!(compared(&[1.0; 3], &moved).is_ok(), near, "{minutes}");
    }
}

#[test]
fn without_the_runs_hour_all_hours_count_and_widen_the_interval() {
    let hours = [0, 3, 14, 17, 20];
    let flat = compared(&[1.5; 3], &stored(5, &hours, |day| 1.0 + day as f64 / 100.0)).unwrap();
    assert!(!flat.same_hours);
    let mut cycle = stored(5, &hours[..3], |day| 1.0 + day as f64 / 100.0);
    cycle.extend(stored(5, &hours[3..], |day| 2.0 + day as f64 / 100.0));
    let cycle = compared(&[1.5; 3], &cycle).unwrap();
    let width = |found: &HistoryRatio| (found.ratio_interval.high / found.ratio_interval.low).ln();
    assert!(width(&cycle) > 5.0 * width(&flat), "{cycle:?} {flat:?}");
    // Two other hours do not tell how much the hour matters.
    assert_eq!(
        compared(&[1.5; 3], &stored(7, &[0, 20], |_| 1.0)),
        Err(HistoryShortage::FewDays { at_this_hour: 0 })
    );
}

#[test]
fn what_is_missing_is_told() {
    let week = stored(7, &ALL, |_| 1.0);
    assert_eq!(compared(&[1.0; 2], &week), Err(HistoryShortage::FewSamples { has: 2 }));
    assert_eq!(
        compared(&[1.0; 3], &stored(2, &ALL, |_| 1.0)),
        Err(HistoryShortage::FewDays { at_this_hour: 2 })
    );
    let long = JudgedRun { ended: BEGAN + 4 * HOUR, ..run(&[1.0; 3]) };
    assert_eq!(compare(long, &week, 0.95).1, Err(HistoryShortage::LongRun));
    let words = |shortage: HistoryShortage| shortage.to_string();
    assert_eq!(
        words(HistoryShortage::FewDays { at_this_hour: 1 }),
        "1 earlier day has runs within 90 minutes of this time of the day and 3 are needed: 2 more days"
    );
    assert!(
        words(HistoryShortage::FewSamples { has: 1 }).starts_with("this run has 1 sample of it and needs 3")
    );
}

#[test]
fn the_hours_before_the_run_are_no_history() {
    let mut series = stored(4, &ALL, |day| 1.0 + day as f64 / 100.0);
    let before = compared(&[1.0; 3], &series);
    // A slow hour that leads up to the run, and rows dated after it.
    for minutes in [-80, -30, 0, 5] {
        series.push(StoredSample { at: BEGAN + minutes * MINUTE, value: 9.0 });
    }
    assert_eq!(compared(&[1.0; 3], &series), before);
}

#[test]
fn an_outlier_neither_moves_nor_widens_much() {
    let noisy = |day: i64| (0.1 * (day % 3 - 1) as f64).exp();
    let clean = stored(7, &ALL, noisy);
    let mut dirty = clean.clone();
    dirty.iter_mut().step_by(40).for_each(|sample| sample.value *= 30.0);
    let (clean, dirty) = (compared(&[1.0; 3], &clean).unwrap(), compared(&[1.0; 3], &dirty).unwrap());
    assert!((clean.ratio / dirty.ratio).ln().abs() < 0.11, "{clean:?} {dirty:?}");
    let width = |found: HistoryRatio| (found.ratio_interval.high / found.ratio_interval.low).ln();
    assert!(width(dirty) < 1.6 * width(clean), "{clean:?} {dirty:?}");
}

#[test]
fn a_run_that_scatters_by_itself_is_known_better() {
    // Half-hourly samples that differ by 30 % each; the run shows the same within a minute, or stands still.
    let mut state = 5;
    let mut sample = |at: i64| StoredSample {
        at,
        value: (0.3 * crate::measure::synthetic_series::normal(&mut state)).exp(),
    };
    let series: Vec<StoredSample> = (1..=7 * 48).map(|step| sample(BEGAN - step * HOUR / 2)).collect();
    let scattered: Vec<f64> = (0..20).map(|step| (0.3 * (f64::from(step) - 9.5) / 5.8).exp()).collect();
    let width = |values: &[f64]| {
        let interval = compared(values, &series).unwrap().ratio_interval;
        (interval.high / interval.low).ln()
    };
    assert!(width(&scattered) < 0.75 * width(&[1.0; 20]), "{} {}", width(&scattered), width(&[1.0; 20]));
}

proptest! {
    #[test]
    fn an_interval_holds_its_ratio(
        values in prop::collection::vec(1e-6..1e6_f64, 0..12),
        stored in prop::collection::vec((0..14 * DAY, 1e-6..1e6_f64), 0..120),
        length in 0..4 * HOUR,
        confidence in 0.5..0.9999_f64,
    ) {
        let stored: Vec<StoredSample> =
            stored.into_iter().map(|(before, value)| StoredSample { at: BEGAN - before, value }).collect();
        let run = JudgedRun { began: BEGAN, ended: BEGAN + length, values: &values };
        let (used, found) = compare(run, &stored, confidence);
        prop_assert!(used.samples <= stored.len() && used.days <= 15);
        if let Ok(found) = found {
            let Interval { low, high } = found.ratio_interval;
            prop_assert!(low < found.ratio && found.ratio < high, "{:?}", found);
            prop_assert!(low.is_finite() && low >= 0.0 && !high.is_nan());
        }
    }
}
