//! Whether a provider may be asked now. It obeys what the provider says (Retry-After, rate limits, refused keys, unpaid
//! bills) and what follows from a row of failures across models. Every hold ends by itself in one call that finds out.
//! Pure: outcomes, time and chance come in.

use crate::domain::Kind;
use chrono::{DateTime, TimeDelta, Utc};

/// The shortest hold.
const SHORTEST: TimeDelta = TimeDelta::seconds(1);
/// The longest hold, and the longest Retry-After that is believed.
const LONGEST: TimeDelta = TimeDelta::hours(1);
/// A rate limit that names no time: the first wait.
const LIMITED: TimeDelta = TimeDelta::seconds(5);
/// An open breaker: the first wait, and the longest.
const BROKEN: (TimeDelta, TimeDelta) = (TimeDelta::seconds(15), TimeDelta::minutes(10));
/// So many transient failures in a row, of more than one series, open the breaker.
const IN_A_ROW: u32 = 5;
/// A key that worked before is doubted after so many refusals in a row: one model alone may be closed to it.
const REFUSALS: u32 = 2;
/// A series that failed waits at least this long within its slot.
const SERIES_WAIT: TimeDelta = TimeDelta::seconds(10);

/// What an ended measurement says about its provider.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// When it began.
    pub began_at: DateTime<Utc>,
    /// Tells the series from others of the lane.
    pub series: u64,
    /// How it failed; `None` for a success.
    pub kind: Option<Kind>,
    /// How long the provider asks to wait, seconds.
    pub retry_after: Option<f64>,
    /// The failure in a few words, without secrets.
    pub message: String,
}

/// Whether a measurement may begin.
#[derive(Debug, Clone, PartialEq)]
pub enum Permit {
    /// Yes.
    Go,
    /// Not before `until`.
    Wait {
        /// When it is looked at again.
        until: DateTime<Utc>,
        /// Why, for people.
        reason: String,
    },
    /// One alone, and while nothing else runs: its end decides.
    ProbeOnly {
        /// Why, for people.
        reason: String,
    },
}

/// Why a lane is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// The key is refused.
    Auth,
    /// A bill is open.
    Billing,
    /// Too many requests.
    RateLimit,
    /// Failures in a row.
    Breaker,
}

#[derive(Debug, Clone, PartialEq)]
struct Hold {
    cause: Cause,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
    /// How often in a row.
    times: u32,
    message: String,
}

/// One provider's pace.
#[derive(Debug, Clone)]
pub struct Pace {
    recheck: TimeDelta,
    hold: Option<Hold>,
    failures: u32,
    failing: Option<u64>,
    across: bool,
    refusals: u32,
    answered: bool,
}

impl Pace {
    /// A pace that asks a provider which refused a key or wants money again after `recheck`, then after ever longer.
    pub fn new(recheck: TimeDelta) -> Self {
        let recheck = recheck.clamp(SHORTEST, LONGEST);
        Self { recheck, hold: None, failures: 0, failing: None, across: false, refusals: 0, answered: false }
    }

    /// Whether a measurement may begin at `now`.
    pub fn permit(&self, now: DateTime<Utc>) -> Permit {
        let Some(hold) = &self.hold else { return Permit::Go };
        let reason = reason(hold);
        // Before the hold's own beginning: the clock went back, and says nothing about its end.
        if now < hold.since || now >= hold.until {
            Permit::ProbeOnly { reason }
        } else {
            Permit::Wait { until: hold.until, reason }
        }
    }

    /// Whether the key or the account is what holds the lane: worth fetching afresh before the next call.
    pub fn doubts_the_key(&self) -> bool {
        self.hold.as_ref().is_some_and(|hold| matches!(hold.cause, Cause::Auth | Cause::Billing))
    }

    /// Takes note of an end. `chance` is from 0 to 1.
    pub fn ended(&mut self, ended: &Ended, now: DateTime<Utc>, chance: f64) {
        let asked = ended.retry_after.map(seconds);
        match ended.kind {
            Some(Kind::Auth) => self.refused(Cause::Auth, ended, now),
            Some(Kind::Billing) => self.refused(Cause::Billing, ended, now),
            Some(Kind::RateLimit) => {
                let wait = |times| asked.unwrap_or(SHORTEST).max(grown(LIMITED, times, LONGEST, chance));
                self.hold(Cause::RateLimit, ended, now, wait);
            }
            Some(
                Kind::TransientProvider | Kind::Network | Kind::Timeout | Kind::Protocol | Kind::Unknown,
            ) => self.failed(ended, asked, now, chance),
            // We broke off, not the provider.
            Some(Kind::Interrupted) => {}
            // The provider did its work: what is wrong is the model, or its budget.
            Some(Kind::HardModel | Kind::HardCapability | Kind::BudgetExhausted | Kind::Truncated) | None => {
                self.worked(ended);
            }
        }
    }

    /// Holds that began after the call did are not its to end.
    fn worked(&mut self, ended: &Ended) {
        self.answered = true;
        (self.failures, self.failing, self.across, self.refusals) = (0, None, false, 0);
        if self.hold.as_ref().is_some_and(|hold| ended.began_at >= hold.since) {
            self.hold = None;
        }
    }

    fn refused(&mut self, cause: Cause, ended: &Ended, now: DateTime<Utc>) {
        self.refusals += 1;
        if self.refusals >= REFUSALS || !self.answered || self.hold.is_some() {
            let recheck = self.recheck;
            self.hold(cause, ended, now, |times| doubled(recheck, times, LONGEST));
        }
    }

    fn failed(&mut self, ended: &Ended, asked: Option<TimeDelta>, now: DateTime<Utc>, chance: f64) {
        self.failures += 1;
        self.across |= self.failing.replace(ended.series).is_some_and(|before| before != ended.series);
        let open = self.failures >= IN_A_ROW && self.across;
        let held_before = self.hold.as_ref().is_some_and(|hold| ended.began_at >= hold.since);
        match asked {
            Some(asked) => self.hold(Cause::Breaker, ended, now, |_| asked),
            None if open || held_before => {
                self.hold(Cause::Breaker, ended, now, |times| grown(BROKEN.0, times, BROKEN.1, chance));
            }
            None => {}
        }
    }

    /// Begins a hold or prolongs it. Of calls that ran at the same time only the first makes it grow.
    fn hold(&mut self, cause: Cause, ended: &Ended, now: DateTime<Utc>, wait: impl Fn(u32) -> TimeDelta) {
        let message = ended.message.clone();
        let (times, running) = match &self.hold {
            Some(hold) if hold.since > ended.began_at => (hold.times, hold.until),
            Some(hold) if hold.cause == cause => (hold.times.saturating_add(1), now),
            _ => (0, now),
        };
        let until = (now + wait(times).clamp(SHORTEST, LONGEST)).max(running.min(now + LONGEST));
        self.hold = Some(Hold { cause, since: now, until, times, message });
    }
}

fn reason(hold: &Hold) -> String {
    let what = match hold.cause {
        Cause::Auth => "the key is refused",
        Cause::Billing => "the account cannot pay",
        Cause::RateLimit => "rate limited",
        Cause::Breaker => "it fails again and again",
    };
    if hold.message.is_empty() { what.to_owned() } else { format!("{what}: {}", hold.message) }
}

/// When a series may be tried again within its slot after its attempt number `attempt` (1, 2, …) ended so; `None` where
/// trying again cannot help, or would only cost.
pub fn retry_at(
    kind: Kind,
    retry_after: Option<f64>,
    attempt: u32,
    now: DateTime<Utc>,
    chance: f64,
) -> Option<DateTime<Utc>> {
    match kind {
        Kind::HardModel | Kind::HardCapability | Kind::BudgetExhausted => None,
        _ => {
            let asked = retry_after.map_or(SHORTEST, seconds);
            let own = grown(SERIES_WAIT, attempt.saturating_sub(1), LONGEST, chance);
            Some(now + asked.max(own))
        }
    }
}

/// Seconds as a hold.
fn seconds(seconds: f64) -> TimeDelta {
    let bounded = seconds.clamp(SHORTEST.as_seconds_f64(), LONGEST.as_seconds_f64());
    TimeDelta::milliseconds((bounded * 1000.0) as i64)
}

fn doubled(base: TimeDelta, times: u32, most: TimeDelta) -> TimeDelta {
    base.checked_mul(1 << times.min(20)).unwrap_or(most).min(most)
}

/// Doubled each time, and jittered by half of itself in either direction.
fn grown(base: TimeDelta, times: u32, most: TimeDelta, chance: f64) -> TimeDelta {
    let share = 0.5 + chance.clamp(0.0, 1.0);
    TimeDelta::milliseconds((doubled(base, times, most).num_milliseconds() as f64 * share) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000 + seconds, 0).unwrap()
    }

    fn ended(began: i64, series: u64, kind: Option<Kind>) -> Ended {
        Ended { began_at: at(began), series, kind, retry_after: None, message: String::new() }
    }

    fn pace() -> Pace {
        Pace::new(TimeDelta::seconds(60))
    }

    fn until(pace: &Pace, now: i64) -> Option<i64> {
        match pace.permit(at(now)) {
            Permit::Wait { until, .. } => Some((until - at(0)).num_seconds()),
            _ => None,
        }
    }

    fn probes(pace: &Pace, now: i64) -> bool {
        matches!(pace.permit(at(now)), Permit::ProbeOnly { .. })
    }

    #[test]
    fn retry_after_is_obeyed_within_reason_and_then_one_call_finds_out() {
        for (asked, expected) in [(30.0, 30), (-5.0, 2), (1e9, 3600)] {
            let mut pace = pace();
            let limited = Ended { retry_after: Some(asked), ..ended(0, 1, Some(Kind::RateLimit)) };
            pace.ended(&limited, at(0), 0.0);
            assert_eq!(until(&pace, 0), Some(expected), "{asked}");
            let later = expected + 1;
            assert!(probes(&pace, later));
            pace.ended(&ended(later, 1, None), at(later), 0.0);
            assert_eq!(pace.permit(at(later)), Permit::Go);
        }
    }

    #[test]
    fn a_success_that_began_before_the_hold_does_not_end_it() {
        let mut pace = pace();
        pace.ended(&ended(5, 1, Some(Kind::RateLimit)), at(10), 0.5);
        pace.ended(&ended(5, 2, None), at(11), 0.5);
        assert_eq!(until(&pace, 11), Some(15));
    }

    #[test]
    fn a_refused_key_holds_and_is_asked_about_ever_more_rarely() {
        let mut pace = pace();
        let mut now = 0;
        for expected in [60, 120, 240, 480, 960, 1920, 3600, 3600] {
            pace.ended(&ended(now, 1, Some(Kind::Auth)), at(now), 0.0);
            assert_eq!(until(&pace, now), Some(now + expected));
            assert!(pace.doubts_the_key());
            now += expected;
            assert!(probes(&pace, now));
        }
        pace.ended(&ended(now, 1, None), at(now), 0.0);
        assert_eq!(pace.permit(at(now)), Permit::Go);
    }

    #[test]
    fn one_model_that_is_closed_to_a_key_that_works_holds_nobody() {
        let mut pace = pace();
        for now in 0..20 {
            pace.ended(&ended(now, 1, None), at(now), 0.0);
            pace.ended(&ended(now, 2, Some(Kind::Auth)), at(now), 0.0);
            assert_eq!(pace.permit(at(now)), Permit::Go);
        }
        pace.ended(&ended(20, 3, Some(Kind::Auth)), at(20), 0.0);
        assert!(until(&pace, 20).is_some());
    }

    #[test]
    fn ten_refusals_at_once_are_one() {
        let mut pace = pace();
        for _ in 0..10 {
            pace.ended(&ended(0, 1, Some(Kind::Billing)), at(1), 0.0);
        }
        assert_eq!(until(&pace, 1), Some(61));
    }

    #[test]
    fn the_breaker_opens_across_series_and_half_opens() {
        let mut alone = pace();
        for now in 0..20 {
            alone.ended(&ended(now, 1, Some(Kind::Timeout)), at(now), 0.5);
        }
        assert_eq!(alone.permit(at(20)), Permit::Go, "a series that fails alone has its own waits");
        let mut pace = pace();
        for now in 0..5 {
            assert_eq!(pace.permit(at(now)), Permit::Go);
            pace.ended(&ended(now, now as u64, Some(Kind::TransientProvider)), at(now), 0.5);
        }
        assert_eq!(until(&pace, 5), Some(4 + 15));
        pace.ended(&ended(19, 1, Some(Kind::Network)), at(20), 0.5);
        assert_eq!(until(&pace, 20), Some(20 + 30), "the call that found out found nothing better");
        pace.ended(&ended(50, 1, Some(Kind::HardModel)), at(51), 0.5);
        assert_eq!(pace.permit(at(51)), Permit::Go);
    }

    #[test]
    fn a_clock_that_went_back_does_not_prolong_a_hold() {
        let mut pace = pace();
        pace.ended(&ended(5000, 1, Some(Kind::Billing)), at(5000), 0.0);
        assert!(probes(&pace, 1000));
    }

    #[test]
    fn what_cannot_get_better_is_not_asked_again_in_its_slot() {
        for kind in [Kind::HardModel, Kind::HardCapability, Kind::BudgetExhausted] {
            assert_eq!(retry_at(kind, Some(1.0), 1, at(0), 0.5), None);
        }
        assert_eq!(retry_at(Kind::Timeout, None, 1, at(0), 0.5), Some(at(10)));
        assert_eq!(retry_at(Kind::Timeout, None, 2, at(0), 0.5), Some(at(20)));
        assert_eq!(retry_at(Kind::RateLimit, Some(300.0), 1, at(0), 0.5), Some(at(300)));
    }

    proptest! {
        /// However it fails, a lane asks again within an hour, and one success frees it.
        #[test]
        fn every_hold_ends(
            kinds in prop::collection::vec((0_usize..13, 0_u64..3, prop::option::of(-10.0..1e7_f64), 0_i64..500), 0..60),
            chance in 0.0..1.0_f64,
        ) {
            let (mut pace, mut now) = (pace(), 0);
            for (kind, series, retry_after, step) in kinds {
                let one = Ended { retry_after, ..ended(now, series, Some(Kind::ALL[kind])) };
                pace.ended(&one, at(now), chance);
                now += step;
                if let Permit::Wait { until, .. } = pace.permit(at(now)) {
                    prop_assert!(until <= at(now) + LONGEST);
                }
            }
            now += 3601;
            let waits = matches!(pace.permit(at(now)), Permit::Wait { .. });
            prop_assert!(!waits);
            pace.ended(&ended(now, 9, None), at(now), chance);
            prop_assert_eq!(pace.permit(at(now)), Permit::Go);
        }
    }
}
