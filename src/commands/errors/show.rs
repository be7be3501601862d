//! `llmbench errors show`: everything about the errors of one model, or about one fingerprint.

use super::{fold, standing};
use crate::cli::errors::ShowArgs;
use crate::commands::context::Context;
use crate::commands::data;
use crate::commands::exit::{CommandError, Exit};
use crate::commands::known;
use crate::commands::scope::{read_error, window};
use crate::domain::{ModelRef, Window};
use crate::output::error_story::{self, Story};
use crate::output::errors::By;
use crate::output::text;
use crate::storage::history::{Grain, Scope, Series, Stored, newest_runs};
use crate::storage::{Store, StoreError};
use serde_json::Value;

/// How many fingerprints with the same beginning are named.
const NAMED: u32 = 5;

/// What the story is about.
struct Subject {
    provider: Option<String>,
    model: Option<String>,
    fingerprint: Option<String>,
    rollup: Option<Stored>,
}

/// Runs the command.
///
/// # Errors
/// As [`super::run`]; status 1 where there is nothing to tell.
pub async fn run(args: ShowArgs, context: Context) -> Result<Exit, CommandError> {
    let window = window(&args.window, None)?;
    let store = context.open_store().await?;
    let failed = |error| read_error("reading errors", error);
    let subject = match args.what.parse::<ModelRef>() {
        Ok(model) => {
            let ModelRef { provider, model_id } = model;
            let scope = Scope { provider: Some(provider), model: Some(model_id), ..Scope::default() };
            known::provider(&scope, &context, &*store).await?;
            Subject { provider: scope.provider, model: scope.model, fingerprint: None, rollup: None }
        }
        Err(_) => by_fingerprint(&args.what, &*store).await?,
    };
    let story = tell(subject, window, args.limit, &*store).await.map_err(failed)?;
    if story.errors == 0 && story.rollup.is_none() && story.last_success.is_none() {
        return Err(nothing(&args.what, window, &*store).await.map_err(failed)?);
    }
    if args.json {
        data::document(&error_story::story_document(&story))?;
    } else {
        data::text(&error_story::story(&story, &context.view(args.wide)))?;
    }
    Ok(Exit::Yes)
}

/// The one fingerprint that begins like this, by its rollup or, where another writer made none, by its errors.
async fn by_fingerprint(text: &str, store: &dyn Store) -> Result<Subject, CommandError> {
    let failed = |error| read_error("reading errors", error);
    let rollups = store.rollups(text, NAMED + 1).await.map_err(failed)?;
    let found = match rollups.as_slice() {
        [only] => only.clone(),
        [] => {
            let scope = Scope { fingerprint: Some(text.to_owned()), ..Scope::default() };
            let newest = store.errors(&scope, 1).await.map_err(failed)?;
            let Some(error) = newest.into_iter().next() else { return Err(unknown(text)) };
            return Ok(subject(&error, None));
        }
        several => return Err(ambiguous(text, several)),
    };
    Ok(subject(&found, Some(found.clone())))
}

fn subject(row: &Stored, rollup: Option<Stored>) -> Subject {
    let word = |name: &str| match row.get(name) {
        None | Some(Value::Null) => None,
        Some(Value::String(word)) => Some(word.clone()),
        Some(other) => Some(other.to_string()),
    };
    Subject {
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

fn ambiguous(asked: &str, several: &[Stored]) -> CommandError {
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

async fn tell(subject: Subject, window: Window, lines: u32, store: &dyn Store) -> Result<Story, StoreError> {
    let model =
        Scope { provider: subject.provider.clone(), model: subject.model.clone(), ..Scope::default() };
    let scope = Scope { window, fingerprint: subject.fingerprint.clone(), ..model.clone() };
    // A fingerprint says everything by itself: its rows may spell their provider in other types.
    let errors = match subject.fingerprint {
        Some(_) => Scope { provider: None, model: None, ..scope.clone() },
        None => scope.clone(),
    };
    let (fine, successes, recent, last, enabled) = tokio::try_join!(
        store.error_groups(&errors, Grain::Fingerprint),
        store.successes(&scope, true, &Series::ALL),
        store.errors(&errors, lines),
        newest_runs(store, &model, &Series::ALL, 1),
        store.work_list(subject.provider.as_deref()),
    )?;
    let fine = fold::in_order(fine);
    let attempts = fold::Attempts::count(&fine, &successes);
    let (errors, successes) = attempts.total();
    Ok(Story {
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
        groups: fold::groups(&fine, &attempts, By::Fingerprint),
        recent,
        advised: standing::settled(fold::advised(&fine), store).await?,
    })
}

/// Nothing is stored about this model: perhaps another one is meant.
async fn nothing(asked: &str, window: Window, store: &dyn Store) -> Result<CommandError, StoreError> {
    let when = if window == Window::default() { "" } else { " in this window" };
    let said = format!("nothing is stored about `{}`{when}", asked.escape_debug());
    let error = CommandError::usage(said).exit(Exit::No);
    let Ok(model) = asked.parse::<ModelRef>() else { return Ok(error) };
    Ok(match known::near_model(&model, store).await? {
        Some(near) => error.hint(near),
        None => error,
    })
}
