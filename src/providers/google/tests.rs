//! Tests logins from files over real sockets: the requests, and the messages of failures.

use super::*;
use crate::domain::secret::Secret;
use crate::providers::auth::Credential;
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;

/// A token server that gives every request the same answer, until the test ends.
fn token_server(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut seen = Vec::new();
            let mut buffer = [0; 4096];
            while !String::from_utf8_lossy(&seen).contains("assertion=") {
                match stream.read(&mut buffer) {
                    Ok(0) | Err(_) => break,
                    Ok(count) => seen.extend_from_slice(&buffer[..count]),
                }
            }
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    format!("http://{address}/token")
}

fn key_file(token_uri: &str, kind: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let key = include_str!("../../../tests/fixtures/throwaway-rsa.pem");
    let account = json!({"type": kind, "project_id": "p", "private_key": key, "client_email": "a@b.example",
        "token_uri": token_uri});
    file.write_all(account.to_string().as_bytes()).unwrap();
    file
}

fn ask(file: &Path) -> Result<Credential, GoogleError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let search = GoogleSearch { file: Some(file.to_owned()), ..GoogleSearch::default() };
    runtime.block_on(async { GoogleLogin::open(&search).await?.credential().await })
}

#[test]
fn a_service_account_gets_a_token_from_the_server_in_its_file() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 46\r\nconnection: close\r\n\r\n\
                  {\"access_token\":\"ya29.test\",\"expires_in\":3600}";
    let file = key_file(&token_server(answer), "service_account");
    let expected =
        Credential::Google { token: Secret::new("ya29.test"), project: Some("p".into()), user: false };
    assert_eq!(ask(file.path()), Ok(expected));
}

#[test]
fn a_refusal_says_what_to_look_at() {
    let refusal = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let file = key_file(&token_server(refusal), "service_account");
    let said = ask(file.path()).unwrap_err().to_string();
    assert!(
        said.starts_with("Google gave no token (127.0.0.1: HTTP 400): is the service account's key"),
        "{said}"
    );
}

#[test]
fn files_of_other_kinds_are_named() {
    let file = key_file("http://127.0.0.1:1", "gdch_service_account");
    assert!(
        matches!(ask(file.path()), Err(GoogleError::WrongType { kind, .. }) if kind == "gdch_service_account")
    );
    let missing = Path::new("/nonexistent/key.json");
    assert!(matches!(ask(missing), Err(GoogleError::Unreadable { .. })));
    let mut broken = tempfile::NamedTempFile::new().unwrap();
    broken.write_all(br#"{"type":"service_account","private_key":"canary"}"#).unwrap();
    let said = ask(broken.path()).unwrap_err().to_string();
    assert!(said.contains("no usable credentials file") && !said.contains("canary"), "{said}");
}
