//! What only a file can get wrong: the file itself, its directory, its other users, and a process that is killed while it
//! writes.

use crate::support::catalog::put_model;
use crate::support::samples::{run, success};
use llmbench::storage::{self, CollectionNames, RecordOutcome, Store, StoreError, StoreLocation};
use rusqlite::Connection;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

async fn open(path: &Path) -> Result<Arc<dyn Store>, StoreError> {
    let published = ["cloud-default-v1".to_owned()];
    storage::open(&StoreLocation::Sqlite(path.to_owned()), &CollectionNames::default(), &published).await
}

async fn broken(path: &Path) -> String {
    match open(path).await.err() {
        Some(StoreError::Broken(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_file_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let missing = broken(&directory.path().join("no/runs.db")).await;
    assert!(missing.contains("does not exist"), "{missing}");

    let text = directory.path().join("text.db");
    fs::write(&text, "no database, and long enough to be looked at: ".repeat(100)).unwrap();
    let not_a_database = broken(&text).await;
    assert!(not_a_database.contains("not an SQLite database"), "{not_a_database}");
    assert!(fs::read_to_string(&text).unwrap().starts_with("no database"));

    let a_directory = broken(directory.path()).await;
    assert!(a_directory.contains("no file"), "{a_directory}");

    let newer = directory.path().join("newer.db");
    Connection::open(&newer).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let newer = broken(&newer).await;
    assert!(newer.contains("use a newer llmbench"), "{newer}");
}

#[tokio::test]
async fn a_database_is_for_its_user_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("runs.db");
    let store = open(&path).await.unwrap();
    store.record(&success(&run("1", "groq", "m"))).await.unwrap();
    for entry in fs::read_dir(directory.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
    }
    let real = path.canonicalize().unwrap();
    assert_eq!(store.describe(), format!("sqlite:{}", real.display()));
}

/// Root may write everywhere, so this thread, and the thread that the store starts from it, go on as somebody else.
#[allow(unsafe_code, reason = "the C library changes the user of every thread; the system call that of one")]
fn become_nobody() {
    // SAFETY: a system call without memory. It changes this thread alone, which ends with the test.
    unsafe {
        if libc::geteuid() == 0 {
            assert_eq!(libc::syscall(libc::SYS_setresuid, 65_534, 65_534, 65_534), 0);
        }
    }
}

#[test]
fn a_read_only_directory_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let allow = |mode| fs::set_permissions(directory.path(), fs::Permissions::from_mode(mode)).unwrap();
    fs::write(directory.path().join("there.db"), "").unwrap();
    allow(0o555);
    let as_nobody = || {
        become_nobody();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let name = |name| runtime.block_on(broken(&directory.path().join(name)));
        (name("new.db"), name("there.db"))
    };
    let texts = std::thread::scope(|scope| scope.spawn(as_nobody).join());
    allow(0o755);
    let (new, there) = texts.unwrap();
    assert!(new.contains("read-only") && there.contains("read-only"), "{new}\n{there}");
}

#[tokio::test]
async fn a_locked_database_is_worth_trying_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("runs.db");
    let store = open(&path).await.unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let outcome = success(&run("1", "groq", "m"));
    let answer = store.record(&outcome).await;
    assert!(matches!(&answer, Err(StoreError::Unavailable(text)) if text.contains("locked")), "{answer:?}");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(store.record(&outcome).await.unwrap(), RecordOutcome::Stored);
}

#[tokio::test]
async fn quirks_of_the_catalog_reach_the_work_list() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("runs.db");
    let store = open(&path).await.unwrap();
    put_model(&*store, &"groq:m".parse().unwrap(), "M", true).await.unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute("UPDATE models SET metadata = '{\"omit_temperature\": true}'", []).unwrap();
    let items = store.work_list(None).await.unwrap();
    assert_eq!(items[0].metadata["omit_temperature"], true);
    other.execute("UPDATE models SET deprecated = 1", []).unwrap();
    assert_eq!(store.work_list(None).await.unwrap(), []);
}

const WRITER: &str = "LLMBENCH_TEST_WRITER_PATH";

/// Writes until it is killed, and prints each id after the store has acknowledged it.
#[tokio::test]
#[ignore = "the child of what_was_acknowledged_survives_kill_nine"]
#[allow(clippy::disallowed_methods, reason = "how the parent tells its child the path")]
async fn writer() {
    let path = std::env::var(WRITER).expect("started by its parent test alone");
    let store = open(Path::new(&path)).await.unwrap();
    for number in 0.. {
        let id = format!("{}-{number}", std::process::id());
        assert_eq!(store.record(&success(&run(&id, "groq", "m"))).await.unwrap(), RecordOutcome::Stored);
        println!("acknowledged {id}");
    }
}

#[test]
fn what_was_acknowledged_survives_kill_nine() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("runs.db");
    let mut acknowledged = Vec::new();
    for round in 1..=5 {
        acknowledged.extend(written_until_killed(&path, round * 7));
    }
    let database = Connection::open(&path).unwrap();
    let check: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    let mut find = database.prepare("SELECT count(*) FROM runs WHERE id = ?").unwrap();
    for id in &acknowledged {
        let found: i64 = find.query_row([id], |row| row.get(0)).unwrap();
        assert_eq!(found, 1, "{id} was acknowledged and is gone");
    }
    assert!(acknowledged.len() >= 7 + 14 + 21 + 28 + 35);
}

/// The ids that a child acknowledged until it was killed, somewhere in the write that followed the first `enough`.
fn written_until_killed(path: &Path, enough: usize) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["stores::sqlite::writer", "--exact", "--ignored", "--nocapture"])
        .env(WRITER, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let id = |line: String| line.split_once("acknowledged ").map(|(_, id)| id.to_owned());
    let mut ids = Vec::new();
    while ids.len() < enough {
        ids.extend(id(lines.next().expect("the child ended by itself").unwrap()));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // What it had printed before the signal was acknowledged too; a line that was cut was not.
    ids.extend(lines.map_while(Result::ok).filter_map(id));
    ids
}
