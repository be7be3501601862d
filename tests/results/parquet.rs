//! Parquet, as another program reads it: pyarrow, value by value against the JSON of the same rows.

use super::bulk::{fill, row};
use super::export::lines;
use crate::errors::odd::spoil;
use crate::errors::world::{World, worlds};
use crate::support::peers::fetch;
use chrono::{DateTime, Utc};
use llmbench::domain::row_fields::{FieldType, field_type};
use llmbench::export::names;
use llmbench::storage::history::RunSeries;
use llmbench::storage::history::merged_rows::PUBLISHED;
use llmbench::storage::history::row_pages::RowSource;
use llmbench::storage::outcomes::field_types::coerce;
use serde_json::{Map, Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const PACKAGE: &str = "pyarrow==26.0.1";

const HINT: &str = "The tests read Parquet with pyarrow: Python 3 with pip fetches it, and that failed";

/// Prints the types of the columns, and each row as JSON.
const READER: &str = r#"
import json, sys
sys.path.insert(0, sys.argv[1])
import pyarrow.parquet as parquet
table = parquet.read_table(sys.argv[2])
print(json.dumps({field.name: str(field.type) for field in table.schema}))
for row in table.to_pylist():
    print(json.dumps(row, default=lambda value: value.isoformat()))
"#;

fn pyarrow() -> PathBuf {
    let install = |folder: &Path, wanted: &Path| {
        let partial = folder.join("pyarrow.part");
        drop(fs::remove_dir_all(&partial));
        let pip = ["-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:", "--target"];
        fetch::fetcher(Command::new("python3").args(pip).arg(&partial).arg(PACKAGE), HINT);
        fs::rename(partial, wanted).unwrap();
    };
    fetch::once(&PACKAGE.replace("==", "-"), install)
}

/// What pyarrow finds in a file: types, then rows.
fn read(path: &Path) -> Vec<Map<String, Value>> {
    let output = Command::new("python3").args(["-c", READER]).arg(pyarrow()).arg(path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

fn table(series: &str) -> RowSource {
    if series == "errors" { RowSource::Errors } else { RowSource::Runs(RunSeries::Published) }
}

/// A row as its columns should hold it.
fn expected(series: &str, row: &Map<String, Value>) -> Map<String, Value> {
    let mut columns: Map<String, Value> =
        names(table(series)).iter().map(|name| ((*name).to_owned(), Value::Null)).collect();
    let mut extra = Map::new();
    for (name, value) in row {
        match columns.get_mut(name).zip(coerce(name, value.clone()).ok()) {
            Some((column, typed)) => *column = cell(name, typed),
            None if name == PUBLISHED => *columns.get_mut(name).unwrap() = value.clone(),
            None => drop(extra.insert(name.clone(), value.clone())),
        }
    }
    columns.insert("extra".to_owned(), if extra.is_empty() { Value::Null } else { Value::Object(extra) });
    columns
}

fn cell(name: &str, value: Value) -> Value {
    match (field_type(name), &value) {
        (Some(FieldType::Date), Value::String(text)) => {
            json!(text.parse::<DateTime<Utc>>().unwrap().timestamp_millis())
        }
        _ => value,
    }
}

/// A row as pyarrow gives it: instants as milliseconds, documents out of their text.
fn found(mut row: Map<String, Value>) -> Map<String, Value> {
    for (name, value) in &mut row {
        let document = name == "extra" || field_type(name) == Some(FieldType::Object);
        if let Value::String(text) = value {
            if field_type(name) == Some(FieldType::Date) {
                *value = json!(text.parse::<DateTime<Utc>>().unwrap().timestamp_millis());
            } else if document {
                *value = serde_json::from_str(text).unwrap();
            }
        }
    }
    row
}

fn check(world: &World, series: &str) {
    let path = world.home.path().join(format!("{series}.parquet"));
    world.told(&["results", "export", "--series", series, "--output", path.to_str().unwrap(), "--force"]);
    let mut read = read(&path).into_iter();
    let types = read.next().unwrap();
    for (name, kind) in &types {
        let is = match field_type(name) {
            None if name == PUBLISHED => "bool",
            Some(FieldType::Date) => "timestamp[ms, tz=UTC]",
            Some(FieldType::Double) => "double",
            Some(FieldType::Integer) => "int64",
            Some(FieldType::Flag) => "bool",
            Some(FieldType::DoubleList) => "list<element: double not null>",
            Some(FieldType::TextList) => "list<element: string not null>",
            Some(FieldType::Text | FieldType::Object) | None => "string",
        };
        assert_eq!(kind, is, "{name}");
    }
    let rows: Vec<_> = read.map(found).collect();
    let stored: Vec<_> =
        lines(world, &["--series", series]).iter().map(|row| expected(series, row)).collect();
    assert_eq!(rows.len(), stored.len());
    for (row, stored) in rows.iter().zip(&stored) {
        for (name, value) in stored {
            assert_eq!(&row[name], value, "{name} of {}", stored["_id"]);
        }
        assert_eq!(row.len(), stored.len());
    }
}

#[tokio::test]
async fn another_program_reads_every_value() {
    for world in worlds().await {
        // More than one group of rows, with lists that are long, empty and missing.
        let many: Vec<_> = (0..6_000_i64)
            .map(|number| {
                let mut row = row(&format!("many-{number:05}"), "groq:many", number);
                row["times_between_tokens"] = match number % 5 {
                    0 => json!([]),
                    1 => Value::Null,
                    _ => (0..number % 400).map(|place| (number * place) as f64 / 7.0).collect(),
                };
                row["suspect"] = json!(number % 3 == 0);
                row["adaptations"] = (0..number % 3).map(|place| format!("ä{place}\n\"")).collect();
                row
            })
            .collect();
        fill(&world.backend, &many, true).await;
        spoil(&world).await;
        for series in ["published", "probe", "errors"] {
            check(&world, series);
        }
        let nothing = world.home.path().join("nothing.parquet");
        world.told(&["results", "export", "--provider", "cerebras", "--output", nothing.to_str().unwrap()]);
        assert_eq!(read(&nothing).len(), 1, "types and no row");
    }
}
