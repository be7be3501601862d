//! Combines flags, environment and file into one struct, before any work is done. Nothing is opened and no key is
//! fetched here.

use super::display::EffectiveSetting;
use super::file::{self, ConfigFile, NotifyEntry};
use super::limits::{self, Deadlines, LimitFlags};
use super::profiles::{self, Profiles};
use super::python_runner::PythonVariables;
use super::report::{self, ReportSettings};
use super::{
    BridgeSettings, DaemonFlags, Env, KeyError, SettingsError, bridge, daemon, display, hosts, keys, listen,
    notify, proxies, python_runner, signing_key, state_dir, store,
};
use crate::domain::Profile;
use crate::domain::daemon_config::DaemonConfig;
use crate::domain::env_vars::RUNNER_CONFIG_URL;
use crate::domain::listen::ListenAddress;
use crate::domain::redact::Redactor;
use crate::domain::secret::Secret;
use crate::domain::sourced::{Source, Sourced};
use crate::http::ProxyRules;
use crate::notify::NotifyConfig;
use crate::providers::auth::ProviderLogin;
use crate::providers::hosts::{Host, Hosts};
use crate::storage::{BridgeUrl, StoreLocation};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The values of the flags; the default has none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FlagOverrides {
    pub config: Option<PathBuf>,
    pub store: Option<Secret>,
    pub state_dir: Option<PathBuf>,
    pub proxy: Option<Secret>,
    pub profile: Option<String>,
    pub limits: LimitFlags,
    pub daemon: DaemonFlags,
}

/// All settings of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The configuration file that was read, if there is one, and its source.
    pub config: Option<Sourced<PathBuf>>,
    pub deadlines: Deadlines,
    /// The name of the profile to measure.
    pub profile: Sourced<String>,
    /// All profiles, and the published ones among them.
    pub profiles: Profiles,
    pub hosts: Hosts,
    pub daemon_config: DaemonConfig,
    /// The rules that are set explicitly, as far as that makes a difference.
    pub named: daemon::ExplicitSettings,
    /// What the Python runner's variables say.
    pub python: PythonVariables,
    /// The site that a daemon writes, if one is asked for.
    pub report: Option<ReportSettings>,
    /// Address of a daemon's monitoring endpoints, if one is set.
    pub listen: Option<ListenAddress>,
    env: Env,
    store_flag: Option<Secret>,
    state_dir_flag: Option<PathBuf>,
    state_dir_in_file: Option<PathBuf>,
    store_in_file: Option<Secret>,
    signing_key_in_file: Option<PathBuf>,
    pub(super) notify_in_file: NotifyEntry,
    /// The values of `[daemon]` in the file, by name.
    pub(super) daemon_in_file: BTreeMap<String, String>,
}

/// Resolves settings from flags, environment and the configuration file that they name.
///
/// # Errors
/// [`SettingsError`] if the file cannot be read, or a value of any source is invalid.
pub fn resolve(overrides: &FlagOverrides, env: Env) -> Result<Settings, SettingsError> {
    let located = file::locate(overrides.config.as_deref(), &env);
    let file = file::load(located.as_ref())?;
    combine(overrides, env, located, file)
}

/// The same as if there were no configuration file, for a command that writes one.
///
/// # Errors
/// [`SettingsError`] if a value of a flag or of the environment is invalid.
pub fn resolve_without_file(overrides: &FlagOverrides, env: Env) -> Result<Settings, SettingsError> {
    combine(overrides, env, None, ConfigFile::default())
}

pub(super) fn combine(
    overrides: &FlagOverrides,
    env: Env,
    config: Option<Sourced<PathBuf>>,
    file: ConfigFile,
) -> Result<Settings, SettingsError> {
    let path = config.as_ref().map_or(Path::new(""), |config| &config.value);
    let profiles = profiles::resolve(&file, path)?;
    let profile = overrides
        .profile
        .clone()
        .map(|name| Sourced::new(name, Source::Flag("--profile")))
        .or_else(|| {
            file.defaults.profile.clone().map(|name| Sourced::new(name, Source::File(path.to_owned())))
        })
        .unwrap_or_else(|| Sourced::new("default".to_owned(), Source::Default));
    profiles.find(&profile)?;
    let hosts = hosts::resolve(&file, path, &env, overrides.proxy.as_ref())?;
    let (flags, file_ref) = (&overrides.daemon, &file);
    let given =
        daemon::DaemonInputs { flags, env: &env, file: file_ref, path, hosts: &hosts, profiles: &profiles };
    let said = !flags.exclude.is_empty() || file_ref.daemon.exclude.is_some();
    let mut settings = Settings {
        python: PythonVariables::default(),
        deadlines: limits::resolve(overrides.limits, &file.defaults, path)?,
        daemon_config: daemon::daemon_config(&given)?,
        named: daemon::named(&given),
        listen: listen::resolve(
            flags.listen.as_deref(),
            &env,
            file_ref.daemon.listen.as_deref().map(|said| (said, path)),
        )?,
        report: report::resolve(&file.report, path)?,
        hosts,
        profile,
        profiles,
        store_flag: overrides.store.clone(),
        state_dir_flag: overrides.state_dir.clone(),
        state_dir_in_file: file
            .daemon
            .state_dir
            .as_deref()
            .map(|directory| profiles::beside(path, directory)),
        store_in_file: file.store,
        signing_key_in_file: file.signing_key_file.as_deref().map(|key| profiles::beside(path, key)),
        daemon_in_file: display::flat(&file.daemon),
        notify_in_file: file.notify,
        config,
        env,
    };
    // A provider that is asked for by name is measured.
    let is_named = settings.daemon_config.only.iter().any(|name| name == python_runner::EXCLUDED);
    settings.follow_python(said || is_named);
    Ok(settings)
}

impl Settings {
    /// Reads what the Python runner's variables say, and excludes the provider that its scheduler excludes.
    fn follow_python(&mut self, excluded: bool) {
        // A store that cannot be resolved is reported by whatever opens it.
        let bridge = self.store().is_ok_and(|store| BridgeUrl::is_meant(store.value.expose()));
        self.python = python_runner::read(&self.env, &self.hosts, excluded, !bridge);
        if self.python.excluded_by_default {
            self.daemon_config.exclude.push(python_runner::EXCLUDED.to_owned());
        }
    }

    /// The provider that the address of the Python runner's work list names.
    pub fn provider_of_lists(&self) -> Option<String> {
        BridgeUrl::provider_in(self.env.get(RUNNER_CONFIG_URL)?)
    }

    /// The profile to measure.
    ///
    /// # Errors
    /// [`SettingsError`] if there is none of that name, which [`resolve`] has ruled out.
    pub fn profile(&self) -> Result<&Profile, SettingsError> {
        self.profiles.find(&self.profile)
    }

    /// The URL of the store: flag, `LLMBENCH_STORE`, file, `MONGODB_URI`, the Python bridge, the user's data
    /// directory. Commands without a store need not call it.
    ///
    /// # Errors
    /// [`SettingsError`] if none is configured and there is no home directory.
    pub fn store(&self) -> Result<Sourced<Secret>, SettingsError> {
        let path = self.config.as_ref().map_or(Path::new(""), |config| &config.value);
        let in_file = self.store_in_file.as_ref().map(|text| (text, path));
        let directories = directories::ProjectDirs::from("", "", "llmbench");
        let data_dir = directories.as_ref().map(|directories| directories.data_dir());
        store::resolve(self.store_flag.as_ref(), &self.env, in_file, data_dir)
    }

    /// The URL of the file in the user's data directory, which is the store where nothing names another one.
    ///
    /// # Errors
    /// [`SettingsError::NoHome`].
    pub fn usual_store(&self) -> Result<String, SettingsError> {
        let directories = directories::ProjectDirs::from("", "", "llmbench");
        let data_dir = directories.as_ref().map(|directories| directories.data_dir());
        let found = store::resolve(None, &Env::default(), None, data_dir)?;
        Ok(found.value.expose().to_owned())
    }

    /// The directory of this machine's state: flag, `LLMBENCH_STATE_DIR`, `[daemon]` of the file, `XDG_STATE_HOME`,
    /// the user's own. Nothing is created.
    ///
    /// # Errors
    /// [`SettingsError::NoStateDir`].
    pub fn state_dir(&self) -> Result<Sourced<PathBuf>, SettingsError> {
        let path = self.config.as_ref().map_or(Path::new(""), |config| &config.value);
        let in_file = self.state_dir_in_file.as_deref().map(|directory| (directory, path));
        state_dir::resolve(self.state_dir_flag.as_deref(), &self.env, in_file)
    }

    /// The file of the private key that signs manifests: `LLMBENCH_SIGNING_KEY_FILE`, then the file; `None` if nothing is
    /// signed.
    pub fn signing_key_file(&self) -> Option<Sourced<PathBuf>> {
        let path = self.config.as_ref().map_or(Path::new(""), |config| &config.value);
        signing_key::resolve(&self.env, self.signing_key_in_file.as_deref().map(|key| (key, path)))
    }

    /// Reads the text of such a file.
    ///
    /// # Errors
    /// [`SettingsError`] if it cannot be read, or others can read it.
    pub fn signing_key(&self, file: &Sourced<PathBuf>) -> Result<Secret, SettingsError> {
        signing_key::read(file)
    }

    /// The settings of notices: environment, then `[notify]` of the file. Reads the file of a password.
    ///
    /// # Errors
    /// [`SettingsError`] if a part is missing or invalid. Commands that send no notices need not call it.
    pub fn notify(&self) -> Result<NotifyConfig, SettingsError> {
        let path = self.config.as_ref().map_or(Path::new(""), |config| &config.value);
        notify::resolve(&self.notify_in_file, path, &self.env)
    }

    /// The proxies of unmeasured requests. Commands that send none need not call it.
    ///
    /// # Errors
    /// [`SettingsError`] if a variable names no usable proxy.
    pub fn proxies(&self) -> Result<ProxyRules, SettingsError> {
        proxies::resolve(&self.env)
    }

    /// Those proxies for display, even if they are invalid.
    pub fn shown_proxies(&self) -> Vec<EffectiveSetting> {
        proxies::shown(&self.env)
    }

    /// The variables that name a proxy and are set.
    pub fn proxy_variables(&self) -> Vec<String> {
        proxies::named(&self.env)
    }

    /// The settings of the bridge that `source` names as the store.
    ///
    /// # Errors
    /// [`SettingsError`] if a key is missing or a value is invalid. Commands without a bridge need not call it.
    pub fn bridge(&self, source: &Source) -> Result<BridgeSettings, SettingsError> {
        bridge::resolve(&self.env, source, || self.state_dir().map(|directory| directory.value))
    }

    /// The login of a host: see [`keys::login`]. May run the host's key command.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn login(&self, host: &Host) -> Result<ProviderLogin, KeyError> {
        keys::login(host, &self.env)
    }

    /// True if a host is configured for use: a key, if one is needed, or a sign of a login. Sends no request.
    pub fn is_configured(&self, host: &Host) -> bool {
        keys::is_configured(host, &self.env)
    }

    /// A redactor with every secret of the environment and of the store's URL. Code that fetches keys from files and
    /// commands adds those.
    pub fn redactor(&self) -> Redactor {
        let mut redactor = keys::redactor(self.hosts.iter(), &self.env);
        proxies::secrets(&self.env).iter().for_each(|secret| redactor.add(secret));
        if let Some(password) = self.store().ok().and_then(|store| password(store.value.expose())) {
            redactor.add(&password);
        }
        let proxies = self.hosts.iter().filter_map(|host| host.proxy.as_ref()?.value.secret());
        proxies.for_each(|secret| redactor.add(&secret));
        for header in
            self.hosts.iter().flat_map(|host| &host.headers).filter(|header| is_telling(&header.name))
        {
            redactor.add(&Secret::new(&header.value));
        }
        redactor
    }

    /// The secrets in the configuration file, in words; if there are any, only its owner should have access to the
    /// file.
    pub fn secrets_in_file(&self) -> Vec<String> {
        let store = self.store_in_file.as_ref().and_then(|store| password(store.expose()));
        let store = store.map(|_| "the password of the store".to_owned());
        let telling = |host: &Host| -> Vec<String> {
            let named = host.headers.iter().filter(|header| is_telling(&header.name));
            named.map(|header| format!("the header `{}` of provider {}", header.name, host.name)).collect()
        };
        let in_file = |host: &&Host| {
            let named = host.proxy.as_ref().filter(|proxy| matches!(proxy.source, Source::File(_)));
            named.is_some_and(|proxy| proxy.value.secret().is_some())
        };
        let proxies = self.hosts.iter().filter(in_file);
        let proxies = proxies.map(|host| format!("the password of the proxy of provider {}", host.name));
        store.into_iter().chain(self.hosts.iter().flat_map(telling)).chain(proxies).collect()
    }

    /// The path of the user's own configuration file; `None` without a home directory.
    pub fn usual_config(&self) -> Option<PathBuf> {
        file::usual()
    }

    /// The environment, for names of collections and the terminal's width.
    pub fn env(&self) -> &Env {
        &self.env
    }
}

/// True if a header's name suggests that its value is a secret.
fn is_telling(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    ["key", "token", "secret", "auth", "password"].iter().any(|word| lower.contains(word))
}

/// The password of a connection string. Without an `@`, the text after the colon is a port, unless the URL is
/// invalid: then the host is missing.
fn password(uri: &str) -> Option<Secret> {
    let (_, rest) = uri.split_once("://")?;
    let authority = match rest.rsplit_once('@') {
        Some((authority, _)) => authority,
        None if StoreLocation::parse(uri).is_err() => rest.split(['/', '?']).next()?,
        None => return None,
    };
    Some(Secret::new(authority.split_once(':')?.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(
        text: &str,
        overrides: &FlagOverrides,
        env: &[(&str, &str)],
    ) -> Result<Settings, SettingsError> {
        let config = Sourced::new(PathBuf::from("c.toml"), Source::Flag("--config"));
        let file = file::parse(text, &config.value)?;
        combine(overrides, Env::from_pairs(env.iter().copied()), Some(config), file)
    }

    #[test]
    fn everything_has_a_default() {
        let found = settings("", &FlagOverrides::default(), &[]).unwrap();
        assert_eq!(found.profile().unwrap().id, "cloud-default-v1");
        assert_eq!(found.deadlines.limits(), crate::wire::ExchangeLimits::default());
        assert!(found.hosts.find("groq").is_ok());
        assert!(found.env().get("HOME").is_none());
    }

    #[test]
    fn the_profile_by_flag_by_file() {
        let file = "[defaults]\nprofile = 'long'";
        let flag = FlagOverrides { profile: Some("reasoning".into()), ..FlagOverrides::default() };
        assert_eq!(settings(file, &FlagOverrides::default(), &[]).unwrap().profile.value, "long");
        assert_eq!(settings(file, &flag, &[]).unwrap().profile.source, Source::Flag("--profile"));
        let said =
            settings("[defaults]\nprofile = 'lomg'", &FlagOverrides::default(), &[]).unwrap_err().to_string();
        assert!(said.starts_with("profile (file c.toml): no profile `lomg`: did you mean long?"), "{said}");
    }

    #[test]
    fn a_file_is_found_and_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("c.toml");
        std::fs::write(&path, "store = 'sqlite:x.db'").unwrap();
        let found = resolve(
            &FlagOverrides { config: Some(path.clone()), ..FlagOverrides::default() },
            Env::default(),
        )
        .unwrap();
        let store = found.store().unwrap();
        assert_eq!((store.value.expose(), store.source), ("sqlite:x.db", Source::File(path)));
    }

    #[test]
    fn passwords_and_keys_are_kept_out_of_messages() {
        let env = [("OPENAI_API_KEY", "canary-one")];
        let file = "store = 'mongodb://v:canary-three@h/db'\n[providers.groq.headers]\nx-gateway-key = 'canary-four'";
        let found = settings(file, &FlagOverrides::default(), &env).unwrap();
        assert_eq!(
            found.redactor().redact("canary-one canary-three canary-four"),
            "[redacted] [redacted] [redacted]"
        );
        assert!(!format!("{found:?}").contains("canary"));
        let without_host =
            settings("store = 'mongodb://v:canary-five/db'", &FlagOverrides::default(), &[]).unwrap();
        assert_eq!(without_host.redactor().redact("canary-five"), "[redacted]");
        let sound =
            settings("store = 'mongodb://host-name:27017/db'", &FlagOverrides::default(), &[]).unwrap();
        assert_eq!(sound.redactor().redact("27017"), "27017");
    }

    #[test]
    fn a_login_from_the_environment() {
        let found = settings("", &FlagOverrides::default(), &[("GROQ_API_KEY", "k")]).unwrap();
        assert!(matches!(found.login(found.hosts.find("groq").unwrap()), Ok(ProviderLogin::Ready(_))));
        assert!(matches!(found.login(found.hosts.find("openai").unwrap()), Err(KeyError::Missing { .. })));
    }
}
