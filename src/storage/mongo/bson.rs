//! Between a row's JSON and BSON. The table of the contract says which texts are dates; everything else keeps the type that
//! the row already has, whole numbers as int32 where they fit and int64 where they do not.
//!
//! Keys that MongoDB reads as paths or operators are written in percent style: `.` as `%2E`, a leading `$` as `%24`, NUL as
//! `%00`, `%` itself as `%25`, and the empty key as a lone `%`. No field of the contract needs it, no two keys become
//! one, and any URL decoder reads them back.

use crate::storage::contract::{FieldType, field_type, parse_date};
use mongodb::bson::error::Error;
use mongodb::bson::raw::CStr;
use mongodb::bson::{Bson, DateTime, Document, RawBson, RawBsonRef, RawDocumentBuf};
use serde_json::{Map, Number, Value};
use std::borrow::Cow;

/// A row's fields, or some of them, as a document.
pub fn to_document(fields: &Map<String, Value>) -> Document {
    fields.iter().map(|(name, value)| (escape_key(name).into_owned(), top_level(name, value))).collect()
}

fn top_level(name: &str, value: &Value) -> Bson {
    match (field_type(name), value.as_str().and_then(parse_date)) {
        (Some(FieldType::Date), Some(instant)) => date(instant),
        _ => natural(value),
    }
}

/// The fields of a document inside a row, where nothing is a date.
pub fn fields_of(fields: &Map<String, Value>) -> Document {
    fields.iter().map(|(name, value)| (escape_key(name).into_owned(), natural(value))).collect()
}

/// An instant as a BSON date.
pub fn date(instant: chrono::DateTime<chrono::Utc>) -> Bson {
    Bson::DateTime(DateTime::from_millis(instant.timestamp_millis()))
}

/// A BSON date as an instant, where it lies within the years that we can name.
pub fn moment(at: DateTime) -> Option<chrono::DateTime<chrono::Utc>> {
    chrono::DateTime::from_timestamp_millis(at.timestamp_millis())
}

/// A value inside a row, with the type that it has already.
pub fn natural(value: &Value) -> Bson {
    match value {
        Value::Null => Bson::Null,
        Value::Bool(flag) => Bson::Boolean(*flag),
        Value::String(text) => Bson::String(text.clone()),
        Value::Number(number) => numeric(number),
        Value::Array(items) => Bson::Array(items.iter().map(natural).collect()),
        Value::Object(fields) => Bson::Document(fields_of(fields)),
    }
}

fn numeric(number: &Number) -> Bson {
    match number.as_i64() {
        Some(whole) => i32::try_from(whole).map_or(Bson::Int64(whole), Bson::Int32),
        // Whole numbers above 63 bits: refused when a row of ours was made, doubles in a provider's own entry.
        None => Bson::Double(number.as_f64().unwrap_or(f64::NAN)),
    }
}

/// The same as bytes, in one pass: for many rows.
///
/// # Errors
/// None for fields that [`crate::storage::document::holdable`] lets pass.
pub fn to_raw(fields: &Map<String, Value>) -> Result<RawDocumentBuf, Error> {
    let mut raw = RawDocumentBuf::new();
    for (name, value) in fields {
        let key = escape_key(name);
        let key = <&CStr>::try_from(&*key)?;
        match value {
            Value::String(text) => match field_type(name) {
                Some(FieldType::Date) => raw.append(key, RawBson::try_from(top_level(name, value))?),
                _ => raw.append(key, text.as_str()),
            },
            Value::Bool(flag) => raw.append(key, *flag),
            Value::Null => raw.append(key, RawBsonRef::Null),
            Value::Number(number) => raw.append(key, RawBson::try_from(numeric(number))?),
            deep => raw.append(key, RawBson::try_from(natural(deep))?),
        }
    }
    Ok(raw)
}

fn escape_key(key: &str) -> Cow<'_, str> {
    if key.is_empty() {
        return Cow::Borrowed("%");
    }
    if !key.contains(['%', '.', '\0', '$']) {
        return Cow::Borrowed(key);
    }
    let escaped = key.replace('%', "%25").replace('.', "%2E").replace('\0', "%00");
    match escaped.strip_prefix('$') {
        Some(rest) => Cow::Owned(format!("%24{rest}")),
        None => Cow::Owned(escaped),
    }
}

#[cfg(test)]
mod tests {
    use super::super::plain::unescape_key;
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn numbers_keep_their_kind_and_dates_become_dates() {
        let fields = json!({"a": 1, "b": 5_000_000_000_i64, "c": 1.0, "run_ts": "2026-08-01T12:00:00.123Z",
            "note": "2026-08-01T12:00:00.123Z", "null": null});
        let document = to_document(fields.as_object().unwrap());
        assert_eq!(document.get("a"), Some(&Bson::Int32(1)));
        assert_eq!(document.get("b"), Some(&Bson::Int64(5_000_000_000)));
        assert_eq!(document.get("c"), Some(&Bson::Double(1.0)));
        assert_eq!(
            document.get("run_ts").unwrap().as_datetime().unwrap().timestamp_millis(),
            1_785_585_600_123
        );
        assert!(document.get_str("note").is_ok());
        assert_eq!(document.get("null"), Some(&Bson::Null));
    }

    #[test]
    fn keys_of_the_contract_are_not_touched() {
        assert_eq!(escape_key("time_to_64_visible_tokens_seconds"), "time_to_64_visible_tokens_seconds");
        assert_eq!(escape_key("$a.b"), "%24a%2Eb");
        assert_eq!(escape_key("a$"), "a$");
    }

    proptest! {
        #[test]
        fn no_key_is_a_path_or_an_operator_and_none_is_lost(key in "[$.%\0a-c024E5]{0,8}") {
            let escaped = escape_key(&key);
            prop_assert!(!escaped.is_empty() && !escaped.starts_with('$'));
            prop_assert!(!escaped.contains(['.', '\0']));
            prop_assert_eq!(&*unescape_key(&escaped), key.as_str());
        }
    }
}
