//! Receipts: what a run's figures were computed from stays with its row, and the figures come out of it again.

use crate::support::Home;
use crate::support::ran::{QUICK, Ran};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use rusqlite::Connection;
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};

const WITH_RECEIPTS: &str = "
[profiles.default]
receipts = true

[profiles.kept]
id = \"kept-v1\"
max_output_tokens = 64
receipts = true
";

/// A home whose profiles ask for receipts.
pub fn home() -> Home {
    let home = Home::new();
    fs::write(home.path().join("llmbench.toml"), WITH_RECEIPTS).unwrap();
    home
}

/// Runs the binary with that configuration.
pub fn ran(home: &Home, arguments: &[&str]) -> Ran {
    home.ran(&[&["--config", home.path().join("llmbench.toml").to_str().unwrap()], arguments].concat())
}

fn recomputed(home: &Home) -> (i32, Value) {
    let said = ran(home, &["results", "recompute", "--json"]);
    (said.code, serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}")))
}

/// Changes the stored document of every run.
pub fn edit(home: &Home, change: impl Fn(&mut Value)) {
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

/// The receipt as the definitions of this version would have made it.
pub fn of_definitions(receipt: &str, version: u32) -> String {
    let packed = STANDARD_NO_PAD.decode(receipt.strip_prefix("1.").unwrap()).unwrap();
    let mut bytes = Vec::new();
    DeflateDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
    // The head's length takes two bytes of seven bits, before and after.
    let length = usize::from(bytes[0] & 0x7f) | usize::from(bytes[1]) << 7;
    let mut head: Value = serde_json::from_slice(&bytes[2..2 + length]).unwrap();
    head["definitions"] = json!(version);
    let head = head.to_string();
    let mut changed = vec![(head.len() & 0x7f) as u8 | 0x80, (head.len() >> 7) as u8];
    changed.extend_from_slice(head.as_bytes());
    changed.extend_from_slice(&bytes[2 + length..]);
    let mut deflated = DeflateEncoder::new(Vec::new(), Compression::best());
    deflated.write_all(&changed).unwrap();
    format!("1.{}", STANDARD_NO_PAD.encode(deflated.finish().unwrap()))
}

#[test]
fn figures_of_older_definitions_are_shown_beside_todays() {
    let home = home();
    assert_eq!(ran(&home, &["run", "--model", QUICK, "--model", "sim:burst-ttft5-gap1"]).code, 0);
    // What version 1 would have said, from the same reads.
    edit(&home, |row| {
        row["receipt"] = of_definitions(row["receipt"].as_str().unwrap(), 1).into();
        row["inter_token_latency"] = json!(0.125);
    });
    let (code, found) = recomputed(&home);
    assert_eq!((code, &found["differing"], &found["unreadable"]), (0, &json!([]), &json!([])), "{found}");
    let older = found["older"].as_array().unwrap();
    assert_eq!(older.len(), 2, "{found}");
    let figure = &older[0]["figures"][0];
    assert_eq!((&figure["name"], &figure["stored"]), (&json!("inter_token_latency"), &json!(0.125)));
    assert!(figure["recomputed"] != figure["stored"], "{figure}");
    let shown = ran(&home, &["results", "recompute"]);
    assert_eq!(shown.code, 0, "{shown:?}");
    let line = shown.out.lines().find(|line| line.contains("older definitions")).unwrap();
    assert!(line.contains("0.125") && line.contains(figure["recomputed"].to_string().as_str()), "{shown:?}");
    assert!(shown.err.contains("2 of older definitions would have other figures today"), "{shown:?}");
}
