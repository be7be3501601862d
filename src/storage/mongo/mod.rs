//! The store on a MongoDB server, in the collections that existing readers use. Every write asks for majority and
//! journal, every row is inserted under its own `_id`, and no call waits longer than its deadline.

pub(super) mod bson;
pub(super) mod bulk_update;
pub(super) mod call;
pub(super) mod connect;
pub(super) mod errors;
pub(super) mod indexes;
pub(super) mod to_json;
pub(super) mod write_command;

use crate::domain::PublishedProfiles;
use crate::storage::{CollectionNames, MongoUri, Store, StoreError};
use async_trait::async_trait;
use call::Caller;
use mongodb::bson::Document;
use mongodb::{Collection, Database};
use std::sync::Arc;

/// A store on a server.
pub struct MongoStore {
    pub(super) shared: Arc<MongoContext>,
    pub(super) caller: Caller,
    pub(super) published_profiles: PublishedProfiles,
    pub(super) shown: String,
}

/// The parts of the store that a spawned call needs.
pub(super) struct MongoContext {
    pub(super) database: Database,
    pub(super) names: CollectionNames,
    pub(super) published_profiles: PublishedProfiles,
}

impl MongoContext {
    pub(super) fn collection(&self, name: &str) -> Collection<Document> {
        self.database.collection(name)
    }
}

impl MongoStore {
    /// Connects, logs in and checks that the server answers.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if no server answers in time, [`StoreError::Denied`] if it refuses the login,
    /// [`StoreError::Broken`] if two collections have one name or the connection string cannot work.
    pub async fn open(
        uri: &MongoUri,
        names: &CollectionNames,
        published_profiles: PublishedProfiles,
    ) -> Result<Self, StoreError> {
        if let Some(name) = names.shared() {
            return Err(StoreError::Broken(format!(
                "two collections are named `{name}`: give each its own name"
            )));
        }
        let caller = Caller::new(uri.clone());
        let (uri_of_task, database) = (uri.clone(), names.database.clone());
        let database =
            caller.call(async move { connect::database(&uri_of_task, database.as_deref()).await }).await?;
        let shown = format!("{uri}/{}", database.name());
        let shared =
            MongoContext { database, names: names.clone(), published_profiles: published_profiles.clone() };
        Ok(Self { shared: Arc::new(shared), caller, published_profiles, shown })
    }
}

#[async_trait]
impl Store for MongoStore {
    async fn init(&self) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        self.caller.patiently(async move { indexes::create(&shared).await }).await
    }
}
