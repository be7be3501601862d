//! Stores rows on disk until the store has confirmed them. Acknowledged rows survive the process's death, and none is
//! deleted before delivery; without room, no paid call is started. One thread owns the file; other processes use
//! [`control_socket`]. [`Outbox::intend`] precedes a call, [`Outbox::accept`] takes its outcome; [`sender`] delivers
//! with [`Outbox::due`], then calls [`Outbox::confirm`], [`Outbox::postpone`] or [`Outbox::quarantine`].

mod admin;
mod connection;
pub mod control_socket;
mod directory;
mod open;
mod rows;
mod schema;
pub mod sender;
mod store_calls;
#[cfg(test)]
mod tests;
mod types;
pub mod undelivered;

pub use types::{
    CallIntent, OpenReport, OutboxCapacity, OutboxDepth, OutboxError, OutboxKey, OutboxRowState,
    OutboxRowSummary, QueuePosition, QueuedRow, RowDocument, SetAsideRow, Spend,
};

use crate::domain::{Outcome, Window};
use crate::storage::sqlite::worker::{Worker, WorkerGone};
use chrono::{DateTime, NaiveDate, Utc};
use connection::OutboxConnection;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::Notify;

/// How many jobs may wait before callers wait themselves.
const QUEUE: usize = 256;

/// A handle to the outbox; clones share it. Every call returns after the change is on disk, except [`Outbox::confirm`]
/// and [`Outbox::postpone`], which a power failure may undo: rows are then sent again, or earlier.
#[derive(Clone)]
pub struct Outbox {
    worker: Worker<OutboxConnection>,
    database: Arc<Path>,
    work: Arc<Notify>,
}

impl Outbox {
    /// Opens the outbox in `directory` (`STATE_DIR/outbox`); creates it if it is missing. A damaged database is set
    /// aside under another name, and intents of a dead process become `interrupted` failure rows.
    /// The [`OpenReport`] lists both.
    ///
    /// # Errors
    /// [`OutboxError::Locked`] if another process has it open, [`OutboxError::Unsuitable`] if the directory cannot hold
    /// an outbox, [`OutboxError::Io`] if the disk fails, [`OutboxError::Full`] if there is not even room to open it.
    pub async fn open(directory: &Path, capacity: OutboxCapacity) -> Result<(Self, OpenReport), OutboxError> {
        let database: Arc<Path> = directory.join("outbox.db").into();
        let of_thread = directory.to_owned();
        // Where nobody is left, nobody could be told of an error of closing.
        let abandon = |conn: OutboxConnection| drop(conn.close());
        let started = Worker::start("outbox", QUEUE, move || open::open(&of_thread, capacity), abandon).await;
        let started = started
            .map_err(|error| OutboxError::Io { path: database.to_path_buf(), why: error.to_string() })?;
        let (worker, opening) = started?;
        Ok((Self { worker, database, work: Arc::new(Notify::new()) }, opening))
    }

    /// Has `work` done at the connection, after what was asked before.
    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut OutboxConnection) -> Result<T, OutboxError> + Send + 'static,
    ) -> Result<T, OutboxError> {
        self.worker.ask(work).await.map_err(|WorkerGone| self.gone())?
    }

    fn gone(&self) -> OutboxError {
        OutboxError::Io { path: self.database.to_path_buf(), why: "its thread has ended".to_owned() }
    }

    /// Records that a call is about to be made, and reserves its maximum cost. Repeating the same id has no effect.
    ///
    /// # Errors
    /// [`OutboxError::Full`] below the low-water mark: do not call. Permanent errors: [`OutboxError::is_fatal`].
    pub async fn intend(&self, intent: &CallIntent) -> Result<(), OutboxError> {
        let intent = intent.clone();
        let work = move |conn: &mut OutboxConnection| {
            conn.must_have_room()?;
            let session = conn.session().to_owned();
            conn.transact(|transaction| rows::intend(transaction, &session, &intent))
        };
        self.ask(work).await
    }

    /// Stores the outcomes of an intent, replaces its reserve by `spent`, and removes it, all in one transaction.
    /// Without outcomes the call was not made after all. A repeated call, after a lost reply, changes nothing.
    ///
    /// An outcome that JSON cannot represent (a NaN) is quarantined with its other fields; the result names these.
    ///
    /// # Errors
    /// [`OutboxError::Full`] without any room: keep the outcomes and try again. [`OutboxError::Refused`] if SQLite
    /// takes them in no form: the intent stays, and the next start makes a row of
    /// it. Permanent errors: [`OutboxError::is_fatal`].
    pub async fn accept(
        &self,
        intent_id: &str,
        outcomes: &[Outcome],
        spent: Spend,
    ) -> Result<Vec<SetAsideRow>, OutboxError> {
        let packed: Vec<_> = outcomes.iter().map(rows::pack).collect();
        let aside = packed.iter().filter_map(rows::PackedOutcome::set_aside).collect();
        let id = intent_id.to_owned();
        let now = Utc::now();
        let work = move |conn: &mut OutboxConnection| {
            if !packed.is_empty() {
                conn.must_not_take_the_last()?;
            }
            conn.transact(|transaction| rows::accept(transaction, &id, &packed, spent, now))
        };
        let done = self.ask(work).await;
        self.work.notify_one();
        done.map(|()| aside)
    }

    /// Up to `max_items` due rows, the longest waiting first, with at most `max_bytes` in total, but at least one row.
    /// They stay due: the caller tracks the rows that it is sending. Rows with a damaged payload are quarantined.
    ///
    /// # Errors
    /// Permanent errors only: [`OutboxError::is_fatal`].
    pub async fn due(
        &self,
        now: DateTime<Utc>,
        max_items: u32,
        max_bytes: u64,
    ) -> Result<Vec<QueuedRow>, OutboxError> {
        self.due_behind(None, now, max_items, max_bytes).await
    }

    /// Like [`Outbox::due`], starting behind a position in the queue, for callers that are sending the rows before it.
    ///
    /// # Errors
    /// Permanent errors only: [`OutboxError::is_fatal`].
    pub async fn due_behind(
        &self,
        turn: Option<QueuePosition>,
        now: DateTime<Utc>,
        max_items: u32,
        max_bytes: u64,
    ) -> Result<Vec<QueuedRow>, OutboxError> {
        let work = move |conn: &mut OutboxConnection| {
            conn.drain(|transaction| rows::due(transaction, now, turn, max_items, max_bytes))
        };
        self.ask(work).await
    }

    /// Marks rows as delivered. They stay in the archive for some days, as far as there is room. Returns the number of
    /// rows that were not confirmed before.
    ///
    /// # Errors
    /// Permanent errors only: [`OutboxError::is_fatal`]. It works on a full disk.
    pub async fn confirm(&self, keys: &[OutboxKey]) -> Result<usize, OutboxError> {
        let (keys, now) = (keys.to_vec(), Utc::now());
        let work = move |conn: &mut OutboxConnection| {
            let capacity = conn.capacity();
            conn.drain_unsynced(|transaction| {
                let changed = rows::confirm(transaction, &keys, now)?;
                admin::prune(transaction, &capacity, now)?;
                Ok(changed)
            })
        };
        self.ask(work).await
    }

    /// Defers rows that the store did not take: they are due again at `next_at`, at most 10 minutes from now.
    ///
    /// # Errors
    /// Permanent errors only: [`OutboxError::is_fatal`].
    pub async fn postpone(
        &self,
        keys: &[OutboxKey],
        next_at: DateTime<Utc>,
        error: &str,
    ) -> Result<(), OutboxError> {
        let (keys, error) = (keys.to_vec(), error.to_owned());
        let work = move |conn: &mut OutboxConnection| {
            conn.drain_unsynced(|transaction| rows::postpone(transaction, &keys, next_at, &error))
        };
        self.ask(work).await
    }

    /// Makes all postponed rows due now.
    ///
    /// # Errors
    /// Permanent errors only: [`OutboxError::is_fatal`].
    pub async fn hasten(&self) -> Result<(), OutboxError> {
        let now = Utc::now();
        self.ask(move |conn| conn.drain(|transaction| rows::hasten(transaction, now))).await
    }

    /// Sets a row aside that the store will never take as it is. It stays, with the reason, until someone handles it.
    ///
    /// # Errors
    /// Permanent errors only: [`OutboxError::is_fatal`].
    pub async fn quarantine(&self, key: OutboxKey, why: &str) -> Result<(), OutboxError> {
        let why = why.to_owned();
        let work = move |conn: &mut OutboxConnection| {
            conn.drain(|transaction| rows::quarantine(transaction, key, &why))
        };
        self.ask(work).await
    }

    /// The fill level. Its cost does not depend on the number of rows.
    ///
    /// # Errors
    /// Permanent errors only: [`OutboxError::is_fatal`].
    pub async fn depth(&self) -> Result<OutboxDepth, OutboxError> {
        self.ask(OutboxConnection::depth).await
    }

    /// Intents of this process whose calls are running.
    ///
    /// # Errors
    /// Permanent errors only: [`OutboxError::is_fatal`].
    pub async fn open_intents(&self) -> Result<Vec<CallIntent>, OutboxError> {
        let work = |conn: &mut OutboxConnection| {
            let session = conn.session().to_owned();
            conn.transact(|transaction| rows::intents(transaction, &session, true))
        };
        self.ask(work).await
    }

    /// Spending at each provider on a day (UTC), including reserves.
    ///
    /// # Errors
    /// Permanent errors only: [`OutboxError::is_fatal`].
    pub async fn spent(&self, day: NaiveDate) -> Result<BTreeMap<String, Spend>, OutboxError> {
        let work =
            move |conn: &mut OutboxConnection| conn.transact(|transaction| rows::spent(transaction, day));
        self.ask(work).await
    }

    /// The newest rows in a state.
    ///
    /// # Errors
    /// Permanent errors only: [`OutboxError::is_fatal`].
    pub async fn list(
        &self,
        state: OutboxRowState,
        limit: u32,
    ) -> Result<Vec<OutboxRowSummary>, OutboxError> {
        let work = move |conn: &mut OutboxConnection| {
            conn.transact(|transaction| admin::list(transaction, state, limit))
        };
        self.ask(work).await
    }

    /// Every row under an outcome's id, or the one with this number, with its stored document or a
    /// description of the damage.
    ///
    /// # Errors
    /// Permanent errors only: [`OutboxError::is_fatal`].
    pub async fn show(&self, id: &str) -> Result<Vec<(OutboxRowSummary, RowDocument)>, OutboxError> {
        let id = id.to_owned();
        let work =
            move |conn: &mut OutboxConnection| conn.transact(|transaction| admin::show(transaction, &id));
        self.ask(work).await
    }

    /// Makes rows due now: those with these ids or numbers that are quarantined or waiting, or all that are
    /// quarantined. Returns their number.
    ///
    /// # Errors
    /// Permanent errors only: [`OutboxError::is_fatal`].
    pub async fn retry(&self, ids: Option<&[String]>) -> Result<u64, OutboxError> {
        let (ids, now) = (ids.map(<[String]>::to_vec), Utc::now());
        let work = move |conn: &mut OutboxConnection| match ids {
            Some(ids) => conn.drain(|transaction| admin::retry_named(transaction, &ids, now)),
            None => in_pieces(|| conn.drain(|transaction| admin::retry_quarantined(transaction, now))),
        };
        let done = self.ask(work).await;
        self.work.notify_one();
        done
    }

    /// Sends delivered rows again that the store confirmed within the window. Harmless if the store still has them,
    /// because their ids are the same. Returns their number.
    ///
    /// # Errors
    /// Permanent errors only: [`OutboxError::is_fatal`].
    pub async fn replay(&self, window: Window) -> Result<u64, OutboxError> {
        let now = Utc::now();
        let work = move |conn: &mut OutboxConnection| {
            in_pieces(|| conn.drain(|transaction| admin::replay(transaction, window, now)))
        };
        let done = self.ask(work).await;
        self.work.notify_one();
        done
    }

    /// Waits until something new is due: an accepted row, a retry, a replay.
    pub async fn news(&self) {
        self.work.notified().await;
    }

    /// Closes the file after all earlier calls; other handles fail afterwards. Without it the next start takes longer,
    /// but nothing is lost.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn close(&self) -> Result<(), OutboxError> {
        self.worker.close(OutboxConnection::close).await.map_err(|WorkerGone| self.gone())?
    }
}

/// Repeats a piece of work until it returns zero. Returns the sum.
fn in_pieces(mut piece: impl FnMut() -> Result<u64, OutboxError>) -> Result<u64, OutboxError> {
    let mut all = 0;
    loop {
        match piece()? {
            0 => return Ok(all),
            found => all += found,
        }
    }
}
