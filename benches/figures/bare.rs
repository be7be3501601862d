//! The bare socket: connects, writes a fixed request, notes when each read returned, keeps the bytes and looks at nothing
//! until all streams have ended. It is what any client could measure at best.

use crate::Failed;
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::{JoinSet, LocalSet};

/// One read's size.
const READ_SIZE: usize = 64 * 1024;
/// What stands before a token's text; empty ones are no token.
const CONTENT: &[u8] = b"\"content\":\"";

/// What is asked, and how.
#[derive(Clone, Copy)]
pub struct Ask {
    /// The simulated model.
    pub model: &'static str,
    /// Its budget.
    pub tokens: u32,
    /// How many streams at once.
    pub streams: usize,
    /// How many may start within a millisecond; 0 does not hold any back.
    pub starts_a_millisecond: usize,
    /// Keep the bytes; without them only their end is known.
    pub keep: bool,
}

/// One stream.
pub struct Stream {
    begun: Instant,
    bytes: Vec<u8>,
    /// Where the bytes ended after each read, and when it returned.
    reads: Vec<(usize, Instant)>,
    /// When the connection ended.
    pub end: Instant,
}

impl Stream {
    /// The id under which the server knows the request.
    pub fn id(&self) -> Option<&str> {
        let start = memchr::memmem::find(&self.bytes, b"x-request-id: ")? + 14;
        let length = memchr::memchr(b'\r', &self.bytes[start..])?;
        std::str::from_utf8(&self.bytes[start..start + length]).ok()
    }

    /// From the start to the read that brought the first token and to that of the last.
    pub fn first_and_last(&self) -> Option<(f64, f64)> {
        let mut tokens = memchr::memmem::find_iter(&self.bytes, CONTENT)
            .map(|found| found + CONTENT.len())
            .filter(|text| self.bytes.get(*text) != Some(&b'"'));
        let first = tokens.next()?;
        let last = tokens.last().unwrap_or(first);
        Some((self.moment(first)?, self.moment(last)?))
    }

    fn moment(&self, offset: usize) -> Option<f64> {
        let read = self.reads.partition_point(|(end, _)| *end <= offset);
        self.reads.get(read).map(|(_, at)| at.duration_since(self.begun).as_secs_f64())
    }
}

/// All streams, and the time from the first one's start to the last one's end.
pub fn run(address: SocketAddr, ask: Ask) -> Result<(Vec<Stream>, Duration), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let begun = Instant::now();
    let streams = LocalSet::new().block_on(&runtime, all(address, ask))?;
    let end = streams.iter().map(|stream| stream.end).max().unwrap_or(begun);
    Ok((streams, end - begun))
}

async fn all(address: SocketAddr, ask: Ask) -> Result<Vec<Stream>, Failed> {
    let body = format!(
        "{{\"model\":\"{}\",\"messages\":[{{\"role\":\"user\",\"content\":\"Tell.\"}}],\"stream\":true,\
         \"stream_options\":{{\"include_usage\":true}},\"max_completion_tokens\":{}}}",
        ask.model, ask.tokens
    );
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let request: &'static [u8] = request.leak().as_bytes();
    let mut streams = JoinSet::new();
    // All streams of the thread share one buffer: nothing waits between a read and the next.
    let buffer = Rc::new(RefCell::new(vec![0; READ_SIZE]));
    for place in 1..=ask.streams {
        streams.spawn_local(one(address, request, ask.keep, Rc::clone(&buffer)));
        if ask.starts_a_millisecond > 0 && place % ask.starts_a_millisecond == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    let ended: Result<Vec<Stream>, std::io::Error> = streams.join_all().await.into_iter().collect();
    Ok(ended?)
}

async fn one(
    address: SocketAddr,
    request: &'static [u8],
    keep: bool,
    buffer: Rc<RefCell<Vec<u8>>>,
) -> std::io::Result<Stream> {
    let begun = Instant::now();
    let mut tcp = TcpStream::connect(address).await?;
    tcp.set_nodelay(true)?;
    tcp.write_all(request).await?;
    let mut stream = Stream { begun, bytes: Vec::new(), reads: Vec::new(), end: begun };
    loop {
        tcp.readable().await?;
        let mut buffer = buffer.borrow_mut();
        match tcp.try_read(&mut buffer) {
            Ok(0) => break,
            Ok(read) if keep => {
                let now = Instant::now();
                stream.bytes.extend_from_slice(&buffer[..read]);
                stream.reads.push((stream.bytes.len(), now));
            }
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    stream.end = Instant::now();
    Ok(stream)
}
