//! Stores outcomes that no store took, one file each, until one does. A file is complete or missing, carries a checksum
//! and the name of its store, and is deleted only after that store has confirmed the row. A damaged file is
//! set aside, never deleted.

mod file;

pub use file::write_whole;

use crate::domain::Outcome;
use crate::storage::{OutcomeSink, RecordOutcome, StoreError, create_private_dir};
use file::UndeliveredFile;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// A directory of undelivered outcomes.
#[derive(Debug, Clone)]
pub struct UndeliveredDir {
    directory: PathBuf,
}

#[derive(Debug, Clone, PartialEq)]
pub struct UndeliveredOutcome {
    pub path: PathBuf,
    /// The store it was meant for, as returned by [`OutcomeSink::describe`].
    pub store: String,
    pub outcome: Outcome,
}

/// A file that will not be delivered until someone handles it.
#[derive(Debug, Clone, PartialEq)]
pub struct RejectedFile {
    /// Current path of the file.
    pub path: PathBuf,
    /// Description of the problem.
    pub why: String,
}

/// The result of a delivery.
#[derive(Debug, Default)]
pub struct DrainReport {
    /// Rows that the store has now.
    pub stored: usize,
    /// Rows that the store had already.
    pub duplicate: usize,
    /// Files that stay for the next delivery.
    pub kept: Vec<PathBuf>,
    /// The store's error that ended the delivery, if one did.
    pub stopped: Option<StoreError>,
    /// Files that were set aside because they are damaged or rejected, and files that this user cannot read.
    pub bad: Vec<RejectedFile>,
    /// Number of files for other stores, which were not touched.
    pub elsewhere: usize,
}

impl UndeliveredDir {
    /// The directory `undelivered` in the user's state directory. It is created with the first outcome.
    pub fn in_state_dir(state_dir: &Path) -> Self {
        Self { directory: state_dir.join("undelivered") }
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Counts the waiting files and those set aside, without opening them.
    ///
    /// # Errors
    /// Those of the file system. A missing directory counts as empty.
    pub fn counts(&self) -> io::Result<(usize, usize)> {
        let entries = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((0, 0)),
            entries => entries?,
        };
        let (mut waiting, mut bad) = (0, 0);
        for entry in entries {
            let path = entry?.path();
            waiting += usize::from(path.extension().is_some_and(|end| end == file::EXTENSION));
            bad += usize::from(path.extension().is_some_and(|end| end == "bad"));
        }
        Ok((waiting, bad))
    }

    /// Stores an outcome for `store` ([`OutcomeSink::describe`]) and returns its file, which is synced to disk with its
    /// name. The same outcome is stored only once.
    ///
    /// # Errors
    /// Those of the file system, and [`io::ErrorKind::InvalidData`] for an outcome that a file
    /// cannot represent (a NaN).
    pub fn keep(&self, store: &str, outcome: &Outcome) -> io::Result<PathBuf> {
        self.write(store, outcome).map_err(|error| {
            let directory = self.directory.display();
            io::Error::new(error.kind(), format!("nothing can be kept in {directory}: {error}"))
        })
    }

    fn write(&self, store: &str, outcome: &Outcome) -> io::Result<PathBuf> {
        if !self.directory.is_dir() {
            create_private_dir(&self.directory)?;
            file::sync_directory(self.directory.parent())?;
        }
        let content = UndeliveredFile::of(store, outcome)?;
        let path = self.directory.join(content.file_name(outcome.id()));
        file::write_whole(&path, &content.to_text())?;
        Ok(path)
    }

    /// The waiting outcomes, sorted by file name, and the damaged files, which were set aside under new names.
    ///
    /// # Errors
    /// Those of the file system. A missing directory counts as empty.
    pub fn pending(&self) -> io::Result<(Vec<UndeliveredOutcome>, Vec<RejectedFile>)> {
        let (mut waiting, mut bad) = (Vec::new(), Vec::new());
        for path in self.files()? {
            match fs::read_to_string(&path) {
                // Another process has delivered it in the meantime.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) if error.kind() != io::ErrorKind::InvalidData => {
                    bad.push(RejectedFile { path, why: format!("it cannot be read: {error}") });
                }
                read => match read
                    .map_err(|error| error.to_string())
                    .and_then(|text| UndeliveredFile::read(&text))
                {
                    Ok((store, outcome)) => waiting.push(UndeliveredOutcome { path, store, outcome }),
                    Err(why) => bad.push(RejectedFile { path: set_aside(&path)?, why }),
                },
            }
        }
        Ok((waiting, bad))
    }

    /// Delivers the waiting outcomes of this store. A file is deleted only after the store has confirmed its row; the
    /// first temporary [`StoreError`] ends the delivery and keeps the rest.
    ///
    /// # Errors
    /// Those of the file system; the store's errors are in the report.
    pub async fn deliver(&self, store: &dyn OutcomeSink) -> io::Result<DrainReport> {
        let (waiting, bad) = self.pending()?;
        let mut delivered = DrainReport { bad, ..DrainReport::default() };
        let destination = store.describe();
        for pending in waiting {
            if pending.store != destination {
                delivered.elsewhere += 1;
            } else if delivered.stopped.is_some() {
                delivered.kept.push(pending.path);
            } else {
                let answer = store.record(&pending.outcome).await;
                delivered.note(pending.path, answer)?;
            }
        }
        Ok(delivered)
    }

    fn files(&self) -> io::Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut files = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == file::EXTENSION) {
                files.push(path);
            }
        }
        files.sort_unstable();
        Ok(files)
    }
}

impl DrainReport {
    fn note(&mut self, path: PathBuf, answer: Result<RecordOutcome, StoreError>) -> io::Result<()> {
        match answer {
            Ok(recorded) => {
                match recorded {
                    RecordOutcome::Stored => self.stored += 1,
                    RecordOutcome::Duplicate => self.duplicate += 1,
                }
                return remove(&path);
            }
            Err(error @ (StoreError::Conflict(_) | StoreError::Rejected(_))) => {
                self.bad.push(RejectedFile { path: set_aside(&path)?, why: error.to_string() });
            }
            Err(error) => {
                self.stopped = Some(error);
                self.kept.push(path);
            }
        }
        Ok(())
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Renames a file to a free name with another extension, so that it no longer counts as an outcome.
fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let named = |number: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(if number == 1 { ".bad".to_owned() } else { format!(".{number}.bad") });
        PathBuf::from(name)
    };
    let aside = (1..).map(named).find(|name| !name.exists()).unwrap_or_else(|| named(1));
    fs::rename(path, &aside)?;
    Ok(aside)
}

#[cfg(test)]
mod tests;
