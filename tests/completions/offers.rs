//! What the program offers, and that it offers nothing, says nothing and changes nothing where anything is wrong.

use super::{Desk, ODD};
use crate::stores::series::{change, opened};
use crate::support::Home;
use std::net::TcpListener;
use std::process::Output;

fn asked(home: &Home, words: &[&str]) -> Output {
    home.llmbench(&[&["__complete", "--"], words].concat()).output().unwrap()
}

fn text(output: &Output) -> String {
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[tokio::test]
async fn names_are_those_of_the_store() {
    for desk in Desk::both().await {
        assert_eq!(desk.offers(&["run", "--model", "gr"]), ["groq:"]);
        assert_eq!(desk.offers(&["run", "--model=gr"]), ["--model=groq:"]);
        let llamas = ["groq:llama-3.3-70b-versatile", "groq:llama-guard-4"];
        assert_eq!(desk.offers(&["run", "-m", "groq:lla"]), llamas);
        assert_eq!(desk.offers(&["models", "disable", "groq:whisper", "groq:lla"]), llamas);
        // What would forge a line is not offered.
        assert_eq!(desk.offers(&["models", "show", "groq:"]), [llamas[0], llamas[1], "groq:whisper"]);
        assert_eq!(desk.offers(&["models", "show", "together:"]), [format!("together:{ODD}")]);
        assert_eq!(
            desk.offers(&["errors", "summary", "-m", "bedrock:us."]),
            ["bedrock:us.amazon.nova-pro-v1:0"]
        );
        assert_eq!(desk.offers(&["errors", "show", "2fb0a0"]).len(), 1);
        assert_eq!(desk.offers(&["results", "show", ""]), ["01RUN-OLD"]);
        assert!(desk.offers(&["results", "show", "nothing-like-it"]).is_empty());
        assert!(desk.offers(&["run", "-m", "sim:stead"]).contains(&"sim:steady".to_owned()));
        assert!(desk.offers(&["models", "disable", "sim:"]).is_empty());

        let store = desk.backend.url();
        let disable =
            ["models", "disable", "groq:whisper", "--reason", "x", "--yes", "--store", store.as_str()];
        let batch = desk.home.llmbench(&disable).output().unwrap();
        let batch = String::from_utf8(batch.stdout).unwrap().trim().to_owned();
        // The newest first; the others put the models there.
        for line in [&["models", "undo", ""][..], &["models", "history", "--batch", &batch[..5]]] {
            assert_eq!(desk.offers(line).first(), Some(&batch), "{line:?}");
        }

        let changes = [change("0f1e", "old", 9), change("0f2d", "new", 2), change("77aa", "new", 1)];
        opened(&desk.backend).await.keep_changes(&changes).await.unwrap();
        assert_eq!(desk.offers(&["results", "changes", "--explain", "0f"]), ["0f2d", "0f1e"]);
        assert_eq!(desk.offers(&["results", "changes", "ack", "7"]), ["77aa"]);
    }
}

#[test]
fn providers_and_profiles_are_those_of_the_configuration() {
    let home = Home::new();
    let config = "[providers.local]\ndialect = 'chat'\nbase_url = 'http://127.0.0.1:1/v1'\n\
        [profiles.summary]\nid = 'summary-v1'\n";
    std::fs::write(home.path().join("c.toml"), config).unwrap();
    let offers = |words: &[&str]| text(&asked(&home, &[&["--config", "c.toml"], words].concat()));
    assert_eq!(offers(&["run", "--provider", "lo"]), "words\nlocal\tlocal\n");
    assert_eq!(offers(&["run", "--model", "lo"]), "unfinished\nlocal:\tlocal\n");
    assert!(
        offers(&["run", "--profile", ""]).contains("\nsummary\t"),
        "{}",
        offers(&["run", "--profile", ""])
    );
    assert!(offers(&["models", "l"]).starts_with("words\nlist\tList models"));
    assert_eq!(offers(&["run", "--csv", ""]), "files\n");
}

#[test]
fn trouble_is_silent_and_leaves_nothing_behind() {
    let home = Home::new();
    std::fs::write(home.path().join("broken.toml"), "this is = = no file").unwrap();
    std::fs::write(home.path().join("text.db"), "no database at all, by any means").unwrap();
    // A server that takes connections and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("mongodb://{}/db", silent.local_addr().unwrap());
    for global in [
        ["--config", "broken.toml"],
        ["--config", "missing.toml"],
        ["--store", "sqlite:missing.db"],
        ["--store", "text.db"],
        ["--store", "nonsense"],
        ["--store", "mongodb://127.0.0.1:1/db"],
        ["--store", &silent],
    ] {
        for question in [["models", "show", "groq:"], ["results", "show", ""], ["models", "undo", ""]] {
            let said = text(&asked(&home, &[&global[..], &question[..]].concat()));
            assert_eq!(said, "words\n", "{global:?} {question:?}");
        }
    }
    // Without a store of its own a home stays as empty as it was.
    assert_eq!(text(&asked(&home, &["models", "show", "groq:"])), "words\n");
    let mut left: Vec<_> =
        std::fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["broken.toml", "text.db"]);
}

#[tokio::test]
async fn a_store_of_an_older_version_is_not_brought_up_to_date() {
    let home = Home::new();
    let path = home.path().join("old.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch("CREATE TABLE models (model_id TEXT); PRAGMA user_version = 1").unwrap();
    assert_eq!(text(&asked(&home, &["--store", "old.db", "models", "show", "groq:"])), "words\n");
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 1);
}
