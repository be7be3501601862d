//! The bridge as a process of its own, rows to post to it, and hands that put them: over HTTP, or with the driver alone. Both
//! put the same documents under the same concern, as many at once, at full speed or at a pace.

use crate::catalog::put_model;
use crate::machine::{field, kilobytes};
use crate::mongod::{Mongod, concern};
use crate::subject::{home, llmbench};
use crate::{Failed, fixture_db};
use chrono::{DateTime, TimeDelta, Utc};
use llmbench::domain::ModelRef;
use mongodb::Database;
use mongodb::bson::{Document, doc};
use serde_json::{Map, Value, json};
use std::io::{BufRead, BufReader, Lines};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// The key of everybody who posts.
const KEY: &str = "a-key-of-the-figures";
/// Models that rows are of, all enabled.
pub const MODELS: usize = 500;
/// Every so many-th row is a failure.
const FAILURES: usize = 20;
/// How long the rows go back: a day of some runners.
const SPAN: TimeDelta = TimeDelta::hours(20);

/// A running bridge; it ends with this value.
pub struct Bridge {
    process: Child,
    /// Where runners connect.
    pub address: SocketAddr,
    /// Where metrics are.
    pub metrics: SocketAddr,
    _home: TempDir,
}

impl Bridge {
    /// Starts one that writes into this store. A store that it can write to has been made before.
    pub fn start(uri: &str, arguments: &[&str]) -> Result<Self, Failed> {
        let home = home()?;
        let fixed = ["--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0", "--rate", "1000000"];
        let mut command = llmbench(&home, &["ingest", "serve", "--store", uri]);
        command.args(fixed).args(arguments).env("INGEST_API_KEY", KEY);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let stdout = process.stdout.take().ok_or("no output of the bridge")?;
        let mut lines = BufReader::new(stdout).lines();
        let (address, metrics) = (address(&mut lines)?, address(&mut lines)?);
        Ok(Self { process, address, metrics, _home: home })
    }

    /// The most memory that it ever held, MB.
    pub fn peak(&self) -> Result<f64, Failed> {
        let text = field(&format!("/proc/{}/status", self.process.id()), "VmHWM");
        Ok(text.and_then(|text| kilobytes(&text)).ok_or("the bridge is gone")? as f64 / 1000.0)
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        // What it has acknowledged is stored.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The address of a printed URL.
fn address(lines: &mut Lines<BufReader<ChildStdout>>) -> Result<SocketAddr, Failed> {
    let line = lines.next().ok_or("the bridge did not start")??;
    let host = line.split('/').nth(2).ok_or("the bridge names no address")?;
    Ok(host.parse()?)
}

/// A database with the models that rows are of.
pub async fn fresh(mongod: &Mongod, name: &str) -> Result<String, Failed> {
    let store = mongod.store(name).await?;
    for number in 0..MODELS {
        put_model(&*store, &model(number), "", true).await?;
    }
    Ok(mongod.uri(name))
}

fn model(number: usize) -> ModelRef {
    ModelRef::new("bedrock", format!("model-{}", number % MODELS))
}

/// What a runner would post, the oldest first: a run, or now and then a failure.
pub fn rows(count: usize) -> Vec<Value> {
    let (run, failure) = (fixture_db::run(), fixture_db::error());
    let start = Utc::now() - SPAN;
    let step = SPAN / i32::try_from(count).unwrap_or(i32::MAX);
    let row = |number: usize| {
        let at = start + step * i32::try_from(number).unwrap_or(i32::MAX);
        let is_failure = number.is_multiple_of(FAILURES);
        row(if is_failure { &failure } else { &run }, &model(number), at, is_failure)
    };
    (0..count).map(row).collect()
}

fn row(template: &Map<String, Value>, model: &ModelRef, at: DateTime<Utc>, is_failure: bool) -> Value {
    let mut row = template.clone();
    row.insert("provider".to_owned(), json!(model.provider));
    row.insert("model_name".to_owned(), json!(model.model_id));
    if is_failure {
        row.insert("ts".to_owned(), json!(at));
        row.insert("error_kind".to_owned(), json!("rate_limit"));
        row.insert("message".to_owned(), json!("Error code: 429 - slow down"));
    } else {
        row.insert("run_ts".to_owned(), json!(at));
        row.insert("gen_ts".to_owned(), json!(at + TimeDelta::milliseconds(1_333)));
    }
    Value::Object(row)
}

/// A whole request that posts one row.
pub fn post(row: &Value) -> Vec<u8> {
    let path = if row.get("error_kind").is_some() { "/ingest/error" } else { "/ingest" };
    request(path, &row.to_string())
}

/// A whole request that posts many.
pub fn post_many(rows: &[Value]) -> Vec<u8> {
    request("/ingest/batch", &json!(rows).to_string())
}

fn request(path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: bridge\r\nX-API-Key: {KEY}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Sends a request and reads its answer: the status, and the body.
pub async fn ask<S>(stream: &mut S, request: &[u8]) -> std::io::Result<(u16, Vec<u8>)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    stream.write_all(request).await?;
    let mut answer = Vec::with_capacity(1024);
    loop {
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let Some(head) = memchr::memmem::find(&answer, b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&answer[..head]);
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.and_then(|length| length.parse().ok()).unwrap_or(0);
        if answer.len() >= head + 4 + length {
            let status = text.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0);
            return Ok((status, answer.split_off(head + 4)));
        }
    }
}

/// How rows are put.
#[derive(Clone)]
pub enum Way {
    /// Requests to the bridge, each hand on a connection of its own.
    Bridge(SocketAddr, Arc<Vec<Vec<u8>>>),
    /// Inserts of portions, by the driver.
    Driver(Database, Arc<Vec<(&'static str, Vec<Document>)>>),
}

impl Way {
    fn portions(&self) -> usize {
        match self {
            Way::Bridge(_, requests) => requests.len(),
            Way::Driver(_, portions) => portions.len(),
        }
    }

    async fn put(&self, line: &mut Option<TcpStream>, number: usize) -> Result<(), String> {
        match self {
            Way::Bridge(address, requests) => {
                let stream = match line {
                    Some(stream) => stream,
                    None => line.insert(connect(*address).await.map_err(|error| error.to_string())?),
                };
                let (status, body) =
                    ask(stream, &requests[number]).await.map_err(|error| error.to_string())?;
                let stored = status == 200 && memchr::memmem::find(&body, b"\"status\":\"error\"").is_none();
                stored.then_some(()).ok_or_else(|| format!("{status}: {}", String::from_utf8_lossy(&body)))
            }
            Way::Driver(database, portions) => {
                let (collection, documents) = &portions[number];
                let into = database.collection::<Document>(collection);
                let inserted = match documents.as_slice() {
                    [one] => into.insert_one(one).write_concern(concern()).await.map(drop),
                    many => into.insert_many(many).ordered(false).write_concern(concern()).await.map(drop),
                };
                inserted.map_err(|error| error.to_string())
            }
        }
    }
}

/// A connection as runners have them.
pub async fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Puts everything with so many hands, at full speed or so many portions a second. How long it took in all, and each
/// portion from the moment at which it was due, seconds.
pub async fn put_all(way: &Way, hands: usize, pace: Option<f64>) -> Result<(Duration, Vec<f64>), Failed> {
    let next = Arc::new(AtomicUsize::new(0));
    let begun = Instant::now();
    let mut working = JoinSet::new();
    for _ in 0..hands {
        let (way, next) = (way.clone(), next.clone());
        working.spawn(async move {
            let (mut line, mut times) = (None, Vec::new());
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= way.portions() {
                    return Ok::<_, String>(times);
                }
                let due = pace.map_or(begun, |pace| begun + Duration::from_secs_f64(number as f64 / pace));
                // Late because all hands were busy: that counts.
                let early = due > Instant::now();
                if early {
                    tokio::time::sleep_until(due.into()).await;
                }
                let from = if early || pace.is_none() { Instant::now() } else { due };
                way.put(&mut line, number).await?;
                times.push(from.elapsed().as_secs_f64());
            }
        });
    }
    let mut times = Vec::new();
    while let Some(done) = working.join_next().await {
        times.extend(done??);
    }
    Ok((begun.elapsed(), times))
}

/// What a bridge has stored, in portions of at most so many rows of one collection, and a fresh database beside it with the
/// same collections and indexes: what the driver is to do.
pub async fn the_same_by_driver(mongod: &Mongod, stored: &str, portion: usize) -> Result<Way, Failed> {
    let name = format!("{stored}-driver");
    mongod.store(&name).await?;
    let from = mongod.database(stored).await?;
    let mut portions = Vec::new();
    for collection in ["metrics_cloud_v2", "errors_cloud"] {
        let mut cursor = from.collection::<Document>(collection).find(doc! {}).await?;
        let mut rows = Vec::new();
        while cursor.advance().await? {
            rows.push(cursor.deserialize_current()?);
        }
        portions.extend(rows.chunks(portion).map(|rows| (collection, rows.to_vec())));
    }
    Ok(Way::Driver(mongod.database(&name).await?, Arc::new(portions)))
}
