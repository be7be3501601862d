//! The rules of the search, one by one, and what holds for all blocks.

use super::*;
use crate::measure::student_t::t_quantile;
use crate::measure::synthetic_series::{normal, uniform};
use proptest::prelude::*;

/// A Monday.
const MONDAY: i64 = 20_454;

/// Blocks of `days` from a Monday on: level, noise of a block, a daily cycle.
fn blocks(days: i64, noise: f64, level: impl Fn(i64) -> f64) -> Vec<LevelBlock> {
    let mut state = 5;
    let block = |at: i64| {
        let cycle = 0.2 * (at.rem_euclid(8) as f64 / 8.0 * std::f64::consts::TAU).sin();
        let ln_median = level(at) + cycle + noise * normal(&mut state);
        LevelBlock { slot: MONDAY * 8 + at, ln_median, samples: 6 }
    };
    (0..days * 8).map(block).collect()
}

fn shifts(blocks: &[LevelBlock]) -> Vec<LevelShift> {
    find_shifts(blocks, &ShiftSettings::default())
}

/// The block number of a day since the first Monday.
fn at(day: i64) -> i64 {
    day * 8
}

#[test]
fn a_step_is_found_with_its_time_and_size() {
    let step = 1.25_f64.ln();
    let found = shifts(&blocks(80, 0.05, |block| if block >= at(60) + 3 { step } else { 0.0 }));
    assert_eq!(found.len(), 1, "{found:?}");
    let shift = found[0];
    let slot = MONDAY * 8 + at(60) + 3;
    assert!(shift.began.earliest < slot && slot < shift.began.latest && shift.ended.is_none(), "{shift:?}");
    assert!((0.0..=step + 0.05).contains(&shift.ln_after) && shift.ln_before.abs() < 0.02, "{shift:?}");
    assert!(shift.effect.low < 1.25 && 1.25 < shift.effect.high && (shift.ratio() - 1.25).abs() < 0.04);
    // A day and the block that confirms it.
    assert!((7..=10).contains(&(shift.alarm_slot - slot)), "{shift:?}");
    let [moment, earliest, latest] = shift.began.milliseconds();
    assert_eq!(moment, shift.began.slot * 3 * 3_600_000);
    assert!(earliest < moment && moment < latest && latest - earliest <= 12 * 3_600_000);
}

#[test]
fn faster_is_found_like_slower() {
    let step = |sign: f64| shifts(&blocks(80, 0.05, |block| if block >= at(60) { sign * 0.3 } else { 0.0 }));
    let (slower, faster) = (step(1.0)[0], step(-1.0)[0]);
    assert_eq!(slower.began.slot, faster.began.slot);
    assert!((slower.ratio() * faster.ratio() - 1.0).abs() < 0.05);
}

#[test]
fn what_goes_back_has_ended_and_is_no_second_change() {
    let level = |block: i64| if (at(60)..at(66)).contains(&block) { 0.3 } else { 0.0 };
    let found = shifts(&blocks(110, 0.05, level));
    assert_eq!(found.len(), 1, "{found:?}");
    let ended = found[0].ended.unwrap();
    assert_eq!(ended.slot, MONDAY * 8 + at(66));
    assert!(ended.earliest < ended.slot && ended.slot < ended.latest);
    assert!((8..=10).contains(&(found[0].ended_alarm_slot.unwrap() - ended.slot)));
}

#[test]
fn steps_on_top_of_each_other_end_together() {
    let level = |block: i64| match block {
        block if block < at(60) => 0.0,
        block if block < at(64) => 0.3,
        block if block < at(68) => 0.7,
        _ => 0.0,
    };
    let found = shifts(&blocks(90, 0.05, level));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|shift| shift.ended == found[1].ended && shift.ended.is_some()), "{found:?}");
}

#[test]
fn a_way_back_after_five_weeks_is_a_change_of_its_own() {
    let level = |block: i64| if (at(60)..at(95)).contains(&block) { 0.3 } else { 0.0 };
    let found = shifts(&blocks(110, 0.05, level));
    assert_eq!((found.len(), found[0].ended), (2, None), "{found:?}");
    assert!(found[1].ratio() < 0.8);
}

#[test]
fn half_a_way_back_is_another_change() {
    let level = |block: i64| match block {
        block if block < at(60) => 0.0,
        block if block < at(67) => 0.6,
        _ => 0.3,
    };
    let found = shifts(&blocks(90, 0.05, level));
    assert_eq!((found.len(), found[0].ended), (2, None), "{found:?}");
}

#[test]
fn hours_weekends_and_outages_of_a_day_are_no_change() {
    let noisy = |level: fn(i64) -> f64| shifts(&blocks(110, 0.05, level));
    // Weekends are a third slower; 18 hours are twice as slow; six hours of each tenth day are five times as slow.
    assert_eq!(noisy(|block| if block / 8 % 7 >= 5 { 0.3 } else { 0.0 }), []);
    assert_eq!(noisy(|block| if (at(70)..at(70) + 6).contains(&block) { 0.7 } else { 0.0 }), []);
    assert_eq!(noisy(|block| if block / 8 % 10 == 0 && block % 8 < 2 { 1.6 } else { 0.0 }), []);
}

#[test]
fn less_than_five_per_cent_is_not_told() {
    let step = |size: f64| shifts(&blocks(80, 0.005, |block| if block >= at(60) { size } else { 0.0 })).len();
    assert_eq!((step(0.045), step(0.055)), (0, 1));
}

#[test]
fn a_series_is_too_young_for_seventeen_days() {
    let level = |block: i64| if block >= at(15) { 0.5 } else { 0.0 };
    assert_eq!(shifts(&blocks(16, 0.05, level)), []);
    // A step after the first three weeks is found.
    let found = shifts(&blocks(30, 0.05, |block| if block >= at(23) { 0.5 } else { 0.0 }));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(shifts(&[]), []);
}

#[test]
fn a_change_during_a_gap_is_somewhere_in_it() {
    let mut measured = blocks(80, 0.05, |block| if block >= at(62) { 0.3 } else { 0.0 });
    measured.retain(|block| !(at(60)..at(64)).contains(&(block.slot - MONDAY * 8)));
    let found = shifts(&measured);
    assert_eq!(found.len(), 1, "{found:?}");
    let began = found[0].began;
    assert!(began.earliest < MONDAY * 8 + at(60) && began.latest > MONDAY * 8 + at(64), "{began:?}");
}

#[test]
fn a_series_of_one_block_a_day_is_watched_too() {
    let mut measured = blocks(100, 0.05, |block| if block >= at(70) { 0.4 } else { 0.0 });
    measured.retain(|block| block.slot % 8 == 3);
    let found = shifts(&measured);
    assert_eq!(found.len(), 1, "{found:?}");
    // Four blocks and the one that confirms them.
    assert!((found[0].alarm_slot - MONDAY * 8 - at(70)) / 8 >= 4, "{found:?}");
}

#[test]
fn blocks_that_lack_most_samples_do_not_count() {
    let level = |block: i64| if block >= at(60) { 0.5 } else { 0.0 };
    let mut measured = blocks(64, 0.05, level);
    let thin = measured.iter_mut().filter(|block| block.slot >= MONDAY * 8 + at(60));
    thin.for_each(|block| block.samples = 2);
    assert_eq!(shifts(&measured), []);
    // Measured more rarely from now on: after some days it counts.
    let mut rarer = blocks(90, 0.05, level);
    rarer.iter_mut().filter(|block| block.slot >= MONDAY * 8 + at(60)).for_each(|block| block.samples = 2);
    assert_eq!(shifts(&rarer).len(), 1);
}

#[test]
fn what_is_no_number_is_left_out() {
    let mut measured = blocks(80, 0.05, |block| if block >= at(60) { 0.3 } else { 0.0 });
    let clean = shifts(&measured);
    for hole in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        measured.push(LevelBlock { slot: MONDAY * 8 + at(90), ln_median: hole, samples: 6 });
    }
    measured.push(LevelBlock { slot: MONDAY * 8, ln_median: 9.0, samples: 6 });
    assert_eq!(shifts(&measured), clean);
    assert_eq!(shifts(&[]), []);
}

#[test]
fn a_series_without_noise_is_no_division_by_nothing() {
    assert_eq!(shifts(&blocks(100, 0.0, |_| 1.0)), []);
    let found = shifts(&blocks(100, 0.0, |block| if block >= at(60) { 1.2 } else { 1.0 }));
    assert_eq!(found.len(), 1);
    assert!(found[0].effect.low.is_finite() && found[0].effect.high.is_finite());
}

/// Outages of a day in the baseline, far beyond a small noise.
#[test]
fn outages_that_stop_are_no_change() {
    let level = |block: i64| if block / 8 % 9 == 4 && block < at(50) { 1.5 } else { 0.0 };
    assert_eq!(shifts(&blocks(110, 0.01, level)), []);
    let mut rare = blocks(110, 0.01, level);
    rare.retain(|block| block.slot % 8 == 3);
    assert_eq!(shifts(&rare), []);
}

/// Days of which each is at one of two levels, as a router makes them: the rarer ones are no outliers.
#[test]
fn two_levels_by_turns_are_noise() {
    let mut state = 3;
    let levels: Vec<f64> = (0..200).map(|_| if uniform(&mut state) < 0.3 { 0.4 } else { 0.0 }).collect();
    let found = shifts(&blocks(200, 0.03, |block| levels[(block / 8) as usize]));
    assert_eq!(found, []);
}

#[test]
fn thresholds_are_quantiles_of_students_t() {
    // One in a million on one side.
    for degrees in [13.0, 27.0, 55.0] {
        let exact = t_quantile(1.0 - 1.017e-6, degrees);
        let near = baseline::threshold(ShiftSettings::default().alarm, degrees);
        assert!((near / exact - 1.0).abs() < 0.01, "{near} at {degrees} degrees, not {exact}");
    }
}

#[test]
fn blocks_are_medians_of_three_hours() {
    let hour = 3_600_000;
    let samples =
        [(4 * hour, 4.0), (0, 1.0), (hour, 2.0), (2 * hour, 9.0), (5 * hour, f64::NAN), (3 * hour, -1.0)];
    let made = level_blocks(samples);
    let wanted = [
        LevelBlock { slot: 0, ln_median: 2.0_f64.ln(), samples: 3 },
        LevelBlock { slot: 1, ln_median: 4.0_f64.ln(), samples: 1 },
    ];
    assert_eq!(made, wanted);
}

#[test]
fn six_hours_are_an_incident_and_no_change() {
    let level = |block: i64| if (at(60) + 2..at(60) + 4).contains(&block) { 2.0_f64.ln() } else { 0.0 };
    let measured = blocks(80, 0.05, level);
    assert_eq!(shifts(&measured), []);
    let found = find_incidents(&measured, &[], &IncidentSettings::default());
    assert_eq!(found.len(), 1, "{found:?}");
    let slot = MONDAY * 8 + at(60) + 2;
    assert_eq!((found[0].began.slot, found[0].ended.slot), (slot, slot + 2));
    assert!(found[0].effect.low > 1.6 && found[0].effect.high < 2.4, "{found:?}");
    assert!((found[0].ln_seen - found[0].ln_usual - 2.0_f64.ln()).abs() < 0.15);
    assert!(found[0].is_over && found[0].errors > 5.5, "{found:?}");
    // Where only the last weeks are asked for, they say the same.
    let recent = level_deviations(&measured, &[], slot - 40);
    assert!(recent.len() < measured.len() / 2);
    assert_eq!(incidents_in(&recent, &IncidentSettings::default()), found);
    let (mean, error) = mean_deviation(&recent, slot..slot + 2).unwrap();
    assert!((mean - 2.0_f64.ln()).abs() < 0.15 && error < 0.1, "{mean} {error}");
    assert_eq!(mean_deviation(&recent, slot + 90_000..slot + 90_002), None);
    // While it lasts, or has hardly ended, nobody can say that it is over.
    for after in [0, 1] {
        let until = measured.iter().position(|block| block.slot >= slot + 2 + after).unwrap();
        let found = find_incidents(&measured[..until], &[], &IncidentSettings::default());
        assert!(!found[0].is_over, "{found:?}");
    }
}

#[test]
fn a_change_is_no_incident() {
    let level = |block: i64| if block >= at(60) { 0.4 } else { 0.0 };
    let measured = blocks(100, 0.05, level);
    let found = shifts(&measured);
    assert_eq!(find_incidents(&measured, &found, &IncidentSettings::default()), []);
}

/// Four months with a change that ends, one on top of another, and outages.
fn eventful(seed: u64) -> Vec<LevelBlock> {
    let mut state = seed;
    let mut random = || uniform(&mut state);
    let starts: Vec<i64> = (0..4).map(|number| at(35 + number * 24) + (random() * 60.0) as i64).collect();
    let sizes: Vec<f64> = starts.iter().map(|_| 0.7 * random() - 0.2).collect();
    let lengths: Vec<i64> = starts.iter().map(|_| (random() * 300.0) as i64).collect();
    let level = |block: i64| {
        let events = starts.iter().zip(&sizes).zip(&lengths);
        let on = events.filter(|((start, _), length)| (**start..**start + **length).contains(&block));
        on.map(|((_, size), _)| size).sum()
    };
    let mut measured = blocks(150, 0.08, level);
    measured.retain(|block| block.slot % 97 > 9 && random() > 0.05);
    measured
}

/// Later blocks change nothing that was found, but for ends.
#[test]
fn what_was_found_stays_found() {
    for seed in 0..4 {
        let measured = eventful(seed);
        let all = shifts(&measured);
        assert!(!all.is_empty());
        for until in (0..measured.len()).step_by(53) {
            let newest = measured[..until].last().map_or(i64::MIN, |block| block.slot);
            assert_eq!(
                shifts(&measured[..until]),
                known_before(&all, newest.saturating_add(1)),
                "{seed} {until}"
            );
        }
    }
}

/// Looks that each add some blocks, with no more history than is asked for, find the same.
#[test]
fn looks_in_turn_find_the_same() {
    for (seed, step) in [(0, 1), (1, 1), (2, 7), (3, 40)] {
        let measured = eventful(seed);
        let mut known = Vec::new();
        for from in (0..measured.len()).step_by(step) {
            let until = (from + step).min(measured.len());
            let oldest = measured[from].slot - HISTORY_DAYS * SLOTS - history::REFRESH_DAYS * SLOTS;
            let start = measured.partition_point(|block| block.slot < oldest);
            let settings = ShiftSettings::default();
            known = find_shifts_since(&measured[start..until], &known, measured[from].slot, &settings);
        }
        assert_eq!(known, shifts(&measured), "{seed}");
    }
}

fn any_blocks() -> impl Strategy<Value = Vec<LevelBlock>> {
    let value = prop_oneof![8 => -3.0..3.0_f64, 1 => Just(0.0), 1 => any::<f64>()];
    let block = (1..30_i64, value, 0..20_u32);
    prop::collection::vec(block, 0..400).prop_map(|gaps| {
        let mut slot = -700;
        let block = |(gap, ln_median, samples): (i64, f64, u32)| {
            slot += if gap > 8 { 1 } else { gap };
            LevelBlock { slot, ln_median, samples }
        };
        gaps.into_iter().map(block).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_blocks_give_ordered_answers(blocks in any_blocks()) {
        let settings = ShiftSettings { alarm: 1.5, reversal: 1.2, least_effect: 0.01 };
        let found = find_shifts(&blocks, &settings);
        let ordered = |time: SlotEstimate| time.earliest <= time.slot && time.slot <= time.latest;
        for shift in &found {
            prop_assert!(ordered(shift.began) && shift.began.slot <= shift.alarm_slot);
            prop_assert!(shift.ended.is_none_or(|ended| ordered(ended) && ended.slot >= shift.began.slot));
            prop_assert_eq!(shift.ended.is_some(), shift.ended_alarm_slot.is_some());
            prop_assert!(shift.effect.low <= shift.ratio() && shift.ratio() <= shift.effect.high);
        }
        prop_assert!(found.is_sorted_by_key(|shift| shift.alarm_slot));
        let incidents = find_incidents(&blocks, &found, &IncidentSettings { alarm: 1.0, least_effect: 0.01 });
        prop_assert!(incidents.iter().all(|one| one.began.slot < one.ended.slot));
        prop_assert!(incidents.windows(2).all(|pair| pair[0].ended.slot <= pair[1].began.slot));
    }
}
