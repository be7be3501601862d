//! The byte stream under an exchange, plain or TLS, with the stamp of its last read from the network. The stamp is
//! taken below TLS: decryption of a record is not part of the moment at which it arrived.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// A TCP stream that remembers when its last read returned bytes (or the end).
pub struct StampedStream {
    tcp: TcpStream,
    last_read: Instant,
}

impl StampedStream {
    /// Wraps a connected stream; until the first read, the stamp is now.
    pub fn new(tcp: TcpStream) -> Self {
        Self { tcp, last_read: Instant::now() }
    }
}

impl AsyncRead for StampedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.tcp).poll_read(cx, buf);
        if polled.is_ready() {
            self.last_read = Instant::now();
        }
        polled
    }
}

impl AsyncWrite for StampedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(cx, data)
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
    /// The moment when the last read from the network returned.
    pub fn last_read(&self) -> Instant {
        match self {
            Stream::Plain(stamped) => stamped.last_read,
            Stream::Tls(tls) => tls.get_ref().0.last_read,
        }
    }

    /// The address at the other end.
    pub fn peer(&self) -> Option<IpAddr> {
        self.tcp().peer_addr().ok().map(|address| address.ip())
    }

    fn tcp(&self) -> &TcpStream {
        match self {
            Stream::Plain(stamped) => &stamped.tcp,
            Stream::Tls(tls) => &tls.get_ref().0.tcp,
        }
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
