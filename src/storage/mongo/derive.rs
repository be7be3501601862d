//! What is derived from rows after each one: the rollup of an error, the health of a model. Both are counted again from the
//! rows, so it does not matter how often this runs for one row.

use super::errors::{Trouble, is_duplicate};
use super::plain::{instant, whole};
use super::record::upsert;
use super::{Shared, bson, catalogue};
use crate::domain::ModelRef;
use crate::storage::document::{Place, Row};
use crate::storage::health::{self, CLOCK_SLACK, Facts, LastError, WINDOW};
use chrono::{DateTime, Utc};
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::Error;

/// Brings up to date what depends on this row.
pub async fn after(shared: &Shared, row: &Row) -> Result<(), Trouble> {
    if row.place == Place::Errors {
        rollup(shared, row).await.map_err(|source| Trouble::Derived { what: "its error rollup", source })?;
    }
    if row.moves_health {
        let model = ModelRef::new(row.text("provider"), row.text("model_name"));
        health(shared, &model)
            .await
            .map_err(|source| Trouble::Derived { what: "the model's health", source })?;
    }
    Ok(())
}

/// `$max` because of two writers: the one that counted earlier may write later. Provider and model are in the filter of the
/// count, though the fingerprint holds them, so that the predecessor's index serves where ours is missing.
async fn rollup(shared: &Shared, row: &Row) -> Result<(), Error> {
    let identity = fields(row, &["fingerprint", "provider", "model_name"]);
    let count = shared.collection(&shared.names.errors).count_documents(identity).await?;
    let seen = bson::to_document(&row.fields).get("ts").cloned().unwrap_or(Bson::Null);
    let mut on_insert = fields(row, &["provider", "model_name", "stage", "error_kind"]);
    on_insert.insert("_id", row.text("fingerprint"));
    let update = doc! {
        "$setOnInsert": on_insert,
        "$max": { "count": count_of(count), "last_seen": seen.clone() },
        "$min": { "first_seen": seen },
        "$addToSet": { "sample_messages": row.text("normalized_message") },
    };
    let rollups = shared.collection(&shared.names.error_rollups);
    upsert(&rollups, doc! { "fingerprint": row.text("fingerprint") }, update).await.map(drop)
}

fn count_of(count: u64) -> Bson {
    let whole = i64::try_from(count).unwrap_or(i64::MAX);
    i32::try_from(whole).map_or(Bson::Int64(whole), Bson::Int32)
}

fn fields(row: &Row, names: &[&str]) -> Document {
    names.iter().map(|name| ((*name).to_owned(), row.text(name).into())).collect()
}

/// Derives the health of a model again, where the catalogue has the model.
///
/// Of two writers the one that began to count later has seen more: its time stands in `counted_at`, and the filter keeps
/// the other from overwriting it (its upsert then finds the `_id` taken). Not in `updated_at`, which the refresh of all
/// rows moves by the server's clock.
pub async fn health(shared: &Shared, model: &ModelRef) -> Result<(), Error> {
    let Some(enabled) = catalogue::is_enabled(shared, model).await? else { return Ok(()) };
    let now = Utc::now();
    let facts = Facts { enabled, ..facts(shared, model, now).await? };
    let mut document = bson::to_document(&health::fields(model, &facts, now));
    document.insert("counted_at", bson::date(now));
    let filter = doc! { "_id": health::id(model), "counted_at": { "$not": { "$gt": bson::date(now) } } };
    let rows = shared.collection(&shared.names.model_health);
    match rows.update_one(filter, doc! { "$set": document }).upsert(true).await {
        Err(error) if is_duplicate(&error) => Ok(()),
        other => other.map(drop),
    }
}

async fn facts(shared: &Shared, model: &ModelRef, now: DateTime<Utc>) -> Result<Facts, Error> {
    let health_rows = shared.collection(&shared.names.model_health);
    let errors = shared.collection(&shared.names.errors);
    let runs = shared.collection(&shared.names.cloud);
    let (horizon, since) = (bson::date(now + CLOCK_SLACK), bson::date(now - WINDOW));
    let window = Window { shared, model };
    let (before, newest, last_error, successes_24h, failures_24h, deadline_misses_24h) = tokio::try_join!(
        health_rows.find_one(doc! { "_id": health::id(model) }),
        runs.find_one(window.runs(doc! { "$lte": horizon.clone() })).sort(doc! { "run_ts": -1 }),
        errors.find_one(window.failures(doc! { "$lte": horizon })).sort(doc! { "ts": -1 }),
        runs.count_documents(window.runs(doc! { "$gte": since.clone() })),
        errors.count_documents(window.failures(doc! { "$gte": since.clone() })),
        errors.count_documents(window.timeouts(doc! { "$gte": since })),
    )?;
    let before = before.unwrap_or_default();
    let last_success_at =
        newest.and_then(|run| instant(&run, "gen_ts")).max(instant(&before, "last_success_at"));
    let since_success = last_success_at.map_or(DateTime::UNIX_EPOCH, |at| at);
    let consecutive = window.failures(doc! { "$gt": bson::date(since_success) });
    let last_error = last_error.and_then(|row| error(&row));
    Ok(Facts {
        enabled: false,
        cadence_seconds: whole(&before, "cadence_seconds"),
        last_success_at,
        last_attempt_at: instant(&before, "last_attempt_at").max(last_error.as_ref().map(|error| error.at)),
        last_error,
        consecutive_failures: count(errors.count_documents(consecutive).await?),
        successes_24h: count(successes_24h),
        failures_24h: count(failures_24h),
        deadline_misses_24h: count(deadline_misses_24h),
    })
}

fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Filters for a model's rows of the published series.
struct Window<'a> {
    shared: &'a Shared,
    model: &'a ModelRef,
}

impl Window<'_> {
    fn runs(&self, when: Document) -> Document {
        doc! { "provider": &self.model.provider, "model_name": &self.model.model_id, "run_ts": when }
    }

    /// The predecessor's failures carry neither role nor profile, and all of them counted.
    fn failures(&self, when: Document) -> Document {
        let profiles = self.shared.published_profiles.iter().cloned().map(Bson::String);
        let profiles: Vec<Bson> = profiles.chain([Bson::Null]).collect();
        doc! {
            "provider": &self.model.provider,
            "model_name": &self.model.model_id,
            "ts": when,
            "sample_role": { "$in": ["published", null] },
            "benchmark_profile_id": { "$in": profiles },
        }
    }

    fn timeouts(&self, when: Document) -> Document {
        let mut filter = self.failures(when);
        filter.insert("error_kind", "timeout");
        filter
    }
}

fn error(row: &Document) -> Option<LastError> {
    let text = |name: &str| row.get_str(name).unwrap_or_default().to_owned();
    Some(LastError { at: instant(row, "ts")?, kind: text("error_kind"), message: text("message") })
}
