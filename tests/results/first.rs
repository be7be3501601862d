//! What somebody sees who measured something for the first time: a run that is not published is not lost.

use crate::support::Home;
use crate::support::pty::Pty;
use crate::support::ran::{QUICK, Ran};
use serde_json::{Value, json};

fn document(said: &Ran) -> Value {
    serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"))
}

#[test]
fn the_first_run_is_in_every_list() {
    let home = Home::new();
    assert_eq!(home.ran(&["run", "--model", QUICK, "-n", "5"]).code, 0);
    let listed = document(&home.ran(&["results", "list", "--json"]));
    let rows = listed["runs"].as_array().unwrap();
    assert!(rows.len() == 5 && rows.iter().all(|row| row["published"] == false), "{listed}");
    let table = home.ran(&["results", "list"]);
    assert!(table.out.contains("PUBLISHED") && table.out.lines().count() == 6, "{table:?}");
    let counts = document(&home.ran(&["results", "list", "--counts", "--json"]));
    assert_eq!((&counts["models"][0]["runs"], &counts["models"][0]["published"]), (&json!(5), &json!(0)));
    let exported = home.ran(&["results", "export", "--format", "ndjson"]);
    assert_eq!(exported.out.lines().filter(|line| line.starts_with("{\"published\":false,")).count(), 5);
    let other = "sim:steady-ttft6-gap1-n8";
    assert_eq!(home.ran(&["run", "--model", other, "-n", "5"]).code, 0);
    let compared = home.ran(&["results", "compare", QUICK, other, "--json"]);
    let compared = document(&compared);
    assert_eq!(
        (&compared["series"], &compared["a"]["runs"], &compared["a"]["published"]),
        (&json!("all"), &json!(5), &json!(0))
    );
    for narrowed in
        [&["list", "--published"][..], &["list", "--counts", "--published"], &["export", "--published"]]
    {
        let said = home.ran(&[&["results"], narrowed].concat());
        assert!(said.err.contains("leave --published out"), "{narrowed:?}: {said:?}");
    }
}

/// A screenful is for somebody who looks; a program gets all, and who says how many gets that many.
#[test]
fn a_list_is_cut_at_a_terminal_and_not_in_a_pipe() {
    let home = Home::new();
    assert_eq!(home.ran(&["run", "--model", QUICK, "-n", "23", "-c", "8"]).code, 0);
    for number in 0..21 {
        let name = format!("sim:listed-{number}");
        assert_eq!(home.ran(&["models", "add", &name, "--no-probe"]).code, 0);
    }
    let piped = home.ran(&["results", "list"]);
    assert_eq!((piped.out.lines().count(), piped.err.as_str()), (24, ""), "{piped:?}");
    assert_eq!(home.ran(&["results", "list", "--csv"]).out.lines().count(), 24);
    assert_eq!(document(&home.ran(&["results", "list", "--json"]))["runs"].as_array().unwrap().len(), 23);
    let history = document(&home.ran(&["models", "history", "--json"]));
    assert_eq!(history["batches"].as_array().unwrap().len(), 21);
    let few = home.ran(&["results", "list", "-n", "3"]);
    assert_eq!((few.out.lines().count(), few.err.as_str()), (4, ""), "{few:?}");

    let drawn = |arguments: &[&str]| {
        let pty = Pty::new(200);
        let mut command = home.llmbench(arguments);
        command.stdin(pty.end()).stdout(pty.end()).stderr(pty.end());
        assert_eq!(command.status().unwrap().code(), Some(0));
        drop(command);
        pty.drawn()
    };
    let seen = drawn(&["results", "list"]);
    assert_eq!(seen.matches("steady").count(), 20, "{seen}");
    assert!(seen.contains("the newest 20 are shown and there are more"), "{seen}");
    let seen = drawn(&["models", "history"]);
    assert!(seen.matches("sim:listed-").count() == 20 && seen.contains("there are more"), "{seen}");
    let asked = drawn(&["results", "list", "-n", "22"]);
    assert!(asked.matches("steady").count() == 22 && !asked.contains("there are more"), "{asked}");
    let whole = drawn(&["results", "list", "--json"]);
    assert_eq!(whole.matches("\"published\"").count(), 23, "{whole}");
}

#[test]
fn a_rate_has_one_population() {
    let home = Home::new();
    assert_eq!(home.ran(&["run", "--model", QUICK, "-n", "6"]).code, 0);
    assert_eq!(home.ran(&["run", "--model", "sim:error500", "-n", "2"]).code, 1);
    let rates = |more: &[&str]| {
        let whole = document(&home.ran(&[&["errors", "summary", "--json"], more].concat()));
        (whole["errors"].as_u64().unwrap(), whole["successes"].as_u64().unwrap())
    };
    assert_eq!(rates(&[]), (2, 6));
    assert_eq!(rates(&["--probe"]), (2, 6));
    assert_eq!(rates(&["--published"]), (0, 0));
}

#[test]
fn a_run_at_a_terminal_ends_with_where_it_is_stored() {
    let home = Home::new();
    let drawn = |arguments: &[&str]| {
        let pty = Pty::new(200);
        let mut command = home.llmbench(&[&["run", "--model", QUICK], arguments].concat());
        command.stdin(pty.end()).stderr(pty.end()).stdout(std::process::Stdio::null());
        assert_eq!(command.status().unwrap().code(), Some(0));
        drop(command);
        pty.drawn()
    };
    let said = drawn(&[]);
    assert!(said.contains("stored in ") && said.trim_end().ends_with("llmbench results list"), "{said}");
    for quiet in ["--quiet", "--json", "--ndjson", "--no-store"] {
        assert!(!drawn(&[quiet]).contains("stored in"), "{quiet}");
    }
    let piped = home.ran(&["run", "--model", QUICK]);
    assert!(piped.err.is_empty(), "{piped:?}");
}
