//! Chores: work that one of several daemons does for all, such as reading lists and checking the data. A daemon
//! asks before it begins, and the store admits one. Nothing is held: after a crash in the middle the chore is done
//! at the next turn.

use crate::storage::StoreError;
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use std::time::Duration;

/// A turn further ahead than this was dated by a wrong clock and blocks nobody.
pub const CLOCK_SLACK: TimeDelta = TimeDelta::minutes(1);

/// The component under which heartbeats keep a chore.
pub fn component(chore: &str) -> String {
    format!("chore:{chore}")
}

/// True if a chore last taken at `taken_at` may be taken at `now`. This is the rule: the stores apply it
/// inside one atomic step.
pub fn is_free(taken_at: Option<DateTime<Utc>>, rest: TimeDelta, now: DateTime<Utc>) -> bool {
    taken_at.is_none_or(|at| at <= now - rest || at > now + CLOCK_SLACK)
}

/// Converts a rest to a [`TimeDelta`].
pub fn rest(rest: Duration) -> TimeDelta {
    TimeDelta::from_std(rest).unwrap_or(TimeDelta::MAX)
}

/// Assigns chores to daemons.
#[async_trait]
pub trait ChoreStore: Send + Sync {
    /// Asks for a chore (`self_checks`, `list:groq`): true for one of all callers, and then for nobody during `rest`,
    /// by the store's clock.
    async fn take_chore(&self, chore: &str, owner: &str, rest: Duration) -> Result<bool, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chore_is_free_after_its_rest_and_where_a_clock_was_wrong() {
        let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let at = |seconds: i64| Some(now + TimeDelta::seconds(seconds));
        let rest = rest(Duration::from_secs(900));
        for (taken_at, free) in [
            (None, true),
            (at(-899), false),
            (at(-900), true),
            (at(0), false),
            (at(59), false),
            (at(61), true),
        ] {
            assert_eq!(is_free(taken_at, rest, now), free, "{taken_at:?}");
        }
    }
}
