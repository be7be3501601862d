//! Tests that each check finds its violations, passes good data, and reports missing data.

use super::*;
use crate::domain::{ModelRef, Series};
use crate::storage::catalog::CatalogEntry;
use crate::storage::claims::{ForeignJob, JobStatus, Lease};
use serde_json::json;

fn now() -> DateTime<Utc> {
    "2026-11-01T12:00:00Z".parse().unwrap()
}

fn minutes_ago(minutes: i64) -> DateTime<Utc> {
    now() - TimeDelta::minutes(minutes)
}

fn entry(model: &str, enabled: bool) -> CatalogEntryStatus {
    let model: ModelRef = model.parse().unwrap();
    let fields = json!({"provider": model.provider, "model_id": model.model_id, "enabled": enabled,
        "created_at": "2026-01-01T00:00:00Z"});
    CatalogEntry::new(fields.as_object().unwrap().clone()).into()
}

fn health(model: &str, success: i64, attempt: i64) -> ModelHealth {
    ModelHealth {
        model: model.parse().unwrap(),
        enabled: true,
        cadence_seconds: Some(1800),
        last_success_at: Some(minutes_ago(success)),
        last_attempt_at: Some(minutes_ago(attempt)),
        consecutive_failures: 0,
    }
}

fn job(model: &str, status: JobStatus) -> JobState {
    JobState {
        series: Series {
            model: model.parse().unwrap(),
            profile_id: "cloud-default-v1".to_owned(),
            vantage: "main".to_owned(),
        },
        status,
        slot_at: None,
        slot_attempts: 1,
        failures: 0,
        not_before: Some(minutes_ago(10)),
        started_at: Some(minutes_ago(10)),
        finished_at: None,
        last_success_at: None,
        updated_at: None,
        lease: None,
        epoch: 1,
        error_kind: None,
        error_message: None,
    }
}

fn read(provider: &str, hours: i64, complete: bool) -> ReadRow {
    let at = minutes_ago(hours * 60);
    ReadRow { provider: provider.to_owned(), started_at: at, finished_at: at, complete, error: None }
}

fn before(models: u64, hours: i64) -> SelfCheckRun {
    SelfCheckRun {
        checked_at: minutes_ago(30),
        threshold_version: THRESHOLD_VERSION,
        cadence_seconds: 1800,
        baseline: Some(Baseline { models, at: minutes_ago(60 * hours) }),
        results: Vec::new(),
        audits: Vec::new(),
    }
}

fn disabled(planned: u64, minutes: i64) -> Batch {
    Batch {
        id: "B".to_owned(),
        at: minutes_ago(minutes),
        who: "me".to_owned(),
        action: "disable".to_owned(),
        why: None,
        planned,
        undoes: None,
        undone_by: None,
        finished_at: None,
    }
}

/// Two models without any violation.
fn well() -> Evidence {
    Evidence {
        now: now(),
        cadences: Cadences::default(),
        discovers: true,
        entries: Ok(vec![entry("groq:a", true), entry("groq:b", true), entry("groq:off", false)]),
        jobs: Ok(vec![job("groq:a", JobStatus::Queued), job("groq:b", JobStatus::Success)]),
        foreign: Ok(Vec::new()),
        health: Ok(vec![health("groq:a", 20, 20), health("groq:b", 100, 10)]),
        reads: Ok(vec![read("groq", 20, true), read("groq", 1, false), read("elsewhere", 900, true)]),
        before: Ok(None),
        batches: Ok(Vec::new()),
        endpoints: Ok(Vec::new()),
    }
}

#[test]
fn a_pinned_endpoint_that_is_not_measured_is_named() {
    let target = |tag: &str, since: i64, success: Option<i64>| EndpointTarget {
        model: "openrouter:m".parse().unwrap(),
        tag: tag.to_owned(),
        since: Some(minutes_ago(since)),
        last_success_at: success.map(minutes_ago),
    };
    let targets = vec![
        target("fresh", 900, Some(20)),
        target("new", 30, None),
        target("never", 900, None),
        target("late/fp4", 900, Some(300)),
    ];
    let evidence = Evidence { endpoints: Ok(targets), ..well() };
    let subjects = "openrouter:m@never,openrouter:m@late/fp4";
    assert_eq!(violated(&evidence), one("endpoint_targets_are_being_measured", subjects));
}

/// The violated checks and their subjects.
fn violated(evidence: &Evidence) -> Vec<(String, String)> {
    let results = judge(evidence).results.into_iter();
    results.filter(|result| !result.ok).map(|result| (result.name, result.subjects.join(","))).collect()
}

fn one(name: &str, subject: &str) -> Vec<(String, String)> {
    vec![(name.to_owned(), subject.to_owned())]
}

#[test]
fn a_model_that_the_default_profile_cannot_measure_is_a_finding_and_no_violation() {
    let exhausted = |model: &str, status| JobState {
        error_kind: Some("budget_exhausted".to_owned()),
        ..job(model, status)
    };
    let mut long = exhausted("groq:b", JobStatus::DeadLetter);
    long.series.profile_id = "cloud-long-v1".to_owned();
    let jobs = vec![
        exhausted("groq:a", JobStatus::DeadLetter),
        // One that is off, one that answered since, and one that needs even more tokens.
        exhausted("groq:off", JobStatus::DeadLetter),
        exhausted("groq:b", JobStatus::Success),
        long,
    ];
    let run = judge(&Evidence { jobs: Ok(jobs), ..well() });
    let [audit] = &run.audits[..] else { panic!("{:?}", run.audits) };
    assert_eq!(
        (audit.name.as_str(), audit.count, audit.subjects.as_slice()),
        ("models_measurable_by_the_published_profile", 1, &["groq:a".to_owned()][..])
    );
    assert!(run.results.iter().all(|result| result.name != audit.name));
    let unread = Evidence { jobs: Err("no answer".to_owned()), ..well() };
    assert_eq!(judge(&unread).audits, [], "not a count of nothing");
}

#[test]
fn what_is_well_is_called_well() {
    let run = judge(&well());
    assert!(run.results.iter().all(|result| result.ok && result.evaluated), "{run:?}");
    assert_eq!((run.results.len(), run.baseline.unwrap().models), (8, 2));
}

#[test]
fn what_could_not_be_looked_at_is_not_fine() {
    let broken = || "no answer".to_owned();
    let evidence = Evidence {
        entries: Err(broken()),
        foreign: Err(broken()),
        jobs: Err(broken()),
        health: Err(broken()),
        reads: Err(broken()),
        before: Err(broken()),
        batches: Err(broken()),
        endpoints: Err(broken()),
        ..well()
    };
    let run = judge(&evidence);
    assert!(run.results.iter().all(|result| !result.ok && !result.evaluated));
    assert!(run.results.iter().all(|result| result.error.as_deref() == Some("no answer")));
    let half = Evidence { jobs: Err(broken()), ..well() };
    let blind: Vec<_> =
        judge(&half).results.into_iter().filter(|result| !result.evaluated).map(|r| r.name).collect();
    let expected = [
        "every_enabled_model_is_measured",
        "no_model_is_starved",
        "no_job_is_stuck_in_queue",
        "no_work_for_disabled_models",
    ];
    assert_eq!(blind, expected);
}

#[test]
fn a_model_that_only_fails_is_not_measured_and_not_starved() {
    let evidence =
        Evidence { health: Ok(vec![health("groq:a", 20, 20), health("groq:b", 300, 10)]), ..well() };
    assert_eq!(violated(&evidence), one("every_enabled_model_is_measured", "groq:b"));
}

#[test]
fn a_model_that_nobody_tries_is_starved_and_a_new_one_has_its_time() {
    let mut evidence = well();
    let mut new = entry("groq:new", true);
    new.created_at = Some(minutes_ago(60));
    let entries = vec![entry("groq:a", true), entry("groq:b", true), new];
    evidence.entries = Ok(entries);
    evidence.health = Ok(vec![health("groq:a", 20, 20)]);
    evidence.jobs = Ok(vec![job("groq:a", JobStatus::Success)]);
    let expected =
        [one("every_enabled_model_is_measured", "groq:b"), one("no_model_is_starved", "groq:b")].concat();
    assert_eq!(violated(&evidence), expected);
    // A slow cadence widens the horizon.
    evidence.cadences.default_seconds = 30 * 24 * 3600;
    evidence.entries = Ok(vec![entry("groq:a", true)]);
    assert_eq!(violated(&evidence), []);
}

#[test]
fn a_catalog_that_shrinks_unseen_is_told_for_a_day() {
    let shrunk = Evidence { before: Ok(Some(before(10, 3))), ..well() };
    let said = violated(&shrunk);
    assert_eq!(
        said,
        one("catalogue_is_not_shrinking", "2 models are enabled, and 8 more were; no batch says why")
    );
    assert_eq!(judge(&shrunk).baseline.unwrap().models, 10);
    let forgotten = Evidence { before: Ok(Some(before(10, 25))), ..well() };
    assert_eq!(judge(&forgotten).baseline.unwrap().models, 2);
    let recorded = Evidence { batches: Ok(vec![disabled(8, 10), disabled(5, 40)]), ..shrunk };
    assert_eq!(violated(&recorded), []);
    let empty = Evidence { entries: Ok(Vec::new()), jobs: Ok(Vec::new()), ..well() };
    assert_eq!(violated(&empty), one("catalogue_is_not_shrinking", "no model is enabled"));
}

#[test]
fn a_partial_read_is_no_discovery() {
    let mut evidence = well();
    evidence.reads = Ok(vec![read("groq", 49, true), read("groq", 1, false)]);
    assert_eq!(violated(&evidence), one("discovery_is_recent", "groq"));
    evidence.reads = Ok(Vec::new());
    assert_eq!(violated(&evidence), one("discovery_is_recent", "no list was ever read"));
    let mut new = evidence.clone();
    let now = new.now;
    for entry in new.entries.as_mut().unwrap() {
        entry.created_at = Some(now - TimeDelta::hours(1));
    }
    assert!(!violated(&new).iter().any(|(name, _)| *name == "discovery_is_recent"));
    let off = Evidence { discovers: false, ..evidence };
    assert_eq!(violated(&off), []);
}

#[test]
fn stuck_work_and_work_for_nobody_are_found() {
    let mut evidence = well();
    let mut waits = job("groq:a", JobStatus::Queued);
    waits.not_before = Some(minutes_ago(7 * 60));
    let mut orphan = job("groq:b", JobStatus::Running);
    orphan.lease = Some(Lease { owner: "gone".to_owned(), expires_at: minutes_ago(90) });
    evidence.jobs =
        Ok(vec![waits, orphan, job("groq:off", JobStatus::Queued), job("groq:c", JobStatus::Cancelled)]);
    let by_hand = |id: &str, minutes| ForeignJob {
        id: id.to_owned(),
        model: "groq:a".parse().unwrap(),
        kind: "ad_hoc".to_owned(),
        created_at: Some(minutes_ago(minutes)),
    };
    evidence.foreign = Ok(vec![by_hand("ad_hoc:old", 7 * 60), by_hand("ad_hoc:new", 5)]);
    let expected = [
        one("no_job_is_stuck_in_queue", "groq:a,groq:b,ad_hoc:old"),
        one("no_work_for_disabled_models", "groq:off"),
    ]
    .concat();
    assert_eq!(violated(&evidence), expected);
}

#[test]
fn two_spellings_are_one_model_measured_twice() {
    let mut evidence = well();
    evidence.entries = Ok(vec![entry("groq:a", true), entry("groq:A", true), entry("groq:b", true)]);
    let health_rows = [("groq:a", 20), ("groq:A", 20), ("groq:b", 20)];
    evidence.health = Ok(health_rows.map(|(model, minutes)| health(model, minutes, minutes)).to_vec());
    assert_eq!(violated(&evidence), one("no_case_duplicate_models", "groq:a = groq:A"));
}
