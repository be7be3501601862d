//! Tests a daemon that measures in pairs: whatever one half meets, the slot has the row that it would have without it.

use super::*;
use crate::daemon::lane::Lane;
use crate::daemon::lane_state::LaneState;
use crate::daemon::measurement_order::MeasurementOrder;
use crate::daemon::order_execution;
use crate::daemon::schedule::SeriesSchedule;
use crate::daemon::series_work::SeriesWork;
use crate::domain::Series;
use crate::storage::claims::{ClaimResult, JobOutcome, JobState, JobStatus, SlotClaim};
use std::collections::HashMap;

/// What became of each request of a pass, in order: its role, and whether it succeeded.
type PairedPass = Vec<(String, bool)>;

/// The requests of which the events tell.
fn requests(events: &mut tokio::sync::broadcast::Receiver<Arc<DaemonEvent>>) -> PairedPass {
    let mut told = Vec::new();
    while let Ok(event) = events.try_recv() {
        let DaemonEvent::Finished { outcome, .. } = &*event else { continue };
        told.push(match &**outcome {
            Outcome::Success(run) => (run.sample_role.clone(), true),
            Outcome::Failure(failure) => (failure.extra["sample_role"].as_str().unwrap().to_owned(), false),
        });
    }
    told
}

/// A pass over one model of a provider whose profile asks for pairs, and its job after it.
async fn paired(provider: &str) -> (PairedPass, JobState) {
    let home = tempfile::tempdir().unwrap();
    let mut setup = setup(home.path(), &[provider]).await;
    setup.questions[0].profile.paired = true;
    let (mut events, store_handle) = (setup.events.listen(), Arc::clone(&setup.store_handle));
    let stopped = run(setup, CancellationToken::new()).await.unwrap();
    let told = requests(&mut events);
    assert_eq!((stopped.counted.rows, stopped.flushed.left), (told.len() as u64, 0));
    let own = told.iter().filter(|(role, _)| role == "published").count() as u64;
    assert_eq!(stopped.counted.succeeded + stopped.counted.failed, own, "only the slot's request is counted");
    let jobs = store_handle.ask(|store| async move { store.jobs(None).await }).await.unwrap();
    (told, jobs.into_iter().next().unwrap())
}

/// Makes passes until both orders were drawn; `check` tells which one it saw.
async fn in_both_orders(provider: &str, check: impl Fn(&[(&str, bool)], &JobState) -> bool) {
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 2 {
        let (told, job) = paired(provider).await;
        let told: Vec<(&str, bool)> = told.iter().map(|(role, ok)| (role.as_str(), *ok)).collect();
        seen.insert(check(&told, &job));
    }
}

#[tokio::test]
async fn a_pair_is_two_requests_of_one_slot_in_either_order() {
    in_both_orders("works", |told, job| {
        assert_eq!((job.status, job.slot_attempts), (JobStatus::Success, 1));
        let (own, other) = (("published", true), ("counterpart", true));
        assert!(told == [own, other] || told == [other, own], "{told:?}");
        told[0] == own
    })
    .await;
}

#[tokio::test]
async fn a_counterpart_that_is_told_to_pause_takes_no_row_from_the_slot() {
    in_both_orders("limited", |told, job| match told {
        [("published", false)] => {
            assert_eq!((job.status, job.slot_attempts), (JobStatus::DeadLetter, 1));
            true
        }
        [("counterpart", false), ("published", false)] => {
            assert_eq!((job.status, job.slot_attempts, job.lease.as_ref()), (JobStatus::DeadLetter, 1, None));
            false
        }
        told => panic!("{told:?}"),
    })
    .await;
}

#[tokio::test]
async fn a_counterpart_does_not_follow_where_the_pace_allows_no_other_request() {
    in_both_orders("used_up", |told, job| {
        assert_eq!((job.status, job.slot_attempts), (JobStatus::Success, 1));
        match told {
            [("published", true)] => true,
            [("counterpart", true), ("published", true)] => false,
            told => panic!("{told:?}"),
        }
    })
    .await;
}

#[tokio::test]
async fn a_counterpart_that_hangs_takes_nothing_from_the_slot() {
    in_both_orders("hangs_once", |told, job| match told {
        [("published", false)] => {
            assert_eq!(job.status, JobStatus::DeadLetter);
            true
        }
        [("counterpart", false), ("published", true)] => {
            assert_eq!(job.status, JobStatus::Success);
            false
        }
        told => panic!("{told:?}"),
    })
    .await;
}

/// A lane with the order of a pair that was not carried out yet.
async fn ordered_pair(setup: DaemonSetup) -> (Arc<Lane>, MeasurementOrder) {
    let DaemonSetup {
        daemon_config, clock, mut questions, outbox, store_handle, clients, gate, events, ..
    } = setup;
    let model = ModelRef::new("works", "m");
    let mut question = questions.remove(0);
    question.profile.paired = true;
    let profile_id = question.profile.id.clone();
    let series = Series { model: model.clone(), profile_id, vantage: daemon_config.vantage.clone() };
    let work = SeriesWork {
        plan: SeriesSchedule::new(series, daemon_config.cadence_seconds, 0.0),
        item: Arc::new(WorkItem { model, display_name: "M".to_owned(), metadata: serde_json::Map::new() }),
        question: Arc::new(question),
        price: None,
        counts: true,
    };
    let now = clock.now();
    let mut lane_state = LaneState::new("works", &daemon_config, Spend::default(), now);
    lane_state.take(vec![Arc::new(work)], &HashMap::new());
    let order = lane_state.look(1, now).orders.remove(0);
    let (owner, stop) = ("here".to_owned(), CancellationToken::new());
    let plan = (daemon_config, clock);
    let shared = DaemonContext::new(plan, owner, outbox, store_handle, (clients, gate), events, stop);
    (Lane::new("works".to_owned(), shared, lane_state), order)
}

#[tokio::test]
async fn an_attempt_after_that_of_another_daemon_makes_no_pair() {
    let home = tempfile::tempdir().unwrap();
    let before = setup(home.path(), &["works"]).await;
    let daemon_config = DaemonConfig { attempts: 2, ..before.daemon_config };
    let (lane, order) = ordered_pair(DaemonSetup { daemon_config, ..before }).await;
    assert!(order.attempt == 1 && order.pair.is_some(), "the lane knows of no attempt");
    let store = lane.shared.store_handle.store().await.unwrap();
    let claim = SlotClaim {
        slot: order.slot.clone(),
        owner: "there".to_owned(),
        ttl: Duration::from_secs(60),
        max_attempts: 2,
        deadline_seconds: 60,
    };
    let ClaimResult::Granted(grant) = store.claim(&claim).await.unwrap() else { panic!("it was free") };
    let (kind, message) = ("timeout".to_owned(), "late".to_owned());
    store.settle(&grant, &JobOutcome::Retry { after: Duration::ZERO, kind, message }).await.unwrap();
    let mut events = lane.shared.events.listen();
    let client = lane.client(false).await.unwrap();
    order_execution::carry_out(Arc::clone(&lane), client, order).await;
    assert_eq!(requests(&mut events), [("published".to_owned(), true)]);
}
