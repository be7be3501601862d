//! Where a daemon answers probes: an address, or nowhere.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;

/// The port unless somebody says otherwise.
const PORT: u16 = 9464;

/// An address, or nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen(pub Option<SocketAddr>);

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("none") {
            return Ok(Self(None));
        }
        let wrong = |_| format!("`{text}` is no address: write 127.0.0.1:9464, [::1]:9464 or none");
        text.parse().map(|address| Self(Some(address))).map_err(wrong)
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => write!(f, "{address}"),
            None => f.write_str("none"),
        }
    }
}

impl Default for Listen {
    /// Loopback: there is no login, and the figures tell which providers are measured.
    fn default() -> Self {
        Self(Some((Ipv4Addr::LOCALHOST, PORT).into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_or_none() {
        assert_eq!("NONE".parse::<Listen>(), Ok(Listen(None)));
        assert_eq!(Listen::default().to_string(), "127.0.0.1:9464");
        assert_eq!("127.0.0.1:9464".parse(), Ok(Listen::default()));
        assert_eq!("[::1]:0".parse::<Listen>().unwrap().0.unwrap().port(), 0);
        for wrong in ["", "9464", "localhost:9464", "127.0.0.1", "127.0.0.1:99999"] {
            assert!(wrong.parse::<Listen>().unwrap_err().contains("write 127.0.0.1:9464"), "{wrong}");
        }
    }
}
