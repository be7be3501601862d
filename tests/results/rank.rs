//! `llmbench results rank`: places, what keeps a model from one, and what people see, on both stores.

use super::bulk::{Row, fill, row};
use crate::errors::world::{World, broken, errors, text, worlds};
use crate::support::samples::failed;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use llmbench::domain::{FailureKind, FailureStage};
use serde_json::{Value, json};
use std::process::Output;

/// A week and its flags; nothing else is stored in it.
const WEEK: [&str; 4] = ["--from", "2026-08-09", "--to", "2026-08-16"];

fn monday() -> DateTime<Utc> {
    "2026-08-09T00:00:00Z".parse().unwrap()
}

/// Half-hourly runs of a model at a runner, from this half hour of the week on: every figure is the sample's, times
/// `factor`, differs a little from run to run, and by 2 % from day to day.
fn runs(model: &str, runner: &str, half_hours: std::ops::Range<i64>, factor: f64) -> Vec<Row> {
    let run = |number: i64| {
        let mut row = row(&format!("{model}-{runner}-{number:04}"), model, 0);
        let (at, day) = (monday() + TimeDelta::minutes(30 * number + 7), number / 48);
        // The golden ratio spreads evenly.
        let noise = 0.9 + 0.2 * (number as f64 * 0.618_033_988_749_895).fract();
        let seconds = 0.4 * factor * noise * (1.0 + 0.02 * (day * 3 % 5) as f64);
        for (name, value) in [
            ("run_ts", json!(at.to_rfc3339_opts(SecondsFormat::Millis, true))),
            ("gen_ts", json!((at + TimeDelta::seconds(1)).to_rfc3339_opts(SecondsFormat::Millis, true))),
            ("time_to_first_token", json!(seconds)),
            ("tokens_per_second", json!(20.0 / seconds)),
            ("benchmark_profile_id", json!("cloud-default-v1")),
            ("sample_role", json!("published")),
            ("connection", json!("cold")),
            ("suspect", json!(false)),
            ("runner", json!(runner)),
            ("route_endpoint_tag", json!(format!("{}/direct", model.split(':').next().unwrap()))),
            ("quantization", json!("fp8")),
        ] {
            row.insert(name.to_owned(), value);
        }
        row
    };
    half_hours.map(run).collect()
}

fn with(mut rows: Vec<Row>, name: &str, value: &Value) -> Vec<Row> {
    for row in &mut rows {
        row["_id"] = json!(format!("{}-{name}-{value}", row["_id"].as_str().unwrap()));
        row.insert(name.to_owned(), value.clone());
    }
    rows
}

const ALL: std::ops::Range<i64> = 0..7 * 48;

/// Both stores with: two models that are alike, one twice and one four times as slow, a new one, one that only fails, one of
/// another profile, one that only another runner measures, mornings alone, suspect ones, and warm runs of the first.
async fn filled() -> [World; 2] {
    let worlds = worlds().await;
    let rows: Vec<Row> = [
        runs("groq:like", "tokyo", ALL, 1.0),
        runs("cerebras:alike", "tokyo", ALL, 1.002),
        runs("openai:slower", "tokyo", ALL, 2.0),
        runs("bedrock:slowest", "tokyo", ALL, 4.0),
        runs("together:new", "tokyo", 250..ALL.end, 0.1),
        with(runs("together:long", "tokyo", ALL, 0.1), "benchmark_profile_id", &json!("cloud-long-v1")),
        runs("together:paris", "paris", ALL, 0.1),
        runs("groq:like", "paris", ALL, 3.0),
        (0..7).flat_map(|day| runs("together:mornings", "tokyo", day * 48..day * 48 + 20, 0.1)).collect(),
        with(runs("together:doubtful", "tokyo", ALL, 0.1), "suspect", &json!(true)),
        with(runs("groq:like", "tokyo", 0..100, 0.01), "connection", &json!("warm")),
    ]
    .concat();
    for world in &worlds {
        fill(&world.backend, &rows, true).await;
        for number in 0..6 {
            for (model, kind) in [
                ("vertex:gone", FailureKind::HardModel),
                ("openai:slower", FailureKind::Timeout),
                ("openai:slower", FailureKind::Interrupted),
            ] {
                let id = format!("{model}-{kind}-{number}");
                let mut failure = broken(&id, model, 0, kind, FailureStage::Response, "no");
                failure.ts = monday() + TimeDelta::hours(number * 9);
                failure.extra.insert("runner".to_owned(), json!("tokyo"));
                world.store.record(&failed(&failure)).await.unwrap();
            }
        }
    }
    worlds
}

fn ask(world: &World, more: &[&str]) -> Output {
    world.ask(&["results", "rank"].iter().chain(&WEEK).chain(more).copied().collect::<Vec<_>>())
}

fn document(world: &World, more: &[&str]) -> Value {
    let output = ask(world, &more.iter().copied().chain(["--json"]).collect::<Vec<_>>());
    assert_eq!(output.status.code(), Some(0), "{more:?}: {}", errors(&output));
    serde_json::from_str(&text(&output)).unwrap()
}

/// Model, first and last place.
fn places(document: &Value) -> Vec<(String, Option<u64>, Option<u64>)> {
    let model = |row: &Value| {
        let name = format!("{}:{}", row["provider"].as_str().unwrap(), row["model"].as_str().unwrap());
        (name, row["place_from"].as_u64(), row["place_to"].as_u64())
    };
    document["models"].as_array().unwrap().iter().map(model).collect()
}

fn of<'a>(document: &'a Value, model: &str) -> &'a Value {
    let mut models = document["models"].as_array().unwrap().iter();
    models.find(|row| row["model"] == model).unwrap_or_else(|| panic!("{model} is not in {document}"))
}

#[tokio::test]
async fn places_are_shared_where_the_order_is_open() {
    let mut of_each = Vec::new();
    for world in filled().await {
        let mut found = document(&world, &[]);
        let expected = [
            ("groq:like", Some(1), Some(2)),
            ("cerebras:alike", Some(1), Some(2)),
            ("openai:slower", Some(3), Some(3)),
            ("bedrock:slowest", Some(4), Some(4)),
        ];
        let expected = expected.map(|(name, from, to)| (name.to_owned(), from, to));
        assert_eq!(places(&found)[..4], expected);
        assert_eq!((&found["profile"], &found["connection"]), (&json!("cloud-default-v1"), &json!("cold")));
        assert_eq!((&found["runners"], &found["block_hours"]), (&json!(["tokyo"]), &json!(24)));
        assert_eq!((&found["tiers"], &found["ranked"]), (&json!(3), &json!(4)));
        let slower = of(&found, "slower");
        let value = |name: &str| slower[name].as_f64().unwrap();
        assert!(value("median_low") < value("median") && value("median") < value("median_high"), "{slower}");
        assert!((value("median") / 0.82 - 1.0).abs() < 0.05, "{slower}");
        assert_eq!(
            (&slower["order"], &slower["n"], &slower["blocks"]),
            (&json!("settled"), &json!(336), &json!(7))
        );
        // A failure of our own side is none of the provider's.
        assert_eq!((&slower["attempts"], &slower["failures"]), (&json!(342), &json!(6)));
        assert!((value("availability") - 336.0 / 342.0).abs() < 1e-9);
        assert_eq!(slower["newest_at"], "2026-08-15T23:37:00.000Z");
        assert_eq!(value("span_seconds"), 335.0 * 1800.0);
        assert_eq!(
            (&slower["dashboard_place"], &slower["dashboard_missing"]),
            (&json!("official"), &json!([]))
        );
        assert_eq!(slower["dashboard_endpoint_tag"], "openai/direct");
        found.as_object_mut().unwrap().remove("as_of");
        found["models"].as_array_mut().unwrap().iter_mut().for_each(|row| row["age_seconds"] = Value::Null);
        of_each.push(found);
    }
    assert_eq!(of_each[0], of_each[1], "both stores say the same");
}

#[tokio::test]
async fn what_a_model_lacks_is_said_and_it_has_no_place() {
    for world in filled().await {
        let found = document(&world, &[]);
        for (model, missing, attempts) in [
            ("new", "2 of 3 days", 86),
            ("gone", "an answer: all attempts failed (6)", 6),
            ("long", "runs under these circumstances", 0),
            ("paris", "runs under these circumstances", 0),
            ("mornings", "runs from 12:00 to 00:00 UTC", 140),
            ("doubtful", "runs with this figure that are not suspect", 336),
        ] {
            let row = of(&found, model);
            assert_eq!((&row["missing"], &row["attempts"]), (&json!(missing), &json!(attempts)), "{model}");
            assert_eq!((&row["median"], &row["place_from"]), (&Value::Null, &Value::Null));
        }
        assert_eq!(of(&found, "gone")["availability"], 0.0);
        assert_eq!(of(&found, "new")["dashboard_place"], "preliminary");
        let others = found["other_circumstances"].as_array().unwrap();
        assert_eq!((others.len(), &others[0]["models"]), (3, &json!(2)), "{found}");
        assert_eq!(others[0]["runner"], "paris");
    }
}

#[tokio::test]
async fn circumstances_and_figures_are_chosen_by_flags() {
    for world in filled().await {
        let first = |more: &[&str]| places(&document(&world, more))[0].0.clone();
        assert_eq!(first(&["--profile", "long"]), "together:long");
        assert_eq!(first(&["--profile", "cloud-long-v1", "--metric", "tps"]), "together:long");
        assert_eq!(first(&["--runner", "paris"]), "together:paris");
        let warm = document(&world, &["--connection", "warm"]);
        assert_eq!(places(&warm)[0], ("groq:like".to_owned(), Some(1), Some(1)));
        assert_eq!(of(&warm, "slower")["missing"], "runs under these circumstances");
        assert_eq!(first(&["--provider", "openai"]), "openai:slower");
        let rates = document(&world, &["--metric", "tokens_per_second"]);
        assert_eq!((&rates["better"], &rates["unit"]), (&json!("higher"), &json!("tokens_per_second")));
        assert_eq!(places(&rates)[3].0, "bedrock:slowest");
        let both = document(&world, &["--runner", "paris,tokyo"]);
        assert_eq!(places(&both)[0], ("groq:like".to_owned(), Some(1), Some(1)));
        assert_eq!(of(&both, "like")["n"], 672);
        assert_eq!(of(&both, "slower")["missing"], "runs of runner paris");
        for (more, said) in [
            (["--runner", "toky"], "no run of runner `toky` is stored in this window: did you mean tokyo?"),
            (["--runner", "-"], "no run of runner `-` is stored in this window"),
            (["--profile", "nobody"], "no run of profile `nobody` is stored in this window"),
            (["--provider", "nobody"], "nobody"),
            (["--metric", "all"], "invalid value 'all'"),
        ] {
            let output = ask(&world, &more);
            assert_eq!(output.status.code(), Some(2), "{more:?}");
            assert!(errors(&output).contains(said), "{more:?}: {}", errors(&output));
        }
        let nothing = world.ask(&["results", "rank", "--from", "2026-07-01", "--to", "2026-07-02"]);
        assert_eq!((nothing.status.code(), text(&nothing)), (Some(0), String::new()));
        assert!(errors(&nothing).contains("no attempt is stored that fits"), "{}", errors(&nothing));
    }
}

/// A place of the dashboard is that of its own week, however short the question is.
#[tokio::test]
async fn short_windows_have_blocks_of_three_hours_and_the_dashboards_week() {
    for world in filled().await {
        let window = ["results", "rank", "--from", "2026-08-14", "--to", "2026-08-15", "--json"];
        let found: Value = serde_json::from_str(&text(&world.ask(&window))).unwrap();
        assert_eq!((&found["block_hours"], &of(&found, "like")["blocks"]), (&json!(3), &json!(8)), "{found}");
        assert_eq!(
            (&of(&found, "like")["n"], &of(&found, "like")["dashboard_place"]),
            (&json!(48), &json!("official"))
        );
        let told = text(&world.ask(&window[..6])).replace('\n', " ");
        assert!(told.contains("Fewer than three days do not tell how days differ"), "{told}");
    }
}

/// The text without how long ago the newest run was, which depends on today.
fn ageless(shown: &str) -> String {
    let days = (Utc::now() - monday() - TimeDelta::days(6)).num_days();
    [days, days - 1, days + 1].iter().fold(shown.to_owned(), |shown, days| {
        let age = format!("{days} d ago");
        shown.replace(&age, &"x".repeat(age.len()))
    })
}

#[tokio::test]
async fn pictures() {
    let worlds = filled().await;
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let question = [&["results", "rank"], &WEEK[..]].concat();
    for columns in [60, 100] {
        let [sqlite, mongo] =
            [0, 1].map(|at: usize| ageless(&text(&worlds[at].at_columns(columns, &question))));
        assert_eq!(sqlite, mongo);
        assert!(sqlite.lines().all(|line| line.chars().count() <= columns as usize), "{sqlite}");
        settings.bind(|| insta::assert_snapshot!(format!("results_rank_stored_{columns}"), sqlite));
    }
    let sheet = worlds[0].told(&[&question[..], &["--csv"]].concat());
    assert_eq!(sheet.lines().count(), 11);
    assert!(sheet.starts_with("place_from,place_to,order,provider,model,"), "{sheet}");
}
