//! Hosts that refuse: unknown models, rate limits in every form, redirects.

use crate::raw_server::{play, read_request};
use crate::support::Home;
use crate::support::answers::{CANARY, asked, calling, plain};
use crate::support::ran::ran;
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

#[test]
fn an_unknown_model_is_told_in_the_providers_words() {
    let home = Home::new();
    let body = "{\"error\":{\"message\":\"The model `gpt-4o` does not exist or you do not have access to it.\",\
        \"type\":\"invalid_request_error\",\"param\":null,\"code\":\"model_not_found\"}}";
    let line = asked(&home, plain("404 Not Found", "content-type: application/json\r\n", body)).line();
    assert_eq!((&line["error_kind"], &line["http_status"]), (&"hard_model".into(), &404.into()));
    assert_eq!(line["message"], "The model `gpt-4o` does not exist or you do not have access to it.");
    assert_eq!(line["provider_error_code"], "model_not_found");

    let people = home.ran(&["run", "--no-store", "--model", "sim:nosuch"]);
    assert_eq!(people.code, 1);
    for words in
        ["hard_model 1, stage response, HTTP 404, model_not_found", "Check the spelling of the model id"]
    {
        assert!(people.out.contains(words), "{words}: {}", people.out);
    }
}

#[test]
fn a_rate_limit_says_how_long_to_wait_in_every_form() {
    let home = Home::new();
    let body = "{\"error\":{\"message\":\"Rate limit reached.\",\"code\":\"rate_limit_exceeded\"}}";
    let waits = |headers: &str| {
        let line = asked(&home, plain("429 Too Many Requests", headers, body)).line();
        assert_eq!((&line["error_kind"], &line["http_status"]), (&"rate_limit".into(), &429.into()));
        line["retry_after_seconds"].as_f64()
    };
    for (headers, expected) in [
        ("", None),
        ("Retry-After: 7\r\n", Some(7.0)),
        ("retry-after: 1.5\r\n", Some(1.5)),
        ("retry-after-ms: 1500\r\nretry-after: 9\r\n", Some(1.5)),
        ("Retry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n", Some(0.0)),
        ("Retry-After: -3\r\n", Some(0.0)),
        ("Retry-After: 99999999999\r\n", Some(3600.0)),
        ("Retry-After: soon\r\n", None),
        ("Retry-After:\r\n", None),
    ] {
        assert_eq!(waits(headers), expected, "{headers}");
    }
    let ahead = httpdate::fmt_http_date(std::time::SystemTime::now() + std::time::Duration::from_secs(600));
    let seconds = waits(&format!("Retry-After: {ahead}\r\n")).unwrap();
    assert!((1.0..=600.0).contains(&seconds), "{seconds}");
}

#[test]
fn a_rate_limit_about_money_is_billing() {
    let line = Home::new().measured("sim:error429-quota");
    assert_eq!(
        (&line["error_kind"], &line["provider_error_code"]),
        (&"billing".into(), &"insufficient_quota".into())
    );
}

#[test]
fn a_redirect_never_brings_the_key_to_another_host() {
    let home = Home::new();
    for status in [
        "301 Moved Permanently",
        "302 Found",
        "303 See Other",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
    ] {
        let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = elsewhere.local_addr().unwrap();
        let visits = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&visits);
        std::thread::spawn(move || {
            for _ in elsewhere.incoming() {
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        let location = format!("Location: http://{address}/v1/chat/completions?echo={CANARY}\r\n");
        let ran = asked(&home, plain(status, &location, ""));
        let line = ran.line();
        assert_eq!((&line["error_kind"], ran.code), (&"protocol".into(), 1), "{status}");
        let said = line["message"].as_str().unwrap();
        assert!(
            said.contains("redirects are never followed") && said.contains(&address.to_string()),
            "{said}"
        );
        assert!(!ran.out.contains(CANARY) && !ran.err.contains(CANARY), "{ran:?}");
        assert_eq!(visits.load(Ordering::SeqCst), 0, "{status}");
    }
}

#[test]
fn the_key_goes_to_its_own_host() {
    // The counterpart of the test above: the first host does receive it, so the search for it can find it.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::new(Mutex::new(String::new()));
    let kept = Arc::clone(&seen);
    std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        *kept.lock().unwrap() = read_request(&mut connection).unwrap();
    });
    assert_eq!(ran(&mut calling(&Home::new(), address, &["--ndjson"])).code, 1);
    assert!(seen.lock().unwrap().contains(&format!("Authorization: Bearer {CANARY}")));
}

#[test]
fn a_wrong_key_is_kind_auth() {
    let body = format!(
        "{{\"error\":{{\"message\":\"Incorrect API key provided: {CANARY}.\",\"code\":\"invalid_api_key\"}}}}"
    );
    let home = Home::new();
    let line = asked(&home, plain("401 Unauthorized", "", &body)).line();
    assert_eq!((&line["error_kind"], &line["stage"]), (&"auth".into(), &"response".into()));
    assert_eq!(line["message"], "Incorrect API key provided: [redacted]");
    let people = ran(&mut calling(&home, play(plain("401 Unauthorized", "", &body)), &[]));
    assert!(people.out.contains("Check the key or role of this provider"), "{}", people.out);
}
