//! Exchanges recurring data with the store: work list, progress of series, heartbeats, freshness. Runs as its own task,
//! so a slow or unreachable store delays no lane; the newest data stays in force. Lists are sent to the engine only
//! after a change, and data that can be read again is not kept twice.

use super::context::DaemonContext;
use crate::bridge::client;
use crate::daemon::clock::since_boot;
use crate::daemon::price::ListedPrices;
use crate::daemon::roster::{Roster, RosterByProvider, RosterChange};
use crate::daemon::sampling_plan;
use crate::daemon::sampling_plan::stored::{KnownNoise, known_noise};
use crate::daemon::schedule::SeriesProgress;
use crate::daemon::{catalog_policy, series_work};
use crate::domain::daemon_config::{DaemonConfig, PlanKind};
use crate::domain::daemon_status::{DaemonStatus, LaneReport};
use crate::domain::profile::built_in;
use crate::domain::{ModelRef, Series};
use crate::storage::StoreError;
use crate::storage::claims::JobState;
use crate::storage::health::{Cadences, Heartbeat};
use chrono::{NaiveDate, TimeDelta};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use tracing::warn;

/// Interval of freshness updates.
const HEALTH_EVERY: Duration = Duration::from_secs(60);
/// Interval at which prices are read, for budgets in dollars and for what rows cost.
const PRICES_EVERY: Duration = Duration::from_secs(3600);
/// When four weeks of blocks are read again after a reading that failed.
const NOISE_AFTER_FAILURE: Duration = Duration::from_secs(300);
/// The catalog is reviewed once in this many ticks.
const JUDGED_TICKS: u32 = 6;

/// Name of the heartbeat that is not specific to a daemon. `scheduler` is the Python scheduler's own: with one name,
/// each would hide the other's death.
const SCHEDULER: &str = "llmbench";

/// The work for the engine, sent after a change.
#[derive(Debug, Default)]
pub struct WorkUpdate {
    /// The models to call.
    pub asked: RosterByProvider,
    /// Progress of series that were not sent before; claims provide later progress.
    pub turns: HashMap<Series, SeriesProgress>,
    /// Prices that providers list.
    pub prices: Arc<ListedPrices>,
    /// Cadences that a bridge proposes, in seconds by provider.
    pub proposed: Arc<BTreeMap<String, u32>>,
    /// How much series scatter, for a plan; empty where none is made.
    pub noise: Arc<KnownNoise>,
}

/// Runs until its task is aborted. `daemon_status` is the daemon's newest status; `once` means that the daemon
/// ends after one pass.
pub async fn run(
    shared: Arc<DaemonContext>,
    listed: mpsc::Sender<WorkUpdate>,
    daemon_status: watch::Receiver<Option<Arc<DaemonStatus>>>,
    once: bool,
) {
    let mut rounds = StoreSync::new(Arc::clone(&shared), listed, once);
    loop {
        // The store handle keeps errors of the store for the status report.
        let _ = rounds.round().await;
        let said = daemon_status.borrow().clone();
        if let Some(daemon_status) = said {
            let _ = heartbeat(&shared, &daemon_status).await;
            if let Some(bridge) = shared.store_handle.bridge() {
                bridge.waiting(daemon_status.outbox.pending);
                let calibrated = daemon_status.calibration.as_ref().and_then(|known| known.newest.as_ref());
                calibrated.into_iter().for_each(|newest| bridge.calibrated(newest));
            }
        }
        // While the store is unreachable it is polled more often; a bridge has its own pace.
        let away = shared.store_handle.heard().error.is_some() && shared.store_handle.bridge().is_none();
        sleep(if away {
            shared.daemon_config.tick.min(Duration::from_secs(2))
        } else {
            shared.daemon_config.tick
        })
        .await;
    }
}

struct StoreSync {
    shared: Arc<DaemonContext>,
    listed: mpsc::Sender<WorkUpdate>,
    roster: Roster,
    prices: Arc<ListedPrices>,
    proposed: Arc<BTreeMap<String, u32>>,
    noise: Arc<KnownNoise>,
    /// The day whose plan follows from the noise.
    planned: Option<NaiveDate>,
    /// Changes since the engine was last informed.
    untold: RosterChange,
    told: bool,
    once: bool,
    /// True if the store has not answered since the start and the saved catalog is measured.
    recalled: bool,
    judged: Option<Instant>,
    priced: Option<Instant>,
    refreshed: Option<Instant>,
    noise_asked: Option<Instant>,
}

impl StoreSync {
    fn new(shared: Arc<DaemonContext>, listed: mpsc::Sender<WorkUpdate>, once: bool) -> Self {
        let (roster, prices, untold) = (Roster::default(), Arc::default(), RosterChange::default());
        Self {
            shared,
            listed,
            roster,
            prices,
            proposed: Arc::default(),
            noise: Arc::default(),
            planned: None,
            untold,
            told: false,
            once,
            recalled: false,
            judged: None,
            priced: None,
            refreshed: None,
            noise_asked: None,
        }
    }

    /// Reads the store's clock.
    async fn read_clock(&self) -> Result<(), StoreError> {
        let asked = since_boot();
        let shown = self.shared.store_handle.ask(|store| async move { store.server_time().await }).await?;
        self.shared.clock.heard(shown, asked);
        Ok(())
    }

    async fn round(&mut self) -> Result<(), StoreError> {
        // Without prices only models under a dollar limit wait; without the store's clock the daemon's own continues.
        let timed = self.read_clock().await;
        let priced = self.read_prices().await;
        let store_handle = Arc::clone(&self.shared.store_handle);
        self.read_work().await?;
        let planned = self.read_noise().await;
        // A single pass needs the tried models in its first list. A failed review must not prevent measuring.
        let judged = self.judge().await;
        self.tell().await?;
        judged.and(priced).and(timed)?;
        if is_due(self.refreshed, HEALTH_EVERY) {
            let cadences = self.cadences();
            store_handle.ask(move |store| async move { store.refresh_health(&cadences).await }).await?;
            self.refreshed = Some(Instant::now());
        }
        // Without a plan every series has its configured cadence, or that of the plan before.
        planned
    }

    /// Reads the models to measure. A bridge's first list is waited for; later refusals empty the list.
    async fn read_work(&mut self) -> Result<(), StoreError> {
        let work = match self.shared.store_handle.work().await {
            Ok(work) => {
                self.recalled = false;
                work
            }
            Err(error) => self.recall(error)?,
        };
        if let Some(refused) =
            work.refused.filter(|_| work.items.is_empty() && self.roster.measures_nothing())
        {
            return Err(refused);
        }
        self.untold.any |= *self.proposed != work.cadences;
        self.proposed = Arc::new(work.cadences);
        let changed = self.roster.measure(work.items, &self.shared.daemon_config);
        self.note(changed);
        Ok(())
    }

    /// The saved catalog, if the store has not answered since the start; an empty list once it is too old.
    ///
    /// # Errors
    /// The store's error, if its earlier answer stays in force or nothing is saved.
    fn recall(&mut self, error: StoreError) -> Result<client::BridgeWork, StoreError> {
        if (self.told && !self.recalled) || !matches!(error, StoreError::Unavailable(_)) {
            return Err(error);
        }
        match (self.shared.store_handle.recall(), self.recalled) {
            (None, false) => Err(error),
            (None, true) => Ok(client::BridgeWork::default()),
            (Some((at, items)), before) => {
                if !before {
                    let models = items.len();
                    warn!(
                        "the store does not answer, and its catalog of {at} is measured ({models} models): {error}"
                    );
                }
                self.recalled = true;
                Ok(client::BridgeWork { items, ..client::BridgeWork::default() })
            }
        }
    }

    fn note(&mut self, changed: RosterChange) {
        self.untold.any |= changed.any;
        self.untold.gained.extend(changed.gained);
    }

    async fn read_prices(&mut self) -> Result<(), StoreError> {
        if !is_due(self.priced, PRICES_EVERY) {
            return Ok(());
        }
        let limited =
            self.shared.daemon_config.by_provider.values().any(|rule| rule.limits.micro_dollars.is_some());
        match prices(&self.shared).await {
            Ok(prices) => {
                self.untold.any |= prices != *self.prices;
                self.prices = Arc::new(prices);
            }
            Err(error) if limited => return Err(error),
            // Rows say meanwhile that their cost is unknown.
            Err(StoreError::Unavailable(_)) => return Ok(()),
            Err(_) => {}
        }
        self.priced = Some(Instant::now());
        Ok(())
    }

    /// Reads how much series scatter, once a day. A runner behind a bridge has no blocks and makes no plan. Until the
    /// store answers, yesterday's plan stays.
    async fn read_noise(&mut self) -> Result<(), StoreError> {
        let today = self.shared.clock.now().date_naive();
        let plans = self.shared.daemon_config.plan == PlanKind::Precision;
        let is_known = self.planned == Some(today) || !is_due(self.noise_asked, NOISE_AFTER_FAILURE);
        if !plans || self.shared.store_handle.bridge().is_some() || is_known {
            return Ok(());
        }
        self.noise_asked = Some(Instant::now());
        let now = self.shared.clock.now();
        let noise =
            self.shared.store_handle.ask(move |store| async move { known_noise(&*store, now).await }).await?;
        self.untold.any |= noise != *self.noise;
        (self.noise, self.planned) = (Arc::new(noise), Some(today));
        Ok(())
    }

    /// Reviews the catalog if that is due. Models that the review switches off are missing in the next list.
    async fn judge(&mut self) -> Result<(), StoreError> {
        if !is_due(self.judged, self.shared.daemon_config.tick * JUDGED_TICKS) {
            return Ok(());
        }
        let judged = catalog_policy::look(&self.shared, &self.roster, self.shared.clock.now()).await?;
        self.shared.suspect(judged.suspected);
        let changed = self.roster.try_out(judged.tried, &self.shared.daemon_config);
        self.note(changed);
        self.judged = Some(Instant::now());
        Ok(())
    }

    /// Sends the work to the engine if it changed.
    async fn tell(&mut self) -> Result<(), StoreError> {
        if self.told && !self.untold.any {
            return Ok(());
        }
        let turns = self.turns().await?;
        let (asked, prices) = (self.roster.by_provider().clone(), Arc::clone(&self.prices));
        let (proposed, noise) = (Arc::clone(&self.proposed), Arc::clone(&self.noise));
        // If the engine did not take the previous list because it stops, the next round tries again.
        if self.listed.try_send(WorkUpdate { asked, turns, prices, proposed, noise }).is_ok() {
            (self.told, self.untold) = (true, RosterChange::default());
        }
        Ok(())
    }

    /// Progress of the series of all providers with new models.
    async fn turns(&self) -> Result<HashMap<Series, SeriesProgress>, StoreError> {
        let providers: Vec<String> = self.untold.gained.iter().cloned().collect();
        if providers.is_empty() {
            return Ok(HashMap::new());
        }
        let store_handle = &self.shared.store_handle;
        let jobs =
            match store_handle.ask(move |store| async move { store.jobs(Some(&providers)).await }).await {
                // This machine's earlier results are in the outbox, and a slot is measured only once in any case.
                Err(StoreError::Unavailable(_)) if self.recalled => return Ok(HashMap::new()),
                jobs => jobs?,
            };
        // How full the blocks of the day are decides which series come first, and nothing else.
        let rankings = store_handle.ask(|store| async move { store.rankings().await }).await;
        let block_days = series_work::block_days(&rankings.unwrap_or_default());
        let rest = if self.once { TimeDelta::zero() } else { series_work::AFTER_A_CRASH };
        let (vantage, owner) = (&self.shared.daemon_config.vantage, Some(self.shared.owner.as_str()));
        let now = self.shared.clock.now();
        let ours = jobs.into_iter().filter(|job| job.series.vantage == *vantage);
        let turn = |job: JobState| {
            let known = block_days.get(&job.series.model).copied().unwrap_or_default();
            let turn = series_work::turn(&job, owner, rest, known, now);
            (job.series, turn)
        };
        Ok(ours.map(turn).collect())
    }

    /// Cadences of the measured models. Health rows describe the published series.
    fn cadences(&self) -> Cadences {
        let measured = self.roster.by_provider().values().flat_map(|asked| &asked.measured);
        cadences(&self.shared.daemon_config, measured.map(|item| &item.model))
    }
}

fn is_due(last: Option<Instant>, every: Duration) -> bool {
    last.is_none_or(|last| last.elapsed() >= every)
}

async fn prices(shared: &Arc<DaemonContext>) -> Result<ListedPrices, StoreError> {
    let rows = shared.store_handle.ask(|store| async move { store.listed(None).await }).await?;
    Ok(ListedPrices::of(rows))
}

/// The cadences of the published series of these models; of a model with pinned endpoints that of the quickest. Where a plan
/// may make a series rarer, it is fresh for as long as the longest cadence that it may get.
pub fn cadences<'a>(daemon_config: &DaemonConfig, models: impl Iterator<Item = &'a ModelRef>) -> Cadences {
    let [published, ..] = built_in();
    let mut by_model: HashMap<ModelRef, u32> = HashMap::new();
    for model in models {
        let configured = daemon_config.cadence(model, &published.id);
        let cadence = match daemon_config.plan {
            PlanKind::Even => configured,
            PlanKind::Precision => sampling_plan::longest(configured),
        };
        by_model.entry(model.unpinned()).and_modify(|known| *known = cadence.min(*known)).or_insert(cadence);
    }
    by_model.retain(|_, cadence| *cadence != daemon_config.cadence_seconds);
    Cadences { default_seconds: daemon_config.cadence_seconds, by_model }
}

/// The heartbeat of all daemons together, with what the Python scheduler's says. The last writer wins.
fn scheduler(daemon_status: &DaemonStatus) -> Value {
    let sum = |of: fn(&LaneReport) -> u64| daemon_status.lanes.iter().map(of).sum::<u64>();
    json!({
        "owner": daemon_status.owner,
        "vantage": daemon_status.vantage,
        "program": daemon_status.program,
        "lanes": daemon_status.lanes.len(),
        "series": sum(|lane| lane.series),
        "due": sum(|lane| lane.due),
        "running": sum(|lane| lane.running),
    })
}

async fn heartbeat(shared: &Arc<DaemonContext>, daemon_status: &DaemonStatus) -> Result<(), StoreError> {
    let object = |value: serde_json::Result<Value>| match value {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    let without_lanes = DaemonStatus { lanes: Vec::new(), ..daemon_status.clone() };
    let component = format!("daemon:{}:{}", daemon_status.vantage, daemon_status.owner);
    let mut heartbeats = vec![Heartbeat { component, details: object(serde_json::to_value(&without_lanes)) }];
    heartbeats
        .push(Heartbeat { component: SCHEDULER.to_owned(), details: object(Ok(scheduler(daemon_status))) });
    heartbeats.extend(daemon_status.lanes.iter().map(|lane| Heartbeat {
        component: format!("worker:{}:{}", lane.provider, daemon_status.vantage),
        details: object(serde_json::to_value(lane)),
    }));
    shared.store_handle.ask(move |store| async move { store.heartbeat(&heartbeats).await }).await
}
