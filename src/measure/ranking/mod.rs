//! Places of models: which orders among many models are settled, and which are open. Pure arithmetic.
//!
//! Models are sorted by their figure and cut into tiers. A cut is where every model above is settled against every model
//! below: their intervals of 95 % do not overlap, and Welch's t tells the two apart. Inside a tier the order is open, also
//! between its ends: A may overlap B, and B may overlap C, where A and C do not.
//!
//! Many models make many chances of a wrong cut, so Welch's t is asked at a confidence that the number of models raises.
//! Whatever the true order is, a wrong cut parts some two models that are neighbours in it, in the wrong order: walking
//! along the true order from a model below the cut to a worse one above it, somewhere one steps over the cut. There are
//! one fewer of such neighbours than models, so with that many chances of an equal share of 5 % all cuts of a list hold
//! together with 95 %.

pub mod circumstances;
pub mod standings;
#[cfg(test)]
mod tests;

use crate::domain::interval::Interval;
use crate::measure::block_comparison::level::MeasuredLevel;
use crate::measure::metrics::BetterDirection;
use crate::measure::student_t::TQuantiles;

/// The confidence of each model's interval, and of all cuts together.
pub const CONFIDENCE: f64 = 0.95;

/// The confidence at which two of so many models must differ.
pub fn confidence_of_pair(models: usize) -> f64 {
    1.0 - (1.0 - CONFIDENCE) / models.saturating_sub(1).max(1) as f64
}

/// The places of the levels: tiers of their indexes, the best first, and inside a tier by figure.
pub fn tiers(levels: &[MeasuredLevel], better: BetterDirection) -> Vec<Vec<usize>> {
    let mut quantiles = TQuantiles::two_sided(CONFIDENCE);
    let mut ranked: Vec<RankedLevel> = levels
        .iter()
        .enumerate()
        .map(|(index, level)| RankedLevel {
            index,
            level,
            interval: oriented(level.log_interval(&mut quantiles), better),
        })
        .collect();
    ranked.sort_by(|one, other| one.middle().total_cmp(&other.middle()).then(one.index.cmp(&other.index)));
    let mut tiers: Vec<Vec<usize>> = Vec::new();
    let mut of_pair = TQuantiles::two_sided(confidence_of_pair(levels.len()));
    // The last model against which any model so far is not settled.
    let mut open_to = None;
    for (place, one) in ranked.iter().enumerate() {
        match tiers.last_mut().filter(|_| open_to >= Some(place)) {
            Some(tier) => tier.push(one.index),
            None => tiers.push(vec![one.index]),
        }
        let below = place + 1..ranked.len();
        let open = below.rev().find(|other| !one.is_settled_against(&ranked[*other], &mut of_pair));
        open_to = open_to.max(open);
    }
    tiers
}

/// An interval in which less is better.
fn oriented(Interval { low, high }: Interval, better: BetterDirection) -> Interval {
    if better == BetterDirection::Higher {
        Interval { low: -high, high: -low }
    } else {
        Interval { low, high }
    }
}

/// A level with its index and its interval of logarithms, in which less is better.
struct RankedLevel<'a> {
    index: usize,
    level: &'a MeasuredLevel,
    interval: Interval,
}

impl RankedLevel<'_> {
    fn middle(&self) -> f64 {
        f64::midpoint(self.interval.low, self.interval.high)
    }

    /// True if it is certain that this one is better than the other.
    fn is_settled_against(&self, other: &Self, quantiles: &mut TQuantiles) -> bool {
        self.interval.high < other.interval.low && self.level.differs(other.level, quantiles)
    }
}
