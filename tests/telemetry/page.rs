//! The page of figures, read by the parser of Prometheus' own Python client.

use crate::support::markdown::{self, document, first_column, section};
use crate::support::peers::fetch;
use crate::support::samples;
use chrono::{DateTime, TimeDelta, Utc};
use llmbench::daemon::event::DaemonEvent;
use llmbench::daemon::telemetry::gauges::Freshness;
use llmbench::daemon::telemetry::{Telemetry, invariants};
use llmbench::domain::calibration::CalibrationReport;
use llmbench::domain::daemon_status::{
    BudgetReport, ClockReport, DaemonStatus, LaneActivity, LaneReport, OutboxReport, STATUS_FORMAT,
    StoreReport,
};
use llmbench::domain::{ModelRef, Outcome, Series};
use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

const PACKAGE: &str = "prometheus-client==0.26.0";
const HINT: &str = "The test reads the page of figures with Prometheus' own parser: Python 3 with pip fetches it \
    (pip install --no-deps --target target/test-peers/prometheus-client prometheus-client==0.26.0), and that failed";

/// Every sample as `[family, type, name, labels, value]`; the parser refuses what Prometheus would refuse.
const PARSE: &str = "
import json, math, sys
from prometheus_client.parser import text_string_to_metric_families
text = sys.stdin.read()
samples, seen = [], set()
for family in text_string_to_metric_families(text):
    assert family.documentation, family.name
    assert family.type in ('counter', 'gauge', 'histogram'), family
    assert family.name not in seen, family.name
    seen.add(family.name)
    for sample in family.samples:
        assert not math.isnan(sample.value), sample
        samples.append([family.name, family.type, sample.name, sample.labels, sample.value])
print(json.dumps(samples))
";

fn install(folder: &Path, wanted: &Path) {
    let partial = folder.join("prometheus-client.part");
    drop(std::fs::remove_dir_all(&partial));
    let pip = ["-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:", "--target"];
    fetch::fetcher(Command::new("python3").args(pip).arg(&partial).arg(PACKAGE), HINT);
    std::fs::rename(partial, wanted).unwrap();
}

/// What Prometheus makes of a page.
pub fn parsed(page: &str) -> Vec<Value> {
    let package = fetch::once("prometheus-client", install);
    let mut python = Command::new("python3");
    python.args(["-c", PARSE]).env("PYTHONPATH", package);
    let mut child =
        python.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect(HINT);
    child.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}\n{page}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The value of the one sample of this name whose labels hold these.
pub fn value(samples: &[Value], name: &str, labels: &[(&str, &str)]) -> f64 {
    let fits = |sample: &&Value| {
        sample[2] == name && labels.iter().all(|(label, value)| sample[3][*label] == *value)
    };
    let found: Vec<_> = samples.iter().filter(fits).collect();
    assert_eq!(found.len(), 1, "{name} {labels:?}: {found:?}");
    found[0][4].as_f64().unwrap()
}

/// A provider's name that would break a page where it is not escaped.
pub const ODD: &str = "a\"b\\c\nd{e}=,# é";

fn calibration(now: DateTime<Utc>) -> CalibrationReport {
    let newest = samples::calibration("1", "h", now - TimeDelta::seconds(500), false).summary();
    CalibrationReport { daily: true, newest: Some(newest), failure: None }
}

pub fn pulse() -> DaemonStatus {
    let now = Utc::now();
    let lane = |provider: &str, state| LaneReport {
        provider: provider.to_owned(),
        state,
        reason: None,
        until: None,
        series: 12,
        due: 3,
        running: 2,
        concurrency: 4,
        due_at: Some(now),
        started_at: Some(now),
        finished_at: Some(now - TimeDelta::seconds(30)),
        succeeded_at: None,
        stored_at: Some(now - TimeDelta::seconds(20)),
        idle_since: None,
        cadence_seconds: Some(1800),
        budget: Some(BudgetReport {
            runs_left: Some(7),
            runs_limit: Some(10),
            dollars_left: Some(0.25),
            dollars_limit: Some(2.0),
            ..BudgetReport::default()
        }),
    };
    DaemonStatus {
        format: STATUS_FORMAT,
        program: "llmbench/0.1.0".to_owned(),
        owner: "me".to_owned(),
        vantage: "main".to_owned(),
        pid: std::process::id(),
        boot_id: "b".to_owned(),
        started_at: now - TimeDelta::hours(2),
        written_at: now,
        written_since_boot_seconds: None,
        ready: true,
        stopping: false,
        failure: None,
        clock: ClockReport::default(),
        store: StoreReport { error: Some("down".to_owned()), ..StoreReport::default() },
        outbox: OutboxReport {
            pending: 5,
            quarantined: 1,
            oldest_at: Some(now - TimeDelta::seconds(90)),
            bytes: 4096,
            full: false,
            damaged: 2,
        },
        calibration: Some(calibration(now)),
        plan: None,
        site_failure: None,
        suspected: Vec::new(),
        loop_lag_seconds: 0.012,
        log_lines_dropped: 9,
        lanes: vec![lane("groq", LaneActivity::Held), lane(ODD, LaneActivity::Producing)],
    }
}

pub fn finished(provider: &str, outcome: Outcome) -> DaemonEvent {
    let series = Series {
        model: ModelRef::new(provider, "m"),
        profile_id: "cloud-default-v1".to_owned(),
        vantage: "main".to_owned(),
    };
    let slot = series.slot_at(Utc::now(), 1800);
    DaemonEvent::Finished { slot, outcome: Arc::new(outcome), took: Duration::from_millis(1500) }
}

#[test]
fn every_figure_is_documented() {
    let telemetry = Telemetry::default();
    telemetry.publish(pulse());
    telemetry.open_changes(Vec::new());
    let page = telemetry.page(Utc::now());
    let families = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let there: Vec<Vec<&str>> = families.map(|family| family.split(' ').collect()).collect();
    let documented = document("docs/telemetry.md");
    let section = section(&documented, "## Figures");
    let names: Vec<&str> = there.iter().map(|family| family[0]).collect();
    assert_eq!(first_column(section), names);
    for family in &there {
        let row = section.lines().find(|line| line.starts_with(&format!("| `{}`", family[0]))).unwrap();
        assert_eq!(row.split('|').nth(2).unwrap().trim(), family[1], "{row}");
    }
    let checks: Vec<_> = invariants::checks::ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(first_column(markdown::section(&documented, "## Self-checks")), checks);
}

#[test]
fn prometheus_reads_every_figure() {
    let telemetry = Telemetry::default();
    assert!(parsed(&telemetry.page(Utc::now())).iter().all(|sample| sample[4] == 0.0));
    telemetry.publish(pulse());
    let mut freshness = Freshness::default();
    let now = Utc::now();
    freshness.add("groq", true, Some(now - TimeDelta::seconds(4000)), 1800, now);
    freshness.add("groq", true, Some(now - TimeDelta::seconds(40)), 1800, now);
    freshness.add("groq", true, None, 1800, now);
    freshness.add("groq", false, Some(now - TimeDelta::days(9)), 1800, now);
    telemetry.freshness(freshness);
    for provider in ["groq", ODD] {
        telemetry.observe(&finished(provider, samples::success(&samples::run("1", provider, "m"))));
        telemetry.observe(&finished(provider, samples::failed(&samples::failure("2", provider, "m"))));
    }
    let page = telemetry.page(now);
    let samples = parsed(&page);
    let groq = ("provider", "groq");
    for (name, labels, expected) in [
        ("llmbench_build_info", &[("version", "0.1.0"), ("vantage", "main")][..], 1.0),
        ("llmbench_runs_total", &[("provider", ODD), ("outcome", "success")], 1.0),
        ("llmbench_runs_total", &[groq, ("outcome", "failure"), ("profile", "cloud-default-v1")], 1.0),
        ("llmbench_ttft_seconds_count", &[groq], 1.0),
        ("llmbench_ttft_seconds_bucket", &[groq, ("le", "+Inf")], 1.0),
        ("llmbench_tokens_per_second_count", &[("provider", ODD)], 1.0),
        ("llmbench_run_seconds_sum", &[groq], 3.0),
        ("llmbench_models", &[groq, ("freshness", "stale")], 1.0),
        ("llmbench_models", &[groq, ("freshness", "never_run")], 1.0),
        ("llmbench_freshness_seconds", &[groq], 4000.0),
        ("llmbench_lane_state", &[groq, ("state", "held")], 1.0),
        ("llmbench_lane_state", &[groq, ("state", "producing")], 0.0),
        ("llmbench_lane_state", &[("provider", ODD), ("state", "producing")], 1.0),
        ("llmbench_lane_due_series", &[groq], 3.0),
        ("llmbench_outbox_pending_rows", &[], 5.0),
        ("llmbench_outbox_quarantined_rows", &[], 1.0),
        ("llmbench_store_up", &[], 0.0),
        ("llmbench_calibration_may_publish", &[], 0.0),
        ("llmbench_calibration_ttft_error_seconds", &[("statistic", "mean")], 0.004),
        ("llmbench_calibration_ttft_error_seconds", &[("statistic", "p99")], 0.008),
        ("llmbench_loop_lag_seconds", &[], 0.012),
        ("llmbench_log_lines_dropped_total", &[], 9.0),
        ("llmbench_budget_left", &[groq, ("unit", "dollars")], 0.25),
        ("llmbench_budget_limit", &[groq, ("unit", "dollars")], 2.0),
    ] {
        assert_eq!(value(&samples, name, labels), expected, "{name} {labels:?}\n{page}");
    }
    let oldest = value(&samples, "llmbench_outbox_oldest_age_seconds", &[]);
    assert!((89.0..100.0).contains(&oldest), "{oldest}");
    let age = value(&samples, "llmbench_calibration_age_seconds", &[]);
    assert!((499.0..510.0).contains(&age), "{age}");
    assert!(!page.contains("model="), "no label may grow with the catalog");
}
