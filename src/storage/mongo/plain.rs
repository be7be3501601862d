//! Documents of any writer as JSON for readers: dates as RFC 3339, ids as hex, and whatever JSON has no word for as text.
//! Nothing is refused and nothing is guessed.

use crate::storage::contract::date_value;
use crate::storage::history::Stored;
use chrono::{DateTime, Utc};
use mongodb::bson::{Bson, Document};
use serde_json::{Number, Value};

/// A document with its keys as they were sent.
pub fn document(document: Document) -> Stored {
    document.into_iter().map(|(key, value)| (unescape_key(&key), plain(value))).collect()
}

/// A value.
pub fn plain(value: Bson) -> Value {
    match value {
        Bson::Null | Bson::Undefined => Value::Null,
        Bson::Boolean(flag) => flag.into(),
        Bson::Int32(number) => number.into(),
        Bson::Int64(number) => number.into(),
        Bson::Double(number) => {
            Number::from_f64(number).map_or_else(|| Value::String(number.to_string()), Value::Number)
        }
        Bson::String(text) | Bson::Symbol(text) => Value::String(text),
        Bson::Array(items) => items.into_iter().map(plain).collect(),
        Bson::Document(fields) => Value::Object(document(fields)),
        Bson::ObjectId(id) => Value::String(id.to_hex()),
        Bson::DateTime(at) => match DateTime::from_timestamp_millis(at.timestamp_millis()) {
            Some(at) => date_value(at),
            None => Value::String(format!("{} ms since 1970", at.timestamp_millis())),
        },
        Bson::Decimal128(number) => Value::String(number.to_string()),
        other => Value::String(other.to_string()),
    }
}

/// A value as one text: `None` where there is none, other types in JSON's words.
pub fn words(value: Option<&Bson>) -> Option<String> {
    match value.cloned().map(plain)? {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

/// A field that is a date.
pub fn instant(document: &Document, name: &str) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(document.get_datetime(name).ok()?.timestamp_millis())
}

/// A field that is a whole number, whatever its width.
pub fn whole(document: &Document, name: &str) -> Option<i64> {
    match document.get(name)? {
        Bson::Int32(number) => Some(i64::from(*number)),
        Bson::Int64(number) => Some(*number),
        _ => None,
    }
}

/// What `super::bson` did to a key, undone. Keys of other writers hold no percent sign to speak of.
fn unescape_key(key: &str) -> String {
    if key == "%" {
        return String::new();
    }
    let plain = key.replace("%24", "$").replace("%2E", ".").replace("%00", "\0");
    plain.replace("%25", "%")
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::{self, doc, oid::ObjectId};
    use serde_json::json;

    #[test]
    fn every_type_has_words() {
        let odd = doc! {
            "nan": f64::NAN, "id": ObjectId::from_bytes([1; 12]), "at": bson::DateTime::from_millis(0),
            "never": bson::DateTime::MAX, "decimal": Bson::Decimal128("1.5".parse().unwrap()),
            "regex": Bson::MinKey, "list": [1, 2.0, null], "%24x%2Ey": 1, "%": true,
        };
        let shown = document(odd);
        assert_eq!(shown["nan"], "NaN");
        assert_eq!(shown["id"], "010101010101010101010101");
        assert_eq!(shown["at"], "1970-01-01T00:00:00.000Z");
        assert!(shown["never"].as_str().unwrap().ends_with("ms since 1970"));
        assert_eq!(shown["decimal"], "1.5");
        assert!(shown["regex"].is_string());
        assert_eq!(shown["list"], json!([1, 2.0, null]));
        assert_eq!((&shown["$x.y"], &shown[""]), (&json!(1), &json!(true)));
        assert_eq!(words(Some(&Bson::Int32(7))), Some("7".to_owned()));
        assert_eq!(words(Some(&Bson::Null)), None);
        assert_eq!(words(None), None);
    }
}
