//! What a running daemon tells: log lines, probes, words to the service manager, its outbox, its checks, lists and notices,
//! and that it was stopped on purpose.

use super::world::{Daemon, QUICK, World, until};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::sync::mpsc;
use std::time::Duration;

const SOON: &str = "[daemon]\ncadence = 2\ntick = 1.0";

fn world(configuration: &str) -> World {
    World::new(&[&format!("alpha:{QUICK}")], configuration)
}

pub fn lines(said: &str) -> Vec<Value> {
    said.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect()
}

fn has(said: &str, message: &str) -> bool {
    said.lines().any(|line| line.contains(message))
}

/// Where the daemon answers, as its log says.
pub fn address(daemon: &Daemon) -> String {
    let found = || lines(&daemon.said()).iter().find_map(|line| line["address"].as_str().map(str::to_owned));
    until("the address is in the log", || daemon.said().ends_with('\n') && found().is_some());
    found().unwrap()
}

/// Status line and body of an answer.
pub fn get(address: &str, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

#[test]
fn every_line_is_an_object_and_the_last_one_counts() {
    let world = world(SOON);
    let daemon = world.logged(&["--log-level", "debug"]);
    until("a row is stored", || has(&daemon.said(), "\"stored\""));
    let (code, said) = daemon.stop();
    assert_eq!(code, 0, "{said}");
    let lines = lines(&said);
    let find = |message: &str| lines.iter().find(|line| line["message"] == message);
    assert!(find("ready").is_some() && find("started").is_some() && find("stopping: no new calls").is_some());
    let measured = find("measured").unwrap();
    assert_eq!((&measured["provider"], &measured["level"]), (&"alpha".into(), &"info".into()));
    let last = lines.last().unwrap();
    assert!(last["message"].as_str().unwrap().starts_with("stopped: "), "{last}");
    assert!(last["measured"].as_u64().unwrap() >= 1 && last["waiting"] == 0, "{last}");
}

#[test]
fn people_get_text_and_as_much_as_they_want() {
    let world = world("[daemon]\ncadence = 86400");
    let (code, said) = world.start(&["--once", "--log-format", "text"]).end();
    assert!(code == 0 && said.contains("measured") && !said.contains('{'), "{said}");
    let (code, said) = world.start(&["--once", "--log-level", "error"]).end();
    assert_eq!((code, said.as_str()), (0, ""));
}

#[test]
fn probes_tell_what_is_so() {
    let world = world(SOON);
    let daemon = world.logged(&["--listen", "127.0.0.1:0"]);
    let address = address(&daemon);
    until("it is ready", || get(&address, "/readyz").0.contains("200"));
    assert!(get(&address, "/livez").0.contains("200"));
    let stored = "llmbench_rows_stored_total{provider=\"alpha\"}";
    until("stored rows are counted", || get(&address, "/metrics").1.contains(stored));
    // The pulse follows the first events within a second.
    until("lanes are shown", || {
        get(&address, "/metrics").1.contains("llmbench_lane_state{provider=\"alpha\"")
    });
    let page = get(&address, "/metrics").1;
    for family in [
        "llmbench_runs_total{provider=\"alpha\"",
        "llmbench_lane_state{provider=\"alpha\"",
        "llmbench_store_up 1",
    ] {
        assert!(page.contains(family), "{family} is not in {page}");
    }
    until("freshness is counted", || {
        get(&address, "/metrics").1.contains("llmbench_models{provider=\"alpha\"")
    });
    assert_eq!(daemon.stop().0, 0);
}

#[test]
fn a_port_that_is_taken_is_said_with_a_way_out() {
    let world = world(SOON);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = world.command(&["--listen", &address]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains(&format!("probes cannot be answered at {address}")) && said.contains("--listen"),
        "{said}"
    );
    let output = world.command(&["--listen", "9464"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(2) && said.contains("write 127.0.0.1:9464"), "{said}");
}

#[test]
fn the_service_manager_hears_ready_alive_and_stopping() {
    let world = world(SOON);
    let path = world.home.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(90))).unwrap();
    let hear = |word: &str| {
        let mut buffer = [0; 256];
        loop {
            let length =
                socket.recv(&mut buffer).unwrap_or_else(|error| panic!("{word} was not said: {error}"));
            if &buffer[..length] == word.as_bytes() {
                return;
            }
        }
    };
    let mut command = world.command(&[]);
    command.env("NOTIFY_SOCKET", &path);
    let daemon = Daemon::logged(command, world.home.path().join("state/llmbench"));
    hear("READY=1");
    hear("STATUS=measures 1 models of 1 providers");
    hear("WATCHDOG=1");
    let stopped = std::thread::spawn(move || daemon.stop());
    hear("STOPPING=1");
    assert_eq!(stopped.join().unwrap().0, 0);
    assert!(!world.home.path().join("state/llmbench/watchdog.json").exists());
}

#[test]
fn the_outbox_is_asked_through_the_daemon_and_damage_is_told() {
    let world = world(SOON);
    let outbox = world.home.path().join("state/llmbench/outbox");
    fs::create_dir_all(&outbox).unwrap();
    fs::write(outbox.join("outbox.db"), "no database at all, and longer than its header would have to be")
        .unwrap();
    let daemon = world.logged(&["--log-level", "debug"]);
    until("a row is stored", || has(&daemon.said(), "\"stored\""));
    assert!(has(&daemon.said(), "a damaged outbox was set aside"), "{}", daemon.said());
    let output = world.other(&["outbox", "list", "--state", "delivered", "--json"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains("\"alpha\""), "{said}");
    assert_eq!(daemon.stop().0, 0);
}

#[test]
fn checks_are_kept_and_the_scheduler_is_heard_of() {
    let world = world(SOON);
    let daemon = world.logged(&[]);
    let status = || -> Value {
        let output = world.other(&["status", "--json"]);
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    };
    until("the checks were made", || status()["check_run"]["results"].is_array());
    let seen = status();
    let scheduler = |seen: &Value| {
        seen["heartbeats"]
            .as_array()
            .unwrap()
            .iter()
            .find(|heartbeat| heartbeat["component"] == "llmbench")
            .cloned()
    };
    assert_eq!(scheduler(&seen).unwrap()["details"]["lanes"], 1);
    let results = seen["check_run"]["results"].as_array().unwrap();
    assert!(results.iter().all(|result| result["evaluated"] == true), "{results:?}");
    assert_eq!(daemon.stop().0, 0);
}

/// Takes one letter, and gives its body.
fn webhook() -> (String, mpsc::Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (said, heard) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(&stream);
            let mut length = 0;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            (&stream)
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .unwrap();
            let _ = said.send(serde_json::from_slice(&body).unwrap());
        }
    });
    (format!("http://{address}/hook"), heard)
}

#[test]
fn lists_are_read_once_and_news_is_told_once() {
    let (hook, heard) = webhook();
    let world = world(SOON);
    let start = || {
        let mut command = world.command(&[]);
        command.env("LLMBENCH_WEBHOOK_URL", &hook);
        Daemon::logged(command, world.home.path().join("state/llmbench"))
    };
    let read =
        |daemon: &Daemon| lines(&daemon.said()).iter().filter(|line| line["message"] == "list read").count();
    let daemon = start();
    until("both lists were read", || daemon.said().ends_with('\n') && read(&daemon) == 2);
    let letter = heard.recv_timeout(Duration::from_secs(90)).expect("nothing was told");
    assert!(letter["text"].as_str().unwrap().contains("alpha"), "{letter}");
    until("the telling is in the log", || has(&daemon.said(), "told what is new"));
    assert_eq!(daemon.stop().0, 0);
    let daemon = start();
    until("the second daemon has looked", || world.slots("alpha").len() >= 6);
    assert_eq!(read(&daemon), 0, "lists are read once a day");
    assert_eq!(daemon.stop().0, 0);
    assert!(heard.try_recv().is_err(), "told twice");
}

#[test]
fn a_daemon_that_was_stopped_says_so_and_a_pass_leaves_nothing() {
    let world = world(SOON);
    let daemon = world.start(&[]);
    until("a row is there", || !world.runs().is_empty());
    assert_eq!(daemon.stop().0, 0);
    let output = world.other(&["status", "--check"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("the daemon was stopped on purpose at") && !said.contains("is gone"), "{said}");
    assert_eq!(world.start(&["--once"]).end().0, 0);
    assert!(!world.home.path().join("state/llmbench/pulse.json").exists());
}
