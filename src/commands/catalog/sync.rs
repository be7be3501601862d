//! `llmbench catalog sync`: reads every provider's own list concurrently and stores each as it ends.

use super::router_endpoints;
use crate::cli::catalog::CatalogSyncArgs;
use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};
use crate::commands::interrupt::Interrupt;
use crate::commands::run::access::{self, ProviderAccess, SIMULATOR};
use crate::commands::stdout;
use crate::domain::ModelRef;
use crate::domain::listing::{ListedEndpoint, Listing};
use crate::listings::SyncedListing;
use crate::listings::reader::{ListingReader, not_begun};
use crate::listings::transport::PageTransport;
use crate::output::catalog::{json, sync as shown};
use crate::output::task_progress::Steps;
use crate::output::{ReportView, print};
use crate::providers::hosts::Host;
use crate::storage::endpoints::{self, RoutedModel};
use crate::storage::notices::REMEMBERED;
use crate::storage::{Store, StoreError};
use chrono::Utc;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

/// A provider's list, with the result of storing it.
struct SyncResult {
    synced: SyncedListing,
    /// True if the store could not be reached: worth trying again.
    unavailable: bool,
}

/// Runs `llmbench catalog sync` to its exit status.
///
/// # Errors
/// Wrong usage, or a store that cannot be used.
pub async fn run(args: CatalogSyncArgs, context: Context) -> Result<Exit, CommandError> {
    let (hosts, skipped) = choose(&args.providers, &context)?;
    let store = context.open_store().await?;
    let interrupt = Interrupt::listen()
        .map_err(|error| CommandError::usage(format!("no signal handler can be set: {error}")))?;
    let reader = reader(&context)?;
    let names: Vec<String> = hosts.iter().map(|host| host.name.clone()).collect();
    let steps = Steps::start(&names, &context.terminal, args.quiet);
    let view = ReportView::new(context.terminal, false);
    let context = Arc::new(context);
    let mut reads = JoinSet::new();
    for host in hosts {
        let (reader, context, store) = (reader.clone(), Arc::clone(&context), Arc::clone(&store));
        reads.spawn(async move { sync_one(host, reader, context, store).await });
    }
    let mut ended = Vec::new();
    let interrupted = loop {
        tokio::select! {
            () = interrupt.stop.cancelled() => break true,
            read = reads.join_next() => match read {
                None => break false,
                Some(Ok(one)) => {
                    steps.ended(&one.synced.listing.provider, &shown::note(&one.synced));
                    ended.push(one);
                }
                Some(Err(error)) => return Err(CommandError::usage(error).exit(Exit::No)),
            },
        }
    };
    reads.shutdown().await;
    steps.done();
    ended.sort_by_key(|one| names.iter().position(|name| *name == one.synced.listing.provider));
    finish(&ended, &skipped, interrupted, &args, &view)
}

/// Reads one provider's list and stores it, for commands that need a fresh one.
///
/// # Errors
/// Certificates that cannot be read. Errors of the list are in the result.
pub async fn one(host: &Host, context: &Context, store: &dyn Store) -> Result<SyncedListing, CommandError> {
    let reader = reader(context)?;
    let known = routed_models(&host.name, store).await;
    let read = listed(&host.name, access::open(host, context).await, reader, &known).await;
    Ok(keep(read, &known, store).await.synced)
}

/// The same away from the caller's thread, which a key command or a login may block.
///
/// # Errors
/// As in [`one`].
pub async fn apart(
    host: Host,
    context: Arc<Context>,
    store: Arc<dyn Store>,
) -> Result<SyncedListing, CommandError> {
    let reader = reader(&context)?;
    Ok(sync_one(host, reader, context, store).await.synced)
}

/// Asks a router for the endpoints of one of its models.
///
/// # Errors
/// The reason in a sentence.
pub async fn endpoints(model: &ModelRef, context: &Context) -> Result<Vec<ListedEndpoint>, String> {
    let reader = reader(context).map_err(|error| error.message)?;
    let host = context.settings.hosts.find(&model.provider).map_err(|unknown| unknown.to_string())?;
    let opened = access::open(host, context).await?;
    let read = reader.endpoints(&opened.route, &model.model_id).await;
    read.map_err(|wrong| context.settings.redactor().redact(&wrong.reason))
}

/// Reads a list that is kept elsewhere.
///
/// # Errors
/// As in [`one`].
pub async fn listing(host: Host, context: Arc<Context>) -> Result<Listing, CommandError> {
    let reader = reader(&context)?;
    Ok(read(host, reader, context, &[]).await.0)
}

fn reader(context: &Context) -> Result<ListingReader, CommandError> {
    let transport = PageTransport::Client(context.http_client()?);
    let redactor = Arc::new(context.settings.redactor());
    Ok(ListingReader { transport, limits: context.settings.deadlines.limits(), redactor })
}

/// The providers to read, and those skipped because nothing in the settings selects them.
fn choose(wanted: &[String], context: &Context) -> Result<(Vec<Host>, Vec<String>), CommandError> {
    let hosts = &context.settings.hosts;
    if !wanted.is_empty() {
        let mut chosen: Vec<Host> = Vec::new();
        for name in wanted {
            let host = hosts.find(name).map_err(CommandError::usage)?;
            if chosen.iter().all(|there| there.name != host.name) {
                chosen.push(host.clone());
            }
        }
        return Ok((chosen, Vec::new()));
    }
    let real = hosts.iter().filter(|host| host.name != SIMULATOR);
    let (chosen, skipped): (Vec<&Host>, Vec<&Host>) =
        real.partition(|host| context.settings.is_configured(host));
    if chosen.is_empty() {
        return Err(CommandError::usage("there is no provider to ask: none has a key").exit(Exit::No).hint(
            "set a key, for example GROQ_API_KEY, or name a provider: llmbench catalog sync --provider sim",
        ));
    }
    Ok((chosen.into_iter().cloned().collect(), skipped.into_iter().map(|host| host.name.clone()).collect()))
}

/// Reads one list and stores it. A failure affects this provider alone.
async fn sync_one(
    host: Host,
    reader: ListingReader,
    context: Arc<Context>,
    store: Arc<dyn Store>,
) -> SyncResult {
    let known = routed_models(&host.name, &*store).await;
    let read = read(host, reader, context, &known).await;
    keep(read, &known, &*store).await
}

/// The catalog's models of a router. Without them its list is read all the same.
async fn routed_models(provider: &str, store: &dyn Store) -> Vec<RoutedModel> {
    endpoints::routed_models(provider, store).await.unwrap_or_default()
}

async fn keep(read: ReadListing, known: &[RoutedModel], store: &dyn Store) -> SyncResult {
    let (listing, mut notes) = read;
    let kept = store.keep_listing(&listing).await;
    if kept.is_ok()
        && let Err(error) = router_endpoints::keep(&listing, known, store).await
    {
        notes.push(format!("its endpoints could not be stored: {error}"));
    }
    let unavailable = matches!(kept, Err(StoreError::Unavailable(_)));
    if kept.is_ok() {
        // Housekeeping: if it fails, the next read repeats it.
        let _ = store.forget_notices(Utc::now() - REMEMBERED).await;
    }
    let kept = kept.map_err(|error| format!("its list could not be stored: {error}"));
    SyncResult { synced: SyncedListing { listing, kept, notes }, unavailable }
}

/// A list, and sentences about what beside it could not be read.
type ReadListing = (Listing, Vec<String>);

async fn read(
    host: Host,
    reader: ListingReader,
    context: Arc<Context>,
    known: &[RoutedModel],
) -> ReadListing {
    let name = host.name.clone();
    // A key command may take seconds and must not block other providers.
    let handle = Handle::current();
    let opening = move || handle.block_on(access::open(&host, &context));
    let opened = tokio::task::spawn_blocking(opening).await;
    listed(&name, opened.unwrap_or_else(|error| Err(error.to_string())), reader, known).await
}

async fn listed(
    name: &str,
    opened: Result<ProviderAccess, String>,
    mut reader: ListingReader,
    known: &[RoutedModel],
) -> ReadListing {
    let opened = match opened {
        Ok(opened) => opened,
        Err(reason) => return (not_begun(name, &reason, &reader.redactor), Vec::new()),
    };
    if let Some(secret) = &opened.secret {
        let mut redactor = (*reader.redactor).clone();
        redactor.add(secret);
        reader.redactor = Arc::new(redactor);
    }
    // `opened` keeps the simulator, if there is one, alive.
    let mut listing = reader.read(Arc::clone(&opened.route)).await;
    let troubles = router_endpoints::read(&mut listing, known, &reader, &opened.route).await;
    (listing, troubles)
}

fn finish(
    ended: &[SyncResult],
    skipped: &[String],
    interrupted: bool,
    args: &CatalogSyncArgs,
    view: &ReportView,
) -> Result<Exit, CommandError> {
    let synced: Vec<SyncedListing> = ended.iter().map(|one| one.synced.clone()).collect();
    if args.json {
        stdout::document(&json::sync(&synced, skipped))?;
    } else if !args.quiet {
        stdout::text(&shown::table(&synced, view))?;
    }
    for one in &synced {
        one.notes.iter().for_each(|note| print::note(&format!("{}: {note}", one.listing.provider)));
    }
    for one in synced.iter().filter(|one| !one.is_whole()) {
        let why = one.trouble().unwrap_or("no reason is known");
        print::note(&format!("error: {}: {why}", one.listing.provider));
    }
    if !skipped.is_empty() && !args.quiet {
        print::note(&format!("no key, not read: {}", skipped.join(", ")));
    }
    Ok(if interrupted {
        print::note("interrupted: lists that were still being read are not stored");
        Exit::Interrupted
    } else if ended.iter().any(|one| one.unavailable) {
        Exit::NotStored
    } else if synced.iter().all(SyncedListing::is_whole) {
        Exit::Yes
    } else {
        Exit::No
    })
}
