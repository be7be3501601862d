//! The Python runner's containers, switched by changing the image: the environment that they have, the database that they
//! leave, a Python scheduler that runs beside, and a bridge that is older than this program.

mod beside;
mod environment;
mod old_bridge;
mod told;

use crate::support::peers::{Mongod, fresh_name};
use mongodb::Database;
use mongodb::bson::{DateTime, Document, doc};

/// Two blocks of variables: those of the server's container, and those of the remote runner's.
const ENVIRONMENT: &str = include_str!("../data/python-environment.env");

/// A model whose answers take next to no time.
const QUICK: &str = "steady-ttft2-gap1-n4";

/// Runs a future to its end.
fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// The variables of the server's container, as its compose file has them.
fn server() -> Vec<(String, String)> {
    let block = ENVIRONMENT.split("# --- remote runner").next().unwrap();
    pairs(block.lines().filter(|line| !line.starts_with('#')))
}

/// The variables of the remote runner's, which the example file has commented out.
fn remote() -> Vec<(String, String)> {
    let block = ENVIRONMENT.split("# --- remote runner").nth(1).unwrap();
    pairs(block.lines().filter_map(|line| line.strip_prefix('#')))
}

fn pairs<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<(String, String)> {
    let pairs = lines.filter_map(|line| line.split_once('='));
    let pairs: Vec<_> = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    assert!(pairs.len() >= 5, "the block has lost its lines: {pairs:?}");
    pairs
}

/// A database as the Python runner leaves it, with these models of the catalog and no index of ours.
struct Left {
    name: String,
}

impl Left {
    async fn with(models: &[&str]) -> Self {
        let name = fresh_name();
        let database = Mongod::start().database(&name).await;
        for model in models {
            let (provider, model_id) = model.split_once(':').unwrap();
            let entry = doc! { "provider": provider, "model_id": model_id, "display_name": model_id, "enabled": true,
            "deprecated": false, "created_at": DateTime::now() };
            database.collection::<Document>("models").insert_one(entry).await.unwrap();
        }
        Self { name }
    }

    /// The database; each runtime has its own connection.
    async fn database(&self) -> Database {
        Mongod::start().database(&self.name).await
    }

    fn uri(&self) -> String {
        Mongod::start().uri(&self.name)
    }

    /// A job as its scheduler writes it.
    async fn job(&self, id: &str, model: &str, fields: Document) {
        let (provider, model_id) = model.split_once(':').unwrap();
        let now = DateTime::now();
        let mut job = doc! { "_id": id, "provider": provider, "model_id": model_id, "status": "queued", "priority": 1000.0,
        "attempt": 0, "max_attempts": 2, "deadline_seconds": 120, "not_before": now, "created_at": now,
        "updated_at": now, "started_at": null, "lease_expires_at": null, "worker_id": null,
        "last_attempt_error_kind": null, "last_attempt_error_message": null, "job_kind": "scheduled" };
        job.extend(fields);
        self.database().await.collection::<Document>("bench_jobs").insert_one(job).await.unwrap();
    }

    async fn count(&self, collection: &str, filter: Document) -> u64 {
        self.database().await.collection::<Document>(collection).count_documents(filter).await.unwrap()
    }
}
