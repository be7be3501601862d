//! A webhook: the notice's document as one JSON POST, over the client for everything that is not measured, so
//! redirects are not followed, every step has a deadline, and a proxy of the environment is used. The URL permits
//! posting, so all of it but the host is a secret.

use super::SendContext;
use crate::domain::notice::NoticeMessage;
use crate::domain::secret::Secret;
use crate::http::HttpExchange;
use crate::wire::{ExchangeEnd, ExchangeLimits, Origin, WireRequest};
use bytes::Bytes;
use std::fmt;
use url::{Host, Url};

/// The largest answer that is read, bytes.
const ANSWER_BYTES: usize = 64 * 1024;

/// The longest quotation of an answer, characters.
const LONGEST_WORDS: usize = 200;

/// The URL to which a document is posted.
#[derive(Clone, PartialEq)]
pub struct Webhook {
    target: Origin,
    path: Secret,
}

impl Webhook {
    /// Parses a URL: https, or http to this machine.
    ///
    /// # Errors
    /// One sentence that does not quote it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text.trim()).map_err(|error| format!("it is no URL: {error}"))?;
        let local = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => return Err("it names no host".to_owned()),
        };
        let tls = match url.scheme() {
            "https" => true,
            "http" if local => false,
            "http" => return Err("plain http would show it to the network: use https".to_owned()),
            _ => return Err("its scheme is not https".to_owned()),
        };
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err("it holds a user, a password or a fragment, which no webhook takes".to_owned());
        }
        let host =
            url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = url.port_or_known_default().unwrap_or(443);
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let path = Secret::new(format!("{}{query}", url.path()));
        Ok(Self { target: Origin { tls, host, port }, path })
    }

    /// The host, which is no secret.
    pub fn host(&self) -> &str {
        &self.target.host
    }

    /// The whole path, and the parts of it that are long enough to be a key.
    pub fn secrets(&self) -> Vec<Secret> {
        let path = self.path.expose();
        let parts = path.split(['/', '?', '&', '=']).filter(|part| part.len() >= 8);
        std::iter::once(path).chain(parts).map(Secret::new).collect()
    }

    pub(super) async fn send(&self, letter: &NoticeMessage, means: &SendContext) -> Result<(), String> {
        let limits = ExchangeLimits { body_bytes: ANSWER_BYTES, ..means.limits };
        let request = WireRequest {
            method: "POST",
            target: self.target.clone(),
            proxy: None,
            path: self.path.expose().to_owned(),
            headers: vec![
                ("content-type".to_owned(), "application/json".to_owned()),
                ("user-agent".to_owned(), concat!("llmbench/", env!("CARGO_PKG_VERSION")).to_owned()),
            ],
            body: Bytes::from(letter.document.to_string()),
        };
        judged(&means.http.send(&request, &limits).await)
    }
}

/// Only the status decides: nothing after it changes the fact that the document was delivered.
fn judged(answer: &HttpExchange) -> Result<(), String> {
    match (&answer.head, &answer.ending) {
        (Some(head), _) if (200..300).contains(&head.status) => Ok(()),
        (Some(head), _) => {
            let body = String::from_utf8_lossy(&answer.body);
            let words: String = body.split_whitespace().collect::<Vec<_>>().join(" ");
            let words: String = words.chars().take(LONGEST_WORDS).collect();
            let said = if words.is_empty() { String::new() } else { format!(": {words}") };
            Err(format!("it answered HTTP {}{said}", head.status))
        }
        (None, ExchangeEnd::TimedOut(which)) => Err(format!("it did not answer in time ({which})")),
        (None, ending) => Err(ending.reason().unwrap_or("it gave no answer").to_owned()),
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("host", &self.target.host).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_secret_but_for_its_host() {
        let hook =
            Webhook::parse("https://hooks.example.com/services/T0/canary-path?key=canary-query").unwrap();
        assert_eq!(hook.host(), "hooks.example.com");
        assert!(!format!("{hook:?}").contains("canary"));
        let secrets: Vec<String> = hook.secrets().iter().map(|secret| secret.expose().to_owned()).collect();
        assert!(secrets.contains(&"canary-path".to_owned()) && secrets.contains(&"canary-query".to_owned()));
        assert!(secrets.contains(&"/services/T0/canary-path?key=canary-query".to_owned()));
    }

    #[test]
    fn what_is_no_webhook_is_refused_without_repeating_it() {
        for wrong in [
            "canary",
            "http://hooks.example.com/canary",
            "ftp://hooks.example.com/canary",
            "https://u:canary@hooks.example.com/",
            "https:///canary#canary",
            "mailto:canary@example.com",
        ] {
            let said = Webhook::parse(wrong).unwrap_err();
            assert!(!said.contains("canary"), "{wrong}: {said}");
        }
        assert!(Webhook::parse("http://127.0.0.1:9/x").is_ok() && Webhook::parse("http://[::1]:9/x").is_ok());
    }
}
