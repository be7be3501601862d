//! How much is asked, and when it stops.

use crate::support::Home;
use crate::support::ran::{QUICK, Ran};
use serde_json::Value;

fn report(arguments: &[&str]) -> (Ran, Value) {
    let ran = Home::new().ran(&[&["run", "--json", "--no-store"], arguments].concat());
    let report = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"));
    (ran, report)
}

#[test]
fn too_many_errors_stop_the_run() {
    let (ran, report) = report(&["--model", "sim:error500", "-n", "200", "--max-error-rate", "20%"]);
    assert_eq!(ran.code, 1);
    assert_eq!((&report["load"]["planned"], &report["load"]["started"]), (&200.into(), &5.into()));
    let reason = report["load"]["stopped_early"].as_str().unwrap();
    assert_eq!(reason, "5 of 5 requests failed, more than the error rate allowed");
}

#[test]
fn an_open_loop_counts_what_could_not_start_on_time() {
    let slow = "sim:steady-ttft60-gap0-n1";
    let arguments =
        ["--model", slow, "-n", "8", "--rate", "100", "--arrivals", "constant", "--concurrency", "1"];
    let (ran, report) = report(&arguments);
    assert_eq!(ran.code, 0);
    let load = &report["load"];
    assert_eq!((&load["started"], &load["rate_requested"]), (&8.into(), &100.0.into()));
    // One place, 60 ms an answer, a start due every 10 ms: all but the first are late, the last by 350 ms or more.
    assert!(load["late_starts"].as_u64().unwrap() >= 7, "{load}");
    assert!(load["max_delay"].as_f64().unwrap() > 0.34, "{load}");
}

#[test]
fn a_duration_ends_a_run_without_a_number() {
    let (ran, report) = report(&["--model", QUICK, "--duration", "1s"]);
    assert_eq!(ran.code, 0);
    assert!(report["load"]["planned"].is_null());
    assert!(report["load"]["started"].as_u64().unwrap() >= 2, "{}", report["load"]);
}

#[test]
fn warm_up_requests_are_neither_counted_nor_stored() {
    let home = Home::new();
    let ran = home.ran(&["run", "--ndjson", "--warmup", "3", "-n", "2", "--model", QUICK]);
    assert_eq!((ran.code, ran.lines().len(), home.rows("runs").len()), (0, 2, 2));
}

#[test]
fn a_warm_run_connects_before_the_clock() {
    let home = Home::new();
    let warm = home.ran(&["run", "--ndjson", "--no-store", "--warm", "--model", QUICK]).line();
    assert_eq!((&warm["connection"], &warm["connect_seconds"]), (&"warm".into(), &Value::Null));
    let cold = home.measured(QUICK);
    assert_eq!(cold["connection"], "cold");
    assert!(cold["connect_seconds"].as_f64().unwrap() > 0.0, "{cold:?}");
}
