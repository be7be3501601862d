//! `llmbench doctor`: checks everything in parallel, each check with a deadline, and reports problems with advice. Each
//! section is a file with two halves: looking (network, store, files) and saying (pure).

mod aws;
mod bridge;
mod cached_input;
mod catalog;
mod configuration;
mod deadline;
mod files;
mod google;
mod lookalikes;
mod providers;
mod signing_key;
mod state;
mod store;
mod switch;

use crate::cli::doctor::DoctorArgs;
use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};
use crate::commands::run::access::SIMULATOR;
use crate::commands::stdout;
use crate::domain::env_vars::SSL_CERT_FILE;
use crate::domain::finding::{Finding, FindingSection};
use crate::domain::troubleshooting;
use crate::http::{HttpClient, ProxyRules};
use crate::listings::reader::ListingReader;
use crate::listings::transport::PageTransport;
use crate::output::task_progress::Steps;
use crate::output::terminal::Terminal;
use crate::output::{ReportView, doctor as shown};
use crate::providers::hosts::{Auth, Host};
use crate::wire::tls::client_config;
use chrono::{DateTime, Utc};
use rustls::ClientConfig;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Longer waits show the checks that are still running.
const PATIENCE: Duration = Duration::from_secs(1);

/// Runs the command and returns its exit status.
///
/// # Errors
/// Wrong usage: an unknown provider.
pub async fn run(args: DoctorArgs, context: Context) -> Result<Exit, CommandError> {
    if args.switch {
        let found = switch::findings(&context).await;
        return told(&found, &args, context.terminal, Utc::now());
    }
    let wanted = wanted(&args.providers, &context)?;
    let (tls, untrusted) = trust(&context)?;
    let redactor = Arc::new(context.settings.redactor());
    let limits = providers::limits(context.settings.deadlines.limits());
    let (http, no_proxy) = http(&context, &tls)?;
    let reader = ListingReader { transport: PageTransport::Measured(tls), limits, redactor };
    let now = Utc::now();
    let checks = CheckContext { context: Arc::new(context), reader, http, offline: args.offline, now };
    let results = checks.all(&wanted, args.providers.is_empty()).await;
    let found: Vec<Finding> =
        untrusted.into_iter().chain(no_proxy).chain(said(&checks, &wanted, &results)).collect();
    told(&found, &args, checks.context.terminal, now)
}

fn told(
    found: &[Finding],
    args: &DoctorArgs,
    terminal: Terminal,
    now: DateTime<Utc>,
) -> Result<Exit, CommandError> {
    let view = ReportView::new(terminal, args.verbose);
    let text = if args.json { shown::json(found, now) } else { shown::text(found, &view) };
    stdout::text(&text)?;
    Ok(if found.iter().any(Finding::is_open) { Exit::No } else { Exit::Yes })
}

/// The trusted authorities. If the operator's own cannot be read, that is a finding, and the public ones are used.
fn trust(context: &Context) -> Result<(Arc<ClientConfig>, Option<Finding>), CommandError> {
    match client_config(context.extra_ca().as_deref()) {
        Ok(tls) => Ok((tls, None)),
        Err(error) => {
            let fix = format!("name a readable PEM file, or `unset {SSL_CERT_FILE}`");
            let found = Finding::wrong(
                FindingSection::Configuration,
                SSL_CERT_FILE,
                error.to_string(),
                fix,
                troubleshooting::TLS,
            );
            Ok((client_config(None).map_err(CommandError::usage)?, Some(found)))
        }
    }
}

/// The client for requests that are not timed. An unusable proxy is a finding, and requests then go directly.
fn http(context: &Context, tls: &Arc<ClientConfig>) -> Result<(HttpClient, Option<Finding>), CommandError> {
    let connect = context.settings.deadlines.limits().connect;
    let (rules, found) = match context.settings.proxies() {
        Ok(rules) => (rules, None),
        Err(error) => {
            let fix = "write http://HOST:PORT, or unset the variable";
            let (here, heading) = (FindingSection::Configuration, troubleshooting::PROXY);
            (ProxyRules::default(), Some(Finding::wrong(here, "proxy", error.to_string(), fix, heading)))
        }
    };
    Ok((HttpClient::new(tls, rules, connect).map_err(CommandError::usage)?, found))
}

/// The hosts to check: the named ones, else all but the simulator.
fn wanted(named: &[String], context: &Context) -> Result<Vec<Host>, CommandError> {
    let hosts = &context.settings.hosts;
    if named.is_empty() {
        return Ok(hosts.iter().filter(|host| host.name != SIMULATOR).cloned().collect());
    }
    let mut chosen: Vec<Host> = Vec::new();
    for name in named {
        let host = hosts.find(name).map_err(CommandError::usage)?;
        if chosen.iter().all(|there| there.name != host.name) {
            chosen.push(host.clone());
        }
    }
    Ok(chosen)
}

struct CheckContext {
    context: Arc<Context>,
    reader: ListingReader,
    http: HttpClient,
    offline: bool,
    now: DateTime<Utc>,
}

enum DoctorCheck {
    Store(store::StoreCheck),
    Host(Box<providers::HostCheck>),
    Aws(Box<aws::AwsCheck>),
    Google(Box<google::GoogleCheck>),
    State(Box<state::StateDirCheck>),
}

struct DoctorResults {
    store: store::StoreCheck,
    hosts: Vec<providers::HostCheck>,
    aws: Option<aws::AwsCheck>,
    google: Option<google::GoogleCheck>,
    state: state::StateDirCheck,
}

impl DoctorResults {
    fn take(&mut self, check: DoctorCheck) {
        match check {
            DoctorCheck::Store(check) => self.store = check,
            DoctorCheck::Host(check) => self.hosts.push(*check),
            DoctorCheck::Aws(check) => self.aws = Some(*check),
            DoctorCheck::Google(check) => self.google = Some(*check),
            DoctorCheck::State(check) => self.state = *check,
        }
    }
}

impl CheckContext {
    /// Runs all checks at once, then those of hosts that turned out to have enabled models but no sign of a login.
    /// `unnamed` is true if the user named no hosts.
    async fn all(&self, wanted: &[Host], unnamed: bool) -> DoctorResults {
        let mut results = DoctorResults {
            store: store::StoreCheck::Nowhere,
            hosts: Vec::new(),
            aws: None,
            google: None,
            state: state::StateDirCheck::default(),
        };
        let mut tasks = CheckTasks::default();
        let (context, now) = (Arc::clone(&self.context), self.now);
        tasks.start("store", async move { DoctorCheck::Store(store::look(context, now).await) });
        let context = Arc::clone(&self.context);
        tasks.start("state", async move { DoctorCheck::State(Box::new(state::look(&context))) });
        let (first, later): (Vec<&Host>, Vec<&Host>) =
            wanted.iter().partition(|host| !unnamed || self.context.settings.is_configured(host));
        first.into_iter().for_each(|host| self.start(host, &mut tasks));
        tasks.ended(&self.context, &mut results).await;
        let mut tasks = CheckTasks::default();
        for host in later {
            // If the enabled models are unknown, only checks that cost nothing run.
            let enabled = results.store.enabled(&host.name);
            let search = host.has_address()
                && matches!(host.keys.auth, Auth::AwsChain | Auth::GoogleAdc | Auth::Entra);
            if !search || enabled.is_some_and(|enabled| enabled > 0) {
                self.start(host, &mut tasks);
            }
        }
        tasks.ended(&self.context, &mut results).await;
        let place =
            |check: &providers::HostCheck| wanted.iter().position(|host| host.name == check.host.name);
        results.hosts.sort_by_key(place);
        results
    }

    fn start(&self, host: &Host, tasks: &mut CheckTasks) {
        let parts = || (host.clone(), self.reader.clone(), Arc::clone(&self.context), self.offline);
        let (of_host, reader, context, offline) = parts();
        tasks.start(&host.name, async move {
            DoctorCheck::Host(Box::new(providers::look(of_host, reader, context, offline).await))
        });
        let (of_login, reader, context, offline) = parts();
        match host.keys.auth {
            Auth::AwsChain => {
                let http = self.http.clone();
                tasks.start("AWS login", async move {
                    let question =
                        aws::AwsQuestion { http, limits: reader.limits, redactor: reader.redactor };
                    DoctorCheck::Aws(Box::new(aws::look(of_login, question, context, offline).await))
                });
            }
            Auth::GoogleAdc => tasks.start("Google login", async move {
                DoctorCheck::Google(Box::new(google::look(of_login, reader, context, offline).await))
            }),
            _ => {}
        }
    }
}

#[derive(Default)]
struct CheckTasks {
    names: Vec<String>,
    running: JoinSet<(String, DoctorCheck)>,
}

impl CheckTasks {
    fn start(&mut self, name: &str, check: impl Future<Output = DoctorCheck> + Send + 'static) {
        self.names.push(name.to_owned());
        let name = name.to_owned();
        self.running.spawn(async move { (name, check.await) });
    }

    /// Waits for all checks; after [`PATIENCE`] it shows the ones still running.
    async fn ended(mut self, context: &Context, results: &mut DoctorResults) {
        let mut steps: Option<Steps> = None;
        let patience = tokio::time::sleep(PATIENCE);
        tokio::pin!(patience);
        loop {
            tokio::select! {
                () = patience.as_mut(), if steps.is_none() => {
                    steps = Some(Steps::start(&self.names, &context.terminal, false));
                }
                ended = self.running.join_next() => match ended {
                    None => break,
                    // A check that panicked leaves no result, and its section says that it was not checked.
                    Some(Err(_)) => {}
                    Some(Ok((name, check))) => {
                        self.names.retain(|running| *running != name);
                        if let Some(steps) = &steps {
                            steps.ended(&name, "looked at");
                        }
                        results.take(check);
                    }
                },
            }
        }
        if let Some(steps) = steps {
            steps.done();
        }
    }
}

/// The first steps for an installation without a key, a login or a self-hosted server.
fn first_steps(context: &Context) -> Option<Finding> {
    let settings = &context.settings;
    let mut callable = settings.hosts.iter().filter(|host| host.name != SIMULATOR);
    if callable.any(|host| settings.is_configured(host)) {
        return None;
    }
    let note = Finding::note(FindingSection::Configuration, "first steps", "no provider has a key yet");
    // `llmbench init` refuses to replace a file.
    let then = if settings.config.is_some() { "`llmbench models add`" } else { "`llmbench init`" };
    Some(note.fix(format!(
        "`llmbench run sim:steady` works without one; then set a key, such as OPENAI_API_KEY, and run {then}"
    )))
}

/// The findings of all sections, in order.
fn said(checks: &CheckContext, wanted: &[Host], results: &DoctorResults) -> Vec<Finding> {
    let context = &checks.context;
    let unicode = context.terminal.unicode;
    let mut found: Vec<Finding> = first_steps(context).into_iter().collect();
    found.extend(configuration::findings(context, wanted));
    let enabled = |check: &providers::HostCheck| results.store.enabled(&check.host.name);
    let (idle, rest): (Vec<_>, Vec<_>) =
        results.hosts.iter().partition(|check| check.lacks_key() && enabled(check).is_none());
    found.extend(providers::without_keys(&idle));
    for check in rest {
        found.extend(providers::findings(check, results.store.enabled(&check.host.name), unicode));
    }
    found.extend(results.aws.iter().flat_map(aws::findings));
    found.extend(results.google.iter().flat_map(google::findings));
    let clock = |check: &providers::HostCheck| Some((check.host.name.clone(), check.clock()?));
    let clocks: Vec<_> = results.hosts.iter().filter_map(clock).collect();
    found.extend(store::findings(&results.store, &clocks));
    let region = results.aws.as_ref().and_then(|check| check.region.as_deref());
    found.extend(catalog::findings(&results.store, &context.settings.hosts, region, checks.now));
    found.extend(state::findings(&results.state, checks.now));
    found
}
