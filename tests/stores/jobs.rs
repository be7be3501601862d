//! Claims, on every store: one grant a slot and attempt, whoever asks, whatever their clocks say, and whoever comes back
//! from the dead.

use super::backend::Backend;
use crate::support::catalog::put_model;
use crate::support::peers::{Mongod, fresh_name};
use chrono::{DateTime, TimeDelta, Utc};
use llmbench::domain::{FailureKind, ModelRef, Series, Slot};
use llmbench::storage::Store;
use llmbench::storage::catalog::{ChangeOutcome, ChangeRequest};
use llmbench::storage::claims::{AttemptEnd, ClaimResult, Grant, JobOutcome, JobState, JobStatus, SlotClaim};
use mongodb::bson::{Document, doc};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

const PUBLISHED: &[&str] = &["cloud-default-v1"];
const TTL: Duration = Duration::from_secs(60);

fn series(model_id: &str) -> Series {
    Series {
        model: ModelRef::new("groq", model_id),
        profile_id: "cloud-default-v1".to_owned(),
        vantage: "main".to_owned(),
    }
}

/// The turn that began so many turns ago.
fn slot(series: Series, turns_ago: i32) -> Slot {
    let now = Utc::now() - TimeDelta::seconds(1800) * turns_ago;
    series.slot_at(now, 1800)
}

fn claim(slot: &Slot, owner: &str) -> SlotClaim {
    SlotClaim {
        slot: slot.clone(),
        owner: owner.to_owned(),
        ttl: TTL,
        max_attempts: 2,
        deadline_seconds: 120,
    }
}

async fn granted(store: &dyn Store, claim: &SlotClaim) -> Grant {
    match store.claim(claim).await.unwrap() {
        ClaimResult::Granted(grant) => grant,
        other => panic!("{other:?}"),
    }
}

async fn job(store: &dyn Store, series: &Series) -> JobState {
    let jobs = store.jobs(None).await.unwrap();
    jobs.into_iter().find(|job| job.series == *series).unwrap()
}

fn retry(seconds: u64) -> JobOutcome {
    let (kind, message) = ("rate_limit".to_owned(), "$slow down".to_owned());
    JobOutcome::Retry { after: Duration::from_secs(seconds), kind, message }
}

fn finished(ended: Option<AttemptEnd>) -> ClaimResult {
    ClaimResult::Finished { ended }
}

fn given_up() -> JobOutcome {
    JobOutcome::GivenUp { kind: "hard_model".to_owned(), message: "no such model".to_owned() }
}

#[tokio::test]
async fn sqlite_grants_once() {
    tell(&Backend::sqlite()).await;
}

#[tokio::test]
async fn mongodb_grants_once() {
    tell(&Backend::mongo().await).await;
}

async fn tell(backend: &Backend) {
    let store = backend.open(PUBLISHED).await;
    store.init().await.unwrap();
    one_turn(&*store).await;
    failures_return_within_bounds(&*store).await;
    a_zombie_changes_nothing(&*store).await;
    clocks_of_askers_do_not_count(&*store).await;
    what_was_not_started_is_given_back(&*store).await;
    disabled_models_are_left_alone(&*store).await;
    an_answer_that_is_lost_keeps_nobody_out(&*store).await;
    odd_names_are_names(&*store).await;
    many_ask_at_once(backend).await;
}

async fn one_turn(store: &dyn Store) {
    let (old, now) = (slot(series("a"), 1), slot(series("a"), 0));
    let grant = granted(store, &claim(&old, "one")).await;
    assert_eq!((grant.attempt, grant.epoch, grant.owner.as_str()), (1, 1, "one"));
    let ClaimResult::Taken { by, until } = store.claim(&claim(&now, "two")).await.unwrap() else { panic!() };
    assert_eq!((by.as_str(), until), ("one", grant.expires_at));
    let running = job(store, &series("a")).await;
    assert_eq!((running.status, running.slot_at), (JobStatus::Running, Some(old.starts_at)));
    assert_eq!(running.lease.unwrap().owner, "one");
    assert!(store.renew(&grant, TTL * 2).await.unwrap());
    assert!(job(store, &series("a")).await.lease.unwrap().expires_at > grant.expires_at);
    assert!(store.settle(&grant, &JobOutcome::Success).await.unwrap());
    assert!(!store.settle(&grant, &JobOutcome::Success).await.unwrap(), "settled twice");
    assert_eq!(store.claim(&claim(&old, "two")).await.unwrap(), finished(Some(AttemptEnd::Success)));
    let next = granted(store, &claim(&now, "two")).await;
    assert_eq!((next.attempt, next.epoch), (1, 2));
    assert!(store.settle(&next, &given_up()).await.unwrap());
    // Another daemon learns how the slot ended; of an older slot the job says nothing any more.
    let refused = finished(Some(AttemptEnd::Failure(FailureKind::HardModel)));
    assert_eq!(store.claim(&claim(&now, "three")).await.unwrap(), refused);
    assert_eq!(store.claim(&claim(&old, "three")).await.unwrap(), finished(None));
    let ended = job(store, &series("a")).await;
    assert_eq!((ended.status, ended.failures, ended.lease), (JobStatus::DeadLetter, 1, None));
    assert_eq!(ended.error_kind.as_deref(), Some("hard_model"));
    assert!(ended.last_success_at.is_some() && ended.finished_at >= ended.last_success_at);
}

async fn failures_return_within_bounds(store: &dyn Store) {
    let (old, now) = (slot(series("b"), 1), slot(series("b"), 0));
    let first = granted(store, &claim(&old, "one")).await;
    assert!(store.settle(&first, &retry(3600)).await.unwrap());
    for resting in [&old, &now] {
        let ClaimResult::Resting { until } = store.claim(&claim(resting, "two")).await.unwrap() else {
            panic!()
        };
        assert!(until - store.server_time().await.unwrap() > TimeDelta::minutes(59));
    }
    let waiting = job(store, &series("b")).await;
    assert_eq!((waiting.status, waiting.failures), (JobStatus::Queued, 1));
    assert_eq!(waiting.error_message.as_deref(), Some("$slow down"));
    // No rest, two attempts a slot: the second is the last one of this slot, and the next slot has its own.
    let slot_c = slot(series("c"), 1);
    for attempt in 1..=2 {
        let grant = granted(store, &claim(&slot_c, "one")).await;
        assert_eq!(grant.attempt, attempt);
        assert!(store.settle(&grant, &retry(0)).await.unwrap());
    }
    let refused = finished(Some(AttemptEnd::Failure(FailureKind::RateLimit)));
    assert_eq!(store.claim(&claim(&slot_c, "one")).await.unwrap(), refused);
    assert_eq!(granted(store, &claim(&slot(series("c"), 0), "one")).await.attempt, 1);
    assert_eq!(job(store, &series("c")).await.failures, 2);
}

/// A lease that ran out is taken over, and its former holder can change nothing any more. A slot ends with its attempts,
/// also where nobody ever said how they ended: what a crash loop costs is bounded.
async fn a_zombie_changes_nothing(store: &dyn Store) {
    let slot = slot(series("d"), 1);
    let short = SlotClaim { ttl: Duration::from_millis(1), ..claim(&slot, "one") };
    let zombie = granted(store, &short).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let heir = granted(store, &SlotClaim { owner: "two".to_owned(), ..short.clone() }).await;
    assert_eq!((heir.attempt, heir.epoch), (2, 2));
    let before = job(store, &series("d")).await;
    assert!(!store.renew(&zombie, TTL).await.unwrap());
    assert!(!store.settle(&zombie, &JobOutcome::Success).await.unwrap());
    assert!(!store.release(&zombie).await.unwrap());
    let renamed = Grant { owner: "two".to_owned(), ..zombie.clone() };
    assert!(!store.settle(&renamed, &JobOutcome::Success).await.unwrap());
    assert_eq!(job(store, &series("d")).await, before);
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(
        store.claim(&claim(&slot, "three")).await.unwrap(),
        finished(None),
        "nobody said how it ended"
    );
    // Late, and still the last one who was asked: it counts.
    assert!(store.settle(&heir, &JobOutcome::Success).await.unwrap());
}

/// The answer to a claim may be lost on the way, and the claim be made all the same: its owner is not kept out of its own
/// slot until the lease runs out.
async fn an_answer_that_is_lost_keeps_nobody_out(store: &dyn Store) {
    let slot = slot(series("unheard"), 0);
    let unheard = granted(store, &claim(&slot, "one")).await;
    assert!(matches!(store.claim(&claim(&slot, "two")).await.unwrap(), ClaimResult::Taken { .. }));
    let again = granted(store, &claim(&slot, "one")).await;
    assert_eq!((again.attempt, again.epoch), (2, 2));
    assert!(!store.settle(&unheard, &JobOutcome::Success).await.unwrap());
    assert!(store.settle(&again, &JobOutcome::Success).await.unwrap());
}

/// Slots are what a wrong clock can get wrong: one that lies ahead is refused, and holds nobody else up.
async fn clocks_of_askers_do_not_count(store: &dyn Store) {
    let ahead = slot(series("e"), -10);
    let ClaimResult::Resting { until } = store.claim(&claim(&ahead, "fast")).await.unwrap() else { panic!() };
    assert_eq!(until, ahead.starts_at);
    let behind = granted(store, &claim(&slot(series("e"), 10), "slow")).await;
    assert!(store.settle(&behind, &JobOutcome::Success).await.unwrap());
    let now = granted(store, &claim(&slot(series("e"), 0), "right")).await;
    let told = store.server_time().await.unwrap();
    assert!(now.expires_at - told <= TimeDelta::seconds(61) && now.expires_at > told);
    assert!(matches!(store.claim(&claim(&ahead, "fast")).await.unwrap(), ClaimResult::Taken { .. }));
}

async fn what_was_not_started_is_given_back(store: &dyn Store) {
    let slot = slot(series("f"), 0);
    for epoch in 1..=3 {
        let grant = granted(store, &claim(&slot, "one")).await;
        assert_eq!((grant.attempt, grant.epoch), (1, epoch));
        assert!(store.release(&grant).await.unwrap());
        assert!(!store.settle(&grant, &JobOutcome::Success).await.unwrap());
    }
}

async fn set_enabled(store: &dyn Store, batch: &str, model: &ModelRef, enabled: bool) -> ChangeOutcome {
    let Value::Object(expected) = json!({"enabled": !enabled}) else { panic!() };
    let Value::Object(set) = json!({"enabled": enabled}) else { panic!() };
    let order =
        ChangeRequest { batch: batch.to_owned(), model: model.clone(), expected: Some(expected), set };
    store.change(&order).await.unwrap()
}

async fn disabled_models_are_left_alone(store: &dyn Store) {
    let now = slot(series("g"), 0);
    let other =
        Slot { series: Series { profile_id: "cloud-long-v1".to_owned(), ..series("g") }, ..now.clone() };
    let model = &now.series.model;
    put_model(store, model, "G", true).await.unwrap();
    let grant = granted(store, &claim(&slot(series("g"), 1), "one")).await;
    assert!(store.settle(&grant, &JobOutcome::Success).await.unwrap());
    let waits = granted(store, &claim(&other, "one")).await;
    assert!(store.release(&waits).await.unwrap());
    assert_eq!(set_enabled(store, "B1", model, false).await, ChangeOutcome::Done { cancelled_jobs: 1 });
    for slot in [&now, &other] {
        assert_eq!(store.claim(&claim(slot, "one")).await.unwrap(), ClaimResult::Cancelled);
        assert_eq!(job(store, &slot.series).await.status, JobStatus::Cancelled);
    }
    assert_eq!(set_enabled(store, "B2", model, true).await, ChangeOutcome::Done { cancelled_jobs: 0 });
    for slot in [&now, &other] {
        assert_eq!(granted(store, &claim(slot, "one")).await.attempt, 1);
    }
}

async fn odd_names_are_names(store: &dyn Store) {
    let odd = Series {
        model: ModelRef::new("$groq", "$$NOW:\"m\""),
        profile_id: "$provider".to_owned(),
        vantage: "$model_id".to_owned(),
    };
    let grant = granted(store, &claim(&slot(odd.clone(), 0), "$owner")).await;
    assert_eq!(job(store, &odd).await.lease.unwrap().owner, "$owner");
    assert!(store.settle(&grant, &retry(0)).await.unwrap());
    let same_id = Series { model: ModelRef::new("$groq", "$$NOW:\"m\":$provider:$model_id"), ..series("x") };
    let refused = store.claim(&claim(&slot(same_id, 0), "one")).await;
    assert!(matches!(refused, Err(llmbench::storage::StoreError::Conflict(_))), "{refused:?}");
    let named = store.jobs(Some(&["$groq".to_owned()])).await.unwrap();
    assert_eq!(named.iter().map(|job| &job.series).collect::<Vec<_>>(), [&odd]);
    assert_eq!(store.jobs(Some(&[])).await.unwrap(), []);
}

/// Eight daemons, each with its own connection, want every slot at the same moment and fail at every first attempt.
async fn many_ask_at_once(backend: &Backend) {
    let slots: Vec<_> = (0..40).map(|number| slot(series(&format!("many-{number}")), 0)).collect();
    let mut askers = tokio::task::JoinSet::new();
    for asker in 0..8 {
        let (store, slots) = (backend.open(PUBLISHED).await, slots.clone());
        askers.spawn(async move { ask_until_finished(store, &slots, &format!("asker-{asker}")).await });
    }
    let grants: Vec<Grant> = askers.join_all().await.into_iter().flatten().collect();
    let distinct: HashSet<_> = grants.iter().map(|grant| (grant.slot.id(), grant.attempt)).collect();
    assert_eq!((grants.len(), distinct.len()), (slots.len() * 2, slots.len() * 2));
}

async fn ask_until_finished(store: Arc<dyn Store>, slots: &[Slot], owner: &str) -> Vec<Grant> {
    let mut grants = Vec::new();
    for slot in slots {
        loop {
            match store.claim(&claim(slot, owner)).await.unwrap() {
                ClaimResult::Granted(grant) => {
                    let ending = if grant.attempt == 1 { retry(0) } else { JobOutcome::Success };
                    assert!(store.settle(&grant, &ending).await.unwrap());
                    grants.push(grant);
                }
                ClaimResult::Finished { .. } => break,
                _ => tokio::time::sleep(Duration::from_millis(2)).await,
            }
        }
    }
    grants
}

fn minutes_from_now(minutes: i64) -> mongodb::bson::DateTime {
    mongodb::bson::DateTime::from_millis((Utc::now() + TimeDelta::minutes(minutes)).timestamp_millis())
}

/// Rows as the Python runner's own code wrote them, and odd ones that nobody should write.
fn rows_of_others() -> Vec<Document> {
    let date = minutes_from_now;
    let row = |model: &str, status: &str, not_before: i64| {
        doc! {
            "_id": format!("groq:{model}"), "provider": "groq", "model_id": model, "status": status, "priority": 1000.0,
            "attempt": 1, "max_attempts": 2, "deadline_seconds": 60, "not_before": date(not_before), "created_at": date(-90),
            "updated_at": date(-90), "started_at": date(-90), "lease_expires_at": null, "worker_id": null,
            "last_attempt_error_kind": null, "last_attempt_error_message": null, "job_kind": "scheduled",
            "finished_at": date(-90), "endpoint_tag": "x",
        }
    };
    let mut held = row("held", "running", -90);
    held.extend(doc! { "worker_id": "vm:groq:0:d2fc34b0", "lease_expires_at": date(5) });
    let mut dead = row("dead", "running", -90);
    dead.extend(doc! { "worker_id": "vm:groq:0:d2fc34b0", "lease_expires_at": date(-5) });
    let odd = doc! {
        "_id": "groq:odd", "provider": "groq", "model_id": "odd", "status": 7, "not_before": "soon", "slot_at": "x",
        "slot_attempts": "many", "lease_epoch": 2.5, "lease_expires_at": true, "attempt": null, "failures": [1],
    };
    let other_kind =
        doc! { "_id": "smoke_hang:groq:due", "provider": "groq", "model_id": "due", "status": "queued" };
    let nameless = doc! { "_id": "ad_hoc:1", "status": "queued" };
    vec![
        row("done", "success", -90),
        row("given-up", "dead_letter", -90),
        row("waits", "queued", 10),
        row("far", "queued", 3 * 24 * 60),
        row("due", "queued", -1),
        row("lost", "running", -90),
        held,
        dead,
        odd,
        other_kind,
        nameless,
    ]
}

#[tokio::test]
async fn the_python_runners_jobs_are_taken_over() {
    let database = Mongod::start().database(&fresh_name()).await;
    let jobs = database.collection::<Document>("bench_jobs");
    jobs.insert_many(rows_of_others()).await.unwrap();
    let store = Backend::Mongo(database.clone()).open(PUBLISHED).await;
    assert_eq!(store.jobs(None).await.unwrap().len(), 9);
    for (model, expected) in [
        ("done", "granted"),
        ("given-up", "granted"),
        ("waits", "resting"),
        ("far", "granted"),
        ("due", "granted"),
        ("lost", "granted"),
        ("held", "vm:groq:0:d2fc34b0"),
        ("dead", "granted"),
        ("odd", "granted"),
    ] {
        let answer = match store.claim(&claim(&slot(series(model), 0), "one")).await.unwrap() {
            ClaimResult::Granted(grant) => {
                assert!(store.settle(&grant, &JobOutcome::Success).await.unwrap());
                "granted".to_owned()
            }
            ClaimResult::Resting { .. } => "resting".to_owned(),
            ClaimResult::Taken { by, .. } => by,
            other => panic!("{model}: {other:?}"),
        };
        assert_eq!(answer, expected, "{model}");
    }
    let after = jobs.find_one(doc! { "_id": "groq:done" }).await.unwrap().unwrap();
    let expected = doc! {
        "status": "success", "attempt": 1, "endpoint_tag": "x", "priority": 1000.0, "lease_expires_at": null,
        "worker_id": null,
    };
    for (name, value) in &expected {
        assert_eq!(after.get(name), Some(value), "{name}");
    }
    assert!(after.get_datetime("finished_at").is_ok());
}

/// The Python runner replaces whole rows, and then the epochs begin again: an old grant is still no grant.
#[tokio::test]
async fn a_replaced_row_does_not_bring_an_old_grant_back() {
    let database = Mongod::start().database(&fresh_name()).await;
    let store = Backend::Mongo(database.clone()).open(PUBLISHED).await;
    let slot = slot(series("m"), 0);
    let old = granted(&*store, &claim(&slot, "one")).await;
    let replacement = doc! { "provider": "groq", "model_id": "m", "status": "queued" };
    let jobs = database.collection::<Document>("bench_jobs");
    jobs.replace_one(doc! { "_id": "groq:m" }, replacement).await.unwrap();
    let new = granted(&*store, &claim(&slot, "one")).await;
    assert_eq!((old.epoch, new.epoch), (1, 1));
    assert!(!store.settle(&old, &JobOutcome::Success).await.unwrap());
    assert!(store.settle(&new, &JobOutcome::Success).await.unwrap());
}

/// The server's rule and the rule in `storage::jobs` are one rule, whatever a row holds.
#[tokio::test]
async fn the_server_decides_as_the_rule_says() {
    let database = Mongod::start().database(&fresh_name()).await;
    let jobs = database.collection::<Document>("bench_jobs");
    let store = Backend::Mongo(database.clone()).open(PUBLISHED).await;
    let now: DateTime<Utc> = store.server_time().await.unwrap();
    let instant =
        |hours: i64| mongodb::bson::DateTime::from_millis((now + TimeDelta::hours(hours)).timestamp_millis());
    let begins = now - TimeDelta::hours(2);
    let wanted = |number: usize| Slot { series: series(&format!("m{number}")), starts_at: begins };
    let mut rows = Vec::new();
    for status in ["queued", "running", "success", "dead_letter", "cancelled", "other"] {
        for slot_at in [None, Some(-3), Some(-2), Some(-1), Some(1)] {
            for not_before in [None, Some(-1), Some(1), Some(100)] {
                for lease in [None, Some(-1), Some(1)] {
                    for (attempts, updated) in [(1, None), (2, Some(-1)), (1, Some(1)), (2, Some(1))] {
                        let mut row = doc! {
                            "_id": format!("groq:m{}", rows.len()), "provider": "groq", "model_id": format!("m{}", rows.len()),
                            "status": status, "slot_attempts": attempts, "worker_id": "w",
                        };
                        for (name, hours) in [
                            ("slot_at", slot_at),
                            ("not_before", not_before),
                            ("lease_expires_at", lease),
                            ("updated_at", updated),
                        ] {
                            row.extend(hours.map(|hours| (name.to_owned(), instant(hours).into())));
                        }
                        rows.push(row);
                    }
                }
            }
        }
    }
    jobs.insert_many(&rows).await.unwrap();
    let before = store.jobs(None).await.unwrap();
    assert_eq!(before.len(), rows.len());
    for (number, row) in rows.iter().enumerate() {
        let claim = claim(&wanted(number), "one");
        let job = before.iter().find(|job| job.series == claim.slot.series).unwrap();
        let expected = llmbench::storage::claims::refusal(job, &claim, now);
        let answer = store.claim(&claim).await.unwrap();
        let told = if matches!(answer, ClaimResult::Granted(_)) { None } else { Some(answer) };
        assert_eq!(told, expected, "{row:?}");
    }
}
