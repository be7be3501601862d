//! `llmbench doctor --switch` on what the Python containers leave behind.

use super::{Left, block_on, server};
use crate::support::Home;
use crate::support::ran::ran;
use mongodb::bson::{DateTime, doc};
use serde_json::Value;

#[test]
fn what_differs_from_tomorrow_is_told_with_the_setting_that_keeps_the_old_way() {
    let left = block_on(async {
        let left = Left::with(&[
            "groq:a",
            "groq:dead",
            "vertex:claude-haiku-4-5@20251001",
            "vertex:gemini-2.5-flash",
            "bedrock:us.amazon.nova-pro-v1:0",
            "anyscale:old",
        ])
        .await;
        let dead = doc! { "status": "dead_letter", "attempt": 1, "last_attempt_error_kind": "hard_model",
        "finished_at": DateTime::now() };
        left.job("groq:dead", "groq:dead", dead).await;
        left.job("ad_hoc:66f0", "groq:a", doc! { "job_kind": "ad_hoc" }).await;
        left.job("groq:a", "groq:a", doc! {}).await;
        left
    });
    let home = Home::new();
    let asked = |arguments: &[&str]| {
        let mut command = home.llmbench(arguments);
        command.envs(server()).env("MONGODB_URI", left.uri()).env("MONGODB_DB", &left.name);
        ran(&mut command)
    };
    let told = asked(&["doctor", "--switch", "--json"]);
    let document: Value = serde_json::from_str(&told.out).unwrap_or_else(|_| panic!("{told:?}"));
    assert_eq!(told.code, 0, "{document:#}");
    let about = |subject: &str| {
        let checks = document["checks"].as_array().unwrap();
        let found: Vec<&Value> = checks.iter().filter(|check| check["subject"] == subject).collect();
        assert_eq!((found.len(), &found[0]["section"]), (1, &"switch".into()), "{subject}: {document:#}");
        (found[0]["sentence"].as_str().unwrap(), found[0]["fix"].as_str().unwrap_or_default())
    };
    for (subject, says, keeps) in [
        (
            "cadence",
            "every 2700 s, as the Python scheduler does: 128 calls a day for 4 models",
            "cadence under",
        ),
        ("providers", "not measured: anyscale (1)", "[providers.NAME]"),
        ("excluded providers", "left to other hosts: bedrock (1)", "BENCHMARK_EXCLUDED_PROVIDERS"),
        ("bedrock", "bedrock is excluded, as by the Python scheduler", "BENCHMARK_EXCLUDED_PROVIDERS=none"),
        ("dead letters", "1 dead letters are asked once more", "models disable"),
        (
            "regions",
            "vertex:claude-haiku-4-5@20251001 from us-central1 to global",
            "--metadata region=REGION",
        ),
        ("queued jobs", "ad_hoc:66f0 (ad_hoc, groq:a)", "llmbench run"),
        ("scheduled jobs", "1 scheduled jobs wait", ""),
        ("error_rollups", "grouped anew", "llmbench errors"),
        ("heartbeat", "`scheduler` stays the Python scheduler's", "status --check"),
        ("variables of the Python runner", "BENCHMARK_RETRY_BACKOFF_SECONDS", "TROUBLESHOOTING.md"),
    ] {
        let (sentence, fix) = about(subject);
        assert!(sentence.contains(says) && fix.contains(keeps), "{subject}: {sentence} | {fix}");
    }
    assert!(!about("regions").0.contains("gemini-2.5-flash"), "it stays in us-central1");
    let text = asked(&["doctor", "--switch"]);
    assert!(text.code == 0 && text.out.contains("From the Python containers"), "{text:?}");
}
