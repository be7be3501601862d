//! The byte stream between hyper and the socket, for requirements that hyper cannot meet: heads are checked before
//! hyper reads them, one request at a time; hyper's own responses to unreadable requests (a status without a body) are
//! held back, so that the connection can send an error in the common format; and a client that reads nothing cannot
//! delay a response forever.

use super::head::{HeadFlaw, RequestFraming, RequestHeadScanner};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// Maximum time for which a client may leave a response unread that no buffer takes.
const STALL: Duration = Duration::from_secs(20);
/// The header that all our responses have, and none of hyper's own.
pub const REQUEST_ID: &str = "x-request-id";
/// First byte of a TLS handshake.
const TLS_HANDSHAKE: u8 = 0x16;

/// Progress of the exchange on a stream; set by the stream and the request handler, and read beside hyper.
#[derive(Debug, Default)]
pub struct ExchangeProgress(AtomicU8);

impl ExchangeProgress {
    /// A request is being read or handled.
    pub const BUSY: u8 = 0;
    /// The response exists but is not sent yet.
    pub const ANSWERED: u8 = 1;
    /// The response has been sent.
    pub const FLUSHED: u8 = 2;

    pub fn set(&self, state: u8) {
        self.0.store(state, Ordering::Relaxed);
    }

    /// True if the progress is exactly this.
    pub fn is(&self, state: u8) -> bool {
        self.0.load(Ordering::Relaxed) == state
    }
}

/// Progress of reading a request.
enum RequestReadState {
    /// The head is being read.
    Head(RequestHeadScanner),
    /// Number of body bytes still to be read; [`u64::MAX`] if only hyper knows.
    Body(u64),
}

/// A plain or TLS socket that hyper reads from and writes to.
pub struct GuardedStream<S> {
    socket: S,
    pace: Arc<ExchangeProgress>,
    /// Bytes that were read from the socket and not yet passed on.
    unread: Vec<u8>,
    stalled: Option<Pin<Box<Sleep>>>,
    reading: RequestReadState,
    flaw: Option<HeadFlaw>,
    first_byte: Option<u8>,
    held_back: Option<u16>,
}

impl<S> GuardedStream<S> {
    pub fn new(socket: S) -> Self {
        Self {
            socket,
            pace: Arc::default(),
            unread: Vec::new(),
            stalled: None,
            reading: RequestReadState::Head(RequestHeadScanner::default()),
            flaw: None,
            first_byte: None,
            held_back: None,
        }
    }

    /// The progress of the exchange.
    pub fn pace(&self) -> Arc<ExchangeProgress> {
        self.pace.clone()
    }

    /// The flaw of the request's head.
    pub fn flaw(&self) -> Option<HeadFlaw> {
        self.flaw
    }

    /// True if hyper has received the whole request.
    pub fn is_spent(&self) -> bool {
        matches!(self.reading, RequestReadState::Body(0))
    }

    /// Checks received bytes. Returns how many of them belong to the request.
    fn look(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let RequestReadState::Head(head) = &mut self.reading {
            let looked = head.take(bytes).map_err(|flaw| {
                self.flaw = Some(flaw);
                io::Error::from(io::ErrorKind::InvalidData)
            })?;
            let Some((head, framing)) = looked else { return Ok(bytes.len()) };
            self.reading = RequestReadState::Body(match framing {
                RequestFraming::Length(length) => length,
                RequestFraming::Chunked => u64::MAX,
            });
            return Ok(head + self.spend(bytes.len() - head));
        }
        Ok(self.spend(bytes.len()))
    }

    /// Takes up to `count` bytes from the rest of the body.
    fn spend(&mut self, count: usize) -> usize {
        match &mut self.reading {
            RequestReadState::Body(left) if *left < u64::MAX => {
                let own = count.min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= own as u64;
                own
            }
            _ => count,
        }
    }

    /// The status of hyper's own response, which was held back from the client.
    pub fn held_back(&self) -> Option<u16> {
        self.held_back
    }

    /// Returns the result of a poll, or an error if nothing could be sent for too long.
    fn in_time<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.stalled = None;
            return polled;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(STALL)));
        stalled.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }

    /// True if the client began with a TLS handshake.
    pub fn spoke_tls(&self) -> bool {
        self.first_byte == Some(TLS_HANDSHAKE)
    }
}

impl<S: AsyncRead + Unpin> GuardedStream<S> {
    /// Waits for the first byte of a request and keeps it for reading. Returns false at the end of the stream.
    pub async fn until_spoken(&mut self) -> bool {
        self.pace.set(ExchangeProgress::BUSY);
        self.reading = RequestReadState::Head(RequestHeadScanner::default());
        if !self.unread.is_empty() {
            return true;
        }
        let mut first = [0; 1];
        let spoken = self.socket.read(&mut first).await.is_ok_and(|count| count > 0);
        if spoken {
            self.unread = first.to_vec();
        }
        spoken
    }
}

/// The status of a response that is not ours, if these bytes begin one.
fn foreign_status(bytes: &[u8]) -> Option<u16> {
    let status = bytes.strip_prefix(b"HTTP/1.")?.get(2..5)?;
    let ours = bytes.windows(REQUEST_ID.len()).any(|part| part.eq_ignore_ascii_case(REQUEST_ID.as_bytes()));
    let status: u16 = std::str::from_utf8(status).ok()?.parse().ok()?;
    (status >= 400 && !ours).then_some(status)
}

impl<S: AsyncRead + Unpin> AsyncRead for GuardedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let line = &mut *self;
        if line.is_spent() {
            // These bytes belong to the next request, which is read after the response to this one.
            return Poll::Pending;
        }
        let before = into.filled().len();
        let polled = if line.unread.is_empty() {
            Pin::new(&mut line.socket).poll_read(cx, into)
        } else {
            let count = line.unread.len().min(into.remaining());
            into.put_slice(&line.unread[..count]);
            line.unread = line.unread.split_off(count);
            Poll::Ready(Ok(()))
        };
        let come = &into.filled()[before..];
        if line.first_byte.is_none() {
            line.first_byte = come.first().copied();
        }
        let own = line.look(come)?;
        line.unread.splice(..0, come[own..].iter().copied());
        into.set_filled(before + own);
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for GuardedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(status) = foreign_status(bytes) {
            self.held_back = Some(status);
            return Poll::Ready(Ok(bytes.len()));
        }
        let polled = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.in_time(cx, polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.socket).poll_flush(cx);
        if polled.is_ready() && self.pace.is(ExchangeProgress::ANSWERED) {
            self.pace.set(ExchangeProgress::FLUSHED);
        }
        self.in_time(cx, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_errors_of_hyper_itself_are_held_back() {
        assert_eq!(foreign_status(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n"), Some(400));
        assert_eq!(foreign_status(b"HTTP/1.0 431 Too\r\n\r\n"), Some(431));
        for passes in [
            &b"HTTP/1.1 100 Continue\r\n\r\n"[..],
            b"HTTP/1.1 401 Unauthorized\r\nX-Request-Id: 01A\r\n\r\n",
            b"HTTP/1.1 4",
            b"{\"error\":",
            b"",
        ] {
            assert_eq!(foreign_status(passes), None);
        }
    }
}
