//! The rules of a daemon and who is told of news, each with who said it, as `config show` prints them. A secret has no value
//! here.

use super::file::NotifyEntry;
use super::resolve::Settings;
use super::{Env, daemon_table::DaemonTable};
use crate::domain::names::{
    BENCHMARK_CONCURRENCY, BENCHMARK_DEADLINE_SECONDS, BENCHMARK_EXCLUDED_PROVIDERS, BENCHMARK_PROVIDERS,
    FRESH_MINUTES, LLMBENCH_LISTEN, LLMBENCH_NOTIFY_FROM, LLMBENCH_NOTIFY_TO, LLMBENCH_SMTP_PASSWORD,
    LLMBENCH_SMTP_URL, LLMBENCH_VANTAGE, LLMBENCH_WEBHOOK_URL, SCHEDULER_TICK_SECONDS,
};
use crate::domain::regime::Regime;
use crate::domain::sourced::Source;
use chrono::TimeDelta;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One setting by its name in the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// `daemon.cadence`.
    pub name: String,
    /// What it is.
    pub value: Told,
    /// Who said so.
    pub source: Source,
}

/// What may be told of a setting.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// Its value.
    Value(String),
    /// Somebody has set a secret.
    Secret,
    /// Nobody has set it.
    Nothing,
}

/// What a `[daemon]` table says, by the names of its values: `cadence`, `providers.groq.cadence`.
pub(super) fn flat(table: &DaemonTable) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    // Texts, numbers and flags under names: nothing in them can fail.
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
    /// The rules of a daemon: those that always hold, then what the file says of single profiles, providers and models.
    pub fn shown_daemon(&self) -> Vec<Shown> {
        let written = &self.daemon_in_file;
        let mut found: Vec<Shown> = general(&self.regime)
            .into_iter()
            .map(|(name, variable, value)| self.rule(name, variable, Told::Value(value)))
            .collect();
        let listen = self.listen.as_ref().map_or(Told::Nothing, |listen| Told::Value(listen.to_string()));
        found.push(self.rule("listen", LLMBENCH_LISTEN, listen));
        let single =
            |name: &&String| ["profiles.", "providers.", "models."].iter().any(|of| name.starts_with(of));
        let mut singles: BTreeMap<String, Shown> = written
            .keys()
            .filter(single)
            .map(|name| (name.clone(), self.rule(name, "", Told::Value(written[name].clone()))))
            .collect();
        for (provider, rule) in &self.regime.by_provider {
            let variable =
                format!("{BENCHMARK_CONCURRENCY}{}", provider.to_ascii_uppercase().replace('-', "_"));
            if let Some(number) = rule.concurrency.filter(|_| self.env().get(&variable).is_some()) {
                let name = format!("providers.{provider}.concurrency");
                let shown = self.rule(&name, &variable, Told::Value(number.to_string()));
                singles.insert(name, shown);
            }
        }
        found.extend(singles.into_values());
        found
    }

    fn rule(&self, name: &str, variable: &str, value: Told) -> Shown {
        let source = if !variable.is_empty() && self.env().get(variable).is_some() {
            Source::Env(variable.to_owned())
        } else if self.daemon_in_file.contains_key(name) {
            Source::File(self.config_path())
        } else {
            Source::Default
        };
        Shown { name: format!("daemon.{name}"), value, source }
    }

    fn config_path(&self) -> PathBuf {
        self.config.as_ref().map(|config| config.value.clone()).unwrap_or_default()
    }

    /// Who is told of news, whether or not that can be used.
    pub fn shown_notify(&self) -> Vec<Shown> {
        notify(&self.notify_in_file, &self.config_path(), self.env())
    }
}

/// The rules that always hold: name, variable, value.
fn general(regime: &Regime) -> Vec<(&'static str, &'static str, String)> {
    let seconds = |time: Duration| time.as_secs_f64().to_string();
    let span = |time: TimeDelta| time.num_seconds().to_string();
    let discovery = regime.discovery.map_or_else(|| "off".to_owned(), |at| at.format("%H:%M").to_string());
    let (admission, quarantine) = (&regime.admission, &regime.quarantine);
    vec![
        ("vantage", LLMBENCH_VANTAGE, regime.vantage.clone()),
        ("only", BENCHMARK_PROVIDERS, regime.only.join(", ")),
        ("exclude", BENCHMARK_EXCLUDED_PROVIDERS, regime.exclude.join(", ")),
        ("ask", "", regime.profiles.join(", ")),
        ("cadence", FRESH_MINUTES, regime.cadence_seconds.to_string()),
        ("spread", "", regime.spread.to_string()),
        ("concurrency", "", regime.concurrency.to_string()),
        ("attempts", "", regime.attempts.to_string()),
        ("deadline", BENCHMARK_DEADLINE_SECONDS, seconds(regime.deadline)),
        ("tick", SCHEDULER_TICK_SECONDS, seconds(regime.tick)),
        ("grace", "", seconds(regime.grace)),
        ("recheck", "", seconds(regime.recheck)),
        ("store_wait", "", seconds(regime.store_wait)),
        ("catalogue_max_age", "", seconds(regime.catalogue_max_age)),
        ("discovery", "", discovery),
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

fn notify(entry: &NotifyEntry, path: &Path, env: &Env) -> Vec<Shown> {
    let one = |name: &str, variable: &str, in_file: Option<Told>, from_env: fn(&str) -> Told| {
        let (value, source) = match (env.get(variable), in_file) {
            (Some(text), _) => (from_env(text), Source::Env(variable.to_owned())),
            (None, Some(told)) => (told, Source::File(path.to_owned())),
            (None, None) => (Told::Nothing, Source::Default),
        };
        Shown { name: format!("notify.{name}"), value, source }
    };
    let secret: fn(&str) -> Told = |_| Told::Secret;
    let value: fn(&str) -> Told = |text| Told::Value(text.to_owned());
    let password = entry.smtp_password_env.is_some() || entry.smtp_password_file.is_some();
    let webhook = entry.webhook_url.is_some() || entry.webhook_url_env.is_some();
    let to = Some(entry.to.join(", ")).filter(|to| !to.is_empty());
    vec![
        one("smtp_url", LLMBENCH_SMTP_URL, entry.smtp_url.as_ref().map(|_| Told::Secret), secret),
        one("smtp_password", LLMBENCH_SMTP_PASSWORD, password.then_some(Told::Secret), secret),
        one("from", LLMBENCH_NOTIFY_FROM, entry.from.clone().map(Told::Value), value),
        one("to", LLMBENCH_NOTIFY_TO, to.map(Told::Value), value),
        one("webhook_url", LLMBENCH_WEBHOOK_URL, webhook.then_some(Told::Secret), secret),
    ]
}
