//! The health of many models at once, after new rows: the counts of all of them from a few queries, each bounded by the
//! last day. Gives the same figures as `aggregates::mongo::health` for one model.

use super::mongo::PublishedRowFilter;
use super::{NewestAttempts, mongo};
use crate::domain::ModelRef;
use crate::storage::catalog::mongo::work_list;
use crate::storage::health::model_health;
use crate::storage::health::model_health::{CLOCK_SLACK, HealthInputs, LastError, WINDOW};
use crate::storage::mongo::to_json::{instant, whole};
use crate::storage::mongo::write_command::BulkOutcome;
use crate::storage::mongo::{MongoContext, bson, write_command};
use chrono::{DateTime, Utc};
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::Error;
use mongodb::{Collection, Cursor};
use std::collections::{BTreeMap, HashMap};

/// Models of one query by equality: the server plans each part of it.
const AT_ONCE: usize = 200;

/// Recomputes the health of these models, which have new rows.
pub async fn derive(
    shared: &MongoContext,
    came: &HashMap<ModelRef, NewestAttempts>,
) -> Result<BulkOutcome, Error> {
    let now = Utc::now();
    let known = known(shared, came.keys()).await?;
    if known.is_empty() {
        return Ok(BulkOutcome::default());
    }
    let since = now - WINDOW;
    let (successes, failures) = tokio::try_join!(
        grouped(shared.collection(&shared.names.cloud), successes(known.keys(), since, now)),
        grouped(shared.collection(&shared.names.errors), failures(shared, known.keys(), since, now)),
    )?;
    let windows = known
        .keys()
        .map(|model| (model, WindowCounts { runs: successes.get(model), errors: failures.get(model) }));
    let windows: HashMap<&ModelRef, WindowCounts<'_>> = windows.collect();
    let ends = ends_of_unknown_successes(shared, &known, &windows, came).await?;
    let mut facts: HashMap<&ModelRef, HealthInputs> = HashMap::new();
    for (model, known) in &known {
        let mut came = came.get(model).cloned().unwrap_or_default();
        let suspect_at = came.suspect_at;
        came.success_at = came.success_at.max(ends.get(model).copied());
        let mut found = recounted(known.before.as_ref(), windows[model], came);
        // The counts before the last day are not stored yet.
        if known.before.is_none() && found.last_success_at.is_none_or(|at| at < since) {
            found = mongo::facts(shared, model, now).await?;
        }
        let last_attempt_at = found.last_attempt_at.max(suspect_at);
        facts.insert(model, HealthInputs { enabled: known.enabled, last_attempt_at, ..found });
    }
    count_older_failures(shared, &mut facts, since).await?;
    let statements = facts.iter().map(|(model, facts)| statement(model, facts, now)).collect();
    write_command::send(shared, &shared.names.model_health, statements).await
}

/// The ends of successes in the window that are newer than all that is known: another writer stored them, or the next batch
/// of a backlog did, while this one is derived. One query for all models, because in a backlog all have one.
async fn ends_of_unknown_successes(
    shared: &MongoContext,
    known: &HashMap<ModelRef, CatalogModel>,
    windows: &HashMap<&ModelRef, WindowCounts<'_>>,
    came: &HashMap<ModelRef, NewestAttempts>,
) -> Result<HashMap<ModelRef, DateTime<Utc>>, Error> {
    let unknown = known.iter().filter_map(|(model, known)| {
        let newest = instant(windows.get(model)?.runs?, "newest")?;
        let stored = known.before.as_ref().and_then(|before| instant(before, "last_success_at"));
        let told = stored.max(came.get(model).and_then(|came| came.success_at));
        let row =
            doc! { "provider": &model.provider, "model_name": &model.model_id, "run_ts": bson::date(newest) };
        (Some(newest) > told).then_some(row)
    });
    let unknown: Vec<Document> = unknown.collect();
    let mut ends = HashMap::new();
    for portion in unknown.chunks(AT_ONCE) {
        let fields = doc! { "_id": 0, "provider": 1, "model_name": 1, "gen_ts": 1 };
        let rows = shared.collection(&shared.names.cloud);
        let mut cursor = rows.find(doc! { "$or": portion }).projection(fields).await?;
        while cursor.advance().await? {
            let row: Document = cursor.deserialize_current()?;
            let text = |name: &str| row.get_str(name).unwrap_or_default();
            let model = ModelRef::new(text("provider"), text("model_name"));
            if let Some(end) = instant(&row, "gen_ts") {
                let known = ends.entry(model).or_insert(end);
                *known = end.max(*known);
            }
        }
    }
    Ok(ends)
}

/// Counts the failures since the newest success of those models that had none on the last day.
async fn count_older_failures(
    shared: &MongoContext,
    facts: &mut HashMap<&ModelRef, HealthInputs>,
    since: DateTime<Utc>,
) -> Result<(), Error> {
    let filters = facts.iter().filter(|(_, facts)| facts.last_success_at.is_none_or(|at| at < since));
    let filters = filters.map(|(model, facts)| {
        let after = facts.last_success_at.unwrap_or(DateTime::UNIX_EPOCH);
        PublishedRowFilter { shared, model }.failures(doc! { "$gt": bson::date(after) })
    });
    let filters: Vec<Document> = filters.collect();
    if filters.is_empty() {
        return Ok(());
    }
    let pipeline = vec![
        doc! { "$match": { "$or": filters } },
        doc! { "$group": { "_id": by_model(), "count": { "$sum": 1 } } },
    ];
    let counts = grouped(shared.collection(&shared.names.errors), pipeline).await?;
    for (model, group) in counts {
        if let Some(facts) = facts.get_mut(&model) {
            facts.consecutive_failures = number(&group, "count");
        }
    }
    Ok(())
}

/// A model of the catalog.
struct CatalogModel {
    enabled: bool,
    before: Option<Document>,
}

/// Those of the models that the catalog has, with their health rows.
async fn known(
    shared: &MongoContext,
    models: impl Iterator<Item = &ModelRef>,
) -> Result<HashMap<ModelRef, CatalogModel>, Error> {
    let models: Vec<&ModelRef> = models.collect();
    let of_provider =
        |(provider, ids): (&str, Vec<&str>)| doc! { "provider": provider, "model_id": { "$in": ids } };
    let entries = by_provider(models.iter().copied()).into_iter().map(of_provider);
    let entries = doc! { "$or": entries.collect::<Vec<_>>() };
    let ids: Vec<String> = models.iter().map(|model| model_health::id(model)).collect();
    let (entries, rows) = tokio::try_join!(
        found(shared.collection(&shared.names.models), entries),
        found(shared.collection(&shared.names.model_health), doc! { "_id": { "$in": ids } }),
    )?;
    let mut before: HashMap<String, Document> =
        rows.into_iter().map(|row| (row.get_str("_id").unwrap_or_default().to_owned(), row)).collect();
    let known = |entry: Document| {
        let text = |name: &str| entry.get_str(name).unwrap_or_default();
        let model = ModelRef::new(text("provider"), text("model_id"));
        let enabled = work_list::wanted(&entry);
        let before = before.remove(&model_health::id(&model));
        (model, CatalogModel { enabled, before })
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

/// Model ids by provider: the server would plan each part of a query with one part per model.
fn by_provider<'a>(models: impl Iterator<Item = &'a ModelRef>) -> BTreeMap<&'a str, Vec<&'a str>> {
    let mut of: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for model in models {
        of.entry(&model.provider).or_default().push(&model.model_id);
    }
    of
}

/// Successes of the window by model, with the newest start: an index answers both. One dated into the future counts but
/// is not the newest.
fn successes<'a>(
    models: impl Iterator<Item = &'a ModelRef>,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Vec<Document> {
    // With a part for each provider the query would read the rows themselves. Models of the same id at another of these
    // providers are counted needlessly.
    let of = by_provider(models);
    let (providers, ids): (Vec<&str>, Vec<Vec<&str>>) = of.into_iter().unzip();
    let of = doc! {
        "provider": { "$in": providers },
        "model_name": { "$in": ids.concat() },
        "run_ts": { "$gte": bson::date(since) },
    };
    let present = doc! { "$lte": ["$run_ts", bson::date(now + CLOCK_SLACK)] };
    vec![
        doc! { "$match": of },
        doc! { "$group": {
            "_id": by_model(),
            "count": { "$sum": 1 },
            "newest": { "$max": { "$cond": [present, "$run_ts", null] } },
        } },
    ]
}

/// Failures of the window by model, their times, and the newest.
fn failures<'a>(
    shared: &MongoContext,
    models: impl Iterator<Item = &'a ModelRef>,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Vec<Document> {
    let of = |(provider, ids): (&str, Vec<&str>)| {
        let window = PublishedRowFilter { shared, model: &ModelRef::new(provider, "") };
        let mut filter = window.failures(doc! { "$gte": bson::date(since) });
        filter.insert("model_name", doc! { "$in": ids });
        filter
    };
    let present = doc! { "$lte": ["$ts", bson::date(now + CLOCK_SLACK)] };
    let timeout = doc! { "$eq": ["$error_kind", "timeout"] };
    vec![
        doc! { "$match": { "$or": by_provider(models).into_iter().map(of).collect::<Vec<_>>() } },
        doc! { "$group": {
            "_id": by_model(),
            "times": { "$push": "$ts" },
            "timeouts": { "$sum": { "$cond": [timeout, 1, 0] } },
            "newest": { "$max": { "$cond": [present, failure(), null] } },
        } },
    ]
}

/// A failure in a form that groups compare. Documents compare by their fields in order, so the largest is the newest.
pub fn failure() -> Document {
    doc! { "ts": "$ts", "error_kind": "$error_kind", "message": "$message" }
}

/// The key by which rows are grouped.
pub fn by_model() -> Document {
    doc! { "provider": "$provider", "model": "$model_name" }
}

async fn grouped(
    rows: Collection<Document>,
    pipeline: Vec<Document>,
) -> Result<HashMap<ModelRef, Document>, Error> {
    groups(rows.aggregate(pipeline).await?).await
}

/// Groups by their models.
pub async fn groups(mut cursor: Cursor<Document>) -> Result<HashMap<ModelRef, Document>, Error> {
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

/// A model's counts in the window.
#[derive(Clone, Copy)]
struct WindowCounts<'a> {
    runs: Option<&'a Document>,
    errors: Option<&'a Document>,
}

/// The facts from the window, from the row before, and from late rows, which may be older than the window.
fn recounted(before: Option<&Document>, of: WindowCounts<'_>, came: NewestAttempts) -> HealthInputs {
    let known = |name: &str| before.and_then(|before| instant(before, name));
    let last_success_at = known("last_success_at").max(came.success_at);
    let of_window = of.errors.and_then(|group| mongo::error(group.get_document("newest").ok()?));
    let last_error = [before.and_then(known_error), of_window, came.error];
    let last_error = last_error.into_iter().flatten().max_by_key(|error| error.at);
    let times =
        of.errors.and_then(|group| group.get_array("times").ok()).map(Vec::as_slice).unwrap_or_default();
    let failures: Vec<Option<DateTime<Utc>>> = times.iter().map(moment).collect();
    HealthInputs {
        enabled: false,
        cadence_seconds: before.and_then(|before| whole(before, "cadence_seconds")),
        last_success_at,
        last_attempt_at: known("last_attempt_at").max(last_error.as_ref().map(|error| error.at)),
        last_error,
        consecutive_failures: count(failures.iter().filter(|at| **at > last_success_at).count()),
        successes_24h: of.runs.map_or(0, |group| number(group, "count")),
        failures_24h: count(failures.len()),
        deadline_misses_24h: of.errors.map_or(0, |group| number(group, "timeouts")),
    }
}

fn moment(at: &Bson) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(at.as_datetime()?.timestamp_millis())
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The stored error, if no success has followed it yet.
fn known_error(before: &Document) -> Option<LastError> {
    let text = |name: &str| before.get_str(name).unwrap_or_default().to_owned();
    let at = instant(before, "last_error_at")?;
    Some(LastError { at, kind: text("last_error_kind"), message: text("last_error_message") })
}

/// As in `aggregates::mongo::health`: the writer that began to count later wins.
fn statement(model: &ModelRef, facts: &HealthInputs, now: DateTime<Utc>) -> Document {
    let mut fields = bson::to_document(&model_health::fields(model, facts, now));
    fields.insert("counted_at", bson::date(now));
    doc! {
        "q": { "_id": model_health::id(model), "counted_at": { "$not": { "$gt": bson::date(now) } } },
        "u": { "$set": fields },
        "upsert": true,
    }
}
