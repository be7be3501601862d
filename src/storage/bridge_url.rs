//! The address of a bridge: parsed, split and printed. `remote` decides about the requests to it.

use std::fmt;
use url::{Host, Url};

/// Paths below the address for posting results and reading work lists.
const KNOWN: [&str; 2] = ["/ingest", LISTS];

/// The path of work lists. The Python runner's address of it names the provider in its query.
const LISTS: &str = "/runner-config";

/// The address of a bridge, or of one of its paths. It can hold no secret: one with a user or a query is invalid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BridgeUrl {
    tls: bool,
    host: String,
    port: u16,
    /// Without a slash at its end; empty at the root.
    path: String,
    local: bool,
}

/// The reason why a text is no bridge's address. Never repeats the text, which may hold a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is no address of a bridge ({0}): write https://HOST or https://HOST:PORT/PATH")]
pub struct BridgeUrlError(String);

impl BridgeUrl {
    /// True if a text looks like such an address.
    pub fn is_meant(text: &str) -> bool {
        let scheme = text.trim().split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        scheme.is_some_and(|scheme| scheme == "https" || scheme == "http")
    }

    /// Reads the address of a bridge. `https://HOST/ingest` and `https://HOST/runner-config`, as the Python runner has
    /// them, are the same as `https://HOST`.
    ///
    /// # Errors
    /// [`BridgeUrlError`] if it is no URL, has another scheme, a user, a fragment, or a query that is not the provider
    /// of a work list.
    pub fn parse(text: &str) -> Result<Self, BridgeUrlError> {
        let mut whole = Self::exactly(text)?;
        let base = KNOWN.iter().find_map(|path| whole.path.strip_suffix(path)).map(str::to_owned);
        whole.path = base.unwrap_or(whole.path);
        Ok(whole)
    }

    /// Reads the address of one path of a bridge, which is used as it is.
    ///
    /// # Errors
    /// As [`BridgeUrl::parse`].
    pub fn exactly(text: &str) -> Result<Self, BridgeUrlError> {
        let wrong = |why: &str| BridgeUrlError(why.to_owned());
        let url = Url::parse(text.trim()).map_err(|error| BridgeUrlError(error.to_string()))?;
        let tls = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(wrong("its scheme is neither https nor http")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("it holds a user or a password; the key goes into LLMBENCH_BRIDGE_KEY"));
        }
        let of_lists = url.query().is_none() || provider(&url).is_some();
        if !of_lists || url.fragment().is_some() {
            return Err(wrong("it holds a query or a fragment"));
        }
        let local = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => return Err(wrong("it names no host")),
        };
        let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        Ok(Self {
            tls,
            host: host.to_owned(),
            port: url.port_or_known_default().unwrap_or(443),
            path: url.path().trim_end_matches('/').to_owned(),
            local,
        })
    }

    /// The provider that an address of work lists names, as the Python runner has it:
    /// `https://HOST/runner-config?provider=bedrock`.
    pub fn provider_in(text: &str) -> Option<String> {
        provider(&Url::parse(text.trim()).ok()?)
    }

    /// The address of a path below this one; `path` begins with a slash.
    #[must_use]
    pub fn join(&self, path: &str) -> Self {
        Self { path: format!("{}{path}", self.path), ..self.clone() }
    }

    /// The same without `path` at its end.
    #[must_use]
    pub fn without(&self, path: &str) -> Self {
        let base = self.path.strip_suffix(path).unwrap_or(&self.path);
        Self { path: base.to_owned(), ..self.clone() }
    }

    /// True for TLS, false for plain HTTP.
    pub fn tls(&self) -> bool {
        self.tls
    }

    /// Host name or address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The path as it is sent, `/` at the root.
    pub fn path(&self) -> &str {
        if self.path.is_empty() { "/" } else { &self.path }
    }

    /// True if a key would be sent unencrypted: plain http to another machine.
    pub fn is_exposed(&self) -> bool {
        !self.tls && !self.local
    }
}

/// The provider in the query of an address of work lists, if the query holds nothing else.
fn provider(url: &Url) -> Option<String> {
    let name = url.query()?.strip_prefix("provider=")?;
    let fits = |ch: char| ch.is_ascii_alphanumeric() || ch == '-' || ch == '_';
    let sound = !name.is_empty() && name.chars().all(fits);
    (sound && url.path().trim_end_matches('/').ends_with(LISTS)).then(|| name.to_owned())
}

impl fmt::Display for BridgeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, known) = if self.tls { ("https", 443) } else { ("http", 80) };
        match self.host.contains(':') {
            true => write!(f, "{scheme}://[{}]", self.host)?,
            false => write!(f, "{scheme}://{}", self.host)?,
        }
        if self.port != known {
            write!(f, ":{}", self.port)?;
        }
        f.write_str(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bridge_has_many_spellings() {
        for (text, shown) in [
            ("https://ingest.example", "https://ingest.example"),
            ("https://ingest.example/", "https://ingest.example"),
            ("https://ingest.example/ingest", "https://ingest.example"),
            ("https://ingest.example/ingest/", "https://ingest.example"),
            ("https://ingest.example/runner-config", "https://ingest.example"),
            ("HTTPS://Ingest.Example:8443/a/ingest", "https://ingest.example:8443/a"),
            ("http://127.0.0.1:80/", "http://127.0.0.1"),
            ("http://[::1]:8088", "http://[::1]:8088"),
        ] {
            assert_eq!(BridgeUrl::parse(text).unwrap().to_string(), shown, "{text}");
        }
        let base = BridgeUrl::parse("https://h/a").unwrap();
        assert_eq!((base.join("/ingest/batch").path(), base.port()), ("/a/ingest/batch", 443));
        let config = BridgeUrl::exactly("https://h/runner-config").unwrap();
        assert_eq!((config.path(), config.without("/runner-config").path()), ("/runner-config", "/"));
    }

    #[test]
    fn the_python_runners_address_of_lists_names_a_provider() {
        let text = "https://h/a/runner-config?provider=bedrock";
        assert_eq!(BridgeUrl::parse(text).unwrap().to_string(), "https://h/a");
        assert_eq!(BridgeUrl::exactly(text).unwrap().path(), "/a/runner-config");
        assert_eq!(BridgeUrl::provider_in(text).as_deref(), Some("bedrock"));
        for other in [
            "https://h/ingest?provider=bedrock",
            "https://h/runner-config?provider=",
            "https://h/runner-config?provider=a&key=canary",
            "https://h/runner-config?provider=a%20canary",
        ] {
            assert_eq!(BridgeUrl::provider_in(other), None, "{other}");
            assert!(!BridgeUrl::parse(other).unwrap_err().to_string().contains("canary"), "{other}");
        }
    }

    #[test]
    fn plain_http_is_for_this_machine() {
        let exposed = |text: &str| BridgeUrl::parse(text).unwrap().is_exposed();
        assert!(exposed("http://bench-ingest:8000/ingest") && exposed("http://10.0.0.1"));
        assert!(!exposed("https://10.0.0.1") && !exposed("http://localhost:1") && !exposed("http://[::1]:1"));
    }

    #[test]
    fn what_is_none_is_not_repeated() {
        for text in [
            "https://user:canary@h",
            "https://canary@h",
            "https://h/?key=canary",
            "https://h/#canary",
            "https://",
            "https://h:canary",
        ] {
            let said = BridgeUrl::parse(text).unwrap_err().to_string();
            assert!(!said.contains("canary"), "{said}");
        }
    }
}
