//! The folder of a site. A new site is written beside it and takes its place in one step, so that no reader sees half of
//! one and a kill at any moment leaves a whole one. What a report did not write is carried over, and never deleted.
//!
//! Beside a site `bench` there are `.bench.llmbench-lock`, which the report that writes holds; while it writes
//! `.bench.llmbench-new`; and where the file system cannot exchange two folders, for a moment `.bench.llmbench-old`.

use super::manifest::{self, GrowingManifest, MANIFEST};
use rustix::fs::{CWD, RenameFlags, renameat_with, syncfs};
use rustix::io::Errno;
use std::fs::{self, File, Permissions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// Half a copy of somebody's file, in a folder that is not the site yet.
const COPYING: &str = ".llmbench-report-copy";

/// The reason why there is no new site; the one before is still there.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    #[error("another report is writing {} now", .0.display())]
    Busy(PathBuf),
    #[error("{} holds files that no report wrote, `{}` for example", .0.display(), .1.display())]
    Foreign(PathBuf, PathBuf),
    #[error("{} is somebody else's file, and the site has one of the same name", .0.display())]
    Taken(PathBuf),
    #[error("{} holds files that no report wrote and that are in nobody's way elsewhere: move them away", .0.display())]
    Leftover(PathBuf),
    #[error("{} is no folder", .0.display())]
    NoFolder(PathBuf),
    #[error("{} cannot be written: {}", .0.display(), .1)]
    Io(PathBuf, io::Error),
}

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SiteSummary {
    pub files: u64,
    pub bytes: u64,
}

/// A site while it is written. Dropped before [`SiteFolder::publish`], it leaves the site before as it was.
#[derive(Debug)]
pub struct SiteFolder {
    target: PathBuf,
    new: PathBuf,
    old: PathBuf,
    manifest: GrowingManifest,
    /// The mode of the folder as it is: who may read it may read its files. `None` for a new one, of which the umask decides.
    mode: Option<u32>,
    written: SiteSummary,
    /// Held as long as this is.
    _lock: File,
}

impl SiteFolder {
    /// Begins a new site at `target`, which need not exist. `force` takes a folder that holds only somebody else's files;
    /// they stay there.
    ///
    /// # Errors
    /// Any case of [`SiteError`].
    pub fn begin(target: &Path, force: bool) -> Result<Self, SiteError> {
        let target = resolved(target)?;
        let beside = |end: &str| beside(&target, end);
        let (new, old, lock) = (beside("new")?, beside("old")?, beside("lock")?);
        let lock = locked(&lock, &target)?;
        recover(&target, &new, &old)?;
        check(&target, force)?;
        fs::create_dir(&new).map_err(|error| SiteError::Io(new.clone(), error))?;
        let manifest = GrowingManifest::create(&new).map_err(|error| SiteError::Io(new.clone(), error))?;
        let mode = fs::metadata(&target).ok().map(|about| about.permissions().mode() & 0o777);
        Ok(Self { target, new, old, manifest, mode, written: SiteSummary::default(), _lock: lock })
    }

    /// Adds a file at a path below the site's folder.
    ///
    /// # Errors
    /// [`SiteError::Io`].
    pub fn add(&mut self, path: &str, bytes: &[u8]) -> Result<(), SiteError> {
        let (place, mode) = (self.new.join(path), self.mode);
        let mut add = || {
            self.manifest.name(path)?;
            if let Some(folder) = place.parent() {
                fs::create_dir_all(folder)?;
            }
            let mut file = File::create_new(&place)?;
            if let Some(mode) = mode {
                file.set_permissions(Permissions::from_mode(mode & 0o666))?;
                let mut folders = place.ancestors().skip(1).take_while(|folder| *folder != self.new);
                folders.try_for_each(|folder| fs::set_permissions(folder, Permissions::from_mode(mode)))?;
            }
            io::Write::write_all(&mut file, bytes)
        };
        add().map_err(|error| SiteError::Io(self.target.join(path), error))?;
        self.written.files += 1;
        self.written.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Puts the new site in the place of the one before, and deletes what that report had written.
    ///
    /// # Errors
    /// Any case of [`SiteError`].
    pub fn publish(self) -> Result<SiteSummary, SiteError> {
        let failed = |error: io::Error| SiteError::Io(self.target.clone(), error);
        let is_there = self.target.exists();
        if is_there {
            self.carry()?;
        }
        // One call for thousands of files: after a power cut there is the old site or the whole new one.
        let folder = File::open(&self.new).map_err(failed)?;
        syncfs(&folder).map_err(|error| failed(error.into()))?;
        drop(folder);
        match is_there {
            false => fs::rename(&self.new, &self.target).map_err(failed)?,
            true => exchange(&self.target, &self.new, &self.old).map_err(failed)?,
        }
        let _ =
            self.target.parent().and_then(|parent| File::open(parent).ok()).map(|parent| parent.sync_all());
        // The site is there. What cannot be deleted now is by the next report.
        Ok(self.written)
    }

    /// Links what somebody else has put into the site's folder into the new one.
    fn carry(&self) -> Result<(), SiteError> {
        let ours = manifest::read(&self.target).unwrap_or_default();
        for path in files(&self.target).map_err(|error| SiteError::Io(self.target.clone(), error))? {
            if path == Path::new(MANIFEST) || path.to_str().is_some_and(|path| ours.contains(path)) {
                continue;
            }
            let copying = self.new.join(COPYING);
            link(&self.target.join(&path), &self.new.join(&path), &copying).map_err(|error| {
                match error.kind() {
                    ErrorKind::AlreadyExists | ErrorKind::NotADirectory => {
                        SiteError::Taken(self.target.join(&path))
                    }
                    _ => SiteError::Io(self.target.join(&path), error),
                }
            })?;
        }
        carry_folders(&self.target, &self.new).map_err(|error| SiteError::Io(self.target.clone(), error))
    }
}

/// Gives folders the modes that they have in the site before, and makes those in which there is nothing: no report leaves
/// an empty one.
fn carry_folders(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            let (here, there) = (entry.path(), to.join(entry.file_name()));
            if fs::read_dir(&here)?.next().is_none() {
                fs::create_dir_all(&there)?;
            }
            carry_folders(&here, &there)?;
        }
    }
    // Bits beyond these a shut-in service may not set.
    let mode = fs::metadata(from)?.permissions().mode() & 0o777;
    if to.is_dir() { fs::set_permissions(to, Permissions::from_mode(mode)) } else { Ok(()) }
}

impl Drop for SiteFolder {
    /// Deletes what is left beside the site: half of a new one, or the one before.
    fn drop(&mut self) {
        for folder in [&self.new, &self.old] {
            let _ = discard(folder, &self.target);
        }
    }
}

/// The folder itself, where a link leads to it.
fn resolved(target: &Path) -> Result<PathBuf, SiteError> {
    let failed = |error| SiteError::Io(target.to_owned(), error);
    match fs::canonicalize(target) {
        Ok(found) if found.is_dir() => Ok(found),
        Ok(_) => Err(SiteError::NoFolder(target.to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound && !target.is_symlink() => {
            let parent =
                target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            fs::create_dir_all(parent).map_err(failed)?;
            let name = target.file_name().ok_or_else(|| SiteError::NoFolder(target.to_owned()))?;
            Ok(fs::canonicalize(parent).map_err(failed)?.join(name))
        }
        Err(error) => Err(failed(error)),
    }
}

/// The path of a helper beside the site.
fn beside(target: &Path, end: &str) -> Result<PathBuf, SiteError> {
    let (Some(parent), Some(name)) = (target.parent(), target.file_name()) else {
        return Err(SiteError::NoFolder(target.to_owned()));
    };
    Ok(parent.join(format!(".{}.llmbench-{end}", name.to_string_lossy())))
}

fn locked(path: &Path, target: &Path) -> Result<File, SiteError> {
    let failed = |error| SiteError::Io(path.to_owned(), error);
    let file = File::options().create(true).truncate(false).write(true).open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(SiteError::Busy(target.to_owned())),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Finishes what a report that was killed has begun.
fn recover(target: &Path, new: &Path, old: &Path) -> Result<(), SiteError> {
    if old.exists() && !target.exists() {
        fs::rename(old, target).map_err(|error| SiteError::Io(target.to_owned(), error))?;
    }
    for folder in [new, old] {
        discard(folder, target).map_err(|error| SiteError::Io(folder.to_owned(), error))?;
        if folder.exists() {
            return Err(SiteError::Leftover(folder.to_owned()));
        }
    }
    Ok(())
}

/// Refuses a folder that no report wrote, unless it is empty.
fn check(target: &Path, force: bool) -> Result<(), SiteError> {
    if !target.exists() || manifest::read(target).is_some() {
        return Ok(());
    }
    // A list of that name which is no report's would be overwritten.
    let list = target.join(MANIFEST);
    if list.symlink_metadata().is_ok() {
        return Err(SiteError::Taken(list));
    }
    if force {
        return Ok(());
    }
    let found = files(target).map_err(|error| SiteError::Io(target.to_owned(), error))?;
    found.into_iter().next().map_or(Ok(()), |file| Err(SiteError::Foreign(target.to_owned(), file)))
}

/// Exchanges two folders in one step. A file system that cannot do it has no site for the moment between two renames.
fn exchange(target: &Path, new: &Path, old: &Path) -> io::Result<()> {
    match renameat_with(CWD, new, CWD, target, RenameFlags::EXCHANGE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            fs::rename(target, old)?;
            fs::rename(new, target).inspect_err(|_| drop(fs::rename(old, target)))
        }
        done => Ok(done?),
    }
}

/// Deletes a folder beside the site: the files that its list names, and those of somebody else that the site has as well.
/// Others are moved into the site; what would be in the way there stays where it is.
fn discard(folder: &Path, target: &Path) -> io::Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    absent(fs::remove_file(folder.join(COPYING)))?;
    for path in manifest::read(folder).unwrap_or_default() {
        absent(fs::remove_file(folder.join(path)))?;
    }
    let mut is_left = false;
    for path in files(folder)?.into_iter().filter(|path| path != Path::new(MANIFEST)) {
        let (here, there) = (folder.join(&path), target.join(&path));
        if is_same(&here, &there) {
            fs::remove_file(here)?;
        } else if there.symlink_metadata().is_err() && target.exists() {
            there.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::rename(here, there)?;
        } else {
            is_left = true;
        }
    }
    if !is_left {
        absent(fs::remove_file(folder.join(MANIFEST)))?;
        remove_folders(folder)?;
    }
    Ok(())
}

fn absent(removed: io::Result<()>) -> io::Result<()> {
    removed.or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// Removes folders in which there is nothing.
fn remove_folders(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_folders(&entry.path())?;
        }
    }
    fs::remove_dir(folder)
}

/// True if two files hold the same, or two links lead to the same.
fn is_same(one: &Path, other: &Path) -> bool {
    match (fs::read_link(one), fs::read_link(other)) {
        (Ok(one), Ok(other)) => one == other,
        (Err(_), Err(_)) => is_one_file(one, other).unwrap_or(false),
        _ => false,
    }
}

/// Names of one file are told without reading it: it may be large, or a pipe, which has no end.
fn is_one_file(one: &Path, other: &Path) -> io::Result<bool> {
    let (first, second) = (one.metadata()?, other.metadata()?);
    if (first.dev(), first.ino()) == (second.dev(), second.ino()) {
        return Ok(true);
    }
    let is_alike = first.is_file() && second.is_file() && first.len() == second.len();
    Ok(is_alike && fs::read(one)? == fs::read(other)?)
}

/// The same file under another name, where the file system can; else a copy, which is called `copying` until it is whole.
/// Links are made again.
fn link(from: &Path, to: &Path, copying: &Path) -> io::Result<()> {
    to.parent().map_or(Ok(()), fs::create_dir_all)?;
    if let Ok(leads) = fs::read_link(from) {
        return symlink(leads, to);
    }
    match fs::hard_link(from, to) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            if !from.metadata()?.is_file() {
                return Err(error);
            }
            io::copy(&mut File::open(from)?, &mut File::create(copying)?)?;
            fs::rename(copying, to)
        }
        linked => linked,
    }
}

/// Everything below a folder that is no folder, relative to it, sorted.
pub(super) fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let (mut found, mut waiting) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(inside) = waiting.pop() {
        for entry in fs::read_dir(folder.join(&inside))? {
            let entry = entry?;
            let path = inside.join(entry.file_name());
            // A link to a folder is not followed.
            if entry.file_type()?.is_dir() { waiting.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    Ok(found)
}
