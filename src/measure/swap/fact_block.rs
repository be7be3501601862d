//! A fact in a block of time, and what several blocks say together.

pub(super) use crate::domain::series_block::{SLOTS_OF_DAY as BLOCKS_A_DAY, day_of_slot as day};

/// The values named in a description.
const NAMED: usize = 3;

/// How often the values of a fact occurred in a block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ValueCounts {
    /// The most frequent values, each once, the most frequent first.
    pub values: Vec<(String, u32)>,
    /// Rows with other values than those.
    pub others: u32,
}

impl ValueCounts {
    pub fn rows(&self) -> u32 {
        self.values.iter().map(|(_, rows)| rows).sum::<u32>() + self.others
    }
}

/// A fact in one block of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactBlock {
    /// Number of the block since 1970, as [`crate::domain::series_block::slot_of`] counts them.
    pub slot: i64,
    pub counts: ValueCounts,
}

impl FactBlock {
    /// A block of which only the most frequent value is known, and the number of its rows.
    pub fn leading(slot: i64, value: &str, rows: u32) -> Self {
        Self { slot, counts: ValueCounts { values: vec![(value.to_owned(), rows)], others: 0 } }
    }
}

/// The values of some blocks that are wanted with their rows, the most frequent first.
pub(super) fn counted(blocks: &[FactBlock], wanted: impl Fn(&str) -> bool) -> Vec<(String, u32)> {
    let mut rows: Vec<(&str, u32)> = Vec::new();
    for (value, count) in blocks.iter().flat_map(|block| &block.counts.values) {
        match rows.iter_mut().find(|(known, _)| known == value) {
            Some((_, rows)) => *rows += count,
            None if wanted(value) => rows.push((value, *count)),
            None => {}
        }
    }
    rows.sort_by(|(one, rows), (other, others)| others.cmp(rows).then_with(|| one.cmp(other)));
    rows.into_iter().map(|(value, rows)| (value.to_owned(), rows)).collect()
}

pub(super) fn names(counted: Vec<(String, u32)>) -> Vec<String> {
    counted.into_iter().map(|(value, _)| value).collect()
}

pub(super) fn values(blocks: &[FactBlock], wanted: impl Fn(&str) -> bool) -> Vec<String> {
    names(counted(blocks, wanted))
}

/// Values in a line.
pub(super) fn named(values: &[String]) -> String {
    let rest = if values.len() > NAMED { ", …" } else { "" };
    format!("{}{rest}", values[..values.len().min(NAMED)].join(", "))
}

pub(super) fn distinct_days(blocks: &[FactBlock]) -> u32 {
    let mut days: Vec<i64> = blocks.iter().map(|block| day(block.slot)).collect();
    days.dedup();
    u32::try_from(days.len()).unwrap_or(u32::MAX)
}
