//! Why a change of a series came, and how far it reaches, as far as stored facts say. Pure: changes and the evidence
//! around them in; scope, cause and a sentence out. Where evidence is short, the sentence says what is missing.
//!
//! Scope first, from the same figure elsewhere ([`reach`]): what another runner that measures the same does not see is
//! the path or the host of the runner that does, never the provider. Then the cause, from what moved beside the figure
//! ([`facts`]), in this order: the program that measures and its host, the path, what answered, what was answered, errors.

#[cfg(test)]
mod answer_tests;
mod causes;
mod facts;
mod incident_reach;
mod reach;
#[cfg(test)]
mod tests;

pub use incident_reach::{IncidentReach, incident_reach};
pub use reach::decided;

use super::joined_change::is_withdrawn;
use crate::domain::change_evidence::ChangeEvidence;
use crate::domain::series_change::{ChangeCause, ChangeScope, ChangedLevel, SeriesChange};
use reach::Reach;

/// The result for one change.
struct Attribution {
    scope: ChangeScope,
    cause: ChangeCause,
    line: String,
}

/// Sets scope, cause and cause line of each change. `changes` holds all that are open or ended lately, and not the new
/// ones alone: a second model of a provider widens the scope of the first. What was withdrawn stays as it is.
pub fn attribute(changes: &mut [SeriesChange], evidence: &ChangeEvidence) {
    let judged: Vec<Option<Attribution>> = changes
        .iter()
        .map(|change| (!is_withdrawn(change)).then(|| judge(change, changes, evidence)))
        .collect();
    for (change, judged) in changes.iter_mut().zip(judged) {
        if let Some(Attribution { scope, cause, line }) = judged {
            (change.scope, change.cause, change.cause_line) = (scope, cause, line);
        }
    }
}

fn judge(change: &SeriesChange, changes: &[SeriesChange], evidence: &ChangeEvidence) -> Attribution {
    let around = evidence.of(&change.id);
    let reach = Reach::of(change, changes, around);
    let (cause, line) = match &change.level {
        ChangedLevel::Figure { .. } => causes::of_figure(change, &reach, around),
        ChangedLevel::Swap { .. } => causes::of_swap(change, changes, &reach, around),
    };
    Attribution { scope: reach.scope(), cause, line }
}
