//! `pulse.json` in the state directory: what a daemon says of itself, for whoever runs on the same machine and must not ask
//! the store. Replaced as a whole, never synced: after a crash of the machine its boot id is another one and it says
//! nothing any more. What a pulse means is [`crate::domain::pulse`].

use crate::domain::pulse::{PULSE_FORMAT, Pulse, Witness};
use rustix::fs::OFlags;
use rustix::process::{Pid, test_kill_process};
use serde_json::Value;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The file in the state directory.
pub const NAME: &str = "pulse.json";

/// What no pulse is as large as, in bytes.
const LARGEST: u64 = 16 << 20;

/// Why a file says nothing.
#[derive(Debug, thiserror::Error)]
pub enum PulseError {
    /// It is there and cannot be read.
    #[error("{} cannot be read: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        error: io::Error,
    },
    /// A newer program wrote it.
    #[error("{} has format {format}, and this program knows {PULSE_FORMAT}: use the llmbench that wrote it", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: u64,
    },
    /// It is no pulse.
    #[error("{} is no pulse: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, without its content.
        reason: String,
    },
}

/// Replaces the pulse in the state directory, which has to exist. One process writes there: the one that holds the
/// directory's lock.
///
/// # Errors
/// Those of the file system.
pub fn write(state_dir: &Path, pulse: &Pulse) -> io::Result<()> {
    let temporary = state_dir.join(format!("{NAME}.tmp"));
    // What a crash left behind goes first: a new file has our mode, and no link is followed to it.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(&serde_json::to_vec(pulse)?)?;
    drop(file);
    fs::rename(&temporary, state_dir.join(NAME))
}

/// Takes the pulse away. Where that fails, whoever reads it sees that it is old.
pub fn remove(state_dir: &Path) {
    let _ = fs::remove_file(state_dir.join(NAME));
}

/// The pulse in the state directory; `None` where there is none.
///
/// # Errors
/// [`PulseError`] where there is a file that is no pulse of this program's formats.
pub fn read(state_dir: &Path) -> Result<Option<Pulse>, PulseError> {
    let path = state_dir.join(NAME);
    let bytes = match content(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(PulseError::Unreadable { path, error }),
    };
    let damaged = |path: PathBuf, error: &serde_json::Error| {
        // Its place and no word of it: the file may hold anything.
        let reason = format!("broken at line {}, column {}", error.line(), error.column());
        PulseError::Damaged { path, reason }
    };
    let value: Value = serde_json::from_slice(&bytes).map_err(|error| damaged(path.clone(), &error))?;
    match value.get("format").and_then(Value::as_u64) {
        Some(format) if format > u64::from(PULSE_FORMAT) => return Err(PulseError::Newer { path, format }),
        Some(_) => {}
        None => return Err(PulseError::Damaged { path, reason: "it names no format".to_owned() }),
    }
    serde_json::from_slice(&bytes).map(Some).map_err(|error| damaged(path, &error))
}

/// A regular file's bytes; nothing is followed or waited for.
fn content(path: &Path) -> io::Result<Vec<u8>> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
    let file: File = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST { Err(io::Error::other("it is too large")) } else { Ok(bytes) }
}

/// What this machine says about the process that wrote a pulse. It has to be the machine, and the container, of the daemon.
pub fn witness(pulse: &Pulse) -> Witness {
    Witness { boot_id: boot_id(), alive: is_alive(pulse.pid) }
}

/// The kernel's id of this boot; `None` on systems that have none.
pub fn boot_id() -> Option<String> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(text.trim().to_owned()).filter(|id| !id.is_empty())
}

/// Whether a process of this id lives in this container or machine; `None` where the system does not say.
pub fn is_alive(pid: u32) -> Option<bool> {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return Some(false) };
    match test_kill_process(pid) {
        // Somebody else's process is one, too.
        Ok(()) | Err(rustix::io::Errno::PERM) => Some(true),
        Err(rustix::io::Errno::SRCH) => Some(false),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::pulse::samples;
    use chrono::Utc;
    use proptest::prelude::*;
    use serde_json::json;
    use std::os::unix::fs::PermissionsExt;

    fn pulse() -> Pulse {
        Pulse {
            pid: std::process::id(),
            boot_id: boot_id().unwrap_or_default(),
            ..samples::pulse(Utc::now())
        }
    }

    fn said(text: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(NAME), text).unwrap();
        read(folder.path()).map_or_else(|error| error.to_string(), |found| format!("{found:?}"))
    }

    #[test]
    fn what_was_written_is_read_and_private() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()).unwrap(), None);
        fs::write(folder.path().join("pulse.json.tmp"), "left behind").unwrap();
        for _ in 0..2 {
            write(folder.path(), &pulse()).unwrap();
        }
        let found = read(folder.path()).unwrap().unwrap();
        assert_eq!(found.pid, std::process::id());
        assert_eq!(found.gone(&witness(&found)), None);
        let mode = fs::metadata(folder.path().join(NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_newer_format_and_garbage_are_refused_in_a_sentence() {
        assert!(said(br#"{"format": 2, "lanes": 7}"#).contains("format 2, and this program knows 1"));
        assert!(said(b"{\"secret").contains("is no pulse: broken at line 1, column 8"));
        assert!(said(b"").contains("is no pulse"));
        assert!(said(b"[]").contains("names no format"));
        assert!(!said(br#"{"format": 1, "owner": "canary"}"#).contains("canary"));
    }

    #[test]
    fn a_field_that_a_later_version_adds_is_passed_over() {
        let mut document = json!(pulse());
        document["new"] = json!(1);
        assert!(said(document.to_string().as_bytes()).starts_with("Some("));
    }

    #[test]
    fn links_and_pipes_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join(NAME)).unwrap();
        assert!(matches!(read(folder.path()), Err(PulseError::Unreadable { .. })));
        fs::remove_file(folder.path().join(NAME)).unwrap();
        fs::create_dir(folder.path().join(NAME)).unwrap();
        assert!(matches!(read(folder.path()), Err(PulseError::Unreadable { .. })));
    }

    #[test]
    fn a_process_that_ended_is_gone() {
        let mut ended = std::process::Command::new("true").spawn().unwrap();
        ended.wait().unwrap();
        for pid in [ended.id(), 0, u32::MAX] {
            let found = Pulse { pid, ..pulse() };
            assert!(found.gone(&witness(&found)).is_some(), "{pid}");
        }
        assert_eq!(is_alive(1), Some(true));
    }

    proptest! {
        #[test]
        fn no_content_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            said(&bytes);
        }
    }
}
