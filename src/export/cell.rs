//! One value of a column: the JSON text of a field, if it has the type that the contract gives to the column.

use crate::domain::row_fields::FieldType;
use crate::storage::outcomes::field_types::{coerce, parse_date};
use memchr::memchr3;
use serde_json::Value;
use std::borrow::Cow;

/// A value. Numbers and documents keep their original text; lists of numbers too, without their brackets.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell<'a> {
    Null,
    Text(Cow<'a, str>),
    /// An instant: as it was written, and in milliseconds since 1970.
    Date(Cow<'a, str>, i64),
    /// The text of a number.
    Double(&'a str),
    /// The text of numbers with commas between them.
    Doubles(&'a str),
    Integer(i64),
    Flag(bool),
    Texts(Vec<Cow<'a, str>>),
    /// The text of a JSON object.
    Json(&'a str),
}

/// The value of a field of this type; `None` if the text is a value of another type. `text` is valid
/// JSON without white space around it.
pub fn cell(wanted: FieldType, text: &str) -> Option<Cell<'_>> {
    if text == "null" {
        return Some(Cell::Null);
    }
    match wanted {
        FieldType::Text => string(text).map(Cell::Text),
        FieldType::Date => {
            let words = string(text)?;
            let millis = parse_date(&words)?.timestamp_millis();
            Some(Cell::Date(words, millis))
        }
        FieldType::Double => is_number(text).then_some(Cell::Double(text)),
        FieldType::DoubleList => numbers(text).map(Cell::Doubles),
        FieldType::Integer => integer(text).map(Cell::Integer),
        FieldType::Flag => matches!(text, "true" | "false").then(|| Cell::Flag(text == "true")),
        FieldType::TextList => texts(text).map(Cell::Texts),
        FieldType::Object => text.starts_with('{').then_some(Cell::Json(text)),
    }
}

/// A string's content, copied only if it contains an escape.
fn string(text: &str) -> Option<Cow<'_, str>> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str(text).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

/// Of JSON values only numbers begin like this.
fn is_number(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit() || first == '-')
}

fn integer(text: &str) -> Option<i64> {
    // The contract knows which doubles are whole numbers.
    let whole = || coerce("output_tokens", serde_json::from_str(text).ok()?).ok()?.as_i64();
    text.parse().ok().or_else(|| is_number(text).then(whole)?)
}

/// The inside of a list that holds only numbers. Any other value contains one of six bytes, and the search for them
/// checks many bytes at a time: these lists are most of a row.
fn numbers(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    let bytes = inner.as_bytes();
    let others = memchr3(b'"', b'[', b'{', bytes).or_else(|| memchr3(b't', b'f', b'n', bytes));
    others.is_none().then_some(inner.trim())
}

fn texts(text: &str) -> Option<Vec<Cow<'_, str>>> {
    if text == "[]" {
        return Some(Vec::new());
    }
    let items: Vec<Value> = serde_json::from_str(text).ok()?;
    let item = |item: Value| match item {
        Value::String(words) => Some(Cow::Owned(words)),
        _ => None,
    };
    items.into_iter().map(item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use FieldType::{Date, Double, DoubleList, Flag, Integer, Object, Text, TextList};

    #[test]
    fn values_of_their_type_are_cells() {
        let date = "2026-08-01T12:00:00.250Z";
        for (wanted, text, is) in [
            (Text, "\"a b\"", Cell::Text("a b".into())),
            (Text, "\"a\\\"b\\u00e9\"", Cell::Text("a\"bé".into())),
            (Date, &format!("\"{date}\""), Cell::Date(date.into(), 1_785_585_600_250)),
            (Double, "-1.5e-7", Cell::Double("-1.5e-7")),
            (Double, "7", Cell::Double("7")),
            (DoubleList, "[0.1, 2,3e1]", Cell::Doubles("0.1, 2,3e1")),
            (DoubleList, "[]", Cell::Doubles("")),
            (DoubleList, "[ ]", Cell::Doubles("")),
            (Integer, "-9223372036854775808", Cell::Integer(i64::MIN)),
            (Integer, "64.0", Cell::Integer(64)),
            (Flag, "false", Cell::Flag(false)),
            (TextList, "[]", Cell::Texts(Vec::new())),
            (TextList, "[\"a\",\"b\\n\"]", Cell::Texts(vec!["a".into(), "b\n".into()])),
            (Object, "{\"a\": 1}", Cell::Json("{\"a\": 1}")),
            (Object, "null", Cell::Null),
        ] {
            assert_eq!(cell(wanted, text), Some(is), "{text}");
        }
    }

    #[test]
    fn values_of_another_type_are_none() {
        for (wanted, text) in [
            (Text, "7"),
            (Text, "[\"a\"]"),
            (Date, "\"2026-08-01 10:00\""),
            (Date, "7"),
            (Double, "\"fast\""),
            (Double, "true"),
            (DoubleList, "[1,null]"),
            (DoubleList, "[1,true]"),
            (DoubleList, "[false]"),
            (DoubleList, "[1,{}]"),
            (DoubleList, "[1,[2]]"),
            (DoubleList, "[\"1\"]"),
            (DoubleList, "1"),
            (Integer, "1.5"),
            (Integer, "9223372036854775808"),
            (Integer, "\"7\""),
            (Flag, "1"),
            (TextList, "[1]"),
            (Object, "[]"),
        ] {
            assert_eq!(cell(wanted, text), None, "{text}");
        }
    }
}
