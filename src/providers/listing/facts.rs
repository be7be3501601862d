//! Reads facts from an entry under any provider's names for them. An unreadable fact is left out: a
//! list must not fail over it.

use crate::domain::listing::ModelFacts;
use crate::domain::model;
use chrono::{DateTime, NaiveDate};
use serde_json::Value;

const CONTEXT: &[&str] = &[
    "/context_length",
    "/context_window",
    "/contextLength",
    "/max_context_length",
    "/limits/max_context_length",
    "/metadata/context_length",
    "/max_input_tokens",
    "/inputTokenLimit",
    "/max_model_len",
    "/context_size",
    "/meta/n_ctx_train",
];

const OUTPUT: &[&str] = &[
    "/max_completion_tokens",
    "/limits/max_completion_tokens",
    "/top_provider/max_completion_tokens",
    "/outputTokenLimit",
    "/max_output_tokens",
];

const ENDS: &[&str] = &[
    "/shutdown_date",
    "/deprecation_date",
    "/deprecation",
    "/deprecationDate",
    "/expiration_date",
    "/modelLifecycle/endOfLifeTime",
];

/// The facts whose names mean the same in every shape. Each shape reads its own prices.
pub fn common(entry: &Value) -> ModelFacts {
    ModelFacts {
        context_length: CONTEXT.iter().find_map(|name| count(entry.pointer(name)?)),
        max_output_tokens: OUTPUT.iter().find_map(|name| count(entry.pointer(name)?)),
        input_price: None,
        output_price: None,
        lifecycle: lifecycle(entry),
        ends_on: ENDS.iter().find_map(|name| day(entry.pointer(name)?)),
        quantization: quantization(entry.get("quantization")),
        endpoints: None,
    }
}

/// The quantization, if a provider states one.
pub fn quantization(stated: Option<&Value>) -> Option<String> {
    model::quantization(stated?.as_str()?)
}

/// A price in dollars per million tokens. `unit` is a million divided by the number of tokens
/// that the stated price is for.
pub fn price(stated: Option<&Value>, unit: f64) -> Option<f64> {
    let number = match stated? {
        Value::String(text) => text.trim().parse().ok()?,
        other => other.as_f64()?,
    };
    // Nine decimals: `0.00000025` a token must not become 0.24999999999999997 a million.
    let per_million = (number * unit * 1e9).round() / 1e9;
    (per_million >= 0.0 && per_million.is_finite()).then_some(per_million)
}

/// A number of tokens above 0; some providers write 0 for "unknown".
fn count(value: &Value) -> Option<u64> {
    let whole = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())?;
    Some(whole).filter(|count| *count > 0 && i64::try_from(*count).is_ok())
}

/// The provider's word, or the word for a flag.
fn lifecycle(entry: &Value) -> Option<String> {
    let flag = |name: &str, meant: bool| entry.get(name).and_then(Value::as_bool) == Some(meant);
    if flag("deprecated", true) {
        return Some("deprecated".to_owned());
    }
    if flag("active", false) {
        return Some("inactive".to_owned());
    }
    let word = entry.pointer("/modelLifecycle/status").or_else(|| entry.get("launchStage"))?.as_str()?;
    Some(word.chars().take(40).collect())
}

/// A day: a text that begins with one, seconds since 1970, or year, month and day.
fn day(value: &Value) -> Option<String> {
    let found = match value {
        Value::String(text) => NaiveDate::parse_from_str(text.get(..10)?, "%Y-%m-%d").ok()?,
        Value::Object(parts) => {
            let part = |name: &str| parts.get(name)?.as_i64();
            let [year, month, day] = [part("year")?, part("month")?, part("day")?];
            NaiveDate::from_ymd_opt(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?)?
        }
        number => DateTime::from_timestamp(seconds(number.as_f64()?)?, 0)?.date_naive(),
    };
    Some(found.format("%Y-%m-%d").to_string())
}

#[allow(clippy::cast_possible_truncation, reason = "checked: a whole number of this millennium's seconds")]
fn seconds(number: f64) -> Option<i64> {
    (1e8..1e11).contains(&number).then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn days_in_every_form() {
        for stated in [
            json!("2026-10-01"),
            json!("2026-10-01T12:00:00Z"),
            json!(1_790_812_800),
            json!({"year": 2026, "month": 10, "day": 1}),
        ] {
            assert_eq!(day(&stated).as_deref(), Some("2026-10-01"), "{stated}");
        }
        for none in [
            json!(null),
            json!(""),
            json!("soon"),
            json!("ä2026-10-01"),
            json!({"year": 2026}),
            json!(0),
            json!(1e300),
        ] {
            assert_eq!(day(&none), None, "{none}");
        }
    }

    #[test]
    fn prices_are_per_million() {
        assert_eq!(price(Some(&json!("0.00000025")), 1e6), Some(0.25));
        assert_eq!(price(Some(&json!("0")), 1e6), Some(0.0));
        assert_eq!(price(Some(&json!(0.88)), 1.0), Some(0.88));
        for none in [json!("-1"), json!("free"), json!(null), json!("inf"), json!("NaN")] {
            assert_eq!(price(Some(&none), 1e6), None, "{none}");
        }
    }

    #[test]
    fn a_quantization_is_a_word() {
        assert_eq!(quantization(Some(&json!("FP8"))).as_deref(), Some("fp8"));
        for none in [json!("unknown"), json!(""), json!(null), json!(8), json!("a b"), json!("x".repeat(21))]
        {
            assert_eq!(quantization(Some(&none)), None, "{none}");
        }
    }

    #[test]
    fn zero_is_unknown() {
        assert_eq!(common(&json!({"max_input_tokens": 0})).context_length, None);
        assert_eq!(common(&json!({"context_window": "8192"})).context_length, Some(8192));
        assert_eq!(
            common(&json!({"deprecated": true, "active": false})).lifecycle.as_deref(),
            Some("deprecated")
        );
    }
}
