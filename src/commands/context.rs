//! What every command starts from: settings, terminal, store. Opened once, passed as a value.

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
use crate::settings::{Env, FlagOverrides, Settings, resolve};
use crate::storage::{CollectionNames, Store, StoreError, StoreLocation, create_private_dir, open};
use crate::wire::tls::client_config;
use std::path::PathBuf;
use std::sync::Arc;

/// Settings and terminal of one invocation.
pub struct Context {
    /// Resolved settings.
    pub settings: Settings,
    /// What is known about the terminal.
    pub terminal: Terminal,
}

impl Context {
    /// From the global flags, what the command overrides, and the environment.
    ///
    /// # Errors
    /// [`CommandError`] of status 2, where a value of any source cannot be used.
    pub fn new(global: GlobalArgs, overrides: FlagOverrides, env: Env) -> Result<Self, CommandError> {
        let terminal = Terminal::detect(TerminalEnv::read(|name| env.get(name).map(str::to_owned)));
        let overrides =
            FlagOverrides { config: global.config, store: global.store.map(Secret::new), ..overrides };
        let settings = resolve(&overrides, env).map_err(CommandError::usage)?;
        Ok(Self { settings, terminal })
    }

    /// How lists are shown; `wide` with every column.
    pub fn view(&self, wide: bool) -> ReportView {
        ReportView::new(self.terminal, wide)
    }

    /// A note for people, unless they want none.
    pub fn note(&self, quiet: bool, text: &str) {
        if !quiet {
            print::note(text);
        }
    }

    /// Where the store is that the settings name, and who named it. Opens nothing.
    ///
    /// # Errors
    /// Status 2 where it is no store's URL.
    pub fn store_location(&self) -> Result<Sourced<StoreLocation>, CommandError> {
        let named = self.settings.store().map_err(CommandError::usage)?;
        let location = StoreLocation::parse(named.value.expose())
            .map_err(|error| CommandError::usage(format!("store ({}): {error}", named.source)))?;
        Ok(Sourced::new(location, named.source))
    }

    /// What the collections of a MongoDB store are called.
    pub fn names(&self) -> CollectionNames {
        CollectionNames::from_lookup(|name| self.settings.env().get(name).map(str::to_owned))
    }

    /// Opens the store that the settings name. The default directory is created; a named one has to exist.
    ///
    /// # Errors
    /// Status 2 where the store is unusable as configured, 75 where it cannot be reached now.
    pub async fn open_store(&self) -> Result<Arc<dyn Store>, CommandError> {
        let Sourced { value: location, source } = self.store_location()?;
        self.make_default_store_dir(&location, &source)?;
        open(&location, &self.names(), &self.settings.profiles.published.value)
            .await
            .map_err(|error| store_error(&format!("store ({source})"), error))
    }

    /// A way to the store at this place, which may be away. Opens nothing yet.
    pub fn store_handle(&self, location: StoreLocation) -> StoreHandle {
        StoreHandle::new(location, self.names(), self.settings.profiles.published.value.clone())
    }

    /// Creates the directory of a store that nobody named.
    ///
    /// # Errors
    /// Status 2 where the system does not let us.
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

    /// Where outcomes wait that no store took.
    ///
    /// # Errors
    /// Status 2 where there is no state directory.
    pub fn undelivered(&self) -> Result<UndeliveredDir, CommandError> {
        let directory = self.settings.state_dir().map_err(CommandError::usage)?;
        Ok(UndeliveredDir::in_state_dir(&directory.value))
    }

    /// A client for everything that is not measured.
    ///
    /// # Errors
    /// Status 2 where certificates or a proxy cannot be used.
    pub fn http_client(&self) -> Result<HttpClient, CommandError> {
        let tls = client_config(self.extra_ca().as_deref()).map_err(CommandError::usage)?;
        let proxies = self.settings.proxies().map_err(CommandError::usage)?;
        let connect = self.settings.deadlines.limits().connect;
        HttpClient::new(&tls, proxies, connect).map_err(CommandError::usage)
    }

    /// Certificate authorities of the operator's own.
    pub fn extra_ca(&self) -> Option<PathBuf> {
        self.settings.env().get(SSL_CERT_FILE).map(PathBuf::from)
    }
}

/// What to do where a store cannot be used.
const OTHER_STORE: &str = "TROUBLESHOOTING.md, \"The store\"; --store sqlite:FILE names another one, and `run` measures \
                           without one under --no-store";

/// A store's error as a command's: unreachable is 75, everything else needs a change.
pub fn store_error(what: &str, error: StoreError) -> CommandError {
    let exit = if matches!(error, StoreError::Unavailable(_)) { Exit::NotStored } else { Exit::Usage };
    CommandError { exit, message: format!("{what}: {error}"), hint: Some(OTHER_STORE.to_owned()) }
}
