//! The catalog in SQLite: entries, their figures, changes of them, and the list of models that a runner measures.

pub(in crate::storage) mod changes;
pub(in crate::storage) mod entries;
pub(in crate::storage) mod entry_status;
pub(in crate::storage) mod work_list;

use crate::domain::ModelRef;
use crate::storage::catalog::{
    Batch, CatalogChange, CatalogEntry, ChangeOutcome, ChangeRequest, ChangesOf, Figures, ModelScope,
};
use crate::storage::sqlite::SqliteStore;
use crate::storage::{CatalogStore, StoreError};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use std::collections::HashMap;

#[async_trait]
impl CatalogStore for SqliteStore {
    async fn entries(&self, provider: Option<&str>) -> Result<Vec<CatalogEntry>, StoreError> {
        let provider = provider.map(str::to_owned);
        self.ask(move |connection| entries::entries(connection, provider.as_deref())).await
    }

    async fn figures(
        &self,
        scope: &ModelScope,
        now: DateTime<Utc>,
    ) -> Result<HashMap<ModelRef, Figures>, StoreError> {
        let scope = scope.clone();
        self.ask(move |connection| entries::figures(connection, &scope, now)).await
    }

    async fn begin_batch(&self, batch: &Batch) -> Result<(), StoreError> {
        let batch = batch.clone();
        self.ask(move |connection| changes::begin(connection, &batch)).await
    }

    async fn change(&self, order: &ChangeRequest) -> Result<ChangeOutcome, StoreError> {
        let order = order.clone();
        self.ask(move |connection| changes::change(connection, &order)).await
    }

    async fn finish_batch(&self, id: &str, at: DateTime<Utc>) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.ask(move |connection| changes::finish(connection, &id, at)).await
    }

    async fn batches(&self, limit: u32) -> Result<Vec<Batch>, StoreError> {
        self.ask(move |connection| changes::batches(connection, limit)).await
    }

    async fn batch(&self, id: &str) -> Result<Option<Batch>, StoreError> {
        let id = id.to_owned();
        self.ask(move |connection| changes::batch(connection, &id)).await
    }

    async fn changes(&self, of: &ChangesOf) -> Result<Vec<CatalogChange>, StoreError> {
        let of = of.clone();
        self.ask(move |connection| changes::changes(connection, &of)).await
    }

    async fn find_by_id(&self, model_id: &str) -> Result<Vec<ModelRef>, StoreError> {
        let model_id = model_id.to_owned();
        self.ask(move |connection| work_list::find_by_id(connection, &model_id)).await
    }
}
