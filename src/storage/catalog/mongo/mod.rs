//! The catalog in MongoDB: entries, their figures, changes of them, and the list of models that a runner measures.

pub(in crate::storage) mod changes;
pub(in crate::storage) mod entries;
pub(in crate::storage) mod entry_status;
pub(in crate::storage) mod work_list;

use crate::domain::ModelRef;
use crate::storage::catalog::{
    Batch, CatalogChange, CatalogEntry, ChangeOutcome, ChangeRequest, ChangesOf, Figures, ModelScope,
};
use crate::storage::mongo::MongoStore;
use crate::storage::{CatalogStore, StoreError};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use std::collections::HashMap;
use std::sync::Arc;

#[async_trait]
impl CatalogStore for MongoStore {
    async fn entries(&self, provider: Option<&str>) -> Result<Vec<CatalogEntry>, StoreError> {
        let (shared, provider) = (Arc::clone(&self.shared), provider.map(str::to_owned));
        self.caller.call(async move { entries::entries(&shared, provider.as_deref()).await }).await
    }

    async fn figures(
        &self,
        scope: &ModelScope,
        now: DateTime<Utc>,
    ) -> Result<HashMap<ModelRef, Figures>, StoreError> {
        let (shared, scope) = (Arc::clone(&self.shared), scope.clone());
        self.caller.call(async move { entries::figures(&shared, &scope, now).await }).await
    }

    async fn begin_batch(&self, batch: &Batch) -> Result<(), StoreError> {
        let (shared, batch) = (Arc::clone(&self.shared), batch.clone());
        self.caller.call(async move { changes::begin(&shared, &batch).await }).await
    }

    async fn change(&self, order: &ChangeRequest) -> Result<ChangeOutcome, StoreError> {
        let (shared, order) = (Arc::clone(&self.shared), order.clone());
        self.caller.call(async move { changes::change(&shared, &order).await }).await
    }

    async fn finish_batch(&self, id: &str, at: DateTime<Utc>) -> Result<(), StoreError> {
        let (shared, id) = (Arc::clone(&self.shared), id.to_owned());
        self.caller.call(async move { changes::finish(&shared, &id, at).await }).await
    }

    async fn batches(&self, limit: u32) -> Result<Vec<Batch>, StoreError> {
        let shared = Arc::clone(&self.shared);
        self.caller.call(async move { changes::batches(&shared, limit).await }).await
    }

    async fn batch(&self, id: &str) -> Result<Option<Batch>, StoreError> {
        let (shared, id) = (Arc::clone(&self.shared), id.to_owned());
        self.caller.call(async move { changes::batch(&shared, &id).await }).await
    }

    async fn changes(&self, of: &ChangesOf) -> Result<Vec<CatalogChange>, StoreError> {
        let (shared, of) = (Arc::clone(&self.shared), of.clone());
        self.caller.call(async move { changes::changes(&shared, &of).await }).await
    }

    async fn find_by_id(&self, model_id: &str) -> Result<Vec<ModelRef>, StoreError> {
        let (shared, model_id) = (Arc::clone(&self.shared), model_id.to_owned());
        self.caller.call(async move { work_list::find_by_id(&shared, &model_id).await }).await
    }
}
