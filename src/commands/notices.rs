//! Sends notices, each item once per destination: recorded, held, sent, marked. Items that a destination did not take are
//! kept and sent next time. A crash between sending and marking costs one repeat, which carries the same Message-ID. What
//! is told, and in which words, is the caller's: findings about lists, changes of series.

use crate::commands::context::{Context, store_error};
use crate::commands::exit::{CommandError, Exit};
use crate::domain::env_vars::{LLMBENCH_SMTP_URL, LLMBENCH_WEBHOOK_URL};
use crate::domain::notice::{NoticeItem, NoticeMessage, NoticeTopic};
use crate::domain::redact::Redactor;
use crate::notify::{Destination, NotifyConfig, SendContext};
use crate::output::{print, units};
use crate::storage::notices::{NoticeHold, SendOutcome};
use crate::storage::{Store, StoreError};
use chrono::{SubsecRound, TimeDelta, Utc};
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Writes the message about some items; `None` if there is nothing to say of them any more.
pub type LetterWriter = Arc<dyn Fn(&[NoticeItem]) -> Option<NoticeMessage> + Send + Sync>;

/// What is to be told, to every destination that has not heard it.
#[derive(Clone)]
pub struct NoticeBatch {
    pub topic: NoticeTopic,
    pub items: Vec<NoticeItem>,
    /// Writes what a destination gets: of these items and of earlier ones that it did not take.
    pub letter: LetterWriter,
}

/// The result for one destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryReport {
    /// The destination, without secrets.
    pub destination: String,
    /// The number of items that were sent to it.
    pub items: usize,
    /// The number of other items, held by another process.
    pub elsewhere: u64,
    /// The reason why the destination did not take them.
    pub refused: Option<String>,
}

impl DeliveryReport {
    /// True if nothing is left to send.
    pub fn is_done(&self) -> bool {
        self.refused.is_none() && self.elsewhere == 0
    }
}

/// The configured destinations.
///
/// # Errors
/// Status 2 if none is configured, or a part of the configuration cannot be used.
pub fn configured(context: &Context) -> Result<NotifyConfig, CommandError> {
    if_configured(context)?.ok_or_else(|| {
        CommandError::usage("there is nobody to tell: neither mail nor a webhook is configured").hint(format!(
            "set {LLMBENCH_WEBHOOK_URL}, or {LLMBENCH_SMTP_URL} with sender and recipients, or [notify] in the \
             configuration file; TROUBLESHOOTING.md, \"No mail came\""
        ))
    })
}

/// The configured destinations; `None` if there are none.
///
/// # Errors
/// Status 2 if a part of the configuration cannot be used. The message repeats no secret.
pub fn if_configured(context: &Context) -> Result<Option<NotifyConfig>, CommandError> {
    let notify = context.settings.notify().map_err(CommandError::usage)?;
    Ok((!notify.destinations().is_empty()).then_some(notify))
}

/// Sends every destination its unsent items, concurrently. `stop` gives up sendings under way; their items are kept.
///
/// # Errors
/// A store that fails, certificates that cannot be read. A destination that fails is
/// no error: see [`DeliveryReport::refused`].
pub async fn tell(
    notify: &NotifyConfig,
    batch: NoticeBatch,
    context: &Context,
    store: &Arc<dyn Store>,
    stop: &CancellationToken,
) -> Result<Vec<DeliveryReport>, CommandError> {
    let extra_ca = context.extra_ca();
    let http = context.http_client()?;
    let limits = context.settings.deadlines.limits();
    let mut redactor = context.settings.redactor();
    notify.secrets().iter().for_each(|secret| redactor.add(secret));
    let sender = Arc::new(NoticeSender {
        means: SendContext { http, extra_ca, limits },
        redactor,
        batch,
        store: Arc::clone(store),
        stop: stop.clone(),
    });
    let mut sendings = JoinSet::new();
    for (place, destination) in notify.destinations().into_iter().enumerate() {
        let sender = Arc::clone(&sender);
        sendings.spawn(async move { (place, sender.tell(&destination).await) });
    }
    let mut ended = sendings.join_all().await;
    ended.sort_by_key(|(place, _)| *place);
    let told: Result<Vec<DeliveryReport>, StoreError> = ended.into_iter().map(|(_, told)| told).collect();
    told.map_err(|error| store_error("notices", error))
}

/// The parts that all destinations share.
struct NoticeSender {
    means: SendContext,
    redactor: Redactor,
    batch: NoticeBatch,
    store: Arc<dyn Store>,
    stop: CancellationToken,
}

impl NoticeSender {
    async fn tell(&self, destination: &Destination) -> Result<DeliveryReport, StoreError> {
        let (place, now) = (self.batch.topic.place(&destination.name()), Utc::now().trunc_subsecs(3));
        self.store.note_items(&place, &self.batch.items, now).await?;
        // Longer than a sending may take, so that nobody else begins while it is under way.
        let longest =
            TimeDelta::from_std(self.means.limits.total).unwrap_or_default() + TimeDelta::minutes(1);
        let holder = NoticeHold { id: ulid::Ulid::generate().to_string(), at: now, until: now + longest };
        let claim = self.store.claim_notices(&place, &holder).await?;
        let mut told = DeliveryReport {
            destination: destination.shown(),
            items: claim.items.len(),
            elsewhere: claim.elsewhere,
            refused: None,
        };
        if claim.items.is_empty() {
            return Ok(told);
        }
        if let Some(letter) = (self.batch.letter)(&claim.items) {
            let sent = tokio::select! {
                sent = destination.send(&letter, &self.means) => sent,
                () = self.stop.cancelled() => Err("interrupted".to_owned()),
            };
            told.refused = sent.err().map(|why| self.redactor.redact(&why));
        }
        let sending = told.refused.clone().map_or(SendOutcome::Taken, SendOutcome::Kept);
        self.store.settle_notices(&place, &holder.id, Utc::now(), &sending).await?;
        Ok(told)
    }
}

/// Prints the result for each destination on stderr, only failures if `quiet`; `noun` is what an item is. Returns the exit
/// status if it differs from that of the command.
pub fn say(told: &[DeliveryReport], noun: &str, quiet: bool, stop: &CancellationToken) -> Option<Exit> {
    let count = |items: usize| units::counted(items as u64, noun);
    for DeliveryReport { destination, items, elsewhere, refused } in told {
        match refused {
            Some(why) => {
                print::note(&format!("error: {destination}: {why}"));
                print::note(&format!("{} kept, and sent next time", count(*items)));
            }
            None if quiet => {}
            None if *items > 0 => print::note(&format!("{destination}: {} told", count(*items))),
            None if *elsewhere == 0 => {
                print::note(&format!("{destination}: nothing that it was not told already"));
            }
            None => {}
        }
        if *elsewhere > 0 {
            print::note(&format!(
                "error: {destination}: {} in the hands of another llmbench, which is sending or ended without a word; \
                 they are sent next time if it has not",
                count(usize::try_from(*elsewhere).unwrap_or(usize::MAX))
            ));
        }
    }
    if stop.is_cancelled() {
        return Some(Exit::Interrupted);
    }
    told.iter().any(|told| !told.is_done()).then_some(Exit::Usage)
}
