//! Converts values to the types of the data contract (`domain::row_fields`). Existing readers fail on a date that is
//! a string or a rate that is not a double, so every row is converted before a store gets it. A field that the
//! contract does not define keeps its natural type.

use crate::domain::row_fields::FieldType::{
    self, Date, Double, DoubleList, Flag, Integer, Object, Text, TextList,
};
use crate::domain::row_fields::field_type;
use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde_json::{Number, Value};

/// Converts the value of a top-level field to its type: `1` in a double field becomes `1.0`, a date is truncated to
/// milliseconds (BSON's precision, and a row must be equal to the one read back).
///
/// # Errors
/// One sentence without the value, if the value does not have the type of the field.
pub fn coerce(name: &str, value: Value) -> Result<Value, String> {
    let Some(wanted) = field_type(name) else { return Ok(value) };
    typed(wanted, value).ok_or_else(|| format!("field `{name}` must be {}", spoken(wanted)))
}

/// True if [`coerce`] would return the value unchanged.
pub fn fits(name: &str, value: &Value) -> bool {
    field_type(name).is_none_or(|wanted| has_type(wanted, value))
}

fn has_type(wanted: FieldType, value: &Value) -> bool {
    match (wanted, value) {
        (_, Value::Null) | (Text, Value::String(_)) | (Flag, Value::Bool(_)) | (Object, Value::Object(_)) => {
            true
        }
        (Date, Value::String(text)) => is_date_value(text),
        (Double, value) => value.is_f64(),
        (Integer, value) => value.is_i64(),
        (DoubleList, Value::Array(items)) => items.iter().all(Value::is_f64),
        (TextList, Value::Array(items)) => items.iter().all(Value::is_string),
        _ => false,
    }
}

/// Converts a value to a type; `None` if it has another type.
pub fn typed(wanted: FieldType, value: Value) -> Option<Value> {
    if has_type(wanted, &value) {
        return Some(value);
    }
    match wanted {
        Text | Flag | Object | TextList => None,
        Date => value.as_str().and_then(parse_date).map(date_value),
        Double => double(&value),
        Integer => integer(&value),
        DoubleList => value.as_array()?.iter().map(double).collect::<Option<Vec<_>>>().map(Value::Array),
    }
}

fn double(value: &Value) -> Option<Value> {
    value.as_f64().and_then(Number::from_f64).map(Value::Number)
}

/// The largest whole number up to which a double represents every whole number.
const EXACT_DOUBLE: f64 = 9_007_199_254_740_992.0;

#[allow(
    clippy::cast_possible_truncation,
    reason = "checked: a whole number within the exact range of a double"
)]
fn integer(value: &Value) -> Option<Value> {
    let float = value.as_f64().filter(|float| float.fract() == 0.0 && float.abs() <= EXACT_DOUBLE)?;
    Some((float as i64).into())
}

/// An instant in every store's JSON format: `2026-08-01T12:00:00.123Z`.
pub fn date_value(instant: DateTime<Utc>) -> Value {
    Value::String(instant.to_rfc3339_opts(SecondsFormat::Millis, true))
}

/// True if a text has the format of [`date_value`].
fn is_date_value(text: &str) -> bool {
    let is_shape = text.len() == DATE_LENGTH && text.ends_with('Z') && text.get(10..11) == Some("T");
    is_shape && parse_date(text).is_some()
}

/// Milliseconds since 1970 of a text in the format of [`date_value`], as stores write it: several times faster than
/// [`parse_date`]. `None` for all others, and for a leap second.
pub fn milliseconds(text: &str) -> Option<i64> {
    const SHAPE: &[u8; DATE_LENGTH] = b"0000-00-00T00:00:00.000Z";
    let bytes: &[u8; DATE_LENGTH] = text.as_bytes().try_into().ok()?;
    let fits = |(byte, shape): (&u8, &u8)| if *shape == b'0' { byte.is_ascii_digit() } else { byte == shape };
    if !bytes.iter().zip(SHAPE).all(fits) {
        return None;
    }
    let number = |from: usize, to: usize| {
        bytes[from..to].iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'))
    };
    let day = NaiveDate::from_ymd_opt(number(0, 4) as i32, number(5, 7), number(8, 10))?;
    let at = day.and_hms_milli_opt(number(11, 13), number(14, 16), number(17, 19), number(20, 23))?;
    Some(at.and_utc().timestamp_millis())
}

/// Length of such a text, for a year with four digits.
const DATE_LENGTH: usize = 24;

/// Parses RFC 3339 with an offset. A local time without one is refused, because it is ambiguous.
pub fn parse_date(text: &str) -> Option<DateTime<Utc>> {
    if let Some(at) = milliseconds(text) {
        return DateTime::from_timestamp_millis(at);
    }
    DateTime::parse_from_rfc3339(text).ok().map(|instant| instant.to_utc())
}

/// The description of a type in error messages.
pub fn spoken(wanted: FieldType) -> &'static str {
    match wanted {
        Text => "a string",
        Date => "a date in RFC 3339 with an offset",
        Double => "a finite number",
        DoubleList => "an array of finite numbers",
        Integer => "a whole number",
        Flag => "true or false",
        Object => "an object",
        TextList => "an array of strings",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn values_take_the_type_of_their_field() {
        assert_eq!(coerce("temperature", json!(0)).unwrap().to_string(), "0.0");
        assert_eq!(coerce("output_tokens", json!(64.0)).unwrap().to_string(), "64");
        assert_eq!(coerce("time_to_first_token", Value::Null), Ok(Value::Null));
        assert_eq!(coerce("times_between_tokens", json!([1, 0.5])).unwrap().to_string(), "[1.0,0.5]");
        let date = coerce("run_ts", json!("2026-08-01T14:00:00.123456+02:00")).unwrap();
        assert_eq!(date, json!("2026-08-01T12:00:00.123Z"));
        assert_eq!(coerce("nobody_knows", json!(1)).unwrap().to_string(), "1");
    }

    #[test]
    fn a_date_fits_in_one_form_alone() {
        for (text, fitting) in [
            ("2026-08-01T12:00:00.123Z", true),
            ("2026-08-01t12:00:00.123Z", false),
            ("2026-08-01T12:00:00.123z", false),
            ("2026-08-01T12:00:00Z", false),
            ("2026-08-01T12:00:0+01:00", false),
            ("2026-08-01T12:00:00.1+0Z", false),
        ] {
            assert_eq!(fits("run_ts", &json!(text)), fitting, "{text}");
        }
    }

    proptest! {
        #[test]
        fn dates_of_stores_are_read_as_all_are(at in -62_167_219_200_000..253_402_300_800_000_i64) {
            let at = DateTime::from_timestamp_millis(at).unwrap();
            let Value::String(text) = date_value(at) else { panic!() };
            prop_assert_eq!(milliseconds(&text), Some(at.timestamp_millis()));
            prop_assert_eq!(DateTime::parse_from_rfc3339(&text).unwrap(), at);
        }

        #[test]
        fn what_is_read_quickly_means_the_same(text in "[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9][.,][0-9]{3}[Zz]") {
            if let Some(at) = milliseconds(&text) {
                prop_assert_eq!(DateTime::parse_from_rfc3339(&text).unwrap().timestamp_millis(), at);
            }
        }
    }

    #[test]
    fn a_wrong_type_is_named_without_its_value() {
        for (name, value) in [
            ("run_ts", json!("2026-08-01 12:00:00")),
            ("tokens_per_second", json!("secret")),
            ("output_tokens", json!(1.5)),
            ("times_between_tokens", json!([0.1, null])),
            ("misc", json!([])),
        ] {
            let error = coerce(name, value).unwrap_err();
            assert!(error.contains(name) && !error.contains("secret"), "{error}");
        }
    }

    /// One field of each type.
    const NAMES: [&str; 8] = [
        "provider",
        "run_ts",
        "tokens_per_second",
        "times_between_tokens",
        "output_tokens",
        "suspect",
        "misc",
        "adaptations",
    ];

    proptest! {
        #[test]
        fn coercing_twice_is_coercing_once(float: f64, whole: i64, text: String, at in any::<u32>(), odd in 0..4usize) {
            let at = DateTime::from_timestamp(i64::from(at), 123_000_000).unwrap();
            let date = [date_value(at), json!(at.to_rfc3339()), json!(at), json!(format!("{at}"))][odd].clone();
            for name in NAMES {
                for value in [json!(float), json!(whole), json!(text), date.clone(), json!([float, whole]), json!([text]), json!({}), json!(true)] {
                    let fitting = fits(name, &value);
                    if let Ok(once) = coerce(name, value.clone()) {
                        prop_assert!(fits(name, &once), "{once}");
                        // A value of the right type stays the same, to the last character.
                        let (before, after) = (value.to_string(), once.to_string());
                        prop_assert!(!fitting || before == after, "{value}");
                        prop_assert_eq!(coerce(name, once.clone()), Ok(once));
                    } else {
                        prop_assert!(!fitting, "{value}");
                    }
                }
            }
        }
    }
}
