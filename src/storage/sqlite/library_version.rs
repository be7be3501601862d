//! Whether the SQLite library that was built in keeps what it acknowledges.

/// The first library without the bug that loses commits when two connections write and checkpoint at once
/// (https://sqlite.org/wal.html#walresetbug): 3.51.3.
const OLDEST_NUMBER: i32 = 3_051_003;

/// The same for people.
pub const OLDEST: &str = "3.51.3";

/// Refuses a library that can lose commits: a lock file can bring an old one back without anybody noticing.
///
/// # Errors
/// Why, and what to do.
pub fn check() -> Result<(), String> {
    judge(rusqlite::version_number(), rusqlite::version())
}

fn judge(number: i32, version: &str) -> Result<(), String> {
    if number >= OLDEST_NUMBER {
        return Ok(());
    }
    Err(format!("SQLite {version} can lose commits: build with {OLDEST} or newer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_new_enough_to_keep_commits() {
        check().unwrap();
        assert!(judge(3_046_000, "3.46.0").is_err());
    }
}
