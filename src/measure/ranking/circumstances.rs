//! Under which circumstances models are ranked: one profile, one kind of connection, and runners that every model has.
//! Another question, an open connection or another vantage point makes other figures, so a mix of them would rank what
//! was asked, not who answered.

use super::standings::ModelAttempts;
use crate::measure::block_comparison::{BLOCKS_NEEDED, BlockLength};
use crate::measure::compare::RunStratum;
use std::collections::{BTreeMap, BTreeSet};

/// A runner; `None` for runs that no bridge received.
pub type RunnerName = Option<String>;

/// What somebody asked for; what is left open is chosen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WantedCircumstances {
    /// The id of a profile.
    pub profile: Option<String>,
    /// Either `cold` or `warm`.
    pub connection: Option<String>,
    /// Empty for those that every model has.
    pub runners: Vec<RunnerName>,
}

/// The circumstances under which models are ranked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RankingCircumstances {
    /// `None` for rows that name none.
    pub profile: Option<String>,
    pub connection: Option<String>,
    pub runners: BTreeSet<RunnerName>,
}

/// How much there is of something: models first, then samples.
type Weight = (usize, usize);

impl RankingCircumstances {
    /// Those that were asked for. What was left open is what most models have: a profile and a connection, then the
    /// runner that measures most of them, with all others that measure every one of these.
    pub fn choose(models: &[ModelAttempts], wanted: &WantedCircumstances) -> Self {
        let is_wanted = |stratum: &RunStratum| {
            (wanted.profile.is_none() || stratum.profile == wanted.profile)
                && (wanted.connection.is_none() || stratum.connection == wanted.connection)
                && (wanted.runners.is_empty() || wanted.runners.contains(&stratum.runner))
        };
        let mut weights: BTreeMap<(&Option<String>, &Option<String>), Weight> = BTreeMap::new();
        for model in models {
            let mut of_model: BTreeMap<(&Option<String>, &Option<String>), usize> = BTreeMap::new();
            for (stratum, runs) in model.series.iter().filter(|(stratum, _)| is_wanted(stratum)) {
                *of_model.entry((&stratum.profile, &stratum.connection)).or_default() += runs.samples.len();
            }
            for (question, samples) in of_model {
                add(weights.entry(question).or_default(), samples);
            }
        }
        let (profile, connection) = heaviest(weights)
            .map_or((wanted.profile.clone(), wanted.connection.clone()), |(profile, connection)| {
                (profile.clone(), connection.clone())
            });
        let mut chosen = Self { profile, connection, runners: wanted.runners.iter().cloned().collect() };
        if chosen.runners.is_empty() {
            chosen.runners = chosen.runners_of_most(models);
        }
        chosen
    }

    /// True if a run of a model counts.
    pub fn holds(&self, stratum: &RunStratum) -> bool {
        self.asks(stratum) && self.runners.contains(&stratum.runner)
    }

    /// The same whichever runner measured.
    fn asks(&self, stratum: &RunStratum) -> bool {
        stratum.profile == self.profile && stratum.connection == self.connection
    }

    fn runners_of_most(&self, models: &[ModelAttempts]) -> BTreeSet<RunnerName> {
        let has = |model: &ModelAttempts, least: usize| -> BTreeMap<RunnerName, usize> {
            let series = model.series.iter().filter(|(stratum, _)| self.asks(stratum));
            let enough = series.filter(|(_, runs)| runs.blocks(BlockLength::ThreeHours) >= least);
            enough.map(|(stratum, runs)| (stratum.runner.clone(), runs.samples.len())).collect()
        };
        // Runners that have hardly begun count where there are no others.
        let of_models = |least: usize| -> Vec<BTreeMap<RunnerName, usize>> {
            models.iter().map(|model| has(model, least)).filter(|runners| !runners.is_empty()).collect()
        };
        let mut of_models_with_enough = of_models(BLOCKS_NEEDED);
        if of_models_with_enough.is_empty() {
            of_models_with_enough = of_models(1);
        }
        let mut weights: BTreeMap<&RunnerName, Weight> = BTreeMap::new();
        for (runner, samples) in of_models_with_enough.iter().flatten() {
            add(weights.entry(runner).or_default(), *samples);
        }
        let Some(most) = heaviest(weights) else { return BTreeSet::new() };
        let with_it = of_models_with_enough.iter().filter(|runners| runners.contains_key(most));
        let sets = with_it.map(|runners| runners.keys().cloned().collect::<BTreeSet<_>>());
        sets.reduce(|common, runners| &common & &runners).unwrap_or_default()
    }
}

fn add(weight: &mut Weight, samples: usize) {
    *weight = (weight.0 + 1, weight.1 + samples);
}

/// The first of the heaviest.
fn heaviest<K: Ord>(weights: BTreeMap<K, Weight>) -> Option<K> {
    let most = weights.values().copied().max()?;
    weights.into_iter().find(|(_, weight)| *weight == most).map(|(key, _)| key)
}
