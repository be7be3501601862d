//! What a daemon decides about the catalog: seen in the catalog and its history, and in the rows of its calls.

use super::world::{QUICK, World, provider, refusing, until};
use rusqlite::Connection;
use serde_json::{Map, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Judged in seconds instead of days.
const SOON: &str = "[daemon]\ncadence = 1\ntick = 0.2\n\
    [daemon.quarantine]\nanswers = 3\nover = 2\nrecheck = 2\n\
    [daemon.admission]\nsuccesses = 2\napart = 2\n";

const GONE: &str = "error404";

fn is_on(world: &World, model: &str) -> bool {
    let connection = Connection::open(world.home.path().join("runs.db")).unwrap();
    let sql = "SELECT enabled FROM models WHERE provider || ':' || model_id = ?";
    connection.query_row(sql, [model], |row| row.get(0)).unwrap()
}

#[test]
fn a_model_that_is_gone_is_set_aside_and_returns_when_it_answers_again() {
    let works = Arc::new(AtomicBool::new(false));
    let refusal = r#"{"error":{"message":"The model does not exist","code":"model_not_found"}}"#;
    let address = refusing(&works, "404 Not Found", refusal);
    let back = SOON.to_owned() + &provider("back", address);
    let healthy = format!("alpha:{QUICK}");
    let world = World::new(&[&healthy, "back:m"], &back);
    let daemon = world.start(&["--grace", "1s"]);
    until("the model is set aside", || !is_on(&world, "back:m"));
    assert!(is_on(&world, &healthy));
    let history = world.said(&["models", "history", "back:m"]);
    assert!(history.contains("daemon main") && history.contains("quarantine: "), "{history}");
    // A restart forgets nothing.
    assert_eq!(daemon.stop().0, 0);
    works.store(true, Ordering::SeqCst);
    let daemon = world.start(&["--grace", "1s"]);
    until("it is enabled again", || is_on(&world, "back:m"));
    assert_eq!(daemon.stop().0, 0);
    let history = world.said(&["models", "history", "back:m"]);
    assert!(history.contains("recheck: they answer again"), "{history}");
    let is_probe = |row: &Map<String, Value>| row["provider"] == "back" && row["sample_role"] == "probe";
    assert!(world.runs().iter().any(is_probe));
}

#[test]
fn a_provider_that_refuses_all_its_models_empties_no_catalog() {
    let models = ["alpha:error404-n1", "alpha:error404-n2", "alpha:error404-n3"];
    let world = World::new(&models, SOON);
    let daemon = world.start(&["--grace", "1s"]);
    until("the provider is suspected", || world.said(&["status", "--json"]).contains("models_refused"));
    until("there were answers enough", || world.errors().len() >= 15);
    assert!(models.iter().all(|model| is_on(&world, model)));
    assert_eq!(daemon.stop().0, 0);
}

#[test]
fn a_model_under_admission_is_let_in_once_it_keeps_answering_and_a_day_that_has_come_ends_a_rest() {
    let (new, gone) = (format!("alpha:{QUICK}"), format!("alpha:{GONE}"));
    let resting = format!("beta:{QUICK}");
    let world = World::new(&[&resting], SOON);
    world.said(&["models", "add", &new, "--no-probe", "--yes"]);
    world.said(&["models", "add", &gone, "--no-probe", "--yes"]);
    let soon = (chrono::Utc::now() + chrono::TimeDelta::seconds(3))
        .to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    world.said(&["models", "disable", &resting, "--reason", "a pause", "--until", &soon, "--yes"]);
    let daemon = world.start(&["--grace", "1s"]);
    until("the new model is let in", || is_on(&world, &new));
    until("the other one's day has come", || is_on(&world, &resting));
    until("it is measured", || world.runs().iter().any(|row| row["provider"] == "alpha"));
    assert!(!is_on(&world, &gone));
    assert_eq!(daemon.stop().0, 0);
    let history = world.said(&["models", "history", &new]);
    assert!(history.contains("admission: they keep answering"), "{history}");
    assert!(world.said(&["models", "history", &resting]).contains("until: "));
    let undone = world.said(&["models", "undo", "--yes", &batch(&history)]);
    assert!(!undone.is_empty() && !is_on(&world, &new));
}

/// The id of the newest batch in a history.
fn batch(history: &str) -> String {
    history.split_whitespace().find(|word| word.len() == 26 && word.starts_with("01")).unwrap().to_owned()
}
