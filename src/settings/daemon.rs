//! Resolves the rules of a daemon from flags, environment and the `[daemon]` table. Variables of the Python runner
//! keep their meaning, so that a container is migrated by changing its image. `domain::daemon_config` defines the
//! rules.

mod overrides;

use super::file::ConfigFile;
use super::profiles::Profiles;
use super::python_runner::{self, ProviderNames};
use super::{Env, SettingsError};
use crate::domain::admission_config::{AdmissionConfig, QuarantineConfig};
use crate::domain::daemon_config::{DaemonConfig, PlanKind, PlannedCadences};
use crate::domain::env_vars::{
    BENCHMARK_DEADLINE_SECONDS, BENCHMARK_EXCLUDED_PROVIDERS, BENCHMARK_MAX_ATTEMPTS, BENCHMARK_PROVIDERS,
    FRESH_MINUTES, LLMBENCH_VANTAGE, SCHEDULER_TICK_SECONDS,
};
use crate::domain::sourced::{Source, Sourced};
use crate::providers::hosts::Hosts;
use chrono::{NaiveTime, TimeDelta};
use std::path::Path;
use std::time::Duration;

/// The longest cadence and the longest time that can be set, seconds: 31 days.
const LONGEST: f64 = 31.0 * 86_400.0;

/// The multiple of `FRESH_MINUTES` after which the Python scheduler asks again.
const STALE: f64 = 1.5;

/// The values of the daemon's flags.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DaemonFlags {
    pub vantage: Option<String>,
    /// Only these providers are measured (`--providers`).
    pub only: Vec<String>,
    pub exclude: Vec<String>,
    pub grace: Option<Duration>,
    pub store_wait: Option<Duration>,
    pub listen: Option<String>,
}

/// Flags for the rules that are set explicitly: a default gives way to a bridge's value, or to the default of a
/// runner with one provider.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExplicitSettings {
    pub cadence: bool,
    pub vantage: bool,
}

/// The `[daemon]` table as written, and the other sources of the rules.
pub(super) struct DaemonInputs<'a> {
    pub flags: &'a DaemonFlags,
    pub env: &'a Env,
    pub file: &'a ConfigFile,
    pub path: &'a Path,
    pub hosts: &'a Hosts,
    pub profiles: &'a Profiles,
}

/// Resolves the rules from all sources.
///
/// # Errors
/// [`SettingsError`] that names the flag, the variable or the table with an invalid value.
pub(super) fn daemon_config(given: &DaemonInputs<'_>) -> Result<DaemonConfig, SettingsError> {
    let (table, standard) = (&given.file.daemon, DaemonConfig::default());
    let count = |name: &str, value: Option<usize>, default: usize| match value {
        Some(0) => Err(given.wrong("", &format!("{name} must be 1 or more"))),
        value => Ok(value.unwrap_or(default)),
    };
    let attempts = given.attempts()?;
    let share = table.spread.unwrap_or(standard.spread);
    if !(0.0..=1.0).contains(&share) {
        return Err(given.wrong("", "spread must be from 0 to 1"));
    }
    Ok(DaemonConfig {
        vantage: given.vantage(standard.vantage)?,
        only: given.providers("--providers", &given.flags.only, BENCHMARK_PROVIDERS, table.only.as_ref())?,
        exclude: given.providers(
            "--exclude",
            &given.flags.exclude,
            BENCHMARK_EXCLUDED_PROVIDERS,
            table.exclude.as_ref(),
        )?,
        profiles: given.asked()?,
        cadence_seconds: given.cadence(standard.cadence_seconds)?,
        spread: share,
        concurrency: count("concurrency", table.concurrency, standard.concurrency)?,
        attempts: count("attempts", attempts, standard.attempts as usize)?.min(100) as u32,
        deadline: given.seconds(
            "deadline",
            Some(BENCHMARK_DEADLINE_SECONDS),
            table.deadline,
            standard.deadline,
        )?,
        tick: given.seconds("tick", Some(SCHEDULER_TICK_SECONDS), table.tick, standard.tick)?,
        grace: match given.flags.grace {
            Some(grace) => grace,
            None => given.seconds("grace", None, table.grace, standard.grace)?,
        },
        recheck: given.seconds("recheck", None, table.recheck, standard.recheck)?,
        store_wait: match given.flags.store_wait {
            Some(wait) => wait,
            None => given.seconds("store_wait", None, table.store_wait, standard.store_wait)?,
        },
        catalogue_max_age: given.seconds(
            "catalogue_max_age",
            None,
            table.catalogue_max_age,
            standard.catalogue_max_age,
        )?,
        admission: given.admission()?,
        quarantine: given.quarantine()?,
        discovery: given.discovery(standard.discovery)?,
        calibrate: given.calibrate(standard.calibrate)?,
        plan: given.plan(standard.plan)?,
        by_plan: PlannedCadences::new(),
        by_profile: given.by_profile()?,
        by_provider: given.by_provider()?,
        by_model: given.by_model()?,
    })
}

/// The rules that are set explicitly.
pub(super) fn named(given: &DaemonInputs<'_>) -> ExplicitSettings {
    let (flags, env, table) = (given.flags, given.env, &given.file.daemon);
    ExplicitSettings {
        cadence: env.get(FRESH_MINUTES).is_some() || table.cadence.is_some(),
        vantage: flags.vantage.is_some() || env.get(LLMBENCH_VANTAGE).is_some() || table.vantage.is_some(),
    }
}

impl DaemonInputs<'_> {
    fn wrong(&self, table: &str, reason: &str) -> SettingsError {
        let message = format!("[daemon{table}]: {reason}");
        SettingsError::File { path: self.path.to_owned(), line: None, message }
    }

    fn variable(&self, name: &str, reason: String) -> SettingsError {
        let source_name = Source::Env(name.to_owned()).to_string();
        SettingsError::Value { what: "daemon".to_owned(), source_name, reason }
    }

    fn vantage(&self, default: String) -> Result<String, SettingsError> {
        let (word, source) =
            match (&self.flags.vantage, self.env.get(LLMBENCH_VANTAGE), &self.file.daemon.vantage) {
                (Some(word), _, _) => (word.clone(), Source::Flag("--vantage")),
                (None, Some(word), _) => (word.to_owned(), Source::Env(LLMBENCH_VANTAGE.to_owned())),
                (None, None, Some(word)) => (word.clone(), Source::File(self.path.to_owned())),
                (None, None, None) => return Ok(default),
            };
        let fits = |ch: char| ch.is_ascii_alphanumeric() || ch == '-' || ch == '_' || ch == '.';
        if !word.is_empty() && word.len() <= 64 && word.chars().all(fits) {
            return Ok(word);
        }
        Err(SettingsError::Value {
            what: "vantage".to_owned(),
            source_name: source.to_string(),
            reason: "it may hold letters, digits, -, _ and . alone: it is part of the ids of rows".to_owned(),
        })
    }

    /// Names of providers: flag, variable, file. Each must be known; otherwise a typing error would lead to no
    /// measurements. Containers name providers that are retired since, so of a variable they are only told
    /// ([`python_runner::PythonVariables`]).
    fn providers(
        &self,
        flag: &'static str,
        flagged: &[String],
        variable: &str,
        written: Option<&Vec<String>>,
    ) -> Result<Vec<String>, SettingsError> {
        let (names, source) = if !flagged.is_empty() {
            (flagged.to_vec(), Source::Flag(flag))
        } else if let Some(list) = self.env.get(variable) {
            let ProviderNames { known, unknown } = python_runner::providers(variable, list, self.hosts);
            // With unknown names alone nothing is measured, and not everything.
            return Ok(if known.is_empty() { unknown } else { known });
        } else {
            (written.cloned().unwrap_or_default(), Source::File(self.path.to_owned()))
        };
        for name in &names {
            self.hosts.find(name).map_err(|unknown| SettingsError::Value {
                what: "providers".to_owned(),
                source_name: source.to_string(),
                reason: unknown.to_string(),
            })?;
        }
        Ok(names)
    }

    /// Ids of the profiles to measure: the configured ones, else the published one and those with a cadence here.
    fn asked(&self) -> Result<Vec<String>, SettingsError> {
        let table = &self.file.daemon;
        let standard = || std::iter::once("default".to_owned()).chain(table.profiles.keys().cloned());
        let names: Vec<String> = table.ask.clone().unwrap_or_else(|| standard().collect());
        let mut ids = Vec::new();
        for name in names {
            let id = self.profile_id(name)?;
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        if ids.is_empty() { Err(self.wrong("", "ask names no profile")) } else { Ok(ids) }
    }

    fn profile_id(&self, name: String) -> Result<String, SettingsError> {
        let named = Sourced::new(name, Source::File(self.path.to_owned()));
        self.profiles.find(&named).map(|profile| profile.id.clone())
    }

    /// Time of day such as `07:00`, or `off`.
    fn discovery(&self, default: Option<NaiveTime>) -> Result<Option<NaiveTime>, SettingsError> {
        match self.file.daemon.discovery.as_deref() {
            None => Ok(default),
            Some("off") => Ok(None),
            Some(text) => NaiveTime::parse_from_str(text, "%H:%M").map(Some).map_err(|_| {
                self.wrong(
                    "",
                    &format!(
                        "discovery is `{}`: write a time of day in UTC, \"07:00\", or \"off\"",
                        text.escape_debug()
                    ),
                )
            }),
        }
    }

    /// True for `daily`.
    fn calibrate(&self, default: bool) -> Result<bool, SettingsError> {
        match self.file.daemon.calibrate.as_deref() {
            None => Ok(default),
            Some("daily") => Ok(true),
            Some("never") => Ok(false),
            Some(text) => {
                let text = text.escape_debug();
                Err(self.wrong("", &format!("calibrate is `{text}`: write \"daily\" or \"never\"")))
            }
        }
    }

    fn plan(&self, default: PlanKind) -> Result<PlanKind, SettingsError> {
        match self.file.daemon.plan.as_deref() {
            None => Ok(default),
            Some("even") => Ok(PlanKind::Even),
            Some("precision") => Ok(PlanKind::Precision),
            Some(text) => {
                let text = text.escape_debug();
                Err(self.wrong("", &format!("plan is `{text}`: write \"even\" or \"precision\"")))
            }
        }
    }

    /// Number of attempts: variable, file.
    fn attempts(&self) -> Result<Option<usize>, SettingsError> {
        let Some(text) = self.env.get(BENCHMARK_MAX_ATTEMPTS) else {
            return Ok(self.file.daemon.attempts.map(|attempts| attempts as usize));
        };
        let number = text.parse::<usize>().ok().filter(|number| (1..=100).contains(number));
        let wrong =
            || self.variable(BENCHMARK_MAX_ATTEMPTS, "it is no whole number from 1 to 100".to_owned());
        number.ok_or_else(wrong).map(Some)
    }

    /// Seconds. The Python runner's variable is in minutes, and says for how long a model is fresh: the Python scheduler
    /// asks again after one and a half times as long. A cadence of the file is the daemon's own, and wins.
    fn cadence(&self, default: u32) -> Result<u32, SettingsError> {
        let own = self.cadence_of("", self.file.daemon.cadence)?;
        let Some(text) = self.env.get(FRESH_MINUTES) else { return Ok(own.unwrap_or(default)) };
        let minutes = text.parse::<f64>().ok().filter(|minutes| (1.0..=LONGEST).contains(&(minutes * 60.0)));
        let minutes = minutes.ok_or_else(|| {
            self.variable(FRESH_MINUTES, "it is no number of minutes from 1 second to 31 days".to_owned())
        })?;
        Ok(own.unwrap_or((minutes * 60.0 * STALE).round() as u32))
    }

    fn cadence_of(&self, table: &str, cadence: Option<u32>) -> Result<Option<u32>, SettingsError> {
        match cadence {
            Some(seconds) if seconds == 0 || f64::from(seconds) > LONGEST => {
                Err(self.wrong(table, "cadence must be from 1 second to 31 days"))
            }
            cadence => Ok(cadence),
        }
    }

    fn seconds(
        &self,
        name: &str,
        variable: Option<&str>,
        written: Option<f64>,
        default: Duration,
    ) -> Result<Duration, SettingsError> {
        let fits = |seconds: &f64| *seconds > 0.0 && *seconds <= LONGEST;
        let set = variable.and_then(|variable| Some((variable, self.env.get(variable)?)));
        if let Some((variable, text)) = set {
            let seconds = text.parse::<f64>().ok().filter(fits);
            let seconds = seconds.ok_or_else(|| {
                self.variable(variable, "it is no number of seconds above 0 and up to 31 days".to_owned())
            })?;
            return Ok(Duration::from_secs_f64(seconds));
        }
        match written {
            Some(seconds) if !fits(&seconds) => {
                Err(self.wrong("", &format!("{name} must be above 0 and up to 31 days, in seconds")))
            }
            Some(seconds) => Ok(Duration::from_secs_f64(seconds)),
            None => Ok(default),
        }
    }

    fn admission(&self) -> Result<AdmissionConfig, SettingsError> {
        let (table, standard) = (&self.file.daemon.admission, AdmissionConfig::default());
        let time = |name, seconds, default| self.span(".admission", name, seconds, default);
        Ok(AdmissionConfig {
            enabled: table.enabled.unwrap_or(standard.enabled),
            successes: table.successes.unwrap_or(standard.successes).max(1),
            apart: time("apart", table.apart, standard.apart)?,
            within: time("within", table.within, standard.within)?,
            per_day: table.per_day.unwrap_or(standard.per_day),
            dry_run: table.dry_run.unwrap_or(standard.dry_run),
        })
    }

    fn quarantine(&self) -> Result<QuarantineConfig, SettingsError> {
        let (table, standard) = (&self.file.daemon.quarantine, QuarantineConfig::default());
        let time = |name, seconds, default| self.span(".quarantine", name, seconds, default);
        let answers = table.answers.unwrap_or(standard.answers);
        if answers < 2 {
            return Err(self.wrong(".quarantine", "answers must be 2 or more: one answer may be a mistake"));
        }
        Ok(QuarantineConfig {
            enabled: table.enabled.unwrap_or(standard.enabled),
            answers,
            over: time("over", table.over, standard.over)?,
            recheck: time("recheck", table.recheck, standard.recheck)?,
            per_day: table.per_day.unwrap_or(standard.per_day),
            ..standard
        })
    }

    fn span(
        &self,
        table: &str,
        name: &str,
        seconds: Option<f64>,
        default: TimeDelta,
    ) -> Result<TimeDelta, SettingsError> {
        match seconds {
            None => Ok(default),
            Some(seconds) if seconds > 0.0 && seconds <= LONGEST => {
                Ok(TimeDelta::milliseconds((seconds * 1000.0) as i64))
            }
            Some(_) => {
                Err(self.wrong(table, &format!("{name} must be above 0 and up to 31 days, in seconds")))
            }
        }
    }
}

#[cfg(test)]
mod tests;
