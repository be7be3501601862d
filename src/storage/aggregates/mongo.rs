//! Aggregates derived from rows after each one: the rollup of an error, the health of a model. Both are recounted from
//! the rows, so this may run any number of times for a row.

use super::{ErrorRollup, PendingAggregates, mongo_bulk_health};
use crate::domain::ModelRef;
use crate::storage::catalog::mongo::work_list;
use crate::storage::health::model_health;
use crate::storage::health::model_health::{CLOCK_SLACK, HealthInputs, LastError, WINDOW};
use crate::storage::mongo::errors::{MongoCallError, is_duplicate};
use crate::storage::mongo::to_json::{instant, whole};
use crate::storage::mongo::{MongoContext, bson, write_command};
use crate::storage::outcomes::document::our_kinds;
use chrono::{DateTime, Utc};
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::Error;
use std::collections::HashMap;

/// Models whose health is computed one by one, at nine queries each. Above it a few queries give the counts of all.
const FEW: usize = 4;

/// Updates the rollups of new errors.
///
/// `$max` because the writer that counted earlier may write later. Provider and model are in the filter of the count,
/// though the fingerprint holds them, so that the Python runner's index serves if ours is missing.
pub async fn rollups(shared: &MongoContext, aggregates: &PendingAggregates) -> Result<(), MongoCallError> {
    if aggregates.errors.is_empty() {
        return Ok(());
    }
    let counts = counts(shared, &aggregates.errors)
        .await
        .map_err(|source| MongoCallError::Derived { what: ROLLUP, source })?;
    let statement = |(fingerprint, errors): (&String, &ErrorRollup)| {
        statement(fingerprint, errors, counts.get(fingerprint).copied().unwrap_or_default())
    };
    write(shared, aggregates.errors.iter().map(statement).collect()).await
}

const ROLLUP: &str = "its error rollup";
const HEALTH: &str = "the model's health";

fn statement(fingerprint: &str, errors: &ErrorRollup, count: i64) -> Document {
    let on_insert = doc! {
        "_id": fingerprint,
        "provider": &errors.provider,
        "model_name": &errors.model_name,
        "stage": &errors.stage,
        "error_kind": &errors.error_kind,
    };
    let seen = |at: Option<DateTime<Utc>>| at.map_or(Bson::Null, bson::date);
    doc! {
        "q": { "fingerprint": fingerprint },
        "u": {
            "$setOnInsert": on_insert,
            "$max": { "count": count_of(count), "last_seen": seen(errors.last) },
            "$min": { "first_seen": seen(errors.first) },
            "$addToSet": { "sample_messages": &errors.message },
        },
        "upsert": true,
    }
}

async fn counts(
    shared: &MongoContext,
    errors: &HashMap<String, ErrorRollup>,
) -> Result<HashMap<String, i64>, Error> {
    let identity = |(fingerprint, errors): (&String, &ErrorRollup)| {
        doc! {
            "fingerprint": fingerprint, "provider": &errors.provider, "model_name": &errors.model_name,
        }
    };
    let identities: Vec<Document> = errors.iter().map(identity).collect();
    let pipeline = [
        doc! { "$match": { "$or": identities } },
        doc! { "$group": { "_id": "$fingerprint", "count": { "$sum": 1 } } },
    ];
    let mut cursor = shared.collection(&shared.names.errors).aggregate(pipeline).await?;
    let mut counts = HashMap::new();
    while cursor.advance().await? {
        let group: Document = cursor.deserialize_current()?;
        let count = whole(&group, "count").unwrap_or_default();
        counts.insert(group.get_str("_id").unwrap_or_default().to_owned(), count);
    }
    Ok(counts)
}

/// Sends upserts, again if another writer was first.
async fn write(shared: &MongoContext, statements: Vec<Document>) -> Result<(), MongoCallError> {
    let rollups = &shared.names.error_rollups;
    let call_error = |source| MongoCallError::Derived { what: ROLLUP, source };
    let answer = write_command::send(shared, rollups, statements.clone()).await.map_err(call_error)?;
    answer.check(ROLLUP)?;
    let lost: Vec<Document> =
        answer.refused.iter().filter_map(|refused| statements.get(refused.place).cloned()).collect();
    if lost.is_empty() {
        return Ok(());
    }
    let answer = write_command::send(shared, rollups, lost).await.map_err(call_error)?;
    Ok(answer.check(ROLLUP)?)
}

fn count_of(count: i64) -> Bson {
    i32::try_from(count).map_or(Bson::Int64(count), Bson::Int32)
}

/// Recomputes the health of models with new rows.
pub async fn healths(shared: &MongoContext, aggregates: &PendingAggregates) -> Result<(), MongoCallError> {
    let call_error = |source| MongoCallError::Derived { what: HEALTH, source };
    if aggregates.models.len() > FEW {
        return mongo_bulk_health::derive(shared, &aggregates.models)
            .await
            .map_err(call_error)?
            .check(HEALTH)
            .map_err(MongoCallError::from);
    }
    for (model, newest) in &aggregates.models {
        health(shared, model, newest.suspect_at).await.map_err(call_error)?;
    }
    Ok(())
}

/// Recomputes the health of a model, if the catalog has the model.
///
/// Of two writers the one that began to count later has seen more: its time is in `counted_at`, and the filter keeps
/// the other from overwriting it (its upsert then finds the `_id` taken). Not in `updated_at`, which the refresh of all
/// rows moves by the server's clock. `suspect_at` is the end of a new sample that is not published.
pub async fn health(
    shared: &MongoContext,
    model: &ModelRef,
    suspect_at: Option<DateTime<Utc>>,
) -> Result<(), Error> {
    let Some(enabled) = work_list::is_enabled(shared, model).await? else { return Ok(()) };
    let now = Utc::now();
    let mut facts = HealthInputs { enabled, ..facts(shared, model, now).await? };
    facts.last_attempt_at = facts.last_attempt_at.max(suspect_at);
    let mut document = bson::to_document(&model_health::fields(model, &facts, now));
    document.insert("counted_at", bson::date(now));
    let filter =
        doc! { "_id": model_health::id(model), "counted_at": { "$not": { "$gt": bson::date(now) } } };
    let rows = shared.collection(&shared.names.model_health);
    match rows.update_one(filter, doc! { "$set": document }).upsert(true).await {
        Err(error) if is_duplicate(&error) => Ok(()),
        other => other.map(drop),
    }
}

/// Deletes the health of a model that the catalog no longer has.
pub async fn forget(shared: &MongoContext, model: &ModelRef) -> Result<(), Error> {
    let rows = shared.collection(&shared.names.model_health);
    rows.delete_one(doc! { "_id": model_health::id(model) }).await.map(drop)
}

pub async fn facts(
    shared: &MongoContext,
    model: &ModelRef,
    now: DateTime<Utc>,
) -> Result<HealthInputs, Error> {
    let health_rows = shared.collection(&shared.names.model_health);
    let errors = shared.collection(&shared.names.errors);
    let runs = shared.collection(&shared.names.cloud);
    let (horizon, since) = (bson::date(now + CLOCK_SLACK), bson::date(now - WINDOW));
    let window = PublishedRowFilter { shared, model };
    let (before, newest, last_error, successes_24h, failures_24h, deadline_misses_24h) = tokio::try_join!(
        health_rows.find_one(doc! { "_id": model_health::id(model) }),
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
    Ok(HealthInputs {
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
pub struct PublishedRowFilter<'a> {
    pub shared: &'a MongoContext,
    pub model: &'a ModelRef,
}

impl PublishedRowFilter<'_> {
    fn runs(&self, when: Document) -> Document {
        doc! { "provider": &self.model.provider, "model_name": &self.model.model_id, "run_ts": when }
    }

    pub fn failures(&self, when: Document) -> Document {
        let mut filter =
            doc! { "provider": &self.model.provider, "model_name": &self.model.model_id, "ts": when };
        filter.extend(published(self.shared));
        filter
    }

    fn timeouts(&self, when: Document) -> Document {
        let mut filter = self.failures(when);
        filter.insert("error_kind", "timeout");
        filter
    }
}

/// Filters for failures of the published series, without those caused by the measuring side. The Python runner's carry
/// neither role nor profile, and all of them count.
pub fn published(shared: &MongoContext) -> Document {
    let profiles = shared.published_profiles.ids().iter().cloned().map(Bson::String);
    let profiles: Vec<Bson> = profiles.chain([Bson::Null]).collect();
    let ours: Vec<&str> = our_kinds().collect();
    doc! {
        "sample_role": { "$in": ["published", null] },
        "benchmark_profile_id": { "$in": profiles },
        "error_kind": { "$nin": ours },
        // Missing in rows of other writers.
        "proxy": null,
    }
}

/// Time, kind and message of a failure's row.
pub fn error(row: &Document) -> Option<LastError> {
    let text = |name: &str| row.get_str(name).unwrap_or_default().to_owned();
    Some(LastError { at: instant(row, "ts")?, kind: text("error_kind"), message: text("message") })
}
