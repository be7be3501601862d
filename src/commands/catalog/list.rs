//! `llmbench catalog list`: what was ever listed, as it is stored.

use super::{Known, check_providers, fits};
use crate::catalog::diff::{diff, inventory};
use crate::cli::catalog::ListArgs;
use crate::commands::context::Context;
use crate::commands::data;
use crate::commands::exit::{CommandError, Exit};
use crate::output::catalog::{json, list as shown};
use crate::output::{View, print};

/// Runs the command.
///
/// # Errors
/// Wrong usage, or a store that cannot be read.
pub async fn run(args: ListArgs, context: Context) -> Result<Exit, CommandError> {
    let view = View::new(context.terminal, false);
    let store = context.open_store().await?;
    let known = Known::load(&*store, &args.providers).await?;
    check_providers(&args.providers, &known, &context)?;
    let question = known.now();
    if args.counts {
        let states = diff(&question).providers;
        let there = states.values().any(|state| state.listed + state.gone > 0);
        if args.json {
            data::document(&json::counts(&states))?;
        } else if there {
            data::text(&shown::counts(&states, &view))?;
        }
        return Ok(ended(there, None));
    }
    let mut standings = inventory(&question);
    if let Some(pattern) = &args.pattern {
        standings.retain(|one| fits(pattern, &one.row));
    }
    if args.json {
        data::document(&json::list(&standings))?;
    } else if args.csv {
        data::text(&shown::csv(&standings).map_err(CommandError::usage)?)?;
    } else if args.ids {
        data::text(&shown::ids(&standings))?;
    } else if !standings.is_empty() {
        data::text(&shown::table(&standings, &view))?;
    }
    Ok(ended(!standings.is_empty(), args.pattern.as_deref().filter(|_| !known.rows.is_empty())))
}

/// The exit status, and a note where there is nothing to see.
fn ended(there: bool, pattern: Option<&str>) -> Exit {
    match (there, pattern) {
        (true, _) => return Exit::Yes,
        (false, Some(pattern)) => print::note(&format!("no listed model fits `{pattern}`")),
        (false, None) => {
            print::note("no list was ever stored");
            print::note("hint: llmbench catalog sync reads the lists of providers");
        }
    }
    Exit::No
}
