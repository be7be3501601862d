//! Gates against history: `run --fail-if 'ttft_p50>1.3x'` on both stores.

use super::output::schema_check::violations;
use crate::errors::world::{World, worlds};
use crate::results::bulk::{Row, fill, row};
use crate::stores::backend::Kind;
use crate::support::ran::{Ran, ran};
use chrono::{SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

/// It answers after 0.4 seconds, so that a busy machine is no reason for doubt.
const MODEL: &str = "sim:steady-ttft400-gap1-n4";

/// Runs of the model every half hour of so many days until now, whose TTFT is about this, with these fields.
fn history(days: i64, ttft: f64, fields: &[(&str, &str)]) -> Vec<Row> {
    let now = Utc::now();
    let name: String = fields.iter().map(|(_, value)| *value).collect();
    let of = |step: i64| {
        let mut row = row(&format!("stored-{name}-{step}"), MODEL, 0);
        let at = now - TimeDelta::minutes(30 * step);
        for (field, at) in [("run_ts", at), ("gen_ts", at + TimeDelta::milliseconds(1333))] {
            row[field] = json!(at.to_rfc3339_opts(SecondsFormat::Millis, true));
        }
        // The golden ratio spreads evenly.
        let noise = 0.9 + 0.2 * (step as f64 * 0.618_033_988_749_895).fract();
        row["time_to_first_token"] = json!(ttft * noise);
        row["tokens_per_second"] = json!(4.0 / ttft * noise);
        for (field, value) in fields {
            row.insert((*field).to_owned(), json!(value));
        }
        row
    };
    (1..=days * 48).map(of).collect()
}

fn gated(world: &World, more: &[&str]) -> Ran {
    let store = world.backend.url();
    let arguments = ["run", "--model", MODEL, "-n", "8", "-c", "8", "--store", &store];
    ran(world.home.llmbench(&[&arguments[..], more].concat()).env("TZ", "UTC").env("COLUMNS", "200"))
}

/// The document of a run that had samples enough; on a busy machine most of them may be suspect.
fn document(world: &World, more: &[&str]) -> (i32, Value) {
    for _ in 0..20 {
        let ended = gated(world, &[&["--json"], more].concat());
        let document: Value = serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{ended:?}"));
        if document["gates"][0]["history"]["run"]["n"].as_u64() >= Some(3) {
            return (ended.code, document);
        }
    }
    panic!("every run is suspect");
}

#[tokio::test]
async fn a_run_is_held_against_what_is_stored() {
    let schema: Value = serde_json::from_str(include_str!("../../docs/schema/run.schema.json")).unwrap();
    for world in worlds().await {
        // A tenth of what the model takes: the run is ten times as slow as ever.
        fill(&world.backend, &history(5, 0.04, &[]), true).await;
        let before = world.backend.rows(Kind::Probe).await.len();
        let gates = ["--fail-if", "ttft_p50>1.3x", "--fail-if", "ttft_p50>900x", "--fail-if", "tps_p50<0.8x"];
        let (code, document) = document(&world, &gates);
        assert_eq!(violations(&schema, &document), [""; 0]);
        let verdicts: Vec<&Value> =
            document["gates"].as_array().unwrap().iter().map(|gate| &gate["verdict"]).collect();
        assert_eq!((code, verdicts), (1, vec![&json!("tripped"), &json!("passed"), &json!("tripped")]));
        let history = &document["gates"][0]["history"];
        let number = |value: &Value| value.as_f64().unwrap();
        assert!(number(&history["ratio"]) > 5.0, "{history}");
        assert!(number(&history["ratio_interval"]["low"]) > 1.3, "{history}");
        assert!((0.036..0.044).contains(&number(&history["stored"]["p50"])), "{history}");
        // What was measured within 90 minutes before the run is its own hour, and no history.
        assert!((230..=240).contains(&history["stored"]["n"].as_u64().unwrap()), "{history}");
        assert_eq!(
            (&history["same_hours"], &history["stratum"]["connection"]),
            (&json!(true), &json!("cold"))
        );
        assert!(
            world.backend.rows(Kind::Probe).await.len() >= before + 8,
            "a tripped run is stored all the same"
        );
        let shown = gated(&world, &["--fail-if", "ttft_p50>0.0001x"]);
        for words in [
            "Gates",
            "of 5 days since",
            "at the same hours of the day; profile cloud-default-v1, cold, no runner",
        ] {
            assert!(shown.out.contains(words) || shown.out.contains("NOT DECIDED"), "{words}: {shown:?}");
        }
    }
}

#[tokio::test]
async fn a_run_like_all_others_passes() {
    for world in worlds().await {
        fill(&world.backend, &history(7, 0.42, &[]), false).await;
        let (code, document) = document(&world, &["--fail-if", "ttft_p50>1.5x", "--baseline", "5d"]);
        let gate = &document["gates"][0];
        assert_eq!((code, &gate["verdict"]), (0, &json!("passed")), "{gate}");
        assert!(
            gate["history"]["stored"]["n"].as_u64() <= Some(240),
            "the window is what was asked for: {gate}"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_decided_is_not_green() {
    for world in worlds().await {
        fill(&world.backend, &history(2, 0.04, &[]), true).await;
        fill(&world.backend, &history(7, 0.04, &[("benchmark_profile_id", "cloud-long-v1")]), false).await;
        fill(&world.backend, &history(7, 0.04, &[("runner", "tokyo\u{1b}[31m")]), false).await;
        let gate = ["--fail-if", "ttft_p50>1.3x", "--quiet"];
        let short = gated(&world, &gate);
        assert_eq!((short.code, short.out.as_str()), (1, ""), "{short:?}");
        for words in [
            "ttft_p50>1.3x on sim:steady-ttft400-gap1-n4: NOT DECIDED (2 earlier days have runs within 90 minutes of this \
             time of the day and 3 are needed: 1 more day)",
            " stored runs of profile cloud-long-v1, cold, no runner",
            " stored runs of profile cloud-default-v1, cold, runner tokyo\\u{1b}[31m",
        ] {
            assert!(short.err.contains(words), "{words}: {}", short.err);
        }
        let allowed = gated(&world, &[&gate[..], &["--allow-undecided"]].concat());
        assert!(allowed.code == 0 && allowed.err.contains("NOT DECIDED"), "{allowed:?}");
        // The flag is about open answers alone.
        let tripped =
            gated(&world, &[&gate[..], &["--allow-undecided", "--fail-if", "ttft_max>1us"]].concat());
        assert_eq!(tripped.code, 1, "{tripped:?}");
        let alone = [
            "run",
            "--model",
            MODEL,
            "--store",
            &world.backend.url(),
            "--fail-if",
            "ttft_p50>1.3x",
            "--json",
        ];
        let one = world.home.ran(&alone);
        let document: Value = serde_json::from_str(&one.out).unwrap();
        assert_eq!((one.code, &document["gates"][0]["verdict"]), (1, &json!("not_decided")), "{one:?}");
        assert!(one.err.contains("NOT DECIDED"), "{one:?}");
    }
}

#[tokio::test]
async fn warm_runs_are_held_against_warm_ones() {
    for world in worlds().await {
        fill(&world.backend, &history(5, 0.04, &[]), true).await;
        fill(&world.backend, &history(5, 0.41, &[("connection", "warm")]), false).await;
        let counterparts = history(5, 0.001, &[("connection", "warm"), ("sample_role", "counterpart")]);
        fill(&world.backend, &counterparts, false).await;
        let (code, document) = document(&world, &["--fail-if", "ttft_p50>1.5x", "--warm"]);
        let gate = &document["gates"][0];
        assert_eq!((code, &gate["verdict"]), (0, &json!("passed")), "{gate}");
        assert_eq!(gate["history"]["stratum"]["connection"], "warm");
    }
}
