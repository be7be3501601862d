//! One sound run and one failure for the unit tests of this layer, read from the files that the story test uses too.

use crate::domain::{Failure, Run};

/// A published run with every field filled, unknown ones included.
pub fn run(id: &str, provider: &str, model: &str) -> Run {
    let mut run: Run = serde_json::from_str(include_str!("../../tests/data/run.json")).unwrap();
    (run.id, run.provider, run.model_name) = (id.to_owned(), provider.to_owned(), model.to_owned());
    run
}

/// A failure of a published attempt.
pub fn failure(id: &str, provider: &str, model: &str) -> Failure {
    let mut failure: Failure = serde_json::from_str(include_str!("../../tests/data/failure.json")).unwrap();
    (failure.id, failure.provider, failure.model_name) =
        (id.to_owned(), provider.to_owned(), model.to_owned());
    failure
}
