//! A server that speaks every provider's wire format over real HTTP/1.1. The model's name chooses timing and faults,
//! and `/truth` reports what really happened. It serves as demo, test bench and calibrator. It generates no text of
//! its own and does not compare its truth with a measurement; its callers do that.
//!
//! In the order in which a request passes through: `server` reads it, `route` and `request` parse it,
//! `scenario` chooses the behaviour, `error_response` refuses it or `script` writes a timetable with
//! the words of a `response_writer`, `playback` keeps it with the help of `timer`,
//! `instrumented_stream` sees the bytes leave, `ground_truth` remembers.

pub mod clock;
mod error_response;
mod ground_truth;
mod instrumented_stream;
mod listing;
mod playback;
mod presets;
mod request;
mod response_writer;
mod route;
mod sample_text;
pub mod scenario;
mod script;
mod server;
mod timer;

use crate::wire::stream::StampedStream;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use instrumented_stream::{InstrumentedStream, Wire};
use server::SimServerState;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use timer::Timer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// Time that open connections may go on after shutdown.
const GRACE: Duration = Duration::from_millis(250);
/// Connections that may wait to be accepted by a simulator in this process.
const ACCEPT_QUEUE: u32 = 4096;
/// Pause when the system has no connection to give (too many open files).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `shutdown` is ready, over TLS if there is an acceptor; open connections then have a quarter of a second. Needs a
/// tokio runtime with I/O and time.
///
/// # Errors
/// The timer cannot be made, or fails.
pub async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let timer = Timer::new()?;
    let shared = Arc::new(SimServerState::new(timer.clone()));
    let stop = CancellationToken::new();
    let mut connections = JoinSet::new();
    let mut clock = tokio::spawn(timer.run());
    tokio::pin!(shutdown);
    let ended = loop {
        tokio::select! {
            () = &mut shutdown => break Ok(()),
            failed = &mut clock => break failed.unwrap_or_else(|error| Err(io::Error::other(error))),
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, tls.clone(), shared.clone(), stop.clone()));
                }
                // One connection failed, or there are too many: the server continues.
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
        }
    };
    stop.cancel();
    let drained = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(GRACE, drained).await;
    connections.shutdown().await;
    clock.abort();
    ended
}

async fn connection(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    shared: Arc<SimServerState>,
    stop: CancellationToken,
) {
    // A token must not wait for the acknowledgement of the one before.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let wire = Wire::default();
    let tapped = InstrumentedStream::new(StampedStream::new(stream), wire.clone());
    match tls {
        None => converse(tapped, wire, shared, stop).await,
        Some(acceptor) => {
            // A client that fails its handshake has sent no request.
            let opened = tokio::select! {
                opened = acceptor.accept(tapped) => opened,
                () = stop.cancelled() => return,
            };
            if let Ok(stream) = opened {
                converse(stream, wire, shared, stop).await;
            }
        }
    }
}

/// Answers the requests of a connection whose bytes are stamped in `wire`.
async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    wire: Wire,
    shared: Arc<SimServerState>,
    stop: CancellationToken,
) {
    let service = service_fn(|request| {
        let (shared, wire) = (shared.clone(), wire.clone());
        async move { Ok::<_, Infallible>(shared.answer(wire, request).await) }
    });
    let mut serving = std::pin::pin!(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    // The truth records how a connection ends; an error here comes from a scenario or a client that left.
    tokio::select! {
        _ = &mut serving => {}
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            let _ = serving.await;
        }
    }
}

/// Listens on an address; port 0 takes a free one. The usual queue of 128 connections is too short for 500 streams
/// that start at once: the rest would come a second later. Needs a Tokio runtime.
///
/// # Errors
/// The operating system's error, if the address is taken or not this machine's.
pub fn listen_on(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(ACCEPT_QUEUE)
}

/// A simulator on a thread of its own; dropping it stops it.
pub struct RunningSimulator {
    /// The address that it listens on.
    pub addr: SocketAddr,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl RunningSimulator {
    /// `http://127.0.0.1:PORT`, without a path.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr)
    }
}

impl Drop for RunningSimulator {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // The panic hook has already reported a panic on stderr.
            let _ = thread.join();
        }
    }
}

/// Starts a simulator on a free port of 127.0.0.1, with its own thread and event loop, so that it shares neither with
/// the code that measures it.
///
/// # Errors
/// If there is no free port, or the thread or event loop cannot be created.
pub fn start_in_process() -> io::Result<RunningSimulator> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Not `block_on`: the caller may be inside an event loop of its own.
    let listener = {
        let _guard = runtime.enter();
        listen_on(SocketAddr::from(([127, 0, 0, 1], 0)))?
    };
    let addr = listener.local_addr()?;
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let work = move || {
        // Its only failures are the system's; the measuring side sees them as refused connections.
        let _ = runtime.block_on(serve(listener, None, stopped.cancelled_owned()));
    };
    let thread = std::thread::Builder::new().name("simulator".to_owned()).spawn(work)?;
    Ok(RunningSimulator { addr, stop, thread: Some(thread) })
}
