//! Selects the proxy of a request: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` with curl's rules.
//! Requests to this machine never use one. Pure; `settings` reads the variables.

use crate::domain::secret::Secret;
use hyper_util::client::proxy::matcher::Matcher;
use std::fmt;
use std::sync::Arc;
use url::Url;

/// The supported kinds of proxies.
const SCHEMES: [&str; 6] = ["http", "https", "socks4", "socks4a", "socks5", "socks5h"];

/// The expected form of a proxy.
const FORM: &str = "write http://HOST:PORT, or unset the variable";

/// Hosts that never use a proxy: the proxy would connect to its own machine.
const LOOPBACK: &str = "localhost,127.0.0.0/8,::1";

/// A proxy, and the variable that names it.
#[derive(Clone, PartialEq)]
pub struct ProxyUrl {
    /// The variable's name as it is set: `https_proxy`.
    pub variable: String,
    url: Url,
}

impl ProxyUrl {
    /// Parses the value of a variable; without a scheme it is an http proxy.
    ///
    /// # Errors
    /// The reason why it is no proxy, without the value, which may contain a password.
    pub fn parse(variable: &str, text: &str) -> Result<Self, String> {
        let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url = Url::parse(&whole).map_err(|error| format!("it is no URL of a proxy ({error}): {FORM}"))?;
        if !SCHEMES.contains(&url.scheme()) {
            return Err(format!("its scheme is none of {}", SCHEMES.join(", ")));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(format!("it names no host: {FORM}"));
        }
        Ok(Self { variable: variable.to_owned(), url })
    }

    /// The URL with user and password, for the library that connects.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// User and password, which must not appear in a message.
    pub fn secrets(&self) -> Vec<Secret> {
        secrets_of(&self.url)
    }
}

impl fmt::Display for ProxyUrl {
    /// Writes `http://proxy.example:3128`, without user and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.url.scheme(), self.url.host_str().unwrap_or_default())?;
        self.url.port().map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self, self.variable)
    }
}

/// The userinfo of a URL: as written, and decoded.
fn secrets_of(url: &Url) -> Vec<Secret> {
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let password = url.password().unwrap_or_default();
    let mut texts = vec![password.to_owned(), decoded(password)];
    if password.is_empty() {
        // A single token is in the place of the user.
        texts.extend([url.username().to_owned(), decoded(url.username())]);
    }
    texts.dedup();
    texts.into_iter().filter(|text| !text.is_empty()).map(Secret::new).collect()
}

#[derive(Clone, Default)]
pub struct ProxyRules {
    https: Option<ProxyUrl>,
    http: Option<ProxyUrl>,
    except: Option<Arc<Matcher>>,
}

impl ProxyRules {
    /// `all` applies to schemes without a proxy of their own; `except` is a list as in `NO_PROXY`.
    pub fn new(
        https: Option<ProxyUrl>,
        http: Option<ProxyUrl>,
        all: Option<ProxyUrl>,
        except: Option<&str>,
    ) -> Self {
        let excepted = format!("{LOOPBACK},{}", except.unwrap_or_default());
        // The library's matcher parses the list; with a proxy for everything, its answer depends only on the list.
        let except = Matcher::builder().all("http://proxy.invalid").no(excepted).build();
        Self { https: https.or_else(|| all.clone()), http: http.or(all), except: Some(Arc::new(except)) }
    }

    /// The proxy for requests to this host. An IPv6 address is written without brackets.
    pub fn proxy_for(&self, tls: bool, host: &str) -> Option<&ProxyUrl> {
        let named = if tls { self.https.as_ref() } else { self.http.as_ref() }?;
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let asked = format!("http://{host}/").parse().ok()?;
        self.except.as_ref()?.intercept(&asked).map(|_| named)
    }

    /// All proxies, without duplicates.
    pub fn all(&self) -> Vec<&ProxyUrl> {
        let mut found: Vec<&ProxyUrl> = self.https.iter().chain(&self.http).collect();
        found.dedup();
        found
    }
}

impl fmt::Debug for ProxyRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyRules")
            .field("https", &self.https)
            .field("http", &self.http)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(text: &str) -> Option<ProxyUrl> {
        Some(ProxyUrl::parse("X_PROXY", text).unwrap())
    }

    #[test]
    fn each_scheme_has_its_proxy_and_all_stands_in() {
        let shown = |rules: &ProxyRules, tls| rules.proxy_for(tls, "h.example").map(ToString::to_string);
        let rules = ProxyRules::new(proxy("s.example:1"), None, proxy("socks5://a.example:2"), None);
        assert_eq!(shown(&rules, true).as_deref(), Some("http://s.example:1"));
        assert_eq!(shown(&rules, false).as_deref(), Some("socks5://a.example:2"));
        assert_eq!(shown(&ProxyRules::default(), true), None);
    }

    #[test]
    fn this_machine_and_what_no_proxy_lists_are_reached_directly() {
        let rules = |except| ProxyRules::new(proxy("p:1"), proxy("p:1"), None, except);
        for host in ["localhost", "a.localhost", "127.0.0.1", "127.8.8.8", "::1"] {
            assert_eq!(rules(None).proxy_for(true, host), None, "{host}");
        }
        let some = rules(Some("internal.example, .corp ,10.0.0.0/8,fd00::/8"));
        for host in
            ["internal.example", "a.internal.example", "b.corp", "10.1.2.3", "fd00::1", "INTERNAL.example"]
        {
            assert_eq!(some.proxy_for(true, host), None, "{host}");
        }
        for host in ["notinternal.example", "h.example", "11.1.2.3", "2001:db8::1"] {
            assert!(some.proxy_for(true, host).is_some(), "{host}");
        }
        assert_eq!(rules(Some("*")).proxy_for(false, "h.example"), None);
    }

    #[test]
    fn user_and_password_are_secrets() {
        let proxy = ProxyUrl::parse("HTTPS_PROXY", "http://ann:canary%2Fkey@p.example:3128").unwrap();
        assert_eq!(format!("{proxy} {proxy:?}"), "http://p.example:3128 http://p.example:3128 (HTTPS_PROXY)");
        let secrets: Vec<String> = proxy.secrets().iter().map(|one| one.expose().to_owned()).collect();
        assert_eq!(secrets, ["canary%2Fkey", "canary/key"]);
        let token = ProxyUrl::parse("HTTPS_PROXY", "http://canary-token@p.example").unwrap();
        assert_eq!(token.secrets()[0].expose(), "canary-token");
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_repeating_it() {
        for wrong in ["ftp://u:canary@h", "http://", "http://u:canary@", "http://canary:x"] {
            let said = ProxyUrl::parse("HTTPS_PROXY", wrong).unwrap_err();
            assert!(!said.contains("canary"), "{wrong}: {said}");
        }
    }
}
