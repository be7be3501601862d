//! The tables below `[daemon]`: rules of one profile, one provider or one model.

use super::DaemonInputs;
use crate::domain::ModelRef;
use crate::domain::daemon_config::{DailyLimits, ModelOverrides, Price, ProviderOverrides};
use crate::domain::env_vars::BENCHMARK_CONCURRENCY;
use crate::settings::SettingsError;
use std::collections::BTreeMap;

impl DaemonInputs<'_> {
    pub(super) fn by_profile(&self) -> Result<BTreeMap<String, u32>, SettingsError> {
        let mut rules = BTreeMap::new();
        for (name, entry) in &self.file.daemon.profiles {
            if let Some(cadence) = self.cadence_of(&format!(".profiles.{name}"), entry.cadence)? {
                rules.insert(self.profile_id(name.clone())?, cadence);
            }
        }
        Ok(rules)
    }

    pub(super) fn by_provider(&self) -> Result<BTreeMap<String, ProviderOverrides>, SettingsError> {
        let mut rules = BTreeMap::new();
        for (name, entry) in &self.file.daemon.providers {
            let table = format!(".providers.{name}");
            self.hosts.find(name).map_err(|unknown| self.wrong(&table, &unknown.to_string()))?;
            if entry.concurrency == Some(0) {
                return Err(self.wrong(&table, "concurrency must be 1 or more"));
            }
            let dollars =
                entry.dollars_per_day.map(|dollars| self.positive(&table, "dollars_per_day", dollars));
            let limits = DailyLimits {
                runs: entry.runs_per_day,
                tokens: entry.tokens_per_day,
                micro_dollars: dollars.transpose()?.map(|dollars| (dollars * 1e6).round() as u64),
            };
            let rule = ProviderOverrides {
                cadence_seconds: self.cadence_of(&table, entry.cadence)?,
                concurrency: entry.concurrency,
                limits,
                price: self.price(&table, entry.input_price, entry.output_price)?,
            };
            rules.insert(name.clone(), rule);
        }
        for host in self.hosts.iter() {
            if let Some(concurrency) = self.concurrency(&host.name)? {
                rules.entry(host.name.clone()).or_default().concurrency = Some(concurrency);
            }
        }
        Ok(rules)
    }

    /// Reads `BENCHMARK_CONCURRENCY_OPENAI` and similar variables.
    fn concurrency(&self, provider: &str) -> Result<Option<usize>, SettingsError> {
        let name = format!("{BENCHMARK_CONCURRENCY}{}", provider.to_ascii_uppercase().replace('-', "_"));
        let Some(text) = self.env.get(&name) else { return Ok(None) };
        let number = text.parse::<usize>().ok().filter(|number| (1..=10_000).contains(number));
        let wrong = || self.variable(&name, "it is no whole number from 1 to 10000".to_owned());
        number.ok_or_else(wrong).map(Some)
    }

    pub(super) fn by_model(&self) -> Result<BTreeMap<ModelRef, ModelOverrides>, SettingsError> {
        let mut rules = BTreeMap::new();
        for (name, entry) in &self.file.daemon.models {
            let table = format!(".models.\"{name}\"");
            let model: ModelRef = name.parse().map_err(|error: crate::domain::model::ModelRefError| {
                self.wrong(&table, &error.to_string())
            })?;
            let rule = ModelOverrides {
                cadence_seconds: self.cadence_of(&table, entry.cadence)?,
                price: self.price(&table, entry.input_price, entry.output_price)?,
            };
            rules.insert(model, rule);
        }
        Ok(rules)
    }

    fn price(
        &self,
        table: &str,
        input: Option<f64>,
        output: Option<f64>,
    ) -> Result<Option<Price>, SettingsError> {
        match (input, output) {
            (None, None) => Ok(None),
            (Some(input), Some(output)) => Ok(Some(Price {
                input: self.positive(table, "input_price", input)?,
                output: self.positive(table, "output_price", output)?,
            })),
            _ => Err(self.wrong(table, "input_price and output_price belong together")),
        }
    }

    fn positive(&self, table: &str, name: &str, value: f64) -> Result<f64, SettingsError> {
        if (0.0..=1e9).contains(&value) {
            Ok(value)
        } else {
            Err(self.wrong(table, &format!("{name} must be from 0 to 1000000000")))
        }
    }
}
