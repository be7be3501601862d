//! What calls cost: tokens times the price that was in force. Prices change, so a row keeps its cost; rows without one are
//! priced by what the provider's list said at their time. Pure.

use super::Outcome;
use super::daemon_config::Price;
use super::listing::CatalogRow;
use chrono::{DateTime, Datelike, NaiveTime, TimeDelta, Utc};
use serde::Serialize;

impl Price {
    /// US dollars for so many tokens, to a millionth of a millionth. Cached input counts with the price of input.
    pub fn usd(self, input: u64, output: u64) -> f64 {
        // A dollar for a million tokens is a millionth of a dollar for one.
        let millionths = input as f64 * self.input + output as f64 * self.output;
        (millionths * 1e6).round() / 1e12
    }
}

/// Writes into a success what it cost; null without a price, or where nobody counted its tokens.
pub fn stamp(outcome: &mut Outcome, price: Option<Price>) {
    let Outcome::Success(run) = outcome else { return };
    let tokens = run.tokens.input_tokens.zip(run.tokens.output_tokens);
    run.cost_usd = price.zip(tokens).map(|(price, (input, output))| price.usd(input, output));
}

/// A model's prices over time, as its provider's list stated them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PriceHistory {
    /// The price from this moment on, oldest first.
    since: Vec<(DateTime<Utc>, Option<Price>)>,
}

impl PriceHistory {
    /// Goes back from today's price through the changes that reads of the list found.
    pub fn of(row: &CatalogRow) -> Self {
        let (mut input, mut output) = (row.facts.input_price, row.facts.output_price);
        let mut since = Vec::new();
        for change in row.changes.iter().rev() {
            let after = price(input, output);
            match change.fact.as_str() {
                "input_price" => input = change.from.as_f64(),
                "output_price" => output = change.from.as_f64(),
                _ => continue,
            }
            since.push((change.at, after));
        }
        // Rows of other programs do not say since when their models are listed.
        since.push((row.first_seen_at.unwrap_or(DateTime::<Utc>::MIN_UTC), price(input, output)));
        since.reverse();
        Self { since }
    }

    /// The price at a moment; `None` before the model was first listed, and where the list stated none.
    pub fn at(&self, moment: DateTime<Utc>) -> Option<Price> {
        let place = self.since.partition_point(|(since, _)| *since <= moment).checked_sub(1)?;
        self.since[place].1
    }
}

fn price(input: Option<f64>, output: Option<f64>) -> Option<Price> {
    Some(Price { input: input?, output: output? })
}

/// How a call is paid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CallCost {
    Known(f64),
    /// It was answered at least in part, and nobody knows the price or the tokens.
    Unknown,
    /// It failed before its answer began.
    Refused,
}

/// Sums over calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct CostTally {
    /// Calls that were answered, at least in part.
    pub calls: u64,
    /// Those of them whose cost is unknown; they are in no sum of dollars.
    pub unknown: u64,
    /// Calls that failed before their answer began; providers do not bill them.
    pub refused: u64,
    pub input_tokens: u64,
    /// Output tokens, reasoning included.
    pub output_tokens: u64,
    pub usd: f64,
}

impl CostTally {
    pub fn add(&mut self, cost: CallCost, input: Option<u64>, output: Option<u64>) {
        match cost {
            CallCost::Refused => return self.refused += 1,
            CallCost::Unknown => self.unknown += 1,
            CallCost::Known(usd) => self.usd += usd,
        }
        self.calls += 1;
        self.input_tokens = self.input_tokens.saturating_add(input.unwrap_or_default());
        self.output_tokens = self.output_tokens.saturating_add(output.unwrap_or_default());
    }

    /// The share of calls whose cost is unknown; `None` without calls.
    pub fn unknown_share(&self) -> Option<f64> {
        (self.calls > 0).then(|| self.unknown as f64 / self.calls as f64)
    }

    /// US dollars as far as they are known; `None` where calls were answered and the cost of each is unknown.
    pub fn known_usd(&self) -> Option<f64> {
        (self.calls == 0 || self.calls > self.unknown).then_some(self.usd)
    }

    /// US dollars of a call whose cost is known, on average.
    pub fn usd_per_call(&self) -> Option<f64> {
        let known = self.calls - self.unknown;
        (known > 0).then(|| self.usd / known as f64)
    }
}

/// The least time from which a rate of spending is taken.
const SHORTEST_PLAN: TimeDelta = TimeDelta::hours(1);

/// The month's spending (UTC), and what it will be if daemons go on as in the last 24 hours.
#[derive(Debug, Clone, PartialEq)]
pub struct MonthSpend {
    now: DateTime<Utc>,
    so_far: CostTally,
    /// Calls of the last 24 hours that daemons made of models that are still measured.
    planned: CostTally,
    planned_since: Option<DateTime<Utc>>,
    /// True if the plan made calls in the 24 hours before those, so that it is a day old at least.
    planned_before: bool,
}

impl MonthSpend {
    pub fn new(now: DateTime<Utc>) -> Self {
        Self {
            now,
            so_far: CostTally::default(),
            planned: CostTally::default(),
            planned_since: None,
            planned_before: false,
        }
    }

    /// The oldest moment whose calls matter.
    pub fn from(&self) -> DateTime<Utc> {
        self.month().0.min(self.now - TimeDelta::days(2))
    }

    /// The first moment of the month and that of the next one.
    pub fn month(&self) -> (DateTime<Utc>, DateTime<Utc>) {
        let first = self.now.date_naive().with_day(1).unwrap_or_default();
        let next = first.checked_add_months(chrono::Months::new(1)).unwrap_or(first);
        (first.and_time(NaiveTime::MIN).and_utc(), next.and_time(NaiveTime::MIN).and_utc())
    }

    /// Adds a call. `planned` says that a daemon made it, of a model that is still measured.
    pub fn add(&mut self, at: DateTime<Utc>, cost: CallCost, planned: bool) {
        if at > self.now {
            return;
        }
        if at >= self.month().0 {
            self.so_far.add(cost, None, None);
        }
        if planned && at > self.now - TimeDelta::days(1) {
            self.planned.add(cost, None, None);
            self.planned_since = Some(self.planned_since.map_or(at, |known| known.min(at)));
        } else if planned && at > self.now - TimeDelta::days(2) {
            self.planned_before = true;
        }
    }

    /// US dollars spent since the month began, as far as they are known.
    pub fn spent(&self) -> CostTally {
        self.so_far
    }

    /// Calls of the plan whose cost is unknown.
    pub fn unknown_planned(&self) -> u64 {
        self.planned.unknown
    }

    /// US dollars a day of the plan; `None` where daemons made no call of known cost within the last 24 hours. A plan that is
    /// younger counts from its first call, and not until that is an hour ago.
    pub fn daily(&self) -> Option<f64> {
        let since = self.planned_since?;
        let age = if self.planned_before { TimeDelta::days(1) } else { self.now - since };
        let known = self.planned.calls > self.planned.unknown;
        (known && age >= SHORTEST_PLAN).then(|| self.planned.usd / (age.as_seconds_f64() / 86_400.0))
    }

    /// US dollars of the whole month if the plan goes on.
    pub fn forecast(&self) -> Option<f64> {
        let left = (self.month().1 - self.now).as_seconds_f64() / 86_400.0;
        self.daily().map(|daily| self.so_far.usd + daily * left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::listing::{FactChange, ModelFacts};
    use crate::measure::testing;
    use serde_json::{Value, json};

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn listed(
        changes: &[(&str, &str, Value, Value)],
        input: Option<f64>,
        output: Option<f64>,
    ) -> PriceHistory {
        let change = |(when, fact, from, to): &(&str, &str, Value, Value)| FactChange {
            at: at(when),
            fact: (*fact).to_owned(),
            from: from.clone(),
            to: to.clone(),
        };
        PriceHistory::of(&CatalogRow {
            provider: "groq".to_owned(),
            model_id: "m".to_owned(),
            name: "M".to_owned(),
            first_seen_at: Some(at("2026-09-01T07:00:00Z")),
            last_seen_at: None,
            facts: ModelFacts { input_price: input, output_price: output, ..ModelFacts::default() },
            changes: changes.iter().map(change).collect(),
        })
    }

    #[test]
    fn a_call_has_the_price_of_its_time() {
        let history = listed(
            &[
                ("2026-10-01T07:00:00Z", "input_price", json!(0.5), json!(0.25)),
                ("2026-10-01T07:00:00Z", "output_price", json!(2.0), json!(1.0)),
                ("2026-10-15T07:00:00Z", "context_length", json!(1), json!(2)),
                ("2026-11-01T07:00:00Z", "output_price", json!(1.0), json!(4.0)),
            ],
            Some(0.25),
            Some(4.0),
        );
        let price = |when: &str| history.at(at(when)).map(|price| (price.input, price.output));
        assert_eq!(price("2026-08-31T00:00:00Z"), None, "nobody knows what it cost before it was listed");
        assert_eq!(price("2026-09-01T07:00:00Z"), Some((0.5, 2.0)));
        assert_eq!(price("2026-10-01T06:59:59Z"), Some((0.5, 2.0)));
        assert_eq!(price("2026-10-01T07:00:00Z"), Some((0.25, 1.0)));
        assert_eq!(price("2026-10-31T00:00:00Z"), Some((0.25, 1.0)));
        assert_eq!(price("2026-11-02T00:00:00Z"), Some((0.25, 4.0)));
    }

    #[test]
    fn a_list_that_stops_or_begins_to_state_prices_has_gaps() {
        let history = listed(
            &[
                ("2026-10-01T00:00:00Z", "input_price", json!(null), json!(1.0)),
                ("2026-10-01T00:00:00Z", "output_price", json!(null), json!(1.0)),
                ("2026-11-01T00:00:00Z", "input_price", json!(1.0), json!(null)),
            ],
            None,
            Some(1.0),
        );
        assert_eq!(history.at(at("2026-09-15T00:00:00Z")), None);
        assert!(history.at(at("2026-10-15T00:00:00Z")).is_some());
        assert_eq!(history.at(at("2026-11-15T00:00:00Z")), None);
    }

    #[test]
    fn what_a_run_cost_is_null_where_tokens_or_price_are_unknown() {
        let cost = |run: crate::domain::Run, price| {
            let mut outcome = Outcome::Success(Box::new(run));
            stamp(&mut outcome, price);
            let Outcome::Success(run) = outcome else { panic!() };
            run.cost_usd
        };
        let run = || testing::run("groq", "m", 0.2);
        let price = Some(Price { input: 0.05, output: 0.08 });
        // 20 tokens in, 64 out.
        assert_eq!(cost(run(), price), Some(0.000_006_12));
        assert_eq!(cost(run(), None), None);
        assert_eq!(cost(run(), Some(Price { input: 0.0, output: 0.0 })), Some(0.0));
        let mut uncounted = run();
        uncounted.tokens.input_tokens = None;
        assert_eq!(cost(uncounted, price), None);
    }

    #[test]
    fn a_forecast_is_what_was_spent_and_the_last_day_for_the_rest_of_the_month() {
        let mut month = MonthSpend::new(at("2026-11-21T00:00:00Z"));
        assert_eq!((month.daily(), month.forecast()), (None, None));
        assert_eq!(month.from(), at("2026-11-01T00:00:00Z"));
        for (when, usd, planned) in [
            ("2026-10-31T23:00:00Z", 100.0, true),
            ("2026-11-02T00:00:00Z", 5.0, true),
            ("2026-11-20T00:00:01Z", 1.0, true),
            ("2026-11-20T12:00:00Z", 1.0, true),
            // By hand, or of a model that is measured no more.
            ("2026-11-20T12:00:00Z", 7.0, false),
            ("2026-11-22T00:00:00Z", 100.0, true),
        ] {
            month.add(at(when), CallCost::Known(usd), planned);
        }
        month.add(at("2026-11-20T13:00:00Z"), CallCost::Unknown, true);
        assert_eq!((month.spent().usd, month.unknown_planned()), (14.0, 1));
        let forecast = month.forecast().unwrap();
        assert!((forecast - 34.0).abs() < 0.01, "{forecast}");
    }

    #[test]
    fn a_plan_of_one_call_a_day_is_not_made_of_its_last_hour() {
        let mut month = MonthSpend::new(at("2026-11-21T12:00:00Z"));
        for when in ["2026-11-20T10:54:00Z", "2026-11-21T10:54:00Z"] {
            month.add(at(when), CallCost::Known(0.1), true);
        }
        assert!((month.daily().unwrap() - 0.1).abs() < 1e-9);
    }

    #[test]
    fn a_plan_that_has_just_begun_is_no_plan_yet() {
        let mut month = MonthSpend::new(at("2026-11-01T02:00:00Z"));
        assert_eq!(month.from(), at("2026-10-30T02:00:00Z"));
        month.add(at("2026-11-01T01:30:00Z"), CallCost::Known(1.0), true);
        assert_eq!(month.forecast(), None);
        month.add(at("2026-11-01T00:00:00Z"), CallCost::Known(1.0), true);
        assert!((month.daily().unwrap() - 24.0).abs() < 1e-9);
    }

    #[test]
    fn sums_tell_known_from_unknown() {
        let mut tally = CostTally::default();
        assert_eq!((tally.unknown_share(), tally.usd_per_call()), (None, None));
        assert_eq!(tally.known_usd(), Some(0.0), "calls that were not made cost nothing");
        let mut unknown = CostTally::default();
        unknown.add(CallCost::Unknown, None, None);
        assert_eq!(unknown.known_usd(), None);
        tally.add(CallCost::Known(0.5), Some(10), Some(5));
        tally.add(CallCost::Unknown, None, None);
        tally.add(CallCost::Refused, None, None);
        assert_eq!((tally.calls, tally.unknown, tally.refused, tally.input_tokens), (2, 1, 1, 10));
        assert_eq!((tally.unknown_share(), tally.usd_per_call()), (Some(0.5), Some(0.5)));
        assert_eq!(tally.known_usd(), Some(0.5));
    }
}
