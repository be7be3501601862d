//! Serves one connection. Every unreadable request gets an error in the common format, and the response reaches the
//! client even if it is still sending.

use super::bridge_error::BridgeError;
use super::guarded_stream::{ExchangeProgress, GuardedStream};
use super::response::{self, HttpResponse};
use hyper::Request;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue, TRANSFER_ENCODING};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Maximum size of a request's head, in bytes.
const LARGEST_HEAD: usize = 16 * 1024;
/// Maximum number of headers of a request.
const MOST_HEADERS: usize = 64;
/// Time for which a client may continue to send after the last response.
const LINGER: Duration = Duration::from_secs(2);
/// Maximum bytes that are read during that time.
const LINGER_BYTES: usize = 64 << 20;

/// Handles requests. It returns a boxed future, because the connection is polled by hand.
pub type RequestHandler = Arc<
    dyn Fn(SocketAddr, Request<Incoming>) -> Pin<Box<dyn Future<Output = HttpResponse> + Send>> + Send + Sync,
>;

/// Speaks HTTP/1.1 until the client leaves, violates the protocol, is idle for `head_timeout`, or `stop` is cancelled
/// and the running request is answered. An idle connection costs little more than its socket: hyper and its buffers
/// exist only from a request's first byte until its response is sent.
pub async fn speak<S>(
    socket: S,
    peer: SocketAddr,
    service: RequestHandler,
    head_timeout: Duration,
    stop: CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut line = GuardedStream::new(socket);
    loop {
        let begun = stop.run_until_cancelled(timeout(head_timeout, line.until_spoken())).await;
        if !matches!(begun, Some(Ok(true))) {
            return part(line, None).await;
        }
        let (service, stop) = (service.clone(), stop.clone());
        match Box::pin(converse(line, peer, service, head_timeout, stop)).await {
            Some(calm) => line = calm,
            None => return,
        }
    }
}

/// Serves one request. Returns the stream afterwards; `None` if the connection has ended.
async fn converse<S>(
    line: GuardedStream<S>,
    peer: SocketAddr,
    service: RequestHandler,
    head_timeout: Duration,
    stop: CancellationToken,
) -> Option<GuardedStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let pace = line.pace();
    let answered = pace.clone();
    let answering = service_fn(move |request: Request<Incoming>| {
        // Only hyper knows where chunks end, and bytes that it read beyond them were not checked.
        let last = request.headers().contains_key(TRANSFER_ENCODING);
        let (answer, answered) = (service(peer, request), answered.clone());
        Box::pin(async move {
            let mut answer = answer.await;
            if last {
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            answered.set(ExchangeProgress::ANSWERED);
            Ok::<_, Infallible>(answer)
        })
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // A client that closes its sending side after a request has made it: its post is stored.
        .half_close(true)
        .header_read_timeout(head_timeout)
        .max_headers(MOST_HEADERS)
        .max_buf_size(LARGEST_HEAD)
        .writev(false)
        .serve_connection(TokioIo::new(line), answering);
    let mut stopping = false;
    let ended = loop {
        let served = poll_fn(|cx| match connection.poll_without_shutdown(cx) {
            Poll::Pending if pace.is(ExchangeProgress::FLUSHED) => Poll::Ready(None),
            polled => polled.map(Some),
        });
        tokio::select! {
            ended = served => break ended,
            () = stop.cancelled(), if !stopping => {
                stopping = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    let parts = connection.into_parts();
    let line = parts.io.into_inner();
    let Some(ended) = ended else {
        // The rest of a body must not be read as a request.
        if line.is_spent() && parts.read_buf.is_empty() {
            return Some(line);
        }
        part(line, None).await;
        return None;
    };
    let begun = !parts.read_buf.is_empty();
    let unread = ended.err().and_then(|error| unreadable(&error, &line, begun));
    part(line, unread).await;
    None
}

/// Ends a connection: sends the error, if there is one, and reads on for a moment.
async fn part<S>(mut line: GuardedStream<S>, refusal: Option<BridgeError>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let last_word = async {
        if let Some(refusal) = refusal {
            line.write_all(&response::raw(&refusal)).await?;
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
    // An error means that the client has gone.
    let _ = timeout(LINGER, last_word).await;
}

/// The error for a request that could not be read; `None` if there was none, as at the end of keep-alive.
fn unreadable<S>(error: &hyper::Error, line: &GuardedStream<S>, begun: bool) -> Option<BridgeError> {
    if error.is_timeout() {
        let late = BridgeError::new(408, "head_timeout", "the head of the request did not come in time");
        return begun.then_some(late);
    }
    if line.spoke_tls() {
        return Some(BridgeError::new(
            400,
            "tls_on_plain_port",
            "this port speaks plain HTTP: write http://",
        ));
    }
    if let Some(flaw) = line.flaw() {
        return Some(BridgeError::new(400, "bad_request", flaw));
    }
    let refusal = match line.held_back() {
        Some(431) => BridgeError::new(
            431,
            "head_too_large",
            format!("a head may have {MOST_HEADERS} headers and {LARGEST_HEAD} bytes"),
        ),
        Some(414) => BridgeError::new(414, "target_too_long", "the path of the request is too long"),
        Some(_) => BridgeError::new(400, "bad_request", "this is no HTTP/1.1 request that can be understood"),
        None if error.is_parse() => {
            BridgeError::new(400, "bad_request", "this is no HTTP/1.1 request that can be understood")
        }
        None => return None,
    };
    Some(refusal)
}
