//! Detects for each request if it opened a connection. A request on a kept connection can be lost because the server
//! closed it in the meantime, and reqwest does not report which connection carried it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use tower_layer::Layer;
use tower_service::Service;

tokio::task_local! {
    static CURRENT: Arc<ConnectWatch>;
}

/// The connections of one request.
#[derive(Debug, Default)]
pub struct ConnectWatch {
    begun: AtomicU32,
    opened: AtomicU32,
}

impl ConnectWatch {
    /// True if no connection was begun: the request was sent on a kept one, or not at all.
    pub fn used_a_kept_one(&self) -> bool {
        self.begun.load(Ordering::Relaxed) == 0
    }

    /// True if a connection was begun and none is open.
    pub fn is_connecting(&self) -> bool {
        self.begun.load(Ordering::Relaxed) > 0 && self.opened.load(Ordering::Relaxed) == 0
    }

    /// Runs a future and counts its connections here. The client calls its connector in the task of the request.
    pub async fn over<T>(self: &Arc<Self>, work: impl Future<Output = T>) -> T {
        CURRENT.scope(Arc::clone(self), work).await
    }
}

/// Wraps the client's connector in a [`WatchedConnector`].
#[derive(Debug, Clone, Copy)]
pub struct WatchConnects;

impl<S> Layer<S> for WatchConnects {
    type Service = WatchedConnector<S>;

    fn layer(&self, inner: S) -> Self::Service {
        WatchedConnector(inner)
    }
}

/// A connector that reports each connection to the request of the current task.
#[derive(Debug, Clone)]
pub struct WatchedConnector<S>(S);

impl<D, S> Service<D> for WatchedConnector<S>
where
    S: Service<D>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, destination: D) -> Self::Future {
        // A connection that continues after its request has found another one belongs to no request.
        let watch = CURRENT.try_with(Arc::clone).ok();
        if let Some(watch) = &watch {
            watch.begun.fetch_add(1, Ordering::Relaxed);
        }
        let opening = self.0.call(destination);
        Box::pin(async move {
            let opened = opening.await;
            if let (Some(watch), Ok(_)) = (&watch, &opened) {
                watch.opened.fetch_add(1, Ordering::Relaxed);
            }
            opened
        })
    }
}
