//! The bridge's metrics, and their Prometheus text. Labels are fixed words only, so no request can create one.

use super::listener::ListenerCounters;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper bounds of the buckets of response times, in seconds.
const CLASSES: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0, 10.0];

/// The result of one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ItemOutcome {
    Stored,
    /// A row that was already stored.
    Duplicate,
    /// A run of a model that is not enabled.
    NotEnabled,
    /// The same id with other content.
    Conflict,
    /// An item that cannot be stored, or is not allowed for this key.
    Refused,
    /// The store could not take it now.
    Unavailable,
}

impl ItemOutcome {
    pub fn as_str(self) -> &'static str {
        match self {
            ItemOutcome::Stored => "stored",
            ItemOutcome::Duplicate => "duplicate",
            ItemOutcome::NotEnabled => "not_enabled",
            ItemOutcome::Conflict => "conflict",
            ItemOutcome::Refused => "refused",
            ItemOutcome::Unavailable => "unavailable",
        }
    }
}

#[derive(Default)]
pub struct BridgeMetrics {
    answers: Mutex<BTreeMap<(&'static str, u16), u64>>,
    items: Mutex<BTreeMap<ItemOutcome, u64>>,
    classes: [AtomicU64; CLASSES.len()],
    answer_nanos: AtomicU64,
    answered: AtomicU64,
}

/// Values that are read at the time of the scrape.
pub struct ScrapeGauges {
    /// Rows that wait to be written.
    pub waiting: usize,
    /// Bytes of bodies in memory.
    pub held_bytes: usize,
    /// Stored posts whose aggregates are not updated yet.
    pub underived: usize,
    /// Keys that are valid now.
    pub keys: usize,
    pub ready: bool,
    /// Remote runners by liveness, once they were counted.
    pub runners: Option<BTreeMap<&'static str, u64>>,
}

impl BridgeMetrics {
    /// Number of answered requests.
    pub fn requests(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Counts an answered request.
    pub fn answered(&self, route: &'static str, status: u16, took: Duration) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        *answers.entry((route, status)).or_default() += 1;
        let class = CLASSES.iter().position(|end| took.as_secs_f64() <= *end);
        if let Some(counter) = class.and_then(|class| self.classes.get(class)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.answer_nanos.fetch_add(nanos, Ordering::Relaxed);
        self.answered.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts an item by its result.
    pub fn item(&self, outcome: ItemOutcome) {
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        *items.entry(outcome).or_default() += 1;
    }

    /// Number of items with this result so far.
    pub fn items(&self, outcome: ItemOutcome) -> u64 {
        self.items.lock().unwrap_or_else(PoisonError::into_inner).get(&outcome).copied().unwrap_or_default()
    }

    /// All metrics, in Prometheus' text format.
    pub fn text(&self, tally: &ListenerCounters, now: &ScrapeGauges) -> String {
        let mut out = String::new();
        family(&mut out, "requests_total", "counter", "Answers by route and status");
        for ((route, status), count) in &*self.answers.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = writeln!(out, "{P}requests_total{{route=\"{route}\",status=\"{status}\"}} {count}");
        }
        family(&mut out, "items_total", "counter", "Posted items by what became of them");
        for (outcome, count) in &*self.items.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = writeln!(out, "{P}items_total{{fate=\"{}\"}} {count}", outcome.as_str());
        }
        self.write_times(&mut out);
        let accepted = tally.accepted.load(Ordering::Relaxed);
        let turned_away = tally.turned_away.load(Ordering::Relaxed);
        let failed = tally.failed_handshakes.load(Ordering::Relaxed);
        for (name, kind, help, value) in [
            ("connections", "gauge", "Connections open", tally.open.load(Ordering::Relaxed)),
            ("connections_total", "counter", "Connections accepted", accepted),
            ("connections_turned_away_total", "counter", "Connections beyond the limits", turned_away),
            ("handshakes_failed_total", "counter", "TLS handshakes that failed", failed),
            ("waiting_posts", "gauge", "Posts that wait to be written", now.waiting),
            ("underived_posts", "gauge", "Posts whose health and rollups are not derived yet", now.underived),
            ("held_bytes", "gauge", "Bytes of bodies in memory", now.held_bytes),
            ("usable_keys", "gauge", "Keys that can be used", now.keys),
            ("ready", "gauge", "1 where posts can be stored", usize::from(now.ready)),
        ] {
            family(&mut out, name, kind, help);
            let _ = writeln!(out, "{P}{name} {value}");
        }
        family(
            &mut out,
            "runners",
            "gauge",
            "Remote runners of the store: heard, silent, never heard, retired",
        );
        for (liveness, count) in now.runners.iter().flatten() {
            let _ = writeln!(out, "{P}runners{{liveness=\"{liveness}\"}} {count}");
        }
        out
    }

    fn write_times(&self, out: &mut String) {
        family(out, "answer_seconds", "histogram", "From the end of the head to the answer");
        let mut sum = 0;
        for (end, counter) in CLASSES.iter().zip(&self.classes) {
            sum += counter.load(Ordering::Relaxed);
            let _ = writeln!(out, "{P}answer_seconds_bucket{{le=\"{end}\"}} {sum}");
        }
        let all = self.answered.load(Ordering::Relaxed);
        let seconds = Duration::from_nanos(self.answer_nanos.load(Ordering::Relaxed)).as_secs_f64();
        let _ = writeln!(out, "{P}answer_seconds_bucket{{le=\"+Inf\"}} {all}");
        let _ = writeln!(out, "{P}answer_seconds_sum {seconds}\n{P}answer_seconds_count {all}");
    }
}

/// Prefix of every metric's name.
const P: &str = "llmbench_ingest_";

fn family(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {P}{name} {help}\n# TYPE {P}{name} {kind}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_whole() {
        let metrics = BridgeMetrics::default();
        metrics.answered("/ingest", 200, Duration::from_millis(3));
        metrics.answered("/ingest", 200, Duration::from_secs(60));
        metrics.item(ItemOutcome::Stored);
        let runners = Some([("heard", 2), ("silent", 0)].into());
        let now = ScrapeGauges { waiting: 1, held_bytes: 2, underived: 0, keys: 3, ready: true, runners };
        let text = metrics.text(&ListenerCounters::default(), &now);
        for line in [
            "llmbench_ingest_requests_total{route=\"/ingest\",status=\"200\"} 2",
            "llmbench_ingest_items_total{fate=\"stored\"} 1",
            "llmbench_ingest_answer_seconds_bucket{le=\"0.005\"} 1",
            "llmbench_ingest_answer_seconds_bucket{le=\"+Inf\"} 2",
            "llmbench_ingest_ready 1",
            "llmbench_ingest_runners{liveness=\"heard\"} 2",
            "llmbench_ingest_runners{liveness=\"silent\"} 0",
        ] {
            assert!(text.lines().any(|one| one == line), "{line}\n{text}");
        }
        let named = text.lines().filter(|line| line.starts_with("# TYPE")).count();
        assert_eq!(named, text.lines().filter(|line| line.starts_with("# HELP")).count());
    }
}
