//! Asks the file system for modes, permissions and free room. Creates nothing.

use rustix::fs::{Access, access, statvfs};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The permission bits of a path; `None` if they cannot be read.
pub fn mode(path: &Path) -> Option<u32> {
    std::fs::metadata(path).ok().map(|metadata| metadata.permissions().mode() & 0o777)
}

/// True if a user other than the owner can read a file with these bits.
pub fn is_open_to_others(mode: u32) -> bool {
    mode & 0o044 != 0
}

/// True if this user may create files in a directory.
pub fn is_writable(directory: &Path) -> bool {
    access(directory, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

/// The path itself, or the nearest existing directory above it.
pub fn nearest(path: &Path) -> PathBuf {
    path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/")).to_owned()
}

/// Bytes that this user may still write at a path that exists or will exist.
pub fn free_bytes(path: &Path) -> Option<u64> {
    let about = statvfs(nearest(path)).ok()?;
    Some(about.f_bavail.saturating_mul(about.f_frsize))
}
