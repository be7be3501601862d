//! Finds rows of bridges whose aggregates may be missing, by the time they came since the last run, and updates these.
//! It names its index, so that without it the server reads nothing instead of a collection of years.

use super::mongo_bulk_health::groups;
use super::{ErrorRollup, NewestAttempts, PendingAggregates, mongo, mongo_bulk_health};
use crate::domain::ModelRef;
use crate::storage::StoreError;
use crate::storage::claims::chores;
use crate::storage::health::model_health::CLOCK_SLACK;
use crate::storage::mongo::MongoContext;
use crate::storage::mongo::bson::date;
use crate::storage::mongo::bulk_update;
use crate::storage::mongo::errors::{MongoCallError, lacks_index};
use crate::storage::mongo::indexes::RECEIVED;
use crate::storage::mongo::to_json::instant;
use chrono::{DateTime, TimeDelta, Utc};
use mongodb::bson::{Document, doc};
use mongodb::options::Hint;
use mongodb::{Collection, Cursor};
use std::collections::HashMap;

const CHORE: &str = "derive_posted";
/// Greatest delay from a row's arrival to its storage, and greatest difference between the clocks of bridges.
const SLACK: TimeDelta = TimeDelta::minutes(5);
/// Kinds of error whose rollups are counted with one query.
const TOGETHER: usize = 200;

/// Updates the aggregates for rows that came since the last run. The first run finds nothing before it.
pub async fn catch_up(shared: &MongoContext) -> Result<(), MongoCallError> {
    let (now, component) = (Utc::now(), chores::component(CHORE));
    let heartbeats = shared.collection(&shared.names.scheduler_heartbeats);
    let known = heartbeats.find_one(doc! { "component": &component }).await?;
    let known = known.as_ref().and_then(|known| instant(known.get_document("details").ok()?, "until"));
    // A time that lies ahead was written by a wrong clock.
    let since = known.map_or(now, |until| until.min(now)) - SLACK;
    backfill_since(shared, since, now).await?;
    let update = doc! {
        "$max": { "details.until": date(now) },
        "$currentDate": { "updated_at": true },
        "$setOnInsert": { "_id": &component },
    };
    bulk_update::upsert(&heartbeats, doc! { "component": component }, update).await?;
    Ok(())
}

async fn backfill_since(
    shared: &MongoContext,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), MongoCallError> {
    let (errors, models) = tokio::try_join!(errors(shared, since), models(shared, since, now))?;
    let errors: Vec<(String, ErrorRollup)> = errors.into_iter().collect();
    for part in errors.chunks(TOGETHER) {
        let aggregates =
            PendingAggregates { errors: part.iter().cloned().collect(), ..PendingAggregates::default() };
        mongo::rollups(shared, &aggregates).await?;
    }
    mongo::healths(shared, &PendingAggregates { models, ..PendingAggregates::default() }).await
}

/// Kinds of error with new rows.
async fn errors(
    shared: &MongoContext,
    since: DateTime<Utc>,
) -> Result<HashMap<String, ErrorRollup>, MongoCallError> {
    let group = doc! {
        "_id": "$fingerprint",
        "provider": { "$first": "$provider" },
        "model_name": { "$first": "$model_name" },
        "stage": { "$first": "$stage" },
        "error_kind": { "$first": "$error_kind" },
        "message": { "$first": "$normalized_message" },
        "first": { "$min": "$ts" },
        "last": { "$max": "$ts" },
    };
    let rows = shared.collection(&shared.names.errors);
    let mut cursor = came(&rows, doc! {}, since, group).await?;
    let mut found = HashMap::new();
    while cursor.advance().await? {
        let group: Document = cursor.deserialize_current()?;
        let text = |name: &str| group.get_str(name).unwrap_or_default().to_owned();
        let errors = ErrorRollup {
            provider: text("provider"),
            model_name: text("model_name"),
            stage: text("stage"),
            error_kind: text("error_kind"),
            message: text("message"),
            first: instant(&group, "first"),
            last: instant(&group, "last"),
        };
        found.insert(text("_id"), errors);
    }
    Ok(found)
}

/// Models of the published series with new rows, and the newest of these.
async fn models(
    shared: &MongoContext,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<HashMap<ModelRef, NewestAttempts>, MongoCallError> {
    let present = |time: &str| doc! { "$lte": [time, date(now + CLOCK_SLACK)] };
    let success = doc! { "$cond": [present("$run_ts"), "$gen_ts", null] };
    let failure = doc! { "$cond": [present("$ts"), mongo_bulk_health::failure(), null] };
    let newest = |what: Document| doc! { "_id": mongo_bulk_health::by_model(), "newest": { "$max": what } };
    let (runs, errors) = (shared.collection(&shared.names.cloud), shared.collection(&shared.names.errors));
    let (successes, failures) = tokio::try_join!(
        came(&runs, doc! {}, since, newest(success)),
        came(&errors, mongo::published(shared), since, newest(failure)),
    )?;
    let mut models: HashMap<ModelRef, NewestAttempts> = HashMap::new();
    for (model, group) in groups(successes).await? {
        models.entry(model).or_default().success_at = instant(&group, "newest");
    }
    for (model, group) in groups(failures).await? {
        let newest = group.get_document("newest").ok();
        models.entry(model).or_default().error = newest.and_then(mongo::error);
    }
    Ok(models)
}

/// Groups of the rows that came through bridges since then.
async fn came(
    rows: &Collection<Document>,
    mut which: Document,
    since: DateTime<Utc>,
    group: Document,
) -> Result<Cursor<Document>, MongoCallError> {
    which.insert("received_at", doc! { "$gte": date(since) });
    let pipeline = [doc! { "$match": which }, doc! { "$group": group }];
    let asked = rows.aggregate(pipeline).hint(Hint::Name(RECEIVED.to_owned())).await;
    asked.map_err(|error| match lacks_index(&error) {
        true => MongoCallError::Store(StoreError::Broken(format!(
            "what a bridge left behind is not looked for: the index {RECEIVED} of `{}` is missing; create it with \
             `llmbench db init`",
            rows.name()
        ))),
        false => error.into(),
    })
}
