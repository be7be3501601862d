//! The binary on terminals, in pipes and under signals: where progress and colour appear, what a reader that leaves changes,
//! and what Ctrl-C keeps.

use crate::raw_server::{Act, read_request};
use crate::support::Home;
use crate::support::answers::{calling, sound};
use crate::support::peers::{Mongod, fresh_name};
use crate::support::pty::{Pty, Session, heed_interrupts};
use crate::support::ran::{QUICK, ran};
use rusqlite::{Connection, OpenFlags};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const ESCAPE: char = '\u{1b}';
const UTF8: (&str, &str) = ("LANG", "C.UTF-8");

/// What a run draws on a terminal of so many columns: both streams, or standard error alone.
fn drawn(columns: u16, arguments: &[&str], environment: &[(&str, &str)], out_too: bool) -> String {
    let pty = Pty::new(columns);
    let home = Home::new();
    let mut command = home.llmbench(&[&["run", "--no-store"], arguments].concat());
    command.env("TERM", "xterm-256color").envs(environment.iter().copied());
    command.stdin(pty.end()).stderr(pty.end()).stdout(if out_too { pty.end() } else { Stdio::null() });
    let status = command.status().unwrap();
    assert_eq!(status.code(), Some(0));
    drop(command);
    pty.drawn()
}

#[test]
fn a_terminal_has_progress_and_colour_and_a_pipe_has_neither() {
    let slow = ["--model", "sim:steady-ttft300-gap1-n4", "-n", "3"];
    let both = drawn(100, &slow, &[UTF8], true);
    assert!(both.contains("0/3") && both.contains("failed, TTFT"), "{both:?}");
    assert!(both.contains("\u{1b}[1m") || both.contains("\u{1b}[2m"), "colour: {both:?}");
    let stderr = drawn(100, &slow, &[UTF8], false);
    assert!(stderr.contains("0/3") && !stderr.contains("inter-token"), "{stderr:?}");
    assert!(!drawn(100, &[&slow[..], &["--quiet"]].concat(), &[UTF8], true).contains("0/3"));

    let piped = Home::new().ran(&["run", "--no-store", "--model", QUICK]);
    assert!(!piped.out.contains([ESCAPE, '\r']) && piped.err.is_empty(), "{piped:?}");
}

#[test]
fn no_color_and_a_dumb_terminal_are_obeyed() {
    // Cursor movement belongs to the progress bar: what is drawn after it is the report.
    let report = |environment: &[(&str, &str)]| {
        let drawn = drawn(100, &["--model", QUICK], environment, true);
        drawn[drawn.find("profile cloud-default-v1").unwrap()..].to_owned()
    };
    assert!(report(&[UTF8]).contains(ESCAPE));
    for environment in [[UTF8, ("NO_COLOR", "1")], [UTF8, ("TERM", "dumb")]] {
        assert!(!report(&environment).contains(ESCAPE), "{environment:?}");
    }
    let home = Home::new();
    let arguments = ["run", "--no-store", "--model", QUICK];
    assert!(ran(home.llmbench(&arguments).env("CLICOLOR_FORCE", "1")).out.contains(ESCAPE));
}

#[test]
fn forty_columns_are_enough() {
    let drawn = drawn(
        40,
        &["--model", QUICK, "--model", "sim:burst-ttft1-gap1-n4", "-v"],
        &[UTF8, ("NO_COLOR", "1")],
        true,
    );
    let report = &drawn[drawn.rfind(ESCAPE).map_or(0, |at| at)..];
    let report = &report[report.find("profile").unwrap()..];
    let widest =
        report.lines().map(|line| unicode_width::UnicodeWidthStr::width(line.trim_end())).max().unwrap();
    assert!(widest <= 40, "{widest} columns: {report}");
    assert!(report.contains("TTFT"), "{report}");
}

#[test]
fn the_locale_decides_about_letters() {
    let home = Home::new();
    let shown = |name: &str, value: &str| {
        ran(home.llmbench(&["run", "--no-store", "-v", "--model", QUICK]).env(name, value)).out
    };
    assert!(shown("LC_ALL", "C.UTF-8").contains("µs"));
    for ascii in ["C", "POSIX", "de_DE.ISO-8859-1"] {
        assert!(shown("LC_ALL", ascii).is_ascii(), "{ascii}");
    }
}

fn shell(home: &Home, script: &str) -> Command {
    let binary = home.llmbench(&[]);
    let mut shell = Command::new("bash");
    shell.args(["-c", script]).arg(binary.get_program()).env_clear().current_dir(home.path());
    shell.env("PATH", "/usr/bin:/bin");
    shell.envs(binary.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell
}

#[test]
fn a_reader_that_leaves_ends_the_run_and_changes_no_exit_status() {
    let home = Home::new();
    let script = "$0 run --ndjson -n 30 --model sim:steady-ttft1-gap1-n2 | head -1; echo ${PIPESTATUS[0]}";
    let piped = ran(&mut shell(&home, script));
    assert_eq!((piped.out.lines().count(), piped.out.lines().last()), (2, Some("0")), "{piped:?}");
    assert_eq!(piped.err, "");
    let stored = home.rows("runs").len();
    assert!(
        (1..30).contains(&stored),
        "what was measured is stored, and nothing is measured for nobody: {stored}"
    );
    let csv = "$0 run --csv - -n 30 --model sim:steady-ttft1-gap1-n2 | head -2; echo ${PIPESTATUS[0]}";
    let home = Home::new();
    let piped = ran(&mut shell(&home, csv));
    assert!(piped.out.starts_with("outcome,_id,provider") && piped.out.ends_with("\n0\n"), "{piped:?}");
    assert!((1..30).contains(&home.rows("runs").len()));
    let failing = "$0 run --ndjson -n 30 --model sim:error500 | head -1; echo ${PIPESTATUS[0]}";
    assert_eq!(ran(&mut shell(&home, failing)).out.lines().last(), Some("1"));
}

#[test]
fn a_closed_standard_output_changes_no_exit_status() {
    let home = Home::new();
    for (flags, model, status) in
        [("", QUICK, 0), ("--ndjson", QUICK, 0), ("--json", QUICK, 0), ("--ndjson", "sim:error500", 1)]
    {
        for closed in [">&-", ">&- 2>&-", ">&- 2>&- <&-"] {
            let ended = ran(&mut shell(&home, &format!("$0 run {flags} --model {model} {closed}")));
            assert_eq!((ended.code, ended.err.as_str()), (status, ""), "{flags} {model} {closed}");
        }
    }
}

#[test]
fn a_full_standard_output_is_an_error() {
    let home = Home::new();
    for (flags, said) in [
        (&[][..], "error: cannot write the report: No space left on device"),
        (&["--json"], "error: cannot write the report: No space left on device"),
        (&["--ndjson"], "error: standard output takes no more: No space left on device"),
    ] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = home.llmbench(&[&["run", "--model", QUICK], flags].concat());
        let output = command.stdout(full).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{err}");
        assert!(err.starts_with(said), "{err}");
    }
    assert_eq!(home.rows("runs").len(), 3, "stored all the same");
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Starts a run whose lines can be read while it lasts.
fn started(command: &mut Command) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    (child, out)
}

fn ended(child: Child) -> (Option<i32>, String) {
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn ctrl_c_keeps_what_was_finished() {
    for name in [Signal::INT, Signal::TERM] {
        let home = Home::new();
        let endless = ["run", "--ndjson", "-n", "100000", "-c", "3", "--model", "sim:steady-ttft20-gap1-n4"];
        let (child, mut out) = started(&mut home.llmbench(&endless));
        let mut lines = String::new();
        for _ in 0..5 {
            out.read_line(&mut lines).unwrap();
        }
        signal(&child, name);
        out.read_to_string(&mut lines).unwrap();
        assert_eq!(ended(child), (Some(130), String::new()));
        assert_eq!(home.rows("runs").len(), lines.lines().count());
        assert!(home.rows("errors").is_empty(), "what was given up is no failure");
    }
}

#[test]
fn ctrl_c_ends_a_request_that_hangs_and_still_reports() {
    let home = Home::new();
    let (child, mut out) = started(
        &mut home.llmbench(&["run", "--json", "-n", "2", "-c", "2", "--model", QUICK, "--model", "sim:hang"]),
    );
    // The quick model is stored before the hanging one is given up.
    let stored = || {
        let database = Connection::open_with_flags(home.database(), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        database.query_row("SELECT count(*) FROM runs", [], |row| row.get::<_, i64>(0))
    };
    while stored().unwrap_or(0) == 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    signal(&child, Signal::INT);
    let mut report = String::new();
    out.read_to_string(&mut report).unwrap();
    assert_eq!(ended(child).0, Some(130));
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["load"]["stopped_early"], "interrupted");
}

#[test]
fn ctrl_c_works_while_a_prompt_is_typed() {
    let home = Home::new();
    let mut command = home.llmbench(&["run", "--model", QUICK, "--prompt-file", "-"]);
    heed_interrupts(&mut command);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    // It waits for standard input, whose other end stays open in this process.
    let wchan = format!("/proc/{}/syscall", child.id());
    let reads = || std::fs::read_to_string(&wchan).is_ok_and(|call| call.starts_with("0 0x0 "));
    let start = std::time::Instant::now();
    while !reads() && start.elapsed() < Duration::from_secs(2) {
        std::thread::sleep(Duration::from_millis(5));
    }
    signal(&child, Signal::INT);
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), Some(libc::SIGINT));
    assert!(!home.database().exists());
}

/// Interrupts a run twice while its row is on the way to a store that hangs. False where the signals came too early.
fn interrupted_twice() -> bool {
    let mongod = Mongod::start_private();
    let home = Home::new();
    let host = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = calling(&home, host.local_addr().unwrap(), &["--ndjson"]);
    let (child, mut out) = started(command.env("MONGODB_URI", mongod.uri(&fresh_name())));
    // The store freezes between question and answer.
    let (mut connection, _) = host.accept().unwrap();
    read_request(&mut connection).unwrap();
    mongod.freeze();
    for act in sound() {
        if let Act::Send(bytes) = act {
            connection.write_all(&bytes).unwrap();
        }
    }
    // The exchange is over once the client closes; the store comes next.
    let _ = connection.read(&mut [0]);
    std::thread::sleep(Duration::from_millis(1500));
    signal(&child, Signal::INT);
    std::thread::sleep(Duration::from_millis(200));
    signal(&child, Signal::INT);
    out.read_to_string(&mut String::new()).unwrap();
    let (code, said) = ended(child);
    assert_eq!(code, Some(130), "{said}");
    let kept = home.undelivered().len();
    assert_eq!(said.contains("interrupted twice, the store was not waited for"), kept == 1, "{said}");
    kept == 1
}

#[test]
fn a_second_ctrl_c_does_not_wait_for_the_store_and_keeps_the_row() {
    assert!((0..5).any(|_| interrupted_twice()), "the row was neither waited for nor kept, five times");
}

#[test]
fn ctrl_c_takes_the_bar_away_and_gives_the_terminal_back() {
    let home = Home::new();
    let mut session = Session::start(home.llmbench(&["run", "sim:steady-ttft200-gap1-n4", "-n", "100"]));
    session.until("tok/s", 1);
    session.types("\u{3}");
    let (status, seen) = session.ended();
    assert_eq!(status, Some(130), "{seen}");
    assert!(!seen.contains("^C"), "the echo would leave the bar on its line: {seen:?}");
    assert!(session.is_sane() && session.echoes_control(), "{seen}");
    assert!(seen.contains(" left "), "the time that is left is shown: {seen:?}");
}

#[test]
fn all_is_estimated_and_asked_about_at_a_terminal_alone() {
    let home = Home::new();
    assert_eq!(home.ran(&["models", "add", QUICK, "--yes"]).code, 0);
    let script = home.ran(&["run", "--all", "-n", "2"]);
    assert!(script.code == 0 && script.err.contains("1 model, 2 calls, at most about "), "{script:?}");
    let sure = Session::start(home.llmbench(&["run", "--all", "--yes"])).ended();
    assert!(sure.0 == Some(0) && !sure.1.contains("Measure them?"), "{sure:?}");
    let before = home.rows("runs").len();
    let mut session = Session::start(home.llmbench(&["run", "--all"]));
    session.until("Measure them?", 1);
    session.types("n\n");
    let (status, seen) = session.ended();
    assert!(status == Some(0) && seen.contains("nothing was measured"), "{seen}");
    assert_eq!(home.rows("runs").len(), before);
}

#[test]
fn notes_are_broken_at_words() {
    let home = Home::new();
    let (_, seen) = Session::start(home.llmbench(&["run", "--role", "published", "--warm", QUICK])).ended();
    let widest = seen.lines().map(|line| unicode_width::UnicodeWidthStr::width(line.trim_end())).max();
    assert!(seen.contains("error: --role published") && widest.unwrap() <= 80, "{seen}");
}

#[test]
fn no_hidden_command_is_hinted_at() {
    for wrong in ["completion", "complete", "_completion"] {
        let said = Home::new().ran(&[wrong]);
        assert!(said.code == 2 && said.err.contains("unrecognized subcommand"), "{said:?}");
        assert!(!said.err.contains("__complete"), "{said:?}");
    }
}
