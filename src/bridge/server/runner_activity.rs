//! Records the runners' activity and their reports about themselves; the store receives it every few seconds, so no
//! request waits for it.

use super::auth::RunnerKey;
use crate::domain::calibration::{CalibrationSummary, HEADER};
use crate::storage::posts::RunnerActivity;
use crate::storage::{Store, StoreError};
use chrono::{DateTime, Utc};
use hyper::HeaderMap;
use hyper::header::USER_AGENT;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The clock of our runner when it sent the request, RFC 3339.
const SENT_AT: &str = "x-llmbench-sent-at";
/// Number of rows that wait in our runner's outbox.
const BACKLOG: &str = "x-llmbench-backlog";
/// Maximum length of a program name, in characters.
const LONGEST_VERSION: usize = 64;

/// Maximum length of a note about a calibration, in bytes.
const LONGEST_NOTE: usize = 512;

/// The activity since the last flush.
pub struct RunnerActivityLog {
    interval_seconds: u32,
    heard: Mutex<PendingActivity>,
}

#[derive(Default)]
struct PendingActivity {
    runners: HashMap<String, RunnerActivity>,
    keys: HashMap<String, DateTime<Utc>>,
}

impl RunnerActivityLog {
    /// Creates an empty log. `interval_seconds` is the interval at which runners should measure.
    pub fn new(interval_seconds: u32) -> Self {
        Self { interval_seconds, heard: Mutex::default() }
    }

    /// Records a request with this key.
    pub fn saw(&self, key: &RunnerKey, headers: &HeaderMap, at: DateTime<Utc>) {
        let said = read(headers, self.silent(&key.runner, at));
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.keys.insert(key.id.clone(), at);
        let known = heard.runners.entry(key.runner.clone()).or_insert_with(|| said.clone());
        known.seen_at = at;
        known.version = said.version.or(known.version.take());
        known.clock_offset_seconds = said.clock_offset_seconds.or(known.clock_offset_seconds);
        known.backlog = said.backlog.or(known.backlog);
        known.calibration = said.calibration.or(known.calibration.take());
    }

    /// Records that something of a runner was stored.
    pub fn stored(&self, runner: &str, at: DateTime<Utc>) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        // A flush may have taken the entry of the same request already.
        let known = heard.runners.entry(runner.to_owned()).or_insert_with(|| self.silent(runner, at));
        known.stored_at = Some(at);
    }

    /// The activity of a runner without a report about itself.
    fn silent(&self, runner: &str, at: DateTime<Utc>) -> RunnerActivity {
        RunnerActivity {
            runner: runner.to_owned(),
            seen_at: at,
            stored_at: None,
            version: None,
            clock_offset_seconds: None,
            backlog: None,
            calibration: None,
            interval_seconds: Some(self.interval_seconds),
        }
    }

    /// Writes the activity to the store. On a failure it is dropped, because the next request repeats it.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn flush(&self, store: &dyn Store) -> Result<(), StoreError> {
        let heard = std::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner));
        if heard.runners.is_empty() {
            return Ok(());
        }
        let runners: Vec<_> = heard.runners.into_values().collect();
        store.keep_runner_activity(&runners).await?;
        store.used_ingest_keys(&heard.keys.into_iter().collect::<Vec<_>>()).await
    }
}

/// The report of a request about its sender.
fn read(headers: &HeaderMap, silent: RunnerActivity) -> RunnerActivity {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let sent_at = text(SENT_AT).and_then(|text| DateTime::parse_from_rfc3339(text).ok());
    let plain = |text: &str| text.chars().filter(|ch| !ch.is_control()).take(LONGEST_VERSION).collect();
    RunnerActivity {
        version: text(USER_AGENT.as_str()).map(plain),
        clock_offset_seconds: sent_at.map(|sent| (sent.to_utc() - silent.seen_at).as_seconds_f64()),
        backlog: text(BACKLOG).and_then(|text| text.parse().ok()),
        calibration: text(HEADER)
            .filter(|text| text.len() <= LONGEST_NOTE)
            .and_then(|text| serde_json::from_str(text).ok())
            .and_then(|note| CalibrationSummary::of_note(&silent.runner, &note)),
        ..silent
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    #[test]
    fn a_request_says_what_its_runner_is() {
        let at: DateTime<Utc> = "2026-11-23T12:00:00Z".parse().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static("llmbench/0.1.0"));
        headers.insert(SENT_AT, HeaderValue::from_static("2026-11-23T11:59:58.500Z"));
        headers.insert(BACKLOG, HeaderValue::from_static("12"));
        let silent = || RunnerActivityLog::new(1800).silent("aws-1", at);
        let said = read(&headers, silent());
        assert_eq!(said.version.as_deref(), Some("llmbench/0.1.0"));
        assert_eq!((said.clock_offset_seconds, said.backlog), (Some(-1.5), Some(12)));
        let note = r#"{"id": "01J", "at": "2026-11-23T07:00:00.000Z", "may_publish": false, "ttft_error_mean": 0.004}"#;
        headers.insert(HEADER, HeaderValue::from_static(note));
        let calibration = read(&headers, silent()).calibration.unwrap();
        assert_eq!((calibration.host.as_str(), calibration.ttft_error_mean), ("aws-1", Some(0.004)));
        headers.insert(HEADER, HeaderValue::from_static("{}"));
        assert_eq!(read(&headers, silent()).calibration, None);
        headers.insert(BACKLOG, HeaderValue::from_static("many"));
        headers.insert(SENT_AT, HeaderValue::from_static("yesterday"));
        let said = read(&headers, silent());
        assert_eq!((said.clock_offset_seconds, said.backlog), (None, None));
    }
}
