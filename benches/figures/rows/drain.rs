//! How fast a full outbox empties into MongoDB, beside the driver alone: the same documents, the same collections with the
//! same indexes, the same concern (majority and journal), in one process.

use crate::catalogue::put_model;
use crate::mongod::{Mongod, concern, runtime};
use crate::stats::median;
use crate::{Failed, Line};
use chrono::{DateTime, TimeDelta, Utc};
use llmbench::domain::{Failure, ModelRef, Outcome, Run};
use llmbench::storage::Sink;
use llmbench::storage::outbox::sender::Sender;
use llmbench::storage::outbox::{Capacity, Outbox, Spend};
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
    let ours = median(rates.iter().map(|(ours, _)| *ours));
    let driver = median(rates.iter().map(|(_, driver)| *driver));
    Ok(vec![Line {
        what: "an outbox of 50,000 rows of 500 models empties into MongoDB, health and rollups derived",
        least: "5,000 rows/s, 70 % of the driver's own",
        measured: format!("{ours:.0} rows/s"),
        beside: Some((format!("{driver:.0} rows/s"), ours / driver)),
        met: ours >= LEAST && ours >= SHARE * driver,
    }])
}

/// Rows a second of ours and of the driver.
async fn once(mongod: &Mongod, time: usize) -> Result<(f64, f64), Failed> {
    let name = format!("drain{time}");
    let store = mongod.store(&name).await?;
    for number in 0..MODELS {
        put_model(&*store, &ModelRef::new("groq", format!("model-{number}")), "", true).await?;
    }
    let directory = tempfile::tempdir()?;
    let (outbox, _) = Outbox::open(directory.path(), Capacity::default()).await?;
    fill(&outbox).await?;
    let sink: Arc<dyn Sink> = store.clone();
    let (mut sender, _) = Sender::new(outbox.clone(), sink, name.clone());
    let begun = Instant::now();
    let flushed = sender.flush_once(PATIENCE).await?;
    let ours = f64::from(ROWS) / begun.elapsed().as_secs_f64();
    if flushed.delivered != u64::from(ROWS) || flushed.left > 0 {
        return Err(format!("not all was delivered: {flushed:?}").into());
    }
    outbox.close().await?;
    let stored = mongod.database(&name).await?;
    let driver = by_the_driver(&stored, mongod, &format!("{name}-driver")).await?;
    stored.drop().await?;
    Ok((ours, driver))
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
    let start = Utc::now() - TimeDelta::hours(20);
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
