//! The blocks that a new one is looked at with, and the candidates among them for the start of another level.

use super::baseline::{UsualLevel, median, threshold};
use super::history::{LEAST_DAYS, day, level_starts, of_level, period_start};
use super::{HISTORY_DAYS, LevelBlock, LevelShift, SLOTS, ShiftSettings, SlotEstimate};
use crate::domain::interval::Interval;

/// Days of the baseline: as many as there are, up to this.
const BASELINE_DAYS: usize = 56;

/// Days before a candidate that say what the level was. More of them would say what it was last season.
const LEVEL_DAYS: f64 = 28.0;

/// Days between the baseline and now, while the baseline has at least 28; younger series have fewer.
const CANDIDATE_DAYS: usize = 14;
const YOUNG_CANDIDATE_DAYS: usize = 3;

/// Blocks that a level has to last before anything is said of it: a day, and never fewer than four.
const LEAST_BLOCKS: f64 = 4.0;

/// Blocks since a candidate below which it is none.
const LEAST_CANDIDATE: usize = 3;

/// The newest blocks, which have to show half the effect: 12 hours.
const NEWEST: usize = 4;

/// Candidates that are about as likely as the best: as much worse in squared standard errors. Beyond the 3.84 of a
/// regular 95 % interval, because the likelihood of a change's time has corners instead of a smooth top.
const AS_LIKELY: f64 = 7.0;

/// Standard errors on either side of an effect. More than 1.96: an alarm is raised when the effect looks its largest.
const EFFECT_ERRORS: f64 = 2.2;

/// Blocks that have fewer samples than those of the baseline by less than this scatter as those do.
const RARER: f64 = 1.25;

/// The largest step that the blocks allow.
#[derive(Debug, Clone, PartialEq)]
pub struct LevelStep {
    pub began: SlotEstimate,
    pub ln_before: f64,
    pub ln_after: f64,
    /// The standard error of the level after.
    pub error_after: f64,
    pub effect: Interval,
    /// The size in standard errors.
    pub errors: f64,
    /// The degrees of freedom of the noise.
    pub degrees: f64,
}

/// The blocks since the start of the baseline, without what is usual.
pub struct BlockView {
    pub period: i64,
    /// `None` while the series is too young.
    pub usual: Option<UsualLevel>,
    slots: Vec<i64>,
    /// Samples of each block, and those of a block of the baseline on average.
    samples: Vec<u32>,
    usual_samples: f64,
    levels: Vec<f64>,
    /// The sum of all levels before each.
    sums: Vec<f64>,
    /// The first block that may be a candidate.
    candidates_from: usize,
    /// The first block of the level that lasts.
    level_from: usize,
    /// Blocks that say what the level was.
    most_before: usize,
    /// Squared standard errors, in the scale of [`Self::squared`], below which nothing is looked at.
    needed: f64,
}

impl BlockView {
    /// The view of a period, from the blocks before the next one.
    pub fn new(period: i64, past: &[LevelBlock], shifts: &[LevelShift]) -> Self {
        let now = period_start(period);
        let blocks = of_level(past, now - HISTORY_DAYS * SLOTS, shifts);
        let mut view = Self {
            period,
            usual: None,
            slots: Vec::new(),
            samples: Vec::new(),
            usual_samples: 0.0,
            levels: Vec::new(),
            sums: vec![0.0],
            candidates_from: 0,
            level_from: 0,
            most_before: 0,
            needed: 0.0,
        };
        let Some((from, until)) = baseline_of(&blocks, now) else { return view };
        let starts = level_starts(shifts);
        view.usual = UsualLevel::of(&blocks[from..until], &starts);
        view.usual_samples = mean_samples(blocks[from..until].iter().map(|block| block.samples));
        view.most_before = view.usual.as_ref().map_or(0.0, |usual| LEVEL_DAYS * usual.blocks_a_day) as usize;
        // What is older says what is usual, and no more.
        let from = from.max(until.saturating_sub(view.most_before));
        view.candidates_from = until - from;
        if let Some(start) = starts.last() {
            view.level_from = blocks[from..].partition_point(|block| block.slot < *start);
        }
        for (number, block) in blocks[from..].iter().enumerate() {
            view.add(block, number < view.candidates_from);
        }
        view
    }

    /// The same, for steps of at least so many standard errors of known noise.
    pub fn needing(mut self, errors: f64) -> Self {
        let usual = self.usual.as_ref();
        self.needed =
            usual.map_or(0.0, |usual| (threshold(errors, usual.degrees) * usual.block_scale()).powi(2));
        self
    }

    /// Adds the next block.
    pub fn push(&mut self, block: &LevelBlock) {
        self.add(block, false);
    }

    fn add(&mut self, block: &LevelBlock, in_baseline: bool) {
        let Some(usual) = &self.usual else { return };
        let level = if in_baseline { usual.level_of_baseline(block) } else { usual.level_of(block) };
        self.slots.push(block.slot);
        self.samples.push(block.samples);
        self.levels.push(level);
        self.sums.push(self.sums[self.sums.len() - 1] + level);
    }

    /// The largest step of any candidate, if it has lasted for a day, still lasts, and matters.
    pub fn largest_step(&self, settings: &ShiftSettings) -> Option<LevelStep> {
        let usual = self.usual.as_ref()?;
        let least = usual.blocks_a_day.clamp(LEAST_BLOCKS, SLOTS as f64) as usize;
        let end = self.levels.len();
        let from = self.candidates_from.max(self.level_from + least);
        let until = end.checked_sub(LEAST_CANDIDATE)?;
        if !self.any_large(from, until) {
            return None;
        }
        let mut best = (0.0, until);
        for candidate in from..=until {
            let found = self.squared(candidate);
            if found > best.0 {
                best = (found, candidate);
            }
        }
        let (squared, candidate) = best;
        if squared <= 0.0 || end - candidate < least {
            return None;
        }
        let (before, after) = self.means(candidate);
        let change = after - before;
        if change.abs() < settings.least_effect || !self.lasts(candidate, before, change) {
            return None;
        }
        let scale = usual.block_scale() * self.thinness(candidate);
        let as_likely = squared - AS_LIKELY * scale * scale;
        let likely = |candidate: &usize| self.squared(*candidate) >= as_likely;
        let first = (from..=until).find(likely).unwrap_or(candidate);
        let last = (from..=until).rfind(likely).unwrap_or(candidate);
        let errors = squared.sqrt() / scale;
        let reach = EFFECT_ERRORS * change.abs() / errors;
        Some(LevelStep {
            began: SlotEstimate {
                slot: self.slots[candidate],
                earliest: self.slots[first - 1],
                latest: self.slots[last] + 1,
            },
            ln_before: before,
            ln_after: after,
            error_after: scale / ((end - candidate) as f64).sqrt(),
            effect: Interval { low: (change - reach).exp(), high: (change + reach).exp() },
            errors,
            degrees: usual.degrees,
        })
    }

    /// By how much blocks since a candidate may scatter more than those of the baseline, because they have fewer samples:
    /// as much as if nothing but single samples made them scatter. A series that is measured more rarely from some day on
    /// would otherwise look as if its level moved.
    fn thinness(&self, candidate: usize) -> f64 {
        let now = mean_samples(self.samples[candidate..].iter().copied());
        let fewer = if now > 0.0 { self.usual_samples / now } else { 1.0 };
        if fewer > RARER { fewer.sqrt() } else { 1.0 }
    }

    /// The mean level before a candidate and since.
    fn means(&self, candidate: usize) -> (f64, f64) {
        let end = self.levels.len();
        let before = self.most_before.min(candidate - self.level_from);
        let of_before = (self.sums[candidate] - self.sums[candidate - before]) / before as f64;
        (of_before, (self.sums[end] - self.sums[candidate]) / (end - candidate) as f64)
    }

    /// The squared difference of the two means over 1 / blocks before + 1 / blocks since: squared standard errors, but for
    /// the noise of a block, which all candidates share.
    fn squared(&self, candidate: usize) -> f64 {
        let end = self.levels.len();
        let before = self.most_before.min(candidate - self.level_from);
        let (of_before, of_after) = (before as f64, (end - candidate) as f64);
        let sum_before = self.sums[candidate] - self.sums[candidate - before];
        let sum_after = self.sums[end] - self.sums[candidate];
        let difference = sum_after * of_before - sum_before * of_after;
        difference * difference / (of_before * of_after * (of_before + of_after))
    }

    /// True if any of these candidates is large enough to be looked at: [`Self::squared`] without its division, because this
    /// is asked of every candidate after every block.
    fn any_large(&self, from: usize, until: usize) -> bool {
        let (end, most) = (self.levels.len(), self.most_before);
        // Candidates whose level is younger than that of the others.
        let short = from.max(self.level_from + most);
        if (from..short.min(until + 1)).any(|candidate| self.squared(candidate) >= self.needed) {
            return true;
        }
        if short > until {
            return false;
        }
        let (before, total) = (most as f64, self.sums[end]);
        let pairs = self.sums[short..=until].iter().zip(&self.sums[short - most..]);
        let large = |any: bool, ((at, earlier), candidate): ((&f64, &f64), usize)| {
            let after = (end - candidate) as f64;
            let difference = (total - at) * before - (at - earlier) * after;
            any | (difference * difference >= self.needed * (before * after * (before + after)))
        };
        pairs.zip(short..).fold(false, large)
    }

    /// True if medians show half the change, too: that since the candidate, and that of the newest blocks, against the mean
    /// before it and against the median before it. Means alone are moved by outliers on either side.
    fn lasts(&self, candidate: usize, before: f64, change: f64) -> bool {
        let middle = |levels: &[f64]| median(&mut levels.to_vec());
        let first = candidate - self.most_before.min(candidate - self.level_from);
        let (old, new) = (middle(&self.levels[first..candidate]), middle(&self.levels[candidate..]));
        let newest = middle(&self.levels[self.levels.len() - NEWEST..]);
        let shows = |now: f64, then: f64| (now - then) / change >= 0.5;
        shows(newest, before) && shows(new, before) && shows(new, old)
    }
}

fn mean_samples(samples: impl ExactSizeIterator<Item = u32>) -> f64 {
    let blocks = samples.len().max(1) as f64;
    samples.map(f64::from).sum::<f64>() / blocks
}

/// The baseline among these blocks, for looks from `now` on: its first block, and the first one after it.
fn baseline_of(blocks: &[LevelBlock], now: i64) -> Option<(usize, usize)> {
    let mut days = Vec::new();
    for (at, block) in blocks.iter().enumerate().take_while(|(_, block)| block.slot < now) {
        if at == 0 || day(blocks[at - 1].slot) != day(block.slot) {
            days.push(at);
        }
    }
    if days.len() < LEAST_DAYS {
        return None;
    }
    let beyond = days.len().saturating_sub(LEVEL_DAYS as usize);
    let until = days.len() - beyond.clamp(YOUNG_CANDIDATE_DAYS, CANDIDATE_DAYS);
    Some((days[until.saturating_sub(BASELINE_DAYS)], days[until]))
}
