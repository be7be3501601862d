//! The owner thread's database connection, with free space and ballast. Every change is one transaction that is on disk
//! before the reply, except confirmations and postponements, which may be lost. A full disk is handled by releasing
//! space; a disk error is permanent.

use super::directory::{OutboxDir, OutboxLock};
use super::types::{OutboxCapacity, OutboxDepth, OutboxError, OutboxRowState};
use super::{admin, rows};
use rusqlite::{Connection, ErrorCode, Transaction};
use std::time::{Duration, Instant};

/// An error on the owner thread.
#[derive(Debug, thiserror::Error)]
pub enum OutboxCallError {
    /// An error of SQLite.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// An error that already is an [`OutboxError`].
    #[error(transparent)]
    Said(#[from] OutboxError),
}

/// A write beyond a quota, and on some full disks, is reported as this I/O error (`SQLITE_IOERR_WRITE`).
const IOERR_WRITE: i32 = 778;

/// Pause before another attempt to write the ballast, after it found no room.
const BALLAST_PAUSE: Duration = Duration::from_secs(30);

/// Number of delivered rows that are deleted at once if room is short.
const MAKE_ROOM: u32 = 1_000;

/// Bytes by which the database may exceed its limit while rows are drained.
const SLACK: u64 = 1024 * 1024;

/// The connection, its directory and its limits.
pub struct OutboxConnection {
    connection: Connection,
    place: OutboxDir,
    capacity: OutboxCapacity,
    /// Distinguishes the intents of this process from those of dead processes.
    session: String,
    lock: OutboxLock,
    fatal: Option<OutboxError>,
    ballast: bool,
    ballast_tried: Option<Instant>,
}

impl OutboxConnection {
    /// Wraps an open database and writes the ballast.
    pub fn new(
        connection: Connection,
        place: OutboxDir,
        capacity: OutboxCapacity,
        session: String,
        lock: OutboxLock,
    ) -> Self {
        let ballast = place.has_ballast(capacity.ballast_bytes);
        let mut conn =
            Self { connection, place, capacity, session, lock, fatal: None, ballast, ballast_tried: None };
        conn.lay_ballast();
        conn
    }

    pub fn capacity(&self) -> OutboxCapacity {
        self.capacity
    }

    /// The id of this process's intents.
    pub fn session(&self) -> &str {
        &self.session
    }

    /// Runs `work` in a transaction and returns after its COMMIT. If there is no room, releases some and tries once
    /// more. After a disk error all further calls fail.
    ///
    /// # Errors
    /// [`OutboxError`]; then nothing of the work is stored.
    pub fn transact<T>(
        &mut self,
        work: impl Fn(&Transaction<'_>) -> Result<T, OutboxCallError>,
    ) -> Result<T, OutboxError> {
        self.must_be_believed()?;
        let mut done = self.attempt(&work);
        if let Err(OutboxCallError::Sqlite(error)) = &done
            && is_full(error)
        {
            let disk = error.sqlite_error().is_some_and(|error| error.extended_code == IOERR_WRITE);
            self.make_room(disk);
            done = self.attempt(&work);
        }
        done.map_err(|call_error| self.explain(call_error))
    }

    /// Like [`OutboxConnection::transact`], for work that releases space in the end. It may slightly exceed the
    /// outbox's limit: marking a row as delivered can take a page first, so a full outbox could
    /// otherwise never be emptied.
    ///
    /// # Errors
    /// As [`OutboxConnection::transact`].
    pub fn drain<T>(
        &mut self,
        work: impl Fn(&Transaction<'_>) -> Result<T, OutboxCallError>,
    ) -> Result<T, OutboxError> {
        self.must_be_believed()?;
        match self.attempt(&work) {
            Err(OutboxCallError::Sqlite(error)) if is_full(&error) => {}
            done => return done.map_err(|call_error| self.explain(call_error)),
        }
        let limit = |conn: &Self, more: u64| limit_pages(&conn.connection, conn.capacity.max_bytes + more);
        limit(self, SLACK).map_err(|error| self.explain(error.into()))?;
        let done = self.transact(work);
        limit(self, 0).map_err(|error| self.explain(error.into()))?;
        done
    }

    /// Like [`OutboxConnection::drain`], for work that a power failure may undo without harm: its COMMIT does not wait
    /// for the disk. The next synced commit writes it as well.
    ///
    /// # Errors
    /// As [`OutboxConnection::transact`].
    pub fn drain_unsynced<T>(
        &mut self,
        work: impl Fn(&Transaction<'_>) -> Result<T, OutboxCallError>,
    ) -> Result<T, OutboxError> {
        self.sync("NORMAL")?;
        let done = self.drain(work);
        self.sync("FULL")?;
        done
    }

    /// Sets SQLite's `synchronous` mode. If that fails, all further calls fail.
    fn sync(&mut self, when: &str) -> Result<(), OutboxError> {
        let said = self.connection.pragma_update(None, "synchronous", when);
        said.map_err(|error| {
            let said = self.explain(error.into());
            self.fatal.get_or_insert(said).clone()
        })
    }

    /// Fails if a permanent error has occurred.
    fn must_be_believed(&self) -> Result<(), OutboxError> {
        self.fatal.clone().map_or(Ok(()), Err)
    }

    fn attempt<T>(
        &mut self,
        work: impl Fn(&Transaction<'_>) -> Result<T, OutboxCallError>,
    ) -> Result<T, OutboxCallError> {
        let transaction = self.connection.transaction()?;
        let done = work(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }

    /// Fails if less than the low-water mark is left, which is reserved for results of running calls. Deletes delivered
    /// rows first to make room.
    ///
    /// # Errors
    /// [`OutboxError::Full`] if no room can be made.
    pub fn must_have_room(&mut self) -> Result<(), OutboxError> {
        self.lay_ballast();
        let Some(mut why) = self.short()? else { return Ok(()) };
        while admin::shrink(&mut self.connection, MAKE_ROOM).map_err(|call_error| self.explain(call_error))?
            > 0
        {
            self.lay_ballast();
            match self.short()? {
                None => return Ok(()),
                Some(still) => why = still,
            }
        }
        Err(OutboxError::Full { path: self.place.database(), why })
    }

    /// Fails if the ballast is released and half of its space is used: the rest is needed to mark rows as delivered,
    /// which accepted rows would otherwise make impossible.
    ///
    /// # Errors
    /// [`OutboxError::Full`] if only that rest is left.
    pub fn must_not_take_the_last(&mut self) -> Result<(), OutboxError> {
        let pages = self.pages().map_err(|error| self.explain(error.into()))?;
        if self.ballast || pages.free + self.place.disk_room() >= self.capacity.ballast_bytes / 2 {
            return Ok(());
        }
        let why = "the disk is full, and what is left is for rows that leave".to_owned();
        Err(OutboxError::Full { path: self.place.database(), why })
    }

    /// Describes the missing room, if any. Free pages inside the file count even if the disk is full.
    fn short(&mut self) -> Result<Option<String>, OutboxError> {
        if !self.ballast {
            let why = format!("the disk has no room for its ballast file: {}", self.needed());
            return Ok(Some(why));
        }
        let pages = self.pages().map_err(|error| self.explain(error.into()))?;
        let disk = self.place.disk_room();
        let room = pages.free + pages.growth.min(disk);
        if room >= self.capacity.low_water {
            return Ok(None);
        }
        let limit = if pages.growth <= disk { "its own limit is reached" } else { "the disk is full" };
        Ok(Some(format!("{limit}: {}", self.needed())))
    }

    /// Describes the available and the required room.
    fn needed(&self) -> String {
        let mib = |bytes: u64| bytes / (1024 * 1024);
        let OutboxCapacity { ballast_bytes, low_water, .. } = self.capacity;
        format!(
            "{} MiB are free there, and {} MiB are needed ({} for the ballast file, {} for rows)",
            mib(self.place.disk_room()),
            mib(ballast_bytes + low_water),
            mib(ballast_bytes),
            mib(low_water)
        )
    }

    fn pages(&self) -> rusqlite::Result<FreeSpace> {
        let ask = |name: &str| {
            self.connection.pragma_query_value(None, name, |row| Ok(rows::unsigned(row.get(0)?)))
        };
        let size = ask("page_size")?;
        let growth = ask("max_page_count")?.saturating_sub(ask("page_count")?);
        Ok(FreeSpace { free: ask("freelist_count")? * size, growth: growth * size })
    }

    /// Reports the fill level. Also restores the ballast if there is room again, so it is called regularly.
    ///
    /// # Errors
    /// [`OutboxError`] of the transaction.
    pub fn depth(&mut self) -> Result<OutboxDepth, OutboxError> {
        self.lay_ballast();
        let (tally, oldest_at) =
            self.transact(|transaction| Ok((rows::tally(transaction)?, rows::oldest(transaction)?)))?;
        let count =
            |state: OutboxRowState| tally.iter().find(|(of, _)| *of == state).map_or(0, |(_, rows)| *rows);
        Ok(OutboxDepth {
            pending: count(OutboxRowState::Pending),
            quarantined: count(OutboxRowState::Quarantined),
            delivered: count(OutboxRowState::Delivered),
            oldest_at,
            bytes: self.place.bytes(),
            full: self.short()?.is_some(),
            damaged: self.place.damaged().len() as u64,
        })
    }

    /// Releases the ballast and deletes delivered rows.
    fn make_room(&mut self, write_failed: bool) {
        if write_failed || self.place.disk_room() < self.capacity.low_water {
            self.place.drop_ballast();
            self.ballast = self.capacity.ballast_bytes == 0;
            self.ballast_tried = Some(Instant::now());
        }
        // If this fails, too, the retried work returns the error.
        drop(admin::shrink(&mut self.connection, MAKE_ROOM));
    }

    /// Writes the ballast if the low-water mark remains free beside it, on the disk or inside the file.
    fn lay_ballast(&mut self) {
        let rested = self.ballast_tried.is_none_or(|at| at.elapsed() >= BALLAST_PAUSE);
        if self.ballast || !rested {
            return;
        }
        let bytes = self.capacity.ballast_bytes;
        let free = self.pages().map_or(0, |pages| pages.free);
        let beside = self.capacity.low_water.saturating_sub(free);
        if self.place.disk_room() >= bytes.saturating_add(beside) {
            self.ballast_tried = Some(Instant::now());
            self.ballast = self.place.lay_ballast(bytes).is_ok();
        }
    }

    fn explain(&mut self, call_error: OutboxCallError) -> OutboxError {
        let said = explain(call_error, &self.place);
        if said.is_fatal() {
            if matches!(said, OutboxError::Damaged { .. }) {
                self.lock.met_damage();
            }
            self.fatal = Some(said.clone());
        }
        said
    }

    /// Closes the database, and records that in the lock file.
    ///
    /// # Errors
    /// [`OutboxError::Io`]; acknowledged changes are on disk nevertheless.
    pub fn close(self) -> Result<(), OutboxError> {
        let Self { connection, place, lock, fatal, .. } = self;
        if let Some(fatal) = fatal {
            return Err(fatal);
        }
        connection.close().map_err(|(_, error)| explain(error.into(), &place))?;
        lock.closed_well();
        Ok(())
    }
}

/// Limits the size of the database. SQLite applies this to the connection only, so every opening sets it again.
pub fn limit_pages(connection: &Connection, bytes: u64) -> rusqlite::Result<()> {
    let size: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let pages = i64::try_from(bytes).unwrap_or(i64::MAX) / size.max(1);
    connection.pragma_update_and_check(None, "max_page_count", pages.max(1), |_| Ok(()))
}

/// Bytes that the database can still take.
struct FreeSpace {
    free: u64,
    growth: u64,
}

fn is_full(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error();
    code.is_some_and(|code| code.code == ErrorCode::DiskFull || code.extended_code == IOERR_WRITE)
}

/// Converts an error into an [`OutboxError`]. Codes: <https://sqlite.org/rescode.html>
pub fn explain(call_error: OutboxCallError, place: &OutboxDir) -> OutboxError {
    let error = match call_error {
        OutboxCallError::Said(error) => return error,
        OutboxCallError::Sqlite(error) => error,
    };
    let (path, why) = (place.database(), error.to_string());
    match error.sqlite_error_code() {
        _ if is_full(&error) => OutboxError::Full { path, why },
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => OutboxError::Damaged { path, why },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OutboxError::Locked { path, pid: None },
        Some(ErrorCode::TooBig | ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch) => {
            OutboxError::Refused(why)
        }
        // The error is not SQLite's: a value does not have the requested type.
        None => OutboxError::Refused(why),
        _ => OutboxError::Io { path, why },
    }
}
