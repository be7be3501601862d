//! Questions at a real terminal: yes, no, Ctrl-C, and a catalogue that somebody else changes while the question stands.

use super::Office;
use crate::stores::backend::Backend;
use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// An invocation at a terminal.
struct Session {
    child: Child,
    master: File,
    seen: Arc<Mutex<String>>,
}

impl Session {
    /// Starts it on the slave side of a new pseudo-terminal.
    #[allow(unsafe_code, reason = "the child has to make the terminal its own before it starts")]
    fn start(office: &Office, arguments: &[&str]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let slave =
            || File::from(open(name.as_c_str(), OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap());
        let mut command = office.command(arguments);
        command.env("TERM", "xterm").stdin(Stdio::from(slave())).stdout(Stdio::from(slave()));
        command.stderr(Stdio::from(slave()));
        // SAFETY: both are system calls that allocate nothing.
        unsafe {
            command.pre_exec(|| {
                rustix::process::setsid()?;
                rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?;
                Ok(())
            });
        }
        let child = command.spawn().unwrap();
        drop(command);
        let master = File::from(master);
        let (seen, mut reader) = (Arc::new(Mutex::new(String::new())), master.try_clone().unwrap());
        let shown = Arc::clone(&seen);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = reader.read(&mut buffer) {
                shown.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..read]));
            }
        });
        Self { child, master, seen }
    }

    /// Waits until the screen has shown this so many times.
    fn until(&self, words: &str, times: usize) {
        let start = Instant::now();
        while self.seen().matches(words).count() < times {
            assert!(start.elapsed() < Duration::from_secs(60), "no {words:?} in {}", self.seen());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn seen(&self) -> String {
        self.seen.lock().unwrap().clone()
    }

    fn types(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    /// The exit status, and everything that was seen.
    fn ended(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().unwrap();
        // What was written before the end may still be on its way through the terminal.
        let start = Instant::now();
        let mut before = self.seen();
        while start.elapsed() < Duration::from_secs(2) {
            std::thread::sleep(Duration::from_millis(20));
            if self.seen() == before {
                break;
            }
            before = self.seen();
        }
        (status.code(), self.seen())
    }
}

fn office() -> Office {
    let office = Office::new(Backend::sqlite());
    office.done(&["add", "sim:a", "sim:b", "--no-probe", "--yes"]);
    office.done(&["enable", "sim:*", "--yes"]);
    office
}

const DISABLE: &[&str] = &["disable", "sim:*", "--reason", "gone"];

#[test]
fn yes_changes_and_no_does_not() {
    let office = office();
    let mut session = Session::start(&office, DISABLE);
    session.until("Go on?", 1);
    assert!(session.seen().contains("sim:b: enabled true -> false"), "{}", session.seen());
    session.types("n");
    assert_eq!(session.ended().0, Some(1));
    assert_eq!(office.ids(&[]).len(), 2);

    let mut session = Session::start(&office, DISABLE);
    session.until("Go on?", 1);
    session.types("y");
    let (status, seen) = session.ended();
    assert_eq!(status, Some(0), "{seen}");
    assert!(office.ids(&[]).is_empty());
}

#[test]
fn ctrl_c_at_the_question_changes_nothing_and_gives_the_cursor_back() {
    let office = office();
    let mut session = Session::start(&office, DISABLE);
    session.until("Go on?", 1);
    session.types("\u{3}");
    let (status, seen) = session.ended();
    assert_eq!(status, Some(130), "{seen}");
    assert!(seen.rfind("\u{1b}[?25h") > seen.rfind("\u{1b}[?25l"), "{seen:?}");
    assert_eq!(office.ids(&[]).len(), 2);
}

#[test]
fn who_was_faster_is_seen_and_asked_about() {
    let office = office();
    let mut session = Session::start(&office, DISABLE);
    session.until("Go on?", 1);
    let first = office.done(&["disable", "sim:a", "--reason", "the first was here"]);
    session.types("y");
    session.until("Change it all the same", 1);
    let seen = session.seen();
    assert!(seen.contains("the first was here") && seen.contains(&first), "{seen}");
    session.types("n");
    let (status, seen) = session.ended();
    assert_eq!(status, Some(1), "{seen}");
    let shown = office.json(&["show", "sim:*", "--json"]);
    let reasons = [0, 1].map(|place| shown["models"][place]["model"]["disabled_reason"].clone());
    assert_eq!(reasons, ["the first was here", "gone"]);

    office.done(&["enable", "sim:*", "--yes"]);
    let mut session = Session::start(&office, DISABLE);
    session.until("Go on?", 1);
    office.done(&["disable", "sim:a", "--reason", "first again"]);
    session.types("y");
    session.until("Change it all the same", 1);
    session.types("y");
    assert_eq!(session.ended().0, Some(0));
    let shown = office.json(&["show", "sim:a", "--json"]);
    assert_eq!(shown["models"][0]["model"]["disabled_reason"], "gone");
}

#[test]
fn the_inference_profile_is_offered() {
    let office = office();
    let bare = "bedrock:anthropic.claude-x";
    let mut session = Session::start(&office, &["add", bare, "--no-probe"]);
    session.until("instead?", 1);
    session.types("y");
    assert_eq!(session.ended().0, Some(0));
    assert_eq!(office.ids(&["--all", "--provider", "bedrock"]), ["bedrock:global.anthropic.claude-x"]);
}
