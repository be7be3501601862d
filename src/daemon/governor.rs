//! Limits the daemon's concurrency while the machine is busy: halves it when the daemon's own delays spoil samples, and
//! raises it slowly when they do not (additive increase, multiplicative decrease). Pure.

use chrono::{DateTime, TimeDelta, Utc};

/// A control loop that is later than this, in seconds, spoils measurements.
const LATE: f64 = 0.050;
/// Samples that ran at the same time suffer from the same cause: the share is lowered at most once in this time.
const ONE_TROUBLE: TimeDelta = TimeDelta::seconds(5);
/// After this time without a problem the share grows by [`STEP`].
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
    /// Starts with full concurrency.
    pub fn new(now: DateTime<Utc>) -> Self {
        Self { share: 1.0, changed_at: now }
    }

    /// Records a spoiled sample.
    pub fn suspect(&mut self, now: DateTime<Utc>) {
        if self.share == 1.0 || now < self.changed_at || now - self.changed_at >= ONE_TROUBLE {
            self.share = (self.share / 2.0).max(LEAST);
        }
        self.changed_at = now;
    }

    /// Records the delay of the control loop, in seconds.
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

    /// Number of measurements that a lane of this concurrency may run at once: at least one.
    pub fn allowed(&self, concurrency: usize) -> usize {
        ((concurrency as f64 * self.share).floor() as usize).max(1)
    }

    /// True if lanes may use less than their full concurrency.
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
