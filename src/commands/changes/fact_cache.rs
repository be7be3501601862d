//! Facts of a series in memory: for each slot a byte that says which value it had. Nearly all series have few values.

use crate::measure::swap::{FactBlock, ValueCounts, WATCHED_FACTS};
use std::borrow::Cow;

/// The values that are told apart. A fact with more in the history that is kept is restless, and says nothing.
const MOST_VALUES: usize = 64;

/// The mark of slots without a value, and of those with one more than are told apart; values count from 1.
const NO_VALUE: u8 = 0;
const OTHER_VALUE: u8 = u8::MAX;

/// A value for each fact, in the order of [`WATCHED_FACTS`].
pub type SlotFacts<'a> = [Option<Cow<'a, str>>; WATCHED_FACTS.len()];

/// One fact, a mark for each slot; the marks may end before the last slot.
#[derive(Debug, Clone, Default, PartialEq)]
struct FactMarks {
    values: Vec<String>,
    marks: Vec<u8>,
}

impl FactMarks {
    fn put(&mut self, place: usize, value: &str) {
        if place >= self.marks.len() {
            self.marks.resize(place + 1, NO_VALUE);
        }
        self.marks[place] = mark(&mut self.values, value);
    }

    fn forget(&mut self, slots: usize) {
        self.marks.drain(..slots.min(self.marks.len()));
        let mut kept = Vec::new();
        for one in &mut self.marks {
            if let Some(value) = value(&self.values, *one) {
                *one = mark(&mut kept, value);
            }
        }
        self.values = kept;
    }
}

/// The mark of a value, which is noted if it is new.
fn mark(values: &mut Vec<String>, value: &str) -> u8 {
    let place = values.iter().position(|known| known == value).unwrap_or(values.len());
    if place >= MOST_VALUES {
        return OTHER_VALUE;
    }
    if place == values.len() {
        values.push(value.to_owned());
    }
    u8::try_from(place + 1).unwrap_or(OTHER_VALUE)
}

fn value(values: &[String], mark: u8) -> Option<&str> {
    values.get(usize::from(mark).checked_sub(1)?).map(String::as_str)
}

/// The facts of a series, a place for each slot.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SeriesFacts {
    /// The slot of the first place.
    first: i64,
    /// Answered requests, up to 65,535.
    rows: Vec<u16>,
    facts: [FactMarks; WATCHED_FACTS.len()],
}

impl SeriesFacts {
    /// The first slot that is known.
    pub fn first(&self) -> i64 {
        self.first
    }

    /// Adds a slot that comes after all others; of more than `most` slots and `spare` the oldest are dropped.
    pub fn push(&mut self, slot: i64, rows: u32, facts: &SlotFacts<'_>, (most, spare): (usize, usize)) {
        if self.rows.is_empty() {
            self.first = slot;
        }
        let Ok(place) = usize::try_from(slot - self.first) else { return };
        if place >= self.rows.len() {
            self.rows.resize(place + 1, 0);
        }
        self.rows[place] = u16::try_from(rows).unwrap_or(u16::MAX);
        for (marks, value) in self.facts.iter_mut().zip(facts) {
            if let Some(value) = value {
                marks.put(place, value);
            }
        }
        let extra = self.rows.len().saturating_sub(most);
        if extra > spare {
            self.rows.drain(..extra);
            self.facts.iter_mut().for_each(|marks| marks.forget(extra));
            self.first += extra as i64;
        }
    }

    /// The blocks of each fact in order of time; none of a fact that has one value only, which cannot have been swapped.
    pub fn blocks(&self) -> impl Iterator<Item = (&'static str, Vec<FactBlock>)> {
        WATCHED_FACTS.into_iter().zip(&self.facts).map(|(fact, marks)| (fact, self.fact_blocks(marks)))
    }

    fn fact_blocks(&self, FactMarks { values, marks }: &FactMarks) -> Vec<FactBlock> {
        if values.len() < 2 {
            return Vec::new();
        }
        let all = marks.iter().zip(&self.rows).zip(self.first..);
        let block = |((mark, rows), slot): ((&u8, &u16), i64)| match value(values, *mark) {
            Some(value) => FactBlock::leading(slot, value, u32::from(*rows)),
            None => FactBlock { slot, counts: ValueCounts { values: Vec::new(), others: u32::from(*rows) } },
        };
        all.filter(|((mark, rows), _)| **mark != NO_VALUE && **rows > 0).map(block).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEPT: (usize, usize) = (100, 10);

    fn facts(model: Option<&str>) -> SlotFacts<'_> {
        [None, model.map(Cow::Borrowed), Some(Cow::Borrowed("fp8")), None, None]
    }

    fn models(known: &SeriesFacts) -> Vec<FactBlock> {
        known.blocks().find(|(fact, _)| *fact == "response_model").unwrap().1
    }

    #[test]
    fn blocks_come_back_with_their_values_and_gaps_stay_gaps() {
        let mut known = SeriesFacts::default();
        for (slot, rows, model) in
            [(700, 6, Some("a")), (701, 300, Some("a")), (703, 5, None), (705, 4, Some("b"))]
        {
            known.push(slot, rows, &facts(model), KEPT);
        }
        let expected = [(700, "a", 6), (701, "a", 300), (705, "b", 4)]
            .map(|(slot, v, n)| FactBlock::leading(slot, v, n));
        assert_eq!((known.first(), models(&known)), (700, expected.to_vec()));
        // A fact that never changed has no blocks, and neither has one that nobody names.
        assert_eq!(known.blocks().filter(|(_, blocks)| !blocks.is_empty()).count(), 1);
    }

    #[test]
    fn memory_is_bounded_and_what_is_dropped_leaves_no_value() {
        let mut known = SeriesFacts::default();
        for slot in 0..2_000_i64 {
            let model = format!("m{slot}");
            known.push(slot, 3, &facts(Some(&model)), KEPT);
            assert!(known.rows.len() <= 110 && known.facts[1].values.len() <= MOST_VALUES);
        }
        assert!(models(&known).iter().any(|block| block.counts.others == 3));
        for slot in 2_000..2_300 {
            known.push(slot, 3, &facts(Some(if slot % 2 == 0 { "a" } else { "b" })), KEPT);
        }
        assert_eq!(known.facts[1].values.len(), 2);
        let last = models(&known).pop().unwrap();
        assert_eq!((last, known.first() > 2_180), (FactBlock::leading(2_299, "b", 3), true));
    }
}
