//! Claims. Each is one `findAndModify` whose update is a pipeline: it reads the server's clock, applies the rule of
//! `storage::claims::refusal` to the present row, and returns the row with the moment, so that a refusal can be
//! explained by the same rule.

use super::{
    ClaimResult, DEFAULT_PROFILE, ForeignJob, Grant, JobOutcome, JobState, JobStatus, LONGEST_REST, Lease,
    PROBE, SlotClaim, id, mongo_lists, other_series, refusal, rest_milliseconds, shortened,
};
use crate::domain::clock_skew::BEARABLE;
use crate::domain::slot::DEFAULT_VANTAGE;
use crate::domain::{ModelRef, Series};
use crate::storage::catalog::mongo::work_list;
use crate::storage::mongo::bson::date;
use crate::storage::mongo::errors::{MongoCallError, is_duplicate};
use crate::storage::mongo::to_json::{instant, whole};
use crate::storage::mongo::{MongoContext, MongoStore};
use crate::storage::{ClaimStore, StoreError};
use async_trait::async_trait;
use chrono::DateTime;
use mongodb::Collection;
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::Error;
use mongodb::options::ReturnDocument;
use std::sync::Arc;
use std::time::Duration;
use ulid::Ulid;

#[async_trait]
impl ClaimStore for MongoStore {
    async fn jobs(&self, providers: Option<&[String]>) -> Result<Vec<JobState>, StoreError> {
        let (shared, providers) = (Arc::clone(&self.shared), providers.map(<[String]>::to_vec));
        self.caller.call(async move { jobs(&shared, providers.as_deref()).await }).await
    }

    async fn foreign_jobs(&self) -> Result<Vec<ForeignJob>, StoreError> {
        let shared = Arc::clone(&self.shared);
        self.caller.call(async move { mongo_lists::foreign(&shared).await }).await
    }

    async fn claim(&self, claim: &SlotClaim) -> Result<ClaimResult, StoreError> {
        let (shared, claim) = (Arc::clone(&self.shared), claim.clone());
        self.caller.call(async move { claim_slot(&shared, &claim).await }).await
    }

    async fn renew(&self, grant: &Grant, ttl: Duration) -> Result<bool, StoreError> {
        let (shared, grant) = (Arc::clone(&self.shared), grant.clone());
        self.caller.call(async move { renew(&shared, &grant, ttl).await }).await
    }

    async fn settle(&self, grant: &Grant, ending: &JobOutcome) -> Result<bool, StoreError> {
        let (shared, grant, ending) = (Arc::clone(&self.shared), grant.clone(), ending.clone());
        self.caller.call(async move { settle(&shared, &grant, &ending).await }).await
    }

    async fn release(&self, grant: &Grant) -> Result<bool, StoreError> {
        let (shared, grant) = (Arc::clone(&self.shared), grant.clone());
        self.caller.call(async move { release(&shared, &grant).await }).await
    }
}

/// Tries of a claim if the row changes meanwhile.
const ASKS: usize = 3;

pub(super) fn rows(shared: &MongoContext) -> Collection<Document> {
    shared.collection(&shared.names.bench_jobs)
}

/// Every series, of some providers or of all.
pub async fn jobs(
    shared: &MongoContext,
    providers: Option<&[String]>,
) -> Result<Vec<JobState>, MongoCallError> {
    let filter = providers.map_or_else(Document::new, |names| doc! { "provider": { "$in": names } });
    those(shared, filter).await
}

pub(super) async fn those(shared: &MongoContext, filter: Document) -> Result<Vec<JobState>, MongoCallError> {
    let mut cursor = rows(shared).find(filter).sort(doc! { "_id": 1 }).await?;
    let mut found = Vec::new();
    while cursor.advance().await? {
        let row: Document = cursor.deserialize_current()?;
        // The Python runner has jobs of other kinds for the same models, under other ids.
        found.extend(read(&row).filter(|job| row.get_str("_id").is_ok_and(|there| there == id(&job.series))));
    }
    Ok(found)
}

/// Reads a row of any writer. The Python runner's have neither profile nor vantage.
pub(super) fn read(row: &Document) -> Option<JobState> {
    let text = |name: &str| row.get_str(name).ok().map(str::to_owned);
    let count = |name: &str| whole(row, name).and_then(|number| u32::try_from(number).ok()).unwrap_or(0);
    let owner = || text("worker_id").unwrap_or_default();
    Some(JobState {
        series: Series {
            model: ModelRef { provider: text("provider")?, model_id: text("model_id")? },
            profile_id: text("profile_id").unwrap_or_else(|| DEFAULT_PROFILE.to_owned()),
            vantage: text("vantage").unwrap_or_else(|| DEFAULT_VANTAGE.to_owned()),
        },
        status: JobStatus::read(row.get_str("status").unwrap_or_default()),
        slot_at: instant(row, "slot_at"),
        slot_attempts: count("slot_attempts"),
        failures: count("failures"),
        not_before: instant(row, "not_before"),
        started_at: instant(row, "started_at"),
        finished_at: instant(row, "finished_at"),
        last_success_at: instant(row, "last_success_at"),
        updated_at: instant(row, "updated_at"),
        lease: instant(row, "lease_expires_at").map(|expires_at| Lease { owner: owner(), expires_at }),
        epoch: whole(row, "lease_epoch").unwrap_or(0),
        error_kind: text("last_attempt_error_kind"),
        error_message: text("last_attempt_error_message"),
    })
}

pub async fn claim_slot(shared: &MongoContext, claim: &SlotClaim) -> Result<ClaimResult, MongoCallError> {
    let id = id(&claim.slot.series);
    let mut now = DateTime::UNIX_EPOCH;
    for _ in 0..ASKS {
        let lease_id = Ulid::generate().to_string();
        let row = match ask(shared, &id, claim, &lease_id).await {
            // Another daemon inserted the row first: it can be found now.
            Err(error) if is_duplicate(&error) => continue,
            other => other?.unwrap_or_default(),
        };
        if row.get_str("lease_id").is_ok_and(|there| there == lease_id) {
            return Ok(ClaimResult::Granted(granted(&row, claim, lease_id)));
        }
        let job =
            read(&row).filter(|job| job.series == claim.slot.series).ok_or_else(|| other_series(&id))?;
        now = instant(&row, "now").unwrap_or_default();
        match refusal(&job, claim, now) {
            Some(ClaimResult::Cancelled) if revive(shared, &id, &job).await? => {}
            Some(refused) => return Ok(refused),
            None => {}
        }
    }
    Ok(ClaimResult::Resting { until: now.max(claim.slot.starts_at) })
}

async fn ask(
    shared: &MongoContext,
    id: &str,
    claim: &SlotClaim,
    lease_id: &str,
) -> Result<Option<Document>, Error> {
    rows(shared)
        .find_one_and_update(doc! { "_id": id }, pipeline(claim, lease_id))
        .upsert(true)
        .return_document(ReturnDocument::After)
        .projection(shown())
        .await
}

/// The fields that a claim needs from the row, and the moment of reading.
fn shown() -> Document {
    const FIELDS: [&str; 15] = [
        "provider",
        "model_id",
        "profile_id",
        "vantage",
        "status",
        "slot_at",
        "slot_attempts",
        "not_before",
        "updated_at",
        "worker_id",
        "lease_id",
        "lease_expires_at",
        "lease_epoch",
        "failures",
        "last_attempt_error_kind",
    ];
    let mut fields: Document = FIELDS.iter().map(|name| ((*name).to_owned(), Bson::Int32(1))).collect();
    fields.insert("now", "$$NOW");
    fields
}

fn granted(row: &Document, claim: &SlotClaim, lease_id: String) -> Grant {
    Grant {
        slot: claim.slot.clone(),
        owner: claim.owner.clone(),
        epoch: whole(row, "lease_epoch").unwrap_or(0),
        lease_id,
        attempt: whole(row, "slot_attempts").and_then(|number| u32::try_from(number).ok()).unwrap_or(1),
        expires_at: instant(row, "lease_expires_at").unwrap_or_default(),
    }
}

/// A text constant, even if it starts with `$`.
fn literal(value: impl Into<Bson>) -> Bson {
    Bson::Document(doc! { "$literal": value.into() })
}

/// A field that is a date, else null: other writers' rows may hold anything.
fn date_of(name: &str) -> Bson {
    let field = format!("${name}");
    Bson::Document(doc! { "$cond": [{ "$eq": [{ "$type": &field }, "date"] }, &field, null] })
}

/// A field that is a number, as a whole one; else 0.
fn whole_of(name: &str) -> Bson {
    let field = format!("${name}");
    let whole = doc! { "$convert": { "input": &field, "to": "int", "onError": 0, "onNull": 0 } };
    Bson::Document(doc! { "$cond": [{ "$isNumber": &field }, whole, 0] })
}

/// A number of ours as existing readers know it: 32 bits.
fn int(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// The whole decision: the identity of a new row, then the holder of the lease, then the consequences.
fn pipeline(claim: &SlotClaim, lease_id: &str) -> Vec<Document> {
    let Series { model, profile_id, vantage } = &claim.slot.series;
    let or = |name: &str, value: Bson| Bson::Document(doc! { "$ifNull": [format!("${name}"), value] });
    let mut identity = doc! {
        "provider": or("provider", literal(&model.provider)),
        "model_id": or("model_id", literal(&model.model_id)),
        "profile_id": or("profile_id", literal(profile_id)),
        "vantage": or("vantage", literal(vantage)),
        "status": or("status", "queued".into()),
        "job_kind": or("job_kind", "scheduled".into()),
        "priority": or("priority", 1000.0.into()),
        "attempt": or("attempt", 0.into()),
        "not_before": or("not_before", "$$NOW".into()),
        "created_at": or("created_at", "$$NOW".into()),
        "updated_at": or("updated_at", "$$NOW".into()),
        "started_at": or("started_at", Bson::Null),
        "finished_at": or("finished_at", Bson::Null),
        "worker_id": or("worker_id", Bson::Null),
        "lease_id": or("lease_id", Bson::Null),
        "lease_expires_at": or("lease_expires_at", Bson::Null),
        "last_attempt_error_kind": or("last_attempt_error_kind", Bson::Null),
        "last_attempt_error_message": or("last_attempt_error_message", Bson::Null),
    };
    if let Some(role) = role(model, profile_id) {
        identity.insert("sample_role", or("sample_role", role.into()));
    }
    let taken = doc! { "lease_id": { "$cond": [may_have(claim), lease_id, "$lease_id"] } };
    let ours = doc! { "$eq": ["$lease_id", lease_id] };
    let row = doc! { "$cond": [ours, { "$mergeObjects": ["$$ROOT", taken_fields(claim)] }, "$$ROOT"] };
    vec![doc! { "$set": identity }, doc! { "$set": taken }, doc! { "$replaceWith": row }]
}

/// The role in the job of a series that is not published, or whose model it does not know by that name: a pinned
/// endpoint's. The Python scheduler takes every queued job of a provider, and measures one without a role for publication.
fn role(model: &ModelRef, profile_id: &str) -> Option<&'static str> {
    (profile_id != DEFAULT_PROFILE || model.endpoint_tag().is_some()).then_some(PROBE)
}

/// `storage::claims::refusal` as an aggregation: true if it refuses nothing.
fn may_have(claim: &SlotClaim) -> Document {
    let Series { model, profile_id, vantage } = &claim.slot.series;
    let begins = date(claim.slot.starts_at);
    let running = doc! { "$eq": ["$status", "running"] };
    let bearable = doc! { "$add": ["$$NOW", BEARABLE.num_milliseconds()] };
    let believed = doc! { "$lte": [date_of("updated_at"), bearable] };
    let held = doc! { "$and": [
        running.clone(),
        believed.clone(),
        { "$gt": [date_of("lease_expires_at"), "$$NOW"] },
        { "$ne": ["$worker_id", literal(&claim.owner)] },
    ] };
    let ended = doc! { "$in": ["$status", ["success", "dead_letter"]] };
    let spent = doc! { "$gte": [whole_of("slot_attempts"), int(claim.max_attempts)] };
    let claimed = doc! { "$cond": [{ "$lte": [date_of("slot_at"), "$$NOW"] }, date_of("slot_at"), null] };
    // Null is less than any date, so a series that was never claimed is before every slot.
    let finished = doc! { "$or": [
        { "$gt": [claimed.clone(), begins.clone()] },
        { "$and": [{ "$eq": [claimed, begins.clone()] }, { "$or": [ended, spent] }] },
    ] };
    let latest = doc! { "$add": ["$$NOW", LONGEST_REST.num_milliseconds()] };
    let resting = doc! { "$and": [
        believed,
        { "$gt": [date_of("not_before"), "$$NOW"] }, { "$lte": [date_of("not_before"), latest] },
    ] };
    doc! { "$and": [
        { "$eq": ["$provider", literal(&model.provider)] },
        { "$eq": ["$model_id", literal(&model.model_id)] },
        { "$eq": ["$profile_id", literal(profile_id)] },
        { "$eq": ["$vantage", literal(vantage)] },
        { "$ne": ["$status", "cancelled"] },
        { "$not": [held] },
        { "$lte": [begins, "$$NOW"] },
        { "$not": [finished] },
        { "$or": [running, { "$not": [resting] }] },
    ] }
}

fn taken_fields(claim: &SlotClaim) -> Document {
    let begins = date(claim.slot.starts_at);
    let next = doc! { "$add": [whole_of("slot_attempts"), 1] };
    let attempts = doc! { "$cond": [{ "$eq": ["$slot_at", begins.clone()] }, next, 1] };
    doc! {
        "status": "running",
        "slot_at": begins,
        "slot_attempts": attempts.clone(),
        "attempt": attempts,
        "lease_epoch": { "$add": [whole_of("lease_epoch"), 1] },
        "worker_id": literal(&claim.owner),
        "lease_expires_at": { "$add": ["$$NOW", milliseconds(claim.ttl)] },
        "started_at": "$$NOW",
        "updated_at": "$$NOW",
        "max_attempts": int(claim.max_attempts),
        "deadline_seconds": int(claim.deadline_seconds),
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Requeues a cancelled job if the catalog has its model enabled: `cancelled` may be outdated, because another program
/// may have enabled the model. Only if the row is still as it was read.
async fn revive(shared: &MongoContext, id: &str, job: &JobState) -> Result<bool, MongoCallError> {
    if work_list::is_enabled(shared, &job.series.model).await? != Some(true) {
        return Ok(false);
    }
    let mut seen = doc! { "_id": id, "status": JobStatus::Cancelled.as_str() };
    if let Some(at) = job.updated_at {
        seen.insert("updated_at", date(at));
    }
    let queued = doc! { "status": JobStatus::Queued.as_str(), "updated_at": "$$NOW" };
    Ok(rows(shared).update_one(seen, vec![doc! { "$set": queued }]).await?.modified_count == 1)
}

/// Changes a job that is still held by this grant.
async fn change(shared: &MongoContext, grant: &Grant, fields: Document) -> Result<bool, MongoCallError> {
    let held = doc! {
        "_id": id(&grant.slot.series),
        "worker_id": &grant.owner,
        "lease_epoch": grant.epoch,
        "lease_id": &grant.lease_id,
        "status": JobStatus::Running.as_str(),
    };
    Ok(rows(shared).update_one(held, vec![doc! { "$set": fields }]).await?.matched_count == 1)
}

pub async fn renew(shared: &MongoContext, grant: &Grant, ttl: Duration) -> Result<bool, MongoCallError> {
    let until = doc! { "$add": ["$$NOW", milliseconds(ttl)] };
    change(shared, grant, doc! { "lease_expires_at": until, "updated_at": "$$NOW" }).await
}

pub async fn settle(
    shared: &MongoContext,
    grant: &Grant,
    ending: &JobOutcome,
) -> Result<bool, MongoCallError> {
    let failures = doc! { "$add": [whole_of("failures"), 1] };
    let error = |kind: &str, message: &str| (literal(kind), literal(shortened(message)));
    let (mut fields, (kind, message)) = match ending {
        JobOutcome::Success => (
            doc! {
                "status": "success", "last_success_at": "$$NOW", "failures": 0, "finished_at": "$$NOW",
                "not_before": "$$NOW",
            },
            (Bson::Null, Bson::Null),
        ),
        JobOutcome::Retry { after, kind, message } => {
            let until = doc! { "$add": ["$$NOW", rest_milliseconds(*after)] };
            (doc! { "status": "queued", "failures": failures, "not_before": until }, error(kind, message))
        }
        JobOutcome::GivenUp { kind, message } => (
            doc! { "status": "dead_letter", "failures": failures, "finished_at": "$$NOW", "not_before": "$$NOW" },
            error(kind, message),
        ),
    };
    fields.insert("last_attempt_error_kind", kind);
    fields.insert("last_attempt_error_message", message);
    fields.extend(let_go());
    change(shared, grant, fields).await
}

pub async fn release(shared: &MongoContext, grant: &Grant) -> Result<bool, MongoCallError> {
    let attempts = doc! { "$subtract": [whole_of("slot_attempts"), 1] };
    let mut fields = doc! { "status": "queued", "slot_attempts": attempts.clone(), "attempt": attempts };
    fields.extend(let_go());
    change(shared, grant, fields).await
}

fn let_go() -> Document {
    doc! { "worker_id": null, "lease_id": null, "lease_expires_at": null, "updated_at": "$$NOW" }
}
