//! `llmbench daemon` with either block of variables as it is, keys and addresses filled in.

use super::{Left, QUICK, block_on, remote, server};
use crate::daemon::world::{Daemon, until};
use crate::deploy::Image;
use crate::ingest::served::{CONFIG_TOKEN, INGEST_KEY, Served, open};
use crate::support::Home;
use crate::support::catalog::put_model;
use crate::support::peers::{Mongod, fresh_name};
use crate::support::ran::ran;
use llmbench::domain::ModelRef;
use llmbench::simulator;
use mongodb::bson::doc;
use std::process::Command;

#[test]
fn the_servers_container_measures_stores_and_is_healthy() {
    let simulator = simulator::start_in_process().unwrap();
    let models = ["together", "deepinfra", "bedrock", "anyscale"].map(|name| format!("{name}:{QUICK}"));
    let models: Vec<&str> = models.iter().map(String::as_str).collect();
    let left = block_on(Left::with(&models));
    let (image, home) = (Image::new(), Home::new());
    let base = format!("{}/v1", simulator.base_url());
    let dressed = |mut command: Command| {
        command.envs(server()).env("MONGODB_URI", left.uri()).env("MONGODB_DB", &left.name);
        command.env("TOGETHER_API_KEY", "k").env("TOGETHER_BASE_URL", &base);
        command.env("DEEPINFRA_API_KEY", "k").env("DEEPINFRA_BASE_URL", &base);
        command.env("LLMBENCH_LISTEN", "none");
        command
    };
    let daemon = dressed(image.command(&["daemon", "--log-format", "text"]));
    let daemon = Daemon::logged(daemon, home.path().join("state"));
    until("both providers are measured", || {
        let stored = |provider: &str| {
            block_on(
                left.count("metrics_cloud_v2", doc! { "provider": provider, "run_ts": { "$type": "date" } }),
            )
        };
        stored("together") > 0 && stored("deepinfra") > 0
    });
    let healthy = || dressed(image.command(&["status", "--check"])).output().unwrap();
    until("the daemon is healthy", || healthy().status.code() == Some(0));
    let said = daemon.said();
    assert!(said.contains("bedrock is excluded, as by the Python scheduler"), "{said}");
    let unused = said.lines().filter(|line| line.contains("read by nothing here")).collect::<Vec<_>>();
    assert_eq!(unused.len(), 1, "{said}");
    assert!(unused[0].contains("BENCHMARK_RETRY_BACKOFF_SECONDS"), "{said}");
    assert!(!unused[0].contains("FRESH_MINUTES") && !unused[0].contains("BENCHMARK_PROVIDERS"), "{said}");
    block_on(async {
        let jobs = left.database().await.collection::<mongodb::bson::Document>("bench_jobs");
        assert!(jobs.list_index_names().await.unwrap().len() > 1, "indexes are made at the start");
        let slot = doc! { "slot_at": { "$type": "date" }, "attempts_count": 1 };
        assert!(left.count("metrics_cloud_v2", slot).await >= 2, "the types of jobs and rows are one");
        assert_eq!(left.count("metrics_cloud_v2", doc! { "provider": "bedrock" }).await, 0);
        let cadence = doc! { "provider": "together", "cadence_seconds": 2700 };
        assert_eq!(left.count("bench_model_health", cadence).await, 1, "one and a half times FRESH_MINUTES");
        let beats = "bench_scheduler_heartbeats";
        assert_eq!(
            left.count(beats, doc! { "component": "scheduler" }).await,
            0,
            "the Python scheduler's own"
        );
        assert_eq!(left.count(beats, doc! { "component": "llmbench" }).await, 1);
    });
}

/// A bridge with two models of bedrock, and the remote runner's command line before it.
fn runner(arguments: &[&str], change: impl Fn(&mut Command)) -> (Served, String, Daemon, Home) {
    let simulator = Box::leak(Box::new(simulator::start_in_process().unwrap()));
    let database = fresh_name();
    let url = Mongod::start().uri(&database);
    block_on(async {
        let store = open(&url).await;
        for model in [QUICK, "steady-ttft3-gap1-n4"] {
            put_model(&*store, &ModelRef::new("bedrock", model), model, true).await.unwrap();
        }
    });
    let bridge = block_on(Served::on(Home::new(), url, &[]));
    let home = Home::new();
    std::fs::create_dir_all(home.path().join("config/llmbench")).unwrap();
    let text = format!("[providers.bedrock]\nbase_url = '{}'\n", simulator.base_url());
    std::fs::write(home.path().join("config/llmbench/config.toml"), text).unwrap();
    let mut command = home.llmbench(&[&["daemon", "--log-format", "text"], arguments].concat());
    let at = |value: &str| value.replace("https://ingest.example.com", &format!("http://{}", bridge.address));
    for (name, value) in remote() {
        command.env(name, at(&value));
    }
    command.env("INGEST_API_KEY", INGEST_KEY).env("RUNNER_CONFIG_TOKEN", CONFIG_TOKEN);
    command.env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "secret");
    command.env("LLMBENCH_LISTEN", "none");
    change(&mut command);
    let daemon = Daemon::logged(command, home.path().join("state/llmbench"));
    (bridge, database, daemon, home)
}

fn stored(database: &str, model: &str) -> u64 {
    block_on(async {
        let rows = Mongod::start().database(database).await;
        let rows = rows.collection::<mongodb::bson::Document>("metrics_cloud_v2");
        rows.count_documents(doc! { "provider": "bedrock", "model_name": model }).await.unwrap()
    })
}

#[test]
fn the_remote_runners_container_measures_the_bridges_list_and_is_healthy() {
    let (_bridge, database, daemon, home) = runner(&[], |command| {
        command.env_remove("BENCHMARK_MODELS_OVERRIDE");
    });
    until("both models are stored", || {
        stored(&database, QUICK) > 0 && stored(&database, "steady-ttft3-gap1-n4") > 0
    });
    until("the runner is healthy", || {
        home.llmbench(&["status", "--check"]).output().unwrap().status.code() == Some(0)
    });
    drop(daemon);
}

#[test]
fn the_emergency_list_takes_the_place_of_the_bridges() {
    let (_bridge, database, daemon, _home) = runner(&[], |command| {
        command.env("BENCHMARK_MODELS_OVERRIDE", QUICK).env_remove("RUNNER_CONFIG_TOKEN");
    });
    until("the named model is stored", || stored(&database, QUICK) > 0);
    assert_eq!(stored(&database, "steady-ttft3-gap1-n4"), 0);
    assert!(daemon.said().contains("these 1 models are measured instead of the bridge's work list"));
}

#[test]
fn indexes_are_made_at_the_start_unless_told_otherwise_and_jobs_by_hand_are_told() {
    let model = format!("sim:{QUICK}");
    let left = block_on(Left::with(&[&model]));
    block_on(left.job("ad_hoc:66f0", &model, doc! { "job_kind": "ad_hoc" }));
    let home = Home::new();
    let indexes = || {
        block_on(async {
            let jobs = left.database().await.collection::<mongodb::bson::Document>("bench_jobs");
            jobs.list_index_names().await.unwrap().len()
        })
    };
    let pass = |arguments: &[&str]| {
        let mut command = home.llmbench(&[&["daemon", "--once", "--log-format", "text"], arguments].concat());
        ran(command.env("MONGODB_URI", left.uri()).env("MONGODB_DB", &left.name))
    };
    let without = pass(&["--no-init"]);
    assert_eq!((without.code, indexes()), (0, 1), "{without:?}");
    let with = pass(&[]);
    assert!(with.code == 0 && indexes() > 1, "{with:?}");
    assert!(with.err.contains("1 queued jobs belong to no series, the oldest is `ad_hoc:66f0`"), "{with:?}");
}
