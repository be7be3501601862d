//! What a runner does with the store: the work list, rows one by one or many at once, what models refuse. Each is one call.

use super::{MongoStore, aggregate, bulk_insert, catalog, record_outcome};
use crate::domain::{ModelRef, Outcome};
use crate::storage::document::Row;
use crate::storage::payload::OutcomePayload;
use crate::storage::pending_aggregates::PendingAggregates;
use crate::storage::{OutcomeSink, RecordOutcome, StoreError, WorkItem, document};
use async_trait::async_trait;
use std::sync::Arc;

impl MongoStore {
    /// Keeps rows, and tells what they move. An answer for each, in their order.
    pub(super) async fn keep_rows(
        &self,
        rows: Vec<Row>,
    ) -> (Vec<Result<RecordOutcome, StoreError>>, PendingAggregates) {
        let (shared, uri, count) = (Arc::clone(&self.shared), self.caller.uri().clone(), rows.len());
        let kept =
            self.caller.call(async move { Ok(bulk_insert::keep_all(&shared, rows, &uri).await) }).await;
        kept.unwrap_or_else(|error| (vec![Err(error); count], PendingAggregates::default()))
    }
}

#[async_trait]
impl OutcomeSink for MongoStore {
    async fn work_list(&self, provider: Option<&str>) -> Result<Vec<WorkItem>, StoreError> {
        let (shared, provider) = (Arc::clone(&self.shared), provider.map(str::to_owned));
        self.caller.call(async move { catalog::work_list(&shared, provider.as_deref()).await }).await
    }

    async fn record(&self, outcome: &Outcome) -> Result<RecordOutcome, StoreError> {
        let row = document::row(outcome, &self.published_profiles)?;
        let shared = Arc::clone(&self.shared);
        self.caller.call(async move { record_outcome::record(&shared, &row).await }).await
    }

    async fn keep_all(
        &self,
        payloads: &[&OutcomePayload],
    ) -> (Vec<Result<RecordOutcome, StoreError>>, PendingAggregates) {
        let rows = payloads.iter().map(|payload| document::row_of(payload, &self.published_profiles));
        let (sound, flaws) = document::sound(rows);
        let (kept, aggregates) = self.keep_rows(sound).await;
        (document::answers(flaws, Ok(kept)), aggregates)
    }

    async fn derive(&self, aggregates: &PendingAggregates) -> Result<(), StoreError> {
        let (shared, aggregates) = (Arc::clone(&self.shared), aggregates.clone());
        let work = async move {
            tokio::try_join!(
                aggregate::rollups(&shared, &aggregates),
                aggregate::healths(&shared, &aggregates)
            )
            .map(drop)
        };
        self.caller.call(work).await
    }

    fn describe(&self) -> String {
        self.shown.clone()
    }

    async fn learned(&self, model: &ModelRef) -> Result<Vec<String>, StoreError> {
        let (shared, model) = (Arc::clone(&self.shared), model.clone());
        self.caller.call(async move { catalog::learned(&shared, &model).await }).await
    }

    async fn learn(&self, model: &ModelRef, adaptation: &str) -> Result<(), StoreError> {
        let (shared, model, adaptation) = (Arc::clone(&self.shared), model.clone(), adaptation.to_owned());
        self.caller.call(async move { catalog::learn(&shared, &model, &adaptation).await }).await
    }
}
