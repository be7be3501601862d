//! Runs the self-checks on a schedule, stores their results, and counts for monitors how fresh the catalog is. Runs as
//! its own task; checks that cannot reach the store are reported as such. Of several daemons one runs the checks, and
//! the others report its results.

use crate::daemon::event::{DaemonEvent, EventBus};
use crate::daemon::liveness::Liveness;
use crate::daemon::owner_id;
use crate::daemon::store_handle::StoreHandle;
use crate::daemon::store_sync::cadences;
use crate::daemon::telemetry::gauges::Freshness;
use crate::daemon::telemetry::invariants::{self, checks};
use crate::domain::daemon_config::DaemonConfig;
use crate::storage::StoreError;
use crate::storage::health::{Cadences, SelfCheckRun};
use chrono::TimeDelta;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Interval of the checks.
const EVERY: Duration = Duration::from_secs(900);

/// Name of the checks among the chores that daemons share.
const CHORE: &str = "self_checks";

/// Interval of freshness counts, and of retries of checks that could not run.
const LOOK: Duration = Duration::from_secs(60);

/// After this many ticks of the schedule a daemon has settled: all due work has begun.
const SETTLED_TICKS: u32 = 6;

pub struct SelfChecker {
    pub store_handle: Arc<StoreHandle>,
    /// The cadences decide which models are late.
    pub daemon_config: DaemonConfig,
    pub events: EventBus,
    pub liveness: Arc<Liveness>,
}

impl SelfChecker {
    /// Runs until its task is aborted.
    pub async fn run(self) {
        let mut made: Option<Instant> = None;
        sleep(self.daemon_config.tick.saturating_mul(SETTLED_TICKS).min(LOOK)).await;
        let owner = owner_id::unique();
        loop {
            // The store handle keeps errors of the store for the status report.
            let cadences = self.look().await;
            if made.is_none_or(|at| at.elapsed() >= EVERY) {
                let checked = match cadences {
                    Ok(cadences) => self.check(cadences, owner.clone()).await,
                    Err(error) => Err(error),
                };
                match checked {
                    Ok(Some(run)) => {
                        made = Some(Instant::now());
                        let (violated, blind) = told(&run);
                        self.events.tell(DaemonEvent::Checked { violated, blind });
                    }
                    // Another daemon has begun the checks; the next look reports its results.
                    Ok(None) => {}
                    Err(_) => {
                        let blind = checks::ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
                        self.events.tell(DaemonEvent::Checked { violated: Vec::new(), blind });
                    }
                }
            }
            sleep(LOOK).await;
        }
    }

    /// Counts how fresh the catalog is.
    async fn look(&self) -> Result<Cadences, StoreError> {
        let items = self.store_handle.ask(|store| async move { store.work_list(None).await }).await?;
        let cadences = cadences(&self.daemon_config, items.iter().map(|item| &item.model));
        let (now, rows) = self
            .store_handle
            .ask(|store| async move { Ok((store.server_time().await?, store.health().await?)) })
            .await?;
        let mut freshness = Freshness::default();
        for row in rows {
            let cadence = cadences.of(&row.model);
            freshness.add(&row.model.provider, row.enabled, row.last_success_at, cadence, now);
        }
        self.liveness.telemetry.freshness(freshness);
        Ok(cadences)
    }

    /// Runs the checks and stores the run, unless another daemon did recently; then reads its run.
    async fn check(&self, cadences: Cadences, owner: String) -> Result<Option<SelfCheckRun>, StoreError> {
        let mine = self
            .store_handle
            .ask(move |store| async move { store.take_chore(CHORE, &owner, EVERY - LOOK / 2).await })
            .await?;
        if mine {
            let discovers = self.daemon_config.discovery.is_some();
            let run = self
                .store_handle
                .ask(move |store| async move { invariants::run(&*store, &cadences, discovers).await });
            return run.await.map(Some);
        }
        let newest = self
            .store_handle
            .ask(|store| async move { Ok((store.server_time().await?, store.latest_check_run().await?)) });
        let (now, run) = newest.await?;
        Ok(run.filter(|run| now - run.checked_at < TimeDelta::from_std(EVERY).unwrap_or_default()))
    }
}

/// The names of violated checks, and of those that could not read their data.
fn told(run: &SelfCheckRun) -> (Vec<String>, Vec<String>) {
    let bad = run.results.iter().filter(|result| !result.ok);
    let (violated, blind): (Vec<_>, Vec<_>) = bad.partition(|result| result.evaluated);
    let names = |results: Vec<&crate::storage::health::SelfCheckResult>| {
        results.into_iter().map(|result| result.name.clone()).collect()
    };
    (names(violated), names(blind))
}
