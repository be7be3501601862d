//! The store on a MongoDB server, in the collections that existing readers use. Every write asks for majority and journal,
//! every row goes in under its own `_id`, and no call waits longer than its deadline.

mod bson;
mod call;
mod catalogue;
mod connect;
mod derive;
mod errors;
mod indexes;
mod listings;
mod record;

use crate::domain::listing::{CatalogRow, Kept, Listing, MeasuredModel, ReadRow};
use crate::domain::{ModelRef, Outcome};
use crate::storage::{Listings, MongoUri, Names, Recorded, Sink, Store, StoreError, WorkItem, document};
use async_trait::async_trait;
use call::Caller;
use mongodb::{Collection, Database, bson::Document};
use std::sync::Arc;

/// A store on a server.
pub struct MongoStore {
    shared: Arc<Shared>,
    caller: Caller,
    published_profiles: Vec<String>,
    shown: String,
}

/// What a spawned call needs of the store.
struct Shared {
    database: Database,
    names: Names,
    published_profiles: Vec<String>,
}

impl Shared {
    fn collection(&self, name: &str) -> Collection<Document> {
        self.database.collection(name)
    }
}

impl MongoStore {
    /// Connects, logs in and asks the server for a sign of life.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] where no server answers in time, [`StoreError::Denied`] where it refuses the login,
    /// [`StoreError::Broken`] where two collections have one name or the connection string cannot work.
    pub async fn open(
        uri: &MongoUri,
        names: &Names,
        published_profiles: &[String],
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
            Shared { database, names: names.clone(), published_profiles: published_profiles.to_vec() };
        Ok(Self { shared: Arc::new(shared), caller, published_profiles: published_profiles.to_vec(), shown })
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

    async fn learned(&self, model: &ModelRef) -> Result<Vec<String>, StoreError> {
        let (shared, model) = (Arc::clone(&self.shared), model.clone());
        self.caller.call(async move { catalogue::learned(&shared, &model).await }).await
    }

    async fn learn(&self, model: &ModelRef, adaptation: &str) -> Result<(), StoreError> {
        let (shared, model, adaptation) = (Arc::clone(&self.shared), model.clone(), adaptation.to_owned());
        self.caller.call(async move { catalogue::learn(&shared, &model, &adaptation).await }).await
    }
}

#[async_trait]
impl Store for MongoStore {
    fn init_plan(&self) -> Vec<String> {
        indexes::plan(&self.shared.names)
    }

    async fn init(&self) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        self.caller.patiently(async move { indexes::create(&shared).await }).await
    }

    async fn put_model(&self, model: &ModelRef, display_name: &str, enabled: bool) -> Result<(), StoreError> {
        let (shared, model, name) = (Arc::clone(&self.shared), model.clone(), display_name.to_owned());
        self.caller.call(async move { catalogue::put_model(&shared, &model, &name, enabled).await }).await
    }

    async fn find_by_id(&self, model_id: &str) -> Result<Vec<ModelRef>, StoreError> {
        let (shared, model_id) = (Arc::clone(&self.shared), model_id.to_owned());
        self.caller.call(async move { catalogue::find_by_id(&shared, &model_id).await }).await
    }

    fn describe(&self) -> String {
        self.shown.clone()
    }
}

#[async_trait]
impl Listings for MongoStore {
    async fn keep_listing(&self, listing: &Listing) -> Result<Kept, StoreError> {
        let (shared, listing) = (Arc::clone(&self.shared), listing.clone());
        self.caller.patiently(async move { listings::keep(&shared, &listing).await }).await
    }

    async fn listed(&self, provider: Option<&str>) -> Result<Vec<CatalogRow>, StoreError> {
        let (shared, provider) = (Arc::clone(&self.shared), provider.map(str::to_owned));
        self.caller.call(async move { listings::listed(&shared, provider.as_deref()).await }).await
    }

    async fn list_reads(&self, provider: Option<&str>) -> Result<Vec<ReadRow>, StoreError> {
        let (shared, provider) = (Arc::clone(&self.shared), provider.map(str::to_owned));
        self.caller.call(async move { listings::reads(&shared, provider.as_deref()).await }).await
    }

    async fn measured_models(&self) -> Result<Vec<MeasuredModel>, StoreError> {
        let shared = Arc::clone(&self.shared);
        self.caller.call(async move { listings::measured(&shared).await }).await
    }
}
