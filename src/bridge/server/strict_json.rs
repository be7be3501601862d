//! Parses a posted body strictly: input that two parsers could understand differently, or that a store would change, is
//! an error with its position. Pure. `fields` interprets the values; `body_reader` supplies the bytes.
//!
//! `serde_json` alone keeps the last of two equal keys, and turns an integer that is too long into a nearby double.

mod items;

use crate::domain::name_rules::{PROTOTYPE, is_hidden};
pub use items::{LIST_PATH, read_items};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};
use std::cell::RefCell;
use std::fmt;

/// Maximum nesting depth, including the outermost object.
pub const DEEPEST: usize = 32;
/// Maximum number of keys in all objects of a body.
pub const MOST_KEYS: usize = 100_000;
/// Maximum number of keys in one object.
pub const MOST_KEYS_OF_ONE: usize = 1_000;
/// Maximum number of keys in a run, a failure or a listed model, including nested ones.
pub const MOST_KEYS_OF_ITEM: usize = 1_000;
/// Maximum length of a key, in bytes.
pub const LONGEST_KEY: usize = 256;

const TWICE: &str = "this key is there twice";

/// Lower bound of numbers that do not fit into a signed 64-bit integer; no metric comes near it.
const BEYOND_I64: f64 = 9_223_372_036_854_775_808.0;

/// The flaw of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyError {
    /// True if it is no JSON (400); false if it is JSON that cannot be stored (422).
    pub syntax: bool,
    /// One sentence, without any input.
    pub message: String,
    /// The position as a JSON path: `$.misc.a[3]`. Empty if it is not at a value.
    pub path: String,
}

/// Reads one JSON value that fills the whole body.
///
/// # Errors
/// [`BodyError`]: no UTF-8, a byte order mark, no JSON, something after the value; a key that is duplicate, begins with
/// `$`, contains `.` or NUL, is empty or too long; a number beyond 64 signed bits; too many keys, too deep nesting.
pub fn read(bytes: &[u8]) -> Result<Value, BodyError> {
    let progress = RefCell::new(JsonReadState::default());
    read_by(bytes, StrictVisitor { progress: &progress, depth: 0 }, &progress)
}

fn read_by<'de, S: DeserializeSeed<'de>>(
    bytes: &'de [u8],
    seed: S,
    progress: &RefCell<JsonReadState>,
) -> Result<S::Value, BodyError> {
    let syntax = |message: String| BodyError { syntax: true, message, path: String::new() };
    if bytes.starts_with(b"\xEF\xBB\xBF") {
        return Err(syntax("the body begins with a byte order mark; send JSON without one".to_owned()));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| syntax(format!("the body is no UTF-8 at byte {}", error.valid_up_to())))?;
    if text.trim_ascii().is_empty() {
        return Err(syntax("the body is empty; send one JSON value".to_owned()));
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = seed.deserialize(&mut deserializer).map_err(|error| told(&error, &progress.borrow()))?;
    deserializer.end().map_err(|error| {
        let (line, column) = (error.line(), error.column());
        syntax(format!("there is something after the JSON value, at line {line}, column {column}"))
    })?;
    Ok(value)
}

/// True if a value has at most [`MOST_KEYS_OF_ITEM`] keys, including nested ones.
pub fn has_few_keys(value: &Value) -> bool {
    fn left_after(value: &Value, left: usize) -> Option<usize> {
        match value {
            Value::Array(items) => items.iter().try_fold(left, |left, item| left_after(item, left)),
            Value::Object(fields) => {
                let left = left.checked_sub(fields.len())?;
                fields.values().try_fold(left, |left, field| left_after(field, left))
            }
            _ => Some(left),
        }
    }
    left_after(value, MOST_KEYS_OF_ITEM).is_some()
}

/// Converts the parser's error. Our own refusals are in `progress`; all others are syntax errors.
fn told(error: &serde_json::Error, progress: &JsonReadState) -> BodyError {
    if let Some(message) = &progress.refused {
        return BodyError { syntax: false, message: message.clone(), path: progress.path() };
    }
    let (line, column) = (error.line(), error.column());
    if error.is_eof() {
        let message = format!("the JSON ends too early, at line {line}, column {column}");
        return BodyError { syntax: true, message, path: progress.path() };
    }
    // serde_json's message quotes at most one character of the input, and ends with the position.
    let said = error.to_string();
    let said = said.split(" at line ").next().unwrap_or_default();
    let message = format!("this is no JSON: {said}, at line {line}, column {column}");
    BodyError { syntax: true, message, path: progress.path() }
}

/// The number of keys, the refusal, and its position.
#[derive(Default)]
struct JsonReadState {
    /// The innermost comes first, because they are collected on the way out.
    steps: Vec<JsonPathSegment>,
    keys: usize,
    refused: Option<String>,
    /// The length of the last list or object at each depth. Items of a body are alike, so the next one at this depth
    /// probably needs as much memory, and growing into it costs more than reading.
    lengths: Vec<usize>,
}

/// The longest list or object for which memory is reserved before it is read.
const RESERVED: usize = 128;

enum JsonPathSegment {
    Key(String),
    Index(usize),
}

impl JsonReadState {
    fn path(&self) -> String {
        let mut path = String::from("$");
        for step in self.steps.iter().rev() {
            match step {
                JsonPathSegment::Index(index) => path.push_str(&format!("[{index}]")),
                JsonPathSegment::Key(key) if is_plain(key) => path.push_str(&format!(".{key}")),
                JsonPathSegment::Key(key) => {
                    let cut: String = key.chars().take(40).collect();
                    path.push_str(&format!("[\"{}\"]", cut.escape_default()));
                }
            }
        }
        path
    }
}

fn is_plain(key: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    !key.is_empty() && key.len() <= 64 && key.bytes().all(fits)
}

/// True for nearly all keys, without a look at each character.
fn is_printable_ascii(key: &str) -> bool {
    key.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

/// Reads a value and refuses input that serde_json would accept.
#[derive(Clone, Copy)]
struct StrictVisitor<'a> {
    progress: &'a RefCell<JsonReadState>,
    depth: usize,
}

impl StrictVisitor<'_> {
    /// Ends the reading with a refusal; the text of the error itself is never shown.
    fn refuse<T, E: serde::de::Error>(&self, message: impl Into<String>) -> Result<T, E> {
        self.progress.borrow_mut().refused = Some(message.into());
        Err(E::custom("refused"))
    }

    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth >= DEEPEST {
            return self.refuse(format!("it is nested deeper than {DEEPEST} levels"));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }

    /// The number of entries for which a list or an object at this depth gets memory.
    fn expected(&self) -> usize {
        self.progress.borrow().lengths.get(self.depth).copied().unwrap_or(0).min(RESERVED)
    }

    fn note_length(&self, length: usize) {
        let lengths = &mut self.progress.borrow_mut().lengths;
        if lengths.len() <= self.depth {
            lengths.resize(self.depth + 1, 0);
        }
        lengths[self.depth] = length;
    }

    /// Adds a step to the path of an error.
    fn inside(&self, step: JsonPathSegment) {
        self.progress.borrow_mut().steps.push(step);
    }

    /// Counts a key and checks that every store can keep it unchanged.
    fn check_key<E: serde::de::Error>(&self, key: &str, before: usize) -> Result<(), E> {
        let all = {
            let mut progress = self.progress.borrow_mut();
            progress.keys += 1;
            progress.keys
        };
        if all > MOST_KEYS || before >= MOST_KEYS_OF_ONE {
            return self
                .refuse(format!("too many keys: an object may have {MOST_KEYS_OF_ONE}, a body {MOST_KEYS}"));
        }
        let wrong = match key {
            "" => "a key is empty",
            _ if key.len() > LONGEST_KEY => "this key is longer than 256 bytes",
            _ if key.starts_with('$') => "a key must not begin with `$`",
            _ if key.contains('.') => "a key must not hold a `.`",
            _ if !is_printable_ascii(key) && key.chars().any(is_hidden) => {
                "a key must not hold control characters or invisible ones"
            }
            PROTOTYPE => "a key must not be `__proto__`",
            _ => return Ok(()),
        };
        self.inside(JsonPathSegment::Key(key.to_owned()));
        self.refuse(wrong)
    }
}

impl<'de> DeserializeSeed<'de> for StrictVisitor<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for StrictVisitor<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
        match i64::try_from(value) {
            Ok(value) => Ok(Value::from(value)),
            Err(_) => self.refuse("this number does not fit into 64 signed bits"),
        }
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        match Number::from_f64(value).filter(|_| value.abs() < BEYOND_I64) {
            Some(number) => Ok(Value::Number(number)),
            None => self.refuse("this number does not fit into 64 signed bits"),
        }
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut out = Vec::with_capacity(inner.expected());
        loop {
            match items.next_element_seed(inner) {
                Ok(Some(item)) => out.push(item),
                Ok(None) => {
                    inner.note_length(out.len());
                    return Ok(Value::Array(out));
                }
                Err(error) => {
                    self.inside(JsonPathSegment::Index(out.len()));
                    return Err(error);
                }
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut out = Map::with_capacity(inner.expected());
        while let Some(key) = fields.next_key::<String>()? {
            self.check_key::<A::Error>(&key, out.len())?;
            let place = match out.entry(key) {
                Entry::Vacant(place) => place,
                Entry::Occupied(first) => {
                    self.inside(JsonPathSegment::Key(first.key().clone()));
                    return self.refuse(TWICE);
                }
            };
            match fields.next_value_seed(inner) {
                Ok(value) => drop(place.insert(value)),
                Err(error) => {
                    self.inside(JsonPathSegment::Key(place.key().clone()));
                    return Err(error);
                }
            }
        }
        inner.note_length(out.len());
        Ok(Value::Object(out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn refused(text: &str) -> (bool, String, String) {
        let error = read(text.as_bytes()).unwrap_err();
        (error.syntax, error.message, error.path)
    }

    #[test]
    fn what_is_no_json_is_named_with_its_place() {
        for (text, message, path) in [
            ("", "the body is empty", ""),
            (" \r\n", "the body is empty", ""),
            ("{\"a\": ", "the JSON ends too early, at line 1, column 6", "$.a"),
            ("{} x", "something after the JSON value, at line 1, column 4", ""),
            ("{}{}", "something after the JSON value", ""),
            ("\u{feff}{}", "byte order mark", ""),
            ("{'a': 1}", "this is no JSON: key must be a string, at line 1, column 2", "$"),
            ("{\"a\": NaN}", "this is no JSON: expected value, at line 1, column 7", "$.a"),
            ("{\"a\": 1e999}", "this is no JSON: number out of range", "$.a"),
            ("{\"a\": \"\\ud800\"}", "this is no JSON", "$.a"),
            ("[1, 2,]", "this is no JSON: trailing comma", "$[2]"),
        ] {
            let (syntax, said, place) = refused(text);
            assert!(syntax && said.contains(message), "{text}: {said}");
            assert_eq!(place, path, "{text}");
        }
        let error = read(b"{\"a\": \"\xFF\"}").unwrap_err();
        assert_eq!((error.syntax, error.message.as_str()), (true, "the body is no UTF-8 at byte 7"));
    }

    #[test]
    fn what_a_store_would_keep_differently_is_refused_with_its_path() {
        for (text, message, path) in [
            (r#"{"a": 1, "a": 1}"#, "twice", "$.a"),
            (r#"{"misc": {"b": [0, {"c": 1, "c": 2}]}}"#, "twice", "$.misc.b[1].c"),
            (r#"{"$where": "1"}"#, "begin with `$`", "$[\"$where\"]"),
            (r#"{"a.b": 1}"#, "hold a `.`", "$[\"a.b\"]"),
            (r#"{"a": [{"__proto__": {}}]}"#, "__proto__", "$.a[0].__proto__"),
            ("{\"a\\u0000b\": 1}", "control characters", "$[\"a\\u{0}b\"]"),
            (r#"{"": 1}"#, "empty", "$[\"\"]"),
            (r#"{"n": 9223372036854775808}"#, "64 signed bits", "$.n"),
            (r#"{"n": 1234567890123456789012345678901234567890}"#, "64 signed bits", "$.n"),
            (r#"{"n": -9223372036854775809}"#, "64 signed bits", "$.n"),
        ] {
            let (syntax, said, place) = refused(text);
            assert!(!syntax && said.contains(message), "{text}: {said}");
            assert_eq!(place, path, "{text}");
        }
        assert!(refused(&format!("{{\"{}\": 1}}", "k".repeat(257))).1.contains("longer than 256"));
    }

    #[test]
    fn nesting_and_keys_have_an_end() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(read(nested(DEEPEST).as_bytes()).is_ok());
        assert!(refused(&nested(DEEPEST + 1)).1.contains("deeper than 32"));
        assert!(refused(&nested(200_000)).1.contains("deeper than 32"));
        let keys = |count: usize| {
            let fields: Vec<String> = (0..count).map(|at| format!("\"k{at}\":0")).collect();
            format!("{{{}}}", fields.join(","))
        };
        assert!(read(keys(MOST_KEYS_OF_ONE).as_bytes()).is_ok());
        assert!(refused(&keys(10_000)).1.contains("too many keys"));
    }

    #[test]
    fn keys_are_counted_however_they_are_nested() {
        let inner = |count: usize| Value::Object((0..count).map(|at| (format!("k{at}"), json!(0))).collect());
        assert!(has_few_keys(&json!({"a": inner(499), "b": [[inner(499)]]})));
        assert!(!has_few_keys(&json!({"a": inner(499), "b": [[inner(500)]]})));
        assert!(!has_few_keys(&json!(vec![inner(100); 100])));
    }

    #[test]
    fn sound_values_stay_as_they_are() {
        let text = r#"{"a": [1, -2, 0.1, 9223372036854775807], "b": {"c": null, "d": "ü\n"}, "e": true}"#;
        assert_eq!(read(text.as_bytes()).unwrap(), serde_json::from_str::<Value>(text).unwrap());
        assert_eq!(read(b" 1 ").unwrap(), json!(1));
    }

    proptest! {
        #[test]
        fn no_input_panics_and_errors_are_short(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Err(error) = read(&bytes) {
                prop_assert!(error.message.len() <= 200);
            }
        }

        #[test]
        fn what_is_taken_is_what_json_says(text in "[\\[\\]{}\",:0-9a-c.$ eE+-]{0,40}") {
            if let Ok(value) = read(text.as_bytes()) {
                prop_assert_eq!(value, serde_json::from_str::<Value>(&text).unwrap());
            }
        }
    }
}
