//! Rows whose slot has another row in the store already: they were paid for, and are kept beside it.

use crate::domain::Outcome;
use crate::domain::slot::SUPERSEDED;
use crate::storage::{Recorded, Sink, StoreError};
use serde_json::Value;
use std::sync::Arc;

/// Has rows recorded; one whose slot has another row is kept beside it.
pub async fn record_all(sink: Arc<dyn Sink>, outcomes: Vec<Outcome>) -> Vec<Result<Recorded, StoreError>> {
    let mut answers = sink.record_all(&outcomes).await;
    let taken = |answer: &Result<Recorded, StoreError>| matches!(answer, Err(StoreError::Conflict(_)));
    let (places, beside): (Vec<_>, Vec<_>) = (answers.iter().zip(&outcomes).enumerate())
        .filter(|(_, (answer, _))| taken(answer))
        .filter_map(|(place, (_, outcome))| Some((place, superseded(outcome)?)))
        .unzip();
    if !beside.is_empty() {
        for (place, answer) in places.into_iter().zip(sink.record_all(&beside).await) {
            answers[place] = answer;
        }
    }
    answers
}

/// A success whose slot has another row in the store: two daemons measured it while neither could ask. The first row counts;
/// this one was paid for, and is kept beside it. Its id follows from what it is, so that sending it twice is once.
fn superseded(outcome: &Outcome) -> Option<Outcome> {
    let Outcome::Success(run) = outcome else { return None };
    let text = |name: &str| run.extra.get(name).and_then(Value::as_str);
    let (slot_at, owner) = (text("slot_at")?, text("daemon_owner")?);
    if !run.id.ends_with(&format!("/{slot_at}")) {
        return None;
    }
    let mut kept = run.clone();
    kept.id = format!("{}#{owner}", run.id);
    SUPERSEDED.clone_into(&mut kept.sample_role);
    Some(Outcome::Success(kept))
}
