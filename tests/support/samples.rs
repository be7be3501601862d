//! Outcomes to record: sound ones, to be changed by the test that needs something else.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use llmbench::domain::{Failure, Outcome, Run};

/// A published run that ended now.
pub fn run(id: &str, provider: &str, model: &str) -> Run {
    let mut run: Run = serde_json::from_str(include_str!("../data/run.json")).unwrap();
    (run.id, run.provider, run.model_name) = (id.to_owned(), provider.to_owned(), model.to_owned());
    run.gen_ts = now();
    run.run_ts = run.gen_ts - TimeDelta::milliseconds(1333);
    run
}

/// A failure of a published attempt, now.
pub fn failure(id: &str, provider: &str, model: &str) -> Failure {
    let mut failure: Failure = serde_json::from_str(include_str!("../data/failure.json")).unwrap();
    (failure.id, failure.provider, failure.model_name) =
        (id.to_owned(), provider.to_owned(), model.to_owned());
    failure.ts = now();
    failure
}

/// The time, in the milliseconds that stores keep.
pub fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(3)
}

/// A run as an outcome.
pub fn success(run: &Run) -> Outcome {
    Outcome::Success(Box::new(run.clone()))
}

/// A failure as an outcome.
pub fn failed(failure: &Failure) -> Outcome {
    Outcome::Failure(Box::new(failure.clone()))
}
