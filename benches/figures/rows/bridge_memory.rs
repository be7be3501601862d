//! What many connections cost the bridge: its memory with 5,000 of them, each of which has posted; and how long a post takes
//! while 500 clients of each slow kind hold theirs: heads and bodies of a byte a second, TLS handshakes that never come.

use crate::bridge::{self, Bridge};
use crate::mongod::{Mongod, runtime};
use crate::rows::whole_milliseconds;
use crate::stats::largest;
use crate::{Failed, Line};
use llmbench::wire::fd_table;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

/// Connections at once.
const CONNECTIONS: usize = 5_000;
/// How many of them are about to post at the same time.
const AT_ONCE: usize = 512;
/// The most memory, MB.
const MOST: f64 = 150.0;
/// Slow clients of each kind.
const SLOW: usize = 500;
/// Posts beside them, and how far apart.
const POSTS: usize = 20;
const APART: Duration = Duration::from_millis(300);
/// The longest that one of these may take, seconds.
const LONGEST: f64 = 1.0;
/// The beginning of what a slow client sends.
const SLOW_HEAD: &[u8] = b"POST /ingest HTTP/1.1\r\nX-Slow: ";

/// Measures.
pub fn measure() -> Result<Vec<Line>, Failed> {
    fd_table::make_room();
    let mongod = Mongod::start()?;
    let runtime = runtime()?;
    let plain = runtime.block_on(peak(&mongod, false))?;
    let tls = runtime.block_on(peak(&mongod, true))?;
    let slow = runtime.block_on(beside_slow_clients(&mongod))?;
    let memory = |what, peak: f64| Line {
        what,
        least: "at most 150 MB",
        measured: format!("{peak:.0} MB"),
        beside: None,
        met: peak <= MOST,
    };
    Ok(vec![
        memory("the bridge: peak memory with 5,000 connections, each of which has posted", plain),
        memory("the same over TLS", tls),
        Line {
            what: "the bridge: a post beside 500 clients each with slow heads, slow bodies and idle handshakes, the longest",
            least: "less than 1 s",
            measured: whole_milliseconds(slow),
            beside: None,
            met: slow < LONGEST,
        },
    ])
}

/// The most memory of a bridge that 5,000 clients have posted to, all connected at the end.
async fn peak(mongod: &Mongod, over_tls: bool) -> Result<f64, Failed> {
    let name = if over_tls { "memory-tls" } else { "memory" };
    let secured = Secured::new()?;
    let arguments = if over_tls { secured.arguments() } else { Vec::new() };
    let bridge = Bridge::start(&bridge::fresh(mongod, name).await?, &arguments)?;
    let (mut posting, room) = (JoinSet::new(), Arc::new(Semaphore::new(AT_ONCE)));
    for row in bridge::rows(CONNECTIONS) {
        let (address, connector) = (bridge.address, over_tls.then(|| secured.connector.clone()));
        let room = room.clone();
        posting.spawn(async move {
            let _permit = room.acquire().await.map_err(|error| error.to_string())?;
            Client::connect(address, connector).await?.post(&bridge::post(&row)).await
        });
    }
    let mut clients = Vec::new();
    while let Some(client) = posting.join_next().await {
        clients.push(client??);
    }
    let open = figure(&bridge, "llmbench_ingest_connections ").await?;
    if open < CONNECTIONS as f64 {
        return Err(format!("only {open} connections were open").into());
    }
    let peak = bridge.peak()?;
    drop(clients);
    mongod.clear(name).await?;
    Ok(peak)
}

/// A figure of the bridge's metrics.
async fn figure(bridge: &Bridge, name: &str) -> Result<f64, Failed> {
    let mut stream = bridge::connect(bridge.metrics).await?;
    let (_, page) = bridge::ask(&mut stream, b"GET /metrics HTTP/1.1\r\nHost: bridge\r\n\r\n").await?;
    let page = String::from_utf8(page)?;
    let line = page.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such figure")?;
    Ok(line.trim().parse()?)
}

/// The longest of some posts, over plain HTTP and over TLS, while all slow clients hold on.
async fn beside_slow_clients(mongod: &Mongod) -> Result<f64, Failed> {
    let secured = Secured::new()?;
    let uri = bridge::fresh(mongod, "slow").await?;
    let (plain, tls) = (Bridge::start(&uri, &[])?, Bridge::start(&uri, &secured.arguments())?);
    let mut holding = JoinSet::new();
    let mut begun_body = bridge::post(&bridge::rows(1)[0]);
    begun_body.truncate(begun_body.len() - 100);
    for _ in 0..SLOW {
        holding.spawn(drip(plain.address, SLOW_HEAD.to_vec()));
        holding.spawn(drip(plain.address, begun_body.clone()));
        holding.spawn(drip(tls.address, Vec::new()));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut times = Vec::new();
    for row in bridge::rows(POSTS) {
        for (address, connector) in [(plain.address, None), (tls.address, Some(secured.connector.clone()))] {
            let begun = Instant::now();
            Client::connect(address, connector).await?.post(&bridge::post(&row)).await?;
            times.push(begun.elapsed().as_secs_f64());
        }
        tokio::time::sleep(APART).await;
    }
    holding.abort_all();
    mongod.clear("slow").await?;
    Ok(largest(times))
}

/// A client that begins, sends a byte a second, and begins again where it is let go. One that begins with nothing stays silent.
async fn drip(address: SocketAddr, beginning: Vec<u8>) {
    loop {
        let Ok(mut stream) = TcpStream::connect(address).await else { return };
        let mut held = stream.write_all(&beginning).await.is_ok();
        while held {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let mut bin = [0; 512];
            let ended = stream.try_read(&mut bin).is_ok();
            held = !ended && (beginning.is_empty() || stream.write_all(b" ").await.is_ok());
        }
    }
}

/// A certificate for `localhost`, on disk, and those who trust it.
struct Secured {
    _directory: TempDir,
    arguments: [String; 4],
    connector: TlsConnector,
}

impl Secured {
    fn new() -> Result<Self, Failed> {
        let directory = tempfile::tempdir()?;
        let (certificate, key) = (directory.path().join("cert.pem"), directory.path().join("key.pem"));
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
        std::fs::write(&certificate, made.cert.pem())?;
        std::fs::write(&key, made.signing_key.serialize_pem())?;
        let file = |path: PathBuf| path.to_string_lossy().into_owned();
        let arguments = ["--tls-cert".to_owned(), file(certificate), "--tls-key".to_owned(), file(key)];
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let config = config.with_root_certificates(roots).with_no_client_auth();
        Ok(Self { _directory: directory, arguments, connector: TlsConnector::from(Arc::new(config)) })
    }

    /// What the bridge is told.
    fn arguments(&self) -> Vec<&str> {
        self.arguments.iter().map(String::as_str).collect()
    }
}

/// A connection that stays open.
enum Client {
    Plain(TcpStream),
    Tls(Box<tokio_rustls::client::TlsStream<TcpStream>>),
}

impl Client {
    async fn connect(address: SocketAddr, connector: Option<TlsConnector>) -> Result<Self, String> {
        let words = |error: std::io::Error| error.to_string();
        let stream = bridge::connect(address).await.map_err(words)?;
        let Some(connector) = connector else { return Ok(Client::Plain(stream)) };
        let name = ServerName::try_from("localhost").map_err(|error| error.to_string())?;
        Ok(Client::Tls(Box::new(connector.connect(name, stream).await.map_err(words)?)))
    }

    async fn post(mut self, request: &[u8]) -> Result<Self, String> {
        let answered = match &mut self {
            Client::Plain(stream) => bridge::ask(stream, request).await,
            Client::Tls(stream) => bridge::ask(stream, request).await,
        };
        match answered.map_err(|error| error.to_string())? {
            (200, _) => Ok(self),
            (status, body) => Err(format!("{status}: {}", String::from_utf8_lossy(&body))),
        }
    }
}
