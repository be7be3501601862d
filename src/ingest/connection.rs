//! One connection from its first byte to its end. Every way in which a request can be unreadable ends in an answer of the
//! one shape, and no answer is lost because the client was still sending.

use super::answer::{self, Reply};
use super::line::Line;
use super::refusal::Refusal;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// The largest head of a request, bytes.
const LARGEST_HEAD: usize = 16 * 1024;
/// The most headers of a request.
const MOST_HEADERS: usize = 64;
/// How long a client may go on sending after an answer that ends the connection.
const LINGER: Duration = Duration::from_secs(2);
/// How much of that is read, bytes.
const LINGER_BYTES: usize = 64 << 20;

/// What answers requests. A boxed future, because a connection is polled by hand.
pub type Service =
    Arc<dyn Fn(SocketAddr, Request<Incoming>) -> Pin<Box<dyn Future<Output = Reply> + Send>> + Send + Sync>;

/// Speaks HTTP/1.1 until the client leaves, breaks the rules, is idle for `head_timeout`, or `stop` is cancelled and the
/// request that runs has its answer.
pub async fn speak<S>(
    socket: S,
    peer: SocketAddr,
    service: Service,
    head_timeout: Duration,
    stop: CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let answering = service_fn(move |request| {
        let answer = service(peer, request);
        Box::pin(async move { Ok::<_, Infallible>(answer.await) })
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // A client that has said everything and closes its side has still asked: what it posted is kept.
        .half_close(true)
        .header_read_timeout(head_timeout)
        .max_headers(MOST_HEADERS)
        .max_buf_size(LARGEST_HEAD)
        .writev(false)
        .serve_connection(TokioIo::new(Line::new(socket)), answering);
    let mut stopping = false;
    let ended = loop {
        tokio::select! {
            ended = poll_fn(|cx| connection.poll_without_shutdown(cx)) => break ended,
            () = stop.cancelled(), if !stopping => {
                stopping = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    let parts = connection.into_parts();
    let mut line = parts.io.into_inner();
    let begun = !parts.read_buf.is_empty();
    let unread = ended.err().and_then(|error| unreadable(&error, &line, begun));
    let last_word = async {
        if let Some(refusal) = unread {
            line.write_all(&answer::raw(&refusal)).await?;
        }
        line.shutdown().await?;
        let mut bin = vec![0; 2048];
        let mut left = LINGER_BYTES;
        while left > 0 {
            match line.read(&mut bin).await? {
                0 => break,
                count => left = left.saturating_sub(count),
            }
        }
        std::io::Result::Ok(())
    };
    // The client may have gone; there is nobody to tell.
    let _ = timeout(LINGER, last_word).await;
}

/// What to answer to a request that could not be read. Nothing, where there was none: a keep-alive that ended.
fn unreadable<S>(error: &hyper::Error, line: &Line<S>, begun: bool) -> Option<Refusal> {
    if error.is_timeout() {
        let late = Refusal::new(408, "head_timeout", "the head of the request did not come in time");
        return begun.then_some(late);
    }
    if line.spoke_tls() {
        return Some(Refusal::new(400, "tls_on_plain_port", "this port speaks plain HTTP: write http://"));
    }
    let refusal = match line.held_back() {
        Some(431) => Refusal::new(
            431,
            "head_too_large",
            format!("a head may have {MOST_HEADERS} headers and {LARGEST_HEAD} bytes"),
        ),
        Some(414) => Refusal::new(414, "target_too_long", "the path of the request is too long"),
        Some(_) => Refusal::new(400, "bad_request", "this is no HTTP/1.1 request that can be understood"),
        None if error.is_parse() => {
            Refusal::new(400, "bad_request", "this is no HTTP/1.1 request that can be understood")
        }
        None => return None,
    };
    Some(refusal)
}
