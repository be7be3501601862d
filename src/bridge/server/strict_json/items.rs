//! Reads a body that is a list by the same strict rules, and passes its items on one by one: a whole body as a tree of
//! values is many times its size.

use super::{BodyError, JsonPathSegment, JsonReadState, StrictVisitor, TWICE, read_by};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;

/// The field of a body that may hold its list, and its path.
const LIST: &str = "results";
pub const LIST_PATH: &str = "$.results";

/// Reads a body that is a list, or an object with a list under [`LIST`]. Passes each item to `each` as soon as it is
/// read, with the path of the list, so that one item is in memory at a time. Returns false if there is no such list;
/// where it fails, some items may have been passed on.
///
/// # Errors
/// As [`super::read`].
pub fn read_items(bytes: &[u8], each: &mut dyn FnMut(&'static str, Value)) -> Result<bool, BodyError> {
    let progress = RefCell::new(JsonReadState::default());
    let strict = StrictVisitor { progress: &progress, depth: 0 };
    read_by(bytes, ItemsVisitor { strict, outermost: true, each }, &progress)
}

/// Reads a list item by item, where one may be; all else as [`StrictVisitor`] does, and keeps nothing of it.
struct ItemsVisitor<'a> {
    strict: StrictVisitor<'a>,
    /// True for the body itself, which may be an object with the list in it.
    outermost: bool,
    each: &'a mut dyn FnMut(&'static str, Value),
}

impl<'de> DeserializeSeed<'de> for ItemsVisitor<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ItemsVisitor<'_> {
    type Value = bool;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.strict.expecting(formatter)
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<bool, E> {
        self.strict.visit_u64(value).map(|_| false)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<bool, E> {
        self.strict.visit_f64(value).map(|_| false)
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<bool, A::Error> {
        let inner = self.strict.deeper()?;
        for place in 0.. {
            match items.next_element_seed(inner) {
                Ok(Some(item)) => (self.each)(if self.outermost { "$" } else { LIST_PATH }, item),
                Ok(None) => break,
                Err(error) => {
                    self.strict.inside(JsonPathSegment::Index(place));
                    return Err(error);
                }
            }
        }
        Ok(true)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<bool, A::Error> {
        if !self.outermost {
            return self.strict.visit_map(fields).map(|_| false);
        }
        let inner = self.strict.deeper()?;
        let (mut found, mut keys) = (false, HashSet::new());
        while let Some(key) = fields.next_key::<String>()? {
            self.strict.check_key::<A::Error>(&key, keys.len())?;
            if keys.contains(&key) {
                self.strict.inside(JsonPathSegment::Key(key));
                return self.strict.refuse(TWICE);
            }
            let read = if key == LIST {
                let list = ItemsVisitor { strict: inner, outermost: false, each: &mut *self.each };
                fields.next_value_seed(list).map(|is_list| found = is_list)
            } else {
                fields.next_value_seed(inner).map(drop)
            };
            if let Err(error) = read {
                self.strict.inside(JsonPathSegment::Key(key));
                return Err(error);
            }
            keys.insert(key);
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{DEEPEST, read};
    use super::*;
    use proptest::prelude::*;

    /// The items, whether there was a list, and the error, as from the whole value.
    fn items_of_whole(bytes: &[u8]) -> Result<Option<(&'static str, Vec<Value>)>, BodyError> {
        Ok(match read(bytes)? {
            Value::Array(items) => Some(("$", items)),
            Value::Object(mut fields) => match fields.remove(LIST) {
                Some(Value::Array(items)) => Some((LIST_PATH, items)),
                _ => None,
            },
            _ => None,
        })
    }

    fn items(bytes: &[u8]) -> Result<Option<(&'static str, Vec<Value>)>, BodyError> {
        let (mut items, mut at) = (Vec::new(), None);
        let found = read_items(bytes, &mut |path, item| {
            at = Some(path);
            items.push(item);
        })?;
        Ok(found.then(|| (at.unwrap_or("-"), items)))
    }

    fn assert_same_items(bytes: &[u8]) {
        let whole = items_of_whole(bytes);
        let whole =
            whole.map(|found| found.map(|(at, items)| (if items.is_empty() { "-" } else { at }, items)));
        assert_eq!(items(bytes), whole, "{}", String::from_utf8_lossy(bytes));
    }

    #[test]
    fn items_are_those_of_the_whole_body() {
        for text in [
            "[]",
            r#"[1, {"a": [2]}, "x"]"#,
            r#"{"results": []}"#,
            r#"{"a": {"results": [1]}, "results": [1, null], "b": 2}"#,
            r#"{"results": {"results": [1]}}"#,
            r#"{"results": 1e3, "a": 1}"#,
            r#"{"results": 18446744073709551615}"#,
            r#"{"results": [1], "results": [2]}"#,
            r#"{"results": [1, {"a": 1, "a": 2}]}"#,
            r#"{"a": 1, "a": 2, "results": []}"#,
            r#"{"a": [1, }"#,
            r#"[{"$a": 1}]"#,
            r#"[1] 2"#,
            "1",
            "null",
            "\"x\"",
            "",
        ] {
            assert_same_items(text.as_bytes());
        }
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert_same_items(nested(DEEPEST).as_bytes());
        assert_same_items(nested(DEEPEST + 1).as_bytes());
        assert_same_items(format!("{{\"results\":{}}}", nested(DEEPEST)).as_bytes());
    }

    proptest! {
        #[test]
        fn items_of_any_text_are_those_of_the_whole(text in "(\\[|\\{\"results\":)?[\\[\\]{}\",:0-9a-c eE-]{0,30}\\]?\\}?") {
            assert_same_items(text.as_bytes());
        }
    }
}
