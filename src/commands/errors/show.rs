//! `llmbench errors show`: everything about the errors of one model, or about one fingerprint.

use super::{catalog_presence, grouping};
use crate::cli::errors::ErrorsShowArgs;
use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};
use crate::commands::scope::{read_error, window};
use crate::commands::{stdout, unknown_names};
use crate::domain::{ModelRef, Window};
use crate::output::error_details::{self, ErrorStory};
use crate::output::errors::ErrorGrouping;
use crate::output::text;
use crate::storage::history::{ErrorGranularity, HistoryFilter, RunSeries, StoredRow, newest_runs};
use crate::storage::{Store, StoreError};
use serde_json::Value;

/// Most fingerprints named for an ambiguous prefix.
const NAMED: u32 = 5;

/// The model or fingerprint of the report.
struct ErrorSubject {
    provider: Option<String>,
    model: Option<String>,
    fingerprint: Option<String>,
    rollup: Option<StoredRow>,
}

/// Runs `llmbench errors show` to its exit status.
///
/// # Errors
/// As in [`super::run`]; status 1 if there is nothing to show.
pub async fn run(args: ErrorsShowArgs, context: Context) -> Result<Exit, CommandError> {
    let window = window(&args.window, None)?;
    let store = context.open_store().await?;
    let failed = |error| read_error("reading errors", error);
    let subject = match args.what.parse::<ModelRef>() {
        Ok(model) => {
            let ModelRef { provider, model_id } = model;
            let scope =
                HistoryFilter { provider: Some(provider), model: Some(model_id), ..HistoryFilter::default() };
            unknown_names::provider(&scope, &context, &*store).await?;
            ErrorSubject { provider: scope.provider, model: scope.model, fingerprint: None, rollup: None }
        }
        Err(_) => by_fingerprint(&args.what, &*store).await?,
    };
    let story = tell(subject, window, args.limit, &*store).await.map_err(failed)?;
    if story.errors == 0 && story.rollup.is_none() && story.last_success.is_none() {
        return Err(nothing(&args.what, window, &*store).await.map_err(failed)?);
    }
    if args.json {
        stdout::document(&error_details::json(&story))?;
    } else {
        stdout::text(&error_details::text(&story, &context.view(args.wide)))?;
    }
    Ok(Exit::Yes)
}

/// The one fingerprint with this prefix, by its rollup or, if another writer made none, by its errors.
async fn by_fingerprint(text: &str, store: &dyn Store) -> Result<ErrorSubject, CommandError> {
    let failed = |error| read_error("reading errors", error);
    let rollups = store.rollups(text, NAMED + 1).await.map_err(failed)?;
    let found = match rollups.as_slice() {
        [only] => only.clone(),
        [] => {
            let scope = HistoryFilter { fingerprint: Some(text.to_owned()), ..HistoryFilter::default() };
            let newest = store.errors(&scope, 1).await.map_err(failed)?;
            let Some(error) = newest.into_iter().next() else { return Err(unknown(text)) };
            return Ok(subject(&error, None));
        }
        several => return Err(ambiguous(text, several)),
    };
    Ok(subject(&found, Some(found.clone())))
}

fn subject(row: &StoredRow, rollup: Option<StoredRow>) -> ErrorSubject {
    let word = |name: &str| match row.get(name) {
        None | Some(Value::Null) => None,
        Some(Value::String(word)) => Some(word.clone()),
        Some(other) => Some(other.to_string()),
    };
    ErrorSubject {
        provider: word("provider"),
        model: word("model_name"),
        fingerprint: word("fingerprint"),
        rollup,
    }
}

fn unknown(text: &str) -> CommandError {
    CommandError::usage(format!("no error has a fingerprint that begins with `{}`", text.escape_debug()))
        .exit(Exit::No)
        .hint("write provider:model_id, or take a fingerprint from: llmbench errors summary --by fingerprint")
}

fn ambiguous(asked: &str, several: &[StoredRow]) -> CommandError {
    let named = several.iter().take(NAMED as usize).filter_map(|row| row.get("fingerprint")?.as_str());
    let named: Vec<String> =
        named.map(|name| text::escape(&name.chars().take(16).collect::<String>())).collect();
    let more = if several.len() > NAMED as usize { " and more" } else { "" };
    CommandError::usage(format!(
        "`{}` is the beginning of several fingerprints: {}{more}",
        asked.escape_debug(),
        named.join(", ")
    ))
}

async fn tell(
    subject: ErrorSubject,
    window: Window,
    lines: u32,
    store: &dyn Store,
) -> Result<ErrorStory, StoreError> {
    let model = HistoryFilter {
        provider: subject.provider.clone(),
        model: subject.model.clone(),
        ..HistoryFilter::default()
    };
    let scope = HistoryFilter { window, fingerprint: subject.fingerprint.clone(), ..model.clone() };
    // A fingerprint is enough by itself: its rows may spell their provider in other types.
    let errors = match subject.fingerprint {
        Some(_) => HistoryFilter { provider: None, model: None, ..scope.clone() },
        None => scope.clone(),
    };
    let (fine, successes, recent, last, enabled) = tokio::try_join!(
        store.error_groups(&errors, ErrorGranularity::Fingerprint),
        store.successes(&scope, true, &RunSeries::ALL),
        store.errors(&errors, lines),
        newest_runs(store, &model, &RunSeries::ALL, 1),
        store.work_list(subject.provider.as_deref()),
    )?;
    let fine = grouping::in_order(fine);
    let attempts = grouping::AttemptCounts::count(&fine, &successes);
    let (errors, successes) = attempts.total();
    Ok(ErrorStory {
        enabled: enabled.iter().any(|item| {
            Some(&item.model.provider) == subject.provider.as_ref()
                && Some(&item.model.model_id) == subject.model.as_ref()
        }),
        provider: subject.provider,
        model: subject.model,
        fingerprint: subject.fingerprint,
        window,
        errors,
        successes,
        last_success: last.into_iter().next().map(|(_, run)| run),
        rollup: subject.rollup,
        groups: grouping::groups(&fine, &attempts, ErrorGrouping::Fingerprint),
        recent,
        advised: catalog_presence::settled(grouping::advised(&fine), store).await?,
    })
}

/// The error if nothing is stored about this model: perhaps another one is meant.
async fn nothing(asked: &str, window: Window, store: &dyn Store) -> Result<CommandError, StoreError> {
    let when = if window == Window::default() { "" } else { " in this window" };
    let said = format!("nothing is stored about `{}`{when}", asked.escape_debug());
    let error = CommandError::usage(said).exit(Exit::No);
    let Ok(model) = asked.parse::<ModelRef>() else { return Ok(error) };
    Ok(match unknown_names::near_model(&model, store).await? {
        Some(near) => error.hint(near),
        None => error,
    })
}
