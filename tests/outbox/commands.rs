//! `llmbench outbox`, with a daemon that has the file open and without one.

use super::{intent, open, outcome, take};
use crate::support::Home;
use chrono::{TimeDelta, Utc};
use llmbench::outbox::{Outbox, OutboxRowState, control_socket};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

/// A home whose outbox holds a row in each state, and the outbox, open.
async fn filled() -> (Home, Outbox) {
    let home = Home::new();
    let outbox = open(&home.path().join("state/llmbench/outbox")).await;
    for id in ["pending", "aside", "gone"] {
        take(&outbox, outcome(id)).await;
    }
    let parcels = outbox.due(Utc::now(), 10, u64::MAX).await.unwrap();
    let key = |id: &str| parcels.iter().find(|parcel| parcel.payload.id() == id).unwrap().key;
    outbox.quarantine(key("aside"), "the id is taken").await.unwrap();
    outbox.confirm(&[key("gone")]).await.unwrap();
    outbox.postpone(&[key("pending")], Utc::now() + TimeDelta::minutes(5), "away").await.unwrap();
    (home, outbox)
}

fn json(home: &Home, arguments: &[&str]) -> Value {
    let ran = home.ran(arguments);
    assert_eq!(ran.code, 0, "{ran:?}");
    serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"))
}

/// What the commands say of a filled outbox, whoever has it open.
fn everything_is_told(home: &Home) {
    let list = json(home, &["outbox", "list", "--json"]);
    let depth = &list["depth"];
    assert_eq!(
        (&depth["pending"], &depth["quarantined"], &depth["delivered"]),
        (&1.into(), &1.into(), &1.into())
    );
    let states: Vec<&str> =
        list["rows"].as_array().unwrap().iter().map(|row| row["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["quarantined", "pending"]);
    let table = home.ran(&["outbox", "list"]);
    assert!(
        table.out.contains("the id is taken") && table.err.contains("1 pending, 1 quarantined"),
        "{table:?}"
    );
    let delivered = json(home, &["outbox", "list", "--json", "--state", "delivered"]);
    assert_eq!(delivered["rows"][0]["id"], "gone");
    let number = delivered["rows"][0]["number"].to_string();
    for name in ["gone", &number] {
        let shown = json(home, &["outbox", "show", name, "--json"]);
        assert_eq!(shown["rows"][0]["document"]["_id"], "gone");
    }
    assert!(home.ran(&["outbox", "show", "gone"]).out.contains("\"tokens_per_second\""));
    let unknown = home.ran(&["outbox", "show", "no\u{1b}body"]);
    assert_eq!(unknown.code, 1);
    assert!(unknown.err.contains("no\\u{1b}body"), "{unknown:?}");
    assert_eq!(home.ran(&["outbox", "retry", "gone"]).code, 1, "what was delivered is replayed, not retried");
    let retried = home.ran(&["outbox", "retry", "--all"]);
    assert!(retried.code == 0 && retried.err.contains("1 row will be tried again"), "{retried:?}");
    assert_eq!(json(home, &["outbox", "retry", "pending", "--json"])["rows"], 1);
    assert_eq!(json(home, &["outbox", "replay", "--since", "1h", "--to", "30m", "--json"])["rows"], 0);
    assert_eq!(json(home, &["outbox", "replay", "--since", "1h", "--json"])["rows"], 1);
    let list = json(home, &["outbox", "list", "--json"]);
    assert_eq!(list["depth"]["pending"], 3);
}

#[tokio::test]
async fn without_a_daemon_the_file_is_read() {
    let (home, outbox) = filled().await;
    outbox.intend(&intent("open")).await.unwrap();
    outbox.accept("open", &[], Default::default()).await.unwrap();
    outbox.close().await.unwrap();
    everything_is_told(&home);
    let (_, opening) =
        Outbox::open(&home.path().join("state/llmbench/outbox"), Default::default()).await.unwrap();
    assert!(!opening.unclean, "the commands close what they open");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_is_asked_over_its_socket() {
    let (home, outbox) = filled().await;
    let socket = home.path().join("state/llmbench").join(control_socket::SOCKET);
    let locked = home.ran(&["outbox", "list"]);
    assert_eq!(locked.code, 75);
    assert!(locked.err.contains("control.sock"), "{locked:?}");
    std::fs::write(&socket, "left behind").unwrap();
    let listener = control_socket::listen(&socket).unwrap();
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    let stop = CancellationToken::new();
    let served = tokio::spawn(control_socket::serve(listener, outbox.clone(), stop.clone()));
    let told = tokio::task::spawn_blocking(move || {
        everything_is_told(&home);
        home
    });
    let home = told.await.unwrap();
    assert_eq!(outbox.list(OutboxRowState::Pending, 10).await.unwrap().len(), 3);
    nonsense_is_refused(&socket).await;
    stop.cancel();
    served.await.unwrap();
    drop(home);
}

async fn nonsense_is_refused(socket: &std::path::Path) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    for request in ["no json\n", "{\"ask\":\"drop\"}\n", "{\"ask\":\"list\"}\n", "\n"] {
        let mut stream = tokio::net::UnixStream::connect(socket).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("{\"line\":\"error\",\"message\":\"this is no request"), "{answer}");
    }
    // One that says nothing and one that goes away hold up nobody.
    let _silent = tokio::net::UnixStream::connect(socket).await.unwrap();
    drop(tokio::net::UnixStream::connect(socket).await.unwrap());
    assert!(control_socket::ask(socket, &control_socket::OutboxRequest::Depth).await.is_ok());
}

#[test]
fn where_nothing_is_nothing_is_made() {
    let home = Home::new();
    let listed = home.ran(&["outbox", "list"]);
    assert_eq!((listed.code, listed.out.as_str()), (0, ""));
    assert!(listed.err.contains("there is no outbox in"), "{listed:?}");
    assert!(!home.path().join("state/llmbench").exists());
    let elsewhere = home.ran(&["outbox", "list", "--state-dir", "elsewhere", "--json"]);
    let document: Value = serde_json::from_str(&elsewhere.out).unwrap();
    assert_eq!(document["depth"]["pending"], 0);
    assert!(elsewhere.err.contains("elsewhere/outbox"), "{elsewhere:?}");
    assert_eq!(home.ran(&["outbox", "retry"]).code, 2);
    assert_eq!(home.ran(&["outbox", "replay"]).code, 2);
    assert_eq!(home.ran(&["outbox", "replay", "--since", "some day"]).code, 2);
}
