//! A small HTTP/1.1 server for tests that keep what a client sent: every request is read whole, kept, and answered by a
//! function; or it is handed on to the simulator under another model's name.

use serde_json::Value;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    /// Path with its query.
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Reads one request; `None` where the client left.
    fn read(connection: &mut TcpStream) -> Option<Self> {
        let mut bytes = Vec::new();
        let mut part = [0; 4096];
        let mut missing = |bytes: &mut Vec<u8>| -> Option<()> {
            let read = connection.read(&mut part).ok().filter(|read| *read > 0)?;
            bytes.extend_from_slice(&part[..read]);
            Some(())
        };
        let head = loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break end;
            }
            missing(&mut bytes)?;
        };
        let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
        let mut lines = text.lines();
        let (method, rest) = lines.next()?.split_once(' ')?;
        let path = rest.strip_suffix(" HTTP/1.1").expect("HTTP/1.1").to_owned();
        let headers: Vec<_> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length = length.map_or(0, |(_, value)| value.parse::<usize>().unwrap());
        while bytes.len() < head + 4 + length {
            missing(&mut bytes)?;
        }
        let body = bytes[head + 4..head + 4 + length].to_vec();
        Some(Self { method: method.to_owned(), path, headers, body })
    }
}

/// What came, in order.
#[derive(Clone, Default)]
pub struct Kept(Arc<Mutex<Vec<Request>>>);

impl Kept {
    pub fn all(&self) -> Vec<Request> {
        self.0.lock().unwrap().clone()
    }

    /// The only one.
    pub fn only(&self) -> Request {
        let mut all = self.all();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    fn keep(&self, request: &Request) {
        self.0.lock().unwrap().push(request.clone());
    }
}

/// A whole answer with a body.
pub fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

/// A JSON answer of status 200.
pub fn json(body: &Value) -> String {
    answer("200 OK", "content-type: application/json\r\n", &body.to_string())
}

/// Starts a server that keeps every request and gives what the function makes of it.
pub fn serve(reply: impl Fn(&Request) -> String + Send + Sync + 'static) -> (SocketAddr, Kept) {
    each(move |mut connection, request| {
        let answered = connection.write_all(reply(request).as_bytes());
        let closed = connection.shutdown(Shutdown::Write);
        drop(answered.and(closed));
    })
}

/// Starts a server that keeps every request and hands it on to `upstream`, with `model` replaced by `scenario` wherever
/// it stands in path and body; `own` may answer a request instead.
pub fn hand_on(
    upstream: SocketAddr,
    model: &str,
    scenario: &str,
    own: impl Fn(&Request) -> Option<String> + Send + Sync + 'static,
) -> (SocketAddr, Kept) {
    let (model, scenario) = (model.to_owned(), scenario.to_owned());
    each(move |mut connection, request| {
        if let Some(answer) = own(request) {
            drop(connection.write_all(answer.as_bytes()));
            return;
        }
        let mut forward = TcpStream::connect(upstream).unwrap();
        forward.write_all(&renamed(request, &model, &scenario)).unwrap();
        // Whoever leaves first ends both directions: the client does, after an end marker.
        let (mut from, mut to) = (forward.try_clone().unwrap(), connection.try_clone().unwrap());
        let back = thread::spawn(move || {
            drop(std::io::copy(&mut from, &mut to));
            drop(to.shutdown(Shutdown::Both));
        });
        let mut rest = [0; 64];
        while matches!(connection.read(&mut rest), Ok(read) if read > 0) {}
        drop(forward.shutdown(Shutdown::Both));
        back.join().unwrap();
    })
}

fn each(handle: impl Fn(TcpStream, &Request) + Send + Sync + 'static) -> (SocketAddr, Kept) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let kept = Kept::default();
    let (handle, keeping) = (Arc::new(handle), kept.clone());
    thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let (handle, keeping) = (Arc::clone(&handle), keeping.clone());
            thread::spawn(move || {
                if let Some(request) = Request::read(&mut connection) {
                    keeping.keep(&request);
                    handle(connection, &request);
                }
            });
        }
    });
    (address, kept)
}

fn renamed(request: &Request, model: &str, scenario: &str) -> Vec<u8> {
    let path = request.path.replace(model, scenario).replace(&model.replace(':', "%3A"), scenario);
    let body = String::from_utf8(request.body.clone()).unwrap().replace(model, scenario);
    let mut head = format!("{} {path} HTTP/1.1\r\n", request.method);
    for (name, value) in request.headers.iter().filter(|(name, _)| name != "content-length") {
        head += &format!("{name}: {value}\r\n");
    }
    format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}
