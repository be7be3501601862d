//! What comes out, and the exit status.

use crate::support::Home;
use crate::support::ran::QUICK;
use serde_json::Value;
use std::collections::HashSet;

#[path = "../../src/output/schema_check.rs"]
pub mod schema_check;

#[test]
fn a_run_is_a_table_and_a_row() {
    let home = Home::new();
    let ran = home.ran(&["run", "--model", QUICK]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    // On a busy machine the sample is suspect, which is said in between.
    for words in ["profile cloud-default-v1, at most 64", "  1 ok", ", 0 failed", "TTFT", "tokens/s, decode"]
    {
        assert!(ran.out.contains(words), "{words}: {}", ran.out);
    }
    assert!(!ran.out.contains("headers"), "phases are for -v: {}", ran.out);
    let [row] = &home.rows("runs")[..] else { panic!("one row") };
    assert_eq!((&row["provider"], &row["visible_output_tokens"]), (&"sim".into(), &4.into()));
    let verbose = home.ran(&["run", "--model", QUICK, "-v"]);
    for drawn in
        ["The last run of sim:steady", "Timeline", "first visible text", "3 gaps between visible chunks"]
    {
        assert!(verbose.out.contains(drawn), "{drawn}: {verbose:?}");
    }
    assert!(verbose.out.contains("headers"), "{}", verbose.out);
}

#[test]
fn a_line_is_the_stored_document() {
    let home = Home::new();
    let ran = home.ran(&["run", "--ndjson", "-n", "3", "--model", QUICK]);
    let rows = home.rows("runs");
    assert_eq!((ran.code, ran.err.as_str(), rows.len()), (0, "", 3), "{ran:?}");
    let ids: HashSet<String> = ran.lines().iter().map(|line| line["_id"].to_string()).collect();
    assert_eq!(ids.len(), 3);
    for (mut line, row) in ran.lines().into_iter().zip(rows) {
        assert_eq!(line.shift_remove("outcome"), Some("success".into()));
        assert_eq!(line["_id"], row["_id"]);
        let missing: Vec<_> = row.keys().filter(|key| !line.contains_key(*key)).collect();
        assert!(missing.is_empty(), "stored and not in the line: {missing:?}");
        let seconds = line["time_to_first_token"].as_f64().unwrap();
        assert!((0.002..60.0).contains(&seconds), "seconds, not milliseconds: {seconds}");
    }
}

#[test]
fn the_document_is_as_its_schema_says() {
    let schema: Value = serde_json::from_str(include_str!("../../docs/schema/run.schema.json")).unwrap();
    let arguments = [
        "run",
        "--json",
        "--no-store",
        "-n",
        "2",
        "--model",
        QUICK,
        "--model",
        "sim:error500",
        "--fail-if",
        "ttft_p50>1us",
    ];
    let ran = Home::new().ran(&arguments);
    assert_eq!(ran.code, 1);
    let document: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(schema_check::violations(&schema, &document), [""; 0]);
    assert!(ran.err.contains("TRIPPED"), "the gate is told apart from the document: {}", ran.err);
}

#[test]
fn the_csv_file_has_a_line_a_run() {
    let home = Home::new();
    let ran = home.ran(&[
        "run",
        "--csv",
        "runs.csv",
        "--quiet",
        "-n",
        "2",
        "--model",
        QUICK,
        "--model",
        "sim:error500",
    ]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    let mut reader = csv::Reader::from_path(home.path().join("runs.csv")).unwrap();
    let outcome = reader.headers().unwrap().iter().position(|name| name == "outcome").unwrap();
    let mut outcomes: Vec<String> = reader.records().map(|row| row.unwrap()[outcome].to_owned()).collect();
    outcomes.sort();
    assert_eq!(outcomes, ["failure", "failure", "success", "success"]);
}

#[test]
fn a_csv_file_that_cannot_be_written_is_known_before_money_is_spent() {
    let home = Home::new();
    let ran = home.ran(&["run", "--csv", "nowhere/runs.csv", "--model", QUICK]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.starts_with("error: --csv nowhere/runs.csv: No such file"), "{}", ran.err);
    assert!(home.rows("runs").is_empty());
}

#[test]
fn quiet_says_nothing_but_what_went_wrong() {
    let home = Home::new();
    let good = home.ran(&["run", "--quiet", "--model", QUICK]);
    assert_eq!((good.code, good.out.as_str(), good.err.as_str()), (0, "", ""));
    let bad = home.ran(&["run", "--quiet", "--model", "sim:error500"]);
    assert_eq!((bad.code, bad.out.as_str()), (1, ""));
    assert!(bad.err.contains("transient_provider 1, stage response, HTTP 500"), "{}", bad.err);
    let refused = home.ran(&["run", "--quiet", "--model", "sim:rejects-temperature-ttft1-gap1-n2"]);
    assert_eq!((refused.code, refused.err.as_str()), (0, ""), "a lesson is a note, and notes are for others");
}

#[test]
fn nothing_is_stored_with_no_store() {
    let home = Home::new();
    let ran = home.ran(&["run", "--no-store", "--quiet", "--model", QUICK]);
    assert_eq!(ran.code, 0);
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0, "the home stays as it was");
}

#[test]
fn gates_decide_the_exit_status() {
    let home = Home::new();
    let gated =
        |gate: &str, model: &str| home.ran(&["run", "--no-store", "-q", "--fail-if", gate, "--model", model]);
    assert_eq!(gated("ttft_p95>3600s", QUICK).code, 0);
    let tripped = gated("ttft_p95>1us", QUICK);
    assert_eq!(tripped.code, 1);
    assert!(tripped.err.contains(&format!("ttft_p95>1us on {QUICK}: TRIPPED (")), "{}", tripped.err);
    assert_eq!(gated("error_rate>50%", QUICK).code, 0);
    assert_eq!(gated("error_rate>50%", "sim:error500").code, 1);
    for nonsense in ["ttft_p95", "ttft_p95>", "ttft_p95>5%", "speed>1s", "ttft_p95>-1s", ""] {
        let refused = gated(nonsense, QUICK);
        assert_eq!((refused.code, refused.out.as_str()), (2, ""), "{nonsense}");
        assert!(refused.err.starts_with(&format!("error: --fail-if '{nonsense}': ")), "{}", refused.err);
    }
}
