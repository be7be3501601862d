//! What is known of a change today: whether it lasts, is over, or nobody can tell. Pure.

use super::joined_change::is_withdrawn;
use crate::domain::series_block::slot_end;
use crate::domain::series_change::{REVERTS_WITHIN_DAYS, SeriesChange};
use chrono::{DateTime, TimeDelta, Utc};

/// Time without rows after which a series is not waited for.
pub const SILENT_DAYS: i64 = 3;

/// The state of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeState {
    /// It lasts, and may still go back.
    Open,
    /// Its series has no rows any more, so nobody knows whether it lasts.
    Silent,
    /// It lasted for four weeks: the new level is the usual one.
    Stayed,
    /// It went back.
    Over,
    /// Rows that came later do not bear it out.
    Withdrawn,
}

impl ChangeState {
    /// The word in lists and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            ChangeState::Open => "open",
            ChangeState::Silent => "silent",
            ChangeState::Stayed => "stayed",
            ChangeState::Over => "over",
            ChangeState::Withdrawn => "withdrawn",
        }
    }
}

/// The state of a change whose series had its newest block in `last_slot`; `None` where that is not known.
pub fn state_of(change: &SeriesChange, last_slot: Option<i64>, now: DateTime<Utc>) -> ChangeState {
    if is_withdrawn(change) {
        return ChangeState::Withdrawn;
    }
    if change.ended.is_some() {
        return ChangeState::Over;
    }
    let seen = last_slot.map_or(now, |slot| slot_end(slot).min(now));
    let lasted = seen - change.began.at >= TimeDelta::days(REVERTS_WITHIN_DAYS);
    match now - seen > TimeDelta::days(SILENT_DAYS) {
        true if lasted => ChangeState::Stayed,
        true => ChangeState::Silent,
        false if change.is_open(now) => ChangeState::Open,
        false => ChangeState::Stayed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ModelRef;
    use crate::domain::series_block::slot_start;
    use crate::domain::series_change::{
        ChangeCause, ChangeScope, ChangedLevel, EstimatedTime, MeasuredSeries,
    };
    use crate::measure::joined_change::WITHDRAWN;

    #[test]
    fn a_change_is_open_while_somebody_can_see_it() {
        let began = 166_400;
        let at = |days: i64| slot_start(began + days * 8);
        let moment = EstimatedTime { at: at(0), earliest: at(0), latest: at(0) };
        let level =
            ChangedLevel::Swap { fact: "f".to_owned(), before: "a".to_owned(), after: "b".to_owned() };
        let change = SeriesChange {
            id: "1".to_owned(),
            series: MeasuredSeries {
                model: ModelRef::new("groq", "m"),
                runner: None,
                profile: None,
                connection: None,
            },
            level,
            began: moment,
            noticed_at: at(1),
            ended: None,
            scope: ChangeScope::Model,
            cause: ChangeCause::Unknown,
            cause_line: String::new(),
            acknowledged: None,
            returned: None,
            confirmed: None,
        };
        // Days from its beginning to the newest block, and to now.
        for (seen, now, state) in [
            (10, 10, ChangeState::Open),
            (10, 13, ChangeState::Open),
            (10, 14, ChangeState::Silent),
            (10, 90, ChangeState::Silent),
            (27, 29, ChangeState::Stayed),
            (40, 40, ChangeState::Stayed),
            (40, 90, ChangeState::Stayed),
        ] {
            let last = began + seen * 8 - 1;
            assert_eq!(state_of(&change, Some(last), at(now)), state, "{seen} {now}");
        }
        assert_eq!(state_of(&change, None, at(3)), ChangeState::Open);
        let over = SeriesChange { ended: Some(moment), ..change };
        assert_eq!(state_of(&over, None, at(3)), ChangeState::Over);
        let withdrawn = SeriesChange { cause_line: WITHDRAWN.to_owned(), ..over };
        assert_eq!(state_of(&withdrawn, None, at(3)), ChangeState::Withdrawn);
    }
}
