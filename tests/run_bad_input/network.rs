//! Networks that do not lead there: no listener, no name, no trust.

use crate::raw_server::Act;
use crate::support::Home;
use crate::support::answers::{CANARY, sound};
use crate::support::ran::{Ran, ran};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

fn called(home: &Home, base: &str, environment: &[(&str, &str)]) -> Ran {
    let mut command =
        home.llmbench(&["run", "--ndjson", "--no-store", "--timeout", "20s", "--model", "openai:gpt-4o"]);
    command.env("OPENAI_API_KEY", CANARY).env("OPENAI_BASE_URL", base).envs(environment.iter().copied());
    ran(&mut command)
}

fn unreachable(base: &str) -> String {
    let ran = called(&Home::new(), base, &[]);
    let line = ran.line();
    assert_eq!((ran.code, &line["error_kind"], &line["stage"]), (1, &"network".into(), &"connect".into()));
    assert!(line["http_status"].is_null());
    line["message"].as_str().unwrap().to_owned()
}

#[test]
fn an_unreachable_host_is_named_with_the_reason() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let said = unreachable(&format!("http://{closed}/v1"));
    assert_eq!(said, format!("cannot connect to {closed}: Connection refused (os error 111)"));
    let said = unreachable("https://no-such-host.invalid/v1");
    assert!(said.starts_with("cannot resolve no-such-host.invalid: "), "{said}");
}

/// A TLS server with this certificate that answers every request soundly.
pub fn tls_server(certified: &CertifiedKey<rcgen::KeyPair>) -> SocketAddr {
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            // A client that does not trust us leaves in the middle of the handshake.
            let _ = answer(StreamOwned::new(connection, socket));
        }
    });
    address
}

fn answer(mut stream: StreamOwned<ServerConnection, std::net::TcpStream>) -> std::io::Result<()> {
    let (mut request, mut part) = (Vec::new(), [0; 4096]);
    // The body is JSON and ends with its last brace.
    while !request.ends_with(b"}") {
        match stream.read(&mut part)? {
            0 => return Ok(()),
            read => request.extend_from_slice(&part[..read]),
        }
    }
    for act in sound() {
        if let Act::Send(bytes) = act {
            stream.write_all(&bytes)?;
        }
    }
    stream.conn.send_close_notify();
    stream.flush()
}

fn certified(name: &str) -> CertifiedKey<rcgen::KeyPair> {
    generate_simple_self_signed(vec![name.to_owned()]).unwrap()
}

#[test]
fn a_certificate_that_nobody_vouches_for_gets_no_key() {
    let address = tls_server(&certified("localhost"));
    let said = unreachable(&format!("https://localhost:{}/v1", address.port()));
    assert!(said.starts_with("TLS with localhost failed: invalid peer certificate"), "{said}");
}

#[test]
fn an_authority_of_ones_own_is_trusted_and_tls_has_its_stamp() {
    let home = Home::new();
    let certified = certified("localhost");
    let address = tls_server(&certified);
    let file = home.path().join("ca.pem");
    std::fs::write(&file, certified.cert.pem()).unwrap();
    let trusted = [("SSL_CERT_FILE", file.to_str().unwrap())];
    let ran = called(&home, &format!("https://localhost:{}/v1", address.port()), &trusted);
    assert_eq!(ran.code, 0, "{ran:?}");
    let line = ran.line();
    assert_eq!(line["visible_output_tokens"], 2);
    let at = |name: &str| line[name].as_f64().unwrap_or_else(|| panic!("{name}: {line:?}"));
    assert!(0.0 < at("dns_seconds") && at("dns_seconds") <= at("connect_seconds"), "{line:?}");
    assert!(0.0 < at("tls_seconds") && at("tls_seconds") < at("time_to_first_token"), "{line:?}");

    let other = called(&home, &format!("https://127.0.0.1:{}/v1", address.port()), &trusted).line();
    let said = other["message"].as_str().unwrap();
    assert!(said.contains("certificate not valid for name"), "{said}");
}

#[test]
fn plain_text_on_a_tls_port_is_a_connect_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut socket in listener.incoming().flatten() {
            let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
        }
    });
    let said = unreachable(&format!("https://{address}/v1"));
    assert!(said.starts_with("TLS with 127.0.0.1 failed: "), "{said}");
}

#[test]
fn an_authority_file_that_is_none_is_known_before_anything_is_sent() {
    let home = Home::new();
    std::fs::write(home.path().join("empty.pem"), "no certificate").unwrap();
    for file in ["nowhere.pem", "empty.pem"] {
        let refused = called(&home, "https://localhost:1/v1", &[("SSL_CERT_FILE", file)]);
        assert_eq!((refused.code, refused.out.as_str()), (2, ""), "{refused:?}");
        assert!(refused.err.contains(file), "{}", refused.err);
    }
}
