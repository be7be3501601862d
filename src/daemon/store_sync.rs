//! What is asked of the store and told to it again and again: the work list, how far each series has come, signs of life,
//! freshness. A task of its own, so that a store that is slow or away holds up no lane; what was read last stays in force.
//! Lists are told to the engine when something in them changed, and nothing that can be read again is kept twice.

use crate::bridge::client;
use crate::daemon::clock::since_boot;
use crate::daemon::price::listed;
use crate::daemon::roster::{Roster, RosterByProvider, RosterChange};
use crate::daemon::schedule::SeriesProgress;
use crate::daemon::shared::DaemonContext;
use crate::daemon::{catalog_policy, series_work};
use crate::domain::daemon_config::{DaemonConfig, Price};
use crate::domain::daemon_status::{DaemonStatus, LaneReport};
use crate::domain::profile::built_in;
use crate::domain::{ModelRef, Series};
use crate::storage::StoreError;
use crate::storage::health::{Cadences, Heartbeat};
use chrono::TimeDelta;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use tracing::warn;

/// How often freshness is brought up to date.
const HEALTH_EVERY: Duration = Duration::from_secs(60);
/// How often prices are read, where money is limited.
const PRICES_EVERY: Duration = Duration::from_secs(3600);
/// The catalogue is judged once in so many ticks.
const JUDGED_TICKS: u32 = 6;

/// The heartbeat that does not name its daemon.
const SCHEDULER: &str = "scheduler";

/// What there is to work, told when it changed.
#[derive(Debug, Default)]
pub struct WorkUpdate {
    /// Who is asked.
    pub asked: RosterByProvider,
    /// How far the series have come that were not told before; claims say the rest.
    pub turns: HashMap<Series, SeriesProgress>,
    /// What models cost, as their providers list it.
    pub prices: Arc<HashMap<ModelRef, Price>>,
    /// How often a bridge wants its models measured, seconds by provider.
    pub proposed: Arc<BTreeMap<String, u32>>,
}

/// Goes round until the task is ended. `daemon_status` is what the daemon last said of itself; `once` says that it ends after
/// one pass.
pub async fn run(
    shared: Arc<DaemonContext>,
    listed: mpsc::Sender<WorkUpdate>,
    daemon_status: watch::Receiver<Option<Arc<DaemonStatus>>>,
    once: bool,
) {
    let mut rounds = StoreSync::new(Arc::clone(&shared), listed, once);
    loop {
        // What a store says that fails is in the store handle, for whoever wants to know.
        let _ = rounds.round().await;
        let said = daemon_status.borrow().clone();
        if let Some(daemon_status) = said {
            let _ = heartbeat(&shared, &daemon_status).await;
            shared
                .store_handle
                .bridge()
                .iter()
                .for_each(|bridge| bridge.waiting(daemon_status.outbox.pending));
        }
        // After a store that was away, its answer is waited for in shorter steps; a bridge is asked at its own pace.
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
    prices: Arc<HashMap<ModelRef, Price>>,
    proposed: Arc<BTreeMap<String, u32>>,
    /// What changed since the engine was told, and whether it ever was.
    untold: RosterChange,
    told: bool,
    once: bool,
    /// The store was not heard of since the start, and what is measured is what was known before.
    recalled: bool,
    judged: Option<Instant>,
    priced: Option<Instant>,
    refreshed: Option<Instant>,
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
            untold,
            told: false,
            once,
            recalled: false,
            judged: None,
            priced: None,
            refreshed: None,
        }
    }

    /// What time it is by the store.
    async fn read_clock(&self) -> Result<(), StoreError> {
        let asked = since_boot();
        let shown = self.shared.store_handle.ask(|store| async move { store.server_time().await }).await?;
        self.shared.clock.heard(shown, asked);
        Ok(())
    }

    async fn round(&mut self) -> Result<(), StoreError> {
        // Without prices nothing is measured where money is limited, and the rest is; without the store's clock the daemon's
        // own goes on.
        let timed = self.read_clock().await;
        let priced = self.read_prices().await;
        let store_handle = Arc::clone(&self.shared.store_handle);
        self.read_work().await?;
        // What is tried belongs to the first list, for a daemon that ends after one pass; a judgement that cannot be had
        // keeps nobody from measuring.
        let judged = self.judge().await;
        self.tell().await?;
        judged.and(priced).and(timed)?;
        if is_due(self.refreshed, HEALTH_EVERY) {
            let cadences = self.cadences();
            store_handle.ask(move |store| async move { store.refresh_health(&cadences).await }).await?;
            self.refreshed = Some(Instant::now());
        }
        Ok(())
    }

    /// What is to be measured. A bridge that never gave a list is waited for; one that takes it back is believed.
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

    /// What was known before the start, where the store was not heard of since; nothing, once that is too old.
    ///
    /// # Errors
    /// The store's: what it said since the start stays in force, or nothing is known.
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
                        "the store does not answer, and its catalogue of {at} is measured ({models} models): {error}"
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
        let limited =
            self.shared.daemon_config.by_provider.values().any(|rule| rule.limits.micro_dollars.is_some());
        if limited && is_due(self.priced, PRICES_EVERY) {
            let prices = prices(&self.shared).await?;
            self.untold.any |= prices != *self.prices;
            self.prices = Arc::new(prices);
            self.priced = Some(Instant::now());
        }
        Ok(())
    }

    /// Has the catalogue judged where that is due. What is switched off by it is left out of the next list.
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

    /// Tells the engine what there is, where it does not know yet.
    async fn tell(&mut self) -> Result<(), StoreError> {
        if self.told && !self.untold.any {
            return Ok(());
        }
        let turns = self.turns().await?;
        let (asked, prices) = (self.roster.by_provider().clone(), Arc::clone(&self.prices));
        let proposed = Arc::clone(&self.proposed);
        // An engine that has not taken the list before, because it stops, is told in the next round.
        if self.listed.try_send(WorkUpdate { asked, turns, prices, proposed }).is_ok() {
            (self.told, self.untold) = (true, RosterChange::default());
        }
        Ok(())
    }

    /// How far the series of providers have come where there are new ones.
    async fn turns(&self) -> Result<HashMap<Series, SeriesProgress>, StoreError> {
        let providers: Vec<String> = self.untold.gained.iter().cloned().collect();
        if providers.is_empty() {
            return Ok(HashMap::new());
        }
        let store_handle = &self.shared.store_handle;
        let jobs =
            match store_handle.ask(move |store| async move { store.jobs(Some(&providers)).await }).await {
                // What this machine measured before is in the outbox, and a slot is measured once in any case.
                Err(StoreError::Unavailable(_)) if self.recalled => return Ok(HashMap::new()),
                jobs => jobs?,
            };
        let rest = if self.once { TimeDelta::zero() } else { series_work::AFTER_A_CRASH };
        let (vantage, owner) = (&self.shared.daemon_config.vantage, Some(self.shared.owner.as_str()));
        let now = self.shared.clock.now();
        let ours = jobs.into_iter().filter(|job| job.series.vantage == *vantage);
        Ok(ours.map(|job| (job.series.clone(), series_work::turn(&job, owner, rest, now))).collect())
    }

    /// Cadences of the models that are measured. Health rows are about the published series.
    fn cadences(&self) -> Cadences {
        let measured = self.roster.by_provider().values().flat_map(|asked| &asked.measured);
        cadences(&self.shared.daemon_config, measured.map(|item| &item.model))
    }
}

fn is_due(last: Option<Instant>, every: Duration) -> bool {
    last.is_none_or(|last| last.elapsed() >= every)
}

async fn prices(shared: &Arc<DaemonContext>) -> Result<HashMap<ModelRef, Price>, StoreError> {
    let rows = shared.store_handle.ask(|store| async move { store.listed(None).await }).await?;
    Ok(listed(rows))
}

/// How often the published series of these models are due.
pub fn cadences<'a>(daemon_config: &DaemonConfig, models: impl Iterator<Item = &'a ModelRef>) -> Cadences {
    let [published, ..] = built_in();
    let own = |model: &ModelRef| {
        let cadence = daemon_config.cadence(model, &published.id);
        (cadence != daemon_config.cadence_seconds).then(|| (model.clone(), cadence))
    };
    Cadences { default_seconds: daemon_config.cadence_seconds, by_model: models.filter_map(own).collect() }
}

/// What readers of the Python runner's heartbeats look for. With several daemons it is the word of whoever spoke last.
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
