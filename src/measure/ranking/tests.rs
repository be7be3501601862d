//! The rules of places, one by one, and how often simulated rankings are right. Seeded and the same on every machine.

use super::circumstances::{RankingCircumstances, WantedCircumstances};
use super::standings::{MissingForPlace, ModelAttempts, Ranking, StratumRuns};
use super::*;
use crate::measure::block_comparison::{BlockLength, TimedSample};
use crate::measure::compare::RunStratum;
use crate::measure::failure_shares::AttemptCount;
use crate::measure::synthetic_series::{PER_DAY, SyntheticSample, Weather, series, share, uniform};
use proptest::prelude::*;

const HOUR: i64 = 3_600_000;

fn level_of(series: &[&[TimedSample]]) -> MeasuredLevel {
    MeasuredLevel::of(series, BlockLength::Day, &[true; 8]).unwrap()
}

/// Days of one sample each around this logarithm.
fn level(log: f64, scatter: f64) -> MeasuredLevel {
    let days = (0..6).map(|day| (day, if day % 2 == 0 { log + scatter } else { log - scatter }));
    let samples: Vec<TimedSample> =
        days.map(|(day, log)| TimedSample::new(day * 24 * HOUR, log.exp())).collect();
    level_of(&[&samples])
}

#[test]
fn a_tier_begins_where_all_above_are_settled_against_all_below() {
    let of = |levels: &[(f64, f64)]| {
        let levels: Vec<MeasuredLevel> = levels.iter().map(|(log, scatter)| level(*log, *scatter)).collect();
        tiers(&levels, BetterDirection::Lower)
    };
    assert_eq!(of(&[]), Vec::<Vec<usize>>::new());
    assert_eq!(of(&[(1.0, 0.1)]), [[0]]);
    assert_eq!(of(&[(1.0, 0.1), (0.0, 0.1)]), [[1], [0]]);
    // The ends of a chain lie apart, and each overlaps the middle.
    assert_eq!(of(&[(0.0, 0.1), (0.25, 0.1)]), [[0], [1]]);
    assert_eq!(of(&[(0.0, 0.1), (0.12, 0.1), (0.25, 0.1)]), [[0, 1, 2]]);
    // A model of which little is known keeps together what it might be among.
    assert_eq!(of(&[(0.0, 0.01), (1.0, 0.01), (0.5, 0.9), (9.0, 0.01)]), [vec![0, 2, 1], vec![3]]);
}

#[test]
fn more_is_better_for_rates() {
    let levels = [level(0.0, 0.01), level(2.0, 0.01), level(1.0, 0.01)];
    assert_eq!(tiers(&levels, BetterDirection::Higher), [[1], [2], [0]]);
    assert_eq!(tiers(&levels, BetterDirection::Lower), [[0], [2], [1]]);
}

#[test]
fn many_models_need_more() {
    assert_eq!((confidence_of_pair(0), confidence_of_pair(2)), (0.95, 0.95));
    assert!((confidence_of_pair(11) - 0.995).abs() < 1e-12);
    // Two that differ enough for a list of two do not for a list of a hundred.
    let mut levels = vec![level(0.0, 0.1), level(0.25, 0.1)];
    assert_eq!(tiers(&levels, BetterDirection::Lower).len(), 2);
    levels.extend((0..98).map(|number| level(f64::from(9 + number), 0.001)));
    let found = tiers(&levels, BetterDirection::Lower);
    assert_eq!((found[0].as_slice(), found.len()), (&[0, 1][..], 99));
}

const CALM: Weather = Weather::CALM;
const ROUGH: Weather = Weather { lasting: 0.5, cycle: 0.2, day: 0.08, ..CALM };

/// 5 % are promised; the bound has two and a half standard errors of 300 lists more.
const PROMISED: f64 = 0.08;

fn timed(samples: Vec<SyntheticSample>, factor: f64) -> Vec<TimedSample> {
    samples.iter().map(|one| TimedSample::new(one.milliseconds(), one.log.exp() * factor)).collect()
}

/// A week of a model at this factor. Days of different models are independent, which is the harder case.
fn week(weather: Weather, factor: f64, state: &mut u64) -> Vec<TimedSample> {
    let first = (uniform(state) * PER_DAY as f64) as i64;
    timed(series(&weather, 1, first, 7 * PER_DAY, state).remove(0), factor)
}

fn ranked(weather: Weather, factors: &[f64], state: &mut u64) -> Vec<Vec<usize>> {
    let weeks: Vec<Vec<TimedSample>> = factors.iter().map(|factor| week(weather, *factor, state)).collect();
    let levels: Vec<MeasuredLevel> = weeks.iter().map(|week| level_of(&[week])).collect();
    tiers(&levels, BetterDirection::Lower)
}

/// Two equal models are the case with the most chances for each cut.
#[test]
fn equal_models_get_an_order_no_more_often_than_promised() {
    for (name, weather) in [("calm", CALM), ("rough", ROUGH)] {
        for models in [2, 3, 12] {
            let wrong = share(300, 31, |state| ranked(weather, &vec![1.0; models], state).len() > 1);
            assert!(wrong <= 0.02, "{wrong} of {name} lists of {models} equal models have an order");
        }
    }
}

/// The worst list: pairs of equal models, far from other pairs, so that only one model stands against each wrong cut.
#[test]
fn pairs_of_equal_models_keep_together_as_often_as_promised() {
    let factors: Vec<f64> = (0..8).flat_map(|pair| [2.5_f64.powi(pair); 2]).collect();
    let mut pairs_apart = 0;
    let wrong = share(300, 37, |state| {
        let found = ranked(ROUGH, &factors, state);
        let is_pair = |tier: &Vec<usize>| tier.len().is_multiple_of(2);
        pairs_apart += u32::from(found.iter().filter(|tier| tier.len() == 2).count() == 8);
        !found.iter().all(is_pair)
    });
    assert!(wrong <= PROMISED, "{wrong}");
    assert!(pairs_apart >= 270, "only {pairs_apart} of 300 lists tell all pairs from each other");
}

#[test]
fn a_difference_of_a_half_is_settled_within_a_week() {
    for (models, least) in [(2, 0.9), (12, 0.8)] {
        let factors: Vec<f64> = (0..models).map(|place| 1.5_f64.powi(place)).collect();
        let mut cuts = 0;
        let right = share(100, 41, |state| {
            let found = ranked(ROUGH, &factors, state);
            cuts += found.len() - 1;
            found.concat().is_sorted()
        });
        let settled = cuts as f64 / f64::from(100 * (models - 1));
        assert!(settled >= least && right >= 0.95, "{models}: {settled} settled, {right} in order");
    }
}

/// How often the interval of 95 % holds the truth.
fn coverage(seed: u64, mut samples: impl FnMut(&mut u64) -> Vec<Vec<TimedSample>>) -> f64 {
    let mut quantiles = TQuantiles::two_sided(CONFIDENCE);
    share(500, seed, |state| {
        let series = samples(state);
        let series: Vec<&[TimedSample]> = series.iter().map(Vec::as_slice).collect();
        let Interval { low, high } = level_of(&series).interval(&mut quantiles);
        // One run in fifty is an outlier, which moves the median by a little less than a hundredth.
        low <= 1.009 && 1.009 <= high
    })
}

#[test]
fn the_interval_holds_the_truth_as_often_as_promised() {
    let every = |weather: Weather, step: usize| {
        move |state: &mut u64| {
            let week = week(weather, 1.0, state);
            vec![week.into_iter().step_by(step).collect()]
        }
    };
    // Every half hour, and every 6 h 30 min, so that the hours of the day move.
    for (name, held) in [
        ("calm", coverage(43, every(CALM, 1))),
        ("rough", coverage(47, every(ROUGH, 1))),
        ("rare", coverage(53, every(ROUGH, 13))),
        // Two runners see the same days.
        (
            "runners",
            coverage(59, |state| {
                let first = (uniform(state) * PER_DAY as f64) as i64;
                // The second of two series is twice as slow.
                let both = series(&ROUGH, 2, first, 7 * PER_DAY, state).into_iter();
                both.zip([1.0, 0.5]).map(|(samples, factor)| timed(samples, factor)).collect()
            }),
        ),
    ] {
        assert!((0.92..=0.98).contains(&held), "{held} of {name} intervals");
    }
}

/// Hourly runs: profile, connection, runner, hours since 1970, value.
type HourlyRuns<'a> = (&'a str, &'a str, Option<&'a str>, std::ops::Range<i64>, f64);

fn model(of: &[HourlyRuns<'_>]) -> ModelAttempts {
    let mut model = ModelAttempts::default();
    for (profile, connection, runner, hours, value) in of {
        let stratum = RunStratum {
            runner: runner.map(str::to_owned),
            profile: Some((*profile).to_owned()),
            connection: Some((*connection).to_owned()),
        };
        let source = (stratum.runner.clone(), stratum.profile.clone());
        let runs = model.series.entry(stratum).or_default();
        hours.clone().for_each(|hour| runs.add(hour * HOUR, Some(value + 0.001 * (hour % 5) as f64)));
        let attempts = hours.clone().count() as u64;
        model.attempts.entry(source).or_default().add(AttemptCount { attempts, failures: 0 });
    }
    model
}

const WEEK: std::ops::Range<i64> = 0..7 * 24;

fn of(models: &[ModelAttempts], wanted: &WantedCircumstances) -> Ranking {
    Ranking::of(models, wanted, BetterDirection::Lower)
}

fn missing(ranking: &Ranking) -> Vec<Option<MissingForPlace>> {
    ranking.models.iter().map(|model| model.level.clone().err()).collect()
}

#[test]
fn one_question_and_the_runners_that_all_have_count() {
    let models = [
        model(&[("a", "cold", Some("tokyo"), WEEK, 1.0), ("a", "warm", Some("tokyo"), WEEK, 0.1)]),
        model(&[
            ("a", "cold", Some("tokyo"), WEEK, 2.0),
            ("a", "cold", Some("paris"), WEEK, 9.0),
            ("a", "cold", None, 0..4, 9.0),
            ("b", "cold", Some("tokyo"), WEEK, 0.5),
        ]),
        model(&[("b", "cold", Some("tokyo"), 0..900, 0.2)]),
    ];
    let found = of(&models, &WantedCircumstances::default());
    let circumstances = RankingCircumstances {
        // Both profiles have two models, and b has more runs.
        profile: Some("b".to_owned()),
        connection: Some("cold".to_owned()),
        runners: [Some("tokyo".to_owned())].into(),
    };
    assert_eq!(found.circumstances, circumstances);
    assert_eq!(missing(&found)[0], Some(MissingForPlace::OtherCircumstances));
    assert_eq!(found.tiers, [[2], [1]]);

    let wanted = WantedCircumstances { profile: Some("a".to_owned()), ..WantedCircumstances::default() };
    let found = of(&models, &wanted);
    assert_eq!(found.circumstances.runners, [Some("tokyo".to_owned())].into());
    assert_eq!(found.tiers, [[0], [1]]);
    assert_eq!(found.models[1].samples, 168);

    let paris = WantedCircumstances { runners: vec![Some("paris".to_owned())], ..wanted };
    let found = of(&models, &paris);
    assert_eq!(
        (found.tiers.as_slice(), &missing(&found)[0]),
        (&[vec![1]][..], &Some(MissingForPlace::OtherCircumstances))
    );
    let both = WantedCircumstances {
        runners: vec![Some("paris".to_owned()), Some("tokyo".to_owned())],
        profile: Some("a".to_owned()),
        ..WantedCircumstances::default()
    };
    assert_eq!(missing(&of(&models, &both))[0], Some(MissingForPlace::Runner(Some("paris".to_owned()))));
}

#[test]
fn what_keeps_a_model_from_a_place_is_said() {
    let usual = || model(&[("a", "cold", None, WEEK, 1.0)]);
    let mut failing = ModelAttempts::default();
    let source = (None, Some("a".to_owned()));
    failing.attempts.insert(source, AttemptCount { attempts: 7, failures: 7 });
    let mut suspect = usual();
    suspect.series.values_mut().for_each(|runs| *runs = StratumRuns::default());
    let mut mornings = usual();
    for runs in mornings.series.values_mut() {
        runs.samples.retain(|sample| sample.block(BlockLength::ThreeHours).rem_euclid(8) < 4);
    }
    let models = [
        usual(),
        usual(),
        usual(),
        usual(),
        usual(),
        failing,
        suspect,
        mornings,
        model(&[("a", "cold", None, 0..40, 1.0)]),
        model(&[("b", "cold", None, WEEK, 1.0)]),
    ];
    let found = of(&models, &WantedCircumstances::default());
    assert_eq!(found.length, BlockLength::Day);
    assert_eq!(found.tiers, [[0, 1, 2, 3, 4]]);
    let expected = [
        MissingForPlace::Answers,
        MissingForPlace::Figure,
        MissingForPlace::Hours { from: 12, to: 0 },
        MissingForPlace::Blocks { has: 2 },
        MissingForPlace::OtherCircumstances,
    ];
    assert_eq!(missing(&found)[5..], expected.map(Some));
    assert_eq!((found.models[5].attempts.failures, found.models[0].times), (7, Some((0, 167 * HOUR))));
}

#[test]
fn short_windows_have_blocks_of_three_hours_and_nothing_has_nothing() {
    let models = [
        model(&[("a", "cold", None, 0..24, 1.0)]),
        model(&[("a", "cold", None, 0..24, 2.0)]),
        model(&[("a", "cold", None, 0..5, 2.0)]),
    ];
    let found = of(&models, &WantedCircumstances::default());
    assert_eq!((found.length, found.tiers.as_slice()), (BlockLength::ThreeHours, &[vec![0], vec![1]][..]));
    assert_eq!(missing(&found)[2], Some(MissingForPlace::Blocks { has: 2 }));
    let nothing = of(&[], &WantedCircumstances::default());
    assert_eq!((nothing.tiers.len(), nothing.circumstances), (0, RankingCircumstances::default()));
}

proptest! {
    /// Every model has one place, places are in the order of figures, and no interval above a cut overlaps one below.
    #[test]
    fn tiers_divide_the_models(of in prop::collection::vec((0.0..3.0_f64, 0.001..0.5_f64), 0..24)) {
        let levels: Vec<MeasuredLevel> = of.iter().map(|(log, scatter)| level(*log, *scatter)).collect();
        let found = tiers(&levels, BetterDirection::Lower);
        let mut all = found.concat();
        prop_assert!(all.iter().is_sorted_by(|one, other| levels[**one].median() <= levels[**other].median()));
        let mut quantiles = TQuantiles::two_sided(CONFIDENCE);
        let mut ends = |tier: &[usize]| {
            let of: Vec<Interval> = tier.iter().map(|index| levels[*index].interval(&mut quantiles)).collect();
            let low = of.iter().map(|interval| interval.low).fold(f64::INFINITY, f64::min);
            (low, of.iter().map(|interval| interval.high).fold(0.0, f64::max))
        };
        for cut in 1..found.len() {
            let (above, below) = (found[..cut].concat(), found[cut..].concat());
            prop_assert!(ends(&above).1 < ends(&below).0);
        }
        all.sort_unstable();
        prop_assert_eq!(all, (0..levels.len()).collect::<Vec<_>>());
    }
}
