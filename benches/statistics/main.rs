//! How often `results compare` and `results changes` are right, in series whose truth is known: the tables of
//! docs/benchmarks.md, by one command.
//!
//! ```text
//! cargo bench --bench statistics                       all of it, about a minute
//! cargo bench --bench statistics -- --few              a tenth of the series, to see whether it works
//! cargo bench --bench statistics -- --shifts FILE      no tables: the changes in a file of series
//! cargo bench --bench statistics -- --simulated        no tables: series, and the changes in them
//! cargo bench --bench statistics -- --example          no tables: what docs/changes.py draws
//! ```
//!
//! Everything is simulated from fixed seeds, which no threshold was chosen with, and is the same on every machine but for the
//! times. A condition that a figure was not promised for has no bound and is shown all the same. The exit status is 1 where
//! a figure is missed. Tests run the same trials on fewer series (`level_shift::simulations`,
//! `block_comparison::simulations`).
//!
//! A file of series has one on each line: a name, a colon, then numbers, one of each day. `benches/statistics/beside_otava.py` uses
//! the last two to hold what is found against what Apache Otava finds.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "tables are what this program is for")]

use llmbench::measure::{block_comparison, level_shift};
use std::process::ExitCode;
use synthetic_series::Weather;

mod pieces;
#[path = "../../src/measure/synthetic_series.rs"]
mod synthetic_series;
mod tables;
#[path = "../../src/measure/trials.rs"]
mod trials;

/// The conditions of the issue: noise that lasts, a daily cycle, days and weekends that differ, outliers.
const USUAL: Weather = Weather { lasting: 0.5, cycle: 0.2, day: 0.05, weekend: 0.1, ..Weather::CALM };

/// One line of a table.
struct Line {
    what: String,
    /// The columns after it.
    cells: Vec<String>,
    met: bool,
}

/// A table with its title and the titles of its columns.
struct Table {
    title: &'static str,
    columns: &'static [&'static str],
    lines: Vec<Line>,
}

impl Table {
    fn print(&self) {
        println!("\n{}\n", self.title);
        println!("| {} |", self.columns.join(" | "));
        println!("|{}", "---|".repeat(self.columns.len()));
        for line in &self.lines {
            let missed = if line.met { "" } else { ", missed" };
            println!("| {} | {}{missed} |", line.what, line.cells.join(" | "));
        }
    }
}

/// How many series a part has, of this many.
fn many(full: usize) -> usize {
    if std::env::args().any(|word| word == "--few") { full.div_ceil(10) } else { full }
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    if let Some(place) = words.iter().position(|word| word == "--shifts") {
        return pieces::shifts_of_file(words.get(place + 1).map(String::as_str));
    }
    if words.iter().any(|word| word == "--simulated") {
        return pieces::simulated();
    }
    if words.iter().any(|word| word == "--example") {
        return pieces::example();
    }
    let mut met = true;
    for part in [tables::false_alarms, tables::comparisons, tables::steps, tables::incidents, tables::costs] {
        let table = part();
        table.print();
        met &= table.lines.iter().all(|line| line.met);
    }
    if met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
