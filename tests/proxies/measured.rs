//! What is measured goes through a proxy only where `--proxy` or the configuration says so, and never on a variable's word.

use super::PASSWORD;
use crate::raw_server::play;
use crate::run_bad_input::network::tls_server;
use crate::support::Home;
use crate::support::answers::{CANARY, sound};
use crate::support::forward_proxy::{ForwardProxy, Manner};
use crate::support::ran::{Ran, ran};
use rcgen::generate_simple_self_signed;
use std::fs;
use std::process::Command;

/// A home whose OpenAI may be called over plain http.
fn home(configuration: &str) -> Home {
    let home = Home::new();
    let directory = home.path().join("config/llmbench");
    fs::create_dir_all(&directory).unwrap();
    let text = format!("[providers.openai]\nallow_plain_http = true\n{configuration}");
    fs::write(directory.join("config.toml"), text).unwrap();
    home
}

/// One request to a host of this name on a port of this machine.
fn measuring(home: &Home, base: &str, arguments: &[&str]) -> Command {
    let mut command = home.llmbench(&["run", "--ndjson", "--timeout", "60s", "--model", "openai:gpt-4o"]);
    command.args(arguments).env("OPENAI_API_KEY", CANARY).env("OPENAI_BASE_URL", base);
    command
}

/// Runs it. Neither the key nor a proxy's password may be in what is printed.
fn measured(home: &Home, base: &str, arguments: &[&str]) -> Ran {
    let ran = ran(&mut measuring(home, base, arguments));
    assert!(!format!("{ran:?}").contains(PASSWORD) && !format!("{ran:?}").contains(CANARY), "{ran:?}");
    ran
}

#[test]
fn a_run_through_a_proxy_is_marked_and_not_published() {
    let proxy = ForwardProxy::start(Manner::Through);
    let base = format!("http://api.test:{}/v1", play(sound()).port());
    let home = home("");
    let url = proxy.url_of("ann", PASSWORD);
    let ran = measured(&home, &base, &["--proxy", &url, "--role", "published"]);
    let line = ran.line();
    assert_eq!((ran.code, &line["proxy"]), (0, &proxy.address.to_string().into()), "{ran:?}");
    let at = |name: &str| line[name].as_f64().unwrap_or_else(|| panic!("{name}: {line:?}"));
    assert!(0.0 < at("proxy_seconds") && at("proxy_seconds") <= at("connect_seconds"), "{line:?}");
    assert!(at("connect_seconds") <= at("sent_seconds") && line["tls_seconds"].is_null(), "{line:?}");
    assert_eq!(line["sample_role"], "published");
    let [head] = &proxy.heads()[..] else { panic!("{:?}", proxy.heads()) };
    assert!(head.starts_with("CONNECT api.test:") && head.contains("Basic YW5uOmNhbmFyeS1vZi10aGUtcHJveHk="));
    let database = rusqlite::Connection::open(home.database()).unwrap();
    let count = |table: &str| -> i64 {
        database.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    assert_eq!((count("runs"), count("errors")), (1, 0));
    let published: i64 =
        database.query_row("SELECT count(*) FROM runs WHERE published", [], |row| row.get(0)).unwrap();
    assert_eq!(published, 0);
}

#[test]
fn variables_lead_no_measured_request_through_a_proxy() {
    let proxy = ForwardProxy::start(Manner::Through);
    let base = format!("http://api.test:{}/v1", play(sound()).port());
    let home = home("");
    let mut command = measuring(&home, &base, &["--no-store"]);
    for variable in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"] {
        command.env(variable, proxy.url());
    }
    let ran = ran(&mut command);
    let line = ran.line();
    assert_eq!((ran.code, &line["error_kind"]), (1, &"network".into()), "{ran:?}");
    assert!(line["message"].as_str().unwrap().starts_with("cannot resolve api.test"), "{line:?}");
    assert!(line["proxy"].is_null() && line["proxy_seconds"].is_null(), "{line:?}");
    assert_eq!(proxy.heads(), Vec::<String>::new());
    let note = "https_proxy is set; measured requests do not use a proxy of the environment: see --proxy";
    let told = |arguments: &[&str]| {
        let mut command = measuring(&home, &base, &[&["--no-store"], arguments].concat());
        let ran = crate::support::ran::ran(command.env("https_proxy", proxy.url_of("ann", PASSWORD)));
        assert!(!format!("{ran:?}").contains(PASSWORD), "{ran:?}");
        ran.err.matches(note).count()
    };
    assert_eq!(told(&[]), 1);
    // Where a proxy was used and gave no connection, the variable is beside the point.
    let closed = ForwardProxy::start(Manner::Close);
    assert_eq!(told(&["--proxy", &closed.url()]), 0);
}

#[test]
fn tls_is_agreed_with_the_host_behind_the_proxy() {
    let proxy = ForwardProxy::start(Manner::Through);
    let certified = generate_simple_self_signed(vec!["api.test".to_owned()]).unwrap();
    let port = tls_server(&certified).port();
    let home = home(&format!("proxy = '{}'\n", proxy.url_of("ann", PASSWORD)));
    let file = home.path().join("ca.pem");
    fs::write(&file, certified.cert.pem()).unwrap();
    let base = format!("https://api.test:{port}/v1");
    for arguments in [&["--no-store"][..], &["--no-store", "--warm"]] {
        let ran = ran(measuring(&home, &base, arguments).env("SSL_CERT_FILE", &file));
        let line = ran.line();
        assert_eq!((ran.code, &line["proxy"]), (0, &proxy.address.to_string().into()), "{ran:?}");
        let cold = arguments.len() == 1;
        for name in ["proxy_seconds", "tls_seconds"] {
            assert_eq!(line[name].as_f64().is_some_and(|seconds| seconds > 0.0), cold, "{name}: {line:?}");
        }
    }
    assert_eq!(proxy.lines(), vec![format!("CONNECT api.test:{port} HTTP/1.1"); 2]);
}

#[test]
fn this_machine_is_measured_without_the_proxy() {
    let proxy = ForwardProxy::start(Manner::Through);
    let ran = Home::new().ran(&[
        "run",
        "--ndjson",
        "--no-store",
        "--proxy",
        &proxy.url(),
        "--model",
        crate::support::ran::QUICK,
    ]);
    assert_eq!((ran.code, &ran.line()["proxy"]), (0, &serde_json::Value::Null), "{ran:?}");
    assert_eq!(proxy.heads(), Vec::<String>::new());
}

#[test]
fn a_proxy_that_gives_no_connection_is_a_failure_of_the_network() {
    let base = "https://api.test:4433/v1";
    for (manner, words) in [
        (
            Manner::Answer("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"),
            "refused a connection to api.test:4433: HTTP 407 Proxy Authentication Required",
        ),
        (
            Manner::Answer("HTTP/1.1 502 Bad Gateway\r\n\r\n"),
            "refused a connection to api.test:4433: HTTP 502 Bad",
        ),
        (
            Manner::Answer("SSH-2.0-OpenSSH_9.9\r\n\r\n"),
            "gave no connection to api.test:4433: its answer is no HTTP",
        ),
        (Manner::Close, "gave no connection to api.test:4433: it closed the connection without an answer"),
    ] {
        let proxy = ForwardProxy::start(manner);
        let ran = measured(&home(""), base, &["--no-store", "--proxy", &proxy.url_of("ann", PASSWORD)]);
        let line = ran.line();
        let said = line["message"].as_str().unwrap();
        assert_eq!(
            (ran.code, &line["error_kind"], &line["stage"]),
            (1, &"network".into(), &"connect".into())
        );
        assert!(said.starts_with(&format!("the proxy {} {words}", proxy.address)), "{said}");
        assert_eq!(line["proxy"], proxy.address.to_string());
        assert!(line["http_status"].is_null() && line["proxy_seconds"].is_null(), "{line:?}");
    }
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let line = measured(&home(""), base, &["--no-store", "--proxy", &format!("http://{closed}")]).line();
    let said = line["message"].as_str().unwrap();
    assert_eq!(said, format!("cannot connect to the proxy {closed}: Connection refused (os error 111)"));
}

#[test]
fn a_silent_proxy_ends_at_the_connect_deadline() {
    let proxy = ForwardProxy::start(Manner::Silence);
    let home = home("[defaults]\nconnect = 1\n");
    let ran = measured(&home, "https://api.test/v1", &["--no-store", "--proxy", &proxy.url()]);
    let line = ran.line();
    assert_eq!((ran.code, &line["error_kind"], &line["stage"]), (1, &"timeout".into(), &"connect".into()));
    assert_eq!(line["message"], "the proxy did not connect within the connect deadline");
}

#[test]
fn what_is_no_proxy_is_wrong_usage() {
    for wrong in ["socks5://proxy.test:1", "proxy.test:3128", "http://proxy.test/path"] {
        let ran = measured(&home(""), "https://api.test/v1", &["--no-store", "--proxy", wrong]);
        assert_eq!(ran.code, 2, "{wrong}: {ran:?}");
        assert!(ran.err.contains("proxy (flag --proxy)") && ran.err.contains("http://HOST:PORT"), "{ran:?}");
    }
    let file = home(&format!("proxy = 'socks5://ann:{PASSWORD}@proxy.test:1'\n"));
    let ran = measured(&file, "https://api.test/v1", &["--no-store"]);
    assert!(ran.code == 2 && ran.err.contains("[providers.openai]: proxy"), "{ran:?}");
}
