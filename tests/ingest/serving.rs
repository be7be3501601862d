//! The command itself: what it refuses to start with, TLS, metrics, limits, and how it ends.

use super::served::{INGEST_KEY, Served, answer, request, result, write_key};
use crate::support::{Home, PATIENCE};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn refused(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let home = Home::new();
    let mut all = vec!["ingest", "serve", "--store", "sqlite:bridge.db"];
    all.extend(arguments);
    home.llmbench(&all).envs(environment.iter().copied()).output().unwrap()
}

#[test]
fn what_cannot_be_served_is_refused_with_a_way_out() {
    let key = [("INGEST_API_KEY", INGEST_KEY)];
    for (arguments, environment, says) in [
        (&["--listen", "127.0.0.1:0"][..], &[][..], "there is no key"),
        (&["--listen", "0.0.0.0:0"], &key, "not loopback"),
        (&["--listen", "127.0.0.1:0", "--metrics-listen", "0.0.0.0:0"], &key, "not loopback"),
        (&["--listen", "127.0.0.1:0", "--tls-cert", "no.pem", "--tls-key", "no.key"], &key, "no.pem"),
        (&["--listen", "127.0.0.1:0", "--tls-cert", "no.pem"], &key, "--tls-key"),
        (&["--listen", "127.0.0.1:0"], &[("INGEST_API_KEY", "white space")], "INGEST_API_KEY"),
        (&["--listen", "127.0.0.1:0"], &[("INGEST_API_KEY", "only-15-letters")], "fewer than 16"),
        (&["--listen", "127.0.0.1:0"], &[("RUNNER_CONFIG_TOKEN", "only-15-letters")], "RUNNER_CONFIG_TOKEN"),
        (&["--listen", "192.0.2.1:1", "--plain-http"], &key, "cannot listen"),
    ] {
        let output = refused(arguments, environment);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(says), "{arguments:?}: {said}");
        assert!(
            !said.contains("white space\n") && !said.contains("only-15") && !said.contains(INGEST_KEY),
            "{said}"
        );
    }
}

#[test]
fn a_tls_key_that_everybody_can_read_is_refused() {
    let home = Home::new();
    certify(home.path());
    let key = home.path().join("key.pem");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let cert = home.path().join("cert.pem");
    let files = ["--tls-cert", cert.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
    let output =
        refused(&[&["--listen", "127.0.0.1:0"], &files[..]].concat(), &[("INGEST_API_KEY", INGEST_KEY)]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("key.pem") && said.contains("mode 644") && said.contains("chmod 600"), "{said}");
}

#[tokio::test]
async fn figures_are_for_whoever_names_this_machine() {
    let served = Served::on_sqlite(&["--metrics-listen", "127.0.0.1:0"]).await;
    let asked = |host: &str| {
        let mut stream = std::net::TcpStream::connect(served.metrics.unwrap()).unwrap();
        let request = format!("GET /readyz HTTP/1.1\r\nHost: {host}\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        answer(&mut stream).unwrap()
    };
    assert_eq!(asked("127.0.0.1:9187").status, 200);
    assert_eq!(asked("prometheus-sees-me:9187").status, 200);
    let stranger = asked("rebound.example:9187");
    assert_eq!((stranger.status, stranger.code().as_str()), (421, "wrong_host"));
    // Runners come under whatever name a proxy has.
    let public = b"GET /health HTTP/1.1\r\nHost: bench.example\r\n\r\n";
    assert_eq!(served.send(public).status, 200);
}

/// A certificate for `localhost` and its key, written to two files; the certificate.
fn certify(directory: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(directory.join("cert.pem"), made.cert.pem()).unwrap();
    write_key(&directory.join("key.pem"), &made.signing_key.serialize_pem());
    made.cert.der().clone()
}

/// One request over TLS, trusting this certificate alone.
fn over_tls(served: &Served, trusted: &CertificateDer<'static>, bytes: &[u8]) -> Result<u16, String> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = StreamOwned::new(ClientConnection::new(config, name).unwrap(), served.connect());
    stream.write_all(bytes).map_err(|error| error.to_string())?;
    answer(&mut stream).map(|answer| answer.status)
}

#[tokio::test]
async fn tls_with_a_certificate_that_is_renewed() {
    let home = Home::new();
    let old = certify(home.path());
    let (cert, key) = (home.path().join("cert.pem"), home.path().join("key.pem"));
    let url = format!("sqlite:{}", home.path().join("bridge.db").display());
    let arguments = ["--tls-cert", cert.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
    let served = Served::on(home, url, &arguments).await;
    let headers = format!("X-API-Key: {INGEST_KEY}\r\nContent-Type: application/json\r\n");
    let post = request("POST", "/ingest", &headers, result().to_string().as_bytes());
    assert_eq!(over_tls(&served, &old, &post), Ok(200));
    // Silence instead of a handshake, and plain HTTP, hold nobody.
    let _silent = served.connect();
    let mut plain = served.connect();
    plain.write_all(b"GET /health HTTP/1.1\r\n\r\n").unwrap();
    assert_eq!(over_tls(&served, &old, &post), Ok(200));
    // Half of a renewal leaves the old pair in place; the whole of it is taken up.
    std::fs::write(&key, "no key").unwrap();
    served.until_said("\"event\":\"certificate\"");
    assert_eq!(over_tls(&served, &old, &request("GET", "/livez", "", b"")), Ok(200));
    let new = certify(served.home().path());
    let start = Instant::now();
    while over_tls(&served, &new, &post).is_err() {
        assert!(start.elapsed() < PATIENCE, "{}", served.said());
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(over_tls(&served, &old, &post).is_err());
}

#[tokio::test]
async fn operators_see_metrics_on_a_listener_of_their_own() {
    let served = Served::on_sqlite(&["--metrics-listen", "127.0.0.1:0"]).await;
    served.post("/ingest", &result());
    served.get("/nothing", "");
    let ask = |path: &str| {
        let mut stream = TcpStream::connect(served.metrics.unwrap()).unwrap();
        stream.write_all(&request("GET", path, "", b"")).unwrap();
        answer(&mut stream).unwrap()
    };
    let text = String::from_utf8(ask("/metrics").body).unwrap();
    for line in [
        "llmbench_ingest_requests_total{route=\"/ingest\",status=\"200\"} 1",
        "llmbench_ingest_requests_total{route=\"unknown\",status=\"404\"} 1",
        "llmbench_ingest_items_total{fate=\"stored\"} 1",
        "llmbench_ingest_usable_keys 2",
        "llmbench_ingest_ready 1",
    ] {
        assert!(text.lines().any(|one| one == line), "{line}\n{text}");
    }
    assert_eq!((ask("/readyz").status, ask("/livez").status, ask("/ingest").status), (200, 200, 404));
}

#[tokio::test]
async fn too_many_connections_are_turned_away_and_room_comes_back() {
    let served = Served::on_sqlite(&["--max-connections", "10"]).await;
    let mut open: Vec<TcpStream> = (0..10).map(|_| served.connect()).collect();
    std::thread::sleep(Duration::from_millis(200));
    let mut one_more = served.connect();
    let told = answer(&mut one_more).unwrap();
    assert_eq!((told.status, told.code().as_str()), (503, "too_many_connections"));
    open.clear();
    let start = Instant::now();
    loop {
        let mut stream = served.connect();
        let _ = stream.write_all(&request("GET", "/livez", "", b""));
        if answer(&mut stream).is_ok_and(|answer| answer.status == 200) {
            break;
        }
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[tokio::test]
async fn sigterm_ends_it_well_whatever_hangs() {
    let served = Served::on_sqlite(&[]).await;
    assert_eq!(served.post("/ingest", &result()).status, 200);
    let idle = served.connect();
    let mut half = served.connect();
    let head =
        format!("POST /ingest HTTP/1.1\r\nHost: b\r\nX-API-Key: {INGEST_KEY}\r\nContent-Length: 9\r\n\r\n{{");
    half.write_all(head.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    let (status, said) = served.stop();
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("stopped; 1 stored"), "{said}");
    // Who was in the middle of something was told so.
    let told = answer(&mut half).unwrap();
    assert_eq!(told.status, 408);
    drop((idle, half.read(&mut [0; 1])));
}
