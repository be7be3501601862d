//! Formats the results of reading lists, one line per provider.

use super::super::units::{counted, grouped};
use crate::domain::listing::ListingChangeCounts;
use crate::listings::SyncedListing;
use crate::output::list_report::{Column, ListReport};
use crate::output::{ReportView, units};

pub fn table(synced: &[SyncedListing], view: &ReportView) -> String {
    let lines = list(synced, view).lines(view.terminal.text_limit(), view.terminal.unicode);
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn list<'a>(synced: &'a [SyncedListing], view: &'a ReportView) -> ListReport<'a, SyncedListing> {
    let status = |one: &SyncedListing| {
        if one.kept.is_err() { "not stored" } else { one.listing.status.as_str() }.to_owned()
    };
    let kept = |one: &SyncedListing, count: fn(&ListingChangeCounts) -> u64| {
        one.kept.as_ref().map(|kept| grouped(count(kept))).unwrap_or_default()
    };
    let took = |one: &SyncedListing| {
        let seconds = (one.listing.finished_at - one.listing.started_at).as_seconds_f64();
        units::seconds(seconds, view.terminal.unicode)
    };
    ListReport::new(synced)
        .column(Column::new("PROVIDER"), |one| one.listing.provider.clone())
        .column(Column::new("READ"), status)
        .column(Column::number("MODELS"), |one| grouped(one.listing.models.len() as u64))
        .column(Column::number("NEW"), move |one| kept(one, |kept| kept.new))
        .column(Column::number("CHANGED"), move |one| kept(one, |kept| kept.changed))
        .column(Column::number("TOOK"), took)
}

/// The result of one provider as a note: `groq: completed, 23 models, 2 new`.
pub fn note(one: &SyncedListing) -> String {
    let mut words =
        vec![one.listing.status.as_str().to_owned(), counted(one.listing.models.len() as u64, "model")];
    if let Ok(kept) = &one.kept {
        words.push(format!("{} new", grouped(kept.new)));
    }
    words.extend(one.trouble().map(str::to_owned));
    words.join(", ")
}
