//! The cadences that a plan may give to a series: half of the configured one, itself, twice and four times it. Slots of a
//! longer one begin where slots of each shorter one do, so daemons that plan differently still count every slot once. Pure.

use crate::daemon::turn_times;
use chrono::TimeDelta;

/// No series is asked more often than this for the sake of a plan, seconds.
const SHORTEST: u32 = 300;

/// Every 3-hour block of a series keeps a turn, and with it every 4-hour block of the day: changes are found in the former,
/// places in a ranking take the latter.
const LONGEST_STEP: TimeDelta = TimeDelta::hours(3);

/// The cadences of a series, the shortest first, and the place of the configured one among them. A cadence whose turns are
/// farther apart than a block stands alone: no plan moves it.
pub fn cadences(configured: u32) -> (Vec<u32>, usize) {
    let mut all: Vec<u32> = Vec::with_capacity(4);
    let fits = |cadence: u32| turn_times::step(cadence) <= LONGEST_STEP;
    if fits(configured) {
        all.extend(Some(configured / 2).filter(|half| configured.is_multiple_of(2) && *half >= SHORTEST));
    }
    let place = all.len();
    all.push(configured);
    all.extend([2, 4].into_iter().filter_map(|times| configured.checked_mul(times)).filter(|one| fits(*one)));
    (all, place)
}

/// The longest cadence that a plan may give to a series.
pub fn longest(configured: u32) -> u32 {
    cadences(configured).0.last().copied().unwrap_or(configured)
}

/// Turns in a block of 3 hours, on average.
pub fn runs_per_block(cadence: u32) -> f64 {
    LONGEST_STEP.num_milliseconds() as f64 / turn_times::step(cadence).num_milliseconds().max(1) as f64
}

/// Turns of a day, on average.
pub fn runs_per_day(cadence: u32) -> f64 {
    8.0 * runs_per_block(cadence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::slot;
    use chrono::DateTime;
    use proptest::prelude::*;

    #[test]
    fn usual_cadences_may_be_halved_and_doubled_up_to_a_block() {
        assert_eq!(cadences(1800), (vec![900, 1800, 3600, 7200], 1));
        assert_eq!(cadences(300), (vec![300, 600, 1200], 0));
        assert_eq!(cadences(3600), (vec![1800, 3600, 7200], 1));
        assert_eq!(cadences(7200), (vec![3600, 7200], 1));
        for alone in [14_400, 21_600, 86_400] {
            assert_eq!(cadences(alone), (vec![alone], 0));
        }
        assert_eq!((longest(1800), longest(86_400)), (7200, 86_400));
    }

    proptest! {
        /// Whatever the plan gives: a turn in each 3 hours, so one in each of the six blocks of every day; and slots that
        /// begin together.
        #[test]
        fn every_block_keeps_a_turn_and_slots_nest(
            configured in 300_u32..=10_000,
            share in 0.0..1.0_f64,
            block in 0_i64..400_000,
        ) {
            let (all, place) = cadences(configured);
            prop_assert_eq!(all[place], configured);
            prop_assert!(all.windows(2).all(|pair| pair[1] == 2 * pair[0]));
            for cadence in all.into_iter().filter(|_| turn_times::step(configured) <= LONGEST_STEP) {
                let phase = TimeDelta::milliseconds((f64::from(cadence) * 1000.0 * share) as i64);
                let begins = DateTime::from_timestamp(block * 3 * 3600, 0).unwrap();
                let mut at = slot::starts_at(begins, cadence) - TimeDelta::seconds(cadence.into());
                let mut turn = turn_times::first_from(at, cadence, phase);
                while turn < begins {
                    at += TimeDelta::seconds(cadence.into());
                    turn = turn_times::first_from(at, cadence, phase);
                }
                // A step may be longer than three hours by the part of a millisecond that is cut off.
                prop_assert!(turn < begins + LONGEST_STEP + TimeDelta::milliseconds(2), "{cadence}: {turn}");
            }
        }
    }
}
