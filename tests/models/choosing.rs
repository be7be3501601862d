//! Models chosen from a list: `models add` without arguments and `catalog diff --pick`, at a real terminal and without one.

use super::{Office, Said};
use crate::catalog::servers::{Answer, Gate, Server, json};
use crate::stores::backend::Backend;
use crate::support::pty::Session;
use crate::support::screen::screen;
use rustix::process::{Pid, Signal, kill_process};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// An office in which the simulator's list was read.
fn office() -> Office {
    let office = Office::new(Backend::sqlite());
    let synced = Said::of(office.any(&["catalog", "sync", "--provider", "sim"]));
    assert_eq!(synced.status, 0, "{synced:?}");
    office
}

fn add(office: &Office, arguments: &[&str]) -> Session {
    Session::start(office.command(&[&["add"], arguments].concat()))
}

const PROVIDER: &str = "Models of which provider?";
const MODELS: &str = "Which models of sim?";
const PICK: &[&str] = &["catalog", "diff", "--pick"];
const PICKS: &str = "Which models are to be measured?";

#[test]
fn provider_models_consent_and_a_call_each() {
    let office = office();
    let mut session = add(&office, &[]);
    session.until(PROVIDER, 1);
    session.types("sim\r");
    session.until(MODELS, 1);
    session.types("flod\t\u{15}earl\t\r");
    session.until("Go on?", 1);
    let seen = session.seen();
    assert!(seen.contains("add 2 models, after one real call each"), "{seen}");
    assert!(office.ids(&["--all"]).is_empty());
    session.types("y\n");
    let (status, seen) = session.ended();
    assert_eq!(status, Some(0), "{seen}");
    assert!(seen.contains("sim:flood answered") && seen.contains("to undo: llmbench models undo"), "{seen}");
    assert!(session.is_sane());
    assert_eq!(office.ids(&[]), ["sim:early-stop", "sim:flood"]);
}

/// The screen at 80 columns, with the moments of reads taken out.
fn picture(name: &str, session: &Session) {
    let screen = screen(&session.seen());
    assert!(screen.lines().all(|line| line.chars().count() <= 80), "{screen}");
    let timeless = |line: &str| match line.split_once(", read ") {
        Some((before, _)) => format!("{before}, read …\n"),
        None => format!("{line}\n"),
    };
    let shown: String = screen.lines().map(timeless).collect();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, shown));
}

#[test]
fn pictures_of_every_question() {
    let office = office();
    let mut session = add(&office, &["--no-probe"]);
    session.until("type to search", 1);
    picture("models_add_provider_80", &session);
    session.types("sim\r");
    session.until("45 of 45, 0 marked", 1);
    picture("models_add_models_80", &session);
    session.types("flod\t");
    session.until("1 marked", 1);
    picture("models_add_marked_80", &session);
    session.types("\r");
    session.until("Go on?", 1);
    picture("models_add_consent_80", &session);
    session.types("y\n");
    assert_eq!(session.ended().0, Some(0));

    let mut session = Session::start(office.any(PICK));
    session.until("44 of 44, 0 marked", 1);
    picture("catalog_pick_80", &session);
    session.types("err*");
    session.until("9 marked", 1);
    picture("catalog_pick_marked_80", &session);
    session.types("\u{1b}");
    session.ended();
}

#[test]
fn ctrl_c_at_each_question_changes_nothing_and_leaves_a_sane_terminal() {
    let office = office();
    for (start, keys) in [
        (&["models", "add"][..], &[(PROVIDER, "\u{3}")][..]),
        (&["models", "add"], &[(PROVIDER, "\r"), (MODELS, "flo\t\u{3}")]),
        (&["models", "add"], &[(PROVIDER, "\r"), (MODELS, "flo\r"), ("Go on?", "\u{3}")]),
        (PICK, &[(PICKS, "*\u{3}")]),
        (PICK, &[(PICKS, "flood\r"), ("Go on?", "\u{3}")]),
    ] {
        let mut session = Session::start(office.any(start));
        for (words, typed) in keys {
            session.until(words, 1);
            session.types(typed);
        }
        let (status, seen) = session.ended();
        assert_eq!(status, Some(130), "{keys:?}: {seen}");
        assert!(session.is_sane(), "{keys:?}");
        assert!(seen.rfind("\u{1b}[?25h") >= seen.rfind("\u{1b}[?25l"), "{keys:?}: {seen:?}");
        assert!(office.ids(&["--all"]).is_empty() && office.done(&["history"]).is_empty(), "{keys:?}");
    }
}

#[test]
fn a_signal_at_a_question_gives_the_terminal_back() {
    let office = office();
    let mut session = add(&office, &[]);
    session.until(PROVIDER, 1);
    kill_process(Pid::from_raw(session.id()).unwrap(), Signal::TERM).unwrap();
    let (status, seen) = session.ended();
    assert_eq!(status, Some(130), "{seen}");
    assert!(session.is_sane() && office.ids(&["--all"]).is_empty());
}

#[test]
fn escape_and_no_are_no() {
    let office = office();
    for keys in [
        &[(PROVIDER, "\u{1b}")][..],
        &[(PROVIDER, "\r"), (MODELS, "\u{1b}")],
        &[(PROVIDER, "\r"), (MODELS, "flo\r"), ("Go on?", "n\n")],
    ] {
        let mut session = add(&office, &[]);
        for (words, typed) in keys {
            session.until(words, 1);
            session.types(typed);
        }
        let (status, seen) = session.ended();
        assert_eq!(status, Some(0), "{keys:?}: {seen}");
        assert!(seen.contains("nothing was changed") && office.ids(&["--all"]).is_empty(), "{seen}");
    }
}

#[test]
fn a_list_that_was_never_read_is_read_first() {
    let server =
        Server::start(|_| json(r#"{"data":[{"id":"a-model","context_window":8192},{"id":"evil\n[2J"}]}"#));
    let office = Office::new(Backend::sqlite());
    let mut command = office.command(&["add", "--no-probe"]);
    command.env("GROQ_API_KEY", "canary-key").env("GROQ_BASE_URL", server.url(""));
    let mut session = Session::start(command);
    session.until(PROVIDER, 1);
    session.types("groq\r");
    session.until("The list of groq was never read whole. Read it now?", 1);
    session.types("y\n");
    session.until("Which models of groq?", 1);
    session.until("a-model  context 8,192", 1);
    session.types("\r");
    session.until("Go on?", 1);
    session.types("y\n");
    let (status, seen) = session.ended();
    assert_eq!(status, Some(0), "{seen}");
    assert!(
        seen.contains("1 listed with a name that no model can have") && !seen.contains("\u{1b}[2J"),
        "{seen:?}"
    );
    assert_eq!(office.ids(&["--all"]), ["groq:a-model"]);
}

#[test]
fn new_ones_are_picked_and_the_terminal_may_change_its_width() {
    let office = office();
    let mut session = Session::start(office.any(PICK));
    session.until(PICKS, 1);
    session.types("stead");
    session.until("search: stead", 1);
    session.resize(40);
    session.types("\u{15}floo\t\u{15}early");
    session.until("search: early", 1);
    session.types("\t\r");
    session.until("Go on?", 1);
    session.types("y\n");
    let (status, seen) = session.ended();
    assert_eq!(status, Some(0), "{seen}");
    assert!(session.is_sane());
    assert_eq!(office.ids(&[]), ["sim:early-stop", "sim:flood"]);
    assert!(office.done(&["history"]).contains("picked from catalog diff"));
}

#[test]
fn without_a_terminal_a_flag_answers() {
    let office = office();
    let pick = |arguments: &[&str]| Said::of(office.any(&[&["catalog", "diff"], arguments].concat()));
    for (arguments, status, words) in [
        (&["--pick"][..], 2, "--pick=PROVIDER:MODEL_ID"),
        (&["--pick=sim:flood"], 2, "--yes does it"),
        (&["--pick=sim:flod", "--yes"], 1, "near to it: sim:flood"),
        (&["--pick=sim:flood", "--yes", "--json"], 2, "cannot be used with"),
        (&["--yes"], 2, "--pick"),
    ] {
        let said = pick(arguments);
        assert_eq!(said.status, status, "{arguments:?}: {said:?}");
        assert!(said.err.contains(words), "{arguments:?}: {said:?}");
    }
    let shown = pick(&["--pick=sim:flood,early*", "--dry-run"]);
    assert_eq!(shown.out, "add 2 models, after one real call each:\n  sim:flood\n  sim:early-stop\n");
    assert!(office.ids(&["--all"]).is_empty());
    let said = pick(&["--pick=sim:flood, early*,sim:flood", "--yes"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert_eq!(office.ids(&[]), ["sim:early-stop", "sim:flood"]);
    let names = office.say(&["add"]);
    assert!(names.status == 2 && names.err.contains("PROVIDER:MODEL_ID… or --from-file FILE"), "{names:?}");
}

/// Four of one provider's models are called side by side, and never a fifth.
#[test]
fn a_provider_is_asked_by_few_at_once() {
    let (gate, now, most) =
        (Arc::new(Gate::new(4)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, highest) = (Arc::clone(&now), Arc::clone(&most));
    let server = Server::start(move |path| {
        if path.ends_with("/models") {
            let ids: Vec<String> = (0..12).map(|number| format!(r#"{{"id":"m{number}"}}"#)).collect();
            return json(format!(r#"{{"data":[{},{{"id":"evil\n[2J"}}]}}"#, ids.join(",")));
        }
        highest.fetch_max(counted.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        assert!(gate.pass());
        counted.fetch_sub(1, Ordering::SeqCst);
        Answer::Whole(
            404,
            br#"{"error":{"message":"The model does not exist","code":"model_not_found"}}"#.to_vec(),
        )
    });
    let office = Office::new(Backend::sqlite());
    let run = |arguments: &[&str]| {
        let mut command = office.any(&[&["catalog"], arguments].concat());
        command.env("GROQ_API_KEY", "canary-key").env("GROQ_BASE_URL", server.url(""));
        Said::of(command)
    };
    assert_eq!(run(&["sync"]).status, 0);
    let said = run(&["diff", "--pick=*", "--yes"]);
    assert_eq!(said.status, 1, "{said:?}");
    assert_eq!(said.err.matches("did not answer").count(), 12, "{said:?}");
    assert!(said.err.contains("1 listed with a name that no model can have"), "{said:?}");
    assert_eq!(most.load(Ordering::SeqCst), 4);
    assert_eq!(office.ids(&["--disabled"]).len(), 12);
}
