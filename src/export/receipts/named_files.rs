//! Gives several files their names: all of them, or none. A file that is replaced waits beside under another name, and gets
//! its own back if a later one fails.

use crate::export::new_file::NewFile;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use tempfile::{Builder, TempPath};

/// A name that was given or taken away.
struct NamedFile {
    path: PathBuf,
    /// The file that had the name before.
    before: Option<TempPath>,
    /// True once a new file has the name.
    given: bool,
}

/// Files that have their names already. Dropped before [`NamedFiles::all_kept`], it undoes that.
#[derive(Default)]
pub struct NamedFiles(Vec<NamedFile>);

impl NamedFiles {
    /// Gives a file its name, and returns its size in bytes.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn keep(&mut self, file: NewFile) -> io::Result<u64> {
        let path = file.path().to_owned();
        let before = if file.replaces() { set_aside(&path)? } else { None };
        self.0.push(NamedFile { path, before, given: false });
        let bytes = file.keep()?;
        if let Some(named) = self.0.last_mut() {
            named.given = true;
        }
        Ok(bytes)
    }

    /// Takes away a file, if there is one.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn remove(&mut self, path: &Path) -> io::Result<()> {
        let before = set_aside(path)?;
        self.0.push(NamedFile { path: path.to_owned(), before, given: false });
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes the files that were replaced.
    pub fn all_kept(mut self) {
        self.0.clear();
    }
}

impl Drop for NamedFiles {
    fn drop(&mut self) {
        // The error that led here is the one to tell.
        while let Some(NamedFile { path, before, given }) = self.0.pop() {
            match before {
                // If it cannot have its name, it keeps the other one.
                Some(before) if fs::rename(&before, &path).is_err() => drop(before.keep()),
                // A second name of the same file outlives the renaming; dropping removes it.
                Some(before) => drop(before),
                None if given => drop(fs::remove_file(path)),
                None => {}
            }
        }
    }
}

/// Gives a file a second name beside its own; where the file system has no second names, the other one instead. `None` if
/// there is no file.
fn set_aside(path: &Path) -> io::Result<Option<TempPath>> {
    // A directory has no second name, and moves nowhere: whoever wants its name is told.
    if fs::symlink_metadata(path).map_or(true, |there| there.is_dir()) {
        return Ok(None);
    }
    let prefix = format!(".{}.", path.file_name().map(OsStr::to_string_lossy).unwrap_or_default());
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let aside = |aside: &Path| match fs::hard_link(path, aside) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => fs::rename(path, aside),
        linked => linked,
    };
    let beside = Builder::new().prefix(&prefix).suffix(".before").make_in(directory, aside)?;
    Ok(Some(beside.into_temp_path()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::io::Write;

    /// The names in a directory and what is in their files.
    fn contents(home: &Path) -> BTreeMap<String, String> {
        let entries = fs::read_dir(home).unwrap().map(|entry| entry.unwrap());
        let named = entries.map(|entry| (entry.file_name().into_string().unwrap(), entry.path()));
        named.map(|(name, path)| (name, fs::read_to_string(path).unwrap_or_default())).collect()
    }

    fn new(path: &Path, replace: bool) -> NewFile {
        let mut file = NewFile::create(path, replace).unwrap();
        file.write_all(b"new").unwrap();
        file
    }

    /// Has three files named and one removed, of which the last fails if there is a directory in its place.
    fn name(home: &Path, replace: bool, fails: bool) -> io::Result<()> {
        let mut named = NamedFiles::default();
        let files = ["a", "b", "c"].map(|name| new(&home.join(name), replace));
        if fails {
            fs::create_dir(home.join("c")).unwrap();
        }
        let [a, b, c] = files;
        assert_eq!(named.keep(a)?, 3);
        named.remove(&home.join("gone"))?;
        named.remove(&home.join("absent"))?;
        named.keep(b)?;
        named.keep(c)?;
        named.all_kept();
        Ok(())
    }

    #[test]
    fn what_was_replaced_comes_back_where_a_file_fails() {
        let home = tempfile::tempdir().unwrap();
        for old in ["a", "gone"] {
            fs::write(home.path().join(old), "old").unwrap();
        }
        let mut before = contents(home.path());
        assert!(name(home.path(), true, true).is_err());
        before.insert("c".to_owned(), String::new());
        assert_eq!(contents(home.path()), before);
        fs::remove_dir(home.path().join("c")).unwrap();
        name(home.path(), true, false).unwrap();
        let expected = ["a", "b", "c"].map(|name| (name.to_owned(), "new".to_owned()));
        assert_eq!(contents(home.path()), BTreeMap::from(expected));
    }

    #[test]
    fn new_files_leave_where_one_fails() {
        let home = tempfile::tempdir().unwrap();
        assert!(name(home.path(), false, true).is_err());
        assert_eq!(contents(home.path()).into_keys().collect::<Vec<_>>(), ["c"]);
    }

    #[test]
    fn the_end_of_a_link_comes_back() {
        let home = tempfile::tempdir().unwrap();
        let (real, link) = (home.path().join("real"), home.path().join("link"));
        fs::write(&real, "old").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let mut named = NamedFiles::default();
        named.keep(new(&link, true)).unwrap();
        assert_eq!(fs::read(&link).unwrap(), b"new");
        drop(named);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!((fs::read(&real).unwrap(), contents(home.path()).len()), (b"old".to_vec(), 2));
    }
}
