//! How a connection to the store's file is opened, for work and for a look.

use super::errors::SqliteCallError;
use super::schema;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// How long to wait for another process that holds the file.
const BUSY: Duration = Duration::from_secs(5);

/// Memory for pages of the database, KiB: half of SQLite's default. The system's own cache holds the rest as well.
const CACHE: i64 = 1024;

/// Opens a connection for work and brings the tables up to date.
pub fn connect(path: &Path) -> Result<Connection, SqliteCallError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "cache_size", -CACHE)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // In WAL mode only FULL syncs each commit.
    connection.pragma_update(None, "synchronous", "FULL")?;
    schema::migrate(&mut connection)?;
    Ok(connection)
}

/// Opens a connection that only reads. The file is opened for writing where that is allowed, because a reader that may not
/// write cannot clear away the files that SQLite puts beside the database.
pub fn look(path: &Path) -> Result<Connection, SqliteCallError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "query_only", true)?;
    // The first look at the content: a file that is no database is refused here.
    schema::outdated(&connection)?;
    Ok(connection)
}
