//! `llmbench results pairs`: what connecting cost, from stored rows, on both stores.

use crate::support::Home;
use crate::support::peers::{Mongod, fresh_name};
use crate::support::ran::{QUICK, Ran};
use serde_json::Value;

const OTHER: &str = "sim:steady-ttft3-gap1-n5";

fn document(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

fn story(store: &str) {
    let home = Home::new();
    let said = |arguments: &[&str]| home.ran(&[arguments, &["--store", store]].concat());
    assert_eq!(said(&["db", "init"]).code, 0);
    let nothing = said(&["results", "pairs"]);
    assert_eq!((nothing.code, nothing.out.as_str()), (0, ""));
    assert!(nothing.err.contains("no pair of the last 7 days is stored that fits"), "{nothing:?}");

    let measured = document(&said(&["run", "--json", "--paired", "-n", "7", "-m", QUICK, "-m", OTHER]));
    // Requests that are of no pair change nothing.
    assert_eq!(said(&["run", "--quiet", "--warm", "-n", "3", "-m", QUICK]).code, 0);
    let told = document(&said(&["results", "pairs", "--json"]));
    assert_eq!(told["schema"], "llmbench.results.pairs/1");
    for model in measured["models"].as_array().unwrap() {
        let mut stored = told["models"].as_array().unwrap().iter();
        let stored =
            stored.find(|stored| stored["model"] == model["model"]).unwrap_or_else(|| panic!("{told}"));
        for (name, value) in model["pairs"].as_object().unwrap() {
            assert_eq!(&stored[name], value, "{name}: a store gives back what was measured");
        }
    }
    let one = document(&said(&["results", "pairs", "--json", "--model", OTHER]));
    assert_eq!(one["models"].as_array().unwrap().len(), 1, "{one}");
    let list = said(&["results", "pairs"]);
    assert!(list.out.starts_with("MODEL") && list.out.contains(QUICK), "{list:?}");

    // The warm halves are in no comparison: seven cold requests, and the three without a pair.
    let compared = document(&said(&["results", "compare", QUICK, OTHER, "--json"]));
    assert_eq!((&compared["a"]["runs"], &compared["b"]["runs"]), (&10.into(), &7.into()), "{compared}");
}

#[test]
fn stored_pairs_say_what_the_run_said_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    story(folder.path().join("runs.db").to_str().unwrap());
}

#[test]
fn stored_pairs_say_what_the_run_said_on_mongodb() {
    story(&Mongod::start().uri(&fresh_name()));
}
