//! The client for everything that is not measured, against servers that hang up, stall, lie and never end.

use crate::raw_server::{Act, Heard, STREAM_HEAD, chunk, play_each, play_to, send, wait_ms};
use bytes::Bytes;
use llmbench::http::{HttpClient, HttpExchange, ProxyRules};
use llmbench::wire::tls::client_config;
use llmbench::wire::{ExchangeEnd, ExchangeLimits, Origin, WireRequest};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

fn client() -> HttpClient {
    HttpClient::new(&client_config(None).unwrap(), ProxyRules::default(), Duration::from_secs(10)).unwrap()
}

fn post(address: SocketAddr) -> WireRequest {
    WireRequest {
        method: "POST",
        target: Origin { tls: false, host: address.ip().to_string(), port: address.port() },
        proxy: None,
        path: "/ingest?a=b%2Fc".to_owned(),
        headers: vec![("X-Api-Key".to_owned(), "k".to_owned())],
        body: Bytes::from_static(b"{}"),
    }
}

/// Generous, but where a test waits for one of them to pass.
fn limits() -> ExchangeLimits {
    let long = Duration::from_secs(60);
    ExchangeLimits { connect: long, first_byte: long, gap: long, total: long, body_bytes: 1000 }
}

async fn asked(acts: Vec<Act>, limits: ExchangeLimits) -> HttpExchange {
    let address = play_to(acts, Arc::default());
    client().send(&post(address), &limits).await
}

#[tokio::test]
async fn a_request_goes_out_as_it_is() {
    let heard = Heard::default();
    let address = play_to(vec![send(OK)], Arc::clone(&heard));
    let answer = client().send(&post(address), &limits()).await;
    assert_eq!((answer.ending, &answer.body[..]), (ExchangeEnd::Complete, &b"ok"[..]));
    assert_eq!(answer.head.unwrap().header("content-length"), Some("2"));
    let heard = heard.lock().unwrap();
    let (head, body) = &heard[0];
    assert!(head.starts_with("POST /ingest?a=b%2Fc HTTP/1.1\r\n"), "{head}");
    for line in ["x-api-key: k", "accept-encoding: identity", "content-length: 2"] {
        assert!(head.contains(line), "{head}");
    }
    assert_eq!(body, b"{}");
}

#[tokio::test]
async fn what_a_closed_kept_connection_lost_is_sent_once_more() {
    let heard = Heard::default();
    let address = play_to(vec![send(OK), Act::HangUp], Arc::clone(&heard));
    let client = client();
    for _ in 0..3 {
        let answer = client.send(&post(address), &limits()).await;
        assert_eq!((answer.ending, &answer.body[..]), (ExchangeEnd::Complete, &b"ok"[..]));
    }
    // A server hears the first request of each connection here: the second ones were hung up on, and came again.
    assert_eq!(heard.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn a_new_connection_that_gives_no_answer_is_not_tried_again() {
    for act in [None, Some(Act::Reset)] {
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let address = play_each(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            act.clone().into_iter().collect()
        });
        let answer = client().send(&post(address), &limits()).await;
        assert!(matches!(answer.ending, ExchangeEnd::Unanswered(_)), "{answer:?}");
        assert_eq!((answer.head, connections.load(Ordering::SeqCst)), (None, 1));
    }
}

#[tokio::test]
async fn each_deadline_has_its_name() {
    let short = Duration::from_millis(200);
    let hold = || vec![Act::Hold];
    let first = ExchangeLimits { connect: Duration::ZERO, first_byte: short, ..limits() };
    assert_eq!(asked(hold(), first).await.ending, ExchangeEnd::TimedOut("first byte"));
    let total = ExchangeLimits { total: short, ..limits() };
    assert_eq!(asked(hold(), total).await.ending, ExchangeEnd::TimedOut("total"));
    let stalls = vec![send(STREAM_HEAD), chunk("a"), Act::Hold];
    let stalled = asked(stalls, ExchangeLimits { gap: short, ..limits() }).await;
    assert_eq!((stalled.ending, &stalled.body[..]), (ExchangeEnd::TimedOut("gap"), &b"a"[..]));
    assert!(stalled.head.is_some());
}

#[tokio::test]
async fn answers_that_are_none_say_how() {
    let ending = |acts: Vec<Act>| async { asked(acts, limits()).await.ending };
    assert_eq!(
        ending(vec![send(STREAM_HEAD), chunk("x".repeat(1001)), Act::Hold]).await,
        ExchangeEnd::TooLarge
    );
    let cut = vec![send("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")];
    assert_eq!(ending(cut).await, ExchangeEnd::Cut("the connection ended inside the answer".to_owned()));
    for malformed in ["SSH-2.0-OpenSSH_9.9\r\n\r\n".to_owned(), format!("{STREAM_HEAD}zz\r\nno\r\n")] {
        let ending = ending(vec![send(malformed), wait_ms(20)]).await;
        assert!(matches!(ending, ExchangeEnd::Malformed(_)), "{ending:?}");
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_nothing_more() {
    let elsewhere = Heard::default();
    let other = play_to(vec![send(OK)], Arc::clone(&elsewhere));
    let redirect = format!("HTTP/1.1 307 Go\r\nlocation: http://{other}/\r\ncontent-length: 0\r\n\r\n");
    let answer = asked(vec![send(redirect)], limits()).await;
    assert_eq!((answer.head.unwrap().status, answer.ending), (307, ExchangeEnd::Complete));
    assert!(elsewhere.lock().unwrap().is_empty());
}
