//! Tests of parsing, displaying and checking gates.

use super::*;
use crate::domain::{FailureKind, Outcome};
use crate::measure::testing::{failure, report_of, run};
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

fn subjects() -> impl Strategy<Value = String> {
    let figures = (0..METRICS.len(), 0..Statistic::NAMES.len())
        .prop_map(|(metric, statistic)| format!("{}_{}", METRICS[metric].key, Statistic::NAMES[statistic]));
    prop_oneof![figures, (0..COUNTS.len()).prop_map(|place| COUNTS[place].0.to_owned())]
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in ".{0,40}") {
        let _ = text.parse::<Gate>();
    }

    #[test]
    fn near_misses_are_read_without_panic(text in "[a-z_]{0,8}(ttft|itl|error_rate)?_?p?[0-9.]{0,6} ?[<>]=? ?[0-9.]{0,6}[a-zµ%]{0,3}") {
        let _ = text.parse::<Gate>();
    }

    #[test]
    fn what_is_shown_can_be_read_again(subject in subjects(), sign in "[<>]=?", number in 0.0..1.0_f64, unit in "(|s|ms|us|µs|%)") {
        let text = format!("{subject}{sign}{number}{unit}");
        if let Ok(gate) = text.parse::<Gate>() {
            prop_assert_eq!(gate.to_string(), text);
            prop_assert_eq!(gate.to_string().parse::<Gate>().unwrap(), gate);
        }
    }
}
