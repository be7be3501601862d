//! At a terminal: the questions, in their order, and what becomes of them.

use super::{MODEL, config, measured, server, written};
use crate::support::Home;
use crate::support::answers::CANARY;
use crate::support::pty::Session;
use crate::support::screen::screen;

const STORE: &str = "Where do results go?";
const PROVIDERS: &str = "Which providers are measured?";

/// The screen at 80 columns, with the paths of this home taken out.
fn picture(name: &str, session: &Session, home: &Home) {
    let screen = screen(&session.seen());
    assert!(screen.lines().all(|line| line.chars().count() <= 80), "{screen}");
    // A path that was cut to the width ends where it ends.
    let shown: String = screen
        .lines()
        .map(|line| match line.split_once("/tmp/") {
            Some((before, _)) => format!("{before}…\n"),
            None => format!("{}\n", line.replace(&home.path().display().to_string(), "…")),
        })
        .collect();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, shown));
}

#[test]
fn the_simulator_takes_two_answers() {
    let home = Home::new();
    let mut session = Session::start(home.llmbench(&["init"]));
    session.until(STORE, 1);
    session.until("type to search", 1);
    picture("init_store_80", &session, &home);
    session.types("\r");
    session.until(PROVIDERS, 1);
    session.until("Tab marks", 1);
    picture("init_providers_80", &session, &home);
    session.types("sim\r");
    let (status, seen) = session.ended();
    assert_eq!(status, Some(0), "{seen}");
    assert!(seen.contains("sim:steady answered") && seen.contains("Next:"), "{seen}");
    assert!(session.is_sane());
    assert_eq!(measured(&home), ["sim:steady"]);
}

#[test]
fn a_server_of_ones_own_is_described_and_its_model_chosen() {
    let (home, server) = (Home::new(), server());
    let mut command = home.llmbench(&["init"]);
    command.env("CELLAR_KEY", CANARY);
    let mut session = Session::start(command);
    session.until(STORE, 1);
    session.types("\r");
    session.until(PROVIDERS, 1);
    session.types("another\r");
    for (question, time, answer) in [
        ("Name of the server", 1, "Wrong Name"),
        ("Name of the server", 2, "cellar"),
        ("Address of cellar", 1, "localhost:1"),
        ("Address of cellar", 2, &server.url("/v1")),
        ("Variable that holds the key of cellar", 1, CANARY),
        ("Variable that holds the key of cellar", 2, "CELLAR_KEY"),
    ] {
        session.until(question, time);
        session.types(&format!("{answer}\n"));
    }
    session.until("Which model of cellar is asked once?", 1);
    session.until(MODEL, 1);
    session.types(&format!("{MODEL}\r"));
    session.until("Ask?", 1);
    let seen = session.seen();
    assert!(seen.contains("1 call") && seen.contains("no price is known"), "{seen}");
    session.types("y\n");
    let (status, seen) = session.ended();
    assert_eq!(status, Some(0), "{seen}");
    assert!(seen.contains(&format!("cellar:{MODEL} answered")), "{seen}");
    let file = written(&home);
    assert!(file.contains("key_env = \"CELLAR_KEY\"") && !file.contains(CANARY), "{file}");
    assert_eq!(measured(&home), [format!("cellar:{MODEL}")]);
}

#[test]
fn known_variables_are_shown_as_set_and_never_their_values() {
    let home = Home::new();
    let mut command = home.llmbench(&["init", "--no-probe"]);
    command.env("GROQ_API_KEY", CANARY).env("MONGODB_URI", "mongodb://ann:hunter2@db.example/bench");
    let mut session = Session::start(command);
    session.until("as MONGODB_URI says", 1);
    session.types("\r");
    session.until("GROQ_API_KEY is set", 1);
    session.until("OPENAI_API_KEY is not set", 1);
    session.types("groq\t\u{15}mistral\t\r");
    session.until("Variable that holds the key of mistral", 1);
    session.types("WORK_MISTRAL\n");
    let (status, seen) = session.ended();
    assert_eq!(status, Some(0), "{seen}");
    let file = written(&home);
    assert!(file.contains("[providers.mistral]\nkey_env = \"WORK_MISTRAL\""), "{file}");
    assert!(file.contains("[providers.groq]\n# its key is in GROQ_API_KEY"), "{file}");
    assert!(seen.contains("export WORK_MISTRAL="), "{seen}");
    assert!(!seen.contains(CANARY) && !seen.contains("hunter2") && !file.contains("mongodb"), "{seen}");
}

#[test]
fn ctrl_c_and_escape_write_nothing_and_leave_a_sane_terminal() {
    for (keys, status, words) in [
        (&[(STORE, "\u{3}")][..], 130, "interrupted"),
        (&[(STORE, "\r"), (PROVIDERS, "\u{3}")], 130, "interrupted"),
        (&[(STORE, "\r"), (PROVIDERS, "another\r"), ("Name of the server", "\u{3}")], 130, "interrupted"),
        (&[(STORE, "\r"), (PROVIDERS, "\u{1b}")], 0, "nothing was written"),
    ] {
        let home = Home::new();
        let mut session = Session::start(home.llmbench(&["init"]));
        for (question, typed) in keys {
            session.until(question, 1);
            session.types(typed);
        }
        let (code, seen) = session.ended();
        assert_eq!(code, Some(status), "{keys:?}: {seen}");
        assert!(seen.contains(words) && session.is_sane() && !config(&home).exists(), "{keys:?}: {seen}");
    }
}

#[test]
fn a_no_asks_no_model_and_the_file_is_there() {
    let (home, server) = (Home::new(), server());
    let address = format!("cellar={}", server.url("/v1"));
    let model = format!("cellar:{MODEL}");
    let store = format!("sqlite:{}", home.path().join("own.db").display());
    let mut session =
        Session::start(home.llmbench(&["init", "--base-url", &address, "-m", &model, "--store", &store]));
    session.until("Ask?", 1);
    session.types("n\n");
    let (status, seen) = session.ended();
    assert_eq!(status, Some(0), "{seen}");
    assert!(seen.contains("no model was asked") && server.heads().is_empty(), "{seen}");
    assert!(written(&home).contains("own.db") && measured(&home).is_empty());
}
