//! Converts between a row's JSON and BSON. The contract's table tells which texts are dates; other values keep their
//! type, whole numbers as int32 if they fit, else int64. Keys that MongoDB reads as paths or operators are
//! percent-encoded (`.` as `%2E`, a leading `$` as `%24`, NUL as `%00`, `%` as `%25`, the empty key as a lone `%`): no
//! field of the contract needs it, no two keys become one, and any URL decoder reads them back.

use crate::domain::row_fields::{FieldType, field_type};
use crate::storage::outcomes::field_types::parse_date;
use mongodb::bson::error::Error;
use mongodb::bson::spec::ElementType;
use mongodb::bson::{Bson, DateTime, Document, RawDocumentBuf};
use serde_json::{Map, Number, Value};
use std::borrow::Cow;

/// The time of a slot in rows and jobs.
pub const SLOT_AT: &str = "slot_at";

/// A row's fields, or some of them, as a document.
pub fn to_document(fields: &Map<String, Value>) -> Document {
    fields.iter().map(|(name, value)| (escape_key(name).into_owned(), top_level(name, value))).collect()
}

fn top_level(name: &str, value: &Value) -> Bson {
    match value.as_str().filter(|_| is_date(name)).and_then(parse_date) {
        Some(instant) => date(instant),
        None => natural(value),
    }
}

/// True if a row's field is a date in BSON. A slot's time is text elsewhere, because it is part of ids; here it has the
/// type that it has in jobs.
fn is_date(name: &str) -> bool {
    name == SLOT_AT || field_type(name) == Some(FieldType::Date)
}

/// The fields of a document inside a row, which holds no dates.
pub fn fields_of(fields: &Map<String, Value>) -> Document {
    fields.iter().map(|(name, value)| (escape_key(name).into_owned(), natural(value))).collect()
}

/// An instant as a BSON date.
pub fn date(instant: chrono::DateTime<chrono::Utc>) -> Bson {
    Bson::DateTime(DateTime::from_millis(instant.timestamp_millis()))
}

/// A BSON date as an instant, if its year can be represented.
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
        // Whole numbers above 63 bits: refused in rows of ours, doubles in a provider's own entry.
        None => Bson::Double(number.as_f64().unwrap_or(f64::NAN)),
    }
}

/// The same as bytes, in one pass and one piece of memory: for many rows.
///
/// # Errors
/// None below the two gigabytes that a document's own length can express.
pub fn to_raw(fields: &Map<String, Value>) -> Result<RawDocumentBuf, Error> {
    let mut bytes = Vec::with_capacity(FIRST_BYTES);
    within(&mut bytes, |bytes| {
        for (name, value) in fields {
            match value {
                Value::String(text) if is_date(name) => {
                    write_date_or_text(bytes, name, text);
                }
                // Keys of the contract are stored as they are.
                _ if field_type(name).is_some() => write(bytes, name, value),
                _ => write(bytes, &escape_key(name), value),
            }
        }
    });
    RawDocumentBuf::from_bytes(bytes)
}

/// Initial capacity: the length of nearly all rows.
const FIRST_BYTES: usize = 3072;

/// Writes a document or an array: its length, its elements and its end.
pub fn within<T>(bytes: &mut Vec<u8>, elements: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    let start = bytes.len();
    bytes.extend([0; 4]);
    let written = elements(bytes);
    bytes.push(0);
    let length = i32::try_from(bytes.len() - start).unwrap_or(i32::MAX);
    bytes[start..start + 4].copy_from_slice(&length.to_le_bytes());
    written
}

/// Writes the type of an element and its key, which holds no NUL.
fn begin(bytes: &mut Vec<u8>, element: ElementType, key: &str) {
    bytes.push(element as u8);
    bytes.extend(key.as_bytes());
    bytes.push(0);
}

fn write_date_or_text(bytes: &mut Vec<u8>, name: &str, text: &str) {
    let Some(instant) = parse_date(text) else { return write_text(bytes, &escape_key(name), text) };
    begin(bytes, ElementType::DateTime, &escape_key(name));
    bytes.extend(instant.timestamp_millis().to_le_bytes());
}

fn write_text(bytes: &mut Vec<u8>, key: &str, text: &str) {
    begin(bytes, ElementType::String, key);
    bytes.extend(i32::try_from(text.len() + 1).unwrap_or(i32::MAX).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes.push(0);
}

/// Writes an element with the same type as [`natural`] gives.
fn write(bytes: &mut Vec<u8>, key: &str, value: &Value) {
    match value {
        Value::Null => begin(bytes, ElementType::Null, key),
        Value::Bool(flag) => {
            begin(bytes, ElementType::Boolean, key);
            bytes.push(u8::from(*flag));
        }
        Value::String(text) => write_text(bytes, key, text),
        Value::Number(number) => write_number(bytes, key, number),
        Value::Array(items) => {
            begin(bytes, ElementType::Array, key);
            within(bytes, |bytes| {
                let mut keys = ArrayKeys::default();
                items.iter().for_each(|item| write(bytes, keys.next(), item));
            });
        }
        Value::Object(fields) => {
            begin(bytes, ElementType::EmbeddedDocument, key);
            within(bytes, |bytes| {
                fields.iter().for_each(|(name, item)| write(bytes, &escape_key(name), item));
            });
        }
    }
}

fn write_number(bytes: &mut Vec<u8>, key: &str, number: &Number) {
    match numeric(number) {
        Bson::Int32(whole) => {
            begin(bytes, ElementType::Int32, key);
            bytes.extend(whole.to_le_bytes());
        }
        Bson::Int64(whole) => {
            begin(bytes, ElementType::Int64, key);
            bytes.extend(whole.to_le_bytes());
        }
        other => {
            begin(bytes, ElementType::Double, key);
            bytes.extend(other.as_f64().unwrap_or(f64::NAN).to_le_bytes());
        }
    }
}

/// The keys of an array: "0", "1", "2", …
#[derive(Default)]
pub struct ArrayKeys(String);

impl ArrayKeys {
    /// The next key. Counts in decimal digits, which is much faster than formatting a number for each item.
    pub fn next(&mut self) -> &str {
        let nines = self.0.bytes().rev().take_while(|digit| *digit == b'9').count();
        let kept = self.0.len() - nines;
        self.0.truncate(kept);
        match (self.0.pop(), nines) {
            (Some(digit), _) => self.0.push(char::from(digit as u8 + 1)),
            (None, 0) => self.0.push('0'),
            (None, _) => self.0.push('1'),
        }
        self.0.extend(std::iter::repeat_n('0', nines));
        &self.0
    }
}

/// The key under which a field is stored.
pub fn escape_key(key: &str) -> Cow<'_, str> {
    if key.is_empty() {
        return Cow::Borrowed("%");
    }
    if !key.bytes().any(|byte| matches!(byte, b'%' | b'.' | b'\0' | b'$')) {
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
    use super::super::to_json::unescape_key;
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
    fn keys_of_an_array_are_its_indexes() {
        let mut keys = ArrayKeys::default();
        assert!((0..12_345).all(|index| keys.next() == index.to_string()));
    }

    #[test]
    fn keys_of_the_contract_are_not_touched() {
        assert_eq!(escape_key("time_to_64_visible_tokens_seconds"), "time_to_64_visible_tokens_seconds");
        assert_eq!(escape_key("$a.b"), "%24a%2Eb");
        assert_eq!(escape_key("a$"), "a$");
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            (-1e300..1e300_f64).prop_map(Value::from),
            "[a-z\0ü]{0,12}".prop_map(Value::from),
            Just(json!("2026-08-01T12:00:00.123Z")),
        ];
        leaf.prop_recursive(3, 40, 12, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..12).prop_map(Value::from),
                prop::collection::hash_map("[a-c$.%\0]{0,4}", inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn bytes_are_those_of_the_document(
            fields in prop::collection::hash_map("run_ts|gen_ts|[a-c$.%\0]{0,4}", values(), 0..8)
        ) {
            let fields: Map<String, Value> = fields.into_iter().collect();
            let raw = to_raw(&fields).unwrap();
            prop_assert_eq!(raw, RawDocumentBuf::try_from(&to_document(&fields)).unwrap());
        }

        #[test]
        fn no_key_is_a_path_or_an_operator_and_none_is_lost(key in "[$.%\0a-c024E5]{0,8}") {
            let escaped = escape_key(&key);
            prop_assert!(!escaped.is_empty() && !escaped.starts_with('$'));
            prop_assert!(!escaped.contains(['.', '\0']));
            prop_assert_eq!(&*unescape_key(&escaped), key.as_str());
        }
    }
}
