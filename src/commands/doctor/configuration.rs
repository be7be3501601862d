//! Reports the resolved configuration: each value and its source, keys as set or unset, variables that nothing reads,
//! files with keys that others can read.

use super::lookalikes::look_alikes;
use super::{files, signing_key};
use crate::commands::context::Context;
use crate::domain::finding::{Finding, FindingSection};
use crate::domain::sourced::{Source, Sourced};
use crate::domain::{env_vars, troubleshooting};
use crate::providers::hosts::{Auth, Host};
use crate::settings::display::SettingValue;
use crate::settings::python_runner::PythonNote;
use crate::settings::{Env, Settings};
use std::fmt::Display;
use std::path::{Path, PathBuf};

const HERE: FindingSection = FindingSection::Configuration;

/// Variables of the AWS SDK that select the caller; shown only as set or unset.
const AWS: [&str; 4] = [
    env_vars::AWS_PROFILE,
    "AWS_ACCESS_KEY_ID",
    env_vars::AWS_SECRET_ACCESS_KEY,
    env_vars::AWS_BEARER_TOKEN_BEDROCK,
];

/// Variables of Azure's login; shown only as set or unset.
const AZURE: [&str; 4] = [
    env_vars::AZURE_TENANT_ID,
    env_vars::AZURE_CLIENT_ID,
    env_vars::AZURE_CLIENT_SECRET,
    env_vars::AZURE_FEDERATED_TOKEN_FILE,
];

/// All findings about the configuration. `hosts` are those that are checked.
pub fn findings(context: &Context, hosts: &[Host]) -> Vec<Finding> {
    let settings = &context.settings;
    let mut found = values(context);
    found.extend(told(settings));
    found.extend(proxies(settings));
    found.extend(hosts.iter().flat_map(|host| of_host(host, settings.env())));
    found.extend(python(settings));
    found.extend(not_read(settings));
    found.extend(exposed(settings));
    found.push(signing_key::finding(settings));
    found
}

fn values(context: &Context) -> Vec<Finding> {
    let settings = &context.settings;
    let mut found = Vec::new();
    found.push(match &settings.config {
        Some(config) => value("configuration file", config.value.display(), &config.source),
        None => Finding::ok(HERE, "configuration file", "none"),
    });
    found.push(match context.store_location() {
        Ok(location) => value("store", &location.value, &location.source),
        Err(error) => Finding::wrong(
            HERE,
            "store",
            error.message,
            "write sqlite:PATH, mongodb://HOST/DATABASE or https://BRIDGE into --store, LLMBENCH_STORE or the configuration file",
            troubleshooting::STORE,
        ),
    });
    found.push(value("profile", &settings.profile.value, &settings.profile.source));
    let published = &settings.profiles.published;
    found.push(value("published profiles", published.value.join(", "), &published.source));
    let deadlines = &settings.deadlines;
    for (name, deadline) in [
        ("deadline connect", &deadlines.connect),
        ("deadline first byte", &deadlines.first_byte),
        ("deadline gap", &deadlines.gap),
        ("deadline total", &deadlines.total),
    ] {
        found.push(value(name, format!("{} s", deadline.value.as_secs_f64()), &deadline.source));
    }
    let renamed =
        env_vars::ALL.iter().filter(|name| name.starts_with("MONGODB_") && **name != env_vars::MONGODB_URI);
    for name in renamed.chain([&env_vars::SSL_CERT_FILE, &env_vars::XDG_STATE_HOME]) {
        if let Some(text) = settings.env().get(name) {
            found.push(value(name, text, &Source::Env((*name).to_owned())));
        }
    }
    found
}

/// The recipients of notices about providers' lists.
fn told(settings: &Settings) -> Vec<Finding> {
    const SUBJECT: &str = "notify";
    let destinations = match settings.notify() {
        Ok(notify) => notify.destinations(),
        Err(error) => {
            let fix = "mend [notify] or its variable; `llmbench catalog diff --notify --dry-run` shows who would be told";
            return vec![Finding::wrong(HERE, SUBJECT, error.to_string(), fix, troubleshooting::NO_MAIL)];
        }
    };
    if destinations.is_empty() {
        return vec![Finding::ok(HERE, SUBJECT, "nobody: neither mail nor a webhook is configured")];
    }
    destinations.iter().map(|one| Finding::ok(HERE, SUBJECT, one.shown())).collect()
}

/// The traffic that goes through the proxies of the environment, and the exceptions. An unusable
/// proxy is reported elsewhere.
fn proxies(settings: &Settings) -> Vec<Finding> {
    let variables = settings.proxy_variables();
    if variables.is_empty() || settings.proxies().is_err() {
        return Vec::new();
    }
    let shown = settings.shown_proxies();
    let named = shown.into_iter().filter_map(|one| match one.value {
        SettingValue::Value(text) => Some(value(&one.name, text, &one.source)),
        SettingValue::Secret | SettingValue::Nothing => None,
    });
    let mut found: Vec<Finding> = named.collect();
    let verb = if variables.len() == 1 { "is" } else { "are" };
    let direct = format!(
        "{} {verb} set: lists, webhooks and the way to a bridge go through it, measured requests do not",
        variables.join(", ")
    );
    let fix = "`llmbench run --proxy URL`, or proxy = under [providers.NAME], measures through one; such rows are not published";
    found.push(Finding::note(HERE, "proxy", direct).fix(fix).heading(troubleshooting::PROXY));
    if settings.notify().is_ok_and(|notify| notify.mail.is_some()) {
        let mail = "mail is sent without a proxy: SMTP goes through none";
        let fix = "name a mail server that is reached directly, or use a webhook";
        found.push(Finding::note(HERE, "mail", mail).fix(fix).heading(troubleshooting::PROXY));
    }
    found
}

fn value(subject: &str, value: impl Display, source: &Source) -> Finding {
    Finding::ok(HERE, subject, format!("{value} ({source})"))
}

fn of_host(host: &Host, env: &Env) -> Vec<Finding> {
    let mut found = Vec::new();
    let said = |what: &str, sourced: &Option<Sourced<String>>| {
        let sourced = sourced.as_ref().filter(|sourced| sourced.source != Source::Default)?;
        Some(value(&format!("{what} of {}", host.name), &sourced.value, &sourced.source))
    };
    found.extend(said("base URL", &host.base_url));
    found.extend(said("base URL of Claude", &host.messages_base_url));
    if let Some(proxy) = &host.proxy {
        found.push(value(&format!("proxy of {}", host.name), &proxy.value, &proxy.source));
    }
    found.extend(said("path", &host.path));
    found.extend(said("path of the list", &host.models_path));
    for pair in host.query.iter().filter(|pair| pair.value.source != Source::Default) {
        let subject = format!("{} of {}", pair.name, host.name);
        found.push(value(&subject, &pair.value.value, &pair.value.source));
    }
    found.extend(said("project", &host.project));
    found.extend(said("region", &host.region));
    if host.keys.auth != Auth::None || !host.keys.vars.is_empty() {
        found.push(key(host, env));
    }
    found.extend(shadowed(host, env));
    found
}

/// The source of a host's key; never the key or its length.
fn key(host: &Host, env: &Env) -> Finding {
    let subject = format!("key of {}", host.name);
    let sentence = match (env.first(&host.key_names()), &host.keys.file, &host.keys.command) {
        (Some((name, _)), _, _) => format!("set (environment variable {name})"),
        (None, Some(file), _) => format!("set (file {})", file.display()),
        (None, None, Some(_)) => "set (key_command)".to_owned(),
        (None, None, None) if host.keys.auth == Auth::AwsChain => {
            let one =
                |name: &str| format!("{name} {}", if env.get(name).is_some() { "set" } else { "unset" });
            format!("the AWS SDK's own search: {}", AWS.map(one).join(", "))
        }
        (None, None, None) if host.keys.auth == Auth::GoogleAdc => {
            let name = env_vars::GOOGLE_APPLICATION_CREDENTIALS;
            let file = env.get(name).map_or("unset".to_owned(), str::to_owned);
            format!("Google's own search: {name} {file}, {} unset", host.key_names().join(", "))
        }
        (None, None, None) if host.keys.auth == Auth::Entra => {
            let one =
                |name: &str| format!("{name} {}", if env.get(name).is_some() { "set" } else { "unset" });
            format!("Azure's own search: {}", AZURE.map(one).join(", "))
        }
        (None, None, None) => format!("unset ({})", host.key_names().join(", ")),
    };
    Finding::ok(HERE, subject, sentence)
}

/// A second source that names a key and is ignored.
fn shadowed(host: &Host, env: &Env) -> Option<Finding> {
    let set: Vec<&str> = host.key_names().into_iter().filter(|name| env.get(name).is_some()).collect();
    let (first, rest) = set.split_first()?;
    let mut others: Vec<String> = rest.iter().map(|name| (*name).to_owned()).collect();
    others.extend(host.keys.file.as_ref().map(|_| "key_file".to_owned()));
    others.extend(host.keys.command.as_ref().map(|_| "key_command".to_owned()));
    if others.is_empty() {
        return None;
    }
    let sentence = format!("{first} is set and wins over {}", others.join(" and "));
    let note = Finding::note(HERE, format!("key of {}", host.name), sentence);
    Some(note.fix(format!("if that key is stale: `unset {first}`")).heading("auth"))
}

/// What the Python runner's variables mean here, and which of them mean nothing.
fn python(settings: &Settings) -> Vec<Finding> {
    let told = |note: PythonNote| {
        let found = Finding::note(HERE, note.subject, note.sentence).fix(note.fix);
        found.heading(troubleshooting::PYTHON_VARIABLES)
    };
    settings.python.notes().into_iter().map(told).collect()
}

fn not_read(settings: &Settings) -> Vec<Finding> {
    let env = settings.env();
    let own: Vec<&str> = settings.hosts.iter().flat_map(Host::key_names).collect();
    let alike = look_alikes(env.names(), &own).into_iter().map(|alike| {
        let Some(meant) = alike.meant else {
            let sentence = "nobody reads this variable: no setting has that name";
            let fix = format!("`unset {}`, or correct its name: docs/providers.md lists them", alike.name);
            return Finding::wrong(HERE, &alike.name, sentence, fix, troubleshooting::LOOK_ALIKE);
        };
        if env.get(&meant).is_some() {
            let sentence = format!("nobody reads this variable; {meant} is read, and set");
            return Finding::note(HERE, &alike.name, sentence).heading(troubleshooting::LOOK_ALIKE);
        }
        let sentence = format!("nobody reads this variable; {meant} is probably meant, and unset");
        let fix = format!("rename it: `export {meant}=\"${}\"; unset {}`", alike.name, alike.name);
        Finding::wrong(HERE, &alike.name, sentence, fix, troubleshooting::LOOK_ALIKE)
    });
    alike.collect()
}

/// Files with keys in them, and a description of their contents.
fn key_files(settings: &Settings) -> Vec<(PathBuf, String)> {
    let env = settings.env();
    let mut all = Vec::new();
    let secrets = settings.secrets_in_file();
    if let (Some(config), false) = (&settings.config, secrets.is_empty()) {
        all.push((config.value.clone(), secrets.join(", ")));
    }
    for host in settings.hosts.iter() {
        all.extend(host.keys.file.clone().map(|file| (file, format!("the key of {}", host.name))));
    }
    let signing = settings.signing_key_file().map(|file| file.value);
    all.extend(signing.map(|file| (file, "the key that signs exports".to_owned())));
    let home = env.get("HOME").map(PathBuf::from);
    let below = |path: &str| home.as_ref().map(|home| home.join(path));
    let named = |variable: &str| env.get(variable).map(PathBuf::from);
    let aws = named("AWS_SHARED_CREDENTIALS_FILE").or_else(|| below(".aws/credentials"));
    all.extend(aws.map(|file| (file, "AWS credentials".to_owned())));
    let google = named(env_vars::GOOGLE_APPLICATION_CREDENTIALS)
        .or_else(|| below(".config/gcloud/application_default_credentials.json"));
    all.extend(google.map(|file| (file, "Google credentials".to_owned())));
    all
}

fn exposed(settings: &Settings) -> Vec<Finding> {
    let look = |(path, what): (PathBuf, String)| -> Option<Finding> {
        let mode = files::mode(&path)?;
        let shown = path.display().to_string();
        if !files::is_open_to_others(mode) {
            return Some(Finding::ok(
                HERE,
                shown,
                format!("holds {what}; its owner's alone (mode {mode:03o})"),
            ));
        }
        let sentence = format!("holds {what}, and others can read it (mode {mode:03o})");
        let fix = format!("`chmod 600 {}`", quoted(&path));
        Some(Finding::wrong(HERE, shown, sentence, fix, troubleshooting::EXPOSED_FILE))
    };
    key_files(settings).into_iter().filter_map(look).collect()
}

fn quoted(path: &Path) -> String {
    crate::output::advice::quoted(&path.display().to_string())
}
