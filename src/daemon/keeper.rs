//! The store, which may be away: opened as soon as it can be, asked by tasks that nobody interrupts, left alone for a
//! moment after it failed. A daemon measures on without it.

use crate::domain::{ModelRef, Outcome};
use crate::storage::moved::Moved;
use crate::storage::payload::Payload;
use crate::storage::{Location, Names, Recorded, Sink, Store, StoreError, WorkItem, open};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// How long an answer is waited for. The call itself goes on: a driver's future must not be dropped.
const DEADLINE: Duration = Duration::from_secs(20);

/// How long nobody asks after the store did not answer.
const REST: Duration = Duration::from_secs(5);

/// What was last heard of the store.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    /// When it last answered.
    pub answered_at: Option<DateTime<Utc>>,
    /// What it said last, if that was an error.
    pub error: Option<String>,
    failed: Option<Instant>,
}

/// The way to a store.
pub struct Keeper {
    location: Location,
    names: Names,
    published: Vec<String>,
    opened: tokio::sync::Mutex<Option<Arc<dyn Store>>>,
    heard: Mutex<Heard>,
}

impl Keeper {
    /// A way to the store at this place, where these profiles are published. Opens nothing yet.
    pub fn new(location: Location, names: Names, published: Vec<String>) -> Self {
        let (opened, heard) = (tokio::sync::Mutex::new(None), Mutex::default());
        Self { location, names, published, opened, heard }
    }

    /// What the store is called, without any secret.
    pub fn name(&self) -> String {
        match &self.location {
            Location::Sqlite(path) => format!("sqlite:{}", path.display()),
            Location::Mongo(uri) => uri.to_string(),
        }
    }

    /// The store; opened now if it is not yet.
    ///
    /// # Errors
    /// Those of opening it.
    pub async fn store(&self) -> Result<Arc<dyn Store>, StoreError> {
        let mut opened = self.opened.lock().await;
        if let Some(store) = &*opened {
            return Ok(Arc::clone(store));
        }
        // Whoever waited here behind an attempt in vain does not make another one at once.
        if let Some(why) = self.resting() {
            return Err(StoreError::Unavailable(why));
        }
        let attempt = open(&self.location, &self.names, &self.published).await;
        self.note(&attempt);
        let store = attempt?;
        *opened = Some(Arc::clone(&store));
        Ok(store)
    }

    /// Why nobody asks now, if so.
    fn resting(&self) -> Option<String> {
        let heard = self.heard();
        heard.failed.filter(|at| at.elapsed() < REST)?;
        Some(heard.error.unwrap_or_else(|| "the store does not answer".to_owned()))
    }

    /// What was last heard of it.
    pub fn heard(&self) -> Heard {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks the store something. While it is away nobody is kept waiting for it.
    ///
    /// # Errors
    /// The store's, and [`StoreError::Unavailable`] where it is given a rest or did not answer in time.
    pub async fn ask<T, F>(
        self: &Arc<Self>,
        question: impl FnOnce(Arc<dyn Store>) -> F + Send + 'static,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send,
    {
        if let Some(why) = self.resting() {
            return Err(StoreError::Unavailable(why));
        }
        let keeper = Arc::clone(self);
        let call = tokio::spawn(async move { question(keeper.store().await?).await });
        let answer = match timeout(DEADLINE, call).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(StoreError::Broken("a call to the store ended without an answer".to_owned())),
            Err(_) => Err(StoreError::Unavailable(format!(
                "the store did not answer within {} s",
                DEADLINE.as_secs()
            ))),
        };
        self.note(&answer);
        answer
    }

    /// The last answer is the newest, and the one after which a store that gives out was asked no more.
    fn note_last<T>(&self, answers: &[Result<T, StoreError>]) {
        if let Some(answer) = answers.last() {
            self.note(answer);
        }
    }

    fn note<T>(&self, answer: &Result<T, StoreError>) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        match answer {
            // What is wrong with a row says that the store is there.
            Ok(_) | Err(StoreError::Conflict(_) | StoreError::Rejected(_)) => {
                *heard = Heard { answered_at: Some(Utc::now()), error: None, failed: None };
            }
            Err(error) => {
                heard.error = Some(error.to_string());
                heard.failed = Some(Instant::now());
            }
        }
    }
}

/// What the sender needs: it has its own patience, and asks in its own time.
#[async_trait]
impl Sink for Keeper {
    async fn work_list(&self, provider: Option<&str>) -> Result<Vec<WorkItem>, StoreError> {
        self.store().await?.work_list(provider).await
    }

    async fn record(&self, outcome: &Outcome) -> Result<Recorded, StoreError> {
        let recorded = match self.store().await {
            Ok(store) => store.record(outcome).await,
            Err(error) => Err(error),
        };
        self.note(&recorded);
        recorded
    }

    async fn keep_all(&self, payloads: &[&Payload]) -> (Vec<Result<Recorded, StoreError>>, Moved) {
        let (answers, moved) = match self.store().await {
            Ok(store) => store.keep_all(payloads).await,
            Err(error) => (vec![Err(error)], Moved::default()),
        };
        self.note_last(&answers);
        (answers, moved)
    }

    async fn derive(&self, moved: &Moved) -> Result<(), StoreError> {
        let derived = match self.store().await {
            Ok(store) => store.derive(moved).await,
            Err(error) => Err(error),
        };
        self.note(&derived);
        derived
    }

    fn describe(&self) -> String {
        self.name()
    }

    async fn learned(&self, model: &ModelRef) -> Result<Vec<String>, StoreError> {
        self.store().await?.learned(model).await
    }

    async fn learn(&self, model: &ModelRef, adaptation: &str) -> Result<(), StoreError> {
        self.store().await?.learn(model, adaptation).await
    }
}
