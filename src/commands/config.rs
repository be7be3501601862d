//! `llmbench config`: shows the resolved settings, each with its source. Opens no store, calls nobody and runs no key
//! command; of a secret it shows only its source.

use crate::cli::config::{ConfigArgs, ConfigCommand, ConfigShowArgs};
use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};
use crate::commands::stdout;
use crate::domain::sourced::{Source, Sourced};
use crate::output::config::{self as shown, SettingRow};
use crate::output::print;
use crate::providers::hosts::{Auth, Host};
use crate::settings::Settings;
use crate::settings::display::{EffectiveSetting, SettingValue};
use std::fmt::Display;

/// Runs `llmbench config` to its exit status.
///
/// # Errors
/// Status 2 if the store or the state directory cannot be resolved.
pub fn run(args: &ConfigArgs, context: &Context) -> Result<Exit, CommandError> {
    match &args.command {
        ConfigCommand::Show(args) => show(args, context),
        ConfigCommand::Path => path(&context.settings),
    }
}

fn path(settings: &Settings) -> Result<Exit, CommandError> {
    if let Some(config) = &settings.config {
        stdout::text(&format!("{}\n", config.value.display()))?;
        return Ok(Exit::Yes);
    }
    let usual = settings.usual_config().map(|path| format!(": {} is not there", path.display()));
    print::note(&format!("no configuration file is read{}", usual.unwrap_or_default()));
    Ok(Exit::No)
}

fn show(args: &ConfigShowArgs, context: &Context) -> Result<Exit, CommandError> {
    let mut found = plain(context)?;
    let settings = &context.settings;
    let keys: Vec<SettingRow> = settings.hosts.iter().flat_map(|host| of_host(host, settings)).collect();
    let rules =
        settings.shown_daemon().into_iter().chain(settings.shown_report()).chain(settings.shown_notify());
    let rules = settings.shown_proxies().into_iter().chain(rules).map(rule).chain([signing_key(settings)]);
    let wanted = |one: &SettingRow| args.verbose || args.json || one.is_set();
    found.extend(keys.into_iter().chain(rules).filter(wanted));
    let text = if args.json { shown::json(&found) } else { shown::text(&found, &context.view(false)) };
    stdout::text(&text)?;
    Ok(Exit::Yes)
}

/// The settings that hold no secret.
fn plain(context: &Context) -> Result<Vec<SettingRow>, CommandError> {
    let settings = &context.settings;
    let state_dir = settings.state_dir().map_err(CommandError::usage)?;
    let without_rate = &settings.profiles.without_rate;
    let how =
        |id: &String| if without_rate.contains(id) { format!("{id} (without rate)") } else { id.clone() };
    let published = settings.profiles.published.clone();
    let published = published.map(|ids| ids.iter().map(how).collect::<Vec<_>>().join(", "));
    let mut found = vec![
        settings.config.as_ref().map_or_else(
            || SettingRow::unset("config", Source::Default),
            |config| SettingRow::new("config", config.value.display(), &config.source),
        ),
        of("store", &context.store_location()?),
        SettingRow::new("state_dir", state_dir.value.display(), &state_dir.source),
        of("defaults.profile", &settings.profile),
        of("published_profiles", &published),
    ];
    found.extend(settings.shown_profiles().into_iter().map(rule));
    let deadlines = &settings.deadlines;
    for (name, deadline) in [
        ("defaults.connect", &deadlines.connect),
        ("defaults.first_byte", &deadlines.first_byte),
        ("defaults.gap", &deadlines.gap),
        ("defaults.total", &deadlines.total),
    ] {
        found.push(of(name, &deadline.clone().map(|time| time.as_secs_f64())));
    }
    Ok(found)
}

fn signing_key(settings: &Settings) -> SettingRow {
    const NAME: &str = "signing_key_file";
    let file = settings.signing_key_file();
    file.map_or_else(
        || SettingRow::unset(NAME, Source::Default),
        |file| SettingRow::new(NAME, file.value.display(), &file.source),
    )
}

fn rule(shown: EffectiveSetting) -> SettingRow {
    match shown.value {
        SettingValue::Value(value) => SettingRow::new(shown.name, value, &shown.source),
        SettingValue::Secret => SettingRow::set(shown.name, shown.source),
        SettingValue::Nothing => SettingRow::unset(shown.name, shown.source),
    }
}

fn of<T: Display>(name: &str, sourced: &Sourced<T>) -> SettingRow {
    SettingRow::new(name, &sourced.value, &sourced.source)
}

/// The address of a host, and the presence of its key.
fn of_host(host: &Host, settings: &Settings) -> Vec<SettingRow> {
    let name = |what: &str| format!("providers.{}.{what}", host.name);
    let parts = [("base_url", &host.base_url), ("project", &host.project), ("region", &host.region)];
    let said = parts.into_iter().filter_map(|(what, value)| Some((what, value.as_ref()?)));
    let mut found: Vec<SettingRow> = said
        .filter(|(_, sourced)| sourced.source != Source::Default)
        .map(|(what, sourced)| of(&name(what), sourced))
        .collect();
    for (what, value) in [("path", &host.path), ("models_path", &host.models_path)] {
        let told = value.as_ref().filter(|sourced| sourced.source != Source::Default);
        found.extend(told.map(|sourced| of(&name(what), sourced)));
    }
    for pair in host.query.iter().filter(|pair| pair.value.source != Source::Default) {
        found.push(of(&name(&format!("query.{}", pair.name)), &pair.value));
    }
    if let Some(proxy) = &host.proxy {
        found.push(of(&name("proxy"), proxy));
    }
    if host.keys.auth != Auth::None || !host.keys.vars.is_empty() {
        found.push(key(host, &name("key"), settings));
    }
    found
}

fn key(host: &Host, name: &str, settings: &Settings) -> SettingRow {
    let in_file = || {
        let path = settings.config.as_ref().map(|config| config.value.clone()).unwrap_or_default();
        SettingRow::set(name, Source::File(path))
    };
    match settings.env().first(&host.key_names()) {
        Some((variable, _)) => SettingRow::set(name, Source::Env(variable.to_owned())),
        None if host.keys.file.is_some() || host.keys.command.is_some() => in_file(),
        None => SettingRow::unset(name, Source::Default),
    }
}
