//! Receipts: what a run's figures were computed from stays with its row, and the figures come out of it again.

use crate::support::Home;
use crate::support::ran::{QUICK, Ran};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::fs;

const WITH_RECEIPTS: &str = "
[profiles.default]
receipts = true

[profiles.kept]
id = \"kept-v1\"
max_output_tokens = 64
receipts = true
";

/// A home whose profiles ask for receipts.
fn home() -> Home {
    let home = Home::new();
    fs::write(home.path().join("llmbench.toml"), WITH_RECEIPTS).unwrap();
    home
}

fn ran(home: &Home, arguments: &[&str]) -> Ran {
    home.ran(&[&["--config", home.path().join("llmbench.toml").to_str().unwrap()], arguments].concat())
}

fn recomputed(home: &Home) -> (i32, Value) {
    let said = ran(home, &["results", "recompute", "--json"]);
    (said.code, serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}")))
}

/// Changes the stored document of every run.
fn edit(home: &Home, change: impl Fn(&mut Value)) {
    let database = Connection::open(home.database()).unwrap();
    for row in home.rows("runs") {
        let mut row = Value::Object(row);
        change(&mut row);
        let id = row["_id"].as_str().unwrap().to_owned();
        database.execute("UPDATE runs SET doc = ?1 WHERE id = ?2", (row.to_string(), id)).unwrap();
    }
}

#[test]
fn figures_follow_from_receipts_and_a_changed_one_is_found() {
    let home = home();
    let models = [QUICK, "sim:chunky-ttft5-gap1", "sim:reasoning-ttft5-gap1-r4-n9", "sim:burst-ttft5-gap1"];
    for profile in ["default", "kept"] {
        let models: Vec<&str> = models.iter().flat_map(|model| ["--model", model]).collect();
        assert_eq!(ran(&home, &[&["run", "--profile", profile][..], &models].concat()).code, 0);
    }
    let rows = home.rows("runs");
    assert_eq!(rows.len(), 8);
    assert!(rows.iter().all(|row| row["receipt"].as_str().unwrap().len() < 2048), "{rows:?}");
    let (code, clean) = recomputed(&home);
    assert_eq!((code, &clean["runs"], &clean["receipts"]), (0, &json!(8), &json!(8)), "{clean}");
    assert_eq!((&clean["differing"], &clean["unreadable"]), (&json!([]), &json!([])), "{clean}");

    edit(&home, |row| {
        let ttft = row["time_to_first_token"].as_f64().unwrap();
        row["time_to_first_token"] = json!(f64::from_bits(ttft.to_bits() + 1));
    });
    let (code, changed) = recomputed(&home);
    assert_eq!((code, changed["differing"].as_array().unwrap().len()), (1, 8), "{changed}");
    assert_eq!(changed["differing"][0]["figures"][0]["name"], "time_to_first_token");
    let shown = ran(&home, &["results", "recompute"]);
    assert!(
        shown.out.contains("time_to_first_token") && shown.err.contains("8 with figures that differ"),
        "{shown:?}"
    );

    edit(&home, |row| row["receipt"] = json!("1.AAAA"));
    let (code, broken) = recomputed(&home);
    assert_eq!((code, broken["unreadable"].as_array().unwrap().len()), (1, 8), "{broken}");
}

#[test]
fn without_receipts_nothing_is_kept_and_nothing_claimed() {
    let home = Home::new();
    assert_eq!(home.ran(&["run", "--model", QUICK]).code, 0);
    assert!(!home.rows("runs")[0].contains_key("receipt"));
    let said = home.ran(&["results", "recompute"]);
    assert_eq!((said.code, said.out.as_str()), (0, ""), "{said:?}");
    assert!(said.err.contains("none of 1 runs has a receipt: set receipts = true"), "{said:?}");
}
