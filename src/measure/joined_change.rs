//! What all changes of series have in common where a look joins what it found to what is stored: their ids, what becomes of
//! one that is found again, and of one that is not. `shift_changes` and `swap_changes` say which are the same. Pure.

use crate::domain::digest::sha256_hex;
use crate::domain::series_block::{slot_end, slot_of};
use crate::domain::series_change::{
    ChangeCause, ChangeReturn, ChangeScope, ChangedLevel, EstimatedTime, MeasuredSeries, SeriesChange,
};
use chrono::{DateTime, Utc};

/// Digits of a change's id.
const ID_DIGITS: usize = 10;

/// What a later look says of a change that it does not find again.
pub const WITHDRAWN: &str = "rows that arrived later do not bear it out";

/// Where a change was found: the key of its series in stores, the figure or fact, and the slot whose end made it certain.
#[derive(Debug, Clone, Copy)]
pub struct FoundIn<'a> {
    pub key: &'a str,
    pub name: &'a str,
    pub alarm_slot: i64,
}

/// A change as it is told first, before anybody asked what was beside it.
pub fn found(
    place: FoundIn<'_>,
    series: &MeasuredSeries,
    level: ChangedLevel,
    began: EstimatedTime,
    ended: Option<EstimatedTime>,
) -> SeriesChange {
    let FoundIn { key, name, alarm_slot } = place;
    SeriesChange {
        id: sha256_hex(format!("{key}:{name}:{alarm_slot}"))[..ID_DIGITS].to_owned(),
        series: series.clone(),
        level,
        began,
        noticed_at: slot_end(alarm_slot),
        ended,
        scope: ChangeScope::Model,
        cause: ChangeCause::Unknown,
        cause_line: String::new(),
        acknowledged: None,
        returned: None,
        confirmed: None,
    }
}

/// A change that is new, under an id that no other one has: two may become certain in one slot.
pub fn with_free_id(found: SeriesChange, is_taken: impl Fn(&str) -> bool) -> SeriesChange {
    let mut id = found.id.clone();
    let mut number = 1;
    while is_taken(&id) {
        number += 1;
        id = sha256_hex(format!("{}:{number}", found.id))[..ID_DIGITS].to_owned();
    }
    SeriesChange { id, ..found }
}

/// A new change of a series beside what is stored of the series and what was found with it.
pub fn unlike(found: SeriesChange, stored: &[SeriesChange], beside: &[SeriesChange]) -> SeriesChange {
    with_free_id(found, |id| stored.iter().chain(beside).any(|other| other.id == id))
}

/// Notes of a change that it came back: it is over as it is stored, and a look at this moment says that it is not.
pub fn with_return(became: SeriesChange, stored: &SeriesChange, at: DateTime<Utc>) -> SeriesChange {
    if stored.ended.is_none() || became.ended.is_some() {
        return became;
    }
    let times = stored.returns().saturating_add(1);
    SeriesChange { returned: Some(ChangeReturn { times, at }), ..became }
}

/// A stored change as it was found again; `None` if it is the same. `moves` says that its estimates may still move. One that
/// was withdrawn is open again.
pub fn again(
    stored: &SeriesChange,
    found: SeriesChange,
    moves: bool,
    ended: Option<EstimatedTime>,
) -> Option<SeriesChange> {
    let became = SeriesChange {
        level: if moves { found.level } else { stored.level.clone() },
        began: if moves { found.began } else { stored.began },
        ended,
        ..stored.clone()
    };
    (became != *stored).then_some(became)
}

/// A stored change that a look from this slot on should have found again, as over; `None` if it may stay as it is.
pub fn withdrawn(change: &SeriesChange, from: i64) -> Option<SeriesChange> {
    let in_reach = from <= alarm_slot(change);
    (in_reach && change.ended.is_none()).then(|| SeriesChange {
        ended: Some(change.began),
        cause: ChangeCause::Unknown,
        cause_line: WITHDRAWN.to_owned(),
        ..change.clone()
    })
}

/// True for a change that a later look took back: it says nothing of any other. One that was found again after that is
/// none, whatever its sentence still says.
pub fn is_withdrawn(change: &SeriesChange) -> bool {
    change.cause_line == WITHDRAWN && change.ended == Some(change.began)
}

/// The slot whose end made a change certain.
pub fn alarm_slot(change: &SeriesChange) -> i64 {
    slot_of(change.noticed_at.timestamp_millis()) - 1
}
