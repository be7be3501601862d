//! A server of lists: real HTTP/1.1 over a real socket, connections kept open, answers chosen by path and header.

use crate::raw_server::read_request;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

/// What is answered.
pub enum Answer {
    /// A whole answer with this status and body.
    Whole(u16, Vec<u8>),
    /// Exactly these bytes, and the end of the connection.
    Bytes(Vec<u8>),
    /// Nothing, for as long as the client stays.
    Silence,
}

/// A JSON answer with status 200.
pub fn json(body: impl AsRef<[u8]>) -> Answer {
    Answer::Whole(200, body.as_ref().to_vec())
}

/// A server, and the heads of all requests that reached it.
pub struct Server {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts one. `answer` is given a path with its query.
    pub fn start(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let (seen, answer) = (Arc::clone(&heads), Arc::new(answer));
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                thread::spawn(move || converse(connection, &seen, &*answer));
            }
        });
        Self { address, heads }
    }

    /// `http://127.0.0.1:PORT` and a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The heads of all requests so far.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

fn converse(mut connection: TcpStream, heads: &Mutex<Vec<String>>, answer: &dyn Fn(&str) -> Answer) {
    while let Some(head) = read_request(&mut connection) {
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        heads.lock().unwrap().push(head);
        let written = match answer(&path) {
            Answer::Whole(status, body) => {
                let head = format!("HTTP/1.1 {status} Said\r\ncontent-length: {}\r\n\r\n", body.len());
                connection.write_all(head.as_bytes()).and_then(|()| connection.write_all(&body))
            }
            Answer::Bytes(bytes) => {
                let _ = connection.write_all(&bytes);
                return;
            }
            Answer::Silence => {
                let _ = read_request(&mut connection);
                return;
            }
        };
        if written.is_err() {
            return;
        }
    }
}

/// Lets everybody through once so many are there.
pub struct Gate {
    wanted: usize,
    there: Mutex<usize>,
    more: Condvar,
}

impl Gate {
    pub fn new(wanted: usize) -> Self {
        Self { wanted, there: Mutex::new(0), more: Condvar::new() }
    }

    /// Whether all came while this one waited. The patience only bounds a test that fails.
    pub fn pass(&self) -> bool {
        let mut there = self.there.lock().unwrap();
        *there += 1;
        self.more.notify_all();
        let waiting = |there: &mut usize| *there < self.wanted;
        let (_there, late) = self.more.wait_timeout_while(there, Duration::from_secs(20), waiting).unwrap();
        !late.timed_out()
    }
}
