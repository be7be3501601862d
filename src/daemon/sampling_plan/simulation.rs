//! What a plan is worth, on simulated fleets with fixed seeds: intervals as they would be, against equal cadences.

use super::{BlockNoise, NoiseBlock, SamplingPlan, SeriesDemand, ladder};
use crate::domain::ModelRef;
use crate::domain::daemon_config::{DaemonConfig, Price};
use crate::domain::series_block::SLOTS_OF_DAY;
use crate::measure::synthetic_series::{normal, uniform};

const SERIES: usize = 48;
const DAYS: i64 = 50;
const CONFIGURED: u32 = 1800;

/// A series whose true noise is known.
struct TrueSeries {
    demand: SeriesDemand,
    /// The variance that blocks have in any case, and that of one run.
    of_blocks: f64,
    of_run: f64,
    blocks: Vec<NoiseBlock>,
}

/// A plan against equal cadences: shares of cost, and of half widths as they truly are.
#[derive(Debug)]
struct PlanWorth {
    cost: f64,
    root_mean_square: f64,
    mean: f64,
    widest: f64,
    /// The series that nine tenths are no wider than.
    ninth_decile: f64,
}

impl TrueSeries {
    /// Block medians of half-hourly runs scatter by 6 % in the middle series; between a fifth and nine tenths of that
    /// are single runs.
    fn drawn(number: usize, prices: f64, state: &mut u64) -> Self {
        let variance = (0.06 * (0.8 * normal(state)).exp()).powi(2);
        let share = 0.2 + 0.7 * uniform(state);
        let price = (prices * normal(state)).exp();
        let demand = SeriesDemand {
            model: ModelRef::new("sim", format!("m{number:02}")),
            profile_id: "p".to_owned(),
            cadence_seconds: CONFIGURED,
            noise: None,
            tokens: (0, 100),
            price: Some(Price { input: price, output: price }),
        };
        Self {
            demand,
            of_blocks: variance * (1.0 - share),
            of_run: variance * share * 6.0,
            blocks: Vec::new(),
        }
    }

    fn measure(&mut self, day: i64, cadence: u32, state: &mut u64) {
        let runs = ladder::runs_per_block(cadence);
        for slot in day * SLOTS_OF_DAY..(day + 1) * SLOTS_OF_DAY {
            let samples = (runs + uniform(state)).floor().max(1.0);
            let deviation = (self.of_blocks + self.of_run / samples).sqrt();
            self.blocks.push(NoiseBlock {
                slot,
                ln_median: deviation * normal(state),
                samples: samples as u32,
            });
        }
    }

    /// In the unit of all others: standard errors of a week.
    fn half_width(&self, cadence: u32) -> f64 {
        (self.of_blocks + self.of_run / ladder::runs_per_block(cadence)).sqrt()
    }
}

/// Fifty days, each planned from the days before it.
fn simulated(seed: u64, prices: f64) -> PlanWorth {
    let mut state = seed;
    let mut fleet: Vec<TrueSeries> =
        (0..SERIES).map(|number| TrueSeries::drawn(number, prices, &mut state)).collect();
    let mut plan = SamplingPlan::default();
    for day in 0..DAYS {
        for one in &mut fleet {
            let known = (day - 1) * SLOTS_OF_DAY;
            let until = one.blocks.partition_point(|block| block.slot < known);
            let from = one.blocks.partition_point(|block| block.slot < known - 28 * SLOTS_OF_DAY);
            one.demand.noise = BlockNoise::of(&one.blocks[from..until], known - 8 * SLOTS_OF_DAY);
        }
        let demands: Vec<SeriesDemand> = fleet.iter().map(|one| one.demand.clone()).collect();
        plan = SamplingPlan::of(&demands, &DaemonConfig::default());
        for (one, planned) in fleet.iter_mut().zip(&plan.series) {
            one.measure(day, planned.cadence_seconds, &mut state);
        }
    }
    worth(&fleet, &plan)
}

fn widths<'a>(all: impl Iterator<Item = (&'a TrueSeries, u32)>) -> Vec<f64> {
    let mut widths: Vec<f64> = all.map(|(one, cadence)| one.half_width(cadence)).collect();
    widths.sort_by(f64::total_cmp);
    widths
}

fn worth(fleet: &[TrueSeries], plan: &SamplingPlan) -> PlanWorth {
    let planned = || fleet.iter().zip(&plan.series).map(|(one, planned)| (one, planned.cadence_seconds));
    let even = || fleet.iter().map(|one| (one, CONFIGURED));
    let cost = |one: &TrueSeries, cadence| one.demand.price.unwrap().output * ladder::runs_per_day(cadence);
    let (new, old) = (widths(planned()), widths(even()));
    let squares = |widths: &[f64]| widths.iter().map(|width| width * width).sum::<f64>();
    let place = SERIES * 9 / 10;
    PlanWorth {
        cost: planned().map(|(one, cadence)| cost(one, cadence)).sum::<f64>()
            / even().map(|(one, cadence)| cost(one, cadence)).sum::<f64>(),
        root_mean_square: (squares(&new) / squares(&old)).sqrt(),
        mean: new.iter().sum::<f64>() / old.iter().sum::<f64>(),
        widest: new[SERIES - 1] / old[SERIES - 1],
        ninth_decile: new[place] / old[place],
    }
}

/// Where all runs cost the same, the narrowest intervals pay: squared widths stay, the widest ones shrink.
#[test]
fn intervals_are_as_wide_for_thirty_percent_fewer_runs() {
    let mut squares = 0.0;
    for seed in [11, 12, 13, 14] {
        let found = simulated(seed, 0.0);
        assert!(found.cost <= 0.7001, "{found:?}");
        assert!(
            found.root_mean_square <= 1.01 && found.widest < 0.95 && found.ninth_decile <= 1.0,
            "{found:?}"
        );
        assert!(found.mean <= 1.15, "{found:?}");
        squares += found.root_mean_square / 4.0;
    }
    assert!(squares <= 0.97, "{squares}");
}

/// Prices of models differ by a hundred times, and there the mean width hardly changes, too.
#[test]
fn intervals_are_as_wide_for_thirty_percent_less_money() {
    let mut means = 0.0;
    for seed in [21, 22, 23, 24] {
        let found = simulated(seed, 1.2);
        assert!(found.cost <= 0.7001, "{found:?}");
        assert!(found.root_mean_square <= 1.0 && found.mean <= 1.1 && found.widest < 1.0, "{found:?}");
        means += found.mean / 4.0;
    }
    assert!(means <= 1.02, "{means}");
}
