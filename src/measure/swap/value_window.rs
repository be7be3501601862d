//! Counts of values in a stretch of blocks that slides along a series.

use super::SwapRule;
use super::fact_block::{FactBlock, day, distinct_days};
use std::collections::HashMap;

/// So many values that are new in a baseline, one each four days or more, say that another one is nothing special.
const MOST_ARRIVALS: usize = 3;
const DAYS_OF_ARRIVAL: usize = 4;

/// Counts of the blocks from one slot to before another.
#[derive(Debug, Default)]
pub(super) struct ValueWindow<'a> {
    blocks: &'a [FactBlock],
    /// Places of the first block inside and of the first one behind.
    first: usize,
    end: usize,
    rows: u32,
    counts: HashMap<&'a str, u32>,
}

impl<'a> ValueWindow<'a> {
    /// Moves on to the blocks from the slot `from` to before the slot `to`; neither may go back.
    pub fn slide(&mut self, blocks: &'a [FactBlock], from: i64, to: i64) {
        self.blocks = blocks;
        while let Some(block) = blocks.get(self.end).filter(|block| block.slot < to) {
            for (value, rows) in &block.counts.values {
                *self.counts.entry(value).or_default() += rows;
            }
            self.rows += block.counts.rows();
            self.end += 1;
        }
        while let Some(block) = blocks[..self.end].get(self.first).filter(|block| block.slot < from) {
            for (value, rows) in &block.counts.values {
                let left = self.rows_of(value).saturating_sub(*rows);
                match left {
                    0 => drop(self.counts.remove(value.as_str())),
                    left => drop(self.counts.insert(value, left)),
                }
            }
            self.rows -= block.counts.rows();
            self.first += 1;
        }
    }

    fn inside(&self) -> &'a [FactBlock] {
        &self.blocks[self.first..self.end]
    }

    pub fn blocks(&self) -> usize {
        self.end - self.first
    }

    pub fn rows(&self) -> u32 {
        self.rows
    }

    pub fn rows_of(&self, value: &str) -> u32 {
        self.counts.get(value).copied().unwrap_or_default()
    }

    /// True if the value is no odd one.
    pub fn knows(&self, value: &str, rule: SwapRule) -> bool {
        let rows = self.rows_of(value);
        rows > rule.odd_rows && f64::from(rows) > rule.odd_share * f64::from(self.rows)
    }

    /// False if more than this share of the rows has odd values, or if a value is new every few days.
    pub fn is_calm(&self, rule: SwapRule, most_odd: f64) -> bool {
        let known = || self.counts.iter().filter(|(value, _)| self.knows(value, rule));
        let rows: u32 = known().map(|(_, rows)| rows).sum();
        if f64::from(self.rows - rows) > most_odd * f64::from(self.rows) {
            return false;
        }
        // Most facts have few values, and these need not be looked for.
        if known().count() <= MOST_ARRIVALS {
            return true;
        }
        let inside = self.inside();
        let begins = inside.first().map_or(0, |block| day(block.slot));
        let first_day = |value: &str| {
            let has = |block: &&FactBlock| block.counts.values.iter().any(|(known, _)| known == value);
            inside.iter().find(has).map_or(begins, |block| day(block.slot))
        };
        let arrivals = known().filter(|(value, _)| first_day(value) >= begins + 2).count();
        arrivals < MOST_ARRIVALS || arrivals * DAYS_OF_ARRIVAL <= self.days() as usize
    }

    /// The known values, the most frequent first.
    pub fn values(&self, rule: SwapRule) -> Vec<String> {
        let mut known: Vec<(&str, u32)> = self.counts.iter().map(|(value, rows)| (*value, *rows)).collect();
        known.retain(|(value, _)| self.knows(value, rule));
        known.sort_by(|(one, rows), (other, others)| others.cmp(rows).then_with(|| one.cmp(other)));
        known.into_iter().map(|(value, _)| value.to_owned()).collect()
    }

    /// The most frequent value and its rows.
    pub fn leading(&self) -> Option<(&'a str, u32)> {
        let leading =
            self.counts.iter().max_by(|(one, rows), (other, others)| rows.cmp(others).then(other.cmp(one)));
        leading.map(|(value, rows)| (*value, *rows))
    }

    /// The most blocks in a row that another value than the most frequent one carried, before a third one or that one came
    /// back: how long a provider stays with what it serves for a while.
    pub fn longest_visit(&self) -> usize {
        let Some((leading, _)) = self.leading() else { return 0 };
        let visits: Vec<_> = self.inside().chunk_by(|one, other| top(one) == top(other)).collect();
        // The first visit may have begun before, the last one may go on.
        let whole = visits.get(1..visits.len().saturating_sub(1)).unwrap_or_default();
        let others = whole.iter().filter(|visit| top(&visit[0]) != Some(leading));
        others.map(|visit| visit.len()).max().unwrap_or_default()
    }

    /// Days with rows.
    pub fn days(&self) -> u32 {
        distinct_days(self.inside())
    }

    /// Days on which the value occurred.
    pub fn days_of(&self, value: &str) -> u32 {
        let mut days: Vec<i64> = Vec::new();
        for block in self.inside() {
            if block.counts.values.iter().any(|(known, _)| known == value) {
                days.push(day(block.slot));
            }
        }
        days.dedup();
        u32::try_from(days.len()).unwrap_or(u32::MAX)
    }

    /// The number of values that occurred on one day only with at least so many rows, apart from `others`.
    pub fn values_of_one_day(&self, least: u32, others: &[String]) -> u32 {
        let wanted = |value: &&&str| {
            self.rows_of(value) >= least
                && !others.iter().any(|other| other == **value)
                && self.days_of(value) == 1
        };
        let named = self.counts.keys().filter(wanted).count();
        // Blocks with more values than are kept hold values that nobody can count.
        let crowded = self.inside().iter().filter(|block| block.counts.others > 0).count();
        u32::try_from(named + crowded).unwrap_or(u32::MAX)
    }
}

/// The most frequent value of a block.
fn top(block: &FactBlock) -> Option<&str> {
    block.counts.values.first().map(|(value, _)| value.as_str())
}
