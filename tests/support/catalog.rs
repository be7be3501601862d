//! Models of the catalog, put there as an operator does it: one audited batch each.

use chrono::Utc;
use llmbench::domain::ModelRef;
use llmbench::storage::catalog::{Batch, ChangeOutcome, ChangeRequest};
use llmbench::storage::{Store, StoreError};
use serde_json::{Map, json};

/// Puts a model into the catalog, or changes its name and whether it is measured.
///
/// # Errors
/// Those of [`llmbench::storage::CatalogStore::change`].
pub async fn put_model(
    store: &dyn Store,
    model: &ModelRef,
    display_name: &str,
    enabled: bool,
) -> Result<(), StoreError> {
    let batch = Batch {
        id: ulid::Ulid::generate().to_string(),
        at: Utc::now(),
        who: "operator@desk".to_owned(),
        action: "add".to_owned(),
        why: None,
        planned: 1,
        undoes: None,
        undone_by: None,
        finished_at: None,
    };
    store.begin_batch(&batch).await?;
    let set = Map::from_iter([
        ("display_name".to_owned(), json!(display_name)),
        ("enabled".to_owned(), json!(enabled)),
    ]);
    let mut order = ChangeRequest { batch: batch.id.clone(), model: model.clone(), expected: None, set };
    if let ChangeOutcome::Overtaken(Some(entry)) = store.change(&order).await? {
        order.expected = Some(entry.values(order.set.keys()));
        store.change(&order).await?;
    }
    store.finish_batch(&batch.id, Utc::now()).await
}
