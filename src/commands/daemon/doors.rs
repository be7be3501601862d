//! The daemon's way to providers: keys from the settings, fetched when a lane wants a bench; one measuring thread for all.

use crate::commands::context::Context;
use crate::commands::exit::CommandError;
use crate::commands::run::access;
use crate::daemon::bench::{Bench, Doors, Opened, RealBench};
use crate::domain::redact::Redactor;
use crate::measure::meter::Meter;
use crate::wire::tls::client_config;
use async_trait::async_trait;
use std::sync::Arc;
use tokio::runtime::Handle;

/// The way to providers: keys from the settings, one measuring thread for all.
pub struct Keys {
    /// What the settings say.
    pub context: Arc<Context>,
    meter: Meter,
    redactor: Redactor,
}

/// Opens the way.
///
/// # Errors
/// Status 2 where certificates cannot be used, or no thread can be had.
pub fn doors(context: Context) -> Result<Arc<Keys>, CommandError> {
    let tls = client_config(context.extra_ca().as_deref())
        .map_err(|error| CommandError::usage(error).hint("SSL_CERT_FILE names a PEM file, or is unset"))?;
    let meter = Meter::start(tls)
        .map_err(|error| CommandError::usage(format!("no measuring thread can be had: {error}")))?;
    let redactor = context.settings.redactor();
    Ok(Arc::new(Keys { context: Arc::new(context), meter, redactor }))
}

#[async_trait]
impl Doors for Keys {
    async fn open(&self, provider: &str) -> Result<Arc<dyn Bench>, String> {
        let host = self.context.settings.hosts.find(provider).map_err(|unknown| unknown.to_string())?;
        // A key command may take seconds, and nothing else should wait for it.
        let (host, context, runtime) = (host.clone(), Arc::clone(&self.context), Handle::current());
        let opening = tokio::task::spawn_blocking(move || runtime.block_on(access::open(&host, &context)));
        let opened = opening.await.map_err(|_| "fetching the key broke".to_owned())??;
        let keep = opened.simulator.map(|simulator| Box::new(simulator) as _);
        let opened = Opened { route: opened.route, secret: opened.secret, keep };
        let bench = RealBench::new(opened, self.meter.clone(), &self.redactor);
        Ok(Arc::new(bench.map_err(|error| format!("no decoding thread can be had: {error}"))?))
    }
}
