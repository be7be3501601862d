//! The same as JSON documents, described by `docs/schema/catalog.schema.json`. Times are RFC 3339 in UTC, prices US
//! dollars per million tokens; unknown values are null and never missing.

use crate::domain::listing::{CatalogRow, FactChange};
use crate::listings::SyncedListing;
use crate::listings::diff::{ListedModelState, ListingDiff, ProviderListingState};
use crate::output::json::time;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

pub fn sync(synced: &[SyncedListing], skipped: &[String]) -> Value {
    json!({
        "schema": "llmbench.catalog.sync/1",
        "whole": synced.iter().all(SyncedListing::is_whole),
        "skipped": skipped,
        "providers": synced.iter().map(read).collect::<Vec<_>>(),
    })
}

fn read(one: &SyncedListing) -> Value {
    let listing = &one.listing;
    json!({
        "provider": listing.provider,
        "status": listing.status.as_str(),
        "started_at": time(listing.started_at),
        "finished_at": time(listing.finished_at),
        "raw_count": listing.raw_count,
        "accepted_count": listing.models.len(),
        "new_count": one.kept.as_ref().ok().map(|kept| kept.new),
        "changed_count": one.kept.as_ref().ok().map(|kept| kept.changed),
        "stored": one.kept.is_ok(),
        "error": one.trouble(),
    })
}

pub fn diff(diff: &ListingDiff, since: DateTime<Utc>, absent_reads: usize) -> Value {
    let with = |row: &CatalogRow, name: &str, value: Value| {
        let mut fields = model(row);
        fields.insert(name.to_owned(), value);
        Value::Object(fields)
    };
    let models = |rows: &[CatalogRow]| rows.iter().map(|row| Value::Object(model(row))).collect::<Vec<_>>();
    let gone = diff.gone.iter().map(|gone| with(&gone.row, "gone_at", time(gone.gone_at).into()));
    let changed = diff
        .changed
        .iter()
        .map(|one| with(&one.row, "changes", one.changes.iter().map(change).collect::<Vec<_>>().into()));
    let not_listed = diff.not_listed.iter().map(|one| {
        json!({
            "provider": one.model.model.provider,
            "model_id": one.model.model.model_id,
            "name": one.model.display_name,
            "last_seen_at": one.last_seen_at.map(time),
        })
    });
    json!({
        "schema": "llmbench.catalog.diff/1",
        "same": diff.is_same(),
        "since": time(since),
        "absent_reads": absent_reads,
        "providers": states(&diff.providers),
        "new": models(&diff.new),
        "gone": gone.collect::<Vec<_>>(),
        "changed": changed.collect::<Vec<_>>(),
        "listed_not_measured": models(&diff.not_measured),
        "listed_and_decided": diff.decided,
        "measured_not_listed": not_listed.collect::<Vec<_>>(),
    })
}

pub fn list(listed_states: &[ListedModelState]) -> Value {
    let one = |one: &ListedModelState| {
        let mut fields = model(&one.row);
        fields.insert("measured".to_owned(), one.measured.into());
        fields.insert("gone_at".to_owned(), one.gone_at.map(time).into());
        Value::Object(fields)
    };
    json!({
        "schema": "llmbench.catalog.list/1",
        "models": listed_states.iter().map(one).collect::<Vec<_>>(),
    })
}

pub fn counts(by_provider: &BTreeMap<String, ProviderListingState>) -> Value {
    json!({ "schema": "llmbench.catalog.counts/1", "providers": states(by_provider) })
}

fn states(by_provider: &BTreeMap<String, ProviderListingState>) -> Map<String, Value> {
    let state = |state: &ProviderListingState| {
        json!({
            "listed": state.listed,
            "gone": state.gone,
            "measured": state.measured,
            "complete_at": state.complete_at.map(time),
            "read_at": state.read_at.map(time),
            "error": state.error,
        })
    };
    by_provider.iter().map(|(provider, one)| (provider.clone(), state(one))).collect()
}

fn model(row: &CatalogRow) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("provider".to_owned(), row.provider.clone().into());
    fields.insert("model_id".to_owned(), row.model_id.clone().into());
    fields.insert("name".to_owned(), row.name.clone().into());
    fields.insert("first_seen_at".to_owned(), row.first_seen_at.map(time).into());
    fields.insert("last_seen_at".to_owned(), row.last_seen_at.map(time).into());
    fields.insert("facts".to_owned(), Value::Object(row.facts.named()));
    fields
}

fn change(change: &FactChange) -> Value {
    json!({ "at": time(change.at), "fact": change.fact, "from": change.from, "to": change.to })
}
