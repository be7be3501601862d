//! The figures of docs/benchmarks.md, measured afresh by one command:
//!
//! ```text
//! cargo bench --bench figures                     all of it, some minutes
//! cargo bench --bench figures -- streams flood    some of it: cold, streams, many, flood, memory, start, export, receipts, sync, sqlite, mongodb,
//!                                                 daemon_idle, daemon_own, daemon_pass, daemon_lanes, daemon_restart, drain, bridge_single, bridge_batch,
//!                                                 bridge_latency, bridge_memory
//! cargo bench --bench figures -- --full           sqlite and mongodb at ten times their size: 3 GB of disk, ten minutes;
//!                                                 daemon_lanes for ten minutes instead of one
//! cargo bench --bench figures -- receipts --few   500 runs instead of 100,000, to see whether the part works
//! cargo bench --bench figures -- --build          also a release build from scratch, some minutes more
//! ```
//!
//! Everything runs as its own process, as users run it: a simulator of known timing on loopback, and `llmbench run` that
//! measures it. What a sample says is held against what the simulator saw itself do (`/truth`, joined by the request's id)
//! and against a bare socket client (`bare`), which parses nothing, in the same minutes on the same simulator: as many
//! streams and, where lateness is compared, started at the same pace. What operators ask is asked of months of rows (`ground`)
//! and compared with mongosh and a snippet that asks the same. Each line is the median of five measurements. The
//! exit status is 1 where a figure is missed. Not a test: figures depend on the machine and on what else it does, so both
//! are printed.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a table is what this program is for")]

mod bare;
mod bridge;
#[path = "../../tests/support/catalog.rs"]
mod catalog;
mod daemon;
#[allow(clippy::unwrap_used, clippy::disallowed_methods, dead_code, reason = "the peers of the tests")]
#[path = "../../tests/support/peers/fetch.rs"]
mod fetch;
mod fixture_db;
mod machine;
mod mongod;
#[allow(clippy::unwrap_used, clippy::disallowed_methods, dead_code, reason = "the peers of the tests")]
#[path = "../../tests/support/mongosh.rs"]
mod mongosh;
#[allow(clippy::unwrap_used, clippy::disallowed_methods, dead_code, reason = "the peers of the tests")]
#[path = "../../tests/support/node.rs"]
mod node;
/// Where the peers of the tests look for each other.
mod peers {
    pub(crate) use crate::fetch;
}
#[allow(clippy::unwrap_used, dead_code, reason = "the peers of the tests")]
#[path = "../../tests/support/peers/process.rs"]
mod process;
mod rows;
mod stats;
mod subject;
mod truth;

use std::process::ExitCode;

/// Whatever went wrong, as a sentence.
type Failed = Box<dyn std::error::Error>;

/// Whether the long version is wanted.
fn is_full() -> bool {
    std::env::args().any(|word| word == "--full")
}

/// Whether a part is only tried.
fn is_few() -> bool {
    std::env::args().any(|word| word == "--few")
}

/// One line of the table.
struct Line {
    what: &'static str,
    least: &'static str,
    measured: String,
    /// The same of what it is compared with (the bare socket, mongosh), and what the ratio of the two is.
    beside: Option<(String, f64)>,
    met: bool,
}

/// A part of the table, chosen by its name.
type Part = (&'static str, fn() -> Result<Vec<Line>, Failed>);

const PARTS: [Part; 21] = [
    ("cold", rows::cold::measure),
    ("streams", rows::streams::measure),
    ("many", rows::truth_of_many::measure),
    ("flood", rows::flood::measure),
    ("memory", rows::memory::measure),
    ("start", rows::start::measure),
    ("export", rows::export::measure),
    ("receipts", rows::receipts::measure),
    ("sync", rows::sync::measure),
    ("sqlite", rows::operate::sqlite),
    ("mongodb", rows::operate::mongodb),
    ("daemon_idle", rows::daemon_idle::measure),
    ("daemon_own", rows::daemon_own::measure),
    ("daemon_pass", rows::daemon_pass::measure),
    ("daemon_lanes", rows::daemon_lanes::measure),
    ("daemon_restart", rows::daemon_restart::measure),
    ("drain", rows::drain::measure),
    ("bridge_single", rows::bridge_load::single),
    ("bridge_batch", rows::bridge_load::batch),
    ("bridge_latency", rows::bridge_latency::measure),
    ("bridge_memory", rows::bridge_memory::measure),
];

fn main() -> ExitCode {
    // Cargo adds `--bench`.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    match table(&wanted) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("a figure is missed");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints the table and says whether every figure is met.
fn table(wanted: &[String]) -> Result<bool, Failed> {
    let known = |word: &str| {
        ["--build", "--full", "--few"].contains(&word) || PARTS.iter().any(|(name, _)| *name == word)
    };
    if let Some(stranger) = wanted.iter().find(|word| !known(word)) {
        return Err(format!("no such part: {stranger}").into());
    }
    let all = wanted.iter().all(|word| word.starts_with("--"));
    println!("{}; stores of {}\n", machine::describe()?, fixture_db::Size::asked().spoken());
    println!("| what | at least | measured | beside it: bare socket, mongosh | ratio | |");
    println!("|---|---|---|---|---|---|");
    let mut met = true;
    let parts = PARTS.iter().filter(|(name, _)| all || wanted.iter().any(|word| word == name));
    let build: Part = ("--build", rows::build::measure);
    let build = wanted.iter().any(|word| word == "--build").then_some(build);
    for (name, measure) in parts.copied().chain(build) {
        machine::warn_if_busy(name)?;
        for line in measure()? {
            met &= line.met;
            print(&line);
        }
    }
    Ok(met)
}

fn print(line: &Line) {
    let (beside, ratio) = match &line.beside {
        Some((beside, ratio)) => (beside.as_str(), format!("{ratio:.2}")),
        None => ("", String::new()),
    };
    let met = if line.met { "met" } else { "missed" };
    println!("| {} | {} | {} | {beside} | {ratio} | {met} |", line.what, line.least, line.measured);
}
