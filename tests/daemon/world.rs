//! A catalog, simulated providers, and a daemon that is watched while it runs.

use crate::raw_server::play_each;
use crate::support::Home;
use crate::support::answers::{plain, sound};
use crate::support::catalog::put_model;
use crate::support::ran::rows;
use chrono::{DateTime, Utc};
use llmbench::domain::ModelRef;
use llmbench::simulator;
use llmbench::simulator::RunningSimulator;
use llmbench::storage::{self, CollectionNames, StoreLocation};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Nothing here takes as long as this on any machine.
const PATIENCE: Duration = crate::support::PATIENCE;

/// A model whose answers take next to no time.
pub const QUICK: &str = "steady-ttft2-gap1-n4";

/// A home with a catalog and a configuration.
pub struct World {
    pub home: Home,
    store: String,
    simulator: RunningSimulator,
}

impl World {
    /// With these models of the catalog, and these further lines of configuration. The providers `alpha` and `beta` are
    /// the simulator.
    pub fn new(models: &[&str], configuration: &str) -> Self {
        let home = Home::new();
        let store = format!("sqlite:{}", home.path().join("runs.db").display());
        Self::at(home, store, models, configuration)
    }

    /// The same with another store.
    pub fn at(home: Home, store: String, models: &[&str], configuration: &str) -> Self {
        let simulator = simulator::start_in_process().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let location = StoreLocation::parse(&store).unwrap();
            let store =
                storage::open(&location, &CollectionNames::default(), &["cloud-default-v1".to_owned()])
                    .await
                    .unwrap();
            store.init().await.unwrap();
            for model in models {
                let model: ModelRef = model.parse().unwrap();
                put_model(&*store, &model, &model.model_id, true).await.unwrap();
            }
        });
        let provider = |name: &str| {
            format!("[providers.{name}]\ndialect = 'chat'\nbase_url = '{}/v1'\n", simulator.base_url())
        };
        let text = format!("{configuration}\n{}{}", provider("alpha"), provider("beta"));
        fs::create_dir_all(home.path().join("config/llmbench")).unwrap();
        fs::write(home.path().join("config/llmbench/config.toml"), text).unwrap();
        Self { home, store, simulator }
    }

    /// The daemon's command line, its store named.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let _ = &self.simulator;
        let mut command = self.home.llmbench(&["daemon", "--store", &self.store]);
        // Tests run side by side: who wants probes names port 0.
        command.args(arguments).env("LLMBENCH_LISTEN", "none");
        command
    }

    /// The store's URL.
    pub fn url(&self) -> &str {
        &self.store
    }

    /// What another command on the same store says.
    pub fn said(&self, arguments: &[&str]) -> String {
        let mut command = self.home.llmbench(arguments);
        let output = command.args(["--store", &self.store]).output().unwrap();
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
    }

    /// Any other command, with the same store.
    pub fn other(&self, arguments: &[&str]) -> Output {
        self.home.llmbench(arguments).args(["--store", &self.store]).output().unwrap()
    }

    /// Starts a daemon whose log can be read while it runs.
    pub fn logged(&self, arguments: &[&str]) -> Daemon {
        Daemon::logged(self.command(arguments), self.home.path().join("state/llmbench"))
    }

    /// Starts a daemon.
    pub fn start(&self, arguments: &[&str]) -> Daemon {
        Daemon::start(self.command(arguments), self.home.path().join("state/llmbench"))
    }

    /// Successes of the store.
    pub fn runs(&self) -> Vec<Map<String, Value>> {
        rows(&self.home.path().join("runs.db"), "runs")
    }

    /// Failures of the store.
    pub fn errors(&self) -> Vec<Map<String, Value>> {
        rows(&self.home.path().join("runs.db"), "errors")
    }

    /// The slots at which a provider was measured, well or not.
    pub fn slots(&self, provider: &str) -> BTreeSet<(String, String)> {
        slots(&self.runs(), provider)
    }
}

/// Model and slot of every row of a provider.
pub fn slots(rows: &[Map<String, Value>], provider: &str) -> BTreeSet<(String, String)> {
    let rows = rows.iter().filter(|row| row["provider"] == provider);
    let text = |row: &Map<String, Value>, name: &str| row[name].as_str().unwrap().to_owned();
    rows.map(|row| (text(row, "model_name"), text(row, "slot_at"))).collect()
}

/// The slots of rows that count, each of which must be there once: their ids name them.
pub fn counted(rows: &[Map<String, Value>]) -> Vec<String> {
    let counts = |row: &&Map<String, Value>| row["suspect"] == false && row["sample_role"] == "published";
    let slot = |row: &Map<String, Value>| {
        let expected = format!(
            "{}/{}/cloud-default-v1/main/{}",
            row["provider"].as_str().unwrap(),
            row["model_name"].as_str().unwrap(),
            row["slot_at"].as_str().unwrap()
        );
        assert_eq!(row["_id"], expected.as_str());
        expected
    };
    rows.iter().filter(counts).map(slot).collect()
}

/// A provider of the configuration that speaks `chat` at an address.
pub fn provider(name: &str, address: SocketAddr) -> String {
    format!("[providers.{name}]\ndialect = 'chat'\nbase_url = 'http://{address}/v1'\n")
}

/// A host that refuses with this status and body until it is told to work.
pub fn refusing(works: &Arc<AtomicBool>, status: &'static str, body: &'static str) -> SocketAddr {
    let works = Arc::clone(works);
    play_each(move || if works.load(Ordering::SeqCst) { sound() } else { plain(status, "", body) })
}

/// Waits until something holds.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        sleep(Duration::from_millis(100));
    }
}

/// A daemon that runs; a test that ends takes it along.
pub struct Daemon {
    /// The process.
    pub child: Child,
    state: PathBuf,
    log: Option<PathBuf>,
}

impl Daemon {
    /// Starts one.
    pub fn start(mut command: Command, state: PathBuf) -> Self {
        let child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        Self::of(child, state)
    }

    /// One that was started.
    pub fn of(child: Child, state: PathBuf) -> Self {
        Self { child, state, log: None }
    }

    /// Starts one whose log goes to a file.
    pub fn logged(mut command: Command, state: PathBuf) -> Self {
        fs::create_dir_all(&state).unwrap();
        let log = state.join("log");
        let file = fs::File::create(&log).unwrap();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file).spawn().unwrap();
        Self { child, state, log: Some(log) }
    }

    /// What it has said so far.
    pub fn said(&self) -> String {
        fs::read_to_string(self.log.as_ref().unwrap()).unwrap()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Tells it to stop, and waits for its status and what it said.
    pub fn stop(mut self) -> (i32, String) {
        self.signal(Signal::TERM);
        self.end()
    }

    /// Kills it.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end.
    pub fn end(&mut self) -> (i32, String) {
        let mut said = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_string(&mut said).unwrap();
            return (self.child.wait().unwrap().code().unwrap_or(-1), said);
        }
        let code = self.child.wait().unwrap().code();
        (code.unwrap_or(-1), self.said())
    }

    /// What it last said of itself.
    pub fn pulse(&self) -> Option<Value> {
        pulse(&self.state)
    }

    /// When its store last said of a row that it is stored, if it has nothing to complain of since.
    pub fn stored_at(&self) -> Option<DateTime<Utc>> {
        let store = self.pulse()?["store"].clone();
        store["stored_at"].as_str().filter(|_| store["error"].is_null())?.parse().ok()
    }

    /// What it last said of a lane.
    pub fn lane(&self, provider: &str) -> Option<Value> {
        lane(&self.state, provider)
    }
}

fn pulse(state: &Path) -> Option<Value> {
    serde_json::from_str(&fs::read_to_string(state.join("pulse.json")).ok()?).ok()
}

fn lane(state: &Path, provider: &str) -> Option<Value> {
    pulse(state)?["lanes"].as_array()?.iter().find(|lane| lane["provider"] == provider).cloned()
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
