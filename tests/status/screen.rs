//! What `status` finds: counts, troubles, heartbeats of any program, names that are made to harm.

use super::world::{ago, lane, pulse, worlds};
use crate::stores::backend::{Backend, Kind};
use crate::support::catalog::put_model;
use crate::support::python_runner;
use crate::support::ran::ran;
use crate::support::samples::{run, success};
use llmbench::storage::outcomes::field_types::date_value;
use mongodb::bson::{Document, doc};
use serde_json::{Value, json};

const EVIL: &str = "ev\nil\u{1b}[2J\u{202e}";

#[tokio::test]
async fn every_provider_is_counted_by_freshness_and_by_its_day() {
    for world in worlds().await {
        for (model, minutes) in
            [("groq:fresh", 5), ("groq:stale", 70), ("groq:critical", 300), ("openai:a", 1)]
        {
            world.enable(model).await;
            world.succeed(model, minutes).await;
        }
        world.enable("groq:never").await;
        world.fail("groq:never", 3).await;
        world.fail("groq:fresh", 4000).await;
        world.succeed("groq:fresh", 4000).await;
        put_model(&*world.store, &"groq:off".parse().unwrap(), "", false).await.unwrap();
        let document = world.document(&[]);
        let groq = &document["providers"][0];
        let counts = [
            "enabled",
            "fresh",
            "stale",
            "critical",
            "never_run",
            "disabled",
            "successes_24h",
            "failures_24h",
        ];
        let counts: Vec<&Value> = counts.iter().map(|name| &groq[*name]).collect();
        assert_eq!(json!(counts), json!([4, 1, 1, 1, 1, 1, 3, 1]), "{groq}");
        assert_eq!(groq["error_rate_24h"], json!(0.25));
        let newest =
            groq["last_success_at"].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
        assert!((newest - ago(5)).num_seconds().abs() < 60, "{newest}");
        assert_eq!(document["providers"][1]["fresh"], json!(1));
        assert_eq!((&document["daemon"], &document["heartbeats"]), (&Value::Null, &json!([])));
        assert_eq!(world.causes(&[]), ["degraded not_fresh groq"]);
        assert_eq!(world.causes(&["-p", "openai"]), Vec::<String>::new());
        let told = world.ask(&[]);
        assert_eq!(told.code, 0, "{told:?}");
        assert!(
            told.out.starts_with("One thing is wrong:\n  degraded: groq: 3 of 4 enabled models"),
            "{}",
            told.out
        );
        assert!(told.out.contains("llmbench models list --stale --provider groq"), "{}", told.out);
    }
}

#[tokio::test]
async fn a_model_whose_samples_were_all_suspect_did_run() {
    for world in worlds().await {
        for model in ["groq:doubted", "groq:never"] {
            world.enable(model).await;
        }
        let mut run = run("doubted", "groq", "doubted");
        run.quality.suspect = true;
        (run.run_ts, run.gen_ts) = (ago(1), ago(1));
        world.store.record(&success(&run)).await.unwrap();
        let document = world.document(&[]);
        let groq = &document["providers"][0];
        assert_eq!((&groq["never_run"], &groq["only_suspect"]), (&json!(2), &json!(1)), "{groq}");
        let told = world.ask(&[]).out.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.contains("(1 never run, 1 only suspect)"), "{told}");
        let health = world.backend.row(Kind::Health, "model_id", "doubted").await.unwrap();
        assert_eq!(health["freshness_status"], "never_run", "the word that other readers know");
        assert_eq!(health["last_attempt_at"], json!(date_value(run.gen_ts)));
        let list = world.home.llmbench(&["models", "list", "--store", &world.backend.url()]);
        let list = ran(&mut { list }).out;
        assert!(list.contains("only_suspect") && list.contains("never_run"), "{list}");
    }
}

#[tokio::test]
async fn probing_models_are_neither_on_nor_off() {
    for world in worlds().await {
        put_model(&*world.store, &"groq:new".parse().unwrap(), "", false).await.unwrap();
        match &world.backend {
            Backend::Sqlite(_) => {
                let sql = "UPDATE models SET doc = '{\"status\":\"probing\"}'";
                world.sqlite().execute(sql, []).unwrap();
            }
            Backend::Mongo(database) => {
                let models = database.collection::<Document>("models");
                models.update_one(doc! {}, doc! { "$set": { "status": "probing" } }).await.unwrap();
            }
        }
        let groq = &world.document(&[])["providers"][0];
        assert_eq!(
            (&groq["probing"], &groq["disabled"], &groq["enabled"]),
            (&json!(1), &json!(0), &json!(0))
        );
    }
}

#[tokio::test]
async fn daemons_that_live_elsewhere_are_judged_by_their_heartbeats() {
    for world in worlds().await {
        world.enable("groq:a").await;
        world.succeed("groq:a", 1).await;
        let mut elsewhere = pulse();
        elsewhere.outbox.full = true;
        let mut details = json!(elsewhere);
        details.as_object_mut().unwrap().remove("lanes");
        world.heartbeat("daemon:main:elsewhere", 0, details).await;
        world.heartbeat("worker:groq:main", 0, lane("groq", "stalled")).await;
        world.heartbeat("runner:bedrock-eu", 2, json!({"last_stored": "yesterday"})).await;
        assert_eq!(world.causes(&[]), ["unhealthy outbox_full outbox", "unhealthy lane_stalled groq"]);
        let document = world.document(&[]);
        assert_eq!(document["providers"][0]["lane"]["state"], "stalled");
        let heard: Vec<&Value> = document["heartbeats"]
            .as_array()
            .unwrap()
            .iter()
            .map(|heartbeat| &heartbeat["component"])
            .collect();
        assert_eq!(heard, ["daemon:main:elsewhere", "runner:bedrock-eu", "worker:groq:main"]);
        let shown = world.ask(&[]).out;
        assert!(shown.contains("runner:bedrock-eu") && shown.contains("last_stored: yesterday"), "{shown}");
        // This machine's own pulse says more about the same lane.
        world.pulse(&pulse());
        let here = world.document(&[]);
        assert_eq!(here["providers"][0]["lane"]["state"], "producing");
        assert_eq!(here["daemon"]["owner"], "here");
    }
}

#[tokio::test]
async fn silence_of_all_parts_is_an_alarm() {
    for world in worlds().await {
        world.enable("groq:a").await;
        world.succeed("groq:a", 1).await;
        world.heartbeat("reaper", 90, json!({})).await;
        assert_eq!(world.causes(&[]), ["unhealthy daemon_silent daemon"]);
        world.heartbeat("planner", 1, json!({"jobs": 7})).await;
        assert_eq!(world.causes(&[]), Vec::<String>::new());
    }
}

#[tokio::test]
async fn the_python_runners_rows_are_shown_as_they_are() {
    let [_, world] = worlds().await;
    let Backend::Mongo(database) = &world.backend else { panic!("the second world is on MongoDB") };
    for collection in
        ["models", "bench_model_health", "bench_scheduler_heartbeats", "bench_check_runs", "metrics_cloud_v2"]
    {
        let rows = python_runner::documents(collection);
        database.collection::<Document>(collection).insert_many(rows).await.unwrap();
    }
    let document = world.document(&[]);
    let together = &document["providers"][0];
    assert_eq!((&together["enabled"], &together["never_run"]), (&json!(2), &json!(1)), "{together}");
    assert_eq!(together["last_success_at"], "2026-11-23T08:59:18.565Z");
    let worker = &document["heartbeats"][1];
    assert_eq!(worker["component"], "worker:cerebras:0");
    assert_eq!(worker["details"], json!({"idle": true, "worker_id": "vm:cerebras:0:d2fc34b0"}));
    assert_eq!(document["check_run"]["results"][1]["name"], "no_case_duplicate_models");
    let shown = world.ask(&["--wide"]).out;
    assert!(shown.contains("expired: 0, requeued_dead_letters: 0"), "{shown}");
}

#[tokio::test]
async fn odd_rows_are_shown_and_move_no_cursor() {
    let [sqlite, mongo] = worlds().await;
    for world in [&sqlite, &mongo] {
        put_model(&*world.store, &llmbench::domain::ModelRef::new(EVIL, EVIL), EVIL, true).await.unwrap();
        world.heartbeat(EVIL, 1, json!([EVIL, 7])).await;
        world.heartbeat("daemon:main:x", 1, json!({"format": "one", EVIL: EVIL})).await;
        world.heartbeat("worker:x:main", 1, json!({"state": 7})).await;
    }
    let Backend::Mongo(database) = &mongo.backend else { panic!("the second world is on MongoDB") };
    let insert = |collection: &'static str, row: Document| async move {
        database.collection::<Document>(collection).insert_one(row).await.unwrap();
    };
    insert("models", doc! { "provider": 7, "enabled": "yes" }).await;
    insert("models", doc! { "enabled": true }).await;
    let odd = doc! { "$set": { "last_success_at": "soon", "cadence_seconds": "x" } };
    let health = database.collection::<Document>("bench_model_health");
    health.update_one(doc! { "provider": EVIL, "model_id": EVIL }, odd).upsert(true).await.unwrap();
    insert("bench_scheduler_heartbeats", doc! { "updated_at": "2026-08-01", "details": f64::NAN }).await;
    insert("bench_check_runs", doc! { "checked_at": 7, "results": { "a": 1 } }).await;
    sqlite.sqlite().execute("UPDATE model_health SET doc = 'no document'", []).unwrap();
    for world in [&sqlite, &mongo] {
        for arguments in [&["--wide"][..], &[], &["--check"]] {
            let told = world.ask(arguments);
            assert!([0, 3].contains(&told.code), "{told:?}");
            assert!(told.err.is_empty(), "{told:?}");
            assert!(
                told.out.contains("ev\\nil\\u{1b}[2J\\u{202e}") || arguments == ["--check"],
                "{}",
                told.out
            );
            assert!(!told.out.contains(['\u{1b}', '\u{202e}']), "{}", told.out);
        }
        assert!(
            world.document(&[])["providers"].as_array().unwrap().iter().any(|one| one["provider"] == EVIL)
        );
    }
}

#[tokio::test]
async fn a_store_that_is_not_there_is_the_first_finding() {
    let home = crate::support::Home::new();
    let nowhere = home.ran(&["status"]);
    assert_eq!(nowhere.code, 2, "{nowhere:?}");
    assert!(nowhere.out.contains("there is no database at"), "{nowhere:?}");
    assert!(!home.database().exists(), "a question creates no database");
    let dark =
        home.ran(&["status", "--json", "--store", "mongodb://127.0.0.1:1/x?serverSelectionTimeoutMS=300"]);
    assert_eq!(dark.code, 75, "{dark:?}");
    let document: Value = serde_json::from_str(&dark.out).unwrap();
    assert_eq!(
        (&document["troubles"][0]["cause"], &document["heartbeats"]),
        (&json!("store_down"), &Value::Null)
    );
    let unknown = home.ran(&["run", "--model", "sim:steady-ttft2-gap1-n4"]).code;
    assert_eq!(unknown, 0);
    let slip = home.ran(&["status", "--provider", "opanai"]);
    assert_eq!((slip.code, slip.out.as_str()), (2, ""));
    assert!(slip.err.contains("unknown provider"), "{slip:?}");
}

/// All keys of a document, apart from those of rows and pulses, which stand elsewhere.
fn keys(value: &Value, found: &mut std::collections::BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                found.insert(name.clone());
                if !["lane", "daemon", "details", "check_run"].contains(&name.as_str()) {
                    keys(field, found);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
        _ => {}
    }
}

#[tokio::test]
async fn every_key_and_every_heading_is_documented() {
    let [world, _] = worlds().await;
    world.enable("groq:a").await;
    world.heartbeat("planner", 1, json!({})).await;
    let mut found = std::collections::BTreeSet::new();
    keys(&world.document(&[]), &mut found);
    let page = include_str!("../../docs/output-operate.md");
    let (_, section) = page.split_once("## `status --json`").unwrap();
    let missing: Vec<_> = found.iter().filter(|key| !section.contains(&format!("`{key}`"))).collect();
    assert!(found.len() > 25 && missing.is_empty(), "{missing:?}");

    let troubleshooting = include_str!("../../TROUBLESHOOTING.md");
    for cause in llmbench::domain::daemon_status::ProblemKind::all() {
        let heading = format!("\n### {}\n", cause.heading());
        assert!(troubleshooting.contains(&heading), "no section {heading:?} for {cause:?}");
    }
}

/// How far lanes are from a place in the ranking, once something has counted them.
#[tokio::test]
async fn places_in_the_ranking_are_counted_and_those_kept_back_are_named() {
    for world in worlds().await {
        for model in ["groq:full", "groq:young", "openai:a"] {
            world.enable(model).await;
        }
        assert_eq!(world.document(&[])["ranking"], Value::Null, "nobody has counted yet");
        for (model, count) in [("full", 42), ("young", 3)] {
            for number in 0..count {
                let mut run = run(&format!("{model}-{number}"), "groq", model);
                (run.run_ts, run.gen_ts) = (ago(1 + 240 * number), ago(1 + 240 * number));
                run.route_endpoint_tag = Some("groq/direct".to_owned());
                run.quantization = Some("fp8".to_owned());
                world.store.record(&success(&run)).await.unwrap();
            }
        }
        let refreshed = ran(&mut world.home.llmbench(&["db", "refresh", "--store", &world.backend.url()]));
        assert_eq!(refreshed.code, 0, "{refreshed:?}");
        let ranking = &world.document(&[])["ranking"];
        let counts =
            ["lanes", "official", "preliminary", "without_place", "left_out"].map(|name| &ranking[name]);
        assert_eq!(json!(counts), json!([3, 1, 0, 2, 0]), "{ranking}");
        let young = &ranking["kept_back"][0];
        assert_eq!(
            [&young["model_id"], &young["endpoint_tag"], &young["samples"], &young["place"]],
            [&json!("young"), &json!("groq/direct"), &json!(3), &Value::Null]
        );
        assert_eq!(young["missing"][0], "3 of 8 samples");
        let told = world.ask(&["-p", "groq"]).out;
        assert!(told.contains("Ranking: 2 lanes, 1 official, 1 without a place (counted "), "{told}");
        assert!(told.contains("3/8 samples") && !told.contains("openai:a"), "{told}");
        let shown =
            ran(&mut world.home.llmbench(&["models", "show", "groq:full", "--store", &world.backend.url()]));
        assert!(shown.out.contains("groq/direct fp8: official"), "{shown:?}");
    }
}
