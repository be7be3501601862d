//! The client: one request, one complete answer, within deadlines and a size limit. The caller interprets a failure,
//! which is reported in the types of `wire`.

use super::connections::{ConnectWatch, WatchConnects};
use super::failure;
use super::proxy_rules::ProxyRules;
use crate::wire::{ExchangeEnd, ExchangeLimits, ForwardProxy, ResponseHead, WireRequest};
use bytes::{Bytes, BytesMut};
use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Proxy, Request, Response, Url};
use rustls::ClientConfig;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::timeout;

/// Maximum number of idle connections to one host.
const KEPT: usize = 4;
/// Time for which an idle connection is kept.
const IDLE: Duration = Duration::from_secs(20);

/// The result of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpExchange {
    /// The answer's head, if one came.
    pub head: Option<ResponseHead>,
    /// The body as far as it arrived.
    pub body: Bytes,
    pub ending: ExchangeEnd,
}

/// A client with its open connections. Clones share them.
#[derive(Clone)]
pub struct HttpClient {
    client: Client,
    shared: Arc<ClientSettings>,
}

struct ClientSettings {
    tls: Arc<ClientConfig>,
    rules: ProxyRules,
    connect: Duration,
    /// One client for each proxy that the configuration sets for a host, because the library binds a proxy to a
    /// client.
    by_proxy: Mutex<HashMap<ForwardProxy, Client>>,
}

impl HttpClient {
    /// A client that trusts the authorities in `tls`. `connect` limits name resolution, TCP, proxy and TLS together.
    ///
    /// # Errors
    /// The library's, if it refuses the settings.
    pub fn new(tls: &Arc<ClientConfig>, rules: ProxyRules, connect: Duration) -> Result<Self, String> {
        let asked = rules.clone();
        let proxy = Proxy::custom(move |url: &Url| {
            let host = url.host_str()?.trim_start_matches('[').trim_end_matches(']');
            asked.proxy_for(url.scheme() == "https", host).map(|proxy| proxy.url().clone())
        });
        let client = build(tls, proxy, connect)?;
        let shared = ClientSettings { tls: Arc::clone(tls), rules, connect, by_proxy: Mutex::default() };
        Ok(Self { client, shared: Arc::new(shared) })
    }

    /// Makes one exchange. If a kept connection ends before any answer, the request is repeated, at last on a new one:
    /// the server may have closed it in the meantime. Posted items have ids, so a repetition has no effect.
    pub async fn send(&self, request: &WireRequest, limits: &ExchangeLimits) -> HttpExchange {
        let mut answer =
            PartialAnswer { head: None, body: BytesMut::new(), watch: Arc::default(), limits: *limits };
        let ended = timeout(limits.total, self.carry_out(request, &mut answer)).await;
        let ending = match ended {
            Ok(Ok(())) => ExchangeEnd::Complete,
            Ok(Err(ending)) => ending,
            Err(_) if answer.head.is_none() && answer.watch.is_connecting() => {
                ExchangeEnd::TimedOut("connect")
            }
            Err(_) => ExchangeEnd::TimedOut("total"),
        };
        HttpExchange { head: answer.head, body: answer.body.freeze(), ending }
    }

    async fn carry_out(&self, request: &WireRequest, answer: &mut PartialAnswer) -> Result<(), ExchangeEnd> {
        let mut attempt = self.attempt(request, answer).await;
        // A server that was started again has closed all connections that are kept to it.
        for _ in 0..KEPT {
            match &attempt {
                Err(ending) if answer.watch.used_a_kept_one() && is_lost(ending) => {
                    attempt = self.attempt(request, answer).await;
                }
                _ => break,
            }
        }
        let response = attempt?;
        answer.head = Some(head_of(&response));
        answer.read(response).await
    }

    async fn attempt(
        &self,
        request: &WireRequest,
        answer: &mut PartialAnswer,
    ) -> Result<Response, ExchangeEnd> {
        let sent = library_request(request).map_err(ExchangeEnd::SendFailed)?;
        let client = self.client_for(request.proxy.as_ref()).map_err(ExchangeEnd::ConnectFailed)?;
        answer.watch = Arc::default();
        let patience = answer.limits.connect + answer.limits.first_byte;
        let answered = timeout(patience, answer.watch.over(client.execute(sent))).await;
        match answered {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => {
                let proxy = self.proxy_for(request);
                Err(failure::before_the_answer(&error, &request.target, proxy.as_deref()))
            }
            Err(_) => Err(ExchangeEnd::TimedOut("first byte")),
        }
    }

    /// The client for a host's own proxy, else the one that follows the environment.
    fn client_for(&self, proxy: Option<&ForwardProxy>) -> Result<Client, String> {
        let Some(proxy) = proxy else { return Ok(self.client.clone()) };
        let mut by_proxy = self.shared.by_proxy.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = by_proxy.get(proxy) {
            return Ok(client.clone());
        }
        let client = build(&self.shared.tls, named(proxy)?, self.shared.connect)?;
        by_proxy.insert(proxy.clone(), client.clone());
        Ok(client)
    }

    /// The proxy of a request, without user and password.
    fn proxy_for(&self, request: &WireRequest) -> Option<String> {
        let target = &request.target;
        let own = request.proxy.as_ref().map(ToString::to_string);
        own.or_else(|| self.shared.rules.proxy_for(target.tls, &target.host).map(ToString::to_string))
    }
}

fn build(tls: &Arc<ClientConfig>, proxy: Proxy, connect: Duration) -> Result<Client, String> {
    let builder = Client::builder()
        .tls_backend_preconfigured((**tls).clone())
        // Without this, the library would read the environment itself.
        .no_proxy()
        .proxy(proxy)
        // A redirect could send a key to another host.
        .redirect(Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        .http1_only()
        .connect_timeout(connect)
        .connector_layer(WatchConnects)
        .pool_max_idle_per_host(KEPT)
        .pool_idle_timeout(IDLE);
    builder.build().map_err(|error| format!("cannot set up an HTTP client: {}", error.without_url()))
}

/// Converts a host's own proxy to the library's type.
fn named(proxy: &ForwardProxy) -> Result<Proxy, String> {
    let wrong = || format!("the proxy {proxy} cannot be used");
    let all = Proxy::all(format!("http://{proxy}")).map_err(|_| wrong())?;
    let Some(value) = proxy.authorization() else { return Ok(all) };
    let value = HeaderValue::from_str(value.expose()).map_err(|_| wrong())?;
    Ok(all.custom_http_auth(value))
}

/// An answer that may be incomplete.
struct PartialAnswer {
    head: Option<ResponseHead>,
    body: BytesMut,
    watch: Arc<ConnectWatch>,
    limits: ExchangeLimits,
}

impl PartialAnswer {
    async fn read(&mut self, mut response: Response) -> Result<(), ExchangeEnd> {
        let mut patience = (self.limits.first_byte, "first byte");
        loop {
            match timeout(patience.0, response.chunk()).await {
                Err(_) => return Err(ExchangeEnd::TimedOut(patience.1)),
                Ok(Err(error)) => return Err(failure::inside_the_answer(&error)),
                Ok(Ok(None)) => return Ok(()),
                Ok(Ok(Some(part))) => self.body.extend_from_slice(&part),
            }
            if self.body.len() > self.limits.body_bytes {
                return Err(ExchangeEnd::TooLarge);
            }
            patience = (self.limits.gap, "gap");
        }
    }
}

/// True if the ending can be explained by a server that had closed the connection.
fn is_lost(ending: &ExchangeEnd) -> bool {
    matches!(ending, ExchangeEnd::Unanswered(_) | ExchangeEnd::SendFailed(_))
}

/// Converts the request to the library's type.
fn library_request(request: &WireRequest) -> Result<Request, String> {
    let target = &request.target;
    let scheme = if target.tls { "https" } else { "http" };
    let url = Url::parse(&format!("{scheme}://{}{}", target.authority(), request.path))
        .map_err(|error| format!("its address is no URL: {error}"))?;
    let method = Method::from_bytes(request.method.as_bytes())
        .map_err(|_| format!("`{}` is no method of HTTP", request.method))?;
    let mut sent = Request::new(method, url);
    *sent.headers_mut() = headers(&request.headers)?;
    if !request.body.is_empty() {
        *sent.body_mut() = Some(request.body.clone().into());
    }
    Ok(sent)
}

fn headers(named: &[(String, String)]) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in named {
        let key = HeaderName::from_bytes(name.as_bytes());
        let (Ok(key), Ok(mut value)) = (key, HeaderValue::from_str(value)) else {
            return Err(format!("the header `{}` cannot be sent", name.escape_debug()));
        };
        // Some values are keys, and the library logs its requests.
        value.set_sensitive(true);
        headers.append(key, value);
    }
    // Nothing here decompresses an answer, except where an error is read.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    Ok(headers)
}

fn head_of(response: &Response) -> ResponseHead {
    let headers = response.headers().iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    ResponseHead { status: response.status().as_u16(), headers: headers.collect() }
}
