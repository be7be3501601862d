//! Silent swaps of answers through the binary, on both stores: their length at temperature 0, the text of a canary and its
//! probabilities. What is found and told, that cut answers and other temperatures are none, and that blocks which an older
//! program made say nothing of lengths.

use super::bulk::{Row, fill};
use super::changes::{Behaviour, ask, document, history, worlds};
use crate::errors::world::{World, text};
use crate::stores::backend::Backend;
use chrono::{DateTime, TimeDelta, Utc};
use llmbench::domain::digest::sha256_hex;
use mongodb::bson::{Document, doc};
use rusqlite::Connection;
use serde_json::{Value, json};

/// Days of history, and when answers became others.
const DAYS: f64 = 34.0;
const SWAPPED: f64 = 8.0;

fn days_ago(row: &Row, now: DateTime<Utc>) -> f64 {
    let at = row["run_ts"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
    (now - at).num_minutes() as f64 / 1440.0
}

/// Rows of a steady model, each changed; `days` as in [`history`].
fn rows(
    model: &'static str,
    now: DateTime<Utc>,
    days: (f64, f64),
    change: impl Fn(f64, &mut Row),
) -> Vec<Row> {
    let steady = Behaviour { model, factor: 1.0, from: 0.0, to: 0.0 };
    let mut rows = history(now, &steady, days);
    for row in &mut rows {
        let ago = days_ago(row, now);
        change(ago, row);
    }
    rows
}

/// An answer of about so many tokens, which differ from row to row.
fn answered(row: &mut Row, temperature: f64, tokens: f64, ended: &str) {
    let at = row["run_ts"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
    let chance = (at.timestamp() as f64 / 3600.0 * 0.618_033_988_75).fract() - 0.5;
    let tokens = (tokens * (1.0 + 0.1 * chance)).round() as u64;
    for (field, value) in [
        ("temperature", json!(temperature)),
        ("adaptations", json!([])),
        ("finish_reason", json!(ended)),
        ("output_tokens", json!(tokens)),
        ("max_output_tokens_attempted", json!(512)),
    ] {
        row.insert(field.to_owned(), value);
    }
}

/// One model whose answers become shorter, one that is asked at another temperature, one whose answers are cut.
fn of_lengths(now: DateTime<Utc>, days: (f64, f64)) -> Vec<Row> {
    let tokens = |ago: f64| if ago < SWAPPED { 150.0 } else { 204.0 };
    let mut all = rows("groq:shorter", now, days, |ago, row| answered(row, 0.0, tokens(ago), "stop"));
    all.extend(rows("groq:warmer", now, days, |ago, row| answered(row, 0.1, tokens(ago), "stop")));
    all.extend(rows("groq:cut", now, days, |ago, row| answered(row, 0.0, tokens(ago), "length")));
    all
}

/// An answer a day of two canaries: one says other words from some day on, one the same with other probabilities.
fn canaries(now: DateTime<Utc>) -> Vec<Row> {
    let mut all = Vec::new();
    for model in ["groq:words", "groq:odds"] {
        let daily = rows(model, now, (DAYS, 0.0), |ago, row| {
            let is_new = ago < SWAPPED;
            let words = if is_new && model == "groq:words" { "bee, boar" } else { "bear, \u{1b}[2Jbat" };
            let logprob = if is_new { -0.6 } else { -0.125 };
            let tremble = 0.004 * (ago * 7.3).sin();
            for (field, value) in [
                ("sample_role", json!("canary")),
                ("benchmark_profile_id", json!("canary-v1")),
                ("answer_text", json!(words)),
                ("answer_sha256", json!(sha256_hex(words))),
                ("answer_logprobs", json!([logprob + tremble, -0.5])),
                ("_id", json!(format!("canary-{}", row["_id"].as_str().unwrap()))),
            ] {
                row.insert(field.to_owned(), value);
            }
        });
        all.extend(daily.into_iter().step_by(24));
    }
    all
}

fn swaps(world: &World) -> Vec<Value> {
    let found = document(world, &[]);
    let mut all: Vec<Value> = found["changes"].as_array().unwrap().clone();
    all.retain(|change| change["kind"] == "swap");
    all.sort_by_key(|change| change["model"].to_string());
    all
}

fn moment(of: &Value, name: &str) -> DateTime<Utc> {
    of[name].as_str().unwrap().parse().unwrap()
}

/// The time of the swap is within its interval, and near.
fn assert_began(swap: &Value, now: DateTime<Utc>) {
    let began = now - TimeDelta::minutes((SWAPPED * 1440.0) as i64);
    let slack = TimeDelta::hours(3);
    assert!(moment(&swap["began"], "earliest") <= began + slack, "{swap}");
    assert!(began <= moment(&swap["began"], "latest") + TimeDelta::days(1), "{swap}");
    assert!((moment(&swap["began"], "at") - began).abs() <= TimeDelta::days(1) + slack, "{swap}");
    assert!(moment(swap, "noticed_at") <= now, "nothing is certain before it happened: {swap}");
}

#[tokio::test]
async fn answers_of_another_length_are_found_and_cut_ones_say_nothing() {
    for world in worlds().await {
        let now = Utc::now();
        fill(&world.backend, &of_lengths(now, (DAYS, 0.0)), true).await;
        let found = swaps(&world);
        let [one] = &found[..] else { panic!("{found:?}") };
        assert_eq!([&one["model"], &one["fact"]], [&json!("shorter"), &json!("output_tokens")]);
        let tokens =
            |name: &str| one[name].as_str().unwrap().strip_suffix(" tokens").unwrap().parse::<f64>().unwrap();
        assert!((tokens("before") - 204.0).abs() < 5.0 && (tokens("after") - 150.0).abs() < 5.0, "{one}");
        assert_eq!((&one["cause"], &one["ended"]), (&json!("answers_changed"), &Value::Null));
        assert_began(one, now);
        assert_eq!(swaps(&world), found, "once");
        let id = one["id"].as_str().unwrap();
        let shown = text(&ask(&world, &["--explain", id]));
        assert!(shown.contains("answers at temperature 0 had 20"), "{shown}");
    }
}

#[tokio::test]
async fn a_canary_that_answers_otherwise_is_told_with_both_answers() {
    for world in worlds().await {
        let now = Utc::now();
        fill(&world.backend, &canaries(now), false).await;
        let found = swaps(&world);
        let told = |one: &Value| (one["model"].clone(), one["fact"].clone());
        let expected = [("odds", "answer_logprobs"), ("words", "answer_text")];
        assert_eq!(found.iter().map(told).collect::<Vec<_>>(), expected.map(|(a, b)| (json!(a), json!(b))));
        let words = &found[1];
        assert_eq!(
            (&words["before"], &words["after"], &words["profile"]),
            (&json!("bear, \u{1b}[2Jbat"), &json!("bee, boar"), &json!("canary-v1"))
        );
        let line = words["cause_line"].as_str().unwrap();
        assert!(line.contains("became \"bee, boar\""), "{line}");
        assert!(found[0]["after"].as_str().unwrap().starts_with("mean -0.5"), "{found:?}");
        found.iter().for_each(|one| assert_began(one, now));
        assert_eq!(swaps(&world), found, "once");
        // No figure of a canary is looked at, and no escape of an answer reaches the terminal.
        assert_eq!(
            document(&world, &[])["series"],
            json!({"judged": 0, "too_young": 0, "too_thin": 0, "days_needed": 17})
        );
        let shown = text(&ask(&world, &["--wide"]));
        assert!(shown.contains("answer_text") && !shown.contains('\u{1b}'), "{shown}");
    }
}

/// Blocks as an older program made them.
async fn forget_lengths(backend: &Backend) {
    match backend {
        Backend::Sqlite(_) => {
            let connection = Connection::open(backend.url().strip_prefix("sqlite:").unwrap()).unwrap();
            let sql = "UPDATE series_blocks SET doc = json_remove(doc, '$.answer_tokens')";
            assert!(connection.execute(sql, []).unwrap() > 20);
        }
        Backend::Mongo(database) => {
            let blocks = database.collection::<Document>("bench_series_blocks");
            let forgotten = doc! { "$unset": { "answer_tokens": "" } };
            assert!(blocks.update_many(doc! {}, forgotten).await.unwrap().modified_count > 20);
        }
    }
}

#[tokio::test]
async fn blocks_without_lengths_are_unknown_and_no_change() {
    for world in worlds().await {
        let now = Utc::now();
        let old = rows("groq:shorter", now, (DAYS, SWAPPED), |_, row| answered(row, 0.0, 204.0, "stop"));
        fill(&world.backend, &old, true).await;
        assert_eq!(swaps(&world), [Value::Null; 0]);
        forget_lengths(&world.backend).await;
        let new = rows("groq:shorter", now, (SWAPPED, 0.0), |_, row| answered(row, 0.0, 150.0, "stop"));
        fill(&world.backend, &new, true).await;
        assert_eq!(swaps(&world), [Value::Null; 0], "eight days of a length are no baseline of another");
    }
}
