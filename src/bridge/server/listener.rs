//! Accepts connections up to a limit and serves each to its end. One client cannot block another: handshakes and
//! requests run in tasks of their own.

use super::bridge_error::BridgeError;
use super::connection::{RequestHandler, speak};
use super::response;
use super::tls::TlsIdentity;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Maximum number of connections that wait to be accepted.
const ACCEPT_QUEUE: u32 = 4096;
/// Pause after a failed accept (too many open files).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Limits on the number and the duration of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Maximum number of open connections.
    pub total: usize,
    /// Maximum number of open connections from one address. Loopback is not limited, because a proxy may run there.
    pub per_address: usize,
    /// Time limit for a TLS handshake.
    pub handshake: Duration,
    /// Time limit for the head of a request, which includes the idle time before it.
    pub head: Duration,
    /// Time for running requests at shutdown.
    pub grace: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            total: 8192,
            per_address: 256,
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(10),
            grace: Duration::from_secs(15),
        }
    }
}

/// Counters of a listener, for metrics.
#[derive(Debug, Default)]
pub struct ListenerCounters {
    /// Connections that are open now.
    pub open: AtomicUsize,
    pub accepted: AtomicUsize,
    /// Connections that were refused because there were too many.
    pub turned_away: AtomicUsize,
    /// TLS handshakes that failed or took too long.
    pub failed_handshakes: AtomicUsize,
}

/// Listens on an address; port 0 selects a free port. Needs a Tokio runtime.
///
/// # Errors
/// The operating system's error if the address is in use or not this machine's.
pub fn listen_on(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(ACCEPT_QUEUE)
}

/// An HTTP server with all that its connections share.
pub struct HttpServer {
    pub limits: ConnectionLimits,
    /// The certificate; `None` for plain HTTP.
    pub identity: Option<Arc<TlsIdentity>>,
    pub service: RequestHandler,
    pub tally: Arc<ListenerCounters>,
}

impl HttpServer {
    /// Accepts until `stop` is cancelled, then waits for running requests up to `limits.grace`. Returns the number of
    /// connections that were aborted.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) -> usize {
        let places = Arc::new(ConnectionCounts::default());
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                Some(_) = connections.join_next() => {}
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => self.receive(stream, peer, &places, &mut connections, &stop),
                    // A failed connection, or too many open files, must not end the server.
                    Err(_) => sleep(ACCEPT_PAUSE).await,
                },
            }
        }
        drop(listener);
        let drained = async { while connections.join_next().await.is_some() {} };
        let _ = timeout(self.limits.grace, drained).await;
        let cut = connections.len();
        connections.shutdown().await;
        cut
    }

    fn receive(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        places: &Arc<ConnectionCounts>,
        connections: &mut JoinSet<()>,
        stop: &CancellationToken,
    ) {
        self.tally.accepted.fetch_add(1, Ordering::Relaxed);
        let Some(place) = places.take(peer.ip(), &self.limits, &self.tally) else {
            self.tally.turned_away.fetch_add(1, Ordering::Relaxed);
            if self.identity.is_none() {
                let full = BridgeError::later("too_many_connections", "too many connections", 2);
                // Sends as much as a new socket takes at once, without waiting for this client.
                let _ = stream.try_write(&response::raw(&full));
            }
            return;
        };
        // A response must not wait for the acknowledgement of the previous one.
        let _ = stream.set_nodelay(true);
        let (service, limits, stop) = (self.service.clone(), self.limits, stop.clone());
        let (identity, tally) = (self.identity.clone(), self.tally.clone());
        connections.spawn(async move {
            let _place = place;
            let Some(identity) = identity else {
                return speak(stream, peer, service, limits.head, stop).await;
            };
            let accepting = Box::pin(identity.acceptor().accept(stream));
            match timeout(limits.handshake, accepting).await {
                Ok(Ok(stream)) => Box::pin(speak(Box::new(stream), peer, service, limits.head, stop)).await,
                _ => {
                    tally.failed_handshakes.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    }
}

/// Number of connections, by address.
#[derive(Default)]
struct ConnectionCounts(Mutex<HashMap<IpAddr, usize>>);

/// The permit of a connection; dropping it releases its place.
struct ConnectionPermit {
    places: Arc<ConnectionCounts>,
    tally: Arc<ListenerCounters>,
    address: IpAddr,
}

impl ConnectionCounts {
    fn take(
        self: &Arc<Self>,
        address: IpAddr,
        limits: &ConnectionLimits,
        tally: &Arc<ListenerCounters>,
    ) -> Option<ConnectionPermit> {
        let address = address.to_canonical();
        if tally.open.load(Ordering::Relaxed) >= limits.total {
            return None;
        }
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = places.entry(address).or_default();
        if *taken >= limits.per_address && !address.is_loopback() {
            return None;
        }
        *taken += 1;
        tally.open.fetch_add(1, Ordering::Relaxed);
        Some(ConnectionPermit { places: self.clone(), tally: tally.clone(), address })
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.tally.open.fetch_sub(1, Ordering::Relaxed);
        let mut places = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = places.get_mut(&self.address).map(|taken| {
            *taken = taken.saturating_sub(1);
            *taken
        });
        if left == Some(0) {
            places.remove(&self.address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_share_and_gives_it_back() {
        let (places, tally) = (Arc::new(ConnectionCounts::default()), Arc::new(ListenerCounters::default()));
        let limits = ConnectionLimits { total: 4, per_address: 2, ..ConnectionLimits::default() };
        let take = |address: &str| places.take(address.parse().unwrap(), &limits, &tally);
        let first = take("192.0.2.1");
        let second = take("::ffff:192.0.2.1");
        assert!(first.is_some() && second.is_some() && take("192.0.2.1").is_none());
        drop(first);
        assert!(take("192.0.2.1").is_some());
        let proxy: Vec<_> = (0..3).map(|_| take("127.0.0.1")).collect();
        assert!(proxy.iter().all(Option::is_some) && take("192.0.2.2").is_none());
        drop((second, proxy));
        assert!(places.0.lock().unwrap().is_empty());
        assert_eq!(tally.open.load(Ordering::Relaxed), 0);
    }
}
