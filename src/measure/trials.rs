//! Trials of the comparison by blocks and of the search for changes, on series whose truth is known. The simulations of tests
//! run few of them, `benches/statistics` includes this file and runs many.

use super::block_comparison::{BlockLength, MeasuredDifference, SeriesSamples, TimedSample, compare};
use super::level_shift::{
    IncidentSettings, LevelBlock, LevelShift, ShiftSettings, find_incidents, find_shifts, level_blocks,
};
use super::synthetic_series::{EVERY, PER_DAY, SyntheticSample, Weather, series, uniform};

/// Samples of 3 hours.
const PER_SLOT: i64 = PER_DAY / 8;

/// Days before anything happens: as many as the longest baseline, the candidates after it, and two more.
pub const WARM_DAYS: i64 = 72;

/// A day on which series of trials begin; each begins some days later, so that weekends fall differently.
const FIRST_DAY: i64 = 20_000;

/// Days after a step in which it has to be found.
const DAYS_TO_FIND: i64 = 16;

/// Both sides of a comparison over so many samples, B slower by `ratio`; B begins where A ends, at the same hour of the day.
pub fn sides(
    weather: &Weather,
    models: usize,
    count: i64,
    ratio: f64,
    state: &mut u64,
) -> Vec<SeriesSamples> {
    let first = (uniform(state) * PER_DAY as f64) as i64;
    let later = first + (count + PER_DAY - 1) / PER_DAY * PER_DAY;
    let a = series(weather, models, first, count, state);
    let b = series(weather, models, later, count, state);
    let timed = |samples: Vec<SyntheticSample>, ratio: f64| -> Vec<TimedSample> {
        samples.iter().map(|one| TimedSample::new(one.milliseconds(), one.log.exp() * ratio)).collect()
    };
    let both = a.into_iter().zip(b).zip(0..);
    both.map(|((a, b), model)| SeriesSamples { model, sides: [timed(a, 1.0), timed(b, ratio)] }).collect()
}

/// The comparison of these sides, at 95 %.
pub fn compared(series: &[SeriesSamples]) -> MeasuredDifference {
    compare(series, BlockLength::of(series), 0.95).found.expect("sides of several days")
}

/// What happens to a series: from a sample on, for so many samples, everything is slower by this much (a logarithm).
#[derive(Debug, Clone, Copy)]
pub struct Disruption {
    pub from: i64,
    pub samples: i64,
    pub log: f64,
}

/// A series of so many days as blocks, and the number of its first sample.
pub fn shift_series(
    weather: &Weather,
    days: i64,
    disrupted: impl FnOnce(i64, &mut u64) -> Option<Disruption>,
    state: &mut u64,
) -> Vec<LevelBlock> {
    let first = (FIRST_DAY + (uniform(state) * 7.0) as i64) * PER_DAY;
    let disruption = disrupted(first, state);
    let samples = series(weather, 1, first, days * PER_DAY, state).remove(0);
    let value = |sample: SyntheticSample| {
        let hit = disruption.filter(|hit| (hit.from..hit.from + hit.samples).contains(&sample.at));
        (sample.milliseconds(), (sample.log + hit.map_or(0.0, |hit| hit.log)).exp())
    };
    level_blocks(samples.into_iter().map(value))
}

/// Alarms in a month in which nothing happens, over so many series. `warm` days come before the month.
pub fn false_alarms(weather: &Weather, many: u32, warm: i64, seed: u64) -> usize {
    let mut state = seed;
    let of_one = |_| {
        let blocks = shift_series(weather, warm + 30, |_, _| None, &mut state);
        let month = blocks[blocks.len() - 1].slot - 30 * 8;
        let found = find_shifts(&blocks, &ShiftSettings::default());
        found.iter().filter(|shift| shift.alarm_slot > month).count()
    };
    (0..many).map(of_one).sum()
}

/// Incidents in a month in which nothing happens, over so many series.
pub fn false_incidents(weather: &Weather, settings: &IncidentSettings, many: u32, seed: u64) -> usize {
    let mut state = seed;
    let of_one = |_| {
        let blocks = shift_series(weather, WARM_DAYS + 30, |_, _| None, &mut state);
        let month = blocks[blocks.len() - 1].slot - 30 * 8;
        let found = find_incidents(&blocks, &[], settings);
        found.iter().filter(|incident| incident.began.slot > month).count()
    };
    (0..many).map(of_one).sum()
}

/// How steps were found.
#[derive(Debug, Clone, Default)]
pub struct StepTrials {
    pub many: usize,
    /// Hours from the step to the alarm, ascending, of those that were found.
    pub delays: Vec<f64>,
    /// Hours between the ends of the interval of time, ascending.
    pub widths: Vec<f64>,
    pub time_held: usize,
    pub effect_held: usize,
}

impl StepTrials {
    pub fn found(&self) -> f64 {
        self.delays.len() as f64 / self.many as f64
    }

    pub fn median_delay(&self) -> f64 {
        middle(&self.delays)
    }

    pub fn median_width(&self) -> f64 {
        middle(&self.widths)
    }

    /// Of those that were found, the share whose interval holds the true time, and the true effect.
    pub fn held(&self) -> [f64; 2] {
        [self.time_held, self.effect_held].map(|held| held as f64 / self.delays.len().max(1) as f64)
    }

    fn add(&mut self, shift: &LevelShift, from: i64, log: f64) {
        let hours = |slots: f64| slots * 3.0;
        let true_slot = from as f64 / PER_SLOT as f64;
        self.delays.push(hours((shift.alarm_slot + 1) as f64 - true_slot));
        self.widths.push(hours((shift.began.latest - shift.began.earliest) as f64));
        let held = shift.began.earliest as f64 <= true_slot && true_slot <= shift.began.latest as f64;
        self.time_held += usize::from(held);
        self.effect_held += usize::from((shift.effect.low..=shift.effect.high).contains(&log.exp()));
    }
}

fn middle(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Steps of this ratio at some moment of a week after the warm days: the first alarm after each counts.
pub fn step_trials(weather: &Weather, ratio: f64, many: usize, seed: u64) -> StepTrials {
    let mut state = seed;
    let mut trials = StepTrials { many, ..StepTrials::default() };
    let log = ratio.ln();
    for _ in 0..many {
        let mut from = 0;
        let disrupted = |first: i64, state: &mut u64| {
            from = first + WARM_DAYS * PER_DAY + (uniform(state) * (7 * PER_DAY) as f64) as i64;
            Some(Disruption { from, samples: i64::MAX / 2, log })
        };
        let blocks = shift_series(weather, WARM_DAYS + 7 + DAYS_TO_FIND, disrupted, &mut state);
        let found = find_shifts(&blocks, &ShiftSettings::default());
        if let Some(shift) = found.iter().find(|shift| (shift.alarm_slot + 1) * PER_SLOT > from) {
            trials.add(shift, from, log);
        }
    }
    trials.delays.sort_by(f64::total_cmp);
    trials.widths.sort_by(f64::total_cmp);
    trials
}

/// What became of disturbances that end.
#[derive(Debug, Clone, Copy, Default)]
pub struct IncidentTrials {
    /// The share that was told as a change.
    pub told: f64,
    /// The share that was found where incidents were asked for: told as ended, or too short to be told.
    pub found: f64,
    /// The share that was told as a change and then as ended.
    pub ended: f64,
    /// The share that is listed as an incident though no other series saw it.
    pub listed: f64,
}

/// Disturbances of so many hours, at some moment of a week after the warm days.
pub fn incident_trials(weather: &Weather, ratio: f64, hours: i64, many: usize, seed: u64) -> IncidentTrials {
    let mut state = seed;
    let samples = hours * 60 / EVERY;
    let mut counted = [0_usize; 4];
    for _ in 0..many {
        let mut from = 0;
        let disrupted = |first: i64, state: &mut u64| {
            from = first + WARM_DAYS * PER_DAY + (uniform(state) * (7 * PER_DAY) as f64) as i64;
            Some(Disruption { from, samples, log: ratio.ln() })
        };
        let days = WARM_DAYS + 7 + DAYS_TO_FIND + hours / 24;
        let blocks = shift_series(weather, days, disrupted, &mut state);
        let shifts = find_shifts(&blocks, &ShiftSettings::default());
        let first = from / PER_SLOT;
        let told: Vec<&LevelShift> = shifts.iter().filter(|shift| shift.alarm_slot >= first).collect();
        let incidents = find_incidents(&blocks, &shifts, &IncidentSettings::default());
        let until = (from + samples) / PER_SLOT;
        let during = incidents.iter().any(|one| one.began.slot <= until && one.ended.slot > first);
        let alone = IncidentSettings::ALONE.alarm;
        let listed = incidents.iter().any(|one| {
            one.errors >= alone && one.is_over && one.began.slot <= until && one.ended.slot > first
        });
        let ended = !told.is_empty() && told.iter().all(|shift| shift.ended.is_some());
        for (count, hit) in counted.iter_mut().zip([!told.is_empty(), during || ended, ended, listed]) {
            *count += usize::from(hit);
        }
    }
    let [told, found, ended, listed] = counted.map(|count| count as f64 / many as f64);
    IncidentTrials { told, found, ended, listed }
}
