//! What the file system says: modes, rights, free room. Nothing is created.

use rustix::fs::{Access, access, statvfs};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The permission bits of a path, where it can be asked for them.
pub fn mode(path: &Path) -> Option<u32> {
    std::fs::metadata(path).ok().map(|metadata| metadata.permissions().mode() & 0o777)
}

/// Whether somebody else than the owner can read a file with these bits.
pub fn is_open_to_others(mode: u32) -> bool {
    mode & 0o044 != 0
}

/// Whether this user may put files into a directory.
pub fn is_writable(directory: &Path) -> bool {
    access(directory, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

/// The path itself, or the nearest directory above it that is there.
pub fn nearest(path: &Path) -> PathBuf {
    path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/")).to_owned()
}

/// Bytes that this user may still write where a path is, or will be.
pub fn free_bytes(path: &Path) -> Option<u64> {
    let about = statvfs(nearest(path)).ok()?;
    Some(about.f_bavail.saturating_mul(about.f_frsize))
}
