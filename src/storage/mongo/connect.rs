//! The client and its options. Settings of the URI are kept, except those that guarantees depend on: durable writes and
//! reads from the primary.

use super::errors::MongoCallError;
use crate::storage::MongoUri;
use crate::storage::collection_names::DEFAULT_DATABASE;
use mongodb::bson::doc;
use mongodb::options::{Acknowledgment, ClientOptions, ReadPreference, SelectionCriteria, WriteConcern};
use mongodb::{Client, Database};
use std::time::Duration;

/// Time for which the server waits for a majority before it reports that it did not confirm. The write stays.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

// With the driver's defaults a frozen server is noticed after 50 s; with these after about 6 s.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const HEARTBEAT: Duration = Duration::from_secs(1);
const SERVER_SELECTION: Duration = Duration::from_secs(3);

/// Connections that are opened at once. With the driver's two, a query of several parts waits for its connections.
const CONNECTING: u32 = 8;

/// Connects and checks that the server answers.
pub async fn database(uri: &MongoUri, named: Option<&str>) -> Result<Database, MongoCallError> {
    let database = handle(uri, named).await?;
    database.run_command(doc! { "ping": 1 }).await?;
    Ok(database)
}

/// The database, without connecting yet: `named`, else that of the URI, else the contract's.
pub async fn handle(uri: &MongoUri, named: Option<&str>) -> Result<Database, MongoCallError> {
    let options = options(ClientOptions::parse(uri.expose()).await?);
    let name = named.map(str::to_owned).or_else(|| options.default_database.clone());
    let name = name.unwrap_or_else(|| DEFAULT_DATABASE.to_owned());
    Ok(Client::with_options(options)?.database(&name))
}

/// Always sends a write concern, because a standalone server acknowledges by default writes that a crash can undo.
/// Reads after writes are reliable on the primary alone.
fn options(mut options: ClientOptions) -> ClientOptions {
    options.connect_timeout.get_or_insert(CONNECT_TIMEOUT);
    options.heartbeat_freq.get_or_insert(HEARTBEAT);
    options.server_selection_timeout.get_or_insert(SERVER_SELECTION);
    options.max_connecting.get_or_insert(CONNECTING);
    options.app_name.get_or_insert_with(|| "llmbench".to_owned());
    options.write_concern = Some(
        WriteConcern::builder().w(Acknowledgment::Majority).journal(true).w_timeout(WRITE_TIMEOUT).build(),
    );
    options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn writes_are_durable_whatever_the_uri_says() {
        let parsed = ClientOptions::parse("mongodb://h/?w=0&connectTimeoutMS=7000&readPreference=secondary");
        let options = options(parsed.await.unwrap());
        let concern = options.write_concern.unwrap();
        assert_eq!(concern.w, Some(Acknowledgment::Majority));
        assert_eq!(concern.journal, Some(true));
        assert_eq!(concern.w_timeout, Some(WRITE_TIMEOUT));
        assert_eq!(options.connect_timeout, Some(Duration::from_secs(7)));
        assert_eq!(options.server_selection_timeout, Some(SERVER_SELECTION));
        assert_eq!(
            options.selection_criteria,
            Some(SelectionCriteria::ReadPreference(ReadPreference::Primary))
        );
    }
}
