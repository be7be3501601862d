//! Outcomes to record: sound ones, to be changed by the test that needs something else.

use chrono::{DateTime, SecondsFormat, SubsecRound, TimeDelta, Utc};
use llmbench::domain::calibration::KeptCalibration;
use llmbench::domain::{Failure, Outcome, Run};
use serde_json::json;

/// A published run that ended now.
pub fn run(id: &str, provider: &str, model: &str) -> Run {
    let mut run: Run = serde_json::from_str(include_str!("../data/run.json")).unwrap();
    (run.id, run.provider, run.model_name) = (id.to_owned(), provider.to_owned(), model.to_owned());
    run.gen_ts = now();
    run.run_ts = run.gen_ts - TimeDelta::milliseconds(1333);
    run
}

/// A failure of a published attempt, now.
pub fn failure(id: &str, provider: &str, model: &str) -> Failure {
    let mut failure: Failure = serde_json::from_str(include_str!("../data/failure.json")).unwrap();
    (failure.id, failure.provider, failure.model_name) =
        (id.to_owned(), provider.to_owned(), model.to_owned());
    failure.ts = now();
    failure
}

/// The time, in the milliseconds that stores keep.
pub fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(3)
}

/// A run as an outcome.
pub fn success(run: &Run) -> Outcome {
    Outcome::Success(Box::new(run.clone()))
}

/// A failure as an outcome.
pub fn failed(failure: &Failure) -> Outcome {
    Outcome::Failure(Box::new(failure.clone()))
}

/// The calibration of a host that is 0.21 ms off, or 4 ms, which is too much to publish; with a field of a newer program.
pub fn calibration(id: &str, host: &str, at: DateTime<Utc>, may_publish: bool) -> KeptCalibration {
    let off = if may_publish { 0.000_21 } else { 0.004 };
    let verdict = if may_publish {
        "This host may publish."
    } else {
        "This host should not publish: with 2 streams at once, TTFT is 4.0 ms off in the mean."
    };
    let document = json!({
        "schema": "llmbench.calibrate/1", "id": id, "at": at.to_rfc3339_opts(SecondsFormat::Millis, true), "host": host,
        "runner": null, "kernel": "Linux 6.1", "program": "llmbench/0.1.0", "cores": 2, "clock_source": "kernel",
        "judged_by_streams": 2, "may_publish": may_publish, "verdict": verdict,
        "ttft_error": { "mean": off, "p99": off * 2.0 },
        "cells": [{ "tls": false, "streams": 2, "busy": false, "runs": 40, "connect": 0.000_1 }],
        "of a newer one": { "$odd.key": [1, 2.5, null] },
    });
    KeptCalibration::parse(&document.to_string()).unwrap()
}
