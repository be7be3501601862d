//! Decides when a model that only answers "no such model" is set aside, and when it returns. One such answer is never
//! enough, a success resets the count, and a model that was set aside is tried again on a date. Pure: the audited
//! change of the catalog is made elsewhere.

use crate::domain::FailureKind;
use crate::domain::daemon_status::SuspectedProvider;
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

pub use crate::domain::admission_config::QuarantineConfig as Policy;

/// The terminal failures of one model since it last did anything else.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Streak {
    answers: u32,
    first_at: Option<DateTime<Utc>>,
    last_at: Option<DateTime<Utc>>,
    message: String,
}

/// The decision to set a model aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantine {
    /// Reason for the catalog's history.
    pub reason: String,
    /// Time of the next try.
    pub recheck_at: DateTime<Utc>,
}

/// The result of another try of a model that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecheckOutcome {
    /// The model answers and is measured again.
    Returns,
    /// The model does not answer; it is tried again at this time.
    Stays(DateTime<Utc>),
}

/// True if this kind of failure means that the model will not answer, however long one waits.
pub fn is_terminal(kind: FailureKind) -> bool {
    matches!(kind, FailureKind::HardModel | FailureKind::HardCapability)
}

impl Streak {
    /// Records the end of an attempt. A success ends the streak; failures that are not the model's leave it unchanged.
    pub fn ended(&mut self, kind: Option<FailureKind>, message: &str, now: DateTime<Utc>) {
        match kind {
            None | Some(FailureKind::BudgetExhausted | FailureKind::Truncated) => *self = Self::default(),
            Some(kind) if is_terminal(kind) => {
                self.answers = self.answers.saturating_add(1);
                // A first failure in the future was dated by a wrong clock.
                self.first_at = Some(self.first_at.filter(|at| *at <= now).unwrap_or(now));
                self.last_at = Some(now);
                message.clone_into(&mut self.message);
            }
            Some(_) => {}
        }
    }

    /// The quarantine of the model, if its failures are sufficient.
    pub fn verdict(&self, policy: &Policy) -> Option<Quarantine> {
        let (first, last) = (self.first_at?, self.last_at?);
        if self.answers < policy.answers.max(2) || last - first < policy.over {
            return None;
        }
        let hours = (last - first).num_hours();
        let reason = format!(
            "{} terminal answers over {hours} h and no success, the last: {}",
            self.answers, self.message
        );
        Some(Quarantine { reason, recheck_at: last + policy.recheck })
    }
}

/// The consequence of recheck number `times` (1, 2, …). Only a terminal failure counts against the model; an
/// inconclusive recheck is repeated after the same wait.
pub fn recheck(kind: Option<FailureKind>, times: u32, policy: &Policy, now: DateTime<Utc>) -> RecheckOutcome {
    let wait = |times: u32| {
        let doubled = policy.recheck.checked_mul(1 << times.min(16)).unwrap_or(policy.longest);
        doubled.min(policy.longest)
    };
    match kind {
        None | Some(FailureKind::BudgetExhausted | FailureKind::Truncated) => RecheckOutcome::Returns,
        Some(kind) if is_terminal(kind) => RecheckOutcome::Stays(now + wait(times)),
        Some(_) => RecheckOutcome::Stays(now + wait(times.saturating_sub(1))),
    }
}

/// The providers that are suspected instead of their models. `enabled` and `refusing` count models by provider.
pub fn suspected(
    enabled: &BTreeMap<String, u64>,
    refusing: &BTreeMap<String, u64>,
) -> Vec<SuspectedProvider> {
    let most = |provider: &String, refusing: u64| {
        let of = enabled.get(provider).copied().unwrap_or(0);
        let suspicion = SuspectedProvider { provider: provider.clone(), refusing, of };
        (refusing > 1 && refusing * 2 > of).then_some(suspicion)
    };
    refusing.iter().filter_map(|(provider, refusing)| most(provider, *refusing)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(hours: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000 + hours * 3600, 0).unwrap()
    }

    #[test]
    fn many_answers_over_a_long_time_do_it() {
        let mut streak = Streak::default();
        for hour in 0..5 {
            streak.ended(Some(FailureKind::HardModel), "no such model", at(hour * 6));
            assert_eq!(streak.verdict(&Policy::default()), None, "after {hour}");
        }
        streak.ended(Some(FailureKind::Timeout), "", at(29));
        streak.ended(Some(FailureKind::HardModel), "no such model", at(30));
        let found = streak.verdict(&Policy::default()).unwrap();
        assert_eq!(found.reason, "6 terminal answers over 30 h and no success, the last: no such model");
        assert_eq!(found.recheck_at, at(54));
        streak.ended(None, "", at(31));
        assert_eq!(streak, Streak::default());
    }

    #[test]
    fn a_burst_does_not() {
        let mut streak = Streak::default();
        (0..100).for_each(|_| streak.ended(Some(FailureKind::HardModel), "", at(1)));
        assert_eq!(streak.verdict(&Policy::default()), None);
    }

    #[test]
    fn a_recheck_brings_back_or_waits_longer() {
        let policy = Policy::default();
        assert_eq!(recheck(None, 3, &policy, at(0)), RecheckOutcome::Returns);
        assert_eq!(recheck(Some(FailureKind::HardModel), 1, &policy, at(0)), RecheckOutcome::Stays(at(48)));
        assert_eq!(
            recheck(Some(FailureKind::HardModel), 9, &policy, at(0)),
            RecheckOutcome::Stays(at(14 * 24))
        );
        assert_eq!(recheck(Some(FailureKind::Auth), 1, &policy, at(0)), RecheckOutcome::Stays(at(24)));
    }

    #[test]
    fn a_provider_that_refuses_most_of_its_models_is_what_is_suspected() {
        let count = |models: u64| BTreeMap::from([("sim".to_owned(), models)]);
        for (enabled, refusing, expected) in
            [(1, 1, false), (2, 2, true), (2, 1, false), (10, 5, false), (10, 6, true)]
        {
            let found = suspected(&count(enabled), &count(refusing));
            assert_eq!(!found.is_empty(), expected, "{refusing} of {enabled}");
        }
    }

    proptest! {
        #[test]
        fn never_without_enough_terminal_answers_since_the_last_success(ends in prop::collection::vec((0_usize..14, 0_i64..12), 0..80)) {
            let (mut streak, mut now, mut terminal, mut first) = (Streak::default(), 0, 0, None);
            for (kind, step) in ends {
                now += step;
                let kind = FailureKind::ALL.get(kind).copied();
                streak.ended(kind, "", at(now));
                match kind {
                    None | Some(FailureKind::BudgetExhausted | FailureKind::Truncated) => (terminal, first) = (0, None),
                    Some(kind) if is_terminal(kind) => {
                        terminal += 1;
                        first.get_or_insert(now);
                    }
                    Some(_) => {}
                }
                if streak.verdict(&Policy::default()).is_some() {
                    prop_assert!(terminal >= 6 && now - first.unwrap() >= 24);
                }
            }
        }
    }
}
