//! `llmbench outbox`: what waits between measuring and storing. A running daemon has the file open and is asked over its
//! socket; without one the command opens the file itself. Both are asked the same questions.

mod reach;

use crate::cli::outbox::{ListArgs, OutboxArgs, OutboxCommand, ReplayArgs, RetryArgs, ShowArgs, StateArg};
use crate::commands::context::Context;
use crate::commands::data;
use crate::commands::exit::{CommandError, Exit};
use crate::commands::lists::Length;
use crate::commands::scope::window;
use crate::output::outbox::{self, Row, Shown};
use crate::output::print;
use crate::storage::outbox::control::{Line, Request};
use crate::storage::outbox::{Depth, Item, State};
use chrono::Utc;
use reach::Reach;

/// How many rows of a state a terminal shows where nobody says how many.
const SCREENFUL: u32 = 20;

/// Runs the command.
///
/// # Errors
/// An outbox that cannot be opened or asked, standard output that takes no more; status 1 for an id that is not there.
pub async fn run(args: OutboxArgs, context: Context) -> Result<Exit, CommandError> {
    let directory = context.settings.state_dir().map_err(CommandError::usage)?;
    let reach = Reach::find(&directory.value).await?;
    let done = match &args.command {
        OutboxCommand::List(args) => list(args, &context, &reach).await,
        OutboxCommand::Show(args) => show(args, &context, &reach).await,
        OutboxCommand::Retry(args) => retry(args, &reach).await,
        OutboxCommand::Replay(args) => replay(args, &reach).await,
    };
    reach.close().await?;
    done
}

async fn list(args: &ListArgs, context: &Context, reach: &Reach) -> Result<Exit, CommandError> {
    let states = match args.states.is_empty() {
        true => vec![State::Quarantined, State::Pending],
        false => args.states.iter().copied().map(state).collect(),
    };
    // The summary below says how many there are of each state.
    let length = Length::new(args.limit, SCREENFUL, args.json, &context.terminal);
    let answers = reach.ask(Request::List { states, limit: length.most() }).await?;
    let rows: Vec<Row> = answers.into_iter().filter_map(item).map(row).collect();
    let depth = depth(reach).await?;
    if args.json {
        return data::document(&outbox::document(&rows, &depth)).map(|()| Exit::Yes);
    }
    if rows.is_empty() {
        print::note("no row is in the outbox that fits");
    } else {
        data::text(&outbox::table(&rows, Utc::now(), &context.view(args.wide)))?;
    }
    print::note(&outbox::summary(&depth, Utc::now()));
    Ok(Exit::Yes)
}

async fn show(args: &ShowArgs, context: &Context, reach: &Reach) -> Result<Exit, CommandError> {
    let shown: Vec<Shown> = reach
        .ask(Request::Show { id: args.id.clone() })
        .await?
        .into_iter()
        .filter_map(|line| match line {
            Line::Shown { item, document, damage } => Some(Shown { row: row(item), document, damage }),
            _ => None,
        })
        .collect();
    if shown.is_empty() {
        return Err(CommandError::usage(format!("no row has the id `{}`", args.id.escape_debug()))
            .exit(Exit::No)
            .hint("take one from: llmbench outbox list"));
    }
    match args.json {
        true => data::document(&outbox::shown_document(&shown))?,
        false => data::text(&outbox::shown(&shown, &context.view(false)))?,
    }
    Ok(Exit::Yes)
}

async fn retry(args: &RetryArgs, reach: &Reach) -> Result<Exit, CommandError> {
    let ids = (!args.all).then(|| args.ids.clone());
    let rows = changed(reach.ask(Request::Retry { ids }).await?);
    told(rows, args.json, reach, "tried again")?;
    // A name that nobody has is a mistake; that nothing at all is quarantined is none.
    Ok(if rows == 0 && !args.all { Exit::No } else { Exit::Yes })
}

async fn replay(args: &ReplayArgs, reach: &Reach) -> Result<Exit, CommandError> {
    let window = window(&args.window, None)?;
    let rows = changed(reach.ask(Request::Replay { from: window.from, to: window.to }).await?);
    told(rows, args.json, reach, "sent once more")?;
    Ok(Exit::Yes)
}

fn told(rows: u64, json: bool, reach: &Reach, what: &str) -> Result<(), CommandError> {
    if json {
        return data::document(&outbox::changed_document(rows));
    }
    let when = match reach {
        Reach::Daemon(_) => "by the daemon, now",
        Reach::Here(_) | Reach::Nowhere(_) => "when a daemon runs",
    };
    match rows {
        0 => print::note("no row fits; `llmbench outbox list` shows those that wait or are quarantined"),
        1 => print::note(&format!("1 row will be {what} {when}")),
        _ => print::note(&format!("{rows} rows will be {what} {when}")),
    }
    Ok(())
}

async fn depth(reach: &Reach) -> Result<outbox::Depth, CommandError> {
    let answers = reach.ask(Request::Depth).await?;
    let depth = answers.into_iter().find_map(|line| match line {
        Line::Depth(depth) => Some(depth),
        _ => None,
    });
    let Depth { pending, quarantined, delivered, oldest_at, bytes, full, damaged } =
        depth.unwrap_or_default();
    Ok(outbox::Depth { pending, quarantined, delivered, oldest_at, bytes, full, damaged })
}

fn changed(answers: Vec<Line>) -> u64 {
    answers.iter().map(|line| if let Line::Changed { rows } = line { *rows } else { 0 }).sum()
}

fn item(line: Line) -> Option<Item> {
    match line {
        Line::Item(item) => Some(item),
        _ => None,
    }
}

fn state(word: StateArg) -> State {
    match word {
        StateArg::Pending => State::Pending,
        StateArg::Quarantined => State::Quarantined,
        StateArg::Delivered => State::Delivered,
    }
}

fn row(item: Item) -> Row {
    Row {
        number: item.key.0,
        id: item.id,
        kind: item.kind,
        provider: item.provider,
        model: item.model,
        state: item.state.as_str().to_owned(),
        measured_at: item.measured_at,
        accepted_at: item.accepted_at,
        attempts: item.attempts,
        next_at: item.next_at,
        delivered_at: item.delivered_at,
        error: item.error,
        bytes: item.bytes,
    }
}
