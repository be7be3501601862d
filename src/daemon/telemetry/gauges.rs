//! Gauges from the status report: lanes, outbox, store, lag, remaining budgets, and freshness of models. Pure.

use super::prometheus::{MetricKind, MetricsPage};
use crate::domain::calibration::CalibrationReport;
use crate::domain::daemon_status::{DaemonStatus, LaneActivity, LaneReport};
use crate::storage::health::model_health::freshness;
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

/// Every state of a lane and its label: each is a sample, with value 1 for the current state.
const STATES: [(LaneActivity, &str); 7] = [
    (LaneActivity::Idle, "idle"),
    (LaneActivity::Producing, "producing"),
    (LaneActivity::Failing, "failing"),
    (LaneActivity::Held, "held"),
    (LaneActivity::Stalled, "stalled"),
    (LaneActivity::Starved, "starved"),
    (LaneActivity::Restarting, "restarting"),
];

/// Freshness of models, by provider.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Freshness {
    providers: BTreeMap<String, ProviderFreshness>,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct ProviderFreshness {
    models: BTreeMap<&'static str, u64>,
    stalest: Option<f64>,
}

impl Freshness {
    /// Adds a model. `last_success_at` is the newest success of its published series.
    pub fn add(
        &mut self,
        provider: &str,
        enabled: bool,
        last_success_at: Option<DateTime<Utc>>,
        cadence_seconds: u32,
        now: DateTime<Utc>,
    ) {
        let age = last_success_at.map(|at| (now - at).num_seconds().max(0));
        let of_provider = self.providers.entry(provider.to_owned()).or_default();
        *of_provider.models.entry(freshness(enabled, age, i64::from(cadence_seconds))).or_default() += 1;
        if enabled {
            of_provider.stalest =
                of_provider.stalest.into_iter().chain(age.map(|age| age as f64)).reduce(f64::max);
        }
    }
}

pub fn write(
    page: &mut MetricsPage,
    daemon_status: &DaemonStatus,
    freshness: &Freshness,
    now: DateTime<Utc>,
) {
    daemon(page, daemon_status, now);
    outbox_and_store(page, daemon_status, now);
    calibration(page, daemon_status.calibration.as_ref(), now);
    lanes(page, &daemon_status.lanes, now);
    budgets(page, &daemon_status.lanes);
    models(page, freshness);
}

fn daemon(page: &mut MetricsPage, daemon_status: &DaemonStatus, now: DateTime<Utc>) {
    let name = "llmbench_build_info";
    page.family(name, MetricKind::Gauge, "Which program this is; always 1.");
    let version = daemon_status.program.rsplit('/').next().unwrap_or_default();
    page.sample(name, &[("version", version), ("vantage", &daemon_status.vantage)], 1.0);
    page.gauge(
        "llmbench_start_time_seconds",
        "When the daemon started, seconds since 1970.",
        seconds(daemon_status.started_at),
    );
    page.gauge(
        "llmbench_pulse_age_seconds",
        "How old the figures of lanes, outbox and store are.",
        age(daemon_status.written_at, now),
    );
    page.gauge(
        "llmbench_stopping",
        "1 while the daemon finishes what runs.",
        f64::from(u8::from(daemon_status.stopping)),
    );
    page.gauge(
        "llmbench_loop_lag_seconds",
        "How late the control loop was at its worst since the last pulse.",
        daemon_status.loop_lag_seconds,
    );
    page.gauge(
        "llmbench_clock_ahead_of_store_seconds",
        "How far the machine's clock is ahead of the store's; negative where it is behind.",
        daemon_status.clock.ahead_of_store_seconds,
    );
    page.gauge(
        "llmbench_clock_stepped_seconds",
        "By how much the machine's clock was last set while the daemon ran, where that was more than leases bear.",
        daemon_status.clock.stepped_seconds,
    );
    let name = "llmbench_log_lines_dropped_total";
    page.family(name, MetricKind::Counter, "Log lines that nobody took.");
    page.sample(name, &[], daemon_status.log_lines_dropped as f64);
}

fn outbox_and_store(page: &mut MetricsPage, daemon_status: &DaemonStatus, now: DateTime<Utc>) {
    let (outbox, store) = (&daemon_status.outbox, &daemon_status.store);
    page.gauge("llmbench_outbox_pending_rows", "Rows that wait for the store.", outbox.pending as f64);
    page.gauge(
        "llmbench_outbox_quarantined_rows",
        "Rows set aside until somebody looks.",
        outbox.quarantined as f64,
    );
    page.gauge(
        "llmbench_outbox_damaged_files",
        "Damaged outboxes that were set aside, until somebody has moved them away.",
        outbox.damaged as f64,
    );
    let oldest = outbox.oldest_at.map_or(0.0, |at| age(at, now));
    page.gauge(
        "llmbench_outbox_oldest_age_seconds",
        "Age of the oldest row that waits; 0 where none does.",
        oldest,
    );
    page.gauge("llmbench_outbox_size_bytes", "Bytes on the disk.", outbox.bytes as f64);
    page.gauge(
        "llmbench_outbox_full",
        "1 where no paid call is started for want of room.",
        f64::from(u8::from(outbox.full)),
    );
    page.gauge(
        "llmbench_store_up",
        "1 where the store's last answer was no error.",
        f64::from(u8::from(store.error.is_none())),
    );
    let help = "Since the store last confirmed a row.";
    page.gauge("llmbench_store_confirmed_age_seconds", help, store.stored_at.map(|at| age(at, now)));
}

/// The newest calibration of the host; no samples where there is none.
fn calibration(page: &mut MetricsPage, report: Option<&CalibrationReport>, now: DateTime<Utc>) {
    let newest = report.and_then(|report| report.newest.as_ref());
    let help = "1 where the newest calibration of this host says that it may publish.";
    let may_publish = newest.map(|newest| f64::from(u8::from(newest.may_publish)));
    page.gauge("llmbench_calibration_may_publish", help, may_publish);
    let help = "Age of the newest calibration of this host.";
    page.gauge("llmbench_calibration_age_seconds", help, newest.map(|newest| age(newest.at, now)));
    let name = "llmbench_calibration_ttft_error_seconds";
    page.family(
        name,
        MetricKind::Gauge,
        "Measured minus true TTFT of this host, the worst of what its daemon does.",
    );
    for (statistic, value) in [
        ("mean", newest.and_then(|newest| newest.ttft_error_mean)),
        ("p99", newest.and_then(|newest| newest.ttft_error_p99)),
    ] {
        if let Some(value) = value {
            page.sample(name, &[("statistic", statistic)], value);
        }
    }
}

/// A value of a lane; `None` if it is unknown.
type LaneGauge = fn(&LaneReport, DateTime<Utc>) -> Option<f64>;

const LANE_GAUGES: [(&str, &str, LaneGauge); 7] = [
    ("llmbench_lane_series", "Series in a lane's care.", |lane, _| Some(lane.series as f64)),
    ("llmbench_lane_due_series", "Series that are due.", |lane, _| Some(lane.due as f64)),
    ("llmbench_lane_running", "Measurements that run.", |lane, _| Some(lane.running as f64)),
    ("llmbench_lane_concurrency", "Measurements that may run at once.", |lane, _| {
        Some(lane.concurrency as f64)
    }),
    ("llmbench_lane_finished_age_seconds", "Since a measurement last ended.", |lane, now| {
        lane.finished_at.map(|at| age(at, now))
    }),
    ("llmbench_lane_succeeded_age_seconds", "Since a measurement last succeeded.", |lane, now| {
        lane.succeeded_at.map(|at| age(at, now))
    }),
    ("llmbench_lane_stored_age_seconds", "Since the store last confirmed a row of the lane.", |lane, now| {
        lane.stored_at.map(|at| age(at, now))
    }),
];

fn lanes(page: &mut MetricsPage, lanes: &[LaneReport], now: DateTime<Utc>) {
    let name = "llmbench_lane_state";
    page.family(name, MetricKind::Gauge, "What a lane is doing: 1 for the state that it is in.");
    for lane in lanes {
        for (state, word) in STATES {
            let labels = [("provider", lane.provider.as_str()), ("state", word)];
            page.sample(name, &labels, f64::from(u8::from(lane.state == state)));
        }
    }
    for (name, help, figure) in LANE_GAUGES {
        page.family(name, MetricKind::Gauge, help);
        for lane in lanes {
            if let Some(value) = figure(lane, now) {
                page.sample(name, &[("provider", &lane.provider)], value);
            }
        }
    }
}

fn budgets(page: &mut MetricsPage, lanes: &[LaneReport]) {
    let budgets = || lanes.iter().filter_map(|lane| Some((lane, lane.budget.as_ref()?.units())));
    let mut write = |name, help, limit: bool| {
        page.family(name, MetricKind::Gauge, help);
        for (lane, units) in budgets() {
            for (unit, left, most) in units {
                if let Some(value) = if limit { most } else { left } {
                    page.sample(name, &[("provider", &lane.provider), ("unit", unit)], value);
                }
            }
        }
    };
    let help = "What is left of the day's budget (UTC): runs, tokens, dollars.";
    write("llmbench_budget_left", help, false);
    write("llmbench_budget_limit", "The day's budget (UTC): runs, tokens, dollars.", true);
}

fn models(page: &mut MetricsPage, freshness: &Freshness) {
    let name = "llmbench_models";
    page.family(
        name,
        MetricKind::Gauge,
        "Models of the catalog by freshness: fresh, stale, critical, never_run, disabled.",
    );
    for (provider, of_provider) in &freshness.providers {
        for (word, count) in &of_provider.models {
            page.sample(name, &[("provider", provider), ("freshness", word)], *count as f64);
        }
    }
    let name = "llmbench_freshness_seconds";
    page.family(
        name,
        MetricKind::Gauge,
        "Age of the newest success of the stalest enabled model that ever succeeded.",
    );
    for (provider, of_provider) in &freshness.providers {
        if let Some(seconds) = of_provider.stalest {
            page.sample(name, &[("provider", provider)], seconds);
        }
    }
}

fn seconds(at: DateTime<Utc>) -> f64 {
    at.timestamp_millis() as f64 / 1000.0
}

/// The age in seconds, never negative, because clocks differ.
fn age(at: DateTime<Utc>, now: DateTime<Utc>) -> f64 {
    ((now - at).num_milliseconds() as f64 / 1000.0).max(0.0)
}
