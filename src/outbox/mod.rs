//! Between measuring and storing: rows wait here, on the disk, until the store has confirmed them. What was acknowledged
//! here survives the death of the process; nothing is thrown away before it is delivered, and when there is no room, no
//! paid call is started.
//!
//! The way of a measurement: [`Outbox::intend`] before the call, [`Outbox::accept`] with its outcome, [`Outbox::due`],
//! the store, then [`Outbox::confirm`], [`Outbox::postpone`] or [`Outbox::quarantine`]. [`sender`] walks the second half.
//! One thread owns the file; one process has it open, and others ask that one through [`control_socket`].

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

/// A handle to the outbox; a clone is another handle to the same. Every answer comes after the change is on the disk, but
/// for [`Outbox::confirm`] and [`Outbox::postpone`], which a power cut may undo: rows are then sent once more, or earlier.
#[derive(Clone)]
pub struct Outbox {
    worker: Worker<OutboxConnection>,
    database: Arc<Path>,
    work: Arc<Notify>,
}

impl Outbox {
    /// Opens the outbox in `directory` (`STATE_DIR/outbox`), which is created where it is missing. A damaged database is
    /// set aside under another name, and intents of a dead process become `interrupted` failure rows: both are told in
    /// the [`OpenReport`].
    ///
    /// # Errors
    /// [`OutboxError::Locked`] where another process has it open, [`OutboxError::Unsuitable`] where the place is none for
    /// an outbox, [`OutboxError::Io`] where the disk fails, [`OutboxError::Full`] where it cannot even be opened.
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

    /// Writes down that a call is about to be made, and reserves what it may cost. Twice the same id is once.
    ///
    /// # Errors
    /// [`OutboxError::Full`] below the low-water mark: do not make the call. Final errors: [`OutboxError::is_fatal`].
    pub async fn intend(&self, intent: &CallIntent) -> Result<(), OutboxError> {
        let intent = intent.clone();
        let work = move |conn: &mut OutboxConnection| {
            conn.must_have_room()?;
            let session = conn.session().to_owned();
            conn.transact(|transaction| rows::intend(transaction, &session, &intent))
        };
        self.ask(work).await
    }

    /// Keeps the outcomes of an intent, replaces its reserve by what was spent, and removes it: all or nothing. Without
    /// outcomes the call was not made after all. Asked again after a lost answer, it changes nothing.
    ///
    /// An outcome that JSON cannot hold (a NaN) is quarantined with what JSON can say of it; the answer names these.
    ///
    /// # Errors
    /// [`OutboxError::Full`] where there is no room left at all: keep the outcomes and try again.
    /// [`OutboxError::Refused`] where SQLite takes them in no form: the intent stays, and the next start makes a row of
    /// it. Final errors: [`OutboxError::is_fatal`].
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

    /// Up to `max_items` rows that are due, those that wait longest first, of together at most `max_bytes`, but one at
    /// least. They stay due: the caller remembers which it has under way. Rows whose payload is not what was written are
    /// quarantined on the way.
    ///
    /// # Errors
    /// Final ones: [`OutboxError::is_fatal`].
    pub async fn due(
        &self,
        now: DateTime<Utc>,
        max_items: u32,
        max_bytes: u64,
    ) -> Result<Vec<QueuedRow>, OutboxError> {
        self.due_behind(None, now, max_items, max_bytes).await
    }

    /// The same from behind a row's turn on, or from the first: for whoever has those before it under way.
    ///
    /// # Errors
    /// Final ones: [`OutboxError::is_fatal`].
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

    /// The store has these rows. They stay in the archive for some days, as far as there is room. Returns how many were
    /// not confirmed before.
    ///
    /// # Errors
    /// Final ones: [`OutboxError::is_fatal`]. It works on a full disk.
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

    /// The store did not take these rows now: they are due again at `next_at`, at most 10 minutes from now.
    ///
    /// # Errors
    /// Final ones: [`OutboxError::is_fatal`].
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

    /// Rows that were put off are due now.
    ///
    /// # Errors
    /// Final ones: [`OutboxError::is_fatal`].
    pub async fn hasten(&self) -> Result<(), OutboxError> {
        let now = Utc::now();
        self.ask(move |conn| conn.drain(|transaction| rows::hasten(transaction, now))).await
    }

    /// The store will never take this row as it is: it is set aside with the reason, until somebody has looked.
    ///
    /// # Errors
    /// Final ones: [`OutboxError::is_fatal`].
    pub async fn quarantine(&self, key: OutboxKey, why: &str) -> Result<(), OutboxError> {
        let why = why.to_owned();
        let work = move |conn: &mut OutboxConnection| {
            conn.drain(|transaction| rows::quarantine(transaction, key, &why))
        };
        self.ask(work).await
    }

    /// How full it is; independent of how much is in it.
    ///
    /// # Errors
    /// Final ones: [`OutboxError::is_fatal`].
    pub async fn depth(&self) -> Result<OutboxDepth, OutboxError> {
        self.ask(OutboxConnection::depth).await
    }

    /// Intents of this process whose calls are under way.
    ///
    /// # Errors
    /// Final ones: [`OutboxError::is_fatal`].
    pub async fn open_intents(&self) -> Result<Vec<CallIntent>, OutboxError> {
        let work = |conn: &mut OutboxConnection| {
            let session = conn.session().to_owned();
            conn.transact(|transaction| rows::intents(transaction, &session, true))
        };
        self.ask(work).await
    }

    /// What each provider was paid on a day (UTC), what is reserved included.
    ///
    /// # Errors
    /// Final ones: [`OutboxError::is_fatal`].
    pub async fn spent(&self, day: NaiveDate) -> Result<BTreeMap<String, Spend>, OutboxError> {
        let work =
            move |conn: &mut OutboxConnection| conn.transact(|transaction| rows::spent(transaction, day));
        self.ask(work).await
    }

    /// The newest rows in a state.
    ///
    /// # Errors
    /// Final ones: [`OutboxError::is_fatal`].
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

    /// Every row under an outcome's id, or the one of this number, with its document as it is kept, or what is wrong with
    /// that.
    ///
    /// # Errors
    /// Final ones: [`OutboxError::is_fatal`].
    pub async fn show(&self, id: &str) -> Result<Vec<(OutboxRowSummary, RowDocument)>, OutboxError> {
        let id = id.to_owned();
        let work =
            move |conn: &mut OutboxConnection| conn.transact(|transaction| admin::show(transaction, &id));
        self.ask(work).await
    }

    /// Has rows tried again now: those of these ids or numbers that are quarantined or waiting, or all that are quarantined.
    /// Returns how many.
    ///
    /// # Errors
    /// Final ones: [`OutboxError::is_fatal`].
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

    /// Has delivered rows sent once more that the store confirmed within the window. Harmless where the store still has
    /// them: their ids are the same. Returns how many.
    ///
    /// # Errors
    /// Final ones: [`OutboxError::is_fatal`].
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

    /// Closes the file after what was asked before; other handles can do nothing with it any more. Without it the next
    /// start takes longer, and nothing is lost.
    ///
    /// # Errors
    /// What the disk says.
    pub async fn close(&self) -> Result<(), OutboxError> {
        self.worker.close(OutboxConnection::close).await.map_err(|WorkerGone| self.gone())?
    }
}

/// Repeats a piece of work until it finds nothing more; the sum of what it found.
fn in_pieces(mut piece: impl FnMut() -> Result<u64, OutboxError>) -> Result<u64, OutboxError> {
    let mut all = 0;
    loop {
        match piece()? {
            0 => return Ok(all),
            found => all += found,
        }
    }
}
