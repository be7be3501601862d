//! Simulated faults and what they are attributed to: three runners measure the same models of three providers, one thing
//! becomes slower, and some of the series that see it raise an alarm. The same seed gives the same tally.

use chrono::{DateTime, TimeDelta, Utc};
use llmbench::domain::ModelRef;
use llmbench::domain::change_evidence::{
    ChangeEvidence, ChangeSurroundings, NeighbourReading, SeriesNeighbour, StoredFacts,
};
use llmbench::domain::interval::Interval;
use llmbench::domain::notice::{ChangeMoment, ToldChange};
use llmbench::domain::series_change::{
    ChangeCause, ChangeScope, ChangedLevel, EstimatedTime, MeasuredSeries, SeriesChange, WatchedFigure,
};
use llmbench::measure::change_cause::attribute;
use llmbench::output::change_letter::letter;
use std::collections::BTreeMap;
use std::f64::consts::TAU;

const RUNNERS: usize = 3;
const PROVIDERS: usize = 3;
const MODELS: usize = 4;

/// Blocks of 3 hours.
pub const BLOCKS_OF_DAY: usize = 8;
const BEFORE: usize = 7 * BLOCKS_OF_DAY;

/// What becomes slower.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The path from one runner to one provider.
    Path,
    /// The host of one runner, and so all that it measures.
    Host,
    /// A provider, as every runner sees it.
    Provider,
}

#[derive(Debug, Clone, Copy)]
pub struct SimulatedFaults {
    pub fault: Fault,
    /// Standard deviation of the logarithm of single runs, which are correlated (0.5 from one to the next).
    pub noise: f64,
    /// By which share it becomes slower.
    pub effect: f64,
    pub trials: usize,
}

/// What came of all trials.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    pub alarms: usize,
    pub scopes: BTreeMap<ChangeScope, usize>,
    /// Letters whose subject or headings name a provider, though every alarm was attributed to a path or a runner.
    pub wrong_letters: usize,
}

impl Tally {
    /// The share of alarms with one of these scopes.
    pub fn share(&self, scopes: &[ChangeScope]) -> f64 {
        let found: usize = scopes.iter().filter_map(|scope| self.scopes.get(scope)).sum();
        found as f64 / self.alarms.max(1) as f64
    }
}

/// SplitMix64, with normal deviates.
pub struct Random(pub u64);

impl Random {
    pub fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((word ^ (word >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (TAU * self.uniform()).cos()
    }

    pub fn below(&mut self, limit: usize) -> usize {
        ((self.uniform() * limit as f64) as usize).min(limit - 1)
    }
}

/// A series by the places of its runner, provider and model.
pub type SeriesPlace = (usize, usize, usize);

pub fn places() -> impl Iterator<Item = SeriesPlace> {
    (0..RUNNERS * PROVIDERS * MODELS)
        .map(|number| (number / (PROVIDERS * MODELS), number / MODELS % PROVIDERS, number % MODELS))
}

/// The logarithms of the medians of blocks, before and after.
#[derive(Clone)]
pub struct Blocks {
    pub before: Vec<f64>,
    pub after: Vec<f64>,
}

impl SimulatedFaults {
    pub fn run(&self, seed: u64) -> Tally {
        let (mut random, mut tally) = (Random(seed), Tally::default());
        for _ in 0..self.trials {
            self.trial(&mut random, &mut tally);
        }
        tally
    }

    pub fn is_hit(&self, (runner, provider, _): SeriesPlace) -> bool {
        match self.fault {
            Fault::Path => (runner, provider) == (0, 0),
            Fault::Host => runner == 0,
            Fault::Provider => provider == 0,
        }
    }

    fn trial(&self, random: &mut Random, tally: &mut Tally) {
        // Alarms come a day to three days after the step.
        let after = BLOCKS_OF_DAY + random.below(2 * BLOCKS_OF_DAY);
        let start = random.below(BLOCKS_OF_DAY);
        let world = self.world(random, after, start);
        let hit: Vec<SeriesPlace> = places().filter(|place| self.is_hit(*place)).collect();
        // Alarms of equal changes come days apart: some are not there yet.
        let mut alarmed: Vec<SeriesPlace> = hit.iter().copied().filter(|_| random.uniform() < 0.5).collect();
        if alarmed.is_empty() {
            alarmed.push(hit[random.below(hit.len())]);
        }
        let mut changes: Vec<SeriesChange> =
            alarmed.iter().map(|place| alarm(*place, &world[place], random)).collect();
        let readings: BTreeMap<SeriesPlace, NeighbourReading> =
            world.iter().map(|(place, blocks)| (*place, reading(blocks))).collect();
        let around = alarmed
            .iter()
            .zip(&changes)
            .map(|(place, change)| self.around(*place, change, &readings, random));
        let evidence = ChangeEvidence { around: around.collect() };
        attribute(&mut changes, &evidence);
        tally.alarms += changes.len();
        changes.iter().for_each(|change| *tally.scopes.entry(change.scope).or_default() += 1);
        let nobody_s =
            changes.iter().all(|change| matches!(change.scope, ChangeScope::Path | ChangeScope::Runner));
        tally.wrong_letters += usize::from(nobody_s && is_about_a_provider(&changes));
    }

    pub fn world(&self, random: &mut Random, after: usize, start: usize) -> BTreeMap<SeriesPlace, Blocks> {
        let days = (BEFORE + after).div_ceil(BLOCKS_OF_DAY) + 1;
        let of_days = |random: &mut Random, size: f64| -> Vec<f64> {
            (0..days).map(|_| random.normal() * size).collect()
        };
        // A bad day of a provider is one for every runner; a runner has its own.
        let providers: Vec<Vec<f64>> = (0..PROVIDERS).map(|_| of_days(random, 0.05)).collect();
        let runners: Vec<Vec<f64>> = (0..RUNNERS).map(|_| of_days(random, 0.02)).collect();
        // The median of six correlated runs.
        let of_block = self.noise * (3.0_f64 / 6.0).sqrt();
        let series = |place: SeriesPlace| {
            let (runner, provider, _) = place;
            let mut last = 0.0;
            let mut block = |number: usize| {
                let day = (start + number) / BLOCKS_OF_DAY;
                let hour = ((start + number) % BLOCKS_OF_DAY) as f64 / BLOCKS_OF_DAY as f64;
                last = 0.1 * last + random.normal() * of_block;
                let step =
                    if number >= BEFORE && self.is_hit(place) { (1.0 + self.effect).ln() } else { 0.0 };
                last + step + providers[provider][day] + runners[runner][day] + 0.15 * (TAU * hour).sin()
            };
            let before = (0..BEFORE).map(&mut block).collect();
            (place, Blocks { before, after: (BEFORE..BEFORE + after).map(&mut block).collect() })
        };
        places().map(series).collect()
    }

    /// What a store would gather around a change.
    pub fn around(
        &self,
        place: SeriesPlace,
        change: &SeriesChange,
        readings: &BTreeMap<SeriesPlace, NeighbourReading>,
        random: &mut Random,
    ) -> ChangeSurroundings {
        let is_neighbour = |other: &SeriesPlace| {
            let elsewhere = (other.1, other.2) == (place.1, place.2);
            *other != place && (elsewhere || other.0 == place.0)
        };
        let neighbours = places()
            .filter(is_neighbour)
            .map(|other| SeriesNeighbour { series: series(other), reading: readings[&other].clone() });
        let facts = |rtt: f64| StoredFacts {
            blocks: BEFORE as u32,
            network_rtt_seconds: Some(rtt),
            loop_lag_seconds: Some(0.0002),
            output_tokens: Some(210.0),
            failure_share: Some(0.01),
            ..StoredFacts::default()
        };
        // Half of the faults of a path are longer round trips, the others lose packets.
        let longer = self.fault == Fault::Path && random.uniform() < 0.5;
        let after = facts(if longer { 0.012 + 0.1 * self.effect } else { 0.012 });
        let neighbours = neighbours.collect();
        ChangeSurroundings {
            change_id: change.id.clone(),
            before: facts(0.012),
            after,
            program: None,
            neighbours,
        }
    }
}

fn series((runner, provider, model): SeriesPlace) -> MeasuredSeries {
    MeasuredSeries {
        model: ModelRef::new(format!("provider{provider}"), format!("model{model}")),
        runner: Some(format!("runner-{runner}")),
        profile: Some("cloud-default-v1".to_owned()),
        connection: Some("cold".to_owned()),
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0
}

/// The same reading with other blocks after the fault.
pub fn reading_since(whole: &NeighbourReading, after: &[f64]) -> NeighbourReading {
    let mut reading = whole.clone();
    let NeighbourReading::Figure { after: level, blocks_after, .. } = &mut reading else { unreachable!() };
    (*level, *blocks_after) = (median(after).exp(), after.len() as u32);
    reading
}

/// Levels of both windows, and the noise beside the daily cycle, which a store knows.
pub fn reading(blocks: &Blocks) -> NeighbourReading {
    let slot_mean = |slot: usize| {
        let of_slot: Vec<f64> = blocks.before.iter().copied().skip(slot).step_by(BLOCKS_OF_DAY).collect();
        of_slot.iter().sum::<f64>() / of_slot.len() as f64
    };
    let means: Vec<f64> = (0..BLOCKS_OF_DAY).map(slot_mean).collect();
    let square = |(number, value): (usize, &f64)| (value - means[number % BLOCKS_OF_DAY]).powi(2);
    let squares: f64 = blocks.before.iter().enumerate().map(square).sum();
    let noise = (squares / (BEFORE - BLOCKS_OF_DAY) as f64).sqrt();
    NeighbourReading::Figure {
        before: median(&blocks.before).exp(),
        after: median(&blocks.after).exp(),
        blocks_before: blocks.before.len() as u32,
        blocks_after: blocks.after.len() as u32,
        noise,
    }
}

/// The alarm of a series, with the estimates of its own blocks.
pub fn alarm(place: SeriesPlace, blocks: &Blocks, random: &mut Random) -> SeriesChange {
    let NeighbourReading::Figure { before, after, noise, .. } = reading(blocks) else { unreachable!() };
    let error = noise * (1.0 / blocks.after.len() as f64 + 1.0 / BEFORE as f64).sqrt() * 1.25;
    let ratio = after / before;
    let at: DateTime<Utc> = "2026-12-01T12:00:00Z".parse().unwrap();
    let began = at + TimeDelta::hours((random.normal() * 6.0) as i64);
    SeriesChange {
        id: format!("{}{}{}", place.0, place.1, place.2),
        series: series(place),
        level: ChangedLevel::Figure {
            figure: WatchedFigure::Ttft,
            before: 0.4 * before,
            after: 0.4 * after,
            ratio: Interval { low: ratio * (-2.05 * error).exp(), high: ratio * (2.05 * error).exp() },
        },
        began: EstimatedTime {
            at: began,
            earliest: began - TimeDelta::hours(12),
            latest: began + TimeDelta::hours(12),
        },
        noticed_at: at + TimeDelta::hours(3 * blocks.after.len() as i64),
        ended: None,
        scope: ChangeScope::Model,
        cause: ChangeCause::Unknown,
        cause_line: String::new(),
        acknowledged: None,
        returned: None,
        confirmed: None,
    }
}

/// True if the subject or a heading of the letter names a provider. Models are named below headings, as what was measured.
fn is_about_a_provider(changes: &[SeriesChange]) -> bool {
    let told: Vec<ToldChange<'_>> =
        changes.iter().map(|change| ToldChange { moment: ChangeMoment::Began, change }).collect();
    let letter = letter(&told, changes.iter().map(|change| change.id.clone()));
    let headings = letter.text.lines().filter(|line| !line.starts_with(' '));
    letter.subject.contains("provider") || headings.filter(|line| line.contains("provider")).count() > 0
}
