//! Receipts of 100,000 runs of 64 tokens, each with arrivals of its own: how large one is, how long it takes to compute all
//! figures again from a store (`results recompute`) and from an export as a stranger has it (`results verify`), and whether
//! one flipped byte is found. Measured once: it is long enough.

use crate::machine::{field, kilobytes};
use crate::subject::{home, llmbench};
use crate::{Failed, Line, is_few};
use llmbench::domain::run::{Connection, ConnectionInfo};
use llmbench::measure::receipt::{Receipt, ReceiptHead, write};
use llmbench::measure::receipt_figures::computed;
use llmbench::measure::timeline::DEFINITIONS_VERSION;
use llmbench::providers::protocols::{Channel, DecodedStream, Delta};
use llmbench::wire::{BodyRead, ExchangeEnd, Marks, Recording};
use rusqlite::{Connection as Database, params};
use serde_json::Value;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const RUNS: u32 = 100_000;
const FEW: u32 = 500;
const TOKENS: u64 = 64;

/// A run of which every other is made.
const RUN: &str = include_str!("../../../tests/data/run.json");

/// What is shown where something is found, and where not.
fn word(found: bool) -> String {
    if found { "yes" } else { "no" }.to_owned()
}

/// Measures.
pub fn measure() -> Result<Vec<Line>, Failed> {
    let home = home()?;
    let path = home.path().join("receipts.db");
    let store = format!("sqlite:{}", path.display());
    if !llmbench(&home, &["db", "init", "--store", &store]).stdout(Stdio::null()).status()?.success() {
        return Err("no store can be made".into());
    }
    let largest = fill(&path, if is_few() { FEW } else { RUNS })?;
    let timed = |arguments: &[&str]| timed(&home, arguments);
    let again = timed(&["results", "recompute", "--store", &store, "--quiet"])?;
    let export = timed(&["results", "export", "--store", &store, "--receipts", "-o", "runs.csv", "--quiet"])?;
    let verify = timed(&["results", "verify", "runs.csv"])?;
    if !(again.status.success() && export.status.success() && verify.status.success()) {
        return Err(format!(
            "a figure did not follow: {}, {}, {}",
            again.status, export.status, verify.status
        )
        .into());
    }
    let line = |what, least, measured, met| Line { what, least, measured, beside: None, met };
    let seconds = |what, one: &TimedRun| {
        line(what, "20 s", format!("{:.1} s, {:.0} MB of memory", one.seconds, one.peak), one.seconds <= 20.0)
    };
    let mut lines = vec![
        line("the largest receipt of a run of 64 tokens", "2 kB", format!("{largest} bytes"), largest < 2048),
        seconds("`results recompute` of 100,000 runs, bit for bit", &again),
        seconds("`results export --receipts` of them as CSV", &export),
        seconds("`results verify` of that export, bit for bit", &verify),
    ];
    for (what, file) in [
        ("one flipped byte of the export is found", "runs.csv"),
        ("one flipped byte of its receipts is found", "runs.csv.receipts.ndjson"),
    ] {
        let found = finds_a_flip(&home, file)?;
        lines.push(line(what, "yes", word(found), found));
    }
    Ok(lines)
}

/// An invocation that has ended.
struct TimedRun {
    status: ExitStatus,
    seconds: f64,
    /// Megabytes.
    peak: f64,
}

fn timed(home: &TempDir, arguments: &[&str]) -> Result<TimedRun, Failed> {
    let begun = Instant::now();
    let mut process = llmbench(home, arguments).current_dir(home.path()).stdout(Stdio::null()).spawn()?;
    let about = format!("/proc/{}/status", process.id());
    let mut peak = 0;
    loop {
        peak = field(&about, "VmHWM").and_then(|text| kilobytes(&text)).unwrap_or(peak);
        if let Some(status) = process.try_wait()? {
            return Ok(TimedRun {
                status,
                seconds: begun.elapsed().as_secs_f64(),
                peak: peak as f64 / 1000.0,
            });
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether `results verify` sees that one bit in the middle of a file is another.
fn finds_a_flip(home: &TempDir, file: &str) -> Result<bool, Failed> {
    let path = home.path().join(file);
    let mut bytes = std::fs::read(&path)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, &bytes)?;
    let found = timed(home, &["results", "verify", "runs.csv"])?.status.code() == Some(1);
    bytes[middle] ^= 1;
    std::fs::write(&path, &bytes)?;
    Ok(found)
}

/// Puts runs into a store's file, without its guard against power cuts; returns the length of the largest receipt.
fn fill(path: &Path, runs: u32) -> Result<usize, Failed> {
    let mut connection = Database::open(path)?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    let transaction = connection.transaction()?;
    let mut largest = 0;
    {
        let sql = "INSERT INTO runs VALUES (?1, 1, 'groq', 'm', ?2, ?2 + 1333, 'cloud-default-v1', 'published', 48.0, 48.0,
            0.41, ?3)";
        let mut insert = transaction.prepare(sql)?;
        for number in 0..runs {
            let id = format!("01K1J{number:021}");
            let at = 1_785_585_600_000 + i64::from(number) * 1_500;
            let receipt = receipt(number).ok_or("a run has no receipt")?;
            largest = largest.max(receipt.len());
            insert.execute(params![id, at, document(&id, at, receipt)?])?;
        }
    }
    transaction.commit()?;
    Ok(largest)
}

/// The row of a run: the figures are those that follow from its receipt.
fn document(id: &str, at: i64, receipt: String) -> Result<String, Failed> {
    let mut run: Value = serde_json::from_str(RUN)?;
    let time = chrono::DateTime::from_timestamp_millis(at).ok_or("no such time")?;
    run["_id"] = id.into();
    run["model_name"] = "m".into();
    run["run_ts"] = time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true).into();
    for (name, value) in computed(Receipt::read(&receipt)?) {
        run[name] = value;
    }
    run["receipt"] = receipt.into();
    Ok(run.to_string())
}

/// A token a read, 20 ms apart, give or take what differs from run to run.
fn receipt(run: u32) -> Option<String> {
    let mut at = Duration::from_nanos(400_000_000 + u64::from(run) * 7_919);
    let (mut reads, mut deltas) = (Vec::new(), Vec::new());
    for token in 0..TOKENS {
        let jitter = (u64::from(run) * 64 + token).wrapping_mul(2_654_435_761) % 4_000_000;
        at += Duration::from_nanos(18_000_000 + jitter);
        let waited = Some(Duration::from_nanos(20_000 + jitter % 9_000));
        reads.push(BodyRead { body_end: 230 * (token as usize + 1), at, waited });
        deltas.push(Delta { at, channel: Channel::Visible, text: "word ".to_owned(), tokens: None });
    }
    let end = at + Duration::from_micros(300);
    let head = ReceiptHead {
        definitions: DEFINITIONS_VERSION,
        program: "llmbench/0.1.0".to_owned(),
        configuration: "5".repeat(64),
        calibration: Some("01K1J000000000000000000000".to_owned()),
        end_ns: u64::try_from(end.as_nanos()).ok()?,
        network_rtt: Some(0.012_345),
        visible_tokens: Some(TOKENS),
        generated_tokens: Some(TOKENS),
    };
    write(&head, &recording(reads, end), &DecodedStream { deltas, ..DecodedStream::default() })
}

fn recording(reads: Vec<BodyRead>, end: Duration) -> Recording {
    Recording {
        started_at: Default::default(),
        ended_at: Default::default(),
        connection: Connection::Cold,
        carrier: ConnectionInfo::default(),
        marks: Marks { end, ..Marks::default() },
        head: None,
        body: Default::default(),
        reads,
        ending: ExchangeEnd::Complete,
        late_wakes: Vec::new(),
        connect_delay: None,
        dispatch_delay: Duration::ZERO,
    }
}
