//! What operators ask, on months of rows: the whole process against mongosh with a snippet that asks the same. Another
//! question is another line of [`QUESTIONS`].

use super::whole_milliseconds;
use crate::fixture_db::{Size, mongo, sqlite};
use crate::mongosh::Mongosh;
use crate::stats::{median, repeated};
use crate::subject::llmbench;
use crate::{Failed, Line};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A question.
struct Question {
    on_sqlite: &'static str,
    on_mongodb: &'static str,
    command: &'static [&'static str],
    snippet: &'static str,
}

const QUESTIONS: [Question; 3] = [
    Question {
        on_sqlite: "`models list` on SQLite",
        on_mongodb: "`models list` on MongoDB, times faster than mongosh",
        command: &["models", "list"],
        snippet: include_str!("../snippets/models_list.js"),
    },
    Question {
        on_sqlite: "`errors summary` on SQLite",
        on_mongodb: "`errors summary` on MongoDB, times faster than mongosh",
        command: LAST_DAY,
        snippet: include_str!("../snippets/errors_summary.js"),
    },
    Question {
        on_sqlite: "`status` on SQLite",
        on_mongodb: "`status` on MongoDB, times faster than mongosh",
        command: &["status"],
        snippet: include_str!("../snippets/status.js"),
    },
];

/// The question whose answer must not take longer as errors grow.
const LAST_DAY: &[&str] = &["errors", "summary", "--since", "24h"];

/// The most that a process may take on SQLite.
const ON_SQLITE: Duration = Duration::from_millis(150);
/// The most that a process may take beyond the server's own time.
const BEYOND_SERVER: Duration = Duration::from_millis(50);
/// So many times faster than mongosh at least.
const FASTER: f64 = 10.0;
/// So much longer with ten times as many errors at most: what a busy machine adds by itself.
const FLAT: f64 = 1.25;
/// Below this difference nobody can tell noise from growth.
const NOISE: f64 = 0.005;

/// On a file.
pub fn sqlite() -> Result<Vec<Line>, Failed> {
    let ground = sqlite::Ground::new(Size::asked())?;
    let asked = |command: &[&str]| {
        let url = ground.url();
        let command = [command, &["--store", &url]].concat();
        seconds(|| timed(&mut llmbench(&ground.home, &command)))
    };
    let before = asked(LAST_DAY)?;
    ground.all_errors()?;
    let mut lines = Vec::new();
    for question in &QUESTIONS {
        let took = asked(question.command)?;
        lines.push(Line {
            what: question.on_sqlite,
            least: "150 ms",
            measured: whole_milliseconds(took),
            beside: None,
            met: took <= ON_SQLITE.as_secs_f64(),
        });
    }
    lines.push(flat("the same with ten times the errors before that day", before, asked(LAST_DAY)?));
    Ok(lines)
}

/// On a server.
pub fn mongodb() -> Result<Vec<Line>, Failed> {
    let mongosh = Mongosh::get();
    let ground = mongo::Ground::new(Size::asked())?;
    let url = ground.url();
    let ask = |command: &[&str], errors: &str| {
        let mut process = llmbench(&ground.home, &[command, &["--store", &url]].concat());
        timed(process.env("MONGODB_COLLECTION_ERRORS", errors))
    };
    let all = "errors_cloud";
    let before = seconds(|| ask(LAST_DAY, mongo::TENTH))?;
    let mut lines = Vec::new();
    for question in &QUESTIONS {
        let ours = seconds(|| ask(question.command, all))?;
        let theirs = seconds(|| timed(&mut mongosh.command(&url, question.snippet)))?;
        lines.push(Line {
            what: question.on_mongodb,
            least: "10",
            measured: whole_milliseconds(ours),
            beside: Some((whole_milliseconds(theirs), theirs / ours)),
            met: theirs / ours >= FASTER,
        });
        let beyond = repeated(|| {
            let (wall, server) = ground.server_time(|| ask(question.command, all))?;
            Ok((wall.saturating_sub(server).as_secs_f64(), server.as_secs_f64()))
        })?;
        let server = median(beyond.iter().map(|(_, server)| *server));
        let beyond = median(beyond.iter().map(|(beyond, _)| *beyond));
        lines.push(Line {
            what: "the same beyond the server's own time (which is)",
            least: "50 ms",
            measured: format!("{} ({})", whole_milliseconds(beyond), whole_milliseconds(server)),
            beside: None,
            met: beyond <= BEYOND_SERVER.as_secs_f64(),
        });
    }
    lines.push(flat(
        "the same with ten times the errors before that day",
        before,
        seconds(|| ask(LAST_DAY, all))?,
    ));
    Ok(lines)
}

fn flat(what: &'static str, before: f64, after: f64) -> Line {
    Line {
        what,
        least: "flat",
        measured: format!("{} after {}", whole_milliseconds(after), whole_milliseconds(before)),
        beside: None,
        met: after <= before * FLAT || after - before < NOISE,
    }
}

/// The median of some measurements, after one that warms the caches.
fn seconds(mut measure: impl FnMut() -> Result<Duration, Failed>) -> Result<f64, Failed> {
    measure()?;
    Ok(median(repeated(measure)?.iter().map(Duration::as_secs_f64)))
}

/// From before a process is started to its end.
fn timed(process: &mut Command) -> Result<Duration, Failed> {
    let begun = Instant::now();
    let output = process.stdout(Stdio::piped()).output()?;
    let took = begun.elapsed();
    if output.status.success() && !output.stdout.is_empty() {
        return Ok(took);
    }
    Err(format!("{process:?}: {}", String::from_utf8_lossy(&output.stderr)).into())
}
