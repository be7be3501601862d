//! What is asked of the store and told to it again and again: the work list, how far each series has come, signs of life,
//! freshness. A task of its own, so that a store that is slow or away holds up no lane; what was read last stays in force.

use crate::daemon::schedule::Turn;
use crate::daemon::shared::Shared;
use crate::daemon::steward::{self, Judged};
use crate::daemon::work;
use crate::domain::profile::built_in;
use crate::domain::pulse::{LanePulse, Pulse};
use crate::domain::regime::{Price, Regime};
use crate::domain::{ModelRef, Series};
use crate::storage::vitals::{Beat, Cadences};
use crate::storage::{StoreError, WorkItem};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::sleep;

/// How often freshness is brought up to date.
const HEALTH_EVERY: Duration = Duration::from_secs(60);
/// How often prices are read, where money is limited.
const PRICES_EVERY: Duration = Duration::from_secs(3600);
/// The catalogue is judged once in so many ticks.
const JUDGED_TICKS: u32 = 6;
/// How often the store is asked how far all series have come: claims say the rest.
const TURNS_EVERY: Duration = Duration::from_secs(300);

/// The heartbeat that does not name its daemon.
const SCHEDULER: &str = "scheduler";

/// What was last read.
#[derive(Debug, Clone, Default)]
pub struct Listed {
    /// The enabled models.
    pub items: Vec<WorkItem>,
    /// How far series have come.
    pub turns: HashMap<Series, Turn>,
    /// What was decided about the catalogue.
    pub judged: Judged,
    /// What models cost, as their providers list it.
    pub prices: HashMap<ModelRef, Price>,
    /// How often a bridge wants them measured, seconds by provider.
    pub cadences: BTreeMap<String, u32>,
}

/// When things were last done.
#[derive(Debug, Default)]
struct Done {
    turns: Option<Instant>,
    prices: Option<Instant>,
    health: Option<Instant>,
    judged: Option<Instant>,
}

/// Goes round until the task is ended. `pulse` is what the daemon last said of itself.
pub async fn run(
    shared: Arc<Shared>,
    listed: watch::Sender<Option<Arc<Listed>>>,
    pulse: watch::Receiver<Option<Arc<Pulse>>>,
) {
    let mut done = Done::default();
    let mut present = Listed::default();
    loop {
        // What a store says that fails is in the keeper, for whoever wants to know.
        if round(&shared, &mut done, &mut present).await.is_ok() {
            listed.send_replace(Some(Arc::new(present.clone())));
        }
        let said = pulse.borrow().clone();
        if let Some(pulse) = said {
            let _ = beat(&shared, &pulse).await;
            shared.keeper.bridge().iter().for_each(|bridge| bridge.waiting(pulse.outbox.pending));
        }
        // After a store that was away, its answer is waited for in shorter steps; a bridge is asked at its own pace.
        let away = shared.keeper.heard().error.is_some() && shared.keeper.bridge().is_none();
        sleep(if away { shared.regime.tick.min(Duration::from_secs(2)) } else { shared.regime.tick }).await;
    }
}

async fn round(shared: &Arc<Shared>, done: &mut Done, present: &mut Listed) -> Result<(), StoreError> {
    let keeper = &shared.keeper;
    let is_due = |last: Option<Instant>, every| last.is_none_or(|last| last.elapsed() >= every);
    // Before the work list: what is switched off now is not begun any more.
    if is_due(done.judged, shared.regime.tick * JUDGED_TICKS) {
        let judged = steward::look(shared, chrono::Utc::now()).await?;
        shared.suspect(judged.suspected.clone());
        present.judged = judged;
        done.judged = Some(Instant::now());
    }
    take_work(shared, present).await?;
    if is_due(done.turns, TURNS_EVERY) {
        let jobs = keeper.ask(|store| async move { store.jobs(None).await }).await?;
        present.turns = jobs.iter().map(|job| (job.series.clone(), work::turn(job))).collect();
        done.turns = Some(Instant::now());
    }
    let limited = shared.regime.by_provider.values().any(|rule| rule.limits.micro_dollars.is_some());
    if limited && is_due(done.prices, PRICES_EVERY) {
        present.prices = prices(shared).await?;
        done.prices = Some(Instant::now());
    }
    if is_due(done.health, HEALTH_EVERY) {
        let cadences = cadences(&shared.regime, &present.items);
        keeper.ask(move |store| async move { store.refresh_health(&cadences).await }).await?;
        done.health = Some(Instant::now());
    }
    Ok(())
}

/// What is to be measured. A bridge that never gave a list is waited for; one that takes it back is believed.
async fn take_work(shared: &Arc<Shared>, present: &mut Listed) -> Result<(), StoreError> {
    let work = shared.keeper.work().await?;
    if let Some(refused) = work.refused.filter(|_| work.items.is_empty() && present.items.is_empty()) {
        return Err(refused);
    }
    (present.items, present.cadences) = (work.items, work.cadences);
    Ok(())
}

async fn prices(shared: &Arc<Shared>) -> Result<HashMap<ModelRef, Price>, StoreError> {
    let rows = shared.keeper.ask(|store| async move { store.listed(None).await }).await?;
    let price = |row: crate::domain::listing::CatalogRow| {
        let price = Price { input: row.facts.input_price?, output: row.facts.output_price? };
        Some((ModelRef::new(row.provider, row.model_id), price))
    };
    Ok(rows.into_iter().filter_map(price).collect())
}

/// Health rows are about the published series.
pub fn cadences(regime: &Regime, items: &[WorkItem]) -> Cadences {
    let [published, ..] = built_in();
    let own = |item: &WorkItem| {
        let cadence = regime.cadence(&item.model, &published.id);
        (cadence != regime.cadence_seconds).then(|| (item.model.clone(), cadence))
    };
    Cadences { default_seconds: regime.cadence_seconds, by_model: items.iter().filter_map(own).collect() }
}

/// What readers of the predecessor's heartbeats look for. With several daemons it is the word of whoever spoke last.
fn scheduler(pulse: &Pulse) -> Value {
    let sum = |of: fn(&LanePulse) -> u64| pulse.lanes.iter().map(of).sum::<u64>();
    json!({
        "owner": pulse.owner,
        "vantage": pulse.vantage,
        "program": pulse.program,
        "lanes": pulse.lanes.len(),
        "series": sum(|lane| lane.series),
        "due": sum(|lane| lane.due),
        "running": sum(|lane| lane.running),
    })
}

async fn beat(shared: &Arc<Shared>, pulse: &Pulse) -> Result<(), StoreError> {
    let object = |value: serde_json::Result<Value>| match value {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    let without_lanes = Pulse { lanes: Vec::new(), ..pulse.clone() };
    let component = format!("daemon:{}:{}", pulse.vantage, pulse.owner);
    let mut beats = vec![Beat { component, details: object(serde_json::to_value(&without_lanes)) }];
    beats.push(Beat { component: SCHEDULER.to_owned(), details: object(Ok(scheduler(pulse))) });
    beats.extend(pulse.lanes.iter().map(|lane| Beat {
        component: format!("worker:{}:{}", lane.provider, pulse.vantage),
        details: object(serde_json::to_value(lane)),
    }));
    shared.keeper.ask(move |store| async move { store.beat(&beats).await }).await
}
