//! `llmbench results changes` through the binary, on both stores: simulated weeks of rows with a step in them. What is
//! found, explained, acknowledged and told as over; rows that arrive late; stores without blocks; two at once.

use super::bulk::{Row, fill, row};
use crate::errors::world::{World, errors, text};
use crate::stores::backend::Backend;
use crate::support::Home;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use mongodb::bson::{Document, doc};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::process::Output;

/// Days of history.
const DAYS: i64 = 40;

/// Hours between two rows of a series.
const EVERY: i64 = 1;

/// How a series behaves: its time to first token is multiplied by `factor` from `from` days ago to `to` days ago.
pub struct Behaviour {
    pub model: &'static str,
    pub factor: f64,
    pub from: f64,
    pub to: f64,
}

/// Rows of a series from so many days ago to so many days ago, with noise, a daily cycle and days that differ.
pub fn history(now: DateTime<Utc>, series: &Behaviour, days: (f64, f64)) -> Vec<Row> {
    let hours = |days: f64| (days * 24.0) as i64;
    let mut rows = Vec::new();
    for hour in (hours(days.1)..hours(days.0)).rev().step_by(EVERY as usize) {
        let at = now - TimeDelta::hours(hour);
        let ago = hour as f64 / 24.0;
        // Sums of golden ratios: like chance, and the same in every run.
        let number = (at.timestamp() / 3600) as f64;
        let chance = |step: f64| (number * step).fract() + (number * step * 1.7).fract() - 1.0;
        let day = ((number / 24.0).floor() * 0.754_877_666).fract() - 0.5;
        let cycle = (number / 24.0 * std::f64::consts::TAU).sin();
        let log = 0.12 * chance(0.618_033_988_75) + 0.04 * cycle + 0.05 * day;
        let factor = if series.from >= ago && ago > series.to { series.factor } else { 1.0 };
        let mut row = row(&format!("{}-{}", series.model, at.timestamp()), series.model, 0);
        for (field, at) in [("run_ts", at), ("gen_ts", at + TimeDelta::milliseconds(1333))] {
            row[field] = json!(at.to_rfc3339_opts(SecondsFormat::Millis, true));
        }
        row["time_to_first_token"] = json!(0.4 * log.exp() * factor);
        row["tokens_per_second"] = json!(50.0 * (0.1 * chance(0.569_840_290_998)).exp());
        row["generated_tokens_per_second"] = row["tokens_per_second"].clone();
        row["network_rtt_seconds"] = json!(0.02);
        row["kernel_lag_max_seconds"] = json!(0.000_05);
        rows.push(row);
    }
    rows
}

/// Two models of one provider that become slower by a quarter 12 days ago, one that stays, and one of another provider.
pub const SERIES: [Behaviour; 4] = [
    Behaviour { model: "groq:slower", factor: 1.25, from: 12.0, to: 0.0 },
    Behaviour { model: "groq:slower-too", factor: 1.25, from: 12.0, to: 0.0 },
    Behaviour { model: "openai:gpt", factor: 1.0, from: 0.0, to: 0.0 },
    Behaviour { model: "openai:young", factor: 1.0, from: 0.0, to: 0.0 },
];

async fn filled(backend: Backend) -> World {
    let store = backend.open(&["cloud-default-v1"]).await;
    store.init().await.unwrap();
    World { backend, store, home: Home::new() }
}

pub async fn worlds() -> [World; 2] {
    [filled(Backend::sqlite()).await, filled(Backend::mongo().await).await]
}

pub fn ask(world: &World, more: &[&str]) -> Output {
    world.ask(&["results", "changes"].iter().chain(more).copied().collect::<Vec<_>>())
}

pub fn document(world: &World, more: &[&str]) -> Value {
    let output = ask(world, &more.iter().copied().chain(["--json"]).collect::<Vec<_>>());
    serde_json::from_str(&text(&output)).unwrap_or_else(|_| panic!("{}", errors(&output)))
}

fn changes(document: &Value) -> Vec<(String, String, bool)> {
    let word = |change: &Value, name: &str| change[name].as_str().unwrap().to_owned();
    let changes = document["changes"].as_array().unwrap();
    let mut told: Vec<_> =
        changes.iter().map(|one| (word(one, "model"), word(one, "id"), one["ended"].is_null())).collect();
    told.sort();
    told
}

async fn fill_all(world: &World, now: DateTime<Utc>, days: (f64, f64)) {
    for series in &SERIES {
        let days = if series.model.ends_with("young") { (9.0, 0.0) } else { days };
        fill(&world.backend, &history(now, series, days), true).await;
    }
}

/// The slower series: its figures, its time within the interval, its size within the ratio's.
fn assert_step(found: &Value, now: DateTime<Utc>) {
    assert_eq!(
        (&found["schema"], &found["series"]["too_young"]),
        (&json!("llmbench.results.changes/1"), &json!(1))
    );
    let one = found["changes"].as_array().unwrap().iter().find(|one| one["model"] == "slower").unwrap();
    assert_eq!(
        (&one["metric"], &one["kind"], &one["acknowledged"]),
        (&json!("ttft"), &json!("figure"), &Value::Null)
    );
    let (low, high) = (one["ratio"]["low"].as_f64().unwrap(), one["ratio"]["high"].as_f64().unwrap());
    assert!(low > 1.1 && high < 1.4 && low < 1.25 && high > 1.2, "{one}");
    let moment = |name: &str| one["began"][name].as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
    let began = now - TimeDelta::days(12);
    assert!(
        moment("earliest") <= began + TimeDelta::hours(3) && began - TimeDelta::hours(3) <= moment("latest"),
        "{one}"
    );
    assert_ne!(one["cause_line"], "");
}

/// A second look says the same, people see it, and where there is nothing to look at, that is said.
fn assert_lists(world: &World, told: &[(String, String, bool)]) {
    assert_eq!(changes(&document(world, &[])), told);
    let list = ask(world, &["--provider", "groq"]);
    assert!(text(&list).starts_with("ID ") && text(&list).contains("groq:slower-too"), "{}", text(&list));
    assert_eq!(changes(&document(world, &["--model", "groq:slower"])).len(), 1);
    assert_eq!(changes(&document(world, &["--provider", "openai"])).len(), 0);

    // Where there is nothing to look at, that is said, and not that nothing changed.
    let none = ask(world, &["--provider", "openai"]);
    assert!(errors(&none).contains("no change of the last 30 days was found"), "{}", errors(&none));
    for nothing in [&["--provider", "cerebras"], &["--model", "groq:nosuch"]] {
        let output = ask(world, nothing);
        assert!(output.status.success() && errors(&output).contains("no series fits"), "{}", errors(&output));
    }
}

/// The series with its two levels.
fn assert_explained(world: &World, id: &str) {
    let shown = text(&ask(world, &["--explain", id]));
    assert!(shown.contains("TTFT went from") && shown.contains("round trip time"), "{shown}");
    let explained = document(world, &["--explain", id]);
    assert_eq!(
        (&explained["schema"], &explained["change"]["id"]),
        (&json!("llmbench.results.change/1"), &json!(id))
    );
    assert!(explained["blocks"].as_array().unwrap().len() > 100);
}

/// Who saw it first stays, and an unknown id is told with the nearest.
fn assert_acknowledged(world: &World, id: &str) {
    let noted = ask(world, &["ack", id, "--note", "told them"]);
    assert!(noted.status.success() && errors(&noted).contains("was seen by"), "{}", errors(&noted));
    assert_first_acknowledgement_stays(world, id);
    let wrong = ask(world, &["ack", &format!("{}x", &id[..9])]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(
        errors(&wrong).contains("no change has the id") && errors(&wrong).contains(id),
        "{}",
        errors(&wrong)
    );
}

#[tokio::test]
async fn a_step_is_found_explained_acknowledged_and_over_when_it_went_back() {
    for world in worlds().await {
        let now = Utc::now();
        let empty = ask(&world, &[]);
        assert!(
            empty.status.success() && errors(&empty).contains("no series fits: only rows of daemons count"),
            "{}",
            errors(&empty)
        );
        fill_all(&world, now, (DAYS as f64, 5.0)).await;

        let found = document(&world, &[]);
        let told = changes(&found);
        assert_eq!(
            told.iter().map(|(model, _, open)| (model.as_str(), *open)).collect::<Vec<_>>(),
            [("slower", true), ("slower-too", true)],
            "{found}"
        );
        assert_step(&found, now);
        assert_lists(&world, &told);
        let id = &told[0].1;
        assert_explained(&world, id);
        assert_acknowledged(&world, id);

        // The rows of the days since arrive from an outbox, and say that it went back.
        let recovered = Behaviour { model: "groq:slower", factor: 1.0, from: 0.0, to: 0.0 };
        fill(&world.backend, &history(now, &recovered, (5.0, 0.0)), true).await;
        let over = document(&world, &[]);
        let told_again = changes(&over);
        assert_eq!((told_again.len(), &told_again[0].1, told_again[0].2), (2, id, false), "{over}");
        let one = over["changes"].as_array().unwrap().iter().find(|one| one["id"] == **id).unwrap();
        assert_eq!(one["acknowledged"]["note"], "they answered");
        assert_eq!(changes(&document(&world, &["--open"])).len(), 1);
    }
}

/// Most rows of a time in which it seemed to be over arrive late, and say that it was not; then it is over.
#[tokio::test]
async fn a_change_that_comes_back_keeps_its_id_and_is_open_again() {
    for world in worlds().await {
        let now = Utc::now();
        let slower = |from: f64, to: f64| Behaviour { model: "groq:slower", factor: 1.25, from, to };
        fill(&world.backend, &history(now, &slower(12.0, 5.0), (DAYS as f64, 2.0)), true).await;
        let of = |document: &Value| document["changes"].as_array().unwrap()[0].clone();
        let over = document(&world, &[]);
        assert_eq!(changes(&over).len(), 1, "{over}");
        assert!(!of(&over)["ended"].is_null() && of(&over)["returned"].is_null(), "{over}");
        let id = of(&over)["id"].as_str().unwrap().to_owned();
        assert!(ask(&world, &["ack", &id, "--note", "they know"]).status.success());

        for minutes in [7, 13, 19] {
            let late = history(now + TimeDelta::minutes(minutes), &slower(12.0, 0.0), (5.0, 2.1));
            fill(&world.backend, &late, true).await;
        }
        let back = document(&world, &[]);
        assert_eq!(changes(&back), [("slower".to_owned(), id.clone(), true)], "{back}");
        assert_eq!(of(&back)["returned"]["times"], 1, "{back}");
        assert_eq!(document(&world, &[])["changes"], back["changes"], "once");
        let shown = text(&ask(&world, &[]));
        assert!(shown.contains("it was over and came back"), "{shown}");
        // Who saw it before it was over did not see it come back.
        let noted = ask(&world, &["ack", &id]);
        assert!(errors(&noted).contains("was seen by"), "{}", errors(&noted));

        fill(&world.backend, &history(now, &slower(0.0, 0.0), (2.0, 0.0)), true).await;
        let over = document(&world, &[]);
        assert_eq!(changes(&over), [("slower".to_owned(), id.clone(), false)], "{over}");
        assert_eq!(of(&over)["returned"], of(&back)["returned"], "its last return stays");
    }
}

/// A change that was seen with the note `told them` keeps who saw it and when, and its note until there is another.
fn assert_first_acknowledgement_stays(world: &World, id: &str) {
    let seen = || document(world, &["--explain", id])["change"]["acknowledged"].clone();
    let first = seen();
    assert_eq!(first["note"], "told them");
    let again = ask(world, &["ack", id]);
    assert!(again.status.success() && errors(&again).contains("was seen already by"), "{}", errors(&again));
    assert_eq!(seen(), first);
    let noted = ask(world, &["ack", id, "--note", "they answered"]);
    assert!(errors(&noted).contains("its note was replaced"), "{}", errors(&noted));
    let last = seen();
    assert_eq!(
        (&last["note"], &last["at"], &last["who"]),
        (&json!("they answered"), &first["at"], &first["who"])
    );
}

#[tokio::test]
async fn late_rows_are_derived_again_and_nothing_else() {
    for world in worlds().await {
        let now = Utc::now();
        let steady = Behaviour { model: "groq:steady", factor: 1.0, from: 0.0, to: 0.0 };
        let (early, late): (Vec<_>, Vec<_>) = history(now, &steady, (20.0, 0.0))
            .into_iter()
            .enumerate()
            .partition(|(number, _)| number % 7 > 0);
        let rows = |some: Vec<(usize, Row)>| some.into_iter().map(|(_, row)| row).collect::<Vec<_>>();
        fill(&world.backend, &rows(early), true).await;
        assert_eq!(changes(&document(&world, &[])), []);
        let before = world.store.measured_series().await.unwrap();
        assert_eq!((before.len(), before[0].changed_from), (1, None));
        assert_eq!(changes(&document(&world, &[])), []);
        assert_eq!(
            world.store.measured_series().await.unwrap(),
            before,
            "nothing is written where nothing is new"
        );
        fill(&world.backend, &rows(late), true).await;
        assert_eq!(changes(&document(&world, &[])), []);
        let after = world.store.measured_series().await.unwrap();
        assert!(after[0].revision > before[0].revision && after[0].changed_from.is_none(), "{after:?}");
        // A store whose blocks are gone is filled again, and says the same.
        let days = |one: &llmbench::storage::series_blocks::StoredSeries| [one.key.clone()];
        let kept = world.store.series_days(&days(&after[0]), 0, 99_999).await.unwrap();
        forget_blocks(&world.backend).await;
        assert_eq!(changes(&document(&world, &[])), []);
        assert_eq!(world.store.series_days(&days(&after[0]), 0, 99_999).await.unwrap(), kept);
    }
}

/// Two months of a model whose rows name the one id and then the other, and of one whose fingerprint rotates.
async fn fill_facts(world: &World, now: DateTime<Utc>, days: (f64, f64), new: (f64, f64)) {
    for model in ["groq:swapped", "groq:rotating"] {
        let steady = Behaviour { model, factor: 1.0, from: 0.0, to: 0.0 };
        let mut rows = history(now, &steady, days);
        for (number, row) in rows.iter_mut().enumerate() {
            let at = row["run_ts"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
            let ago = (now - at).num_minutes() as f64 / 1440.0;
            let is_new = model == "groq:swapped" && new.0 >= ago && ago > new.1;
            row["response_model"] = json!(if is_new { "m-2026-11" } else { "m-2026-05" });
            let turn = (number as f64 * 0.618_033_988_75).fract() * 3.0;
            row["system_fingerprint"] = match model {
                "groq:rotating" => json!(format!("fp_{}", turn.floor())),
                _ => json!("fp_0"),
            };
        }
        fill(&world.backend, &rows, true).await;
    }
}

#[tokio::test]
async fn a_model_that_names_another_id_is_found_and_a_rotating_fingerprint_is_not() {
    for world in worlds().await {
        let now = Utc::now();
        fill_facts(&world, now, (58.0, 2.0), (8.0, 0.0)).await;
        let swaps = |found: &Value| -> Vec<Value> {
            let all = found["changes"].as_array().unwrap().iter();
            all.filter(|change| change["kind"] == "swap").cloned().collect()
        };
        let found = swaps(&document(&world, &[]));
        assert_eq!(found.len(), 1, "{found:?}");
        let one = &found[0];
        let words = ["model", "fact", "before", "after"].map(|name| one[name].as_str().unwrap());
        assert_eq!(words, ["swapped", "response_model", "m-2026-05", "m-2026-11"]);
        assert_eq!((&one["cause"], &one["ended"]), (&json!("model_swapped"), &Value::Null));
        let moment = |of: &Value, name: &str| of[name].as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
        let (began, block) = (now - TimeDelta::days(8), TimeDelta::hours(3));
        assert!((moment(&one["began"], "at") - began).abs() <= block, "{one}");
        assert!(
            moment(&one["began"], "earliest") <= began && began <= moment(&one["began"], "latest") + block
        );
        assert!(moment(one, "noticed_at") < began + TimeDelta::days(1), "{one}");
        assert_eq!(swaps(&document(&world, &[])), found, "once");
        let shown = text(&ask(&world, &["--explain", one["id"].as_str().unwrap()]));
        assert!(shown.contains("response_model was m-2026-05 and became m-2026-11"), "{shown}");

        // The rows of the last two days arrive, and name the old id again.
        fill_facts(&world, now, (2.0, 0.0), (0.0, 0.0)).await;
        let over = swaps(&document(&world, &[]));
        assert_eq!((over.len(), &over[0]["id"]), (1, &one["id"]), "{over:?}");
        assert!((moment(&over[0]["ended"], "at") - (now - TimeDelta::days(2))).abs() <= block, "{over:?}");
    }
}

async fn forget_blocks(backend: &Backend) {
    match backend {
        Backend::Sqlite(_) => {
            let connection = Connection::open(backend.url().strip_prefix("sqlite:").unwrap()).unwrap();
            let sql = "DELETE FROM series_slots; DELETE FROM series_blocks; DELETE FROM measured_series;";
            connection.execute_batch(sql).unwrap();
        }
        Backend::Mongo(database) => {
            for name in ["bench_series", "bench_series_blocks", "bench_series_slots"] {
                database.collection::<Document>(name).delete_many(doc! {}).await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn two_looks_at_once_find_each_change_once() {
    for world in worlds().await {
        fill_all(&world, Utc::now(), (DAYS as f64, 2.0)).await;
        let (one, other) = std::thread::scope(|scope| {
            let [one, other] = [0, 1].map(|_| scope.spawn(|| changes(&document(&world, &[]))));
            (one.join().unwrap(), other.join().unwrap())
        });
        let found = changes(&document(&world, &[]));
        assert_eq!(found.len(), 2);
        assert!(one == found && other == found, "{one:?} {other:?} {found:?}");
    }
}

#[tokio::test]
async fn wrong_words_are_refused_with_what_is_right() {
    for world in worlds().await {
        for (more, code, said) in [
            (&["--since", "someday"][..], 2, "write 24h, 7d"),
            (&["--all", "--since", "7d"], 2, "cannot be used with"),
            (&["--explain", "0123456789"], 1, "results changes --all"),
            (&["ack", "evil\u{1b}[2J"], 1, "evil\\u{1b}"),
            (&["ack"], 2, "<CHANGE>"),
            (&["--provider", "gorq"], 2, "groq"),
        ] {
            let output = ask(&world, more);
            assert_eq!(output.status.code(), Some(code), "{more:?}: {}", errors(&output));
            assert!(errors(&output).contains(said), "{more:?}: {}", errors(&output));
        }
    }
}
