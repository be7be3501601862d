//! Tests of parsing, displaying and checking gates.

use super::*;
use crate::domain::run::Quality;
use crate::domain::{FailureKind, Outcome};
use crate::measure::collect::OutcomeCollector;
use crate::measure::compare::RunStratum;
use crate::measure::gate::history::{SeriesHistory, StoredRunFacts};
use crate::measure::metrics::position;
use crate::measure::paired::HalfTtft;
use crate::measure::testing::{self, failure, report_of, run};
use proptest::prelude::*;

fn gate(text: &str) -> Gate {
    text.parse().unwrap()
}

fn wrong(text: &str) -> String {
    text.parse::<Gate>().unwrap_err().to_string()
}

fn report(ttfts: &[f64], failures: usize) -> ModelReport {
    let model = ModelRef::new("groq", "m");
    let successes = ttfts.iter().map(|ttft| Outcome::Success(Box::new(run("groq", "m", *ttft))));
    let failures = (0..failures).map(|_| failure("groq", "m", FailureKind::Timeout, "no first byte"));
    report_of(&model, &successes.chain(failures).collect::<Vec<_>>())
}

#[test]
fn units_become_base_units() {
    assert_eq!(gate("ttft_p95>2s").threshold(), 2.0);
    assert_eq!(gate("ttft_p99 >= 1500ms").threshold(), 1.5);
    assert_eq!(gate("itl_mean<250 us").threshold(), 0.00025);
    assert_eq!(gate("error_rate>5%").threshold(), 0.05);
    assert_eq!(gate("tps_p50<30").threshold(), 30.0);
    assert_eq!(gate("time_to_64_max>3s").threshold(), 3.0);
}

#[test]
fn it_trips_where_the_condition_holds() {
    let report = report(&[1.0, 2.0, 3.0], 1);
    assert_eq!(gate("ttft_max>2s").check(&report), GateVerdict::Tripped(3.0));
    assert_eq!(gate("ttft_max>3s").check(&report), GateVerdict::Passed(3.0));
    assert_eq!(gate("ttft_max>=3s").check(&report), GateVerdict::Tripped(3.0));
    assert_eq!(gate("ttft_p50<=2000ms").check(&report), GateVerdict::Tripped(2.0));
    assert_eq!(gate("ttft_p50<2s").check(&report), GateVerdict::Passed(2.0));
    assert_eq!(gate("error_rate>=25%").check(&report), GateVerdict::Tripped(0.25));
    assert_eq!(gate("failures>1").check(&report), GateVerdict::Passed(1.0));
    assert_eq!(gate("ttft_n<4").check(&report), GateVerdict::Tripped(3.0));
}

#[test]
fn nothing_to_look_at_is_not_fine() {
    let nothing = report(&[], 0);
    assert_eq!(gate("ttft_p95>2s").check(&nothing), GateVerdict::NoData);
    assert_eq!(gate("error_rate>5%").check(&nothing), GateVerdict::NoData);
    assert!(GateVerdict::NoData.trips());
    assert_eq!(gate("ttft_n<1").check(&nothing), GateVerdict::Tripped(0.0));
    assert_eq!(gate("ttfrt_p50>1s").check(&report(&[1.0], 0)), GateVerdict::NoData);
}

#[test]
fn a_mistake_is_answered_with_what_was_meant() {
    for (text, answer) in [
        ("tfft_p95>2s", "unknown metric `tfft_p95`: did you mean ttft_p95 or ttfrt_p95?"),
        ("errorrate>2%", "unknown metric `errorrate`: did you mean error_rate?"),
        ("ttft_p95=2s", "`ttft_p95=2s` compares nothing: write for example ttft_p95>2s"),
        ("time_to_64_max>3", "`time_to_64_max` is a time: write 3s or 3ms"),
        ("ttft_p95>2%", "`ttft_p95` is not measured in `%`: write s, ms or us"),
        (
            "error_rate>5",
            "`5` is no threshold: write a number of 0 or more with its unit, for example 2s, 1500ms, 5% or 30",
        ),
    ] {
        assert_eq!(wrong(text), answer);
    }
    assert!(wrong("ttft>2s").starts_with("`ttft` needs a statistic: ttft_min, ttft_mean, ttft_p50"));
    assert!(wrong("ttft_median>2s").starts_with("`ttft` has no statistic `median`: there are ttft_min"));
    assert!(wrong("ttft_p95>").starts_with("`` is no threshold"));
    assert!(wrong("ttft_p95>-1s").starts_with("`-1s` is no threshold"));
    assert!(wrong("qqqq_p50>1").contains("; there are ttft, "));
}

#[test]
fn a_factor_is_for_medians_that_rows_have() {
    let slower = gate("ttft_p50>1.3x");
    assert_eq!((slower.threshold(), slower.history_metric()), (1.3, position("ttft")));
    assert_eq!(gate("tps_p50 <= 0.8 x").to_string(), "tps_p50<=0.8x");
    assert_eq!(gate("ttft_p50>1.3s").history_metric(), None);
    for (text, answer) in [
        (
            "ttft_p95>1.3x",
            "`ttft_p95` cannot be compared with stored runs, whose medians alone can: write ttft_p50 with a factor above 0",
        ),
        (
            "ttft_mean>1.3x",
            "`ttft_mean` cannot be compared with stored runs, whose medians alone can: write ttft_p50 with a factor above 0",
        ),
        (
            "ttft_p50>0x",
            "`ttft_p50` cannot be compared with stored runs, whose medians alone can: write ttft_p50 with a factor above 0",
        ),
        (
            "ttft_p50>-2x",
            "`-2x` is no threshold: write a number of 0 or more with its unit, for example 2s, 1500ms, 5% or 30",
        ),
    ] {
        assert_eq!(wrong(text), answer);
    }
    for text in ["error_rate>2x", "dns_p50>2x", "ttft_difference_p50>2x", "failures>1x"] {
        assert!(
            wrong(text).contains("cannot be compared with stored runs: these can: ttft_p50, ttfrt_p50"),
            "{text}"
        );
    }
}

#[test]
fn the_difference_within_pairs_is_a_subject() {
    let model = ModelRef::new("groq", "m");
    let mut collector = OutcomeCollector::expecting([&model]);
    for difference in [0.05, 0.08, 0.3] {
        collector.add_pair(&model, HalfTtft::Sound(0.2 + difference), HalfTtft::Sound(0.2), true);
    }
    let paired = collector.finish().remove(0);
    assert!(matches!(gate("ttft_difference_p50>70ms").check(&paired), GateVerdict::Tripped(_)));
    assert!(matches!(gate("ttft_difference_p50>90ms").check(&paired), GateVerdict::Passed(_)));
    assert_eq!(gate("ttft_difference_n<4").check(&paired), GateVerdict::Tripped(3.0));
    assert_eq!(gate("ttft_difference_p50>1s").check(&report(&[1.0], 0)), GateVerdict::NoData);
    assert!(wrong("ttft_difference>1s").starts_with("`ttft_difference` needs a statistic"));
    assert!(wrong("ttft_diference_p50>1s").contains("ttft_difference_p50"));
    assert_eq!(wrong("ttft_difference_p50>1"), "`ttft_difference_p50` is a time: write 1s or 1ms");
}

/// A report on one model of these TTFTs, and a history of it: a run every hour of so many days.
fn judged(gates: &[&str], ttfts: &[f64], days: i64) -> Vec<GateResult> {
    let report = Report { models: vec![report(ttfts, 0)], ..testing::report() };
    let stratum = RunStratum { profile: Some("p".into()), ..RunStratum::default() };
    let mut series = SeriesHistory::default();
    for hour in 1..=days * 24 {
        let at = report.started_at.timestamp_millis() - hour * 3_600_000;
        let facts =
            StoredRunFacts { at, stratum: stratum.clone(), same_route: true, ..StoredRunFacts::default() };
        // Every value and its inverse are as likely.
        let noise = 1.0 + 0.1 * f64::from((hour % 5) as i32);
        let ttft = if hour % 2 == 0 { noise } else { 1.0 / noise };
        series.add(&facts, &stratum, &[(position("ttft").unwrap(), ttft)]);
    }
    let models = [(ModelRef::new("groq", "m"), series)].into();
    let history = GateHistory { stratum, models, ..GateHistory::default() };
    let gates: Vec<Gate> = gates.iter().map(|text| gate(text)).collect();
    check_all(&gates, &report, &history)
}

#[test]
fn the_near_end_of_the_interval_decides() {
    let found = judged(&["ttft_p50>1.3x"], &[2.0, 2.0, 2.1], 7).remove(0);
    let interval = found.history.unwrap().found.unwrap().ratio_interval;
    assert!(interval.low > 1.0 && interval.low < 2.0 && interval.high > 2.0, "{interval:?}");
    let at = |sign: &str, factor: f64| {
        judged(&[&format!("ttft_p50{sign}{factor}x")], &[2.0, 2.0, 2.1], 7)[0].verdict
    };
    let (below, above) = (interval.low - 0.01, interval.low + 0.01);
    assert!(at(">", below).trips() && at(">=", below).trips() && !at(">", above).trips());
    let (below, above) = (interval.high - 0.01, interval.high + 0.01);
    assert!(at("<", above).trips() && at("<=", above).trips() && !at("<", below).trips());
}

#[test]
fn many_comparisons_share_what_may_be_wrong() {
    let confidence = |gates: &[&str]| judged(gates, &[1.0; 3], 7)[0].history.as_ref().unwrap().confidence;
    assert!((confidence(&["ttft_p50>2x"]) - 0.95).abs() < 1e-12);
    assert!((confidence(&["ttft_p50>2x", "ttft_p50<0.5x", "ttft_p50>9s"]) - 0.975).abs() < 1e-12);
}

#[test]
fn too_little_is_not_decided() {
    let undecided = |ttfts: &[f64], days| {
        let found = judged(&["ttft_p50>1.3x"], ttfts, days).remove(0);
        assert_eq!((found.verdict, found.verdict.trips()), (GateVerdict::Undecided, false));
        assert!(found.verdict.fails(true) && !found.verdict.fails(false));
        found.history.unwrap().found.unwrap_err()
    };
    assert_eq!(undecided(&[9.0; 3], 0), HistoryShortage::NothingStored);
    assert_eq!(undecided(&[9.0; 3], 2), HistoryShortage::FewDays { at_this_hour: 2 });
    assert_eq!(undecided(&[9.0; 2], 7), HistoryShortage::FewSamples { has: 2 });
    assert_eq!(undecided(&[], 7), HistoryShortage::FewSamples { has: 0 });
}

#[test]
fn only_runs_of_the_same_circumstances_are_history() {
    let ttft = position("ttft").unwrap();
    let (decode, at) = (position("decode_tps").unwrap(), 1);
    let wanted = RunStratum { connection: Some("cold".into()), ..RunStratum::default() };
    let own = StoredRunFacts { at, stratum: wanted.clone(), same_route: true, ..StoredRunFacts::default() };
    let mut series = SeriesHistory::default();
    let other = StoredRunFacts { stratum: RunStratum::default(), ..own.clone() };
    let proxied = StoredRunFacts { same_route: false, ..own.clone() };
    let doubtful = Quality { suspect: true, decode_suspect: true, ..Quality::default() };
    let suspect = StoredRunFacts { quality: doubtful, definitions: Some(2), ..own.clone() };
    for facts in [&own, &other, &proxied, &suspect] {
        series.add(facts, &wanted, &[(ttft, 0.5), (decode, 50.0), (ttft, 0.0), (ttft, f64::NAN)]);
    }
    let models = [(ModelRef::new("groq", "m"), series)].into();
    let history = GateHistory { stratum: wanted, models, ..GateHistory::default() };
    let report = Report { models: vec![report(&[1.0; 3], 0)], ..testing::report() };
    let of = |metric| history.compare(metric, &report.models[0], &report, 0.95);
    let found = of(ttft);
    // A late decode says nothing against the first token; the older row's pace is of other definitions.
    assert_eq!((found.suspect, found.other_route, found.elsewhere.values().sum::<u64>()), (0, 1, 1));
    assert_eq!(of(decode).suspect, 1);
}

fn subjects() -> impl Strategy<Value = String> {
    let figures = (0..METRICS.len(), 0..Statistic::NAMES.len())
        .prop_map(|(metric, statistic)| format!("{}_{}", METRICS[metric].key, Statistic::NAMES[statistic]));
    let figures = prop_oneof![9 => figures, 1 => Just("ttft_difference_p50".to_owned())];
    prop_oneof![figures, (0..COUNTS.len()).prop_map(|place| COUNTS[place].0.to_owned())]
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in ".{0,40}") {
        let _ = text.parse::<Gate>();
    }

    #[test]
    fn near_misses_are_read_without_panic(text in "[a-z_]{0,8}(ttft|itl|error_rate)?_?p?[0-9.]{0,6} ?[<>]=? ?[0-9.]{0,6}[a-zµ%×]{0,3}") {
        let _ = text.parse::<Gate>();
    }

    #[test]
    fn what_is_shown_can_be_read_again(subject in subjects(), sign in "[<>]=?", number in 0.0..1.0_f64, unit in "(|s|ms|us|µs|%|x)") {
        let text = format!("{subject}{sign}{number}{unit}");
        if let Ok(gate) = text.parse::<Gate>() {
            prop_assert_eq!(gate.to_string(), text);
            prop_assert_eq!(gate.to_string().parse::<Gate>().unwrap(), gate);
        }
    }
}
