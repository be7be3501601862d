//! The HTTP client of token requests: our TLS, no redirects, bounded answers, the proxy of the environment for
//! everything but this machine and metadata servers.

use super::error::{DEADLINE, GoogleError};
use crate::domain::secret::Secret;
use crate::providers::proxy_bypass::is_local;
use crate::wire::tls::client_config;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;
use url::Url;
use url::form_urlencoded::Serializer;

/// The largest answer, in bytes; tokens and refusals are smaller.
const MOST_BYTES: usize = 64 * 1024;

/// Deadline of connecting to a metadata server: outside a cloud, its address does not answer.
const METADATA_CONNECT: Duration = Duration::from_secs(3);

/// The number of times that one request is sent if the server or the connection fails.
const TRIES: u32 = 5;

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

/// One request. Without a body it is a GET, with one a POST.
#[derive(Default)]
pub(super) struct TokenRequest<'a> {
    pub(super) url: &'a str,
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
    proxied: Client,
    direct: Client,
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
    /// [`GoogleError::Refused`] if the operator's certificate authorities cannot be used.
    pub(super) fn new(extra_ca: Option<&Path>) -> Result<Self, GoogleError> {
        let refused = |error: String| GoogleError::Refused(error);
        let tls = client_config(extra_ca).map_err(|error| refused(error.to_string()))?;
        let common = || {
            let own = tls.as_ref().clone();
            Client::builder().tls_backend_preconfigured(own).redirect(Policy::none()).timeout(DEADLINE)
        };
        let proxied = common().build().map_err(|error| refused(chain(&error)))?;
        let direct = common().no_proxy().connect_timeout(METADATA_CONNECT).build();
        Ok(Self { proxied, direct: direct.map_err(|error| refused(chain(&error)))? })
    }

    /// The text of a successful answer.
    ///
    /// # Errors
    /// [`GoogleError::Refused`] with the server's message, without any secret of the request.
    pub(super) async fn ask(&self, request: TokenRequest<'_>) -> Result<String, GoogleError> {
        let refused = |words: String| GoogleError::Refused(words);
        let url =
            Url::parse(request.url).map_err(|error| refused(format!("{}: {error}", shown(request.url))))?;
        let server = url.host_str().unwrap_or_default().to_owned();
        let mut pause = FIRST_PAUSE;
        for left in (0..TRIES).rev() {
            match self.once(&url, &request).await {
                Ok(text) => return Ok(text),
                Err(failed) if failed.again && left > 0 => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                Err(failed) => {
                    return Err(refused(format!("{server}: {}", failed.words)));
                }
            }
        }
        Err(refused(format!("{server} was not asked")))
    }

    async fn once(&self, url: &Url, request: &TokenRequest<'_>) -> Result<String, FailedTry> {
        let client = if request.direct || is_local(url.as_str()) { &self.direct } else { &self.proxied };
        let last = |words: String| FailedTry { words, again: false };
        let headers = request.headers().ok_or_else(|| last("a header cannot be sent".to_owned()))?;
        let builder = match &request.body {
            None => client.get(url.clone()),
            Some(RequestBody::Json(body)) => client.post(url.clone()).body(body.to_string()),
            Some(RequestBody::Form(fields)) => {
                let mut form = Serializer::new(String::new());
                form.extend_pairs(fields.iter().map(|(name, value)| (*name, value.expose())));
                client.post(url.clone()).body(form.finish())
            }
        };
        let sent = builder.headers(headers).send().await;
        let response = sent.map_err(|error| FailedTry {
            words: chain(&error),
            again: error.is_connect() && !error.is_timeout(),
        })?;
        let status = response.status();
        let text = text(response).await.map_err(last)?;
        if status.is_success() {
            return Ok(text);
        }
        let again = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
        let words =
            if request.is_repeated_in(&text) { SECRET_REPEATED.to_owned() } else { refusal(status, &text) };
        Err(FailedTry { words, again })
    }
}

impl TokenRequest<'_> {
    fn headers(&self) -> Option<HeaderMap> {
        let mut headers = HeaderMap::new();
        let kind = match &self.body {
            Some(RequestBody::Form(_)) => Some("application/x-www-form-urlencoded"),
            Some(RequestBody::Json(_)) => Some("application/json"),
            None => None,
        };
        if let Some(kind) = kind {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        for (name, value) in &self.headers {
            let mut value = HeaderValue::from_str(value.expose()).ok()?;
            value.set_sensitive(true);
            headers.insert(HeaderName::from_bytes(name.as_bytes()).ok()?, value);
        }
        Some(headers)
    }

    /// True if the answer repeats a secret of the request, in JSON's spelling or as it was sent.
    fn is_repeated_in(&self, answer: &str) -> bool {
        let form = match &self.body {
            Some(RequestBody::Form(fields)) => fields.as_slice(),
            _ => &[],
        };
        let secret =
            |name: &str| ["assertion", "client_secret", "refresh_token", "subject_token"].contains(&name);
        let of_form = form.iter().filter(|(name, _)| secret(name)).map(|(_, value)| value.expose());
        let of_headers = self.headers.iter().map(|(_, value)| {
            let value = value.expose();
            value.split_once(' ').map_or(value, |(_, token)| token)
        });
        let unescaped = answer.replace("\\/", "/");
        of_form.chain(of_headers).any(|sent| sent.len() >= 8 && unescaped.contains(sent))
    }
}

/// The whole body, if it is within the limit.
async fn text(mut response: Response) -> Result<String, String> {
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(|error| chain(&error))? {
        if body.len() + part.len() > MOST_BYTES {
            return Err(format!("its answer has more than {MOST_BYTES} bytes"));
        }
        body.extend_from_slice(&part);
    }
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// Status and message of a refusal: OAuth's two fields, or those of Google's APIs. Bodies in other formats are not
/// quoted.
fn refusal(status: StatusCode, body: &str) -> String {
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
    [vec![format!("HTTP {}", status.as_u16())], words].concat().join(": ")
}

/// The causes of an error in one sentence, without the address, because the caller names the server.
fn chain(error: &reqwest::Error) -> String {
    let mut sentence = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        sentence.push(next.to_string());
        cause = next.source();
    }
    if sentence.is_empty() { "the request failed".to_owned() } else { sentence.join(": ") }
}
