//! A proxy for HTTP/1.1 that does to an exchange what networks do: it loses requests and answers, cuts them, delays them,
//! answers in somebody else's name. What happens to which exchange is the test's to say.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What happens to an exchange.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Nothing: it goes through.
    None,
    /// The request never arrives, and the connection ends.
    LoseRequest,
    /// The request is carried out; its answer never arrives.
    LoseAnswer,
    /// The request is carried out; half of its answer arrives.
    HalfAnswer,
    /// It goes through after this.
    Delay(Duration),
    /// Somebody else answers: status, further header lines (each with its line break), body.
    Foreign(u16, &'static str, &'static str),
}

type Plan = Box<dyn FnMut(&str) -> Fault + Send>;

/// A proxy before one server.
pub struct Proxy {
    /// Where clients connect.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: Mutex<SocketAddr>,
    plan: Mutex<Plan>,
    /// Request lines, and what happened to each.
    seen: Mutex<Vec<(String, Fault)>>,
    heads: Mutex<Vec<String>>,
}

#[allow(dead_code, reason = "for tests of several folders")]
impl Proxy {
    /// Before `upstream`; `plan` is given each request line.
    pub fn start(upstream: SocketAddr, plan: impl FnMut(&str) -> Fault + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            upstream: Mutex::new(upstream),
            plan: Mutex::new(Box::new(plan)),
            seen: Mutex::default(),
            heads: Mutex::default(),
        });
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = Arc::clone(&serving);
                thread::spawn(move || converse(client, &shared));
            }
        });
        Self { address, shared }
    }

    /// Another plan from now on.
    pub fn plan(&self, plan: impl FnMut(&str) -> Fault + Send + 'static) {
        *self.shared.plan.lock().unwrap() = Box::new(plan);
    }

    /// Another server from now on.
    pub fn redirect(&self, upstream: SocketAddr) {
        *self.shared.upstream.lock().unwrap() = upstream;
    }

    /// Request lines so far, and what happened to each.
    pub fn seen(&self) -> Vec<(String, Fault)> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// The heads of all requests so far.
    pub fn heads(&self) -> Vec<String> {
        self.shared.heads.lock().unwrap().clone()
    }

    /// The base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

fn converse(mut client: TcpStream, shared: &Shared) {
    let _ = client.set_nodelay(true);
    while let Some(request) = message(&mut client) {
        let head = String::from_utf8_lossy(&request).into_owned();
        let head = head.split("\r\n\r\n").next().unwrap_or_default().to_owned();
        let line = head.lines().next().unwrap_or_default().to_owned();
        let fault = (shared.plan.lock().unwrap())(&line);
        shared.heads.lock().unwrap().push(head);
        shared.seen.lock().unwrap().push((line, fault.clone()));
        let through = || forward(*shared.upstream.lock().unwrap(), &request);
        let answer = match fault {
            Fault::LoseRequest => break,
            Fault::Foreign(status, headers, body) => {
                let length = body.len();
                format!("HTTP/1.1 {status} Said\r\n{headers}content-length: {length}\r\n\r\n{body}")
                    .into_bytes()
            }
            Fault::Delay(pause) => {
                thread::sleep(pause);
                let Some(answer) = through() else { break };
                answer
            }
            Fault::None => {
                let Some(answer) = through() else { break };
                answer
            }
            Fault::LoseAnswer => {
                through();
                break;
            }
            Fault::HalfAnswer => {
                let answer = through().unwrap_or_default();
                let _ = client.write_all(&answer[..answer.len() * 2 / 3]);
                break;
            }
        };
        if client.write_all(&answer).is_err() {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
}

/// Has a request carried out on a connection of its own; nothing where the server is away.
fn forward(upstream: SocketAddr, request: &[u8]) -> Option<Vec<u8>> {
    let mut server = TcpStream::connect(upstream).ok()?;
    server.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
    server.write_all(request).ok()?;
    message(&mut server)
}

/// A head and as much body as it names.
fn message(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            let length =
                head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
            if bytes.len() >= end + 4 + length.unwrap_or(0) {
                return Some(bytes);
            }
        }
        match stream.read(&mut buffer) {
            Ok(0) => return None,
            Ok(read) => bytes.extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
}
