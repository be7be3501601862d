//! Every form holds every row and every field, on both stores.

use crate::errors::odd::spoil;
use crate::errors::world::{World, errors, text, worlds};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The rows of `--format ndjson`.
pub fn lines(world: &World, more: &[&str]) -> Vec<Map<String, Value>> {
    let question: Vec<&str> =
        ["results", "export", "--format", "ndjson"].iter().chain(more).copied().collect();
    world.told(&question).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn ids(rows: &[Map<String, Value>]) -> Vec<&str> {
    rows.iter().map(|row| row["_id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn rows_come_oldest_first_and_as_they_are_stored() {
    let mut of_each = Vec::new();
    for world in worlds().await {
        let every = lines(&world, &[]);
        let shown: Vec<_> =
            every.iter().map(|row| (row["_id"].as_str().unwrap(), &row["published"])).collect();
        let (yes, no) = (&json!(true), &json!(false));
        assert_eq!(
            shown,
            [("run-0", yes), ("probe-1", no), ("run-3", yes), ("run-1", yes), ("run-2", yes), ("run-4", yes)]
        );
        let rows = lines(&world, &["--published"]);
        assert_eq!(ids(&rows), ["run-0", "run-3", "run-1", "run-2", "run-4"]);
        assert_eq!(lines(&world, &["--series", "published"]), rows);
        assert_eq!(rows[0]["from_another_writer"][""], "empty");
        assert_eq!(rows[0]["dotted.name"], "kept");
        assert_eq!(rows[0]["run_ts"], "2026-08-01T10:00:00.000Z");
        assert_eq!(ids(&lines(&world, &["--series", "probe"])), ["probe-1"]);
        let failures = lines(&world, &["--series", "errors"]);
        assert_eq!(ids(&failures), ["e1", "e3", "e4", "e2", "e5", "e6", "late"]);
        assert_eq!(failures[0]["error_kind"], "rate_limit");
        let whole = world.document(&["results", "export", "--format", "json"]);
        assert_eq!(whole["rows"], json!(every));
        assert_eq!(
            (&whole["schema"], &whole["series"]),
            (&json!("llmbench.results.export/1"), &json!("all"))
        );
        of_each.push((rows, failures));
    }
    assert_eq!(of_each[0], of_each[1], "both stores have the same rows");
}

#[tokio::test]
async fn windows_and_models_choose() {
    for world in worlds().await {
        for (flags, expected) in [
            (&["--provider", "openai"][..], &["run-3", "run-4"][..]),
            (&["--model", "groq:llama"], &["run-0", "run-1", "run-2"]),
            (&["-p", "groq", "-m", "llama", "--from", "2026-08-01T10:30:00Z"], &["run-1", "run-2"]),
            (&["--to", "2026-08-01T10:30:00Z"], &["run-0", "probe-1", "run-3"]),
            (&["--provider", "cerebras"], &[]),
        ] {
            assert_eq!(ids(&lines(&world, flags)), expected, "{flags:?}");
        }
    }
}

/// Documents in cells as documents: stores keep their keys in different orders.
fn parsed(rows: &[BTreeMap<String, String>]) -> Vec<BTreeMap<String, Value>> {
    let cell = |cell: &String| serde_json::from_str(cell).unwrap_or_else(|_| json!(cell));
    rows.iter().map(|row| row.iter().map(|(name, text)| (name.clone(), cell(text))).collect()).collect()
}

/// The rows of a sheet, each as a map from column to cell.
fn sheet(text: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    let row = |row: csv::StringRecord| {
        header.iter().zip(&row).map(|(name, cell)| (name.into(), cell.into())).collect()
    };
    reader.records().map(|record| row(record.unwrap())).collect()
}

#[tokio::test]
async fn sheets_have_a_column_for_each_known_field_and_one_for_the_rest() {
    let mut of_each = Vec::new();
    for world in worlds().await {
        let rows = sheet(&world.told(&["results", "export"]));
        assert_eq!(rows.len(), 6);
        assert_eq!(rows.iter().filter(|row| row["published"] == "true").count(), 5);
        assert_eq!(rows[0]["_id"], "run-0");
        assert_eq!(rows[0]["time_to_first_token"], "0.41");
        assert_eq!(rows[0]["reasoning_tokens"], "");
        assert_eq!(rows[0]["times_between_tokens"], "0.0177152156829834 1.0 0.02002549171447754");
        let stored = lines(&world, &[]);
        let extra: Map<String, Value> = serde_json::from_str(&rows[0]["extra"]).unwrap();
        for (name, value) in &stored[0] {
            assert!(rows[0].contains_key(name) || extra[name] == *value, "{name} is lost");
        }
        let failures = sheet(&world.told(&["results", "export", "--series", "errors"]));
        assert_eq!((failures.len(), failures[0]["http_status"].as_str()), (7, "429"));
        of_each.push((parsed(&rows), parsed(&failures)));
    }
    assert_eq!(of_each[0], of_each[1]);
}

#[tokio::test]
async fn odd_rows_are_in_it_and_counted() {
    for world in worlds().await {
        spoil(&world).await;
        for series in ["published", "errors"] {
            let rows = lines(&world, &["--series", series]);
            assert_eq!(rows.len(), if series == "errors" { 10 + usize::from(world.is_mongo()) } else { 8 });
            let output = world.ask(&["results", "export", "--series", series]);
            assert_eq!(output.status.code(), Some(0));
            assert!(errors(&output).contains("of them hold values of another type"), "{}", errors(&output));
            let cells = sheet(&text(&output));
            assert_eq!(cells.len(), rows.len());
            let odd =
                cells.iter().filter(|row| row["extra"].contains("fast") || row["extra"].contains("doc"));
            assert!(odd.count() > 0 || series == "errors");
            let whole = world.document(&["results", "export", "--series", series, "--format", "json"]);
            assert_eq!(whole["rows"].as_array().unwrap().len(), rows.len());
        }
    }
}
