//! Tests that turns come at the right time, whatever the clocks do.

use super::*;
use crate::domain::ModelRef;
use crate::domain::slot::DEFAULT_VANTAGE;
use proptest::prelude::*;

fn plan(model: &str, cadence: u32, spread: f64) -> SeriesSchedule {
    let series = Series {
        model: ModelRef::new("sim", model),
        profile_id: "cloud-default-v1".to_owned(),
        vantage: DEFAULT_VANTAGE.to_owned(),
    };
    SeriesSchedule::new(series, cadence, spread)
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000 / 1800 * 1800 + seconds, 0).unwrap()
}

fn settled(seconds: i64) -> SeriesProgress {
    let mut turn = SeriesProgress::default();
    turn.settle(at(seconds).max(at(0)), at(seconds));
    turn
}

fn numbered<'a>(
    plans: &'a [SeriesSchedule],
    turns: &'a [SeriesProgress],
) -> impl Iterator<Item = (usize, &'a SeriesSchedule, &'a SeriesProgress)> {
    plans.iter().zip(turns).enumerate().map(|(place, (plan, turn))| (place, plan, turn))
}

#[test]
fn terminal_answers_make_a_series_ever_rarer_and_a_success_ends_it() {
    let plan = plan("m", 60, 0.0);
    let (mut turn, mut asked) = (SeriesProgress::default(), Vec::new());
    let run = |turn: &mut SeriesProgress, asked: &mut Vec<i64>, from: i64, kind| {
        for second in from..from + 4000 {
            if matches!(due(&plan, turn, at(second)), DueTime::Since(_)) {
                asked.push(second);
                turn.told(kind);
                turn.settle(slot(&plan, at(second)).starts_at, at(second));
            }
        }
    };
    run(&mut turn, &mut asked, 0, Some(FailureKind::HardModel));
    let pauses: Vec<i64> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(
        pauses,
        [60, 120, 240, 480, 960, 1920],
        "one answer may be a mistake, then twice as long each time"
    );
    turn.told(Some(FailureKind::Timeout));
    assert_eq!(turn.terminal, 7, "a failure that is not the model's says nothing");
    turn.told(None);
    asked.clear();
    run(&mut turn, &mut asked, 10_000, None);
    assert_eq!(asked.len(), 68, "every minute again");
    let forever = SeriesProgress { terminal: u32::MAX, ..settled(0) };
    assert_eq!(due(&plan, &forever, at(10)), DueTime::At(at(86_400)), "once a day at the rarest");
}

#[test]
fn moments_are_stable_and_spread() {
    let phases: Vec<i64> = (0..1000).map(|n| plan(&format!("m{n}"), 1800, 0.8).phase.num_seconds()).collect();
    assert_eq!(plan("m7", 1800, 0.8), plan("m7", 1800, 0.8));
    for tenth in 0..10 {
        let inside = phases.iter().filter(|phase| (144 * tenth..144 * (tenth + 1)).contains(*phase)).count();
        assert!((60..150).contains(&inside), "{inside} of 1000 in tenth {tenth}");
    }
    assert!(phases.iter().all(|phase| *phase <= 1440));
}

#[test]
fn a_new_series_and_an_overdue_one_do_not_wait_for_their_moment() {
    let plan = SeriesSchedule { phase: TimeDelta::seconds(1000), ..plan("m", 1800, 0.0) };
    assert_eq!(due(&plan, &SeriesProgress::default(), at(5)), DueTime::Since(at(0)));
    let mut turn = SeriesProgress::default();
    turn.settle(at(-3600), at(-2600));
    assert_eq!(due(&plan, &turn, at(5)), DueTime::Since(at(0)));
    turn.settle(at(-1800), at(-700));
    assert_eq!(due(&plan, &turn, at(5)), DueTime::At(at(1000)));
    assert_eq!(due(&plan, &turn, at(1001)), DueTime::Since(at(1000)));
}

#[test]
fn a_clock_that_steps_back_a_little_measures_nothing_twice_and_one_that_was_wrong_is_forgotten() {
    let plan = plan("m", 1800, 0.0);
    let turn = settled(0);
    for seconds in [-1, -60] {
        assert_eq!(due(&plan, &turn, at(seconds)), DueTime::At(at(1800)));
    }
    // A row that another clock dated does not affect this slot.
    for seconds in [-61, -3600, -86_400] {
        assert!(matches!(due(&plan, &turn, at(seconds)), DueTime::Since(_)), "{seconds}");
    }
    // This process measured it a minute ago, whatever the clock showed then: its next turn is in the next slot.
    let mut moved = settled(3600);
    moved.settle(at(3600), at(3700));
    moved.clock_moved(TimeDelta::seconds(-3600));
    assert_eq!(due(&plan, &moved, at(160)), DueTime::At(at(1800)));
    assert_eq!(due(&plan, &moved, at(1800)), DueTime::Since(at(1800)));
}

#[test]
fn a_clock_that_jumps_ahead_gives_one_turn() {
    let plan = plan("m", 60, 0.5);
    let mut turn = settled(0);
    let later = at(100_000);
    assert!(matches!(due(&plan, &turn, later), DueTime::Since(_)));
    turn.settle(slot(&plan, later).starts_at, later);
    assert!(matches!(due(&plan, &turn, later + TimeDelta::milliseconds(1)), DueTime::At(_)));
}

#[test]
fn a_slot_that_failed_is_tried_again_and_the_next_slot_returns_in_any_case() {
    let plan = plan("m", 1800, 0.0);
    let mut turn = SeriesProgress::default();
    turn.rest(at(0), at(600), 1, Some(at(10)));
    assert_eq!(due(&plan, &turn, at(20)), DueTime::At(at(600)));
    assert_eq!(due(&plan, &turn, at(600)), DueTime::Since(at(600)));
    turn.rest(at(0), at(9000), 1, Some(at(10)));
    assert_eq!(due(&plan, &turn, at(1800)), DueTime::Since(at(1800)));
}

#[test]
fn the_time_of_a_pass_grows_with_the_number_of_series_not_faster() {
    let plans: Vec<SeriesSchedule> = (0..100_000).map(|n| plan(&format!("m{n}"), 1800, 0.8)).collect();
    let turns = vec![SeriesProgress::default(); plans.len()];
    let taken = |series: usize| {
        let once = || {
            let begun = std::time::Instant::now();
            let pass = pass(numbered(&plans[..series], &turns), at(5), 50);
            assert_eq!((pass.chosen.len(), pass.due), (50, series));
            begun.elapsed().as_secs_f64()
        };
        (0..5).map(|_| once()).fold(f64::INFINITY, f64::min)
    };
    // Ten times the series take about ten times as long; a quadratic pass would take a hundred times as long.
    let ratio = taken(100_000) / taken(10_000);
    assert!(ratio < 50.0, "{ratio}");
}

proptest! {
    /// No series is passed over forever, whatever the limit and the cadences.
    #[test]
    fn every_series_has_its_turn(count in 1_usize..40, cap in 1_usize..5, long in 1_u32..10, failing in any::<u64>()) {
        let plans: Vec<SeriesSchedule> =
            (0..count).map(|n| plan(&format!("m{n}"), if n % 3 == 0 { 60 * long } else { 60 }, 0.9)).collect();
        let mut turns = vec![SeriesProgress::default(); count];
        let mut worked = vec![0; count];
        let passes = count.div_ceil(cap);
        for step in 0..passes as i64 {
            let now = at(step * 60);
            for place in pass(numbered(&plans, &turns), now, cap).chosen {
                worked[place] += 1;
                let slot_at = slot(&plans[place], now).starts_at;
                if failing >> (place % 64) & 1 == 1 {
                    turns[place].rest(slot_at, now, 1, Some(now));
                } else {
                    turns[place].settle(slot_at, now);
                }
            }
        }
        prop_assert!(worked.iter().all(|turns| *turns > 0), "{:?}", worked);
    }

    /// Each slot has at most one row, and a slot that has not begun has none.
    #[test]
    fn a_settled_slot_is_never_worked_again(cadence in 1_u32..5000, spread in 0.0..1.0_f64, steps in prop::collection::vec(-60_i64..3000, 1..60)) {
        let plan = plan("m", cadence, spread);
        let (mut turn, mut now, mut worked) = (SeriesProgress::default(), at(0), std::collections::BTreeSet::new());
        let mut was_believed = true;
        for step in steps {
            now += TimeDelta::seconds(step);
            let highest = worked.last().copied();
            if let DueTime::Since(since) = due(&plan, &turn, now) {
                prop_assert!(since <= now);
                let slot = slot(&plan, now);
                prop_assert!(slot.starts_at <= now);
                was_believed &= highest.is_none_or(|highest| !clock_skew::is_ahead(highest, now));
                if was_believed {
                    prop_assert!(worked.insert(slot.starts_at), "{} twice", slot.starts_at);
                }
                turn.settle(slot.starts_at, now);
            }
        }
    }

    #[test]
    fn the_next_moment_is_the_moment(cadence in 1_u32..5000, spread in 0.0..1.0_f64, finished in 0_i64..10_000, later in 0_i64..10_000) {
        let plan = plan("m", cadence, spread);
        let mut turn = SeriesProgress::default();
        turn.settle(slot(&plan, at(finished)).starts_at, at(finished));
        let now = at(finished + later);
        if let DueTime::At(next) = due(&plan, &turn, now) {
            prop_assert!(next > now);
            let stays_due = matches!(due(&plan, &turn, next), DueTime::Since(_));
            prop_assert!(stays_due);
        }
    }

    /// The clock is set back or ahead while the daemon runs, temporarily or for good. In real time no series waits for
    /// two cadences, and none has more than one turn in each, except one extra turn after a step.
    #[test]
    fn a_clock_that_is_set_keeps_no_series_waiting(
        cadence in 60_u32..4000,
        spread in 0.0..1.0_f64,
        set_after in 0_i64..10_000,
        right_after in 1_i64..20_000,
        step in prop::sample::select(vec![-86_400_i64, -3600, -900, 900, 3600, 7200]),
        pause in 7_i64..40,
    ) {
        let clock = SetClock { set_after, right_after, step, pause };
        let mut worked = clock.turns(&plan("m", cadence, spread));
        worked.push(40_000);
        let longest = worked.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default();
        // The step and the turn after it are each seen up to one look late.
        let most = i64::from(cadence) * 2 + 2 * pause;
        prop_assert!(longest <= most, "{longest} s without a turn, cadence {cadence} s: {worked:?}");
        let usual = 40_000 / i64::from(cadence) + 2;
        prop_assert!(worked.len() as i64 <= usual + 3, "{} turns in {usual} slots", worked.len());
    }
}

/// A clock that is wrong by `step` for a while, all in seconds, and a daemon that looks at it every `pause`.
struct SetClock {
    set_after: i64,
    right_after: i64,
    step: i64,
    pause: i64,
}

impl SetClock {
    /// The real times of a series' turns.
    fn turns(&self, plan: &SeriesSchedule) -> Vec<i64> {
        let (mut turn, mut worked, mut before) = (SeriesProgress::default(), Vec::new(), 0);
        for real in (0..40_000).step_by(self.pause as usize) {
            let is_wrong = (self.set_after..self.set_after + self.right_after).contains(&real);
            let ahead = if is_wrong { self.step } else { 0 };
            if ahead != before {
                turn.clock_moved(TimeDelta::seconds(ahead - before));
                before = ahead;
            }
            let now = at(real + ahead);
            if matches!(due(plan, &turn, now), DueTime::Since(_)) {
                worked.push(real);
                turn.settle(slot(plan, now).starts_at, now);
            }
        }
        worked
    }
}

/// A slot that was worked on while the clock was ahead is not the turn of the slot that really has its number.
#[test]
fn a_slot_of_a_wrong_clock_stands_for_no_later_one() {
    for (cadence, clock) in [
        (1756, SetClock { set_after: 161, right_after: 4370, step: 3600, pause: 8 }),
        (3264, SetClock { set_after: 0, right_after: 3857, step: 7200, pause: 7 }),
    ] {
        for spread in 0..100 {
            let worked = clock.turns(&plan("m", cadence, f64::from(spread) / 100.0));
            let longest = worked.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
            assert!(longest <= 2 * i64::from(cadence), "{cadence}, {spread}: {worked:?}");
        }
    }
}

/// A series' turns within a week by UTC 4-hour block of the day, where every turn is taken when it is due. The week begins
/// four days after the first turn, which came at once and not at its own moment.
fn blocks(plan: &SeriesSchedule) -> [u32; 6] {
    let (mut turn, mut taken) = (SeriesProgress::default(), [0; 6]);
    let (mut now, begin, end) = (at(0), at(4 * 86_400), at(11 * 86_400));
    while now < end {
        match due(plan, &turn, now) {
            DueTime::At(later) => now = later,
            DueTime::Since(_) => {
                taken[turn_times::block(now)] += u32::from(now >= begin);
                turn.settle(slot(plan, now).starts_at, now);
            }
        }
    }
    taken
}

/// Readers rank a lane only if all six 4-hour blocks of the day have samples. Turns fill them evenly at every cadence.
#[test]
fn turns_fill_all_blocks_of_the_day_evenly() {
    for cadence in
        [600, 900, 1800, 2700, 3600, 5400, 7200, 10_800, 14_400, 17_280, 21_600, 43_200, 75_601, 86_400]
    {
        for number in 0..20 {
            let taken = blocks(&plan(&format!("m{number}"), cadence, 0.8));
            let (least, most) = (taken.iter().min().unwrap(), taken.iter().max().unwrap());
            assert!(most - least <= 1, "{cadence}: {taken:?}");
        }
    }
}

/// Four series of one provider, of which there is room for two in each block: an outage took one block of yesterday from
/// two of them, and the next day these come first in that block, though the others have waited longer.
#[test]
fn the_thinnest_block_of_the_day_comes_first_after_an_outage() {
    let plans: Vec<SeriesSchedule> = (0..4).map(|n| plan(&format!("m{n}"), 14_400, 0.0)).collect();
    let start = at(0) - TimeDelta::seconds(at(0).timestamp().rem_euclid(86_400));
    let mut turns = vec![SeriesProgress::default(); 4];
    for block in 0..12 {
        let now = start + TimeDelta::hours(4 * block) + TimeDelta::minutes(30);
        for (number, turn) in turns.iter_mut().enumerate() {
            let was_out = block == 7 && number >= 2;
            if !was_out {
                // The series that missed a block had the later turns of all others.
                let finished = now + TimeDelta::minutes(number as i64);
                turn.settle(slot(&plans[number], finished).starts_at, finished);
            }
        }
    }
    let chosen = |hours: i64| {
        let now = start + TimeDelta::days(2) + TimeDelta::hours(hours);
        pass(numbered(&plans, &turns), now, 2).chosen
    };
    assert_eq!(chosen(4), [2, 3], "the block of the outage");
    assert_eq!(chosen(8), [0, 1], "any other block: those that waited longest");
}
