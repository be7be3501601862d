//! For unit tests: one sound run and one failure, read from the files that the story test uses too,
//! and an enabled model.

use crate::domain::{Failure, ModelRef, Run};
use crate::storage::CatalogStore;
use crate::storage::catalog::{ChangeOutcome, ChangeRequest};
use serde_json::{Map, json};

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

/// Adds a new model to the catalog, enabled.
pub async fn enable(store: &(impl CatalogStore + ?Sized), model: &ModelRef) {
    let set = Map::from_iter([("enabled".to_owned(), json!(true))]);
    let order = ChangeRequest { batch: "01ENABLED".to_owned(), model: model.clone(), expected: None, set };
    assert_eq!(store.change(&order).await.unwrap(), ChangeOutcome::Done { cancelled_jobs: 0 });
}
