//! `llmbench status --check`: yes or no, cheaply. Judges a daemon's status report in the state directory alone; without
//! one, or on request, the store. Reports an unreadable state as such, because that is never fine.

use super::snapshot::StatusReader;
use crate::cli::status::StatusArgs;
use crate::commands::exit::{CommandError, Exit};
use crate::commands::stdout;
use crate::daemon::status_file;
use crate::domain::daemon_status::problem::worst_first;
use crate::domain::daemon_status::{DaemonProblem, ProblemKind, ProblemSeverity};
use crate::output::status::{StatusReport, json, reasons};
use chrono::Utc;

/// Runs `llmbench status --check` to its exit status.
///
/// # Errors
/// A failed write to standard output.
pub async fn run(args: &StatusArgs, looker: &mut StatusReader<'_>) -> Result<Exit, CommandError> {
    let now = Utc::now();
    let daemon_status = looker.daemon_status();
    let mut problems = match &daemon_status {
        Ok(Some(daemon_status)) => {
            daemon_status.local_problems(&status_file::process_evidence(daemon_status), now)
        }
        Ok(None) => Vec::new(),
        Err(problem) => vec![problem.clone()],
    };
    let mut known = None;
    if args.fleet || matches!(daemon_status, Ok(None)) {
        match looker.fleet(now).await {
            Ok(fleet) => {
                problems.extend(fleet.problems(now, daemon_status.as_ref().ok().and_then(Option::as_ref)));
                known = Some(fleet);
            }
            Err(error) => problems.push(blind(&error.message, matches!(daemon_status, Ok(None)))),
        }
        worst_first(&mut problems);
    }
    let report = StatusReport {
        as_of: now,
        problems,
        store: None,
        fleet: known,
        ranking: None,
        open_changes: None,
        calibrations: None,
        daemon_status: None,
    };
    let report = report.only(&args.providers);
    let healthy = report.healthy();
    let text = match args.json {
        true => format!("{:#}\n", json::check(&report.problems, healthy)),
        false => reasons(&report.problems),
    };
    stdout::text(&text)?;
    Ok(if healthy { Exit::Yes } else { Exit::Unhealthy })
}

fn blind(why: &str, alone: bool) -> DaemonProblem {
    let alone = if alone { "no daemon's pulse is here, and " } else { "" };
    let sentence = format!("{alone}the store could not be asked: {why}");
    DaemonProblem::new(ProblemKind::CouldNotLook, ProblemSeverity::Unhealthy, "store", sentence)
        .command("llmbench doctor")
}
