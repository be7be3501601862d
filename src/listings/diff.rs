//! What is different: new, gone and changed models of providers' lists, and lists against what is measured. Pure: rows of a
//! store in, findings out.
//!
//! A read counts only if it is complete. A model is gone when it was missing from so many complete reads in a row, because
//! lists flicker; it is new when it came after its provider's first complete read, which is where comparing begins.

use crate::domain::listing::{CatalogRow, FactChange, MeasuredModel, ReadRow};
use crate::providers::listing::listed_id;
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, HashMap, HashSet};

/// From how many complete reads in a row a model has to be missing before it is gone.
pub const ABSENT_READS: usize = 3;

/// What is compared, and since when.
#[derive(Debug, Clone, Copy)]
pub struct DiffInput<'a> {
    /// Everything that was ever listed.
    pub rows: &'a [CatalogRow],
    /// Every read, oldest first.
    pub reads: &'a [ReadRow],
    /// The catalogue of what is measured.
    pub measured: &'a [MeasuredModel],
    /// What happened before is old.
    pub since: DateTime<Utc>,
    /// See [`ABSENT_READS`].
    pub absent_reads: usize,
}

/// What is known about one provider's list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProviderListingState {
    /// Models that are listed now.
    pub listed: usize,
    /// Models that were listed once and are gone.
    pub gone: usize,
    /// Models that are measured.
    pub measured: usize,
    /// When the newest complete read ended.
    pub complete_at: Option<DateTime<Utc>>,
    /// When the newest read of any kind ended.
    pub read_at: Option<DateTime<Utc>>,
    /// Why the newest read is not complete.
    pub error: Option<String>,
}

/// A model that is gone.
#[derive(Debug, Clone, PartialEq)]
pub struct GoneModel {
    /// What is kept about it.
    pub row: CatalogRow,
    /// When it counted as gone.
    pub gone_at: DateTime<Utc>,
}

/// A model with a fact that is another now.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangedModel {
    /// What is kept about it.
    pub row: CatalogRow,
    /// What changed, oldest first.
    pub changes: Vec<FactChange>,
}

/// A measured model that its provider does not list.
#[derive(Debug, Clone, PartialEq)]
pub struct UnlistedModel {
    /// The model.
    pub model: MeasuredModel,
    /// When it was listed last; `None` where it never was.
    pub last_seen_at: Option<DateTime<Utc>>,
}

/// Everything that is different. Each list is sorted by provider and id.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ListingDiff {
    /// By provider: those that were read, that list or that are measured.
    pub providers: BTreeMap<String, ProviderListingState>,
    /// Listed since then for the first time.
    pub new: Vec<CatalogRow>,
    /// Gone since then.
    pub gone: Vec<GoneModel>,
    /// Changed since then.
    pub changed: Vec<ChangedModel>,
    /// Listed now, and unknown to the catalogue of what is measured.
    pub not_measured: Vec<CatalogRow>,
    /// Listed now, and in that catalogue as disabled or deprecated: somebody has decided, so they are no finding.
    pub decided: usize,
    /// Measured, and not listed now by a provider of which there is a complete read.
    pub not_listed: Vec<UnlistedModel>,
}

impl ListingDiff {
    /// Nothing is different.
    pub fn is_same(&self) -> bool {
        self.new.is_empty()
            && self.gone.is_empty()
            && self.changed.is_empty()
            && self.not_measured.is_empty()
            && self.not_listed.is_empty()
    }

    /// There is at least one complete read, so that there is something to compare with.
    pub fn has_ground(&self) -> bool {
        self.providers.values().any(|state| state.complete_at.is_some())
    }
}

/// A model as it stands in the catalogue of lists.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedModelState {
    /// What is kept about it.
    pub row: CatalogRow,
    /// When it counted as gone, if it did.
    pub gone_at: Option<DateTime<Utc>>,
    /// It is measured.
    pub measured: bool,
}

/// Everything that was ever listed, and how it stands now.
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

/// Compares.
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

    /// What a model that is listed now has of news.
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

/// When a model counted as gone: at the end of the last of so many complete reads that began after it was last listed.
fn gone_at(row: &CatalogRow, reads: &[&ReadRow], absent_reads: usize) -> Option<DateTime<Utc>> {
    let seen = row.last_seen_at?;
    let mut missing = reads.iter().filter(|read| read.started_at > seen);
    missing.nth(absent_reads.max(1) - 1).map(|read| read.finished_at)
}

/// What the reads themselves say.
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
