//! Two sides against each other: what is called a difference, the statuses, and what people see.

use super::bulk::{Row, fill, runs};
use crate::errors::odd::spoil;
use crate::errors::world::{World, errors, text, worlds};
use crate::stores::backend::Backend;
use crate::support::catalog::put_model;
use llmbench::domain::ModelRef;
use mongodb::bson::{Document, doc};
use serde_json::{Value, json};
use std::process::Output;

/// Both stores with: two providers whose one common model is alike and whose others are not; a model that became slower
/// after an hour; suspect runs, a thousand times too slow.
async fn filled() -> [World; 2] {
    let worlds = worlds().await;
    let mut rows: Vec<Row> = Vec::new();
    rows.extend(runs("together:shared", 1000, 40, 1.0));
    rows.extend(runs("fireworks:shared", 1000, 40, 1.0));
    rows.extend(runs("together:fast", 1000, 60, 0.1));
    rows.extend(runs("fireworks:slow", 1000, 60, 10.0));
    rows.extend(runs("together:drifts", 1000, 60, 1.0));
    rows.extend(runs("together:drifts", 1060, 60, 1.5));
    rows.extend(runs("together:rare", 1000, 4, 1.0));
    rows.extend(runs("together:few", 1000, 8, 1.0));
    rows.extend(runs("together:shared", 1100, 5, 1000.0).into_iter().map(|mut row| {
        row["suspect"] = json!(true);
        row
    }));
    for world in &worlds {
        fill(&world.backend, &rows, true).await;
        fill(&world.backend, &runs("together:probed", 1000, 20, 1.0), false).await;
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

const HOUR_BEFORE: &str = "@2026-08-02T02:00:00Z..2026-08-02T03:40:00Z";
const HOUR_AFTER: &str = "@2026-08-02T03:40:00Z..2026-08-02T04:40:00Z";

#[tokio::test]
async fn the_status_says_whether_a_difference_is_real() {
    let drifting = |window: &str| format!("together:drifts{window}");
    let (before, after) = (drifting(HOUR_BEFORE), drifting(HOUR_AFTER));
    for world in filled().await {
        for (more, code) in [
            (&["together:fast", "fireworks:slow", SINCE[0], SINCE[1]][..], 1),
            (&["together:shared", "fireworks:shared", SINCE[0], SINCE[1]], 0),
            // Another mix of models is no difference: the only common one is alike.
            (&["together", "fireworks", SINCE[0], SINCE[1]], 0),
            (&[&before, &after], 1),
            (&[&before, &after, "--metric", "ttft", "--min-difference", "40%"], 1),
            (&[&before, &after, "--metric", "ttft,generate_time", "--min-difference", "60%"], 0),
            (&[HOUR_BEFORE, HOUR_AFTER], 1),
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
        assert_eq!((&found["a"]["runs"], &found["a"]["suspect"]), (&json!(237), &json!(5)));
        assert_eq!(found["figures"][0]["ratio"], 1.0);
        assert_eq!((&found["figures"][0]["n_a"], &found["figures"][0]["n_b"]), (&json!(40), &json!(40)));

        let (before, after) =
            (format!("together:drifts{HOUR_BEFORE}"), format!("together:drifts{HOUR_AFTER}"));
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

#[tokio::test]
async fn few_runs_make_a_warning() {
    for world in filled().await {
        let output = ask(&world, &["together:few", "together:shared", SINCE[0], SINCE[1]]);
        assert!(
            errors(&output).contains("fewer than 20 runs")
                && errors(&output).contains("TTFT (8 and 40 runs)")
        );
        assert!(matches!(output.status.code(), Some(0 | 1)));
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
        ("windows", HOUR_BEFORE, HOUR_AFTER),
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
