//! `llmbench init`: the first steps of somebody who has the program alone, by flags and at a real terminal.

mod flags;
mod terminal;

use crate::catalog::servers::{Answer, Server, json};
use crate::support::Home;
use crate::support::answers::{DONE, STOP, USAGE, text};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// A model of a server that answers.
const MODEL: &str = "small";

/// A server with OpenAI's API: a list of two models, and sound answers to every question.
fn server() -> Server {
    Server::start(|path| {
        if path.ends_with("/models") {
            return json(format!(r#"{{"data":[{{"id":"{MODEL}"}},{{"id":"big"}}]}}"#));
        }
        let events = [text("one"), text(" two"), STOP.to_owned(), USAGE.to_owned(), DONE.to_owned()];
        let body = events.concat();
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n";
        Answer::Bytes(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes())
    })
}

/// A server that refuses every key.
fn refusing() -> Server {
    let body = r#"{"error":{"message":"Incorrect API key provided","code":"invalid_api_key"}}"#;
    Server::start(move |_| Answer::Whole(401, body.as_bytes().to_vec()))
}

/// The configuration of a home, where no flag names one.
fn config(home: &Home) -> PathBuf {
    home.path().join("config/llmbench/config.toml")
}

fn written(home: &Home) -> String {
    let path = config(home);
    let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "{}", path.display());
    fs::read_to_string(path).unwrap()
}

/// The models that a home measures.
fn measured(home: &Home) -> Vec<String> {
    let said = home.ran(&["models", "list", "--ids"]);
    assert_eq!(said.code, 0, "{said:?}");
    said.out.lines().map(str::to_owned).collect()
}
