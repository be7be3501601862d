//! From a target to an open stream: DNS, TCP, TLS, each with its own stamp, all within one deadline.

use crate::wire::request::Target;
use crate::wire::stream::{Stamped, Stream};
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
    /// TLS agreed.
    pub tls: Option<Instant>,
}

/// Why no stream came about.
#[derive(Debug, Clone, PartialEq)]
pub enum ConnectError {
    /// One step failed; the sentence says which and why.
    Failed(String),
    /// The deadline passed.
    TimedOut,
}

/// An open stream and when its parts were ready. On failure the marks say how far it came.
pub async fn connect(
    target: &Target,
    tls: &Arc<ClientConfig>,
    deadline: Duration,
) -> (ConnectMarks, Result<Stream, ConnectError>) {
    let mut marks = ConnectMarks::default();
    let opened = tokio::time::timeout(deadline, steps(target, tls, &mut marks)).await;
    let result = match opened {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(sentence)) => Err(ConnectError::Failed(sentence)),
        Err(_) => Err(ConnectError::TimedOut),
    };
    (marks, result)
}

async fn steps(target: &Target, tls: &Arc<ClientConfig>, marks: &mut ConnectMarks) -> Result<Stream, String> {
    let addresses = resolve(target, marks).await?;
    let tcp = first_that_answers(&addresses)
        .await
        .map_err(|reason| format!("cannot connect to {}:{}: {reason}", target.host, target.port))?;
    // A request must leave at once, and a small write must not wait for an acknowledgement.
    tcp.set_nodelay(true).map_err(|error| error.to_string())?;
    marks.tcp = Some(Instant::now());
    let stamped = Stamped::new(tcp);
    if !target.tls {
        return Ok(Stream::Plain(stamped));
    }
    let name = ServerName::try_from(target.host.clone())
        .map_err(|_| format!("`{}` is no name that a certificate can hold", target.host))?;
    let stream = TlsConnector::from(Arc::clone(tls))
        .connect(name, stamped)
        .await
        .map_err(|error| format!("TLS with {} failed: {error}", target.host))?;
    marks.tls = Some(Instant::now());
    Ok(Stream::Tls(Box::new(stream)))
}

async fn resolve(target: &Target, marks: &mut ConnectMarks) -> Result<Vec<SocketAddr>, String> {
    if let Ok(address) = target.host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, target.port)]);
    }
    let found = tokio::net::lookup_host((target.host.as_str(), target.port)).await;
    marks.dns = Some(Instant::now());
    let addresses: Vec<SocketAddr> =
        found.map_err(|error| format!("cannot resolve {}: {error}", target.host))?.collect();
    if addresses.is_empty() {
        return Err(format!("{} has no address", target.host));
    }
    Ok(addresses)
}

/// How long an address may stay silent before the next one is tried (RFC 8305 recommends 250 ms).
const NEXT_ADDRESS_AFTER: Duration = Duration::from_millis(250);

/// Tries the addresses in the resolver's order, each but the last with a short patience, so that one dead address costs
/// 250 ms and not the whole deadline; then once more the patient way.
async fn first_that_answers(addresses: &[SocketAddr]) -> Result<TcpStream, String> {
    let mut reason = String::new();
    if addresses.len() > 1 {
        for address in addresses {
            match tokio::time::timeout(NEXT_ADDRESS_AFTER, TcpStream::connect(address)).await {
                Ok(Ok(tcp)) => return Ok(tcp),
                Ok(Err(error)) => reason = error.to_string(),
                Err(_) => reason = "no answer".to_owned(),
            }
        }
    }
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(tcp) => return Ok(tcp),
            Err(error) => reason = error.to_string(),
        }
    }
    Err(reason)
}
