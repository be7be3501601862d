//! The bridge as the place to which a runner sends outcomes: in batches, each outcome confirmed by its id. The client
//! also remembers the bridge's last answer and the time for which it asked not to be called.

use super::http_client::{BridgeHttpClient, BridgeReply, BridgeRequest};
use super::post_items::{self, PostItem};
use super::replies::{self, PostError};
use super::work_list_cache::WorkListCache;
use crate::domain::calibration::{CalibrationSummary, HEADER};
use crate::domain::listing::Listing;
use crate::domain::secret::Secret;
use crate::domain::{ModelRef, Outcome};
use crate::storage::aggregates::PendingAggregates;
use crate::storage::outcomes::payload::OutcomePayload;
use crate::storage::{BridgeUrl, OutcomeSink, RecordOutcome, StoreError, WorkItem};
use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::json;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Deadline of a batch: below the sender's own deadline.
const BATCH: Duration = Duration::from_secs(25);
/// Time for which rows are posted one by one before a batch is tried again.
const SINGLE: Duration = Duration::from_secs(600);
/// Deadline of the post of a provider's list.
const LISTING: Duration = Duration::from_secs(60);
/// The client waits itself for a requested pause up to this length; for a longer one, rows stay in the outbox.
const SHORT_REST: Duration = Duration::from_secs(3);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BridgeAddresses {
    pub base: BridgeUrl,
    /// URL of the work lists.
    pub config: BridgeUrl,
    /// URL to which lists of providers are posted.
    pub catalog: BridgeUrl,
}

/// The keys that a runner presents.
#[derive(Debug, Clone)]
pub struct BridgeKeys {
    pub posts: Secret,
    /// Key for reading work lists.
    pub lists: Secret,
}

/// The last contact with the bridge.
#[derive(Debug, Clone, Default)]
pub struct BridgeReachability {
    /// Time of its last answer.
    pub answered_at: Option<DateTime<Utc>>,
    /// The last error; `None` after a success.
    pub error: Option<String>,
}

#[derive(Debug, Default)]
struct BridgeClientState {
    answered_at: Option<DateTime<Utc>>,
    posts: Option<String>,
    lists: Option<String>,
    rests_until: Option<Instant>,
    /// Until then, rows are posted one by one: the bridge is older than batches. Stays set until a batch was accepted.
    single_until: Option<Instant>,
}

pub struct BridgeClient {
    addresses: BridgeAddresses,
    keys: BridgeKeys,
    client: BridgeHttpClient,
    providers: Vec<String>,
    timeout: Duration,
    grace: Duration,
    kept: tokio::sync::Mutex<WorkListCache>,
    state: Mutex<BridgeClientState>,
    backlog: AtomicU64,
    /// The note of the host's newest calibration, as a header's value.
    calibration: Mutex<Option<String>>,
    emergency: Option<Vec<WorkItem>>,
}

impl BridgeClient {
    /// A client for these providers. `timeout` limits the answer with a work list; a cached one is valid for `grace`.
    pub fn new(
        addresses: BridgeAddresses,
        keys: BridgeKeys,
        client: BridgeHttpClient,
        providers: Vec<String>,
        (timeout, grace): (Duration, Duration),
        kept: WorkListCache,
    ) -> Self {
        Self {
            addresses,
            keys,
            client,
            providers,
            timeout,
            grace,
            kept: tokio::sync::Mutex::new(kept),
            state: Mutex::default(),
            backlog: AtomicU64::new(0),
            calibration: Mutex::default(),
            emergency: None,
        }
    }

    /// The same, with these models instead of the bridge's work lists, if there are any.
    #[must_use]
    pub fn instead(self, models: Option<Vec<WorkItem>>) -> Self {
        Self { emergency: models, ..self }
    }

    pub fn heard(&self) -> BridgeReachability {
        let state = self.state();
        BridgeReachability {
            answered_at: state.answered_at,
            error: state.posts.clone().or_else(|| state.lists.clone()),
        }
    }

    /// True if the bridge is older than batches, as far as is known: it gets no rows of counterparts.
    pub fn is_older_than_batches(&self) -> bool {
        self.state().single_until.is_some()
    }

    /// Sets the number of rows that wait for the bridge; each request reports it.
    pub fn waiting(&self, rows: u64) {
        self.backlog.store(rows, Ordering::Relaxed);
    }

    /// Sets the host's newest calibration; each request reports it.
    pub fn calibrated(&self, newest: &CalibrationSummary) {
        let fits = |note: &String| note.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        let note = Some(newest.note().to_string()).filter(fits);
        *self.calibration.lock().unwrap_or_else(PoisonError::into_inner) = note;
    }

    /// Posts a provider's list to the bridge.
    ///
    /// # Errors
    /// The reason why the bridge did not accept it.
    pub async fn post_listing(&self, listing: &Listing) -> Result<(), StoreError> {
        let model = |model: &crate::domain::listing::ListedModel| json!({"model_id": model.model_id, "name": model.name, "raw": model.raw});
        let document = json!({
            "provider": listing.provider,
            "pagination_complete": listing.status.is_complete(),
            "started_at": listing.started_at.to_rfc3339_opts(SecondsFormat::Millis, true),
            "models": listing.models.iter().map(model).collect::<Vec<_>>(),
        });
        let answer = self.post(&self.addresses.catalog, document.to_string(), LISTING).await;
        let answer = answer.map_err(StoreError::Unavailable)?;
        replies::single(&answer).map(|_| ())
    }

    /// The provider's models of the emergency list, if there is one.
    pub(super) fn emergency(&self, provider: &str) -> Option<Vec<WorkItem>> {
        let models = self.emergency.as_ref()?;
        Some(models.iter().filter(|item| item.model.provider == provider).cloned().collect())
    }

    pub(super) fn addresses(&self) -> &BridgeAddresses {
        &self.addresses
    }

    pub(super) fn providers(&self) -> &[String] {
        &self.providers
    }

    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    pub(super) fn grace(&self) -> Duration {
        self.grace
    }

    pub(super) async fn kept(&self) -> tokio::sync::MutexGuard<'_, WorkListCache> {
        self.kept.lock().await
    }

    pub(super) fn headers_for_lists(&self) -> Vec<(String, String)> {
        vec![("authorization".to_owned(), format!("Bearer {}", self.keys.lists.expose()))]
    }

    pub(super) fn note_lists(&self, error: Option<String>) {
        self.state().lists = error;
    }

    /// Makes one exchange, and remembers that there was an answer and for how long the bridge asks not to be called.
    pub(super) async fn send(&self, mut call: BridgeRequest<'_>) -> Result<BridgeReply, String> {
        let now = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
        let waiting = self.backlog.load(Ordering::Relaxed).to_string();
        call.headers.extend([
            ("accept".to_owned(), "application/json".to_owned()),
            ("x-llmbench-sent-at".to_owned(), now),
            ("x-llmbench-backlog".to_owned(), waiting),
        ]);
        let calibration = self.calibration.lock().unwrap_or_else(PoisonError::into_inner).clone();
        call.headers.extend(calibration.map(|note| (HEADER.to_owned(), note)));
        let host = call.url.to_string();
        let answer = self.client.send(call).await.map_err(|why| format!("{host}: {why}"))?;
        let mut state = self.state();
        state.answered_at = Some(Utc::now());
        if let Some(wait) = answer.wait.filter(|_| answer.status >= 400) {
            state.rests_until = Some(Instant::now() + wait);
        }
        Ok(answer)
    }

    async fn post(&self, url: &BridgeUrl, body: String, total: Duration) -> Result<BridgeReply, String> {
        let headers = vec![
            ("x-api-key".to_owned(), self.keys.posts.expose().to_owned()),
            ("content-type".to_owned(), "application/json".to_owned()),
        ];
        let (method, query, body) = ("POST", String::new(), Bytes::from(body));
        self.send(BridgeRequest { method, url, query, headers, body, total }).await
    }

    /// Posts items. If a body is refused as a whole, posts its halves until the faulty item is found. After an error
    /// of the bridge itself, the rest is not posted.
    async fn post_items(&self, all: &[PostItem]) -> Vec<Result<RecordOutcome, StoreError>> {
        let mut answers = Vec::with_capacity(all.len());
        let mut waiting = post_items::bodies(all);
        waiting.reverse();
        while let Some(body) = waiting.pop() {
            match self.post_body(body).await {
                Ok(told) => {
                    let all = told.len() == body.len();
                    answers.extend(told);
                    // The rest has no answer, and waits.
                    if !all {
                        break;
                    }
                }
                Err(PostError::Smaller(_)) if body.len() > 1 => {
                    let (first, second) = body.split_at(body.len() / 2);
                    waiting.extend([second, first]);
                }
                Err(PostError::Smaller(why)) => {
                    answers.push(Err(StoreError::Rejected(format!("the bridge cannot take it: {why}"))));
                }
                Err(PostError::Store(error)) => {
                    // One such row could be at fault itself; two show that the bridge is.
                    answers.extend(body.iter().take(2).map(|_| Err(error.clone())));
                    break;
                }
            }
        }
        answers
    }

    async fn post_body(
        &self,
        body: &[PostItem],
    ) -> Result<Vec<Result<RecordOutcome, StoreError>>, PostError> {
        if let Some(rest) = self.rest() {
            if rest > SHORT_REST {
                return Err(PostError::Store(StoreError::Unavailable(left_alone(rest))));
            }
            sleep(rest).await;
        }
        if self.state().single_until.is_some_and(|until| until > Instant::now()) {
            return Ok(self.post_single(body).await);
        }
        let url = self.addresses.base.join("/ingest/batch");
        match self.post(&url, post_items::body(body), BATCH).await {
            Ok(answer) if replies::knows_no_batch(&answer) => {
                self.state().single_until = Some(Instant::now() + SINGLE);
                Ok(self.post_single(body).await)
            }
            Ok(answer) => {
                let kept = replies::kept(&answer, body)?;
                self.state().single_until = None;
                Ok(kept)
            }
            Err(why) => Err(PostError::Store(StoreError::Unavailable(why))),
        }
    }

    /// Posts items one by one, as the Python runner does, until an answer says that the bridge itself does not take them,
    /// or until the time of a batch is used up. Returns the answers so far.
    async fn post_single(&self, body: &[PostItem]) -> Vec<Result<RecordOutcome, StoreError>> {
        let (begun, mut answers) = (Instant::now(), Vec::with_capacity(body.len()));
        for item in body {
            let answer = match post_items::single(item) {
                Err(flaw) => Err(flaw),
                Ok((path, json)) => {
                    let url = self.addresses.base.join(path);
                    let answer = self.post(&url, json, self.timeout).await;
                    answer.map_err(StoreError::Unavailable).and_then(|answer| replies::single(&answer))
                }
            };
            let stops = answer.as_ref().err().is_some_and(|error| !error.is_about_the_row());
            answers.push(answer);
            if stops || begun.elapsed() + self.timeout > BATCH {
                break;
            }
        }
        answers
    }

    /// Posts the rows that became items; the answers are in the order of the rows.
    async fn post_all(
        &self,
        made: Vec<Result<PostItem, StoreError>>,
    ) -> Vec<Result<RecordOutcome, StoreError>> {
        let sound: Vec<PostItem> = made.iter().filter_map(|item| item.as_ref().ok().cloned()).collect();
        let told = self.post_items(&sound).await;
        self.note_posts(&told);
        let mut told = told.into_iter();
        // An item that was not posted has no answer, and neither has any item after it.
        made.into_iter().map_while(|item| item.map_or_else(|flaw| Some(Err(flaw)), |_| told.next())).collect()
    }

    /// Remembers the result of posting; an error in a row also shows that the bridge is reachable.
    fn note_posts(&self, answers: &[Result<RecordOutcome, StoreError>]) {
        let works = |answer: &&Result<RecordOutcome, StoreError>| {
            answer.as_ref().err().is_none_or(StoreError::is_about_the_row)
        };
        let against = answers.iter().find(|answer| !works(answer));
        if let Some(error) = against.and_then(|answer| answer.as_ref().err()) {
            self.state().posts = Some(error.to_string());
        } else if !answers.is_empty() {
            self.state().posts = None;
        }
    }

    fn state(&self) -> MutexGuard<'_, BridgeClientState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The reason why the bridge is not called now.
pub(super) fn left_alone(rest: Duration) -> String {
    format!("the bridge asked to be left alone for {} s more", rest.as_secs())
}

#[async_trait]
impl OutcomeSink for BridgeClient {
    async fn work_list(&self, provider: Option<&str>) -> Result<Vec<WorkItem>, StoreError> {
        match provider {
            Some(provider) => Ok(self.listed(provider).await?.list.items),
            None => {
                let mut items = Vec::new();
                for provider in &self.providers {
                    items.extend(self.listed(provider).await?.list.items);
                }
                Ok(items)
            }
        }
    }

    async fn record(&self, outcome: &Outcome) -> Result<RecordOutcome, StoreError> {
        let mut answers = self.post_all(vec![post_items::item(outcome)]).await;
        let silence = || Err(StoreError::Unavailable("the bridge gave no answer about the row".to_owned()));
        answers.pop().unwrap_or_else(silence)
    }

    /// Returns no pending aggregates for the rows: the side with the database derives them.
    async fn keep_all(
        &self,
        payloads: &[&OutcomePayload],
    ) -> (Vec<Result<RecordOutcome, StoreError>>, PendingAggregates) {
        let made = payloads.iter().map(|payload| post_items::item_of(payload)).collect();
        (self.post_all(made).await, PendingAggregates::default())
    }

    fn rest(&self) -> Option<Duration> {
        let left = self.state().rests_until?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    fn describe(&self) -> String {
        self.addresses.base.to_string()
    }

    /// A bridge stores no adaptations; a runner has its own file for them.
    async fn learned(&self, _: &ModelRef) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }

    async fn learn(&self, _: &ModelRef, _: &str) -> Result<(), StoreError> {
        Ok(())
    }
}
