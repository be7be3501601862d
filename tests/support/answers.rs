//! Answers of a chat host, byte by byte, for the raw server.

use super::Home;
use super::ran::{Ran, ran};
use crate::raw_server::{Act, STREAM_HEAD, chunk, last_chunk, play, send};
use std::net::SocketAddr;
use std::process::Command;

/// The key that the host is called with; it must appear nowhere.
pub const CANARY: &str = "sk-canary-0123456789abcdefghijKLMN";

/// One event that carries text.
pub fn text(words: &str) -> String {
    format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{words}\"}}}}]}}\n\n")
}

/// The event that ends an answer.
pub const STOP: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
/// The event that counts its tokens.
pub const USAGE: &str =
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2,\"total_tokens\":7}}\n\n";
/// The line that ends the stream.
pub const DONE: &str = "data: [DONE]\n\n";

/// A sound answer: two words and their count.
pub fn sound() -> Vec<Act> {
    stream(&[&text("one"), &text(" two"), STOP, USAGE, DONE])
}

/// A stream of these chunks.
pub fn stream(chunks: &[&str]) -> Vec<Act> {
    let mut acts = vec![send(STREAM_HEAD)];
    acts.extend(chunks.iter().map(chunk));
    acts.push(last_chunk());
    acts
}

/// An answer that is no stream: status line, extra headers (each ending in CR LF), body.
pub fn plain(status: &str, headers: &str, body: &str) -> Vec<Act> {
    let length = body.len();
    vec![send(format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n{body}"))]
}

/// The binary, calling the host at `address` as OpenAI.
pub fn calling(home: &Home, address: SocketAddr, arguments: &[&str]) -> Command {
    let mut command = home.llmbench(&["run", "--model", "openai:gpt-4o"]);
    command.args(arguments).env("OPENAI_API_KEY", CANARY);
    command.env("OPENAI_BASE_URL", format!("http://{address}/v1"));
    command
}

/// One request to a host that plays `acts`, as `--ndjson`, stored in `home`.
pub fn asked(home: &Home, acts: Vec<Act>) -> Ran {
    ran(&mut calling(home, play(acts), &["--ndjson", "--timeout", "20s"]))
}
