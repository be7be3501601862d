//! `llmbench results cost`, on both stores: rows that say what they cost, rows that are priced by the list of their time, and
//! what nobody knows; and who writes what a row cost.

use crate::daemon::world::{QUICK, World};
use crate::stores::backend::Backend;
use crate::support::Home;
use crate::support::catalog::put_model;
use crate::support::ran::Ran;
use crate::support::samples::{self, now};
use chrono::{DateTime, TimeDelta, Utc};
use llmbench::domain::ModelRef;
use llmbench::domain::listing::{ListedModel, Listing, ModelFacts, ReadStatus};
use llmbench::storage::{self, CollectionNames, Store, StoreLocation};
use serde_json::{Value, json};
use std::fs;

fn listing(at: DateTime<Utc>, provider: &str, model: &str, input: f64, output: f64) -> Listing {
    let facts = ModelFacts { input_price: Some(input), output_price: Some(output), ..ModelFacts::default() };
    let model = ListedModel {
        model_id: model.to_owned(),
        name: model.to_owned(),
        facts,
        raw: Value::Null,
        endpoints: None,
    };
    Listing {
        provider: provider.to_owned(),
        started_at: at,
        finished_at: at,
        status: ReadStatus::Completed,
        error: None,
        raw_count: 1,
        models: vec![model],
    }
}

/// 100 tokens in, 50 out, so many hours ago.
async fn ran(store: &dyn Store, id: &str, model: &str, hours: i64, cost: Option<f64>) {
    let mut run = samples::run(id, "groq", model);
    run.run_ts = now() - TimeDelta::hours(hours);
    run.gen_ts = run.run_ts + TimeDelta::seconds(1);
    (run.tokens.input_tokens, run.tokens.output_tokens) = (Some(100), Some(50));
    run.cost_usd = cost;
    store.record(&samples::success(&run)).await.unwrap();
}

async fn failed(store: &dyn Store, id: &str, first_event: Option<f64>) {
    let mut failure = samples::failure(id, "groq", "m");
    failure.extra.insert("first_event_seconds".to_owned(), json!(first_event));
    store.record(&samples::failed(&failure)).await.unwrap();
}

fn document(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

async fn fill(store: &dyn Store) {
    store.init().await.unwrap();
    store.keep_listing(&listing(now() - TimeDelta::days(10), "groq", "m", 0.5, 2.0)).await.unwrap();
    store.keep_listing(&listing(now() - TimeDelta::days(5), "groq", "m", 1.0, 4.0)).await.unwrap();
    ran(store, "own", "m", 3, Some(0.25)).await;
    ran(store, "new", "m", 24 * 2, None).await;
    ran(store, "old", "m", 24 * 7, None).await;
    ran(store, "before", "m", 24 * 12, None).await;
    ran(store, "nobody", "unlisted", 2, None).await;
    ran(store, "past", "m", 24 * 40, Some(100.0)).await;
    failed(store, "refused", None).await;
    failed(store, "cut", Some(0.3)).await;
}

async fn story(backend: Backend) {
    fill(&*backend.open(&["cloud-default-v1"]).await).await;
    let home = Home::new();
    let url = backend.url();
    let said = |arguments: &[&str]| home.ran(&[&["results", "cost", "--store", &url], arguments].concat());
    let told = document(&said(&["--json"]));
    let total = &told["total"];
    // At the old price 50 + 100 millionths, at the new one 100 + 200.
    let usd = total["cost_usd"].as_f64().unwrap();
    assert!((usd - (0.25 + 0.000_150 + 0.000_300)).abs() < 1e-12, "{told}");
    let counts = ["calls", "unknown", "refused", "input_tokens"].map(|name| total[name].as_u64().unwrap());
    assert_eq!(counts, [6, 3, 1, 500], "{told}");
    let [group] = &told["groups"].as_array().unwrap()[..] else { panic!("{told}") };
    assert_eq!((&group["key"], &group["cost_usd"]), (&json!("groq"), &total["cost_usd"]));

    let by = |what: &str| document(&said(&["--json", "--by", what]))["groups"].as_array().unwrap().clone();
    let models: Vec<_> = by("model").iter().map(|group| group["key"].clone()).collect();
    assert_eq!(models, ["groq:m", "groq:unlisted"]);
    assert_eq!(by("model")[1]["cost_usd"], Value::Null, "nobody knows what it cost");
    let days: Vec<String> = by("day").iter().map(|group| group["key"].as_str().unwrap().to_owned()).collect();
    assert!(days.len() >= 4 && days.is_sorted(), "{days:?}");
    assert_eq!(by("profile")[0]["key"], "cloud-default-v1");
    assert_eq!(document(&said(&["--json", "--since", "60d"]))["total"]["calls"], 7);
    assert_eq!(document(&said(&["--json", "--since", "100h"]))["total"]["calls"], 4);

    let list = said(&[]);
    assert!(list.code == 0 && list.out.starts_with("PROVIDER") && list.out.contains("$0.25"), "{list:?}");
    assert!(list.out.contains("The cost of 3 calls is unknown"), "{list:?}");
    let nothing = said(&["--model", "groq:other"]);
    assert_eq!((nothing.code, nothing.out.as_str()), (0, ""));
    assert!(nothing.err.contains("no row of the last 30 days is stored that fits"), "{nothing:?}");

    // What the configuration says of a provider is for models whose list says nothing.
    fs::create_dir_all(home.path().join("config/llmbench")).unwrap();
    let prices = "[daemon.providers.groq]\ninput_price = 10.0\noutput_price = 20.0\n";
    fs::write(home.path().join("config/llmbench/config.toml"), prices).unwrap();
    let priced = document(&said(&["--json", "--by", "model"]));
    let groups = priced["groups"].as_array().unwrap();
    let unlisted = groups.iter().find(|group| group["key"] == "groq:unlisted").unwrap();
    assert!((unlisted["cost_usd"].as_f64().unwrap() - 0.002).abs() < 1e-12, "{unlisted}");
    assert_eq!(priced["total"]["unknown"], 1, "the answer that broke off: {priced}");
}

#[tokio::test]
async fn costs_are_summed_on_sqlite() {
    story(Backend::sqlite()).await;
}

#[tokio::test]
async fn costs_are_summed_on_mongodb() {
    story(Backend::mongo().await).await;
}

/// Runs of a daemon by the hour, up to now.
async fn forecast(backend: Backend) {
    let store = backend.open(&["cloud-default-v1"]).await;
    store.init().await.unwrap();
    for (model, enabled) in [("on", true), ("off", false)] {
        let model = ModelRef::new("groq", model);
        put_model(&*store, &model, "M", enabled).await.unwrap();
    }
    for model in ["on", "off"] {
        for hour in 0..12 {
            let mut run = samples::run(&format!("{model}{hour}"), "groq", model);
            run.run_ts = now() - TimeDelta::hours(hour) - TimeDelta::minutes(1);
            run.cost_usd = Some(0.5);
            run.extra.insert("slot_at".to_owned(), json!(run.run_ts));
            store.record(&samples::success(&run)).await.unwrap();
        }
    }
    let mut by_hand = samples::run("hand", "groq", "on");
    (by_hand.cost_usd, by_hand.measured_by) = (Some(7.0), "llmbench/0.1.0".to_owned());
    by_hand.extra.shift_remove("slot_at");
    store.record(&samples::success(&by_hand)).await.unwrap();
    let told = document(&Home::new().ran(&["results", "cost", "--json", "--store", &backend.url()]));
    let month = &told["month"];
    assert!((told["total"]["cost_usd"].as_f64().unwrap() - 19.0).abs() < 1e-9, "{told}");
    // Six dollars within eleven hours, of the model that is still measured.
    let daily = month["daily_usd"].as_f64().unwrap_or_else(|| panic!("{told}"));
    assert!((12.5..13.2).contains(&daily), "{told}");
    let forecast = month["forecast_usd"].as_f64().unwrap();
    assert!(forecast >= month["spent_usd"].as_f64().unwrap(), "{told}");
}

#[tokio::test]
async fn a_forecast_counts_what_daemons_do_with_models_that_are_measured() {
    forecast(Backend::sqlite()).await;
    forecast(Backend::mongo().await).await;
}

/// Costs of all rows, each of which must have one.
fn costs(world: &World) -> Vec<f64> {
    let rows = world.runs();
    assert!(!rows.is_empty());
    rows.iter().map(|row| row["cost_usd"].as_f64().unwrap_or_else(|| panic!("{row:?}"))).collect()
}

#[test]
fn a_daemon_and_a_run_write_what_a_row_cost() {
    let model = format!("alpha:{QUICK}");
    let other = "beta:steady-ttft2-gap1-n5";
    let configuration =
        "[daemon]\ncadence = 86400\n[daemon.providers.alpha]\ninput_price = 1000.0\noutput_price = 0.0\n";
    let world = World::new(&[&model, other], configuration);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let location = StoreLocation::parse(world.url()).unwrap();
        let store = storage::open(&location, &CollectionNames::default(), &[]).await.unwrap();
        store.keep_listing(&listing(now(), "beta", "steady-ttft2-gap1-n5", 0.0, 1000.0)).await.unwrap();
    });
    let (code, said) = world.start(&["--once"]).end();
    assert_eq!(code, 0, "{said}");
    assert_eq!(costs(&world).len(), 2);
    let ran = world.other(&["run", "-m", &model, "-m", other, "--json"]);
    assert!(ran.status.success(), "{ran:?}");
    assert_eq!(costs(&world).len(), 4);
    for row in world.runs() {
        let tokens = if row["provider"] == "alpha" { "input_tokens" } else { "output_tokens" };
        let expected = row[tokens].as_f64().unwrap() / 1000.0;
        assert!((row["cost_usd"].as_f64().unwrap() - expected).abs() < 1e-9, "{row:?}");
    }
}
