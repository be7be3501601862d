//! `llmbench status --check`: yes or no, cheaply. A daemon's pulse in the state directory is judged alone; without one, or
//! where somebody asks for it, the store is. Whoever could not look says so: that is never fine.

use super::look::Looker;
use crate::cli::status::StatusArgs;
use crate::commands::data;
use crate::commands::exit::{CommandError, Exit};
use crate::domain::pulse::trouble::worst_first;
use crate::domain::pulse::{Cause, Severity, Trouble};
use crate::output::status::{StatusReport, json, reasons};
use crate::storage::pulse_file;
use chrono::Utc;

/// Runs the command.
///
/// # Errors
/// Standard output that takes no more.
pub async fn run(args: &StatusArgs, looker: &mut Looker<'_>) -> Result<Exit, CommandError> {
    let now = Utc::now();
    let pulse = looker.pulse();
    let mut troubles = match &pulse {
        Ok(Some(pulse)) => pulse.troubles_here(&pulse_file::witness(pulse), now),
        Ok(None) => Vec::new(),
        Err(trouble) => vec![trouble.clone()],
    };
    let mut known = None;
    if args.fleet || matches!(pulse, Ok(None)) {
        match looker.fleet(now).await {
            Ok(fleet) => {
                troubles.extend(fleet.troubles(now, pulse.as_ref().ok().and_then(Option::as_ref)));
                known = Some(fleet);
            }
            Err(error) => troubles.push(blind(&error.message, matches!(pulse, Ok(None)))),
        }
        worst_first(&mut troubles);
    }
    let report = StatusReport { as_of: now, troubles, store: None, fleet: known, pulse: None };
    let report = report.only(&args.providers);
    let healthy = report.healthy();
    let text = match args.json {
        true => format!("{:#}\n", json::check(&report.troubles, healthy)),
        false => reasons(&report.troubles),
    };
    data::text(&text)?;
    Ok(if healthy { Exit::Yes } else { Exit::Unhealthy })
}

fn blind(why: &str, alone: bool) -> Trouble {
    let alone = if alone { "no daemon's pulse is here, and " } else { "" };
    let sentence = format!("{alone}the store could not be asked: {why}");
    Trouble::new(Cause::CouldNotLook, Severity::Unhealthy, "store", sentence).command("llmbench doctor")
}
