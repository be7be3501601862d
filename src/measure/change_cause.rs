//! Why a change of a series came, and how far it reaches, as far as stored facts say. Pure: changes and the evidence
//! around them in; scope, cause and a sentence out. Where evidence is short, the sentence says what is missing.
//!
//! Scope first, from the same figure elsewhere ([`reach`]): what another runner that measures the same does not see is
//! the path or the host of the runner that does, never the provider. What several series of a provider show at another
//! runner is put together ([`pooled`]). Then the cause, from what moved beside the figure ([`facts`]), in this order: the
//! program that measures and its host, the path, what answered, what was answered, errors.

#[cfg(test)]
mod answer_tests;
mod causes;
#[cfg(test)]
mod confirmation_tests;
mod facts;
mod incident_reach;
mod pages;
mod pooled;
mod reach;
#[cfg(test)]
mod tests;

pub use incident_reach::{IncidentReach, incident_reach};
pub use pages::pages;
pub use reach::{decided, is_of_answers};

use super::joined_change::is_withdrawn;
use crate::domain::change_evidence::ChangeEvidence;
use crate::domain::series_change::{ChangeCause, ChangeScope, ChangedLevel, SeriesChange};
use chrono::{DateTime, TimeDelta, Utc};
use pooled::PooledReadings;
use reach::Reach;

/// Time after its alarm for which a change that would be told of a provider waits for another runner that measures the
/// same. A day of blocks of several runners decides most; what a silent runner might have seen is not waited for longer.
pub const CONFIRMED_WITHIN: TimeDelta = TimeDelta::hours(72);

/// The result for one change.
struct Attribution {
    scope: ChangeScope,
    cause: ChangeCause,
    line: String,
    confirmed: Option<bool>,
}

/// Sets scope, cause and cause line of each change. `changes` holds all that are open or ended lately, and not the new
/// ones alone: a second model of a provider widens the scope of the first. What was withdrawn stays as it is.
pub fn attribute(changes: &mut [SeriesChange], evidence: &ChangeEvidence) {
    let all: Vec<usize> = (0..changes.len()).collect();
    let judged = attributed(changes, &all, evidence);
    changes.iter_mut().zip(judged).for_each(|(change, judged)| *change = judged);
}

/// Those of the changes with these numbers, with scope and cause; `evidence` is of these alone. Of the others only what
/// was stored before counts, so pages of changes may be judged one after the other.
pub fn attributed(
    changes: &[SeriesChange],
    numbers: &[usize],
    evidence: &ChangeEvidence,
) -> Vec<SeriesChange> {
    let these = || numbers.iter().filter_map(|number| changes.get(*number));
    let pooled = PooledReadings::of(these(), evidence);
    let judged = |change: &SeriesChange| {
        if is_withdrawn(change) {
            return change.clone();
        }
        let Attribution { scope, cause, line, confirmed } = judge(change, changes, evidence, &pooled);
        SeriesChange { scope, cause, cause_line: line, confirmed, ..change.clone() }
    };
    these().map(judged).collect()
}

fn judge(
    change: &SeriesChange,
    changes: &[SeriesChange],
    evidence: &ChangeEvidence,
    pooled: &PooledReadings<'_>,
) -> Attribution {
    let around = evidence.of(&change.id);
    let reach = Reach::of(change, changes, around, pooled);
    let (cause, line) = match &change.level {
        ChangedLevel::Figure { .. } => causes::of_figure(change, &reach, around),
        ChangedLevel::Swap { .. } => causes::of_swap(change, changes, &reach, around),
    };
    Attribution { scope: reach.scope(), cause, line, confirmed: reach.confirmed() }
}

/// True while nobody should be told of a change: it would be told of a provider, and another runner that measures the same
/// may still say that it is the path.
pub fn waits_for_others(change: &SeriesChange, now: DateTime<Utc>) -> bool {
    let waits = change.is_unconfirmed() && change.ended.is_none() && !is_withdrawn(change);
    waits && now < change.noticed_at + CONFIRMED_WITHIN
}
