//! Claims. Each step is one immediate transaction, so that nobody else can change the job while the rule of
//! `storage::claims` is applied. The clock is this machine's, because all users of the file are on this machine.

use super::{
    ClaimResult, Grant, JobOutcome, JobState, JobStatus, Lease, SlotClaim, id, other_series, refusal,
    rest_milliseconds, shortened,
};
use crate::domain::{ModelRef, Series};
use crate::storage::sqlite::SqliteStore;
use crate::storage::sqlite::errors::SqliteCallError;
use crate::storage::{ClaimStore, StoreError, claims};
use async_trait::async_trait;
use chrono::{DateTime, SubsecRound, Utc};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, named_params, params};
use std::time::Duration;
use ulid::Ulid;

#[async_trait]
impl ClaimStore for SqliteStore {
    async fn jobs(&self, providers: Option<&[String]>) -> Result<Vec<JobState>, StoreError> {
        let providers = providers.map(<[String]>::to_vec);
        self.ask(move |connection| jobs(connection, providers.as_deref())).await
    }

    async fn claim(&self, claim: &SlotClaim) -> Result<ClaimResult, StoreError> {
        let claim = claim.clone();
        self.ask(move |connection| claim_slot(connection, &claim)).await
    }

    async fn renew(&self, grant: &Grant, ttl: Duration) -> Result<bool, StoreError> {
        let grant = grant.clone();
        self.ask(move |connection| renew(connection, &grant, ttl)).await
    }

    async fn settle(&self, grant: &Grant, ending: &JobOutcome) -> Result<bool, StoreError> {
        let (grant, ending) = (grant.clone(), ending.clone());
        self.ask(move |connection| settle(connection, &grant, &ending)).await
    }

    async fn release(&self, grant: &Grant) -> Result<bool, StoreError> {
        let grant = grant.clone();
        self.ask(move |connection| release(connection, &grant)).await
    }
}

/// The tables of claims and heartbeats, a migration of the schema.
pub const TABLES: &str = "
    CREATE TABLE jobs (
        id TEXT PRIMARY KEY,
        provider TEXT NOT NULL,
        model_id TEXT NOT NULL,
        profile_id TEXT NOT NULL,
        vantage TEXT NOT NULL,
        status TEXT NOT NULL,
        slot_at_ms INTEGER,
        slot_attempts INTEGER NOT NULL DEFAULT 0,
        failures INTEGER NOT NULL DEFAULT 0,
        max_attempts INTEGER,
        deadline_seconds INTEGER,
        not_before_ms INTEGER,
        created_at_ms INTEGER NOT NULL,
        updated_at_ms INTEGER NOT NULL,
        started_at_ms INTEGER,
        finished_at_ms INTEGER,
        last_success_at_ms INTEGER,
        owner TEXT,
        lease_id TEXT,
        lease_expires_at_ms INTEGER,
        epoch INTEGER NOT NULL DEFAULT 0,
        error_kind TEXT,
        error_message TEXT
    ) STRICT;
    CREATE INDEX jobs_by_model ON jobs (provider, model_id);

    CREATE TABLE heartbeats (
        component TEXT PRIMARY KEY,
        updated_at_ms INTEGER NOT NULL,
        details TEXT NOT NULL
    ) STRICT;

    CREATE TABLE check_runs (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        checked_at_ms INTEGER NOT NULL,
        threshold_version INTEGER NOT NULL,
        cadence_seconds INTEGER NOT NULL,
        baseline_models INTEGER,
        baseline_at_ms INTEGER,
        results TEXT NOT NULL
    ) STRICT;
    CREATE INDEX check_runs_by_time ON check_runs (checked_at_ms);

    CREATE TABLE model_status (
        provider TEXT NOT NULL,
        model_id TEXT NOT NULL,
        computed_at_ms INTEGER NOT NULL,
        status TEXT NOT NULL,
        reasons TEXT NOT NULL,
        confidence TEXT NOT NULL,
        recommended_actions TEXT NOT NULL,
        PRIMARY KEY (provider, model_id)
    ) STRICT;
";

const COLUMNS: &str = "provider, model_id, profile_id, vantage, status, slot_at_ms, slot_attempts, failures, not_before_ms,
    started_at_ms, finished_at_ms, last_success_at_ms, updated_at_ms, owner, lease_expires_at_ms, epoch, error_kind,
    error_message";

/// Every series, of some providers or of all.
pub fn jobs(
    connection: &mut Connection,
    providers: Option<&[String]>,
) -> Result<Vec<JobState>, SqliteCallError> {
    let sql = format!("SELECT {COLUMNS} FROM jobs ORDER BY id");
    let mut statement = connection.prepare_cached(&sql)?;
    let wanted = |job: &JobState| providers.is_none_or(|names| names.contains(&job.series.model.provider));
    let found = statement.query_map([], read)?.filter(|job| job.as_ref().map_or(true, &wanted));
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// All jobs of models of which one failed last with one of `kinds`, a JSON array.
pub fn of_refusing(connection: &mut Connection, kinds: &str) -> Result<Vec<JobState>, SqliteCallError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM jobs WHERE (provider, model_id) IN (SELECT provider, model_id FROM jobs
            WHERE error_kind IN (SELECT value FROM json_each(?1))) ORDER BY id"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let found = statement.query_map([kinds], read)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<JobState> {
    let instant = |column: usize| -> rusqlite::Result<Option<DateTime<Utc>>> {
        let milliseconds: Option<i64> = row.get(column)?;
        Ok(milliseconds.and_then(DateTime::from_timestamp_millis))
    };
    let owner: Option<String> = row.get(13)?;
    let lease = instant(14)?.map(|expires_at| Lease { owner: owner.unwrap_or_default(), expires_at });
    Ok(JobState {
        series: Series {
            model: ModelRef { provider: row.get(0)?, model_id: row.get(1)? },
            profile_id: row.get(2)?,
            vantage: row.get(3)?,
        },
        status: JobStatus::read(&row.get::<_, String>(4)?),
        slot_at: instant(5)?,
        slot_attempts: row.get(6)?,
        failures: row.get(7)?,
        not_before: instant(8)?,
        started_at: instant(9)?,
        finished_at: instant(10)?,
        last_success_at: instant(11)?,
        updated_at: instant(12)?,
        lease,
        epoch: row.get(15)?,
        error_kind: row.get(16)?,
        error_message: row.get(17)?,
    })
}

pub fn claim_slot(connection: &mut Connection, claim: &SlotClaim) -> Result<ClaimResult, SqliteCallError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let (id, now) = (id(&claim.slot.series), Utc::now().trunc_subsecs(3));
    let mut job = present(&transaction, &id, &claim.slot.series, now)?;
    if job.series != claim.slot.series {
        return Err(other_series(&id).into());
    }
    if job.status == JobStatus::Cancelled && is_enabled(&transaction, &job.series.model)? {
        job.status = JobStatus::Queued;
    }
    let answer = match refusal(&job, claim, now) {
        Some(refused) => refused,
        None => ClaimResult::Granted(grant(&transaction, &id, &job, claim, now)?),
    };
    transaction.commit()?;
    Ok(answer)
}

fn present(
    transaction: &Transaction<'_>,
    id: &str,
    series: &Series,
    now: DateTime<Utc>,
) -> rusqlite::Result<JobState> {
    let insert =
        "INSERT INTO jobs (id, provider, model_id, profile_id, vantage, status, not_before_ms, created_at_ms,
        updated_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, 'queued', ?6, ?6, ?6) ON CONFLICT (id) DO NOTHING";
    let Series { model: ModelRef { provider, model_id }, profile_id, vantage } = series;
    let values = params![id, provider, model_id, profile_id, vantage, now.timestamp_millis()];
    transaction.prepare_cached(insert)?.execute(values)?;
    let select = format!("SELECT {COLUMNS} FROM jobs WHERE id = ?");
    transaction.prepare_cached(&select)?.query_row([id], read)
}

fn is_enabled(transaction: &Transaction<'_>, model: &ModelRef) -> rusqlite::Result<bool> {
    let sql = "SELECT enabled AND NOT deprecated FROM models WHERE provider = ? AND model_id = ?";
    let found = transaction
        .prepare_cached(sql)?
        .query_row([&model.provider, model.served_id()], |row| row.get(0))
        .optional()?;
    Ok(found.unwrap_or(false))
}

fn grant(
    transaction: &Transaction<'_>,
    id: &str,
    job: &JobState,
    claim: &SlotClaim,
    now: DateTime<Utc>,
) -> rusqlite::Result<Grant> {
    let same_slot = job.slot_at == Some(claim.slot.starts_at);
    let grant = Grant {
        slot: claim.slot.clone(),
        owner: claim.owner.clone(),
        epoch: job.epoch + 1,
        lease_id: Ulid::generate().to_string(),
        attempt: if same_slot { job.slot_attempts + 1 } else { 1 },
        expires_at: now + claim.ttl,
    };
    let sql =
        "UPDATE jobs SET status = 'running', slot_at_ms = :slot, slot_attempts = :attempt, epoch = :epoch,
            owner = :owner, lease_id = :lease, lease_expires_at_ms = :expires, started_at_ms = :now,
            updated_at_ms = :now, max_attempts = :max, deadline_seconds = :deadline WHERE id = :id";
    transaction.prepare_cached(sql)?.execute(named_params! {
        ":id": id,
        ":slot": claim.slot.starts_at.timestamp_millis(),
        ":attempt": grant.attempt,
        ":epoch": grant.epoch,
        ":owner": grant.owner,
        ":lease": grant.lease_id,
        ":expires": grant.expires_at.timestamp_millis(),
        ":now": now.timestamp_millis(),
        ":max": claim.max_attempts,
        ":deadline": claim.deadline_seconds,
    })?;
    Ok(grant)
}

/// The condition that a job is still held by this grant.
const HELD: &str =
    "id = :id AND owner = :owner AND epoch = :epoch AND lease_id = :lease AND status = 'running'";

pub fn renew(connection: &mut Connection, grant: &Grant, ttl: Duration) -> Result<bool, SqliteCallError> {
    let now = Utc::now();
    let sql = format!("UPDATE jobs SET lease_expires_at_ms = :expires, updated_at_ms = :now WHERE {HELD}");
    let changed = connection.prepare_cached(&sql)?.execute(named_params! {
        ":id": id(&grant.slot.series), ":owner": grant.owner, ":epoch": grant.epoch, ":lease": grant.lease_id,
        ":expires": (now + ttl).timestamp_millis(), ":now": now.timestamp_millis(),
    })?;
    Ok(changed == 1)
}

pub fn settle(
    connection: &mut Connection,
    grant: &Grant,
    ending: &JobOutcome,
) -> Result<bool, SqliteCallError> {
    let now = Utc::now().timestamp_millis();
    let (set, rest, kind, message) = match ending {
        JobOutcome::Success => (
            "status = 'success', last_success_at_ms = :now, failures = 0, finished_at_ms = :now",
            0,
            None,
            None,
        ),
        JobOutcome::Retry { after, kind, message } => (
            "status = 'queued', failures = failures + 1",
            rest_milliseconds(*after),
            Some(kind),
            Some(message),
        ),
        JobOutcome::GivenUp { kind, message } => (
            "status = 'dead_letter', failures = failures + 1, finished_at_ms = :now",
            0,
            Some(kind),
            Some(message),
        ),
    };
    let sql = format!(
        "UPDATE jobs SET {set}, not_before_ms = :until, error_kind = :kind, error_message = :message, owner = NULL,
            lease_id = NULL, lease_expires_at_ms = NULL, updated_at_ms = :now WHERE {HELD}"
    );
    let changed = connection.prepare_cached(&sql)?.execute(named_params! {
        ":id": id(&grant.slot.series), ":owner": grant.owner, ":epoch": grant.epoch, ":lease": grant.lease_id,
        ":now": now, ":until": now.saturating_add(rest), ":kind": kind, ":message": message.map(|text| shortened(text)),
    })?;
    Ok(changed == 1)
}

pub fn release(connection: &mut Connection, grant: &Grant) -> Result<bool, SqliteCallError> {
    let sql = format!(
        "UPDATE jobs SET status = 'queued', slot_attempts = slot_attempts - 1, owner = NULL, lease_id = NULL,
            lease_expires_at_ms = NULL, updated_at_ms = :now WHERE {HELD}"
    );
    let changed = connection.prepare_cached(&sql)?.execute(named_params! {
        ":id": id(&grant.slot.series), ":owner": grant.owner, ":epoch": grant.epoch, ":lease": grant.lease_id,
        ":now": Utc::now().timestamp_millis(),
    })?;
    Ok(changed == 1)
}

/// Cancels a model's waiting jobs, those of its pinned endpoints too: nothing may be paid for a disabled model. Returns
/// the number of queued jobs.
pub fn cancel(transaction: &Transaction<'_>, model: &ModelRef) -> rusqlite::Result<u64> {
    let sql = "UPDATE jobs SET status = 'cancelled', updated_at_ms = ?3,
        finished_at_ms = iif(status = 'queued', ?3, finished_at_ms)
        WHERE provider = ?1 AND (model_id = ?2 OR model_id >= ?5 AND model_id < ?6) AND status = ?4";
    let (from, to) = claims::pinned_ids(model);
    let now = Utc::now().timestamp_millis();
    let mut queued = 0;
    for status in [JobStatus::Queued, JobStatus::Success, JobStatus::DeadLetter] {
        let values = params![model.provider, model.model_id, now, status.as_str(), from, to];
        let changed = transaction.prepare_cached(sql)?.execute(values)?;
        queued += if status == JobStatus::Queued { changed as u64 } else { 0 };
    }
    Ok(queued)
}
