//! How fast a full outbox empties into MongoDB, beside the driver alone: the same documents, the same collections with the
//! same indexes, the same concern (majority and journal), in one process. And the same once more without what is derived
//! from rows, which the driver alone does not do.

use crate::catalog::put_model;
use crate::mongod::{Mongod, concern, runtime};
use crate::stats::median;
use crate::{Failed, Line};
use async_trait::async_trait;
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use llmbench::domain::{Failure, ModelRef, Outcome, Run};
use llmbench::outbox::sender::OutboxSender;
use llmbench::outbox::{Outbox, OutboxCapacity, Spend};
use llmbench::storage::aggregates::PendingAggregates;
use llmbench::storage::outcomes::payload::OutcomePayload;
use llmbench::storage::{OutcomeSink, RecordOutcome, Store, StoreError, WorkItem};
use mongodb::Database;
use mongodb::bson::{Document, doc};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Rows in the outbox.
const ROWS: u32 = 50_000;
/// Models that they are of, all enabled.
const MODELS: u32 = 500;
/// Every so many-th is a failure.
const FAILURES: u32 = 20;
/// Rows of one batch of the driver.
const BATCH: usize = 1_000;
/// The least that is good enough.
const LEAST: f64 = 5_000.0;
/// The least beside the driver.
const SHARE: f64 = 0.7;
/// How often it is measured: each time takes about half a minute.
const TIMES: usize = 3;
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// Measures.
pub fn measure() -> Result<Vec<Line>, Failed> {
    let mongod = Mongod::start()?;
    let runtime = runtime()?;
    let rates = (0..TIMES).map(|time| runtime.block_on(once(&mongod, time)));
    let rates = rates.collect::<Result<Vec<_>, _>>()?;
    let ours = median(rates.iter().map(|rates| rates.ours));
    let bare = median(rates.iter().map(|rates| rates.bare));
    let driver = median(rates.iter().map(|rates| rates.driver));
    let line = |what, rate: f64| Line {
        what,
        least: "5,000 rows/s, 70 % of the driver's own",
        measured: format!("{rate:.0} rows/s"),
        beside: Some((format!("{driver:.0} rows/s"), rate / driver)),
        met: rate >= LEAST && rate >= SHARE * driver,
    };
    Ok(vec![
        line("an outbox of 50,000 rows of 500 models empties into MongoDB, health and rollups derived", ours),
        line("the same without health and rollups", bare),
    ])
}

/// Rows a second.
struct Rates {
    ours: f64,
    /// Ours without what is derived.
    bare: f64,
    driver: f64,
}

async fn once(mongod: &Mongod, time: usize) -> Result<Rates, Failed> {
    let name = format!("drain{time}");
    let ours = mongod.store(&name).await?;
    let emptied = empty(ours.clone(), ours).await?;
    let bare_name = format!("{name}-bare");
    let bare = mongod.store(&bare_name).await?;
    let bare = empty(bare.clone(), Arc::new(Underived(bare))).await?;
    mongod.database(&bare_name).await?.drop().await?;
    let stored = mongod.database(&name).await?;
    let driver = by_the_driver(&stored, mongod, &format!("{name}-driver")).await?;
    stored.drop().await?;
    Ok(Rates { ours: emptied, bare, driver })
}

/// Empties a full outbox, and gives the rows a second.
async fn empty(store: Arc<dyn Store>, sink: Arc<dyn OutcomeSink>) -> Result<f64, Failed> {
    for number in 0..MODELS {
        put_model(&*store, &ModelRef::new("groq", format!("model-{number}")), "", true).await?;
    }
    let directory = tempfile::tempdir()?;
    let (outbox, _) = Outbox::open(directory.path(), OutboxCapacity::default()).await?;
    fill(&outbox).await?;
    let (mut sender, _) = OutboxSender::new(outbox.clone(), sink, "the store".to_owned());
    let begun = Instant::now();
    let flushed = sender.flush_once(PATIENCE).await?;
    let rate = f64::from(ROWS) / begun.elapsed().as_secs_f64();
    if flushed.delivered != u64::from(ROWS) || flushed.left > 0 {
        return Err(format!("not all was delivered: {flushed:?}").into());
    }
    outbox.close().await?;
    Ok(rate)
}

/// A store that keeps rows and derives nothing from them.
struct Underived(Arc<dyn Store>);

#[async_trait]
impl OutcomeSink for Underived {
    async fn work_list(&self, provider: Option<&str>) -> Result<Vec<WorkItem>, StoreError> {
        self.0.work_list(provider).await
    }

    async fn record(&self, outcome: &Outcome) -> Result<RecordOutcome, StoreError> {
        self.0.record(outcome).await
    }

    async fn keep_all(
        &self,
        payloads: &[&OutcomePayload],
    ) -> (Vec<Result<RecordOutcome, StoreError>>, PendingAggregates) {
        (self.0.keep_all(payloads).await.0, PendingAggregates::default())
    }

    fn describe(&self) -> String {
        self.0.describe()
    }

    async fn learned(&self, model: &ModelRef) -> Result<Vec<String>, StoreError> {
        self.0.learned(model).await
    }

    async fn learn(&self, model: &ModelRef, adaptation: &str) -> Result<(), StoreError> {
        self.0.learn(model, adaptation).await
    }
}

/// Copies what was stored, in large batches, and gives the rows a second of writing alone.
async fn by_the_driver(stored: &Database, mongod: &Mongod, name: &str) -> Result<f64, Failed> {
    mongod.store(name).await?;
    let fresh = mongod.database(name).await?;
    let mut seconds = 0.0;
    for collection in ["metrics_cloud_v2", "errors_cloud"] {
        let mut cursor = stored.collection::<Document>(collection).find(doc! {}).await?;
        let mut rows = Vec::new();
        while cursor.advance().await? {
            rows.push(cursor.deserialize_current()?);
        }
        let into = fresh.collection::<Document>(collection);
        let begun = Instant::now();
        for batch in rows.chunks(BATCH) {
            into.insert_many(batch).ordered(false).write_concern(concern()).await?;
        }
        seconds += begun.elapsed().as_secs_f64();
    }
    fresh.drop().await?;
    Ok(f64::from(ROWS) / seconds)
}

/// Rows of the last hours, the oldest first, as an outage leaves them.
async fn fill(outbox: &Outbox) -> Result<(), Failed> {
    let run: Run = serde_json::from_str(include_str!("../../../tests/data/run.json"))?;
    let failure: Failure = serde_json::from_str(include_str!("../../../tests/data/failure.json"))?;
    // Rows hold milliseconds.
    let start = (Utc::now() - TimeDelta::hours(20)).trunc_subsecs(3);
    let rows: Vec<Outcome> = (0..ROWS).map(|number| outcome(&run, &failure, number, start)).collect();
    for (number, batch) in rows.chunks(500).enumerate() {
        outbox.accept(&format!("i{number}"), batch, Spend::default()).await?;
    }
    Ok(())
}

fn outcome(run: &Run, failure: &Failure, number: u32, start: DateTime<Utc>) -> Outcome {
    let model = format!("model-{}", number % MODELS);
    let at = start + TimeDelta::milliseconds(i64::from(number) * 1_400);
    if number.is_multiple_of(FAILURES) {
        let mut failure = failure.clone();
        (failure.id, failure.model_name, failure.ts) = (format!("f{number}"), model.clone(), at);
        failure.fingerprint = format!("fingerprint of {model}");
        return Outcome::Failure(Box::new(failure));
    }
    let mut run = run.clone();
    (run.id, run.model_name) = (format!("r{number}"), model);
    (run.run_ts, run.gen_ts) = (at, at + TimeDelta::milliseconds(1_333));
    Outcome::Success(Box::new(run))
}
