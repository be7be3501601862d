//! Applies environment and configuration to the table of hosts; `providers::hosts` defines its rows.

use super::file::{ConfigFile, ProviderEntry};
use super::profiles::beside;
use super::{Env, SettingsError};
use crate::domain::env_vars;
use crate::domain::secret::Secret;
use crate::domain::sourced::{Source, Sourced};
use crate::providers::endpoint_path::{QueryPair, check_path, check_query_name};
use crate::providers::hosts::{Auth, Header, Host, Hosts, KeyVar};
use crate::providers::model_rules::{DialectRule, TemperatureRule};
use crate::providers::prepare::{checked, is_header};
use crate::providers::protocols::Dialect;
use crate::providers::{builtin_hosts, vertex};
use crate::wire::ForwardProxy;
use std::path::Path;

/// Variables of Vertex's project, in order of precedence: Google's own first.
const PROJECTS: &[&str] = &[
    env_vars::GOOGLE_CLOUD_PROJECT,
    env_vars::ANTHROPIC_VERTEX_PROJECT_ID,
    env_vars::GOOGLE_VERTEX_PROJECT,
    env_vars::VERTEXAI_PROJECT,
];

/// Variables of Vertex's location, in the same order.
const LOCATIONS: &[&str] = &[
    env_vars::GOOGLE_CLOUD_LOCATION,
    env_vars::CLOUD_ML_REGION,
    env_vars::GOOGLE_VERTEX_LOCATION,
    env_vars::VERTEXAI_LOCATION,
    env_vars::VERTEX_LOCATION,
];

/// Variables of Bedrock's region, in the AWS SDK's order.
const REGIONS: &[&str] = &[env_vars::AWS_REGION, env_vars::AWS_DEFAULT_REGION];

/// Headers that the wire or the login sets: a second one of the same name would confuse servers, or send a key
/// against its rules.
const RESERVED: &[&str] = &[
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "accept-encoding",
    "authorization",
    "x-api-key",
    "x-goog-api-key",
];

/// The built-in rows, with the changes and additions of the file, then the changes of the environment.
///
/// # Errors
/// [`SettingsError`] if a row of the file is invalid, or a base URL is not allowed.
pub(super) fn resolve(
    file: &ConfigFile,
    path: &Path,
    env: &Env,
    proxy: Option<&Secret>,
) -> Result<Hosts, SettingsError> {
    let mut rows = builtin_hosts::built_in();
    for (name, entry) in &file.providers {
        let wrong = |reason: String| SettingsError::File {
            path: path.to_owned(),
            line: None,
            message: format!("[providers.{name}]: {reason}"),
        };
        let index = match rows.iter().position(|host| host.name == *name) {
            Some(index) => index,
            None => {
                rows.push(own(name, entry).map_err(wrong)?);
                rows.len() - 1
            }
        };
        change(&mut rows[index], entry, path).map_err(wrong)?;
    }
    let proxy = proxy.map(flagged).transpose()?;
    for host in &mut rows {
        if proxy.is_some() {
            host.proxy.clone_from(&proxy);
        }
        from_env(host, env)?;
        check(host)?;
    }
    Ok(Hosts::new(rows))
}

/// The proxy of a flag, which takes precedence over that of the file.
fn flagged(text: &Secret) -> Result<Sourced<ForwardProxy>, SettingsError> {
    let source = Source::Flag("--proxy");
    let parsed = ForwardProxy::parse(text.expose()).map_err(|reason| SettingsError::Value {
        what: "proxy".to_owned(),
        source_name: source.to_string(),
        reason,
    })?;
    Ok(Sourced::new(parsed, source))
}

/// A provider that is not in the table.
fn own(name: &str, entry: &ProviderEntry) -> Result<Host, String> {
    let fits = |ch: char| ch.is_ascii_lowercase() || ch.is_ascii_digit() || ch == '-' || ch == '_';
    if name.is_empty() || !name.chars().all(fits) {
        return Err(
            "its name may hold a-z, 0-9, - and _ alone: it stands before the colon of provider:model".into(),
        );
    }
    let Some(dialect) = entry.dialect.map(Dialect::from) else {
        return Err("it is no built-in provider, so it needs a dialect: chat, responses, completions, messages or gemini".into());
    };
    if entry.base_url.is_none() {
        return Err("it is no built-in provider, so it needs a base_url".into());
    }
    let mut host = Host::new(name, name, dialect);
    host.keys.auth = match dialect {
        Dialect::Messages => Auth::Header("x-api-key".into()),
        Dialect::Gemini => Auth::Header("x-goog-api-key".into()),
        _ => Auth::Bearer,
    };
    if entry.key_env.is_none() && entry.key_file.is_none() && entry.key_command.is_none() {
        host.keys.auth = Auth::None;
    }
    // Self-hosted servers support the older name, and often only that.
    host.quirks.max_tokens_field = true;
    if dialect == Dialect::Messages {
        host.temperature = TemperatureRule::Claude;
        host.headers.push(Header::new("anthropic-version", "2023-06-01"));
    }
    Ok(host)
}

/// Applies an entry of the file to a row.
fn change(host: &mut Host, entry: &ProviderEntry, path: &Path) -> Result<(), String> {
    let given =
        |text: &Option<String>| text.clone().map(|text| Sourced::new(text, Source::File(path.to_owned())));
    if let Some(dialect) = entry.dialect {
        if host.dialects == DialectRule::Vertex || host.keys.auth == Auth::AwsChain {
            return Err("its dialects follow from its models: dialect cannot be set".into());
        }
        host.dialects = DialectRule::Fixed(dialect.into());
        // The address of a built-in provider, and the header of its key, are those of its own dialect.
        if host.path.take().is_some() {
            host.query.clear();
            host.query_vars.clear();
            host.keys.auth = Auth::Bearer;
        }
    }
    if let Some(title) = &entry.title {
        host.title.clone_from(title);
    }
    host.allow_plain_http |= entry.allow_plain_http;
    if let Some(proxy) = &entry.proxy {
        let named = ForwardProxy::parse(proxy.expose()).map_err(|reason| format!("proxy: {reason}"))?;
        host.proxy = Some(Sourced::new(named, Source::File(path.to_owned())));
    }
    host.base_url = given(&entry.base_url).or(host.base_url.take());
    change_paths(host, entry, path)?;
    host.project = given(&entry.project).or(host.project.take());
    host.region = given(&entry.region).or(host.region.take());
    change_keys(host, entry, path)?;
    change_headers(host, entry)?;
    let quirks = &mut host.quirks;
    quirks.max_tokens_field = entry.max_tokens_field.unwrap_or(quirks.max_tokens_field);
    quirks.no_usage_option = entry.no_usage_option.unwrap_or(quirks.no_usage_option);
    quirks.omit_temperature = entry.omit_temperature.unwrap_or(quirks.omit_temperature);
    quirks.output_excludes_reasoning =
        entry.output_excludes_reasoning.unwrap_or(quirks.output_excludes_reasoning);
    quirks.body.extend(entry.body.clone());
    Ok(())
}

/// Applies the paths and the query of an entry.
fn change_paths(host: &mut Host, entry: &ProviderEntry, file: &Path) -> Result<(), String> {
    let given = entry.path.is_some() || entry.models_path.is_some() || entry.query.is_some();
    if given && (host.dialects == DialectRule::Vertex || host.keys.auth == Auth::AwsChain) {
        return Err("its addresses follow from its models: path, models_path and query cannot be set".into());
    }
    let set = |what: &str, text: &String| {
        check_path(text).map_err(|reason| format!("{what}: {reason}"))?;
        Ok::<_, String>(Sourced::new(text.clone(), Source::File(file.to_owned())))
    };
    if let Some(text) = &entry.path {
        if matches!(host.dialects, DialectRule::OpenAi) {
            return Err("path: its models speak several dialects, so it needs a dialect, too".into());
        }
        host.path = if text.is_empty() { None } else { Some(set("path", text)?) };
    }
    if let Some(text) = &entry.models_path {
        if text.contains("{model}") {
            return Err("models_path: a list is not that of one model, so {model} cannot be filled in".into());
        }
        host.models_path = if text.is_empty() { None } else { Some(set("models_path", text)?) };
    }
    if let Some(pairs) = &entry.query {
        for name in pairs.keys() {
            check_query_name(name).map_err(|reason| format!("query: {reason}"))?;
        }
        let source = || Source::File(file.to_owned());
        host.query = pairs.iter().map(|(name, value)| QueryPair::new(name, value, source())).collect();
    }
    Ok(())
}

fn change_keys(host: &mut Host, entry: &ProviderEntry, path: &Path) -> Result<(), String> {
    let given = entry.key_env.is_some() || entry.key_file.is_some() || entry.key_command.is_some();
    if given && host.keys.auth == Auth::AwsChain {
        return Err("its login is the AWS SDK's: use AWS_PROFILE, or AWS_BEARER_TOKEN_BEDROCK".into());
    }
    if entry.key_file.is_some() && entry.key_command.is_some() {
        return Err("key_file and key_command exclude each other".into());
    }
    if let Some(header) = &entry.key_header {
        if !is_header(header, "") {
            return Err(format!("key_header: `{header}` is no header name"));
        }
        host.keys.auth = Auth::Header(header.clone());
        host.keys.vars.iter_mut().for_each(|var| var.auth = Auth::Header(header.clone()));
    }
    if given && host.keys.auth == Auth::None {
        host.keys.auth = Auth::Bearer;
    }
    if let Some(name) = &entry.key_env {
        host.keys.vars = vec![KeyVar { name: name.clone(), auth: host.keys.auth.clone() }];
    }
    host.keys.file = entry.key_file.as_deref().map(|file| beside(path, file));
    host.keys.command.clone_from(&entry.key_command);
    Ok(())
}

fn change_headers(host: &mut Host, entry: &ProviderEntry) -> Result<(), String> {
    for (name, value) in &entry.headers {
        if RESERVED.contains(&name.to_ascii_lowercase().as_str()) {
            return Err(format!(
                "header `{name}` is not for this table: keys have key_env, key_file and key_command"
            ));
        }
        if !is_header(name, value.expose()) {
            return Err(format!("header `{name}` holds a character that HTTP does not allow"));
        }
        host.headers.retain(|own| !own.name.eq_ignore_ascii_case(name));
        host.headers.push(Header::new(name, value.expose()));
    }
    Ok(())
}

/// Applies the environment, which takes precedence over the file.
fn from_env(host: &mut Host, env: &Env) -> Result<(), SettingsError> {
    let set = |names: &[&str]| {
        env.first(names).map(|(name, value)| Sourced::new(value.to_owned(), Source::Env(name.into())))
    };
    for var in host.base_url_vars.clone() {
        if let Some(value) = env.get(var.name) {
            let value = with_scheme(var.name, value);
            host.base_url = Some(Sourced::new(with_suffix(&value, var.suffix), Source::Env(var.name.into())));
            break;
        }
    }
    for (header, variable) in host.header_vars.clone() {
        let Some(value) = env.get(variable) else { continue };
        if !is_header(header, value) {
            let reason = "it holds a character that HTTP does not allow".to_owned();
            return Err(SettingsError::Value { what: header.into(), source_name: variable.into(), reason });
        }
        host.headers.push(Header::new(header, value));
    }
    for (name, variable) in host.query_vars.clone() {
        let Some(value) = env.get(variable) else { continue };
        // Where the file has taken the name away, as for Azure's v1 API, the variable does not bring it back.
        for pair in host.query.iter_mut().filter(|pair| pair.name == name) {
            *pair = QueryPair::new(name, value, Source::Env(variable.into()));
        }
    }
    if host.dialects == DialectRule::Vertex {
        host.project = set(PROJECTS).or(host.project.take());
        host.region = set(LOCATIONS).or(host.region.take());
        host.messages_base_url = set(&[env_vars::ANTHROPIC_VERTEX_BASE_URL]);
    }
    if host.keys.auth == Auth::AwsChain {
        host.region = set(REGIONS).or(host.region.take());
    }
    Ok(())
}

/// The SDK of Databricks takes the name of a machine for its address.
fn with_scheme(variable: &str, value: &str) -> String {
    let bare = variable == env_vars::DATABRICKS_HOST && !value.contains("://");
    if bare { format!("https://{value}") } else { value.to_owned() }
}

/// The result of a vendor's SDK for its variable: the suffix is appended unless it is already there.
fn with_suffix(value: &str, suffix: &str) -> String {
    let bare = value.trim_end_matches('/');
    if bare.ends_with(suffix) { bare.to_owned() } else { format!("{bare}{suffix}") }
}

/// Refuses base URLs to which no request may go, before any measurement.
fn check(host: &Host) -> Result<(), SettingsError> {
    for base in [&host.base_url, &host.messages_base_url].into_iter().flatten() {
        // The reason includes the name of the provider.
        checked(host, &base.value).map_err(|error| value("base URL", base, error.to_string()))?;
    }
    let places =
        if host.dialects == DialectRule::Vertex { [&host.project, &host.region] } else { [&None, &None] };
    for place in places.into_iter().flatten() {
        if !vertex::is_name(&place.value) {
            let what = format!("project or location of provider `{}`", host.name);
            return Err(value(&what, place, "it holds a character that none can hold".into()));
        }
    }
    Ok(())
}

fn value(what: &str, of: &Sourced<String>, reason: String) -> SettingsError {
    SettingsError::Value { what: what.to_owned(), source_name: of.source.to_string(), reason }
}

#[cfg(test)]
mod tests;
