//! `llmbench catalog list`: shows all models that were ever listed, as stored.

use super::stored_listings::{StoredListings, check_providers, fits};
use crate::cli::catalog::CatalogListArgs;
use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};
use crate::commands::stdout;
use crate::listings::diff::{diff, inventory};
use crate::output::catalog::{json, list as shown};
use crate::output::{ReportView, print};

/// Runs `llmbench catalog list` to its exit status.
///
/// # Errors
/// Wrong usage, or a store that cannot be read.
pub async fn run(args: CatalogListArgs, context: Context) -> Result<Exit, CommandError> {
    let view = ReportView::new(context.terminal, false);
    let store = context.open_store().await?;
    let known = StoredListings::load(&*store, &args.providers).await?;
    check_providers(&args.providers, &known, &context)?;
    let question = known.now();
    if args.counts {
        let states = diff(&question).providers;
        let there = states.values().any(|state| state.listed + state.gone > 0);
        if args.json {
            stdout::document(&json::counts(&states))?;
        } else if there {
            stdout::text(&shown::counts(&states, &view))?;
        }
        return Ok(ended(there, None));
    }
    let mut listed_states = inventory(&question);
    if let Some(pattern) = &args.pattern {
        listed_states.retain(|one| fits(pattern, &one.row));
    }
    if args.json {
        stdout::document(&json::list(&listed_states))?;
    } else if args.csv {
        stdout::text(&shown::csv(&listed_states).map_err(CommandError::usage)?)?;
    } else if args.ids {
        stdout::text(&shown::ids(&listed_states))?;
    } else if !listed_states.is_empty() {
        stdout::text(&shown::table(&listed_states, &view))?;
    }
    Ok(ended(!listed_states.is_empty(), args.pattern.as_deref().filter(|_| !known.rows.is_empty())))
}

/// The exit status, and a note if the list is empty.
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
