//! Recognizes failures of this machine: no file descriptor, thread or memory was left. Such a failure
//! says nothing about the other side.

use std::fs::File;
use std::io;

/// The message about file descriptors.
const DESCRIPTORS: &str =
    "this machine has no file descriptor left (see `ulimit -n`, or ask for less at once)";
/// Descriptors that suffice to resolve a name: hosts, configuration, sockets to two servers.
const ENOUGH: usize = 6;

/// The missing resource, if this error says that this machine lacked one.
pub fn of(error: &io::Error) -> Option<&'static str> {
    if error.kind() == io::ErrorKind::OutOfMemory {
        return Some("this machine has no memory left");
    }
    #[cfg(unix)]
    {
        use rustix::io::Errno;
        match Errno::from_io_error(error)? {
            Errno::MFILE => Some(DESCRIPTORS),
            Errno::NFILE => Some("this machine has no file descriptor left (see `sysctl fs.file-max`)"),
            Errno::NOMEM | Errno::NOBUFS => Some("this machine has no memory left"),
            // Returned if a thread or process could not be started; a socket never returns it to a caller.
            Errno::AGAIN => Some("this machine can start no more threads (see `ulimit -u`)"),
            _ => None,
        }
    }
    #[cfg(not(unix))]
    None
}

/// Tests whether descriptors or threads are missing now: for failures that do not say so themselves.
pub fn now() -> Option<&'static str> {
    let opened: io::Result<Vec<File>> = (0..ENOUGH).map(|_| File::open("/")).collect();
    let tried = opened.map(drop).and_then(|()| std::thread::Builder::new().spawn(|| ()).map(drop));
    tried.err().as_ref().and_then(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn only_what_this_machine_lacks_is_its_own() {
        use rustix::io::Errno;
        let said = |errno: Errno| of(&io::Error::from_raw_os_error(errno.raw_os_error()));
        assert!(said(Errno::MFILE).unwrap().contains("ulimit -n"));
        for own in [Errno::NFILE, Errno::NOMEM, Errno::NOBUFS, Errno::AGAIN] {
            assert!(said(own).is_some(), "{own:?}");
        }
        for theirs in [Errno::CONNREFUSED, Errno::HOSTUNREACH, Errno::TIMEDOUT, Errno::CONNRESET, Errno::PIPE]
        {
            assert_eq!(said(theirs), None, "{theirs:?}");
        }
        assert_eq!(of(&io::Error::other("no")), None);
        assert_eq!(now(), None);
    }
}
