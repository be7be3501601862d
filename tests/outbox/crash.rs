//! SIGKILL while the outbox works: what it acknowledged is there, once, and what it did not is whole or absent.

use super::{COST, intent, open, outcome};
use chrono::Utc;
use llmbench::domain::{Kind, Outcome};
use llmbench::storage::outbox::{Capacity, Outbox, State};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

const WRITER: &str = "LLMBENCH_TEST_OUTBOX_PATH";

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).unwrap();
}

/// Works until it is killed, and says each thing after it was acknowledged.
#[tokio::test]
#[ignore = "the child of what_was_acknowledged_is_there_once_after_kill_nine"]
#[allow(clippy::disallowed_methods, reason = "how the parent tells its child the path")]
async fn writer() {
    let path = std::env::var(WRITER).expect("started by its parent test alone");
    let outbox = open(Path::new(&path)).await;
    for number in 0.. {
        let id = format!("{}-{number}", std::process::id());
        say(&format!("trying {id}"));
        outbox.intend(&intent(&id)).await.unwrap();
        say(&format!("intended {id}"));
        outbox.accept(&id, &[outcome(&id)], COST).await.unwrap();
        say(&format!("accepted {id}"));
        if number % 3 == 0 {
            let parcels = outbox.due(Utc::now(), 2, u64::MAX).await.unwrap();
            let keys: Vec<_> = parcels.iter().map(|parcel| parcel.key).collect();
            say(&parcels.iter().map(|p| format!("confirming {}\n", p.payload.id())).collect::<String>());
            outbox.confirm(&keys).await.unwrap();
            say(&parcels.iter().map(|p| format!("confirmed {}\n", p.payload.id())).collect::<String>());
        }
    }
}

/// What children said, by word.
#[derive(Default)]
struct Said(BTreeMap<String, BTreeSet<String>>);

impl Said {
    fn of(&self, word: &str) -> BTreeSet<String> {
        self.0.get(word).cloned().unwrap_or_default()
    }

    fn hear(&mut self, line: &str) {
        if let Some((word, id)) = line.split_once(' ')
            && ["trying", "intended", "accepted", "confirming", "confirmed"].contains(&word)
        {
            self.0.entry(word.to_owned()).or_default().insert(id.to_owned());
        }
    }
}

/// Lets a child work until it has said `enough` lines, and kills it in the middle of what follows.
fn work_until_killed(path: &Path, enough: usize, said: &mut Said) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["outbox::crash::writer", "--exact", "--ignored", "--nocapture"])
        .env(WRITER, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for _ in 0..enough {
        said.hear(&lines.next().expect("the child ended by itself").unwrap());
    }
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success());
    // What was said before the signal counts; a line that was cut says too little to be found below.
    for line in lines.map_while(Result::ok) {
        said.hear(&line);
    }
}

/// Everything in the outbox, by id. Twice the same id fails.
async fn contents(outbox: &Outbox) -> BTreeMap<String, State> {
    let mut found = BTreeMap::new();
    for state in State::ALL {
        for item in outbox.list(state, 100_000).await.unwrap() {
            assert_eq!(found.insert(item.id.clone(), state), None, "{} is there twice", item.id);
        }
    }
    found
}

#[tokio::test]
async fn what_was_acknowledged_is_there_once_after_kill_nine() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("outbox");
    let mut said = Said::default();
    for round in 0..10 {
        work_until_killed(&path, 20 + round * 13, &mut said);
        let (outbox, opening) = Outbox::open(&path, Capacity::default()).await.unwrap();
        assert!(opening.unclean && opening.damaged.is_empty(), "{opening:?}");
        for intent in &opening.interrupted {
            assert!(!said.of("accepted").contains(&intent.id), "{} was settled", intent.id);
        }
        outbox.close().await.unwrap();
    }
    let outbox = open(&path).await;
    let found = contents(&outbox).await;
    for id in said.of("accepted") {
        assert!(found.contains_key(&id), "{id} was accepted and is gone");
    }
    for id in said.of("confirmed") {
        assert_eq!(found[&id], State::Delivered, "{id} was confirmed");
    }
    for id in said.of("intended") {
        let interrupted = found.contains_key(&format!("interrupted-{id}"));
        assert!(found.contains_key(&id) != interrupted, "{id} is a row or interrupted, and never both");
    }
    let named = said.of("trying");
    for (id, state) in &found {
        let of = id.strip_prefix("interrupted-").unwrap_or(id);
        assert!(named.contains(of), "{id} came from nowhere");
        assert!(*state != State::Delivered || said.of("confirming").contains(id), "{id} was never confirmed");
    }
    assert!(said.of("accepted").len() > 100 && said.of("confirmed").len() > 30);
    payloads_are_whole(&outbox).await;
}

async fn payloads_are_whole(outbox: &Outbox) {
    let pending = outbox.depth().await.unwrap().pending;
    let parcels = outbox.due(Utc::now(), u32::MAX, u64::MAX).await.unwrap();
    assert_eq!(parcels.len() as u64, pending);
    for parcel in parcels {
        match parcel.payload.outcome().unwrap() {
            Outcome::Success(run) => assert_eq!(run.extra, super::run("", "", "").extra),
            Outcome::Failure(failure) => assert_eq!(failure.error_kind, Kind::Interrupted),
        }
    }
}
