//! `results export` of a million runs out of SQLite, in every form: rows a second and the most memory. The rows are those of
//! the published profile, 64 tokens and the gaps between them, about 3 kB each. Measured once: it is long enough.

use crate::machine::{field, kilobytes};
use crate::subject::{home, llmbench};
use crate::{Failed, Line};
use rusqlite::{Connection, params};
use serde_json::Value;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const ROWS: u32 = 1_000_000;

/// Rows differ in id, time and the last digits; so many differ in their gaps.
const KINDS: usize = 500;

/// A run of which every other is made.
const RUN: &str = include_str!("../../../tests/data/run.json");

/// Measures.
pub fn measure() -> Result<Vec<Line>, Failed> {
    let home = home()?;
    let store = format!("sqlite:{}", home.path().join("million.db").display());
    if !llmbench(&home, &["db", "init", "--store", &store]).stdout(Stdio::null()).status()?.success() {
        return Err("no store can be made".into());
    }
    fill(&home.path().join("million.db"))?;
    let mut lines = Vec::new();
    for (form, whats) in [
        ("csv", ["results export, 1,000,000 rows of SQLite as CSV", "its peak memory"]),
        ("json", ["the same as one JSON document", "its peak memory"]),
        ("ndjson", ["the same as JSON lines", "its peak memory"]),
        ("parquet", ["the same as Parquet", "its peak memory"]),
    ] {
        let (seconds, peak) = export(&home, &store, form)?;
        let rate = f64::from(ROWS) / seconds;
        let line = |what, least, measured, met| Line { what, least, measured, beside: None, met };
        lines.push(line(whats[0], "100,000 rows/s", format!("{rate:.0} rows/s"), rate >= 100_000.0));
        lines.push(line(whats[1], "60 MB", format!("{peak:.0} MB"), peak <= 60.0));
    }
    Ok(lines)
}

/// Exports into a file: seconds from start to end, and megabytes.
fn export(home: &TempDir, store: &str, form: &str) -> Result<(f64, f64), Failed> {
    let file = home.path().join("out");
    let file_name = file.to_str().ok_or("the folder has an odd name")?;
    let arguments =
        ["results", "export", "--store", store, "--format", form, "--output", file_name, "--quiet"];
    let begun = Instant::now();
    let mut process = llmbench(home, &arguments).spawn()?;
    let status = format!("/proc/{}/status", process.id());
    let mut peak = 0;
    let ended = loop {
        peak = field(&status, "VmHWM").and_then(|text| kilobytes(&text)).unwrap_or(peak);
        if let Some(ended) = process.try_wait()? {
            break ended;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let seconds = begun.elapsed().as_secs_f64();
    if !ended.success() {
        return Err(format!("the export ended with {ended}").into());
    }
    std::fs::remove_file(file)?;
    Ok((seconds, peak as f64 / 1000.0))
}

/// Puts the rows into a store's file, without its guard against power cuts.
fn fill(path: &Path) -> Result<(), Failed> {
    let kinds: Vec<String> = (0..KINDS).map(document).collect::<Result<_, _>>()?;
    let mut connection = Connection::open(path)?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    let transaction = connection.transaction()?;
    {
        let sql = "INSERT INTO runs VALUES (?1, 1, 'groq', ?2, ?3, ?3 + 1333, 'cloud-default-v1', 'published', 48.0, 48.0,
            0.41, ?4)";
        let mut insert = transaction.prepare(sql)?;
        for number in 0..ROWS {
            let id = format!("01K1J{number:021}");
            let model = format!("model-{:02}", number % 40);
            let at = 1_785_585_600_000 + i64::from(number) * 1_500;
            let time = chrono::DateTime::from_timestamp_millis(at).ok_or("no such time")?;
            let time = time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
            let kind = &kinds[number as usize % KINDS];
            let doc = kind.replacen("ID", &id, 1).replacen("MODEL", &model, 1).replacen("TIME", &time, 1);
            insert.execute(params![id, model, at, doc])?;
        }
    }
    transaction.commit()?;
    Ok(())
}

/// A run with gaps of its own, and words where each row differs.
fn document(kind: usize) -> Result<String, Failed> {
    let mut run: Value = serde_json::from_str(RUN)?;
    let gap = |place: usize| 0.005 + ((kind * 64 + place) as f64 * 0.754_877_666_246_692_7).fract() / 64.0;
    run["times_between_tokens"] = (0..63).map(gap).collect();
    for (name, word) in [("_id", "ID"), ("model_name", "MODEL"), ("run_ts", "TIME")] {
        run[name] = word.into();
    }
    Ok(run.to_string())
}
