//! The health of many models at once, after rows of theirs have come: the counts of all of them from a few questions, each
//! bounded by the last day or by the failures since the newest success. The same figures as `derive::health` gives one
//! model.

use super::derive::{self, Window, instant, is_true, whole};
use super::updates::{self, Answer};
use super::{Shared, bson};
use crate::domain::ModelRef;
use crate::storage::contract;
use crate::storage::document::{Place, Row};
use crate::storage::health::{self, CLOCK_SLACK, Facts, LastError, WINDOW};
use chrono::{DateTime, Utc};
use mongodb::Collection;
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::Error;
use std::collections::HashMap;

/// Derives the health of these models, of which these rows have come.
pub async fn derive(shared: &Shared, rows: &HashMap<ModelRef, Vec<&Row>>) -> Result<Answer, Error> {
    let now = Utc::now();
    let known = known(shared, rows.keys()).await?;
    if known.is_empty() {
        return Ok(Answer::default());
    }
    let since = bson::date(now - WINDOW);
    let (successes, failures) = tokio::try_join!(
        grouped(shared.collection(&shared.names.cloud), successes(known.keys(), &since, now)),
        grouped(shared.collection(&shared.names.errors), failures(shared, known.keys(), &since, now)),
    )?;
    let mut facts: HashMap<&ModelRef, Facts> = HashMap::new();
    for (model, known) in &known {
        let (runs, errors) = (successes.get(model), failures.get(model));
        let rows = rows.get(model).map(Vec::as_slice).unwrap_or_default();
        let found = match &known.before {
            Some(before) => recounted(before, runs, errors, rows, now),
            // What lies before the last day is in no health row: asked for this once.
            None => derive::facts(shared, model, now).await?,
        };
        facts.insert(model, Facts { enabled: known.enabled, ..found });
    }
    let since_success = grouped(
        shared.collection(&shared.names.errors),
        counted(facts.iter().map(|(model, facts)| {
            let after = facts.last_success_at.unwrap_or(DateTime::UNIX_EPOCH);
            Window { shared, model }.failures(doc! { "$gt": bson::date(after) })
        })),
    );
    let since_success = since_success.await?;
    let statements = facts.into_iter().map(|(model, facts)| {
        let consecutive_failures = since_success.get(model).map_or(0, |group| number(group, "count"));
        statement(model, &Facts { consecutive_failures, ..facts }, now)
    });
    updates::send(shared, &shared.names.model_health, statements.collect()).await
}

/// A model of the catalogue.
struct Known {
    enabled: bool,
    before: Option<Document>,
}

/// Those of the models that the catalogue has, with their health rows.
async fn known(
    shared: &Shared,
    models: impl Iterator<Item = &ModelRef>,
) -> Result<HashMap<ModelRef, Known>, Error> {
    let models: Vec<&ModelRef> = models.collect();
    let of_catalogue = |model: &&ModelRef| doc! { "provider": &model.provider, "model_id": &model.model_id };
    let entries = doc! { "$or": models.iter().map(of_catalogue).collect::<Vec<_>>() };
    let ids: Vec<String> = models.iter().map(|model| health::id(model)).collect();
    let (entries, rows) = tokio::try_join!(
        found(shared.collection(&shared.names.models), entries),
        found(shared.collection(&shared.names.model_health), doc! { "_id": { "$in": ids } }),
    )?;
    let mut before: HashMap<String, Document> =
        rows.into_iter().map(|row| (row.get_str("_id").unwrap_or_default().to_owned(), row)).collect();
    let known = |entry: Document| {
        let text = |name: &str| entry.get_str(name).unwrap_or_default();
        let model = ModelRef::new(text("provider"), text("model_id"));
        let enabled = is_true(&entry, "enabled") && !is_true(&entry, "deprecated");
        let before = before.remove(&health::id(&model));
        (model, Known { enabled, before })
    };
    Ok(entries.into_iter().map(known).collect())
}

async fn found(rows: Collection<Document>, filter: Document) -> Result<Vec<Document>, Error> {
    let mut cursor = rows.find(filter).await?;
    let mut found = Vec::new();
    while cursor.advance().await? {
        found.push(cursor.deserialize_current()?);
    }
    Ok(found)
}

/// Successes of the window by model, and the newest. One dated into the future counts and is not the newest.
fn successes<'a>(
    models: impl Iterator<Item = &'a ModelRef>,
    since: &Bson,
    now: DateTime<Utc>,
) -> Vec<Document> {
    let of = |model: &ModelRef| {
        doc! { "provider": &model.provider, "model_name": &model.model_id, "run_ts": { "$gte": since } }
    };
    let present = doc! { "$lte": ["$run_ts", bson::date(now + CLOCK_SLACK)] };
    vec![
        doc! { "$match": { "$or": models.map(of).collect::<Vec<_>>() } },
        doc! { "$group": {
            "_id": by_model(),
            "count": { "$sum": 1 },
            "newest": { "$max": { "$cond": [present, "$gen_ts", null] } },
        } },
    ]
}

/// Failures of the window by model, and the newest.
fn failures<'a>(
    shared: &Shared,
    models: impl Iterator<Item = &'a ModelRef>,
    since: &Bson,
    now: DateTime<Utc>,
) -> Vec<Document> {
    let of = |model: &ModelRef| Window { shared, model }.failures(doc! { "$gte": since });
    let present = doc! { "$lte": ["$ts", bson::date(now + CLOCK_SLACK)] };
    let timeout = doc! { "$eq": ["$error_kind", "timeout"] };
    // Documents compare by their fields in order, so the largest is the newest.
    let failure = doc! { "ts": "$ts", "error_kind": "$error_kind", "message": "$message" };
    vec![
        doc! { "$match": { "$or": models.map(of).collect::<Vec<_>>() } },
        doc! { "$group": {
            "_id": by_model(),
            "count": { "$sum": 1 },
            "timeouts": { "$sum": { "$cond": [timeout, 1, 0] } },
            "newest": { "$max": { "$cond": [present, failure, null] } },
        } },
    ]
}

/// Rows by model that pass any of these filters.
fn counted(filters: impl Iterator<Item = Document>) -> Vec<Document> {
    vec![
        doc! { "$match": { "$or": filters.collect::<Vec<_>>() } },
        doc! { "$group": { "_id": by_model(), "count": { "$sum": 1 } } },
    ]
}

/// What rows are grouped by.
fn by_model() -> Document {
    doc! { "provider": "$provider", "model": "$model_name" }
}

async fn grouped(
    rows: Collection<Document>,
    pipeline: Vec<Document>,
) -> Result<HashMap<ModelRef, Document>, Error> {
    let mut cursor = rows.aggregate(pipeline).await?;
    let mut groups = HashMap::new();
    while cursor.advance().await? {
        let group: Document = cursor.deserialize_current()?;
        let Ok(of) = group.get_document("_id") else { continue };
        let part = |name: &str| of.get_str(name).unwrap_or_default();
        groups.insert(ModelRef::new(part("provider"), part("model")), group);
    }
    Ok(groups)
}

fn number(group: &Document, name: &str) -> i64 {
    whole(group, name).unwrap_or_default()
}

/// The facts from the window, from what was known before, and from rows that may be older than the window: late ones.
fn recounted(
    before: &Document,
    runs: Option<&Document>,
    errors: Option<&Document>,
    rows: &[&Row],
    now: DateTime<Utc>,
) -> Facts {
    let came = came(rows, now);
    let last_success_at = [
        instant(before, "last_success_at"),
        runs.and_then(|group| instant(group, "newest")),
        came.last_success_at,
    ];
    let of_window = errors.and_then(|group| derive::error(group.get_document("newest").ok()?));
    let last_error = [known_error(before), of_window, came.last_error];
    let last_error = last_error.into_iter().flatten().max_by_key(|error| error.at);
    let last_error_at = last_error.as_ref().map(|error| error.at);
    Facts {
        enabled: false,
        cadence_seconds: whole(before, "cadence_seconds"),
        last_success_at: last_success_at.into_iter().flatten().max(),
        last_attempt_at: instant(before, "last_attempt_at").max(last_error_at),
        last_error,
        consecutive_failures: 0,
        successes_24h: runs.map_or(0, |group| number(group, "count")),
        failures_24h: errors.map_or(0, |group| number(group, "count")),
        deadline_misses_24h: errors.map_or(0, |group| number(group, "timeouts")),
    }
}

/// An error that no success has followed yet.
fn known_error(before: &Document) -> Option<LastError> {
    let text = |name: &str| before.get_str(name).unwrap_or_default().to_owned();
    let at = instant(before, "last_error_at")?;
    Some(LastError { at, kind: text("last_error_kind"), message: text("last_error_message") })
}

/// The newest success and failure among the rows that have come.
fn came(rows: &[&Row], now: DateTime<Utc>) -> Facts {
    let mut came = Facts::default();
    let at = |row: &Row, name: &str| contract::parse_date(row.text(name));
    let present = |at: &DateTime<Utc>| *at <= now + CLOCK_SLACK;
    for row in rows {
        match row.place {
            Place::Published if at(row, "run_ts").as_ref().is_some_and(present) => {
                came.last_success_at = came.last_success_at.max(at(row, "gen_ts"));
            }
            Place::Errors => {
                let newer = |at: &DateTime<Utc>| came.last_error.as_ref().is_none_or(|error| error.at < *at);
                if let Some(at) = at(row, "ts").filter(present).filter(newer) {
                    let (kind, message) = (row.text("error_kind").to_owned(), row.text("message").to_owned());
                    came.last_error = Some(LastError { at, kind, message });
                }
            }
            Place::Published | Place::Probe => {}
        }
    }
    came
}

/// As in `derive::health`: who began to count later has seen more.
fn statement(model: &ModelRef, facts: &Facts, now: DateTime<Utc>) -> Document {
    doc! {
        "q": { "_id": health::id(model), "updated_at": { "$not": { "$gt": bson::date(now) } } },
        "u": { "$set": bson::to_document(&health::fields(model, facts, now)) },
        "upsert": true,
    }
}
