//! Shifts of a series' figure as changes, joined to those that are stored. Pure.
//!
//! A change keeps its id from the alarm that first told it. A later look finds the same shift again with more rows, and
//! maybe with another alarm: it is the same change where both point the same way and their times overlap.

use super::joined_change::{self, FoundIn, WITHDRAWN, alarm_slot};
use super::level_shift::{LevelShift, SlotEstimate};
use crate::domain::series_block::{SLOTS_OF_DAY, slot_of, slot_start};
use crate::domain::series_change::{
    ChangedLevel, EstimatedTime, MeasuredSeries, SeriesChange, WatchedFigure,
};
use chrono::{DateTime, TimeDelta, Utc};

/// A figure of a series, as it was looked at.
#[derive(Debug, Clone, Copy)]
pub struct LookedFigure<'a> {
    /// The key of the series in stores.
    pub key: &'a str,
    pub series: &'a MeasuredSeries,
    pub figure: WatchedFigure,
    /// The first slot that was looked at: alarms before it were found by earlier looks.
    pub from: i64,
}

/// Slots after an end in which it may have become certain: stores do not keep when.
const END_CERTAIN: i64 = 14 * SLOTS_OF_DAY;

impl<'a> LookedFigure<'a> {
    /// The look at a figure from a slot on; earlier where the end of a stored change may be among what is looked at.
    pub fn new(
        key: &'a str,
        series: &'a MeasuredSeries,
        figure: WatchedFigure,
        from: i64,
        stored: &[SeriesChange],
    ) -> Self {
        let mut looked = Self { key, series, figure, from };
        let ends = |change: &SeriesChange| looked_end(change);
        let mut ended: Vec<SlotEstimate> =
            stored.iter().filter(|change| looked.is_mine(change)).filter_map(ends).collect();
        ended.sort_by_key(|end| std::cmp::Reverse(end.latest));
        for end in ended {
            if end.latest + END_CERTAIN >= looked.from {
                looked.from = looked.from.min(end.earliest);
            }
        }
        looked
    }

    fn is_mine(&self, change: &SeriesChange) -> bool {
        let same = matches!(change.level, ChangedLevel::Figure { figure, .. } if figure == self.figure);
        same && change.series == *self.series
    }

    /// The changes of this figure that are new or became other than they are stored.
    pub fn merge(&self, shifts: &[LevelShift], stored: &[SeriesChange]) -> Vec<SeriesChange> {
        let mut known: Vec<&SeriesChange> = stored.iter().filter(|change| self.is_mine(change)).collect();
        let mut became = Vec::new();
        for shift in shifts {
            let found = self.change(shift);
            match nearest(&known, &found) {
                Some(place) => became.extend(self.again(known.remove(place), found)),
                None => became.push(joined_change::unlike(found, stored, &became)),
            }
        }
        became.extend(known.into_iter().filter_map(|change| joined_change::withdrawn(change, self.from)));
        became
    }

    fn change(&self, shift: &LevelShift) -> SeriesChange {
        let LookedFigure { key, series, figure, .. } = self;
        let level = ChangedLevel::Figure {
            figure: *figure,
            before: shift.ln_before.exp(),
            after: shift.ln_after.exp(),
            ratio: shift.effect,
        };
        let place = FoundIn { key, name: figure.as_str(), alarm_slot: shift.alarm_slot };
        joined_change::found(
            place,
            series,
            level,
            estimated(&shift.began),
            shift.ended.as_ref().map(estimated),
        )
    }

    /// What earlier looks found of this figure, as the detector told it; what came after the first slot is left out.
    pub fn known(&self, stored: &[SeriesChange]) -> Vec<LevelShift> {
        let mut known: Vec<LevelShift> = stored.iter().filter_map(|change| self.shift(change)).collect();
        known.sort_by_key(|shift| shift.alarm_slot);
        known
    }

    fn shift(&self, change: &SeriesChange) -> Option<LevelShift> {
        let ChangedLevel::Figure { before, after, ratio, .. } = change.level else { return None };
        let alarm = alarm_slot(change);
        let is_withdrawn = change.cause_line == WITHDRAWN;
        // An end among what is looked at is found again where it still holds.
        let ended = looked_end(change).filter(|ended| ended.latest + END_CERTAIN < self.from);
        (self.is_mine(change) && alarm < self.from && !is_withdrawn).then(|| LevelShift {
            alarm_slot: alarm,
            began: slots(&change.began),
            ended,
            ended_alarm_slot: ended.map(|ended| ended.latest + END_CERTAIN),
            ln_before: before.ln(),
            ln_after: after.ln(),
            effect: ratio,
        })
    }

    /// A stored change as it was found again; `None` if it is the same.
    fn again(&self, stored: &SeriesChange, found: SeriesChange) -> Option<SeriesChange> {
        let moves = stored.ended.is_none() && alarm_slot(stored) >= self.from;
        let ended = found.ended;
        joined_change::again(stored, found, moves, ended)
    }
}

/// The end of a change, in slots; what was withdrawn has none.
fn looked_end(change: &SeriesChange) -> Option<SlotEstimate> {
    change.ended.as_ref().filter(|_| change.cause_line != WITHDRAWN).map(slots)
}

fn slots(moment: &EstimatedTime) -> SlotEstimate {
    let slot = |at: DateTime<Utc>| slot_of(at.timestamp_millis());
    SlotEstimate { slot: slot(moment.at), earliest: slot(moment.earliest), latest: slot(moment.latest) }
}

fn estimated(slot: &SlotEstimate) -> EstimatedTime {
    EstimatedTime {
        at: slot_start(slot.slot),
        earliest: slot_start(slot.earliest),
        latest: slot_start(slot.latest),
    }
}

/// The stored change that is the found one: of those that overlap with it and point the same way the nearest.
fn nearest(known: &[&SeriesChange], found: &SeriesChange) -> Option<usize> {
    let same = |change: &SeriesChange| {
        change.began.may_meet(&found.began, TimeDelta::zero()) && rises(change) == rises(found)
    };
    let apart = |change: &SeriesChange| (change.began.at - found.began.at).abs();
    let all = known.iter().enumerate().filter(|(_, change)| same(change));
    all.min_by_key(|(_, change)| apart(change)).map(|(place, _)| place)
}

fn rises(change: &SeriesChange) -> bool {
    matches!(change.level, ChangedLevel::Figure { before, after, .. } if after > before)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ModelRef;
    use crate::domain::interval::Interval;
    use crate::domain::series_change::ChangeReturn;
    use crate::measure::joined_change::{is_withdrawn, with_return};

    fn series() -> MeasuredSeries {
        MeasuredSeries { model: ModelRef::new("groq", "m"), runner: None, profile: None, connection: None }
    }

    fn shift(alarm: i64, began: i64, ln_after: f64, ended: Option<i64>) -> LevelShift {
        let around = |slot: i64| SlotEstimate { slot, earliest: slot - 4, latest: slot + 4 };
        LevelShift {
            alarm_slot: alarm,
            began: around(began),
            ended: ended.map(around),
            ended_alarm_slot: ended.map(|slot| slot + 4),
            ln_before: 0.0,
            ln_after,
            effect: Interval { low: (ln_after - 0.05).exp(), high: (ln_after + 0.05).exp() },
        }
    }

    fn looked<'a>(series: &'a MeasuredSeries, from: i64, stored: &[SeriesChange]) -> LookedFigure<'a> {
        LookedFigure::new("k", series, WatchedFigure::Ttft, from, stored)
    }

    fn merged(shifts: &[LevelShift], stored: &[SeriesChange]) -> Vec<SeriesChange> {
        looked(&series(), 336, &[]).merge(shifts, stored)
    }

    #[test]
    fn a_shift_found_again_is_the_same_change_with_better_estimates() {
        let first = merged(&[shift(420, 400, 0.2, None)], &[]);
        assert_eq!(first.len(), 1);
        assert_eq!(merged(&[shift(420, 400, 0.2, None)], &first), []);
        let second = merged(&[shift(421, 402, 0.25, None)], &first);
        assert_eq!(
            (second.len(), &second[0].id, second[0].noticed_at),
            (1, &first[0].id, first[0].noticed_at)
        );
        assert_eq!(second[0].began.at, slot_start(402));
        let ended = merged(&[shift(420, 400, 0.3, Some(450))], &second);
        assert_eq!(ended[0].ended.unwrap().at, slot_start(450));
        // What is over is estimated no more.
        let later = merged(&[shift(420, 401, 0.4, Some(452))], &ended);
        assert_eq!((later[0].began, &later[0].level), (ended[0].began, &ended[0].level));
        assert_eq!(later[0].ended.unwrap().at, slot_start(452));
    }

    #[test]
    fn what_is_stored_is_told_to_the_detector_as_it_told_it() {
        let told = shift(420, 400, 0.2, Some(450));
        let stored = merged(std::slice::from_ref(&told), &[]);
        let series = series();
        let later = looked(&series, 600, &stored);
        let known = later.known(&stored);
        assert_eq!((known.len(), known[0].alarm_slot, known[0].began, later.from), (1, 420, told.began, 600));
        assert!((known[0].ln_after - 0.2).abs() < 1e-12 && known[0].ended == told.ended);
        // What the detector gives back of it changes nothing.
        assert_eq!(later.merge(&known, &stored), []);
        // Where the end may have become certain later, the look begins before it, and knows of the beginning alone.
        let soon = looked(&series, 500, &stored);
        assert_eq!((soon.from, soon.known(&stored)[0].ended), (446, None));
        assert_eq!(looked(&series, 420, &stored).known(&stored), []);
    }

    #[test]
    fn other_directions_times_and_figures_are_other_changes() {
        let first = merged(&[shift(420, 400, 0.2, None)], &[]);
        let faster = merged(&[shift(420, 400, 0.2, None), shift(423, 401, -0.2, None)], &first);
        assert_eq!(faster.len(), 1);
        assert_ne!(faster[0].id, first[0].id);
        let series = series();
        let rates = LookedFigure { figure: WatchedFigure::TokensPerSecond, ..looked(&series, 336, &[]) };
        assert_eq!(rates.merge(&[], &first), [], "a change of another figure is none of its");
    }

    /// Late rows may turn a step round in the block that made it certain.
    #[test]
    fn changes_of_one_alarm_have_an_id_each() {
        let first = merged(&[shift(420, 400, 0.2, None)], &[]);
        let turned = merged(&[shift(420, 400, -0.2, None)], &first);
        let ids: Vec<&str> = turned.iter().map(|one| one.id.as_str()).collect();
        assert_eq!((ids.len(), ids[1]), (2, first[0].id.as_str()), "the stored one is withdrawn: {turned:?}");
        assert_ne!(ids[0], ids[1]);
        assert_eq!(merged(&[shift(420, 400, -0.2, None)], &turned), [], "it keeps its id");
        let both = merged(&[shift(420, 400, 0.2, None), shift(420, 401, -0.2, None)], &[]);
        assert_ne!(both[0].id, both[1].id);
    }

    #[test]
    fn an_end_that_did_not_hold_is_a_return() {
        let first = merged(&[shift(420, 400, 0.2, None)], &[]).remove(0);
        let over = merged(&[shift(420, 400, 0.2, Some(450))], std::slice::from_ref(&first)).remove(0);
        let open = SeriesChange { ended: None, ..over.clone() };
        let at = slot_start(470);
        let back = with_return(open.clone(), &over, at);
        assert_eq!(back.returned, Some(ChangeReturn { times: 1, at }));
        let over_again = SeriesChange { ended: over.ended, ..back.clone() };
        assert_eq!(with_return(over_again.clone(), &back, at).returned, back.returned, "its end is none");
        assert_eq!(with_return(open.clone(), &first, at), open, "it was never over");
        let twice = SeriesChange { ended: None, ..over_again.clone() };
        assert_eq!(with_return(twice, &over_again, at).returns(), 2);
    }

    #[test]
    fn what_later_rows_do_not_bear_out_is_withdrawn_and_what_is_out_of_reach_stays() {
        let first = merged(&[shift(420, 400, 0.2, None)], &[]);
        let gone = merged(&[], &first);
        assert_eq!(
            (gone.len(), gone[0].cause_line.as_str(), gone[0].ended),
            (1, WITHDRAWN, Some(gone[0].began))
        );
        assert_eq!(merged(&[], &gone), [], "once");
        let again = merged(&[shift(420, 400, 0.2, None)], &gone);
        assert_eq!((is_withdrawn(&gone[0]), is_withdrawn(&again[0]), again[0].ended), (true, false, None));
        assert_eq!(looked(&series(), 500, &first).merge(&[], &first), []);
    }
}
