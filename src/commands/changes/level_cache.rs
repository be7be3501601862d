//! Levels and facts of series in memory, so that a look after a block reads that block and not months: thirteen to
//! nineteen kilobytes a series.
//! Whoever looks once keeps none.

use super::fact_cache::SeriesFacts;
use crate::domain::series_block::{BlockFigure, HISTORY_DAYS, SLOTS_OF_DAY, day_of_slot};
use crate::domain::series_change::WatchedFigure;
use crate::measure::level_shift::{LevelBlock, days_with_blocks};
use crate::measure::swap::lengths::LengthBlock;
use crate::measure::swap::logprobs::CanaryAnswer;
use crate::measure::swap::{FactBlock, WATCHED_FACTS};
use crate::storage::series_blocks::{SeriesDay, StoredSeries};
use std::collections::HashMap;

/// Slots that are kept; beyond a week more the oldest are dropped.
const KEPT: usize = (HISTORY_DAYS * SLOTS_OF_DAY) as usize;
const SPARE: usize = 7 * SLOTS_OF_DAY as usize;

/// The levels of a figure, a place for each slot.
#[derive(Debug, Clone, Default, PartialEq)]
struct FigureLevels {
    /// The slot of the first place.
    first: i64,
    /// Logarithms of medians; no number where there is no block.
    logs: Vec<f32>,
    /// Samples, up to 65,535: six requests a second for three hours.
    samples: Vec<u16>,
}

impl FigureLevels {
    #[allow(clippy::cast_possible_truncation, reason = "seven digits are far below any noise")]
    fn push(&mut self, slot: i64, level: BlockFigure) {
        if self.logs.is_empty() {
            self.first = slot;
        }
        let Ok(place) = usize::try_from(slot - self.first) else { return };
        if place >= self.logs.len() {
            self.logs.resize(place + 1, f32::NAN);
            self.samples.resize(place + 1, 0);
        }
        self.logs[place] = level.median.ln() as f32;
        self.samples[place] = u16::try_from(level.samples).unwrap_or(u16::MAX);
        let extra = self.logs.len().saturating_sub(KEPT);
        if extra > SPARE {
            self.logs.drain(..extra);
            self.samples.drain(..extra);
            self.first += extra as i64;
        }
    }

    fn blocks(&self, to: i64) -> Vec<LevelBlock> {
        let all = self.logs.iter().zip(&self.samples).zip(self.first..to);
        let block = |((log, samples), slot): ((&f32, &u16), i64)| LevelBlock {
            slot,
            ln_median: f64::from(*log),
            samples: u32::from(*samples),
        };
        all.filter(|((log, _), _)| !log.is_nan()).map(block).collect()
    }
}

/// The levels and the facts of a series.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SeriesLevels {
    /// The slots before this one are known.
    through: i64,
    figures: [FigureLevels; WatchedFigure::ALL.len()],
    facts: SeriesFacts,
    /// Of series with temperature 0 alone.
    lengths: Vec<LengthBlock>,
    /// Of canaries alone.
    answers: Vec<CanaryAnswer>,
}

impl SeriesLevels {
    /// The first slot that is not known.
    pub fn through(&self) -> i64 {
        self.through
    }

    /// Adds the blocks of days from a slot on, in order of time; those from `to` on are not finished.
    pub fn add<'a>(&mut self, days: impl Iterator<Item = &'a SeriesDay>, from: i64, to: i64) {
        for day in days {
            for (levels, figure) in self.figures.iter_mut().zip(WatchedFigure::ALL) {
                let new = day.columns.levels(day.day, figure).filter(|(slot, _)| from <= *slot && *slot < to);
                new.for_each(|(slot, level)| levels.push(slot, level));
            }
            for (slot, rows, facts) in day.columns.facts(day.day, WATCHED_FACTS) {
                if from <= slot && slot < to {
                    self.facts.push(slot, rows, &facts, (KEPT, SPARE));
                }
            }
            self.add_answers(day, from..to);
        }
        let first = self.facts.first();
        self.lengths.retain(|block| block.slot >= first);
        self.answers.retain(|answer| answer.slot >= first);
        self.through = to;
    }

    fn add_answers(&mut self, day: &SeriesDay, slots: std::ops::Range<i64>) {
        let lengths = day.columns.lengths(day.day).filter(|(slot, _)| slots.contains(slot));
        self.lengths.extend(lengths.map(|(slot, median)| LengthBlock { slot, median }));
        let answers = day.columns.answers(day.day).filter(|(slot, ..)| slots.contains(slot));
        self.answers.extend(answers.map(|(slot, text, logprobs)| CanaryAnswer {
            slot,
            answer: text.to_owned(),
            logprobs,
        }));
    }

    pub fn facts(&self) -> &SeriesFacts {
        &self.facts
    }

    /// The lengths of answers on whole days, and the first slot of the day that was not whole when the slots before `from`
    /// were all that was known: what is certain with it is news.
    pub fn lengths(&self, from: i64) -> (&[LengthBlock], i64) {
        let today = day_of_slot(self.through) * SLOTS_OF_DAY;
        let whole = self.lengths.partition_point(|block| block.slot < today);
        let known = self.lengths.partition_point(|block| block.slot < from);
        let last = known.checked_sub(1).map(|place| day_of_slot(self.lengths[place].slot) * SLOTS_OF_DAY);
        (&self.lengths[..whole], last.map_or(from, |last| last.min(from)))
    }

    /// The answers of a canary in order of time.
    pub fn answers(&self) -> &[CanaryAnswer] {
        &self.answers
    }

    /// The same as blocks of a fact.
    pub fn answer_blocks(&self) -> Vec<FactBlock> {
        self.answers.iter().map(|one| FactBlock::leading(one.slot, &one.answer, 1)).collect()
    }

    /// Days with samples that are looked at before a slot, of the figure that has more of them.
    pub fn days(&self, to: i64) -> u32 {
        let of = |figure| days_with_blocks(&self.blocks(figure), to - KEPT as i64);
        let most = WatchedFigure::ALL.into_iter().map(of).max().unwrap_or(0);
        u32::try_from(most).unwrap_or(u32::MAX)
    }

    /// The blocks of a figure in order of time.
    pub fn blocks(&self, figure: WatchedFigure) -> Vec<LevelBlock> {
        let place = WatchedFigure::ALL.iter().position(|one| *one == figure).unwrap_or(0);
        self.figures[place].blocks(self.through)
    }
}

/// Levels by the key of their series.
#[derive(Debug, Default)]
pub struct LevelCache {
    keeps: bool,
    levels: HashMap<String, SeriesLevels>,
}

impl LevelCache {
    /// A cache for looks that follow one another.
    pub fn lasting() -> Self {
        Self { keeps: true, ..Self::default() }
    }

    /// The known levels of a series, if all that changed came after them.
    pub fn take(&mut self, series: &StoredSeries) -> Option<SeriesLevels> {
        let levels = self.levels.remove(&series.key)?;
        (series.changed_from? >= levels.through).then_some(levels)
    }

    pub fn keep(&mut self, key: String, levels: SeriesLevels) {
        if self.keeps {
            self.levels.insert(key, levels);
        }
    }

    /// Forgets series that are measured no more.
    pub fn retain(&mut self, known: &[StoredSeries], silent_since: i64) {
        if self.levels.len() * 2 > known.len() {
            let alive = known.iter().filter(|one| one.last_slot >= silent_since).map(|one| &one.key);
            let alive: std::collections::HashSet<&String> = alive.collect();
            self.levels.retain(|key, _| alive.contains(key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ModelRef;
    use crate::domain::series_block::{BlockFacts, BlockNumbers, SeriesBlock};
    use crate::domain::series_change::MeasuredSeries;
    use crate::storage::series_blocks::DayColumns;

    fn day(number: i64, ttft: f64) -> SeriesDay {
        let block = |slot| SeriesBlock {
            slot,
            ttft: Some(BlockFigure { median: ttft, samples: 300 }),
            attempts: 300,
            ..SeriesBlock::default()
        };
        let blocks: Vec<_> = (number * 8..number * 8 + 8).filter(|slot| slot % 5 != 0).map(block).collect();
        SeriesDay { key: "k".to_owned(), day: number, columns: DayColumns::of(&blocks) }
    }

    #[test]
    fn what_is_added_block_by_block_is_what_is_read_at_once() {
        let days: Vec<_> = (20_000..20_200).map(|number| day(number, 0.3)).collect();
        let (mut whole, mut grown) = (SeriesLevels::default(), SeriesLevels::default());
        let to = 20_199 * 8 + 5;
        whole.add(days.iter(), to - KEPT as i64, to);
        for slot in 20_000 * 8..to {
            grown.add(days.iter().filter(|day| day.day == slot.div_euclid(8)), slot, slot + 1);
        }
        let within = |levels: &SeriesLevels| {
            let blocks = levels.blocks(WatchedFigure::Ttft).into_iter();
            blocks.filter(|block| block.slot >= to - KEPT as i64).collect::<Vec<_>>()
        };
        assert_eq!(within(&whole), within(&grown));
        assert!(within(&whole).len() > 700 && grown.figures[0].logs.len() <= KEPT + SPARE);
        assert_eq!(whole.blocks(WatchedFigure::TokensPerSecond), []);
        assert!((within(&whole)[0].ln_median - 0.3_f64.ln()).abs() < 1e-6);
    }

    #[test]
    fn the_lengths_of_a_day_are_looked_at_when_it_is_over() {
        let block = |slot: i64| SeriesBlock {
            slot,
            attempts: 6,
            numbers: BlockNumbers { answer_tokens: Some(200.0), ..BlockNumbers::default() },
            ..SeriesBlock::default()
        };
        let of = |day: i64, slots: &[i64]| SeriesDay {
            key: "k".to_owned(),
            day,
            columns: DayColumns::of(&slots.iter().map(|slot| block(day * 8 + slot)).collect::<Vec<_>>()),
        };
        let mut levels = SeriesLevels::default();
        // Nothing was measured in the last hours of the first day, nor on the second.
        levels.add([of(100, &[0, 1, 2, 3]), of(102, &[0])].iter(), 800, 818);
        let slots = |found: &[LengthBlock]| found.iter().map(|block| block.slot).collect::<Vec<_>>();
        let (whole, from) = levels.lengths(816);
        assert_eq!((slots(whole), from), (vec![800, 801, 802, 803], 800));
        levels.add([of(102, &[2])].iter(), 818, 824);
        let (whole, from) = levels.lengths(818);
        assert_eq!((whole.len(), from), (6, 816), "the day is over");
        assert_eq!(levels.lengths(800).1, 800, "nothing was known");
    }

    #[test]
    fn answers_of_canaries_come_back_with_their_probabilities() {
        let block = |slot: i64, logprobs: Option<&str>| SeriesBlock {
            slot,
            attempts: 1,
            facts: BlockFacts {
                canary_answer: Some("bear, bat".to_owned()),
                canary_logprobs: logprobs.map(str::to_owned),
                ..BlockFacts::default()
            },
            ..SeriesBlock::default()
        };
        let blocks = [block(801, Some("-0.5 -1.235")), block(806, None)];
        let day = SeriesDay { key: "k".to_owned(), day: 100, columns: DayColumns::of(&blocks) };
        let mut levels = SeriesLevels::default();
        levels.add(std::iter::once(&day), 800, 808);
        let logprobs: Vec<_> = levels.answers().iter().map(|one| one.logprobs.clone()).collect();
        assert_eq!(logprobs, [vec![-0.5, -1.235], vec![]]);
        assert_eq!(levels.answer_blocks()[1], FactBlock::leading(806, "bear, bat", 1));
        assert!(levels.blocks(WatchedFigure::Ttft).is_empty());
        // Days beyond the history are forgotten.
        let later = (101..260).map(|day| SeriesDay {
            key: "k".to_owned(),
            day,
            columns: DayColumns::of(&[block(day * 8, None)]),
        });
        levels.add(later.collect::<Vec<_>>().iter(), 808, 260 * 8);
        let (first, oldest) = (levels.facts().first(), levels.answers()[0].slot);
        assert!(levels.answers().len() < 130 && (first..first + 8).contains(&oldest), "{first} {oldest}");
    }

    #[test]
    fn levels_are_used_while_only_later_blocks_change() {
        let series = |changed_from| StoredSeries {
            key: "k".to_owned(),
            series: MeasuredSeries {
                model: ModelRef::new("groq", "m"),
                runner: None,
                profile: None,
                connection: None,
            },
            first_slot: 0,
            last_slot: 90,
            sampled_blocks: 9,
            changed_from,
            revision: 1,
            judged_days: None,
        };
        let levels = SeriesLevels { through: 80, ..SeriesLevels::default() };
        let mut cache = LevelCache::lasting();
        for (changed_from, used) in [(Some(80), true), (Some(79), false), (None, false)] {
            cache.keep("k".to_owned(), levels.clone());
            assert_eq!(cache.take(&series(changed_from)).is_some(), used);
            assert_eq!(cache.take(&series(changed_from)), None, "it is taken out");
        }
        cache.keep("k".to_owned(), levels.clone());
        cache.retain(&[series(None)], 91);
        assert_eq!(cache.take(&series(Some(80))), None);
        let mut passing = LevelCache::default();
        passing.keep("k".to_owned(), levels);
        assert_eq!(passing.take(&series(Some(80))), None);
    }
}
