//! The figures that the README shows, measured afresh by one command:
//!
//! ```text
//! cargo bench --bench figures                     all of it, some minutes
//! cargo bench --bench figures -- streams flood    some of it: cold, streams, flood, memory, start, drain
//! cargo bench --bench figures -- --build          also a release build from scratch, some minutes more
//! ```
//!
//! Everything runs as its own process, as users run it: a simulator of known timing on loopback, and `llmbench run` that
//! measures it. What a sample says is held against what the simulator saw itself do (`/truth`, joined by the request's id)
//! and against a bare socket client (`bare`), which parses nothing, in the same minutes on the same simulator: as many
//! streams and, where lateness is compared, started at the same pace. Each line is the median of five measurements. The
//! exit status is 1 where a figure is missed. Not a test: figures depend on the machine and on what else it does, so both
//! are printed.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a table is what this program is for")]

mod bare;
#[allow(clippy::unwrap_used, clippy::disallowed_methods, dead_code, reason = "the peers of the tests")]
#[path = "../../tests/support/peers/fetch.rs"]
mod fetch;
mod machine;
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

/// One line of the table.
struct Line {
    what: &'static str,
    least: &'static str,
    measured: String,
    /// The same of the bare socket, and what the ratio of the two is.
    bare: Option<(String, f64)>,
    met: bool,
}

/// A part of the table, chosen by its name.
type Part = (&'static str, fn() -> Result<Vec<Line>, Failed>);

const PARTS: [Part; 6] = [
    ("cold", rows::cold::measure),
    ("streams", rows::streams::measure),
    ("flood", rows::flood::measure),
    ("memory", rows::memory::measure),
    ("start", rows::start::measure),
    ("drain", rows::drain::measure),
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
    let known = |word: &str| word == "--build" || PARTS.iter().any(|(name, _)| *name == word);
    if let Some(stranger) = wanted.iter().find(|word| !known(word)) {
        return Err(format!("no such part: {stranger}").into());
    }
    let all = wanted.iter().all(|word| word.starts_with("--"));
    println!("{}\n", machine::describe()?);
    println!("| what | at least | measured | bare socket | ratio | |");
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
    let (bare, ratio) = match &line.bare {
        Some((bare, ratio)) => (bare.as_str(), format!("{ratio:.2}")),
        None => ("", String::new()),
    };
    let met = if line.met { "met" } else { "missed" };
    println!("| {} | {} | {} | {bare} | {ratio} | {met} |", line.what, line.least, line.measured);
}
