//! Where one provider's models are measured: a way to the provider with its key settled, the measuring thread that all
//! share, and a decoding thread of its own, so that a parser that hangs holds up no other provider.

use crate::domain::redact::Redactor;
use crate::domain::secret::Secret;
use crate::measure::desk::Desk;
use crate::measure::laboratory::{Attempted, Laboratory, Question, Subject};
use crate::measure::meter::Meter;
use crate::providers::adapt::Adaptation;
use crate::providers::route::Route;
use crate::storage::WorkItem;
use async_trait::async_trait;
use std::any::Any;
use std::sync::Arc;

/// Where measurements of one provider are made.
#[async_trait]
pub trait Bench: Send + Sync {
    /// Makes one measurement and gives its attempts in order; the last one counts.
    async fn measure(&self, item: &WorkItem, question: &Question, learned: Vec<Adaptation>)
    -> Vec<Attempted>;
}

/// Makes benches.
#[async_trait]
pub trait Doors: Send + Sync {
    /// A bench for a provider, its key fetched afresh.
    ///
    /// # Errors
    /// A sentence that names the variable, file or command that is missing or wrong.
    async fn open(&self, provider: &str) -> Result<Arc<dyn Bench>, String>;
}

/// A provider whose key is settled.
pub struct Opened {
    /// The way to it.
    pub route: Arc<Route>,
    /// The secret that it shows, for the redactor.
    pub secret: Option<Secret>,
    /// What has to live as long as the route is used.
    pub keep: Option<Box<dyn Any + Send + Sync>>,
}

/// A bench of real calls.
pub struct RealBench {
    route: Arc<Route>,
    laboratory: Laboratory,
    _keep: Option<Box<dyn Any + Send + Sync>>,
}

impl RealBench {
    /// A bench on the measuring thread of `meter`. `redactor` knows every other secret.
    ///
    /// # Errors
    /// The operating system's, where no thread can be had.
    pub fn new(opened: Opened, meter: Meter, redactor: &Redactor) -> std::io::Result<Self> {
        let mut redactor = redactor.clone();
        opened.secret.iter().for_each(|secret| redactor.add(secret));
        let laboratory = Laboratory { meter, desk: Desk::start()?, redactor: Arc::new(redactor) };
        Ok(Self { route: opened.route, laboratory, _keep: opened.keep })
    }
}

#[async_trait]
impl Bench for RealBench {
    async fn measure(
        &self,
        item: &WorkItem,
        question: &Question,
        learned: Vec<Adaptation>,
    ) -> Vec<Attempted> {
        let subject = Subject {
            model: item.model.clone(),
            route: Arc::clone(&self.route),
            metadata: item.metadata.clone(),
            learned,
        };
        self.laboratory.measure(&subject, question, None).await
    }
}
