//! From a directory to a connection: the lock, a damaged file set aside, the connection as durability wants it, and what the
//! process before left behind.

use super::connection::{OutboxCallError, OutboxConnection, explain, limit_pages};
use super::directory::{OutboxDir, PreviousExit, unusable};
use super::types::{CallIntent, OpenReport, OutboxCapacity, OutboxError, Spend};
use super::{rows, schema};
use crate::domain::{Failure, FailureKind, FailureStage, Outcome, failure, slot};
use crate::storage::sqlite::library_version;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use rusqlite::{Connection, OpenFlags, Transaction};
use serde_json::json;
use std::path::Path;

/// Two payloads of the usual size fit into a page.
const PAGE_SIZE: u32 = 8192;

/// The log is written back at this size, 4 MiB: on a full disk it must fit into the ballast.
const LOG_PAGES: u32 = 512;

/// Memory for pages of the database, KiB: half of SQLite's default, for a process that mostly waits.
const CACHE: i64 = 1024;

/// An outbox of so many rows is looked at whole after a kill; of a longer one as many rows at each end. A daemon is not kept
/// from its work by how long it was without a store.
const LOOKED_AT: u64 = 10_000;

/// How long the spending of a day is remembered.
const SPEND_DAYS: i64 = 400;

/// Opens the outbox in `directory`.
///
/// # Errors
/// [`OutboxError`]: locked, unsuitable, or a disk that fails. Damage is no error: the file is set aside.
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
        // They stay what they are until a start can.
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

/// Keeps the damaged file under another name and starts with an empty one.
fn anew(
    place: &OutboxDir,
    capacity: &OutboxCapacity,
    now: DateTime<Utc>,
) -> Result<Connection, OutboxCallError> {
    place.set_aside(&stamp(now)).map_err(|error| io(place, &error))?;
    connect(place, capacity, IntegrityCheck::None)
}

/// What damaged files are named after.
fn stamp(now: DateTime<Utc>) -> String {
    now.format("%Y%m%dT%H%M%S%3fZ").to_string()
}

/// Sets aside what is left of a database that is empty or gone, and reads back what its log holds: all of it, where
/// nothing had been written back from there yet.
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
    // Set before the journal's mode, so that no shared memory is needed: a full disk has no room for one.
    setting(&connection, "locking_mode", "EXCLUSIVE")?;
    connection.pragma_update(None, "page_size", PAGE_SIZE)?;
    connection.pragma_update(None, "cache_size", -CACHE)?;
    setting(&connection, "journal_mode", "WAL")?;
    // In WAL mode only FULL syncs each commit.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
    // What a statement with triggers changes is copied first, page by page: to a file of its own, unless it is told.
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

/// Sets what SQLite may silently leave as it was.
fn setting(connection: &Connection, name: &str, wanted: &str) -> Result<(), OutboxCallError> {
    let is: String = connection.pragma_update_and_check(None, name, wanted, |row| row.get(0))?;
    if is.eq_ignore_ascii_case(wanted) {
        return Ok(());
    }
    let said = format!("the outbox cannot have {name}={wanted} here, only {is}: name another directory");
    Err(OutboxError::Unsuitable(said).into())
}

/// How much of the file is looked at before it is believed.
#[derive(Clone, Copy)]
enum IntegrityCheck {
    None,
    /// The tables that are searched, and of many rows those at the ends, where the process before was at work. Payloads are
    /// each held against their checksum when they are read; who meets damage later says so, and [`IntegrityCheck::All`] follows.
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

/// Looks at what is searched: small tables whole, rows as far as that takes no longer for more of them.
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

/// Has SQLite look at a table with its indexes, or at everything (`1`: up to the first fault).
fn sound(connection: &Connection, what: &str) -> rusqlite::Result<()> {
    let said: String = connection.query_row(&format!("PRAGMA quick_check({what})"), [], |row| row.get(0))?;
    if said == "ok" {
        return Ok(());
    }
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    Err(rusqlite::Error::SqliteFailure(code, Some(said)))
}

/// Turns the intents of dead processes into rows; what they reserved stays spent, because it may have been.
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

/// The row that tells of a call whose process died. It holds no figure: the measurement is gone.
fn interrupted(intent: &CallIntent) -> Outcome {
    let CallIntent { id, series, slot_at, at, stamps, .. } = intent;
    let message = "the measuring process ended during this call, so its measurement is gone; what the provider did is not \
        known, and the call counts as paid";
    let (provider, model) = (&series.model.provider, &series.model.model_id);
    let stage = FailureStage::Request;
    let normalized = failure::normalize(message);
    let mut extra = stamps.clone();
    for (name, value) in [
        ("run_ts", json!(at.to_rfc3339_opts(SecondsFormat::Millis, true))),
        ("benchmark_profile_id", json!(series.profile_id)),
        ("vantage", json!(series.vantage)),
        ("slot_at", json!(slot_at.map(slot::spelt))),
        ("intent_id", json!(id)),
    ] {
        extra.insert(name.to_owned(), value);
    }
    Outcome::Failure(Box::new(Failure {
        id: format!("interrupted-{id}"),
        provider: provider.clone(),
        model_name: model.clone(),
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
