//! Builds a bridge from settings: the store of a host without a database. `run` and `daemon` use it, `doctor` checks
//! it.

use crate::bridge::client::http_client::BridgeHttpClient;
use crate::bridge::client::work_list_cache::WorkListCache;
use crate::bridge::client::{BridgeAddresses, BridgeClient, BridgeKeys};
use crate::commands::context::Context;
use crate::commands::exit::CommandError;
use crate::daemon::store_handle::StoreHandle;
use crate::domain::ModelRef;
use crate::domain::daemon_config::DaemonConfig;
use crate::domain::env_vars::LLMBENCH_BRIDGE_PLAIN_HTTP;
use crate::domain::sourced::{Source, Sourced};
use crate::settings::BridgeSettings;
use crate::storage::{BridgeUrl, StoreLocation, WorkItem};
use crate::wire::tls::client_config;
use serde_json::Map;
use std::path::Path;
use std::sync::Arc;

/// The provider measured behind a bridge by default: the one whose host may not access the database.
pub const PROVIDER: &str = "bedrock";

/// The file of a runner's own records, in the state directory.
pub const MEMORY: &str = "runner.db";

/// The section of the documentation that errors refer to.
const HEADING: &str = "TROUBLESHOOTING.md, \"The runner behind a bridge\"";

/// True if this host is behind a bridge.
pub fn is_named(context: &Context) -> bool {
    named(context).is_ok_and(|named| named.is_some())
}

/// The bridge's address and its source, if the store is a bridge.
///
/// # Errors
/// Status 2 if the store's URL cannot be read.
pub fn named(context: &Context) -> Result<Option<Sourced<BridgeUrl>>, CommandError> {
    let Sourced { value: location, source } = context.store_location()?;
    Ok(match location {
        StoreLocation::Bridge(url) => Some(Sourced::new(url, source)),
        StoreLocation::Sqlite(_) | StoreLocation::Mongo(_) => None,
    })
}

/// The bridge, if it is the store. Sends no request yet. `providers` are those whose work lists are read.
///
/// # Errors
/// Status 2 if a key is missing or would travel in the clear, or a setting cannot be used.
pub fn open(context: &Context, providers: Vec<String>) -> Result<Option<Arc<BridgeClient>>, CommandError> {
    let Some(Sourced { value: base, source }) = named(context)? else { return Ok(None) };
    let settings = settings(context, &source)?;
    let addresses = BridgeAddresses {
        config: settings.config_url.clone().unwrap_or_else(|| base.join("/runner-config")),
        catalog: settings.catalog_url.clone().unwrap_or_else(|| base.join("/ingest/catalog")),
        base,
    };
    for url in [&addresses.base, &addresses.config, &addresses.catalog] {
        if url.is_exposed() && !settings.plain_http {
            let why = format!(
                "store ({source}): {url} is plain http, and whoever can listen on the way reads the key"
            );
            let hint = format!(
                "write https://…, or set {LLMBENCH_BRIDGE_PLAIN_HTTP}=1 where the network is trusted"
            );
            return Err(CommandError::usage(why).hint(hint));
        }
    }
    let tls = client_config(context.extra_ca().as_deref())
        .map_err(|error| CommandError::usage(error).hint("SSL_CERT_FILE names a PEM file, or is unset"))?;
    let proxies = context.settings.proxies().map_err(CommandError::usage)?;
    let client = BridgeHttpClient::new(&tls, proxies).map_err(CommandError::usage)?;
    let keys = BridgeKeys { posts: settings.posts, lists: settings.lists };
    let times = (settings.timeout, settings.grace);
    let kept = WorkListCache::open(settings.list_file);
    let models = context.settings.python.models.as_deref().map(|models| emergency(models, &providers));
    Ok(Some(Arc::new(BridgeClient::new(addresses, keys, client, providers, times, kept).instead(models))))
}

/// A handle to a bridge, and to a local file for the records that a database would keep: turns, and facts learned about
/// models. Opens nothing yet.
pub fn store_handle(context: &Context, state_dir: &Path, bridge: Arc<BridgeClient>) -> StoreHandle {
    context.store_handle(StoreLocation::Sqlite(state_dir.join(MEMORY))).behind(bridge)
}

/// The settings of the bridge that `source` names.
///
/// # Errors
/// Status 2 as [`open`].
pub fn settings(context: &Context, source: &Source) -> Result<BridgeSettings, CommandError> {
    context.settings.bridge(source).map_err(|error| CommandError::usage(error).hint(HEADING))
}

/// The provider of a runner that names none: that of the address of its work list, else [`PROVIDER`].
pub fn default_provider(context: &Context) -> String {
    let named = context.settings.provider_of_lists();
    let known = named.filter(|name| context.settings.hosts.find(name).is_ok());
    known.unwrap_or_else(|| PROVIDER.to_owned())
}

/// The models of the emergency list. A name with a provider of this runner before a colon belongs to that one, all
/// others to the first.
fn emergency(models: &[String], providers: &[String]) -> Vec<WorkItem> {
    let item = |text: &String| {
        let parts = text.split_once(':').filter(|(provider, _)| providers.iter().any(|one| one == provider));
        let (provider, id) = parts.unwrap_or((providers.first().map_or(PROVIDER, String::as_str), text));
        WorkItem { model: ModelRef::new(provider, id), display_name: id.to_owned(), metadata: Map::new() }
    };
    models.iter().map(item).collect()
}

/// Adapts the daemon's settings to a runner: turns off decisions that belong to the catalog's owner, and sets defaults
/// that suit a host of its own.
pub fn adapt(context: &mut Context) {
    let (named, provider) = (context.settings.named, default_provider(context));
    let daemon_config: &mut DaemonConfig = &mut context.settings.daemon_config;
    if daemon_config.only.is_empty() {
        daemon_config.only = vec![provider];
    }
    if !named.vantage {
        // The server's own daemons measure from another place, and their slots are separate.
        daemon_config.vantage = host_name();
    }
    if named.cadence {
        // Local settings win over the bridge's proposals.
        for provider in daemon_config.only.clone() {
            let rule = daemon_config.by_provider.entry(provider).or_default();
            rule.cadence_seconds = rule.cadence_seconds.or(Some(daemon_config.cadence_seconds));
        }
    }
    daemon_config.quarantine.enabled = false;
    daemon_config.admission.enabled = false;
    daemon_config.discovery = None;
}

/// This machine's name, reduced to the characters of a vantage.
fn host_name() -> String {
    let uname = rustix::system::uname();
    let fits = |ch: &char| ch.is_ascii_alphanumeric() || matches!(ch, '-' | '_' | '.');
    let name: String = uname.nodename().to_string_lossy().chars().filter(fits).take(64).collect();
    if name.is_empty() { "remote".to_owned() } else { name }
}
