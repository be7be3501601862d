//! Clients that nobody here wrote: Python's `http.client` and `ssl`, as the Python runner has them, curl, and OpenSSL's
//! `s_client`. With TLS, without it, and each on the other's port.

use super::served::{DAY, INGEST_KEY, Served, result, with, write_key};
use crate::support::ran::ran;
use crate::support::{Home, PATIENCE};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Posts the same row three times on one connection. The arguments: port, certificate to trust, version of TLS, key, body.
/// Prints the version, and each status with its answer.
const PYTHON: &str = "
import http.client, ssl, sys
port, trusted, version, key, body = sys.argv[1:]
context = ssl.create_default_context(cafile=trusted)
context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
connection = http.client.HTTPSConnection('localhost', int(port), context=context, timeout=20)
for _ in range(3):
    connection.request('POST', '/ingest', body, {'X-API-Key': key, 'Content-Type': 'application/json'})
    answer = connection.getresponse()
    text = answer.read().decode().strip()
    print(connection.sock.version(), answer.status, text)
";

/// A certificate for `localhost` and its key.
fn certify(directory: &Path) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    write_key(&directory.join("key.pem"), &made.signing_key.serialize_pem());
    std::fs::write(directory.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(directory.join("trusted.pem"), made.cert.pem()).unwrap();
}

/// A bridge that speaks TLS with a certificate in its home; `trusted.pem` beside it is what clients trust.
async fn secured() -> Served {
    let home = Home::new();
    certify(home.path());
    let (cert, key) = (home.path().join("cert.pem"), home.path().join("key.pem"));
    let url = format!("sqlite:{}", home.path().join("bridge.db").display());
    let arguments = ["--tls-cert", cert.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
    Served::on(home, url, &arguments).await
}

/// Asks curl for the exit status, the HTTP status and the body. `localhost` is 127.0.0.1 wherever the test runs.
fn curl(served: &Served, url: &str, body: &Value) -> (i32, String, String) {
    let port = served.address.port();
    let mut command = Command::new("curl");
    command.args(["--silent", "--max-time", "120", "--noproxy", "*", "--write-out", "\\n%{http_code}"]);
    command.arg("--cacert").arg(served.home().path().join("trusted.pem"));
    command.args(["--resolve", &format!("localhost:{port}:127.0.0.1")]);
    command.args(["--header", &format!("X-API-Key: {INGEST_KEY}")]);
    command.args(["--json", &body.to_string(), &url.replace("PORT", &port.to_string())]);
    let told = ran(&mut command);
    let (answer, status) = told.out.rsplit_once('\n').unwrap();
    (told.code, status.to_owned(), answer.to_owned())
}

#[tokio::test]
async fn python_posts_over_both_versions_of_tls() {
    let served = secured().await;
    let port = served.address.port().to_string();
    let trusted = served.home().path().join("trusted.pem");
    for (place, version) in ["TLSv1_2", "TLSv1_3"].into_iter().enumerate() {
        let row = with(result(), "run_ts", json!(format!("{} 08:52:0{place}", *DAY)));
        let mut command = Command::new("python3");
        command.args(["-c", PYTHON, &port]).arg(&trusted).args([version, INGEST_KEY, &row.to_string()]);
        let told = ran(&mut command);
        let shown = version.replace('_', ".");
        let answer =
            |duplicate: bool| format!("{shown} 200 {{\"status\":\"accepted\",\"duplicate\":{duplicate}}}");
        let expected = [answer(false), answer(true), answer(true)].join("\n");
        assert_eq!((told.code, told.out.trim()), (0, expected.as_str()), "{told:?}: {}", served.said());
    }
    // Nobody who looks at certificates talks to a bridge whose certificate it does not trust.
    let stranger = tempfile::tempdir().unwrap();
    certify(stranger.path());
    let mut command = Command::new("python3");
    command.args(["-c", PYTHON, &port]).arg(stranger.path().join("trusted.pem"));
    let told = ran(command.args(["TLSv1_3", INGEST_KEY, "{}"]));
    assert!(told.code != 0 && told.err.contains("CERTIFICATE_VERIFY_FAILED"), "{told:?}");
}

#[tokio::test]
async fn curl_follows_a_renewed_certificate() {
    let served = secured().await;
    let url = "https://localhost:PORT/ingest";
    let (code, status, answer) = curl(&served, url, &result());
    assert_eq!((code, status.as_str()), (0, "200"), "{answer}");
    let (_, status, answer) = curl(&served, &format!("{url}/batch"), &json!([result(), {"provider": 7}]));
    assert_eq!(status, "200");
    let told: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(
        (&told["results"][0]["duplicate"], &told["results"][1]["status"]),
        (&json!(true), &json!("error"))
    );
    certify(served.home().path());
    let start = Instant::now();
    // 60: curl trusts the new certificate alone, and is still shown the old one.
    while curl(&served, url, &result()).0 == 60 {
        assert!(start.elapsed() < PATIENCE, "{}", served.said());
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(curl(&served, url, &result()).1, "200");
}

#[tokio::test]
async fn each_on_the_others_port_ends_soon_and_hurts_nobody() {
    let (secured, plain) = (secured().await, Served::on_sqlite(&[]).await);
    std::fs::copy(secured.home().path().join("trusted.pem"), plain.home().path().join("trusted.pem"))
        .unwrap();
    let (code, status, _) = curl(&secured, "http://localhost:PORT/ingest", &result());
    // 28: curl's patience has ended.
    assert!(![0, 28].contains(&code) && status != "200", "plain HTTP on the TLS port: {code} {status}");
    // 35: no handshake.
    let (code, status, _) = curl(&plain, "https://localhost:PORT/ingest", &result());
    assert_eq!((code, status.as_str()), (35, "000"), "TLS on the plain port");
    assert_eq!(curl(&secured, "https://localhost:PORT/ingest", &result()).1, "200");
    assert_eq!(curl(&plain, "http://localhost:PORT/ingest", &result()).1, "200");
}

#[tokio::test]
async fn openssl_is_refused_old_versions_and_served_new_ones() {
    let served = secured().await;
    let address = served.address.to_string();
    let session = |version: &str| {
        let mut command = Command::new("openssl");
        command.args(["s_client", "-connect", &address, "-servername", "localhost", "-quiet", version]);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let request = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        // Where there was no handshake nobody reads it.
        let _ = child.stdin.as_mut().unwrap().write_all(request);
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
    };
    for version in ["-tls1_2", "-tls1_3"] {
        let told = session(version);
        assert!(told.starts_with("HTTP/1.1 200 OK\r\n"), "{version}: {told}");
    }
    assert_eq!(session("-tls1_1"), "");
}
