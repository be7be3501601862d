//! Brings blocks of series and changes up to date for a command that is about to read them.

use super::level_cache::LevelCache;
use super::{LATE_DAYS, look};
use crate::output::progress_counter::ProgressCounter;
use crate::output::terminal::Terminal;
use crate::storage::series_blocks::DueBlocks;
use crate::storage::{Store, StoreError};
use chrono::{DateTime, Utc};

/// Derives the blocks that are due, and looks for changes in what became other.
///
/// # Errors
/// The store's. What was derived stays, and the next call goes on from there.
pub async fn up_to_date(
    store: &dyn Store,
    now: DateTime<Utc>,
    terminal: &Terminal,
    quiet: bool,
) -> Result<(), StoreError> {
    let mut due = DueBlocks::find(store, now, LATE_DAYS).await?;
    if due.days() > 0 {
        let mut counter = ProgressCounter::start("rows read for blocks of series", terminal, quiet);
        while let Some(rows) = due.derive_next(store).await? {
            counter.more(rows);
        }
        counter.done();
    }
    look(store, now, &mut LevelCache::default()).await?;
    Ok(())
}
