//! Documents of any writer as JSON for readers: dates as RFC 3339, ids as hex, and types that JSON lacks as text.
//! Refuses nothing and guesses nothing.

use super::bson::{SLOT_AT, moment};
use crate::domain::slot;
use crate::storage::outcomes::field_types::date_value;
use chrono::{DateTime, Utc};
use mongodb::bson::raw::CStr;
use mongodb::bson::{Bson, Document, RawBson, RawBsonRef, RawDocument, RawDocumentBuf};
use serde_json::{Map, Number, Value};
use std::borrow::Cow;

/// A document borrowed from the server's answer, with its keys as they were sent. Ends before a field
/// that cannot be read.
pub fn document(document: &RawDocument) -> Map<String, Value> {
    let field = |(key, value): (&CStr, RawBsonRef<'_>)| {
        let value = match (key.as_str(), value) {
            // As ids and the other store spell it.
            (SLOT_AT, RawBsonRef::DateTime(at)) => moment(at).map(|at| slot::spelt(at).into()),
            _ => None,
        }
        .unwrap_or_else(|| plain(value));
        (unescape_key(key.as_str()).into_owned(), value)
    };
    document.iter().map_while(Result::ok).map(field).collect()
}

/// The same for an owned document.
pub fn fields(fields: &Document) -> Map<String, Value> {
    // A document from a server can always be encoded.
    document(&RawDocumentBuf::try_from(fields).unwrap_or_default())
}

/// A value borrowed from the server's answer.
pub fn plain(value: RawBsonRef<'_>) -> Value {
    match value {
        RawBsonRef::Null | RawBsonRef::Undefined => Value::Null,
        RawBsonRef::Boolean(flag) => flag.into(),
        RawBsonRef::Int32(number) => number.into(),
        RawBsonRef::Int64(number) => number.into(),
        RawBsonRef::Double(number) => {
            Number::from_f64(number).map_or_else(|| Value::String(number.to_string()), Value::Number)
        }
        RawBsonRef::String(text) | RawBsonRef::Symbol(text) => Value::String(text.to_owned()),
        RawBsonRef::Array(items) => items.into_iter().map_while(Result::ok).map(plain).collect(),
        RawBsonRef::Document(fields) => Value::Object(document(fields)),
        RawBsonRef::ObjectId(id) => Value::String(id.to_hex()),
        RawBsonRef::DateTime(at) => match moment(at) {
            Some(at) => date_value(at),
            None => Value::String(format!("{} ms since 1970", at.timestamp_millis())),
        },
        other => Value::String(Bson::try_from(other).map(|value| value.to_string()).unwrap_or_default()),
    }
}

/// The same for an owned value.
pub fn value(value: &Bson) -> Value {
    // A value from a server can always be encoded.
    RawBson::try_from(value.clone()).map(|value| plain(value.as_raw_bson_ref())).unwrap_or_default()
}

/// A value as one text: `None` for none, other types as JSON.
pub fn words(text: Option<&Bson>) -> Option<String> {
    match value(text?) {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

/// A field that is a date.
pub fn instant(document: &Document, name: &str) -> Option<DateTime<Utc>> {
    moment(*document.get_datetime(name).ok()?)
}

/// A field that is a whole number of any width.
pub fn whole(document: &Document, name: &str) -> Option<i64> {
    match document.get(name)? {
        Bson::Int32(number) => Some(i64::from(*number)),
        Bson::Int64(number) => Some(*number),
        _ => None,
    }
}

/// Reverses the encoding of keys by `super::bson`. Keys of other writers rarely hold a percent sign.
pub fn unescape_key(key: &str) -> Cow<'_, str> {
    if !key.contains('%') {
        return Cow::Borrowed(key);
    }
    if key == "%" {
        return Cow::Borrowed("");
    }
    let plain = key.replace("%24", "$").replace("%2E", ".").replace("%00", "\0");
    Cow::Owned(plain.replace("%25", "%"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::oid::ObjectId;
    use mongodb::bson::{self, doc};
    use serde_json::json;

    #[test]
    fn every_type_has_words() {
        let odd = doc! {
            "nan": f64::NAN, "id": ObjectId::from_bytes([1; 12]), "at": bson::DateTime::from_millis(0),
            "never": bson::DateTime::MAX, "decimal": Bson::Decimal128("1.5".parse().unwrap()),
            "regex": Bson::MinKey, "list": [1, 2.0, null], "%24x%2Ey": 1, "%": true,
        };
        let shown = fields(&odd);
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
