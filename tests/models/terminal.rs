//! Questions at a real terminal: yes, no, Ctrl-C, and a catalogue that somebody else changes while the question stands.

use super::Office;
use crate::stores::backend::Backend;
use crate::support::session::Session;

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
    let mut session = Session::start(office.command(DISABLE));
    session.until("Go on?", 1);
    assert!(session.seen().contains("sim:b: enabled true -> false"), "{}", session.seen());
    session.types("n");
    assert_eq!(session.ended().0, Some(1));
    assert_eq!(office.ids(&[]).len(), 2);

    let mut session = Session::start(office.command(DISABLE));
    session.until("Go on?", 1);
    session.types("y");
    let (status, seen) = session.ended();
    assert_eq!(status, Some(0), "{seen}");
    assert!(office.ids(&[]).is_empty());
}

#[test]
fn ctrl_c_at_the_question_changes_nothing_and_gives_the_cursor_back() {
    let office = office();
    let mut session = Session::start(office.command(DISABLE));
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
    let mut session = Session::start(office.command(DISABLE));
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
    let mut session = Session::start(office.command(DISABLE));
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
    let mut session = Session::start(office.command(&["add", bare, "--no-probe"]));
    session.until("instead?", 1);
    session.types("y");
    assert_eq!(session.ended().0, Some(0));
    assert_eq!(office.ids(&["--all", "--provider", "bedrock"]), ["bedrock:global.anthropic.claude-x"]);
}
