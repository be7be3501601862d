//! Plans of a few series, where it can be seen what each one has to get.

use super::*;
use crate::domain::daemon_config::{DailyLimits, ProviderOverrides};
use proptest::prelude::*;

/// Noise of blocks that scatter by `deviation` with the samples of a cadence.
fn noise(deviation: f64, cadence: u32) -> BlockNoise {
    let samples = ladder::runs_per_block(cadence).round() as u32;
    let mut state = 3;
    let block = |slot: i64| {
        let ln_median = deviation * crate::measure::synthetic_series::normal(&mut state);
        NoiseBlock { slot, ln_median, samples }
    };
    BlockNoise::of(&(0..28 * 8).map(block).collect::<Vec<_>>(), 20 * 8).unwrap()
}

fn demand(id: &str, deviation: Option<f64>) -> SeriesDemand {
    SeriesDemand {
        model: ModelRef::new("groq", id),
        profile_id: "p".to_owned(),
        cadence_seconds: 1800,
        noise: deviation.map(|deviation| noise(deviation, 1800)),
        tokens: (20, 64),
        price: None,
    }
}

fn cadence(plan: &SamplingPlan, id: &str) -> (u32, PlanReason) {
    let found = plan.find(&ModelRef::new("groq", id), "p").unwrap();
    (found.cadence_seconds, found.why)
}

#[test]
fn runs_go_where_intervals_are_wide() {
    let mut demands: Vec<SeriesDemand> =
        (0..8).map(|number| demand(&format!("quiet{number}"), Some(0.02))).collect();
    demands.extend([demand("loud", Some(0.3)), demand("young", None)]);
    let plan = SamplingPlan::of(&demands, &DaemonConfig::default());
    assert_eq!(cadence(&plan, "loud"), (900, PlanReason::Oftener));
    assert_eq!(cadence(&plan, "young"), (1800, PlanReason::Unknown));
    for number in 0..8 {
        assert_eq!(cadence(&plan, &format!("quiet{number}")), (3600, PlanReason::Rarer));
    }
    assert!(plan.cost_share <= 0.7 && !plan.priced, "{}", plan.cost_share);
    let cadences = plan.cadences();
    assert_eq!(cadences[&ModelRef::new("groq", "loud")]["p"], 900);
    assert!(!cadences.contains_key(&ModelRef::new("groq", "young")));
    let report = plan.report();
    assert_eq!((report.series, report.rarer, report.oftener, report.unknown), (10, 8, 1, 1));
}

#[test]
fn a_series_moves_by_one_rung_from_what_its_last_days_had() {
    let at = |had: u32| {
        let quiet = SeriesDemand { noise: Some(noise(0.01, had)), ..demand("quiet", None) };
        cadence(&SamplingPlan::of(&[quiet, demand("loud", Some(0.3))], &DaemonConfig::default()), "quiet").0
    };
    assert_eq!([at(900), at(1800), at(3600), at(7200)], [1800, 3600, 7200, 7200]);
}

#[test]
fn a_series_whose_changes_would_no_longer_be_seen_is_not_made_rarer() {
    let plan = SamplingPlan::of(
        &[demand("loud", Some(0.25)), demand("louder", Some(0.5))],
        &DaemonConfig::default(),
    );
    // All of the budget is less than what both have, and neither gives anything.
    assert_eq!((cadence(&plan, "loud").0, cadence(&plan, "louder").0), (1800, 1800));
    let slow = SeriesDemand { cadence_seconds: 21_600, ..demand("slow", Some(0.01)) };
    let plan = SamplingPlan::of(&[slow], &DaemonConfig::default());
    assert_eq!((cadence(&plan, "slow"), plan.cost_share), ((21_600, PlanReason::Fixed), 1.0));
}

#[test]
fn a_day_of_a_provider_that_is_full_gets_no_more() {
    let mut demands: Vec<SeriesDemand> =
        (0..9).map(|number| demand(&format!("q{number}"), Some(0.01))).collect();
    demands.push(demand("loud", Some(0.3)));
    let limited = |runs: Option<u64>| {
        let mut daemon_config = DaemonConfig::default();
        let limits = DailyLimits { runs, ..DailyLimits::default() };
        let rule = ProviderOverrides { limits, ..ProviderOverrides::default() };
        daemon_config.by_provider.insert("groq".to_owned(), rule);
        cadence(&SamplingPlan::of(&demands, &daemon_config), "loud").0
    };
    // Nine are asked hourly, the last one 48 times or 96.
    assert_eq!([None, Some(9 * 24 + 96), Some(9 * 24 + 95)].map(limited), [900, 900, 1800]);
}

#[test]
fn what_a_run_costs_decides_among_equals() {
    let priced = |id: &str, price: f64| SeriesDemand {
        price: Some(Price { input: price, output: price }),
        ..demand(id, Some(0.1))
    };
    let plan = SamplingPlan::of(&[priced("cheap", 0.1), priced("dear", 10.0)], &DaemonConfig::default());
    assert!(plan.priced);
    assert!(cadence(&plan, "cheap").0 < cadence(&plan, "dear").0, "{plan:?}");
}

proptest! {
    /// Whatever is planned: no cadence off the ladder, no more than one rung from the last days, no more money than allowed
    /// unless the least is more; and the same plan for any order of the series.
    #[test]
    fn a_plan_keeps_its_bounds(
        series in prop::collection::vec((1_u32..400, 0_usize..4, 1_u32..100), 1..20),
        turned in 0_usize..20,
    ) {
        let demands: Vec<SeriesDemand> = series.iter().enumerate().map(|(number, (deviation, had, price))| {
            let had = ladder::cadences(1800).0[*had];
            SeriesDemand {
                noise: Some(noise(f64::from(*deviation) / 1000.0, had)),
                price: Some(Price { input: f64::from(*price), output: f64::from(*price) }),
                ..demand(&format!("m{number:02}"), None)
            }
        }).collect();
        let plan = SamplingPlan::of(&demands, &DaemonConfig::default());
        let (rungs, _) = ladder::cadences(1800);
        for ((_, had, _), planned) in series.iter().zip(&plan.series) {
            let place = rungs.iter().position(|cadence| *cadence == planned.cadence_seconds).unwrap();
            prop_assert!(place.abs_diff(*had) <= 1, "{:?}", planned);
        }
        let mut others = demands.clone();
        others.rotate_left(turned % demands.len());
        prop_assert_eq!(SamplingPlan::of(&others, &DaemonConfig::default()), plan);
    }
}
