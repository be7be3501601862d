//! A large database on a server of its own, which multiplies one document into all of them.

use super::{DAY, SPAN, Size, error, now, run};
use crate::Failed;
use crate::mongod::Mongod;
use crate::subject::{home, llmbench};
use mongodb::bson::{self, Bson, DateTime, Document, doc};
use mongodb::error::ErrorKind;
use mongodb::{Client, Database};
use serde_json::{Map, Value};
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// `NamespaceNotFound`.
const NAMESPACE_NOT_FOUND: i32 = 26;
/// Errors of the last day, and a tenth of those before it.
pub const TENTH: &str = "errors_tenth";

/// The server and its database.
pub struct Ground {
    /// A home for the binary.
    pub home: TempDir,
    mongod: Mongod,
    runtime: Runtime,
}

impl Ground {
    /// A database with all rows, and a second collection of errors, [`TENTH`].
    pub fn new(size: Size) -> Result<Self, Failed> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let ground = Self { home: home()?, mongod: Mongod::standalone()?, runtime };
        ground.fill(size)?;
        Ok(ground)
    }

    /// What `--store` takes, and mongosh.
    pub fn url(&self) -> String {
        self.mongod.uri("ground")
    }

    fn fill(&self, size: Size) -> Result<(), Failed> {
        let (start, end) = (now() - SPAN, now());
        let at = |count: u64| {
            doc! { "$toDate": { "$add": [start as i64, { "$toLong": { "$multiply": ["$i", SPAN as f64 / count as f64] } }] } }
        };
        let newest = size.errors - size.errors * DAY / SPAN;
        self.multiply(&run(), size.runs, size.models, runs(&at(size.runs)), doc! {}, "metrics_cloud_v2")?;
        let tenth = doc! { "$or": [{ "i": { "$mod": [10, 0] } }, { "i": { "$gte": newest as i64 } }] };
        for (those, into) in [(doc! {}, "errors_cloud"), (tenth, TENTH)] {
            self.multiply(
                &error(),
                size.errors,
                size.models,
                errors(&at(size.errors), size.models),
                those,
                into,
            )?;
        }
        let end = DateTime::from_millis(end as i64);
        self.multiply(&Map::new(), size.models, size.models, models(end), doc! {}, "models")?;
        self.multiply(&Map::new(), size.models, size.models, health(end), doc! {}, "bench_model_health")?;
        for errors in ["errors_cloud", TENTH] {
            let mut init = llmbench(&self.home, &["db", "init", "--store", &self.url()]);
            if !init.env("MONGODB_COLLECTION_ERRORS", errors).output()?.status.success() {
                return Err("llmbench db init failed".into());
            }
        }
        Ok(())
    }

    /// Makes `count` documents of one: numbered `i`, of model `m`, with computed fields.
    fn multiply(
        &self,
        template: &Map<String, Value>,
        count: u64,
        models: u64,
        fields: Document,
        those: Document,
        into: &str,
    ) -> Result<(), Failed> {
        let mut seed = bson::serialize_to_document(template)?;
        seed.insert("_id", 0);
        // An array in between may have 16 MB.
        let (many, few) = (1000.min(count), count.div_ceil(1000));
        let pipeline = vec![
            doc! { "$set": { "a": { "$range": [0, few as i64] } } },
            doc! { "$unwind": "$a" },
            doc! { "$set": { "b": { "$range": [0, many as i64] } } },
            doc! { "$unwind": "$b" },
            doc! { "$set": { "i": { "$add": [{ "$multiply": ["$a", many as i64] }, "$b"] } } },
            doc! { "$match": those },
            doc! { "$set": { "m": { "$mod": ["$i", models as i64] } } },
            doc! { "$set": fields },
            doc! { "$unset": ["a", "b", "i", "m"] },
            doc! { "$out": into },
        ];
        let made = async {
            let seeds = self.database().await?.collection::<Document>("seed");
            seeds.drop().await?;
            seeds.insert_one(seed).await?;
            seeds.aggregate(pipeline).allow_disk_use(true).await?;
            seeds.drop().await
        };
        Ok(self.runtime.block_on(made)?)
    }

    /// The database, for as long as one question takes: between questions nobody looks after the driver's own tasks.
    async fn database(&self) -> Result<Database, mongodb::error::Error> {
        let patient = "&connectTimeoutMS=60000&heartbeatFrequencyMS=60000";
        Ok(Client::with_uri_str(self.url() + patient).await?.database("ground"))
    }

    fn ask(&self, command: Document) -> Result<Document, mongodb::error::Error> {
        self.runtime.block_on(async { self.database().await?.run_command(command).await })
    }

    /// How long the server worked while `work` was done, by its profiler: questions at the same time count once.
    pub fn server_time(
        &self,
        work: impl FnOnce() -> Result<Duration, Failed>,
    ) -> Result<(Duration, Duration), Failed> {
        self.ask(doc! { "profile": 0 })?;
        self.ask(doc! { "drop": "system.profile" }).or_else(absent)?;
        self.ask(doc! { "profile": 2 })?;
        let wall = work()?;
        self.ask(doc! { "profile": 0 })?;
        let asked = doc! { "aggregate": "system.profile", "cursor": { "batchSize": 1000 },
        "pipeline": [{ "$match": { "appName": "llmbench" } }] };
        let answer = self.ask(asked)?;
        let rows = answer.get_document("cursor")?.get_array("firstBatch")?;
        let stretch = |row: &Bson| {
            let row = row.as_document()?;
            let end = row.get_datetime("ts").ok()?.timestamp_millis();
            Some((end - i64::from(row.get_i32("millis").ok()?), end))
        };
        Ok((wall, covered(rows.iter().filter_map(stretch).collect())))
    }
}

/// What is not there need not be dropped.
fn absent(error: mongodb::error::Error) -> Result<Document, mongodb::error::Error> {
    match error.kind.as_ref() {
        ErrorKind::Command(command) if command.code == NAMESPACE_NOT_FOUND => Ok(Document::new()),
        _ => Err(error),
    }
}

/// The length of stretches of milliseconds, what they share counted once.
fn covered(mut stretches: Vec<(i64, i64)>) -> Duration {
    stretches.sort_unstable();
    let (mut sum, mut until) = (0, i64::MIN);
    for (from, to) in stretches {
        sum += (to - from.max(until)).max(0);
        until = until.max(to);
    }
    Duration::from_millis(sum.unsigned_abs())
}

fn provider() -> Document {
    doc! { "$concat": ["provider-", { "$toString": { "$mod": ["$m", 10] } }] }
}

fn model() -> Document {
    doc! { "$concat": ["vendor/model-", { "$toString": "$m" }] }
}

fn id(of: &str) -> Document {
    doc! { "$concat": [of, { "$toString": "$i" }] }
}

fn runs(at: &Document) -> Document {
    doc! {
        "_id": id("run-"), "provider": provider(), "model_name": model(), "run_ts": at, "gen_ts": { "$add": [at, 1333] },
        "tokens_per_second": { "$add": [40.5, { "$mod": ["$i", 97] }] },
        "visible_tokens_per_second": { "$add": [38.5, { "$mod": ["$i", 97] }] },
        "time_to_first_token": { "$add": [0.2, { "$divide": [{ "$mod": ["$i", 89] }, 500] }] },
    }
}

fn errors(at: &Document, models: u64) -> Document {
    let round = doc! { "$mod": [{ "$floor": { "$divide": ["$i", models as i64] } }, 4] };
    let kinds = ["rate_limit", "hard_model", "timeout", "transient_provider"].map(Bson::from).to_vec();
    doc! {
        "_id": id("err-"), "provider": provider(), "model_name": model(), "ts": at,
        "error_kind": { "$arrayElemAt": [kinds, &round] },
        "fingerprint": { "$concat": ["fp-", { "$toString": "$m" }, "-", { "$toString": round }] },
        "message": { "$concat": [
            "Error code: 429 - Rate limit reached for model `", model(),
            "` in organization on tokens per minute: limit 6000, used ", { "$toString": "$i" },
        ] },
    }
}

fn models(end: DateTime) -> Document {
    doc! {
        "_id": "$i", "provider": provider(), "model_id": model(), "created_at": end,
        "display_name": { "$concat": ["Model ", { "$toString": "$m" }] },
        "enabled": { "$lt": [{ "$mod": ["$m", 10] }, 9] },
    }
}

fn health(end: DateTime) -> Document {
    doc! {
        "_id": { "$concat": [provider(), ":", model()] }, "provider": provider(), "model_id": model(), "enabled": true,
        "cadence_seconds": 1800, "freshness_status": "fresh", "updated_at": end, "successes_24h": 4, "failures_24h": 1,
        "consecutive_failures": 1, "last_error_kind": "timeout", "last_error_message": "no first byte within 60 s",
    }
}
