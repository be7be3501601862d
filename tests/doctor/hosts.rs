//! Hosts that take the key, refuse it, answer in HTML, hang, are not there, or show a certificate that nobody can trust.

use super::{KEY, Said, asked, doctor};
use crate::catalog::servers::{Answer, Server, json};
use crate::run_bad_input::network::tls_server;
use crate::support::Home;
use rcgen::{CertificateParams, CertifiedKey, KeyPair, date_time_ymd};
use std::net::TcpListener;

const LIST: &str = r#"{"data":[{"id":"a"},{"id":"b"}]}"#;

/// Groq at this address, asked alone.
fn groq(base: &str, more: &[(&str, &str)]) -> Said {
    let home = Home::new();
    std::fs::write(home.path().join("c.toml"), "[defaults]\nfirst_byte = 1\n").unwrap();
    let mut command = doctor(&home, &["--provider", "groq", "--config", "c.toml"], more);
    asked(command.env("GROQ_API_KEY", KEY).env("GROQ_BASE_URL", base))
}

fn at(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Said {
    groq(&Server::start(answer).url(""), &[])
}

#[test]
fn a_key_that_is_taken() {
    let said = at(|_| json(LIST));
    assert_eq!(said.told("providers", "groq"), ("ok", "takes the key, and lists 2 models"));
    let (severity, way) = said.told("providers", "groq, the way there");
    assert!(severity == "ok" && way.contains("TCP ") && way.contains("answer "), "{way}");
    assert_eq!(said.ran.code, 0, "{:#}", said.document);
}

#[test]
fn a_refusal_is_told_with_what_to_do() {
    for (answer, heading, word) in [
        (
            Answer::Whole(401, format!(r#"{{"error":{{"message":"bad key {KEY}"}}}}"#).into()),
            "auth",
            "refuses the key",
        ),
        (Answer::Whole(200, b"<!DOCTYPE html><html>login</html>".into()), "protocol", "web page"),
        (Answer::Whole(503, br#"{"error":{"message":"down"}}"#.into()), "transient_provider", "HTTP 503"),
        (Answer::Whole(200, br#"{"data":[]}"#.into()), "protocol", "list is empty"),
        (Answer::Silence, "timeout", "deadline passed"),
    ] {
        let answer = std::sync::Mutex::new(Some(answer));
        let said = at(move |_| answer.lock().unwrap().take().unwrap_or(Answer::Silence));
        let check = said.about("providers", "groq");
        assert_eq!((&check["severity"], &check["heading"]), (&"finding".into(), &heading.into()), "{check}");
        assert!(check["sentence"].as_str().unwrap().contains(word) && check["fix"].is_string(), "{check}");
        assert_eq!(said.ran.code, 1);
    }
}

#[test]
fn a_server_without_a_list_is_unknown_and_not_fine() {
    let said = at(|_| Answer::Whole(404, br#"{"error":{"message":"no such page"}}"#.into()));
    assert_eq!((said.told("providers", "groq").0, said.ran.code), ("unknown", 1));
}

#[test]
fn nobody_there() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let said = groq(&format!("http://{closed}"), &[]);
    let (severity, sentence) = said.told("providers", "groq");
    assert!(severity == "finding" && sentence.contains("Connection refused"), "{sentence}");
    let said = groq("https://no-such-host.invalid", &[]);
    assert!(said.told("providers", "groq").1.contains("cannot resolve no-such-host.invalid"));
    assert_eq!(said.about("providers", "groq")["heading"], "network");
}

#[test]
fn certificates_that_nobody_can_trust() {
    for (name, year, word) in
        [("localhost", 2001, "expired"), ("elsewhere.example", 2100, "not valid for name")]
    {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(year, 1, 1));
        let signing_key = KeyPair::generate().unwrap();
        let cert = params.self_signed(&signing_key).unwrap();
        let pem = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(pem.path(), cert.pem()).unwrap();
        let address = tls_server(&CertifiedKey { cert, signing_key });
        let base = format!("https://localhost:{}", address.port());
        let said = groq(&base, &[("SSL_CERT_FILE", pem.path().to_str().unwrap())]);
        let check = said.about("providers", "groq");
        assert_eq!(check["heading"], "TLS failed", "{check}");
        let sentence = check["sentence"].as_str().unwrap();
        assert!(sentence.contains("TLS with localhost") && sentence.contains(word), "{sentence}");
    }
}

#[test]
fn a_public_list_proves_no_key_and_the_account_does() {
    for (status, severity) in [(200, "ok"), (401, "finding")] {
        let server = Server::start(move |path| match path {
            "/v1/key" => Answer::Whole(status, br#"{"error":{"message":"no"}}"#.into()),
            _ => json(r#"{"data":[{"id":"a/b"}],"total_count":1}"#),
        });
        let home = Home::new();
        let mut command = doctor(&home, &["-p", "openrouter"], &[("OPENROUTER_API_KEY", KEY)]);
        let said = asked(command.env("OPENROUTER_BASE_URL", server.url("/v1")));
        assert_eq!(said.told("providers", "openrouter").0, severity, "{:#}", said.document);
        assert!(server.heads().iter().any(|head| head.starts_with("GET /v1/key")));
    }
}

#[test]
fn the_simulator_is_asked_where_it_is_named() {
    let home = Home::new();
    let said = asked(&mut doctor(&home, &["-p", "sim"], &[]));
    assert_eq!((said.told("providers", "sim").0, said.ran.code), ("ok", 0));
    assert_eq!(said.told("store", "clock, second opinion").0, "ok", "one machine has one clock");
}

#[test]
fn a_host_with_another_clock_is_noticed() {
    let said = at(|_| {
        let head = "HTTP/1.1 200 OK\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
        Answer::Bytes(format!("{head}content-length: {}\r\n\r\n{LIST}", LIST.len()).into())
    });
    let check = said.about("store", "clock, second opinion");
    assert_eq!((&check["severity"], &check["heading"]), (&"finding".into(), &"Clocks disagree".into()));
}

#[test]
fn a_key_command_that_fails_is_told_and_not_run_offline() {
    let home = Home::new();
    let config = "[providers.groq]\nkey_command = 'touch ran; echo api_key=canary-4be1c09d77 >&2; exit 3'\n";
    std::fs::write(home.path().join("c.toml"), config).unwrap();
    let offline = asked(&mut doctor(&home, &["-p", "groq", "--offline", "--config", "c.toml"], &[]));
    assert_eq!((offline.told("providers", "groq").0, home.path().join("ran").exists()), ("note", false));
    let said = asked(&mut doctor(&home, &["-p", "groq", "--config", "c.toml"], &[]));
    assert_eq!(said.about("providers", "groq")["heading"], "The key command failed", "{:#}", said.document);
}
