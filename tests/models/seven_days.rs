//! Seven days of a daemon beside the dashboard's rules: every lane of a direct provider and of a router's pinned endpoints
//! is ranked and official. The rows are the daemon's own, on a real server; the test moves them in time, four hours apart,
//! because nobody waits for a week.

use super::Said;
use crate::stores::backend::Backend;
use crate::support::{Home, PATIENCE};
use chrono::{DateTime, NaiveDate, TimeDelta, Timelike, Utc};
use llmbench::simulator;
use mongodb::Database;
use mongodb::bson::{Bson, Document, doc};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Samples of a lane: one in four hours of a week.
const SAMPLES: usize = 42;

/// What the dashboard groups rows by: provider, model, endpoint, quantization.
type LaneKey = (String, String, String, String);

/// The dashboard's rule for an official place, from its newest public state (2026-08-19): of the rows of the last seven
/// days, thinned to one in a UTC half hour, at least 30, over at least 96 hours, on 5 UTC dates and in all six 4-hour
/// blocks of the day. A lane without an endpoint is not ranked, and one with an unknown quantization has no rank.
fn official(rows: &[Document], now: DateTime<Utc>) -> BTreeSet<LaneKey> {
    let mut lanes: BTreeMap<LaneKey, BTreeMap<i64, DateTime<Utc>>> = BTreeMap::new();
    for row in rows {
        let text = |name: &str| row.get_str(name).map(str::to_owned);
        let at = row.get_datetime("run_ts").unwrap().timestamp_millis();
        let at = DateTime::from_timestamp_millis(at).unwrap();
        let (Ok(tag), Ok(quantization)) = (text("route_endpoint_tag"), text("quantization")) else {
            continue;
        };
        if now - at <= TimeDelta::days(7) {
            let key = (text("provider").unwrap(), text("model_name").unwrap(), tag, quantization);
            lanes.entry(key).or_default().entry(at.timestamp().div_euclid(1800)).or_insert(at);
        }
    }
    let is_official = |times: &BTreeMap<i64, DateTime<Utc>>| {
        let times: Vec<DateTime<Utc>> = times.values().copied().collect();
        let dates: BTreeSet<NaiveDate> = times.iter().map(DateTime::date_naive).collect();
        let blocks: BTreeSet<u32> = times.iter().map(|at| at.hour() / 4).collect();
        let span = *times.last().unwrap() - *times.first().unwrap();
        times.len() >= 30 && span >= TimeDelta::hours(96) && dates.len() >= 5 && blocks.len() == 6
    };
    lanes.into_iter().filter(|(_, times)| is_official(times)).map(|(key, _)| key).collect()
}

/// Moves the rows of each lane apart: the k-th of it to k times four hours before now.
async fn spread_over_a_week(database: &Database, now: DateTime<Utc>) {
    let rows = database.collection::<Document>("metrics_cloud_v2");
    let mut moved: BTreeMap<(String, String), i32> = BTreeMap::new();
    for row in all(database).await {
        let text = |name: &str| row.get_str(name).unwrap_or_default().to_owned();
        let place = moved.entry((text("provider"), text("route_endpoint_tag"))).or_default();
        let at = now - TimeDelta::minutes(1) - TimeDelta::hours(4) * *place;
        *place += 1;
        let at = Bson::DateTime(mongodb::bson::DateTime::from_millis(at.timestamp_millis()));
        let set = doc! { "$set": { "run_ts": at.clone(), "gen_ts": at } };
        rows.update_one(doc! { "_id": row.get("_id").unwrap() }, set).await.unwrap();
    }
}

async fn all(database: &Database) -> Vec<Document> {
    let mut cursor = database.collection::<Document>("metrics_cloud_v2").find(doc! {}).await.unwrap();
    let mut rows = Vec::new();
    while cursor.advance().await.unwrap() {
        rows.push(cursor.deserialize_current().unwrap());
    }
    rows
}

/// Published rows by provider and endpoint.
fn counts(rows: &[Document]) -> BTreeMap<(String, String), usize> {
    let mut counts = BTreeMap::new();
    for row in rows {
        let text = |name: &str| row.get_str(name).unwrap_or_default().to_owned();
        *counts.entry((text("provider"), text("route_endpoint_tag"))).or_insert(0) += 1;
    }
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn a_week_of_the_daemons_rows_makes_every_lane_official() {
    let (home, backend) = (Home::new(), Backend::mongo().await);
    let Backend::Mongo(database) = &backend else { panic!() };
    let simulator = simulator::start_in_process().unwrap();
    let address = |path: &str| format!("{}{path}", simulator.base_url());
    let command = |arguments: &[&str]| {
        let url = backend.url();
        let mut command = home.llmbench(&[arguments, &["--store", &url]].concat());
        command.env("GROQ_API_KEY", "k-groq").env("GROQ_BASE_URL", address("/groq"));
        command.env("OPENAI_API_KEY", "k-openai").env("OPENAI_BASE_URL", address("/openai/v1"));
        command
            .env("OPENROUTER_API_KEY", "k-router")
            .env("OPENROUTER_BASE_URL", address("/openrouter/api/v1"));
        command.env("LLMBENCH_LISTEN", "none");
        command
    };
    let done = |arguments: &[&str]| {
        let said = Said::of(command(arguments));
        assert_eq!(said.status, 0, "{arguments:?}: {said:?}");
    };
    let direct = ["groq:steady-ttft5-gap1-n24", "openai:steady-ttft5-gap1-n24"];
    let routed = "openrouter:sim/steady-ttft5-gap1-n24";
    done(&["models", "add", direct[0], direct[1], "--yes"]);
    done(&["models", "set", direct[0], direct[1], "--quantization", "bf16", "--yes"]);
    done(&["models", "add", &format!("{routed}@deepinfra/fp4"), &format!("{routed}@novita/fp8"), "--yes"]);
    let configuration = home.path().join("config/llmbench");
    fs::create_dir_all(&configuration).unwrap();
    fs::write(configuration.join("config.toml"), "[daemon]\ncadence = 1\ntick = 1.0\n").unwrap();
    let mut daemon = command(&["daemon"]).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    loop {
        let counts = counts(&all(database).await);
        if counts.len() == 4 && counts.values().all(|rows| *rows >= SAMPLES) {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{counts:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    kill_process(Pid::from_child(&daemon), Signal::TERM).unwrap();
    assert!(daemon.wait().unwrap().success());
    let now = Utc::now();
    assert!(official(&all(database).await, now).is_empty(), "a minute is no week");
    spread_over_a_week(database, now).await;
    let lane = |provider: &str, model: &str, tag: &str, quantization: &str| {
        (provider.to_owned(), model.to_owned(), tag.to_owned(), quantization.to_owned())
    };
    let model = "steady-ttft5-gap1-n24";
    let expected = [
        lane("groq", model, "groq/direct", "bf16"),
        lane("openai", model, "openai/direct", "bf16"),
        lane("openrouter", &format!("sim/{model}"), "deepinfra/fp4", "fp4"),
        lane("openrouter", &format!("sim/{model}"), "novita/fp8", "fp8"),
    ];
    assert_eq!(official(&all(database).await, now), BTreeSet::from(expected));
}
