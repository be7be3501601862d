//! Keeps keys inside the process: no core dump holds its memory, and no other process of the same user may read it.

use rustix::process::{Resource, Rlimit, setrlimit};

/// Forbids core dumps and, on Linux, access to the memory for debuggers and readers of `/proc/PID`. Must be called
/// before any key is read. If the system refuses, measuring goes on.
pub fn harden() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let _ = setrlimit(Resource::Core, none);
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}
