//! `llmbench status`: how measuring goes, once, again and again, or as a health check.

mod check;
mod look;

use crate::cli::status::StatusArgs;
use crate::commands::context::Context;
use crate::commands::data;
use crate::commands::exit::{CommandError, Exit};
use crate::commands::interrupt::Interrupt;
use crate::output::print::Written;
use crate::output::status::live::Live;
use crate::output::status::{StatusReport, json, screen};
use crate::output::terminal::{Terminal, Wishes};
use crate::output::view::View;
use look::Looker;
use std::time::Duration;

/// Runs the command.
///
/// # Errors
/// A provider that nobody knows, standard output that takes no more.
pub async fn run(args: StatusArgs, context: Context) -> Result<Exit, CommandError> {
    let mut looker = Looker::new(&context);
    if args.check {
        return check::run(&args, &mut looker).await;
    }
    if let Some(pause) = args.watch {
        return watch(&args, &context, looker, pause).await;
    }
    let seen = looker.look().await;
    known(&args, &context, &seen.report)?;
    let text = shown(&args, &context, seen.report);
    data::text(&text)?;
    Ok(seen.exit)
}

/// Until Ctrl-C, which is no failure: whoever watches has seen what there was.
async fn watch(
    args: &StatusArgs,
    context: &Context,
    mut looker: Looker<'_>,
    pause: Duration,
) -> Result<Exit, CommandError> {
    let interrupt = Interrupt::listen().map_err(CommandError::usage)?;
    let dumb = context.settings.env().get("TERM") == Some("dumb");
    let in_place = context.terminal.stdout_tty && !args.json && !dumb;
    let mut live = Live::new(in_place);
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
        if live.show(text).map_err(|error| data::refused(&error))? == Written::Closed {
            return Ok(Exit::Yes);
        }
        tokio::select! {
            () = interrupt.stop.cancelled() => break,
            () = tokio::time::sleep(pause) => {}
        }
    }
    live.end().map_err(|error| data::refused(&error))?;
    Ok(Exit::Yes)
}

fn shown(args: &StatusArgs, context: &Context, report: StatusReport) -> String {
    let report = report.only(&args.providers);
    if args.json {
        let document = json::document(&report);
        return if args.watch.is_some() { format!("{document}\n") } else { format!("{document:#}\n") };
    }
    // A terminal that is watched may have another size by now.
    let look_up = |name: &str| context.settings.env().get(name).map(str::to_owned);
    let terminal = Terminal::detect(Wishes::read(look_up));
    screen(&report, &View::new(terminal, args.wide))
}

/// A provider that neither the table of hosts nor the catalogue knows is a slip.
fn known(args: &StatusArgs, context: &Context, report: &StatusReport) -> Result<(), CommandError> {
    let Some(fleet) = &report.fleet else { return Ok(()) };
    for name in &args.providers {
        if !fleet.providers.iter().any(|state| state.provider == *name) {
            context.settings.hosts.find(name).map_err(CommandError::usage)?;
        }
    }
    Ok(())
}
