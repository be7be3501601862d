//! When a series' turns are. Readers rank a lane only if all six 4-hour blocks of the UTC day have samples, so turns must
//! fill the blocks evenly. A cadence that divides 4 hours does so by itself. Any other one, for example 4.8 hours, would
//! come back to the same hours every day; its turns lie a little farther apart, so that they divide the week into a number
//! of equal steps that has no factor in common with the seven days. Over any 7 days these steps come at equally spaced times
//! of the day, and each block has as many of them as another one, or one more. Pure.

use crate::domain::publication::BLOCKS;
use chrono::{DateTime, TimeDelta, Timelike, Utc};

/// Seconds of a block of the day.
const BLOCK: u32 = 4 * 3600;

/// The longest cadence whose turns fill the blocks; rarer ones have no place in a ranking whatever they do.
const LONGEST: u32 = 24 * 3600;

const WEEK_MILLISECONDS: i128 = 7 * 24 * 3600 * 1000;

/// The days that are remembered.
const DAYS: u32 = 7;

/// The 4-hour UTC block of a moment, 0 to 5.
pub fn block(at: DateTime<Utc>) -> usize {
    (at.hour() / 4) as usize
}

/// The equal steps into which the turns of this cadence divide a week; `None` where the cadence is kept as it is.
fn steps_of_week(cadence_seconds: u32) -> Option<i128> {
    if cadence_seconds == 0 || cadence_seconds > LONGEST || BLOCK.is_multiple_of(cadence_seconds) {
        return None;
    }
    let most = WEEK_MILLISECONDS / 1000 / i128::from(cadence_seconds);
    // Of two numbers in a row one is no multiple of seven.
    Some(if most % 7 == 0 { most - 1 } else { most })
}

/// The time from turn to turn: the cadence or a little more, at most a third more for cadences above 21 hours.
pub fn step(cadence_seconds: u32) -> TimeDelta {
    steps_of_week(cadence_seconds).map_or(TimeDelta::seconds(cadence_seconds.into()), |steps| {
        TimeDelta::milliseconds(i64::try_from(WEEK_MILLISECONDS / steps).unwrap_or(i64::MAX))
    })
}

/// The first turn at or after the beginning of a slot. It may be in a later slot, because a slot in which no step falls
/// has no turn; two turns are never in one slot, because steps are no shorter than slots. `phase` is the series' own
/// moment, from zero to less than a cadence.
pub fn first_from(slot_at: DateTime<Utc>, cadence_seconds: u32, phase: TimeDelta) -> DateTime<Utc> {
    let Some(steps) = steps_of_week(cadence_seconds) else { return slot_at + phase };
    let phase = i128::from(phase.num_milliseconds());
    let since = i128::from(slot_at.timestamp_millis()) - phase;
    // The least whole number of steps that is not before `since`.
    let number = -(-since * steps).div_euclid(WEEK_MILLISECONDS);
    let at = phase + (number * WEEK_MILLISECONDS).div_euclid(steps);
    i64::try_from(at).ok().and_then(DateTime::from_timestamp_millis).unwrap_or(slot_at)
}

/// On which of the last seven UTC days a series had a turn in each block of the day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BlockDays {
    /// The newest day with a turn, counted from 1970.
    newest: i64,
    /// One bit for each day, the lowest for the newest.
    days: [u8; BLOCKS],
}

impl BlockDays {
    /// What is known of counts: on so many days of the week before `at` each block had a sample. Which days they were is
    /// not known, so the newest are taken.
    pub fn counted(counts: [u32; BLOCKS], at: DateTime<Utc>) -> Self {
        let newest_days = |count: u32| (1_u8 << count.min(DAYS)) - 1;
        Self { newest: day(at) - 1, days: counts.map(newest_days) }
    }

    /// Remembers a turn.
    pub fn add(&mut self, at: DateTime<Utc>) {
        let day = day(at);
        if day > self.newest {
            self.days = self.days.map(|days| aged(days, day - self.newest));
            self.newest = day;
        } else if self.newest - day >= i64::from(DAYS) {
            // The other days came from a clock that was ahead.
            *self = Self { newest: day, days: [0; BLOCKS] };
        }
        self.days[block(at)] |= aged(1, self.newest - day);
    }

    /// How far the present block of the day is behind: the number of the last seven days on which it had a turn. A
    /// block that had one today is behind no other, so that a series which had its share does not come first again.
    pub fn thinness(&self, now: DateTime<Utc>) -> u32 {
        let days = aged(self.days[block(now)], (day(now) - self.newest).max(0));
        if days & 1 == 1 { DAYS + 1 } else { days.count_ones() }
    }
}

fn day(at: DateTime<Utc>) -> i64 {
    at.timestamp().div_euclid(24 * 3600)
}

/// The days after some more have passed; those that are more than a week old are forgotten.
fn aged(days: u8, by: i64) -> u8 {
    let week = (1_u8 << DAYS) - 1;
    u32::try_from(by).ok().and_then(|by| days.checked_shl(by)).unwrap_or(0) & week
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::slot;
    use proptest::prelude::*;

    const WEEK: TimeDelta = TimeDelta::days(7);

    /// The turns from a moment on for a week.
    fn turns(from: DateTime<Utc>, cadence: u32, phase: TimeDelta) -> Vec<DateTime<Utc>> {
        let cadence_time = TimeDelta::seconds(cadence.into());
        let mut slot_at = slot::starts_at(from, cadence);
        let mut turns = Vec::new();
        while slot_at < from + WEEK {
            let turn = first_from(slot_at, cadence, phase);
            if turn >= from && turn < from + WEEK && turns.last() != Some(&turn) {
                turns.push(turn);
            }
            slot_at += cadence_time;
        }
        turns
    }

    fn counts(turns: &[DateTime<Utc>]) -> [u32; BLOCKS] {
        let mut counts = [0; BLOCKS];
        turns.iter().for_each(|turn| counts[block(*turn)] += 1);
        counts
    }

    fn even(counts: &[u32; BLOCKS]) -> bool {
        counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1
    }

    #[test]
    fn a_cadence_of_4_8_hours_no_longer_leaves_one_block_out() {
        let from = "2026-11-02T00:00:00Z".parse().unwrap();
        for hour in [0, 1, 2, 3, 4] {
            let turns = turns(from, 17_280, TimeDelta::hours(hour));
            assert_eq!(turns.len(), 34);
            assert!(even(&counts(&turns)), "{:?}", counts(&turns));
        }
        // As slots alone would have it: each turn at the same five hours of every day.
        let fixed: Vec<DateTime<Utc>> =
            (0..35).map(|turn| from + TimeDelta::seconds(17_280 * turn)).collect();
        assert_eq!(counts(&fixed), [7, 7, 7, 7, 7, 0]);
    }

    #[test]
    fn usual_cadences_keep_their_moments_and_no_step_is_much_longer() {
        for cadence in [300, 600, 900, 1200, 1800, 3600, 7200, 14_400, 90_000, 604_800] {
            assert_eq!(step(cadence), TimeDelta::seconds(cadence.into()));
        }
        for cadence in 300..=86_400 {
            let (least, step) = (f64::from(cadence) * 1e3, step(cadence).num_milliseconds() as f64);
            assert!(least <= step && step <= least * 4.0 / 3.0, "{cadence}: {step}");
        }
        assert_eq!(step(86_400), TimeDelta::hours(28), "six turns a week, one in each block");
    }

    #[test]
    fn a_block_without_a_turn_is_thinner_and_days_are_forgotten_after_a_week() {
        let at = |text: &str| -> DateTime<Utc> { text.parse().unwrap() };
        let mut days = BlockDays::default();
        assert_eq!(days.thinness(at("2026-11-02T01:00:00Z")), 0);
        for day in 1..8 {
            days.add(at(&format!("2026-11-{day:02}T01:00:00Z")));
        }
        days.add(at("2026-11-05T09:00:00Z"));
        assert_eq!(days.thinness(at("2026-11-07T03:59:59Z")), 8, "it had a turn today");
        assert_eq!(days.thinness(at("2026-11-08T00:00:00Z")), 6);
        assert_eq!(days.thinness(at("2026-11-08T08:00:00Z")), 1);
        assert_eq!(days.thinness(at("2026-11-08T04:00:00Z")), 0);
        assert_eq!(days.thinness(at("2026-11-14T00:00:00Z")), 0);
        let counted = BlockDays::counted([7, 0, 3, 9, 1, 2], at("2026-11-08T10:00:00Z"));
        let told = |hour: u32| counted.thinness(at(&format!("2026-11-08T{hour:02}:00:00Z")));
        assert_eq!([told(0), told(4), told(8), told(12), told(16), told(20)], [6, 0, 3, 6, 1, 2]);
        days.add(at("2026-11-01T05:00:00Z"));
        assert_eq!(days.thinness(at("2026-11-08T05:00:00Z")), 0, "seven days ago is too long ago");
    }

    proptest! {
        /// Over any 7 days each of the six blocks has as many turns as another, or one more or less.
        #[test]
        fn every_cadence_fills_the_blocks_of_any_week_evenly(
            cadence in 300_u32..=86_400,
            share in 0.0..1.0_f64,
            from in 0_i64..4_000_000_000,
        ) {
            let phase = TimeDelta::milliseconds((f64::from(cadence) * 1000.0 * share) as i64);
            let from = DateTime::from_timestamp(from, 0).unwrap();
            let turns = turns(from, cadence, phase);
            prop_assert!(even(&counts(&turns)), "{:?}", counts(&turns));
            let slots: std::collections::BTreeSet<_> =
                turns.iter().map(|turn| slot::starts_at(*turn, cadence)).collect();
            prop_assert_eq!(slots.len(), turns.len(), "one turn in a slot");
        }

        #[test]
        fn the_first_turn_from_a_slot_on_is_never_before_it(
            seconds in -4_000_000_000_i64..4_000_000_000,
            cadence in 1_u32..200_000,
        ) {
            let slot_at = slot::starts_at(DateTime::from_timestamp(seconds, 0).unwrap(), cadence);
            let turn = first_from(slot_at, cadence, TimeDelta::zero());
            prop_assert!(turn >= slot_at && turn - slot_at <= step(cadence) + TimeDelta::milliseconds(1));
        }
    }
}
