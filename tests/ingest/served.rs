//! A bridge as a process, and a client that writes raw bytes: no library stands between a test and the socket.

use crate::support::catalog::put_model;
use crate::support::{Home, PATIENCE};
use chrono::{TimeDelta, Utc};
use llmbench::domain::ModelRef;
use llmbench::storage::{CollectionNames, Store, StoreLocation};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The Python runner's pair of keys.
pub const INGEST_KEY: &str = "python-runner-ingest-key";
pub const CONFIG_TOKEN: &str = "python-runner-config-token";
/// Profiles whose rows can be published.
pub fn published() -> Vec<String> {
    vec!["cloud-default-v1".to_owned()]
}

/// Opens a store beside the bridge.
pub async fn open(url: &str) -> Arc<dyn Store> {
    let location = StoreLocation::parse(url).unwrap();
    llmbench::storage::open(&location, &CollectionNames::default(), &published()).await.unwrap()
}

/// A running `llmbench ingest serve`.
pub struct Served {
    child: Child,
    /// Where runners connect.
    pub address: SocketAddr,
    /// Where operators look, if they may.
    pub metrics: Option<SocketAddr>,
    /// The store.
    pub url: String,
    arguments: Vec<String>,
    home: Arc<Home>,
    stderr: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Served {
    /// On SQLite, with the Python runner's keys and one enabled model, `bedrock:amazon.nova-pro-v1:0`.
    pub async fn on_sqlite(arguments: &[&str]) -> Self {
        let home = Home::new();
        let url = format!("sqlite:{}", home.path().join("bridge.db").display());
        Self::on(home, url, arguments).await
    }

    /// The same on any store.
    pub async fn on(home: Home, url: String, arguments: &[&str]) -> Self {
        let store = open(&url).await;
        store.init().await.unwrap();
        let model = ModelRef::new("bedrock", "amazon.nova-pro-v1:0");
        put_model(&*store, &model, "Nova Pro", true).await.unwrap();
        drop(store);
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Self::start(Arc::new(home), url, arguments)
            .unwrap_or_else(|said| panic!("the bridge did not start: {said}"))
    }

    /// Starts the process; what it said, where it ended at once.
    fn start(home: Arc<Home>, url: String, arguments: Vec<String>) -> Result<Self, String> {
        let mut all = vec!["ingest", "serve", "--listen", "127.0.0.1:0", "--store", &url];
        all.extend(arguments.iter().map(String::as_str));
        let mut command = home.llmbench(&all);
        command.env("INGEST_API_KEY", INGEST_KEY).env("RUNNER_CONFIG_TOKEN", CONFIG_TOKEN);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (stderr, reader) = gather(child.stderr.take().unwrap());
        let Some(Ok(first)) = lines.next() else {
            let _ = child.wait();
            return Err(stderr.lock().unwrap().clone());
        };
        let address =
            |line: &str| line.split("//").nth(1).unwrap().split('/').next().unwrap().parse().unwrap();
        let with_metrics = arguments.iter().any(|argument| argument == "--metrics-listen");
        let metrics = with_metrics.then(|| address(&lines.next().unwrap().unwrap()));
        let address = address(&first);
        Ok(Self { address, metrics, url, arguments, child, home, stderr, reader: Some(reader) })
    }

    /// One more argument, for the next process.
    pub fn with(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Kills the process and starts another one like it, again and again until it stays: its store may be away.
    pub fn killed_and_started_again(mut self) -> Self {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let start = Instant::now();
        loop {
            match Self::start(self.home.clone(), self.url.clone(), self.arguments.clone()) {
                Ok(served) => return served,
                Err(said) => assert!(start.elapsed() < PATIENCE, "it does not start any more: {said}"),
            }
        }
    }

    /// Its home.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// The store that it writes into.
    pub async fn store(&self) -> Arc<dyn Store> {
        open(&self.url).await
    }

    /// Posts JSON with the Python runner's key.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_as(path, &body.to_string(), &format!("X-API-Key: {INGEST_KEY}\r\n"))
    }

    /// Posts a text with these header lines.
    pub fn post_as(&self, path: &str, body: &str, headers: &str) -> Answer {
        self.send(&request(
            "POST",
            path,
            &format!("{headers}Content-Type: application/json\r\n"),
            body.as_bytes(),
        ))
    }

    /// Asks with these header lines.
    pub fn get(&self, path: &str, headers: &str) -> Answer {
        self.send(&request("GET", path, headers, b""))
    }

    /// The work list as the Python runner asks for it.
    pub fn config(&self, provider: &str) -> Answer {
        let header = format!("Authorization: Bearer {CONFIG_TOKEN}\r\n");
        self.get(&format!("/runner-config?provider={provider}"), &header)
    }

    /// Sends bytes on a connection of their own and reads one answer.
    pub fn send(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect();
        // A server that has seen enough may close before everything is written; its answer counts.
        let _ = stream.write_all(bytes);
        answer(&mut stream).unwrap_or_else(|why| panic!("{why}: {}", self.said()))
    }

    /// A connection.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// What it wrote to stderr so far.
    pub fn said(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// Waits until something is true of what it wrote.
    pub fn until_said(&self, what: &str) {
        let start = Instant::now();
        while !self.said().contains(what) {
            assert!(start.elapsed() < PATIENCE, "never said {what}: {}", self.said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends SIGTERM and waits: the exit status, and all that it said.
    pub fn stop(mut self) -> (Option<i32>, String) {
        self.terminate();
        let status = self.child.wait().unwrap();
        self.reader.take().unwrap().join().unwrap();
        (status.code(), self.said())
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn gather(from: impl Read + Send + 'static) -> (Arc<Mutex<String>>, JoinHandle<()>) {
    let text = Arc::new(Mutex::new(String::new()));
    let into = text.clone();
    let reader = std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            into.lock().unwrap().push_str(&(line + "\n"));
        }
    });
    (text, reader)
}

/// A whole request.
pub fn request(method: &str, target: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = if method == "GET" { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let head = format!("{method} {target} HTTP/1.1\r\nHost: bridge\r\n{headers}{length}\r\n");
    [head.as_bytes(), body].concat()
}

/// An answer as it came.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// The code of an error, after checking that the whole answer has the one shape of errors.
    pub fn code(&self) -> String {
        let document = self.json();
        let error = document["error"].as_object().unwrap_or_else(|| panic!("no error: {self:?}"));
        let names: Vec<&str> = error.keys().map(String::as_str).collect();
        assert_eq!(names, ["code", "message", "field", "item", "retryable", "request_id"]);
        assert_eq!(self.headers.get("content-type").map(String::as_str), Some("application/json"));
        assert_eq!(error["request_id"].as_str(), self.headers.get("x-request-id").map(String::as_str));
        assert_eq!(error["retryable"], json!(self.headers.contains_key("retry-after")), "{self:?}");
        assert!(error["message"].as_str().unwrap().chars().count() <= 401);
        assert!(!error["message"].as_str().unwrap().chars().any(char::is_control));
        self.sound();
        error["code"].as_str().unwrap().to_owned()
    }

    /// What holds for every answer.
    pub fn sound(&self) {
        assert_eq!(self.headers.get("cache-control").map(String::as_str), Some("no-store"));
        assert_eq!(self.headers.get("x-request-id").map(String::len), Some(26));
        assert!(!self.headers.contains_key("server"));
        assert!(self.json().is_object(), "the Python runner wants an object: {self:?}");
    }
}

/// Reads one answer.
pub fn answer(stream: &mut impl Read) -> Result<Answer, String> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).map_err(|error| format!("no answer: {error}"))?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| format!("no answer but {line:?}"))?;
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).map_err(|error| format!("half an answer: {error}"))?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).map_err(|error| format!("half a body: {error}"))?;
    Ok(Answer { status, headers, body })
}

/// A day of the recent past, the same one for a whole run of the tests: rows of long ago are not published.
pub static DAY: LazyLock<String> =
    LazyLock::new(|| (Utc::now() - TimeDelta::days(2)).format("%Y-%m-%d").to_string());

/// Writes a private key that nobody else can read.
pub fn write_key(path: &Path, text: &str) {
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// A result as the Python runner posts it.
pub fn result() -> Value {
    json!({
        "provider": "bedrock", "model_name": "amazon.nova-pro-v1:0",
        "run_ts": format!("{} 08:52:02", *DAY), "gen_ts": format!("{} 08:52:04", *DAY), "temperature": 0.1, "misc": {},
        "requested_tokens": 64, "output_tokens": 60, "generate_time": 1.8123456789012345,
        "tokens_per_second": 33.1, "time_to_first_token": null, "times_between_tokens": [],
        "validation_policy": "strict_pm10", "metrics_schema_version": 2, "generated_output_tokens": 60,
        "visible_output_tokens": 60, "reasoning_tokens": null, "token_source": "provider_usage_output_tokens",
        "request_mode": "bedrock_converse_stream", "ttft_available": false, "max_output_tokens_attempted": 64,
    })
}

/// A failure as the Python runner posts it.
pub fn failure() -> Value {
    json!({
        "provider": "together", "model_name": "fake-err404", "ts": format!("{} 08:52:17", *DAY), "stage": "generate",
        "message": "NotFoundError: Error code: 404 - {'error': {'message': 'gone', 'code': 'model_not_found'}}",
        "exc_type": "NotFoundError", "error_kind": "hard_model",
    })
}

/// A document with one field changed.
pub fn with(mut document: Value, field: &str, value: Value) -> Value {
    document[field] = value;
    document
}
