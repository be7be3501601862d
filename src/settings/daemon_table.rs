//! The `[daemon]` tables of the configuration file as they are written. What they add up to is `settings::daemon`.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// `[daemon]`.
#[derive(Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DaemonTable {
    /// Where outbox, lock and pulse are, relative to the configuration file.
    pub state_dir: Option<PathBuf>,
    /// What the place is called that it measures from.
    pub vantage: Option<String>,
    /// These providers alone.
    pub only: Option<Vec<String>>,
    /// Never these.
    pub exclude: Option<Vec<String>>,
    /// Names of the profiles that are asked of every model.
    pub ask: Option<Vec<String>>,
    /// Seconds from turn to turn.
    pub cadence: Option<u32>,
    /// The share of a cadence over which starts are spread, 0 to 1.
    pub spread: Option<f64>,
    /// Measurements at once for each provider.
    pub concurrency: Option<usize>,
    /// Attempts at one slot.
    pub attempts: Option<u32>,
    /// The longest that one measurement may take with everything around it, seconds.
    pub deadline: Option<f64>,
    /// How often work list and signs of life are refreshed, seconds.
    pub tick: Option<f64>,
    /// How long measurements may go on after the first signal, seconds.
    pub grace: Option<f64>,
    /// How long a provider that refuses the key or wants money is left alone at first, seconds.
    pub recheck: Option<f64>,
    /// How long `--once` waits for a store that is away, seconds.
    pub store_wait: Option<f64>,
    /// How old the catalog may be that is measured where the store is away at the start, seconds.
    pub catalogue_max_age: Option<f64>,
    /// `[daemon.admission]`.
    pub admission: DaemonAdmission,
    /// `[daemon.quarantine]`.
    pub quarantine: DaemonQuarantine,
    /// Where probes are answered: an address, or `none`.
    pub listen: Option<String>,
    /// When providers' lists are read: `07:00` (UTC), or `off`.
    pub discovery: Option<String>,
    /// `[daemon.profiles.NAME]`.
    pub profiles: BTreeMap<String, DaemonProfile>,
    /// `[daemon.providers.NAME]`.
    pub providers: BTreeMap<String, DaemonProvider>,
    /// `[daemon.models."PROVIDER:MODEL_ID"]`.
    pub models: BTreeMap<String, DaemonModel>,
}

/// How models under admission are asked and let in.
#[derive(Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DaemonAdmission {
    /// Models under admission are asked at all.
    pub enabled: Option<bool>,
    /// So many successes let a model in.
    pub successes: Option<u32>,
    /// Seconds from one to the next.
    pub apart: Option<f64>,
    /// None of them older than so many seconds.
    pub within: Option<f64>,
    /// At most so many models a day.
    pub per_day: Option<u32>,
    /// Asked and judged, and never let in.
    pub dry_run: Option<bool>,
}

/// How models that answer nothing but "no such model" are set aside.
#[derive(Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DaemonQuarantine {
    /// Models are set aside at all.
    pub enabled: Option<bool>,
    /// So many terminal answers in a row.
    pub answers: Option<u32>,
    /// Over at least so many seconds.
    pub over: Option<f64>,
    /// Seconds before it is asked again at first; doubled each time.
    pub recheck: Option<f64>,
    /// At most so many models a day.
    pub per_day: Option<u32>,
}

/// A profile with a cadence of its own.
#[derive(Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DaemonProfile {
    /// Seconds from turn to turn.
    pub cadence: Option<u32>,
}

/// What is different for one provider.
#[derive(Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DaemonProvider {
    /// Seconds from turn to turn.
    pub cadence: Option<u32>,
    /// Measurements at once.
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

/// What is different for one model.
#[derive(Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DaemonModel {
    /// Seconds from turn to turn.
    pub cadence: Option<u32>,
    /// US dollars for a million input tokens.
    pub input_price: Option<f64>,
    /// US dollars for a million output tokens.
    pub output_price: Option<f64>,
}
