//! The `[daemon]` tables of the configuration file as written. `settings::daemon` resolves them.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The `[daemon]` table.
#[derive(Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DaemonTable {
    /// Directory of outbox, lock and status report, relative to the configuration file.
    pub state_dir: Option<PathBuf>,
    /// Name of the place from which the daemon measures.
    pub vantage: Option<String>,
    /// Only these providers are measured.
    pub only: Option<Vec<String>>,
    /// These providers are never measured.
    pub exclude: Option<Vec<String>>,
    /// Names of the profiles that are measured for every model.
    pub ask: Option<Vec<String>>,
    /// Seconds from one measurement of a model to the next.
    pub cadence: Option<u32>,
    /// The share of a cadence over which starts are spread, 0 to 1.
    pub spread: Option<f64>,
    /// Number of simultaneous measurements for each provider.
    pub concurrency: Option<usize>,
    /// Number of attempts at one slot.
    pub attempts: Option<u32>,
    /// Deadline of one measurement, including its preparation and storage, seconds.
    pub deadline: Option<f64>,
    /// Interval at which work list and heartbeat are refreshed, seconds.
    pub tick: Option<f64>,
    /// Time for which measurements may continue after the first signal, seconds.
    pub grace: Option<f64>,
    /// First pause for a provider that refuses the key or requires payment, seconds.
    pub recheck: Option<f64>,
    /// Time for which `--once` waits for an unavailable store, seconds.
    pub store_wait: Option<f64>,
    /// The largest age of a cached catalog that may be measured if the store is unavailable at the start, seconds.
    pub catalogue_max_age: Option<f64>,
    pub admission: DaemonAdmission,
    pub quarantine: DaemonQuarantine,
    /// Address of the monitoring endpoints, or `none`.
    pub listen: Option<String>,
    /// Time of day at which providers' lists are read: `07:00` (UTC), or `off`.
    pub discovery: Option<String>,
    /// How often the daemon calibrates its host: `daily` or `never`.
    pub calibrate: Option<String>,
    /// How a day's runs are shared among series: `even` or `precision`.
    pub plan: Option<String>,
    pub profiles: BTreeMap<String, DaemonProfile>,
    pub providers: BTreeMap<String, DaemonProvider>,
    /// `[daemon.models."PROVIDER:MODEL_ID"]`, by `PROVIDER:MODEL_ID`.
    pub models: BTreeMap<String, DaemonModel>,
}

/// `[daemon.admission]`: rules of measuring and enabling models under admission.
#[derive(Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DaemonAdmission {
    /// True if models under admission are measured at all.
    pub enabled: Option<bool>,
    /// Number of successes after which a model is enabled.
    pub successes: Option<u32>,
    /// Minimum seconds from one success to the next.
    pub apart: Option<f64>,
    /// Maximum age of these successes, seconds.
    pub within: Option<f64>,
    /// Maximum number of models enabled a day.
    pub per_day: Option<u32>,
    /// True if models are measured and judged, but never enabled.
    pub dry_run: Option<bool>,
}

/// `[daemon.quarantine]`: rules for models that answer only "no such model".
#[derive(Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DaemonQuarantine {
    /// True if models are quarantined at all.
    pub enabled: Option<bool>,
    /// Number of consecutive terminal answers.
    pub answers: Option<u32>,
    /// Minimum time over which these answers were received, seconds.
    pub over: Option<f64>,
    /// Seconds before the first recheck; doubled each time.
    pub recheck: Option<f64>,
    /// Maximum number of models quarantined a day.
    pub per_day: Option<u32>,
}

/// `[daemon.profiles.NAME]`: a profile with a cadence of its own.
#[derive(Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DaemonProfile {
    /// Seconds from one measurement of a model to the next.
    pub cadence: Option<u32>,
}

/// `[daemon.providers.NAME]`: settings of one provider that differ from the general ones.
#[derive(Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DaemonProvider {
    /// Seconds from one measurement of a model to the next.
    pub cadence: Option<u32>,
    /// Number of simultaneous measurements.
    pub concurrency: Option<usize>,
    /// Requests a day (UTC).
    pub runs_per_day: Option<u64>,
    /// Tokens a day, input and output.
    pub tokens_per_day: Option<u64>,
    /// US dollars a day.
    pub dollars_per_day: Option<f64>,
    /// US dollars for a million input tokens.
    pub input_price: Option<f64>,
    /// US dollars for a million output tokens.
    pub output_price: Option<f64>,
}

/// Settings of one model that differ from the general ones.
#[derive(Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DaemonModel {
    /// Seconds from one measurement to the next.
    pub cadence: Option<u32>,
    /// US dollars for a million input tokens.
    pub input_price: Option<f64>,
    /// US dollars for a million output tokens.
    pub output_price: Option<f64>,
}
