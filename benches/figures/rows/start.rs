//! What the program costs beside what it measures: `--help`, and one run with its simulator and a new store.

use super::milliseconds;
use crate::stats::median;
use crate::subject::{home, llmbench, ran};
use crate::{Failed, Line};
use std::process::Stdio;
use std::time::Instant;

/// Short things are done more often.
const TIMES: usize = 21;

/// Measures.
pub fn measure() -> Result<Vec<Line>, Failed> {
    let help = (0..TIMES).map(|_| help()).collect::<Result<Vec<_>, _>>()?;
    let runs = (0..TIMES).map(|_| first_run()).collect::<Result<Vec<_>, _>>()?;
    let line = |what, least, seconds, limit| Line {
        what,
        least,
        measured: milliseconds(seconds),
        beside: None,
        met: seconds <= limit,
    };
    Ok(vec![
        line("start-up: `--help`", "10 ms", median(help), 0.010),
        line(
            "a first `run` of one simulated model, its store created, beyond the model's own time",
            "40 ms",
            median(runs),
            0.040,
        ),
    ])
}

fn help() -> Result<f64, Failed> {
    let home = home()?;
    let mut command = llmbench(&home, &["--help"]);
    let begun = Instant::now();
    let status = command.stdout(Stdio::null()).status()?;
    let seconds = begun.elapsed().as_secs_f64();
    if status.success() { Ok(seconds) } else { Err(format!("--help ended with {status}").into()) }
}

fn first_run() -> Result<f64, Failed> {
    let home = home()?;
    let ran = ran(llmbench(&home, &["run", "--model", "sim:steady-ttft0-gap0-n1", "--ndjson"]))?;
    let own = *ran.numbers("generate_time").first().ok_or("no row")?;
    Ok(ran.wall.as_secs_f64() - own)
}
