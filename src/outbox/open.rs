//! Opens the outbox in a directory: takes the lock, sets a damaged file aside, configures the connection for
//! durability, and handles the previous process's open intents.

use super::connection::{OutboxCallError, OutboxConnection, explain, limit_pages};
use super::directory::{OutboxDir, PreviousExit, unusable};
use super::types::{CallIntent, OpenReport, OutboxCapacity, OutboxError, Spend};
use super::{rows, schema};
use crate::domain::{Failure, FailureKind, FailureStage, Outcome, failure, slot};
use crate::storage::sqlite::library_version;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use rusqlite::{Connection, OpenFlags, Transaction};
use serde_json::{Map, json};
use std::path::Path;

/// Two payloads of the usual size fit into a page.
const PAGE_SIZE: u32 = 8192;

/// The log is written back at this size, 4 MiB: on a full disk it must fit into the ballast.
const LOG_PAGES: u32 = 512;

/// Page cache in KiB: half of SQLite's default, because the process mostly waits.
const CACHE: i64 = 1024;

/// Number of rows up to which an outbox is checked as a whole after a kill; of a longer one this many rows at each end
/// are checked. So a long backlog does not delay the daemon's start.
const LOOKED_AT: u64 = 10_000;

/// Days for which daily spending is remembered.
const SPEND_DAYS: i64 = 400;

/// Opens the outbox in `directory`.
///
/// # Errors
/// [`OutboxError`]: locked, unsuitable, or a failing disk. A damaged file is set aside without an error.
pub fn open(
    directory: &Path,
    capacity: OutboxCapacity,
) -> Result<(OutboxConnection, OpenReport), OutboxError> {
    library_version::check().map_err(OutboxError::Unsuitable)?;
    let place = OutboxDir::prepare(directory)?;
    let (mut lock, left) = place.lock()?;
    // On a full disk the database could not even be opened.
    if place.disk_room() < capacity.low_water {
        place.drop_ballast();
    }
    let now = Utc::now();
    let mut notes = place.notes();
    let connection = match left {
        PreviousExit::Lost => recovered(&place, &capacity, now, &mut notes),
        left => match connect(&place, &capacity, IntegrityCheck::after(left)) {
            Err(OutboxCallError::Sqlite(error)) if is_damage(&error) => anew(&place, &capacity, now),
            connected => connected,
        },
    };
    let connection = connection.map_err(|call_error| explain(call_error, &place))?;
    lock.opened();
    let mut opening = OpenReport {
        unclean: left != PreviousExit::Closed,
        damaged: place.damaged(),
        notes,
        interrupted: Vec::new(),
    };
    let session = ulid::Ulid::generate().to_string();
    let mut conn = OutboxConnection::new(connection, place, capacity, session.clone(), lock);
    match conn.transact(|transaction| settle_the_dead(transaction, &session, now)) {
        Ok(interrupted) => opening.interrupted = interrupted,
        Err(error) if error.is_fatal() => return Err(error),
        // The intents stay until a later start can settle them.
        Err(error) => {
            opening.notes.push(format!("rows of interrupted calls wait for the next start: {error}"))
        }
    }
    Ok((conn, opening))
}

fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
}

/// Sets the damaged file aside and starts with an empty one.
fn anew(
    place: &OutboxDir,
    capacity: &OutboxCapacity,
    now: DateTime<Utc>,
) -> Result<Connection, OutboxCallError> {
    place.set_aside(&stamp(now)).map_err(|error| io(place, &error))?;
    connect(place, capacity, IntegrityCheck::None)
}

/// The timestamp in the names of damaged files.
fn stamp(now: DateTime<Utc>) -> String {
    now.format("%Y%m%dT%H%M%S%3fZ").to_string()
}

/// Sets aside the rest of a database that is empty or gone, and recovers rows from its log: all of them, if the log
/// was never written back.
fn recovered(
    place: &OutboxDir,
    capacity: &OutboxCapacity,
    now: DateTime<Utc>,
    notes: &mut Vec<String>,
) -> Result<Connection, OutboxCallError> {
    let stamp = stamp(now);
    let failed = |error: std::io::Error| io(place, &error);
    place.set_aside(&stamp).map_err(failed)?;
    let found = place.bring_log_back(&stamp, PAGE_SIZE).map_err(failed)?;
    let read = if found { connect(place, capacity, IntegrityCheck::All).ok() } else { None };
    let (connection, rows) = match read {
        Some(connection) => {
            let rows = connection.query_row("SELECT count(*) FROM items", [], |row| row.get::<_, i64>(0))?;
            (connection, rows)
        }
        None => {
            place.remove().map_err(failed)?;
            (connect(place, capacity, IntegrityCheck::None)?, 0)
        }
    };
    let database = place.database();
    notes.push(format!(
        "{} is empty or gone, and there was one: {rows} rows were read back from its log, others may be lost",
        database.display()
    ));
    Ok(connection)
}

fn io(place: &OutboxDir, error: &std::io::Error) -> OutboxError {
    unusable(&place.database(), error)
}

fn connect(
    place: &OutboxDir,
    capacity: &OutboxCapacity,
    check: IntegrityCheck,
) -> Result<Connection, OutboxCallError> {
    place.touch_database().map_err(|error| io(place, &error))?;
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut connection = Connection::open_with_flags(place.database(), flags)?;
    // Set before the journal mode, so that SQLite needs no shared memory: a full disk has no room for it.
    setting(&connection, "locking_mode", "EXCLUSIVE")?;
    connection.pragma_update(None, "page_size", PAGE_SIZE)?;
    connection.pragma_update(None, "cache_size", -CACHE)?;
    setting(&connection, "journal_mode", "WAL")?;
    // In WAL mode only FULL syncs each commit.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
    // Statements with triggers first copy the pages that they change; by default into a temporary file.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    limit_pages(&connection, capacity.max_bytes)?;
    let is_new: bool =
        connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))?;
    match check {
        IntegrityCheck::Searched if !is_new => searched(&connection)?,
        IntegrityCheck::All => sound(&connection, "1")?,
        IntegrityCheck::None | IntegrityCheck::Searched => {}
    }
    schema::migrate(&mut connection)?;
    Ok(connection)
}

/// Sets a pragma that SQLite may silently ignore, and checks the result.
fn setting(connection: &Connection, name: &str, wanted: &str) -> Result<(), OutboxCallError> {
    let is: String = connection.pragma_update_and_check(None, name, wanted, |row| row.get(0))?;
    if is.eq_ignore_ascii_case(wanted) {
        return Ok(());
    }
    let said = format!("the outbox cannot have {name}={wanted} here, only {is}: name another directory");
    Err(OutboxError::Unsuitable(said).into())
}

/// The extent of the check of a file before its use.
#[derive(Clone, Copy)]
enum IntegrityCheck {
    None,
    /// The searched tables, and of many rows those at the ends, which changed last. Payloads are checked by checksum
    /// when they are read; damage found later is recorded and leads to [`IntegrityCheck::All`].
    Searched,
    All,
}

impl IntegrityCheck {
    fn after(left: PreviousExit) -> Self {
        match left {
            PreviousExit::Closed => IntegrityCheck::None,
            PreviousExit::Open => IntegrityCheck::Searched,
            PreviousExit::Damaged | PreviousExit::Lost => IntegrityCheck::All,
        }
    }
}

/// Checks the searched tables: small ones as a whole, rows up to a number that bounds the time.
fn searched(connection: &Connection) -> Result<(), OutboxCallError> {
    schema::SMALL.iter().try_for_each(|table| sound(connection, table))?;
    let rows = connection.query_row("SELECT coalesce(sum(rows), 0) FROM tally", [], |row| row.get(0))?;
    if rows::unsigned(rows) <= LOOKED_AT {
        return Ok(sound(connection, "items")?);
    }
    for end in schema::ENDS {
        let mut statement = connection.prepare(end)?;
        let mut found = statement.query([i64::try_from(LOOKED_AT).unwrap_or(i64::MAX)])?;
        while found.next()?.is_some() {}
    }
    Ok(())
}

/// Runs SQLite's check on a table with its indexes, or on everything (`1`: up to the first fault).
fn sound(connection: &Connection, what: &str) -> rusqlite::Result<()> {
    let said: String = connection.query_row(&format!("PRAGMA quick_check({what})"), [], |row| row.get(0))?;
    if said == "ok" {
        return Ok(());
    }
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    Err(rusqlite::Error::SqliteFailure(code, Some(said)))
}

/// Turns the intents of dead processes into rows. Their reserves stay spent, because the calls may have been billed.
fn settle_the_dead(
    transaction: &Transaction<'_>,
    session: &str,
    now: DateTime<Utc>,
) -> Result<Vec<CallIntent>, OutboxCallError> {
    let dead = rows::intents(transaction, session, false)?;
    for intent in &dead {
        let row = rows::pack(&interrupted(intent));
        let spent: Spend = intent.reserve;
        rows::accept(transaction, &intent.id, &[row], spent, now)?;
    }
    let oldest = (now - TimeDelta::days(SPEND_DAYS)).date_naive().to_string();
    transaction.execute("DELETE FROM spend WHERE day < ?", [oldest])?;
    Ok(dead)
}

/// The failure row for a call whose process died. It has no figures, because the measurement is lost.
fn interrupted(intent: &CallIntent) -> Outcome {
    let CallIntent { id, series, slot_at, at, stamps, .. } = intent;
    let message = "the measuring process ended during this call, so its measurement is gone; what the provider did is not \
        known, and the call counts as paid";
    let (provider, model) = (&series.model.provider, series.model.served_id());
    let stage = FailureStage::Request;
    let normalized = failure::normalize(message);
    let mut extra = Map::new();
    for (name, value) in [
        ("run_ts", json!(at.to_rfc3339_opts(SecondsFormat::Millis, true))),
        ("benchmark_profile_id", json!(series.profile_id)),
        ("vantage", json!(series.vantage)),
        ("slot_at", json!(slot_at.map(slot::spelt))),
        ("route_endpoint_tag", json!(series.model.endpoint_tag())),
        ("intent_id", json!(id)),
    ] {
        extra.insert(name.to_owned(), value);
    }
    // The endpoint among them is the request's own; intents of older versions have none.
    extra.extend(stamps.clone());
    Outcome::Failure(Box::new(Failure {
        id: format!("interrupted-{id}"),
        provider: provider.clone(),
        model_name: model.to_owned(),
        ts: *at,
        stage,
        message: message.to_owned(),
        error_kind: FailureKind::Interrupted,
        http_status: None,
        provider_error_code: None,
        fingerprint: failure::fingerprint(provider, model, stage, FailureKind::Interrupted, &normalized),
        normalized_message: normalized,
        traceback: None,
        extra,
    }))
}
