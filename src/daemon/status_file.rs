//! Reads and writes `pulse.json` in the state directory: a daemon's status for other processes of the machine that must
//! not ask the store. It is replaced as a whole and never synced: after a crash of the machine its boot id differs and
//! it is ignored. [`crate::domain::daemon_status`] defines its content.

use crate::domain::daemon_status::{DaemonStatus, ProcessEvidence, STATUS_FORMAT};
use chrono::Utc;
use rustix::fs::{CWD, OFlags, RenameFlags, renameat_with};
use rustix::process::{Pid, test_kill_process};
use rustix::time::{ClockId, clock_gettime};
use serde_json::Value;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// File name in the state directory.
pub const NAME: &str = "pulse.json";

/// The file that the next status is written into.
const SPARE: &str = "pulse.json.tmp";

/// File sizes are a multiple of this, in bytes, so that a status that grows a little needs no new disk space.
const ROOM: usize = 16 << 10;

/// Upper limit of a status file's size, in bytes.
const LARGEST: u64 = 16 << 20;

/// The reason why a status file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StatusFileError {
    /// The file exists and cannot be read.
    #[error("{} cannot be read: {error}", path.display())]
    Unreadable {
        path: PathBuf,
        /// The operating system's error.
        error: io::Error,
    },
    /// A newer program wrote the file.
    #[error("{} has format {format}, and this program knows {STATUS_FORMAT}: use the llmbench that wrote it", path.display())]
    Newer {
        path: PathBuf,
        /// The format number in the file.
        format: u64,
    },
    /// The file is no status file.
    #[error("{} is no pulse: {reason}", path.display())]
    Damaged {
        path: PathBuf,
        /// Description of the damage, without any content of the file.
        reason: String,
    },
}

/// Writes status files into a state directory. Only the process that holds the directory's lock may write there.
///
/// Two files alternate: the status is written into the spare one, in place, and then they swap names. So after the
/// first write neither a full disk nor a lack of descriptors prevents further writes.
#[derive(Debug)]
pub struct StatusFileWriter {
    path: PathBuf,
    spare_path: PathBuf,
    current: Option<File>,
    spare: Option<File>,
}

impl StatusFileWriter {
    /// Opens a writer that reuses existing files.
    pub fn new(state_dir: &Path) -> Self {
        let (path, spare_path) = (state_dir.join(NAME), state_dir.join(SPARE));
        let (current, spare) = (taken_over(&path), taken_over(&spare_path));
        Self { path, spare_path, current, spare }
    }

    /// Replaces the status file. The state directory must exist.
    ///
    /// # Errors
    /// Errors of the file system.
    pub fn write(&mut self, daemon_status: &DaemonStatus) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(daemon_status)?;
        // The file never shrinks: on a full disk, released space would not be available again.
        let spare = match self.spare.take() {
            Some(spare) => spare,
            None => new_file(&self.spare_path)?,
        };
        let held = usize::try_from(spare.metadata()?.len()).unwrap_or_default();
        bytes.resize(bytes.len().next_multiple_of(ROOM).max(held), b' ');
        let spare = self.spare.insert(spare);
        spare.write_all_at(&bytes, 0)?;
        if self.current.is_some() && swap(&self.spare_path, &self.path).is_ok() {
            std::mem::swap(&mut self.current, &mut self.spare);
            return Ok(());
        }
        fs::rename(&self.spare_path, &self.path)?;
        self.current = self.spare.take();
        // If there is no room for a second file, the next write tries again.
        self.spare = new_file(&self.spare_path).ok();
        match &self.spare {
            Some(spare) => spare.write_all_at(&vec![b' '; bytes.len()], 0),
            None => Ok(()),
        }
    }
}

/// Opens a regular file of our own that an earlier process left.
fn taken_over(path: &Path) -> Option<File> {
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).ok()?;
    let file = OpenOptions::new().write(true).custom_flags(flags).open(path).ok()?;
    let is_ours = |about: &fs::Metadata| about.is_file() && about.nlink() == 1 && about.mode() & 0o077 == 0;
    file.metadata().is_ok_and(|about| is_ours(&about)).then_some(file)
}

/// Creates a new file with mode 0600, without following links.
fn new_file(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Swaps the names of two files atomically.
fn swap(one: &Path, other: &Path) -> io::Result<()> {
    Ok(renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?)
}

/// Records in the status file why a start failed or a process ended. Does nothing if another daemon runs there, or if
/// there was no status file before.
pub fn leave_word(state_dir: &Path, why: &str) {
    let Ok(Some(before)) = read(state_dir) else { return };
    let is_ours = before.pid == std::process::id();
    if !is_ours && before.gone(&process_evidence(&before)).is_none() {
        return;
    }
    let daemon_status = DaemonStatus {
        pid: std::process::id(),
        boot_id: boot_id().unwrap_or_default(),
        written_at: Utc::now(),
        written_since_boot_seconds: None,
        stopping: true,
        failure: Some(why.to_owned()),
        ..before
    };
    // If the write fails, the old status file remains.
    let _ = StatusFileWriter::new(state_dir).write(&daemon_status);
}

/// Removes the status file. If that fails, its age shows readers that it is stale.
pub fn remove(state_dir: &Path) {
    for name in [NAME, SPARE] {
        let _ = fs::remove_file(state_dir.join(name));
    }
}

/// Reads the status file in the state directory; `None` if there is none.
///
/// # Errors
/// [`StatusFileError`] if the file is no status file in a format of this program.
pub fn read(state_dir: &Path) -> Result<Option<DaemonStatus>, StatusFileError> {
    match read_once(state_dir) {
        // The daemon may have written into this very file, which meanwhile has the other name.
        Err(StatusFileError::Damaged { .. }) => read_once(state_dir),
        read => read,
    }
}

fn read_once(state_dir: &Path) -> Result<Option<DaemonStatus>, StatusFileError> {
    let path = state_dir.join(NAME);
    let bytes = match content(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StatusFileError::Unreadable { path, error }),
    };
    let damaged = |path: PathBuf, error: &serde_json::Error| {
        // The position only, because the file may contain anything.
        let reason = format!("broken at line {}, column {}", error.line(), error.column());
        StatusFileError::Damaged { path, reason }
    };
    let value: Value = serde_json::from_slice(&bytes).map_err(|error| damaged(path.clone(), &error))?;
    match value.get("format").and_then(Value::as_u64) {
        Some(format) if format > u64::from(STATUS_FORMAT) => {
            return Err(StatusFileError::Newer { path, format });
        }
        Some(_) => {}
        None => return Err(StatusFileError::Damaged { path, reason: "it names no format".to_owned() }),
    }
    serde_json::from_slice(&bytes).map(Some).map_err(|error| damaged(path, &error))
}

/// Reads a regular file; follows no link and does not block.
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

/// Evidence about the process that wrote a status file. Must run on the daemon's machine and in its container.
pub fn process_evidence(daemon_status: &DaemonStatus) -> ProcessEvidence {
    ProcessEvidence { boot_id: boot_id(), alive: is_alive(daemon_status.pid), since_boot: Some(since_boot()) }
}

/// Time since the machine started. Unlike the monotonic clock of time-outs it advances during suspend, and nobody can
/// set it: leases expire by it, and the age of a status file is computed from it.
pub fn since_boot() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

/// The kernel's id of this boot; `None` on systems without one.
pub fn boot_id() -> Option<String> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(text.trim().to_owned()).filter(|id| !id.is_empty())
}

/// True if a process with this id is alive in this container or machine; `None` if the system does not say.
pub fn is_alive(pid: u32) -> Option<bool> {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return Some(false) };
    match test_kill_process(pid) {
        // The process exists, but belongs to another user.
        Ok(()) | Err(rustix::io::Errno::PERM) => Some(true),
        Err(rustix::io::Errno::SRCH) => Some(false),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::daemon_status::fixtures;
    use proptest::prelude::*;
    use serde_json::json;
    use std::os::unix::fs::PermissionsExt;

    fn daemon_status() -> DaemonStatus {
        DaemonStatus {
            pid: std::process::id(),
            boot_id: boot_id().unwrap_or_default(),
            ..fixtures::daemon_status(Utc::now())
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
        fs::write(folder.path().join(SPARE), "left behind").unwrap();
        for pid in [1, 2, std::process::id()] {
            StatusFileWriter::new(folder.path()).write(&DaemonStatus { pid, ..daemon_status() }).unwrap();
        }
        let found = read(folder.path()).unwrap().unwrap();
        assert_eq!(found.pid, std::process::id());
        assert_eq!(found.gone(&process_evidence(&found)), None);
        let mode = fs::metadata(folder.path().join(NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let mut writer = StatusFileWriter::new(folder.path());
        let wide = DaemonStatus { owner: "x".repeat(3 * ROOM), ..daemon_status() };
        for written in [daemon_status(), wide, daemon_status()] {
            writer.write(&written).unwrap();
            assert_eq!(read(folder.path()).unwrap(), Some(written));
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        remove(folder.path());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
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
        let mut document = json!(daemon_status());
        document["new"] = json!(1);
        assert!(said(document.to_string().as_bytes()).starts_with("Some("));
    }

    #[test]
    fn links_and_pipes_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join(NAME)).unwrap();
        assert!(matches!(read(folder.path()), Err(StatusFileError::Unreadable { .. })));
        fs::remove_file(folder.path().join(NAME)).unwrap();
        fs::create_dir(folder.path().join(NAME)).unwrap();
        assert!(matches!(read(folder.path()), Err(StatusFileError::Unreadable { .. })));
    }

    #[test]
    fn a_process_that_ended_is_gone() {
        let mut ended = std::process::Command::new("true").spawn().unwrap();
        ended.wait().unwrap();
        for pid in [ended.id(), 0, u32::MAX] {
            let found = DaemonStatus { pid, ..daemon_status() };
            assert!(found.gone(&process_evidence(&found)).is_some(), "{pid}");
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
