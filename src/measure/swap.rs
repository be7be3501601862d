//! Finds silent swaps: the moments at which what a provider says of a model (fingerprint, model id, quantization, token
//! counts, finish reasons), or its answer to a fixed question, became another and stayed so. Pure.
//!
//! A fact is a series of blocks, each with a count for every value. Providers rotate among several values within a day,
//! send an odd one now and then and roll out in steps, so a single value says nothing. A value is known if it carried more
//! than 2 % of the rows of a baseline, which ends [`RAMP`] before the block that is looked at: what arrived
//! since is new, however slowly it was rolled out. Found are
//! - new values that carry most rows of consecutive blocks, or a lasting part of the rows of two days;
//! - a value that nearly all rows had, and that is gone for two days although no new one came.
//!
//! Rows without a value are not counted: that an API begins or ceases to name a fact is no swap.

mod fact_block;
pub mod lengths;
pub mod logprobs;
mod value_window;

pub use fact_block::{FactBlock, ValueCounts};

use fact_block::{BLOCKS_A_DAY, counted, distinct_days, named, names, values};
use value_window::ValueWindow;

/// The time in which new values may spread before they count as known, in blocks.
const RAMP: i64 = 7 * BLOCKS_A_DAY;
/// The baseline before it, in blocks.
const BASELINE: i64 = 28 * BLOCKS_A_DAY;
/// Slots after the beginning of a history from which a search of it finds the same as a search of a longer one: the
/// baseline is whole, and so is the month before whose swaps say whether the fact changes by itself.
pub const SETTLES: i64 = RAMP + 2 * BASELINE;
/// The shortest baseline, in blocks.
const SHORTEST_BASELINE: i64 = 7 * BLOCKS_A_DAY;
/// The fewest rows of a baseline whose rows come once a day.
const FEWEST_ROWS: u32 = 6;
/// The share of the rows of a baseline with odd values from which the fact says nothing: an id of the request, for example.
const MOST_ODD: f64 = 0.2;
/// The share of a block's rows from which new values carry it.
const MOST: f64 = 0.5;
/// Blocks in which a part of the rows, or the absence of a value, must last.
const LASTING: i64 = 2 * BLOCKS_A_DAY;
/// The share of the rows of [`LASTING`] blocks that new values need where they carry no block alone.
const LASTING_SHARE: f64 = 0.25;
/// The fewest rows of [`LASTING`] blocks.
const LASTING_ROWS: u32 = 20;
/// The fewest of those blocks with rows.
const LASTING_BLOCKS: usize = 8;
/// The share of the baseline's rows of a value that is missed when it is gone, and of the baseline's days that have it.
const DOMINANT: f64 = 0.8;
const NEARLY_EVERY_DAY: f64 = 0.9;
/// The share of rows up to which a value is gone.
const GONE: f64 = 0.05;
/// A swap that came to nothing within a month of two others says that the fact changes by itself.
const MOST_A_MONTH: usize = 3;
/// The most blocks that something new must last. What lasts longer than [`RAMP`] would be known before it is told.
const LONGEST_STAY: usize = 6 * BLOCKS_A_DAY as usize;
/// The probability, for one day, that new values come by chance as many days running as are asked for.
const CHANCE: f64 = 2e-3;

/// The time of a swap, in blocks: it happened after the beginning of `earliest` and before the end of `latest`, most
/// likely at the beginning of `at`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwapTime {
    pub at: i64,
    pub earliest: i64,
    pub latest: i64,
}

/// A swap.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundSwap {
    /// The values of before, the most frequent first; for people.
    pub before: String,
    pub after: String,
    pub began: SwapTime,
    /// The block that made it certain.
    pub alarm_slot: i64,
    /// When the values of before came back, for a day at least.
    pub ended: Option<SwapTime>,
}

/// How soon new values are believed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SwapRule {
    /// The fewest rows with new values.
    rows: u32,
    /// The fewest days with new values, where the baseline had no value that stayed for a day only.
    days: u32,
    /// The same for a baseline of less than two weeks.
    days_of_young: u32,
    /// Rows from which a value of a single day in the baseline makes the fact a restless one.
    restless_rows: u32,
    /// The fewest rows of one of the new values.
    same_rows: u32,
    /// Values with at most this share of the rows of a baseline, or so few rows, are odd ones and not known.
    odd_share: f64,
    odd_rows: u32,
}

impl SwapRule {
    /// For facts that every row has: new values carry two blocks at the usual cadence, a day at the slowest.
    pub const EVERY_ROW: Self = Self {
        rows: 8,
        days: 1,
        days_of_young: 1,
        restless_rows: 2,
        same_rows: 1,
        odd_share: 0.02,
        odd_rows: 1,
    };
    /// For the answer of a question that is asked once a day: answers at temperature 0 differ now and then.
    pub const ONCE_A_DAY: Self = Self {
        rows: 2,
        days: 2,
        days_of_young: 3,
        restless_rows: 1,
        same_rows: 2,
        odd_share: 0.0,
        odd_rows: 0,
    };
}

/// The facts that are looked at in every series, by the names of rows' fields. The length of answers ([`LENGTH_FACT`])
/// comes beside them; canaries have `answer_text` by [`SwapRule::ONCE_A_DAY`] and `answer_logprobs` by
/// [`logprobs::find_logprob_swaps`] in their place.
pub const WATCHED_FACTS: [&str; 5] =
    ["system_fingerprint", "response_model", "quantization", "input_tokens", "finish_reason"];

/// The fact whose steps [`lengths::find_length_swaps`] finds.
pub const LENGTH_FACT: &str = "output_tokens";

/// The swaps of one fact of one series, from its blocks in order of time, oldest first.
pub fn find_swaps(blocks: &[FactBlock], rule: SwapRule) -> Vec<FoundSwap> {
    let mut search = SwapSearch { blocks, rule, found: Vec::new() };
    if search.is_constant() {
        return Vec::new();
    }
    let mut baseline = ValueWindow::default();
    let mut recent = ValueWindow::default();
    for place in 0..blocks.len() {
        let slot = blocks[place].slot;
        baseline.slide(blocks, slot - RAMP - BASELINE, slot - RAMP);
        recent.slide(blocks, slot - LASTING, slot + 1);
        search.note_return(place);
        let spans = slot - RAMP - blocks[0].slot;
        let says = baseline.rows() >= FEWEST_ROWS && baseline.is_calm(rule, MOST_ODD);
        if spans >= SHORTEST_BASELINE && says && !search.is_restless(slot) {
            let swap =
                search.arrival(place, &baseline).or_else(|| search.departure(place, &baseline, &recent));
            search.found.extend(swap);
        }
    }
    search.found.into_iter().map(|known| known.swap).collect()
}

/// A swap with its values.
struct KnownSwap {
    swap: FoundSwap,
    before: Vec<String>,
    after: Vec<String>,
}

struct SwapSearch<'a> {
    blocks: &'a [FactBlock],
    rule: SwapRule,
    found: Vec<KnownSwap>,
}

impl SwapSearch<'_> {
    /// True if every row has the same value, as nearly all series have.
    fn is_constant(&self) -> bool {
        let Some(first) = self.blocks.iter().find_map(|block| block.counts.values.first()) else {
            return true;
        };
        self.blocks.iter().all(|block| {
            block.counts.others == 0 && block.counts.values.iter().all(|(value, _)| *value == first.0)
        })
    }

    /// True if the fact was swapped so often in a month that one more swap says nothing.
    fn is_restless(&self, slot: i64) -> bool {
        let month = slot - BASELINE;
        self.found.iter().filter(|known| known.swap.alarm_slot >= month).count() >= MOST_A_MONTH
    }

    /// True if the value is new to the baseline, and belongs to no swap that is known.
    fn is_new(&self, value: &str, baseline: &ValueWindow<'_>) -> bool {
        let told =
            |known: &KnownSwap| known.swap.ended.is_none() && known.after.iter().any(|known| known == value);
        !baseline.knows(value, self.rule) && !self.found.iter().any(told)
    }

    /// The rows of a block with new values, and all.
    fn new_rows(&self, place: usize, baseline: &ValueWindow<'_>) -> (u32, u32) {
        let counts = &self.blocks[place].counts;
        let new = counts.values.iter().filter(|(value, _)| self.is_new(value, baseline));
        (new.map(|(_, rows)| rows).sum(), counts.rows())
    }

    fn is_carried(&self, place: usize, baseline: &ValueWindow<'_>) -> bool {
        let (new, all) = self.new_rows(place, baseline);
        f64::from(new) >= MOST * f64::from(all) && new > 0
    }

    /// New values that came, seen from the block at `place`.
    fn arrival(&self, place: usize, baseline: &ValueWindow<'_>) -> Option<KnownSwap> {
        if self.new_rows(place, baseline).0 == 0 {
            return None;
        }
        let run = self.run_of_new(place, baseline);
        let first = match run {
            Some(first) if self.is_believed(first..=place, baseline) => first,
            _ => self.lasting_part(place, baseline)?,
        };
        let after = values(&self.blocks[first..=place], |value| self.is_new(value, baseline));
        Some(self.known(
            first,
            place,
            |place| self.new_rows(place, baseline).0 > 0,
            baseline.values(self.rule),
            after,
        ))
    }

    /// The first of the consecutive blocks, up to `place`, that new values carry.
    fn run_of_new(&self, place: usize, baseline: &ValueWindow<'_>) -> Option<usize> {
        (0..=place).rev().take_while(|place| self.is_carried(*place, baseline)).last()
    }

    /// True if new values carried these blocks for long enough.
    fn is_believed(&self, run: std::ops::RangeInclusive<usize>, baseline: &ValueWindow<'_>) -> bool {
        let blocks = &self.blocks[run];
        let new: Vec<(String, u32)> = counted(blocks, |value| self.is_new(value, baseline));
        let rows: u32 = new.iter().map(|(_, rows)| rows).sum();
        let same = new.first().map_or(0, |(_, rows)| *rows);
        let singles = baseline.values_of_one_day(self.rule.restless_rows, &names(new));
        let days = self.days_to_wait(singles, baseline.days());
        blocks.len() >= stay(baseline)
            && rows >= self.rule.rows
            && same >= self.rule.same_rows
            && days.is_some_and(|days| distinct_days(blocks) >= days)
    }

    /// The days with new values that are asked for; `None` if new values come all the time. A baseline in which values of
    /// one day came and went has a rate of them, by which chance brings some several days running.
    fn days_to_wait(&self, singles: u32, days: u32) -> Option<u32> {
        let calm = if days < 14 { self.rule.days_of_young } else { self.rule.days };
        if singles == 0 {
            return Some(calm);
        }
        let rate = (f64::from(singles) + 0.5) / (f64::from(days) + 1.0);
        let needed = (1..=6).find(|days| rate.powi(*days) <= CHANCE)?;
        Some(calm.max(needed.unsigned_abs()))
    }

    /// The first block in which new values have a lasting part of the rows without carrying the blocks: a new set of
    /// values among which the provider rotates.
    fn lasting_part(&self, place: usize, baseline: &ValueWindow<'_>) -> Option<usize> {
        let end = self.blocks[place].slot;
        let first = self.blocks.partition_point(|block| block.slot <= end - LASTING);
        let counts: Vec<_> = (first..=place).map(|place| (place, self.new_rows(place, baseline))).collect();
        let with_new = counts.iter().filter(|(_, (new, _))| *new > 0).count();
        let new: u32 = counts.iter().map(|(_, (new, _))| new).sum();
        let all: u32 = counts.iter().map(|(_, (_, all))| all).sum();
        let lasts = counts.len() >= LASTING_BLOCKS && with_new >= stay(baseline).max(counts.len() / 2);
        let much = new >= LASTING_ROWS && f64::from(new) >= LASTING_SHARE * f64::from(all);
        let arrived = values(&self.blocks[first..=place], |value| self.is_new(value, baseline));
        let calm = baseline.values_of_one_day(self.rule.restless_rows, &arrived) == 0;
        (lasts && much && calm)
            .then(|| counts.iter().find(|(_, (new, _))| *new > 0).map(|(place, _)| *place))?
    }

    /// A value that nearly all rows had, and that is gone.
    fn departure(
        &self,
        place: usize,
        baseline: &ValueWindow<'_>,
        recent: &ValueWindow<'_>,
    ) -> Option<KnownSwap> {
        let (leading, rows) = baseline.leading()?;
        let told =
            |known: &KnownSwap| known.swap.ended.is_none() && known.before.iter().any(|old| old == leading);
        let gone = f64::from(recent.rows_of(leading)) <= GONE * f64::from(recent.rows());
        if !gone || recent.rows() < LASTING_ROWS || recent.blocks() < LASTING_BLOCKS {
            return None;
        }
        let dominated = f64::from(rows) >= DOMINANT * f64::from(baseline.rows())
            && f64::from(baseline.days_of(leading)) >= NEARLY_EVERY_DAY * f64::from(baseline.days());
        if !dominated || self.found.iter().any(told) {
            return None;
        }
        let rows_of = |place: usize| {
            let found = self.blocks[place].counts.values.iter().find(|(value, _)| value == leading);
            found.map_or(0, |(_, rows)| *rows)
        };
        let is_left =
            |place: &usize| f64::from(rows_of(*place)) < MOST * f64::from(self.blocks[*place].counts.rows());
        let first = (0..=place).rev().take_while(is_left).last()?;
        if place + 1 - first < stay(baseline) {
            return None;
        }
        let after = values(&self.blocks[first..=place], |value| value != leading);
        let lacks = |place: usize| rows_of(place) < self.blocks[place].counts.rows();
        Some(self.known(first, place, lacks, vec![leading.to_owned()], after))
    }

    /// The swap whose new level began with the block `first` and is certain with `place`. `has_new` tells of blocks before
    /// whether they had some of it already.
    fn known(
        &self,
        first: usize,
        place: usize,
        has_new: impl Fn(usize) -> bool,
        before: Vec<String>,
        after: Vec<String>,
    ) -> KnownSwap {
        let old = (0..first).rev().find(|place| !has_new(*place));
        let earliest = old.map_or(self.blocks[0].slot, |place| self.blocks[place].slot + 1);
        let at = self.blocks[first].slot;
        let swap = FoundSwap {
            before: named(&before),
            after: named(&after),
            began: SwapTime { at, earliest: earliest.max(at - RAMP).min(at), latest: at },
            alarm_slot: self.blocks[place].slot,
            ended: None,
        };
        KnownSwap { swap, before, after }
    }

    /// Notes that the values of before the last swap came back and stayed for a day.
    fn note_return(&mut self, place: usize) {
        let (blocks, rows_needed) = (self.blocks, self.rule.rows);
        let Some(known) = self.found.last_mut().filter(|known| known.swap.ended.is_none()) else { return };
        let share = |counts: &ValueCounts, of: &[String]| {
            let rows = counts.values.iter().filter(|(value, _)| of.contains(value)).map(|(_, rows)| *rows);
            (rows.sum::<u32>(), counts.rows())
        };
        let is_back = |place: &usize| {
            let counts = &blocks[*place].counts;
            let ((old, all), (new, _)) = (share(counts, &known.before), share(counts, &known.after));
            f64::from(old) >= MOST * f64::from(all) && f64::from(new) <= 0.1 * f64::from(all)
        };
        let after = blocks.partition_point(|block| block.slot <= known.swap.alarm_slot);
        let Some(first) = (after..=place).rev().take_while(is_back).last() else { return };
        let (at, rows) = (blocks[first].slot, blocks[first..=place].iter().map(|block| block.counts.rows()));
        let lasted = blocks[place].slot - at >= BLOCKS_A_DAY - 1 && rows.sum::<u32>() >= rows_needed;
        if lasted {
            let earliest = blocks[first - 1].slot + 1;
            known.swap.ended = Some(SwapTime { at, earliest: earliest.min(at), latest: at });
        }
    }
}

/// The blocks that something new must last, at least two: longer than twice what came and went in the baseline, so that
/// another backend of a provider that changes between some is no swap. A young baseline has not seen all of them.
fn stay(baseline: &ValueWindow<'_>) -> usize {
    match baseline.longest_visit() {
        0 => 2,
        _ if baseline.days() < 14 => LONGEST_STAY,
        visit => (2 * visit + 1).min(LONGEST_STAY),
    }
}

#[cfg(test)]
mod tests;
