//! Shares a day's runs among series: those whose intervals are wide and would shrink are asked more often than configured,
//! those that are known well more rarely. `[daemon] plan = "precision"` asks for it; decision 121 has the reasons. Pure,
//! except for [`stored`].
//!
//! Every series begins at the longest cadence that keeps its changes visible. Then runs are given away one doubling at a
//! time, each to the series whose squared relative interval it lessens most for its cost, until they cost seven tenths
//! of what equal cadences would, or a provider's day is full.

mod ladder;
mod noise;
#[cfg(test)]
mod simulation;
pub mod stored;

pub use ladder::longest;
pub use noise::{BlockNoise, NoiseBlock};

use crate::domain::ModelRef;
use crate::domain::daemon_config::{DaemonConfig, PlannedCadences, Price};
use crate::domain::daemon_status::PlanReport;
use std::collections::{BTreeMap, HashMap};

/// What the plan may cost, of what the configured cadences would.
const BUDGET: f64 = 0.7;

/// Blocks of 3 hours in a week, over which intervals are reckoned, and the standard errors on either side.
const BLOCKS_OF_WEEK: f64 = 56.0;
const ERRORS: f64 = 2.0;

/// The largest scatter of a block that a rarer cadence may lead to, as a standard deviation. With it a step of 45 % is
/// certain after a day, and one of 20 % after five.
const VISIBLE: f64 = 0.2;

/// A series as the plan sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesDemand {
    pub model: ModelRef,
    pub profile_id: String,
    /// The configured cadence, seconds.
    pub cadence_seconds: u32,
    /// `None` while too little is stored of it.
    pub noise: Option<BlockNoise>,
    /// Tokens of a run, input and output.
    pub tokens: (u64, u64),
    pub price: Option<Price>,
}

/// Why a series has its cadence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanReason {
    /// Too few blocks are stored to know its noise.
    Unknown,
    /// Its cadence leaves nothing to plan: its turns are more than 3 hours apart.
    Fixed,
    /// Its interval is narrow: others gain more from its runs.
    Rarer,
    Configured,
    /// Its interval is wide, and more runs make it narrower.
    Oftener,
}

/// What the plan gives to a series.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedSeries {
    pub model: ModelRef,
    pub profile_id: String,
    pub cadence_seconds: u32,
    pub configured_seconds: u32,
    pub why: PlanReason,
    /// Half the width of the 95 % interval of a week, as a share of the figure, that the cadence is expected to lead to.
    pub half_width: Option<f64>,
    /// The same at the configured cadence.
    pub half_width_configured: Option<f64>,
}

/// The cadences of a day.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SamplingPlan {
    pub series: Vec<PlannedSeries>,
    /// What it costs, of what the configured cadences would; 1 where nothing is planned.
    pub cost_share: f64,
    /// True if runs were weighed by their price; else each counts the same.
    pub priced: bool,
}

/// A series with the cadences that it may get.
struct Rungs<'a> {
    demand: &'a SeriesDemand,
    noise: BlockNoise,
    /// The shortest first.
    cadences: Vec<u32>,
    configured: usize,
    /// The place that it has, and the shortest that it may get.
    at: usize,
    least: usize,
    /// What a run costs, in the unit of the plan.
    cost: f64,
}

/// One doubling of a series' runs.
struct PlanStep {
    series: usize,
    from: usize,
    gain: f64,
}

/// What a provider's day would come to.
#[derive(Debug, Clone, Copy, Default)]
struct DayUse {
    runs: f64,
    tokens: f64,
    micro_dollars: f64,
}

impl SamplingPlan {
    /// Plans these series, whose order says nothing.
    pub fn of(demands: &[SeriesDemand], daemon_config: &DaemonConfig) -> Self {
        let priced =
            demands.iter().all(|demand| demand.price.is_some_and(|price| cost(price, demand.tokens) > 0.0));
        let mut rungs: Vec<Rungs<'_>> =
            demands.iter().filter_map(|demand| Rungs::of(demand, priced)).collect();
        rungs.sort_by_key(|one| (&one.demand.model, &one.demand.profile_id));
        let configured: f64 = rungs.iter().map(|one| one.cost_at(one.configured)).sum();
        give(&mut rungs, demands, configured * BUDGET, daemon_config);
        let planned: f64 = rungs.iter().map(|one| one.cost_at(one.at)).sum();
        let known: HashMap<_, _> =
            rungs.iter().map(|one| ((&one.demand.model, one.demand.profile_id.as_str()), one)).collect();
        let mut series: Vec<PlannedSeries> = demands
            .iter()
            .map(|demand| {
                planned_of(demand, known.get(&(&demand.model, demand.profile_id.as_str())).copied())
            })
            .collect();
        series.sort_by(|one, other| (&one.model, &one.profile_id).cmp(&(&other.model, &other.profile_id)));
        let cost_share = if configured > 0.0 { planned / configured } else { 1.0 };
        Self { series, cost_share, priced }
    }

    /// The cadences that differ from the configured ones.
    pub fn cadences(&self) -> PlannedCadences {
        let mut cadences: PlannedCadences = BTreeMap::new();
        for one in self.series.iter().filter(|one| matches!(one.why, PlanReason::Rarer | PlanReason::Oftener))
        {
            let of_model = cadences.entry(one.model.clone()).or_default();
            of_model.insert(one.profile_id.clone(), one.cadence_seconds);
        }
        cadences
    }

    /// The plan in numbers.
    pub fn report(&self) -> PlanReport {
        let count = |why| self.series.iter().filter(|one| one.why == why).count() as u64;
        PlanReport {
            series: self.series.len() as u64,
            rarer: count(PlanReason::Rarer),
            oftener: count(PlanReason::Oftener),
            unknown: count(PlanReason::Unknown),
            cost_share: self.cost_share,
            priced: self.priced,
        }
    }

    /// What it gives to a series.
    pub fn find(&self, model: &ModelRef, profile_id: &str) -> Option<&PlannedSeries> {
        let found = self
            .series
            .binary_search_by(|one| (&one.model, one.profile_id.as_str()).cmp(&(model, profile_id)));
        found.ok().map(|place| &self.series[place])
    }
}

impl PlanReason {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Fixed => "fixed",
            Self::Rarer => "rarer",
            Self::Configured => "configured",
            Self::Oftener => "oftener",
        }
    }
}

impl<'a> Rungs<'a> {
    /// `None` for a series that is not planned. A series moves by one rung from what its last days had, at most: so its
    /// blocks keep half the samples of those before, and none is left out where changes are looked for.
    fn of(demand: &'a SeriesDemand, priced: bool) -> Option<Self> {
        let noise = demand.noise?;
        let (cadences, configured) = ladder::cadences(demand.cadence_seconds);
        if cadences.len() < 2 {
            return None;
        }
        let now = nearest(&cadences, noise.recent_samples);
        let visible =
            |place: &usize| noise.variance(ladder::runs_per_block(cadences[*place])).sqrt() <= VISIBLE;
        let longest = (configured + 1..cadences.len()).rfind(visible).unwrap_or(configured);
        let least = now.saturating_sub(1);
        let at = longest.min(now + 1).max(least);
        let price = demand.price.map(|price| cost(price, demand.tokens));
        let cost = if priced { price.unwrap_or(1.0) } else { 1.0 };
        Some(Self { demand, noise, cadences, configured, at, least, cost })
    }

    fn runs(&self, place: usize) -> f64 {
        ladder::runs_per_day(self.cadences[place])
    }

    fn cost_at(&self, place: usize) -> f64 {
        self.cost * self.runs(place)
    }

    /// The variance of a week's level.
    fn variance(&self, place: usize) -> f64 {
        self.noise.variance(ladder::runs_per_block(self.cadences[place])) / BLOCKS_OF_WEEK
    }

    fn half_width(&self, place: usize) -> f64 {
        ERRORS * self.variance(place).sqrt()
    }

    fn used(&self, place: usize) -> DayUse {
        DayUse::of(self.demand, self.runs(place))
    }

    fn why(&self) -> PlanReason {
        match self.at.cmp(&self.configured) {
            std::cmp::Ordering::Less => PlanReason::Oftener,
            std::cmp::Ordering::Equal => PlanReason::Configured,
            std::cmp::Ordering::Greater => PlanReason::Rarer,
        }
    }
}

impl DayUse {
    fn of(demand: &SeriesDemand, runs: f64) -> Self {
        let tokens = demand.tokens.0.saturating_add(demand.tokens.1) as f64;
        let micro_dollars = demand.price.map_or(0.0, |price| cost(price, demand.tokens));
        Self { runs, tokens: runs * tokens, micro_dollars: runs * micro_dollars }
    }

    fn plus(self, other: Self, times: f64) -> Self {
        Self {
            runs: self.runs + times * other.runs,
            tokens: self.tokens + times * other.tokens,
            micro_dollars: self.micro_dollars + times * other.micro_dollars,
        }
    }
}

/// Gives runs away. Steps of one series lessen its interval ever less, so the best steps of all can be taken in one order.
fn give<'a>(rungs: &mut [Rungs<'a>], demands: &'a [SeriesDemand], budget: f64, daemon_config: &DaemonConfig) {
    let mut days = days(rungs, demands);
    let mut spent: f64 = rungs.iter().map(|one| one.cost_at(one.at)).sum();
    for step in steps(rungs) {
        let one = &mut rungs[step.series];
        // A step before it did not fit.
        if one.at != step.from {
            continue;
        }
        let (now, next) = (one.at, one.at - 1);
        let more = one.cost_at(next) - one.cost_at(now);
        let provider = one.demand.model.provider.as_str();
        let day = days.get(provider).copied().unwrap_or_default();
        let day = day.plus(one.used(next), 1.0).plus(one.used(now), -1.0);
        if spent + more <= budget && fits(day, provider, daemon_config) {
            (one.at, spent) = (next, spent + more);
            days.insert(provider, day);
        }
    }
}

/// All steps that may be taken, those that lessen squared intervals most for their cost first.
fn steps(rungs: &[Rungs<'_>]) -> Vec<PlanStep> {
    let mut steps = Vec::new();
    for (series, one) in rungs.iter().enumerate() {
        for from in (one.least + 1..=one.at).rev() {
            let less = one.variance(from) - one.variance(from - 1);
            let more = one.cost_at(from - 1) - one.cost_at(from);
            steps.push(PlanStep { series, from, gain: less / more });
        }
    }
    // Stable: equal gains stay in the order of series, which every daemon has alike.
    steps.sort_by(|one, other| other.gain.total_cmp(&one.gain));
    steps
}

/// What each provider's day comes to at first, series without a plan among it.
fn days<'a>(rungs: &[Rungs<'a>], demands: &'a [SeriesDemand]) -> HashMap<&'a str, DayUse> {
    let mut days: HashMap<&str, DayUse> = HashMap::new();
    let known: HashMap<_, _> =
        rungs.iter().map(|one| ((&one.demand.model, one.demand.profile_id.as_str()), one)).collect();
    for demand in demands {
        let planned = known.get(&(&demand.model, demand.profile_id.as_str()));
        let runs = planned.map_or(ladder::runs_per_day(demand.cadence_seconds), |one| one.runs(one.at));
        let day = days.entry(demand.model.provider.as_str()).or_default();
        *day = day.plus(DayUse::of(demand, runs), 1.0);
    }
    days
}

fn fits(day: DayUse, provider: &str, daemon_config: &DaemonConfig) -> bool {
    let limits = daemon_config.limits(provider);
    let within = |used: f64, limit: Option<u64>| limit.is_none_or(|limit| used <= limit as f64);
    within(day.runs, limits.runs)
        && within(day.tokens, limits.tokens)
        && within(day.micro_dollars, limits.micro_dollars)
}

fn planned_of(demand: &SeriesDemand, rungs: Option<&Rungs<'_>>) -> PlannedSeries {
    let unplanned = if demand.noise.is_none() { PlanReason::Unknown } else { PlanReason::Fixed };
    PlannedSeries {
        model: demand.model.clone(),
        profile_id: demand.profile_id.clone(),
        cadence_seconds: rungs.map_or(demand.cadence_seconds, |one| one.cadences[one.at]),
        configured_seconds: demand.cadence_seconds,
        why: rungs.map_or(unplanned, Rungs::why),
        half_width: rungs.map(|one| one.half_width(one.at)),
        half_width_configured: rungs.map(|one| one.half_width(one.configured)),
    }
}

/// The place of the cadence that leads to so many samples in a block.
fn nearest(cadences: &[u32], samples: f64) -> usize {
    let apart = |cadence: &u32| (ladder::runs_per_block(*cadence) / samples.max(0.1)).ln().abs();
    let places =
        (0..cadences.len()).min_by(|one, other| apart(&cadences[*one]).total_cmp(&apart(&cadences[*other])));
    places.unwrap_or(0)
}

/// What these tokens cost, millionths of a dollar.
fn cost(price: Price, (input, output): (u64, u64)) -> f64 {
    input as f64 * price.input.max(0.0) + output as f64 * price.output.max(0.0)
}

#[cfg(test)]
mod tests;
