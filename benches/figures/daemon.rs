//! A daemon under measurement: its home, its catalog, its process, and what it says of itself.

use crate::Failed;
use crate::machine::{field, kilobytes};
use crate::subject::{home, llmbench};
use rusqlite::Connection;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Clock ticks a second in /proc, the same on every Linux.
const TICKS: f64 = 100.0;
/// Nothing here takes longer.
const PATIENCE: Duration = Duration::from_secs(300);

/// A home with a configuration and a SQLite store.
pub struct Yard {
    /// The home.
    pub home: TempDir,
    store: String,
}

impl Yard {
    /// With this configuration, and an empty store.
    pub fn new(configuration: &str) -> Result<Self, Failed> {
        let home = home()?;
        let store = format!("sqlite:{}", home.path().join("runs.db").display());
        Self::at(home, store, configuration)
    }

    /// The same with another store.
    pub fn at(home: TempDir, store: String, configuration: &str) -> Result<Self, Failed> {
        fs::write(home.path().join("config.toml"), configuration)?;
        let yard = Self { home, store };
        if !yard.command(&["db", "init"]).stdout(Stdio::null()).status()?.success() {
            return Err("llmbench db init failed".into());
        }
        Ok(yard)
    }

    /// The binary here.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = llmbench(&self.home, arguments);
        command.env("LLMBENCH_CONFIG", self.home.path().join("config.toml"));
        command.env("LLMBENCH_STORE", &self.store);
        command
    }

    /// The SQLite file.
    pub fn database(&self) -> Result<Connection, Failed> {
        Ok(Connection::open(self.home.path().join("runs.db"))?)
    }

    /// Enabled models, `model-0` and so on, evenly on providers `p0` and so on.
    pub fn models(&self, count: u64, providers: u64, id: &str) -> Result<(), Failed> {
        let database = self.database()?;
        database.execute_batch(&format!(
            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {count})
             INSERT INTO models (provider, model_id, display_name, enabled, created_at_ms)
             SELECT 'p' || (i % {providers}), replace({id}, '#', 1 + i / {providers}), 'Model ' || i, 1, 0 FROM n",
            id = format_args!("'{id}'"),
        ))?;
        Ok(())
    }

    /// Starts a daemon whose state is in this directory of the home.
    pub fn start(&self, state: &str) -> Result<Daemon, Failed> {
        self.start_at(state, &self.store)
    }

    /// The same for another store.
    pub fn start_at(&self, state: &str, store: &str) -> Result<Daemon, Failed> {
        let state = self.home.path().join(state);
        let mut command = self.command(&["daemon", "--store", store]);
        command.env("LLMBENCH_STATE_DIR", &state).stdin(Stdio::null());
        let begun = Instant::now();
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        Ok(Daemon { process, state, begun })
    }

    /// Rows of a query with one column of JSON or text.
    pub fn column(&self, query: &str) -> Result<Vec<String>, Failed> {
        let database = self.database()?;
        let mut asked = database.prepare(query)?;
        Ok(asked.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }
}

/// The lines of configuration of providers `p0` to `p{count-1}` on a server.
pub fn providers(count: u64, address: &str, more: &str) -> String {
    let table = |n| format!("[providers.p{n}]\ndialect = 'chat'\nbase_url = 'http://{address}/v1'\n{more}\n");
    (0..count).map(table).collect()
}

/// A daemon; it ends with this value.
pub struct Daemon {
    process: Child,
    state: PathBuf,
    /// When it was started.
    pub begun: Instant,
}

impl Daemon {
    /// What it last said of itself.
    pub fn pulse(&self) -> Option<Value> {
        serde_json::from_str(&fs::read_to_string(self.state.join("pulse.json")).ok()?).ok()
    }

    /// Waits until its pulse says so; the time from its start.
    pub fn until(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Result<Duration, Failed> {
        while self.begun.elapsed() < PATIENCE {
            if self.pulse().is_some_and(|pulse| holds(&pulse)) {
                return Ok(self.begun.elapsed());
            }
            sleep(Duration::from_millis(10));
        }
        Err(format!("the daemon never said: {what}").into())
    }

    /// Memory in MB: now, and the most so far.
    pub fn memory(&self) -> (f64, f64) {
        let path = format!("/proc/{}/status", self.process.id());
        let read = |name| field(&path, name).and_then(|text| kilobytes(&text)).unwrap_or(0) as f64 / 1000.0;
        (read("VmRSS"), read("VmHWM"))
    }

    /// Processor seconds so far.
    pub fn processor(&self) -> Result<f64, Failed> {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        let (_, fields) = text.rsplit_once(')').ok_or("an odd /proc/PID/stat")?;
        let number = |n: usize| fields.split_whitespace().nth(n).and_then(|word| word.parse::<f64>().ok());
        Ok((number(11).unwrap_or(f64::NAN) + number(12).unwrap_or(f64::NAN)) / TICKS)
    }

    /// Share of a core over so many seconds.
    pub fn share(&self, seconds: u64) -> Result<f64, Failed> {
        let (before, begun) = (self.processor()?, Instant::now());
        sleep(Duration::from_secs(seconds));
        Ok((self.processor()? - before) / begun.elapsed().as_secs_f64())
    }

    /// Kills it, as a crash would.
    pub fn kill(&mut self) {
        // It may have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
    }
}
