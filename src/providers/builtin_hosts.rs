//! The built-in rows of the table of hosts, in one file for each kind of provider. Adding a provider of a known dialect
//! means adding a row. Each row links to its vendor's documentation; the configuration can change any of them.

mod clouds;
mod inference;
mod makers;

use super::hosts::{Auth, BaseUrlVar, Host, KeySource, KeyVar};
use super::protocols::Dialect;
use crate::domain::env_vars;
use crate::domain::sourced::{Source, Sourced};
use serde_json::{Map, Value};

/// Every built-in host, in display order.
pub fn built_in() -> Vec<Host> {
    vec![
        makers::openai(),
        makers::anthropic(),
        clouds::bedrock(),
        clouds::vertex(),
        inference::groq(),
        inference::together(),
        inference::cerebras(),
        inference::fireworks(),
        inference::deepinfra(),
        inference::openrouter(),
        clouds::azure(),
        makers::google(),
        makers::mistral(),
        makers::deepseek(),
        makers::xai(),
        makers::cohere(),
        makers::perplexity(),
        inference::sambanova(),
        inference::nebius(),
        inference::novita(),
        makers::moonshot(),
        makers::zai(),
        inference::nvidia(),
        inference::huggingface(),
        inference::lambda(),
        clouds::databricks(),
        sim(),
    ]
}

/// The simulator: no vendor, no key; its address is known when it runs.
fn sim() -> Host {
    Host {
        base_url_vars: vec![url_var(env_vars::LLMBENCH_SIM_URL, "")],
        keys: KeySource { auth: Auth::None, ..keys(&[]) },
        ..Host::new("sim", "Simulator", Dialect::Chat)
    }
}

fn url(text: &str) -> Option<Sourced<String>> {
    Some(Sourced::new(text.to_owned(), Source::Default))
}

fn url_var(name: &'static str, suffix: &'static str) -> BaseUrlVar {
    BaseUrlVar { name, suffix }
}

fn keys(vars: &[&str]) -> KeySource {
    let var = |name: &&str| KeyVar { name: (*name).to_owned(), auth: Auth::Bearer };
    KeySource { vars: vars.iter().map(var).collect(), file: None, command: None, auth: Auth::Bearer }
}

fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn rows_are_sound() {
        let rows = built_in();
        let unique: BTreeSet<&str> = rows.iter().map(|host| host.name.as_str()).collect();
        assert_eq!(unique.len(), rows.len());
        for host in &rows {
            assert!(host.name.bytes().all(|byte| byte.is_ascii_lowercase()), "{}", host.name);
            if let Some(base) = &host.base_url {
                let parsed = url::Url::parse(&base.value).unwrap();
                assert_eq!((parsed.scheme(), base.value.ends_with('/')), ("https", false), "{}", host.name);
                for var in &host.base_url_vars {
                    assert!(base.value.ends_with(var.suffix), "{}", var.name);
                }
            }
            for name in host.key_names() {
                assert!(env_vars::SECRETS.contains(&name), "{name} is not kept out of messages");
            }
        }
    }

    #[test]
    fn every_host_that_needs_a_key_says_where_it_comes_from() {
        for host in built_in() {
            let keyless = matches!(host.keys.auth, Auth::None | Auth::AwsChain);
            assert_eq!(keyless, host.keys.vars.is_empty(), "{}", host.name);
            assert_eq!(host.keys.auth == Auth::None, host.name == "sim");
        }
    }
}
