//! A daemon's unique name; a host name alone may be used again. The name belongs to the state directory, which one
//! process uses at a time. A daemon that starts there, especially after a crash, takes over the name and the claims of
//! the previous one; otherwise those models would wait until the leases expire.

use super::status_file::{boot_id, is_alive};
use crate::outbox::undelivered::write_whole;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;
use tracing::warn;

/// File name in the state directory.
const FILE: &str = "owner.json";

/// A name and the process that uses it.
#[derive(Debug, Serialize, Deserialize)]
struct OwnerRecord {
    owner: String,
    pid: u32,
    boot_id: Option<String>,
}

impl OwnerRecord {
    /// True if the process that wrote this on this host has ended. In a container the next process has the same id.
    fn is_left_behind(&self) -> bool {
        let another_boot = self.boot_id != boot_id();
        let gone = another_boot || self.pid == std::process::id() || is_alive(self.pid) == Some(false);
        gone && self.owner.starts_with(&format!("{}:", host()))
    }
}

/// Returns the name of the state directory's previous daemon on this host, or a new one. It is written to disk before
/// anything is claimed under it.
///
/// The caller must hold the directory's lock. A directory that was copied to another host, or whose daemon is alive,
/// gets a new name.
pub fn of(state_dir: &Path) -> String {
    let file = state_dir.join(FILE);
    let before = fs::read(&file).ok().and_then(|bytes| serde_json::from_slice::<OwnerRecord>(&bytes).ok());
    let owner = before.filter(OwnerRecord::is_left_behind).map_or_else(unique, |named| named.owner);
    let named = OwnerRecord { owner: owner.clone(), pid: std::process::id(), boot_id: boot_id() };
    let written = serde_json::to_string(&named).map_err(std::io::Error::other);
    if let Err(error) = written.and_then(|text| write_whole(&file, &text)) {
        let path = file.display();
        warn!("{path} cannot be written, so what is claimed now waits for its leases after a crash: {error}");
    }
    owner
}

/// The name of the state directory's newest daemon; `None` if none has run there, or if the file cannot be read.
pub fn known(state_dir: &Path) -> Option<String> {
    let record: OwnerRecord = serde_json::from_slice(&fs::read(state_dir.join(FILE)).ok()?).ok()?;
    Some(record.owner)
}

/// A new, random name.
pub fn unique() -> String {
    format!("{}:{:016x}", host(), rand::random::<u64>())
}

/// The name of this host.
pub fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_goes_with_its_directory_and_its_host() {
        let state = tempfile::tempdir().unwrap();
        assert_eq!(known(state.path()), None);
        let name = of(state.path());
        assert_eq!(known(state.path()), Some(name.clone()));
        assert!(name.starts_with(&format!("{}:", host())));
        assert_eq!(of(state.path()), name);
        let left = |owner: &str, pid: u32| {
            let named = OwnerRecord { owner: owner.to_owned(), pid, boot_id: boot_id() };
            fs::write(state.path().join(FILE), serde_json::to_string(&named).unwrap()).unwrap();
        };
        left(&name, u32::MAX);
        assert_eq!(of(state.path()), name);
        // The parent process is alive, so this directory counts as a copy.
        left(&name, std::os::unix::process::parent_id());
        assert_ne!(of(state.path()), name);
        left("elsewhere:0011223344556677", u32::MAX);
        assert!(of(state.path()).starts_with(&format!("{}:", host())));
        fs::write(state.path().join(FILE), "{").unwrap();
        assert_ne!(of(state.path()), name);
    }
}
