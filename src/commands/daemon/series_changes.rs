//! What is made of measured series beside a running daemon: one task looks for changes, one tells of them, one writes the
//! site of a report.

use super::monitoring_endpoints::MonitoringEndpoints;
use crate::commands::changes::teller::ChangeTeller;
use crate::commands::changes::watch;
use crate::commands::context::Context;
use crate::commands::report::watch::SiteWatch;
use crate::daemon::event::EventBus;
use crate::daemon::store_handle::StoreHandle;
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Starts both tasks.
pub fn spawn(
    beside: &mut JoinSet<()>,
    context: &Arc<Context>,
    store_handle: &Arc<StoreHandle>,
    events: &EventBus,
    endpoints: &MonitoringEndpoints,
    stop: &CancellationToken,
) {
    let (watched, told) = (Arc::clone(store_handle), Arc::clone(store_handle));
    beside.spawn(watch::run(move || {
        let handle = Arc::clone(&watched);
        async move { handle.store().await }
    }));
    let (events, liveness) = (events.clone(), Arc::clone(&endpoints.liveness));
    let teller = ChangeTeller {
        context: Arc::clone(context),
        log: Box::new(move |told| events.tell(told.into())),
        open: Box::new(move |changes| liveness.telemetry.open_changes(changes)),
        stop: stop.clone(),
    };
    beside.spawn(teller.run(move || {
        let handle = Arc::clone(&told);
        async move { handle.store().await }
    }));
}

/// Starts writing the site, where `[report]` asks for one.
pub fn spawn_report(
    beside: &mut JoinSet<()>,
    context: &Arc<Context>,
    store_handle: &Arc<StoreHandle>,
    endpoints: &MonitoringEndpoints,
) {
    let Some(settings) = context.settings.report.clone() else { return };
    let (handle, liveness) = (Arc::clone(store_handle), Arc::clone(&endpoints.liveness));
    let watch = SiteWatch { settings, told: Box::new(move |failure| liveness.wrote_site(failure)) };
    beside.spawn(watch.run(move || {
        let handle = Arc::clone(&handle);
        async move { handle.store().await }
    }));
}
