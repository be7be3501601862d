//! Reads request bodies with limits on size, on time, and on the memory of all bodies. `strict_json` parses them.

use super::bridge_error::BridgeError;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, EXPECT, HeaderMap, HeaderValue};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// Maximum pause within a body.
const IDLE: Duration = Duration::from_secs(5);
/// Maximum time for a body.
const TOTAL: Duration = Duration::from_secs(20);
/// Maximum bytes that are read of an unwanted body, so that its sender reads the response.
const DRAIN_BYTES: usize = 1 << 20;
/// Time limit for reading an unwanted body.
const DRAIN_TIME: Duration = Duration::from_secs(2);

/// Maximum initial buffer for a body, in bytes, because the length in the head is only a claim.
const RESERVED: usize = 64 * 1024;

/// Maximum bytes of all bodies in memory.
const ALL_BODIES: usize = 48 << 20;

/// Counts the bytes of bodies in memory.
#[derive(Debug, Clone, Default)]
pub struct BodyMemory(Arc<AtomicUsize>);

impl BodyMemory {
    pub fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// A body in memory; its bytes count until this is dropped.
pub struct BufferedBody {
    pub bytes: Bytes,
    _share: BodyMemoryShare,
}

struct BodyMemoryShare {
    held: BodyMemory,
    bytes: usize,
}

impl BodyMemoryShare {
    /// Adds bytes; false if the limit is exceeded.
    fn grow(&mut self, more: usize) -> bool {
        let before = self.held.0.fetch_add(more, Ordering::Relaxed);
        self.bytes += more;
        before + more <= ALL_BODIES
    }
}

impl Drop for BodyMemoryShare {
    fn drop(&mut self) {
        self.held.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Checks that the body is uncompressed JSON.
///
/// # Errors
/// 415 for any content encoding and for any other type. A body without a type counts as JSON.
pub fn check_type(headers: &HeaderMap) -> Result<(), BridgeError> {
    let encoded = headers.get_all(CONTENT_ENCODING).iter().any(|value| {
        !value.as_bytes().trim_ascii().is_empty()
            && !value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity")
    });
    if encoded {
        let why = "the body has a Content-Encoding: send JSON as it is, not compressed";
        return Err(BridgeError::new(415, "content_encoding", why));
    }
    let Some(kind) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let kind = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let why = "the body must be JSON, with the header Content-Type: application/json";
    Err(BridgeError::new(415, "content_type", why))
}

/// A body that has not been read yet.
pub struct UnreadBody {
    body: Incoming,
    waits: bool,
}

impl UnreadBody {
    pub fn new(headers: &HeaderMap, body: Incoming) -> Self {
        let expected = headers.get(EXPECT).map(HeaderValue::as_bytes);
        Self { body, waits: expected.is_some_and(|word| word.eq_ignore_ascii_case(b"100-continue")) }
    }

    /// True if the sender waits for `100 Continue`, which the first read sends.
    pub fn waits(&self) -> bool {
        self.waits
    }

    /// Reads and discards the rest of a body, up to a limit, because the sender may read no response before it has sent
    /// everything. A sender that waits for `100 Continue` gets the response at once.
    pub async fn drain(self) {
        if !self.waits {
            drain(self.body).await;
        }
    }

    /// Reads the whole body.
    ///
    /// # Errors
    /// The same as [`whole`].
    pub async fn whole(self, limit: usize, held: &BodyMemory) -> Result<BufferedBody, BridgeError> {
        let said = self.body.size_hint().lower();
        if said > limit as u64 {
            self.drain().await;
            return Err(too_large(limit));
        }
        whole(self.body, limit, held).await
    }
}

fn too_large(limit: usize) -> BridgeError {
    BridgeError::new(413, "too_large", format!("the body is too large: at most {limit} bytes are taken here"))
}

/// Reads a whole body.
///
/// # Errors
/// 413 beyond `limit` bytes, 408 if it arrives too slowly, 400 if it breaks off or its framing is invalid, 503 if all
/// bodies together are too large now.
async fn whole(mut body: Incoming, limit: usize, held: &BodyMemory) -> Result<BufferedBody, BridgeError> {
    let mut share = BodyMemoryShare { held: held.clone(), bytes: 0 };
    let said = usize::try_from(body.size_hint().lower()).unwrap_or(RESERVED);
    let mut bytes = BytesMut::with_capacity(said.min(RESERVED));
    let end = Instant::now() + TOTAL;
    loop {
        let frame = timeout_at(end.min(Instant::now() + IDLE), body.frame()).await;
        let data = match frame {
            Err(_) => return Err(BridgeError::new(408, "body_timeout", "the body did not come in time")),
            Ok(None) => return Ok(BufferedBody { bytes: bytes.freeze(), _share: share }),
            Ok(Some(Err(_))) => {
                let why = "the body broke off, or its length or chunks are not what its head says";
                return Err(BridgeError::new(400, "bad_framing", why));
            }
            Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
        };
        if bytes.len() + data.len() > limit {
            drain(body).await;
            return Err(too_large(limit));
        }
        if !share.grow(data.len()) {
            drop(bytes);
            drain(body).await;
            return Err(BridgeError::later("overloaded", "too much is being received; post again", 2));
        }
        bytes.extend_from_slice(&data);
    }
}

async fn drain(mut body: Incoming) {
    let emptied = async {
        let mut left = DRAIN_BYTES;
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                break;
            }
        }
    };
    let _ = timeout(DRAIN_TIME, emptied).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_as_it_is_and_nothing_else() {
        let check = |name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            check_type(&headers).map_err(|refusal| refusal.code)
        };
        assert_eq!(check("content-type", "application/json"), Ok(()));
        assert_eq!(check("content-type", "Application/JSON; charset=utf-8"), Ok(()));
        assert_eq!(check("content-encoding", "identity"), Ok(()));
        assert_eq!(check_type(&HeaderMap::new()), Ok(()));
        assert_eq!(check("content-type", "application/x-www-form-urlencoded"), Err("content_type"));
        for encoding in ["gzip", "br", "gzip, identity", "x"] {
            assert_eq!(check("content-encoding", encoding), Err("content_encoding"));
        }
    }
}
