//! Swaps of a series' facts as changes, joined to those that are stored, as `shift_changes` does it for figures. Pure.
//!
//! The whole history in reach is searched at each look. What became certain before the blocks that changed was told by an
//! earlier look, so of that only the end is new.

use super::joined_change::{self, FoundIn, alarm_slot};
use super::swap::{FoundSwap, SETTLES, SwapTime};
use crate::domain::series_block::{slot_end, slot_start};
use crate::domain::series_change::{ChangedLevel, EstimatedTime, MeasuredSeries, SeriesChange};
use chrono::TimeDelta;

/// A fact of a series, as it was looked at.
#[derive(Debug, Clone, Copy)]
pub struct LookedFact<'a> {
    /// The key of the series in stores.
    pub key: &'a str,
    pub series: &'a MeasuredSeries,
    /// The name of the row's field.
    pub fact: &'a str,
    /// Swaps whose alarm is in this slot or later are new, or taken back where they are not found again.
    pub from: i64,
}

/// The first slot from which a search says the same as an earlier one, whose history began earlier: `changed` is the first
/// slot with another block, `searched` the first one that was searched, `first` the first one of the series.
pub fn settled_from(changed: i64, searched: i64, first: i64) -> i64 {
    if first < searched { changed.max(searched + SETTLES) } else { changed }
}

impl LookedFact<'_> {
    /// The changes of this fact that are new or became other than they are stored.
    pub fn merge(&self, swaps: &[FoundSwap], stored: &[SeriesChange]) -> Vec<SeriesChange> {
        let mut known: Vec<&SeriesChange> = stored.iter().filter(|change| self.is_mine(change)).collect();
        let mut became = Vec::new();
        for swap in swaps {
            let found = self.change(swap);
            match same_swap(&known, &found) {
                Some(place) => became.extend(self.again(known.remove(place), found)),
                None if swap.alarm_slot >= self.from => {
                    became.push(joined_change::unlike(found, stored, &became));
                }
                None => {}
            }
        }
        became.extend(known.into_iter().filter_map(|change| joined_change::withdrawn(change, self.from)));
        became
    }

    fn is_mine(&self, change: &SeriesChange) -> bool {
        let same = matches!(&change.level, ChangedLevel::Swap { fact, .. } if fact == self.fact);
        same && change.series == *self.series
    }

    fn change(&self, swap: &FoundSwap) -> SeriesChange {
        let level = ChangedLevel::Swap {
            fact: self.fact.to_owned(),
            before: swap.before.clone(),
            after: swap.after.clone(),
        };
        let place = FoundIn { key: self.key, name: self.fact, alarm_slot: swap.alarm_slot };
        let ended = swap.ended.as_ref().map(estimated);
        joined_change::found(place, self.series, level, estimated(&swap.began), ended)
    }

    /// A stored change as it was found again; `None` if it is the same.
    fn again(&self, stored: &SeriesChange, found: SeriesChange) -> Option<SeriesChange> {
        let moves = alarm_slot(stored) >= self.from;
        // Rows that changed after an end do not undo it.
        let is_over = stored.ended.filter(|ended| !moves && ended.latest < slot_start(self.from));
        let ended = is_over.or(found.ended);
        joined_change::again(stored, found, moves, ended)
    }
}

/// The stored change that is the found one: of the same alarm, or to the same value at a time that may be the same.
fn same_swap(known: &[&SeriesChange], found: &SeriesChange) -> Option<usize> {
    let same = |change: &&SeriesChange| {
        change.began.may_meet(&found.began, TimeDelta::zero()) && became(change) == became(found)
    };
    known.iter().position(|change| change.id == found.id).or_else(|| known.iter().position(same))
}

fn became(change: &SeriesChange) -> Option<&str> {
    match &change.level {
        ChangedLevel::Swap { after, .. } => Some(after),
        ChangedLevel::Figure { .. } => None,
    }
}

/// Blocks name their leading value alone: the one before may hold the first rows of the other.
fn estimated(time: &SwapTime) -> EstimatedTime {
    EstimatedTime {
        at: slot_start(time.at),
        earliest: slot_start(time.earliest - 1),
        latest: slot_end(time.latest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ModelRef;
    use crate::measure::joined_change::WITHDRAWN;

    fn swap(alarm: i64, at: i64, after: &str, ended: Option<i64>) -> FoundSwap {
        let time = |at: i64| SwapTime { at, earliest: at - 1, latest: at };
        FoundSwap {
            before: "old".to_owned(),
            after: after.to_owned(),
            began: time(at),
            alarm_slot: alarm,
            ended: ended.map(time),
        }
    }

    fn merged(from: i64, fact: &str, swaps: &[FoundSwap], stored: &[SeriesChange]) -> Vec<SeriesChange> {
        let series = MeasuredSeries {
            model: ModelRef::new("groq", "m"),
            runner: None,
            profile: None,
            connection: None,
        };
        LookedFact { key: "k", series: &series, fact, from }.merge(swaps, stored)
    }

    const FACT: &str = "response_model";

    #[test]
    fn a_swap_is_told_once_and_ends_when_it_is_taken_back() {
        let first = merged(400, FACT, &[swap(420, 418, "new", None)], &[]);
        let level = ChangedLevel::Swap { fact: FACT.into(), before: "old".into(), after: "new".into() };
        assert_eq!((first.len(), &first[0].level, first[0].noticed_at), (1, &level, slot_end(420)));
        assert_eq!((first[0].began.at, first[0].began.latest), (slot_start(418), slot_end(418)));
        assert_eq!(merged(430, FACT, &[swap(420, 418, "new", None)], &first), []);
        let over = merged(440, FACT, &[swap(420, 418, "new", Some(435))], &first);
        assert_eq!((over.len(), &over[0].id), (1, &first[0].id));
        assert_eq!(over[0].ended.unwrap().at, slot_start(435));
        // Blocks after the end change nothing of it, even if a shorter history does not show it.
        assert_eq!(merged(450, FACT, &[swap(420, 418, "new", None)], &over), []);
        assert_eq!(merged(450, FACT, &[], &over), []);
    }

    #[test]
    fn late_rows_move_a_swap_or_take_it_away() {
        let first = merged(400, FACT, &[swap(420, 418, "new", None)], &[]);
        let moved = merged(410, FACT, &[swap(419, 417, "new", None)], &first);
        assert_eq!((moved.len(), &moved[0].id, moved[0].began.at), (1, &first[0].id, slot_start(417)));
        let gone = merged(410, FACT, &[], &first);
        assert_eq!((gone[0].ended, gone[0].cause_line.as_str()), (Some(first[0].began), WITHDRAWN));
        assert_eq!(merged(410, FACT, &[], &gone), [], "once");
        let back = merged(410, FACT, &[swap(420, 418, "new", None)], &gone);
        assert_eq!((back.len(), back[0].ended), (1, None));
        // Other values at that time are the same alarm, and no second change of its id.
        let other = merged(410, FACT, &[swap(420, 418, "newer", None)], &first);
        assert_eq!((other.len(), &other[0].id), (1, &first[0].id));
    }

    #[test]
    fn other_facts_and_what_earlier_looks_decided_stay() {
        let first = merged(400, FACT, &[swap(420, 418, "new", None)], &[]);
        assert_eq!(merged(421, FACT, &[], &first), [], "out of reach");
        assert_eq!(
            merged(421, FACT, &[swap(300, 298, "x", None)], &[]),
            [],
            "an earlier look did not find it"
        );
        let other = merged(400, "finish_reason", &[swap(420, 418, "new", None)], &first);
        assert_eq!(other.len(), 1);
        assert_ne!(other[0].id, first[0].id);
        assert_eq!(merged(400, "quantization", &[], &first), []);
    }

    #[test]
    fn a_cut_history_decides_only_what_it_shows_as_the_whole_one() {
        assert_eq!(settled_from(900, 0, 0), 900);
        assert_eq!(settled_from(90_000, 1_000, 0), 90_000);
        assert_eq!(settled_from(1_001, 1_000, 0), 1_000 + SETTLES);
    }
}
