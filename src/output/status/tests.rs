//! Snapshots of the status, and checks of its document against the schema.

use super::*;
use crate::domain::ModelRef;
use crate::domain::calibration::{CalibrationSummary, fixtures as kept};
use crate::domain::daemon_status::{LaneActivity, OutboxReport, ProblemKind, StoreReport, fixtures};
use crate::domain::publication::{LaneCoverage, LaneRanking};
use crate::domain::runner::RunnerKeyState;
use crate::domain::series_change::{
    Acknowledgement, ChangeCause, ChangeScope, ChangedLevel, EstimatedTime, MeasuredSeries,
};
use crate::output::schema_check::violations;
use crate::output::snapshots::{assert_picture, view};
use chrono::TimeDelta;
use proptest::prelude::*;
use serde_json::json;

fn now() -> DateTime<Utc> {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

fn ago(minutes: i64) -> Option<DateTime<Utc>> {
    Some(now() - TimeDelta::minutes(minutes))
}

fn lane(provider: &str, state: LaneActivity, reason: Option<&str>) -> LaneReport {
    LaneReport {
        state,
        reason: reason.map(str::to_owned),
        until: reason.map(|_| now() + TimeDelta::minutes(20)),
        series: 9,
        due: 2,
        due_at: ago(1),
        succeeded_at: ago(40),
        ..fixtures::lane(provider, now())
    }
}

fn daemon_status() -> DaemonStatus {
    let sample = fixtures::daemon_status(now());
    DaemonStatus {
        owner: "host-1".to_owned(),
        pid: 4711,
        started_at: now() - TimeDelta::hours(30),
        written_at: now() - TimeDelta::seconds(4),
        store: StoreReport { name: "mongodb://db/llm-bench".to_owned(), ..sample.store.clone() },
        outbox: OutboxReport {
            pending: 12,
            quarantined: 1,
            oldest_at: ago(16),
            bytes: 40_960,
            full: false,
            damaged: 0,
        },
        lanes: vec![
            lane("groq", LaneActivity::Producing, None),
            lane("openai", LaneActivity::Held, Some("the key is refused (401)")),
        ],
        ..sample
    }
}

fn fleet() -> Fleet {
    let groq = ProviderState {
        provider: "groq".to_owned(),
        enabled: 9,
        fresh: 8,
        stale: 1,
        probing: 2,
        disabled: 4,
        last_success_at: ago(2),
        successes: 412,
        failures: 3,
        ..ProviderState::default()
    };
    let openai = ProviderState {
        provider: "openai".to_owned(),
        enabled: 30,
        critical: 29,
        never_run: 1,
        disabled: 117,
        last_success_at: ago(400),
        successes: 41,
        failures: 1_360,
        ..ProviderState::default()
    };
    let odd = ProviderState { provider: "x\u{1b}[2J\ny".to_owned(), disabled: 1, ..ProviderState::default() };
    let heartbeat = |component: &str, minutes, details| HeartbeatRow {
        component: component.to_owned(),
        updated_at: ago(minutes),
        details,
    };
    let heartbeats = vec![
        heartbeat("daemon:main:host-1", 0, json!(daemon_status())),
        heartbeat("reaper", 1, json!({"expired": 0, "requeued_dead_letters": 0})),
        heartbeat("runner:legacy", 300, json!({"last_seen_at": "2026-11-23T07:00:00Z"})),
        heartbeat(
            "runner:bedrock-eu",
            3,
            json!({"last_stored": "2026-11-23T11:57:00Z", "key": "k7", "list": [1, 2]}),
        ),
        HeartbeatRow { component: "odd\u{1b}]0;x".to_owned(), updated_at: None, details: json!("a\u{7}b") },
        heartbeat("worker:cerebras:0", 1, json!({"idle": true, "worker_id": "vm:cerebras:0:d2fc34b0"})),
        heartbeat("worker:groq:main", 0, json!(lane("groq", LaneActivity::Producing, None))),
    ];
    let check = json!({"checked_at": "2026-11-23T11:55:00.000Z", "results": [
        {"name": "discovery_is_recent", "ok": false, "evaluated": true, "violation_count": 2}]});
    Fleet {
        providers: vec![groq, openai, odd],
        runners: runners(),
        heartbeats,
        check: check.as_object().cloned(),
    }
}

fn runners() -> Vec<RunnerState> {
    let heard = RunnerState {
        keyed_at: ago(9_000),
        providers: Some(vec!["bedrock".to_owned(), "vertex".to_owned()]),
        last_seen_at: ago(3),
        last_stored_at: ago(3),
        version: Some("llmbench/0.1.0".to_owned()),
        clock_offset_seconds: Some(-1.53),
        backlog: Some(12),
        interval_seconds: Some(1800),
        ..RunnerState::unheard("aws-frankfurt", RunnerKeyState::Live)
    };
    let silent = RunnerState {
        last_seen_at: ago(300),
        last_stored_at: ago(1000),
        version: Some("python-requests/2.32.3\u{1b}[2J".to_owned()),
        ..RunnerState::unheard("legacy", RunnerKeyState::Elsewhere)
    };
    let never =
        RunnerState { keyed_at: ago(30), ..RunnerState::unheard("n\u{1b}[31mew\n", RunnerKeyState::Live) };
    let retired =
        RunnerState { last_seen_at: ago(90_000), ..RunnerState::unheard("old", RunnerKeyState::Revoked) };
    vec![heard, silent, never, retired]
}

fn report() -> StatusReport {
    let (fleet, daemon_status) = (fleet(), daemon_status());
    let mut problems = daemon_status.problems(now());
    problems.extend(fleet.problems(now(), Some(&daemon_status)));
    crate::domain::daemon_status::problem::worst_first(&mut problems);
    StatusReport {
        as_of: now(),
        problems,
        store: Some("mongodb://db/llm-bench".to_owned()),
        fleet: Some(fleet),
        ranking: Some(ranking()),
        open_changes: Some(vec![open_change(None), open_change(Some("ann"))]),
        calibrations: Some(calibrations()),
        daemon_status: Some(daemon_status),
    }
}

fn calibrated(host: &str, minutes: i64, may_publish: bool) -> CalibrationSummary {
    kept::kept(&format!("01J{minutes}"), host, now() - TimeDelta::minutes(minutes), may_publish).summary()
}

fn calibrations() -> HostCalibrations {
    let here = calibrated("bench-1", 200, true);
    let unnamed =
        CalibrationSummary { ttft_error_p99: None, streams: None, ..calibrated("old", 9_000, true) };
    let hosts = vec![here.clone(), calibrated("n\u{1b}[31mew\n", 90, false), unnamed];
    HostCalibrations { here: Some(here), hosts: Some(hosts) }
}

#[test]
fn daemons_of_one_host_are_told_apart() {
    let of = |host: &str, name: Option<&str>| CalibrationSummary {
        runner: name.map(str::to_owned),
        ..calibrated(host, 50, true)
    };
    let shown = |hosts: Vec<CalibrationSummary>| {
        let known = HostCalibrations { here: Some(of("a", Some("tokyo"))), hosts: Some(hosts) };
        calibrations::lines(&known, &view(140, false, false), now())
    };
    let both = shown(vec![of("a", Some("oslo\u{1b}")), of("a", Some("tokyo")), of("b", None)]);
    let daemons: Vec<&str> = both.iter().map(|line| line.split_whitespace().nth(1).unwrap()).collect();
    assert_eq!(daemons, ["DAEMON", "tokyo", "oslo\\u{1b}", "-"], "{both:?}");
    let one = shown(vec![of("a", Some("tokyo")), of("b", None)]);
    assert_eq!((one.len(), one[0].contains("DAEMON")), (3, false), "{one:?}");
}

#[test]
fn what_is_missing_of_this_host_is_told_with_the_command_that_mends_it() {
    let last = |here: Option<CalibrationSummary>| {
        let known = HostCalibrations { here, hosts: None };
        calibrations::lines(&known, &view(140, false, false), now()).pop().unwrap()
    };
    let never = "This host was never calibrated, so nobody knows how wrong its figures are: llmbench calibrate --short";
    assert_eq!(last(None), never);
    let old = "The calibration of this host is old: llmbench calibrate --short";
    assert_eq!(last(Some(calibrated("h", 5_000, true))), old);
    assert!(last(Some(calibrated("h", 5_000, false))).contains("+8.00 ms  no "));
    assert!(last(Some(calibrated("h", 50, true))).contains("+0.21 ms  +0.42 ms  yes"));
}

/// A lane with samples at these distances from each other, in minutes.
fn ranked(model: &str, tag: Option<&str>, quantization: Option<&str>, every: i64, count: i64) -> LaneRanking {
    let times = (0..count).map(|step| now() - TimeDelta::minutes(every * step));
    LaneRanking {
        model: model.parse().unwrap(),
        endpoint_tag: tag.map(str::to_owned),
        quantization: quantization.map(str::to_owned),
        coverage: LaneCoverage::of(times, now()),
    }
}

fn open_change(seen_by: Option<&str>) -> SeriesChange {
    let at = now() - TimeDelta::days(2);
    SeriesChange {
        id: "3fa9".to_owned(),
        series: MeasuredSeries {
            model: ModelRef::new("groq", "m"),
            runner: None,
            profile: None,
            connection: None,
        },
        level: ChangedLevel::Swap {
            fact: "response_model".to_owned(),
            before: "a".to_owned(),
            after: "b".to_owned(),
        },
        began: EstimatedTime { at, earliest: at, latest: at },
        noticed_at: at,
        ended: None,
        scope: ChangeScope::Model,
        cause: ChangeCause::ModelSwapped,
        cause_line: String::new(),
        acknowledged: seen_by.map(|who| Acknowledgement { at, who: who.to_owned(), note: None }),
        returned: None,
        confirmed: None,
    }
}

fn ranking() -> RankingReport {
    let lanes = vec![
        ranked("groq:llama-3.3-70b-versatile", Some("groq/direct"), Some("fp8"), 30, 300),
        ranked("groq:new", None, None, 30, 0),
        ranked("openai:gpt-5", Some("openai/direct"), Some("bf16"), 60, 30),
        ranked("openai:gpt-5-mini", None, None, 30, 300),
        ranked("openrouter:qwen/qwen3-32b", Some("deepinfra/fp4"), Some("fp4"), 1440, 7),
        ranked("openrouter:qwen/qwen3-32b", Some("novita/fp8"), None, 30, 300),
    ];
    RankingReport { counted_at: now() - TimeDelta::minutes(12), lanes }
}

#[test]
fn a_large_catalog_s_places_are_counted_and_those_kept_back_are_capped() {
    let official = ranked("groq:a", Some("groq/direct"), Some("fp8"), 30, 300);
    let mut lanes = vec![official.clone(); 3000];
    let report = |lanes: &[LaneRanking]| RankingReport { counted_at: now(), lanes: lanes.to_vec() };
    let lines = |report: &RankingReport, wide| places::lines(Some(report), &view(140, false, wide), now());
    assert_eq!(lines(&report(&lanes), false), ["Ranking: 3000 lanes, 3000 official (counted 0 s ago)"]);
    lanes.extend((0..2000).map(|n| ranked(&format!("groq:m{n}"), Some("groq/direct"), Some("fp8"), 240, 20)));
    let told = lines(&report(&lanes), false);
    assert_eq!(told.len(), 1 + 1 + 12 + 1, "{told:?}");
    assert_eq!(told.last().unwrap(), "and 1988 more: llmbench status --wide");
    assert_eq!(lines(&report(&lanes), true).len(), 2 + 2000);
    let document = places::json(&report(&lanes));
    let counted = ["lanes", "official", "preliminary", "without_place", "left_out"].map(|key| &document[key]);
    assert_eq!(counted, [&json!(5000), &json!(3000), &json!(2000), &json!(0), &json!(1000)]);
    assert_eq!(document["kept_back"].as_array().unwrap().len(), 1000);
}

#[test]
fn the_screen_at_every_width() {
    for columns in [40, 80, 140] {
        assert_picture(&format!("status_{columns}"), &screen(&report(), &view(columns, false, false)));
    }
    assert_picture("status_wide", &screen(&report(), &view(80, false, true)));
}

#[test]
fn the_daemon_of_this_host_may_write_to_another_store() {
    let other = StatusReport { store: Some("sqlite:/other.db".to_owned()), ..report() };
    let shown = screen(&other, &view(140, false, false));
    let line = "Store: sqlite:/other.db; this host's daemon writes to mongodb://db/llm-bench, stored a row 2 min ago";
    assert!(shown.contains(line), "{shown}");
    for (store, theirs, another) in [
        ("sqlite:/a/x.db", "sqlite:/b/x.db", true),
        ("sqlite:/a/x.db", "sqlite:./x.db", false),
        ("mongodb://db/llm-bench", "mongodb://db", false),
        ("mongodb://db2/llm-bench", "mongodb://db", true),
        ("sqlite:/a/x.db", "https://bridge", true),
        ("sqlite:/a/x.db", "", false),
    ] {
        assert_eq!(is_another(store, theirs), another, "{store}, {theirs}");
    }
}

#[test]
fn the_store_alone_and_the_pulse_alone() {
    let store = StatusReport { daemon_status: None, problems: Vec::new(), ..report() };
    assert_picture("status_80_store_alone", &screen(&store, &view(80, false, false)));
    let daemon_status = StatusReport { fleet: None, store: None, open_changes: None, ..report() };
    assert_picture("status_80_pulse_alone", &screen(&daemon_status, &view(80, false, false)));
}

#[test]
fn one_provider_is_told_without_the_others() {
    let one = report().only(&["groq".to_owned()]);
    let shown = screen(&one, &view(140, false, false));
    assert!(!shown.contains("openai") && shown.contains("rows wait for the store"), "{shown}");
    assert_eq!(report().only(&[]), report());
    // A runner belongs to the providers of its keys.
    let silent = report().only(&["groq".to_owned()]);
    assert!(silent.problems.iter().any(|one| one.subject == "runner:legacy"), "it may post for all");
    assert!(!shown.contains("aws-frankfurt"), "{shown}");
}

#[test]
fn reasons_are_one_line_each() {
    let mut odd =
        DaemonProblem::new(ProblemKind::StoreDown, ProblemSeverity::Degraded, "store", "two\nlines\u{1b}[1m");
    assert_eq!(
        reasons(&[odd.clone()]),
        "degraded: two lines\\u{1b}[1m (TROUBLESHOOTING.md, \"The store cannot be reached\")\n"
    );
    odd.command = Some("llmbench doctor".to_owned());
    assert!(reasons(&[odd]).contains("(llmbench doctor; TROUBLESHOOTING.md, "));
}

#[test]
fn programs_get_what_the_schema_says() {
    let schema: Value =
        serde_json::from_str(include_str!("../../../docs/schema/status.schema.json")).unwrap();
    let dark = HostCalibrations { here: None, hosts: None };
    let dark =
        StatusReport { fleet: None, store: None, open_changes: None, calibrations: Some(dark), ..report() };
    let bare = StatusReport { daemon_status: None, problems: Vec::new(), calibrations: None, ..report() };
    let documents = [
        json::document(&report()),
        json::document(&dark),
        json::document(&bare),
        json::check(&report().problems, false),
        json::check(&[], true),
    ];
    for document in documents {
        assert_eq!(violations(&schema, &document), Vec::<String>::new());
        let mut broken = document.clone();
        broken["healthy"] = json!("maybe");
        assert_eq!(violations(&schema, &broken).len(), 1);
    }
    let causes = schema["$defs"]["trouble"]["properties"]["cause"]["enum"].as_array().unwrap();
    assert_eq!(causes.len(), ProblemKind::all().count());
}

proptest! {
    #[test]
    fn nothing_is_too_wide_and_nothing_moves_the_cursor(name in any::<String>(), columns in 20..160_usize) {
        let mut odd = report();
        if let Some(fleet) = &mut odd.fleet {
            fleet.providers[0].provider.clone_from(&name);
            fleet.heartbeats[1].component.clone_from(&name);
            fleet.runners[0].runner.clone_from(&name);
            fleet.runners[0].providers = Some(vec![name.clone()]);
            fleet.runners[1].version = Some(name.clone());
            fleet.heartbeats[2].details = json!({ &*name: name });
        }
        odd.problems[0].sentence.clone_from(&name);
        if let Some(here) = odd.calibrations.as_mut().and_then(|known| known.here.as_mut()) {
            here.host.clone_from(&name);
        }
        for line in screen(&odd, &view(columns, false, false)).lines() {
            prop_assert!(text::width(line) <= columns, "{line:?}");
            prop_assert!(!line.contains(char::is_control), "{line:?}");
        }
    }
}
