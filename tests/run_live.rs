//! `run --live`: a full-screen view while it measures, and the table on the normal screen at its end.

use crate::support::Home;
use crate::support::pty::Session;
use crate::support::ran::QUICK;
use crate::support::screen::screen;
use rustix::process::{Pid, Signal, kill_process};
use std::process::Command;

fn live(home: &Home, arguments: &[&str]) -> Command {
    let mut command = home.llmbench(&[&["run", "--live"], arguments].concat());
    command.env("LC_ALL", "C").env("NO_COLOR", "1");
    command
}

#[test]
fn a_run_is_followed_and_its_table_stays() {
    let home = Home::new();
    let mut session = Session::start(live(&home, &["sim:steady-ttft300-gap1-n4", "sim:error500", "-n", "4"]));
    session.shows(|screen| screen.contains(" of 8 ended") && screen.contains("in flight; "));
    session.shows(|screen| screen.contains("now     sim:steady-ttft300-gap1-n4"));
    session
        .shows(|screen| screen.contains("error   ") && screen.contains("sim:error500 transient_provider: "));
    let (status, seen) = session.ended();
    assert_eq!(status, Some(1), "{seen}");
    let left = screen(&seen);
    assert!(
        left.starts_with("20") && left.contains("profile cloud-default-v1") && left.contains("TTFT"),
        "{left}"
    );
    assert!(session.is_sane() && home.rows("runs").len() == 4, "{left}");
}

#[test]
fn stopping_keeps_what_was_finished() {
    for end in ["qy", "\u{3}", "TERM"] {
        let home = Home::new();
        let mut session = Session::start(live(&home, &["sim:steady-ttft50-gap1-n4", "-n", "10000"]));
        session.shows(|screen| screen.contains(" of 10,000 ended") && !screen.contains("\n0 of"));
        match end {
            "TERM" => kill_process(Pid::from_raw(session.id()).unwrap(), Signal::TERM).unwrap(),
            keys => session.types(keys),
        }
        let (status, seen) = session.ended();
        assert_eq!(status, Some(130), "{end}: {seen}");
        assert!(
            session.is_sane() && screen(&seen).contains(", profile cloud-default-v1"),
            "{end}: {}",
            screen(&seen)
        );
        assert!(!home.rows("runs").is_empty());
    }
}

#[test]
fn notes_of_the_view_are_printed_after_it() {
    let home = Home::new();
    let mut session = Session::start(live(&home, &["--no-store", "sim:rejects-temperature", "-n", "1"]));
    let (status, seen) = session.ended();
    let left = screen(&seen);
    assert_eq!(status, Some(0), "{left}");
    assert!(left.starts_with("sim:rejects-temperature: the API refused the request as it was"), "{left}");
}

#[test]
fn a_pipe_and_a_dumb_terminal_get_what_they_got() {
    let home = Home::new();
    let piped = home.ran(&["run", "--live", "--no-store", "--model", QUICK]);
    assert!(piped.code == 0 && !piped.out.contains('\u{1b}') && piped.err.is_empty(), "{piped:?}");
    // Lines on the same terminal would be drawn over.
    let mut session = Session::start(live(&home, &["--no-store", "--ndjson", "--model", QUICK]));
    let (status, seen) = session.ended();
    assert!(status == Some(0) && !seen.contains("\u{1b}[?1049h"), "{seen:?}");
    let both = home.ran(&["run", "--live", "--quiet", "--model", QUICK]);
    assert_eq!(both.code, 2, "{both:?}");
}
