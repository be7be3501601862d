//! From a target to an open stream: DNS, TCP, a proxy where one was named, TLS, each with its own stamp, all within one deadline.

use crate::wire::exhaustion;
use crate::wire::forward_proxy::ForwardProxy;
use crate::wire::happy_eyeballs::{FailedDial, families_in_turn, first_that_answers};
use crate::wire::request::Origin;
use crate::wire::stream::{StampedStream, Stream};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// When each step had ended, on the monotonic clock.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ConnectMarks {
    /// Name resolved; `None` for an address that needed no lookup.
    pub dns: Option<Instant>,
    /// TCP connected.
    pub tcp: Option<Instant>,
    /// A proxy had connected.
    pub proxy: Option<Instant>,
    /// TLS agreed.
    pub tls: Option<Instant>,
    /// How many addresses were dialled.
    pub attempts: u32,
}

/// Why no stream came about.
#[derive(Debug, Clone, PartialEq)]
pub enum ConnectError {
    /// One step failed; the sentence says which and why.
    Failed(String),
    /// The same, and this machine had no file descriptor, thread or memory left for it.
    Exhausted(String),
    /// The deadline passed.
    TimedOut,
    /// The deadline passed while the proxy was to connect.
    ProxyTimedOut,
}

/// An open stream and when its parts were ready. On failure the marks say how far it came.
pub async fn connect(
    target: &Origin,
    proxy: Option<&ForwardProxy>,
    tls: &Arc<ClientConfig>,
    deadline: Duration,
) -> (ConnectMarks, Result<Stream, ConnectError>) {
    let mut marks = ConnectMarks::default();
    let opened = tokio::time::timeout(deadline, steps(target, proxy, tls, &mut marks)).await;
    let result = match opened {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(error),
        Err(_) if proxy.is_some() && marks.tcp.is_some() && marks.proxy.is_none() => {
            Err(ConnectError::ProxyTimedOut)
        }
        Err(_) => Err(ConnectError::TimedOut),
    };
    (marks, result)
}

async fn steps(
    target: &Origin,
    proxy: Option<&ForwardProxy>,
    tls: &Arc<ClientConfig>,
    marks: &mut ConnectMarks,
) -> Result<Stream, ConnectError> {
    // Whom TCP connects to, and how messages call it.
    let machine = proxy.map_or_else(|| target.clone(), ForwardProxy::origin);
    let role = if proxy.is_some() { "the proxy " } else { "" };
    let addresses = families_in_turn(&resolve(&machine, role, marks).await?);
    let tcp =
        first_that_answers(&addresses, TcpStream::connect, &mut marks.attempts).await.map_err(|lost| {
            let sentence =
                format!("cannot connect to {role}{}:{}: {}", machine.host, machine.port, each(&lost));
            told(sentence, lost.iter().find_map(|(_, error)| exhaustion::of(error)))
        })?;
    // A request must leave at once, and a small write must not wait for an acknowledgement.
    tcp.set_nodelay(true).map_err(|error| ConnectError::Failed(error.to_string()))?;
    marks.tcp = Some(Instant::now());
    let mut stamped = StampedStream::new(tcp);
    if let Some(proxy) = proxy {
        proxy.tunnel(&mut stamped, target).await.map_err(ConnectError::Failed)?;
        marks.proxy = Some(Instant::now());
    }
    if !target.tls {
        return Ok(Stream::Plain(stamped));
    }
    let name = ServerName::try_from(target.host.clone())
        .map_err(|_| format!("`{}` is no name that a certificate can hold", target.host))
        .map_err(ConnectError::Failed)?;
    let stream = TlsConnector::from(Arc::clone(tls))
        .connect(name, stamped)
        .await
        .map_err(|error| ConnectError::Failed(format!("TLS with {} failed: {error}", target.host)))?;
    marks.tls = Some(Instant::now());
    Ok(Stream::Tls(Box::new(stream)))
}

async fn resolve(
    target: &Origin,
    role: &str,
    marks: &mut ConnectMarks,
) -> Result<Vec<SocketAddr>, ConnectError> {
    if let Ok(address) = target.host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, target.port)]);
    }
    let found = tokio::net::lookup_host((target.host.as_str(), target.port)).await;
    marks.dns = Some(Instant::now());
    let addresses: Vec<SocketAddr> = found
        .map_err(|error| {
            // A resolver that could open no socket says no more than that the name is unknown.
            let want = exhaustion::of(&error).or_else(exhaustion::now);
            told(format!("cannot resolve {role}{}: {error}", target.host), want)
        })?
        .collect();
    if addresses.is_empty() {
        return Err(ConnectError::Failed(format!("{} has no address", target.host)));
    }
    Ok(addresses)
}

/// A failure in words, which name what this machine ran out of, if it did.
fn told(sentence: String, want: Option<&'static str>) -> ConnectError {
    match want {
        Some(want) => ConnectError::Exhausted(format!("{sentence}: {want}")),
        None => ConnectError::Failed(sentence),
    }
}

/// What each address said; without the address where there was but one, as the target names it already.
fn each(lost: &[FailedDial]) -> String {
    match lost {
        [(_, error)] => error.to_string(),
        many => {
            let said: Vec<_> = many.iter().map(|(at, error)| format!("{}: {error}", at.ip())).collect();
            said.join("; ")
        }
    }
}
