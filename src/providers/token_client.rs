//! Token requests over the client for unmeasured HTTP: bounded answers, tries, and no secret in a message. This machine
//! and metadata servers are asked without a proxy.

use super::proxy_bypass::is_local;
use crate::domain::secret::Secret;
use crate::http::{HttpClient, ProxyRules};
use crate::wire::tls::client_config;
use crate::wire::{ExchangeEnd, ExchangeLimits, Origin, WireRequest};
use bytes::Bytes;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;
use url::Url;
use url::form_urlencoded::Serializer;

/// Deadline of one step (finding a login, fetching a token).
pub(super) const DEADLINE: Duration = Duration::from_secs(20);

/// The largest answer, in bytes; tokens and refusals are smaller.
const MOST_BYTES: usize = 64 * 1024;

/// Deadline of connecting to a metadata server: outside a cloud, its address does not answer.
const METADATA_CONNECT: Duration = Duration::from_secs(3);

/// The number of times that one request is sent if the server or the connection fails.
const TRIES: u32 = 5;

/// One deadline for everything after connecting, and a bounded answer.
const LIMITS: ExchangeLimits = ExchangeLimits {
    connect: DEADLINE,
    first_byte: DEADLINE,
    gap: DEADLINE,
    total: DEADLINE,
    body_bytes: MOST_BYTES,
};

/// The pause after the first try; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// Stands for an answer that repeats a secret. The whole answer is searched, before anything of it is cut.
const SECRET_REPEATED: &str = "its answer repeats a secret and is left out";

/// An address as messages show it: without user, password and query.
pub(super) fn shown(address: &str) -> String {
    let unknown = || "the address".to_owned();
    let Ok(mut url) = Url::parse(address) else { return unknown() };
    if url.set_username("").and_then(|()| url.set_password(None)).is_err() {
        return unknown();
    }
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

/// The reason why a server gave no token: its words, without any secret of the request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct TokenRefused(pub(super) String);

/// One request. Without a body it is a GET, with one a POST.
#[derive(Default)]
pub(super) struct TokenRequest {
    pub(super) url: String,
    pub(super) headers: Vec<(String, Secret)>,
    pub(super) body: Option<RequestBody>,
    /// Asks no proxy: a proxy would answer with the login of its own machine.
    pub(super) direct: bool,
}

pub(super) enum RequestBody {
    Form(Vec<(&'static str, Secret)>),
    Json(Value),
}

#[derive(Clone)]
pub(super) struct TokenClient {
    proxied: HttpClient,
    direct: HttpClient,
}

/// The reason why a try failed, and a flag if another one can help.
struct FailedTry {
    words: String,
    again: bool,
}

impl TokenClient {
    /// Creates the client, with TLS settings that include the operator's authorities.
    ///
    /// # Errors
    /// [`TokenRefused`] if the operator's certificate authorities cannot be used.
    pub(super) fn new(extra_ca: Option<&Path>, proxies: ProxyRules) -> Result<Self, TokenRefused> {
        let tls = client_config(extra_ca).map_err(|error| TokenRefused(error.to_string()))?;
        let proxied = HttpClient::new(&tls, proxies, DEADLINE).map_err(TokenRefused)?;
        let direct = HttpClient::new(&tls, ProxyRules::default(), METADATA_CONNECT);
        Ok(Self { proxied, direct: direct.map_err(TokenRefused)? })
    }

    /// The text of a successful answer.
    ///
    /// # Errors
    /// [`TokenRefused`] with the server's message, without any secret of the request.
    pub(super) async fn ask(&self, request: TokenRequest) -> Result<String, TokenRefused> {
        let refused = |words: String| TokenRefused(words);
        let url =
            Url::parse(&request.url).map_err(|error| refused(format!("{}: {error}", shown(&request.url))))?;
        let server = url.host_str().unwrap_or_default().to_owned();
        let client = if request.direct || is_local(url.as_str()) { &self.direct } else { &self.proxied };
        let sent = request.on_the_wire(&url);
        let mut pause = FIRST_PAUSE;
        for _ in 1..TRIES {
            match request.once(client, &sent).await {
                Err(failed) if failed.again => tokio::time::sleep(pause).await,
                ended => return ended.map_err(|failed| refused(format!("{server}: {}", failed.words))),
            }
            pause *= 2;
        }
        let last = request.once(client, &sent).await;
        last.map_err(|failed| refused(format!("{server}: {}", failed.words)))
    }
}

impl TokenRequest {
    async fn once(&self, client: &HttpClient, sent: &WireRequest) -> Result<String, FailedTry> {
        let answer = client.send(sent, &LIMITS).await;
        let Some(head) = answer.head.filter(|_| answer.ending == ExchangeEnd::Complete) else {
            let words = match &answer.ending {
                ExchangeEnd::TimedOut(which) => format!("no answer in time ({which})"),
                ExchangeEnd::TooLarge => format!("its answer has more than {MOST_BYTES} bytes"),
                ending => ending.reason().unwrap_or("no answer").to_owned(),
            };
            return Err(FailedTry { words, again: matches!(answer.ending, ExchangeEnd::ConnectFailed(_)) });
        };
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        if (200..300).contains(&head.status) {
            return Ok(text);
        }
        let repeated = self.is_repeated_in(&text);
        let words = if repeated { SECRET_REPEATED.to_owned() } else { refusal(head.status, &text) };
        Err(FailedTry { words, again: head.status == 429 || head.status >= 500 })
    }

    /// The request in the form of the client.
    fn on_the_wire(&self, url: &Url) -> WireRequest {
        let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let target = Origin {
            tls: url.scheme() == "https",
            host: host.to_owned(),
            port: url.port_or_known_default().unwrap_or(443),
        };
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let mut headers: Vec<_> =
            self.headers.iter().map(|(name, value)| (name.clone(), value.expose().to_owned())).collect();
        let (method, kind, body) = match &self.body {
            None => ("GET", None, String::new()),
            Some(RequestBody::Json(body)) => ("POST", Some("application/json"), body.to_string()),
            Some(RequestBody::Form(fields)) => {
                let mut form = Serializer::new(String::new());
                form.extend_pairs(fields.iter().map(|(name, value)| (*name, value.expose())));
                ("POST", Some("application/x-www-form-urlencoded"), form.finish())
            }
        };
        headers.extend(kind.map(|kind| ("content-type".to_owned(), kind.to_owned())));
        let path = format!("{}{query}", url.path());
        WireRequest { method, target, proxy: None, path, headers, body: Bytes::from(body) }
    }

    /// True if the answer repeats a secret of the request, in JSON's spelling or as it was sent.
    fn is_repeated_in(&self, answer: &str) -> bool {
        let form = match &self.body {
            Some(RequestBody::Form(fields)) => fields.as_slice(),
            _ => &[],
        };
        let secret = |name: &str| {
            ["assertion", "client_assertion", "client_secret", "refresh_token", "subject_token"]
                .contains(&name)
        };
        let of_form = form.iter().filter(|(name, _)| secret(name)).map(|(_, value)| value.expose());
        let of_headers = self.headers.iter().map(|(_, value)| {
            let value = value.expose();
            value.split_once(' ').map_or(value, |(_, token)| token)
        });
        let unescaped = answer.replace("\\/", "/");
        of_form.chain(of_headers).any(|sent| sent.len() >= 8 && unescaped.contains(sent))
    }
}

/// Status and message of a refusal: OAuth's two fields, or those of Google's APIs. Bodies in other formats are not
/// quoted.
fn refusal(status: u16, body: &str) -> String {
    let document: Value = serde_json::from_str(body).unwrap_or_default();
    let error = &document["error"];
    let fields = [
        error.as_str(),
        document["error_description"].as_str(),
        error["status"].as_str(),
        error["message"].as_str(),
    ];
    let words: Vec<String> =
        fields.into_iter().flatten().map(|words| words.chars().take(300).collect()).collect();
    [vec![format!("HTTP {status}")], words].concat().join(": ")
}
