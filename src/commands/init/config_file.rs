//! The place of the new configuration file, and writing it: whole or not at all, for its owner alone, and over another file
//! only if that is wanted.

use crate::commands::exit::{CommandError, Exit};
use crate::settings::{Env, file};
use crate::storage::create_private_dir;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The path at which the file will be read.
///
/// # Errors
/// Status 2 if there is a file and it may not be replaced, or no home directory.
pub fn destination(flag: Option<&Path>, env: &Env, force: bool) -> Result<PathBuf, CommandError> {
    let path = file::destination(flag, env).ok_or_else(|| {
        CommandError::usage("there is no home directory for the configuration")
            .hint("--config FILE says where it is written")
    })?;
    let path = std::path::absolute(&path).unwrap_or(path);
    if path.is_dir() {
        return Err(CommandError::usage(format!("{} is a directory", path.display()))
            .hint("--config names the file itself"));
    }
    if !force && fs::symlink_metadata(&path).is_ok() {
        return Err(exists(&path));
    }
    Ok(path)
}

/// Writes the file, readable by its owner alone (0600).
///
/// # Errors
/// Status 2 if another file came there meanwhile and may not be replaced, 1 if the system refuses.
pub fn write(path: &Path, text: &str, force: bool) -> Result<(), CommandError> {
    written(path, text, force).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => exists(path),
        _ => CommandError::usage(format!("{} cannot be written: {error}", path.display()))
            .exit(Exit::No)
            .hint("--config FILE writes another one"),
    })
}

fn written(path: &Path, text: &str, force: bool) -> io::Result<()> {
    // A link stays one: whoever keeps configurations elsewhere links to them.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let directory = target.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = directory.unwrap_or_else(|| Path::new("."));
    // A file in the place of the directory is no file in the place of this one.
    create_private_dir(directory).map_err(|error| io::Error::other(error.to_string()))?;
    // Such files have mode 0600 from the start.
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    let kept = if force { file.persist(&target) } else { file.persist_noclobber(&target) };
    kept.map(drop).map_err(|failed| failed.error)
}

fn exists(path: &Path) -> CommandError {
    CommandError::usage(format!("{} is there already", path.display())).hint(
        "--force replaces it, --config FILE writes another one; `llmbench config show` prints what it says",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_file_is_private_whole_and_replaced_only_if_that_is_wanted() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("new/config.toml");
        write(&path, "one", false).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        let refused = write(&path, "two", false).unwrap_err();
        assert!(refused.message.ends_with("is there already"), "{}", refused.message);
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        let link = home.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(destination(Some(&link), &Env::default(), false).is_err());
        write(&link, "three", true).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "three");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left beside it");
    }
}
