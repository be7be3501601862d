//! How far a lane is from a place in the dashboard's ranking. The rules are those of its release of 2026-08-19: rows of
//! the last 7 days, thinned to one per UTC half hour; a preliminary place needs 8 samples over 24 hours, 2 UTC dates and 4
//! of the six 4-hour UTC blocks, an official one 30 samples over 96 hours, 5 dates and all six blocks. Pure.

use chrono::{DateTime, NaiveDate, TimeDelta, Timelike, Utc};
use std::collections::BTreeSet;

/// The window that the dashboard reads.
pub const WINDOW: TimeDelta = TimeDelta::days(7);

/// Seconds of the span of time of which one sample counts.
const HALF_HOUR: i64 = 1800;

/// A place in the ranking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RankingPlace {
    Preliminary,
    Official,
}

impl RankingPlace {
    /// The word for people and programs.
    pub fn as_str(self) -> &'static str {
        match self {
            RankingPlace::Preliminary => "preliminary",
            RankingPlace::Official => "official",
        }
    }

    fn needs(self) -> LaneCoverage {
        match self {
            RankingPlace::Preliminary => {
                LaneCoverage { samples: 8, span: TimeDelta::hours(24), dates: 2, blocks: 4 }
            }
            RankingPlace::Official => {
                LaneCoverage { samples: 30, span: TimeDelta::hours(96), dates: 5, blocks: 6 }
            }
        }
    }
}

/// What a lane has in the window, or what a place needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneCoverage {
    /// Samples after thinning.
    pub samples: u32,
    /// From the first of them to the last.
    pub span: TimeDelta,
    /// UTC dates with a sample.
    pub dates: u32,
    /// 4-hour UTC blocks of the day with a sample, of six.
    pub blocks: u32,
}

impl LaneCoverage {
    /// The coverage of samples that began at these times, in any order, seen from `now`.
    pub fn of(times: impl IntoIterator<Item = DateTime<Utc>>, now: DateTime<Utc>) -> Self {
        let inside = |at: &DateTime<Utc>| *at > now - WINDOW && *at <= now;
        let mut times: Vec<DateTime<Utc>> = times.into_iter().filter(inside).collect();
        times.sort_unstable();
        times.dedup_by_key(|at| at.timestamp().div_euclid(HALF_HOUR));
        let dates: BTreeSet<NaiveDate> = times.iter().map(DateTime::date_naive).collect();
        let blocks: BTreeSet<u32> = times.iter().map(|at| at.hour() / 4).collect();
        let span = times.first().zip(times.last()).map_or(TimeDelta::zero(), |(first, last)| *last - *first);
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Self { samples: count(times.len()), span, dates: count(dates.len()), blocks: count(blocks.len()) }
    }

    /// The best place that it is enough for.
    pub fn place(&self) -> Option<RankingPlace> {
        let reached = |place: &RankingPlace| self.missing(*place).is_empty();
        [RankingPlace::Official, RankingPlace::Preliminary].into_iter().find(reached)
    }

    /// The place to reach next; `None` at the best.
    pub fn next(&self) -> Option<RankingPlace> {
        match self.place() {
            None => Some(RankingPlace::Preliminary),
            Some(RankingPlace::Preliminary) => Some(RankingPlace::Official),
            Some(RankingPlace::Official) => None,
        }
    }

    /// What keeps it from a place, one sentence for each condition that is not met.
    pub fn missing(&self, place: RankingPlace) -> Vec<String> {
        let needs = place.needs();
        let hours = |span: TimeDelta| u32::try_from(span.num_hours()).unwrap_or(0);
        [
            (self.samples >= needs.samples, self.samples, needs.samples, "samples"),
            (self.span >= needs.span, hours(self.span), hours(needs.span), "hours from first to last"),
            (self.dates >= needs.dates, self.dates, needs.dates, "UTC dates"),
            (self.blocks >= needs.blocks, self.blocks, needs.blocks, "4-hour blocks of the day"),
        ]
        .into_iter()
        .filter(|(met, ..)| !met)
        .map(|(_, has, needed, what)| format!("{has} of {needed} {what}"))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-11-08T00:00:00Z".parse().unwrap()
    }

    /// Samples every so many minutes, going back from now.
    fn every(minutes: i64, count: i64) -> LaneCoverage {
        LaneCoverage::of((0..count).map(|step| now() - TimeDelta::minutes(minutes * step)), now())
    }

    #[test]
    fn places_follow_the_dashboards_thresholds() {
        for (minutes, count, place) in [
            (30, 0, None),
            (30, 48, None),
            (30, 49, Some(RankingPlace::Preliminary)),
            (180, 8, None),
            (180, 9, Some(RankingPlace::Preliminary)),
            (30, 192, Some(RankingPlace::Preliminary)),
            (30, 193, Some(RankingPlace::Official)),
            (240, 29, Some(RankingPlace::Preliminary)),
            (240, 30, Some(RankingPlace::Official)),
            // Once a day at the same hour fills one block.
            (1440, 7, None),
            // Sixty samples within two hours are four.
            (2, 60, None),
        ] {
            assert_eq!(every(minutes, count).place(), place, "{count} samples, one in {minutes} minutes");
        }
    }

    #[test]
    fn only_the_window_counts_and_half_hours_count_once() {
        let old = LaneCoverage::of([now() - WINDOW, now() + TimeDelta::hours(1)], now());
        assert_eq!(old, LaneCoverage { samples: 0, span: TimeDelta::zero(), dates: 0, blocks: 0 });
        assert_eq!(every(2, 60).samples, 5, "one at midnight, then four half hours");
    }

    #[test]
    fn what_keeps_a_lane_is_said_with_both_numbers() {
        let coverage = every(60, 30);
        assert_eq!(
            (coverage.place(), coverage.next()),
            (Some(RankingPlace::Preliminary), Some(RankingPlace::Official))
        );
        assert_eq!(
            coverage.missing(RankingPlace::Official),
            ["29 of 96 hours from first to last", "3 of 5 UTC dates"]
        );
    }
}
