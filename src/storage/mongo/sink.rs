//! What a runner does with the store: the work list, rows one by one or many at once, what models refuse. Each is one call.

use super::{MongoStore, catalogue, derive, many, record};
use crate::domain::{ModelRef, Outcome};
use crate::storage::document::Row;
use crate::storage::moved::Moved;
use crate::storage::payload::Payload;
use crate::storage::{Recorded, Sink, StoreError, WorkItem, document};
use async_trait::async_trait;
use std::sync::Arc;

impl MongoStore {
    /// Keeps rows, and tells what they move. An answer for each, in their order.
    pub(super) async fn keep_rows(&self, rows: Vec<Row>) -> (Vec<Result<Recorded, StoreError>>, Moved) {
        let (shared, uri, count) = (Arc::clone(&self.shared), self.caller.uri().clone(), rows.len());
        let kept = self.caller.call(async move { Ok(many::keep_all(&shared, rows, &uri).await) }).await;
        kept.unwrap_or_else(|error| (vec![Err(error); count], Moved::default()))
    }
}

#[async_trait]
impl Sink for MongoStore {
    async fn work_list(&self, provider: Option<&str>) -> Result<Vec<WorkItem>, StoreError> {
        let (shared, provider) = (Arc::clone(&self.shared), provider.map(str::to_owned));
        self.caller.call(async move { catalogue::work_list(&shared, provider.as_deref()).await }).await
    }

    async fn record(&self, outcome: &Outcome) -> Result<Recorded, StoreError> {
        let row = document::row(outcome, &self.published_profiles)?;
        let shared = Arc::clone(&self.shared);
        self.caller.call(async move { record::record(&shared, &row).await }).await
    }

    async fn keep_all(&self, payloads: &[&Payload]) -> (Vec<Result<Recorded, StoreError>>, Moved) {
        let rows = payloads.iter().map(|payload| document::row_of(payload, &self.published_profiles));
        let (sound, flaws) = document::sound(rows);
        let (kept, moved) = self.keep_rows(sound).await;
        (document::answers(flaws, Ok(kept)), moved)
    }

    async fn derive(&self, moved: &Moved) -> Result<(), StoreError> {
        let (shared, moved) = (Arc::clone(&self.shared), moved.clone());
        let work = async move {
            tokio::try_join!(derive::rollups(&shared, &moved), derive::healths(&shared, &moved)).map(drop)
        };
        self.caller.call(work).await
    }

    fn describe(&self) -> String {
        self.shown.clone()
    }

    async fn learned(&self, model: &ModelRef) -> Result<Vec<String>, StoreError> {
        let (shared, model) = (Arc::clone(&self.shared), model.clone());
        self.caller.call(async move { catalogue::learned(&shared, &model).await }).await
    }

    async fn learn(&self, model: &ModelRef, adaptation: &str) -> Result<(), StoreError> {
        let (shared, model, adaptation) = (Arc::clone(&self.shared), model.clone(), adaptation.to_owned());
        self.caller.call(async move { catalogue::learn(&shared, &model, &adaptation).await }).await
    }
}
