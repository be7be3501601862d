//! What providers have spent of their day's budgets, and what they will have spent by midnight (UTC).

use crate::domain::daemon_status::LaneReport;
use crate::output::{cost, units};
use chrono::{DateTime, Timelike, Utc};
use serde_json::{Value, json};

/// Before so many seconds of the day have passed, it tells nothing about the rest of it.
const TELLING: u32 = 3600;

/// One limit of a lane.
#[derive(Debug, Clone, Copy, PartialEq)]
struct BudgetUse {
    /// `runs`, `tokens` or `dollars`.
    unit: &'static str,
    limit: f64,
    spent: f64,
    /// Of the whole day, if it goes on as so far; `None` where it is too early to tell.
    by_midnight: Option<f64>,
}

fn uses(lane: &LaneReport, now: DateTime<Utc>) -> Vec<BudgetUse> {
    let passed = now.num_seconds_from_midnight();
    let units = lane.budget.as_ref().map(|budget| budget.units());
    let used = |(unit, left, limit): (&'static str, Option<f64>, Option<f64>)| {
        let (left, limit) = left.zip(limit)?;
        let spent = (limit - left).max(0.0);
        let by_midnight = (passed >= TELLING).then(|| spent / (f64::from(passed) / 86_400.0));
        Some(BudgetUse { unit, limit, spent, by_midnight })
    };
    units.into_iter().flatten().filter_map(used).collect()
}

/// For example `$0.41 of $2.50, $0.98 by midnight`; the limit that is used most stands first.
pub fn cell(lane: Option<&LaneReport>, now: DateTime<Utc>) -> String {
    let mut uses = lane.map(|lane| uses(lane, now)).unwrap_or_default();
    let share = |one: &BudgetUse| one.spent / one.limit;
    uses.sort_by(|one, other| share(other).total_cmp(&share(one)));
    let said: Vec<String> = uses.iter().map(phrase).collect();
    if said.is_empty() { "-".to_owned() } else { said.join("; ") }
}

fn phrase(used: &BudgetUse) -> String {
    let amount = |value: f64| match used.unit {
        "dollars" => cost::usd(value),
        _ => units::grouped(value.round() as u64),
    };
    let unit = if used.unit == "dollars" { String::new() } else { format!(" {}", used.unit) };
    let course = used.by_midnight.map(|value| format!(", {} by midnight", amount(value)));
    format!("{} of {}{unit}{}", amount(used.spent), amount(used.limit), course.unwrap_or_default())
}

/// The budgets of a lane for programs; null where nothing is known of one.
pub fn json(lane: Option<&LaneReport>, now: DateTime<Utc>) -> Value {
    let Some(lane) = lane.filter(|lane| lane.budget.is_some()) else { return Value::Null };
    let one = |used: BudgetUse| {
        json!({
            "unit": used.unit,
            "limit": used.limit,
            "spent": used.spent,
            "by_midnight": used.by_midnight,
        })
    };
    uses(lane, now).into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::daemon_status::{BudgetReport, fixtures};

    #[test]
    fn the_limit_that_is_used_most_stands_first() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let noon = at("2026-11-23T12:00:00Z");
        let mut lane = fixtures::lane("groq", noon);
        assert_eq!((cell(None, noon), cell(Some(&lane), noon)), ("-".to_owned(), "-".to_owned()));
        assert_eq!(json(Some(&lane), noon), Value::Null);
        lane.budget = Some(BudgetReport {
            tokens_left: Some(90_000),
            tokens_limit: Some(100_000),
            dollars_left: Some(1.0),
            dollars_limit: Some(2.5),
            // Of a daemon of an older version.
            runs_left: Some(3),
            ..BudgetReport::default()
        });
        let expected = "$1.50 of $2.50, $3.00 by midnight; 10,000 of 100,000 tokens, 20,000 by midnight";
        assert_eq!(cell(Some(&lane), noon), expected);
        assert!(cell(Some(&lane), at("2026-11-23T00:30:00Z")).starts_with("$1.50 of $2.50; 10,000 of"));
        let spent = json!({"unit": "dollars", "limit": 2.5, "spent": 1.5, "by_midnight": 3.0});
        assert_eq!(json(Some(&lane), noon)[1], spent);
    }
}
