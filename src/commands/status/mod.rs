//! `llmbench status`: shows the state of measuring, once, repeatedly, or as a health check.

mod check;
mod live;
mod live_looker;
mod live_rows;
mod snapshot;

use crate::cli::status::StatusArgs;
use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};
use crate::commands::interrupt::Interrupt;
use crate::commands::stdout;
use crate::output::ReportView;
use crate::output::print::PrintOutcome;
use crate::output::status::live::LiveScreen;
use crate::output::status::{StatusReport, json, screen};
use crate::output::terminal::{Terminal, TerminalEnv};
use snapshot::StatusReader;
use std::time::Duration;

/// Runs `llmbench status` to its exit status.
///
/// # Errors
/// An unknown provider, a failed write to standard output.
pub async fn run(args: StatusArgs, context: Context) -> Result<Exit, CommandError> {
    let mut looker = StatusReader::new(&context);
    if args.check {
        return check::run(&args, &mut looker).await;
    }
    if let Some(pause) = args.watch {
        return watch(&args, &context, looker, pause).await;
    }
    let seen = looker.look().await;
    known(&args, &context, &seen.report)?;
    let text = shown(&args, &context, seen.report);
    stdout::text(&text)?;
    Ok(seen.exit)
}

/// Repeats until Ctrl-C, which is no failure.
async fn watch(
    args: &StatusArgs,
    context: &Context,
    mut looker: StatusReader<'_>,
    pause: Duration,
) -> Result<Exit, CommandError> {
    let interrupt = Interrupt::listen().map_err(CommandError::usage)?;
    if live::is_wanted(args, context)
        && let Some(exit) = live::watch(args, context, pause, &interrupt).await?
    {
        return Ok(exit);
    }
    let dumb = context.settings.env().get("TERM") == Some("dumb");
    let in_place = context.terminal.stdout_tty && !args.json && !dumb;
    let mut live = LiveScreen::new(in_place);
    let mut first = true;
    loop {
        let seen = tokio::select! {
            () = interrupt.stop.cancelled() => break,
            seen = looker.look() => seen,
        };
        if std::mem::take(&mut first) {
            known(args, context, &seen.report)?;
        }
        let mut text = shown(args, context, seen.report);
        if !args.json && !in_place {
            text.push('\n');
        }
        if live.show(text).map_err(|error| stdout::refused(&error))? == PrintOutcome::Closed {
            return Ok(Exit::Yes);
        }
        tokio::select! {
            () = interrupt.stop.cancelled() => break,
            () = tokio::time::sleep(pause) => {}
        }
    }
    live.end().map_err(|error| stdout::refused(&error))?;
    Ok(Exit::Yes)
}

fn shown(args: &StatusArgs, context: &Context, report: StatusReport) -> String {
    let report = report.only(&args.providers);
    if args.json {
        let document = json::document(&report);
        return if args.watch.is_some() { format!("{document}\n") } else { format!("{document:#}\n") };
    }
    screen(&report, &ReportView::new(terminal_now(context), args.wide))
}

/// The terminal as it is now: it may have been resized meanwhile.
fn terminal_now(context: &Context) -> Terminal {
    let look_up = |name: &str| context.settings.env().get(name).map(str::to_owned);
    Terminal::detect(TerminalEnv::read(look_up))
}

/// Refuses a provider that neither the table of hosts nor the catalog knows.
fn known(args: &StatusArgs, context: &Context, report: &StatusReport) -> Result<(), CommandError> {
    let Some(fleet) = &report.fleet else { return Ok(()) };
    for name in &args.providers {
        if !fleet.providers.iter().any(|state| state.provider == *name) {
            context.settings.hosts.find(name).map_err(CommandError::usage)?;
        }
    }
    Ok(())
}
