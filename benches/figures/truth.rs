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
    /// Seconds a token, counted as the definition says: from the end of the first group of tokens that left within one
    /// millisecond.
    pub inter_token_latency: f64,
    /// The end of the answer.
    pub end: f64,
    /// Visible tokens.
    pub tokens: f64,
}

/// The newest `count` answers by request id.
pub fn newest(simulator: &Simulator, count: usize) -> Result<HashMap<String, Truth>, Failed> {
    let request =
        format!("GET /truth?recent={count}&tokens=1 HTTP/1.1\r\nhost: sim\r\nconnection: close\r\n\r\n");
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
    let tokens: Vec<f64> =
        request["visible_token_seconds"].as_array()?.iter().map(Value::as_f64).collect::<Option<_>>()?;
    let first = *tokens.first()?;
    let together = tokens.iter().take_while(|at| **at < first + 0.001).count();
    let later = (tokens.len() - together) as f64;
    let truth = Truth {
        first,
        inter_token_latency: (tokens.last()? - tokens.get(together.checked_sub(1)?)?) / later,
        end: seconds("end")?,
        tokens: request["visible_tokens"].as_f64()?,
    };
    Some((request["id"].as_str()?.to_owned(), truth))
}
