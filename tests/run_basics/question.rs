//! What is asked: prompts, roles, and what refusals taught.

use crate::support::Home;
use crate::support::answers::{calling, sound};
use crate::support::catalog::put_model;
use crate::support::ran::{QUICK, ran};
use llmbench::domain::ModelRef;
use llmbench::storage::{CollectionNames, StoreLocation, open};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::Stdio;
use std::sync::mpsc;

/// A host that answers soundly and hands over each request as it came.
fn listening() -> (SocketAddr, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, heard) = mpsc::channel();
    std::thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let mut request = vec![0; 65536];
            let mut length = 0;
            // One body of JSON, which ends where its braces close.
            while !request[..length].ends_with(b"}") {
                match connection.read(&mut request[length..]) {
                    Ok(read @ 1..) => length += read,
                    _ => return,
                }
            }
            tell.send(String::from_utf8_lossy(&request[..length]).into_owned()).unwrap();
            for act in sound() {
                if let crate::raw_server::Act::Send(bytes) = act {
                    connection.write_all(&bytes).unwrap();
                }
            }
        }
    });
    (address, heard)
}

#[test]
fn the_prompt_comes_from_standard_input() {
    let home = Home::new();
    let (address, heard) = listening();
    let mut command = calling(&home, address, &["--ndjson", "--prompt-file", "-", "--no-cache-bust"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all("Was ist ein Ø?".as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert!(heard.recv().unwrap().contains("\"Was ist ein Ø?\""));
    let line: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&line["benchmark_profile_id"], &line["sample_role"]), (&"custom".into(), &"manual".into()));
}

#[test]
fn a_prompt_that_is_none_is_refused() {
    let home = Home::new();
    std::fs::write(home.path().join("latin1.txt"), b"caf\xe9").unwrap();
    for (flag, value, said) in [
        ("--prompt", " ", "error: --prompt is empty\n"),
        ("--prompt-file", "/dev/null", "error: --prompt-file /dev/null is empty\n"),
        ("--prompt-file", "nope", "error: --prompt-file nope: No such file or directory (os error 2)\n"),
        (
            "--prompt-file",
            "latin1.txt",
            "error: --prompt-file latin1.txt: stream did not contain valid UTF-8\n",
        ),
    ] {
        let refused = home.ran(&["run", "--model", QUICK, flag, value]);
        assert_eq!((refused.code, refused.err.as_str()), (2, said));
    }
}

#[test]
fn a_nonce_is_put_before_prompts_outside_the_published_question() {
    let home = Home::new();
    let (address, heard) = listening();
    for (arguments, plain) in [
        (&["--prompt", "Hm?"][..], false),
        (&["--prompt", "Hm?", "--no-cache-bust"], true),
        (&["--max-tokens", "9"], false),
        (&[], true),
    ] {
        assert_eq!(ran(&mut calling(&home, address, arguments)).code, 0);
        let request = heard.recv().unwrap();
        assert_eq!(!request.contains("\"content\":\"["), plain, "{arguments:?}: {request}");
    }
}

/// Puts models into the catalog of the default store.
async fn catalogd(home: &Home, models: &[(&str, bool)]) {
    let path = home.database();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let store = open(&StoreLocation::Sqlite(path), &CollectionNames::default(), &[]).await.unwrap();
    for (model, enabled) in models {
        put_model(&*store, &model.parse::<ModelRef>().unwrap(), model, *enabled).await.unwrap();
    }
}

#[tokio::test]
async fn only_the_published_question_to_an_enabled_model_is_published() {
    let home = Home::new();
    let (enabled, disabled) = ("sim:steady-ttft1-gap1-n2", "sim:steady-ttft1-gap1-n3");
    catalogd(&home, &[(enabled, true), (disabled, false)]).await;
    let role = |model: &str, arguments: &[&str]| {
        let all: Vec<&str> = [&["run", "--ndjson", "--model", model], arguments].concat();
        home.ran(&all).line()["sample_role"].as_str().unwrap().to_owned()
    };
    assert_eq!(role(enabled, &[]), "published");
    for arguments in [
        &["--warm"][..],
        &["--concurrency", "2"],
        &["--rate", "100"],
        &["--cache-bust"],
        &["--prompt", "Hm?"],
        &["--max-tokens", "9"],
        &["--temperature", "0.7"],
        &["--profile", "long"],
        &["--role", "probe"],
    ] {
        assert_ne!(role(enabled, arguments), "published", "{arguments:?}");
    }
    assert_eq!(role(disabled, &[]), "manual");
    assert_eq!(role("sim:steady-ttft1-gap1-n5", &[]), "manual");
    let forced = home.ran(&["run", "--model", enabled, "--role", "published", "--warm"]);
    assert_eq!(forced.code, 2);
    assert!(forced.err.contains("--role published needs a published profile"), "{}", forced.err);
}

#[test]
fn what_a_refusal_taught_is_an_attempt_of_its_own_and_remembered() {
    let home = Home::new();
    let model = "sim:rejects-temperature-ttft1-gap1-n2";
    let first = home.ran(&["run", "--ndjson", "--model", model]);
    let lines = first.lines();
    assert_eq!((first.code, lines.len()), (0, 2), "{first:?}");
    assert_eq!(
        (&lines[0]["outcome"], &lines[0]["error_kind"]),
        (&"failure".into(), &"hard_capability".into())
    );
    assert_eq!((&lines[0]["attempt"], &lines[1]["attempt"]), (&1.into(), &2.into()));
    assert_eq!(lines[0]["attempt_group"], lines[1]["attempt_group"]);
    assert_eq!(lines[1]["adaptations"], serde_json::json!(["omit_temperature"]));
    assert!(first.err.contains("measured afresh with omit_temperature"), "{}", first.err);
    assert_eq!((home.rows("runs").len(), home.rows("errors").len()), (1, 1));

    let second = home.ran(&["run", "--ndjson", "--model", model]);
    assert_eq!((second.code, second.err.as_str()), (0, ""));
    let line = second.line();
    assert_eq!((&line["outcome"], &line["attempt"]), (&"success".into(), &1.into()));
    assert_eq!(line["adaptations"], serde_json::json!(["omit_temperature"]));
}
