//! Identities of models in MongoDB. The collection has a few documents for each model that an operator has named, so it
//! is read without an index of its own: readers may have made theirs under any name.

use super::{IdentityStore, ModelIdentity, POLICY_VERSION, check_key, newest};
use crate::storage::StoreError;
use crate::storage::catalog::mongo::work_list;
use crate::storage::mongo::bson::date;
use crate::storage::mongo::errors::MongoCallError;
use crate::storage::mongo::to_json::instant;
use crate::storage::mongo::{MongoContext, MongoStore};
use async_trait::async_trait;
use mongodb::bson::{Document, doc};
use std::sync::Arc;

#[async_trait]
impl IdentityStore for MongoStore {
    async fn identities(&self, provider: &str) -> Result<Vec<ModelIdentity>, StoreError> {
        let (shared, provider) = (Arc::clone(&self.shared), provider.to_owned());
        self.caller.call(async move { identities(&shared, &provider).await }).await
    }

    async fn append_identity(&self, identity: &ModelIdentity) -> Result<(), StoreError> {
        let (shared, identity) = (Arc::clone(&self.shared), identity.clone());
        self.caller.call(async move { append(&shared, &identity).await }).await
    }
}

async fn identities(shared: &MongoContext, provider: &str) -> Result<Vec<ModelIdentity>, MongoCallError> {
    let rows = shared.collection(&shared.names.model_identity);
    let sort = doc! { "effective_from": 1, "_id": 1 };
    let mut cursor = rows.find(doc! { "provider": provider }).sort(sort).await?;
    let mut words = Vec::new();
    while cursor.advance().await? {
        words.extend(identity(&cursor.deserialize_current()?));
    }
    Ok(newest(words))
}

/// A word, which another program may have written.
fn identity(row: &Document) -> Option<ModelIdentity> {
    Some(ModelIdentity {
        model: work_list::model(row)?,
        canonical_key: row.get_str("canonical_key").ok()?.to_owned(),
        effective_from: instant(row, "effective_from")?,
        resolved: row.get_bool("resolved").unwrap_or(false),
    })
}

async fn append(shared: &MongoContext, identity: &ModelIdentity) -> Result<(), MongoCallError> {
    if identity.resolved {
        let known = identities(shared, &identity.model.provider).await?;
        check_key(&known, &identity.model, &identity.canonical_key)?;
    }
    let row = doc! {
        "provider": &identity.model.provider,
        "model_id": &identity.model.model_id,
        "canonical_key": &identity.canonical_key,
        "effective_from": date(identity.effective_from),
        "policy_version": POLICY_VERSION,
        "resolved": identity.resolved,
    };
    shared.collection(&shared.names.model_identity).insert_one(row).await?;
    Ok(())
}
