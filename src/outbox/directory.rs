//! The directory of the outbox: checks that it is on a reliable file system, locks it, measures its free space, and
//! manages the ballast. Knows nothing of the database's tables.

use super::types::OutboxError;
use crate::storage::private_files::{is_unfit, prepare_private_dir, private};
use rustix::fs::{StatVfs, statvfs};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

#[derive(Debug, Clone)]
pub struct OutboxDir {
    directory: PathBuf,
}

/// Network file systems with unreliable locks and syncs: magic number and name (statfs(2)).
const NETWORK: [(u32, &str); 6] = [
    (0x6969, "NFS"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB"),
    (0x517b, "SMB"),
    (0x0102_1997, "9p"),
    (0x00c3_6400, "Ceph"),
];

/// A container's writable layer, which is deleted with the container.
const OVERLAY: u32 = 0x794c_7630;

impl OutboxDir {
    /// Opens the directory; creates it if it is missing (mode 0700).
    ///
    /// # Errors
    /// [`OutboxError::Unsuitable`] if it cannot be created, is accessible to others, or is on a network file system.
    pub fn prepare(directory: &Path) -> Result<Self, OutboxError> {
        let failed = |error: io::Error| {
            OutboxError::Unsuitable(format!(
                "the outbox directory {} cannot be used: {error}",
                directory.display()
            ))
        };
        prepare_private_dir(directory).map_err(OutboxError::Unsuitable)?;
        let directory = directory.canonicalize().map_err(failed)?;
        match network(file_system(&directory)) {
            None => Ok(Self { directory }),
            Some(name) => Err(OutboxError::Unsuitable(format!(
                "{} is on {name}, where locks and syncs do not hold: name a directory on a local disk with --state-dir",
                directory.display()
            ))),
        }
    }

    pub fn database(&self) -> PathBuf {
        self.directory.join("outbox.db")
    }

    fn ballast(&self) -> PathBuf {
        self.directory.join("ballast")
    }

    fn lock_file(&self) -> PathBuf {
        self.directory.join("outbox.lock")
    }

    /// Warnings about the directory for the user.
    pub fn notes(&self) -> Vec<String> {
        if !on_root_overlay(&self.directory) {
            return Vec::new();
        }
        vec![format!(
            "{} is on the container's own layer: rows that wait there are GONE when the container is replaced; mount a \
             volume there, or name a directory on one with --state-dir",
            self.directory.display()
        )]
    }

    /// Takes the lock for this process, and returns how the previous process left the file. Call [`OutboxLock::opened`]
    /// once the database exists.
    ///
    /// # Errors
    /// [`OutboxError::Locked`] with the pid of the process that holds it.
    pub fn lock(&self) -> Result<(OutboxLock, PreviousExit), OutboxError> {
        let path = self.lock_file();
        let failed = |error: io::Error| unusable(&path, &error);
        let mut file = private(OpenOptions::new().read(true).write(true).create(true).truncate(false))
            .open(&path)
            .map_err(failed)?;
        let mut before = String::new();
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(error)) => return Err(failed(error)),
            Err(TryLockError::WouldBlock) => {
                let read = file.read_to_string(&mut before);
                let pid = read.ok().and_then(|_| before.trim().parse().ok());
                return Err(OutboxError::Locked { path, pid });
            }
        }
        file.read_to_string(&mut before).map_err(failed)?;
        let before = before.trim();
        let left = match before {
            "" | CLOSED => PreviousExit::Closed,
            DAMAGED => PreviousExit::Damaged,
            _ => PreviousExit::Open,
        };
        let left = if self.has_lost_its_database(before) { PreviousExit::Lost } else { left };
        let mut lock = OutboxLock { file };
        if self.bytes() > 0 {
            lock.opened();
        }
        Ok((lock, left))
    }

    /// True if there was a database that is now empty or gone: only a process with a database leaves text in the lock
    /// file, a log or a ballast.
    fn has_lost_its_database(&self, word_of_the_lock: &str) -> bool {
        let size = |path: PathBuf| fs::symlink_metadata(path).map_or(0, |file| file.len());
        let beside = [self.ballast(), self.beside("-wal")];
        size(self.database()) == 0
            && (!word_of_the_lock.is_empty() || beside.into_iter().any(|path| size(path) > 0))
    }

    /// A file that SQLite creates beside the database.
    fn beside(&self, suffix: &str) -> PathBuf {
        self.directory.join(format!("outbox.db{suffix}"))
    }

    /// Restores the log of a lost database that was set aside under `stamp`, beside one page of zeros, because SQLite
    /// would delete the log of an empty database. Returns true if there is a log.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn bring_log_back(&self, stamp: &str, page: u32) -> io::Result<bool> {
        let aside = self.directory.join(format!("outbox.corrupt-{stamp}.db-wal"));
        if fs::metadata(&aside).map_or(0, |file| file.len()) == 0 {
            return Ok(false);
        }
        fs::copy(aside, self.beside("-wal"))?;
        let mut file = private(OpenOptions::new().write(true).create_new(true)).open(self.database())?;
        file.write_all(&vec![0; page as usize])?;
        file.sync_all()?;
        Ok(true)
    }

    /// Removes a database of which a copy was set aside.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn remove(&self) -> io::Result<()> {
        ["-wal", "-shm", ""].into_iter().try_for_each(|suffix| match fs::remove_file(self.beside(suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        })
    }

    /// Bytes that this user can still write on the disk.
    pub fn disk_room(&self) -> u64 {
        // If the size is unknown, no caution is possible: a failing write reports the problem.
        statvfs(&self.directory)
            .map_or(u64::MAX, |StatVfs { f_bavail, f_frsize, .. }| f_bavail.saturating_mul(f_frsize))
    }

    /// True if the ballast exists with its full size.
    pub fn has_ballast(&self, bytes: u64) -> bool {
        bytes == 0
            || fs::symlink_metadata(self.ballast()).is_ok_and(|file| file.is_file() && file.len() >= bytes)
    }

    /// Writes every byte of the ballast: a sparse file would occupy no space that could be released.
    pub fn lay_ballast(&self, bytes: u64) -> io::Result<()> {
        // Anything at that path is removed first, especially a link.
        self.drop_ballast();
        let written = private(OpenOptions::new().write(true).create_new(true)).open(self.ballast()).and_then(
            |mut file| {
                io::copy(&mut Noise(0x9e37_79b9).take(bytes), &mut file)?;
                file.sync_all()
            },
        );
        if written.is_err() {
            self.drop_ballast();
        }
        written
    }

    /// Deletes the ballast to release its space.
    pub fn drop_ballast(&self) {
        // A missing file needs no deletion.
        drop(fs::remove_file(self.ballast()));
    }

    /// Creates the database for this user only if it is missing; SQLite gives the files beside it the same mode.
    pub fn touch_database(&self) -> io::Result<()> {
        let mut options = OpenOptions::new();
        private(options.write(true).create(true).truncate(false)).open(self.database()).map(drop)
    }

    /// Renames a damaged database and its log, so that `sqlite3 .recover` can still read them. For a missing database
    /// it leaves an empty file, so that someone investigates.
    pub fn set_aside(&self, stamp: &str) -> io::Result<()> {
        self.touch_database()?;
        for suffix in ["-wal", "-shm", ""] {
            let from = self.beside(suffix);
            let to = self.directory.join(format!("outbox.corrupt-{stamp}.db{suffix}"));
            match fs::rename(from, to) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        File::open(&self.directory)?.sync_all()
    }

    /// Databases that were set aside.
    pub fn damaged(&self) -> Vec<PathBuf> {
        let named = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            name.starts_with("outbox.corrupt-") && name.ends_with(".db")
        };
        let entries = fs::read_dir(&self.directory).into_iter().flatten().flatten();
        let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(named).collect();
        found.sort_unstable();
        found
    }

    /// Size of the database and its log, in bytes.
    pub fn bytes(&self) -> u64 {
        let size = |name: &str| fs::metadata(self.directory.join(name)).map_or(0, |file| file.len());
        size("outbox.db") + size("outbox.db-wal")
    }
}

/// The state in which the previous process left the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreviousExit {
    /// The database was closed properly.
    Closed,
    /// The database was open: the process was killed.
    Open,
    /// The process ended because it found damage.
    Damaged,
    /// The database existed, and is empty or gone.
    Lost,
}

/// Content of the lock file after damage was found.
const DAMAGED: &str = "damaged";

/// Content of the lock file after a proper close; older versions left it empty.
const CLOSED: &str = "closed";

/// The lock, held as long as the value lives, also by a process that is killed: then its pid stays in the file.
#[derive(Debug)]
pub struct OutboxLock {
    file: File,
}

impl OutboxLock {
    /// Records this process as the owner of the open database.
    pub fn opened(&mut self) {
        // On a full disk the pid may be missing; the lock holds nevertheless.
        drop(self.write(&std::process::id().to_string()));
    }

    /// Records that everything was closed properly.
    pub fn closed_well(mut self) {
        // If this is not recorded, the next start takes longer.
        drop(self.write(CLOSED));
    }

    /// Records that damage was found, so that the next start checks the whole file.
    pub fn met_damage(&mut self) {
        // If this is not recorded, the next process finds the damage again.
        drop(self.write(DAMAGED));
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(text.as_bytes())
    }
}

/// Converts an error of opening a file into an [`OutboxError`].
pub fn unusable(path: &Path, error: &io::Error) -> OutboxError {
    if is_unfit(error) {
        return OutboxError::Unsuitable(format!("{} cannot be opened: {error}", path.display()));
    }
    OutboxError::Io { path: path.to_owned(), why: error.to_string() }
}

/// Bytes that no file system can compress.
struct Noise(u64);

impl Read for Noise {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        for byte in buffer.iter_mut() {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            *byte = self.0.to_le_bytes()[0];
        }
        Ok(buffer.len())
    }
}

#[cfg(target_os = "linux")]
fn file_system(path: &Path) -> Option<u32> {
    // The number has 32 bits, in a field that is wider on most machines.
    rustix::fs::statfs(path).ok().map(|found| (found.f_type as u64 & u64::from(u32::MAX)) as u32)
}

#[cfg(not(target_os = "linux"))]
fn file_system(_: &Path) -> Option<u32> {
    None
}

fn network(magic: Option<u32>) -> Option<&'static str> {
    NETWORK.iter().find(|(number, _)| Some(*number) == magic).map(|(_, name)| *name)
}

fn on_root_overlay(directory: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let device = |path: &Path| fs::metadata(path).map(|found| found.dev()).ok();
    file_system(directory) == Some(OVERLAY) && device(directory) == device(Path::new("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_known_by_number() {
        assert_eq!(network(Some(0x6969)), Some("NFS"));
        assert_eq!(network(Some(0x0102_1997)), Some("9p"));
        assert_eq!(network(Some(0xef53)), None);
        assert_eq!(network(None), None);
    }

    #[test]
    fn the_ballast_takes_its_room() {
        let directory = tempfile::tempdir().unwrap();
        let place = OutboxDir::prepare(directory.path()).unwrap();
        assert!(place.has_ballast(0) && !place.has_ballast(1));
        place.lay_ballast(300_000).unwrap();
        assert!(place.has_ballast(300_000) && !place.has_ballast(300_001));
        use std::os::unix::fs::MetadataExt;
        assert!(fs::metadata(place.ballast()).unwrap().blocks() * 512 >= 300_000);
        place.drop_ballast();
        assert!(!place.has_ballast(300_000));
    }

    #[test]
    fn a_lock_names_its_process_and_tells_how_it_ended() {
        let directory = tempfile::tempdir().unwrap();
        let place = OutboxDir::prepare(directory.path()).unwrap();
        let (mut lock, left) = place.lock().unwrap();
        assert_eq!(left, PreviousExit::Closed);
        fs::write(place.database(), "there").unwrap();
        lock.opened();
        let pid = Some(std::process::id());
        assert!(matches!(place.lock(), Err(OutboxError::Locked { pid: found, .. }) if found == pid));
        drop(lock);
        let (mut lock, left) = place.lock().unwrap();
        assert_eq!(left, PreviousExit::Open);
        lock.met_damage();
        drop(lock);
        let (lock, left) = place.lock().unwrap();
        assert_eq!(left, PreviousExit::Damaged);
        lock.closed_well();
        assert_eq!(place.lock().unwrap().1, PreviousExit::Closed);
    }
}
