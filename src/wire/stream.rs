//! The byte stream under an exchange, plain or TLS, with the arrival of the bytes of its last read. It is taken below
//! TLS: decryption of a record is not part of the moment at which it arrived, and a record is there when its last byte
//! is. On Linux the arrival is the kernel's stamp, so that a thread that comes late does not make its bytes late; a read
//! then ends where the next bytes arrived later.

use crate::wire::arrival::{Arrival, ClockPair};
use crate::wire::kernel_socket::{self, PathEstimate};
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// The largest body of a request whose departure the kernel is asked to stamp. It fits the send buffer of a connection,
/// so the request leaves in one write. A larger one would have to wait for room, and for tokio a socket with a waiting stamp always
/// has room: it would write in a busy loop.
const STAMPED_BODY: usize = 16 * 1024;

/// A TCP stream that remembers when the bytes of its last read (or the end) arrived.
pub struct StampedStream {
    tcp: TcpStream,
    last: Arrival,
    /// Both clocks at the last read.
    clocks: ClockPair,
    /// The time for which bytes waited while nobody read, as far as the kernel tells.
    waited: Duration,
    /// Both clocks before the request was written, if the kernel was asked for the moment at which it leaves.
    sending: Option<ClockPair>,
}

impl StampedStream {
    /// Wraps a connected stream; until the first read, bytes count as having arrived now.
    pub fn new(tcp: TcpStream) -> Self {
        // A kernel without stamps, or a sandbox that forbids them, leaves the stamps of the reads.
        let _ = kernel_socket::ask_for_stamps(&tcp);
        let clocks = ClockPair::now();
        Self { tcp, last: Arrival::at_the_read(clocks.monotonic), clocks, waited: Duration::ZERO, sending: None }
    }

    /// The arrival of the bytes that the last read brought.
    pub fn last_arrival(&self) -> Arrival {
        self.last
    }

    /// From now on, closing the connection resets it.
    ///
    /// # Errors
    /// As setsockopt(2).
    pub fn set_zero_linger(&self) -> io::Result<()> {
        self.tcp.set_zero_linger()
    }

    fn note(&mut self, stamped: Option<Duration>) {
        let clocks = ClockPair::now();
        self.last = Arrival::of(stamped, &self.clocks, &clocks);
        // Bytes that waited together waited once.
        let silent = clocks.monotonic.saturating_duration_since(self.clocks.monotonic);
        self.waited += self.last.waited.unwrap_or_default().min(silent);
        self.clocks = clocks;
    }
}

#[cfg(target_os = "linux")]
mod reading {
    use super::StampedStream;
    use crate::wire::arrival::arrived_together;
    use crate::wire::kernel_socket::{Received, look, receive};
    use std::io;
    use std::task::{Context, Poll, ready};
    use std::time::{Duration, SystemTime, UNIX_EPOCH};
    use tokio::io::{Interest, ReadBuf};
    use tokio::net::TcpStream;

    /// Difference of two stamps below which bytes arrived together. Also the delay up to which a reader is on time:
    /// whatever waits then arrived within it.
    const TOGETHER: Duration = Duration::from_micros(250);

    impl StampedStream {
        /// One read, which brings bytes that arrived together.
        pub(super) fn poll_bytes(
            &mut self,
            cx: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            loop {
                ready!(self.tcp.poll_read_ready(cx))?;
                match self.take(buffer) {
                    Ok(received) => {
                        self.note(received.stamped);
                        buffer.advance(received.bytes);
                        return Poll::Ready(Ok(()));
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => {
                        self.note(None);
                        return Poll::Ready(Err(error));
                    }
                }
            }
        }

        fn take(&self, buffer: &mut ReadBuf<'_>) -> io::Result<Received> {
            let room = buffer.remaining();
            let slot = buffer.initialize_unfilled_to(room);
            let mut drained = None;
            let read = self.tcp.try_io(Interest::READABLE, || {
                let (received, asked) = together(&self.tcp, slot)?;
                if received.bytes > 0 && received.bytes < asked {
                    // Nothing is left to read. Said in this way, the runtime asks the kernel again before the next
                    // read, instead of a read that finds nothing.
                    drained = Some(received);
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                Ok(received)
            });
            drained.map_or(read, Ok)
        }
    }

    /// Reads bytes that arrived together; also returns for how many it asked.
    fn together(tcp: &TcpStream, slot: &mut [u8]) -> io::Result<(Received, usize)> {
        let oldest = look(tcp, 1)?.stamped;
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let asked = match oldest {
            Some(oldest) if wall.saturating_sub(oldest) > TOGETHER => {
                let stamp_at = |bytes| look(tcp, bytes).map(|seen| (seen.bytes, seen.stamped));
                arrived_together(oldest, TOGETHER, slot.len(), stamp_at)?
            }
            _ => slot.len(),
        };
        receive(tcp, &mut slot[..asked]).map(|received| (received, asked))
    }
}

#[cfg(not(target_os = "linux"))]
mod reading {
    use super::StampedStream;
    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use tokio::io::{AsyncRead, ReadBuf};

    impl StampedStream {
        /// One read, stamped when it returns.
        pub(super) fn poll_bytes(
            &mut self,
            cx: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let polled = Pin::new(&mut self.tcp).poll_read(cx, buffer);
            if polled.is_ready() {
                self.note(None);
            }
            polled
        }
    }
}

impl AsyncRead for StampedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_bytes(cx, buffer)
    }
}

impl AsyncWrite for StampedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(cx, data)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

/// A connection, plain or TLS.
pub enum Stream {
    Plain(StampedStream),
    Tls(Box<TlsStream<StampedStream>>),
}

impl Stream {
    /// The arrival of the bytes that the last read from the network brought.
    pub fn last_arrival(&self) -> Arrival {
        self.stamped().last_arrival()
    }

    /// True if the connection can carry a request with a body of this size: not if it has carried a stamped one and
    /// this one is too large for a stamp.
    pub fn carries(&self, body: usize) -> bool {
        body <= STAMPED_BODY || self.stamped().sending.is_none()
    }

    /// Asks the kernel to note when the next request leaves, if it is small.
    pub fn prepare_request(&mut self, body: usize) {
        let stamped = self.stamped_mut();
        if body <= STAMPED_BODY && kernel_socket::ask_for_transmit_stamp(&stamped.tcp).is_ok() {
            stamped.sending = Some(ClockPair::now());
        }
    }

    /// The moment at which the request that was prepared left, by the kernel's clock. To be asked once, after the
    /// answer.
    pub fn transmitted(&self) -> Option<Instant> {
        let sending = self.stamped().sending.as_ref()?;
        let left = kernel_socket::transmitted(self.tcp())?;
        let arrival = Arrival::of(Some(left), sending, &ClockPair::now());
        arrival.waited.map(|_| arrival.at)
    }

    /// The time for which bytes waited while nobody read, as far as the kernel tells.
    pub fn waited(&self) -> Duration {
        self.stamped().waited
    }

    /// The kernel's present estimate of the way to the other end.
    pub fn path(&self) -> Option<PathEstimate> {
        kernel_socket::path(self.tcp())
    }

    /// The address at the other end.
    pub fn peer(&self) -> Option<IpAddr> {
        self.tcp().peer_addr().ok().map(|address| address.ip())
    }

    fn stamped(&self) -> &StampedStream {
        match self {
            Stream::Plain(stamped) => stamped,
            Stream::Tls(tls) => tls.get_ref().0,
        }
    }

    fn stamped_mut(&mut self) -> &mut StampedStream {
        match self {
            Stream::Plain(stamped) => stamped,
            Stream::Tls(tls) => tls.get_mut().0,
        }
    }

    fn tcp(&self) -> &TcpStream {
        &self.stamped().tcp
    }

    /// True if an idle connection can still carry a request: nothing to read, not closed by the other side.
    pub fn is_idle(&self) -> bool {
        let mut byte = [0; 1];
        matches!(self.tcp().try_read(&mut byte), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stamped) => Pin::new(stamped).poll_read(cx, buf),
            Stream::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(stamped) => Pin::new(stamped).poll_write(cx, data),
            Stream::Tls(tls) => Pin::new(tls).poll_write(cx, data),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stamped) => Pin::new(stamped).poll_flush(cx),
            Stream::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stamped) => Pin::new(stamped).poll_shutdown(cx),
            Stream::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
