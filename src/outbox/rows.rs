//! Operations on intents and rows, each a part of a transaction. `connection` runs the transactions and handles errors.

use super::connection::OutboxCallError;
use super::types::{CallIntent, OutboxKey, OutboxRowState, QueuePosition, QueuedRow, SetAsideRow, Spend};
use crate::domain::{ModelRef, Outcome, Series};
use crate::storage::outcomes::payload;
use crate::storage::outcomes::payload::{OutcomeKind, OutcomePayload};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use rusqlite::{OptionalExtension, Row, Transaction, params};
use std::collections::BTreeMap;

/// Version of the payload's format.
const FORMAT: i64 = 1;

/// No row is postponed further than this: a later time was written by a clock that has been set back since.
const FURTHEST: TimeDelta = TimeDelta::minutes(10);

/// An outcome as it is stored.
#[derive(Debug, Clone)]
pub struct PackedOutcome {
    id: String,
    kind: OutcomeKind,
    provider: String,
    model: String,
    measured_at: DateTime<Utc>,
    sha256: String,
    body: String,
    /// Reason why the body is not the complete outcome, if it is not.
    flaw: Option<String>,
}

impl PackedOutcome {
    /// The report about an outcome that no store will get.
    pub fn set_aside(&self) -> Option<SetAsideRow> {
        self.flaw.clone().map(|why| SetAsideRow { id: self.id.clone(), why })
    }
}

/// Prepares an outcome for storage. One that JSON cannot represent is set aside with the fields that JSON can.
pub fn pack(outcome: &Outcome) -> PackedOutcome {
    let (kind, body, flaw) = match payload::write(outcome) {
        Ok((kind, body)) => (kind, body, None),
        Err(why) => {
            let (kind, body) = payload::write_what_fits(outcome);
            (kind, body, Some(why))
        }
    };
    let (provider, model, measured_at) = match outcome {
        Outcome::Success(run) => (&run.provider, &run.model_name, run.run_ts),
        Outcome::Failure(failure) => (&failure.provider, &failure.model_name, failure.ts),
    };
    PackedOutcome {
        id: outcome.id().to_owned(),
        kind,
        provider: provider.clone(),
        model: model.clone(),
        measured_at,
        sha256: checksum(kind, &body),
        body,
        flaw,
    }
}

fn checksum(kind: OutcomeKind, body: &str) -> String {
    payload::sha256_of(&[kind.as_str(), "\n", body])
}

/// Stores an intent and reserves its maximum cost. Repeating the same id has no effect.
pub fn intend(
    transaction: &Transaction<'_>,
    session: &str,
    intent: &CallIntent,
) -> Result<(), OutboxCallError> {
    let CallIntent { id, series, slot_at, at, reserve, stamps } = intent;
    let sql = "INSERT OR IGNORE INTO intents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let inserted = transaction.prepare_cached(sql)?.execute(params![
        id,
        session,
        series.model.provider,
        series.model.model_id,
        series.profile_id,
        series.vantage,
        slot_at.map(|at| at.timestamp_millis()),
        at.timestamp_millis(),
        signed(reserve.runs),
        signed(reserve.tokens),
        signed(reserve.micro_dollars),
        serde_json::json!(stamps).to_string(),
    ])?;
    if inserted > 0 {
        pay(transaction, at.date_naive(), &series.model.provider, *reserve, Spend::default())?;
    }
    Ok(())
}

/// Stores outcomes and settles their intent.
pub fn accept(
    transaction: &Transaction<'_>,
    intent: &str,
    outcomes: &[PackedOutcome],
    spent: Spend,
    now: DateTime<Utc>,
) -> Result<(), OutboxCallError> {
    for outcome in outcomes {
        keep(transaction, outcome, now)?;
    }
    let sql = "DELETE FROM intents WHERE id = ? RETURNING at_ms, provider, runs, tokens, micro_dollars";
    let mut statement = transaction.prepare_cached(sql)?;
    let settled = statement.query_row([intent], |row| {
        let reserve = Spend {
            runs: unsigned(row.get(2)?),
            tokens: unsigned(row.get(3)?),
            micro_dollars: unsigned(row.get(4)?),
        };
        Ok((moment(row.get(0)?), row.get::<_, String>(1)?, reserve))
    });
    match settled.optional()? {
        Some((at, provider, reserve)) => pay(transaction, at.date_naive(), &provider, spent, reserve),
        // It was settled before: a reply was lost and the call repeated.
        None => Ok(()),
    }
}

/// Stores the same content under the same id only once; other content is another row, which the store will judge.
fn keep(
    transaction: &Transaction<'_>,
    packed: &PackedOutcome,
    now: DateTime<Utc>,
) -> Result<(), OutboxCallError> {
    let PackedOutcome { id, kind, provider, model, measured_at, sha256, body, flaw } = packed;
    let state = if flaw.is_some() { OutboxRowState::Quarantined } else { OutboxRowState::Pending };
    let sql = "INSERT INTO items
        (id, sha256, kind, provider, model, measured_at_ms, accepted_at_ms, bytes, state, next_at_ms, error)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?7, ?10)
        ON CONFLICT DO NOTHING RETURNING seq";
    let inserted: Option<i64> = transaction
        .prepare_cached(sql)?
        .query_row(
            params![
                id,
                sha256,
                kind.as_str(),
                provider,
                model,
                measured_at.timestamp_millis(),
                now.timestamp_millis(),
                body.len() as i64,
                state.as_str(),
                flaw,
            ],
            |row| row.get(0),
        )
        .optional()?;
    if let Some(seq) = inserted {
        let sql = "INSERT INTO payloads VALUES (?, ?, ?)";
        transaction.prepare_cached(sql)?.execute(params![seq, FORMAT, body.as_bytes()])?;
    }
    Ok(())
}

/// Adds to a provider's spending on a day. Not in SQL, where a sum beyond 64 bits becomes a real number, which the
/// column refuses; and a provider may report any number.
fn pay(
    transaction: &Transaction<'_>,
    day: NaiveDate,
    provider: &str,
    more: Spend,
    less: Spend,
) -> Result<(), OutboxCallError> {
    let before = spent(transaction, day)?.remove(provider).unwrap_or_default();
    let Spend { runs, tokens, micro_dollars } = before.plus(more).minus(less);
    let sql = "INSERT OR REPLACE INTO spend VALUES (?, ?, ?, ?, ?)";
    transaction.prepare_cached(sql)?.execute(params![
        day.to_string(),
        provider,
        signed(runs),
        signed(tokens),
        signed(micro_dollars),
    ])?;
    Ok(())
}

/// Spending at each provider on a day, including reserves.
pub fn spent(
    transaction: &Transaction<'_>,
    day: NaiveDate,
) -> Result<BTreeMap<String, Spend>, OutboxCallError> {
    let sql = "SELECT provider, runs, tokens, micro_dollars FROM spend WHERE day = ?";
    let mut statement = transaction.prepare_cached(sql)?;
    let rows = statement.query_map([day.to_string()], |row| {
        let spend = Spend {
            runs: unsigned(row.get(1)?),
            tokens: unsigned(row.get(2)?),
            micro_dollars: unsigned(row.get(3)?),
        };
        Ok((row.get(0)?, spend))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The intents of one session, or of all others.
pub fn intents(
    transaction: &Transaction<'_>,
    session: &str,
    own: bool,
) -> Result<Vec<CallIntent>, OutboxCallError> {
    let sql =
        "SELECT id, provider, model, profile_id, vantage, slot_at_ms, at_ms, runs, tokens, micro_dollars,
        stamps FROM intents WHERE (session = ?) = ? ORDER BY at_ms, id";
    let mut statement = transaction.prepare_cached(sql)?;
    let rows = statement.query_map(params![session, own], |row| {
        let stamps: String = row.get(10)?;
        Ok(CallIntent {
            id: row.get(0)?,
            series: Series {
                model: ModelRef { provider: row.get(1)?, model_id: row.get(2)? },
                profile_id: row.get(3)?,
                vantage: row.get(4)?,
            },
            slot_at: row.get::<_, Option<i64>>(5)?.map(moment),
            at: moment(row.get(6)?),
            reserve: Spend {
                runs: unsigned(row.get(7)?),
                tokens: unsigned(row.get(8)?),
                micro_dollars: unsigned(row.get(9)?),
            },
            stamps: serde_json::from_str(&stamps).unwrap_or_default(),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The due rows, the longest waiting first, from the first one or behind a position. Rows with a
/// damaged payload are quarantined.
pub fn due(
    transaction: &Transaction<'_>,
    now: DateTime<Utc>,
    behind: Option<QueuePosition>,
    max_items: u32,
    max_bytes: u64,
) -> Result<Vec<QueuedRow>, OutboxCallError> {
    let sql = "SELECT i.seq, i.kind, i.sha256, i.attempts, i.measured_at_ms, p.format, p.body, i.next_at_ms,
            i.id, i.provider
        FROM items i LEFT JOIN payloads p USING (seq)
        WHERE i.state = 'pending' AND (i.next_at_ms, i.seq) > (?4, ?5)
            AND (i.next_at_ms <= ?1 OR i.next_at_ms > ?2)
        ORDER BY i.next_at_ms, i.seq LIMIT ?3";
    let mut statement = transaction.prepare_cached(sql)?;
    let (now, furthest) = (now.timestamp_millis(), (now + FURTHEST).timestamp_millis());
    let QueuePosition { next_at_ms, key } =
        behind.unwrap_or(QueuePosition { next_at_ms: i64::MIN, key: OutboxKey(i64::MIN) });
    let mut found = statement.query(params![now, furthest, max_items, next_at_ms, key.0])?;
    let (mut queued_rows, mut spoiled, mut bytes) = (Vec::new(), Vec::new(), 0);
    while let Some(row) = found.next()? {
        match unpack(row)? {
            Ok(queued) => {
                bytes += queued.bytes;
                if bytes > max_bytes && !queued_rows.is_empty() {
                    break;
                }
                queued_rows.push(queued);
            }
            Err(spoil) => spoiled.push(spoil),
        }
    }
    for (key, why) in spoiled {
        quarantine(transaction, key, &why)?;
    }
    Ok(queued_rows)
}

fn unpack(row: &Row<'_>) -> Result<Result<QueuedRow, (OutboxKey, String)>, rusqlite::Error> {
    let (key, kind, sha256): (_, String, String) = (OutboxKey(row.get(0)?), row.get(1)?, row.get(2)?);
    let (format, body): (Option<i64>, Option<Vec<u8>>) = (row.get(5)?, row.get(6)?);
    let (attempts, measured_at) = (row.get(3)?, moment(row.get(4)?));
    let turn = QueuePosition { next_at_ms: row.get(7)?, key };
    Ok(match open(&kind, &sha256, format, body) {
        Ok((payload, bytes)) => {
            let (id, provider) = (row.get(8)?, row.get(9)?);
            Ok(QueuedRow { key, id, provider, payload, bytes, attempts, measured_at, turn })
        }
        Err(why) => Err((key, why)),
    })
}

/// Reads a payload, or describes its damage.
pub fn open(
    kind: &str,
    sha256: &str,
    format: Option<i64>,
    body: Option<Vec<u8>>,
) -> Result<(OutcomePayload, u64), String> {
    let kind = OutcomeKind::named(kind).ok_or_else(|| format!("its kind `{kind}` is not known"))?;
    let body = body.ok_or("its payload is gone")?;
    if format != Some(FORMAT) {
        return Err(format!("its format is {}, and this program knows {FORMAT}", format.unwrap_or_default()));
    }
    let body = String::from_utf8(body).map_err(|_| "its payload is no text")?;
    if checksum(kind, &body) != sha256 {
        return Err("its checksum is wrong".to_owned());
    }
    let bytes = body.len() as u64;
    Ok((OutcomePayload { kind, json: body }, bytes))
}

/// Marks rows as confirmed by the store. Returns the number that were not confirmed before.
pub fn confirm(
    transaction: &Transaction<'_>,
    keys: &[OutboxKey],
    now: DateTime<Utc>,
) -> Result<usize, OutboxCallError> {
    let sql = "UPDATE items SET state = 'delivered', delivered_at_ms = ?, error = NULL
        WHERE seq = ? AND state <> 'delivered'";
    let mut statement = transaction.prepare_cached(sql)?;
    let mut changed = 0;
    for OutboxKey(seq) in keys {
        changed += statement.execute(params![now.timestamp_millis(), seq])?;
    }
    Ok(changed)
}

/// Postpones rows that the store did not take.
pub fn postpone(
    transaction: &Transaction<'_>,
    keys: &[OutboxKey],
    next_at: DateTime<Utc>,
    error: &str,
) -> Result<(), OutboxCallError> {
    let sql = "UPDATE items SET attempts = attempts + 1, next_at_ms = ?, error = ?
        WHERE seq = ? AND state = 'pending'";
    let mut statement = transaction.prepare_cached(sql)?;
    for OutboxKey(seq) in keys {
        statement.execute(params![next_at.timestamp_millis(), error, seq])?;
    }
    Ok(())
}

/// Makes all postponed rows due.
pub fn hasten(transaction: &Transaction<'_>, now: DateTime<Utc>) -> Result<(), OutboxCallError> {
    let sql = "UPDATE items SET next_at_ms = ?1 WHERE state = 'pending' AND next_at_ms > ?1";
    transaction.prepare_cached(sql)?.execute([now.timestamp_millis()])?;
    Ok(())
}

/// Sets a row aside with the reason.
pub fn quarantine(transaction: &Transaction<'_>, key: OutboxKey, why: &str) -> Result<(), OutboxCallError> {
    let sql = "UPDATE items SET state = 'quarantined', attempts = attempts + 1, error = ?
        WHERE seq = ? AND state = 'pending'";
    transaction.prepare_cached(sql)?.execute(params![why, key.0])?;
    Ok(())
}

/// Number of rows in each state.
pub fn tally(transaction: &Transaction<'_>) -> Result<Vec<(OutboxRowState, u64)>, OutboxCallError> {
    let mut statement = transaction.prepare_cached("SELECT rows FROM tally WHERE state = ?")?;
    let count = |state: OutboxRowState| -> Result<_, OutboxCallError> {
        Ok((state, statement.query_row([state.as_str()], |row| Ok(unsigned(row.get(0)?)))?))
    };
    OutboxRowState::ALL.into_iter().map(count).collect()
}

/// Time of measurement of the oldest waiting row.
pub fn oldest(transaction: &Transaction<'_>) -> Result<Option<DateTime<Utc>>, OutboxCallError> {
    let sql = "SELECT min(measured_at_ms) FROM items WHERE state = 'pending'";
    let found: Option<i64> = transaction.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    Ok(found.map(moment))
}

/// A time from its milliseconds. SQLite can hold values beyond the calendar, which become 1970.
pub fn moment(milliseconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(milliseconds).unwrap_or_default()
}

/// A count from SQLite, which has no unsigned integers; none is below 0.
pub fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
