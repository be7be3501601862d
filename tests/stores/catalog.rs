//! Entries, figures and audited changes: one story on every backend, then what only a server without transactions can get
//! wrong.

use super::backend::Backend;
use crate::support::catalog::put_model;
use crate::support::samples::{failed, failure, now, run, success};
use chrono::{TimeDelta, Utc};
use llmbench::domain::ModelRef;
use llmbench::domain::change_batch::taken_away;
use llmbench::storage::catalog::{
    Batch, CatalogEntry, ChangeOutcome, ChangeRequest, ChangeStatus, ChangesOf, ModelScope,
};
use llmbench::storage::{Store, StoreError};
use mongodb::Database;
use mongodb::bson::{Bson, DateTime, Document, doc};
use serde_json::{Map, Value, json};

const PUBLISHED: &[&str] = &["cloud-default-v1"];

#[tokio::test]
async fn sqlite_keeps_the_catalog() {
    tell(&Backend::sqlite()).await;
}

#[tokio::test]
async fn mongodb_keeps_the_catalog() {
    tell(&Backend::mongo().await).await;
}

async fn tell(backend: &Backend) {
    let store = backend.open(PUBLISHED).await;
    store.init().await.unwrap();
    a_model_is_added_changed_and_given_back(&*store).await;
    the_second_of_two_sees_the_first(&*store).await;
    two_spellings_are_never_enabled_together(&*store).await;
    what_is_removed_leaves_nothing_but_its_history(&*store).await;
    batches_say_how_far_they_came(&*store).await;
    figures_are_those_of_the_last_day(&*store).await;
}

fn fields(value: Value) -> Map<String, Value> {
    let Value::Object(fields) = value else { panic!() };
    fields
}

fn batch(id: &str, planned: u64, undoes: Option<&str>) -> Batch {
    Batch {
        id: id.to_owned(),
        at: now(),
        who: "ann@here".to_owned(),
        action: "disable".to_owned(),
        why: Some("a \"reason\"\nof two lines".to_owned()),
        planned,
        undoes: undoes.map(str::to_owned),
        undone_by: None,
        finished_at: None,
    }
}

fn order(batch: &str, model: &str, expected: Option<Value>, set: Value) -> ChangeRequest {
    let model: ModelRef = model.parse().unwrap();
    ChangeRequest { batch: batch.to_owned(), model, expected: expected.map(fields), set: fields(set) }
}

async fn entry(store: &dyn Store, model: &str) -> Option<CatalogEntry> {
    let model: ModelRef = model.parse().unwrap();
    let entries = store.entries(Some(&model.provider)).await.unwrap();
    entries.into_iter().find(|entry| entry.model == model)
}

fn done() -> ChangeOutcome {
    ChangeOutcome::Done { cancelled_jobs: 0 }
}

async fn a_model_is_added_changed_and_given_back(store: &dyn Store) {
    store.begin_batch(&batch("B01", 1, None)).await.unwrap();
    let set =
        json!({"enabled": true, "display_name": "A", "metadata": {"omit_temperature": true}, "status": null});
    assert_eq!(store.change(&order("B01", "groq:a", None, set)).await.unwrap(), done());
    let added = entry(store, "groq:a").await.unwrap();
    assert!(added.is_enabled() && added.instant("created_at").is_some());
    assert_eq!(added.fields.get("status"), None);
    let item = store.work_list(Some("groq")).await.unwrap().remove(0);
    assert_eq!((item.display_name.as_str(), &item.metadata["omit_temperature"]), ("A", &json!(true)));

    store.begin_batch(&batch("B02", 1, None)).await.unwrap();
    let off = json!({"enabled": false, "disabled_reason": "gone", "disabled_class": "hard_model",
        "disabled_at": "2026-11-01T09:30:00.123Z"});
    let seen = json!({"enabled": true, "disabled_reason": null});
    assert_eq!(store.change(&order("B02", "groq:a", Some(seen), off.clone())).await.unwrap(), done());
    let disabled = entry(store, "groq:a").await.unwrap();
    for (name, value) in fields(off.clone()) {
        assert_eq!(disabled.fields.get(&name), Some(&value), "{name}");
    }
    assert_eq!(disabled.fields["metadata"], json!({"omit_temperature": true}));
    assert!(store.work_list(Some("groq")).await.unwrap().is_empty());

    let change = store.changes(&ChangesOf::Batch("B02".to_owned())).await.unwrap().remove(0);
    let before =
        json!({"enabled": true, "disabled_reason": null, "disabled_class": null, "disabled_at": null});
    assert_eq!(
        (change.before, Value::Object(change.after.clone())),
        (Some(fields(before.clone())), off.clone())
    );
    assert_eq!(change.became, ChangeStatus::Done);
    let newest = ChangesOf::Model("groq:a".parse().unwrap(), 1);
    assert_eq!(store.changes(&newest).await.unwrap()[0].batch, "B02");

    store.begin_batch(&batch("B03", 1, Some("B02"))).await.unwrap();
    assert_eq!(store.change(&order("B03", "groq:a", Some(off), before)).await.unwrap(), done());
    assert_eq!(entry(store, "groq:a").await.unwrap(), added);
    assert_eq!(store.batch("B02").await.unwrap().unwrap().undone_by.as_deref(), Some("B03"));
}

async fn the_second_of_two_sees_the_first(store: &dyn Store) {
    let off = |reason: &str| json!({"enabled": false, "disabled_reason": reason});
    let seen = || Some(json!({"enabled": true, "disabled_reason": null}));
    assert_eq!(store.change(&order("B04", "groq:a", seen(), off("first"))).await.unwrap(), done());
    let overtaken = store.change(&order("B05", "groq:a", seen(), off("second"))).await.unwrap();
    let ChangeOutcome::Overtaken(Some(present)) = overtaken else { panic!("{overtaken:?}") };
    assert_eq!(present.text("disabled_reason").as_deref(), Some("first"));
    assert_eq!(entry(store, "groq:a").await.unwrap().text("disabled_reason").as_deref(), Some("first"));
    let made = store.changes(&ChangesOf::Batch("B05".to_owned())).await.unwrap();
    assert!(made.iter().all(|change| change.became == ChangeStatus::NotDone), "{made:?}");

    let there = store.change(&order("B05", "groq:a", None, json!({"enabled": true}))).await.unwrap();
    assert!(matches!(there, ChangeOutcome::Overtaken(Some(_))), "{there:?}");
    let absent = store.change(&order("B05", "groq:none", seen(), off("x"))).await.unwrap();
    assert_eq!(absent, ChangeOutcome::Overtaken(None));
    assert_eq!(entry(store, "groq:none").await, None);
}

async fn two_spellings_are_never_enabled_together(store: &dyn Store) {
    let on = || json!({"enabled": true});
    assert_eq!(store.change(&order("B06", "openai:gpt", None, on())).await.unwrap(), done());
    let error = store.change(&order("B06", "openai:GPT", None, on())).await.unwrap_err();
    assert!(matches!(&error, StoreError::Conflict(text) if text.contains("case alone")), "{error}");
    assert_eq!(entry(store, "openai:GPT").await, None);
    let off = json!({"enabled": false});
    assert_eq!(store.change(&order("B06", "openai:GPT", None, off)).await.unwrap(), done());
    let seen = Some(json!({"enabled": false}));
    assert!(store.change(&order("B07", "openai:GPT", seen, on())).await.is_err());
    assert!(!entry(store, "openai:GPT").await.unwrap().is_enabled());
}

async fn what_is_removed_leaves_nothing_but_its_history(store: &dyn Store) {
    let on = json!({"enabled": true, "provider": "groq", "model_id": "gone", "metadata": {"omit_temperature": true}});
    assert_eq!(store.change(&order("R1", "groq:gone", None, on)).await.unwrap(), done());
    let before = entry(store, "groq:gone").await.unwrap();
    let all = Value::Object(before.fields.clone());
    let nothing = Value::Object(taken_away(&before.fields));
    // Of an entry that goes every field was looked at.
    let most: Map<String, Value> =
        before.fields.clone().into_iter().filter(|(name, _)| name != "metadata").collect();
    let late =
        store.change(&order("R2", "groq:gone", Some(Value::Object(most)), nothing.clone())).await.unwrap();
    assert!(matches!(late, ChangeOutcome::Overtaken(Some(_))), "{late:?}");

    assert_eq!(store.change(&order("R2", "groq:gone", Some(all), nothing.clone())).await.unwrap(), done());
    assert_eq!(entry(store, "groq:gone").await, None);
    assert!(store.work_list(Some("groq")).await.unwrap().iter().all(|item| item.model.model_id != "gone"));
    let healths = store.figures(&ModelScope::Model("groq:gone".parse().unwrap()), Utc::now()).await.unwrap();
    assert!(healths.is_empty(), "{healths:?}");
    let change = store.changes(&ChangesOf::Batch("R2".to_owned())).await.unwrap().remove(0);
    assert_eq!((change.became, change.before.as_ref()), (ChangeStatus::Done, Some(&before.fields)));
    assert_eq!(Value::Object(change.after), nothing);

    let back = Value::Object(before.fields.clone());
    assert_eq!(store.change(&order("R3", "groq:gone", None, back)).await.unwrap(), done());
    assert_eq!(entry(store, "groq:gone").await, Some(before.clone()));
    let gone = store.change(&order("R4", "groq:gone", Some(Value::Object(before.fields)), nothing)).await;
    assert_eq!(gone.unwrap(), done());
}

async fn batches_say_how_far_they_came(store: &dyn Store) {
    store.begin_batch(&batch("B08", 7, None)).await.unwrap();
    let begun = store.batch("B08").await.unwrap().unwrap();
    assert_eq!(begun, Batch { at: begun.at, ..batch("B08", 7, None) });
    let at = now();
    store.finish_batch("B08", at).await.unwrap();
    assert_eq!(store.batch("B08").await.unwrap().unwrap().finished_at, Some(at));
    let ids: Vec<String> = store.batches(2).await.unwrap().into_iter().map(|batch| batch.id).collect();
    assert_eq!(ids, ["B08", "B03"]);
    assert_eq!(store.batch("nobody").await.unwrap(), None);
    assert_eq!(store.changes(&ChangesOf::Batch("nobody".to_owned())).await.unwrap(), []);
}

async fn figures_are_those_of_the_last_day(store: &dyn Store) {
    let on = json!({"enabled": true});
    assert_eq!(store.change(&order("B09", "vertex:g", None, on)).await.unwrap(), done());
    let end = now();
    for (place, ttft, hours) in [(1, 0.1, 1), (2, 0.5, 2), (3, 0.2, 3), (4, 90.0, 25)] {
        let mut sample = run(&format!("fig-{place}"), "vertex", "g");
        sample.speeds.time_to_first_token = Some(ttft);
        sample.speeds.visible_tokens_per_second = Some(100.0 * ttft);
        (sample.run_ts, sample.gen_ts) = (end - TimeDelta::hours(hours), end - TimeDelta::hours(hours));
        store.record(&success(&sample)).await.unwrap();
    }
    let mut manual = run("fig-manual", "vertex", "g");
    manual.sample_role = "manual".to_owned();
    store.record(&success(&manual)).await.unwrap();
    let mut error = failure("fig-error", "vertex", "g");
    error.ts = end - TimeDelta::hours(4);
    store.record(&failed(&error)).await.unwrap();

    let model: ModelRef = "vertex:g".parse().unwrap();
    for scope in
        [ModelScope::All, ModelScope::Provider("vertex".to_owned()), ModelScope::Model(model.clone())]
    {
        let all = store.figures(&scope, Utc::now()).await.unwrap();
        let figures = &all[&model];
        assert_eq!((figures.successes_24h, figures.failures_24h), (3, 1), "{scope:?}");
        assert_eq!((figures.ttft.median, figures.rate.median), (Some(0.2), Some(20.0)));
        assert_eq!(figures.last_success_at, Some(end - TimeDelta::hours(1)));
        assert_eq!(figures.freshness(true, Utc::now()), "stale");
        assert!(scope == ModelScope::All || all.keys().all(|found| found.provider == "vertex"), "{all:?}");
    }
    let elsewhere = ModelScope::Model("vertex:other".parse().unwrap());
    assert!(store.figures(&elsewhere, Utc::now()).await.unwrap().is_empty());
}

async fn mongo() -> (Backend, Database) {
    let backend = Backend::mongo().await;
    let Backend::Mongo(database) = &backend else { panic!() };
    let database = database.clone();
    (backend, database)
}

async fn find(database: &Database, collection: &str, filter: Document) -> Document {
    database.collection::<Document>(collection).find_one(filter).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_change_keeps_the_contracts_types_and_the_fields_of_others() {
    let (backend, database) = mongo().await;
    let store = backend.open(PUBLISHED).await;
    let models = database.collection::<Document>("models");
    let row = doc! { "provider": "groq", "model_id": "m", "enabled": true, "canonical_id": "x", "notes": { "a": [1_i64] } };
    models.insert_one(row.clone()).await.unwrap();
    let jobs = database.collection::<Document>("bench_jobs");
    for (id, status) in [("groq:m", "queued"), ("groq:m/2", "running"), ("groq:n", "queued")] {
        let model_id = &id[5..6];
        jobs.insert_one(doc! { "_id": id, "provider": "groq", "model_id": model_id, "status": status })
            .await
            .unwrap();
    }
    let set = json!({"enabled": false, "disabled_reason": "r", "disabled_class": "billing",
        "disabled_at": "2026-11-01T09:30:00.123Z", "disabled_until": "2027-01-01T00:00:00.000Z"});
    let change = order("B1", "groq:m", Some(json!({"enabled": true})), set);
    assert_eq!(store.change(&change).await.unwrap(), ChangeOutcome::Done { cancelled_jobs: 1 });

    let after = find(&database, "models", doc! { "model_id": "m" }).await;
    assert!(after.get_datetime("disabled_at").is_ok() && after.get_datetime("disabled_until").is_ok());
    assert!(!after.get_bool("enabled").unwrap());
    assert_eq!(after.get_str("disabled_class").unwrap(), "billing");
    for name in ["canonical_id", "notes"] {
        assert_eq!(after.get(name), row.get(name), "{name}");
    }
    let status = async |id: &str| {
        find(&database, "bench_jobs", doc! { "_id": id }).await.get_str("status").unwrap().to_owned()
    };
    assert_eq!(status("groq:m").await, "cancelled");
    assert_eq!(
        (status("groq:m/2").await, status("groq:n").await),
        ("running".to_owned(), "queued".to_owned())
    );
    let health = find(&database, "bench_model_health", doc! { "_id": "groq:m" }).await;
    assert!(!health.get_bool("enabled").unwrap());
    assert_eq!(health.get_str("freshness_status").unwrap(), "disabled");
}

#[tokio::test]
async fn the_python_runners_oddest_rows_are_read() {
    let (backend, database) = mongo().await;
    let store = backend.open(PUBLISHED).await;
    let models = database.collection::<Document>("models");
    let rows = [
        doc! {},
        doc! { "provider": 7, "model_id": null, "enabled": "yes" },
        doc! { "provider": "groq", "model_id": "m", "enabled": 1, "display_name": ["x"], "metadata": "none",
        "created_at": "yesterday", "disabled_at": DateTime::MAX, "price": Bson::MaxKey, "ratio": f64::NAN },
    ];
    models.insert_many(rows).await.unwrap();
    let runs = database.collection::<Document>("metrics_cloud_v2");
    runs.insert_one(doc! { "run_ts": DateTime::now(), "tokens_per_second": "fast" }).await.unwrap();
    runs.insert_one(doc! { "run_ts": DateTime::now(), "provider": "groq", "model_name": "m",
    "tokens_per_second": 3, "time_to_first_token": "soon", "gen_ts": "now" })
        .await
        .unwrap();
    let health = database.collection::<Document>("bench_model_health");
    health
        .insert_one(
            doc! { "provider": "groq", "model_id": "m", "last_success_at": 5, "cadence_seconds": "1h" },
        )
        .await
        .unwrap();

    let entries = store.entries(None).await.unwrap();
    assert_eq!(entries.iter().filter(|entry| entry.sound).count(), 1);
    let figures = store.figures(&ModelScope::All, Utc::now()).await.unwrap();
    let of_m = &figures[&"groq:m".parse().unwrap()];
    assert_eq!((of_m.successes_24h, of_m.rate.median, of_m.ttft.median), (1, Some(3.0), None));

    // An odd value is what was seen, so it can be changed, and is kept as it was.
    let seen = entries.iter().find(|entry| entry.sound).unwrap().values([&"enabled".to_owned()]);
    let change = order("B1", "groq:m", Some(Value::Object(seen)), json!({"enabled": false}));
    assert_eq!(store.change(&change).await.unwrap(), done());
    let kept = find(&database, "bench_catalog_changes", doc! { "batch": "B1" }).await;
    assert_eq!(kept.get_document("before").unwrap().get("enabled"), Some(&Bson::Int32(1)));
}

/// What a crash leaves between two writes is told from the entry itself.
#[tokio::test]
async fn a_change_that_was_cut_off_is_settled_by_whoever_reads_it() {
    let (backend, database) = mongo().await;
    let store = backend.open(PUBLISHED).await;
    let models = database.collection::<Document>("models");
    let changes = database.collection::<Document>("bench_catalog_changes");
    // A removal that came through, and one that did not.
    for model in ["removed", "kept"] {
        changes.insert_one(doc! { "_id": format!("B1/groq:{model}"), "batch": "B1", "provider": "groq", "model_id": model,
            "changed_at": DateTime::now(), "before": { "provider": "groq", "model_id": model },
            "after": { "provider": null, "model_id": null }, "became": "unknown" }).await.unwrap();
    }
    models.insert_one(doc! { "provider": "groq", "model_id": "kept" }).await.unwrap();
    for (model, enabled) in [("made", false), ("missed", true), ("moved", true)] {
        models
            .insert_one(
                doc! { "provider": "groq", "model_id": model, "enabled": enabled, "disabled_reason": "r" },
            )
            .await
            .unwrap();
        changes.insert_one(doc! { "_id": format!("B1/groq:{model}"), "batch": "B1", "provider": "groq", "model_id": model,
            "changed_at": DateTime::now(), "before": { "enabled": true, "disabled_reason": "r" },
            "after": { "enabled": false, "disabled_reason": "r" }, "became": "unknown" }).await.unwrap();
    }
    models
        .update_one(doc! { "model_id": "moved" }, doc! { "$set": { "disabled_reason": "other" } })
        .await
        .unwrap();
    for _ in 0..2 {
        let settled = store.changes(&ChangesOf::Batch("B1".to_owned())).await.unwrap();
        let of = |model: &str| settled.iter().find(|change| change.model.model_id == model).unwrap().became;
        assert_eq!((of("removed"), of("kept")), (ChangeStatus::Done, ChangeStatus::NotDone));
        assert_eq!(
            (of("made"), of("missed"), of("moved")),
            (ChangeStatus::Done, ChangeStatus::NotDone, ChangeStatus::Unknown)
        );
    }
    let made = find(&database, "bench_catalog_changes", doc! { "model_id": "made" }).await;
    assert_eq!(made.get_str("became").unwrap(), "done");
}

/// Two writers that both saw the same values: one wins, whatever the server makes of their order.
#[tokio::test]
async fn of_many_writers_one_is_first() {
    for backend in [Backend::sqlite(), Backend::mongo().await] {
        let store = backend.open(PUBLISHED).await;
        put_model(&*store, &"groq:m".parse().unwrap(), "M", true).await.unwrap();
        let mut writers = tokio::task::JoinSet::new();
        for number in 0..10 {
            let store = backend.open(PUBLISHED).await;
            let set = json!({"enabled": false, "disabled_reason": format!("writer {number}")});
            let change = order(&format!("W{number}"), "groq:m", Some(json!({"enabled": true})), set);
            writers.spawn(async move { store.change(&change).await.unwrap() });
        }
        let answers = writers.join_all().await;
        assert_eq!(answers.iter().filter(|answer| **answer == done()).count(), 1, "{answers:?}");
        let mut made = 0;
        for number in 0..10 {
            let changes = store.changes(&ChangesOf::Batch(format!("W{number}"))).await.unwrap();
            made += changes.iter().filter(|change| change.became == ChangeStatus::Done).count();
        }
        assert_eq!(made, 1);
    }
}

/// What an operator waits for is answered from indexes, however many rows there are.
#[tokio::test]
async fn the_last_day_is_read_from_an_index() {
    let (backend, database) = mongo().await;
    let store = backend.open(PUBLISHED).await;
    store.init().await.unwrap();
    for number in 0..50 {
        store.record(&success(&run(&format!("r{number}"), "groq", "m"))).await.unwrap();
    }
    for (collection, time) in [("metrics_cloud_v2", "run_ts"), ("errors_cloud", "ts")] {
        let since = DateTime::from_millis(Utc::now().timestamp_millis() - 86_400_000);
        let find = doc! { "find": collection, "filter": { time: { "$gte": since } } };
        let plan = database.run_command(doc! { "explain": find, "verbosity": "queryPlanner" }).await.unwrap();
        let plan =
            plan.get_document("queryPlanner").unwrap().get_document("winningPlan").unwrap().to_string();
        assert!(plan.contains("IXSCAN") && !plan.contains("COLLSCAN"), "{collection}: {plan}");
    }
}
