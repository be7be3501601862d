//! Calibrations of hosts as they are kept and shown: the whole document, the few facts that readers ask of it, and when
//! somebody should look. `measure::calibration` makes the figures.

use crate::domain::timestamp;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Age beyond which a calibration says too little about the host of today. A daemon makes one a day.
pub const OLD: TimeDelta = TimeDelta::days(3);

/// What makes a new calibration, in ten seconds.
pub const COMMAND: &str = "llmbench calibrate --short";

/// The header in which a runner tells its bridge of its newest calibration, as [`CalibrationSummary::note`] in JSON.
pub const HEADER: &str = "x-llmbench-calibration";

/// Length of the longest id; ours have 26 characters.
const LONGEST_ID: usize = 128;

/// A calibration as it is kept. The document holds all that its writer put there, which may be a newer program.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptCalibration {
    /// Rows name it as `calibration_id`.
    pub id: String,
    pub at: DateTime<Utc>,
    pub host: String,
    pub document: Map<String, Value>,
}

impl KeptCalibration {
    /// `None` unless the document names its id, its moment and its host.
    pub fn of(document: Map<String, Value>) -> Option<Self> {
        let text = |name: &str| document.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let id = text("id").filter(|id| id.len() <= LONGEST_ID)?.to_owned();
        let at = DateTime::parse_from_rfc3339(text("at")?).ok()?.to_utc();
        let host = text("host")?.to_owned();
        Some(Self { id, at, host, document })
    }

    /// Reads a kept file; `None` if it holds no calibration.
    pub fn parse(text: &str) -> Option<Self> {
        match serde_json::from_str(text) {
            Ok(Value::Object(document)) => Self::of(document),
            _ => None,
        }
    }

    /// The facts for people and monitors. What an older or newer writer has left out is `None`; without a verdict the
    /// host may not publish.
    pub fn summary(&self) -> CalibrationSummary {
        let text = |name: &str| self.document.get(name).and_then(Value::as_str).map(str::to_owned);
        let ttft = |name: &str| self.document.get("ttft_error")?.get(name)?.as_f64();
        CalibrationSummary {
            id: self.id.clone(),
            at: self.at,
            host: self.host.clone(),
            runner: text("runner"),
            may_publish: self.document.get("may_publish").and_then(Value::as_bool).unwrap_or(false),
            verdict: text("verdict").unwrap_or_else(|| "It has no verdict.".to_owned()),
            streams: self.document.get("judged_by_streams").and_then(Value::as_u64),
            ttft_error_mean: ttft("mean"),
            ttft_error_p99: ttft("p99"),
        }
    }
}

/// What a calibration says of its host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CalibrationSummary {
    pub id: String,
    #[serde(serialize_with = "timestamp::instant")]
    pub at: DateTime<Utc>,
    pub host: String,
    /// The name of the daemon in whose state directory it was made, if one ran there before.
    pub runner: Option<String>,
    pub may_publish: bool,
    /// The verdict in a sentence.
    pub verdict: String,
    /// Streams at once that the verdict is about.
    pub streams: Option<u64>,
    /// Measured minus true TTFT in the mean, seconds: the worst of the judged conditions.
    pub ttft_error_mean: Option<f64>,
    /// The same at p99.
    pub ttft_error_p99: Option<f64>,
}

/// Whether somebody should look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CalibrationStanding {
    /// The host may publish.
    Good,
    /// The host may publish, said a calibration that is older than [`OLD`].
    Old,
    /// The host should not publish.
    Unfit,
}

impl CalibrationStanding {
    pub fn as_str(self) -> &'static str {
        match self {
            CalibrationStanding::Good => "good",
            CalibrationStanding::Old => "old",
            CalibrationStanding::Unfit => "unfit",
        }
    }
}

impl CalibrationSummary {
    /// What a runner tells a bridge, and the bridge its store: ASCII, unless the id is of another program.
    pub fn note(&self) -> Value {
        json!({
            "id": self.id,
            "at": timestamp::time(self.at),
            "may_publish": self.may_publish,
            "streams": self.streams,
            "ttft_error_mean": self.ttft_error_mean,
            "ttft_error_p99": self.ttft_error_p99,
        })
    }

    /// Reads a runner's note; `None` for anything else. The runner's name stands for its host.
    pub fn of_note(runner: &str, note: &Value) -> Option<Self> {
        let text = |name: &str| note.get(name).and_then(Value::as_str);
        let is_plain = |id: &&str| id.len() <= LONGEST_ID && id.bytes().all(|byte| byte.is_ascii_graphic());
        let may_publish = note.get("may_publish")?.as_bool()?;
        let verdict = if may_publish { "This host may publish." } else { "This host should not publish." };
        Some(Self {
            id: text("id").filter(is_plain)?.to_owned(),
            at: DateTime::parse_from_rfc3339(text("at")?).ok()?.to_utc(),
            host: runner.to_owned(),
            runner: Some(runner.to_owned()),
            may_publish,
            verdict: verdict.to_owned(),
            streams: note.get("streams").and_then(Value::as_u64),
            ttft_error_mean: note.get("ttft_error_mean").and_then(Value::as_f64),
            ttft_error_p99: note.get("ttft_error_p99").and_then(Value::as_f64),
        })
    }

    pub fn standing(&self, now: DateTime<Utc>) -> CalibrationStanding {
        match self.may_publish {
            false => CalibrationStanding::Unfit,
            // The age of one from the future is unknown.
            true if (now - self.at).abs() > OLD => CalibrationStanding::Old,
            true => CalibrationStanding::Good,
        }
    }
}

/// The calibrations of a daemon's host, as the daemon tells of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CalibrationReport {
    /// True if the daemon makes one a day.
    pub daily: bool,
    /// The newest one that is kept in the state directory.
    pub newest: Option<CalibrationSummary>,
    /// The reason why the last try of the daemon failed; `None` after one that succeeded.
    pub failure: Option<String>,
}

#[cfg(test)]
pub mod fixtures {
    //! Calibrations for tests.

    use super::*;

    /// A calibration that was made then; a host that is 4 ms off may not publish.
    pub fn kept(id: &str, host: &str, at: DateTime<Utc>, may_publish: bool) -> KeptCalibration {
        let off = if may_publish { 0.000_21 } else { 0.004 };
        let document = json!({
            "schema": "llmbench.calibrate/1", "id": id, "at": timestamp::time(at), "host": host, "runner": null,
            "may_publish": may_publish, "judged_by_streams": 2, "cells": [],
            "verdict": if may_publish { "This host may publish." } else { "This host should not publish: TTFT is 4.0 ms off in the mean." },
            "ttft_error": { "mean": off, "p99": off * 2.0 },
        });
        KeptCalibration::parse(&document.to_string()).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_document_without_its_facts_is_no_good_host() {
        let bare = r#"{"id": "1", "at": "2026-11-23T12:00:00Z", "host": "h", "new": [1]}"#;
        let kept = KeptCalibration::parse(bare).unwrap();
        assert_eq!(kept.document["new"][0], 1);
        let summary = kept.summary();
        assert_eq!((summary.may_publish, summary.ttft_error_mean, summary.runner), (false, None, None));
        for broken in ["", "[]", r#"{"id": 7}"#, r#"{"id": "1", "at": "soon", "host": "h"}"#] {
            assert_eq!(KeptCalibration::parse(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_runners_note_is_read_back_and_anything_else_is_none() {
        let at = "2026-11-23T12:00:00.120Z".parse().unwrap();
        for may_publish in [true, false] {
            let made = fixtures::kept("01J", "inside", at, may_publish).summary();
            let read = CalibrationSummary::of_note("aws-1", &made.note()).unwrap();
            assert_eq!((read.note(), read.host.as_str()), (made.note(), "aws-1"));
            assert!(made.note().to_string().is_ascii());
        }
        for broken in
            [json!(7), json!({}), json!({"id": "a b", "at": "2026-11-23T12:00:00Z", "may_publish": true})]
        {
            assert_eq!(CalibrationSummary::of_note("aws-1", &broken), None);
        }
    }

    proptest! {
        #[test]
        fn no_file_panics(text in any::<String>(), value in any::<f64>()) {
            let odd = serde_json::json!({"id": text, "at": "2026-11-23T12:00:00Z", "host": "h", "ttft_error": value});
            for text in [text, odd.to_string()] {
                if let Some(kept) = KeptCalibration::parse(&text) {
                    kept.summary();
                }
            }
        }
    }
}
