//! The rules of a daemon's measurements: frequency, concurrency, budget, models, vantage. They are resolved before it
//! starts; `daemon` applies them.

use crate::domain::ModelRef;
use crate::domain::admission_config::{AdmissionConfig, QuarantineConfig};
use crate::domain::slot::DEFAULT_VANTAGE;
use chrono::NaiveTime;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

/// US dollars for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Price {
    pub input: f64,
    /// Price of output, reasoning included.
    pub output: f64,
}

/// Limits of one provider's day (UTC). `None` means no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DailyLimits {
    pub runs: Option<u64>,
    /// Tokens, input and output.
    pub tokens: Option<u64>,
    pub micro_dollars: Option<u64>,
}

/// How a day's runs are shared among series.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PlanKind {
    /// Every series at its configured cadence.
    #[default]
    Even,
    /// More where intervals are wide, fewer where they are narrow.
    Precision,
}

impl PlanKind {
    pub fn as_str(self) -> &'static str {
        match self {
            PlanKind::Even => "even",
            PlanKind::Precision => "precision",
        }
    }
}

/// Cadences that a plan gives to series, in seconds: by model, and by id of the profile.
pub type PlannedCadences = BTreeMap<ModelRef, BTreeMap<String, u32>>;

/// Settings of one provider that differ from the general ones.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ProviderOverrides {
    /// Seconds from one measurement of a model to the next.
    pub cadence_seconds: Option<u32>,
    /// Number of simultaneous measurements.
    pub concurrency: Option<usize>,
    pub limits: DailyLimits,
    /// Price of its models, if neither their rule nor the provider's list has one.
    pub price: Option<Price>,
}

/// Settings of one model that differ from the general ones.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ModelOverrides {
    /// Seconds from one measurement to the next.
    pub cadence_seconds: Option<u32>,
    /// Price of the model; it takes precedence over the provider's list.
    pub price: Option<Price>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct DaemonConfig {
    /// Name of the place from which it measures.
    pub vantage: String,
    /// Only these providers are measured; all if empty.
    pub only: Vec<String>,
    /// These providers are never measured.
    pub exclude: Vec<String>,
    /// Ids of the profiles; each is measured for every model.
    pub profiles: Vec<String>,
    /// Seconds from one measurement of a model to the next, unless another rule applies; at least 1.
    pub cadence_seconds: u32,
    /// The share of a cadence over which starts are spread, 0 to 1.
    pub spread: f64,
    /// Number of simultaneous measurements for each provider.
    pub concurrency: usize,
    /// Number of attempts at one slot.
    pub attempts: u32,
    /// Deadline of one measurement, including its preparation and storage.
    pub deadline: Duration,
    /// Interval at which work list and heartbeat are refreshed.
    pub tick: Duration,
    /// Time for which measurements may continue after the first signal.
    pub grace: Duration,
    /// First pause for a provider that refuses the key or requires payment.
    pub recheck: Duration,
    /// Time for which a single pass waits for a store that does not return the work list.
    pub store_wait: Duration,
    /// The largest age of a cached catalog that may be measured if the store is unavailable at the start.
    pub catalogue_max_age: Duration,
    /// Rules of measuring and enabling models under admission.
    pub admission: AdmissionConfig,
    /// Rules of quarantine for models that answer only "no such model".
    pub quarantine: QuarantineConfig,
    /// Time of day (UTC) at which providers' lists are read; `None` for never.
    pub discovery: Option<NaiveTime>,
    /// True if the daemon calibrates its host once a day.
    pub calibrate: bool,
    pub plan: PlanKind,
    /// Cadences of today's plan; they win over all rules, from which they were made.
    pub by_plan: PlannedCadences,
    /// Cadences of profiles with a cadence of their own, by id.
    pub by_profile: BTreeMap<String, u32>,
    pub by_provider: BTreeMap<String, ProviderOverrides>,
    pub by_model: BTreeMap<ModelRef, ModelOverrides>,
}

impl Default for DaemonConfig {
    fn default() -> Self {
        Self {
            vantage: DEFAULT_VANTAGE.to_owned(),
            only: Vec::new(),
            exclude: Vec::new(),
            profiles: Vec::new(),
            cadence_seconds: 1800,
            spread: 0.8,
            concurrency: 2,
            attempts: 2,
            deadline: Duration::from_secs(180),
            tick: Duration::from_secs(10),
            grace: Duration::from_secs(20),
            recheck: Duration::from_secs(60),
            store_wait: Duration::from_secs(60),
            catalogue_max_age: Duration::from_secs(86_400),
            admission: AdmissionConfig::default(),
            quarantine: QuarantineConfig::default(),
            discovery: NaiveTime::from_hms_opt(7, 0, 0),
            calibrate: true,
            plan: PlanKind::default(),
            by_plan: BTreeMap::new(),
            by_profile: BTreeMap::new(),
            by_provider: BTreeMap::new(),
            by_model: BTreeMap::new(),
        }
    }
}

impl DaemonConfig {
    /// True if the daemon measures the provider's models.
    pub fn covers(&self, provider: &str) -> bool {
        let named = |list: &[String]| list.iter().any(|name| name == provider);
        (self.only.is_empty() || named(&self.only)) && !named(&self.exclude)
    }

    /// The providers in `only` that are not excluded.
    pub fn wanted(&self) -> Vec<String> {
        self.only.iter().filter(|name| self.covers(name)).cloned().collect()
    }

    /// Seconds from one measurement of a model under a profile to the next: the model's own rule, else its
    /// provider's, else the general one. If the profile has its own cadence, the longer of that and a rule for model
    /// or provider.
    pub fn cadence(&self, model: &ModelRef, profile_id: &str) -> u32 {
        if let Some(planned) = self.by_plan.get(model).and_then(|planned| planned.get(profile_id)) {
            return *planned;
        }
        let of_model = self.of_model(model).find_map(|rule| rule.cadence_seconds);
        let of_provider = || self.by_provider.get(&model.provider).and_then(|rule| rule.cadence_seconds);
        let own = of_model.or_else(of_provider);
        let cadence = match (self.by_profile.get(profile_id), own) {
            (None, own) => own.unwrap_or(self.cadence_seconds),
            (Some(profile), own) => own.map_or(*profile, |own| own.max(*profile)),
        };
        cadence.max(1)
    }

    /// The rules of a model: those of its pinned endpoint before those of the model as a whole.
    fn of_model(&self, model: &ModelRef) -> impl Iterator<Item = &ModelOverrides> {
        let whole = model.endpoint_tag().and_then(|_| self.by_model.get(&model.unpinned()));
        self.by_model.get(model).into_iter().chain(whole)
    }

    /// The same rules, with proposed cadences for providers without a rule of their own.
    pub fn proposed(&self, cadences: &BTreeMap<String, u32>) -> Cow<'_, Self> {
        let mut rules = Cow::Borrowed(self);
        for (provider, cadence) in cadences {
            if self.by_provider.get(provider).is_none_or(|rule| rule.cadence_seconds.is_none()) {
                let rule = rules.to_mut().by_provider.entry(provider.clone()).or_default();
                rule.cadence_seconds = Some(*cadence);
            }
        }
        rules
    }

    /// The same rules, with the cadences of a plan.
    pub fn planned(&self, cadences: PlannedCadences) -> Cow<'_, Self> {
        if cadences.is_empty() {
            return Cow::Borrowed(self);
        }
        Cow::Owned(Self { by_plan: cadences, ..self.clone() })
    }

    /// Number of simultaneous measurements of a provider, at least 1.
    pub fn concurrency(&self, provider: &str) -> usize {
        let rule = self.by_provider.get(provider).and_then(|rule| rule.concurrency);
        rule.unwrap_or(self.concurrency).max(1)
    }

    pub fn limits(&self, provider: &str) -> DailyLimits {
        self.by_provider.get(provider).map(|rule| rule.limits).unwrap_or_default()
    }

    /// The price of a model: its own rule, else the `listed` price of the provider, else the provider's rule.
    pub fn price(&self, model: &ModelRef, listed: Option<Price>) -> Option<Price> {
        let own = self.of_model(model).find_map(|rule| rule.price);
        own.or(listed).or_else(|| self.by_provider.get(&model.provider).and_then(|rule| rule.price))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_rule_counts() {
        let (fast, slow) = (ModelRef::new("groq", "fast"), ModelRef::new("groq", "slow"));
        let mut daemon_config = DaemonConfig::default();
        assert_eq!(daemon_config.cadence(&fast, "cloud-default-v1"), 1800);
        let of_provider = ProviderOverrides { cadence_seconds: Some(900), ..ProviderOverrides::default() };
        daemon_config.by_provider.insert("groq".to_owned(), of_provider);
        let of_model = ModelOverrides { cadence_seconds: Some(86_400), ..ModelOverrides::default() };
        daemon_config.by_model.insert(slow.clone(), of_model);
        daemon_config.by_profile.insert("cloud-long-v1".to_owned(), 21_600);
        let cadences = |model: &ModelRef| {
            ["cloud-default-v1", "cloud-long-v1"].map(|id| daemon_config.cadence(model, id))
        };
        assert_eq!((cadences(&fast), cadences(&slow)), ([900, 21_600], [86_400, 86_400]));
        assert_eq!(daemon_config.cadence(&ModelRef::new("openai", "m"), "cloud-long-v1"), 21_600);
    }

    #[test]
    fn a_proposed_cadence_gives_way_to_a_rule() {
        let mut daemon_config = DaemonConfig::default();
        let own = ProviderOverrides { cadence_seconds: Some(900), ..ProviderOverrides::default() };
        daemon_config.by_provider.insert("groq".to_owned(), own);
        let cadences = [("groq".to_owned(), 60), ("bedrock".to_owned(), 1200)].into();
        let cadence = |provider: &str| {
            daemon_config.proposed(&cadences).cadence(&ModelRef::new(provider, "m"), "cloud-default-v1")
        };
        assert_eq!((cadence("groq"), cadence("bedrock"), cadence("openai")), (900, 1200, 1800));
    }

    #[test]
    fn a_plan_wins_over_the_rules_it_was_made_from() {
        let (fast, slow) = (ModelRef::new("groq", "fast"), ModelRef::new("groq", "slow"));
        let planned = [(fast.clone(), [("p".to_owned(), 3600)].into())].into();
        let daemon_config = DaemonConfig::default();
        let rules = daemon_config.planned(planned);
        let cadences = [(&fast, "p"), (&fast, "q"), (&slow, "p")].map(|(model, id)| rules.cadence(model, id));
        assert_eq!(cadences, [3600, 1800, 1800]);
        assert!(matches!(daemon_config.planned(PlannedCadences::new()), Cow::Borrowed(_)));
    }

    #[test]
    fn a_fleet_is_split_by_provider() {
        let daemon_config = DaemonConfig { exclude: vec!["bedrock".to_owned()], ..DaemonConfig::default() };
        assert!(daemon_config.covers("groq") && !daemon_config.covers("bedrock"));
        let daemon_config = DaemonConfig { only: vec!["bedrock".to_owned()], ..DaemonConfig::default() };
        assert!(!daemon_config.covers("groq") && daemon_config.covers("bedrock"));
    }

    #[test]
    fn a_models_own_price_wins_over_the_list_and_the_list_over_the_providers() {
        let price = |input| Price { input, output: 1.0 };
        let model = ModelRef::new("groq", "m");
        let mut daemon_config = DaemonConfig::default();
        assert_eq!(daemon_config.price(&model, None), None);
        let rule = ProviderOverrides { price: Some(price(1.0)), ..ProviderOverrides::default() };
        daemon_config.by_provider.insert("groq".to_owned(), rule);
        assert_eq!(daemon_config.price(&model, None), Some(price(1.0)));
        assert_eq!(daemon_config.price(&model, Some(price(2.0))), Some(price(2.0)));
        daemon_config
            .by_model
            .insert(model.clone(), ModelOverrides { price: Some(price(3.0)), ..ModelOverrides::default() });
        assert_eq!(daemon_config.price(&model, Some(price(2.0))), Some(price(3.0)));
    }
}
