//! What is due, and when the rest becomes due. Every series has a turn in each slot of its cadence, at a moment of its own
//! within the slot, so that a catalogue is spread over the cadence instead of starting at once. Pure.
//!
//! Who is considered is never cut short: all that is due is sorted by age, and only then as much as there is room for is
//! taken. What was missed stays missed: after a pause each series has one turn, not one for each slot that passed.

use crate::domain::slot::{Series, Slot};
use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};

/// A wall clock that is behind the newest slot by more than this was wrong before, and its slots are no measure any more.
const BELIEVED_STEP: TimeDelta = TimeDelta::hours(2);

/// A series and how often it has a turn.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Which series.
    pub series: Series,
    /// Seconds from turn to turn, at least 1.
    pub cadence_seconds: u32,
    /// From the beginning of a slot to the series' own moment in it.
    pub phase: TimeDelta,
}

impl Plan {
    /// A plan whose moment within the slot follows from the series' name, the same for every daemon and after every
    /// restart. `spread` is the share of the cadence over which the moments of many series lie, 0 to 1.
    pub fn new(series: Series, cadence_seconds: u32, spread: f64) -> Self {
        let cadence_seconds = cadence_seconds.max(1);
        let widest = f64::from(cadence_seconds) * 1000.0 * spread.clamp(0.0, 1.0);
        // A moment in the last millisecond of a slot would belong to the next one.
        let latest = i64::from(cadence_seconds) * 1000 - 1;
        let phase = ((fraction(&series) * widest) as i64).min(latest);
        Self { series, cadence_seconds, phase: TimeDelta::milliseconds(phase) }
    }

    /// When a slot of the series ends and the next one begins.
    pub fn ends(&self, slot: &Slot) -> DateTime<Utc> {
        slot.starts_at + self.cadence()
    }

    fn cadence(&self) -> TimeDelta {
        TimeDelta::seconds(self.cadence_seconds.into())
    }
}

/// A number from 0 to 1 that is the series' own.
fn fraction(series: &Series) -> f64 {
    let Series { model, profile_id, vantage } = series;
    let text = [&model.provider, &model.model_id, profile_id, vantage].map(String::as_str).join("\n");
    let digest = Sha256::digest(text.as_bytes());
    let bits = digest.iter().take(8).fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    bits as f64 / u64::MAX as f64
}

/// How far a series has come.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Turn {
    /// The beginning of the newest slot that was worked.
    pub slot_at: Option<DateTime<Utc>>,
    /// That slot wants nothing more: it has its row, or was given up.
    pub settled: bool,
    /// Within that slot: nothing before this.
    pub not_before: Option<DateTime<Utc>>,
    /// When an attempt at the series last ended, whichever way.
    pub finished_at: Option<DateTime<Utc>>,
    /// Attempts at that slot.
    pub attempts: u32,
}

impl Turn {
    /// The slot is done.
    pub fn settle(&mut self, slot_at: DateTime<Utc>, now: DateTime<Utc>) {
        let attempts = self.attempts_at(slot_at);
        *self = Self {
            slot_at: Some(slot_at),
            settled: true,
            not_before: None,
            finished_at: Some(now),
            attempts,
        };
    }

    /// The slot is tried again, not before `until`; its attempt number `attempts` ended at `finished_at`, if one did.
    pub fn rest(
        &mut self,
        slot_at: DateTime<Utc>,
        until: DateTime<Utc>,
        attempts: u32,
        finished_at: Option<DateTime<Utc>>,
    ) {
        let finished_at = finished_at.or(self.finished_at);
        *self =
            Self { slot_at: Some(slot_at), settled: false, not_before: Some(until), finished_at, attempts };
    }

    /// Attempts at this slot so far.
    pub fn attempts_at(&self, slot_at: DateTime<Utc>) -> u32 {
        if self.slot_at == Some(slot_at) { self.attempts } else { 0 }
    }
}

/// When a series has its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Now, and since this moment.
    Since(DateTime<Utc>),
    /// Not before this.
    At(DateTime<Utc>),
}

/// When a series has its turn, seen from `now`.
pub fn due(plan: &Plan, turn: &Turn, now: DateTime<Utc>) -> Due {
    let starts_at = plan.series.slot_at(now, plan.cadence_seconds).starts_at;
    let known = turn.slot_at.filter(|slot_at| *slot_at - now <= BELIEVED_STEP);
    // Anything finished later than now was finished under a clock that was ahead.
    let finished_at = turn.finished_at.filter(|at| *at <= now);
    let opens_at = match known {
        // A slot ahead of the clock, which went back a little, is as settled as the present one.
        Some(worked) if worked >= starts_at && turn.settled => worked + plan.cadence() + plan.phase,
        Some(worked) if worked >= starts_at => turn.not_before.unwrap_or(worked).max(worked),
        // A series that is overdue anyway does not wait for its moment.
        _ => match finished_at {
            Some(finished) => (starts_at + plan.phase).min((finished + plan.cadence()).max(starts_at)),
            None => starts_at,
        },
    };
    if opens_at <= now { Due::Since(opens_at) } else { Due::At(opens_at) }
}

/// What one look at many series came to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pass {
    /// Numbers of the series to work now, stalest first, at most as many as asked for.
    pub chosen: Vec<usize>,
    /// How many are due, chosen or not.
    pub due: usize,
    /// Since when the oldest of them has been.
    pub due_since: Option<DateTime<Utc>>,
    /// When the next one becomes due that is not yet.
    pub next_at: Option<DateTime<Utc>>,
}

/// Looks at all series, each under a number of the caller's, and takes the stalest `most` of those that are due. What
/// never ended comes first.
pub fn pass<'a>(
    series: impl IntoIterator<Item = (usize, &'a Plan, &'a Turn)>,
    now: DateTime<Utc>,
    most: usize,
) -> Pass {
    let mut pass = Pass::default();
    let mut ripe = Vec::new();
    for (place, plan, turn) in series {
        match due(plan, turn, now) {
            Due::Since(since) => ripe.push((turn.finished_at, since, place)),
            Due::At(at) => pass.next_at = Some(pass.next_at.map_or(at, |next| next.min(at))),
        }
    }
    pass.due = ripe.len();
    pass.due_since = ripe.iter().map(|(_, since, _)| *since).min();
    if most < ripe.len() && most > 0 {
        ripe.select_nth_unstable(most - 1);
    }
    ripe.truncate(most);
    ripe.sort_unstable();
    pass.chosen = ripe.into_iter().map(|(_, _, place)| place).collect();
    pass
}

/// The slot that a series works now.
pub fn slot(plan: &Plan, now: DateTime<Utc>) -> Slot {
    plan.series.slot_at(now, plan.cadence_seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ModelRef;
    use crate::domain::slot::DEFAULT_VANTAGE;
    use proptest::prelude::*;

    fn plan(model: &str, cadence: u32, spread: f64) -> Plan {
        let series = Series {
            model: ModelRef::new("sim", model),
            profile_id: "cloud-default-v1".to_owned(),
            vantage: DEFAULT_VANTAGE.to_owned(),
        };
        Plan::new(series, cadence, spread)
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000 / 1800 * 1800 + seconds, 0).unwrap()
    }

    fn settled(seconds: i64) -> Turn {
        let mut turn = Turn::default();
        turn.settle(at(seconds).max(at(0)), at(seconds));
        turn
    }

    fn numbered<'a>(
        plans: &'a [Plan],
        turns: &'a [Turn],
    ) -> impl Iterator<Item = (usize, &'a Plan, &'a Turn)> {
        plans.iter().zip(turns).enumerate().map(|(place, (plan, turn))| (place, plan, turn))
    }

    #[test]
    fn moments_are_stable_and_spread() {
        let phases: Vec<i64> =
            (0..1000).map(|n| plan(&format!("m{n}"), 1800, 0.8).phase.num_seconds()).collect();
        assert_eq!(plan("m7", 1800, 0.8), plan("m7", 1800, 0.8));
        for tenth in 0..10 {
            let inside =
                phases.iter().filter(|phase| (144 * tenth..144 * (tenth + 1)).contains(*phase)).count();
            assert!((60..150).contains(&inside), "{inside} of 1000 in tenth {tenth}");
        }
        assert!(phases.iter().all(|phase| *phase <= 1440));
    }

    #[test]
    fn a_new_series_and_an_overdue_one_do_not_wait_for_their_moment() {
        let plan = Plan { phase: TimeDelta::seconds(1000), ..plan("m", 1800, 0.0) };
        assert_eq!(due(&plan, &Turn::default(), at(5)), Due::Since(at(0)));
        let mut turn = Turn::default();
        turn.settle(at(-3600), at(-2600));
        assert_eq!(due(&plan, &turn, at(5)), Due::Since(at(0)));
        turn.settle(at(-1800), at(-700));
        assert_eq!(due(&plan, &turn, at(5)), Due::At(at(1000)));
        assert_eq!(due(&plan, &turn, at(1001)), Due::Since(at(1000)));
    }

    #[test]
    fn a_clock_that_steps_back_measures_nothing_twice_and_one_that_was_wrong_is_forgotten() {
        let plan = plan("m", 1800, 0.0);
        let turn = settled(0);
        assert_eq!(due(&plan, &turn, at(-3600)), Due::At(at(1800)));
        assert_eq!(due(&plan, &turn, at(-1)), Due::At(at(1800)));
        assert!(matches!(due(&plan, &turn, at(-86_400)), Due::Since(_)));
    }

    #[test]
    fn a_clock_that_jumps_ahead_gives_one_turn() {
        let plan = plan("m", 60, 0.5);
        let mut turn = settled(0);
        let later = at(100_000);
        assert!(matches!(due(&plan, &turn, later), Due::Since(_)));
        turn.settle(slot(&plan, later).starts_at, later);
        assert!(matches!(due(&plan, &turn, later + TimeDelta::milliseconds(1)), Due::At(_)));
    }

    #[test]
    fn a_slot_that_failed_is_tried_again_and_the_next_slot_returns_in_any_case() {
        let plan = plan("m", 1800, 0.0);
        let mut turn = Turn::default();
        turn.rest(at(0), at(600), 1, Some(at(10)));
        assert_eq!(due(&plan, &turn, at(20)), Due::At(at(600)));
        assert_eq!(due(&plan, &turn, at(600)), Due::Since(at(600)));
        turn.rest(at(0), at(9000), 1, Some(at(10)));
        assert_eq!(due(&plan, &turn, at(1800)), Due::Since(at(1800)));
    }

    #[test]
    fn a_hundred_thousand_series_are_looked_at_in_far_less_than_a_second() {
        let plans: Vec<Plan> = (0..100_000).map(|n| plan(&format!("m{n}"), 1800, 0.8)).collect();
        let turns = vec![Turn::default(); plans.len()];
        let begun = std::time::Instant::now();
        let pass = pass(numbered(&plans, &turns), at(5), 50);
        assert_eq!((pass.chosen.len(), pass.due), (50, 100_000));
        // Unoptimised and on a busy machine: an order of magnitude, not a measurement.
        assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
    }

    proptest! {
        /// Whatever the cap and the cadences: nobody is passed over for ever.
        #[test]
        fn every_series_has_its_turn(count in 1_usize..40, cap in 1_usize..5, long in 1_u32..10, failing in any::<u64>()) {
            let plans: Vec<Plan> =
                (0..count).map(|n| plan(&format!("m{n}"), if n % 3 == 0 { 60 * long } else { 60 }, 0.9)).collect();
            let mut turns = vec![Turn::default(); count];
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

        /// One row a slot, and none in a slot that has not begun.
        #[test]
        fn a_settled_slot_is_never_worked_again(cadence in 1_u32..5000, spread in 0.0..1.0_f64, steps in prop::collection::vec(-600_i64..3000, 1..60)) {
            let plan = plan("m", cadence, spread);
            let (mut turn, mut now, mut worked) = (Turn::default(), at(0), std::collections::BTreeSet::new());
            for step in steps {
                now += TimeDelta::seconds(step);
                let highest = worked.last().copied();
                if let Due::Since(since) = due(&plan, &turn, now) {
                    prop_assert!(since <= now);
                    let slot = slot(&plan, now);
                    prop_assert!(slot.starts_at <= now);
                    if highest.is_none_or(|highest| highest - now <= BELIEVED_STEP) {
                        prop_assert!(worked.insert(slot.starts_at), "{} twice", slot.starts_at);
                    }
                    turn.settle(slot.starts_at, now);
                }
            }
        }

        #[test]
        fn the_next_moment_is_the_moment(cadence in 1_u32..5000, spread in 0.0..1.0_f64, finished in 0_i64..10_000, later in 0_i64..10_000) {
            let plan = plan("m", cadence, spread);
            let mut turn = Turn::default();
            turn.settle(slot(&plan, at(finished)).starts_at, at(finished));
            let now = at(finished + later);
            if let Due::At(next) = due(&plan, &turn, now) {
                prop_assert!(next > now);
                let stays_due = matches!(due(&plan, &turn, next), Due::Since(_));
                prop_assert!(stays_due);
            }
        }
    }
}
