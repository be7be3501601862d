//! Behind a bridge: reads Bedrock's list here, where its credentials are, and posts it to the bridge. Runs beside
//! measuring, which never waits for it.

use crate::bridge::client::BridgeClient;
use crate::commands::bridge::PROVIDER;
use crate::commands::catalog::sync;
use crate::commands::context::Context;
use crate::providers::hosts::Host;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::sleep;
use tracing::{info, warn};

/// Delay of the first list after a start: due measurements go first.
const FIRST: Duration = Duration::from_secs(2);
/// Longest delay after a list that was not read or not accepted.
const AGAIN: Duration = Duration::from_secs(1800);

/// Posts the list every `every`; sooner after a failure. Runs until its task is ended.
pub async fn run(context: Arc<Context>, bridge: Arc<BridgeClient>, every: Duration) {
    let Ok(host) = context.settings.hosts.find(PROVIDER).cloned() else { return };
    sleep(FIRST).await;
    loop {
        let began = Instant::now();
        let pause = if post(&host, &context, &bridge).await { every } else { AGAIN.min(every) };
        sleep(pause.saturating_sub(began.elapsed())).await;
    }
}

/// Reads the list and posts it; true if the bridge now has the whole of it.
async fn post(host: &Host, context: &Arc<Context>, bridge: &BridgeClient) -> bool {
    let listing = match sync::listing(host.clone(), Arc::clone(context)).await {
        Ok(listing) => listing,
        Err(error) => {
            warn!(provider = PROVIDER, error = error.message, "list not read");
            return false;
        }
    };
    let complete = listing.status.is_complete();
    if let Some(error) = &listing.error {
        warn!(provider = PROVIDER, error, "list not read whole");
    }
    if !complete && listing.models.is_empty() {
        return false;
    }
    match bridge.post_listing(&listing).await {
        Ok(()) => {
            info!(provider = PROVIDER, models = listing.models.len(), complete, "list posted to the bridge")
        }
        Err(error) => {
            warn!(provider = PROVIDER, %error, "the bridge did not take the list");
            return false;
        }
    }
    complete
}
