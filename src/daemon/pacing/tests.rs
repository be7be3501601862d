//! Tests that holds begin, grow and end, and that a lane slows before it is refused.

use super::*;
use proptest::prelude::*;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000 + seconds, 0).unwrap()
}

fn ended(began: i64, series: u64, kind: Option<FailureKind>) -> EndedMeasurement {
    EndedMeasurement { began_at: at(began), series, kind, retry_after: None, message: String::new() }
}

fn pace() -> ProviderPacing {
    ProviderPacing::new(TimeDelta::seconds(60))
}

fn until(pace: &ProviderPacing, now: i64) -> Option<i64> {
    match pace.permit(at(now)) {
        PacingDecision::Wait { until, .. } => Some((until - at(0)).num_seconds()),
        _ => None,
    }
}

fn probes(pace: &ProviderPacing, now: i64) -> bool {
    matches!(pace.permit(at(now)), PacingDecision::ProbeOnly { .. })
}

#[test]
fn retry_after_is_obeyed_within_reason_and_then_one_call_finds_out() {
    for (asked, expected) in [(30.0, 30), (-5.0, 2), (1e9, 3600)] {
        let mut pace = pace();
        let limited =
            EndedMeasurement { retry_after: Some(asked), ..ended(0, 1, Some(FailureKind::RateLimit)) };
        pace.ended(&limited, at(0), 0.0);
        assert_eq!(until(&pace, 0), Some(expected), "{asked}");
        let later = expected + 1;
        assert!(probes(&pace, later));
        pace.ended(&ended(later, 1, None), at(later), 0.0);
        assert_eq!(pace.permit(at(later)), PacingDecision::Go);
    }
}

fn allowance(left: u64, of: u64, resets_in: f64) -> Allowance {
    Allowance { what: "requests".to_owned(), left, of, resets_in }
}

#[test]
fn a_lane_slows_before_it_is_refused() {
    let mut pace = pace();
    let slow = |pace: &ProviderPacing, now: i64| pace.slow(at(now)).map(|next| (next - at(0)).num_seconds());
    pace.allowed(&allowance(10, 100, 60.0), at(0));
    assert_eq!((slow(&pace, 0), pace.permit(at(0))), (None, PacingDecision::Go), "a tenth is enough");
    pace.allowed(&allowance(5, 100, 60.0), at(0));
    assert_eq!((slow(&pace, 0), pace.permit(at(0))), (Some(10), PacingDecision::Go));
    assert_eq!(slow(&pace, 60), None, "the limit begins anew");
    assert_eq!(slow(&pace, -3600), None, "the clock went back");
    pace.allowed(&allowance(1, 100, 3600.0), at(0));
    assert_eq!(slow(&pace, 0), Some(30));
    pace.allowed(&allowance(90, 100, 60.0), at(0));
    assert_eq!(slow(&pace, 0), None);
    pace.allowed(&allowance(0, 100, 40.0), at(0));
    assert_eq!(until(&pace, 0), Some(40));
    let PacingDecision::Wait { reason, .. } = pace.permit(at(0)) else { panic!() };
    assert!(reason.contains("nothing is left of 100 requests"), "{reason}");
    assert!(probes(&pace, 41));
    pace.ended(&ended(41, 1, None), at(42), 0.5);
    pace.allowed(&allowance(99, 100, 60.0), at(42));
    assert_eq!(pace.permit(at(42)), PacingDecision::Go);
}

#[test]
fn a_success_that_began_before_the_hold_does_not_end_it() {
    let mut pace = pace();
    pace.ended(&ended(5, 1, Some(FailureKind::RateLimit)), at(10), 0.5);
    pace.ended(&ended(5, 2, None), at(11), 0.5);
    assert_eq!(until(&pace, 11), Some(15));
}

#[test]
fn a_refused_key_holds_and_is_asked_about_ever_more_rarely() {
    let mut pace = pace();
    let mut now = 0;
    for expected in [60, 120, 240, 480, 960, 1920, 3600, 3600] {
        pace.ended(&ended(now, 1, Some(FailureKind::Auth)), at(now), 0.0);
        assert_eq!(until(&pace, now), Some(now + expected));
        assert!(pace.doubts_the_key());
        now += expected;
        assert!(probes(&pace, now));
    }
    pace.ended(&ended(now, 1, None), at(now), 0.0);
    assert_eq!(pace.permit(at(now)), PacingDecision::Go);
}

#[test]
fn one_model_that_is_closed_to_a_key_that_works_holds_nobody() {
    let mut pace = pace();
    for now in 0..20 {
        pace.ended(&ended(now, 1, None), at(now), 0.0);
        pace.ended(&ended(now, 2, Some(FailureKind::Auth)), at(now), 0.0);
        assert_eq!(pace.permit(at(now)), PacingDecision::Go);
    }
    pace.ended(&ended(20, 3, Some(FailureKind::Auth)), at(20), 0.0);
    assert!(until(&pace, 20).is_some());
}

#[test]
fn ten_refusals_at_once_are_one() {
    let mut pace = pace();
    for _ in 0..10 {
        pace.ended(&ended(0, 1, Some(FailureKind::Billing)), at(1), 0.0);
    }
    assert_eq!(until(&pace, 1), Some(61));
}

#[test]
fn the_breaker_opens_across_series_and_half_opens() {
    let mut alone = pace();
    for now in 0..20 {
        alone.ended(&ended(now, 1, Some(FailureKind::Timeout)), at(now), 0.5);
    }
    assert_eq!(alone.permit(at(20)), PacingDecision::Go, "a series that fails alone has its own waits");
    let mut pace = pace();
    for now in 0..5 {
        assert_eq!(pace.permit(at(now)), PacingDecision::Go);
        pace.ended(&ended(now, now as u64, Some(FailureKind::TransientProvider)), at(now), 0.5);
    }
    assert_eq!(until(&pace, 5), Some(4 + 15));
    pace.ended(&ended(19, 1, Some(FailureKind::Network)), at(20), 0.5);
    assert_eq!(until(&pace, 20), Some(20 + 30), "the call that found out found nothing better");
    pace.ended(&ended(50, 1, Some(FailureKind::HardModel)), at(51), 0.5);
    assert_eq!(pace.permit(at(51)), PacingDecision::Go);
}

#[test]
fn a_clock_that_went_back_does_not_prolong_a_hold() {
    let mut pace = pace();
    pace.ended(&ended(5000, 1, Some(FailureKind::Billing)), at(5000), 0.0);
    assert!(probes(&pace, 1000));
}

#[test]
fn what_cannot_get_better_is_not_asked_again_in_its_slot() {
    for kind in [FailureKind::HardModel, FailureKind::HardCapability, FailureKind::BudgetExhausted] {
        assert_eq!(retry_at(kind, Some(1.0), 1, at(0), 0.5), None);
    }
    assert_eq!(retry_at(FailureKind::Timeout, None, 1, at(0), 0.5), Some(at(10)));
    assert_eq!(retry_at(FailureKind::Timeout, None, 2, at(0), 0.5), Some(at(20)));
    assert_eq!(retry_at(FailureKind::RateLimit, Some(300.0), 1, at(0), 0.5), Some(at(300)));
}

proptest! {
    /// However it fails, a lane tries again within an hour, and one success ends its hold.
    #[test]
    fn every_hold_ends(
        kinds in prop::collection::vec((0_usize..13, 0_u64..3, prop::option::of(-10.0..1e7_f64), 0_i64..500), 0..60),
        chance in 0.0..1.0_f64,
    ) {
        let (mut pace, mut now) = (pace(), 0);
        for (kind, series, retry_after, step) in kinds {
            let one = EndedMeasurement { retry_after, ..ended(now, series, Some(FailureKind::ALL[kind])) };
            pace.ended(&one, at(now), chance);
            pace.allowed(&allowance(series, 2 + step as u64, retry_after.unwrap_or(9.0)), at(now));
            if let Some(next) = pace.slow(at(now)) {
                prop_assert!(next <= at(now) + SLOWEST);
            }
            now += step;
            if let PacingDecision::Wait { until, .. } = pace.permit(at(now)) {
                prop_assert!(until <= at(now) + LONGEST);
            }
        }
        now += 3601;
        let waits = matches!(pace.permit(at(now)), PacingDecision::Wait { .. });
        prop_assert!(!waits);
        pace.ended(&ended(now, 9, None), at(now), chance);
        prop_assert_eq!(pace.permit(at(now)), PacingDecision::Go);
    }
}
