//! From a host of the table to a route: key, token or signer settled, the simulator started where it is asked.

use crate::commands::context::Context;
use crate::domain::names::AWS_PROFILE;
use crate::domain::secret::Secret;
use crate::domain::sourced::{Source, Sourced};
use crate::providers::auth::Login;
use crate::providers::bedrock::{Overrides, Signer};
use crate::providers::google::GoogleLogin;
use crate::providers::hosts::Host;
use crate::providers::route::{Access, Route};
use crate::providers::sim::{self, Running};
use std::sync::Arc;

/// The name of the built-in simulator in the table.
pub const SIMULATOR: &str = "sim";

/// A route and what has to live as long as it is used.
pub struct Opened {
    /// The way to the host.
    pub route: Arc<Route>,
    /// The secret that it shows, for the redactor.
    pub secret: Option<Secret>,
    /// The simulator, where this process runs it.
    pub simulator: Option<Running>,
}

/// Makes a host ready to be called.
///
/// # Errors
/// A sentence that names the variable, file or command that is missing or wrong.
pub async fn open(host: &Host, context: &Context) -> Result<Opened, String> {
    let login = context.settings.login(host).map_err(|error| error.to_string())?;
    enter(host, login, context).await
}

/// The same with a login that is known already.
///
/// # Errors
/// As [`open`].
pub async fn enter(host: &Host, login: Login, context: &Context) -> Result<Opened, String> {
    let mut host = host.clone();
    let simulator = start_simulator(&mut host)?;
    let (access, secret) = match login {
        Login::Ready(credential) => {
            let secret = credential.secret().cloned();
            (Access::Known(credential), secret)
        }
        Login::GoogleAdc(file) => {
            let login = GoogleLogin::open(file.as_deref()).await.map_err(|error| error.to_string())?;
            (Access::Google(Arc::new(login)), None)
        }
        Login::AwsChain => {
            let signer = Signer::new(&aws(&host, context)).await.map_err(|error| error.to_string())?;
            (Access::Aws(signer), None)
        }
    };
    Ok(Opened { route: Arc::new(Route { host, access }), secret, simulator })
}

/// Starts a simulator in this process, unless the host has an address already.
fn start_simulator(host: &mut Host) -> Result<Option<Running>, String> {
    if host.name != SIMULATOR || host.base_url.is_some() {
        return Ok(None);
    }
    let running = sim::start_in_process().map_err(|error| format!("the simulator cannot start: {error}"))?;
    host.base_url = Some(Sourced::new(format!("{}/v1", running.base_url()), Source::Default));
    Ok(Some(running))
}

/// What the configuration says about AWS.
pub fn aws(host: &Host, context: &Context) -> Overrides {
    let value = |sourced: &Option<Sourced<String>>| sourced.as_ref().map(|sourced| sourced.value.clone());
    let profile = context.settings.env().get(AWS_PROFILE).map(str::to_owned);
    Overrides { region: value(&host.region), profile, endpoint: value(&host.base_url) }
}
