//! Opens a store from its location. The store is reached and, if it has a login, logged in to before this returns: an
//! unusable store should be known before a paid request is sent.

use crate::domain::PublishedProfiles;
use crate::storage::mongo::MongoStore;
use crate::storage::sqlite::SqliteStore;
use crate::storage::{
    BridgeUrl, CollectionNames, Store, StoreError, StoreLocation, SuggestionStore, mongo, sqlite, suggestions,
};
use std::sync::Arc;

/// Opens the store at `location`. Rows of the profiles named in `published_profiles` (ids such as `cloud-default-v1`)
/// can reach the published collection; `names` is used for MongoDB alone.
///
/// # Errors
/// [`StoreError::Unavailable`] if a server does not answer, [`StoreError::Denied`] if it refuses the login,
/// [`StoreError::Broken`] if a file or a configuration cannot work; each says how to fix it.
pub async fn open(
    location: &StoreLocation,
    names: &CollectionNames,
    published_profiles: impl Into<PublishedProfiles>,
) -> Result<Arc<dyn Store>, StoreError> {
    match location {
        StoreLocation::Sqlite(path) => {
            Ok(Arc::new(SqliteStore::open(path, published_profiles.into()).await?))
        }
        StoreLocation::Mongo(uri) => {
            Ok(Arc::new(MongoStore::open(uri, names, published_profiles.into()).await?))
        }
        StoreLocation::Bridge(url) => Err(no_database(url)),
    }
}

/// The error if a bridge is named but a database is needed.
pub fn no_database(url: &BridgeUrl) -> StoreError {
    StoreError::Broken(format!(
        "{url} is a bridge: it takes results and says what to measure, and only `run`, `daemon`, `status` and `outbox` \
         work with it; run this command where the database is"
    ))
}

/// Opens the store at `location` for reading. Nothing is created, migrated or written.
///
/// # Errors
/// As [`open`], and if there is no file.
pub async fn look(
    location: &StoreLocation,
    names: &CollectionNames,
    published_profiles: impl Into<PublishedProfiles>,
) -> Result<Arc<dyn Store>, StoreError> {
    match location {
        StoreLocation::Sqlite(path) => {
            Ok(Arc::new(SqliteStore::look(path, published_profiles.into()).await?))
        }
        StoreLocation::Mongo(_) | StoreLocation::Bridge(_) => open(location, names, published_profiles).await,
    }
}

/// Opens the store at `location` for suggestions alone: nothing is created, migrated or waited for.
///
/// # Errors
/// [`StoreError`] if a connection string cannot be read.
pub async fn suggestion_reader(
    location: &StoreLocation,
    names: &CollectionNames,
) -> Result<Box<dyn SuggestionStore>, StoreError> {
    match location {
        StoreLocation::Sqlite(path) => Ok(Box::new(suggestions::sqlite::SqliteSuggestions::new(path))),
        StoreLocation::Mongo(uri) => {
            Ok(Box::new(suggestions::mongo::MongoSuggestions::open(uri, names).await?))
        }
        StoreLocation::Bridge(url) => Err(no_database(url)),
    }
}

/// The missing objects that [`Store::init`] would create, one line each, for people. Opens nothing.
pub fn init_plan(location: &StoreLocation, names: &CollectionNames) -> Vec<String> {
    match location {
        StoreLocation::Sqlite(_) => sqlite::schema::plan(),
        StoreLocation::Mongo(_) => mongo::indexes::plan(names),
        StoreLocation::Bridge(_) => Vec::new(),
    }
}
