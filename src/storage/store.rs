//! The sum of the topics: all calls of an operator's store.

use super::calibrations::CalibrationStore;
use super::catalog::CatalogStore;
use super::catalog::entry_status::StandingStore;
use super::claims::ClaimStore;
use super::claims::chores::ChoreStore;
use super::endpoints::EndpointStore;
use super::error::StoreError;
use super::health::HealthStore;
use super::history::HistoryStore;
use super::history::row_pages::RowStore;
use super::identities::IdentityStore;
use super::inspect::InspectStore;
use super::lifecycle::LifecycleStore;
use super::listings::ListingStore;
use super::notices::NoticeStore;
use super::outcomes::OutcomeSink;
use super::overview::OverviewStore;
use super::posts::PostStore;
use super::posts::ingest_keys::IngestKeyStore;
use super::rankings::RankingStore;
use super::series_blocks::SeriesBlockStore;
use super::series_changes::SeriesChangeStore;
use async_trait::async_trait;

/// The additional calls for operators.
#[async_trait]
pub trait Store:
    OutcomeSink
    + CatalogStore
    + HistoryStore
    + RowStore
    + ListingStore
    + EndpointStore
    + NoticeStore
    + OverviewStore
    + InspectStore
    + ClaimStore
    + HealthStore
    + StandingStore
    + LifecycleStore
    + RankingStore
    + CalibrationStore
    + IdentityStore
    + ChoreStore
    + PostStore
    + IngestKeyStore
    + SeriesBlockStore
    + SeriesChangeStore
{
    /// Creates tables, collections and indexes that are missing. Safe to repeat.
    async fn init(&self) -> Result<(), StoreError>;
}
