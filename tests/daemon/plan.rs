//! `plan = "precision"`: weeks of rows of models that are known well, and of one that is not; on both stores.

use super::world::{World, until};
use crate::results::bulk::{Row, fill};
use crate::results::changes::{Behaviour, history};
use crate::stores::backend::Backend;
use crate::support::Home;
use chrono::Utc;
use serde_json::{Value, json};

/// Quick models of the simulator: the first eight are known well.
const MODELS: [&str; 9] = [
    "alpha:steady-ttft2-gap1-n4",
    "alpha:steady-ttft2-gap1-n5",
    "alpha:steady-ttft2-gap1-n6",
    "alpha:steady-ttft2-gap1-n7",
    "alpha:steady-ttft2-gap1-n8",
    "alpha:steady-ttft2-gap1-n9",
    "alpha:steady-ttft2-gap1-n10",
    "alpha:steady-ttft2-gap1-n11",
    "alpha:steady-ttft2-gap1-n12",
];

/// A row each hour of twenty days; the deviations of the last model are eight times as large.
fn rows(model: &'static str) -> Vec<Row> {
    let mut rows = history(Utc::now(), &Behaviour { model, factor: 1.0, from: 0.0, to: 0.0 }, (20.0, 0.0));
    if model == MODELS[8] {
        for row in &mut rows {
            let usual: f64 = 0.4;
            let ttft = row["time_to_first_token"].as_f64().unwrap();
            row["time_to_first_token"] = json!(usual * (ttft / usual).powi(8));
        }
    }
    rows
}

fn dry_run(world: &World) -> Value {
    let output = world.command(&["--dry-run", "--json"]).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

/// The cadence of a model, and what is said of the plan.
fn planned<'a>(document: &'a Value, model: &str) -> (i64, &'a Value) {
    let rows = document["rows"].as_array().unwrap();
    let row = rows.iter().find(|row| model.ends_with(row["model"].as_str().unwrap())).unwrap();
    (row["cadence_seconds"].as_i64().unwrap(), &row["plan"])
}

fn story(backend: &Backend, runtime: &tokio::runtime::Runtime) {
    let configuration =
        "[daemon]\ncadence = 3600\nplan = 'precision'\ncalibrate = 'never'\ndiscovery = 'off'";
    let world = World::at(Home::new(), backend.url(), &MODELS, configuration);
    let young = dry_run(&world);
    assert_eq!(
        planned(&young, MODELS[0]),
        (
            3600,
            &json!({"why": "unknown", "configured_seconds": 3600, "half_width": null, "half_width_configured": null})
        )
    );
    runtime.block_on(async {
        for model in MODELS {
            fill(backend, &rows(model), true).await;
        }
    });
    // Derives the blocks, as a daemon does after each of them.
    world.other(&["results", "changes"]);
    let known = dry_run(&world);
    for quiet in &MODELS[..8] {
        let (cadence, plan) = planned(&known, quiet);
        assert_eq!((cadence, &plan["why"]), (7200, &json!("rarer")), "{known}");
        let widths = ["half_width", "half_width_configured"].map(|name| plan[name].as_f64().unwrap());
        assert!(widths[1] < widths[0] && widths[0] < 0.05, "{plan}");
    }
    let (cadence, plan) = planned(&known, MODELS[8]);
    assert_eq!((cadence, &plan["why"]), (1800, &json!("oftener")), "{known}");
    let share = known["plan"]["cost_share"].as_f64().unwrap();
    assert!((0.6..=0.7).contains(&share) && known["plan"]["rarer"] == 8, "{known}");
    let table = String::from_utf8(world.command(&["--dry-run"]).output().unwrap().stdout).unwrap();
    assert!(
        table.contains("Plan: precision, of 9 series 8 rarer and 1 more often than configured"),
        "{table}"
    );

    let daemon = world.start(&[]);
    let told = || {
        let status: Value = serde_json::from_slice(&world.other(&["status", "--json"]).stdout).unwrap();
        status["daemon"]["plan"].clone()
    };
    until("the daemon tells its plan", || !told().is_null());
    assert_eq!(told(), known["plan"], "it is the one that was foretold");
    let screen = world.said(&["status"]);
    assert!(screen.contains("Plan: precision, of 9 series"), "{screen}");
    assert_eq!(daemon.stop().0, 0);
}

#[test]
fn runs_go_where_intervals_are_wide_on_sqlite() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    story(&Backend::sqlite(), &runtime);
}

#[test]
fn runs_go_where_intervals_are_wide_on_mongodb() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    story(&runtime.block_on(Backend::mongo()), &runtime);
}

#[test]
fn an_even_plan_is_the_default_and_says_nothing() {
    let world = World::new(&MODELS[..1], "");
    let document = dry_run(&world);
    assert_eq!((&document["plan"], planned(&document, MODELS[0]).1), (&Value::Null, &Value::Null));
    let shown = world.other(&["config", "show"]);
    assert!(String::from_utf8(shown.stdout).unwrap().contains("daemon.plan"));
}
