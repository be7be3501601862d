//! From a host of the table to a route: resolves key, token or signer, and starts the simulator if it is selected.

use crate::commands::context::Context;
use crate::domain::env_vars::{AWS_PROFILE, GCE_METADATA_HOST};
use crate::domain::secret::Secret;
use crate::domain::sourced::{Source, Sourced};
use crate::providers::auth::{Credential, ProviderLogin};
use crate::providers::bedrock::{AwsOverrides, Signer};
use crate::providers::entra::EntraLogin;
use crate::providers::google::{GoogleLogin, GoogleSearch};
use crate::providers::hosts::Host;
use crate::providers::model_rules::DialectRule;
use crate::providers::prepare::no_base_url;
use crate::providers::route::{ProviderRoute, RouteAccess};
use crate::providers::vertex;
use crate::simulator;
use crate::simulator::RunningSimulator;
use std::path::PathBuf;
use std::sync::Arc;

/// The name of the built-in simulator in the table.
pub const SIMULATOR: &str = "sim";

/// A route and the objects that must live as long as it is used.
pub struct ProviderAccess {
    /// The route to the host.
    pub route: Arc<ProviderRoute>,
    /// The secret of the login, for the redactor.
    pub secret: Option<Secret>,
    /// The simulator, if this process runs it.
    pub simulator: Option<RunningSimulator>,
}

/// Prepares a host for calls.
///
/// # Errors
/// A sentence that names the variable, file or command that is missing or wrong.
pub async fn open(host: &Host, context: &Context) -> Result<ProviderAccess, String> {
    let login = context.settings.login(host).map_err(|error| error.to_string())?;
    enter(host, login, context).await
}

/// The same with a known login.
///
/// # Errors
/// As in [`open`].
pub async fn enter(host: &Host, login: ProviderLogin, context: &Context) -> Result<ProviderAccess, String> {
    let mut host = host.clone();
    let simulator = start_simulator(&mut host)?;
    if !host.has_address() {
        return Err(no_base_url(&host).to_string());
    }
    let (access, secret) = match login {
        ProviderLogin::Ready(credential) => {
            let secret = credential.secret().cloned();
            if matches!(credential, Credential::Header(..)) {
                at_global(&mut host);
            }
            (RouteAccess::Known(credential), secret)
        }
        ProviderLogin::GoogleAdc(file) => {
            let login = GoogleLogin::open(&google(file, context)).await.map_err(|error| error.to_string())?;
            (RouteAccess::Google(Arc::new(login)), None)
        }
        ProviderLogin::Entra(identity) => {
            // A proxy variable that cannot be used is told by `doctor`.
            let proxies = context.settings.proxies().unwrap_or_default();
            let ca = context.extra_ca();
            let login =
                EntraLogin::new(identity, ca.as_deref(), proxies).map_err(|error| error.to_string())?;
            (RouteAccess::Entra(Arc::new(login)), None)
        }
        ProviderLogin::AwsChain => {
            let signer = Signer::new(&aws(&host, context)).await.map_err(|error| error.to_string())?;
            // The profile's region, or the instance's: requests take it from the host.
            let found = || signer.region().map(|region| Sourced::new(region, Source::Default));
            host.region = host.region.take().or_else(found);
            (RouteAccess::Aws(signer), None)
        }
    };
    Ok(ProviderAccess { route: Arc::new(ProviderRoute { host, access }), secret, simulator })
}

/// Vertex in express mode (a key instead of a project) has one location alone.
fn at_global(host: &mut Host) {
    if host.dialects == DialectRule::Vertex && host.region.is_none() {
        host.region = Some(Sourced::new(vertex::DEFAULT_LOCATION.to_owned(), Source::Default));
    }
}

/// Starts a simulator in this process, unless the host has an address already.
fn start_simulator(host: &mut Host) -> Result<Option<RunningSimulator>, String> {
    if host.name != SIMULATOR || host.base_url.is_some() {
        return Ok(None);
    }
    let running =
        simulator::start_in_process().map_err(|error| format!("the simulator cannot start: {error}"))?;
    host.base_url = Some(Sourced::new(format!("{}/v1", running.base_url()), Source::Default));
    Ok(Some(running))
}

/// The AWS settings of the configuration.
pub fn aws(host: &Host, context: &Context) -> AwsOverrides {
    let value = |sourced: &Option<Sourced<String>>| sourced.as_ref().map(|sourced| sourced.value.clone());
    let profile = context.settings.env().get(AWS_PROFILE).map(str::to_owned);
    AwsOverrides { region: value(&host.region), profile, endpoint: value(&host.base_url) }
}

/// Where a login of Google is looked for: in `file`, else where its own libraries look.
pub fn google(file: Option<PathBuf>, context: &Context) -> GoogleSearch {
    let env = context.settings.env();
    let metadata_host = env.get(GCE_METADATA_HOST).map(str::to_owned);
    GoogleSearch {
        file,
        home: env.get("HOME").map(PathBuf::from),
        metadata_host,
        extra_ca: context.extra_ca(),
        // A proxy variable that cannot be used is told by `doctor`.
        proxies: context.settings.proxies().unwrap_or_default(),
    }
}
