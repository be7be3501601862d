//! What came of reading lists: a line a provider.

use super::super::units::{counted, grouped};
use crate::listings::SyncedListing;
use crate::output::grid::{Column, lines};
use crate::output::{ReportView, units};

const COLUMNS: [Column; 6] = [
    Column::new("PROVIDER"),
    Column::new("READ"),
    Column::number("MODELS"),
    Column::number("NEW"),
    Column::number("CHANGED"),
    Column::number("TOOK"),
];

/// The table, ending in a line break.
pub fn table(synced: &[SyncedListing], view: &ReportView) -> String {
    let row = |one: &SyncedListing| {
        let listing = &one.listing;
        let seconds = (listing.finished_at - listing.started_at).as_seconds_f64();
        let kept = one.kept.as_ref().ok();
        let status = if one.kept.is_err() { "not stored" } else { listing.status.as_str() };
        vec![
            listing.provider.clone(),
            status.to_owned(),
            grouped(listing.models.len() as u64),
            kept.map(|kept| grouped(kept.new)).unwrap_or_default(),
            kept.map(|kept| grouped(kept.changed)).unwrap_or_default(),
            units::seconds(seconds, view.terminal.unicode),
        ]
    };
    let rows: Vec<Vec<String>> = synced.iter().map(row).collect();
    let lines = lines(&COLUMNS, &rows, view.terminal.text_limit(), view.terminal.unicode);
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// One provider's end as a note: `groq: completed, 23 models, 2 new`.
pub fn note(one: &SyncedListing) -> String {
    let mut words =
        vec![one.listing.status.as_str().to_owned(), counted(one.listing.models.len() as u64, "model")];
    if let Ok(kept) = &one.kept {
        words.push(format!("{} new", grouped(kept.new)));
    }
    words.extend(one.trouble().map(str::to_owned));
    words.join(", ")
}
