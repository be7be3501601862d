//! `llmbench status --check`: yes or no, cheaply. A daemon's pulse in the state directory is judged alone; without one the
//! store is. Whoever could not look says so: that is never fine.

use super::look::{Looker, judged};
use crate::cli::status::StatusArgs;
use crate::commands::data;
use crate::commands::exit::{CommandError, Exit};
use crate::domain::pulse::{Cause, Severity, Trouble};
use crate::output::status::{StatusReport, json, reasons};
use chrono::Utc;

/// Runs the command.
///
/// # Errors
/// Standard output that takes no more.
pub async fn run(args: &StatusArgs, looker: &mut Looker<'_>) -> Result<Exit, CommandError> {
    let now = Utc::now();
    let troubles = match looker.pulse() {
        Ok(Some(pulse)) => judged(&pulse, now),
        Ok(None) => match looker.fleet(now).await {
            Ok(fleet) => fleet.troubles(now, None),
            Err(error) => vec![blind(error.message)],
        },
        Err(trouble) => vec![trouble],
    };
    let report = StatusReport { as_of: now, troubles, store: None, fleet: None, pulse: None };
    let report = report.only(&args.providers);
    let healthy = report.healthy();
    let text = match args.json {
        true => format!("{:#}\n", json::check(&report.troubles, healthy)),
        false => reasons(&report.troubles),
    };
    data::text(&text)?;
    Ok(if healthy { Exit::Yes } else { Exit::Unhealthy })
}

fn blind(why: String) -> Trouble {
    let sentence = format!("no daemon's pulse is here, and the store could not be asked: {why}");
    Trouble::new(Cause::CouldNotLook, Severity::Unhealthy, "store", sentence).command("llmbench doctor")
}
