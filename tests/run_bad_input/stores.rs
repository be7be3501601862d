//! Stores that are down, refuse, are full, or fail in the middle of a run: no row is lost, and nothing comes twice.

use crate::support::Home;
use crate::support::peers::{Mongod, fresh_name};
use crate::support::ran::{QUICK, Ran, in_little_space, ran, rows, unprivileged};
use mongodb::bson::{Document, doc};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

fn ids(ran: &Ran) -> BTreeSet<String> {
    ran.lines().iter().map(|line| line["_id"].as_str().unwrap().to_owned()).collect()
}

fn stored(database: &Path) -> BTreeSet<String> {
    let rows = rows(database, "runs");
    rows.iter().map(|row| row["_id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn rows_wait_while_the_disk_is_full_and_arrive_once() {
    let home = Home::new();
    assert_eq!(home.ran(&["run", "--quiet", "--model", QUICK]).code, 0);
    let many =
        home.llmbench(&["run", "--ndjson", "-n", "60", "-c", "4", "--model", "sim:steady-ttft0-gap0-n4"]);
    let full = ran(&mut in_little_space(&many, 500));
    assert_eq!((full.code, full.lines().len()), (75, 60), "{full:?}");
    let waiting = home.undelivered().len();
    assert!((1..=60).contains(&waiting), "{waiting} wait");
    let said = &full.err;
    assert!(said.starts_with("error: the store did not take every result ("), "{said}");
    assert!(said.contains("the disk") && said.contains("the next run delivers them"), "{said}");
    assert!(said.contains(home.path().join("state").to_str().unwrap()), "{said}");

    let next = home.ran(&["run", "--ndjson", "--model", QUICK]);
    assert_eq!(next.code, 0);
    let told = format!("delivered {waiting} results of an earlier run to sqlite:");
    assert!(next.err.starts_with(&told), "{}", next.err);
    assert!(home.undelivered().is_empty(), "{:?}", home.undelivered());
    let all = stored(&home.database());
    assert_eq!(all.len(), 1 + 60 + 1);
    assert!(ids(&full).is_subset(&all) && ids(&next).is_subset(&all));
}

#[test]
fn a_row_that_nobody_takes_is_printed_however_quiet() {
    let home = Home::new();
    assert_eq!(home.ran(&["run", "--quiet", "--model", QUICK]).code, 0);
    fs::write(home.path().join("file"), "no directory").unwrap();
    let mut command = home.llmbench(&["run", "--quiet", "-n", "200", "--model", "sim:steady-ttft0-gap0-n4"]);
    command.env("XDG_STATE_HOME", home.path().join("file"));
    let full = ran(&mut in_little_space(&command, 500));
    assert_eq!((full.code, full.out.as_str()), (75, ""), "{full:?}");
    let printed: Vec<serde_json::Value> = full
        .err
        .lines()
        .filter_map(|line| line.strip_prefix("error: neither the store nor a file took this row ("))
        .map(|line| serde_json::from_str(line.split_once("): ").unwrap().1).unwrap())
        .collect();
    assert!(
        full.err.contains(&format!(
            "error: {} results were stored nowhere; they are printed above",
            printed.len()
        )),
        "{}",
        full.err
    );
    assert_eq!(stored(&home.database()).len() + printed.len(), 1 + 200);
}

#[test]
fn a_read_only_home_is_told_before_anything_is_measured() {
    let home = Home::new();
    let locked = home.path().join("locked");
    fs::create_dir(&locked).unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o500)).unwrap();
    let mut command = home.llmbench(&["run", "--model", QUICK]);
    for name in ["XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"] {
        command.env_remove(name);
    }
    let refused = ran(unprivileged(command.env("HOME", &locked)));
    assert_eq!((refused.code, refused.out.as_str()), (2, ""), "{refused:?}");
    let directory = locked.join(".local/share/llmbench");
    let said = format!(
        "error: cannot create {}: Permission denied (os error 13)\n\
         hint: TROUBLESHOOTING.md, \"The store\"; --store sqlite:FILE names another one, and `run` measures without one \
         under --no-store\n",
        directory.display()
    );
    assert_eq!(refused.err, said);
    let way_out = ran(unprivileged(command.arg("--no-store")));
    assert_eq!(way_out.code, 0, "the hint helps: {way_out:?}");

    let file = home.path().join("runs.db");
    fs::write(&file, "").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o400)).unwrap();
    let mut named = home.llmbench(&["run", "--model", QUICK, "--store", file.to_str().unwrap()]);
    let refused = ran(unprivileged(&mut named));
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("read-only for this user"), "{}", refused.err);
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn without_a_home_a_run_that_keeps_nothing_works() {
    let home = Home::new();
    let mut command = home.llmbench(&["run", "--no-store", "--quiet", "--model", QUICK]);
    for name in ["HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"] {
        command.env_remove(name);
    }
    assert_eq!(ran(&mut command).code, 0);
}

#[test]
fn a_database_that_is_down_is_told_in_time() {
    let home = Home::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for address in [closed, silent.local_addr().unwrap()] {
        let uri = format!("mongodb://ann:s3cretpw@{address}/bench");
        let down = ran(home.llmbench(&["run", "--model", QUICK]).env("MONGODB_URI", uri));
        assert_eq!((down.code, down.out.as_str()), (75, ""), "{down:?}");
        let said =
            format!("error: store (environment variable MONGODB_URI): mongodb://{address} cannot be reached");
        assert!(down.err.starts_with(&said), "{}", down.err);
        assert!(down.err.contains("--store sqlite:FILE names another one"), "{}", down.err);
        assert!(!down.err.contains("s3cretpw") && !down.err.contains("Topology"), "{}", down.err);
    }
}

#[test]
fn a_database_that_refuses_the_login_is_a_mistake_to_mend() {
    let mongod = Mongod::start_with_user("ann", "right");
    let uri = format!("mongodb://ann:wr0ngpassword@{}/bench?authSource=admin", mongod.address());
    let refused = ran(Home::new().llmbench(&["run", "--model", QUICK, "-v"]).env("LLMBENCH_STORE", uri));
    assert_eq!((refused.code, refused.out.as_str()), (2, ""), "{refused:?}");
    assert!(
        refused.err.contains(&format!("mongodb://{} refuses the login", mongod.address())),
        "{}",
        refused.err
    );
    assert!(!refused.err.contains("wr0ngpassword"), "{}", refused.err);
}

/// Reads the first line that a child writes.
fn first_line(out: &mut impl BufRead) -> String {
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert!(line.ends_with('\n'), "no line came");
    line
}

#[tokio::test]
async fn rows_wait_while_the_database_is_gone_and_arrive_once() {
    let mut mongod = Mongod::start_private();
    let name = fresh_name();
    let (home, uri) = (Home::new(), mongod.uri(&name));
    let mut command = home.llmbench(&["run", "--ndjson", "-n", "4", "--model", "sim:steady-ttft50-gap0-n4"]);
    let mut child =
        command.env("MONGODB_URI", &uri).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut lines = first_line(&mut out);
    mongod.kill();
    out.read_to_string(&mut lines).unwrap();
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!((ended.status.code(), lines.lines().count()), (Some(75), 4), "{said}");
    assert!(said.contains("error: the store did not take every result (mongodb://"), "{said}");
    let waiting = home.undelivered().len();
    assert!((2..=3).contains(&waiting), "{waiting} wait");

    // While the database is away, the next run says so and measures nothing.
    let away = ran(home.llmbench(&["run", "--model", QUICK]).env("MONGODB_URI", &uri));
    assert_eq!((away.code, home.undelivered().len()), (75, waiting));
    mongod.restart();
    let next = ran(home.llmbench(&["run", "--ndjson", "--model", QUICK]).env("MONGODB_URI", &uri));
    assert_eq!(next.code, 0, "{next:?}");
    assert!(
        next.err.starts_with(&format!("delivered {waiting} results of an earlier run to mongodb://")),
        "{}",
        next.err
    );
    assert!(home.undelivered().is_empty(), "{:?}", home.undelivered());

    let measured = Ran { code: 0, out: lines + &next.out, err: String::new() };
    let database = mongod.database(&name).await;
    let mut cursor = database.collection::<Document>("metrics_cloud_probe").find(doc! {}).await.unwrap();
    let mut stored = Vec::new();
    while cursor.advance().await.unwrap() {
        stored.push(cursor.deserialize_current().unwrap().get_str("_id").unwrap().to_owned());
    }
    assert_eq!(stored.len(), 5);
    assert_eq!(stored.into_iter().collect::<BTreeSet<_>>(), ids(&measured));
}

/// A store that went away is left alone until the end of the run, and asked once more then.
#[tokio::test]
async fn rows_that_waited_are_stored_at_the_end_where_the_database_is_back() {
    let mut mongod = Mongod::start_private();
    let name = fresh_name();
    let (home, uri) = (Home::new(), mongod.uri(&name));
    let mut command = home.llmbench(&["run", "--ndjson", "-n", "8", "--model", "sim:steady-ttft50-gap0-n4"]);
    let mut child =
        command.env("MONGODB_URI", &uri).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut lines = first_line(&mut out);
    mongod.kill();
    // The row that finds the store away is waited for; whoever measures stands still until the store is back.
    for _ in 0..2 {
        lines += &first_line(&mut out);
    }
    kill_process(pid, Signal::STOP).unwrap();
    mongod.restart();
    kill_process(pid, Signal::CONT).unwrap();
    out.read_to_string(&mut lines).unwrap();
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!((ended.status.code(), lines.lines().count()), (Some(0), 8), "{said}");
    // All but the first, and the one that may have been on its way when the server died.
    let waited = ["7 results waited", "6 results waited"];
    assert!(waited.iter().any(|words| said.contains(words)), "{said}");
    assert!(home.undelivered().is_empty());
    let stored = mongod.database(&name).await.collection::<Document>("metrics_cloud_probe");
    assert_eq!(stored.count_documents(doc! {}).await.unwrap(), 8);
}
