//! How much of its concurrency the daemon may use while the machine is busy: halved when its own lateness spoils samples,
//! raised slowly when it does not (additive increase, multiplicative decrease). Pure.

use chrono::{DateTime, TimeDelta, Utc};

/// A control loop that is late by more than this, seconds, spoils what is measured beside it.
const LATE: f64 = 0.050;
/// Samples that ran at the same time speak of the same trouble: the share is lowered once in this time.
const ONE_TROUBLE: TimeDelta = TimeDelta::seconds(5);
/// As long as nothing was wrong, the share grows by [`STEP`] in this time.
const CALM: TimeDelta = TimeDelta::seconds(30);
const STEP: f64 = 0.1;
const LEAST: f64 = 1.0 / 64.0;

/// The share of its concurrency that each lane may use.
#[derive(Debug, Clone, PartialEq)]
pub struct Governor {
    share: f64,
    changed_at: DateTime<Utc>,
}

impl Governor {
    /// Everything is allowed at first.
    pub fn new(now: DateTime<Utc>) -> Self {
        Self { share: 1.0, changed_at: now }
    }

    /// Takes note of a sample that was spoilt.
    pub fn suspect(&mut self, now: DateTime<Utc>) {
        if self.share == 1.0 || now < self.changed_at || now - self.changed_at >= ONE_TROUBLE {
            self.share = (self.share / 2.0).max(LEAST);
        }
        self.changed_at = now;
    }

    /// Takes note of how late the control loop was, seconds.
    pub fn lag(&mut self, seconds: f64, now: DateTime<Utc>) {
        if seconds > LATE {
            self.suspect(now);
        } else if now < self.changed_at {
            self.changed_at = now;
        } else if now - self.changed_at >= CALM && self.share < 1.0 {
            self.share = (self.share + STEP).min(1.0);
            self.changed_at = now;
        }
    }

    /// How many measurements a lane of that concurrency may have open: at least one.
    pub fn allowed(&self, concurrency: usize) -> usize {
        ((concurrency as f64 * self.share).floor() as usize).max(1)
    }

    /// Whether less than everything is allowed.
    pub fn is_holding_back(&self) -> bool {
        self.share < 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn it_gives_way_at_once_and_returns_slowly() {
        let mut governor = Governor::new(at(0));
        for _ in 0..9 {
            governor.suspect(at(1));
        }
        assert_eq!(governor.allowed(16), 8, "samples of one moment are one trouble");
        governor.lag(0.2, at(7));
        assert_eq!((governor.allowed(16), governor.allowed(1)), (4, 1));
        let mut now = 7;
        while governor.is_holding_back() {
            now += 1;
            governor.lag(0.001, at(now));
        }
        assert_eq!(now, 7 + 8 * 30);
    }

    proptest! {
        #[test]
        fn it_always_allows_one_and_never_more_than_all(liveness in prop::collection::vec((any::<bool>(), -50_i64..100), 0..200), most in 1_usize..500) {
            let (mut governor, mut now) = (Governor::new(at(0)), 0);
            for (bad, step) in liveness {
                now += step;
                if bad { governor.suspect(at(now)) } else { governor.lag(0.0, at(now)) }
                prop_assert!((1..=most).contains(&governor.allowed(most)));
            }
        }
    }
}
