//! `llmbench errors tail`: prints the newest errors, then each new one, until Ctrl-C. Rows come late and out
//! of order, and some are dated in the future: so the last minutes are queried repeatedly, and the ids of
//! printed rows are remembered.

use crate::cli::errors::ErrorsTailArgs;
use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};
use crate::commands::interrupt::Interrupt;
use crate::commands::scope::{read_error, scope};
use crate::commands::{stdout, unknown_names};
use crate::domain::Window;
use crate::output::print::{self, PrintOutcome};
use crate::output::{ReportView, errors};
use crate::storage::history::{HistoryFilter, StoredRow};
use crate::storage::{Store, StoreError};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::HashSet;
use std::time::Duration;

/// Interval of queries to the store.
const PAUSE: Duration = Duration::from_secs(1);

/// Greatest lateness of a row that is still shown.
const LATE: TimeDelta = TimeDelta::minutes(2);

/// The most rows of one answer.
const MOST: u32 = 2_000;

/// Runs `llmbench errors tail` to its exit status.
///
/// # Errors
/// As in [`super::run`].
pub async fn run(args: ErrorsTailArgs, context: Context) -> Result<Exit, CommandError> {
    let scope = scope(&args.of, Window::default())?;
    let store = context.open_store().await?;
    unknown_names::provider(&scope, &context, &*store).await?;
    let interrupt = Interrupt::listen().map_err(CommandError::usage)?;
    let view = context.view(args.wide);
    let mut tail = ErrorTail { json: args.json, view, scope, shown: HashSet::new(), silent: false };
    let failed = |error| read_error("reading errors", error);
    // Known rows are read before the first lines are: a row in between is shown, not lost.
    let known = store.errors(&tail.recent(Utc::now()), MOST).await.map_err(failed)?;
    let first = store.errors(&tail.scope, args.limit).await.map_err(failed)?;
    if first.is_empty() {
        unknown_names::hint_at_model(&tail.scope, &*store).await.map_err(failed)?;
    }
    if tail.show(&first)? == PrintOutcome::Closed {
        return Ok(Exit::Yes);
    }
    tail.shown.extend(known.iter().map(id));
    loop {
        tokio::select! {
            () = interrupt.stop.cancelled() => return Ok(Exit::Yes),
            () = tokio::time::sleep(PAUSE) => {}
        }
        let next = tokio::select! {
            () = interrupt.stop.cancelled() => return Ok(Exit::Yes),
            next = tail.next(&*store) => next?,
        };
        if tail.show(&next)? == PrintOutcome::Closed {
            return Ok(Exit::Yes);
        }
    }
}

/// The filter that is followed, and the ids that were shown.
struct ErrorTail {
    json: bool,
    view: ReportView,
    scope: HistoryFilter,
    shown: HashSet<String>,
    silent: bool,
}

impl ErrorTail {
    /// The filter for rows that may be new.
    fn recent(&self, now: DateTime<Utc>) -> HistoryFilter {
        HistoryFilter { window: Window { from: Some(now - LATE), to: None }, ..self.scope.clone() }
    }

    /// Rows that were not shown, newest first. Waits for a store that is unreachable for a while.
    async fn next(&mut self, store: &dyn Store) -> Result<Vec<StoredRow>, CommandError> {
        let rows = match store.errors(&self.recent(Utc::now()), MOST).await {
            Ok(rows) => rows,
            Err(StoreError::Unavailable(why)) => {
                if !std::mem::replace(&mut self.silent, true) {
                    print::note(&format!("waiting for the store: {why}"));
                }
                return Ok(Vec::new());
            }
            Err(error) => return Err(read_error("reading errors", error)),
        };
        if std::mem::replace(&mut self.silent, false) {
            print::note("the store answers again");
        }
        let ids: HashSet<String> = rows.iter().map(id).collect();
        let whole = rows.len();
        let new: Vec<StoredRow> = rows.into_iter().filter(|row| !self.shown.contains(&id(row))).collect();
        if new.len() == whole && whole >= MOST as usize {
            print::note(&format!("more than {MOST} new errors at once: the oldest of them are left out"));
        }
        // A row that has left the window does not come back.
        self.shown.retain(|id| ids.contains(id));
        Ok(new)
    }

    /// Prints rows that came newest first, oldest first.
    fn show(&mut self, rows: &[StoredRow]) -> Result<PrintOutcome, CommandError> {
        let line = |row: &StoredRow| match self.json {
            true => serde_json::Value::Object(row.clone()).to_string() + "\n",
            false => errors::line(row, &self.view) + "\n",
        };
        let text: String = rows.iter().rev().map(line).collect();
        self.shown.extend(rows.iter().map(id));
        if text.is_empty() {
            return Ok(PrintOutcome::Whole);
        }
        print::data(&text).map_err(|error| stdout::refused(&error))
    }
}

/// The identity of a row.
fn id(row: &StoredRow) -> String {
    row.get("_id").map_or_else(|| serde_json::Value::Object(row.clone()).to_string(), ToString::to_string)
}
