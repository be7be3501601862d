//! Whether a provider may be asked now. It obeys what the provider says (Retry-After, rate limits, refused keys, unpaid
//! bills) and what follows from a row of failures across models. Every hold ends by itself in one call that finds out.
//! Pure: outcomes, time and chance come in.

use crate::domain::FailureKind;
use crate::providers::allowance::Allowance;
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
/// A limit of which a smaller share is left is nearly used up: the lane asks one by one until it begins anew.
const NEARLY: f64 = 0.1;
/// However little is left, it asks again after this. Longer silences are holds, and say so.
const SLOWEST: TimeDelta = TimeDelta::seconds(30);
/// A series that failed waits at least this long within its slot.
const SERIES_WAIT: TimeDelta = TimeDelta::seconds(10);

/// What an ended measurement says about its provider.
#[derive(Debug, Clone, PartialEq)]
pub struct EndedMeasurement {
    /// When it began.
    pub began_at: DateTime<Utc>,
    /// Tells the series from others of the lane.
    pub series: u64,
    /// How it failed; `None` for a success.
    pub kind: Option<FailureKind>,
    /// How long the provider asks to wait, seconds.
    pub retry_after: Option<f64>,
    /// The failure in a few words, without secrets.
    pub message: String,
}

/// Whether a measurement may begin.
#[derive(Debug, Clone, PartialEq)]
pub enum PacingDecision {
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
enum HoldReason {
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
struct LaneHold {
    cause: HoldReason,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
    /// How often in a row.
    times: u32,
    message: String,
}

/// One provider's pace.
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

/// A limit is nearly used up.
#[derive(Debug, Clone, PartialEq)]
struct Slowdown {
    /// The next call may begin then.
    next_at: DateTime<Utc>,
    /// The limit begins anew then.
    until: DateTime<Utc>,
}

impl ProviderPacing {
    /// A pace that asks a provider which refused a key or wants money again after `recheck`, then after ever longer.
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

    /// Whether a measurement may begin at `now`.
    pub fn permit(&self, now: DateTime<Utc>) -> PacingDecision {
        let Some(hold) = &self.hold else { return PacingDecision::Go };
        let reason = reason(hold);
        // Before the hold's own beginning: the clock went back, and says nothing about its end.
        if now < hold.since || now >= hold.until {
            PacingDecision::ProbeOnly { reason }
        } else {
            PacingDecision::Wait { until: hold.until, reason }
        }
    }

    /// The clock was set by so much: what is held stays held as long.
    pub fn clock_moved(&mut self, by: TimeDelta) {
        if let Some(hold) = &mut self.hold {
            (hold.since, hold.until) = (hold.since + by, hold.until + by);
        }
        if let Some(slow) = &mut self.slow {
            (slow.next_at, slow.until) = (slow.next_at + by, slow.until + by);
        }
    }

    /// Whether the key or the account is what holds the lane: worth fetching afresh before the next call.
    pub fn doubts_the_key(&self) -> bool {
        self.hold.as_ref().is_some_and(|hold| matches!(hold.cause, HoldReason::Auth | HoldReason::Billing))
    }

    /// Takes note of what an answer says is left of a limit, so that the lane slows before it is refused: where little is
    /// left, that is spread over the time until the limit begins anew; where nothing is, the lane waits for that.
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

    /// Where a limit is nearly used up: when the next call may begin, alone.
    pub fn slow(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        // A time further away than any pause lasts comes from a clock that was set.
        let slow = self.slow.as_ref().filter(|slow| now < slow.until && slow.next_at <= now + SLOWEST)?;
        Some(slow.next_at)
    }

    /// Takes note of an end. `chance` is from 0 to 1.
    pub fn ended(&mut self, ended: &EndedMeasurement, now: DateTime<Utc>, chance: f64) {
        let asked = ended.retry_after.map(seconds);
        match ended.kind {
            Some(FailureKind::Auth) => self.refused(HoldReason::Auth, ended, now),
            Some(FailureKind::Billing) => self.refused(HoldReason::Billing, ended, now),
            Some(FailureKind::RateLimit) => {
                let wait = |times| asked.unwrap_or(SHORTEST).max(grown(LIMITED, times, LONGEST, chance));
                self.hold(HoldReason::RateLimit, ended, now, wait);
            }
            Some(
                FailureKind::TransientProvider
                | FailureKind::Network
                | FailureKind::Timeout
                | FailureKind::Protocol
                | FailureKind::Unknown,
            ) => self.failed(ended, asked, now, chance),
            // We failed, not the provider.
            Some(FailureKind::Interrupted | FailureKind::Client) => {}
            // The provider did its work: what is wrong is the model, or its budget.
            Some(
                FailureKind::HardModel
                | FailureKind::HardCapability
                | FailureKind::BudgetExhausted
                | FailureKind::Truncated,
            )
            | None => {
                self.worked(ended);
            }
        }
    }

    /// Holds that began after the call did are not its to end.
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

    /// Begins a hold or prolongs it. Of calls that ran at the same time only the first makes it grow.
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

fn reason(hold: &LaneHold) -> String {
    let what = match hold.cause {
        HoldReason::Auth => "the key is refused",
        HoldReason::Billing => "the account cannot pay",
        HoldReason::RateLimit => "rate limited",
        HoldReason::Breaker => "it fails again and again",
    };
    if hold.message.is_empty() { what.to_owned() } else { format!("{what}: {}", hold.message) }
}

/// When a series may be tried again within its slot after its attempt number `attempt` (1, 2, …) ended so; `None` where
/// trying again cannot help, or would only cost.
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
mod tests;
