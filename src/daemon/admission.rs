//! When a model under admission is asked, and when it has answered often enough to be measured: successes that lie apart,
//! within a window, and only so many new models a day. Pure.

use crate::domain::ModelRef;
use chrono::{DateTime, TimeDelta, Utc};

/// When a model is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// So many successes, at least 1.
    pub successes: u32,
    /// Each at least so long after the one before; also the time from probe to probe.
    pub apart: TimeDelta,
    /// All of them not older than this.
    pub within: TimeDelta,
    /// At most so many models a day (UTC).
    pub per_day: u32,
    /// Probes are made and judged, and nobody is let in.
    pub dry_run: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            successes: 3,
            apart: TimeDelta::hours(1),
            within: TimeDelta::hours(48),
            per_day: 10,
            dry_run: false,
        }
    }
}

/// A model under admission, with the ends of its probes.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Which.
    pub model: ModelRef,
    /// Its probes in order of time, and whether each succeeded.
    pub probes: Vec<(DateTime<Utc>, bool)>,
}

impl Candidate {
    /// When it is asked next.
    pub fn next_probe(&self, policy: &Policy, now: DateTime<Utc>) -> DateTime<Utc> {
        // A probe that lies ahead was dated by a wrong clock.
        let last = self.probes.iter().map(|(at, _)| *at).filter(|at| *at <= now).max();
        last.map_or(now, |last| last + policy.apart)
    }

    /// Successes that count: within the window, and apart.
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

    /// Whether it has answered often enough.
    pub fn is_ready(&self, policy: &Policy, now: DateTime<Utc>) -> bool {
        self.counted(policy, now) >= policy.successes.max(1)
    }

    /// Forgets probes that no longer count.
    pub fn forget(&mut self, policy: &Policy, now: DateTime<Utc>) {
        self.probes.retain(|(at, _)| now - *at <= policy.within);
    }
}

/// The models that are let in now, in the order in which they were given; `let_in_today` of them were already.
pub fn admit<'a>(
    candidates: impl IntoIterator<Item = &'a Candidate>,
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

    fn candidate(probes: &[(i64, bool)]) -> Candidate {
        let probes = probes.iter().map(|(minute, succeeded)| (at(*minute), *succeeded)).collect();
        Candidate { model: ModelRef::new("sim", "new"), probes }
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
        /// Nobody gets in with fewer successes than asked for, or with all of them in one hour.
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
