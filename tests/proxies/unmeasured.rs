//! What is not measured follows HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY: lists of models, the way to a bridge.
//! Webhooks are among the notices of `catalog`.

use super::PASSWORD;
use crate::catalog::servers::{Server, json};
use crate::runner::world::{QUICK, World, command};
use crate::support::Home;
use crate::support::forward_proxy::{ForwardProxy, Manner};
use crate::support::ran::{Ran, ran};
use serde_json::Value;
use std::fs;

const LIST: &str = r#"{"data":[{"id":"a"},{"id":"b"}]}"#;

/// Reads Groq's list from `base`. No password may be in what is printed.
fn synced(base: &str, variables: &[(&str, &str)]) -> (Ran, Value) {
    let home = Home::new();
    fs::write(home.path().join("c.toml"), "[providers.groq]\nallow_plain_http = true\n").unwrap();
    let mut command = home.llmbench(&["catalog", "sync", "-p", "groq", "--json", "--config", "c.toml"]);
    command.env("GROQ_API_KEY", "k").env("GROQ_BASE_URL", base).envs(variables.iter().copied());
    let ran = ran(&mut command);
    assert!(!format!("{ran:?}").contains(PASSWORD), "{ran:?}");
    let document: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"));
    let provider = document["providers"][0].clone();
    (ran, provider)
}

fn port(server: &Server) -> String {
    server.url("").rsplit_once(':').unwrap().1.to_owned()
}

#[test]
fn a_list_is_read_through_each_variable() {
    let server = Server::start(|_| json(LIST));
    let base = format!("http://lists.test:{}", port(&server));
    for variable in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        let proxy = ForwardProxy::start(Manner::Through);
        let (ran, provider) = synced(&base, &[(variable, &proxy.url_of("ann", PASSWORD))]);
        assert_eq!((ran.code, &provider["status"]), (0, &"completed".into()), "{variable}: {ran:?}");
        let heads = proxy.heads();
        assert_eq!(heads.len(), 1, "{heads:?}");
        assert!(heads[0].starts_with(&format!("GET {base}/openai/v1/models")), "{heads:?}");
        // base64 of ann:canary-of-the-proxy
        let login = "proxy-authorization: Basic YW5uOmNhbmFyeS1vZi10aGUtcHJveHk=";
        assert!(heads[0].to_ascii_lowercase().contains(&login.to_ascii_lowercase()), "{heads:?}");
    }
    assert_eq!(server.heads().len(), 4);
    assert!(server.heads().iter().all(|head| !head.to_ascii_lowercase().contains("proxy-")));
}

#[test]
fn no_proxy_and_this_machine_are_reached_directly() {
    let server = Server::start(|_| json(LIST));
    let proxy = ForwardProxy::start(Manner::Through);
    let base = format!("http://lists.test:{}", port(&server));
    for list in ["lists.test", ".test", "*", "a.example, test"] {
        let (ran, provider) = synced(&base, &[("HTTP_PROXY", &proxy.url()), ("NO_PROXY", list)]);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(provider["error"].as_str().unwrap().contains("cannot resolve lists.test"), "{provider}");
    }
    let (ran, _) = synced(&server.url(""), &[("HTTP_PROXY", &proxy.url()), ("ALL_PROXY", &proxy.url())]);
    assert_eq!(ran.code, 0, "{ran:?}");
    // The variable of the other scheme changes nothing.
    let (ran, _) = synced(&base, &[("HTTPS_PROXY", &proxy.url())]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert_eq!(proxy.heads(), Vec::<String>::new());
}

#[test]
fn a_proxy_that_gives_no_connection_is_named() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (ran, provider) = synced("https://lists.test", &[("HTTPS_PROXY", &format!("http://{closed}"))]);
    let said = provider["error"].as_str().unwrap();
    assert_eq!(ran.code, 1);
    assert!(
        said.contains(&format!("cannot connect to the proxy http://{closed}: Connection refused")),
        "{said}"
    );
    for (manner, words) in [
        (Manner::Answer("HTTP/1.1 407 Who are you\r\ncontent-length: 0\r\n\r\n"), "authorization required"),
        (Manner::Answer("HTTP/1.1 502 No\r\ncontent-length: 0\r\n\r\n"), "unsuccessful"),
        (Manner::Close, "unexpected end of file"),
    ] {
        let proxy = ForwardProxy::start(manner);
        let (ran, provider) =
            synced("https://lists.test", &[("HTTPS_PROXY", &proxy.url_of("ann", PASSWORD))]);
        let said = provider["error"].as_str().unwrap();
        let named = format!("the proxy {} gave no connection to lists.test:443", proxy.url());
        assert!(ran.code == 1 && said.contains(&named) && said.contains(words), "{said}");
        assert_eq!(proxy.lines(), ["CONNECT lists.test:443 HTTP/1.1"]);
    }
}

#[test]
fn a_variable_that_names_no_proxy_is_wrong_usage() {
    let home = Home::new();
    let mut command = home.llmbench(&["catalog", "sync", "-p", "groq"]);
    let wrong = format!("gopher://ann:{PASSWORD}@proxy.test");
    let ran = ran(command.env("GROQ_API_KEY", "k").env("https_proxy", wrong));
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("environment variable https_proxy") && !ran.err.contains(PASSWORD), "{ran:?}");
}

#[test]
fn a_runner_reaches_its_bridge_through_the_proxy() {
    let world = World::new(&[QUICK], "");
    let proxy = ForwardProxy::start(Manner::Through);
    let url = format!("http://bridge.test:{}", world.bridge.address.port());
    let measured = || {
        let mut command =
            command(&world.home, &url, &["run", "--ndjson", "--model", &format!("alpha:{QUICK}")]);
        command.env("LLMBENCH_BRIDGE_PLAIN_HTTP", "1");
        command
    };
    let through = ran(measured().env("HTTP_PROXY", proxy.url_of("ann", PASSWORD)));
    assert_eq!(through.code, 0, "{through:?}");
    let lines = proxy.lines();
    assert!(lines.iter().any(|line| line.contains("http://bridge.test")), "{lines:?}");
    assert!(!format!("{through:?}").contains(PASSWORD), "{through:?}");
    assert_eq!(world.rows().len(), 1);
    // Without the proxy nobody knows the name: the row waits on this machine.
    let direct = ran(measured().env("HTTP_PROXY", proxy.url()).env("NO_PROXY", "bridge.test"));
    assert!(direct.code != 0 && direct.err.contains("cannot resolve bridge.test"), "{direct:?}");
}
