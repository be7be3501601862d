//! What the simulator saw itself do: `/truth`, by request id.

use crate::Failed;
use crate::subject::Simulator;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use serde_json::Value;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

/// One answer as its server saw it leave; seconds since the request had been received.
#[derive(Debug, Clone, Copy)]
pub struct Truth {
    /// The first visible token.
    pub first: f64,
    /// The last one.
    pub last: f64,
    /// The end of the answer.
    pub end: f64,
    /// Visible tokens.
    pub tokens: f64,
}

impl Truth {
    /// Seconds a token.
    pub fn inter_token_latency(&self) -> f64 {
        (self.last - self.first) / (self.tokens - 1.0)
    }
}

/// The newest `count` answers by request id.
pub fn newest(simulator: &Simulator, count: usize) -> Result<HashMap<String, Truth>, Failed> {
    let request = format!("GET /truth?recent={count} HTTP/1.1\r\nhost: sim\r\nconnection: close\r\n\r\n");
    let stream = TcpStream::connect(simulator.address)?;
    let answer = match &simulator.trust {
        None => asked(stream, &request)?,
        Some(trust) => {
            let name = ServerName::IpAddress(simulator.address.ip().into());
            asked(StreamOwned::new(ClientConnection::new(Arc::clone(trust), name)?, stream), &request)?
        }
    };
    let (_, body) = answer.split_once("\r\n\r\n").ok_or("the truth has no body")?;
    let document: Value = serde_json::from_str(body)?;
    let requests = document["requests"].as_array().ok_or("the truth tells no requests")?;
    // A stream that is still open has no end to tell.
    let ended = requests.iter().filter(|request| request["outcome"] != "open");
    ended.map(|request| read(request).ok_or_else(|| format!("an odd truth: {request}").into())).collect()
}

fn asked(mut stream: impl Read + Write, request: &str) -> Result<String, Failed> {
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn read(request: &Value) -> Option<(String, Truth)> {
    let seconds = |name: &str| request["seconds"][name].as_f64();
    let truth = Truth {
        first: seconds("first_visible")?,
        last: seconds("last_visible")?,
        end: seconds("end")?,
        tokens: request["visible_tokens"].as_f64()?,
    };
    Some((request["id"].as_str()?.to_owned(), truth))
}
