//! Compares providers' lists: new, gone and changed models, and listed against measured ones. Pure: rows of a store in,
//! findings out. Only complete reads count. A model is gone when it was missing from several complete reads in a row,
//! because lists flicker; it is new when it appeared after its provider's first complete read, the start of the
//! comparison.

use crate::domain::listing::listed_id;
use crate::domain::listing::{CatalogRow, FactChange, MeasuredModel, ReadRow};
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Number of consecutive complete reads from which a model must be missing to be gone.
pub const ABSENT_READS: usize = 3;

/// The data to compare, and the start of the period.
#[derive(Debug, Clone, Copy)]
pub struct DiffInput<'a> {
    /// Everything that was ever listed.
    pub rows: &'a [CatalogRow],
    /// Every read, oldest first.
    pub reads: &'a [ReadRow],
    /// The catalog of measured models.
    pub measured: &'a [MeasuredModel],
    /// Earlier changes are not reported.
    pub since: DateTime<Utc>,
    /// Number of reads that a gone model must miss, see [`ABSENT_READS`].
    pub absent_reads: usize,
}

/// The state of one provider's list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProviderListingState {
    /// Number of models that are listed now.
    pub listed: usize,
    /// Number of models that were listed once and are gone.
    pub gone: usize,
    /// Number of measured models.
    pub measured: usize,
    /// End of the newest complete read.
    pub complete_at: Option<DateTime<Utc>>,
    /// End of the newest read, complete or not.
    pub read_at: Option<DateTime<Utc>>,
    /// The reason why the newest read is not complete.
    pub error: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct GoneModel {
    pub row: CatalogRow,
    /// End of the read at which it counted as gone.
    pub gone_at: DateTime<Utc>,
}

/// A model with a changed fact.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangedModel {
    pub row: CatalogRow,
    /// The changes, oldest first.
    pub changes: Vec<FactChange>,
}

/// A measured model that its provider does not list.
#[derive(Debug, Clone, PartialEq)]
pub struct UnlistedModel {
    pub model: MeasuredModel,
    /// Time at which it was last listed; `None` if it never was.
    pub last_seen_at: Option<DateTime<Utc>>,
}

/// All differences. Each list is sorted by provider and id.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ListingDiff {
    /// Every provider that was read, that lists models, or whose models are measured.
    pub providers: BTreeMap<String, ProviderListingState>,
    /// Models first listed within the period.
    pub new: Vec<CatalogRow>,
    /// Models gone within the period.
    pub gone: Vec<GoneModel>,
    /// Models changed within the period.
    pub changed: Vec<ChangedModel>,
    /// Models that are listed now and unknown to the catalog.
    pub not_measured: Vec<CatalogRow>,
    /// Number of listed models that the catalog disables or deprecates, on purpose, so they are no finding.
    pub decided: usize,
    /// Measured models that are not listed now, by providers with a complete read.
    pub not_listed: Vec<UnlistedModel>,
}

impl ListingDiff {
    /// True if nothing is different.
    pub fn is_same(&self) -> bool {
        self.new.is_empty()
            && self.gone.is_empty()
            && self.changed.is_empty()
            && self.not_measured.is_empty()
            && self.not_listed.is_empty()
    }

    /// True if there is at least one complete read to compare with.
    pub fn has_ground(&self) -> bool {
        self.providers.values().any(|state| state.complete_at.is_some())
    }
}

/// A model's state in the lists.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedModelState {
    pub row: CatalogRow,
    /// End of the read at which it counted as gone, if it is.
    pub gone_at: Option<DateTime<Utc>>,
    /// True if the model is measured.
    pub measured: bool,
}

/// Everything that was ever listed, with its current state.
pub fn inventory(question: &DiffInput<'_>) -> Vec<ListedModelState> {
    let complete = complete_reads(question.reads);
    let measured = question.measured.iter().filter(|entry| entry.measured);
    let measured: HashSet<(&str, &str)> =
        measured.map(|entry| (entry.model.provider.as_str(), id(entry))).collect();
    let standing = |row: &CatalogRow| {
        let reads = complete.get(row.provider.as_str()).map(Vec::as_slice).unwrap_or_default();
        let measured = measured.contains(&(row.provider.as_str(), row.model_id.as_str()));
        ListedModelState { row: row.clone(), gone_at: gone_at(row, reads, question.absent_reads), measured }
    };
    question.rows.iter().map(standing).collect()
}

/// Compares lists and catalog.
pub fn diff(question: &DiffInput<'_>) -> ListingDiff {
    let complete = complete_reads(question.reads);
    let mut found = ListingDiff { providers: states(question), ..ListingDiff::default() };
    let known: HashMap<(&str, &str), bool> = question
        .measured
        .iter()
        .map(|entry| ((entry.model.provider.as_str(), id(entry)), entry.measured))
        .collect();
    let mut listed: HashMap<(&str, &str), Option<DateTime<Utc>>> = HashMap::new();
    let mut present: HashSet<(&str, &str)> = HashSet::new();
    for row in question.rows {
        let key = (row.provider.as_str(), row.model_id.as_str());
        let reads = complete.get(row.provider.as_str()).map(Vec::as_slice).unwrap_or_default();
        listed.insert(key, row.last_seen_at);
        if let Some(gone_at) = gone_at(row, reads, question.absent_reads) {
            found.state(&row.provider).gone += 1;
            if gone_at >= question.since {
                found.gone.push(GoneModel { row: row.clone(), gone_at });
            }
            continue;
        }
        present.insert(key);
        found.state(&row.provider).listed += 1;
        found.listed(row, reads, question.since);
        match known.get(&key) {
            None => found.not_measured.push(row.clone()),
            Some(false) => found.decided += 1,
            Some(true) => {}
        }
    }
    for entry in question.measured.iter().filter(|entry| entry.measured) {
        let key = (entry.model.provider.as_str(), id(entry));
        found.state(&entry.model.provider).measured += 1;
        if complete.contains_key(key.0) && !present.contains(&key) {
            let last_seen_at = listed.get(&key).copied().flatten();
            found.not_listed.push(UnlistedModel { model: entry.clone(), last_seen_at });
        }
    }
    found
}

impl ListingDiff {
    fn state(&mut self, provider: &str) -> &mut ProviderListingState {
        self.providers.entry(provider.to_owned()).or_default()
    }

    /// Records the differences of a model that is listed now.
    fn listed(&mut self, row: &CatalogRow, reads: &[&ReadRow], since: DateTime<Utc>) {
        let after_the_first =
            |seen: DateTime<Utc>| reads.first().is_some_and(|first| seen > first.finished_at);
        if row.first_seen_at.is_some_and(|seen| seen >= since && after_the_first(seen)) {
            self.new.push(row.clone());
        }
        let changes: Vec<FactChange> =
            row.changes.iter().filter(|change| change.at >= since).cloned().collect();
        if !changes.is_empty() {
            self.changed.push(ChangedModel { row: row.clone(), changes });
        }
    }
}

/// The id under which a measured model would be listed.
fn id(entry: &MeasuredModel) -> &str {
    listed_id(&entry.model.provider, &entry.model.model_id)
}

/// Complete reads by provider, oldest first.
fn complete_reads(reads: &[ReadRow]) -> HashMap<&str, Vec<&ReadRow>> {
    let mut found: HashMap<&str, Vec<&ReadRow>> = HashMap::new();
    for read in reads.iter().filter(|read| read.complete) {
        found.entry(read.provider.as_str()).or_default().push(read);
    }
    found
}

/// End of the read that made a model gone: the `absent_reads`th complete one begun after its last listing.
fn gone_at(row: &CatalogRow, reads: &[&ReadRow], absent_reads: usize) -> Option<DateTime<Utc>> {
    let seen = row.last_seen_at?;
    let mut missing = reads.iter().filter(|read| read.started_at > seen);
    missing.nth(absent_reads.max(1) - 1).map(|read| read.finished_at)
}

/// The states of providers as far as they follow from the reads.
fn states(question: &DiffInput<'_>) -> BTreeMap<String, ProviderListingState> {
    let mut states: BTreeMap<String, ProviderListingState> = BTreeMap::new();
    for read in question.reads {
        let state = states.entry(read.provider.clone()).or_default();
        state.read_at = Some(read.finished_at);
        state.error = if read.complete { None } else { read.error.clone() };
        if read.complete {
            state.complete_at = Some(read.finished_at);
        }
    }
    states
}

#[cfg(test)]
mod tests;
