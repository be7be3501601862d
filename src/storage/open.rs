//! From a location to an open store. The store is reached and, where it has a login, let in, before this returns: a store
//! that cannot work should be known before a paid request is sent.

use crate::storage::mongo::MongoStore;
use crate::storage::sqlite::SqliteStore;
use crate::storage::{
    BridgeUrl, CollectionNames, Store, StoreError, StoreLocation, SuggestionStore, mongo, sqlite, suggestions,
};
use std::sync::Arc;

/// Opens the store at `location`. Rows of the profiles named in `published_profiles` (ids such as `cloud-default-v1`) can
/// reach the published collection; `names` counts for MongoDB alone.
///
/// # Errors
/// [`StoreError::Unavailable`] where a server does not answer, [`StoreError::Denied`] where it refuses the login,
/// [`StoreError::Broken`] where a file or a configuration cannot work; each says what to do.
pub async fn open(
    location: &StoreLocation,
    names: &CollectionNames,
    published_profiles: &[String],
) -> Result<Arc<dyn Store>, StoreError> {
    match location {
        StoreLocation::Sqlite(path) => Ok(Arc::new(SqliteStore::open(path, published_profiles).await?)),
        StoreLocation::Mongo(uri) => Ok(Arc::new(MongoStore::open(uri, names, published_profiles).await?)),
        StoreLocation::Bridge(url) => Err(no_database(url)),
    }
}

/// What is said where a database is needed and a bridge is named.
pub fn no_database(url: &BridgeUrl) -> StoreError {
    StoreError::Broken(format!(
        "{url} is a bridge: it takes results and says what to measure, and only `run`, `daemon`, `status` and `outbox` \
         work with it; run this command where the database is"
    ))
}

/// Opens the store at `location` to look at it. Nothing is created, brought up to date or written.
///
/// # Errors
/// As [`open`], and where there is no file.
pub async fn look(
    location: &StoreLocation,
    names: &CollectionNames,
    published_profiles: &[String],
) -> Result<Arc<dyn Store>, StoreError> {
    match location {
        StoreLocation::Sqlite(path) => Ok(Arc::new(SqliteStore::look(path, published_profiles).await?)),
        StoreLocation::Mongo(_) | StoreLocation::Bridge(_) => open(location, names, published_profiles).await,
    }
}

/// Opens the store at `location` for suggestions alone: nothing is created, brought up to date or waited for.
///
/// # Errors
/// [`StoreError`] where a connection string cannot be read.
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

/// What [`Store::init`] creates where it is missing, one line each, for people. Opens nothing.
pub fn init_plan(location: &StoreLocation, names: &CollectionNames) -> Vec<String> {
    match location {
        StoreLocation::Sqlite(_) => sqlite::schema::plan(),
        StoreLocation::Mongo(_) => mongo::indexes::plan(names),
        StoreLocation::Bridge(_) => Vec::new(),
    }
}
