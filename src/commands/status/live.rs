//! `status --watch` at a terminal: a full-screen view on a thread of its own, fed by refreshes and by questions about one model.
//! Nothing here waits for keys, and no key waits for the store.

use super::live_looker::LiveLooker;
use super::live_rows::of_model;
use crate::cli::status::StatusArgs;
use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};
use crate::commands::interrupt::{Interrupt, pass_on_stops};
use crate::commands::stdout;
use crate::domain::ModelRef;
use crate::output::ReportView;
use crate::output::live::status_view::{StatusNews, StatusView};
use crate::output::live::view_thread::{ShownView, ViewManner, ViewSender};
use crate::output::live::{ModelHistory, ScreenStream};
use crate::output::live::{can_show, is_gone};
use crate::output::status::{StatusReport, screen};
use crate::storage::series_changes::ChangeFilter;
use crate::storage::{Store, StoreError};
use chrono::{TimeDelta, Utc};
use std::cell::RefCell;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// The days of one model's page.
const DAYS: TimeDelta = TimeDelta::days(7);

/// Frames of news follow each other no faster.
const PACE: Duration = Duration::from_millis(50);

/// True if the terminal can show the view, and nothing else is wanted.
pub fn is_wanted(args: &StatusArgs, context: &Context) -> bool {
    let term = context.settings.env().get("TERM");
    !args.plain && !args.json && can_show(context.terminal.stdout_tty, term)
}

/// What the tasks of the view share.
#[derive(Default)]
struct SharedLook {
    store: RefCell<Option<Arc<dyn Store>>>,
    last: RefCell<Option<StatusReport>>,
}

/// Shows the view until it is left; `None` if the terminal cannot be used after all.
///
/// # Errors
/// An unknown provider, a terminal that went away, a failed write to standard output.
pub async fn watch(
    args: &StatusArgs,
    context: &Context,
    pause: Duration,
    interrupt: &Interrupt,
) -> Result<Option<Exit>, CommandError> {
    let (ask, questions) = unbounded_channel();
    let view = StatusView::new(context.terminal, ask);
    let manner = ViewManner { stream: ScreenStream::Stdout, pace: PACE, is_nice: false };
    let Ok(shown) = ShownView::start(view, manner) else { return Ok(None) };
    let sender = shown.sender();
    pass_on_stops(sender.clone()).map_err(CommandError::usage)?;
    let shared = SharedLook::default();
    let refused = tokio::select! {
        () = interrupt.stop.cancelled() => None,
        error = refresh(args, context, pause, &sender, &shared) => Some(error),
        () = answer(questions, &sender, &shared) => None,
        () = terminal_gone() => None,
    };
    let ended = shown.end();
    if let Some(error) = refused {
        return Err(error);
    }
    if ended.as_ref().is_err_and(|error| error.kind() == ErrorKind::TimedOut) {
        // Words about it would wait on the same terminal.
        return Ok(Some(Exit::No));
    }
    ended.map_err(|error| CommandError::usage(format!("the terminal is gone: {error}")).exit(Exit::No))?;
    if let Some(report) = shared.last.take() {
        stdout::text(&screen(&report, &ReportView::new(super::terminal_now(context), args.wide)))?;
    }
    Ok(Some(Exit::Yes))
}

/// Ends when the terminal has been closed. Where SIGHUP is ignored nothing else says so: the library that reads keys would read
/// the end of a closed terminal for ever.
async fn terminal_gone() {
    while !is_gone() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Looks again and again; ends with the reason why it must not.
async fn refresh(
    args: &StatusArgs,
    context: &Context,
    pause: Duration,
    sender: &ViewSender<StatusNews>,
    shared: &SharedLook,
) -> CommandError {
    let mut looker = LiveLooker::new(context, args, pause);
    loop {
        let tell = |look| sender.tell(StatusNews::Look(Box::new(look)));
        let look = looker.look(tell).await;
        if let Err(error) = super::known(args, context, &look.report) {
            return error;
        }
        shared.store.replace(looker.store());
        shared.last.replace(Some(look.report.clone()));
        tell(look);
        tokio::time::sleep(pause).await;
    }
}

/// Answers questions about single models; ends when the view does.
async fn answer(
    mut questions: UnboundedReceiver<ModelRef>,
    sender: &ViewSender<StatusNews>,
    shared: &SharedLook,
) {
    while let Some(model) = questions.recv().await {
        let store = shared.store.borrow().clone();
        let history = match store {
            Some(store) => history(&*store, &model).await,
            None => Err(StoreError::Unavailable("it has not answered yet".to_owned())),
        };
        let history = history.unwrap_or_else(|error| ModelHistory {
            from: Utc::now() - crate::output::live::status_view::WINDOW,
            samples: Vec::new(),
            failures: Vec::new(),
            changes: Vec::new(),
            remark: Some(format!("the days before cannot be read: {error}")),
            model,
        });
        sender.tell(StatusNews::History(Box::new(history)));
    }
}

async fn history(store: &dyn Store, model: &ModelRef) -> Result<ModelHistory, StoreError> {
    let from = Utc::now() - DAYS;
    let rows = of_model(store, model, from).await?;
    let wanted = ChangeFilter {
        provider: Some(model.provider.clone()),
        model: Some(model.served_id().to_owned()),
        since: Some(from),
        ..ChangeFilter::default()
    };
    // A store of an older version has none.
    let mut changes = store.series_changes(&wanted).await.unwrap_or_default();
    changes.retain(|change| change.series.model == *model || change.series.model == model.unpinned());
    let remark = rows.is_cut.then(|| "the newest rows are left out: there are too many".to_owned());
    let (samples, failures) = (rows.samples, rows.failures);
    Ok(ModelHistory { model: model.clone(), from, samples, failures, changes, remark })
}
