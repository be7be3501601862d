//! The daemon's provider clients: keys come from the settings when a lane needs a client; one
//! measuring thread serves all.

use crate::commands::calibrate;
use crate::commands::context::Context;
use crate::commands::exit::CommandError;
use crate::commands::run::access;
use crate::daemon::provider_client::{AuthorizedRoute, MeasuringClient, ProviderClient, ProviderClients};
use crate::domain::redact::Redactor;
use crate::measure::clock_thread::ClockThread;
use crate::wire::tls::client_config;
use async_trait::async_trait;
use std::sync::Arc;
use tokio::runtime::Handle;

/// Opens provider clients with keys from the settings; one measuring thread serves all.
pub struct ConfiguredClients {
    pub context: Arc<Context>,
    clock_thread: ClockThread,
    redactor: Redactor,
}

/// Starts the measuring thread and returns the clients.
///
/// # Errors
/// Status 2 if certificates cannot be used, or no thread can be started.
pub fn clients(context: Context) -> Result<Arc<ConfiguredClients>, CommandError> {
    let tls = client_config(context.extra_ca().as_deref())
        .map_err(|error| CommandError::usage(error).hint("SSL_CERT_FILE names a PEM file, or is unset"))?;
    let clock_thread = ClockThread::start(tls)
        .map_err(|error| CommandError::usage(format!("the measuring thread cannot be started: {error}")))?;
    let redactor = context.settings.redactor();
    Ok(Arc::new(ConfiguredClients { context: Arc::new(context), clock_thread, redactor }))
}

#[async_trait]
impl ProviderClients for ConfiguredClients {
    async fn open(&self, provider: &str) -> Result<Arc<dyn ProviderClient>, String> {
        let host = self.context.settings.hosts.find(provider).map_err(|unknown| unknown.to_string())?;
        // A key command may take seconds, and nothing else should wait for it.
        let (host, context, runtime) = (host.clone(), Arc::clone(&self.context), Handle::current());
        let opening = tokio::task::spawn_blocking(move || runtime.block_on(access::open(&host, &context)));
        let opened = opening.await.map_err(|_| "fetching the key broke".to_owned())??;
        let calibration = calibrate::newest_id(&self.context);
        let keep = opened.simulator.map(|simulator| Box::new(simulator) as _);
        let opened = AuthorizedRoute { route: opened.route, secret: opened.secret, calibration, keep };
        let client = MeasuringClient::new(opened, self.clock_thread.clone(), &self.redactor);
        Ok(Arc::new(client.map_err(|error| format!("the decoding thread cannot be started: {error}"))?))
    }
}
