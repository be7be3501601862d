//! A store in a state that is known, a state directory with a pulse in it, and the binary that is asked about both.

use crate::stores::backend::Backend;
use crate::support::Home;
use crate::support::catalog::put_model;
use crate::support::ran::{Ran, ran};
use crate::support::samples::{failed, failure, run, success};
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use llmbench::daemon::status_file;
use llmbench::domain::daemon_status::{
    ClockReport, DaemonStatus, LaneActivity, LaneReport, OutboxReport, STATUS_FORMAT, StoreReport,
};
use llmbench::storage::Store;
use mongodb::bson::{self, Document, doc};
use rusqlite::{Connection, params};
use serde_json::{Value, json};
use std::sync::Arc;

pub struct World {
    pub backend: Backend,
    pub store: Arc<dyn Store>,
    pub home: Home,
}

pub async fn worlds() -> [World; 2] {
    [world(Backend::sqlite()).await, world(Backend::mongo().await).await]
}

async fn world(backend: Backend) -> World {
    let store = backend.open(&["cloud-default-v1"]).await;
    store.init().await.unwrap();
    World { backend, store, home: Home::new() }
}

/// So many minutes ago, in the milliseconds that stores keep.
pub fn ago(minutes: i64) -> DateTime<Utc> {
    (Utc::now() - TimeDelta::minutes(minutes)).trunc_subsecs(3)
}

impl World {
    /// Enables a model.
    pub async fn enable(&self, model: &str) {
        put_model(&*self.store, &model.parse().unwrap(), "", true).await.unwrap();
    }

    /// A success of a model, so many minutes ago.
    pub async fn succeed(&self, model: &str, minutes: i64) {
        let (provider, id) = model.split_once(':').unwrap();
        let mut run = run(&format!("{model}-{minutes}"), provider, id);
        (run.run_ts, run.gen_ts) = (ago(minutes), ago(minutes));
        self.store.record(&success(&run)).await.unwrap();
    }

    /// A failure.
    pub async fn fail(&self, model: &str, minutes: i64) {
        let (provider, id) = model.split_once(':').unwrap();
        let mut failure = failure(&format!("{model}-{minutes}-failed"), provider, id);
        failure.ts = ago(minutes);
        self.store.record(&failed(&failure)).await.unwrap();
    }

    /// What a part of a daemon said so many minutes ago.
    pub async fn heartbeat(&self, component: &str, minutes: i64, details: Value) {
        match &self.backend {
            Backend::Sqlite(_) => {
                let sql =
                    "INSERT OR REPLACE INTO heartbeats (component, updated_at_ms, details) VALUES (?, ?, ?)";
                let row = params![component, ago(minutes).timestamp_millis(), details.to_string()];
                self.sqlite().execute(sql, row).unwrap();
            }
            Backend::Mongo(database) => {
                let details = bson::serialize_to_bson(&details).unwrap();
                let updated_at = bson::DateTime::from_millis(ago(minutes).timestamp_millis());
                let row = doc! { "component": component, "updated_at": updated_at, "details": details };
                database.collection::<Document>("bench_scheduler_heartbeats").insert_one(row).await.unwrap();
            }
        }
    }

    /// The file of a store that is one.
    pub fn sqlite(&self) -> Connection {
        Connection::open(self.backend.url().strip_prefix("sqlite:").unwrap()).unwrap()
    }

    /// Asks `status`.
    pub fn ask(&self, arguments: &[&str]) -> Ran {
        let mut command = self.home.llmbench(&["status", "--store", &self.backend.url()]);
        ran(command.args(arguments).env("TZ", "UTC").env("LC_ALL", "C.UTF-8"))
    }

    /// What it answers to a program.
    pub fn document(&self, arguments: &[&str]) -> Value {
        let told = self.ask(&[&["--json"], arguments].concat());
        serde_json::from_str(&told.out).unwrap_or_else(|_| panic!("{told:?}"))
    }

    /// The causes of what is wrong, with what they are about.
    pub fn causes(&self, arguments: &[&str]) -> Vec<String> {
        let document = self.document(arguments);
        let troubles = document["troubles"].as_array().unwrap();
        let words = |one: &Value| {
            let word = |name: &str| one[name].as_str().unwrap().to_owned();
            format!("{} {} {}", word("severity"), word("cause"), word("subject"))
        };
        troubles.iter().map(words).collect()
    }

    /// Writes a pulse where the binary looks for one.
    pub fn pulse(&self, pulse: &DaemonStatus) {
        let directory = self.state_dir();
        std::fs::create_dir_all(&directory).unwrap();
        status_file::StatusFileWriter::new(&directory).write(pulse).unwrap();
    }

    /// The state directory of the home.
    pub fn state_dir(&self) -> std::path::PathBuf {
        self.home.path().join("state/llmbench")
    }
}

/// The pulse of a daemon that is well: this process.
pub fn pulse() -> DaemonStatus {
    let lane = LaneReport {
        provider: "groq".to_owned(),
        state: LaneActivity::Producing,
        reason: None,
        until: None,
        series: 2,
        due: 0,
        running: 1,
        concurrency: 2,
        due_at: None,
        started_at: Some(ago(1)),
        finished_at: Some(ago(1)),
        succeeded_at: Some(ago(1)),
        stored_at: Some(ago(1) + TimeDelta::seconds(1)),
        idle_since: Some(ago(1)),
        cadence_seconds: Some(1800),
        budget: None,
    };
    DaemonStatus {
        format: STATUS_FORMAT,
        program: "llmbench/0.1.0".to_owned(),
        owner: "here".to_owned(),
        vantage: "main".to_owned(),
        pid: std::process::id(),
        boot_id: status_file::boot_id().unwrap_or_default(),
        started_at: ago(200),
        written_at: Utc::now(),
        written_since_boot_seconds: None,
        ready: true,
        stopping: false,
        failure: None,
        clock: ClockReport::default(),
        store: StoreReport {
            name: "x".to_owned(),
            stored_at: Some(ago(0)),
            answered_at: Some(ago(0)),
            error: None,
            refuses: false,
        },
        outbox: OutboxReport::default(),
        calibration: None,
        plan: None,
        site_failure: None,
        suspected: Vec::new(),
        loop_lag_seconds: 0.0,
        log_lines_dropped: 0,
        lanes: vec![lane],
    }
}

/// A lane's heartbeat.
pub fn lane(provider: &str, state: &str) -> Value {
    json!({ "provider": provider, "state": state, "reason": "because", "until": null, "series": 1, "due": 0, "running": 0,
        "concurrency": 1, "due_at": null, "started_at": null, "finished_at": ago(1), "succeeded_at": ago(1),
        "stored_at": ago(1), "budget": null })
}
