//! The questions of `llmbench init` at a terminal: the store, the providers, and what each of them lacks.

use super::answers::{built_in, checked_variable, lacks_key, lasting};
use crate::commands::exit::CommandError;
use crate::commands::prompts::{ask_line, choose_many, choose_one};
use crate::domain::sourced::Source;
use crate::output::picker::PickerItem;
use crate::output::print;
use crate::providers::hosts::{Auth, Host};
use crate::settings::{NewConfig, NewProvider, Settings};
use crate::storage::StoreLocation;
use std::path::Path;
use tokio_util::sync::CancellationToken;

/// The name that a server of one's own gets where the user gives none.
const OWN_NAME: &str = "local";

/// A way to name the store.
#[derive(Debug, Clone, PartialEq)]
enum StoreChoice {
    /// The environment names it, and the file does not.
    Environment,
    Usual(String),
    OtherFile,
    Mongo,
}

/// The store for the file; `None` where the environment names it.
///
/// # Errors
/// Status 130 after Ctrl-C, 2 if no store can be named.
pub async fn store(settings: &Settings, stop: &CancellationToken) -> Result<Option<String>, CommandError> {
    let found = settings.store().map_err(CommandError::usage)?;
    if let Source::Flag(_) = found.source {
        return lasting(found.value.expose()).map(Some);
    }
    let (items, choices): (Vec<PickerItem>, Vec<StoreChoice>) = stores(settings).into_iter().unzip();
    let chosen = choose_one("Where do results go?".to_owned(), items, stop).await?;
    // Escape takes the first, which is also what is used without any file.
    match &choices[chosen.unwrap_or_default()] {
        StoreChoice::Environment => Ok(None),
        StoreChoice::Usual(url) => Ok(Some(url.clone())),
        StoreChoice::OtherFile => ask_store("Path of the SQLite file:", "sqlite:", stop).await.map(Some),
        StoreChoice::Mongo => {
            ask_store("Address, such as mongodb://localhost:27017/llmbench:", "", stop).await.map(Some)
        }
    }
}

fn stores(settings: &Settings) -> Vec<(PickerItem, StoreChoice)> {
    let item = |name: &str, note: String| PickerItem { name: name.to_owned(), note };
    let mut found = Vec::new();
    if let Ok(named) = settings.store()
        && let Source::Env(variable) = &named.source
    {
        let location = StoreLocation::parse(named.value.expose());
        let note = location.map_or_else(|error| error.to_string(), |location| location.to_string());
        found.push((item(&format!("as {variable} says"), note), StoreChoice::Environment));
    }
    if let Ok(usual) = settings.usual_store() {
        let note = usual.trim_start_matches("sqlite:").to_owned();
        found.push((item("SQLite", note), StoreChoice::Usual(usual)));
    }
    found.push((item("another SQLite file", "its path is asked next".to_owned()), StoreChoice::OtherFile));
    found.push((item("MongoDB", "its address is asked next".to_owned()), StoreChoice::Mongo));
    found
}

/// Asks until the answer names a store.
async fn ask_store(question: &str, scheme: &str, stop: &CancellationToken) -> Result<String, CommandError> {
    loop {
        let answer = ask_line(question.to_owned(), stop).await?;
        match lasting(&format!("{}{answer}", if answer.contains(':') { "" } else { scheme })) {
            Ok(url) => return Ok(url),
            Err(error) => print::note(&error.message),
        }
    }
}

/// The providers that the user marks, and servers that they describe; empty if none.
///
/// # Errors
/// Status 130 after Ctrl-C.
pub async fn providers(
    settings: &Settings,
    path: &Path,
    stop: &CancellationToken,
) -> Result<Vec<NewProvider>, CommandError> {
    let (callable, others): (Vec<&Host>, Vec<&Host>) =
        settings.hosts.iter().partition(|host| settings.is_configured(host));
    let item = |host: &&Host| PickerItem { name: host.name.clone(), note: standing(host, settings) };
    let note = "vLLM, llama.cpp, a gateway: any address with OpenAI's API".to_owned();
    // Whoever can be called stands first; a server of one's own would not be found behind two dozen others.
    let mut items: Vec<PickerItem> = callable.iter().map(item).collect();
    items.push(PickerItem { name: "another server".to_owned(), note });
    items.extend(others.iter().map(item));
    let chosen = choose_many("Which providers are measured?".to_owned(), items.clone(), stop).await?;
    let mut answers = Vec::new();
    for place in chosen {
        answers.push(if place == callable.len() {
            own_server(settings, path, stop).await?
        } else {
            NewProvider { name: items[place].name.clone(), ..NewProvider::default() }
        });
    }
    Ok(answers)
}

/// Which known variable of a provider is set: its name, never its value.
fn standing(host: &Host, settings: &Settings) -> String {
    let names = host.key_names();
    if let Some((name, _)) = settings.env().first(&names) {
        return format!("{name} is set");
    }
    let login = match host.keys.auth {
        Auth::None => return "needs no key".to_owned(),
        Auth::AwsChain => Some("the AWS SDK"),
        Auth::GoogleAdc => Some("Google Cloud"),
        Auth::Entra => Some("Azure"),
        Auth::Bearer | Auth::Header(_) => None,
    };
    match (login, names.first()) {
        (Some(login), _) if settings.is_configured(host) => format!("a login of {login} seems to be here"),
        (Some(login), _) => format!("no login of {login} was found"),
        (None, Some(name)) => format!("{name} is not set"),
        (None, None) => String::new(),
    }
}

/// Asks for the name, the address and the key of a server that is not built in.
async fn own_server(
    settings: &Settings,
    path: &Path,
    stop: &CancellationToken,
) -> Result<NewProvider, CommandError> {
    let mut server = NewProvider { is_own: true, ..NewProvider::default() };
    server.name = loop {
        let name = or(ask_line(format!("Name of the server (Enter: {OWN_NAME}):"), stop).await?, OWN_NAME);
        let fits = |ch: char| ch.is_ascii_lowercase() || ch.is_ascii_digit() || ch == '-' || ch == '_';
        match (name.chars().all(fits), built_in(&name, settings)) {
            (false, _) => {
                print::note("it may hold a-z, 0-9, - and _: it stands before the colon of provider:model")
            }
            (true, Some(_)) => print::note(&format!("{name} is built in; another name, please")),
            (true, None) => break name,
        }
    };
    loop {
        let question = format!("Address of {}, such as http://127.0.0.1:8000/v1:", server.name);
        server.key_env = None;
        server.base_url = Some(ask_address(&question, &server, settings, path, stop).await?);
        server.key_env = ask_own_key(&server.name, stop).await?;
        // An address that is fine without a key need not be fine with one: plain http to another machine.
        match tried(&server, settings, path) {
            Ok(()) => return Ok(server),
            Err(why) => print::note(&why),
        }
    }
}

async fn ask_own_key(server: &str, stop: &CancellationToken) -> Result<Option<String>, CommandError> {
    loop {
        let question = format!("Variable that holds the key of {server} (Enter: it needs none):");
        match ask_line(question, stop).await?.as_str() {
            "" => return Ok(None),
            name => match checked_variable(name) {
                Ok(name) => return Ok(Some(name)),
                Err(why) => print::note(why),
            },
        }
    }
}

/// Whether a file with this provider could be read.
fn tried(provider: &NewProvider, settings: &Settings, path: &Path) -> Result<(), String> {
    let config = NewConfig { store: None, providers: vec![provider.clone()] };
    config.settings(path, settings.env().clone()).map(drop).map_err(|error| error.to_string())
}

/// Asks for what a built-in provider lacks: an address, the variable of its key.
///
/// # Errors
/// Status 130 after Ctrl-C.
pub async fn complete(
    provider: &mut NewProvider,
    host: &Host,
    settings: &Settings,
    path: &Path,
    stop: &CancellationToken,
) -> Result<(), CommandError> {
    if !host.has_address() && provider.base_url.is_none() {
        let variable = host.base_url_vars.first().map(|var| format!("{} is not set; ", var.name));
        let question = format!("Address of {} ({}https://…):", host.name, variable.unwrap_or_default());
        provider.base_url = Some(ask_address(&question, provider, settings, path, stop).await?);
    }
    if provider.key_env.is_some() || !lacks_key(host, settings) {
        return Ok(());
    }
    let usual = host.key_names().first().copied().unwrap_or_default().to_owned();
    provider.key_env = loop {
        let question =
            format!("Variable that holds the key of {} (Enter: {usual}, not set here):", host.name);
        let answer = or(ask_line(question, stop).await?, &usual);
        match checked_variable(&answer) {
            Ok(name) if host.key_names().contains(&name.as_str()) => break None,
            Ok(name) => break Some(name),
            Err(why) => print::note(why),
        }
    };
    Ok(())
}

/// Asks until the address can be used by this provider.
async fn ask_address(
    question: &str,
    provider: &NewProvider,
    settings: &Settings,
    path: &Path,
    stop: &CancellationToken,
) -> Result<String, CommandError> {
    loop {
        let url = ask_line(question.to_owned(), stop).await?;
        let provider = NewProvider { base_url: Some(url.clone()), ..provider.clone() };
        match tried(&provider, settings, path) {
            Ok(()) => return Ok(url),
            Err(why) => print::note(&why),
        }
    }
}

fn or(answer: String, usual: &str) -> String {
    if answer.is_empty() { usual.to_owned() } else { answer }
}
