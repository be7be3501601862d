//! A daemon's own name, unlike that of any other daemon, ever: a host name alone is used again.
//!
//! It goes with the state directory, which one process has at a time. Whoever starts there after a crash has the name of the
//! dead one, and with it what that one had claimed; otherwise those models would wait until the leases run out.

use crate::storage::pulse_file;
use std::path::Path;

/// The name of whoever had the state directory before, on this host; otherwise a new one. (A directory that was copied to
/// another host is another daemon's.)
///
/// To be asked by the holder of the directory's lock.
pub fn of(state_dir: &Path) -> String {
    let before = pulse_file::read(state_dir).ok().flatten().map(|pulse| pulse.owner);
    let here = format!("{}:", host());
    before.filter(|name| name.starts_with(&here)).unwrap_or_else(unique)
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
    use crate::domain::pulse::{Pulse, samples};
    use chrono::Utc;

    #[test]
    fn a_name_goes_with_its_directory_and_its_host() {
        let state = tempfile::tempdir().unwrap();
        assert_ne!(of(state.path()), of(state.path()));
        let left = |owner: &str| {
            let pulse = Pulse { owner: owner.to_owned(), ..samples::pulse(Utc::now()) };
            pulse_file::write(state.path(), &pulse).unwrap();
        };
        let name = unique();
        left(&name);
        assert_eq!(of(state.path()), name);
        left("elsewhere:0011223344556677");
        assert!(of(state.path()).starts_with(&format!("{}:", host())));
    }
}
