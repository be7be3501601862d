//! The starting point of every command: settings, terminal, store. Opened once, passed as a value.

use crate::cli::GlobalArgs;
use crate::commands::exit::{CommandError, Exit};
use crate::daemon::store_handle::StoreHandle;
use crate::domain::env_vars::SSL_CERT_FILE;
use crate::domain::secret::Secret;
use crate::domain::sourced::{Source, Sourced};
use crate::http::HttpClient;
use crate::outbox::undelivered::UndeliveredDir;
use crate::output::terminal::{Terminal, TerminalEnv};
use crate::output::{ReportView, print};
use crate::settings::{Env, FlagOverrides, Settings, resolve, resolve_without_file};
use crate::storage::{CollectionNames, Store, StoreError, StoreLocation, create_private_dir, open};
use crate::wire::tls::client_config;
use std::path::PathBuf;
use std::sync::Arc;

/// Settings and terminal of one invocation.
pub struct Context {
    pub settings: Settings,
    /// The properties of the terminal.
    pub terminal: Terminal,
}

impl Context {
    /// Resolves the global flags, the command's overrides, and the environment.
    ///
    /// # Errors
    /// [`CommandError`] of status 2 if a value of any source cannot be used.
    pub fn new(global: GlobalArgs, overrides: FlagOverrides, env: Env) -> Result<Self, CommandError> {
        let terminal = Terminal::detect(TerminalEnv::read(|name| env.get(name).map(str::to_owned)));
        let overrides =
            FlagOverrides { config: global.config, store: global.store.map(Secret::new), ..overrides };
        let settings = resolve(&overrides, env).map_err(CommandError::usage)?;
        Ok(Self { settings, terminal })
    }

    /// The same as if there were no configuration file, for the command that writes it.
    ///
    /// # Errors
    /// As in [`Context::new`].
    pub fn without_file(store: Option<&str>, env: Env) -> Result<Self, CommandError> {
        let terminal = Terminal::detect(TerminalEnv::read(|name| env.get(name).map(str::to_owned)));
        let overrides = FlagOverrides { store: store.map(Secret::new), ..FlagOverrides::default() };
        let settings = resolve_without_file(&overrides, env).map_err(CommandError::usage)?;
        Ok(Self { settings, terminal })
    }

    /// The display settings of lists; `wide` shows every column.
    pub fn view(&self, wide: bool) -> ReportView {
        ReportView::new(self.terminal, wide)
    }

    /// Writes a note for people unless `quiet`.
    pub fn note(&self, quiet: bool, text: &str) {
        if !quiet {
            print::note(text);
        }
    }

    /// The location of the configured store, and its source. Opens nothing.
    ///
    /// # Errors
    /// Status 2 if it is no store's URL.
    pub fn store_location(&self) -> Result<Sourced<StoreLocation>, CommandError> {
        let named = self.settings.store().map_err(CommandError::usage)?;
        let location = StoreLocation::parse(named.value.expose())
            .map_err(|error| CommandError::usage(format!("store ({}): {error}", named.source)))?;
        Ok(Sourced::new(location, named.source))
    }

    /// The names of the collections of a MongoDB store.
    pub fn names(&self) -> CollectionNames {
        CollectionNames::from_lookup(|name| self.settings.env().get(name).map(str::to_owned))
    }

    /// Opens the configured store. The default directory is created; a configured one has to exist.
    ///
    /// # Errors
    /// Status 2 if the store is unusable as configured, 75 if it cannot be reached now.
    pub async fn open_store(&self) -> Result<Arc<dyn Store>, CommandError> {
        let Sourced { value: location, source } = self.store_location()?;
        self.make_default_store_dir(&location, &source)?;
        open(&location, &self.names(), self.settings.profiles.published_profiles())
            .await
            .map_err(|error| store_error(&format!("store ({source})"), error))
    }

    /// A handle to the store at this location, which may be unreachable. Opens nothing yet.
    pub fn store_handle(&self, location: StoreLocation) -> StoreHandle {
        StoreHandle::new(location, self.names(), self.settings.profiles.published_profiles())
    }

    /// Creates the directory of the default store.
    ///
    /// # Errors
    /// Status 2 if the system refuses.
    pub fn make_default_store_dir(
        &self,
        location: &StoreLocation,
        source: &Source,
    ) -> Result<(), CommandError> {
        let (StoreLocation::Sqlite(path), Source::Default) = (location, source) else { return Ok(()) };
        let Some(directory) = path.parent() else { return Ok(()) };
        create_private_dir(directory).map_err(|error| {
            CommandError::usage(format!("cannot create {}: {error}", directory.display())).hint(OTHER_STORE)
        })
    }

    /// The directory of outcomes that no store has taken yet.
    ///
    /// # Errors
    /// Status 2 if there is no state directory.
    pub fn undelivered(&self) -> Result<UndeliveredDir, CommandError> {
        let directory = self.settings.state_dir().map_err(CommandError::usage)?;
        Ok(UndeliveredDir::in_state_dir(&directory.value))
    }

    /// A client for all requests that are not measured.
    ///
    /// # Errors
    /// Status 2 if certificates or a proxy cannot be used.
    pub fn http_client(&self) -> Result<HttpClient, CommandError> {
        let tls = client_config(self.extra_ca().as_deref()).map_err(CommandError::usage)?;
        let proxies = self.settings.proxies().map_err(CommandError::usage)?;
        let connect = self.settings.deadlines.limits().connect;
        HttpClient::new(&tls, proxies, connect).map_err(CommandError::usage)
    }

    /// The file of the operator's own certificate authorities.
    pub fn extra_ca(&self) -> Option<PathBuf> {
        self.settings.env().get(SSL_CERT_FILE).map(PathBuf::from)
    }
}

/// The advice for a store that cannot be used.
const OTHER_STORE: &str = "TROUBLESHOOTING.md, \"The store\"; --store sqlite:FILE names another one, and `run` measures \
                           without one under --no-store";

/// Converts a store's error to a command's: unreachable is status 75, everything else needs a change.
pub fn store_error(what: &str, error: StoreError) -> CommandError {
    let exit = if matches!(error, StoreError::Unavailable(_)) { Exit::NotStored } else { Exit::Usage };
    CommandError { exit, message: format!("{what}: {error}"), hint: Some(OTHER_STORE.to_owned()) }
}
