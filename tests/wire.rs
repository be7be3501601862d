//! The wire against servers that misbehave, over real sockets: what is recorded, with which stamps, and how it ended.

use crate::raw_server::{Act, STREAM_HEAD, chunk, last_chunk, play, send, wait_ms};
use llmbench::domain::run::Connection;
use llmbench::measure::meter::{Job, Meter};
use llmbench::wire::tls::client_config;
use llmbench::wire::{Ending, Limits, Recording, Request, Target};
use std::net::SocketAddr;
use std::time::Duration;

const DONE: &[u8] = b"data: [DONE]";

fn limits() -> Limits {
    Limits {
        connect: Duration::from_millis(400),
        first_byte: Duration::from_millis(400),
        gap: Duration::from_millis(300),
        total: Duration::from_millis(1500),
        body_bytes: 1024 * 1024,
    }
}

fn request(address: SocketAddr, tls: bool) -> Request {
    Request {
        method: "POST",
        target: Target { tls, host: address.ip().to_string(), port: address.port() },
        path: "/v1/chat/completions".to_owned(),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: bytes::Bytes::from_static(b"{}"),
    }
}

fn job(address: SocketAddr) -> Job {
    Job { request: request(address, false), limits: limits(), end_marker: Some(DONE), warm: false, due: None }
}

async fn measure(job: Job) -> Recording {
    Meter::start(client_config(None).unwrap()).unwrap().measure(job).await.unwrap()
}

async fn recorded(acts: Vec<Act>) -> Recording {
    measure(job(play(acts))).await
}

fn millis(duration: Duration) -> u128 {
    duration.as_millis()
}

#[tokio::test]
async fn every_read_has_its_stamp() {
    let acts = vec![
        wait_ms(30),
        send(STREAM_HEAD),
        wait_ms(40),
        chunk("data: a\n\n"),
        wait_ms(50),
        chunk("data: b\n\n"),
        last_chunk(),
    ];
    let recording = recorded(acts).await;
    assert_eq!(recording.ending, Ending::Complete);
    assert_eq!(&recording.body[..], b"data: a\n\ndata: b\n\n");
    assert_eq!(recording.connection, Connection::Cold);
    let marks = recording.marks;
    assert!(marks.dns.is_none() && marks.tls.is_none(), "no name, no TLS: {marks:?}");
    assert!(marks.tcp <= marks.sent && marks.sent <= marks.head, "{marks:?}");
    assert!(millis(marks.head.unwrap()) >= 30);
    assert!(millis(recording.stamp(0)) >= 70);
    assert!(millis(recording.stamp(9)) >= 120);
    assert!(recording.stamp(9) > recording.stamp(0), "the pause between two chunks is seen");
}

#[tokio::test]
async fn a_continue_and_a_split_head_are_one_head() {
    let acts = vec![
        send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 O"),
        wait_ms(5),
        send("K\r\nContent-Length: 5\r\n\r\nhe"),
        wait_ms(5),
        send("llo"),
    ];
    let recording = recorded(acts).await;
    assert_eq!(recording.ending, Ending::Complete);
    assert_eq!(recording.head.unwrap().status, 200);
    assert_eq!(&recording.body[..], b"hello");
}

#[tokio::test]
async fn the_end_marker_ends_a_stream_that_stays_open() {
    let acts = vec![send(STREAM_HEAD), chunk("data: x\n\nda"), chunk("ta: [DONE]\n\n"), Act::Hold];
    let recording = recorded(acts).await;
    assert_eq!(recording.ending, Ending::Complete);
    assert!(
        recording.marks.end < Duration::from_millis(250),
        "the wait for the framing is outside the clock"
    );
    let inside = vec![send(STREAM_HEAD), chunk("data: say data: [DONE] \n\n"), Act::Hold];
    assert_eq!(recorded(inside).await.ending, Ending::TimedOut("gap"));
}

#[tokio::test]
async fn each_deadline_has_its_name() {
    assert_eq!(recorded(vec![Act::Hold]).await.ending, Ending::TimedOut("first byte"));
    let silent = vec![send(STREAM_HEAD), chunk("data: x\n\n"), Act::Hold];
    assert_eq!(recorded(silent).await.ending, Ending::TimedOut("gap"));
    let mut drip = vec![send(STREAM_HEAD)];
    drip.extend((0..40).flat_map(|_| [chunk("d"), wait_ms(60)]));
    let recording = recorded(drip).await;
    assert_eq!(recording.ending, Ending::TimedOut("total"));
    assert!(millis(recording.marks.end) >= 1500);
}

#[tokio::test]
async fn a_cut_is_no_end() {
    let cut = vec![send(STREAM_HEAD), chunk("data: x\n\n")];
    assert!(matches!(recorded(cut).await.ending, Ending::Cut(_)));
    let reset = vec![send(STREAM_HEAD), chunk("data: x\n\n"), wait_ms(20), Act::Reset];
    assert!(matches!(recorded(reset).await.ending, Ending::Cut(_)));
    let short = vec![send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello")];
    assert!(matches!(recorded(short).await.ending, Ending::Cut(_)));
    assert!(matches!(recorded(vec![]).await.ending, Ending::Cut(_)));
    assert!(matches!(recorded(vec![send("HTTP/1.1 200 OK\r\ncont")]).await.ending, Ending::Cut(_)));
    let until_close = vec![send("HTTP/1.1 200 OK\r\n\r\nall of it")];
    assert_eq!(recorded(until_close).await.ending, Ending::Complete);
}

#[tokio::test]
async fn what_is_no_http_is_malformed() {
    for bytes in ["SSH-2.0-OpenSSH_9.2\r\n\r\n", "<html>no head</html>\r\n\r\n"] {
        assert!(matches!(recorded(vec![send(bytes)]).await.ending, Ending::Malformed(_)), "{bytes}");
    }
    let bad_chunk = vec![send(STREAM_HEAD), send("zz\r\n")];
    assert!(matches!(recorded(bad_chunk).await.ending, Ending::Malformed(_)));
    let endless_head = vec![send("HTTP/1.1 200 OK\r\n"), send(format!("x: {}\r\n", "y".repeat(70_000)))];
    assert!(matches!(recorded(endless_head).await.ending, Ending::Malformed(_)));
}

#[tokio::test]
async fn an_endless_body_is_cut_at_its_cap() {
    let acts = vec![send("HTTP/1.1 200 OK\r\n\r\n"), send("x".repeat(3 * 1024 * 1024)), Act::Hold];
    let recording = recorded(acts).await;
    assert_eq!(recording.ending, Ending::TooLarge);
    assert!(recording.body.len() < 2 * 1024 * 1024);
}

#[tokio::test]
async fn no_listener_and_no_tls_are_connect_failures() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let recording = measure(job(closed)).await;
    assert!(
        matches!(&recording.ending, Ending::ConnectFailed(why) if why.contains("cannot connect to 127.0.0.1"))
    );
    let plain = play(vec![send("HTTP/1.1 400 Bad Request\r\n\r\n")]);
    let over_tls = Job { request: request(plain, true), ..job(plain) };
    let recording = measure(over_tls).await;
    // The raw server waits for a whole request, so the handshake runs into the connect deadline or is refused.
    assert!(matches!(recording.ending, Ending::ConnectFailed(_) | Ending::TimedOut("connect")));
    let mut nowhere = job(closed);
    nowhere.request.target.host = "no-such-host.invalid".to_owned();
    let recording = measure(nowhere).await;
    assert!(matches!(&recording.ending, Ending::ConnectFailed(why) if why.contains("no-such-host.invalid")));
}

#[tokio::test]
async fn a_warm_run_connects_outside_the_clock_and_reuses() {
    let acts = vec![send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"), Act::Hold];
    let address = play(acts);
    let meter = Meter::start(client_config(None).unwrap()).unwrap();
    let recording = meter.measure(Job { warm: true, ..job(address) }).await.unwrap();
    assert_eq!(recording.connection, Connection::Warm);
    assert_eq!(recording.marks.tcp, None, "the connection is not inside the clock");
    assert_eq!(recording.ending, Ending::Complete);
}

#[tokio::test]
async fn a_connection_that_the_host_closed_is_not_reused() {
    let address = play(vec![send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")]);
    let meter = Meter::start(client_config(None).unwrap()).unwrap();
    for _ in 0..3 {
        let recording = meter.measure(Job { warm: true, ..job(address) }).await.unwrap();
        assert_eq!(recording.ending, Ending::Complete);
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

#[tokio::test]
async fn a_due_request_waits_for_its_moment() {
    let address = play(vec![send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")]);
    let due = std::time::Instant::now() + Duration::from_millis(80);
    let recording = measure(Job { due: Some(due), ..job(address) }).await;
    let since = std::time::Instant::now().checked_duration_since(due).expect("it ended before it was due");
    assert!(recording.dispatch_delay <= since, "{:?} of {since:?}", recording.dispatch_delay);
}
