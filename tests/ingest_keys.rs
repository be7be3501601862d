//! `llmbench ingest key` as an operator uses it: a key is shown once, and what it may do is seen and ended.

use crate::stores::backend::Backend;
use crate::support::Home;
use serde_json::{Value, json};

fn ran(home: &Home, store: &str, arguments: &[&str]) -> crate::support::ran::Ran {
    let mut all = vec!["ingest", "key"];
    all.extend(arguments);
    all.extend(["--store", store]);
    home.ran(&all)
}

fn listed(home: &Home, store: &str) -> Vec<Value> {
    let ran = ran(home, store, &["list", "--all", "--json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let document: Value = serde_json::from_str(&ran.out).unwrap();
    document["keys"].as_array().unwrap().clone()
}

#[tokio::test]
async fn keys_of_both_stores_are_made_shown_rotated_and_revoked() {
    for backend in [Backend::sqlite(), Backend::mongo().await] {
        let url = backend.url();
        tokio::task::spawn_blocking(move || tell(&url)).await.unwrap();
    }
}

fn tell(store: &str) {
    let home = Home::new();
    let none = ran(&home, store, &["list"]);
    assert!(none.code == 0 && none.out.is_empty() && none.err.contains("ingest key add"), "{none:?}");

    let made = ran(
        &home,
        store,
        &["add", "aws-1", "--provider", "bedrock", "--allow", "ingest", "--allow", "error"],
    );
    assert_eq!(made.code, 0, "{made:?}");
    let first = made.out.trim_end().to_owned();
    assert!(first.starts_with("lb_") && first.lines().count() == 1, "{made:?}");
    assert!(made.err.contains("only time") && !made.err.contains(&first), "{made:?}");
    let key = listed(&home, store).remove(0);
    assert_eq!(
        (&key["name"], &key["state"], &key["providers"]),
        (&json!("aws-1"), &json!("live"), &json!(["bedrock"]))
    );
    assert_eq!((&key["actions"], &key["last_used_at"]), (&json!(["ingest", "error"]), &Value::Null));
    let id = key["id"].as_str().unwrap().to_owned();
    assert!(first.starts_with(&format!("lb_{id}_")));

    let rotated = ran(&home, store, &["rotate", "aws-1", "--overlap", "2h", "--json"]);
    assert_eq!(rotated.code, 0, "{rotated:?}");
    let rotated: Value = serde_json::from_str(&rotated.out).unwrap();
    let second = rotated["key"].as_str().unwrap().to_owned();
    assert_ne!(second, first);
    let keys = listed(&home, store);
    assert_eq!(keys.len(), 2);
    assert!(
        keys.iter().all(|key| key["state"] == "live" && key["actions"] == json!(["ingest", "error"])),
        "{keys:?}"
    );
    assert!(keys[0]["not_after"].is_string() && keys[1]["not_after"].is_null(), "{keys:?}");
    for third in [&["rotate", "aws-1"][..], &["add", "aws-1", "--all-providers"]] {
        let refused = ran(&home, store, third);
        assert!(
            refused.code == 1 && refused.err.contains("2 live keys") && refused.err.contains(&id),
            "{refused:?}"
        );
    }

    let revoked = ran(&home, store, &["revoke", &id]);
    assert!(revoked.code == 0 && revoked.out.is_empty(), "{revoked:?}");
    assert_eq!(ran(&home, store, &["revoke", &id]).code, 0, "twice is once");
    let keys = listed(&home, store);
    assert_eq!((&keys[0]["state"], &keys[1]["state"]), (&json!("revoked"), &json!("live")));
    assert!(keys[0]["revoked_by"].as_str().unwrap().contains('@'));
    let shown = ran(&home, store, &["list"]);
    assert!(!shown.out.contains(&id) && shown.err.contains("1 that have ended"), "{shown:?}");
    let everything = format!("{keys:?}{shown:?}");
    let secret = |key: &str| key.rsplit('_').next().unwrap().to_owned();
    assert!(!everything.contains(&secret(&first)) && !everything.contains(&secret(&second)));
}

#[test]
fn what_is_not_there_or_not_said_is_told() {
    let home = Home::new();
    let store = format!("sqlite:{}", home.path().join("s.db").display());
    for (arguments, code, words) in [
        (&["revoke", "no\u{1b}body"][..], 1, "no\\u{1b}body"),
        (&["rotate", "nobody"], 1, "nobody"),
        (&["add", "aws-1"], 2, "--provider"),
        (&["add", "two words", "--all-providers"], 2, "letters"),
        (&["add", "a", "--all-providers", "--provider", "b"], 2, "--provider"),
        (&["add", "a", "--all-providers", "--expires", "soon"], 2, "90d"),
        (&["add", "a", "--all-providers", "--allow", "drop"], 2, "drop"),
    ] {
        let ran = ran(&home, &store, arguments);
        assert!(ran.code == code && ran.err.contains(words) && ran.out.is_empty(), "{arguments:?}: {ran:?}");
    }
    let made = ran(&home, &store, &["add", "a", "--all-providers", "--expires", "90d", "--json"]);
    let made: Value = serde_json::from_str(&made.out).unwrap();
    assert!(made["about"]["providers"].is_null() && made["about"]["not_after"].is_string(), "{made}");
    assert_eq!(made["about"]["actions"], json!(["ingest", "error", "catalog", "config"]));
}
