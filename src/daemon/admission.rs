//! Decides when a model under admission is called next, and when it has answered often enough to be measured: enough
//! spaced successes within a window, and a limited number of new models a day. Pure functions.

use crate::domain::ModelRef;
use chrono::{DateTime, TimeDelta, Utc};

pub use crate::domain::admission_config::AdmissionConfig as Policy;

/// The longest wait between two probes of a model that does not answer.
const RAREST: TimeDelta = TimeDelta::days(1);

/// A model under admission and the results of its probes.
#[derive(Debug, Clone, PartialEq)]
pub struct AdmissionCandidate {
    pub model: ModelRef,
    /// Time and success of each probe, in order of time.
    pub probes: Vec<(DateTime<Utc>, bool)>,
}

impl AdmissionCandidate {
    /// Time of the next probe. The wait doubles with each failure since the last success, up to one day.
    pub fn next_probe(&self, policy: &Policy, now: DateTime<Utc>) -> DateTime<Utc> {
        // A probe in the future was dated by a wrong clock.
        let past = || self.probes.iter().filter(|(at, _)| *at <= now);
        let failed = past().rev().take_while(|(_, succeeded)| !succeeded).count();
        let wait = policy.apart.checked_mul(1 << failed.min(16)).unwrap_or(RAREST).min(RAREST);
        past().map(|(at, _)| *at).max().map_or(now, |last| last + wait.max(policy.apart))
    }

    /// Number of successes that lie within the window and at least `policy.apart` from each other.
    pub fn counted(&self, policy: &Policy, now: DateTime<Utc>) -> u32 {
        let mut last: Option<DateTime<Utc>> = None;
        let mut counted = 0;
        for (at, succeeded) in &self.probes {
            let recent = *at <= now && now - *at <= policy.within;
            let apart = last.is_none_or(|last| *at - last >= policy.apart);
            if *succeeded && recent && apart {
                (last, counted) = (Some(*at), counted + 1);
            }
        }
        counted
    }

    /// True if the model has answered often enough to be measured.
    pub fn is_ready(&self, policy: &Policy, now: DateTime<Utc>) -> bool {
        self.counted(policy, now) >= policy.successes.max(1)
    }
}

/// The models that are admitted now, in the given order. `let_in_today` models were admitted earlier today.
pub fn admit<'a>(
    candidates: impl IntoIterator<Item = &'a AdmissionCandidate>,
    let_in_today: u32,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Vec<&'a ModelRef> {
    let room = policy.per_day.saturating_sub(let_in_today) as usize;
    let ready = candidates.into_iter().filter(|candidate| candidate.is_ready(policy, now));
    ready.take(room).map(|candidate| &candidate.model).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000 + minutes * 60, 0).unwrap()
    }

    fn candidate(probes: &[(i64, bool)]) -> AdmissionCandidate {
        let probes = probes.iter().map(|(minute, succeeded)| (at(*minute), *succeeded)).collect();
        AdmissionCandidate { model: ModelRef::new("sim", "new"), probes }
    }

    #[test]
    fn successes_count_that_lie_apart() {
        let policy = Policy::default();
        let burst = candidate(&[(0, true), (1, true), (2, true), (60, true)]);
        assert_eq!(burst.counted(&policy, at(61)), 2);
        assert_eq!(burst.next_probe(&policy, at(61)), at(120));
        let ready = candidate(&[(0, true), (70, false), (130, true), (200, true)]);
        assert!(ready.is_ready(&policy, at(201)));
        assert!(!ready.is_ready(&policy, at(201 + 48 * 60)), "too long ago");
        let failing = candidate(&[(0, true), (60, false), (120, false)]);
        assert_eq!(failing.next_probe(&policy, at(121)), at(120 + 4 * 60));
        assert_eq!(candidate(&[]).next_probe(&policy, at(5)), at(5));
    }

    #[test]
    fn only_so_many_a_day() {
        let ready = candidate(&[(0, true), (60, true), (120, true)]);
        let all = [ready.clone(), candidate(&[(0, true)]), ready.clone(), ready];
        let policy = Policy { per_day: 4, ..Policy::default() };
        assert_eq!(admit(&all, 0, &policy, at(121)).len(), 3);
        assert_eq!(admit(&all, 2, &policy, at(121)).len(), 2);
        assert_eq!(admit(&all, 9, &policy, at(121)).len(), 0);
    }

    proptest! {
        /// No model is admitted with fewer successes than required, or with all of them within one hour.
        #[test]
        fn nobody_gets_in_early(mut probes in prop::collection::vec((0_i64..6000, any::<bool>()), 0..40), later in 0_i64..3000) {
            probes.sort_unstable();
            let candidate = candidate(&probes);
            let now = probes.last().map_or(0, |(minute, _)| *minute) + later;
            if candidate.is_ready(&Policy::default(), at(now)) {
                let good: Vec<i64> = probes.iter().filter(|(minute, good)| *good && now - minute <= 48 * 60).map(|(minute, _)| *minute).collect();
                prop_assert!(good.len() >= 3 && good.last().unwrap() - good[0] >= 120);
            }
        }
    }
}
