//! Notifies systemd over the socket that it names: ready, alive, stopping. Implements sd_notify(3) directly, because
//! each notification is one datagram. Failures are ignored.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

/// Sends notifications to systemd; does nothing without a socket.
#[derive(Debug, Default)]
pub struct SystemdNotifier {
    to: Option<(UnixDatagram, NotifySocketAddr)>,
}

#[derive(Debug)]
enum NotifySocketAddr {
    Path(String),
    #[cfg(target_os = "linux")]
    Abstract(std::os::unix::net::SocketAddr),
}

impl SystemdNotifier {
    /// Opens the socket named by `NOTIFY_SOCKET`: a path, or an abstract name after `@`.
    ///
    /// # Errors
    /// The name is no valid socket address, or no socket can be created.
    pub fn new(notify_socket: Option<&str>) -> io::Result<Self> {
        let Some(name) = notify_socket.filter(|name| !name.is_empty()) else { return Ok(Self::default()) };
        let socket = UnixDatagram::unbound()?;
        // A service manager that does not read must not block the daemon.
        socket.set_nonblocking(true)?;
        Ok(Self { to: Some((socket, address(name)?)) })
    }

    /// Notifies that the daemon works.
    pub fn ready(&self) {
        self.say("READY=1");
    }

    /// Notifies that no task hangs.
    pub fn alive(&self) {
        self.say("WATCHDOG=1");
    }

    /// Notifies that the daemon stops.
    pub fn stopping(&self) {
        self.say("STOPPING=1");
    }

    /// Sets the status line of `systemctl status`.
    pub fn status(&self, text: &str) {
        self.say(&format!("STATUS={}", text.replace('\n', " ")));
    }

    fn say(&self, word: &str) {
        let Some((socket, address)) = &self.to else { return };
        let _ = match address {
            NotifySocketAddr::Path(path) => socket.send_to(word.as_bytes(), path),
            #[cfg(target_os = "linux")]
            NotifySocketAddr::Abstract(name) => socket.send_to_addr(word.as_bytes(), name),
        };
    }
}

fn address(name: &str) -> io::Result<NotifySocketAddr> {
    #[cfg(target_os = "linux")]
    if let Some(name) = name.strip_prefix('@') {
        use std::os::linux::net::SocketAddrExt;
        return std::os::unix::net::SocketAddr::from_abstract_name(name).map(NotifySocketAddr::Abstract);
    }
    if Path::new(name).is_absolute() {
        return Ok(NotifySocketAddr::Path(name.to_owned()));
    }
    Err(io::Error::other(format!("NOTIFY_SOCKET is `{name}`: neither a path nor a name after @")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 64];
        let length = socket.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    #[test]
    fn words_reach_a_path_and_an_abstract_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let systemd = SystemdNotifier::new(path.to_str()).unwrap();
        systemd.ready();
        systemd.status("one\nline");
        assert_eq!((heard(&socket), heard(&socket)), ("READY=1".to_owned(), "STATUS=one line".to_owned()));
        drop(socket);
        systemd.alive();
        #[cfg(target_os = "linux")]
        {
            use std::os::linux::net::SocketAddrExt;
            let name = format!("llmbench-test-{}", std::process::id());
            let abstract_name = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
            let socket = UnixDatagram::bind_addr(&abstract_name).unwrap();
            SystemdNotifier::new(Some(&format!("@{name}"))).unwrap().stopping();
            assert_eq!(heard(&socket), "STOPPING=1");
        }
    }

    #[test]
    fn nobody_listens_and_a_wrong_name_is_told() {
        SystemdNotifier::new(None).unwrap().ready();
        SystemdNotifier::new(Some("")).unwrap().ready();
        assert!(SystemdNotifier::new(Some("relative")).unwrap_err().to_string().contains("NOTIFY_SOCKET"));
    }
}
