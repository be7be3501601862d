//! Measures one provider's models over a route with a resolved key. All providers share the measuring thread; each has
//! its own decoding thread, so a hanging parser delays no other provider.

use crate::domain::redact::Redactor;
use crate::domain::secret::Secret;
use crate::measure::clock_thread::ClockThread;
use crate::measure::decode_thread::DecodeThread;
use crate::measure::measurer::{self, AttemptResult, CalibrationSource, Measurer, RequestSpec, Target};
use crate::providers::adapt::Adaptation;
use crate::providers::endpoint::RouteEndpoint;
use crate::providers::route::ProviderRoute;
use crate::storage::WorkItem;
use async_trait::async_trait;
use std::any::Any;
use std::sync::Arc;

/// Makes the measurements of one provider.
#[async_trait]
pub trait ProviderClient: Send + Sync {
    /// Makes one measurement and returns its attempts in order; the last one counts.
    async fn measure(
        &self,
        item: &WorkItem,
        question: &RequestSpec,
        learned: Vec<Adaptation>,
    ) -> Vec<AttemptResult>;

    /// The endpoint to which the measurement's requests go, for the row of one that ends without an answer.
    fn endpoint(&self, item: &WorkItem, question: &RequestSpec) -> RouteEndpoint;
}

/// Opens clients of providers.
#[async_trait]
pub trait ProviderClients: Send + Sync {
    /// Opens a client for a provider and fetches its key again.
    ///
    /// # Errors
    /// A message that names the missing or invalid variable, file or command.
    async fn open(&self, provider: &str) -> Result<Arc<dyn ProviderClient>, String>;
}

/// A route to a provider whose key is resolved.
pub struct AuthorizedRoute {
    pub route: Arc<ProviderRoute>,
    /// The secret that the route sends, for the redactor.
    pub secret: Option<Secret>,
    /// The newest calibration of this host, which rows name.
    pub calibration: CalibrationSource,
    /// A guard that must live as long as the route is used.
    pub keep: Option<Box<dyn Any + Send + Sync>>,
}

/// The [`ProviderClient`] that makes real calls.
pub struct MeasuringClient {
    route: Arc<ProviderRoute>,
    measurer: Measurer,
    _keep: Option<Box<dyn Any + Send + Sync>>,
}

impl MeasuringClient {
    /// Creates a client on the measuring thread of `clock_thread`. `redactor` contains all other secrets.
    ///
    /// # Errors
    /// The operating system's error if no thread can be started.
    pub fn new(
        opened: AuthorizedRoute,
        clock_thread: ClockThread,
        redactor: &Redactor,
    ) -> std::io::Result<Self> {
        let mut redactor = redactor.clone();
        opened.secret.iter().for_each(|secret| redactor.add(secret));
        let measurer = Measurer {
            clock_thread,
            decode_thread: DecodeThread::start()?,
            redactor: Arc::new(redactor),
            calibration: opened.calibration,
            keeps_chunk_times: false,
        };
        Ok(Self { route: opened.route, measurer, _keep: opened.keep })
    }

    fn target(&self, item: &WorkItem, learned: Vec<Adaptation>) -> Target {
        Target {
            model: item.model.clone(),
            route: Arc::clone(&self.route),
            metadata: item.metadata.clone(),
            learned,
        }
    }
}

#[async_trait]
impl ProviderClient for MeasuringClient {
    async fn measure(
        &self,
        item: &WorkItem,
        question: &RequestSpec,
        learned: Vec<Adaptation>,
    ) -> Vec<AttemptResult> {
        self.measurer.measure(&self.target(item, learned), question, None).await
    }

    fn endpoint(&self, item: &WorkItem, question: &RequestSpec) -> RouteEndpoint {
        measurer::route_endpoint(&self.target(item, Vec::new()), question)
    }
}
