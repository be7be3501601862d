//! Providers' lists in SQLite. A read is stored in one transaction.

use crate::domain::ModelRef;
use crate::domain::listing::{
    CatalogRow, ListedModel, Listing, ListingChangeCounts, MeasuredModel, ModelFacts, ReadRow,
};
use crate::storage::listings::{ListedModelHistory, SOURCE_VERSION, changes_after, facts_after};
use crate::storage::sqlite::SqliteStore;
use crate::storage::sqlite::column_values::{instant, json, parsed};
use crate::storage::sqlite::errors::SqliteCallError;
use crate::storage::{ListingStore, StoreError};
use async_trait::async_trait;
use chrono::DateTime;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};

#[async_trait]
impl ListingStore for SqliteStore {
    async fn keep_listing(&self, listing: &Listing) -> Result<ListingChangeCounts, StoreError> {
        let listing = listing.clone();
        self.ask(move |connection| keep(connection, &listing)).await
    }

    async fn listed(&self, provider: Option<&str>) -> Result<Vec<CatalogRow>, StoreError> {
        let provider = provider.map(str::to_owned);
        self.ask(move |connection| listed(connection, provider.as_deref())).await
    }

    async fn list_reads(&self, provider: Option<&str>) -> Result<Vec<ReadRow>, StoreError> {
        let provider = provider.map(str::to_owned);
        self.ask(move |connection| reads(connection, provider.as_deref())).await
    }

    async fn measured_models(&self) -> Result<Vec<MeasuredModel>, StoreError> {
        self.ask(measured).await
    }
}

/// The tables, a migration of the schema.
pub const TABLES: &str = "
    CREATE TABLE provider_catalog (
        provider TEXT NOT NULL,
        model_id TEXT NOT NULL,
        name TEXT NOT NULL,
        first_seen_at_ms INTEGER NOT NULL,
        last_seen_at_ms INTEGER NOT NULL,
        facts TEXT NOT NULL,
        changes TEXT NOT NULL,
        raw TEXT NOT NULL,
        PRIMARY KEY (provider, model_id)
    ) STRICT;

    CREATE TABLE discovery_runs (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        provider TEXT NOT NULL,
        started_at_ms INTEGER NOT NULL,
        finished_at_ms INTEGER NOT NULL,
        status TEXT NOT NULL,
        error TEXT,
        raw_count INTEGER NOT NULL,
        accepted_count INTEGER NOT NULL,
        new_count INTEGER NOT NULL,
        pagination_complete INTEGER NOT NULL,
        source_version INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX discovery_runs_by_provider ON discovery_runs (provider, started_at_ms);
";

pub fn keep(connection: &mut Connection, listing: &Listing) -> Result<ListingChangeCounts, SqliteCallError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut kept = ListingChangeCounts::default();
    for model in &listing.models {
        let before = before(&transaction, &listing.provider, &model.model_id)?;
        let (changes, changed) = changes_after(before.as_ref(), model, listing.finished_at);
        kept.new += u64::from(before.is_none());
        kept.changed += u64::from(changed);
        let facts = facts_after(before.as_ref(), model);
        put(&transaction, listing, model, &json(&facts)?, &json(&changes)?)?;
    }
    let sql = "INSERT INTO discovery_runs (provider, started_at_ms, finished_at_ms, status, error, raw_count,
        accepted_count, new_count, pagination_complete, source_version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    transaction.prepare_cached(sql)?.execute(params![
        listing.provider,
        listing.started_at.timestamp_millis(),
        listing.finished_at.timestamp_millis(),
        listing.status.as_str(),
        listing.error,
        count(listing.raw_count),
        count(listing.models.len() as u64),
        count(kept.new),
        listing.status.is_complete(),
        SOURCE_VERSION,
    ])?;
    transaction.commit()?;
    Ok(kept)
}

fn before(
    transaction: &Transaction<'_>,
    provider: &str,
    model_id: &str,
) -> Result<Option<ListedModelHistory>, SqliteCallError> {
    let sql = "SELECT facts, changes FROM provider_catalog WHERE provider = ? AND model_id = ?";
    let read = |found: &Row<'_>| {
        Ok(ListedModelHistory { facts: Some(parsed(found, 0)?), changes: parsed(found, 1)? })
    };
    Ok(transaction.prepare_cached(sql)?.query_row([provider, model_id], read).optional()?)
}

fn put(
    transaction: &Transaction<'_>,
    listing: &Listing,
    model: &ListedModel,
    facts: &str,
    changes: &str,
) -> Result<(), SqliteCallError> {
    // A long read must not set back the time that a later one has set.
    let sql =
        "INSERT INTO provider_catalog (provider, model_id, name, first_seen_at_ms, last_seen_at_ms, facts,
            changes, raw) VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7)
        ON CONFLICT (provider, model_id) DO UPDATE SET name = excluded.name, facts = excluded.facts,
            changes = excluded.changes, raw = excluded.raw,
            last_seen_at_ms = max(last_seen_at_ms, excluded.last_seen_at_ms)";
    transaction.prepare_cached(sql)?.execute(params![
        listing.provider,
        model.model_id,
        model.name,
        listing.finished_at.timestamp_millis(),
        facts,
        changes,
        model.raw.to_string(),
    ])?;
    Ok(())
}

/// Every model that was ever listed.
pub fn listed(
    connection: &mut Connection,
    provider: Option<&str>,
) -> Result<Vec<CatalogRow>, SqliteCallError> {
    let sql = "SELECT provider, model_id, name, first_seen_at_ms, last_seen_at_ms, facts, changes FROM provider_catalog
        WHERE ?1 IS NULL OR provider = ?1 ORDER BY provider, model_id";
    let read = |found: &Row<'_>| {
        Ok(CatalogRow {
            provider: found.get(0)?,
            model_id: found.get(1)?,
            name: found.get(2)?,
            first_seen_at: DateTime::from_timestamp_millis(found.get(3)?),
            last_seen_at: DateTime::from_timestamp_millis(found.get(4)?),
            facts: parsed::<ModelFacts>(found, 5)?,
            changes: parsed(found, 6)?,
        })
    };
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([provider], read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub fn reads(connection: &mut Connection, provider: Option<&str>) -> Result<Vec<ReadRow>, SqliteCallError> {
    let sql =
        "SELECT provider, started_at_ms, finished_at_ms, status = 'completed' AND pagination_complete, error
        FROM discovery_runs WHERE ?1 IS NULL OR provider = ?1 ORDER BY started_at_ms, position";
    let read = |found: &Row<'_>| {
        Ok(ReadRow {
            provider: found.get(0)?,
            started_at: instant(found, 1)?,
            finished_at: instant(found, 2)?,
            complete: found.get(3)?,
            error: found.get(4)?,
        })
    };
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([provider], read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Every model of the catalog of measured models.
pub fn measured(connection: &mut Connection) -> Result<Vec<MeasuredModel>, SqliteCallError> {
    let sql = "SELECT provider, model_id, display_name, enabled = 1 AND deprecated = 0 FROM models
        ORDER BY provider, model_id";
    let read = |found: &Row<'_>| {
        Ok(MeasuredModel {
            model: ModelRef { provider: found.get(0)?, model_id: found.get(1)? },
            display_name: found.get(2)?,
            measured: found.get(3)?,
        })
    };
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([], read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
