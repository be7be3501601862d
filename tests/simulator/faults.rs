//! Streams and connections that go wrong, on the socket itself.

use super::client::*;

#[test]
fn connections_really_break() {
    let server = simulator();
    let cut = chat(&server, "", "cut-ttft1-gap1-n6", 64);
    assert!(!cut.complete && cut.broken.is_none());
    assert_eq!(delta_text(&cut.events(), "content"), "Once upon a");
    let reset = chat(&server, "", "reset-ttft1-gap5-n6", 64);
    assert!(!reset.complete && reset.broken == Some(ErrorKind::ConnectionReset));
    assert_eq!(delta_text(&reset.events(), "content"), "Once upon a");
    let early = chat(&server, "", "cut-ttft1-after0", 64);
    assert!(!early.complete && delta_text(&early.events(), "content").is_empty());
}

#[test]
fn silence_is_silent() {
    let server = simulator();
    let wait = Duration::from_secs(1);
    let ask = |model: &str| {
        let body = json!({"model": model, "stream": true, "messages": []}).to_string();
        exchange(server.addr, "POST", "/v1/chat/completions", &body, wait)
    };
    let hung = ask("hang");
    assert!(hung.head.is_empty() && hung.broken.is_some());
    let stalled = ask("stall-ttft1-gap1-n6");
    assert_eq!(delta_text(&stalled.events(), "content"), "Once upon a");
    assert!(!stalled.complete && stalled.broken.is_some());
    let outcomes: Vec<_> = get(&server, "/truth").json()["requests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|request| request["outcome"].clone())
        .collect();
    assert_eq!(outcomes[1], "stalled");
}

#[test]
fn streams_go_wrong_after_a_good_start() {
    let server = simulator();
    let events = |model: &str| chat(&server, "", model, 64).events();
    let failed = events("error-in-stream-ttft1-gap1-n6");
    assert_eq!(delta_text(&failed, "content"), "Once upon a");
    assert!(failed.last().unwrap()["error"]["message"].is_string());
    let open = chat(&server, "", "no-finish-ttft1-gap1-n4", 64);
    assert!(open.complete && finish_reasons(&open.events()).is_empty() && !open.text().contains("[DONE]"));
    let uncounted = events("no-usage-ttft1-gap1-n4");
    assert!(
        uncounted.iter().all(|event| !event["usage"].is_object()) && finish_reasons(&uncounted) == ["stop"]
    );
    let broken = events("malformed-ttft1-gap1-n4");
    assert_eq!(broken.iter().filter(|event| event.is_string()).count(), 2, "one broken event and [DONE]");
    assert_eq!(delta_text(&broken, "content"), "Once upon a time");
    let spent = events("budget-ttft1-gap1");
    assert_eq!((delta_text(&spent, "content").as_str(), finish_reasons(&spent)), ("", vec!["length"]));
    let hollow = events("empty-choices-ttft1-gap1-n4");
    assert_eq!(hollow.iter().filter(|event| event["choices"] == json!([])).count(), 3);
    let responses =
        post(&server, "/v1/responses", &json!({"model": "error-in-stream-ttft1-gap1-n4", "stream": true}));
    assert_eq!(
        responses.event_names().iter().rev().take(2).collect::<Vec<_>>(),
        ["response.failed", "error"]
    );
}

#[test]
fn bytes_can_be_nasty() {
    let server = simulator();
    let plain = chat(&server, "", "steady-ttft1-gap1-n4", 64);
    let lines = |model: &str| chat(&server, "", model, 64).text();
    let like_plain = |text: &str| text.lines().count() == plain.text().lines().count();
    let crlf = lines("crlf-ttft1-gap1-n4");
    assert!(crlf.ends_with("data: [DONE]\r\n\r\n") && like_plain(&crlf));
    let cr = lines("cr-ttft1-gap1-n4");
    assert!(cr.ends_with("data: [DONE]\r\r") && like_plain(&cr.replace('\r', "\n")));
    assert!(lines("bom-ttft1-gap1-n4").starts_with("\u{feff}data: {"));
    let long = chat(&server, "", "long-line-ttft1-gap1-n4", 64);
    assert!(long.complete && long.text().lines().any(|line| line.len() > 10_000_000));
    let bad = chat(&server, "", "bad-utf8-ttft1-gap1-n4", 64);
    assert!(bad.complete && std::str::from_utf8(&bad.body).is_err());
    assert_eq!(chat(&server, "", "no-content-type-ttft1-gap1-n2", 64).header("content-type"), None);
    let bedrock = post(&server, "/model/bom-ttft1-gap1-n2/converse-stream", &json!({}));
    assert_eq!(frames(&bedrock.body).last().unwrap().0, "metadata");
}

#[test]
fn writes_can_end_inside_a_character() {
    let server = simulator();
    let reply = chat(&server, "", "split-utf8-ttft1-gap5-n8", 64);
    assert!(delta_text(&reply.events(), "content").starts_with("Größe naïve"));
    assert!(
        reply.chunks.iter().any(|chunk| std::str::from_utf8(chunk).is_err()),
        "no chunk ends inside a character"
    );
}

#[test]
fn drip_sends_a_byte_at_a_time() {
    let server = simulator();
    let reply = chat(&server, "", "drip-ttft1-gap1-n2", 64);
    assert_eq!(delta_text(&reply.events(), "content"), "Once upon");
    assert!(reply.complete && reply.chunks.iter().all(|chunk| chunk.len() == 1));
}

#[test]
fn endless_ends_when_the_client_leaves() {
    let server = simulator();
    let mut stream = TcpStream::connect(server.addr).unwrap();
    let body =
        json!({"model": "endless-ttft0-gap0", "stream": true, "max_tokens": 1, "messages": []}).to_string();
    let head =
        format!("POST /v1/chat/completions HTTP/1.1\r\nHost: s\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all((head + &body).as_bytes()).unwrap();
    let mut taken = vec![0_u8; 4_000_000];
    stream.read_exact(&mut taken).unwrap();
    drop(stream);
    let gone = (0..500).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        get(&server, "/truth/sim-000001").json()["outcome"] == "client_gone"
    });
    assert!(gone);
}

#[test]
fn every_preset_answers_something() {
    let server = simulator();
    for preset in PRESETS.iter().filter(|preset| !["endless", "hang", "stall"].contains(&preset.name)) {
        let reply = chat(&server, "", &format!("{}-ttft1-gap0-n4", preset.name), 4);
        assert!(reply.status >= 200, "{}", preset.name);
    }
}

#[test]
fn stopping_ends_open_connections() {
    let server = simulator();
    let addr = server.addr;
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let body = json!({"model": "steady-ttft600000", "stream": true, "messages": []}).to_string();
    let head =
        format!("POST /v1/chat/completions HTTP/1.1\r\nHost: s\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all((head + &body).as_bytes()).unwrap();
    let mut buffer = [0_u8; 4096];
    assert!(stream.read(&mut buffer).unwrap() > 0);
    drop(server);
    let ended = std::iter::repeat_with(|| stream.read(&mut buffer)).find(|read| !matches!(read, Ok(1..)));
    assert!(matches!(ended, Some(Ok(0))) || ended.unwrap().unwrap_err().kind() == ErrorKind::ConnectionReset);
    assert!(TcpStream::connect(addr).is_err());
}
