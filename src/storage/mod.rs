//! Where outcomes are kept and the catalogue is read and changed: SQLite and MongoDB behind the same traits. [`OutcomeSink`] is
//! all that a remote runner may do; [`CatalogStore`] and [`Store`] add what an operator does, [`HistoryStore`] what an operator
//! may ask, [`RowStore`] reads many rows, [`ListingStore`] keeps what providers list and [`NoticeStore`] what was told about it,
//! [`OverviewStore`] tells how all of it is, and [`InspectStore`] looks whether the store itself is in order. [`ClaimStore`] says who
//! measures what now, and [`HealthStore`] keeps signs of life. [`PostStore`] and [`IngestKeyStore`] are for the bridge that remote
//! runners post to.
//!
//! An outcome becomes a row in [`outcomes::document`] (types by the table in [`outcomes::field_types`]), and the row goes to the store that
//! [`open()`] made of a [`StoreLocation`]. What no store took is kept by [`crate::outbox::undelivered`] until one does; a daemon's rows
//! all go through [`super::outbox`].
//!
//! Nothing is counted beside a row: rollups and health are derived from rows after each one, the same way for a new row
//! and for one that was there already. So a crash between a row and its rollup is healed by the next delivery of that row.

pub mod aggregates;
pub mod bridge_url;
pub mod catalog;
pub mod claims;
pub mod collection_names;
mod error;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod health;
pub mod history;
pub mod inspect;
pub mod listings;
pub mod mongo;
pub mod notices;
mod open;
pub mod outcomes;
pub mod overview;
pub mod posts;
pub(crate) mod private_files;
pub mod sqlite;
mod store;
pub mod store_url;
pub mod suggestions;

pub use bridge_url::BridgeUrl;
pub use catalog::entry_status::StandingStore;
pub use catalog::{CatalogStore, WorkItem};
pub use claims::ClaimStore;
pub use claims::chores::ChoreStore;
pub use collection_names::CollectionNames;
pub use error::StoreError;
pub use health::HealthStore;
pub use history::HistoryStore;
pub use history::row_pages::RowStore;
pub use inspect::InspectStore;
pub use listings::ListingStore;
pub use notices::NoticeStore;
pub use open::{init_plan, look, no_database, open, suggestion_reader};
pub use outcomes::{OutcomeSink, RecordOutcome};
pub use overview::OverviewStore;
pub use posts::PostStore;
pub use posts::ingest_keys::IngestKeyStore;
pub use private_files::{create_private_dir, prepare_private_dir};
pub use store::Store;
pub use store_url::{LocationError, MongoUri, StoreLocation};
pub use suggestions::SuggestionStore;
