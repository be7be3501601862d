//! A server that answers with exactly the bytes and pauses that a test wrote down: for what no HTTP library would send.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// One step of an answer.
#[derive(Debug, Clone)]
pub enum Act {
    /// Write these bytes in one write.
    Send(Vec<u8>),
    /// Stay silent so long.
    Wait(Duration),
    /// Close the connection with a reset instead of a normal end.
    Reset,
    /// Close the connection as soon as more is asked on it.
    HangUp,
    /// Keep the connection open and silent until the other side leaves.
    Hold,
}

/// Bytes as a step.
pub fn send(bytes: impl AsRef<[u8]>) -> Act {
    Act::Send(bytes.as_ref().to_vec())
}

/// A pause as a step.
pub fn wait_ms(ms: u64) -> Act {
    Act::Wait(Duration::from_millis(ms))
}

/// The head of a chunked event stream.
pub const STREAM_HEAD: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// One HTTP chunk.
pub fn chunk(bytes: impl AsRef<[u8]>) -> Act {
    let bytes = bytes.as_ref();
    let mut framed = format!("{:x}\r\n", bytes.len()).into_bytes();
    framed.extend_from_slice(bytes);
    framed.extend_from_slice(b"\r\n");
    Act::Send(framed)
}

/// The end of a chunked body.
pub fn last_chunk() -> Act {
    send("0\r\n\r\n")
}

/// Starts a server that plays `acts` on every connection after it has read a request's head and body.
pub fn play(acts: Vec<Act>) -> SocketAddr {
    play_to(acts, Arc::default())
}

/// The heads and bodies that a server was sent.
pub type Heard = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// The same, and keeps what it is sent.
pub fn play_to(acts: Vec<Act>, heard: Heard) -> SocketAddr {
    serve(move || acts.clone(), heard)
}

/// Starts a server that plays what `answer` gives for each connection.
pub fn play_each(answer: impl Fn() -> Vec<Act> + Send + Sync + 'static) -> SocketAddr {
    serve(answer, Arc::default())
}

fn serve(answer: impl Fn() -> Vec<Act> + Send + Sync + 'static, heard: Heard) -> SocketAddr {
    let answer = Arc::new(answer);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let (answer, heard) = (Arc::clone(&answer), Arc::clone(&heard));
            thread::spawn(move || perform(connection, &*answer, &heard));
        }
    });
    address
}

fn perform(mut connection: TcpStream, answer: &dyn Fn() -> Vec<Act>, heard: &Heard) {
    let Some(request) = read_whole(&mut connection) else { return };
    heard.lock().unwrap().push(request);
    for act in answer() {
        let done = match act {
            Act::Send(bytes) => connection.write_all(&bytes).and_then(|()| connection.flush()),
            Act::Wait(pause) => {
                thread::sleep(pause);
                Ok(())
            }
            Act::Reset => {
                let socket = socket2::SockRef::from(&connection);
                socket.set_linger(Some(Duration::ZERO))
            }
            Act::HangUp => {
                let _ = connection.read(&mut [0; 64]);
                return;
            }
            Act::Hold => {
                let mut rest = [0; 64];
                while matches!(connection.read(&mut rest), Ok(read) if read > 0) {}
                Ok(())
            }
        };
        if done.is_err() {
            return;
        }
    }
}

/// Reads one request and gives its head.
pub fn read_request(connection: &mut TcpStream) -> Option<String> {
    read_whole(connection).map(|(head, _)| head)
}

fn read_whole(connection: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    loop {
        let read = connection.read(&mut part).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&part[..read]);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let wanted = end + 4 + length.and_then(|text| text.parse::<usize>().ok()).unwrap_or(0);
        if bytes.len() >= wanted {
            return Some((head, bytes.split_off(end + 4)));
        }
    }
}
