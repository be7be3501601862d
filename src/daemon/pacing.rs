//! Decides if a provider may be called now, from its responses (Retry-After, rate limits, refused keys, unpaid bills)
//! and from consecutive failures across models. Every hold ends with one call that tests the provider. Pure: outcomes,
//! time and randomness are arguments.

use crate::domain::FailureKind;
use crate::providers::allowance::Allowance;
use chrono::{DateTime, TimeDelta, Utc};

/// The shortest duration of a hold.
const SHORTEST: TimeDelta = TimeDelta::seconds(1);
/// The longest hold, and the longest Retry-After that is obeyed.
const LONGEST: TimeDelta = TimeDelta::hours(1);
/// First wait after a rate limit without a Retry-After.
const LIMITED: TimeDelta = TimeDelta::seconds(5);
/// First and longest wait of an open circuit breaker.
const BROKEN: (TimeDelta, TimeDelta) = (TimeDelta::seconds(15), TimeDelta::minutes(10));
/// This many consecutive transient failures, of more than one series, open the breaker.
const IN_A_ROW: u32 = 5;
/// A key that worked before is doubted after this many consecutive refusals: a single model may be closed to it.
const REFUSALS: u32 = 2;
/// Below this remaining share of a limit, the lane sends requests one by one until the limit resets.
const NEARLY: f64 = 0.1;
/// Longest pause because of a nearly exhausted limit. Longer pauses are holds, which are reported.
const SLOWEST: TimeDelta = TimeDelta::seconds(30);
/// Shortest wait of a failed series within its slot.
const SERIES_WAIT: TimeDelta = TimeDelta::seconds(10);

/// The facts about a provider in the result of a measurement.
#[derive(Debug, Clone, PartialEq)]
pub struct EndedMeasurement {
    pub began_at: DateTime<Utc>,
    /// Identifies the series within the lane.
    pub series: u64,
    /// `None` for a success.
    pub kind: Option<FailureKind>,
    /// Delay that the provider asks for, in seconds.
    pub retry_after: Option<f64>,
    /// Short description of the failure, without secrets.
    pub message: String,
}

/// The permission to begin a measurement, or its refusal.
#[derive(Debug, Clone, PartialEq)]
pub enum PacingDecision {
    Go,
    /// No measurement begins before `until`.
    Wait {
        /// Time of the next check.
        until: DateTime<Utc>,
        /// Reason to show to users.
        reason: String,
    },
    /// One measurement alone, while nothing else runs: its result decides.
    ProbeOnly {
        /// Reason to show to users.
        reason: String,
    },
}

/// The reason for a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HoldReason {
    Auth,
    Billing,
    RateLimit,
    /// Consecutive failures opened the circuit breaker.
    Breaker,
}

#[derive(Debug, Clone, PartialEq)]
struct LaneHold {
    cause: HoldReason,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
    /// Number of consecutive prolongations.
    times: u32,
    message: String,
}

#[derive(Debug, Clone)]
pub struct ProviderPacing {
    recheck: TimeDelta,
    hold: Option<LaneHold>,
    failures: u32,
    failing: Option<u64>,
    across: bool,
    refusals: u32,
    answered: bool,
    slow: Option<Slowdown>,
}

/// Spacing of requests while a limit is nearly used up.
#[derive(Debug, Clone, PartialEq)]
struct Slowdown {
    /// Earliest start of the next call.
    next_at: DateTime<Utc>,
    /// Reset of the limit.
    until: DateTime<Utc>,
}

impl ProviderPacing {
    /// Creates a pace. After a refused key or unpaid bill it waits for `recheck`, then ever longer.
    pub fn new(recheck: TimeDelta) -> Self {
        let recheck = recheck.clamp(SHORTEST, LONGEST);
        Self {
            recheck,
            hold: None,
            failures: 0,
            failing: None,
            across: false,
            refusals: 0,
            answered: false,
            slow: None,
        }
    }

    /// The decision at `now`.
    pub fn permit(&self, now: DateTime<Utc>) -> PacingDecision {
        let Some(hold) = &self.hold else { return PacingDecision::Go };
        let reason = reason(hold);
        // If `now` lies before the hold's beginning, the clock went back, so the end of the hold is unknown.
        if now < hold.since || now >= hold.until {
            PacingDecision::ProbeOnly { reason }
        } else {
            PacingDecision::Wait { until: hold.until, reason }
        }
    }

    /// Moves the times after the daemon's clock moved; holds keep their remaining duration.
    pub fn clock_moved(&mut self, by: TimeDelta) {
        if let Some(hold) = &mut self.hold {
            (hold.since, hold.until) = (hold.since + by, hold.until + by);
        }
        if let Some(slow) = &mut self.slow {
            (slow.next_at, slow.until) = (slow.next_at + by, slow.until + by);
        }
    }

    /// True if the key or the account causes the hold, so the key should be fetched again before the next call.
    pub fn doubts_the_key(&self) -> bool {
        self.hold.as_ref().is_some_and(|hold| matches!(hold.cause, HoldReason::Auth | HoldReason::Billing))
    }

    /// Records the rest of a limit from a response, so that the lane slows before it is refused: the rest is spread
    /// over the time until the limit resets; if nothing is left, the lane waits for the reset.
    pub fn allowed(&mut self, allowance: &Allowance, now: DateTime<Utc>) {
        let Allowance { what, left, of, resets_in } = allowance;
        let resets_in = TimeDelta::milliseconds((resets_in.clamp(0.0, 3600.0) * 1000.0) as i64);
        self.slow = (allowance.share() < NEARLY && *left > 0).then(|| {
            let spread = resets_in / i32::try_from(left.saturating_add(1)).unwrap_or(i32::MAX);
            Slowdown { next_at: now + spread.min(SLOWEST), until: now + resets_in }
        });
        if *left == 0 && self.hold.is_none() {
            let message = format!("nothing is left of {of} {what}");
            let until = now + resets_in.clamp(SHORTEST, LONGEST);
            self.hold = Some(LaneHold { cause: HoldReason::RateLimit, since: now, until, times: 0, message });
        }
    }

    /// Earliest start of the next call, which must run alone, if a limit is nearly used up.
    pub fn slow(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        // A time further away than any pause comes from a clock that was set.
        let slow = self.slow.as_ref().filter(|slow| now < slow.until && slow.next_at <= now + SLOWEST)?;
        Some(slow.next_at)
    }

    /// Records the end of a measurement. `chance` is a random number from 0 to 1.
    pub fn ended(&mut self, ended: &EndedMeasurement, now: DateTime<Utc>, chance: f64) {
        let asked = ended.retry_after.map(seconds);
        match ended.kind {
            Some(FailureKind::Auth) => self.refused(HoldReason::Auth, ended, now),
            Some(FailureKind::Billing) => self.refused(HoldReason::Billing, ended, now),
            Some(FailureKind::RateLimit) => {
                let wait = |times| asked.unwrap_or(SHORTEST).max(grown(LIMITED, times, LONGEST, chance));
                self.hold(HoldReason::RateLimit, ended, now, wait);
            }
            Some(kind) if is_transient(kind) => self.failed(ended, asked, now, chance),
            // The failure is on the client's side.
            Some(FailureKind::Interrupted | FailureKind::Client) => {}
            // The provider works: the problem is the model, or its budget.
            Some(_) | None => self.worked(ended),
        }
    }

    /// A success ends only holds that began before the call did.
    fn worked(&mut self, ended: &EndedMeasurement) {
        self.answered = true;
        (self.failures, self.failing, self.across, self.refusals) = (0, None, false, 0);
        if self.hold.as_ref().is_some_and(|hold| ended.began_at >= hold.since) {
            self.hold = None;
        }
    }

    fn refused(&mut self, cause: HoldReason, ended: &EndedMeasurement, now: DateTime<Utc>) {
        self.refusals += 1;
        if self.refusals >= REFUSALS || !self.answered || self.hold.is_some() {
            let recheck = self.recheck;
            self.hold(cause, ended, now, |times| doubled(recheck, times, LONGEST));
        }
    }

    fn failed(
        &mut self,
        ended: &EndedMeasurement,
        asked: Option<TimeDelta>,
        now: DateTime<Utc>,
        chance: f64,
    ) {
        self.failures += 1;
        self.across |= self.failing.replace(ended.series).is_some_and(|before| before != ended.series);
        let open = self.failures >= IN_A_ROW && self.across;
        let held_before = self.hold.as_ref().is_some_and(|hold| ended.began_at >= hold.since);
        match asked {
            Some(asked) => self.hold(HoldReason::Breaker, ended, now, |_| asked),
            None if open || held_before => {
                self.hold(HoldReason::Breaker, ended, now, |times| grown(BROKEN.0, times, BROKEN.1, chance));
            }
            None => {}
        }
    }

    /// Begins or prolongs a hold. Of concurrent calls only the first one increases it.
    fn hold(
        &mut self,
        cause: HoldReason,
        ended: &EndedMeasurement,
        now: DateTime<Utc>,
        wait: impl Fn(u32) -> TimeDelta,
    ) {
        let message = ended.message.clone();
        let (times, running) = match &self.hold {
            Some(hold) if hold.since > ended.began_at => (hold.times, hold.until),
            Some(hold) if hold.cause == cause => (hold.times.saturating_add(1), now),
            _ => (0, now),
        };
        let until = (now + wait(times).clamp(SHORTEST, LONGEST)).max(running.min(now + LONGEST));
        self.hold = Some(LaneHold { cause, since: now, until, times, message });
    }
}

/// True for failures of the provider, or of the way to it, that may be over at the next call.
pub fn is_transient(kind: FailureKind) -> bool {
    match kind {
        FailureKind::TransientProvider
        | FailureKind::Network
        | FailureKind::Timeout
        | FailureKind::Protocol
        | FailureKind::Unknown => true,
        FailureKind::Auth
        | FailureKind::Billing
        | FailureKind::RateLimit
        | FailureKind::HardModel
        | FailureKind::HardCapability
        | FailureKind::BudgetExhausted
        | FailureKind::Truncated
        | FailureKind::Interrupted
        | FailureKind::Client => false,
    }
}

fn reason(hold: &LaneHold) -> String {
    let what = match hold.cause {
        HoldReason::Auth => "the key is refused",
        HoldReason::Billing => "the account cannot pay",
        HoldReason::RateLimit => "rate limited",
        HoldReason::Breaker => "it fails again and again",
    };
    if hold.message.is_empty() { what.to_owned() } else { format!("{what}: {}", hold.message) }
}

/// Earliest time of the next try of a series within its slot, after attempt number `attempt` (1, 2, …) failed; `None`
/// if another try cannot help or would only cost money.
pub fn retry_at(
    kind: FailureKind,
    retry_after: Option<f64>,
    attempt: u32,
    now: DateTime<Utc>,
    chance: f64,
) -> Option<DateTime<Utc>> {
    match kind {
        FailureKind::HardModel | FailureKind::HardCapability | FailureKind::BudgetExhausted => None,
        _ => {
            let asked = retry_after.map_or(SHORTEST, seconds);
            let own = grown(SERIES_WAIT, attempt.saturating_sub(1), LONGEST, chance);
            Some(now + asked.max(own))
        }
    }
}

/// Limits a number of seconds to the range of holds.
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
mod tests;
