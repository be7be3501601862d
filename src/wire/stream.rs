//! The byte stream under an exchange, plain or TLS, with the arrival of the bytes of its last read. It is taken below
//! TLS: decryption of a record is not part of the moment at which it arrived, and a record is there when its last byte
//! is. On Linux the arrival is the kernel's stamp, so that a thread that comes late does not make its bytes late.

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

/// Time for which the first bytes of a connection may have waited to be accepted. An older stamp is none.
const BEFORE_ACCEPT: Duration = Duration::from_secs(60);

/// A TCP stream that remembers when the bytes of its last read (or the end) arrived.
pub struct StampedStream {
    tcp: TcpStream,
    last: Arrival,
    /// Both clocks at the last read.
    clocks: ClockPair,
    /// The time for which bytes waited while nobody read; `None` once a read had no stamp of the kernel.
    waited: Option<Duration>,
    /// Both clocks when the stream was made.
    opened: ClockPair,
    /// Both clocks before the request was written, if the kernel was asked for the moment at which it leaves.
    sending: Option<ClockPair>,
}

impl StampedStream {
    /// Wraps a connected stream; until the first read, bytes count as having arrived now.
    pub fn new(tcp: TcpStream) -> Self {
        // A kernel without stamps, or a sandbox that forbids them, leaves the stamps of the reads.
        let _ = kernel_socket::ask_for_stamps(&tcp);
        let clocks = ClockPair::now();
        Self {
            tcp,
            last: Arrival::at_the_read(clocks.monotonic),
            clocks,
            waited: Some(Duration::ZERO),
            opened: clocks,
            sending: None,
        }
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
        let stamped = stamped.filter(|stamped| *stamped + BEFORE_ACCEPT >= self.opened.wall);
        self.last = Arrival::of(stamped, &self.clocks, &clocks);
        // Bytes that waited together waited once.
        let silent = clocks.monotonic.saturating_duration_since(self.clocks.monotonic);
        self.waited = self.waited.zip(self.last.waited).map(|(sum, waited)| sum + waited.min(silent));
        self.clocks = clocks;
    }
}

#[cfg(target_os = "linux")]
mod reading {
    use super::StampedStream;
    use crate::wire::kernel_socket::{Received, receive};
    use std::io;
    use std::task::{Context, Poll, ready};
    use tokio::io::{Interest, ReadBuf};

    impl StampedStream {
        /// One read, with the kernel's stamp of its last byte.
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
                let received = receive(&self.tcp, slot)?;
                if received.bytes > 0 && received.bytes < room {
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
        // An earlier request on this connection may have left late stamps.
        let left = kernel_socket::transmitted(self.tcp()).filter(|left| *left >= sending.wall)?;
        let arrival = Arrival::of(Some(left), sending, &ClockPair::now());
        arrival.waited.map(|_| arrival.at)
    }

    /// The time for which bytes waited while nobody read; `None` if the kernel did not stamp all of them.
    pub fn waited(&self) -> Option<Duration> {
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

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use crate::wire::kernel_socket::keep_stamping;
    use std::io::Write;
    use std::net::TcpListener;
    use std::thread::sleep;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// A connection, and its other end.
    async fn pair() -> (StampedStream, std::net::TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let far = listener.accept().unwrap().0;
        far.set_nodelay(true).unwrap();
        (StampedStream::new(near), far)
    }

    #[tokio::test]
    async fn a_late_reader_makes_no_token_late() {
        let _stamping = keep_stamping().unwrap();
        sleep(Duration::from_millis(50));
        let (mut near, mut far) = pair().await;
        let late = Duration::from_millis(30);
        let mut buffer = [0; 1024];
        for token in ["first ", "second ", "third"] {
            let before = Instant::now();
            far.write_all(token.as_bytes()).unwrap();
            sleep(late);
            let read = near.read(&mut buffer).await.unwrap();
            assert_eq!(&buffer[..read], token.as_bytes());
            let Arrival { at, waited } = near.last_arrival();
            assert!(at + Duration::from_millis(1) >= before && at <= Instant::now(), "{before:?} {at:?}");
            assert!(waited.is_some_and(|waited| waited > Duration::ZERO), "{waited:?}");
        }
        assert!(near.waited > Some(Duration::ZERO), "bytes waited for somebody");
        drop(far);
        assert_eq!(near.read(&mut buffer).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn bytes_that_waited_to_be_accepted_have_their_own_arrival() {
        let _stamping = keep_stamping().unwrap();
        sleep(Duration::from_millis(50));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut far = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        far.write_all(b"request").unwrap();
        sleep(Duration::from_millis(30));
        let accepted = listener.accept().unwrap().0;
        accepted.set_nonblocking(true).unwrap();
        let opened = Instant::now();
        let mut near = StampedStream::new(TcpStream::from_std(accepted).unwrap());
        assert_eq!(near.read(&mut [0; 64]).await.unwrap(), 7);
        let Arrival { at, waited } = near.last_arrival();
        assert!(at < opened && waited.is_some(), "{waited:?}");
    }

    #[tokio::test]
    async fn a_stream_of_many_segments_comes_whole_and_in_order() {
        let (mut near, mut far) = pair().await;
        let sent: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
        let written = sent.clone();
        let writer = std::thread::spawn(move || {
            for piece in written.chunks(7919) {
                far.write_all(piece).unwrap();
            }
        });
        let mut read = Vec::new();
        near.read_to_end(&mut read).await.unwrap();
        writer.join().unwrap();
        assert!(read == sent, "{} bytes instead of {}", read.len(), sent.len());
    }

    #[tokio::test]
    async fn a_request_that_was_stamped_bars_large_ones_from_its_connection() {
        let (near, far) = pair().await;
        let mut stream = Stream::Plain(near);
        assert!(stream.carries(STAMPED_BODY + 1));
        stream.prepare_request(STAMPED_BODY + 1);
        assert_eq!((stream.transmitted(), stream.carries(STAMPED_BODY + 1)), (None, true));
        let before = Instant::now();
        stream.prepare_request(5);
        stream.write_all(b"hello").await.unwrap();
        sleep(Duration::from_millis(20));
        let left = stream.transmitted().unwrap();
        assert!(left + Duration::from_millis(1) >= before && left <= Instant::now());
        assert!(stream.carries(STAMPED_BODY) && !stream.carries(STAMPED_BODY + 1));
        drop(far);
    }
}
