//! Questions at a real terminal: yes, no, Ctrl-C, and a catalog that somebody else changes while the question stands.

use super::Office;
use crate::stores::backend::Backend;
use crate::support::pty::Session;

fn office() -> Office {
    let office = Office::new(Backend::sqlite());
    office.done(&["add", "sim:a", "sim:b", "--no-probe", "--yes"]);
    office.done(&["enable", "sim:*", "--no-probe", "--yes"]);
    office
}

const DISABLE: &[&str] = &["disable", "sim:*", "--reason", "gone"];

#[test]
fn yes_changes_and_no_does_not() {
    let office = office();
    let mut session = Session::start(office.command(DISABLE));
    session.until("Go on?", 1);
    assert!(session.seen().contains("sim:b: enabled true -> false"), "{}", session.seen());
    session.types("n\n");
    let (status, seen) = session.ended();
    assert!(status == Some(0) && seen.contains("nothing was changed"), "{seen}");
    assert_eq!(office.ids(&[]).len(), 2);

    let mut session = Session::start(office.command(DISABLE));
    session.until("Go on?", 1);
    session.types("y\n");
    let (status, seen) = session.ended();
    assert_eq!(status, Some(0), "{seen}");
    assert!(office.ids(&[]).is_empty());
    let batch = office.json(&["history", "--json"])["batches"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(seen.matches(&batch).count(), 1, "{seen}");
    let words = seen.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains(&format!("to undo: llmbench models undo {batch}")), "{seen}");
    let said = office.say(&["undo", &batch, "--yes"]);
    let id = said.out.trim_end();
    assert!(!id.is_empty() && !said.err.contains(id), "{said:?}");
}

#[test]
fn what_was_typed_before_a_question_is_no_answer_to_it() {
    let office = office();
    let mut session = Session::start_behind("y\ny\n", office.command(DISABLE));
    session.until("Go on?", 1);
    session.types("\n");
    let (status, seen) = session.ended();
    assert_eq!(status, Some(0), "{seen}");
    assert_eq!(office.ids(&[]).len(), 2, "{seen}");
}

#[test]
fn a_question_is_drawn_once_and_asks_again_about_other_words() {
    let office = office();
    let undone = office.done(&["disable", "sim:*", "--reason", "gone", "--yes"]);
    let mut session = Session::start(office.command(&["undo", undone.trim()]));
    session.until("Go on? [y/N]", 1);
    session.types("perhaps\n");
    session.until("Go on? [y/N]", 2);
    session.types("Yes\n");
    let (status, seen) = session.ended();
    assert_eq!(status, Some(0), "{seen}");
    assert_eq!(seen.matches("Go on?").count(), 2, "{seen}");
    assert_eq!(office.ids(&[]).len(), 2);
    assert!(session.is_sane());
}

#[test]
fn ctrl_c_at_the_question_changes_nothing_and_gives_the_cursor_back() {
    let office = office();
    let mut session = Session::start(office.command(DISABLE));
    session.until("Go on?", 1);
    session.types("\u{3}");
    let (status, seen) = session.ended();
    assert_eq!(status, Some(130), "{seen}");
    assert!(seen.rfind("\u{1b}[?25h") >= seen.rfind("\u{1b}[?25l"), "{seen:?}");
    assert_eq!(office.ids(&[]).len(), 2);
}

#[test]
fn who_was_faster_is_seen_and_asked_about() {
    let office = office();
    let mut session = Session::start(office.command(DISABLE));
    session.until("Go on?", 1);
    let first = office.done(&["disable", "sim:a", "--reason", "the first was here"]);
    session.types("y\n");
    session.until("Change it all the same", 1);
    let seen = session.seen();
    assert!(seen.contains("the first was here") && seen.contains(&first), "{seen}");
    session.types("n\n");
    let (status, seen) = session.ended();
    assert_eq!(status, Some(1), "{seen}");
    let shown = office.json(&["show", "sim:*", "--json"]);
    let reasons = [0, 1].map(|place| shown["models"][place]["model"]["disabled_reason"].clone());
    assert_eq!(reasons, ["the first was here", "gone"]);

    office.done(&["enable", "sim:*", "--no-probe", "--yes"]);
    let mut session = Session::start(office.command(DISABLE));
    session.until("Go on?", 1);
    office.done(&["disable", "sim:a", "--reason", "first again"]);
    session.types("y\n");
    session.until("Change it all the same", 1);
    session.types("y\n");
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
    session.types("y\n");
    assert_eq!(session.ended().0, Some(0));
    assert_eq!(office.ids(&["--all", "--provider", "bedrock"]), ["bedrock:global.anthropic.claude-x"]);
}
