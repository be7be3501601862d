//! Levels and facts of series in memory, so that a look after a block reads that block and not months: ten to sixteen
//! kilobytes a series.
//! Whoever looks once keeps none.

use super::fact_cache::SeriesFacts;
use crate::domain::series_block::{BlockFigure, HISTORY_DAYS, SLOTS_OF_DAY};
use crate::domain::series_change::WatchedFigure;
use crate::measure::level_shift::LevelBlock;
use crate::measure::swap::WATCHED_FACTS;
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
    /// Samples, up to 255: more say nothing more.
    samples: Vec<u8>,
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
        self.samples[place] = u8::try_from(level.samples).unwrap_or(u8::MAX);
        let extra = self.logs.len().saturating_sub(KEPT);
        if extra > SPARE {
            self.logs.drain(..extra);
            self.samples.drain(..extra);
            self.first += extra as i64;
        }
    }

    fn blocks(&self, to: i64) -> Vec<LevelBlock> {
        let all = self.logs.iter().zip(&self.samples).zip(self.first..to);
        let block = |((log, samples), slot): ((&f32, &u8), i64)| LevelBlock {
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
        }
        self.through = to;
    }

    pub fn facts(&self) -> &SeriesFacts {
        &self.facts
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
    use crate::domain::series_block::SeriesBlock;
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
