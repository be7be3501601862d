//! How far a lane is from a place in the dashboard's ranking. The rules are those of its release of 2026-08-19: rows of
//! the last 7 days, thinned to one per UTC half hour; a preliminary place needs 8 samples over 24 hours, 2 UTC dates and 4
//! of the six 4-hour UTC blocks, an official one 30 samples over 96 hours, 5 dates and all six blocks. Pure.

use crate::domain::ModelRef;
use chrono::{DateTime, NaiveDate, TimeDelta, Timelike, Utc};
use std::collections::BTreeSet;

/// The window that the dashboard reads.
pub const WINDOW: TimeDelta = TimeDelta::days(7);

/// 4-hour blocks of a UTC day.
pub const BLOCKS: usize = 6;

/// Seconds of the span of time of which one sample counts.
pub const HALF_HOUR: i64 = 1800;

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

/// A condition of a place that is not met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shortfall {
    pub has: u32,
    pub needs: u32,
    /// What is counted.
    pub unit: &'static str,
    /// The same for a column of a table.
    pub short_unit: &'static str,
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
        let sentence = |Shortfall { has, needs, unit, .. }| format!("{has} of {needs} {unit}");
        self.shortfalls(place).into_iter().map(sentence).collect()
    }

    /// The conditions of a place that are not met.
    pub fn shortfalls(&self, place: RankingPlace) -> Vec<Shortfall> {
        let needs = place.needs();
        let hours = |span: TimeDelta| u32::try_from(span.num_hours()).unwrap_or(0);
        [
            (self.samples >= needs.samples, self.samples, needs.samples, "samples", "samples"),
            (self.span >= needs.span, hours(self.span), hours(needs.span), "hours from first to last", "h"),
            (self.dates >= needs.dates, self.dates, needs.dates, "UTC dates", "dates"),
            (self.blocks >= needs.blocks, self.blocks, needs.blocks, "4-hour blocks of the day", "blocks"),
        ]
        .into_iter()
        .filter(|(met, ..)| !met)
        .map(|(_, has, needs, unit, short_unit)| Shortfall { has, needs, unit, short_unit })
        .collect()
    }
}

/// A field of rows without which a lane has no place or no rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unnamed {
    Endpoint,
    Quantization,
}

/// What a ranking groups rows by, and what it has of them.
#[derive(Debug, Clone, PartialEq)]
pub struct LaneRanking {
    pub model: ModelRef,
    /// The lane's endpoint; `None` if its rows name none.
    pub endpoint_tag: Option<String>,
    /// The lane's quantization, if it is stated.
    pub quantization: Option<String>,
    pub coverage: LaneCoverage,
}

impl LaneRanking {
    /// The place that it has. Rows without an endpoint have none, however many there are.
    pub fn place(&self) -> Option<RankingPlace> {
        self.coverage.place().filter(|_| self.endpoint_tag.is_some())
    }

    /// What keeps it from the next place or from a rank, one sentence for each; empty if nothing does.
    pub fn missing(&self) -> Vec<String> {
        let next = self.coverage.next();
        let mut missing = next.map(|place| self.coverage.missing(place)).unwrap_or_default();
        match self.unnamed() {
            Some(Unnamed::Endpoint) => {
                missing
                    .push("its rows name no endpoint (route_endpoint_tag): no place without one".to_owned());
            }
            Some(Unnamed::Quantization) => {
                missing.push("its quantization is unknown: a place, but no rank".to_owned());
            }
            None => {}
        }
        missing
    }

    /// What its rows do not name; `None` if it has none.
    pub fn unnamed(&self) -> Option<Unnamed> {
        match (self.coverage.samples, &self.endpoint_tag, &self.quantization) {
            (1.., None, _) => Some(Unnamed::Endpoint),
            (1.., _, None) => Some(Unnamed::Quantization),
            _ => None,
        }
    }
}

/// The half hours of the window in which a lane has a sample: enough to tell its coverage, and small enough to keep for
/// every lane of a large catalog.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HalfHours {
    /// A ring: the bit of a half hour is its number since 1970 modulo the number of bits.
    bits: [u64; HalfHours::WORDS],
}

impl HalfHours {
    /// Words of bits, more than the window has half hours.
    const WORDS: usize = 6;

    /// Marks a half hour, counted from 1970.
    pub fn add(&mut self, number: i64) {
        let (word, bit) = Self::place(number);
        self.bits[word] |= bit;
    }

    /// Clears a half hour that has left the window.
    pub fn remove(&mut self, number: i64) {
        let (word, bit) = Self::place(number);
        self.bits[word] &= !bit;
    }

    pub fn is_empty(&self) -> bool {
        self.bits == Self::default().bits
    }

    /// The numbers of the half hours that the window has at `now`.
    pub fn window(now: DateTime<Utc>) -> std::ops::RangeInclusive<i64> {
        let number = |at: DateTime<Utc>| at.timestamp().div_euclid(HALF_HOUR);
        number(now - WINDOW) + 1..=number(now)
    }

    /// The coverage at `now`. Of the span only whole half hours between the first and the last are sure, so that a place
    /// is told up to an hour late, and never early.
    pub fn coverage(&self, now: DateTime<Utc>) -> LaneCoverage {
        let numbers: Vec<i64> = self.numbers(now).collect();
        let starts = numbers.iter().filter_map(|number| DateTime::from_timestamp(number * HALF_HOUR, 0));
        let span = numbers.first().zip(numbers.last()).map_or(0, |(first, last)| (last - first - 1).max(0));
        LaneCoverage { span: TimeDelta::seconds(span * HALF_HOUR), ..LaneCoverage::of(starts, now) }
    }

    /// On how many UTC days of the window at `now` each 4-hour block of the day has a sample.
    pub fn block_days(&self, now: DateTime<Utc>) -> [u32; BLOCKS] {
        // Blocks begin at midnight, so that each is eight half hours in a row.
        let blocks: BTreeSet<i64> = self.numbers(now).map(|number| number.div_euclid(8)).collect();
        let mut days = [0; BLOCKS];
        for block in blocks {
            days[block.rem_euclid(BLOCKS as i64) as usize] += 1;
        }
        days
    }

    /// The half hours of the window at `now` that are marked.
    fn numbers(&self, now: DateTime<Utc>) -> impl Iterator<Item = i64> {
        let bits = self.bits;
        Self::window(now).filter(move |number| {
            let (word, bit) = Self::place(*number);
            bits[word] & bit != 0
        })
    }

    fn place(number: i64) -> (usize, u64) {
        let at = number.rem_euclid(64 * Self::WORDS as i64) as usize;
        (at / 64, 1 << (at % 64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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

    proptest! {
        /// Half hours tell the same as the times themselves, apart from a span that is up to an hour shorter.
        #[test]
        fn half_hours_cover_what_the_times_do(minutes in prop::collection::vec(0_i64..7 * 24 * 60 - 30, 0..80)) {
            let mut half_hours = HalfHours::default();
            let times: Vec<DateTime<Utc>> = minutes.iter().map(|ago| now() - TimeDelta::minutes(*ago)).collect();
            times.iter().for_each(|at| half_hours.add(at.timestamp().div_euclid(HALF_HOUR)));
            let (exact, kept) = (LaneCoverage::of(times, now()), half_hours.coverage(now()));
            prop_assert_eq!(LaneCoverage { span: exact.span, ..kept }, exact);
            let late = exact.span - kept.span;
            prop_assert!(late >= TimeDelta::zero() && late < TimeDelta::hours(1), "{}", late);
            prop_assert!(kept.place() <= exact.place());
            for number in HalfHours::window(now()) {
                half_hours.remove(number);
            }
            prop_assert!(half_hours.is_empty());
        }
    }

    #[test]
    fn days_are_counted_for_each_block() {
        let mut half_hours = HalfHours::default();
        for hours in [1_i64, 2, 25, 5, 29, 53, 12] {
            half_hours.add((now() - TimeDelta::hours(hours)).timestamp().div_euclid(HALF_HOUR));
        }
        assert_eq!(half_hours.block_days(now()), [0, 0, 0, 1, 3, 2]);
    }

    #[test]
    fn a_lane_without_an_endpoint_has_no_place() {
        let lane = |tag: Option<&str>, coverage| LaneRanking {
            model: ModelRef::new("groq", "m"),
            endpoint_tag: tag.map(str::to_owned),
            quantization: None,
            coverage,
        };
        let unnamed = lane(None, every(30, 193));
        assert_eq!(unnamed.place(), None);
        assert_eq!(
            unnamed.missing(),
            ["its rows name no endpoint (route_endpoint_tag): no place without one"]
        );
        let named = lane(Some("groq/direct"), every(30, 193));
        assert_eq!(named.place(), Some(RankingPlace::Official));
        assert_eq!(named.missing(), ["its quantization is unknown: a place, but no rank"]);
        assert_eq!(lane(None, every(30, 0)).missing().len(), 4, "nothing is said of rows that are not there");
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
