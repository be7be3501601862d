//! From the outbox to a store that is there, away, frozen, dead, or unwilling.

use super::{open, outcome, take};
use crate::support::PATIENCE;
use crate::support::peers::{Mongod, fresh_name};
use crate::support::samples::{run, success};
use async_trait::async_trait;
use chrono::{TimeDelta, Utc};
use llmbench::domain::{ModelRef, Outcome};
use llmbench::outbox::sender::{OutboxSender, SenderReport};
use llmbench::outbox::{Outbox, OutboxCapacity, OutboxRowState};
use llmbench::storage::history::{HistoryFilter, RunSeries};
use llmbench::storage::{
    self, CollectionNames, OutcomeSink, RecordOutcome, Store, StoreError, StoreLocation, WorkItem,
};
use mongodb::bson::{Document, doc};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

async fn store(url: &str) -> Arc<dyn Store> {
    let location = StoreLocation::parse(url).unwrap();
    let store = storage::open(&location, &CollectionNames::default(), &["cloud-default-v1".to_owned()])
        .await
        .unwrap();
    store.init().await.unwrap();
    store
}

/// An outbox whose sender runs.
struct Post {
    _directory: TempDir,
    outbox: Outbox,
    pulse: watch::Receiver<SenderReport>,
    stop: CancellationToken,
}

impl Post {
    async fn to(sink: Arc<dyn OutcomeSink>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let outbox = open(directory.path()).await;
        let (mut sender, pulse) = OutboxSender::new(outbox.clone(), sink, "test".to_owned());
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        tokio::spawn(async move { sender.run(&stopped).await.unwrap() });
        Self { _directory: directory, outbox, pulse, stop }
    }

    /// Waits until what the sender tells is as wanted.
    async fn until(&mut self, what: &str, wanted: impl Fn(&SenderReport) -> bool) -> SenderReport {
        let found = tokio::time::timeout(PATIENCE, self.pulse.wait_for(|pulse| wanted(pulse))).await;
        let Ok(Ok(pulse)) = found.map(|found| found.map(|pulse| pulse.clone())) else {
            panic!("never {what}");
        };
        pulse
    }

    async fn until_empty(&mut self, delivered: u64) {
        let start = Instant::now();
        loop {
            let depth = self.outbox.depth().await.unwrap();
            if depth.pending == 0 && depth.delivered == delivered {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "{depth:?}, {:?}", *self.pulse.borrow());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn take_all(&self, ids: impl IntoIterator<Item = String>) {
        for id in ids {
            take(&self.outbox, outcome(&id)).await;
        }
    }
}

impl Drop for Post {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn ids(word: &str, count: usize) -> impl Iterator<Item = String> {
    (0..count).map(move |number| format!("{word}{number}"))
}

/// Every id in the collection of published runs; `_id` is unique there.
async fn stored(mongod: &Mongod, name: &str) -> Vec<String> {
    let collection = mongod.database(name).await.collection::<Document>("metrics_cloud_v2");
    let mut cursor = collection.find(doc! {}).sort(doc! { "_id": 1 }).await.unwrap();
    let mut found = Vec::new();
    while cursor.advance().await.unwrap() {
        found.push(cursor.current().get_str("_id").unwrap().to_owned());
    }
    found
}

fn sorted(ids: impl Iterator<Item = String>) -> Vec<String> {
    let mut ids: Vec<String> = ids.collect();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn rows_wait_for_a_frozen_server_and_arrive_once() {
    let mongod = Mongod::start_private();
    let name = fresh_name();
    let mut post = Post::to(store(&mongod.uri(&name)).await).await;
    post.take_all(ids("before", 20)).await;
    post.until_empty(20).await;
    mongod.freeze();
    post.take_all(ids("frozen", 40)).await;
    let pulse = post.until("in trouble", |pulse| pulse.store.error.is_some()).await;
    assert_eq!(post.outbox.depth().await.unwrap().pending, 40);
    assert!(pulse.store.stored_at.is_some() && pulse.stored_at.contains_key("groq"));
    post.until("at rest", |pulse| pulse.resumes_at.is_some()).await;
    mongod.thaw();
    post.until_empty(60).await;
    post.until("well again", |pulse| pulse.store.error.is_none() && pulse.outbox.pending == 0).await;
    assert_eq!(stored(&mongod, &name).await, sorted(ids("before", 20).chain(ids("frozen", 40))));
}

#[tokio::test]
async fn rows_survive_a_killed_server_and_the_next_flush_sends_those_that_were_put_off() {
    let mut mongod = Mongod::start_private();
    let name = fresh_name();
    let sink = store(&mongod.uri(&name)).await;
    let mut post = Post::to(sink.clone()).await;
    post.take_all(ids("before", 5)).await;
    post.until_empty(5).await;
    post.stop.cancel();
    mongod.kill();
    post.take_all(ids("dead", 50)).await;
    let (mut sender, _) = OutboxSender::new(post.outbox.clone(), sink.clone(), "test".to_owned());
    let flushed = tokio::time::timeout(PATIENCE, sender.flush_once(Duration::from_secs(5)));
    let flushed = flushed.await.expect("the flush ends by itself").unwrap();
    assert_eq!((flushed.delivered, flushed.quarantined, flushed.left), (0, 0, 50));
    let in_an_hour = Utc::now() + TimeDelta::hours(1);
    let waiting = post.outbox.due(in_an_hour, 100, u64::MAX).await.unwrap();
    assert!(waiting.iter().any(|parcel| parcel.attempts > 0), "some were put off");
    mongod.restart();
    let (mut sender, _) = OutboxSender::new(post.outbox.clone(), sink, "test".to_owned());
    let flushed = sender.flush_once(Duration::from_secs(60)).await.unwrap();
    assert_eq!((flushed.delivered, flushed.quarantined, flushed.left), (50, 0, 0));
    assert_eq!(stored(&mongod, &name).await, sorted(ids("before", 5).chain(ids("dead", 50))));
}

#[tokio::test]
async fn a_refused_login_holds_everything_and_says_so() {
    let mongod = Mongod::start_with_user("ann", "s3cret-canary");
    let name = fresh_name();
    let uri = format!("mongodb://ann:s3cret-canary@{}/{name}?authSource=admin", mongod.address());
    let sink = store(&uri).await;
    let mut post = Post::to(sink).await;
    let admin = mongodb::Client::with_uri_str(&uri).await.unwrap().database("admin");
    let roles = |role: &str| doc! { "updateUser": "ann", "roles": [role] };
    admin.run_command(roles("userAdminAnyDatabase")).await.unwrap();
    post.take_all(ids("r", 10)).await;
    let pulse = post.until("held", |pulse| pulse.resumes_at.is_some()).await;
    let said = pulse.store.error.unwrap();
    assert!(said.contains("refuses") && !said.contains("canary"), "{said}");
    let depth = post.outbox.depth().await.unwrap();
    assert_eq!((depth.pending, depth.quarantined), (10, 0));
    admin.run_command(roles("root")).await.unwrap();
    post.until_empty(10).await;
}

#[tokio::test]
async fn rows_that_no_store_can_take_are_set_aside_and_block_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("s.db").display());
    let sink = store(&url).await;
    sink.record(&success(&run("twice", "groq", "another"))).await.unwrap();
    let mut post = Post::to(sink.clone()).await;
    take(&post.outbox, outcome("twice")).await;
    take(&post.outbox, success(&run("nobody's", "", "m"))).await;
    post.take_all(ids("r", 30)).await;
    post.until_empty(30).await;
    let aside = post.outbox.list(OutboxRowState::Quarantined, 10).await.unwrap();
    let why = |id: &str| {
        let item = aside.iter().find(|item| item.id == id).unwrap();
        item.error.clone().unwrap()
    };
    assert!(why("twice").contains("other content"), "{aside:?}");
    assert!(why("nobody's").contains("provider"), "{aside:?}");
    // Sent once more, they come to the same end, and what was delivered is there already.
    assert_eq!(post.outbox.retry(None).await.unwrap(), 2);
    assert_eq!(post.outbox.replay(Default::default()).await.unwrap(), 30);
    post.until_empty(30).await;
    post.until("quarantined again", |pulse| pulse.outbox.quarantined == 2).await;
}

/// A store that never answers for one row, and takes the others.
struct Picky(Arc<dyn Store>);

#[async_trait]
impl OutcomeSink for Picky {
    async fn work_list(&self, provider: Option<&str>) -> Result<Vec<WorkItem>, StoreError> {
        self.0.work_list(provider).await
    }

    async fn record(&self, outcome: &Outcome) -> Result<RecordOutcome, StoreError> {
        match outcome.id() {
            "poison" => Err(StoreError::Unavailable("no answer".to_owned())),
            "panic" => panic!("a driver that panics"),
            _ => self.0.record(outcome).await,
        }
    }

    fn describe(&self) -> String {
        self.0.describe()
    }

    async fn learned(&self, model: &ModelRef) -> Result<Vec<String>, StoreError> {
        self.0.learned(model).await
    }

    async fn learn(&self, model: &ModelRef, adaptation: &str) -> Result<(), StoreError> {
        self.0.learn(model, adaptation).await
    }
}

#[tokio::test]
async fn a_row_that_is_never_answered_for_delays_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("s.db").display());
    let mut post = Post::to(Arc::new(Picky(store(&url).await))).await;
    post.take_all(["poison".to_owned()]).await;
    post.until("tried", |pulse| pulse.store.error.is_some()).await;
    for round in 0..5 {
        post.take_all(ids(&format!("{round}-"), 20)).await;
    }
    post.take_all(["panic".to_owned()]).await;
    let start = Instant::now();
    while post.outbox.depth().await.unwrap().delivered < 100 {
        assert!(start.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let waiting = post.outbox.list(OutboxRowState::Pending, 10).await.unwrap();
    let waiting: Vec<&str> = waiting.iter().map(|item| item.id.as_str()).collect();
    assert_eq!(waiting, ["panic", "poison"]);
}

#[tokio::test]
#[ignore = "prints figures, decides nothing"]
async fn how_fast_it_drains() {
    const ROWS: usize = 10_000;
    let mongod = Mongod::start_private();
    let directory = tempfile::tempdir().unwrap();
    let stores = [
        ("MongoDB", mongod.uri("drain")),
        ("SQLite", format!("sqlite:{}", directory.path().join("s.db").display())),
    ];
    for (name, url) in stores {
        let sink = store(&url).await;
        let place = tempfile::tempdir().unwrap();
        let (outbox, _) = Outbox::open(place.path(), OutboxCapacity::default()).await.unwrap();
        let start = Instant::now();
        for id in ids("r", ROWS) {
            outbox.accept("none", &[outcome(&id)], Default::default()).await.unwrap();
        }
        let taken = start.elapsed().as_secs_f64();
        let (mut sender, _) = OutboxSender::new(outbox.clone(), sink, name.to_owned());
        let start = Instant::now();
        let flushed = sender.flush_once(Duration::from_secs(600)).await.unwrap();
        let drained = start.elapsed().as_secs_f64();
        println!(
            "{name}: {ROWS} rows taken at {:.0}/s, {} drained at {:.0}/s, {:?}",
            ROWS as f64 / taken,
            flushed.delivered,
            flushed.delivered as f64 / drained,
            outbox.depth().await.unwrap()
        );
    }
}

#[tokio::test]
async fn a_slot_that_two_daemons_measured_unseen_by_each_other_counts_once_and_keeps_both() {
    let home = tempfile::tempdir().unwrap();
    let sink = store(&format!("sqlite:{}", home.path().join("runs.db").display())).await;
    let of = |owner: &str, seconds: f64| {
        let mut run = outcome("groq/m/cloud-default-v1/main/2026-11-01T10:30:00Z");
        let Outcome::Success(success) = &mut run else { panic!() };
        success.speeds.generate_time = seconds;
        success.extra.insert("slot_at".into(), "2026-11-01T10:30:00Z".into());
        success.extra.insert("daemon_owner".into(), owner.into());
        run
    };
    let mut posts = [Post::to(sink.clone()).await, Post::to(sink.clone()).await];
    for (post, (owner, seconds)) in posts.iter_mut().zip([("one", 1.0), ("two", 2.0)]) {
        take(&post.outbox, of(owner, seconds)).await;
        post.until_empty(1).await;
        assert_eq!(post.outbox.depth().await.unwrap().quarantined, 0);
    }
    let scope = HistoryFilter::default();
    let counted = sink.runs(&scope, RunSeries::Published, 10).await.unwrap();
    let kept = sink.runs(&scope, RunSeries::Probe, 10).await.unwrap();
    assert_eq!((counted.len(), kept.len()), (1, 1));
    assert_eq!((&counted[0]["daemon_owner"], &kept[0]["daemon_owner"]), (&"one".into(), &"two".into()));
    assert_eq!(kept[0]["sample_role"], "superseded");
}
