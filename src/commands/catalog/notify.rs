//! Notifies about changes in providers' lists, each finding once per destination: recorded, held, sent, marked.
//! Findings that a destination did not take are kept and sent next time. A crash between sending and marking costs one
//! repeat, which carries the same Message-ID. Called by `catalog diff --notify`, also from a schedule.

use crate::commands::context::{Context, store_error};
use crate::commands::exit::{CommandError, Exit};
use crate::domain::env_vars::{LLMBENCH_SMTP_URL, LLMBENCH_WEBHOOK_URL};
use crate::domain::notice::ListingFinding;
use crate::domain::redact::Redactor;
use crate::notify::{Destination, NotifyConfig, SendContext};
use crate::output::catalog::notice;
use crate::output::{print, units};
use crate::storage::notices::{NoticeHold, SendOutcome};
use crate::storage::{Store, StoreError};
use chrono::{SubsecRound, TimeDelta, Utc};
use std::collections::HashSet;
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The result for one destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryReport {
    /// The destination, without secrets.
    pub destination: String,
    /// The number of findings that were sent to it.
    pub findings: usize,
    /// The number of other findings, held by another process.
    pub elsewhere: u64,
    /// The reason why the destination did not take them.
    pub refused: Option<String>,
}

/// The configured destinations.
///
/// # Errors
/// Status 2 if none is configured, or a part of the configuration cannot be used.
pub fn configured(context: &Context) -> Result<NotifyConfig, CommandError> {
    let notify = context.settings.notify().map_err(CommandError::usage)?;
    if notify.destinations().is_empty() {
        return Err(CommandError::usage("there is nobody to tell: neither mail nor a webhook is configured")
            .hint(format!(
                "set {LLMBENCH_WEBHOOK_URL}, or {LLMBENCH_SMTP_URL} with sender and recipients, or [notify] in the \
                 configuration file; TROUBLESHOOTING.md, \"No mail came\""
            )));
    }
    Ok(notify)
}

/// Sends every destination its unsent findings, concurrently. `stop` gives up sendings under way;
/// their findings are kept.
///
/// # Errors
/// A store that fails, certificates that cannot be read. A destination that fails is
/// no error: see [`DeliveryReport::refused`].
pub async fn tell(
    notify: &NotifyConfig,
    findings: &[ListingFinding],
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
        findings: findings.to_vec(),
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
    findings: Vec<ListingFinding>,
    store: Arc<dyn Store>,
    stop: CancellationToken,
}

impl NoticeSender {
    async fn tell(&self, destination: &Destination) -> Result<DeliveryReport, StoreError> {
        let (name, now) = (destination.name(), Utc::now().trunc_subsecs(3));
        self.store.note_findings(&name, &self.findings, now).await?;
        // Longer than a sending may take, so that nobody else begins while it is under way.
        let longest =
            TimeDelta::from_std(self.means.limits.total).unwrap_or_default() + TimeDelta::minutes(1);
        let holder = NoticeHold { id: ulid::Ulid::generate().to_string(), at: now, until: now + longest };
        let claim = self.store.claim_notices(&name, &holder).await?;
        let mut told = DeliveryReport {
            destination: destination.shown(),
            findings: claim.findings.len(),
            elsewhere: claim.elsewhere,
            refused: None,
        };
        if claim.findings.is_empty() {
            return Ok(told);
        }
        let letter = notice::letter(&claim.findings);
        let sent = tokio::select! {
            sent = destination.send(&letter, &self.means) => sent,
            () = self.stop.cancelled() => Err("interrupted".to_owned()),
        };
        told.refused = sent.err().map(|why| self.redactor.redact(&why));
        let sending = told.refused.clone().map_or(SendOutcome::Taken, SendOutcome::Kept);
        self.store.settle_notices(&name, &holder.id, Utc::now(), &sending).await?;
        Ok(told)
    }
}

/// Prints the result for each destination on stderr, only failures if `quiet`. Returns the exit status if it differs
/// from that of the diff.
pub fn say(told: &[DeliveryReport], quiet: bool, stop: &CancellationToken) -> Option<Exit> {
    for DeliveryReport { destination, findings, elsewhere, refused } in told {
        match refused {
            Some(why) => {
                print::note(&format!("error: {destination}: {why}"));
                print::note(&format!("{} kept, and sent next time", count(*findings)));
            }
            None if quiet => {}
            None if *findings > 0 => print::note(&format!("{destination}: {} told", count(*findings))),
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
    told.iter().any(|told| told.refused.is_some() || told.elsewhere > 0).then_some(Exit::Usage)
}

fn count(findings: usize) -> String {
    units::counted(findings as u64, "finding")
}

/// The message that every destination would get now. Sends and records nothing.
///
/// # Errors
/// A store that cannot be read.
pub async fn preview(
    notify: &NotifyConfig,
    findings: &[ListingFinding],
    store: &dyn Store,
) -> Result<String, CommandError> {
    let mut shown = Vec::new();
    for destination in notify.destinations() {
        let known =
            store.notices(&destination.name()).await.map_err(|error| store_error("notices", error))?;
        let prints: HashSet<String> = known.iter().map(|notice| notice.finding.fingerprint()).collect();
        let pending =
            known.into_iter().filter(|notice| notice.sent_at.is_none()).map(|notice| notice.finding);
        let new = findings.iter().filter(|finding| !prints.contains(&finding.fingerprint())).cloned();
        let all: Vec<ListingFinding> = pending.chain(new).collect();
        let letter = (!all.is_empty()).then(|| notice::letter(&all));
        let is_mail = matches!(destination, Destination::Mail(..));
        shown.push(notice::preview(&destination.shown(), letter.as_ref(), is_mail));
    }
    Ok(shown.join("\n"))
}
