//! A file that exists whole or not at all: written beside its destination under another name, and renamed at the end.

use super::background_writer::BackgroundWriter;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use tempfile::{Builder, TempPath};

/// The reason why a file cannot be created.
#[derive(Debug, thiserror::Error)]
pub enum NewFileError {
    /// A file of that name exists and may not be replaced.
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
    /// A directory, a device or a pipe, which a file cannot replace.
    #[error("{} is no regular file", .0.display())]
    NoFile(PathBuf),
    #[error("{} cannot be created: {}", .0.display(), .1)]
    Io(PathBuf, io::Error),
}

/// A file while it is written. Dropped before [`NewFile::keep`], it leaves nothing.
#[derive(Debug)]
pub struct NewFile {
    /// `None` once it is finished.
    out: Option<BackgroundWriter>,
    path: PathBuf,
    /// Removes the file when dropped.
    temporary: TempPath,
    replaces: bool,
}

impl NewFile {
    /// Creates a file that will be at `path`, or at the target if `path` is a link. `replace` allows it
    /// to replace another one.
    ///
    /// # Errors
    /// Any case of [`NewFileError`].
    pub fn create(path: &Path, replace: bool) -> Result<Self, NewFileError> {
        let failed = |error| NewFileError::Io(path.to_owned(), error);
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        match fs::symlink_metadata(&path) {
            Ok(there) if !there.is_file() => return Err(NewFileError::NoFile(path)),
            Ok(_) if !replace => return Err(NewFileError::Exists(path)),
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let name = path.file_name().ok_or_else(|| NewFileError::NoFile(path.clone()))?.to_string_lossy();
        let directory =
            path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Opened here and not by the library, which makes files that others cannot read: the umask decides.
        let open = |path: &Path| OpenOptions::new().write(true).create_new(true).open(path);
        let prefix = format!(".{name}.");
        let beside = Builder::new().prefix(&prefix).suffix(".partial").make_in(directory, open);
        let (file, temporary) = beside.map_err(failed)?.into_parts();
        let out = Some(BackgroundWriter::start(file).map_err(failed)?);
        Ok(Self { out, path, temporary, replaces: replace })
    }

    /// Where the file will be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// True if it may replace another one.
    pub fn replaces(&self) -> bool {
        self.replaces
    }

    /// Gives the file its name once all of it is on the disk, and returns its size in bytes.
    ///
    /// # Errors
    /// Those of the operating system; also if a file of that name exists by now and must not be replaced. No
    /// file is left then.
    pub fn keep(self) -> io::Result<u64> {
        let file = self.out.ok_or(ErrorKind::BrokenPipe)?.finish()?;
        file.sync_data()?;
        let bytes = file.metadata()?.len();
        if self.replaces {
            self.temporary.persist(&self.path)?;
        } else {
            name_once(self.temporary, &self.path)?;
        }
        Ok(bytes)
    }
}

/// Gives a file a name that no other file has.
fn name_once(temporary: TempPath, path: &Path) -> io::Result<()> {
    match temporary.persist_noclobber(path) {
        Ok(()) => Ok(()),
        Err(failed) if failed.error.kind() == ErrorKind::AlreadyExists => {
            Err(io::Error::new(ErrorKind::AlreadyExists, "another file has taken the name meanwhile"))
        }
        // Some file systems (FAT on old kernels, some of FUSE) cannot do it in one step.
        Err(failed) if fs::symlink_metadata(path).is_err() => Ok(failed.path.persist(path)?),
        Err(failed) => Err(failed.error),
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.as_mut().ok_or(ErrorKind::BrokenPipe)?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.as_mut().ok_or(ErrorKind::BrokenPipe)?.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_file_is_there_whole_or_not_at_all() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("runs.csv");
        let mut file = NewFile::create(&path, false).unwrap();
        file.write_all(b"half").unwrap();
        file.flush().unwrap();
        assert!(!path.exists() && names(home.path()).len() == 1);
        drop(file);
        assert!(names(home.path()).is_empty());
        let mut file = NewFile::create(&path, false).unwrap();
        file.write_all(b"whole").unwrap();
        assert_eq!(file.keep().unwrap(), 5);
        assert_eq!((fs::read(&path).unwrap(), names(home.path()).len()), (b"whole".to_vec(), 1));
    }

    #[test]
    fn nothing_is_replaced_that_should_not_be() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("runs.csv");
        let late = NewFile::create(&path, false).unwrap();
        fs::write(&path, "older").unwrap();
        assert!(matches!(NewFile::create(&path, false), Err(NewFileError::Exists(_))));
        assert_eq!(late.keep().unwrap_err().kind(), ErrorKind::AlreadyExists);
        NewFile::create(&path, true).unwrap().keep().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"");
        for no_file in [home.path(), Path::new("/dev/null"), Path::new("/")] {
            assert!(
                matches!(NewFile::create(no_file, true), Err(NewFileError::NoFile(_))),
                "{}",
                no_file.display()
            );
        }
        assert!(matches!(NewFile::create(&home.path().join("no/x"), true), Err(NewFileError::Io(..))));
    }

    #[test]
    fn a_link_stays_and_its_end_is_replaced() {
        let home = tempfile::tempdir().unwrap();
        let (real, link) = (home.path().join("real"), home.path().join("link"));
        fs::write(&real, "older").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        NewFile::create(&link, true).unwrap().keep().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&real).unwrap(), b"");
    }
}
