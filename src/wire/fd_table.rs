//! Makes the table of the process's open files large before anything is measured, so that
//! it has room for many connections.
//!
//! Linux doubles that table when it is full, at 256, 512, 1024 …, and in a process with several threads it
//! blocks the one that opened a file for some ten milliseconds meanwhile. On the measuring thread that would
//! delay the TTFT of every exchange that waits to be read. A process of one thread is not blocked, so this is
//! called before there is a second.

/// Expected open files: connections, and their other ends if the simulator runs in the same process.
#[cfg(unix)]
const ROOM: u64 = 16_384;

/// Makes room, as far as the system allows; otherwise connections fail later and say so.
#[cfg(unix)]
pub fn make_room() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let before = getrlimit(Resource::Nofile);
    if before.current.is_some_and(|current| current < ROOM) {
        let wanted = before.maximum.map_or(ROOM, |maximum| maximum.min(ROOM));
        // If this is refused, the lower limit stays; it is read again below.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), ..before });
    }
    let allowed = getrlimit(Resource::Nofile).current.map_or(ROOM, |current| current.min(ROOM));
    let last = i32::try_from(allowed.saturating_sub(1)).unwrap_or(i32::MAX);
    if let Ok(root) = std::fs::File::open("/") {
        // The table has to reach as far as this number; it never shrinks again.
        drop(rustix::io::fcntl_dupfd_cloexec(&root, last));
    }
}

/// Other systems have no such table.
#[cfg(not(unix))]
pub fn make_room() {}
