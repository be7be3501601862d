//! Stores for outcomes and the catalog: SQLite and MongoDB behind the same traits, one folder per topic. Remote runners
//! need [`OutcomeSink`] alone; operators also use [`Store`], [`CatalogStore`], [`HistoryStore`], [`RowStore`],
//! [`ListingStore`], [`EndpointStore`], [`NoticeStore`], [`OverviewStore`] and [`InspectStore`], daemons [`ClaimStore`]
//! and [`HealthStore`], the bridge [`PostStore`] and [`IngestKeyStore`].
//!
//! [`outcomes::document`] turns an outcome into a row (types by [`outcomes::field_types`]) for the store that
//! [`open()`] made of a [`StoreLocation`]. [`crate::outbox::undelivered`] keeps rows that no store took; a daemon's
//! rows all go through [`super::outbox`]. Rollups and health are derived from rows after each one, new or repeated, and
//! never incremented: so the next delivery of a row repairs a crash between the row and its rollup.

pub mod aggregates;
pub mod bridge_url;
pub mod calibrations;
pub mod catalog;
pub mod claims;
pub mod collection_names;
pub mod endpoints;
mod error;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod health;
pub mod history;
pub mod identities;
pub mod inspect;
pub mod lifecycle;
pub mod listings;
pub mod mongo;
pub mod notices;
mod open;
pub mod outcomes;
pub mod overview;
pub mod posts;
pub(crate) mod private_files;
pub mod rankings;
pub mod series_blocks;
pub mod series_changes;
pub mod sqlite;
mod store;
pub mod store_url;
pub mod suggestions;

pub use bridge_url::BridgeUrl;
pub use calibrations::CalibrationStore;
pub use catalog::entry_status::StandingStore;
pub use catalog::{CatalogStore, WorkItem};
pub use claims::ClaimStore;
pub use claims::chores::ChoreStore;
pub use collection_names::CollectionNames;
pub use endpoints::EndpointStore;
pub use error::StoreError;
pub use health::HealthStore;
pub use history::HistoryStore;
pub use history::row_pages::RowStore;
pub use identities::IdentityStore;
pub use inspect::InspectStore;
pub use lifecycle::LifecycleStore;
pub use listings::ListingStore;
pub use notices::NoticeStore;
pub use open::{init_plan, look, no_database, open, suggestion_reader};
pub use outcomes::{OutcomeSink, RecordOutcome};
pub use overview::OverviewStore;
pub use posts::PostStore;
pub use posts::ingest_keys::IngestKeyStore;
pub use private_files::{create_private_dir, prepare_private_dir};
pub use rankings::RankingStore;
pub use series_blocks::SeriesBlockStore;
pub use series_changes::SeriesChangeStore;
pub use store::Store;
pub use store_url::{LocationError, MongoUri, StoreLocation};
pub use suggestions::SuggestionStore;
