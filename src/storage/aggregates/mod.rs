//! The aggregates that rows affect: the rollups of errors and the health of models. Small for any number of rows, and
//! two of them can be merged, so that a store can keep many batches and then update their aggregates once. `sqlite` and
//! `mongo` do that for their stores.

pub(super) mod mongo;
pub(super) mod mongo_backfill;
pub(super) mod mongo_bulk_health;
pub(super) mod sqlite;

use crate::domain::ModelRef;
use crate::storage::health::model_health::{CLOCK_SLACK, LastError};
use crate::storage::outcomes::document::{RowDestination, RowView};
use chrono::{DateTime, Utc};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// The aggregates that some rows affect; empty without rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PendingAggregates {
    /// Errors by their fingerprint.
    pub errors: HashMap<String, ErrorRollup>,
    /// Models of the published series.
    pub models: HashMap<ModelRef, NewestAttempts>,
}

/// Errors of one fingerprint.
#[derive(Debug, Clone, PartialEq)]
pub struct ErrorRollup {
    pub provider: String,
    pub model_name: String,
    pub stage: String,
    pub error_kind: String,
    pub message: String,
    pub first: Option<DateTime<Utc>>,
    pub last: Option<DateTime<Utc>>,
}

/// The newest of a model's new rows. A row dated into the future is ignored.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NewestAttempts {
    /// End of the newest success.
    pub success_at: Option<DateTime<Utc>>,
    pub error: Option<LastError>,
    /// End of the newest sample that was too doubtful to be published: an attempt, but neither success nor failure.
    pub suspect_at: Option<DateTime<Utc>>,
}

impl PendingAggregates {
    /// True if no aggregate is affected.
    pub fn is_empty(&self) -> bool {
        self.errors.is_empty() && self.models.is_empty()
    }

    pub fn add(&mut self, row: &impl RowView, now: DateTime<Utc>) {
        if row.place() == RowDestination::Errors {
            self.add_error(row);
        }
        if row.moves_health() {
            let model = ModelRef::new(row.text("provider"), row.text("model_name"));
            self.models.entry(model).or_default().take(newest(row, now));
        }
    }

    fn add_error(&mut self, row: &impl RowView) {
        let seen = row.instant("ts");
        let text = |name: &str| row.text(name).to_owned();
        let errors = ErrorRollup {
            provider: text("provider"),
            model_name: text("model_name"),
            stage: text("stage"),
            error_kind: text("error_kind"),
            message: text("normalized_message"),
            first: seen,
            last: seen,
        };
        self.take_errors(text("fingerprint"), errors);
    }

    fn take_errors(&mut self, fingerprint: String, errors: ErrorRollup) {
        match self.errors.entry(fingerprint) {
            Entry::Vacant(entry) => drop(entry.insert(errors)),
            Entry::Occupied(mut entry) => {
                let known = entry.get_mut();
                known.first = known.first.min(errors.first);
                known.last = known.last.max(errors.last);
            }
        }
    }

    pub fn merge(&mut self, other: PendingAggregates) {
        for (fingerprint, errors) in other.errors {
            self.take_errors(fingerprint, errors);
        }
        for (model, newest) in other.models {
            self.models.entry(model).or_default().take(newest);
        }
    }
}

impl NewestAttempts {
    fn take(&mut self, other: NewestAttempts) {
        self.success_at = self.success_at.max(other.success_at);
        self.suspect_at = self.suspect_at.max(other.suspect_at);
        let at = |error: &Option<LastError>| error.as_ref().map(|error| error.at);
        if at(&other.error) > at(&self.error) {
            self.error = other.error;
        }
    }
}

/// The attempt of a row that affects the health of its model.
pub fn newest(row: &impl RowView, now: DateTime<Utc>) -> NewestAttempts {
    let at = |name: &str| row.instant(name);
    let present = |at: &DateTime<Utc>| *at <= now + CLOCK_SLACK;
    let ended = || at("run_ts").filter(present).and_then(|_| at("gen_ts"));
    match row.place() {
        RowDestination::Published => NewestAttempts { success_at: ended(), ..NewestAttempts::default() },
        RowDestination::Errors => {
            let text = |name: &str| row.text(name).to_owned();
            let error = at("ts").filter(present);
            let error = error.map(|at| LastError { at, kind: text("error_kind"), message: text("message") });
            NewestAttempts { error, ..NewestAttempts::default() }
        }
        RowDestination::Probe => NewestAttempts { suspect_at: ended(), ..NewestAttempts::default() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Outcome;
    use crate::storage::fixtures;
    use crate::storage::outcomes::document;
    use chrono::TimeDelta;

    fn aggregates(outcomes: &[Outcome]) -> PendingAggregates {
        let mut aggregates = PendingAggregates::default();
        for outcome in outcomes {
            let row = document::row(
                outcome,
                &crate::domain::PublishedProfiles::from(&["cloud-default-v1".to_owned()]),
            )
            .unwrap();
            aggregates.add(&row, Utc::now());
        }
        aggregates
    }

    fn outcomes() -> Vec<Outcome> {
        let now = Utc::now();
        let run = |id: &str, model: &str, hours: i64| {
            let mut run = fixtures::run(id, "groq", model);
            run.run_ts = now - TimeDelta::hours(hours);
            run.gen_ts = run.run_ts + TimeDelta::seconds(1);
            Outcome::Success(Box::new(run))
        };
        let failure = |id: &str, hours: i64| {
            let mut failure = fixtures::failure(id, "groq", "b");
            failure.ts = now - TimeDelta::hours(hours);
            Outcome::Failure(Box::new(failure))
        };
        vec![
            run("r1", "a", 3),
            failure("f1", 5),
            run("r2", "a", 1),
            run("future", "a", -2),
            failure("f2", 2),
            failure("f3", 9),
            run("r3", "b", 4),
        ]
    }

    #[test]
    fn rows_move_the_same_in_any_portions() {
        let outcomes = outcomes();
        let whole = aggregates(&outcomes);
        for cut in 0..=outcomes.len() {
            let (before, after) = outcomes.split_at(cut);
            let mut parts = aggregates(after);
            parts.merge(aggregates(before));
            assert_eq!(parts, whole, "{cut}");
        }
    }

    #[test]
    fn the_newest_counts_and_the_future_does_not() {
        let (aggregates, now) = (aggregates(&outcomes()), Utc::now());
        let hours = |at: Option<DateTime<Utc>>| at.map(|at| (now - at + TimeDelta::minutes(1)).num_hours());
        let [a, b] = ["a", "b"].map(|model| &aggregates.models[&ModelRef::new("groq", model)]);
        assert_eq!((hours(a.success_at), a.error.is_none()), (Some(1), true));
        assert_eq!((hours(b.success_at), hours(b.error.as_ref().map(|error| error.at))), (Some(4), Some(2)));
        let [errors] = aggregates.errors.values().collect::<Vec<_>>()[..] else { panic!("{aggregates:?}") };
        assert_eq!((hours(errors.first), hours(errors.last)), (Some(9), Some(2)));
    }
}
