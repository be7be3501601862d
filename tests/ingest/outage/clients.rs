//! Two programs of no particular kind that post, each as simple as it can be.

use super::super::served::{INGEST_KEY, Served, answer, failure, request, result, with};
use super::{Fault, Proxy, STORED, trouble};
use crate::support::Home;
use crate::support::documents::rows;
use crate::support::peers::{Mongod, fresh_name};
use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

/// How long a runner waits for an answer, as the Python runner's does.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long everything may take to settle after the last fault.
const SETTLING: Duration = Duration::from_secs(90);
/// What a runner knows at the end.
#[derive(Debug, Default)]
struct Told {
    /// Rows that it was told are stored.
    claimed: BTreeSet<String>,
    /// Posts that had no answer.
    unanswered: u64,
    /// Posts that were to be made again, as the bridge said.
    later: u64,
    /// Rows that were there already when they were posted again.
    again: u64,
}

/// A runner: posts one thing after the other, each until it is told what became of it.
struct Runner {
    bridge: SocketAddr,
    line: Option<TcpStream>,
    told: Told,
}

impl Runner {
    /// One attempt: the answer to whatever came whole.
    fn attempt(&mut self, path: &str, body: &Value) -> Result<Value, String> {
        let fresh = || -> std::io::Result<TcpStream> {
            let line = TcpStream::connect(self.bridge)?;
            line.set_read_timeout(Some(PATIENCE))?;
            line.set_write_timeout(Some(PATIENCE))?;
            Ok(line)
        };
        let mut line = match self.line.take() {
            Some(line) => line,
            None => fresh().map_err(|error| error.to_string())?,
        };
        let headers = format!("X-API-Key: {INGEST_KEY}\r\nContent-Type: application/json\r\n");
        line.write_all(&request("POST", path, &headers, body.to_string().as_bytes()))
            .map_err(|error| error.to_string())?;
        let answer = answer(&mut line)?;
        self.line = Some(line);
        match answer.status {
            200 => Ok(answer.json()),
            503 => {
                self.told.later += 1;
                Err(answer.code())
            }
            other => panic!("{other}: {}", String::from_utf8_lossy(&answer.body)),
        }
    }

    /// Posts until there is an answer.
    fn post(&mut self, path: &str, body: &Value) -> Value {
        loop {
            let before = self.told.later;
            match self.attempt(path, body) {
                Ok(told) => return told,
                Err(_) => self.told.unanswered += u64::from(self.told.later == before),
            }
            sleep(Duration::from_millis(100));
        }
    }

    /// Batches of runs and failures under ids of their own. What the answer does not name as accepted is posted again.
    fn batches(mut self, stop: &AtomicBool, sent: &AtomicU64) -> Told {
        while !stop.load(Ordering::Relaxed) {
            let first = sent.load(Ordering::Relaxed);
            let count = 1 + first % 17;
            let mut left: BTreeMap<String, Value> = (first..first + count).map(numbered).collect();
            sent.fetch_add(count, Ordering::Relaxed);
            while !left.is_empty() {
                let items: Vec<&Value> = left.values().collect();
                let told = self.post("/ingest/batch", &json!(items));
                for item in told["results"].as_array().unwrap() {
                    match (item["status"].as_str(), item["id"].as_str()) {
                        (Some("accepted"), Some(id)) => {
                            assert!(left.remove(id).is_some(), "{item}");
                            self.told.claimed.insert(id.to_owned());
                            self.told.again += u64::from(item["duplicate"] == true);
                        }
                        _ => assert_eq!(item["error"]["retryable"], true, "{item}"),
                    }
                }
            }
        }
        self.told
    }

    /// Runs one by one, without ids, as the Python runner posts them: known by when they were.
    fn singles(mut self, stop: &AtomicBool, sent: &AtomicU64) -> Told {
        while !stop.load(Ordering::Relaxed) {
            let name = format!("single-{}", sent.fetch_add(1, Ordering::Relaxed));
            let told = self.post("/ingest", &with(run(), "response_id", json!(name)));
            assert_eq!(told["status"], "accepted", "{told}");
            self.told.again += u64::from(told["duplicate"] == true);
            self.told.claimed.insert(name);
        }
        self.told
    }
}

/// A run of this moment.
fn run() -> Value {
    let ended = Utc::now();
    let started = with(result(), "run_ts", json!(ended - TimeDelta::seconds(2)));
    with(started, "gen_ts", json!(ended))
}

/// An item of a batch: a run, or every fifth a failure.
fn numbered(number: u64) -> (String, Value) {
    let (item, model) = match number % 5 {
        0 => (with(failure(), "ts", json!(Utc::now())), "together/fake-err404"),
        _ => (run(), "bedrock/amazon.nova-pro-v1:0"),
    };
    let id = format!("{model}/outage/{number}");
    (id.clone(), with(item, "_id", json!(id)))
}

fn runner(proxy: &Proxy) -> Runner {
    Runner { bridge: proxy.address, line: None, told: Told::default() }
}

fn end(runner: JoinHandle<Told>, since: Instant) -> Told {
    while !runner.is_finished() {
        assert!(since.elapsed() < SETTLING, "a runner still waits for its answer");
        sleep(Duration::from_millis(50));
    }
    runner.join().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_dies_what_a_runner_was_told_is_stored_once() {
    let (mut mongod, database) = (Mongod::start_private(), fresh_name());
    let served = Served::on(Home::new(), mongod.uri(&database), &["--rate", "100000"]).await;
    let proxy = Proxy::start(served.address);
    let stop = Arc::new(AtomicBool::new(false));
    let (batched, single) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (one, other) = (runner(&proxy), runner(&proxy));
    let (halt, sent) = (stop.clone(), batched.clone());
    let one = spawn(move || one.batches(&halt, &sent));
    let (halt, sent) = (stop.clone(), single.clone());
    let other = spawn(move || other.singles(&halt, &sent));
    let (served, fired) = tokio::task::block_in_place(|| trouble(served, &mut mongod, &proxy));
    stop.store(true, Ordering::Relaxed);
    let since = Instant::now();
    let (one, other) = (end(one, since), end(other, since));
    let (code, said) = served.stop();
    assert_eq!(code, Some(0), "{said}");

    let stored = tokio::task::block_in_place(|| rows(&mongod, &database, STORED));
    let name = |row: &serde_json::Map<String, Value>| {
        let of_single = row.get("response_id").and_then(Value::as_str).filter(|id| id.starts_with("single-"));
        of_single.unwrap_or_else(|| row["_id"].as_str().unwrap()).to_owned()
    };
    let names: Vec<String> = stored.iter().map(name).collect();
    let distinct: BTreeSet<&String> = names.iter().collect();
    assert_eq!(names.len(), distinct.len(), "a row is stored twice");
    let claimed: BTreeSet<&String> = one.claimed.iter().chain(&other.claimed).collect();
    let lost: Vec<_> = claimed.difference(&distinct).collect();
    assert!(lost.is_empty(), "told to be stored and not there: {lost:?}");
    // Every runner came to an end with all that it had, so nothing else may be there either.
    let strange: Vec<_> = distinct.difference(&claimed).collect();
    assert!(strange.is_empty(), "stored and posted by nobody: {strange:?}");
    assert_eq!(names.len() as u64, batched.load(Ordering::Relaxed) + single.load(Ordering::Relaxed));
    let unanswered = one.unanswered + other.unanswered;
    println!(
        "{fired:?}: {} rows; {unanswered} posts without an answer, {} to be made again, {} rows were there already",
        names.len(),
        one.later + other.later,
        one.again + other.again,
    );
    assert!(unanswered >= u64::from(fired[&Fault::KillBridge]), "kills and cuts hit nobody: {fired:?}");
}
