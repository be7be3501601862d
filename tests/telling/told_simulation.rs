//! Simulated faults from the first alarm to the last letter: what is told of them, and when. Blocks of all runners come in as
//! time passes, alarms of equal changes come days apart, and each look judges again what waits. The same seed gives the
//! same tally.

use super::path_simulation::{
    BLOCKS_OF_DAY, Blocks, Fault, Random, SeriesPlace, SimulatedFaults, alarm, places, reading, reading_since,
};
use chrono::TimeDelta;
use llmbench::domain::change_evidence::{ChangeEvidence, NeighbourReading};
use llmbench::domain::series_change::{ChangeScope, SeriesChange};
use llmbench::measure::change_cause::{attributed, waits_for_others};
use std::collections::BTreeMap;

/// Blocks after the fault in which alarms come, and in which looks are simulated.
const LAST_ALARM: usize = 6 * BLOCKS_OF_DAY;
const LAST_LOOK: usize = 9 * BLOCKS_OF_DAY;

/// What was told of all trials.
#[derive(Debug, Clone, Default)]
struct ToldTally {
    trials: usize,
    /// Trials in which any letter names a provider or a model of it.
    named: usize,
    /// The same, without the words that no other runner confirms it.
    named_without_words: usize,
    /// Hours from the first alarm of a trial to its first letter.
    hours: Vec<f64>,
}

impl ToldTally {
    fn share(&self, trials: usize) -> f64 {
        trials as f64 / self.trials as f64
    }

    fn hours_at(&self, share: f64) -> f64 {
        let mut sorted = self.hours.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[((sorted.len() - 1) as f64 * share) as usize]
    }
}

fn tally(faults: &SimulatedFaults, seed: u64) -> ToldTally {
    let (mut random, mut tally) = (Random(seed), ToldTally::default());
    for _ in 0..faults.trials {
        trial(faults, &mut random, &mut tally);
    }
    tally
}

fn until(blocks: &Blocks, count: usize) -> Blocks {
    Blocks { before: blocks.before.clone(), after: blocks.after[..count].to_vec() }
}

/// The block at whose end each series that is hit raises its alarm; some never do.
fn alarms(faults: &SimulatedFaults, random: &mut Random) -> BTreeMap<SeriesPlace, usize> {
    let hit: Vec<SeriesPlace> = places().filter(|place| faults.is_hit(*place)).collect();
    let mut all = BTreeMap::new();
    while all.is_empty() {
        for place in &hit {
            let at = match random.uniform() {
                lot if lot < 0.5 => BLOCKS_OF_DAY + random.below(2 * BLOCKS_OF_DAY),
                lot if lot < 0.8 => 3 * BLOCKS_OF_DAY + random.below(LAST_ALARM - 3 * BLOCKS_OF_DAY),
                _ => continue,
            };
            all.insert(*place, at);
        }
    }
    all
}

fn trial(faults: &SimulatedFaults, random: &mut Random, tally: &mut ToldTally) {
    let start = random.below(BLOCKS_OF_DAY);
    let world = faults.world(random, LAST_LOOK, start);
    let whole: BTreeMap<SeriesPlace, NeighbourReading> =
        world.iter().map(|(place, blocks)| (*place, reading(blocks))).collect();
    let alarms = alarms(faults, random);
    let first = *alarms.values().min().unwrap();
    let mut changes: Vec<(SeriesPlace, SeriesChange)> = Vec::new();
    let mut told: Vec<SeriesChange> = Vec::new();
    let mut first_letter = None;
    for now in first..=LAST_LOOK {
        for (place, _) in alarms.iter().filter(|(_, at)| **at == now) {
            changes.push((*place, alarm(*place, &until(&world[place], now), random)));
        }
        if told.len() == changes.len() {
            continue;
        }
        let seen: BTreeMap<SeriesPlace, NeighbourReading> = whole
            .iter()
            .map(|(place, whole)| (*place, reading_since(whole, &world[place].after[..now])))
            .collect();
        let around = changes.iter().map(|(place, change)| faults.around(*place, change, &seen, random));
        let evidence = ChangeEvidence { around: around.collect() };
        let all: Vec<SeriesChange> = changes.iter().map(|(_, change)| change.clone()).collect();
        let numbers: Vec<usize> = (0..all.len()).collect();
        for ((_, change), judged) in changes.iter_mut().zip(attributed(&all, &numbers, &evidence)) {
            let is_told = told.iter().any(|one| one.id == judged.id);
            *change = judged;
            if !is_told && !waits_for_others(change, look_at(change, now, alarms[&place_of(change)])) {
                told.push(change.clone());
                first_letter.get_or_insert(now);
            }
        }
    }
    let names = |change: &&SeriesChange| matches!(change.scope, ChangeScope::Provider | ChangeScope::Model);
    tally.trials += 1;
    tally.named += usize::from(told.iter().any(|change| names(&change)));
    let without_words = |change: &SeriesChange| names(&change) && !change.is_unconfirmed();
    tally.named_without_words += usize::from(told.iter().any(without_words));
    tally.hours.push((first_letter.unwrap_or(LAST_LOOK) - first) as f64 * 3.0);
}

/// The place that an alarm's id was made of.
fn place_of(change: &SeriesChange) -> SeriesPlace {
    let digits: Vec<usize> = change.id.bytes().map(|byte| usize::from(byte - b'0')).collect();
    (digits[0], digits[1], digits[2])
}

/// The moment of a look so many blocks after an alarm.
fn look_at(change: &SeriesChange, now: usize, alarmed: usize) -> chrono::DateTime<chrono::Utc> {
    change.noticed_at + TimeDelta::hours(3 * (now - alarmed) as i64)
}

/// Noise of single runs, effect of the fault; the last ones are as small as changes of a series are found at.
const CASES: [(f64, f64); 5] = [(0.30, 0.80), (0.30, 0.40), (0.15, 0.25), (0.30, 0.25), (0.15, 0.12)];

fn faults(fault: Fault, (noise, effect): (f64, f64)) -> SimulatedFaults {
    SimulatedFaults { fault, noise, effect, trials: 200 }
}

/// The table of docs/benchmarks.md: `cargo test --test it -- --nocapture told_simulation`.
fn print(what: &str, (noise, effect): (f64, f64), tally: &ToldTally) {
    println!(
        "{what}, noise {noise}, effect {effect}: {:.3} name the provider, {:.3} without words; first letter after {} h \
         (median), {} h (95 %)",
        tally.share(tally.named),
        tally.share(tally.named_without_words),
        tally.hours_at(0.5),
        tally.hours_at(0.95)
    );
}

#[test]
fn no_letter_names_the_provider_for_a_fault_of_one_path() {
    for case in CASES {
        let tally = tally(&faults(Fault::Path, case), 20_261_202);
        print("path", case, &tally);
        // At the smallest effect chance alone is worth a few letters in so few trials.
        let most = if case.1 < 0.2 { 0.08 } else { 0.05 };
        assert!(tally.share(tally.named) <= most, "{case:?}: {tally:?}");
    }
}

#[test]
fn what_a_provider_did_is_told_in_time() {
    for case in CASES {
        let tally = tally(&faults(Fault::Provider, case), 20_261_203);
        print("provider", case, &tally);
        assert!(tally.share(tally.named) >= 0.95, "{case:?}: {tally:?}");
        assert!(tally.hours_at(0.5) <= 12.0 && tally.hours_at(0.95) <= 48.0, "{case:?}: {tally:?}");
    }
}
