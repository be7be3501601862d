//! SIGKILL while the outbox works, at any moment between two writes, and power cuts that leave a part of its log: what it
//! acknowledged is there, once, and what it did not is whole or absent.
//!
//! ```text
//! LLMBENCH_TEST_FAULTS=30 cargo test --test it outbox::crash -- --nocapture    30 minutes of kills
//! ```

use super::{COST, intent, open, outcome};
use crate::faults::{asked, seed};
use chrono::Utc;
use llmbench::domain::{FailureKind, Outcome};
use llmbench::outbox::{Outbox, OutboxCapacity, OutboxRowState};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

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

/// Lets a child work until it has said `enough` lines, and kills it so long after: in the middle of what follows.
fn work_until_killed(path: &Path, enough: usize, after: Duration, said: &mut Said) {
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
    // A commit takes fractions of a millisecond: no sleep is as short as that.
    let heard = Instant::now();
    while heard.elapsed() < after {
        std::hint::spin_loop();
    }
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success());
    // What was said before the signal counts; a line that was cut says too little to be found below.
    for line in lines.map_while(Result::ok) {
        said.hear(&line);
    }
}

/// Everything in the outbox, by id. Twice the same id fails.
async fn contents(outbox: &Outbox) -> BTreeMap<String, OutboxRowState> {
    let mut found = BTreeMap::new();
    for state in OutboxRowState::ALL {
        for item in outbox.list(state, 100_000).await.unwrap() {
            assert_eq!(found.insert(item.id.clone(), state), None, "{} is there twice", item.id);
        }
    }
    found
}

#[tokio::test]
async fn what_was_acknowledged_is_there_once_after_kill_nine() {
    println!("seed {}", seed());
    let mut random = SmallRng::seed_from_u64(seed());
    let (begun, lasts) = (Instant::now(), asked().unwrap_or_default());
    loop {
        killed_again_and_again(&mut random).await;
        if begun.elapsed() >= lasts {
            return;
        }
    }
}

/// Ten processes in a row at one outbox. The first is killed early, while the file is being made.
async fn killed_again_and_again(random: &mut SmallRng) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("outbox");
    let mut said = Said::default();
    for round in 0..10 {
        let longest = if round == 0 { 200_000 } else { 4_000 };
        let after = Duration::from_micros(random.random_range(0..longest));
        work_until_killed(&path, round * 15, after, &mut said);
        let (outbox, opening) = Outbox::open(&path, OutboxCapacity::default()).await.unwrap();
        assert!(opening.damaged.is_empty(), "{opening:?}");
        assert!(opening.unclean || round == 0, "{opening:?}");
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
        assert_eq!(found[&id], OutboxRowState::Delivered, "{id} was confirmed");
    }
    for id in said.of("intended") {
        let interrupted = found.contains_key(&format!("interrupted-{id}"));
        assert!(found.contains_key(&id) != interrupted, "{id} is a row or interrupted, and never both");
    }
    let named = said.of("trying");
    for (id, state) in &found {
        let of = id.strip_prefix("interrupted-").unwrap_or(id);
        assert!(named.contains(of), "{id} came from nowhere");
        assert!(
            *state != OutboxRowState::Delivered || said.of("confirming").contains(id),
            "{id} was never confirmed"
        );
    }
    assert!(said.of("accepted").len() > 100 && said.of("confirmed").len() > 30);
    payloads_are_whole(&outbox).await;
}

/// A power cut leaves what was synced, and of what came after any part, or noise. Each acknowledgement was a sync.
#[tokio::test]
async fn a_log_that_was_cut_anywhere_holds_all_that_was_acknowledged_before() {
    let small = OutboxCapacity { ballast_bytes: 0, ..OutboxCapacity::default() };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("outbox");
    let outbox = Outbox::open(&path, small).await.unwrap().0;
    let log = path.join("outbox.db-wal");
    let mut acknowledged = Vec::new();
    for number in 0..8 {
        let id = format!("row-{number}");
        outbox.intend(&intent(&id)).await.unwrap();
        acknowledged.push((fs::metadata(&log).unwrap().len(), format!("interrupted-{id}"), id.clone()));
        outbox.accept(&id, &[outcome(&id)], COST).await.unwrap();
        acknowledged.push((fs::metadata(&log).unwrap().len(), id.clone(), id));
    }
    let (database, log) = (fs::read(path.join("outbox.db")).unwrap(), fs::read(&log).unwrap());
    assert_eq!(acknowledged.last().unwrap().0, log.len() as u64, "nothing was written back meanwhile");
    let mut random = SmallRng::seed_from_u64(seed());
    let ends = acknowledged.iter().flat_map(|(end, ..)| [*end as usize, *end as usize - 1]);
    let mut cuts: Vec<usize> = ends.collect();
    cuts.extend((0..16).map(|_| random.random_range(0..log.len())));
    for cut in cuts {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("outbox");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("outbox.db"), &database).unwrap();
        let noise: Vec<u8> = (0..random.random_range(0..9_000)).map(|_| random.random()).collect();
        fs::write(path.join("outbox.db-wal"), [&log[..cut], &noise].concat()).unwrap();
        let (outbox, opening) = Outbox::open(&path, small).await.unwrap();
        assert!(opening.damaged.is_empty(), "cut at {cut}: {opening:?}");
        let found = contents(&outbox).await;
        for (end, row, id) in &acknowledged {
            let there = found.contains_key(row) || found.contains_key(id);
            assert!(
                there == (*end <= cut as u64),
                "cut at {cut}: {row} was acknowledged at {end}: {found:?}"
            );
        }
        payloads_are_whole(&outbox).await;
        outbox.close().await.unwrap();
    }
}

async fn payloads_are_whole(outbox: &Outbox) {
    let pending = outbox.depth().await.unwrap().pending;
    let parcels = outbox.due(Utc::now(), u32::MAX, u64::MAX).await.unwrap();
    assert_eq!(parcels.len() as u64, pending);
    for parcel in parcels {
        match parcel.payload.outcome().unwrap() {
            Outcome::Success(run) => assert_eq!(run.extra, super::run("", "", "").extra),
            Outcome::Failure(failure) => assert_eq!(failure.error_kind, FailureKind::Interrupted),
        }
    }
}
