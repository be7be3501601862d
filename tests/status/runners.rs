//! Remote runners in `status`, on both stores: who is heard, who is silent, and how an alarm ends.

use super::world::{World, ago, pulse, worlds};
use llmbench::storage::posts::RunnerActivity;
use llmbench::storage::posts::ingest_keys::{Action, IngestKey, mint, sha256};
use serde_json::{Value, json};

/// A key of a runner, made so many minutes ago.
async fn key(world: &World, runner: &str, minutes: i64, change: impl FnOnce(&mut IngestKey)) -> String {
    let (id, secret) = mint();
    let mut key = IngestKey {
        id: id.clone(),
        label: runner.to_owned(),
        runner: runner.to_owned(),
        sha256: sha256(&secret),
        providers: Some(vec!["bedrock".to_owned()]),
        actions: Action::ALL.to_vec(),
        not_before: None,
        not_after: None,
        created_at: ago(minutes),
        created_by: "test".to_owned(),
        revoked_at: None,
        revoked_by: None,
        last_used_at: None,
    };
    change(&mut key);
    world.store.add_ingest_key(&key).await.unwrap();
    id
}

/// A bridge heard a runner so many minutes ago.
async fn heard(world: &World, runner: &str, minutes: i64) {
    let sighting = RunnerActivity {
        runner: runner.to_owned(),
        seen_at: ago(minutes),
        stored_at: Some(ago(minutes)),
        version: Some("llmbench/0.1.0".to_owned()),
        clock_offset_seconds: Some(-1.5),
        backlog: Some(7),
        calibration: None,
        interval_seconds: Some(1800),
    };
    world.store.keep_runner_activity(&[sighting]).await.unwrap();
}

/// A store in which nothing else is wrong.
async fn well(world: &World) {
    world.enable("bedrock:a").await;
    world.succeed("bedrock:a", 1).await;
}

fn runner<'a>(document: &'a Value, name: &str) -> &'a Value {
    let runners = document["runners"].as_array().unwrap();
    runners.iter().find(|one| one["runner"] == name).unwrap_or_else(|| panic!("{document}"))
}

#[tokio::test]
async fn a_runner_is_shown_with_what_its_bridge_knows() {
    for world in worlds().await {
        well(&world).await;
        key(&world, "aws-1", 9000, |_| ()).await;
        heard(&world, "aws-1", 3).await;
        let document = world.document(&[]);
        let shown = runner(&document, "aws-1");
        assert_eq!((&shown["state"], &shown["keys"]), (&json!("heard"), &json!("live")));
        assert_eq!(shown["providers"], json!(["bedrock"]));
        assert_eq!((&shown["backlog"], &shown["interval_seconds"]), (&json!(7), &json!(1800)));
        assert_eq!(
            (&shown["version"], &shown["clock_offset_seconds"]),
            (&json!("llmbench/0.1.0"), &json!(-1.5))
        );
        assert!(shown["last_seen_at"].is_string() && shown["last_stored_at"].is_string());
        assert_eq!(world.causes(&[]), Vec::<String>::new());
        let told = world.ask(&["--wide"]).out;
        let line = told.lines().find(|line| line.starts_with("aws-1")).unwrap();
        let words = "heard bedrock 3 min ago 3 min ago 7 -1.5 s llmbench/0.1.0";
        assert_eq!(line.split_whitespace().skip(1).collect::<Vec<_>>().join(" "), words, "{told}");
        assert!(!told.contains("runner:aws-1"), "it is told once: {told}");
    }
}

#[tokio::test]
async fn silence_is_an_alarm_and_revoking_ends_it() {
    for world in worlds().await {
        well(&world).await;
        let id = key(&world, "aws-1", 9000, |_| ()).await;
        heard(&world, "aws-1", 61).await;
        world.enable("groq:a").await;
        world.succeed("groq:a", 300).await;
        assert_eq!(world.causes(&[]), ["unhealthy runner_silent runner:aws-1", "unhealthy not_fresh groq"]);
        let told = world.ask(&["--check"]);
        let said = "unhealthy: no bridge has heard the runner aws-1 for 61 min (llmbench ingest key list --all; \
                    TROUBLESHOOTING.md, \"A remote runner is silent\")";
        assert_eq!((told.code, told.out.lines().next()), (3, Some(said)), "{told:?}");
        // Its keys are for bedrock alone.
        world.succeed("groq:a", 1).await;
        assert_eq!(world.ask(&["--check", "-p", "groq"]).code, 0);
        assert_eq!(world.ask(&["--check", "-p", "bedrock"]).code, 3);
        // A daemon's pulse is judged alone, unless somebody asks for more.
        world.pulse(&pulse());
        assert_eq!(world.ask(&["--check"]).code, 0);
        assert_eq!(world.ask(&["--check", "--fleet"]).code, 3);
        world.store.revoke_ingest_key(&id, "test", ago(0)).await.unwrap();
        let ended = world.ask(&["--check", "--fleet"]);
        assert_eq!((ended.code, ended.out.as_str()), (0, ""), "{ended:?}");
        let document = world.document(&[]);
        assert_eq!(runner(&document, "aws-1")["state"], "retired");
        assert!(!world.ask(&[]).out.contains("aws-1") && world.ask(&["--wide"]).out.contains("retired"));
    }
}

#[tokio::test]
async fn whoever_was_never_heard_is_told_and_an_expired_key_says_why() {
    for world in worlds().await {
        well(&world).await;
        key(&world, "new", 10, |_| ()).await;
        key(&world, "spare", 300, |key| key.providers = None).await;
        key(&world, "ended", 9000, |key| key.not_after = Some(ago(300))).await;
        heard(&world, "ended", 300).await;
        // Two keys overlap: the one that lives counts.
        key(&world, "rotated", 9000, |key| key.not_after = Some(ago(10))).await;
        key(&world, "rotated", 20, |_| ()).await;
        heard(&world, "rotated", 1).await;
        let causes = ["unhealthy runner_silent runner:ended", "degraded runner_never_heard runner:spare"];
        assert_eq!(world.causes(&[]), causes);
        let document = world.document(&[]);
        assert!(document["troubles"][0]["sentence"].as_str().unwrap().ends_with("; its keys have expired"));
        assert_eq!(
            (&runner(&document, "new")["state"], &runner(&document, "spare")["state"]),
            (&json!("never"), &json!("never"))
        );
        assert_eq!(runner(&document, "spare")["providers"], Value::Null);
        assert_eq!(runner(&document, "rotated")["keys"], "live");
    }
}

#[tokio::test]
async fn a_runner_with_a_key_of_the_environment_is_forgotten_after_a_week() {
    for world in worlds().await {
        well(&world).await;
        heard(&world, "legacy", 2 * 24 * 60).await;
        assert_eq!(world.causes(&[]), ["unhealthy runner_silent runner:legacy"]);
    }
    for world in worlds().await {
        well(&world).await;
        heard(&world, "legacy", 8 * 24 * 60).await;
        assert_eq!(world.causes(&[]), Vec::<String>::new());
        assert_eq!(runner(&world.document(&[]), "legacy")["state"], "retired");
    }
}

#[tokio::test]
async fn a_runner_that_is_heard_hides_no_silent_daemon() {
    for world in worlds().await {
        well(&world).await;
        world.heartbeat("reaper", 90, json!({})).await;
        heard(&world, "legacy", 1).await;
        assert_eq!(world.causes(&[]), ["unhealthy daemon_silent daemon"]);
    }
}
