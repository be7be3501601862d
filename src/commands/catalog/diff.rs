//! `llmbench catalog diff`: shows changes in the stored lists, like diff(1).

use super::stored_listings::{StoredListings, check_providers};
use super::{notify, pick};
use crate::cli::catalog::CatalogDiffArgs;
use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};
use crate::commands::interrupt::Interrupt;
use crate::commands::notices;
use crate::commands::stdout;
use crate::domain::window::moment;
use crate::listings::diff::{DiffInput, ListingDiff, diff};
use crate::listings::findings::findings;
use crate::output::catalog::{diff as shown, json};
use crate::output::{ReportView, print};
use chrono::{DateTime, SubsecRound, Utc};

/// Runs `llmbench catalog diff` to its exit status.
///
/// # Errors
/// Any failure to compare.
pub async fn run(args: CatalogDiffArgs, context: Context) -> Result<Exit, CommandError> {
    let view = ReportView::new(context.terminal, args.wide);
    let now = Utc::now();
    let since = since(&args, now, &view)?;
    // Checked before anything is read, because `--notify` needs a usable configuration.
    let notify = if args.notify { Some(notices::configured(&context)?) } else { None };
    let store = context.open_store().await?;
    let known = StoredListings::load(&*store, &args.providers).await?;
    check_providers(&args.providers, &known, &context)?;
    let absent_reads = usize::from(args.absent);
    let question =
        DiffInput { rows: &known.rows, reads: &known.reads, measured: &known.measured, since, absent_reads };
    let found = diff(&question);
    check_ground(&found, &args.providers)?;
    if !args.quiet {
        tell_gaps(&found, since);
    }
    if args.pick.is_some() {
        return pick::run(&args, &found, &context, &*store).await;
    }
    let exit = if found.is_same() { Exit::Yes } else { Exit::No };
    match &notify {
        Some(notify) if args.dry_run => {
            let shown = notify::preview(notify, &findings(&found), &*store).await?;
            stdout::text(&shown)?;
            return Ok(exit);
        }
        _ if args.quiet => {}
        _ if args.json => stdout::document(&json::diff(&found, since, absent_reads))?,
        _ => stdout::text(&shown::text(&found, since, args.wide, &view))?,
    }
    let Some(notify) = notify else { return Ok(exit) };
    let interrupt = Interrupt::listen().map_err(CommandError::usage)?;
    let told = notify::tell(&notify, &findings(&found), &context, &store, &interrupt.stop).await?;
    Ok(notices::say(&told, "finding", args.quiet, &interrupt.stop).unwrap_or(exit))
}

/// The default window. Notifying may look back further: findings that were sent are not sent again, and a missed
/// day is caught up.
const SINCE: &str = "24h";
const SINCE_TO_TELL: &str = "7d";

fn since(
    args: &CatalogDiffArgs,
    now: DateTime<Utc>,
    view: &ReportView,
) -> Result<DateTime<Utc>, CommandError> {
    let text = args.since.as_deref().unwrap_or(if args.notify { SINCE_TO_TELL } else { SINCE });
    let since = moment(text, &now.with_timezone(&view.zone))
        .map_err(|reason| CommandError::usage(format!("--since: {reason}")))?;
    if since > now {
        return Err(CommandError::usage(format!("--since: `{}` lies in the future", text.escape_debug())));
    }
    Ok(since.trunc_subsecs(3))
}

/// Requires a complete read: without one, silence would look like "nothing differs".
fn check_ground(found: &ListingDiff, providers: &[String]) -> Result<(), CommandError> {
    let hint = "llmbench catalog sync reads the lists, and says what keeps it from it";
    if !found.has_ground() {
        return Err(CommandError::usage("no provider's list was ever read whole").hint(hint));
    }
    let read = |name: &&String| found.providers.get(*name).is_some_and(|state| state.complete_at.is_some());
    match providers.iter().find(|name| !read(name)) {
        Some(name) => {
            Err(CommandError::usage(format!("the list of `{name}` was never read whole")).hint(hint))
        }
        None => Ok(()),
    }
}

/// Warns about providers of which the answer is incomplete.
fn tell_gaps(found: &ListingDiff, since: DateTime<Utc>) {
    for (provider, state) in &found.providers {
        let why = state.error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
        match state.complete_at {
            None => print::note(&format!("{provider}: its list was never read whole{why}")),
            Some(at) if at < since => {
                print::note(&format!("{provider}: its list was last read whole before that time{why}"));
            }
            Some(_) if state.error.is_some() => {
                print::note(&format!("{provider}: the newest read of its list is not whole{why}"));
            }
            Some(_) => {}
        }
    }
}
