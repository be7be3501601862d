//! The answers of `llmbench init`: what flags say, checked, and for the rest the questions at the terminal, or an error that
//! names the flags.

use super::questions;
use crate::cli::init::InitArgs;
use crate::commands::context::Context;
use crate::commands::exit::CommandError;
use crate::commands::models::candidates::{ModelCandidate, candidate};
use crate::commands::run::access::SIMULATOR;
use crate::commands::unknown_names;
use crate::domain::redact::Redactor;
use crate::domain::sourced::Source;
use crate::output::prompt;
use crate::providers::hosts::{Auth, Host};
use crate::settings::{NewConfig, NewProvider, Settings};
use crate::storage::StoreLocation;
use std::collections::BTreeMap;
use std::path::Path;
use tokio_util::sync::CancellationToken;

/// Everything that had to be known before the file is written.
#[derive(Debug)]
pub struct InitAnswers {
    pub config: NewConfig,
    /// The models that flags named.
    pub models: Vec<ModelCandidate>,
}

/// What the flags say.
#[derive(Debug, Default)]
pub(super) struct FlagAnswers {
    /// Providers, each once, in the order of their mention.
    pub providers: Vec<String>,
    pub base_urls: BTreeMap<String, String>,
    pub key_envs: BTreeMap<String, String>,
    pub models: Vec<ModelCandidate>,
}

/// Collects the answers; `None` if the user chose nothing. `path` is that of the file to be.
///
/// # Errors
/// Status 2 for an answer that cannot be used, or one that is missing where nobody can be asked; 130 after Ctrl-C.
pub async fn collect(
    args: &InitArgs,
    context: &Context,
    path: &Path,
    stop: &CancellationToken,
) -> Result<Option<InitAnswers>, CommandError> {
    let settings = &context.settings;
    let mut given = FlagAnswers::parse(args, &unknown_names::providers(context))?;
    given.check(settings)?;
    let asks = prompt::possible();
    if !asks {
        given.refuse_gaps(args.no_probe)?;
    }
    let store = if asks { questions::store(settings, stop).await? } else { store(settings)? };
    if given.providers.is_empty() {
        let chosen = questions::providers(settings, path, stop).await?;
        if chosen.is_empty() {
            return Ok(None);
        }
        for answer in chosen {
            given.take(answer);
        }
    }
    let mut providers = Vec::new();
    for name in &given.providers {
        let mut provider = given.provider(name, settings);
        if let (true, Some(host)) = (asks, built_in(name, settings)) {
            questions::complete(&mut provider, host, settings, path, stop).await?;
        }
        providers.push(provider);
    }
    Ok(Some(InitAnswers { config: NewConfig { store, providers }, models: given.models }))
}

impl FlagAnswers {
    /// Reads the flags. `known` lists the providers for errors.
    fn parse(args: &InitArgs, known: &str) -> Result<Self, CommandError> {
        let mut given = Self::default();
        for name in &args.providers {
            given.mention(name);
        }
        for text in &args.base_urls {
            let (name, url) = pair("--base-url", "NAME=URL", text)?;
            given.mention(&name);
            given.base_urls.insert(name, url);
        }
        for text in &args.models {
            let candidate = candidate(text).map_err(|error| error.hint(known))?;
            given.mention(&candidate.model.provider);
            given.models.push(candidate);
        }
        for text in &args.key_envs {
            let (name, variable) = pair("--key-env", "NAME=VARIABLE", text)?;
            // Whoever turns the two round has put a key into the name's place.
            let shown = Redactor::new().redact(&name);
            if !given.providers.contains(&name) {
                return Err(CommandError::usage(format!("--key-env: `{shown}` is not to be measured"))
                    .hint("--provider NAME says who is; --key-env is NAME=VARIABLE"));
            }
            let variable = checked_variable(&variable)
                .map_err(|why| CommandError::usage(format!("--key-env {shown}: {why}")))?;
            given.key_envs.insert(name, variable);
        }
        Ok(given)
    }

    fn mention(&mut self, name: &str) {
        if !self.providers.iter().any(|known| known == name) {
            self.providers.push(name.to_owned());
        }
    }

    /// Adds the answer about one provider.
    fn take(&mut self, provider: NewProvider) {
        self.mention(&provider.name);
        self.base_urls.extend(provider.base_url.map(|url| (provider.name.clone(), url)));
        self.key_envs.extend(provider.key_env.map(|variable| (provider.name.clone(), variable)));
    }

    /// Refuses names that are neither built in nor have an address.
    fn check(&self, settings: &Settings) -> Result<(), CommandError> {
        for name in self.providers.iter().filter(|name| !self.base_urls.contains_key(*name)) {
            settings.hosts.find(name).map_err(|unknown| {
                CommandError::usage(unknown).hint("--base-url NAME=URL describes a server of your own")
            })?;
        }
        Ok(())
    }

    /// Refuses to guess where nobody can be asked.
    fn refuse_gaps(&self, no_probe: bool) -> Result<(), CommandError> {
        let nobody = "nobody can be asked: there is no terminal";
        if self.providers.is_empty() {
            return Err(CommandError::usage(format!("no provider is named, and {nobody}")).hint(
                "--provider NAME or --base-url NAME=URL says who is measured, --model NAME:MODEL_ID which model is asked once \
                 (--no-probe: none), --key-env NAME=VARIABLE where a key is, --store where results go",
            ));
        }
        let named = |name: &String| self.models.iter().any(|one| one.model.provider == *name);
        let unnamed = |name: &&String| *name != SIMULATOR && !named(name);
        match self.providers.iter().find(unnamed).filter(|_| !no_probe) {
            Some(name) => Err(CommandError::usage(format!("no model of {name} is named, and {nobody}"))
                .hint(format!("--model {name}:MODEL_ID says which one is asked once; --no-probe asks none"))),
            None => Ok(()),
        }
    }

    fn provider(&self, name: &str, settings: &Settings) -> NewProvider {
        let host = built_in(name, settings);
        let key_env = self.key_envs.get(name).cloned();
        let usual = host.map(Host::key_names).unwrap_or_default();
        NewProvider {
            name: name.to_owned(),
            is_own: host.is_none(),
            base_url: self.base_urls.get(name).cloned(),
            // The usual name needs no mention.
            key_env: key_env.filter(|variable| !usual.contains(&variable.as_str())),
            usual_keys: usual.into_iter().map(str::to_owned).collect(),
        }
    }
}

/// The row of a built-in provider.
pub(super) fn built_in<'a>(name: &str, settings: &'a Settings) -> Option<&'a Host> {
    settings.hosts.iter().find(|host| host.name == name)
}

/// True if requests to a host carry a key that a variable holds, and none is set.
pub(super) fn lacks_key(host: &Host, settings: &Settings) -> bool {
    let names = host.key_names();
    let sends = matches!(host.keys.auth, Auth::Bearer | Auth::Header(_));
    sends && !names.is_empty() && settings.env().first(&names).is_none()
}

/// The store without a question: the flag's, else that of the environment, which stays there, else the default file.
fn store(settings: &Settings) -> Result<Option<String>, CommandError> {
    let found = settings.store().map_err(CommandError::usage)?;
    match found.source {
        Source::Env(_) => Ok(None),
        _ => lasting(found.value.expose()).map(Some),
    }
}

/// The URL of a store as it may stand in a file: paths do not depend on where a command is typed.
///
/// # Errors
/// Status 2 if it names no store.
pub(super) fn lasting(url: &str) -> Result<String, CommandError> {
    let location =
        StoreLocation::parse(url).map_err(|error| CommandError::usage(format!("store: {error}")))?;
    Ok(match location {
        StoreLocation::Sqlite(path) => {
            format!("sqlite:{}", std::path::absolute(&path).unwrap_or(path).display())
        }
        _ => url.trim().to_owned(),
    })
}

/// The name of a variable. A key that was put in its place is refused, and not repeated.
///
/// # Errors
/// A sentence for the user.
pub(super) fn checked_variable(text: &str) -> Result<String, &'static str> {
    let fits = |ch: char| ch.is_ascii_alphanumeric() || ch == '_';
    let begins = text.starts_with(|ch: char| ch.is_ascii_alphabetic() || ch == '_');
    if !begins || !text.chars().all(fits) || text.len() > 64 || Redactor::new().redact(text) != text {
        return Err("that is no name of a variable, such as OPENAI_API_KEY; the key itself is not asked for");
    }
    Ok(text.to_owned())
}

/// `NAME=VALUE`. The value is not repeated in errors: it may be a key by mistake.
fn pair(flag: &str, form: &str, text: &str) -> Result<(String, String), CommandError> {
    let parts = text.split_once('=').map(|(name, value)| (name.trim(), value.trim()));
    match parts.filter(|(name, value)| !name.is_empty() && !value.is_empty()) {
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => Err(CommandError::usage(format!("{flag}: write {form}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn variables_are_names_and_keys_are_refused_unseen() {
        for name in ["OPENAI_API_KEY", "_x", "k2"] {
            assert_eq!(checked_variable(name).as_deref(), Ok(name));
        }
        for wrong in ["", "2x", "a-b", "sk-proj-0123456789abcdef", "gsk_0123456789abcdefghijABCD", "a b"] {
            let why = checked_variable(wrong).unwrap_err();
            assert!(wrong.is_empty() || !why.contains(wrong), "{why}");
        }
    }

    #[test]
    fn a_path_of_the_file_does_not_depend_on_where_one_stands() {
        assert!(lasting("runs.db").unwrap().starts_with("sqlite:/"));
        assert_eq!(lasting(" mongodb://h/db ").unwrap(), "mongodb://h/db");
        assert!(lasting("postgres://h").is_err());
    }

    proptest! {
        #[test]
        fn no_value_of_a_pair_is_repeated(value in "[A-Za-z0-9]{16,40}") {
            for text in [value.clone(), format!("={value}")] {
                let error = pair("--key-env", "NAME=VARIABLE", &text).unwrap_err();
                prop_assert!(!error.message.contains(&value), "{}", error.message);
            }
        }
    }
}
