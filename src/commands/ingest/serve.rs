//! `llmbench ingest serve`: checks its requirements, serves, and shuts down in good order.

use crate::bridge::server::connection::RequestHandler;
use crate::bridge::server::journal::{Journal, JournalEntry, JournalLevel};
use crate::bridge::server::listener::{ConnectionLimits, HttpServer, ListenerCounters, listen_on};
use crate::bridge::server::metrics::ItemOutcome;
use crate::bridge::server::router::ListenerKind;
use crate::bridge::server::tls::{TlsFiles, TlsIdentity};
use crate::bridge::server::{BridgePolicy, BridgeServer, QueueWriters, RunnerKey};
use crate::cli::ingest::IngestServeArgs;
use crate::commands::changes::teller::ChangeTeller;
use crate::commands::changes::watch;
use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};
use crate::commands::interrupt::Interrupt;
use crate::commands::scope::read_error;
use crate::commands::{process_log, stdout};
use crate::daemon::memory_trim::MemoryTrimmer;
use crate::daemon::telemetry::change_log;
use crate::domain::env_vars::{INGEST_API_KEY, RUNNER_CONFIG_TOKEN};
use crate::domain::model::{is_endpoint_tag, is_router};
use crate::domain::notice::ChangeMoment;
use crate::output::log::{LogFormat, LogHandle};
use crate::output::{print, units};
use crate::settings::ingest::legacy_keys;
use crate::storage::Store;
use crate::storage::posts::ingest_keys::Action;
use crate::wire::fd_table;
use std::collections::BTreeMap;
use std::future::ready;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::Level;
use tracing::level_filters::LevelFilter;

/// Time for writing accepted posts after the last connection has ended.
const LAST_WRITES: Duration = Duration::from_secs(10);
/// Time that a start waits for missing indexes; the database completes them by itself.
const INIT: Duration = Duration::from_secs(30);
/// Interval of the checks for memory to release.
const MEMORY_LOOK: Duration = Duration::from_secs(5);
/// Most connections of operators at once.
const OPERATORS: usize = 64;

/// Serves until interrupted.
///
/// # Errors
/// Status 2 if an address, certificate, key or store cannot be used as configured, 75 if the store does not answer.
pub async fn run(args: IngestServeArgs, context: Context) -> Result<Exit, CommandError> {
    check_addresses(&args)?;
    let identity = identity(&args)?;
    fd_table::make_room();
    let interrupt = Interrupt::listen().map_err(CommandError::usage)?;
    let store = context.open_store().await?;
    if !args.no_init {
        initialize(store.as_ref()).await;
    }
    let log = start_log(&context)?;
    let policy = BridgePolicy {
        interval_minutes: args.interval,
        items_per_second: f64::from(args.rate),
        published_profiles: context.settings.profiles.published_profiles(),
        endpoint_tags: Arc::new(endpoint_tags(&args.endpoint_tags)?),
    };
    let legacy = legacy(&context)?;
    let opened = BridgeServer::open(store.clone(), policy, legacy, journal(log.clone())).await;
    let (bridge, writers) = opened.map_err(|error| read_error("reading keys and catalog", error))?;
    if bridge.usable_keys() == 0 {
        return Err(no_key());
    }
    let public = listen(args.listen)?;
    let private = args.metrics_listen.map(listen).transpose()?;
    announce(&args, &public, private.as_ref(), &store.describe(), bridge.usable_keys())?;
    let servers = BridgeListeners { identity, public, private, most: args.max_connections as usize };
    // No daemon need run beside the store: runners' rows come through here alone.
    let beside = beside(store, context, &interrupt.stop);
    let cut = servers.serve(bridge.clone(), interrupt).await;
    drop(beside);
    let rest = finish(bridge, writers).await;
    log.flush(process_log::LAST_LINES);
    print::note(&farewell(&rest, cut, log.dropped()));
    Ok(Exit::Yes)
}

/// Looks for changes of series and tells of them, until the set is dropped.
fn beside(store: Arc<dyn Store>, context: Context, stop: &CancellationToken) -> JoinSet<()> {
    let mut beside = JoinSet::new();
    let watched = Arc::clone(&store);
    beside.spawn(watch::run(move || ready(Ok(Arc::clone(&watched)))));
    let teller = ChangeTeller {
        context: Arc::new(context),
        log: Box::new(|told| match told.moment {
            ChangeMoment::Began => change_log::changed(told.change),
            ChangeMoment::Ended => change_log::ended(told.change),
        }),
        open: Box::new(drop),
        stop: stop.clone(),
    };
    beside.spawn(teller.run(move || ready(Ok(Arc::clone(&store)))));
    beside
}

fn start_log(context: &Context) -> Result<LogHandle, CommandError> {
    let format = if context.terminal.stderr_tty { LogFormat::Text } else { LogFormat::BridgeJson };
    process_log::start(format, LevelFilter::INFO, context.settings.redactor(), |_| ())
}

/// Writes the bridge's events into the log.
fn journal(log: LogHandle) -> Journal {
    Journal::new(Box::new(move |entry: JournalEntry| {
        let level = match entry.level {
            JournalLevel::Info => Level::INFO,
            JournalLevel::Warn => Level::WARN,
        };
        log.event(level, entry.what, entry.fields);
    }))
}

/// The endpoint of each provider whose runners state none.
///
/// # Errors
/// Status 2 with the form, or for a router, whose rows can be of any endpoint.
fn endpoint_tags(pairs: &[String]) -> Result<BTreeMap<String, String>, CommandError> {
    let pair = |text: &String| {
        let wrong = |why: &str| {
            CommandError::usage(format!("--endpoint-tag {}: {why}", text.escape_debug()))
                .hint("for example --endpoint-tag bedrock=bedrock/us-east-1")
        };
        let (provider, tag) = text.split_once('=').ok_or_else(|| wrong("write PROVIDER=TAG"))?;
        if is_router(provider) {
            return Err(wrong("the rows of a router can be of any endpoint"));
        }
        if provider.is_empty() || !is_endpoint_tag(tag) {
            return Err(wrong("a tag is letters, digits, - _ . and /"));
        }
        Ok((provider.to_owned(), tag.to_owned()))
    };
    pairs.iter().map(pair).collect()
}

/// Creates collections and indexes that are missing; without a right to do so the bridge serves all the same.
async fn initialize(store: &dyn Store) {
    if let Ok(Err(error)) = timeout(INIT, store.init()).await {
        print::note(&format!(
            "warning: collections or indexes may be missing, and creating them failed: {error}; `llmbench db init` \
             creates them where the right is there"
        ));
    }
}

fn no_key() -> CommandError {
    CommandError::usage("there is no key that a runner could show: everybody would be refused").hint(format!(
        "make one with `llmbench ingest key add NAME`, or set {INGEST_API_KEY} and {RUNNER_CONFIG_TOKEN}"
    ))
}

/// Refuses unencrypted public addresses unless a flag allows them.
fn check_addresses(args: &IngestServeArgs) -> Result<(), CommandError> {
    let open = !args.listen.ip().is_loopback() && args.tls_cert.is_none();
    if open && !args.plain_http {
        let why = format!("--listen {} is not loopback, and keys would travel in the open", args.listen);
        return Err(CommandError::usage(why).hint(
            "add --tls-cert and --tls-key, or listen on 127.0.0.1 behind a proxy that speaks TLS, or add \
             --plain-http where the network is trusted",
        ));
    }
    if open {
        let why = "serving plain HTTP beyond this machine: whoever can listen on the way can read the keys";
        print::note(&format!("warning: {why}"));
    }
    match args.metrics_listen {
        Some(address) if !address.ip().is_loopback() => {
            let why = format!("--metrics-listen {address} is not loopback, and metrics ask for no key");
            Err(CommandError::usage(why).hint("name an address such as 127.0.0.1:9187"))
        }
        _ => Ok(()),
    }
}

fn identity(args: &IngestServeArgs) -> Result<Option<Arc<TlsIdentity>>, CommandError> {
    let (Some(certificate), Some(key)) = (args.tls_cert.clone(), args.tls_key.clone()) else {
        return Ok(None);
    };
    let loaded = TlsIdentity::load(TlsFiles { certificate, key });
    loaded
        .map(|identity| Some(Arc::new(identity)))
        .map_err(|error| CommandError::usage(format!("certificate: {error}")).hint("both files are PEM"))
}

fn legacy(context: &Context) -> Result<Vec<RunnerKey>, CommandError> {
    let pair = legacy_keys(context.settings.env()).map_err(CommandError::usage)?;
    let posts = [Action::Ingest, Action::Error, Action::Catalog];
    if let (Some(ingest), true) = (&pair.ingest, pair.ingest == pair.config) {
        return Ok(vec![RunnerKey::legacy(INGEST_API_KEY, ingest, &Action::ALL)]);
    }
    let ingest = pair.ingest.map(|key| RunnerKey::legacy(INGEST_API_KEY, &key, &posts));
    let config = pair.config.map(|key| RunnerKey::legacy(RUNNER_CONFIG_TOKEN, &key, &[Action::Config]));
    Ok(ingest.into_iter().chain(config).collect())
}

fn listen(address: SocketAddr) -> Result<TcpListener, CommandError> {
    listen_on(address).map_err(|error| CommandError::usage(format!("cannot listen on {address}: {error}")))
}

fn announce(
    args: &IngestServeArgs,
    public: &TcpListener,
    private: Option<&TcpListener>,
    store: &str,
    keys: usize,
) -> Result<(), CommandError> {
    let scheme = if args.tls_cert.is_some() { "https" } else { "http" };
    let address = public.local_addr().map_err(CommandError::usage)?;
    // Addresses are data: with port 0 a script reads them from here.
    let mut told = format!("{scheme}://{address}\n");
    if let Some(private) = private {
        let address = private.local_addr().map_err(CommandError::usage)?;
        told.push_str(&format!("http://{address}/metrics\n"));
    }
    stdout::text(&told)?;
    print::note(&format!("serving into {store}; {}", units::counted(keys as u64, "usable key")));
    Ok(())
}

/// All listeners of the bridge.
struct BridgeListeners {
    identity: Option<Arc<TlsIdentity>>,
    public: TcpListener,
    private: Option<TcpListener>,
    most: usize,
}

impl BridgeListeners {
    /// Serves until a signal comes, and then until running requests end, or a second signal. Returns the number of
    /// connections that were cut.
    async fn serve(self, bridge: Arc<BridgeServer>, interrupt: Interrupt) -> usize {
        let stop = interrupt.stop.clone();
        let limits = ConnectionLimits { total: self.most, ..ConnectionLimits::default() };
        let runners = HttpServer {
            limits,
            identity: self.identity.clone(),
            service: service(bridge.clone(), ListenerKind::Public),
            tally: bridge.tally.clone(),
        };
        let operators = HttpServer {
            limits: ConnectionLimits { total: OPERATORS, ..limits },
            identity: None,
            service: service(bridge.clone(), ListenerKind::Private),
            tally: Arc::new(ListenerCounters::default()),
        };
        // Operators can look until the last runner has its answer.
        let done = CancellationToken::new();
        tokio::spawn(save_memory(Arc::downgrade(&bridge)));
        let tending = tokio::spawn(bridge.tend(self.identity, done.clone()));
        let watched = self.private.map(|listener| tokio::spawn(operators.serve(listener, done.clone())));
        let cut = tokio::select! {
            cut = runners.serve(self.public, stop) => cut,
            () = interrupt.abort.cancelled() => 0,
        };
        done.cancel();
        // A database that does not answer must not delay the end.
        let tended = async {
            let _ = tending.await;
            if let Some(watched) = watched {
                let _ = watched.await;
            }
        };
        let _ = timeout(LAST_WRITES, tended).await;
        cut
    }
}

/// Releases memory that ended connections left, as long as there is a bridge.
async fn save_memory(bridge: Weak<BridgeServer>) {
    let mut thrift = MemoryTrimmer::default();
    while let Some(bridge) = bridge.upgrade() {
        let (open, accepted) = (&bridge.tally.open, bridge.tally.accepted.load(Ordering::Relaxed));
        let done = bridge.metrics.requests() + accepted as u64;
        thrift.look_at_connections(open.load(Ordering::Relaxed), done);
        drop(bridge);
        sleep(MEMORY_LOOK).await;
    }
}

fn service(bridge: Arc<BridgeServer>, side: ListenerKind) -> RequestHandler {
    Arc::new(move |peer, request| Box::pin(bridge.clone().answer(side, peer, request)))
}

/// The totals of a serving process.
struct ServeSummary {
    counts: Vec<(&'static str, u64)>,
    written: bool,
}

/// Lets the write queue write its accepted posts.
async fn finish(bridge: Arc<BridgeServer>, writers: QueueWriters) -> ServeSummary {
    let outcomes = [
        ItemOutcome::Stored,
        ItemOutcome::Duplicate,
        ItemOutcome::NotEnabled,
        ItemOutcome::Conflict,
        ItemOutcome::Refused,
        ItemOutcome::Unavailable,
    ];
    let counts = outcomes.map(|outcome| (outcome.as_str(), bridge.metrics.items(outcome))).to_vec();
    drop(bridge);
    ServeSummary { counts, written: writers.finish(Instant::now() + LAST_WRITES).await }
}

fn farewell(rest: &ServeSummary, cut: usize, lost: u64) -> String {
    let counted = rest.counts.iter().filter(|(_, count)| *count > 0);
    let counted: Vec<String> = counted.map(|(word, count)| format!("{count} {word}")).collect();
    let mut said = match counted.is_empty() {
        true => "stopped; nothing was posted".to_owned(),
        false => format!("stopped; {}", counted.join(", ")),
    };
    for (count, what) in [(cut as u64, "connections cut"), (lost, "log lines lost")] {
        if count > 0 {
            said.push_str(&format!(", {count} {what}"));
        }
    }
    if !rest.written {
        said.push_str(
            "; some posts were not written in time, and their senders were not told that they were",
        );
    }
    said
}
