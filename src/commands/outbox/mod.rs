//! `llmbench outbox`: shows and changes rows that wait between measuring and storing. A running daemon has the file
//! open and answers over its socket; without one the command opens the file itself. Both take the same requests.

mod access;

use crate::cli::outbox::{
    OutboxArgs, OutboxCommand, OutboxListArgs, OutboxReplayArgs, OutboxRetryArgs, OutboxShowArgs,
    OutboxStateArg,
};
use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};
use crate::commands::list_limit::ListLimit;
use crate::commands::scope::window;
use crate::commands::stdout;
use crate::outbox::control_socket::{ControlLine, OutboxRequest};
use crate::outbox::{OutboxDepth, OutboxRowState, OutboxRowSummary};
use crate::output::outbox::{self, OutboxRowDetail};
use crate::output::print;
use access::OutboxAccess;
use chrono::Utc;

/// Rows of each state that a terminal shows by default.
const SCREENFUL: u32 = 20;

/// Runs the command and returns its exit status.
///
/// # Errors
/// The outbox cannot be opened or queried, standard output takes no more; status 1 for an unknown id.
pub async fn run(args: OutboxArgs, context: Context) -> Result<Exit, CommandError> {
    let directory = context.settings.state_dir().map_err(CommandError::usage)?;
    let reach = OutboxAccess::find(&directory.value).await?;
    let done = match &args.command {
        OutboxCommand::List(args) => list(args, &context, &reach).await,
        OutboxCommand::Show(args) => show(args, &context, &reach).await,
        OutboxCommand::Retry(args) => retry(args, &reach).await,
        OutboxCommand::Replay(args) => replay(args, &reach).await,
    };
    reach.close().await?;
    done
}

async fn list(args: &OutboxListArgs, context: &Context, reach: &OutboxAccess) -> Result<Exit, CommandError> {
    let states = match args.states.is_empty() {
        true => vec![OutboxRowState::Quarantined, OutboxRowState::Pending],
        false => args.states.iter().copied().map(state).collect(),
    };
    // The summary below gives the number of rows of each state.
    let length = ListLimit::new(args.limit, SCREENFUL, args.json, &context.terminal);
    let answers = reach.ask(OutboxRequest::List { states, limit: length.most() }).await?;
    let rows: Vec<OutboxRowSummary> = answers.into_iter().filter_map(item).collect();
    let depth = depth(reach).await?;
    if args.json {
        return stdout::document(&outbox::document(&rows, &depth)).map(|()| Exit::Yes);
    }
    if rows.is_empty() {
        print::note("no row is in the outbox that fits");
    } else {
        stdout::text(&outbox::table(&rows, Utc::now(), &context.view(args.wide)))?;
    }
    print::note(&outbox::summary(&depth, Utc::now()));
    Ok(Exit::Yes)
}

async fn show(args: &OutboxShowArgs, context: &Context, reach: &OutboxAccess) -> Result<Exit, CommandError> {
    let shown: Vec<OutboxRowDetail> = reach
        .ask(OutboxRequest::Show { id: args.id.clone() })
        .await?
        .into_iter()
        .filter_map(|line| match line {
            ControlLine::Shown { item, document, damage } => {
                Some(OutboxRowDetail { row: item, document, damage })
            }
            _ => None,
        })
        .collect();
    if shown.is_empty() {
        return Err(CommandError::usage(format!("no row has the id `{}`", args.id.escape_debug()))
            .exit(Exit::No)
            .hint("take one from: llmbench outbox list"));
    }
    match args.json {
        true => stdout::document(&outbox::shown_document(&shown))?,
        false => stdout::text(&outbox::shown(&shown, &context.view(false)))?,
    }
    Ok(Exit::Yes)
}

async fn retry(args: &OutboxRetryArgs, reach: &OutboxAccess) -> Result<Exit, CommandError> {
    let ids = (!args.all).then(|| args.ids.clone());
    let rows = changed(reach.ask(OutboxRequest::Retry { ids }).await?);
    told(rows, args.json, reach, "tried again")?;
    // An unknown id is a mistake; an empty quarantine is not.
    Ok(if rows == 0 && !args.all { Exit::No } else { Exit::Yes })
}

async fn replay(args: &OutboxReplayArgs, reach: &OutboxAccess) -> Result<Exit, CommandError> {
    let window = window(&args.window, None)?;
    let rows = changed(reach.ask(OutboxRequest::Replay { from: window.from, to: window.to }).await?);
    told(rows, args.json, reach, "sent once more")?;
    Ok(Exit::Yes)
}

fn told(rows: u64, json: bool, reach: &OutboxAccess, what: &str) -> Result<(), CommandError> {
    if json {
        return stdout::document(&outbox::changed_document(rows));
    }
    let when = match reach {
        OutboxAccess::Daemon(_) => "by the daemon, now",
        OutboxAccess::Here(_) | OutboxAccess::Nowhere(_) => "when a daemon runs",
    };
    match rows {
        0 => print::note("no row fits; `llmbench outbox list` shows those that wait or are quarantined"),
        1 => print::note(&format!("1 row will be {what} {when}")),
        _ => print::note(&format!("{rows} rows will be {what} {when}")),
    }
    Ok(())
}

async fn depth(reach: &OutboxAccess) -> Result<OutboxDepth, CommandError> {
    let answers = reach.ask(OutboxRequest::Depth).await?;
    let depth = answers.into_iter().find_map(|line| match line {
        ControlLine::Depth(depth) => Some(depth),
        _ => None,
    });
    Ok(depth.unwrap_or_default())
}

fn changed(answers: Vec<ControlLine>) -> u64 {
    answers.iter().map(|line| if let ControlLine::Changed { rows } = line { *rows } else { 0 }).sum()
}

fn item(line: ControlLine) -> Option<OutboxRowSummary> {
    match line {
        ControlLine::Item(item) => Some(item),
        _ => None,
    }
}

fn state(word: OutboxStateArg) -> OutboxRowState {
    match word {
        OutboxStateArg::Pending => OutboxRowState::Pending,
        OutboxStateArg::Quarantined => OutboxRowState::Quarantined,
        OutboxStateArg::Delivered => OutboxRowState::Delivered,
    }
}
