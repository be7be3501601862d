//! `llmbench doctor`: looks at everything side by side, each check with a deadline, and says what is wrong and how to mend
//! it. Each section is a file with two halves: looking (network, store, files) and saying (pure).

mod aws;
mod bridge;
mod cached;
mod catalogue;
mod configuration;
mod files;
mod google;
mod lookalikes;
mod providers;
mod state;
mod store;

use crate::catalog::reading::Reader;
use crate::cli::doctor::DoctorArgs;
use crate::commands::context::Context;
use crate::commands::data;
use crate::commands::exit::{CommandError, Exit};
use crate::commands::run::access::SIMULATOR;
use crate::domain::finding::{Finding, Section};
use crate::domain::{headings, names::SSL_CERT_FILE};
use crate::output::steps::Steps;
use crate::output::{View, doctor as shown};
use crate::providers::hosts::{Auth, Host};
use crate::wire::tls::client_config;
use chrono::{DateTime, Utc};
use rustls::ClientConfig;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// How long one check may last.
const DEADLINE: Duration = Duration::from_secs(10);

/// Whoever waits longer than this is shown for what.
const PATIENCE: Duration = Duration::from_secs(1);

/// Runs the command.
///
/// # Errors
/// Wrong usage: a provider that nobody knows.
pub async fn run(args: DoctorArgs, context: Context) -> Result<Exit, CommandError> {
    let wanted = wanted(&args.providers, &context)?;
    let (tls, untrusted) = trust(&context)?;
    let redactor = Arc::new(context.settings.redactor());
    let limits = providers::limits(context.settings.deadlines.limits());
    let reader = Reader { tls, limits, redactor };
    let now = Utc::now();
    let checks = Checks { context: Arc::new(context), reader, offline: args.offline, now };
    let sights = checks.all(&wanted, args.providers.is_empty()).await;
    let found: Vec<Finding> = untrusted.into_iter().chain(said(&checks, &wanted, &sights)).collect();
    let view = View::new(checks.context.terminal, args.verbose);
    let text = if args.json { shown::json(&found, now) } else { shown::text(&found, &view) };
    data::text(&text)?;
    Ok(if found.iter().any(Finding::is_open) { Exit::No } else { Exit::Yes })
}

/// Whom to trust. Where the operator's own authorities cannot be read that is a finding, and the public ones are taken.
fn trust(context: &Context) -> Result<(Arc<ClientConfig>, Option<Finding>), CommandError> {
    match client_config(context.extra_ca().as_deref()) {
        Ok(tls) => Ok((tls, None)),
        Err(error) => {
            let fix = format!("name a readable PEM file, or `unset {SSL_CERT_FILE}`");
            let found =
                Finding::wrong(Section::Configuration, SSL_CERT_FILE, error.to_string(), fix, headings::TLS);
            Ok((client_config(None).map_err(CommandError::usage)?, Some(found)))
        }
    }
}

/// Waits for work, but not for ever.
///
/// # Errors
/// A sentence that says for how long.
async fn bounded<T>(what: &str, work: impl Future<Output = T>) -> Result<T, String> {
    let ended = tokio::time::timeout(DEADLINE, work).await;
    ended.map_err(|_| format!("{what} did not end within {} s", DEADLINE.as_secs()))
}

/// The hosts that are looked at: those that were named, else all but the simulator.
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

/// What checks need.
struct Checks {
    context: Arc<Context>,
    reader: Reader,
    offline: bool,
    now: DateTime<Utc>,
}

/// What one check saw.
enum Sight {
    Store(store::Sight),
    Host(Box<providers::Sight>),
    Aws(Box<aws::Sight>),
    Google(Box<google::Sight>),
    State(state::Sight),
}

/// What all of them saw.
struct Sights {
    store: store::Sight,
    hosts: Vec<providers::Sight>,
    aws: Option<aws::Sight>,
    google: Option<google::Sight>,
    state: state::Sight,
}

impl Sights {
    fn take(&mut self, sight: Sight) {
        match sight {
            Sight::Store(sight) => self.store = sight,
            Sight::Host(sight) => self.hosts.push(*sight),
            Sight::Aws(sight) => self.aws = Some(*sight),
            Sight::Google(sight) => self.google = Some(*sight),
            Sight::State(sight) => self.state = sight,
        }
    }
}

impl Checks {
    /// Everything at once; then the hosts that turned out to have enabled models and no sign of a login. `unnamed` says
    /// that nobody chose the hosts.
    async fn all(&self, wanted: &[Host], unnamed: bool) -> Sights {
        let mut sights = Sights {
            store: store::Sight::Nowhere,
            hosts: Vec::new(),
            aws: None,
            google: None,
            state: state::Sight::default(),
        };
        let mut tasks = Tasks::default();
        let (context, now) = (Arc::clone(&self.context), self.now);
        tasks.start("store", async move { Sight::Store(store::look(context, now).await) });
        let context = Arc::clone(&self.context);
        tasks.start("state", async move { Sight::State(state::look(&context)) });
        let (first, later): (Vec<&Host>, Vec<&Host>) =
            wanted.iter().partition(|host| !unnamed || self.context.settings.is_configured(host));
        first.into_iter().for_each(|host| self.start(host, &mut tasks));
        tasks.ended(&self.context, &mut sights).await;
        let mut tasks = Tasks::default();
        for host in later {
            // Where nobody knows what is enabled, only what costs nothing is said.
            let enabled = sights.store.enabled(&host.name);
            let search = matches!(host.keys.auth, Auth::AwsChain | Auth::GoogleAdc);
            if !search || enabled.is_some_and(|enabled| enabled > 0) {
                self.start(host, &mut tasks);
            }
        }
        tasks.ended(&self.context, &mut sights).await;
        let place = |sight: &providers::Sight| wanted.iter().position(|host| host.name == sight.host.name);
        sights.hosts.sort_by_key(place);
        sights
    }

    fn start(&self, host: &Host, tasks: &mut Tasks) {
        let parts = || (host.clone(), self.reader.clone(), Arc::clone(&self.context), self.offline);
        let (of_host, reader, context, offline) = parts();
        tasks.start(&host.name, async move {
            Sight::Host(Box::new(providers::look(of_host, reader, context, offline).await))
        });
        let (of_login, reader, context, offline) = parts();
        match host.keys.auth {
            Auth::AwsChain => tasks.start("AWS login", async move {
                Sight::Aws(Box::new(aws::look(of_login, reader, context, offline).await))
            }),
            Auth::GoogleAdc => tasks.start("Google login", async move {
                Sight::Google(Box::new(google::look(of_login, reader, context, offline).await))
            }),
            _ => {}
        }
    }
}

/// Checks under way.
#[derive(Default)]
struct Tasks {
    names: Vec<String>,
    running: JoinSet<(String, Sight)>,
}

impl Tasks {
    fn start(&mut self, name: &str, check: impl Future<Output = Sight> + Send + 'static) {
        self.names.push(name.to_owned());
        let name = name.to_owned();
        self.running.spawn(async move { (name, check.await) });
    }

    /// Waits for all; after a while it is shown for which.
    async fn ended(mut self, context: &Context, sights: &mut Sights) {
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
                    // A check that broke leaves no sight, and its section says that nobody looked.
                    Some(Err(_)) => {}
                    Some(Ok((name, sight))) => {
                        self.names.retain(|running| *running != name);
                        if let Some(steps) = &steps {
                            steps.ended(&name, "looked at");
                        }
                        sights.take(sight);
                    }
                },
            }
        }
        if let Some(steps) = steps {
            steps.done();
        }
    }
}

/// What to do first where no provider has a key or login yet, nor a server of one's own is configured.
fn first_steps(context: &Context) -> Option<Finding> {
    let settings = &context.settings;
    let mut callable = settings.hosts.iter().filter(|host| host.name != SIMULATOR);
    if callable.any(|host| settings.is_configured(host)) {
        return None;
    }
    let note = Finding::note(Section::Configuration, "first steps", "no provider has a key yet");
    Some(note.fix(
        "`llmbench run sim:steady` works without one; then set a key, such as OPENAI_API_KEY, and run \
         `llmbench models add`, `llmbench run --all`",
    ))
}

/// All sections, in order.
fn said(checks: &Checks, wanted: &[Host], sights: &Sights) -> Vec<Finding> {
    let context = &checks.context;
    let unicode = context.terminal.unicode;
    let mut found: Vec<Finding> = first_steps(context).into_iter().collect();
    found.extend(configuration::findings(context, wanted));
    for sight in &sights.hosts {
        found.extend(providers::findings(sight, sights.store.enabled(&sight.host.name), unicode));
    }
    found.extend(sights.aws.iter().flat_map(aws::findings));
    found.extend(sights.google.iter().flat_map(google::findings));
    let clock = |sight: &providers::Sight| Some((sight.host.name.clone(), sight.clock()?));
    let clocks: Vec<_> = sights.hosts.iter().filter_map(clock).collect();
    found.extend(store::findings(&sights.store, &clocks));
    let region = sights.aws.as_ref().and_then(|sight| sight.region.as_deref());
    found.extend(catalogue::findings(&sights.store, &context.settings.hosts, region, checks.now));
    found.extend(state::findings(&sights.state));
    found
}
