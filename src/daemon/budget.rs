//! Enforces a provider's daily budget. The worst case is reserved before a call begins and corrected when it ends, so a
//! limit holds however many calls are open. Spending before this process started is read from the outbox.

use crate::daemon::price::cost;
use crate::domain::daemon_config::{DailyLimits, Price};
use crate::outbox::Spend;
use chrono::{DateTime, Days, NaiveDate, Utc};

/// The part of a day's budget that one running call may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "what is put aside has to be settled"]
pub struct BudgetReservation {
    /// The UTC day whose budget pays.
    pub day: NaiveDate,
    /// The most that the call may use.
    pub most: Spend,
}

/// The reason for refusing a reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BudgetError {
    /// The day's limit might be exceeded. Calls that still run may release part of their reservation.
    Spent {
        /// `runs`, `tokens` or `dollars`.
        what: &'static str,
        /// Beginning of the next day.
        until: DateTime<Utc>,
    },
    /// Dollars are limited, and the price of this model is unknown.
    NoPrice,
}

#[derive(Debug, Clone, Copy, Default)]
struct DayAccount {
    settled: Spend,
    reserved: Spend,
}

#[derive(Debug, Clone)]
pub struct Budget {
    limits: DailyLimits,
    days: Vec<(NaiveDate, DayAccount)>,
}

impl Budget {
    /// Creates a budget of which `spent` was already used on the day of `now`.
    pub fn new(limits: DailyLimits, spent: Spend, now: DateTime<Utc>) -> Self {
        Self {
            limits,
            days: vec![(now.date_naive(), DayAccount { settled: spent, reserved: Spend::default() })],
        }
    }

    /// Replaces the limits; earlier spending still counts.
    pub fn limit(&mut self, limits: DailyLimits) {
        self.limits = limits;
    }

    pub fn limits(&self) -> DailyLimits {
        self.limits
    }

    /// Reserves the worst case of one call. `price` is required if dollars are limited.
    ///
    /// # Errors
    /// [`BudgetError`] if the day's limit might be exceeded, or if no price is known.
    pub fn reserve(
        &mut self,
        runs: u64,
        tokens: (u64, u64),
        price: Option<Price>,
        now: DateTime<Utc>,
    ) -> Result<BudgetReservation, BudgetError> {
        if price.is_none() && self.limits.micro_dollars.is_some() {
            return Err(BudgetError::NoPrice);
        }
        let day = now.date_naive();
        let most = Spend {
            runs,
            tokens: tokens.0.saturating_add(tokens.1),
            micro_dollars: cost(price, tokens.0, tokens.1),
        };
        let limits = self.limits;
        let account = self.account(day);
        let planned = account.settled.plus(account.reserved).plus(most);
        if let Some(what) = exceeded(limits, planned) {
            return Err(BudgetError::Spent { what, until: next_day(day) });
        }
        account.reserved = account.reserved.plus(most);
        // Yesterday's account stays: after a clock steps back it must not look unspent.
        self.days
            .retain(|(other, account)| *other + Days::new(1) >= day || account.reserved != Spend::default());
        Ok(BudgetReservation { day, most })
    }

    /// Replaces a reservation with the actual spending.
    pub fn settle(&mut self, reserved: BudgetReservation, used: Spend) {
        let account = self.account(reserved.day);
        account.reserved = account.reserved.minus(reserved.most);
        account.settled = account.settled.plus(used);
    }

    /// The rest of the budget for the day of `now`; running calls count with their worst case.
    pub fn left(&self, now: DateTime<Utc>) -> DailyLimits {
        let today = now.date_naive();
        let account = self.days.iter().find(|(day, _)| *day == today).map(|(_, account)| *account);
        let used = account.map(|account| account.settled.plus(account.reserved)).unwrap_or_default();
        let left = |limit: Option<u64>, used: u64| limit.map(|limit| limit.saturating_sub(used));
        DailyLimits {
            runs: left(self.limits.runs, used.runs),
            tokens: left(self.limits.tokens, used.tokens),
            micro_dollars: left(self.limits.micro_dollars, used.micro_dollars),
        }
    }

    fn account(&mut self, day: NaiveDate) -> &mut DayAccount {
        let place = self.days.iter().position(|(other, _)| *other == day).unwrap_or_else(|| {
            self.days.push((day, DayAccount::default()));
            self.days.len() - 1
        });
        &mut self.days[place].1
    }
}

fn exceeded(limits: DailyLimits, planned: Spend) -> Option<&'static str> {
    let over = |limit: Option<u64>, planned: u64| limit.is_some_and(|limit| planned > limit);
    [
        ("runs", over(limits.runs, planned.runs)),
        ("tokens", over(limits.tokens, planned.tokens)),
        ("dollars", over(limits.micro_dollars, planned.micro_dollars)),
    ]
    .into_iter()
    .find_map(|(what, over)| over.then_some(what))
}

fn next_day(day: NaiveDate) -> DateTime<Utc> {
    let midnight = day.and_time(chrono::NaiveTime::MIN).and_utc();
    midnight.checked_add_days(Days::new(1)).unwrap_or(midnight)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_046_400 + seconds, 0).unwrap()
    }

    fn used(runs: u64, tokens: u64, micro_dollars: u64) -> Spend {
        Spend { runs, tokens, micro_dollars }
    }

    #[test]
    fn what_was_spent_before_the_start_counts() {
        let limits = DailyLimits { runs: Some(3), ..DailyLimits::default() };
        let mut budget = Budget::new(limits, used(2, 0, 0), at(0));
        let reserved = budget.reserve(1, (0, 64), None, at(1)).unwrap();
        let refused = budget.reserve(1, (0, 64), None, at(1)).unwrap_err();
        assert_eq!(refused, BudgetError::Spent { what: "runs", until: at(86_400) });
        budget.settle(reserved, used(1, 60, 0));
        assert_eq!(budget.left(at(2)).runs, Some(0));
        assert!(budget.reserve(1, (0, 64), None, at(86_400)).is_ok(), "a new day");
    }

    #[test]
    fn money_needs_a_price() {
        let limits = DailyLimits { micro_dollars: Some(100), ..DailyLimits::default() };
        let mut budget = Budget::new(limits, Spend::default(), at(0));
        assert_eq!(budget.reserve(1, (10, 10), None, at(0)), Err(BudgetError::NoPrice));
        let price = Some(Price { input: 1.0, output: 4.0 });
        let first = budget.reserve(1, (10, 10), price, at(0)).unwrap();
        assert_eq!(first.most, used(1, 20, 50));
        let _second = budget.reserve(1, (10, 10), price, at(0)).unwrap();
        assert_eq!(
            budget.reserve(1, (0, 1), price, at(0)),
            Err(BudgetError::Spent { what: "dollars", until: at(86_400) })
        );
    }

    #[test]
    fn a_call_over_midnight_is_paid_by_the_day_on_which_it_began() {
        let limits = DailyLimits { tokens: Some(100), ..DailyLimits::default() };
        let mut budget = Budget::new(limits, Spend::default(), at(0));
        let over = budget.reserve(1, (10, 90), None, at(86_399)).unwrap();
        assert_eq!(budget.left(at(86_400)).tokens, Some(100));
        budget.settle(over, used(1, 50, 0));
        assert_eq!((budget.left(at(86_399)).tokens, budget.left(at(86_400)).tokens), (Some(50), Some(100)));
    }

    proptest! {
        /// No daily limit is exceeded, however many calls are open and in whatever order they end.
        #[test]
        fn no_limit_is_ever_exceeded(
            limits in (prop::option::of(0_u64..50), prop::option::of(0_u64..5000), prop::option::of(0_u64..5000)),
            before in (0_u64..60, 0_u64..6000),
            steps in prop::collection::vec((any::<bool>(), 1_u64..4, 0_u64..100, 0_u64..200, 0.0..1.0_f64, 0_i64..20_000), 0..120),
        ) {
            let limits = DailyLimits { runs: limits.0, tokens: limits.1, micro_dollars: limits.2 };
            let before = used(before.0, before.1, 0);
            let mut budget = Budget::new(limits, before, at(0));
            let price = Price { input: 0.5, output: 1.5 };
            let mut open: Vec<BudgetReservation> = Vec::new();
            let mut days: std::collections::BTreeMap<NaiveDate, Spend> = [(at(0).date_naive(), before)].into();
            let (mut now, mut granted) = (0, std::collections::BTreeSet::new());
            for (begin, runs, input, output, share, step) in steps {
                now += step;
                if begin {
                    if let Ok(reserved) = budget.reserve(runs, (input, output), Some(price), at(now)) {
                        granted.insert(reserved.day);
                        open.push(reserved);
                    }
                } else if !open.is_empty() {
                    let reserved = open.swap_remove((share * open.len() as f64) as usize % open.len());
                    let part = |most: u64| (most as f64 * share) as u64;
                    let actual = used(part(reserved.most.runs), part(reserved.most.tokens), part(reserved.most.micro_dollars));
                    budget.settle(reserved, actual);
                    let day = days.entry(reserved.day).or_default();
                    *day = day.plus(actual);
                }
                for reserved in &open {
                    let worst: Spend = open.iter().filter(|other| other.day == reserved.day).fold(Spend::default(), |sum, other| sum.plus(other.most));
                    let planned = days.get(&reserved.day).copied().unwrap_or_default().plus(worst);
                    prop_assert_eq!(exceeded(limits, planned), None);
                }
            }
            for (day, spent) in days {
                prop_assert!(!granted.contains(&day) || exceeded(limits, spent).is_none(), "{:?}", spent);
            }
        }
    }
}
