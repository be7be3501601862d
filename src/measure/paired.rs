//! Pairs of a cold and a warm request: the lot that orders them, and what a connection costs, from the differences within
//! pairs. A pair is one sample of that cost: what both halves share, such as a busy provider, is in neither difference.

use crate::domain::interval::Interval;
use crate::domain::pair::PairPlan;
use crate::domain::run::{Connection, Outcome, Quality};
use crate::measure::metrics::{METRICS, position};
use crate::measure::report::MetricSamples;
use crate::measure::stats::median_interval;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

/// The confidence of the interval.
pub const CONFIDENCE: f64 = 0.95;

/// Draws the order of each pair.
#[derive(Debug, Clone)]
pub struct PairLots {
    random: SmallRng,
}

impl PairLots {
    /// The same seed draws the same orders.
    pub fn seeded(seed: u64) -> Self {
        Self { random: SmallRng::seed_from_u64(seed) }
    }

    /// A pair with an id of its own.
    pub fn draw(&mut self) -> PairPlan {
        PairPlan { id: ulid::Ulid::generate().to_string(), cold_first: self.random.random() }
    }
}

/// What one half says about the TTFT.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum HalfTtft {
    /// Seconds.
    Sound(f64),
    /// The time may be wrong.
    Suspect,
    /// It failed, was not made, had no first token, or got another connection than it was to have.
    Missing,
}

impl HalfTtft {
    /// That of a request that was to have this connection.
    pub fn of(outcome: &Outcome, connection: Connection) -> Self {
        match outcome {
            Outcome::Success(run) if run.connection == connection => {
                Self::of_figures(run.speeds.time_to_first_token, &run.quality)
            }
            _ => Self::Missing,
        }
    }

    /// That of a success, from its figures.
    pub fn of_figures(ttft: Option<f64>, quality: &Quality) -> Self {
        let leaves_out = position("ttft").is_some_and(|place| METRICS[place].leaves_out(quality));
        match ttft.filter(|ttft| ttft.is_finite()) {
            None => Self::Missing,
            Some(_) if leaves_out => Self::Suspect,
            Some(ttft) => Self::Sound(ttft),
        }
    }
}

/// The pairs of one model, while they come in.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PairTally {
    cold: Vec<f64>,
    warm: Vec<f64>,
    cold_first: u64,
    incomplete: u64,
    suspect: u64,
}

impl PairTally {
    /// Adds a pair.
    pub fn add(&mut self, cold: HalfTtft, warm: HalfTtft, cold_first: bool) {
        match (cold, warm) {
            (HalfTtft::Missing, _) | (_, HalfTtft::Missing) => self.incomplete += 1,
            (HalfTtft::Sound(cold), HalfTtft::Sound(warm)) => {
                self.cold.push(cold);
                self.warm.push(warm);
                self.cold_first += u64::from(cold_first);
            }
            _ => self.suspect += 1,
        }
    }

    pub fn report(self) -> PairReport {
        let differences = self.cold.iter().zip(&self.warm).map(|(cold, warm)| cold - warm).collect();
        let difference = MetricSamples::new(differences);
        PairReport {
            interval: median_interval(&difference.sorted, CONFIDENCE),
            cold: MetricSamples::new(self.cold),
            warm: MetricSamples::new(self.warm),
            difference,
            cold_first: self.cold_first,
            incomplete: self.incomplete,
            suspect: self.suspect,
        }
    }
}

/// What the complete pairs of a model say, in seconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PairReport {
    pub cold: MetricSamples,
    pub warm: MetricSamples,
    /// Cold minus warm, within each pair.
    pub difference: MetricSamples,
    /// The interval of the median of the difference; `None` where there are too few pairs.
    pub interval: Option<Interval>,
    /// Complete pairs whose first request was the cold one.
    pub cold_first: u64,
    /// Pairs that are in no figure because a half is missing.
    pub incomplete: u64,
    /// Pairs that are in no figure because a time is in doubt.
    pub suspect: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::FailureKind;
    use crate::measure::testing::{failure, run, suspect};

    #[test]
    fn lots_are_repeatable_and_fair_and_every_pair_has_its_own_id() {
        let drawn = |seed| {
            let mut lots = PairLots::seeded(seed);
            std::iter::repeat_with(move || lots.draw()).take(1000).collect::<Vec<PairPlan>>()
        };
        let (one, other) = (drawn(7), drawn(7));
        assert!(one.iter().zip(&other).all(|(one, other)| one.cold_first == other.cold_first));
        let ids: std::collections::HashSet<_> = one.iter().chain(&other).map(|plan| &plan.id).collect();
        assert_eq!(ids.len(), 2000);
        let cold_first = one.iter().filter(|plan| plan.cold_first).count();
        assert!((400..600).contains(&cold_first), "{cold_first}");
    }

    #[test]
    fn a_half_counts_only_with_the_connection_it_was_to_have() {
        let success = |run| Outcome::Success(Box::new(run));
        let cold = success(run("groq", "m", 0.2));
        assert_eq!(HalfTtft::of(&cold, Connection::Cold), HalfTtft::Sound(0.2));
        // No connection could be opened beforehand, so the request opened one itself.
        assert_eq!(HalfTtft::of(&cold, Connection::Warm), HalfTtft::Missing);
        let doubtful = success(suspect(run("groq", "m", 0.2), "late"));
        assert_eq!(HalfTtft::of(&doubtful, Connection::Cold), HalfTtft::Suspect);
        let mut silent = run("groq", "m", 0.2);
        silent.speeds.time_to_first_token = None;
        assert_eq!(HalfTtft::of(&success(silent), Connection::Cold), HalfTtft::Missing);
        let failed = failure("groq", "m", FailureKind::Timeout, "late");
        assert_eq!(HalfTtft::of(&failed, Connection::Cold), HalfTtft::Missing);
    }

    #[test]
    fn a_pair_counts_as_a_whole_or_not_at_all() {
        let mut tally = PairTally::default();
        for place in 0..6 {
            let shared = f64::from(place);
            tally.add(HalfTtft::Sound(shared + 0.25), HalfTtft::Sound(shared), place < 2);
        }
        tally.add(HalfTtft::Sound(9.0), HalfTtft::Missing, true);
        tally.add(HalfTtft::Suspect, HalfTtft::Missing, true);
        tally.add(HalfTtft::Suspect, HalfTtft::Sound(9.0), true);
        let report = tally.report();
        assert_eq!((report.cold_first, report.incomplete, report.suspect), (2, 2, 1));
        assert_eq!((report.cold.sorted.len(), report.warm.sorted.len()), (6, 6));
        assert_eq!(report.difference.sorted, [0.25; 6]);
        assert_eq!(report.interval, Some(Interval { low: 0.25, high: 0.25 }));
        let nothing = PairTally::default().report();
        assert_eq!((nothing.difference.summary, nothing.interval), (None, None));
    }
}
