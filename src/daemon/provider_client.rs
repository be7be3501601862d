//! Where one provider's models are measured: a way to the provider with its key settled, the measuring thread that all
//! share, and a decoding thread of its own, so that a parser that hangs holds up no other provider.

use crate::domain::redact::Redactor;
use crate::domain::secret::Secret;
use crate::measure::clock_thread::ClockThread;
use crate::measure::decode_thread::DecodeThread;
use crate::measure::measurer::{AttemptResult, Measurer, RequestSpec, Target};
use crate::providers::adapt::Adaptation;
use crate::providers::route::ProviderRoute;
use crate::storage::WorkItem;
use async_trait::async_trait;
use std::any::Any;
use std::sync::Arc;

/// Where measurements of one provider are made.
#[async_trait]
pub trait ProviderClient: Send + Sync {
    /// Makes one measurement and gives its attempts in order; the last one counts.
    async fn measure(
        &self,
        item: &WorkItem,
        question: &RequestSpec,
        learned: Vec<Adaptation>,
    ) -> Vec<AttemptResult>;
}

/// Makes benches.
#[async_trait]
pub trait ProviderClients: Send + Sync {
    /// A provider client for a provider, its key fetched afresh.
    ///
    /// # Errors
    /// A sentence that names the variable, file or command that is missing or wrong.
    async fn open(&self, provider: &str) -> Result<Arc<dyn ProviderClient>, String>;
}

/// A provider whose key is settled.
pub struct AuthorizedRoute {
    /// The way to it.
    pub route: Arc<ProviderRoute>,
    /// The secret that it shows, for the redactor.
    pub secret: Option<Secret>,
    /// What has to live as long as the route is used.
    pub keep: Option<Box<dyn Any + Send + Sync>>,
}

/// A provider client of real calls.
pub struct MeasuringClient {
    route: Arc<ProviderRoute>,
    measurer: Measurer,
    _keep: Option<Box<dyn Any + Send + Sync>>,
}

impl MeasuringClient {
    /// A provider client on the measuring thread of `clock_thread`. `redactor` knows every other secret.
    ///
    /// # Errors
    /// The operating system's, where no thread can be had.
    pub fn new(
        opened: AuthorizedRoute,
        clock_thread: ClockThread,
        redactor: &Redactor,
    ) -> std::io::Result<Self> {
        let mut redactor = redactor.clone();
        opened.secret.iter().for_each(|secret| redactor.add(secret));
        let measurer =
            Measurer { clock_thread, decode_thread: DecodeThread::start()?, redactor: Arc::new(redactor) };
        Ok(Self { route: opened.route, measurer, _keep: opened.keep })
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
        let subject = Target {
            model: item.model.clone(),
            route: Arc::clone(&self.route),
            metadata: item.metadata.clone(),
            learned,
        };
        self.measurer.measure(&subject, question, None).await
    }
}
