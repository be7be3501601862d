//! Two sides against each other: what is called a difference, the statuses, and what people see.

use super::bulk::{Row, fill, runs, start};
use crate::errors::odd::spoil;
use crate::errors::world::{World, broken, errors, text, worlds};
use crate::stores::backend::Backend;
use crate::support::catalog::put_model;
use crate::support::samples::failed;
use chrono::{SecondsFormat, TimeDelta};
use llmbench::domain::{FailureKind, FailureStage, ModelRef};
use mongodb::bson::{Document, doc};
use serde_json::{Value, json};
use std::process::Output;

/// Runs of a model at this pace, from this hour of August 2 on; each figure is the sample's, times `factor`.
fn paced(model: &str, hour: i64, minutes: i64, count: i64, factor: f64) -> Vec<Row> {
    let mut rows = runs(model, hour * 60, count, factor);
    for (row, number) in rows.iter_mut().zip(0..) {
        let at = start() + TimeDelta::hours(14 + hour) + TimeDelta::minutes(number * minutes);
        for (field, at) in [("run_ts", at), ("gen_ts", at + TimeDelta::milliseconds(1333))] {
            row[field] = json!(at.to_rfc3339_opts(SecondsFormat::Millis, true));
        }
    }
    rows
}

/// The same fields for all rows.
fn with(mut rows: Vec<Row>, fields: &[(&str, &str)]) -> Vec<Row> {
    for row in &mut rows {
        for (name, value) in fields {
            row["_id"] = json!(format!("{}-{value}", row["_id"].as_str().unwrap()));
            row.insert((*name).to_owned(), json!(value));
        }
    }
    rows
}

/// Half-hourly runs of five days.
const DAYS: i64 = 5 * 48;

/// Both stores with: two providers whose one common model is alike and whose others are not; a model that became slower
/// after a day; suspect runs, a thousand times too slow.
async fn filled() -> [World; 2] {
    let worlds = worlds().await;
    let mut rows: Vec<Row> = Vec::new();
    rows.extend(paced("together:shared", 0, 30, DAYS, 1.0));
    rows.extend(paced("fireworks:shared", 0, 30, DAYS, 1.0));
    rows.extend(paced("together:fast", 0, 60, DAYS / 2, 0.1));
    rows.extend(paced("fireworks:slow", 0, 60, DAYS / 2, 10.0));
    rows.extend(paced("together:drifts", 24 * 10, 20, 72, 1.0));
    rows.extend(paced("together:drifts", 24 * 11, 20, 72, 1.5));
    rows.extend(paced("together:rare", 0, 1, 4, 1.0));
    rows.extend(paced("together:few", 0, 30, 8, 1.0));
    let mut suspect = paced("together:shared", 24 * 3, 1, 5, 1000.0);
    suspect.iter_mut().for_each(|row| row["suspect"] = json!(true));
    rows.extend(with(suspect, &[("measured_by", "starved")]));
    for world in &worlds {
        fill(&world.backend, &rows, true).await;
        fill(&world.backend, &paced("together:probed", 0, 30, DAYS, 1.0), false).await;
    }
    worlds
}

const SINCE: [&str; 2] = ["--since", "2026-08-01"];

fn ask(world: &World, more: &[&str]) -> Output {
    world.ask(&["results", "compare"].iter().chain(more).copied().collect::<Vec<_>>())
}

fn status(world: &World, more: &[&str]) -> i32 {
    let output = ask(world, more);
    output.status.code().unwrap_or_else(|| panic!("{}", errors(&output)))
}

fn document(world: &World, more: &[&str]) -> Value {
    let output = ask(world, &more.iter().copied().chain(["--json"]).collect::<Vec<_>>());
    serde_json::from_str(&text(&output)).unwrap_or_else(|_| panic!("{}", errors(&output)))
}

const DAY_BEFORE: &str = "@2026-08-12..2026-08-13";
const DAY_AFTER: &str = "@2026-08-13..2026-08-14";

#[tokio::test]
async fn the_status_says_whether_a_difference_is_real() {
    let drifting = |window: &str| format!("together:drifts{window}");
    let (before, after) = (drifting(DAY_BEFORE), drifting(DAY_AFTER));
    for world in filled().await {
        for (more, code) in [
            (&["together:fast", "fireworks:slow", SINCE[0], SINCE[1]][..], 1),
            (&["together:shared", "fireworks:shared", SINCE[0], SINCE[1]], 0),
            // Another mix of models is no difference: the only common one is alike.
            (&["together", "fireworks", SINCE[0], SINCE[1]], 0),
            (&[&before, &after], 1),
            (&[&before, &after, "--metric", "ttft", "--min-difference", "40%"], 1),
            (&[&after, &before, "--metric", "ttft", "--min-difference", "40%"], 1),
            (&[&after, &before, "--metric", "ttft", "--min-difference", "60%"], 0),
            (&[&before, &after, "--metric", "ttft,generate_time", "--min-difference", "60%"], 0),
            (&[DAY_BEFORE, DAY_AFTER], 1),
            (&["together:rare", "together:fast", SINCE[0], SINCE[1]], 2),
            (&["together:nobody", "together:fast", SINCE[0], SINCE[1]], 2),
            // Runs outside the published series are compared as well, unless somebody narrows the question.
            (&["together:probed", "together:shared", SINCE[0], SINCE[1]], 0),
            (&["together:probed", "together:shared", SINCE[0], SINCE[1], "--published"], 2),
            (&["together:drifts", "together:drifts"], 2),
            (&["together:drifts", "together"], 2),
            (&["together:drifts@2026-08-01..", "together:drifts@2026-08-02.."], 2),
            (&["@nonsense..", "@7d.."], 2),
            (&["", "together"], 2),
            (&["together@2026-08-01..", "fireworks@2026-08-01..", "--since", "3d"], 2),
            (&["together", "fireworks", "--confidence", "100%"], 2),
        ] {
            assert_eq!(status(&world, more), code, "{more:?}: {}", errors(&ask(&world, more)));
        }
    }
}

#[tokio::test]
async fn the_document_says_what_was_compared_and_is_the_same_every_time() {
    let mut of_each = Vec::new();
    for world in filled().await {
        let whole = document(&world, &["together", "fireworks", SINCE[0], SINCE[1]]);
        assert_eq!((&whole["series"], &whole["models_left_out"]), (&json!("all"), &json!(6)));
        let question = ["together", "fireworks", SINCE[0], SINCE[1], "--published"];
        let found = document(&world, &question);
        assert_eq!(found, document(&world, &question));
        assert_eq!(
            (&found["real"], &found["models_in_both"], &found["models_left_out"]),
            (&json!(false), &json!(1), &json!(5))
        );
        assert_eq!((&found["a"]["runs"], &found["a"]["suspect"]), (&json!(521), &json!(5)));
        assert_eq!(found["figures"][0]["ratio"], 1.0);
        assert_eq!((&found["figures"][0]["n_a"], &found["figures"][0]["n_b"]), (&json!(240), &json!(240)));

        let (before, after) = (format!("together:drifts{DAY_BEFORE}"), format!("together:drifts{DAY_AFTER}"));
        let found = document(&world, &[&before, &after, "--metric", "ttft"]);
        let ttft = &found["figures"][0];
        assert_eq!(
            (&found["real"], &ttft["real"], &ttft["metric"]),
            (&json!(true), &json!(true), &json!("ttft"))
        );
        assert_eq!(found["confidence_each"], 0.95);
        assert!((ttft["ratio"].as_f64().unwrap() - 1.5).abs() < 0.02, "{ttft}");
        assert!(
            ttft["ratio_low"].as_f64().unwrap() > 1.4 && ttft["ratio_high"].as_f64().unwrap() < 1.6,
            "{ttft}"
        );
        assert!((ttft["difference"].as_f64().unwrap() - 0.2).abs() < 0.01, "{ttft}");
        of_each.push((found, document(&world, &question)));
    }
    assert_eq!(of_each[0], of_each[1], "both stores say the same");
}

async fn name_in_catalog(world: &World, model: &ModelRef, name: &str) {
    let ModelRef { provider, model_id } = model;
    match &world.backend {
        Backend::Sqlite(_) => {
            let url = world.backend.url();
            let connection = rusqlite::Connection::open(url.strip_prefix("sqlite:").unwrap()).unwrap();
            let sql =
                "UPDATE models SET doc = json_object('canonical_id', ?) WHERE provider = ? AND model_id = ?";
            assert_eq!(connection.execute(sql, [name, provider, model_id]).unwrap(), 1);
        }
        Backend::Mongo(database) => {
            let (this, set) =
                (doc! { "provider": provider, "model_id": model_id }, doc! { "canonical_id": name });
            database.collection::<Document>("models").update_one(this, doc! { "$set": set }).await.unwrap();
        }
    }
}

#[tokio::test]
async fn models_of_two_providers_may_go_by_the_catalogs_name() {
    for world in filled().await {
        for model in ["together:fast", "fireworks:slow"] {
            put_model(&*world.store, &model.parse().unwrap(), "", false).await.unwrap();
            name_in_catalog(&world, &model.parse().unwrap(), "canonical").await;
        }
        let found = document(&world, &["together", "fireworks", SINCE[0], SINCE[1]]);
        assert_eq!((&found["models_in_both"], &found["real"]), (&json!(2), &json!(true)));
        assert_eq!(found["models"][0]["model"], "canonical");
    }
}

#[tokio::test]
async fn odd_rows_are_left_out_and_counted() {
    for world in filled().await {
        spoil(&world).await;
        let output = ask(&world, &["@2026-07-01..2026-08-02T02:00:00Z", "@2026-08-02T02:00:00Z.."]);
        assert_eq!(output.status.code(), Some(2), "{}", errors(&output));
        let whole = document(&world, &["together", "fireworks", SINCE[0], SINCE[1]]);
        assert_eq!(whole["a"]["odd_rows"], 0);
        let odd = document(&world, &["@..2026-08-02T02:00:00Z", "@2026-08-02T02:00:00Z.."]);
        let counted = odd["a"]["odd_rows"].as_u64().unwrap() + odd["a"]["odd_values"].as_u64().unwrap();
        assert!(counted > 0 || world.is_mongo(), "{odd}");
        if counted > 0 {
            assert!(errors(&output).contains("left out"), "{}", errors(&output));
        }
    }
}

/// One runner is twice as far from the provider as the other. Where it falls silent, the medians of all runs differ.
#[tokio::test]
async fn a_runner_that_goes_silent_makes_no_difference() {
    let of = |runner, hour, factor| {
        let rows = paced("together:shared", hour, 30, DAYS, factor);
        with(rows, &[("runner", runner), ("benchmark_profile_id", "cloud-default-v1")])
    };
    for world in worlds().await {
        for rows in [of("near", 0, 1.0), of("far", 0, 2.0), of("near", 24 * 7, 1.0)] {
            fill(&world.backend, &rows, true).await;
        }
        let windows = ["together:shared@2026-08-02..2026-08-09", "together:shared@2026-08-09..2026-08-16"];
        assert_eq!(status(&world, &windows), 0);
        let found = document(&world, &windows);
        assert_eq!(found["strata"][0]["runner"], "far");
        assert_eq!(
            (&found["strata"][0]["runs_a"], &found["strata"][0]["compared"]),
            (&json!(240), &json!(false))
        );
        assert_eq!((&found["figures"][0]["n_a"], &found["figures"][0]["blocks_b"]), (&json!(240), &json!(5)));
        let told = text(&ask(&world, &windows)).replace('\n', " ");
        assert!(told.contains("Only A has runs of runner far, profile cloud-default-v1"), "{told}");
    }
}

/// B looks a tenth faster, because what would have been slow failed.
#[tokio::test]
async fn failures_of_a_side_are_told_beside_its_speed() {
    let worlds = worlds().await;
    for world in &worlds {
        fill(&world.backend, &paced("together:shared", 0, 30, DAYS, 1.0), true).await;
        fill(&world.backend, &paced("fireworks:shared", 0, 45, DAYS * 2 / 3, 0.9), true).await;
        for number in 0..DAYS / 3 {
            let (id, minutes) = (format!("slow-{number}"), 14 * 60 + number * 90);
            let (kind, stage) = (FailureKind::Timeout, FailureStage::Stream);
            let failure = broken(&id, "fireworks:shared", minutes, kind, stage, "no end within 60 s");
            world.store.record(&failed(&failure)).await.unwrap();
        }
        // A failure of our own side is none of the provider's.
        let ours = broken("ours", "together:shared", 900, FailureKind::Interrupted, FailureStage::Stream, "");
        world.store.record(&failed(&ours)).await.unwrap();
        let sides = ["together", "fireworks", "--from", "2026-08-01", "--to", "2026-08-09"];
        let found = document(world, &sides);
        let failures = &found["failures"];
        assert_eq!((&failures["failures_a"], &failures["failures_b"]), (&json!(0), &json!(80)));
        assert_eq!((&failures["attempts_b"], &failures["differ"]), (&json!(240), &json!(true)));
        assert!(failures["difference_low"].as_f64().unwrap() > 0.2, "{failures}");
        let output = ask(world, &sides);
        let told = text(&output).replace('\n', " ");
        assert_eq!(output.status.code(), Some(1));
        assert!(told.contains("B fails more often, and the figures are of the answers that came"), "{told}");
        let swapped =
            document(world, &["fireworks", "together", "--from", "2026-08-01", "--to", "2026-08-09"]);
        assert_eq!(
            swapped["failures"]["difference_high"],
            json!(-failures["difference_low"].as_f64().unwrap())
        );
    }
}

#[tokio::test]
async fn sides_swapped_give_the_mirrored_answer() {
    for world in filled().await {
        let (before, after) = (format!("together:drifts{DAY_BEFORE}"), format!("together:drifts{DAY_AFTER}"));
        for least in ["0", "10%", "49%", "51%"] {
            let [found, mirrored] = [[&before, &after], [&after, &before]]
                .map(|[a, b]| document(&world, &[a.as_str(), b, "--min-difference", least]));
            assert_eq!(found["real"], mirrored["real"], "{least}");
            for (one, other) in
                found["figures"].as_array().unwrap().iter().zip(mirrored["figures"].as_array().unwrap())
            {
                let of = |figure: &Value, name: &str| figure[name].as_f64().unwrap();
                assert!((of(one, "ratio") * of(other, "ratio") - 1.0).abs() < 1e-9, "{one} {other}");
                assert!((of(one, "ratio_low") * of(other, "ratio_high") - 1.0).abs() < 1e-9, "{one} {other}");
                assert!((of(one, "difference_low") + of(other, "difference_high")).abs() < 1e-9);
                assert_eq!((&one["median_a"], &one["real"]), (&other["median_b"], &other["real"]));
            }
        }
    }
}

#[tokio::test]
async fn a_window_that_is_too_short_says_how_long_it_would_take() {
    for world in filled().await {
        let output =
            ask(&world, &["together:few", "together:shared", SINCE[0], SINCE[1], "--metric", "ttft"]);
        assert_eq!(output.status.code(), Some(2));
        let told = errors(&output).replace('\n', " ");
        assert!(told.contains("too few runs to tell. Too short: A has 2 blocks of 3 hours"), "{told}");
        assert!(
            told.contains("that is 9 hours") && told.contains("At the present noise it takes about"),
            "{told}"
        );
        let found = document(&world, &["together:few", "together:shared", SINCE[0], SINCE[1]]);
        let ttft = &found["figures"][0];
        assert_eq!(
            (&ttft["real"], &ttft["ratio"], &ttft["blocks_a"]),
            (&Value::Null, &Value::Null, &json!(2))
        );
        assert!(ttft["hours_to_decide"].as_u64().unwrap() >= 9, "{ttft}");
        // Of one block nothing is known of the noise, and the least is told.
        let output =
            ask(&world, &["together:rare", "together:rare@2026-07-01..2026-08-01", SINCE[0], SINCE[1]]);
        assert_eq!(output.status.code(), Some(2));
        assert!(errors(&output).contains("No model has runs of both sides"), "{}", errors(&output));
    }
}

/// Evenings are slower than mornings at this provider, every day.
#[tokio::test]
async fn hours_of_the_day_are_matched_or_told() {
    for world in worlds().await {
        let of = |model: &str, hour: i64, factor: f64| {
            (0..5).flat_map(move |day| paced(model, day * 24 + hour, 30, 18, factor)).collect::<Vec<_>>()
        };
        let rows: [Vec<Row>; 5] = [
            of("together:whole", 0, 1.0),
            of("together:whole", 9, 2.0),
            of("together:morning", 0, 1.0),
            of("together:evening", 9, 2.0),
            of("together:night", 18, 2.0),
        ];
        for rows in rows {
            fill(&world.backend, &rows, true).await;
        }
        let matched = ["together:whole", "together:morning", SINCE[0], SINCE[1], "--metric", "ttft"];
        assert_eq!(status(&world, &matched), 0);
        let figure = &document(&world, &matched)["figures"][0];
        assert_eq!((&figure["hours_of_day"], &figure["other_hours_a"]), (&json!("matched"), &json!(90)));
        let told = text(&ask(&world, &matched)).replace('\n', " ");
        assert!(told.contains("90 runs of A and 0 of B are left out"), "{told}");
        let apart = ["together:morning", "together:evening", SINCE[0], SINCE[1], "--metric", "ttft"];
        assert_eq!(status(&world, &apart), 1);
        assert_eq!(document(&world, &apart)["figures"][0]["hours_of_day"], "apart");
        let told = text(&ask(&world, &apart)).replace('\n', " ");
        assert!(
            told.contains("no hours of the day in common") && told.contains("that of the hours"),
            "{told}"
        );
    }
}

#[tokio::test]
async fn pictures() {
    let worlds = filled().await;
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let to = ["--from", "2026-08-01", "--to", "2026-08-09"];
    for (name, a, b) in [
        ("models", "together:fast", "fireworks:slow"),
        ("providers", "together", "fireworks"),
        ("windows", DAY_BEFORE, DAY_AFTER),
        ("few", "together:rare", "together:few"),
    ] {
        let window = if name == "windows" { &[][..] } else { &to[..] };
        for columns in [80, 140] {
            let question: Vec<&str> = ["results", "compare", a, b].iter().chain(window).copied().collect();
            let [sqlite, mongo] = [0, 1].map(|at: usize| text(&worlds[at].at_columns(columns, &question)));
            assert_eq!(sqlite, mongo, "{name}");
            assert!(sqlite.lines().all(|line| line.chars().count() <= columns as usize), "{sqlite}");
            settings.bind(|| insta::assert_snapshot!(format!("results_compare_{name}_{columns}"), sqlite));
        }
    }
}
