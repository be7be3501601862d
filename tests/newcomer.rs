//! What somebody meets who has nothing set up: no key, no store, no configuration.

use crate::support::{Home, llmbench};
use serde_json::Value;
use std::process::Output;

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_dry_run_prints_what_a_store_needs_and_creates_nothing() {
    let home = Home::new();
    for (store, expected) in [
        (&[][..], "table runs\n"),
        (&["--store", "mongodb://127.0.0.1:1/x"][..], "errors_cloud: index fingerprint_1 (fingerprint 1)\n"),
    ] {
        let arguments = [&["db", "init", "--dry-run"][..], store].concat();
        let output = home.llmbench(&arguments).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        assert!(String::from_utf8_lossy(&output.stdout).contains(expected), "{output:?}");
    }
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
    let output = home.llmbench(&["db", "init"]).output().unwrap();
    assert!(output.status.success() && said(&output).contains("has all of it"), "{output:?}");
    assert!(home.path().join("data/llmbench/llmbench.db").is_file());
}

#[test]
fn whoever_names_no_model_is_told_what_works() {
    for (arguments, status) in
        [(&["run"][..], 2), (&["run", "--all"][..], 1), (&["run", "-p", "groq"][..], 1)]
    {
        let output = llmbench(arguments);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {}", said(&output));
        assert!(said(&output).contains("llmbench run --model "), "{}", said(&output));
    }
    assert!(said(&llmbench(&["run", "--all"])).contains("llmbench run --model sim:steady"));
}

#[test]
fn a_model_without_its_provider_is_answered_with_the_providers() {
    let output = llmbench(&["run", "--model", "gpt-4o"]);
    assert_eq!(output.status.code(), Some(2));
    for word in ["`gpt-4o`", "provider:model_id", "openai", "sim"] {
        assert!(said(&output).contains(word), "{}", said(&output));
    }
}

#[test]
fn a_quiet_run_says_nothing_unless_it_failed() {
    let quiet = |model| llmbench(&["run", "--model", model, "--no-store", "--quiet", "-n", "2"]);
    let fine = quiet("sim:steady-ttft1-gap1-n2");
    assert_eq!((fine.status.code(), said(&fine), fine.stdout.len()), (Some(0), String::new(), 0));
    let failed = quiet("sim:error401");
    assert_eq!((failed.status.code(), failed.stdout.len()), (Some(1), 0));
    for word in ["sim:error401", "auth 2", "invalid_api_key", "Incorrect API key provided."] {
        assert!(said(&failed).contains(word), "{}", said(&failed));
    }
}

#[test]
fn the_rate_that_was_reached_leaves_out_the_wait_for_the_last_answers() {
    let run = ["run", "--model", "sim:steady-ttft3000-n1", "--no-store", "--json"];
    let load = ["--rate", "20", "--arrivals", "constant", "--duration", "500ms"];
    let output = llmbench(&[&run[..], &load[..]].concat());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let started = report["load"]["started"].as_f64().unwrap();
    let starting = started / report["load"]["rate_achieved"].as_f64().unwrap();
    let whole = report["duration"].as_f64().unwrap();
    assert!(whole - starting > 1.0, "{whole} s, of which {starting} s were for starting {started}");
}

#[test]
fn a_certificate_file_that_is_none_is_named_with_its_variable() {
    let home = Home::new();
    let arguments = ["run", "--model", "sim:steady", "--no-store"];
    let output = home.llmbench(&arguments).env("SSL_CERT_FILE", "/nonexistent").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("/nonexistent") && said(&output).contains("SSL_CERT_FILE"), "{output:?}");
}
