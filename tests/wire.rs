//! The wire against servers that misbehave, over real sockets: what is recorded, with which stamps, and how it ended.

use crate::raw_server::{Act, STREAM_HEAD, chunk, last_chunk, play, play_each, send, wait_ms};
use llmbench::domain::run::Connection;
use llmbench::measure::clock_thread::{ClockThread, ExchangeJob};
use llmbench::wire::tls::client_config;
use llmbench::wire::{ExchangeEnd, ExchangeLimits, Origin, Recording, WireRequest};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

const DONE: &[u8] = b"data: [DONE]";

fn limits() -> ExchangeLimits {
    ExchangeLimits {
        connect: Duration::from_millis(400),
        first_byte: Duration::from_millis(400),
        gap: Duration::from_millis(300),
        total: Duration::from_millis(1500),
        body_bytes: 1024 * 1024,
    }
}

fn request(address: SocketAddr, tls: bool) -> WireRequest {
    WireRequest {
        method: "POST",
        target: Origin { tls, host: address.ip().to_string(), port: address.port() },
        proxy: None,
        path: "/v1/chat/completions".to_owned(),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: bytes::Bytes::from_static(b"{}"),
    }
}

fn job(address: SocketAddr) -> ExchangeJob {
    ExchangeJob {
        request: request(address, false),
        limits: limits(),
        end_marker: Some(DONE),
        warm: false,
        due: None,
    }
}

async fn measure(job: ExchangeJob) -> Recording {
    ClockThread::start(client_config(None).unwrap()).unwrap().measure(job).await.unwrap()
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
    assert_eq!(recording.ending, ExchangeEnd::Complete);
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
    assert_eq!(recording.ending, ExchangeEnd::Complete);
    assert_eq!(recording.head.unwrap().status, 200);
    assert_eq!(&recording.body[..], b"hello");
}

#[tokio::test]
async fn the_end_marker_ends_a_stream_that_stays_open() {
    let acts = vec![send(STREAM_HEAD), chunk("data: x\n\nda"), chunk("ta: [DONE]\n\n"), Act::Hold];
    let recording = recorded(acts).await;
    assert_eq!(recording.ending, ExchangeEnd::Complete);
    assert!(
        recording.marks.end < Duration::from_millis(250),
        "the wait for the framing is outside the clock"
    );
    let inside = vec![send(STREAM_HEAD), chunk("data: say data: [DONE] \n\n"), Act::Hold];
    assert_eq!(recorded(inside).await.ending, ExchangeEnd::TimedOut("gap"));
}

#[tokio::test]
async fn each_deadline_has_its_name() {
    assert_eq!(recorded(vec![Act::Hold]).await.ending, ExchangeEnd::TimedOut("first byte"));
    let silent = vec![send(STREAM_HEAD), chunk("data: x\n\n"), Act::Hold];
    assert_eq!(recorded(silent).await.ending, ExchangeEnd::TimedOut("gap"));
    let mut drip = vec![send(STREAM_HEAD)];
    drip.extend((0..40).flat_map(|_| [chunk("d"), wait_ms(60)]));
    let recording = recorded(drip).await;
    assert_eq!(recording.ending, ExchangeEnd::TimedOut("total"));
    assert!(millis(recording.marks.end) >= 1500);
}

#[tokio::test]
async fn a_cut_is_no_end() {
    let cut = vec![send(STREAM_HEAD), chunk("data: x\n\n")];
    assert!(matches!(recorded(cut).await.ending, ExchangeEnd::Cut(_)));
    let reset = vec![send(STREAM_HEAD), chunk("data: x\n\n"), wait_ms(20), Act::Reset];
    assert!(matches!(recorded(reset).await.ending, ExchangeEnd::Cut(_)));
    let short = vec![send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello")];
    assert!(matches!(recorded(short).await.ending, ExchangeEnd::Cut(_)));
    assert!(matches!(recorded(vec![]).await.ending, ExchangeEnd::Unanswered(_)));
    assert!(matches!(recorded(vec![send("HTTP/1.1 200 OK\r\ncont")]).await.ending, ExchangeEnd::Cut(_)));
    let until_close = vec![send("HTTP/1.1 200 OK\r\n\r\nall of it")];
    assert_eq!(recorded(until_close).await.ending, ExchangeEnd::Complete);
}

/// A host that refuses a large request by its head, and closes while the body is still coming: the kernel answers the rest
/// with a reset.
#[tokio::test]
async fn a_refusal_before_the_request_was_sent_is_read() {
    let refused = "HTTP/1.1 413 Payload Too Large\r\ncontent-length: 9\r\n\r\ntoo large";
    for (answer, status) in [(refused, Some(413)), ("", None)] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            connection.read_exact(&mut [0; 1024]).unwrap();
            connection.write_all(answer.as_bytes()).unwrap();
        });
        let mut job = job(address);
        job.request.body = bytes::Bytes::from(vec![b' '; 64 * 1024 * 1024]);
        job.limits.total = Duration::from_secs(60);
        let recording = measure(job).await;
        assert_eq!(recording.head.as_ref().map(|head| head.status), status, "{:?}", recording.ending);
        match status {
            Some(_) => {
                assert_eq!(
                    (&recording.body[..], &recording.ending),
                    (&b"too large"[..], &ExchangeEnd::Complete)
                )
            }
            None => assert!(matches!(recording.ending, ExchangeEnd::SendFailed(_)), "{:?}", recording.ending),
        }
    }
}

#[tokio::test]
async fn what_is_no_http_is_malformed() {
    for bytes in ["SSH-2.0-OpenSSH_9.2\r\n\r\n", "<html>no head</html>\r\n\r\n"] {
        assert!(matches!(recorded(vec![send(bytes)]).await.ending, ExchangeEnd::Malformed(_)), "{bytes}");
    }
    let bad_chunk = vec![send(STREAM_HEAD), send("zz\r\n")];
    assert!(matches!(recorded(bad_chunk).await.ending, ExchangeEnd::Malformed(_)));
    let endless_head = vec![send("HTTP/1.1 200 OK\r\n"), send(format!("x: {}\r\n", "y".repeat(70_000)))];
    assert!(matches!(recorded(endless_head).await.ending, ExchangeEnd::Malformed(_)));
}

#[tokio::test]
async fn an_endless_body_is_cut_at_its_cap() {
    let acts = vec![send("HTTP/1.1 200 OK\r\n\r\n"), send("x".repeat(3 * 1024 * 1024)), Act::Hold];
    let recording = recorded(acts).await;
    assert_eq!(recording.ending, ExchangeEnd::TooLarge);
    assert!(recording.body.len() < 2 * 1024 * 1024);
}

#[tokio::test]
async fn no_listener_and_no_tls_are_connect_failures() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let recording = measure(job(closed)).await;
    assert!(
        matches!(&recording.ending, ExchangeEnd::ConnectFailed(why) if why.contains("cannot connect to 127.0.0.1"))
    );
    let plain = play(vec![send("HTTP/1.1 400 Bad Request\r\n\r\n")]);
    let over_tls = ExchangeJob { request: request(plain, true), ..job(plain) };
    let recording = measure(over_tls).await;
    // The raw server waits for a whole request, so the handshake runs into the connect deadline or is refused.
    assert!(matches!(recording.ending, ExchangeEnd::ConnectFailed(_) | ExchangeEnd::TimedOut("connect")));
    let mut nowhere = job(closed);
    nowhere.request.target.host = "no-such-host.invalid".to_owned();
    let recording = measure(nowhere).await;
    assert!(
        matches!(&recording.ending, ExchangeEnd::ConnectFailed(why) if why.contains("no-such-host.invalid"))
    );
}

#[tokio::test]
async fn a_warm_run_connects_outside_the_clock_and_reuses() {
    let acts = vec![send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"), Act::Hold];
    let address = play(acts);
    let meter = ClockThread::start(client_config(None).unwrap()).unwrap();
    let recording = meter.measure(ExchangeJob { warm: true, ..job(address) }).await.unwrap();
    assert_eq!(recording.connection, Connection::Warm);
    assert_eq!(recording.marks.tcp, None, "the connection is not inside the clock");
    assert_eq!(recording.ending, ExchangeEnd::Complete);
}

#[tokio::test]
async fn a_connection_that_the_host_closed_is_not_reused() {
    let address = play(vec![send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")]);
    let meter = ClockThread::start(client_config(None).unwrap()).unwrap();
    for _ in 0..3 {
        let recording = meter.measure(ExchangeJob { warm: true, ..job(address) }).await.unwrap();
        assert_eq!(recording.ending, ExchangeEnd::Complete);
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

#[tokio::test]
async fn a_kept_connection_that_dies_unanswered_was_no_measurement() {
    let kept = vec![send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"), Act::HangUp];
    let connections = std::sync::atomic::AtomicUsize::new(0);
    // The first connection answers once, the second and third not at all, the others as the first.
    let address = play_each(move || match connections.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
        1 | 2 => vec![],
        _ => kept.clone(),
    });
    let meter = ClockThread::start(client_config(None).unwrap()).unwrap();
    let warm = || meter.measure(ExchangeJob { warm: true, ..job(address) });
    let first = warm().await.unwrap();
    assert_eq!((first.ending, first.carrier.reconnects), (ExchangeEnd::Complete, 0));
    // Once: what dies on a new connection is the server's doing.
    let second = warm().await.unwrap();
    assert!(matches!(second.ending, ExchangeEnd::Unanswered(_)), "{second:?}");
    assert_eq!((second.connection, second.carrier.reconnects), (Connection::Warm, 1));
    let third = warm().await.unwrap();
    assert!(matches!(third.ending, ExchangeEnd::Unanswered(_)), "{third:?}");
    assert_eq!(third.carrier.reconnects, 0, "nothing was kept");
    for reconnects in [0, 1, 1] {
        let recording = warm().await.unwrap();
        assert_eq!((recording.ending, recording.carrier.reconnects), (ExchangeEnd::Complete, reconnects));
    }
}

#[tokio::test]
async fn a_row_names_the_address_that_answered() {
    let answer = || vec![send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")];
    let recording = recorded(answer()).await;
    assert_eq!(recording.carrier.connect_address.as_deref(), Some("127.0.0.1"));
    assert_eq!(recording.carrier.connect_attempts, Some(1));
    // `localhost` has an address of each family on most machines; only IPv4 listens.
    let mut named = job(play(answer()));
    named.request.target.host = "localhost".to_owned();
    let recording = measure(named).await;
    assert_eq!(recording.carrier.connect_address.as_deref(), Some("127.0.0.1"), "{recording:?}");
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let recording = measure(job(dead)).await;
    assert_eq!((recording.carrier.connect_address, recording.carrier.connect_attempts), (None, Some(1)));
}

#[tokio::test]
async fn a_due_request_waits_for_its_moment() {
    let address = play(vec![send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")]);
    let due = std::time::Instant::now() + Duration::from_millis(80);
    let recording = measure(ExchangeJob { due: Some(due), ..job(address) }).await;
    let since = std::time::Instant::now().checked_duration_since(due).expect("it ended before it was due");
    assert!(recording.dispatch_delay <= since, "{:?} of {since:?}", recording.dispatch_delay);
}
