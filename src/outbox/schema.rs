//! Tables of the outbox, and their migrations. The searched columns (`items`) are separate from the large ones
//! (`payloads`), so that confirming a hundred rows rewrites few pages. Triggers maintain `tally`, so counts are always
//! exact and need no scan.

use super::connection::OutboxCallError;
use super::types::OutboxError;
use rusqlite::Connection;

/// The tables that do not grow with the number of waiting rows.
pub const SMALL: [&str; 3] = ["tally", "intents", "spend"];

/// Queries that read a number of whole rows: the next due ones, and the last written ones.
pub const ENDS: [&str; 2] = [
    "SELECT * FROM items WHERE state = 'pending' ORDER BY next_at_ms, seq LIMIT ?",
    "SELECT * FROM items ORDER BY seq DESC LIMIT ?",
];

/// The migrations from an empty file to the current schema; `user_version` counts those done. Never change a
/// released one: add another.
const STEPS: &[&str] = &["
    CREATE TABLE items (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        kind TEXT NOT NULL,
        provider TEXT NOT NULL,
        model TEXT NOT NULL,
        measured_at_ms INTEGER NOT NULL,
        accepted_at_ms INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('pending', 'quarantined', 'delivered')),
        attempts INTEGER NOT NULL DEFAULT 0,
        next_at_ms INTEGER NOT NULL,
        delivered_at_ms INTEGER,
        error TEXT,
        UNIQUE (id, sha256)
    ) STRICT;
    CREATE INDEX items_due ON items (next_at_ms, seq) WHERE state = 'pending';
    CREATE INDEX items_waiting ON items (measured_at_ms) WHERE state = 'pending';
    CREATE INDEX items_aside ON items (seq) WHERE state = 'quarantined';
    CREATE INDEX items_archive ON items (delivered_at_ms) WHERE state = 'delivered';

    CREATE TABLE payloads (
        seq INTEGER PRIMARY KEY,
        format INTEGER NOT NULL,
        body BLOB NOT NULL
    ) STRICT;

    CREATE TABLE tally (state TEXT PRIMARY KEY, rows INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;
    INSERT INTO tally VALUES ('pending', 0, 0), ('quarantined', 0, 0), ('delivered', 0, 0);
    CREATE TRIGGER items_in AFTER INSERT ON items BEGIN
        UPDATE tally SET rows = rows + 1, bytes = bytes + new.bytes WHERE state = new.state;
    END;
    CREATE TRIGGER items_out AFTER DELETE ON items BEGIN
        UPDATE tally SET rows = rows - 1, bytes = bytes - old.bytes WHERE state = old.state;
    END;
    CREATE TRIGGER items_moved AFTER UPDATE OF state ON items WHEN old.state <> new.state BEGIN
        UPDATE tally SET rows = rows - 1, bytes = bytes - old.bytes WHERE state = old.state;
        UPDATE tally SET rows = rows + 1, bytes = bytes + new.bytes WHERE state = new.state;
    END;

    CREATE TABLE intents (
        id TEXT PRIMARY KEY,
        session TEXT NOT NULL,
        provider TEXT NOT NULL,
        model TEXT NOT NULL,
        profile_id TEXT NOT NULL,
        vantage TEXT NOT NULL,
        slot_at_ms INTEGER,
        at_ms INTEGER NOT NULL,
        runs INTEGER NOT NULL,
        tokens INTEGER NOT NULL,
        micro_dollars INTEGER NOT NULL,
        stamps TEXT NOT NULL
    ) STRICT;

    CREATE TABLE spend (
        day TEXT NOT NULL,
        provider TEXT NOT NULL,
        runs INTEGER NOT NULL,
        tokens INTEGER NOT NULL,
        micro_dollars INTEGER NOT NULL,
        PRIMARY KEY (day, provider)
    ) STRICT, WITHOUT ROWID;
"];

/// Runs the missing migrations, all in one transaction.
pub fn migrate(connection: &mut Connection) -> Result<(), OutboxCallError> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let done = usize::try_from(version).ok().filter(|done| *done <= STEPS.len());
    let Some(done) = done else {
        return Err(OutboxCallError::Said(OutboxError::Unsuitable(format!(
            "the outbox has version {version} and this program knows {}: use a newer llmbench",
            STEPS.len()
        ))));
    };
    if done == STEPS.len() {
        return Ok(());
    }
    let transaction = connection.transaction()?;
    for step in &STEPS[done..] {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", STEPS.len() as i64)?;
    Ok(transaction.commit()?)
}
