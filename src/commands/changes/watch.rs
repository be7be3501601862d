//! Looks for changes after each block of time, in a daemon beside the store and in a bridge in front of it. One of several
//! does it for all: work is a chore, and what is done is in the store. Never on the measuring path.

use super::level_cache::LevelCache;
use super::{LATE_DAYS, LATE_DAYS_OFTEN, look};
use crate::daemon::owner_id;
use crate::storage::series_blocks::{DueBlocks, first_unfinished};
use crate::storage::{Store, StoreError};
use chrono::{DateTime, Utc};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::sleep;
use tracing::{debug, info, warn};

/// Name of the work among the chores that daemons share.
const CHORE: &str = "series_changes";

/// Interval of checks for a finished block, and of retries.
const CHECK: Duration = Duration::from_secs(60);

/// Greatest delay of the first check: programs that start together do not check together.
const FIRST: f64 = 20.0;

/// Time for which the work is left to the one that took it.
const TAKEN: Duration = Duration::from_secs(300);

/// Time after which a turn ends though blocks are left: a store without blocks is filled in several turns.
const TURN: Duration = Duration::from_secs(240);

/// Interval of searches for rows that came days late.
const DAILY: Duration = Duration::from_secs(24 * 3600);

/// Checks until its task is ended. `store` gives the store, or why there is none.
pub async fn run<F: Future<Output = Result<Arc<dyn Store>, StoreError>>>(store: impl Fn() -> F) {
    sleep(Duration::from_secs_f64(rand::random_range(0.1..FIRST))).await;
    let mut watch =
        ChangeWatch { owner: owner_id::unique(), done: None, searched: None, cache: LevelCache::lasting() };
    loop {
        let turned = match store().await {
            Ok(store) => watch.turn(&*store).await,
            Err(error) => Err(error),
        };
        if let Err(error) = turned {
            warn!("changes of series could not be looked for, and are in a minute: {error}");
        }
        sleep(CHECK).await;
    }
}

/// What one process knows of the work.
struct ChangeWatch {
    owner: String,
    /// The first unfinished slot when all work was done.
    done: Option<i64>,
    /// When rows that came days late were last searched.
    searched: Option<Instant>,
    cache: LevelCache,
}

impl ChangeWatch {
    /// Does what is due, or leaves it to another process that does it.
    async fn turn(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        let now = store.server_time().await?;
        let end = first_unfinished(now);
        if self.done == Some(end) {
            return Ok(());
        }
        let daily = self.searched.is_none_or(|at| at.elapsed() >= DAILY);
        if daily {
            // Another process may have derived blocks again that are known here as they were.
            self.cache = LevelCache::lasting();
        }
        let late_days = if daily { LATE_DAYS } else { LATE_DAYS_OFTEN };
        let due = DueBlocks::find(store, now, late_days).await?;
        if (due.days() > 0 || is_changed(store).await?) && !self.work(store, due, now).await? {
            return Ok(());
        }
        self.done = Some(end);
        if daily {
            self.searched = Some(Instant::now());
        }
        Ok(())
    }

    /// Derives blocks and looks for changes; false if something is left to do, here or elsewhere.
    async fn work(
        &mut self,
        store: &dyn Store,
        mut due: DueBlocks,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        if !store.take_chore(CHORE, &self.owner, TAKEN).await? {
            return Ok(false);
        }
        let (begun, mut rows) = (Instant::now(), 0);
        while let Some(more) = due.derive_next(store).await? {
            rows += more;
            if begun.elapsed() >= TURN && due.days() > 0 {
                info!(
                    days = due.days(),
                    "blocks of series are being made from stored rows: so many days are left"
                );
                return Ok(false);
            }
        }
        let derived = begun.elapsed();
        let report = look(store, now, &mut self.cache).await?;
        let looked = begun.elapsed().saturating_sub(derived);
        let (new, ended) = (report.new.len(), report.ended.len());
        debug!(
            rows,
            series = report.series,
            new,
            ended,
            ?derived,
            ?looked,
            "changes of series were looked for"
        );
        Ok(true)
    }
}

async fn is_changed(store: &dyn Store) -> Result<bool, StoreError> {
    Ok(store.measured_series().await?.iter().any(|one| one.changed_from.is_some()))
}
