//! A daemon's own name, unlike that of any other daemon: a host name alone is used again.
//!
//! It goes with the state directory, which one process has at a time. Whoever starts there after another, above all after a
//! crash, has the name of the one before, and with it what that one had claimed; otherwise those models would wait until the
//! leases run out.

use crate::domain::pulse::Pulse;
use crate::storage::pulse_file;
use std::path::Path;

/// The name of whoever had the state directory before, on this host; otherwise a new one.
///
/// To be asked by the holder of the directory's lock. A directory that was copied to another host, or whose daemon lives, is
/// a copy: it gets a name of its own.
pub fn of(state_dir: &Path) -> String {
    let before = pulse_file::read(state_dir).ok().flatten().filter(is_left_behind);
    before.map_or_else(unique, |pulse| pulse.owner)
}

/// Whether the process is gone that wrote this, on this host. In a container the next process has the same id.
fn is_left_behind(pulse: &Pulse) -> bool {
    let is_gone = pulse.gone(&pulse_file::witness(pulse)).is_some() || pulse.pid == std::process::id();
    is_gone && pulse.owner.starts_with(&format!("{}:", host()))
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
    use crate::domain::pulse::samples;
    use chrono::Utc;

    #[test]
    fn a_name_goes_with_its_directory_and_its_host() {
        let state = tempfile::tempdir().unwrap();
        assert_ne!(of(state.path()), of(state.path()));
        let left = |owner: &str| {
            let pulse = Pulse { owner: owner.to_owned(), ..samples::pulse(Utc::now()) };
            pulse_file::Writer::new(state.path()).write(&pulse).unwrap();
        };
        let name = unique();
        left(&name);
        assert_eq!(of(state.path()), name);
        // Our parent lives, so this directory is a copy of its own.
        let parent = Pulse {
            owner: name.clone(),
            pid: std::os::unix::process::parent_id(),
            boot_id: pulse_file::boot_id().unwrap(),
            ..samples::pulse(Utc::now())
        };
        pulse_file::Writer::new(state.path()).write(&parent).unwrap();
        assert_ne!(of(state.path()), name);
        left("elsewhere:0011223344556677");
        assert!(of(state.path()).starts_with(&format!("{}:", host())));
    }
}
