//! A Python scheduler and this daemon on one catalog. The scheduler is a stand-in that does what its queue documents: it
//! enqueues stale models by replacing whole jobs, its worker takes any queued job of a provider, and what it measures
//! without a role is published.

use super::{Left, QUICK, block_on};
use crate::daemon::world::{Daemon, until};
use crate::support::Home;
use llmbench::simulator;
use mongodb::Database;
use mongodb::bson::{DateTime, Document, doc};
use mongodb::options::ReturnDocument;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The stand-in's cadence.
const STALE: Duration = Duration::from_secs(2);

/// Runs the stand-in until it is told to stop.
fn scheduler(left: &Left, models: &[String], stop: &Arc<AtomicBool>) -> JoinHandle<()> {
    let (uri, name, stop) = (left.uri(), left.name.clone(), Arc::clone(stop));
    let models = models.to_vec();
    thread::spawn(move || {
        block_on(async move {
            let database = mongodb::Client::with_uri_str(uri).await.unwrap().database(&name);
            let mut fresh: HashMap<String, Instant> = HashMap::new();
            while !stop.load(Ordering::SeqCst) {
                for model in &models {
                    if fresh.get(model).is_none_or(|at| at.elapsed() > STALE) {
                        enqueue(&database, model).await;
                    }
                }
                if let Some(job) = claim(&database).await {
                    work(&database, &job, &mut fresh).await;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
    })
}

/// `enqueue_scheduled_job`: replaces a finished job, and leaves an active one and a dead letter.
async fn enqueue(database: &Database, model: &str) {
    let (provider, model_id) = model.split_once(':').unwrap();
    let jobs = database.collection::<Document>("bench_jobs");
    let there = jobs.find_one(doc! { "_id": model }).await.unwrap();
    if there.is_some_and(|job| job.get_str("status").ok() != Some("success")) {
        return;
    }
    let now = DateTime::now();
    let job = doc! { "_id": model, "provider": provider, "model_id": model_id, "status": "queued", "priority": 1000.0,
    "attempt": 0, "max_attempts": 2, "deadline_seconds": 120, "not_before": now, "created_at": now,
    "updated_at": now, "started_at": null, "lease_expires_at": null, "worker_id": null, "job_kind": "scheduled" };
    // The daemon may have inserted it meanwhile.
    let _ = jobs.replace_one(doc! { "_id": model }, job).upsert(true).await;
}

/// `claim_next_job`, for every provider.
async fn claim(database: &Database) -> Option<Document> {
    let now = DateTime::now();
    let lease = DateTime::from_millis(now.timestamp_millis() + 180_000);
    let set = doc! { "$set": { "status": "running", "started_at": now, "updated_at": now, "worker_id": "host:0",
    "lease_expires_at": lease }, "$inc": { "attempt": 1 } };
    let jobs = database.collection::<Document>("bench_jobs");
    let next = jobs.find_one_and_update(doc! { "status": "queued", "not_before": { "$lte": now } }, set);
    next.sort(doc! { "priority": -1, "created_at": 1 }).return_document(ReturnDocument::After).await.unwrap()
}

/// `run_job_in_child` and `mark_success`: a job without a role is published.
async fn work(database: &Database, job: &Document, fresh: &mut HashMap<String, Instant>) {
    tokio::time::sleep(Duration::from_millis(100)).await;
    let (provider, model) = (job.get_str("provider").unwrap(), job.get_str("model_id").unwrap());
    let role = job.get_str("sample_role").unwrap_or("published");
    let collection = if role == "published" { "metrics_cloud_v2" } else { "metrics_cloud_probe" };
    let row = doc! { "provider": provider, "model_name": model, "run_ts": DateTime::now(), "gen_ts": DateTime::now(),
    "tokens_per_second": 60.0, "sample_role": role, "job": job.get("_id").cloned() };
    database.collection::<Document>(collection).insert_one(row).await.unwrap();
    let done = doc! { "$set": { "status": "success", "updated_at": DateTime::now(), "finished_at": DateTime::now(),
    "lease_expires_at": null, "worker_id": null } };
    let ours = doc! { "_id": job.get("_id").cloned(), "status": "running", "worker_id": "host:0" };
    database.collection::<Document>("bench_jobs").update_one(ours, done).await.unwrap();
    if role == "published" {
        fresh.insert(format!("{provider}:{model}"), Instant::now());
    }
}

/// Runs both beside each other for as long as `watch` does, and then looks at the jobs of either.
fn side_by_side(watch: impl FnOnce(&Left, &[String])) {
    let models = [format!("alpha:{QUICK}"), "alpha:steady-ttft3-gap1-n4".to_owned(), format!("beta:{QUICK}")];
    let named: Vec<&str> = models.iter().map(String::as_str).collect();
    let left = block_on(Left::with(&named));
    // One model is under admission: its jobs are ours alone.
    block_on(async {
        let trial = doc! { "provider": "beta", "model_id": "steady-ttft4-gap1-n4", "enabled": false, "status": "probing",
        "created_at": DateTime::now() };
        left.database().await.collection::<Document>("models").insert_one(trial).await.unwrap();
    });
    let (home, simulator) = (Home::new(), simulator::start_in_process().unwrap());
    let provider = |name: &str| {
        format!("[providers.{name}]\ndialect = 'chat'\nbase_url = '{}/v1'\n", simulator.base_url())
    };
    let text = format!("[daemon]\ncadence = 2\ntick = 1\n{}{}", provider("alpha"), provider("beta"));
    std::fs::create_dir_all(home.path().join("config/llmbench")).unwrap();
    std::fs::write(home.path().join("config/llmbench/config.toml"), text).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let standin = scheduler(&left, &models, &stop);
    let mut command = home.llmbench(&["daemon", "--store", &left.uri()]);
    command.env("MONGODB_DB", &left.name).env("LLMBENCH_LISTEN", "none");
    let daemon = Daemon::logged(command, home.path().join("state/llmbench"));
    watch(&left, &models);
    until("the model under admission is tried", || {
        let tried = doc! { "provider": "beta", "model_name": "steady-ttft4-gap1-n4" };
        block_on(left.count("metrics_cloud_probe", tried)) > 0
    });
    stop.store(true, Ordering::SeqCst);
    standin.join().unwrap();
    drop(daemon);
    block_on(async {
        let trial = doc! { "model_id": "steady-ttft4-gap1-n4" };
        let mut recognised = trial.clone();
        recognised.insert("sample_role", "probe");
        let jobs = left.count("bench_jobs", trial).await;
        assert!(
            jobs > 0 && jobs == left.count("bench_jobs", recognised).await,
            "jobs of trials have their role"
        );
        let published = doc! { "model_name": "steady-ttft4-gap1-n4" };
        assert_eq!(left.count("metrics_cloud_v2", published).await, 0, "and nobody publishes them");
        assert_eq!(left.count("bench_jobs", doc! { "status": "cancelled" }).await, 0);
    });
}

/// Published rows of a model: the daemon's, or the stand-in's.
fn rows(left: &Left, model: &str, ours: bool) -> u64 {
    block_on(left.count("metrics_cloud_v2", rows_of(model, ours)))
}

fn rows_of(model: &str, ours: bool) -> Document {
    let (provider, model) = model.split_once(':').unwrap();
    doc! { "provider": provider, "model_name": model, "measured_by": { "$exists": ours } }
}

#[test]
fn neither_starves_the_others_published_work() {
    side_by_side(|left, models| {
        until("each measures each model again and again", || {
            models.iter().all(|model| rows(left, model, true) >= 4 && rows(left, model, false) >= 4)
        });
    });
}

/// The same for five minutes, with figures: `cargo test --test it -- --ignored --nocapture beside_for_five_minutes`.
#[test]
#[ignore = "takes five minutes"]
fn beside_for_five_minutes() {
    side_by_side(|left, models| {
        let mut before: HashMap<(String, bool), u64> = HashMap::new();
        for minute in 1..=5 {
            thread::sleep(Duration::from_secs(60));
            for model in models {
                for ours in [true, false] {
                    let count = rows(left, model, ours);
                    let earlier = before.insert((model.clone(), ours), count).unwrap_or(0);
                    assert!(count > earlier, "minute {minute}: nothing new of {model}, ours: {ours}");
                }
            }
        }
        for model in models {
            let [ours, theirs] = [true, false].map(|ours| block_on(told(left, model, ours)));
            println!("{model}: the daemon {ours}; the scheduler {theirs}");
        }
        let jobs = block_on(left.count("bench_jobs", doc! {}));
        println!("{jobs} jobs in the queue's collection at the end");
    });
}

/// Rows of one side and the longest time between two of them.
async fn told(left: &Left, model: &str, ours: bool) -> String {
    let rows = left.database().await.collection::<Document>("metrics_cloud_v2");
    let mut cursor = rows.find(rows_of(model, ours)).sort(doc! { "run_ts": 1 }).await.unwrap();
    let mut times = Vec::new();
    while cursor.advance().await.unwrap() {
        let row: Document = cursor.deserialize_current().unwrap();
        times.push(row.get_datetime("run_ts").unwrap().timestamp_millis());
    }
    let longest = times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0);
    format!("{} rows, at most {:.1} s apart", times.len(), longest as f64 / 1e3)
}
