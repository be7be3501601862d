//! A runner's operations on the store: the work list, single rows or many at once, learned adaptations. Each is one
//! call.

use super::mongo_row::BsonRow;
use super::payload::OutcomePayload;
use super::{document, mongo_bulk, mongo_record};
use crate::domain::{ModelRef, Outcome};
use crate::storage::aggregates::PendingAggregates;
use crate::storage::catalog::mongo::work_list;
use crate::storage::mongo::MongoStore;
use crate::storage::{OutcomeSink, RecordOutcome, StoreError, WorkItem, aggregates};
use async_trait::async_trait;
use std::sync::Arc;

impl MongoStore {
    /// Stores rows, and returns their answers, in order, and the pending aggregates.
    pub(in crate::storage) async fn keep_rows(
        &self,
        rows: Vec<BsonRow>,
    ) -> (Vec<Result<RecordOutcome, StoreError>>, PendingAggregates) {
        let (shared, uri, count) = (Arc::clone(&self.shared), self.caller.uri().clone(), rows.len());
        let kept = self.caller.call(async move { Ok(mongo_bulk::keep_all(&shared, rows, &uri).await) }).await;
        kept.unwrap_or_else(|error| (vec![Err(error); count], PendingAggregates::default()))
    }
}

#[async_trait]
impl OutcomeSink for MongoStore {
    async fn work_list(&self, provider: Option<&str>) -> Result<Vec<WorkItem>, StoreError> {
        let (shared, provider) = (Arc::clone(&self.shared), provider.map(str::to_owned));
        self.caller.call(async move { work_list::work_list(&shared, provider.as_deref()).await }).await
    }

    async fn record(&self, outcome: &Outcome) -> Result<RecordOutcome, StoreError> {
        let row = BsonRow::of(&document::row(outcome, &self.published_profiles)?)?;
        let shared = Arc::clone(&self.shared);
        self.caller.call(async move { mongo_record::record(&shared, &row).await }).await
    }

    async fn keep_all(
        &self,
        payloads: &[&OutcomePayload],
    ) -> (Vec<Result<RecordOutcome, StoreError>>, PendingAggregates) {
        let rows = payloads.iter().map(|payload| BsonRow::read(payload, &self.published_profiles));
        let (sound, flaws) = document::sound(rows);
        let (kept, aggregates) = self.keep_rows(sound).await;
        (document::answers(flaws, Ok(kept)), aggregates)
    }

    async fn derive(&self, aggregates: &PendingAggregates) -> Result<(), StoreError> {
        let (shared, aggregates) = (Arc::clone(&self.shared), aggregates.clone());
        let work = async move {
            tokio::try_join!(
                aggregates::mongo::rollups(&shared, &aggregates),
                aggregates::mongo::healths(&shared, &aggregates)
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
        self.caller.call(async move { work_list::learned(&shared, &model).await }).await
    }

    async fn learn(&self, model: &ModelRef, adaptation: &str) -> Result<(), StoreError> {
        let (shared, model, adaptation) = (Arc::clone(&self.shared), model.clone(), adaptation.to_owned());
        self.caller.call(async move { work_list::learn(&shared, &model, &adaptation).await }).await
    }
}
