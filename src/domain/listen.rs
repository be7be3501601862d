//! The address at which a daemon answers probes, if any, and the host names under which it does.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// The port unless one is set.
const PORT: u16 = 9464;

/// An address, or `None` if probes are off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenAddress(pub Option<SocketAddr>);

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("none") {
            return Ok(Self(None));
        }
        let wrong = |_| format!("`{text}` is no address: write 127.0.0.1:9464, [::1]:9464 or none");
        text.parse().map(|address| Self(Some(address))).map_err(wrong)
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => write!(f, "{address}"),
            None => f.write_str("none"),
        }
    }
}

impl Default for ListenAddress {
    /// Loopback: there is no login, and the figures tell which providers are measured.
    fn default() -> Self {
        Self(Some((Ipv4Addr::LOCALHOST, PORT).into()))
    }
}

/// Endings of names that nobody can register, so that no foreign page can have such a name.
const PRIVATE_ENDINGS: [&str; 3] = [".localhost", ".internal", ".local"];

/// The answer to a request for probes under another name.
pub const WRONG_HOST: &str =
    "probes are answered under an IP address, localhost, or a name without a public ending";

/// True if the `Host` of a request for probes can be this machine's: an IP address, a name without a dot, or one with a
/// private ending, with or without a port. A browser that a foreign page has led here by DNS names the foreign host.
pub fn is_own_host(host: &str) -> bool {
    let port = |text: &str| {
        text.is_empty() || text.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
    };
    if let Some((address, rest)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address.parse::<Ipv6Addr>().is_ok() && port(rest);
    }
    let (name, rest) = host.split_at(host.find(':').unwrap_or(host.len()));
    let name = name.to_ascii_lowercase();
    let is_private = !name.contains('.') || PRIVATE_ENDINGS.iter().any(|ending| name.ends_with(ending));
    port(rest) && (is_private || name.parse::<Ipv4Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_have_a_name_that_no_stranger_can_have() {
        for own in [
            "127.0.0.1:9464",
            "127.0.0.1",
            "[::1]:9464",
            "[::1]",
            "10.0.0.7:80",
            "localhost",
            "LOCALHOST:9464",
            "llmbench:9464",
            "bench.internal",
            "mac.local:1",
            "a.localhost",
            "",
        ] {
            assert!(is_own_host(own), "{own}");
        }
        for other in [
            "evil.example",
            "evil.example:9464",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "[evil.example]",
            "127.0.0.1:9464:1",
            "localhost.",
            "1.2.3.4x",
            "[::1]x",
        ] {
            assert!(!is_own_host(other), "{other}");
        }
    }

    #[test]
    fn an_address_or_none() {
        assert_eq!("NONE".parse::<ListenAddress>(), Ok(ListenAddress(None)));
        assert_eq!(ListenAddress::default().to_string(), "127.0.0.1:9464");
        assert_eq!("127.0.0.1:9464".parse(), Ok(ListenAddress::default()));
        assert_eq!("[::1]:0".parse::<ListenAddress>().unwrap().0.unwrap().port(), 0);
        for wrong in ["", "9464", "localhost:9464", "127.0.0.1", "127.0.0.1:99999"] {
            assert!(wrong.parse::<ListenAddress>().unwrap_err().contains("write 127.0.0.1:9464"), "{wrong}");
        }
    }
}
