//! Counters since the start, derived from events alone. Labels are providers, profiles and kinds of failure, never
//! models: the configuration bounds their number, and [`MOST`] does otherwise.

use super::prometheus::{MetricKind, MetricsPage, number};
use crate::daemon::event::DaemonEvent;
use crate::domain::canary::CANARY_PROFILE;
use crate::domain::pair::is_counterpart;
use crate::domain::{Outcome, Run};
use std::collections::BTreeMap;

/// Maximum number of series in a family; all further ones are counted together as [`OTHER`].
pub const MOST: usize = 300;

/// Label of the series beyond [`MOST`].
pub const OTHER: &str = "other";

/// Upper bounds of TTFT buckets in seconds, from a fast host's cache to the first-byte deadline.
const TTFT: &[f64] = &[0.05, 0.1, 0.15, 0.2, 0.3, 0.45, 0.7, 1.0, 1.5, 2.5, 4.0, 7.0, 12.0, 20.0, 30.0, 60.0];

/// Upper bounds of rate buckets, in tokens per second.
const RATE: &[f64] =
    &[1.0, 5.0, 10.0, 20.0, 30.0, 50.0, 75.0, 100.0, 150.0, 200.0, 300.0, 500.0, 800.0, 1300.0, 2500.0];

/// Upper bounds of buckets for the time of a whole measurement, in seconds.
const TOOK: &[f64] = &[0.5, 1.0, 2.0, 4.0, 7.0, 12.0, 20.0, 35.0, 60.0, 90.0, 120.0, 180.0];

/// One value for each set of label values.
type LabelledMetric<T> = BTreeMap<Vec<String>, T>;

/// Counts by bucket, and the sum.
#[derive(Debug, Clone, Default, PartialEq)]
struct Histogram {
    /// One more than the number of bounds; the last bucket counts all larger values.
    buckets: Vec<u64>,
    sum: f64,
}

impl Histogram {
    fn add(&mut self, bounds: &[f64], value: f64) {
        self.buckets.resize(bounds.len() + 1, 0);
        self.buckets[bounds.partition_point(|bound| *bound < value)] += 1;
        self.sum += value;
    }
}

#[derive(Debug, Default)]
pub struct Counters {
    runs: LabelledMetric<f64>,
    failures: LabelledMetric<f64>,
    stored: LabelledMetric<f64>,
    restarts: LabelledMetric<f64>,
    dollars: LabelledMetric<f64>,
    set_aside: f64,
    ttft: LabelledMetric<Histogram>,
    rate: LabelledMetric<Histogram>,
    took: LabelledMetric<Histogram>,
}

/// The value for these labels, or the common one if the family is full.
fn of<'a, T: Default>(family: &'a mut LabelledMetric<T>, labels: &[&str]) -> &'a mut T {
    let mut key: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
    if family.len() >= MOST && !family.contains_key(&key) {
        key.iter_mut().for_each(|label| OTHER.clone_into(label));
    }
    family.entry(key).or_default()
}

impl Counters {
    pub fn observe(&mut self, event: &DaemonEvent) {
        if let DaemonEvent::Finished { slot, outcome, .. } = event
            && let Outcome::Success(run) = outcome.as_ref()
            && let Some(usd) = run.cost_usd
        {
            *of(&mut self.dollars, &[&slot.series.model.provider]) += usd;
        }
        match event {
            // The figures are those of the series; rows and spending count everywhere else.
            DaemonEvent::Finished { outcome, .. } if is_counterpart(outcome) => {}
            DaemonEvent::Finished { slot, .. } if slot.series.profile_id == CANARY_PROFILE => {}
            DaemonEvent::Finished { slot, outcome, took } => {
                let provider = slot.series.model.provider.as_str();
                let word = match outcome.as_ref() {
                    Outcome::Success(run) if run.quality.suspect => "suspect",
                    Outcome::Success(run) => self.measured(provider, run),
                    Outcome::Failure(failure) => {
                        *of(&mut self.failures, &[provider, failure.error_kind.as_str()]) += 1.0;
                        "failure"
                    }
                };
                *of(&mut self.runs, &[provider, &slot.series.profile_id, word]) += 1.0;
                of(&mut self.took, &[provider]).add(TOOK, took.as_secs_f64());
            }
            DaemonEvent::Stored { provider, rows } => *of(&mut self.stored, &[provider]) += *rows as f64,
            DaemonEvent::Restarted { provider, .. } => *of(&mut self.restarts, &[provider]) += 1.0,
            DaemonEvent::SetAside { .. } => self.set_aside += 1.0,
            _ => {}
        }
    }

    /// Adds only credible samples to the histograms.
    fn measured(&mut self, provider: &str, run: &Run) -> &'static str {
        if let Some(seconds) = run.speeds.time_to_first_token {
            of(&mut self.ttft, &[provider]).add(TTFT, seconds);
        }
        let rate = run.speeds.visible_tokens_per_second.unwrap_or(run.speeds.tokens_per_second);
        of(&mut self.rate, &[provider]).add(RATE, rate);
        "success"
    }

    pub fn write(&self, page: &mut MetricsPage) {
        let by_lane: &[&str] = &["provider"];
        let counters: [(&str, &str, &[&str], &LabelledMetric<f64>); 5] = [
            (
                "llmbench_runs_total",
                "Measurements that ended, by outcome: success, suspect, failure.",
                &["provider", "profile", "outcome"],
                &self.runs,
            ),
            (
                "llmbench_failures_total",
                "Failed measurements by kind.",
                &["provider", "kind"],
                &self.failures,
            ),
            ("llmbench_rows_stored_total", "Rows that the store confirmed.", by_lane, &self.stored),
            (
                "llmbench_cost_dollars_total",
                "What successful measurements cost, counterparts included, where prices are known.",
                by_lane,
                &self.dollars,
            ),
            ("llmbench_lane_restarts_total", "Lanes that ended unexpectedly.", by_lane, &self.restarts),
        ];
        for (name, help, labels, family) in counters {
            page.family(name, MetricKind::Counter, help);
            for (values, count) in family {
                page.sample(name, &pairs(labels, values), *count);
            }
        }
        let name = "llmbench_rows_set_aside_total";
        page.family(name, MetricKind::Counter, "Rows that no store will take, kept for somebody to look at.");
        page.sample(name, &[], self.set_aside);
        histogram(page, "llmbench_ttft_seconds", "Time to the first visible token.", TTFT, &self.ttft);
        let help = "Tokens per second of a measurement, visible ones where they are known.";
        histogram(page, "llmbench_tokens_per_second", help, RATE, &self.rate);
        let help = "A measurement from its start to the outbox, failures included.";
        histogram(page, "llmbench_run_seconds", help, TOOK, &self.took);
    }
}

fn pairs<'a>(labels: &[&'a str], values: &'a [String]) -> Vec<(&'a str, &'a str)> {
    labels.iter().copied().zip(values.iter().map(String::as_str)).collect()
}

fn histogram(
    page: &mut MetricsPage,
    name: &str,
    help: &str,
    bounds: &[f64],
    family: &LabelledMetric<Histogram>,
) {
    page.family(name, MetricKind::Histogram, help);
    for (values, histogram) in family {
        let mut below = 0;
        let edges = bounds.iter().copied().chain([f64::INFINITY]).map(number);
        for (edge, count) in edges.zip(&histogram.buckets) {
            below += count;
            let mut labels = pairs(&["provider"], values);
            labels.push(("le", &edge));
            page.sample(&format!("{name}_bucket"), &labels, below as f64);
        }
        page.sample(&format!("{name}_sum"), &pairs(&["provider"], values), histogram.sum);
        page.sample(&format!("{name}_count"), &pairs(&["provider"], values), below as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::telemetry::testing::{failed, finished};

    fn page(counters: &Counters) -> String {
        let mut page = MetricsPage::default();
        counters.write(&mut page);
        page.into_text()
    }

    #[test]
    fn outcomes_kinds_and_buckets_are_counted() {
        let mut counters = Counters::default();
        for (ttft, suspect) in [(0.05, false), (0.2, false), (90.0, false), (0.1, true)] {
            counters.observe(&finished("groq", ttft, suspect));
        }
        counters.observe(&failed("groq"));
        counters.observe(&DaemonEvent::Stored { provider: "groq".to_owned(), rows: 4 });
        let text = page(&counters);
        for line in [
            "llmbench_runs_total{provider=\"groq\",profile=\"cloud-default-v1\",outcome=\"success\"} 3",
            "llmbench_runs_total{provider=\"groq\",profile=\"cloud-default-v1\",outcome=\"suspect\"} 1",
            "llmbench_failures_total{provider=\"groq\",kind=\"rate_limit\"} 1",
            "llmbench_rows_stored_total{provider=\"groq\"} 4",
            "llmbench_ttft_seconds_bucket{provider=\"groq\",le=\"0.05\"} 1",
            "llmbench_ttft_seconds_bucket{provider=\"groq\",le=\"0.2\"} 2",
            "llmbench_ttft_seconds_bucket{provider=\"groq\",le=\"60\"} 2",
            "llmbench_ttft_seconds_bucket{provider=\"groq\",le=\"+Inf\"} 3",
            "llmbench_ttft_seconds_count{provider=\"groq\"} 3",
            "llmbench_run_seconds_count{provider=\"groq\"} 5",
        ] {
            assert!(text.lines().any(|there| there == line), "{line}\n{text}");
        }
    }

    #[test]
    fn a_canary_is_no_measurement_of_the_series() {
        let mut counters = Counters::default();
        for mut event in [finished("groq", 0.05, false), failed("groq")] {
            if let DaemonEvent::Finished { slot, .. } = &mut event {
                slot.series.profile_id = CANARY_PROFILE.to_owned();
            }
            counters.observe(&event);
        }
        assert!(counters.runs.is_empty() && counters.failures.is_empty(), "{}", page(&counters));
    }

    #[test]
    fn a_flood_of_names_stays_bounded() {
        let mut counters = Counters::default();
        for number in 0..10 * MOST {
            counters.observe(&DaemonEvent::Stored { provider: format!("p{number}"), rows: 1 });
        }
        assert_eq!(counters.stored.len(), MOST + 1);
        assert_eq!(counters.stored.values().sum::<f64>() as usize, 10 * MOST);
        assert!(page(&counters).contains("llmbench_rows_stored_total{provider=\"other\"} 2700"));
    }
}
