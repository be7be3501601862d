//! Directories and files for this user alone: created, checked before use, opened without following a link.

use rustix::fs::{Access, OFlags, access};
use rustix::process::geteuid;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Write permission of group and others.
const OTHERS_WRITE: u32 = 0o022;

/// Creates a directory and its missing parents, readable by the user alone (0700). An existing one is left as it is.
///
/// # Errors
/// Those of the file system.
pub fn create_private_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Creates a directory if it is missing, and checks that only this user can write there: others could place links and
/// files under our names. Accepts a link to such a directory (systemd makes one for a dynamic user).
///
/// # Errors
/// The fault, with owner and mode, and the command that corrects it.
pub fn prepare_private_dir(path: &Path) -> Result<(), String> {
    let shown = path.display();
    let found = match fs::metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let failed = |error| format!("the directory {shown} cannot be made: {error}");
            create_private_dir(path).map_err(failed)?;
            fs::metadata(path).map_err(failed)?
        }
        Err(error) => return Err(format!("the directory {shown} cannot be looked at: {error}")),
    };
    if !found.is_dir() {
        return Err(format!("{shown} is a file and not a directory: mv {shown} {shown}.old"));
    }
    let (mine, owner, mode) = (geteuid().as_raw(), found.uid(), found.mode() & 0o7777);
    let is = format!("{shown} (owner {owner}, mode {mode:04o})");
    if owner != mine {
        return Err(format!("{is} belongs to another user than this one, {mine}: chown -R {mine} {shown}"));
    }
    if mode & OTHERS_WRITE != 0 {
        return Err(format!("others can write to {is}: chmod go-w {shown}"));
    }
    match access(path, Access::WRITE_OK | Access::EXEC_OK) {
        Err(rustix::io::Errno::ROFS) => {
            Err(format!("{is} is on a file system that is mounted read-only: mount it anew, or name another"))
        }
        Err(_) => Err(format!("{is} cannot be written to: chmod u+rwx {shown}")),
        Ok(()) => Ok(()),
    }
}

/// Makes new files private to this user (0600), and refuses to open a link.
pub fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    // The flag is a small number on every system.
    options.mode(0o600).custom_flags(i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default())
}

/// True if a file could not be opened because of its type or place, so that waiting does not help.
pub fn is_unfit(error: &io::Error) -> bool {
    use io::ErrorKind::{IsADirectory, NotADirectory, PermissionDenied, ReadOnlyFilesystem};
    matches!(error.kind(), IsADirectory | NotADirectory | PermissionDenied | ReadOnlyFilesystem)
        || error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_directory_that_others_can_write_to_is_refused_with_its_mode_and_the_command() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a/b");
        prepare_private_dir(&path).unwrap();
        prepare_private_dir(&path).unwrap();
        let link = home.path().join("link");
        symlink(&path, &link).unwrap();
        prepare_private_dir(&link).unwrap();
        for mode in [0o720, 0o702, 0o1777] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let said = prepare_private_dir(&path).unwrap_err();
            assert!(said.contains(&format!("mode {mode:04o}")) && said.contains("chmod go-w"), "{said}");
            assert!(prepare_private_dir(&link).is_err());
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        prepare_private_dir(&path).unwrap();
        let file = home.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(prepare_private_dir(&file).unwrap_err().contains("mv "));
        assert!(prepare_private_dir(&file.join("below")).unwrap_err().contains("Not a directory"));
    }

    #[test]
    fn no_link_is_followed_to_a_file() {
        let home = tempfile::tempdir().unwrap();
        let (precious, link) = (home.path().join("precious"), home.path().join("link"));
        fs::write(&precious, "kept").unwrap();
        symlink(&precious, &link).unwrap();
        let error =
            private(OpenOptions::new().write(true).create(true).truncate(true)).open(&link).unwrap_err();
        assert!(is_unfit(&error), "{error}");
        assert_eq!(fs::read_to_string(&precious).unwrap(), "kept");
    }
}
