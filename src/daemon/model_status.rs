//! Keeps where every model is in its lifecycle and in the ranking, hourly; changes of the catalog through this program keep their own
//! models at once. One of several daemons does it for all.

use crate::daemon::owner_id;
use crate::daemon::store_handle::StoreHandle;
use crate::storage::StoreError;
use crate::storage::lifecycle::{self, AttemptWindows};
use crate::storage::rankings::{self, RankingWindows};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::sleep;
use tracing::{debug, warn};

/// Interval of the judgements.
const EVERY: Duration = Duration::from_secs(3600);

/// Name of the work among the chores that daemons share.
const CHORE: &str = "model_status";

/// Interval of looks for due work, and of retries.
const LOOK: Duration = Duration::from_secs(60);

/// After this many ticks of the schedule all due work has begun, and its rows can be counted.
const SETTLED_TICKS: u32 = 6;

/// Runs until its task is aborted. `tick` is that of the schedule.
pub async fn run(store_handle: Arc<StoreHandle>, tick: Duration) {
    sleep(tick.saturating_mul(SETTLED_TICKS).min(LOOK)).await;
    let (owner, mut windows) = (owner_id::unique(), (AttemptWindows::default(), RankingWindows::default()));
    let mut done: Option<Instant> = None;
    loop {
        if done.is_none_or(|at| at.elapsed() >= EVERY) {
            match turn(&store_handle, &owner, &mut windows).await {
                Ok(mine) => done = mine.then(Instant::now).or(done),
                // The store handle keeps errors of the store for the status report.
                Err(error) => warn!("the models' lifecycle could not be kept: {error}"),
            }
        }
        sleep(LOOK).await;
    }
}

/// One judgement of all models, unless another daemon made one within the hour.
async fn turn(
    store_handle: &Arc<StoreHandle>,
    owner: &str,
    (attempts, rankings): &mut (AttemptWindows, RankingWindows),
) -> Result<bool, StoreError> {
    // Not through `ask`: the first count of a large history may take longer than its deadline.
    let store = store_handle.store().await?;
    if !store.take_chore(CHORE, owner, EVERY - LOOK / 2).await? {
        return Ok(false);
    }
    let now = store.server_time().await?;
    let states = lifecycle::refresh(&*store, attempts, now).await?;
    rankings::refresh(&*store, rankings, now).await?;
    debug!(models = states.values().sum::<u64>(), "the models' lifecycle is kept");
    Ok(true)
}
