//! Which runners were heard of, and what they say of themselves; gathered here and given to the store every few seconds. A
//! request never waits for it.

use super::auth::RunnerKey;
use crate::storage::posts::RunnerActivity;
use crate::storage::{Store, StoreError};
use chrono::{DateTime, Utc};
use hyper::HeaderMap;
use hyper::header::USER_AGENT;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Our runner's clock when it sent the request, RFC 3339.
const SENT_AT: &str = "x-llmbench-sent-at";
/// How many rows wait on our runner's side.
const BACKLOG: &str = "x-llmbench-backlog";
/// The longest program name that is kept, characters.
const LONGEST_VERSION: usize = 64;

/// What was heard since the last flush.
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
    /// Nothing was heard yet of runners that are told to measure so often.
    pub fn new(interval_seconds: u32) -> Self {
        Self { interval_seconds, heard: Mutex::default() }
    }

    /// A request came under a key.
    pub fn saw(&self, key: &RunnerKey, headers: &HeaderMap, at: DateTime<Utc>) {
        let said = read(headers, self.silent(&key.runner, at));
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.keys.insert(key.id.clone(), at);
        let known = heard.runners.entry(key.runner.clone()).or_insert_with(|| said.clone());
        known.seen_at = at;
        known.version = said.version.or(known.version.take());
        known.clock_offset_seconds = said.clock_offset_seconds.or(known.clock_offset_seconds);
        known.backlog = said.backlog.or(known.backlog);
    }

    /// Something of a runner was stored.
    pub fn stored(&self, runner: &str, at: DateTime<Utc>) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        // What was heard of the same request may be with the store already.
        let known = heard.runners.entry(runner.to_owned()).or_insert_with(|| self.silent(runner, at));
        known.stored_at = Some(at);
    }

    /// A runner that has said nothing of itself.
    fn silent(&self, runner: &str, at: DateTime<Utc>) -> RunnerActivity {
        RunnerActivity {
            runner: runner.to_owned(),
            seen_at: at,
            stored_at: None,
            version: None,
            clock_offset_seconds: None,
            backlog: None,
            interval_seconds: Some(self.interval_seconds),
        }
    }

    /// Gives what was heard to the store. What cannot be kept now is forgotten: the next request says it again.
    ///
    /// # Errors
    /// The store's.
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

/// What a request says of its sender.
fn read(headers: &HeaderMap, silent: RunnerActivity) -> RunnerActivity {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let sent_at = text(SENT_AT).and_then(|text| DateTime::parse_from_rfc3339(text).ok());
    let plain = |text: &str| text.chars().filter(|ch| !ch.is_control()).take(LONGEST_VERSION).collect();
    RunnerActivity {
        version: text(USER_AGENT.as_str()).map(plain),
        clock_offset_seconds: sent_at.map(|sent| (sent.to_utc() - silent.seen_at).as_seconds_f64()),
        backlog: text(BACKLOG).and_then(|text| text.parse().ok()),
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
        headers.insert(BACKLOG, HeaderValue::from_static("many"));
        headers.insert(SENT_AT, HeaderValue::from_static("yesterday"));
        let said = read(&headers, silent());
        assert_eq!((said.clock_offset_seconds, said.backlog), (None, None));
    }
}
