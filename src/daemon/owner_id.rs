//! A daemon's own name, unlike that of any other daemon: a host name alone is used again.
//!
//! It goes with the state directory, which one process has at a time. Whoever starts there after another, above all after a
//! crash, has the name of the one before, and with it what that one had claimed; otherwise those models would wait until the
//! leases run out.

use super::status_file::{boot_id, is_alive};
use crate::outbox::undelivered::write_whole;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;
use tracing::warn;

/// The file in the state directory.
const FILE: &str = "owner.json";

/// A name and the process that has it.
#[derive(Debug, Serialize, Deserialize)]
struct OwnerRecord {
    owner: String,
    pid: u32,
    boot_id: Option<String>,
}

impl OwnerRecord {
    /// Whether the process is gone that wrote this, on this host. In a container the next process has the same id.
    fn is_left_behind(&self) -> bool {
        let another_boot = self.boot_id != boot_id();
        let gone = another_boot || self.pid == std::process::id() || is_alive(self.pid) == Some(false);
        gone && self.owner.starts_with(&format!("{}:", host()))
    }
}

/// The name of whoever had the state directory before, on this host; otherwise a new one. It is written down before anything
/// is claimed under it.
///
/// To be asked by the holder of the directory's lock. A directory that was copied to another host, or whose daemon lives, is
/// a copy: it gets a name of its own.
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

/// A name that nobody had.
pub fn unique() -> String {
    format!("{}:{:016x}", host(), rand::random::<u64>())
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_goes_with_its_directory_and_its_host() {
        let state = tempfile::tempdir().unwrap();
        let name = of(state.path());
        assert!(name.starts_with(&format!("{}:", host())));
        assert_eq!(of(state.path()), name);
        let left = |owner: &str, pid: u32| {
            let named = OwnerRecord { owner: owner.to_owned(), pid, boot_id: boot_id() };
            fs::write(state.path().join(FILE), serde_json::to_string(&named).unwrap()).unwrap();
        };
        left(&name, u32::MAX);
        assert_eq!(of(state.path()), name);
        // Our parent lives, so this directory is a copy of its own.
        left(&name, std::os::unix::process::parent_id());
        assert_ne!(of(state.path()), name);
        left("elsewhere:0011223344556677", u32::MAX);
        assert!(of(state.path()).starts_with(&format!("{}:", host())));
        fs::write(state.path().join(FILE), "{").unwrap();
        assert_ne!(of(state.path()), name);
    }
}
