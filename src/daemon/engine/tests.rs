//! Tests a daemon with providers that panic, hang, or cannot be called.

mod pairs;

use super::*;
use crate::daemon::provider_client::ProviderClient;
use crate::daemon::status_file;
use crate::domain::PublishedProfiles;
use crate::domain::profile::built_in;
use crate::domain::run::Connection;
use crate::domain::{FailureKind, ModelRef, Outcome};
use crate::measure::measurer::AttemptResult;
use crate::measure::testing;
use crate::outbox::{OutboxCapacity, Spend};
use crate::providers::adapt::Adaptation;
use crate::providers::allowance::Allowance;
use crate::providers::endpoint::RouteEndpoint;
use crate::storage::fixtures::enable;
use crate::storage::{CollectionNames, StoreLocation, WorkItem};
use crate::wire::ExchangeLimits;
use async_trait::async_trait;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The providers `panics`, `hangs`, `hangs_once` and `limited` do what their names say; every other provider answers,
/// `used_up` with the word that nothing is left of a limit.
#[derive(Clone, Default)]
struct Scripted {
    asked: Arc<AtomicUsize>,
}

#[async_trait]
impl ProviderClients for Scripted {
    async fn open(&self, provider: &str) -> Result<Arc<dyn ProviderClient>, String> {
        if provider == "closed" {
            Err("no key for provider `closed`".to_owned())
        } else {
            Ok(Arc::new(self.clone()))
        }
    }
}

#[async_trait]
impl ProviderClient for Scripted {
    async fn measure(
        &self,
        item: &WorkItem,
        question: &RequestSpec,
        _: Vec<Adaptation>,
    ) -> Vec<AttemptResult> {
        let before = self.asked.fetch_add(1, Ordering::Relaxed);
        let outcome = match item.model.provider.as_str() {
            "panics" => panic!("planted"),
            "hangs" => std::future::pending().await,
            "hangs_once" if before == 0 => std::future::pending().await,
            "limited" => limited(item, question),
            _ => answered(item, question),
        };
        let nothing_left = || Allowance { what: "requests".to_owned(), left: 0, of: 10, resets_in: 30.0 };
        let allowance = (item.model.provider == "used_up").then(nothing_left);
        vec![AttemptResult { outcome, learned: None, allowance, chunks: None }]
    }

    fn endpoint(&self, item: &WorkItem, _: &RequestSpec) -> RouteEndpoint {
        let tag = Some(format!("{}/direct", item.model.provider));
        RouteEndpoint { tag, ..RouteEndpoint::default() }
    }
}

fn answered(item: &WorkItem, question: &RequestSpec) -> Outcome {
    let mut run = testing::run(&item.model.provider, &item.model.model_id, 0.2);
    (run.id, run.sample_role) = (ulid::Ulid::generate().to_string(), question.role.clone());
    run.connection = if question.warm { Connection::Warm } else { Connection::Cold };
    Outcome::Success(Box::new(run))
}

fn limited(item: &WorkItem, question: &RequestSpec) -> Outcome {
    let ModelRef { provider, model_id } = &item.model;
    let Outcome::Failure(mut failure) =
        testing::failure(provider, model_id, FailureKind::RateLimit, "slow down")
    else {
        panic!("a failure was asked for")
    };
    failure.id = ulid::Ulid::generate().to_string();
    failure.extra.insert("sample_role".to_owned(), question.role.clone().into());
    failure.extra.insert("retry_after_seconds".to_owned(), 30.0.into());
    Outcome::Failure(failure)
}

async fn setup(home: &Path, providers: &[&str]) -> DaemonSetup {
    let location = StoreLocation::parse(&format!("sqlite:{}", home.join("runs.db").display())).unwrap();
    let store_handle = Arc::new(StoreHandle::new(
        location,
        CollectionNames::default(),
        PublishedProfiles::from(&["cloud-default-v1".to_owned()]),
    ));
    let store = store_handle.store().await.unwrap();
    for provider in providers {
        enable(&*store, &ModelRef::new(*provider, "m")).await;
    }
    let [profile, ..] = built_in();
    let question =
        RequestSpec { profile, role: "published".to_owned(), limits: ExchangeLimits::default(), warm: false };
    let daemon_config = DaemonConfig {
        cadence_seconds: 86_400,
        attempts: 1,
        deadline: Duration::from_secs(1),
        ..DaemonConfig::default()
    };
    DaemonSetup {
        daemon_config,
        clock: DaemonClock::default(),
        questions: vec![question],
        store_handle,
        outbox: Outbox::open(&home.join("outbox"), OutboxCapacity::default()).await.unwrap().0,
        clients: Arc::new(Scripted::default()),
        gate: Arc::default(),
        state_dir: home.to_owned(),
        events: EventBus::default(),
        liveness: Arc::default(),
        once: true,
    }
}

#[tokio::test]
async fn a_panic_a_hang_and_a_missing_key_are_rows_or_reasons_and_others_do_not_notice() {
    let home = tempfile::tempdir().unwrap();
    let setup = setup(home.path(), &["panics", "hangs", "closed", "works"]).await;
    let mut events = setup.events.listen();
    let store_handle = Arc::clone(&setup.store_handle);
    let stopped = run(setup, CancellationToken::new()).await.unwrap();
    assert_eq!(stopped.counted, CountsSnapshot { succeeded: 1, failed: 2, rows: 3 });
    assert_eq!((stopped.flushed.left, stopped.given_up), (0, 0));
    let mut told = Vec::new();
    while let Ok(event) = events.try_recv() {
        match &*event {
            DaemonEvent::Finished { outcome, .. } => told.push(match &**outcome {
                Outcome::Success(run) => run.id.clone(),
                Outcome::Failure(failure) => {
                    let tag = format!("{}/direct", failure.provider);
                    assert_eq!(failure.extra["route_endpoint_tag"], tag, "as on any other failure");
                    format!("{}: {}", failure.provider, failure.message)
                }
            }),
            DaemonEvent::Held { provider, reason, .. } => told.push(format!("{provider} held: {reason}")),
            _ => {}
        }
    }
    told.sort();
    assert_eq!(told[0], "closed held: no key for provider `closed`");
    assert_eq!(told[1], "hangs: the measurement did not end within 1 s");
    assert_eq!(told[2], "panics: the measuring code broke: planted");
    assert!(told[3].starts_with("works/m/cloud-default-v1/main/"), "{told:?}");
    let jobs = store_handle.ask(|store| async move { store.jobs(None).await }).await.unwrap();
    assert_eq!(jobs.len(), 3, "a lane without a key claims nothing");
}

#[tokio::test]
async fn the_first_pulse_knows_what_waits() {
    let home = tempfile::tempdir().unwrap();
    let before = setup(home.path(), &[]).await;
    let waiting = Outcome::Success(Box::new(testing::run("works", "m", 0.2)));
    before.outbox.accept("none", &[waiting], Spend::default()).await.unwrap();
    // An unreachable store keeps it waiting.
    let nowhere = StoreLocation::parse(&format!("sqlite:{}/runs.db/none.db", home.path().display())).unwrap();
    let store_handle =
        Arc::new(StoreHandle::new(nowhere, CollectionNames::default(), PublishedProfiles::default()));
    let setup = DaemonSetup { store_handle, once: false, ..before };
    let (state_dir, stop) = (setup.state_dir.clone(), CancellationToken::new());
    let running = tokio::spawn(run(setup, stop.clone()));
    let first = loop {
        if let Ok(Some(daemon_status)) = status_file::read(&state_dir) {
            break daemon_status;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(first.outbox.pending, 1);
    stop.cancel();
    assert_eq!(running.await.unwrap().unwrap().flushed.left, 1);
}

/// More time than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(600);

/// Waits until a condition holds.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn nothing_begins_while_the_gate_is_closed_and_all_goes_on_when_it_opens() {
    let home = tempfile::tempdir().unwrap();
    let before = setup(home.path(), &["one", "two"]).await;
    let daemon_config =
        DaemonConfig { cadence_seconds: 1, tick: Duration::from_secs(1), ..before.daemon_config };
    let setup = DaemonSetup { daemon_config, once: false, ..before };
    let (gate, mut events, stop) = (Arc::clone(&setup.gate), setup.events.listen(), CancellationToken::new());
    let running = tokio::spawn(run(setup, stop.clone()));
    let begun = |events: &mut tokio::sync::broadcast::Receiver<Arc<DaemonEvent>>| {
        let mut count = 0;
        while let Ok(event) = events.try_recv() {
            count += usize::from(matches!(*event, DaemonEvent::Started { .. }));
        }
        count
    };
    let mut measured = 0;
    until("lanes measure", || {
        measured += begun(&mut events);
        measured >= 2
    })
    .await;
    // With a turn each second there is no quiet moment.
    let closed = gate.close(Duration::ZERO, PATIENCE, || ()).await.unwrap();
    begun(&mut events);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(begun(&mut events), 0, "three turns of each came due");
    drop(closed);
    until("lanes measure again", || begun(&mut events) > 0).await;
    stop.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_clock_that_is_off_or_is_set_is_named_and_measuring_goes_on() {
    use std::sync::atomic::AtomicI64;
    let home = tempfile::tempdir().unwrap();
    let before = setup(home.path(), &["works"]).await;
    let ahead = Arc::new(AtomicI64::new(3600));
    let wall = Arc::clone(&ahead);
    let clock = DaemonClock::new(move || {
        chrono::Utc::now() + chrono::TimeDelta::seconds(wall.load(Ordering::Relaxed))
    });
    let daemon_config =
        DaemonConfig { cadence_seconds: 1, tick: Duration::from_secs(1), ..before.daemon_config };
    let setup = DaemonSetup { daemon_config, clock, once: false, ..before };
    let (events, state_dir) = (setup.events.clone(), setup.state_dir.clone());
    let (mut told, stop) = (events.listen(), CancellationToken::new());
    let running = tokio::spawn(run(setup, stop.clone()));
    let mut heard = Vec::new();
    let mut measured = 0;
    let settings = [(3600, true), (0, false), (-3600, true), (3600, true), (0, false)];
    for (steps, (seconds, apart)) in settings.into_iter().enumerate() {
        ahead.store(seconds, Ordering::Relaxed);
        // Minutes are rounded: because of the time of a store call, 60 minutes may show as 59.
        let sentence = if seconds > 0 { "ahead of the store's" } else { "behind the store's" };
        let is_named = || {
            let daemon_status = status_file::read(&state_dir).ok().flatten();
            let problems = daemon_status
                .map(|daemon_status| daemon_status.problems(daemon_status.written_at))
                .unwrap_or_default();
            problems.iter().any(|problem| problem.sentence.contains(sentence)) == apart
        };
        until("the clock is named", is_named).await;
        let enough = measured + 2;
        until("measuring goes on", || {
            while let Ok(event) = told.try_recv() {
                match &*event {
                    DaemonEvent::Finished { outcome, .. } => {
                        measured += usize::from(matches!(**outcome, Outcome::Success(_)))
                    }
                    DaemonEvent::ClockSet { by } => heard.push(by.num_minutes()),
                    _ => {}
                }
            }
            // The status can be right before the step was noticed.
            measured >= enough && heard.len() >= steps
        })
        .await;
    }
    stop.cancel();
    running.await.unwrap().unwrap();
    let set: Vec<i64> = heard.iter().map(|minutes| (minutes + minutes.signum()) / 60).collect();
    assert_eq!(set, [-1, -1, 2, -1], "{heard:?}");
}
