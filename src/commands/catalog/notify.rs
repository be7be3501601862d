//! Notices about providers' lists: which findings are told, and what `--dry-run` shows of them. Called by
//! `catalog diff --notify`, also from a schedule, and by the daemon; [`crate::commands::notices`] sends them.

use crate::commands::context::{Context, store_error};
use crate::commands::exit::CommandError;
use crate::commands::notices::{self, DeliveryReport, NoticeBatch};
use crate::domain::notice::{ListingFinding, NoticeItem, NoticeTopic};
use crate::notify::{Destination, NotifyConfig};
use crate::output::catalog::notice;
use crate::storage::Store;
use std::collections::HashSet;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

const TOPIC: NoticeTopic = NoticeTopic::Listings;

/// Sends every destination its unsent findings.
///
/// # Errors
/// Those of [`notices::tell`].
pub async fn tell(
    notify: &NotifyConfig,
    findings: &[ListingFinding],
    context: &Context,
    store: &Arc<dyn Store>,
    stop: &CancellationToken,
) -> Result<Vec<DeliveryReport>, CommandError> {
    let items = findings.iter().cloned().map(NoticeItem::Listing).collect();
    let letter = Arc::new(|items: &[NoticeItem]| {
        let findings = of_lists(items.iter().cloned());
        (!findings.is_empty()).then(|| notice::letter(&findings))
    });
    notices::tell(notify, NoticeBatch { topic: TOPIC, items, letter }, context, store, stop).await
}

fn of_lists(items: impl Iterator<Item = NoticeItem>) -> Vec<ListingFinding> {
    let finding = |item| match item {
        NoticeItem::Listing(finding) => Some(finding),
        NoticeItem::Change(_) => None,
    };
    items.filter_map(finding).collect()
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
        let place = TOPIC.place(&destination.name());
        let known = store.notices(&place).await.map_err(|error| store_error("notices", error))?;
        let prints: HashSet<String> = known.iter().map(|notice| notice.item.fingerprint()).collect();
        let pending = known.into_iter().filter(|notice| notice.sent_at.is_none()).map(|notice| notice.item);
        let new = findings.iter().filter(|finding| !prints.contains(&finding.fingerprint())).cloned();
        let all: Vec<ListingFinding> = of_lists(pending).into_iter().chain(new).collect();
        let letter = (!all.is_empty()).then(|| notice::letter(&all));
        let is_mail = matches!(destination, Destination::Mail(..));
        shown.push(notice::preview(&destination.shown(), letter.as_ref(), is_mail));
    }
    Ok(shown.join("\n"))
}
