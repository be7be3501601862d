//! Checks that the linked SQLite library does not lose acknowledged commits.

/// The first library without the bug that loses commits when two connections write and checkpoint
/// at once (<https://sqlite.org/wal.html#walresetbug>): 3.51.3.
const OLDEST_NUMBER: i32 = 3_051_003;

/// The same version as people write it.
pub const OLDEST: &str = "3.51.3";

/// Refuses a library that can lose commits: a lock file can silently bring an old one back.
///
/// # Errors
/// The reason and the remedy.
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
