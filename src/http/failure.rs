//! Maps an error of the client to the end of an exchange in the types of `wire`, so that both HTTP clients report
//! failures alike. The client's own messages are not repeated, because they contain the whole URL.

use crate::wire::{ExchangeEnd, Origin, exhaustion};
use std::error::Error;
use std::io;

/// The reason why a request got no answer. `proxy` is the proxy of the request.
pub fn before_the_answer(error: &reqwest::Error, target: &Origin, proxy: Option<&str>) -> ExchangeEnd {
    let causes = causes(error);
    if error.is_connect() {
        if error.is_timeout() {
            return ExchangeEnd::TimedOut("connect");
        }
        return no_connection(&causes, target, proxy);
    }
    let hyper = causes.iter().find_map(|cause| cause.downcast_ref::<hyper::Error>());
    let broken = causes.iter().find_map(|cause| cause.downcast_ref::<io::Error>());
    match (hyper, broken) {
        (Some(hyper), _) if hyper.is_parse() => {
            ExchangeEnd::Malformed(format!("the answer is no HTTP/1.1 ({hyper})"))
        }
        (_, Some(broken)) => ExchangeEnd::Unanswered(broken.to_string()),
        (Some(hyper), None) if hyper.is_incomplete_message() || hyper.is_canceled() || hyper.is_closed() => {
            ExchangeEnd::Unanswered("the connection ended without an answer".to_owned())
        }
        _ => ExchangeEnd::SendFailed(last(&causes)),
    }
}

/// The reason why a body is incomplete.
pub fn inside_the_answer(error: &reqwest::Error) -> ExchangeEnd {
    let causes = causes(error);
    let broken = causes.iter().find_map(|cause| cause.downcast_ref::<io::Error>());
    match broken.map(io::Error::kind) {
        Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => {
            ExchangeEnd::Malformed(last(&causes))
        }
        _ => ExchangeEnd::Cut("the connection ended inside the answer".to_owned()),
    }
}

/// DNS, TCP, the proxy or TLS failed.
fn no_connection(causes: &[&(dyn Error + 'static)], target: &Origin, proxy: Option<&str>) -> ExchangeEnd {
    let says = |word: &str| causes.iter().any(|cause| cause.to_string().starts_with(word));
    let system = causes.iter().rev().find_map(|cause| cause.downcast_ref::<io::Error>());
    let there = proxy
        .map_or_else(|| format!("{}:{}", target.host, target.port), |proxy| format!("the proxy {proxy}"));
    if let Some(tls) = causes.iter().find_map(|cause| cause.downcast_ref::<rustls::Error>()) {
        return ExchangeEnd::ConnectFailed(format!("TLS with {} failed: {tls}", target.host));
    }
    if says("tls handshake eof") {
        return ExchangeEnd::ConnectFailed(format!("TLS with {} failed: {}", target.host, last(causes)));
    }
    if says("dns error") {
        let name =
            proxy.map_or_else(|| target.host.clone(), |proxy| format!("the name of the proxy {proxy}"));
        // A resolver that could not open a socket reports only that the name is unknown.
        let want = system.and_then(exhaustion::of).or_else(exhaustion::now);
        return told(format!("cannot resolve {name}: {}", last(causes)), want);
    }
    let refused = causes.iter().map(ToString::to_string).find_map(|text| {
        let said = text.strip_prefix("tunnel error: ").or_else(|| text.strip_prefix("SOCKS error: "))?;
        Some(said.to_owned())
    });
    match (refused, system, proxy) {
        (Some(said), None, Some(proxy)) => ExchangeEnd::ConnectFailed(format!(
            "the proxy {proxy} gave no connection to {}:{}: {said}",
            target.host, target.port
        )),
        (_, system, _) => {
            let want = system.and_then(exhaustion::of);
            told(format!("cannot connect to {there}: {}", last(causes)), want)
        }
    }
}

fn told(sentence: String, want: Option<&'static str>) -> ExchangeEnd {
    match want {
        Some(want) => ExchangeEnd::Exhausted(format!("{sentence}: {want}")),
        None => ExchangeEnd::ConnectFailed(sentence),
    }
}

/// The errors behind an error, outermost first, also those that an `io::Error` wraps.
fn causes<'a>(error: &'a reqwest::Error) -> Vec<&'a (dyn Error + 'static)> {
    let mut found: Vec<&'a (dyn Error + 'static)> = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        found.push(cause);
        // `source` of such an error already skips the wrapped error.
        let wrapped = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match wrapped {
            Some(wrapped) => Some(wrapped as &(dyn Error + 'static)),
            None => cause.source(),
        };
    }
    found
}

/// The innermost cause, which names the reason.
fn last(causes: &[&(dyn Error + 'static)]) -> String {
    causes.last().map_or_else(|| "no reason is known".to_owned(), ToString::to_string)
}
