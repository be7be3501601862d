//! The rules of a daemon and the recipients of notices, each with its source, as `config show` prints them. The value
//! of a secret is never included.

use super::Env;
use super::file::NotifyEntry;
use super::resolve::Settings;
use crate::domain::daemon_config::DaemonConfig;
use crate::domain::env_vars::{
    BENCHMARK_CONCURRENCY, BENCHMARK_DEADLINE_SECONDS, BENCHMARK_EXCLUDED_PROVIDERS, BENCHMARK_MAX_ATTEMPTS,
    BENCHMARK_PROVIDERS, FRESH_MINUTES, LLMBENCH_LISTEN, LLMBENCH_NOTIFY_FROM, LLMBENCH_NOTIFY_TO,
    LLMBENCH_SMTP_PASSWORD, LLMBENCH_SMTP_URL, LLMBENCH_VANTAGE, LLMBENCH_WEBHOOK_URL,
    SCHEDULER_TICK_SECONDS,
};
use crate::domain::sourced::Source;
use chrono::TimeDelta;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One setting under its name in the file.
#[derive(Debug, Clone, PartialEq)]
pub struct EffectiveSetting {
    /// For example `daemon.cadence`.
    pub name: String,
    pub value: SettingValue,
    /// The source of the value.
    pub source: Source,
}

/// The displayable part of a setting.
#[derive(Debug, Clone, PartialEq)]
pub enum SettingValue {
    Value(String),
    /// A secret is set.
    Secret,
    /// The setting has no value.
    Nothing,
}

/// The values of a table by name: `cadence`, `providers.groq.cadence`.
pub(super) fn flat(table: &impl Serialize) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    // Tables have only texts, numbers and flags under names, so this cannot fail.
    flatten("", &serde_json::to_value(table).unwrap_or_default(), &mut found);
    found
}

fn flatten(name: &str, value: &Value, found: &mut BTreeMap<String, String>) {
    let text = match value {
        Value::Null => return,
        Value::Object(fields) => {
            let inner = |key: &str| if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
            return fields.iter().for_each(|(key, value)| flatten(&inner(key), value, found));
        }
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        one => plain(one),
    };
    found.insert(name.to_owned(), text);
}

fn plain(value: &Value) -> String {
    match (value.as_str(), value.as_f64()) {
        (Some(text), _) => text.to_owned(),
        (None, Some(number)) => number.to_string(),
        (None, None) => value.to_string(),
    }
}

impl Settings {
    /// The rules of a daemon: the general ones, then those of the file for single profiles, providers and models.
    pub fn shown_daemon(&self) -> Vec<EffectiveSetting> {
        let written = &self.daemon_in_file;
        let mut found: Vec<EffectiveSetting> = general(&self.daemon_config)
            .into_iter()
            .map(|(name, variable, value)| self.rule(name, variable, SettingValue::Value(value)))
            .collect();
        let listen = self
            .listen
            .as_ref()
            .map_or(SettingValue::Nothing, |listen| SettingValue::Value(listen.to_string()));
        found.push(self.rule("listen", LLMBENCH_LISTEN, listen));
        let single =
            |name: &&String| ["profiles.", "providers.", "models."].iter().any(|of| name.starts_with(of));
        let mut singles: BTreeMap<String, EffectiveSetting> = written
            .keys()
            .filter(single)
            .map(|name| (name.clone(), self.rule(name, "", SettingValue::Value(written[name].clone()))))
            .collect();
        for (provider, rule) in &self.daemon_config.by_provider {
            let variable =
                format!("{BENCHMARK_CONCURRENCY}{}", provider.to_ascii_uppercase().replace('-', "_"));
            if let Some(number) = rule.concurrency.filter(|_| self.env().get(&variable).is_some()) {
                let name = format!("providers.{provider}.concurrency");
                let shown = self.rule(&name, &variable, SettingValue::Value(number.to_string()));
                singles.insert(name, shown);
            }
        }
        found.extend(singles.into_values());
        found
    }

    /// What the file says of profiles: every key that differs from one that is left out.
    pub fn shown_profiles(&self) -> Vec<EffectiveSetting> {
        let source = Source::File(self.config_path());
        let shown = |(name, value): (&String, &String)| EffectiveSetting {
            name: format!("profiles.{name}"),
            value: SettingValue::Value(value.clone()),
            source: source.clone(),
        };
        self.profiles.written.iter().map(shown).collect()
    }

    fn rule(&self, name: &str, variable: &str, value: SettingValue) -> EffectiveSetting {
        // The file's cadence is the daemon's own, and wins over the Python runner's variable.
        let own = name == "cadence" && self.daemon_in_file.contains_key(name);
        let source = if !own && !variable.is_empty() && self.env().get(variable).is_some() {
            Source::Env(variable.to_owned())
        } else if self.daemon_in_file.contains_key(name) {
            Source::File(self.config_path())
        } else {
            Source::Default
        };
        EffectiveSetting { name: format!("daemon.{name}"), value, source }
    }

    fn config_path(&self) -> PathBuf {
        self.config.as_ref().map(|config| config.value.clone()).unwrap_or_default()
    }

    /// The settings of notices, even if they are invalid.
    pub fn shown_notify(&self) -> Vec<EffectiveSetting> {
        notify(&self.notify_in_file, &self.config_path(), self.env())
    }
}

/// The general rules: name, variable, value.
pub(super) fn general(daemon_config: &DaemonConfig) -> Vec<(&'static str, &'static str, String)> {
    let seconds = |time: Duration| time.as_secs_f64().to_string();
    let span = |time: TimeDelta| time.num_seconds().to_string();
    let discovery =
        daemon_config.discovery.map_or_else(|| "off".to_owned(), |at| at.format("%H:%M").to_string());
    let calibrate = if daemon_config.calibrate { "daily" } else { "never" };
    let (admission, quarantine) = (&daemon_config.admission, &daemon_config.quarantine);
    vec![
        ("vantage", LLMBENCH_VANTAGE, daemon_config.vantage.clone()),
        ("only", BENCHMARK_PROVIDERS, daemon_config.only.join(", ")),
        ("exclude", BENCHMARK_EXCLUDED_PROVIDERS, daemon_config.exclude.join(", ")),
        ("ask", "", daemon_config.profiles.join(", ")),
        ("cadence", FRESH_MINUTES, daemon_config.cadence_seconds.to_string()),
        ("spread", "", daemon_config.spread.to_string()),
        ("concurrency", "", daemon_config.concurrency.to_string()),
        ("attempts", BENCHMARK_MAX_ATTEMPTS, daemon_config.attempts.to_string()),
        ("deadline", BENCHMARK_DEADLINE_SECONDS, seconds(daemon_config.deadline)),
        ("tick", SCHEDULER_TICK_SECONDS, seconds(daemon_config.tick)),
        ("grace", "", seconds(daemon_config.grace)),
        ("recheck", "", seconds(daemon_config.recheck)),
        ("store_wait", "", seconds(daemon_config.store_wait)),
        ("catalogue_max_age", "", seconds(daemon_config.catalogue_max_age)),
        ("discovery", "", discovery),
        ("calibrate", "", calibrate.to_owned()),
        ("plan", "", daemon_config.plan.as_str().to_owned()),
        ("admission.enabled", "", admission.enabled.to_string()),
        ("admission.successes", "", admission.successes.to_string()),
        ("admission.apart", "", span(admission.apart)),
        ("admission.within", "", span(admission.within)),
        ("admission.per_day", "", admission.per_day.to_string()),
        ("admission.dry_run", "", admission.dry_run.to_string()),
        ("quarantine.enabled", "", quarantine.enabled.to_string()),
        ("quarantine.answers", "", quarantine.answers.to_string()),
        ("quarantine.over", "", span(quarantine.over)),
        ("quarantine.recheck", "", span(quarantine.recheck)),
        ("quarantine.per_day", "", quarantine.per_day.to_string()),
    ]
}

fn notify(entry: &NotifyEntry, path: &Path, env: &Env) -> Vec<EffectiveSetting> {
    let one =
        |name: &str, variable: &str, in_file: Option<SettingValue>, from_env: fn(&str) -> SettingValue| {
            let (value, source) = match (env.get(variable), in_file) {
                (Some(text), _) => (from_env(text), Source::Env(variable.to_owned())),
                (None, Some(told)) => (told, Source::File(path.to_owned())),
                (None, None) => (SettingValue::Nothing, Source::Default),
            };
            EffectiveSetting { name: format!("notify.{name}"), value, source }
        };
    let secret: fn(&str) -> SettingValue = |_| SettingValue::Secret;
    let value: fn(&str) -> SettingValue = |text| SettingValue::Value(text.to_owned());
    let password = entry.smtp_password_env.is_some() || entry.smtp_password_file.is_some();
    let webhook = entry.webhook_url.is_some() || entry.webhook_url_env.is_some();
    let to = Some(entry.to.join(", ")).filter(|to| !to.is_empty());
    vec![
        one("smtp_url", LLMBENCH_SMTP_URL, entry.smtp_url.as_ref().map(|_| SettingValue::Secret), secret),
        one("smtp_password", LLMBENCH_SMTP_PASSWORD, password.then_some(SettingValue::Secret), secret),
        one("from", LLMBENCH_NOTIFY_FROM, entry.from.clone().map(SettingValue::Value), value),
        one("to", LLMBENCH_NOTIFY_TO, to.map(SettingValue::Value), value),
        one("webhook_url", LLMBENCH_WEBHOOK_URL, webhook.then_some(SettingValue::Secret), secret),
    ]
}
