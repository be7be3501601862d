//! Bounds of posted values: a value that no measurement can give is refused with its path, and not published. Pure.

use super::posted_row::Flaw;
use crate::domain::row_fields::{FieldType, field_type};
use crate::storage::outcomes::field_types;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde_json::Value;

/// The year before which nothing was measured.
const FIRST_YEAR: i32 = 2020;
/// Tolerated lead of a date over the server's clock: more is not a slightly wrong clock.
const AHEAD: TimeDelta = TimeDelta::days(1);
/// The largest count: tokens, attempts, whole seconds. Ten times the longest context that is sold.
const MOST: f64 = 100e6;
/// The highest rate of a whole request, tokens per second. Wafer-scale hosts reach a few thousand.
const FASTEST: f64 = 1e6;
/// The highest rate between tokens, which may have come in one packet.
const FASTEST_DECODE: f64 = 1e9;
/// The longest time of one request, seconds: a day.
const LONGEST: f64 = 86_400.0;
/// The one list that is no times: logarithms of probabilities.
const LOGPROBS: &str = "answer_logprobs";

/// Checks the value of a field that the contract knows; accepts unknown fields as they are.
///
/// # Errors
/// A [`Flaw`] with the field, and in a list with the place too.
pub fn check(name: &str, value: &Value, received_at: DateTime<Utc>) -> Result<(), Flaw> {
    match (field_type(name), value) {
        (Some(FieldType::Date), Value::String(text)) => match field_types::parse_date(text) {
            Some(at) => check_date(name, at, received_at),
            None => Ok(()),
        },
        (Some(_), Value::Array(items)) => {
            let bounds = if name == LOGPROBS { (-LONGEST, 0.0) } else { (0.0, LONGEST) };
            items
                .iter()
                .enumerate()
                .filter_map(|(place, item)| Some((place, item.as_f64()?)))
                .try_for_each(|(place, number)| within(number, bounds, || format!("{name}[{place}]")))
        }
        (Some(wanted), value) => match (value.as_f64(), bounds(name, wanted)) {
            (Some(number), Some(bounds)) => within(number, bounds, || name.to_owned()),
            _ => Ok(()),
        },
        (None, _) => Ok(()),
    }
}

/// Checks a date that a runner gives.
///
/// # Errors
/// A [`Flaw`] for dates before 2020 and for those more than a day ahead of the server's clock.
pub fn check_date(name: &str, at: DateTime<Utc>, received_at: DateTime<Utc>) -> Result<(), Flaw> {
    let first = NaiveDate::from_yo_opt(FIRST_YEAR, 1).unwrap_or_default();
    if at.date_naive() < first || at > received_at + AHEAD {
        let why = format!("must be a date from {FIRST_YEAR} on, at most a day ahead of the server's clock");
        return Err(Flaw::new(name, why));
    }
    Ok(())
}

fn within(number: f64, (least, most): (f64, f64), path: impl Fn() -> String) -> Result<(), Flaw> {
    if (least..=most).contains(&number) {
        return Ok(());
    }
    Err(Flaw::new(path(), format!("must be between {least} and {most}")))
}

/// The least and the largest value of a number; `None` if it is not bounded.
fn bounds(name: &str, wanted: FieldType) -> Option<(f64, f64)> {
    match (name, wanted) {
        // Negative if a clock was set back.
        ("wall_clock_step_seconds" | "temperature", _) => None,
        ("decode_tokens_per_second", _) => Some((0.0, FASTEST_DECODE)),
        // Requested by the provider, not measured.
        ("retry_after_seconds", _) | (_, FieldType::Integer) => Some((0.0, MOST)),
        (_, FieldType::Double) if name.ends_with("tokens_per_second") => Some((0.0, FASTEST)),
        (_, FieldType::Double) => Some((0.0, LONGEST)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn flaw(name: &str, value: &Value) -> Option<String> {
        let now = field_types::parse_date("2026-11-23T09:00:00Z").unwrap();
        check(name, value, now).err().map(|flaw| flaw.field)
    }

    #[test]
    fn what_cannot_be_is_named() {
        for (name, value) in [
            ("run_ts", json!("0001-01-01T00:00:00.000Z")),
            ("run_ts", json!("2019-12-31T23:59:59.999Z")),
            ("gen_ts", json!("9999-01-01T00:00:00.000Z")),
            ("ts", json!("2026-11-24T09:00:00.001Z")),
            ("output_tokens", json!(-1)),
            ("output_tokens", json!(1_i64 << 62)),
            ("http_status", json!(-404)),
            ("tokens_per_second", json!(2.2e18)),
            ("visible_tokens_per_second", json!(-0.1)),
            ("time_to_first_token", json!(-1e-9)),
            ("time_to_first_token", json!(86_401.0)),
            ("generate_time", json!(1e9)),
        ] {
            assert_eq!(flaw(name, &value).as_deref(), Some(name), "{value}");
        }
        assert_eq!(
            flaw("times_between_tokens", &json!([0.1, 0.0, -0.1])).as_deref(),
            Some("times_between_tokens[2]")
        );
        assert_eq!(flaw("answer_logprobs", &json!([-0.5, 0.5])).as_deref(), Some("answer_logprobs[1]"));
    }

    #[test]
    fn what_can_be_passes() {
        for (name, value) in [
            ("run_ts", json!("2020-01-01T00:00:00.000Z")),
            ("run_ts", json!("2026-11-24T09:00:00.000Z")),
            ("output_tokens", json!(0)),
            ("input_tokens", json!(10_000_000)),
            ("reasoning_tokens", Value::Null),
            ("time_to_first_token", Value::Null),
            ("tokens_per_second", json!(4_000.0)),
            ("decode_tokens_per_second", json!(6e7)),
            ("wall_clock_step_seconds", json!(-3.5)),
            ("temperature", json!(2.0)),
            ("times_between_tokens", json!([])),
            ("answer_logprobs", json!([-9999.0, -0.5, 0.0])),
            ("adaptations", json!(["a"])),
            ("unheard_of", json!(-1e300)),
            ("misc", json!({"n": -1})),
        ] {
            assert_eq!(flaw(name, &value), None, "{name} {value}");
        }
    }
}
