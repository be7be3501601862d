//! A forward proxy as companies have them: CONNECT, and requests with whole addresses, over real sockets. Whatever host it
//! is asked for, it connects to that port of this machine, so that a name which nobody can resolve is reached through it and
//! in no other way.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What becomes of a connection.
#[derive(Debug, Clone, Copy)]
pub enum Manner {
    /// It is connected.
    Through,
    /// It is connected after this long, so that connecting has a price.
    Late(Duration),
    /// It is answered with these bytes and closed.
    Answer(&'static str),
    /// It is closed without an answer.
    Close,
    /// Nothing, until the client leaves.
    Silence,
}

/// A proxy, and the heads of the requests that opened its connections.
pub struct ForwardProxy {
    /// Where it listens.
    pub address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl ForwardProxy {
    /// Starts one.
    pub fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let seen = Arc::clone(&seen);
                thread::spawn(move || serve(client, manner, &seen));
            }
        });
        Self { address, heads }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The same with a user and a password.
    pub fn url_of(&self, user: &str, password: &str) -> String {
        format!("http://{user}:{password}@{}", self.address)
    }

    /// The heads that opened connections so far.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    /// The first lines of them.
    pub fn lines(&self) -> Vec<String> {
        self.heads().iter().map(|head| head.lines().next().unwrap_or_default().to_owned()).collect()
    }
}

fn serve(mut client: TcpStream, manner: Manner, heads: &Mutex<Vec<String>>) {
    let Some((head, rest)) = read_head(&mut client) else { return };
    heads.lock().unwrap().push(head.clone());
    match manner {
        Manner::Through => {
            let _ = connect(client, &head, &rest);
        }
        Manner::Late(pause) => {
            thread::sleep(pause);
            let _ = connect(client, &head, &rest);
        }
        Manner::Answer(bytes) => {
            let _ = client.write_all(bytes.as_bytes());
            let _ = client.shutdown(Shutdown::Write);
            // A reset could overtake the answer if the client still wrote.
            let _ = client.read(&mut [0; 4096]);
        }
        Manner::Close => {}
        Manner::Silence => while matches!(client.read(&mut [0; 4096]), Ok(read) if read > 0) {},
    }
}

fn connect(mut client: TcpStream, head: &str, rest: &[u8]) -> Option<()> {
    let (line, fields) = head.split_once("\r\n")?;
    let mut words = line.split(' ');
    let (method, address) = (words.next()?, words.next()?);
    let whole = address.strip_prefix("http://");
    let (authority, path) = match whole {
        Some(whole) => whole.split_once('/')?,
        None => (address, ""),
    };
    let port: u16 = authority.rsplit_once(':')?.1.parse().ok()?;
    let mut server = TcpStream::connect(("127.0.0.1", port)).ok()?;
    if method == "CONNECT" {
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").ok()?;
    } else {
        // Later requests of a kept connection keep their whole address, which servers take.
        let fields: Vec<&str> =
            fields.lines().filter(|line| !line.to_ascii_lowercase().starts_with("proxy-")).collect();
        let fields = fields.join("\r\n");
        server.write_all(format!("{method} /{path} HTTP/1.1\r\n{fields}").as_bytes()).ok()?;
        server.write_all(b"\r\n\r\n").ok()?;
    }
    server.write_all(rest).ok()?;
    let (mut from, mut to) = (client.try_clone().ok()?, server.try_clone().ok()?);
    let upwards = thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    let _ = std::io::copy(&mut server, &mut client);
    let _ = client.shutdown(Shutdown::Both);
    let _ = upwards.join();
    Some(())
}

/// A head without the empty line behind it, and what came with it.
fn read_head(client: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            return Some((head, bytes[end + 4..].to_vec()));
        }
        match client.read(&mut part) {
            Ok(read) if read > 0 => bytes.extend_from_slice(&part[..read]),
            _ => return None,
        }
    }
}
