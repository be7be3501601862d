//! Runs each call of the driver on a task of its own, with a deadline for the caller. The driver has no socket timeout,
//! and dropping one of its futures half-way may leave a connection in a wrong state; so a late call is left to end by
//! itself, and only the waiting ends.

use super::errors::{self, MongoCallError};
use crate::storage::{MongoUri, StoreError};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Longer than a write may take on the server ([`super::connect::WRITE_TIMEOUT`]) and than a frozen server takes to be
/// noticed (about 6 s), so that usually the driver reports the fault.
const DEADLINE: Duration = Duration::from_secs(15);

/// Deadline for building an index, which takes long on a collection of years.
const PATIENCE: Duration = Duration::from_secs(600);

/// Most calls under way, late ones included. Late calls must not pile up behind a frozen server.
const CALLS: usize = 32;

/// Runs calls and converts their errors to store errors.
pub struct Caller {
    uri: MongoUri,
    permits: Arc<Semaphore>,
}

impl Caller {
    /// A caller whose errors show no secret of `uri`.
    pub fn new(uri: MongoUri) -> Self {
        Self { uri, permits: Arc::new(Semaphore::new(CALLS)) }
    }

    pub fn uri(&self) -> &MongoUri {
        &self.uri
    }

    /// The error of a call that ended without an answer.
    pub fn lost(&self) -> StoreError {
        StoreError::Broken(format!("the call to {} ended without an answer", self.uri))
    }

    /// Runs `work`, and waits for it until the deadline.
    pub async fn call<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, MongoCallError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.within(DEADLINE, work).await
    }

    /// The same for work that may take minutes.
    pub async fn patiently<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, MongoCallError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.within(PATIENCE, work).await
    }

    async fn within<T: Send + 'static>(
        &self,
        deadline: Duration,
        work: impl Future<Output = Result<T, MongoCallError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = self.permit().await?;
        let task = tokio::spawn(async move {
            let _permit = permit;
            work.await
        });
        match timeout(deadline, task).await {
            Ok(Ok(result)) => result.map_err(|call_error| errors::explain(call_error, &self.uri)),
            Ok(Err(_)) => Err(self.lost()),
            Err(_) => Err(self.silent(deadline)),
        }
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit, StoreError> {
        match timeout(DEADLINE, Arc::clone(&self.permits).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(StoreError::Unavailable(format!("{CALLS} calls to {} are still unanswered", self.uri))),
        }
    }

    fn silent(&self, deadline: Duration) -> StoreError {
        StoreError::Unavailable(format!(
            "{} did not answer within {} s: what was asked of it may or may not have happened",
            self.uri,
            deadline.as_secs()
        ))
    }
}
