//! `llmbench ingest key`: manages the keys of remote runners. Each is printed once; the store keeps its SHA-256, and
//! the names of those who made and revoked it.

use crate::cli::ingest_key::{
    ActionArg, IngestKeyAddArgs, IngestKeyArgs, IngestKeyCommand, IngestKeyListArgs, IngestKeyRevokeArgs,
    IngestKeyRotateArgs,
};
use crate::commands::context::{Context, store_error};
use crate::commands::exit::{CommandError, Exit};
use crate::commands::models::who;
use crate::commands::stdout;
use crate::domain::secret::Secret;
use crate::output::ingest_keys::{self as output, IngestKeyRow};
use crate::output::print;
use crate::storage::Store;
use crate::storage::posts::ingest_keys::{Action, IngestKey, KeyState, mint, sha256};
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use std::time::Duration;

/// Most live keys of a runner: the present one and the next.
const LIVE: usize = 2;

/// Runs `llmbench ingest key` to its exit status.
///
/// # Errors
/// A store that cannot be used; status 1 for a key that does not exist, or a third live one for a runner.
pub async fn run(args: IngestKeyArgs, context: Context) -> Result<Exit, CommandError> {
    let store = context.open_store().await?;
    match &args.command {
        IngestKeyCommand::Add(args) => add(args, &context, &*store).await,
        IngestKeyCommand::List(args) => list(args, &context, &*store).await,
        IngestKeyCommand::Rotate(args) => rotate(args, &context, &*store).await,
        IngestKeyCommand::Revoke(args) => revoke(args, &context, &*store).await,
    }
}

async fn add(args: &IngestKeyAddArgs, context: &Context, store: &dyn Store) -> Result<Exit, CommandError> {
    let now = now();
    refuse_third(&keys(store).await?, &args.name, now)?;
    let actions = match args.actions.is_empty() {
        true => Action::ALL.to_vec(),
        false => Action::ALL.into_iter().filter(|action| args.actions.contains(&arg(*action))).collect(),
    };
    let mut providers = args.providers.clone();
    providers.sort_unstable();
    providers.dedup();
    let unknown = providers.iter().find_map(|name| context.settings.hosts.find(name).err());
    if let Some(unknown) = unknown.filter(|_| !args.force) {
        return Err(CommandError::usage(unknown)
            .hint("a runner may have hosts of its own: --force makes the key for it all the same"));
    }
    let (id, secret) = mint();
    let key = IngestKey {
        sha256: sha256(&secret),
        id,
        label: args.name.clone(),
        runner: args.name.clone(),
        providers: (!args.all_providers).then_some(providers),
        actions,
        not_before: None,
        not_after: args.expires.map(|expires| now + delta(expires)),
        created_at: now,
        created_by: who(context),
        revoked_at: None,
        revoked_by: None,
        last_used_at: None,
    };
    store.add_ingest_key(&key).await.map_err(|error| store_error("the key is not kept", error))?;
    tell_new(&key, &secret, args.json, now)
}

async fn list(args: &IngestKeyListArgs, context: &Context, store: &dyn Store) -> Result<Exit, CommandError> {
    let now = now();
    let all = keys(store).await?;
    let ended = |key: &&IngestKey| matches!(key.state(now), KeyState::Expired | KeyState::Revoked);
    let hidden = if args.all { 0 } else { all.iter().filter(ended).count() };
    let rows: Vec<IngestKeyRow> =
        all.iter().filter(|key| args.all || !ended(key)).map(|key| row(key, now)).collect();
    if args.json {
        return stdout::document(&output::document(&rows)).map(|()| Exit::Yes);
    }
    match rows.is_empty() {
        true => {
            print::note("there is no key; make one with: llmbench ingest key add NAME --provider bedrock")
        }
        false => stdout::text(&output::table(&rows, &context.view(args.wide)))?,
    }
    if hidden > 0 {
        print::note(&format!("{hidden} that have ended are not shown; --all shows them"));
    }
    Ok(Exit::Yes)
}

async fn rotate(
    args: &IngestKeyRotateArgs,
    context: &Context,
    store: &dyn Store,
) -> Result<Exit, CommandError> {
    let now = now();
    let all = keys(store).await?;
    let live = |key: &&IngestKey| key.state(now) == KeyState::Live;
    let newest = all.iter().filter(live).rfind(|key| key.id == args.key || key.label == args.key);
    let Some(old) = newest else {
        return Err(missing(&format!("no live key of `{}`", args.key.escape_debug())));
    };
    refuse_third(&all, &old.label, now)?;
    let (id, secret) = mint();
    // A key with an end gets the same length of validity again.
    let not_after = old.not_after.map(|end| now + (end - old.created_at));
    let new = IngestKey {
        sha256: sha256(&secret),
        id,
        not_before: None,
        not_after,
        created_at: now,
        created_by: who(context),
        last_used_at: None,
        ..old.clone()
    };
    let ends = now + delta(args.overlap);
    let kept = store.rotate_ingest_key(&old.id, &new, ends).await;
    kept.map_err(|error| store_error("the key is not kept", error))?;
    let ends = old.not_after.map_or(ends, |end| end.min(ends));
    print::note(&format!("the present key {} counts until {}", old.id, crate::output::json::time(ends)));
    tell_new(&new, &secret, args.json, now)
}

async fn revoke(
    args: &IngestKeyRevokeArgs,
    context: &Context,
    store: &dyn Store,
) -> Result<Exit, CommandError> {
    let now = now();
    let revoked = store.revoke_ingest_key(&args.id, &who(context), now).await;
    if !revoked.map_err(|error| store_error("the key is not taken back", error))? {
        return Err(missing(&format!("no key has the id `{}`", args.id.escape_debug())));
    }
    let all = keys(store).await?;
    let rows: Vec<IngestKeyRow> =
        all.iter().filter(|key| key.id == args.id).map(|key| row(key, now)).collect();
    if args.json {
        return stdout::document(&output::document(&rows)).map(|()| Exit::Yes);
    }
    print::note(&format!("the key {} is revoked; running bridges follow within seconds", args.id));
    Ok(Exit::Yes)
}

/// Prints a new key: alone on standard output, so that a script can take it.
fn tell_new(key: &IngestKey, secret: &Secret, json: bool, now: DateTime<Utc>) -> Result<Exit, CommandError> {
    if json {
        stdout::document(&output::new_document(&row(key, now), secret.expose()))?;
        return Ok(Exit::Yes);
    }
    stdout::text(&format!("{}\n", secret.expose()))?;
    print::note(&format!(
        "this is the only time that the key of {} is shown; its id is {}",
        key.label, key.id
    ));
    Ok(Exit::Yes)
}

/// Refuses a third live key, because one of them must be forgotten.
fn refuse_third(keys: &[IngestKey], label: &str, now: DateTime<Utc>) -> Result<(), CommandError> {
    let live = |key: &&IngestKey| key.label == label && key.state(now) == KeyState::Live;
    let ids: Vec<&str> = keys.iter().filter(live).map(|key| key.id.as_str()).collect();
    if ids.len() < LIVE {
        return Ok(());
    }
    let message = format!("{label} has {} live keys already: {}", ids.len(), ids.join(", "));
    Err(CommandError::usage(message)
        .exit(Exit::No)
        .hint("revoke the one that is not used: llmbench ingest key revoke ID"))
}

fn missing(what: &str) -> CommandError {
    CommandError::usage(what).exit(Exit::No).hint("llmbench ingest key list --all shows every key")
}

async fn keys(store: &dyn Store) -> Result<Vec<IngestKey>, CommandError> {
    store.ingest_keys().await.map_err(|error| store_error("reading the keys", error))
}

/// Now in milliseconds, the resolution of stores.
fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(3)
}

fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

fn arg(action: Action) -> ActionArg {
    match action {
        Action::Ingest => ActionArg::Ingest,
        Action::Error => ActionArg::Error,
        Action::Catalog => ActionArg::Catalog,
        Action::Config => ActionArg::Config,
    }
}

fn row(key: &IngestKey, now: DateTime<Utc>) -> IngestKeyRow {
    IngestKeyRow {
        id: key.id.clone(),
        name: key.label.clone(),
        state: key.state(now).as_str().to_owned(),
        providers: key.providers.clone(),
        actions: key.actions.iter().map(|action| action.as_str().to_owned()).collect(),
        not_before: key.not_before,
        not_after: key.not_after,
        created_at: key.created_at,
        created_by: key.created_by.clone(),
        revoked_at: key.revoked_at,
        revoked_by: key.revoked_by.clone(),
        last_used_at: key.last_used_at,
    }
}
