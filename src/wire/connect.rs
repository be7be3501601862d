//! Opens a stream to a target: DNS, TCP, a proxy if one is configured, TLS, each with its own stamp, all within one
//! deadline.

use crate::wire::exhaustion;
use crate::wire::forward_proxy::ForwardProxy;
use crate::wire::happy_eyeballs::{FailedDial, families_in_turn, first_that_answers};
use crate::wire::kernel_socket;
use crate::wire::request::Origin;
use crate::wire::stream::{StampedStream, Stream};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// End of each step, on the monotonic clock.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ConnectMarks {
    /// Name resolved; `None` for an address that needed no lookup.
    pub dns: Option<Instant>,
    pub tcp: Option<Instant>,
    /// The proxy's answer to CONNECT had arrived.
    pub proxy: Option<Instant>,
    /// The TLS handshake was complete.
    pub tls: Option<Instant>,
    /// Number of addresses dialled.
    pub attempts: u32,
    /// Round trip time of the TCP handshake to the machine that answered (a proxy, if there is one).
    pub round_trip: Option<Duration>,
    /// The time for which answers of the handshakes, from TCP on, waited for this process; `None` if the kernel does not
    /// tell of each of them.
    pub delay: Option<Duration>,
}

/// The reason why no stream was opened.
#[derive(Debug, Clone, PartialEq)]
pub enum ConnectError {
    /// One step failed; the sentence names the step and the reason.
    Failed(String),
    /// The same, because this machine had no file descriptor, thread or memory left.
    Exhausted(String),
    TimedOut,
    /// The deadline passed while the proxy was connecting.
    ProxyTimedOut,
}

/// Opens a stream, and stamps each step. On failure the marks show the steps that were completed.
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
    // The machine to which TCP connects, and its name in messages.
    let machine = proxy.map_or_else(|| target.clone(), ForwardProxy::origin);
    let role = if proxy.is_some() { "the proxy " } else { "" };
    let addresses = families_in_turn(&resolve(&machine, role, marks).await?);
    let (tcp, begun) = first_that_answers(&addresses, dial, &mut marks.attempts).await.map_err(|lost| {
        let sentence = format!("cannot connect to {role}{}:{}: {}", machine.host, machine.port, each(&lost));
        told(sentence, lost.iter().find_map(|(_, error)| exhaustion::of(error)))
    })?;
    // A request must be sent at once; a small write must not wait for an acknowledgement.
    tcp.set_nodelay(true).map_err(|error| ConnectError::Failed(error.to_string()))?;
    marks.tcp = Some(Instant::now());
    note_handshake(marks, &tcp, begun);
    let mut stamped = StampedStream::new(tcp);
    if let Some(proxy) = proxy {
        proxy.tunnel(&mut stamped, target).await.map_err(ConnectError::Failed)?;
        marks.proxy = Some(Instant::now());
    }
    if !target.tls {
        let stream = Stream::Plain(stamped);
        note_waits(marks, &stream);
        return Ok(stream);
    }
    let name = ServerName::try_from(target.host.clone())
        .map_err(|_| format!("`{}` is no name that a certificate can hold", target.host))
        .map_err(ConnectError::Failed)?;
    let stream = TlsConnector::from(Arc::clone(tls))
        .connect(name, stamped)
        .await
        .map_err(|error| ConnectError::Failed(format!("TLS with {} failed: {error}", target.host)))?;
    marks.tls = Some(Instant::now());
    let stream = Stream::Tls(Box::new(stream));
    note_waits(marks, &stream);
    Ok(stream)
}

/// Adds the time for which answers of a proxy and of the TLS handshake waited.
fn note_waits(marks: &mut ConnectMarks, stream: &Stream) {
    marks.delay = marks.delay.zip(stream.waited()).map(|(delay, waited)| delay + waited);
}

/// Connects to an address; also returns when that began.
async fn dial(address: SocketAddr) -> io::Result<(TcpStream, Instant)> {
    let begun = Instant::now();
    TcpStream::connect(address).await.map(|tcp| (tcp, begun))
}

/// Notes what the kernel knows of a handshake that has just ended. Where the first segment was lost, the rest of the
/// time was the network's, and nothing is known of the process.
fn note_handshake(marks: &mut ConnectMarks, tcp: &TcpStream, begun: Instant) {
    let Some(path) = kernel_socket::path(tcp).filter(|path| path.retransmissions == 0) else { return };
    marks.round_trip = Some(path.round_trip);
    marks.delay = marks.tcp.map(|done| done.saturating_duration_since(begun).saturating_sub(path.round_trip));
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
            // A resolver that could not open a socket reports only that the name is unknown.
            let want = exhaustion::of(&error).or_else(exhaustion::now);
            told(format!("cannot resolve {role}{}: {error}", target.host), want)
        })?
        .collect();
    if addresses.is_empty() {
        return Err(ConnectError::Failed(format!("{} has no address", target.host)));
    }
    Ok(addresses)
}

/// A failure as a sentence, which names the exhausted resource of this machine, if any.
fn told(sentence: String, want: Option<&'static str>) -> ConnectError {
    match want {
        Some(want) => ConnectError::Exhausted(format!("{sentence}: {want}")),
        None => ConnectError::Failed(sentence),
    }
}

/// The error of each address; without the address if there was only one, because the target already names it.
fn each(lost: &[FailedDial]) -> String {
    match lost {
        [(_, error)] => error.to_string(),
        many => {
            let said: Vec<_> = many.iter().map(|(at, error)| format!("{}: {error}", at.ip())).collect();
            said.join("; ")
        }
    }
}
