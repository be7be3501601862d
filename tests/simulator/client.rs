//! A client of a few lines on a blocking socket, so that no decoder of the project can hide a mistake of the simulator.

use llmbench::simulator;
pub use llmbench::simulator::RunningSimulator;
pub use llmbench::simulator::scenario::PRESETS;
pub use serde_json::{Value, json};
pub use std::io::{ErrorKind, Read, Write};
pub use std::net::{SocketAddr, TcpStream};
pub use std::time::Duration;

/// An answer, as far as it came.
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
    /// Whether the body ended as HTTP frames it.
    pub complete: bool,
    /// How the socket ended, where it did not end well.
    pub broken: Option<ErrorKind>,
    /// The body as the server cut it: one entry a chunk.
    pub chunks: Vec<Vec<u8>>,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        let wanted = |line: &&str| line.to_lowercase().starts_with(&format!("{name}:"));
        self.head.lines().find(wanted).map(|line| line[name.len() + 1..].trim())
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The JSON of every data line; `[DONE]` becomes a string.
    pub fn events(&self) -> Vec<Value> {
        let text = self.text();
        let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
        data.map(|data| serde_json::from_str(data).unwrap_or_else(|_| json!(data))).collect()
    }

    pub fn event_names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for line in self.text().lines().filter_map(|line| line.strip_prefix("event: ")) {
            if names.last().is_none_or(|last| last != line) {
                names.push(line.to_owned());
            }
        }
        names
    }
}

pub fn simulator() -> RunningSimulator {
    simulator::start_in_process().unwrap()
}

/// Sends a request and reads until the server closes, breaks, or says nothing for `patience`.
pub fn exchange(addr: SocketAddr, method: &str, path: &str, body: &str, patience: Duration) -> Reply {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(patience)).unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: sim\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let (mut all, mut buffer) = (Vec::new(), vec![0_u8; 1 << 16]);
    let broken = loop {
        match stream.read(&mut buffer) {
            Ok(0) => break None,
            Ok(count) => all.extend_from_slice(&buffer[..count]),
            Err(error) => break Some(error.kind()),
        }
    };
    reply(&all, broken)
}

pub fn reply(all: &[u8], broken: Option<ErrorKind>) -> Reply {
    let end = all.windows(4).position(|window| window == b"\r\n\r\n").map_or(all.len(), |at| at + 4);
    let head = String::from_utf8(all[..end].to_vec()).unwrap();
    let status = head.get(9..12).map_or(0, |status| status.parse().unwrap());
    let chunked = head.to_lowercase().contains("transfer-encoding: chunked");
    let (chunks, complete) = if chunked { dechunked(&all[end..]) } else { (vec![all[end..].to_vec()], true) };
    let body = chunks.concat();
    Reply { status, head, body, complete, broken, chunks }
}

pub fn dechunked(mut rest: &[u8]) -> (Vec<Vec<u8>>, bool) {
    let mut chunks = Vec::new();
    while let Some(line) = rest.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        rest = &rest[line + 2..];
        if size == 0 {
            return (chunks, true);
        }
        chunks.push(rest[..size.min(rest.len())].to_vec());
        rest = rest.get(size + 2..).unwrap_or_default();
    }
    (chunks, false)
}

pub const PATIENCE: Duration = Duration::from_secs(20);

pub fn post(server: &RunningSimulator, path: &str, body: &Value) -> Reply {
    exchange(server.addr, "POST", path, &body.to_string(), PATIENCE)
}

pub fn get(server: &RunningSimulator, path: &str) -> Reply {
    exchange(server.addr, "GET", path, "", PATIENCE)
}

/// A chat request with usage.
pub fn chat(server: &RunningSimulator, prefix: &str, model: &str, budget: u32) -> Reply {
    let body = json!({
        "model": model, "stream": true, "max_completion_tokens": budget,
        "stream_options": {"include_usage": true},
        "messages": [{"role": "user", "content": "one two three"}],
    });
    post(server, &format!("{prefix}/v1/chat/completions"), &body)
}

/// Text of all deltas of a chat stream, at a field.
pub fn delta_text(events: &[Value], field: &str) -> String {
    events.iter().filter_map(|event| event["choices"][0]["delta"][field].as_str()).collect()
}

pub fn finish_reasons(events: &[Value]) -> Vec<&str> {
    events.iter().filter_map(|event| event["choices"][0]["finish_reason"].as_str()).collect()
}

/// Headers and payloads of a Bedrock stream; stops at the first frame that is damaged.
pub fn frames(mut body: &[u8]) -> Vec<(String, Value)> {
    let mut out = Vec::new();
    while !body.is_empty() {
        let Ok(message) = aws_smithy_eventstream::frame::read_message_from(&mut body) else { break };
        let kind = message
            .headers()
            .iter()
            .find(|header| [":event-type", ":exception-type"].contains(&header.name().as_str()));
        let name = kind.unwrap().value().as_string().unwrap().as_str().to_owned();
        out.push((name, serde_json::from_slice(message.payload()).unwrap()));
    }
    out
}
