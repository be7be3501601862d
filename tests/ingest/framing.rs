//! Requests that no client library would send: raw sockets, broken framing, slow senders. Every status has the one shape.

use super::served::{INGEST_KEY, Served, answer, request, result};
use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

fn head(lines: &str) -> Vec<u8> {
    format!("POST /ingest HTTP/1.1\r\nHost: b\r\nX-API-Key: {INGEST_KEY}\r\n{lines}\r\n").into_bytes()
}

#[tokio::test]
async fn broken_framing_has_an_answer() {
    let served = Served::on_sqlite(&[]).await;
    let long_path = format!("GET /{} HTTP/1.1\r\nHost: b\r\n\r\n", "a".repeat(70_000));
    let long_header = format!("GET /health HTTP/1.1\r\nHost: b\r\nX: {}\r\n\r\n", "a".repeat(100_000));
    let many_headers = format!("GET /health HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(200));
    let tls_hello = [&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3][..], &[7; 600]].concat();
    for (name, bytes, statuses, code) in [
        ("no HTTP", b"hello\r\n\r\n".to_vec(), &[400][..], "bad_request"),
        ("binary", vec![0xff; 64], &[400], "bad_request"),
        ("a line break in a header", head("A\r: b\r\n"), &[400], "bad_request"),
        ("NUL in a header", head("A: b\0c\r\n"), &[400], "bad_request"),
        ("two lengths", head("Content-Length: 2\r\nContent-Length: 3\r\n"), &[400], "bad_request"),
        ("one length twice", head("Content-Length: 2\r\nContent-Length: 2\r\n"), &[400], "bad_request"),
        ("two lengths in one", head("Content-Length: 2, 2\r\n"), &[400], "bad_request"),
        ("a length beyond 63 bits", head("Content-Length: 9223372036854775808\r\n"), &[400], "bad_request"),
        (
            "a length and chunks",
            head("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n"),
            &[400],
            "bad_request",
        ),
        ("two hosts", head("Host: b\r\n"), &[400], "bad_request"),
        ("a bare line feed", head("A: b\nC: d\r\n"), &[400], "bad_request"),
        ("bare line feeds alone", b"GET /health HTTP/1.1\nHost: b\n\n".to_vec(), &[400], "bad_request"),
        ("chunks behind a coding", head("Transfer-Encoding: gzip, chunked\r\n"), &[400], "bad_request"),
        ("chunks twice", head("Transfer-Encoding: chunked, chunked\r\n"), &[400], "bad_request"),
        ("chunks that do not count", head("Transfer-Encoding: xchunked\r\n"), &[400], "bad_request"),
        ("a negative length", head("Content-Length: -1\r\n"), &[400], "bad_request"),
        ("a length that is no number", head("Content-Length: 1e3\r\n"), &[400], "bad_request"),
        (
            "a length beyond all measure",
            head("Content-Length: 99999999999999999999\r\n"),
            &[400],
            "bad_request",
        ),
        ("an unknown transfer coding", head("Transfer-Encoding: gzip\r\n"), &[400], "bad_request"),
        ("HTTP/2 at once", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), &[400], "bad_request"),
        ("TLS on the plain port", tls_hello, &[400], "tls_on_plain_port"),
        ("a long path", long_path.into_bytes(), &[414, 431], ""),
        ("a long header", long_header.into_bytes(), &[431], "head_too_large"),
        ("many headers", many_headers.into_bytes(), &[431], "head_too_large"),
        ("a bad chunk size", head("Transfer-Encoding: chunked\r\n\r\nxyz\r\n"), &[400], "bad_framing"),
        (
            "a huge chunk",
            [head("Transfer-Encoding: chunked\r\n"), b"fffffffffffffff\r\n{".to_vec()].concat(),
            &[400, 408],
            "",
        ),
    ] {
        let answer = served.send(&bytes);
        assert!(statuses.contains(&answer.status), "{name}: {answer:?}");
        let said = answer.code();
        assert!(code.is_empty() || said == code, "{name}: {said}");
    }
    assert_eq!(served.get("/health", "").status, 200);
}

/// What is smuggled behind a request that two readers divide differently is never taken for another one.
#[tokio::test]
async fn after_a_head_that_is_refused_the_connection_ends() {
    let served = Served::on_sqlite(&[]).await;
    let hidden = request("GET", "/health", "", b"");
    let chunks = [head("Transfer-Encoding: chunked\r\n"), b"2\r\n{}\r\n0\r\n\r\n".to_vec()].concat();
    for (name, first, answers) in [
        ("two lengths", head("Content-Length: 0\r\nContent-Length: 4\r\n"), 1),
        ("a bare line feed", head("A: b\nContent-Length: 0\r\n"), 1),
        ("two hosts", head("Host: other\r\n"), 1),
        // Only their reader knows where chunks end, so that nothing counts behind them.
        ("chunks", chunks, 1),
        ("nothing wrong", head("Content-Length: 0\r\n"), 2),
    ] {
        let mut stream = served.connect();
        stream.write_all(&[first, hidden.clone()].concat()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut told = Vec::new();
        let _ = stream.read_to_end(&mut told);
        let told = String::from_utf8_lossy(&told);
        assert_eq!(told.matches("HTTP/1.1 ").count(), answers, "{name}: {told}");
        assert!(answers > 1 || !told.contains("healthy"), "{name}: {told}");
    }
}

/// A client that asks before it sends hears the truth instead of `100 Continue`.
#[tokio::test]
async fn who_asks_before_sending_hears_what_is_wrong_at_once() {
    let served = Served::on_sqlite(&[]).await;
    let expecting = |key: &str, length: usize| {
        format!(
            "POST /ingest HTTP/1.1\r\nHost: b\r\nX-API-Key: {key}\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    for (key, length, status) in [("a-wrong-key", 10, 401), (INGEST_KEY, 5 << 20, 413)] {
        let mut stream = served.connect();
        stream.write_all(expecting(key, length).as_bytes()).unwrap();
        let told = answer(&mut stream).unwrap();
        assert_eq!(
            (told.status, told.headers.get("connection").map(String::as_str)),
            (status, Some("close"))
        );
        assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0, "the connection ends");
    }
    // Where nothing is wrong it is asked for the body.
    let body = result().to_string();
    let mut stream = served.connect();
    stream.write_all(expecting(INGEST_KEY, body.len()).as_bytes()).unwrap();
    let mut word = [0; 25];
    stream.read_exact(&mut word).unwrap();
    assert_eq!(&word[..], b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(body.as_bytes()).unwrap();
    assert_eq!(answer(&mut stream).unwrap().status, 200);
}

#[tokio::test]
async fn a_body_that_is_shorter_than_it_says() {
    let served = Served::on_sqlite(&[]).await;
    let mut stream = served.connect();
    stream.write_all(&head("Content-Length: 100\r\n")).unwrap();
    stream.write_all(b"{\"provider\":").unwrap();
    let late = answer(&mut stream).unwrap();
    assert_eq!((late.status, late.code().as_str()), (408, "body_timeout"));
    // Cut short instead: the answer may not arrive any more, the server lives.
    let mut stream = served.connect();
    stream.write_all(&head("Content-Length: 100\r\n")).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let _ = stream.read_to_end(&mut Vec::new());
    assert_eq!(served.get("/livez", "").status, 200);
}

#[tokio::test]
async fn chunks_are_understood_and_counted() {
    let served = Served::on_sqlite(&[]).await;
    let body = result().to_string();
    let chunked = |body: &str| format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let request = [head("Transfer-Encoding: chunked\r\n"), chunked(&body).into_bytes()].concat();
    assert_eq!(served.send(&request).status, 200);
    let large =
        [head("Transfer-Encoding: chunked\r\n"), chunked(&" ".repeat(1_500_000)).into_bytes()].concat();
    assert_eq!(served.send(&large).code(), "too_large");
}

#[tokio::test]
async fn paths_and_methods_that_do_not_exist() {
    let served = Served::on_sqlite(&[]).await;
    for path in [
        "/",
        "/nothing",
        "/ingest/x",
        "//ingest",
        "/ingest//",
        "/INGEST",
        "/metrics",
        "/readyz",
        "*",
        "/%69ngest",
    ] {
        let answer = served.send(&request("POST", path, "", b"{}"));
        assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{path}");
    }
    for (method, path, allow) in [
        ("GET", "/ingest", "POST"),
        ("PUT", "/ingest", "POST"),
        ("DELETE", "/ingest/batch", "POST"),
        ("OPTIONS", "/ingest/catalog", "POST"),
        ("TRACE", "/ingest/error", "POST"),
        ("BREW", "/ingest", "POST"),
        ("POST", "/runner-config", "GET, HEAD"),
        ("POST", "/health", "GET, HEAD"),
    ] {
        let answer = served.send(&request(method, path, "", b""));
        assert_eq!((answer.status, answer.code().as_str()), (405, "method_not_allowed"), "{method} {path}");
        assert_eq!(answer.headers["allow"], allow);
    }
}

#[tokio::test]
async fn five_hundred_slow_clients_of_each_kind_hold_nobody() {
    let served = Served::on_sqlite(&[]).await;
    let kinds: [Vec<u8>; 4] = [
        Vec::new(),
        b"POST /ingest HT".to_vec(),
        head("Content-Length: 500\r\n"),
        [head("Content-Length: 500\r\n"), b"{\"provider\"".to_vec()].concat(),
    ];
    let mut slow = Vec::new();
    for kind in &kinds {
        for _ in 0..500 {
            let mut stream = served.connect();
            stream.write_all(kind).unwrap();
            slow.push(stream);
        }
    }
    assert_eq!(served.post("/ingest", &result()).status, 200);
    // The answer did not wait for them: the last one is still being waited for.
    let last = slow.last_mut().unwrap();
    last.set_nonblocking(true).unwrap();
    assert_eq!(last.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    // Each of them is let go by itself; a head that was begun is told why.
    let told = answer(&mut slow[500]).unwrap();
    assert_eq!((told.status, told.code().as_str()), (408, "head_timeout"));
    let mut nothing = Vec::new();
    slow[0].read_to_end(&mut nothing).unwrap();
    assert!(nothing.is_empty());
}

#[tokio::test]
async fn requests_on_one_connection_are_answered_in_order() {
    let served = Served::on_sqlite(&[]).await;
    let mut stream = served.connect();
    let body = result().to_string();
    let post = [head(&format!("Content-Length: {}\r\n", body.len())), body.into_bytes()].concat();
    let health = request("GET", "/health", "", b"");
    stream.write_all(&[health.clone(), post.clone(), health].concat()).unwrap();
    let mut text = Vec::new();
    stream.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
    let _ = stream.read_to_end(&mut text);
    let text = String::from_utf8_lossy(&text);
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 3, "{text}");
}

/// Between requests the bridge puts its reader away; what came too early must not be lost with it, and what is left of a
/// body must not be taken for a request.
#[tokio::test]
async fn a_reader_that_is_put_away_loses_nothing_and_invents_nothing() {
    let served = Served::on_sqlite(&[]).await;
    let live = || request("GET", "/livez", "", b"");
    let body = result().to_string();
    let length = format!("Content-Length: {}\r\n", body.len());
    let post = || [head(&length), body.clone().into_bytes()].concat();
    let mut stream = served.connect();
    // A request, and the half of another one; then the rest, in two parts.
    let second = post();
    stream.write_all(&[post(), second[..20].to_vec()].concat()).unwrap();
    assert_eq!(answer(&mut stream).unwrap().status, 200);
    stream.write_all(&second[20..300]).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    stream.write_all(&second[300..]).unwrap();
    assert_eq!(answer(&mut stream).unwrap().status, 200);
    for _ in 0..3 {
        stream.write_all(&live()).unwrap();
        assert_eq!(answer(&mut stream).unwrap().status, 200);
        std::thread::sleep(Duration::from_millis(50));
    }
    // Whoever asks for the end gets it, also with the last request.
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n").unwrap();
    assert_eq!(answer(&mut stream).unwrap().status, 200);
    assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0);
    // A body that a question has and nobody reads to its end: what follows is no request.
    let mut stream = served.connect();
    let large = 3 << 20;
    stream
        .write_all(format!("GET /livez HTTP/1.1\r\nHost: b\r\nContent-Length: {large}\r\n\r\n").as_bytes())
        .unwrap();
    let hidden = live().repeat(large / live().len() + 1);
    let _ = stream.write_all(&hidden[..large]);
    assert_eq!(answer(&mut stream).unwrap().status, 200);
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert!(!String::from_utf8_lossy(&rest).contains("HTTP/1.1"), "{}", String::from_utf8_lossy(&rest));
}
