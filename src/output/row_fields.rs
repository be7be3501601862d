//! Formats fields of stored rows for people. A row may be another program's: a missing field is a dash, and a value of
//! another type is shown as it is.

use super::text;
use chrono::{DateTime, FixedOffset, Utc};
use serde_json::{Map, Value};

/// A field as one line; a dash if it is missing.
pub fn word(row: &Map<String, Value>, name: &str) -> String {
    row.get(name).map_or_else(|| "-".to_owned(), value)
}

/// A value as one line.
pub fn value(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(words) => text::escape(words),
        other => text::escape(&other.to_string()),
    }
}

/// A finite number of at least 0; `None` for anything else.
pub fn figure(row: &Map<String, Value>, name: &str) -> Option<f64> {
    row.get(name).and_then(Value::as_f64).filter(|number| number.is_finite() && *number >= 0.0)
}

/// A figure formatted by `words`; any other value as it is.
pub fn shown(row: &Map<String, Value>, name: &str, words: impl Fn(f64) -> String) -> String {
    figure(row, name).map_or_else(|| word(row, name), words)
}

/// An instant, if the field holds one.
pub fn instant(row: &Map<String, Value>, name: &str) -> Option<DateTime<Utc>> {
    let words = row.get(name).and_then(Value::as_str)?;
    DateTime::parse_from_rfc3339(words).ok().map(|at| at.to_utc())
}

/// A time in this zone; any other value as it is.
pub fn time(row: &Map<String, Value>, name: &str, zone: FixedOffset) -> String {
    instant(row, name).map_or_else(|| word(row, name), |at| short_time(at, zone))
}

/// A time in this zone, to the second.
pub fn short_time(at: DateTime<Utc>, zone: FixedOffset) -> String {
    at.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S").to_string()
}

/// `provider:model_name`, with a dash for a missing name.
pub fn model(row: &Map<String, Value>) -> String {
    format!("{}:{}", word(row, "provider"), word(row, "model_name"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn zone() -> FixedOffset {
        FixedOffset::east_opt(3600).unwrap()
    }

    #[test]
    fn odd_types_are_shown_as_they_are() {
        let row = json!({"provider": 7, "model_name": "a\nb\u{1b}[2J", "run_ts": "2026-11-01 13:00", "ttft": "fast",
            "rate": -1, "list": ["x"], "ts": "2026-11-01T13:00:00Z"});
        let row = row.as_object().unwrap();
        assert_eq!(model(row), "7:a\\nb\\u{1b}[2J");
        assert_eq!(time(row, "run_ts", zone()), "2026-11-01 13:00");
        assert_eq!(time(row, "ts", zone()), "2026-11-01 14:00:00");
        assert_eq!(shown(row, "ttft", |_| panic!()), "fast");
        assert_eq!(shown(row, "rate", |_| panic!()), "-1");
        assert_eq!(word(row, "list"), "[\"x\"]");
        assert_eq!(word(row, "nothing"), "-");
    }

    pub fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| prop::collection::vec(inner, 0..4).prop_map(Value::from))
    }

    proptest! {
        #[test]
        fn nothing_unsafe_is_shown(odd in any_json()) {
            let row: Map<String, Value> = [("f".to_owned(), odd)].into_iter().collect();
            for shown in [word(&row, "f"), time(&row, "f", zone()), shown(&row, "f", |number| number.to_string())] {
                prop_assert!(!shown.chars().any(char::is_control), "{shown:?}");
            }
        }
    }
}
