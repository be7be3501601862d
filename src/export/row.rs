//! Cuts the text of a row into its top-level fields, and these into columns. Only the borders of fields are parsed;
//! the text between them is passed on unchanged.

use super::cell::{Cell, cell};
use super::columns::ExportColumns;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Calls `take` with each field's name and the JSON text of its value.
///
/// # Errors
/// If the text is not a JSON object; the fields before the error were taken already.
pub fn fields<'a>(text: &'a str, take: impl FnMut(Cow<'a, str>, &'a str)) -> serde_json::Result<()> {
    let mut reader = serde_json::Deserializer::from_str(text);
    reader.deserialize_map(FieldVisitor(take))?;
    reader.end()
}

struct FieldVisitor<F>(F);

#[derive(serde::Deserialize)]
struct FieldName<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a, F: FnMut(Cow<'a, str>, &'a str)> Visitor<'a> for FieldVisitor<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a document")
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut fields: A) -> Result<(), A::Error> {
        while let Some(FieldName(name)) = fields.next_key()? {
            let value: &RawValue = fields.next_value()?;
            (self.0)(name, value.get());
        }
        Ok(())
    }
}

/// A field's value; `None` for a list or a document.
pub fn scalar(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok().filter(|value: &Value| !value.is_array() && !value.is_object())
}

/// The text of a field that is not blank.
pub fn words(text: &str) -> Option<String> {
    match scalar(text) {
        Some(Value::String(words)) if !words.trim().is_empty() => Some(words),
        _ => None,
    }
}

/// Wraps the text of a row that is not a document in a document that keeps it as text.
pub fn wrapped(text: &str) -> String {
    Value::Object([("doc".to_owned(), Value::from(text))].into_iter().collect()).to_string()
}

pub struct SplitRow<'a> {
    /// A cell for each column.
    pub cells: Vec<Cell<'a>>,
    /// All other fields, as the text of a JSON object; empty if there are none.
    pub extra: String,
    /// True if the row was a document whose known fields have their types.
    pub sound: bool,
}

pub fn split<'a>(columns: &ExportColumns, text: &'a str) -> SplitRow<'a> {
    let mut split = SplitRow::empty(columns);
    let mut expected = 0;
    let read = fields(text, |name, value| {
        let place = columns.place(&name, expected);
        let typed = place.filter(|place| split.cells[*place] == Cell::Null);
        let typed = typed.and_then(|place| Some((place, cell(columns.all[place].1, value)?)));
        expected = place.unwrap_or(expected) + 1;
        match typed {
            Some((place, cell)) => split.cells[place] = cell,
            None => {
                split.sound &= place.is_none();
                append(&mut split.extra, &name, value);
            }
        }
    });
    if read.is_err() {
        return SplitRow { extra: wrapped(text), sound: false, ..SplitRow::empty(columns) };
    }
    if !split.extra.is_empty() {
        split.extra.push('}');
    }
    split
}

impl SplitRow<'_> {
    fn empty(columns: &ExportColumns) -> Self {
        let cells = columns.all.iter().map(|_| Cell::Null).collect();
        Self { cells, extra: String::new(), sound: true }
    }
}

fn append(extra: &mut String, name: &str, value: &str) {
    extra.push(if extra.is_empty() { '{' } else { ',' });
    extra.push_str(&Value::from(name).to_string());
    extra.push(':');
    extra.push_str(value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::history::RunSeries;
    use crate::storage::history::row_pages::RowSource;
    use proptest::prelude::*;
    use serde_json::{Map, json};

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| prop::collection::vec(inner, 0..4).prop_map(Value::from))
    }

    fn columns() -> ExportColumns {
        ExportColumns::of(RowSource::Runs(RunSeries::Published))
    }

    #[test]
    fn fields_go_to_their_columns_and_the_rest_is_kept() {
        let text = r#"{"provider":"groq","tokens_per_second":"fast","mi\u0073c":{"a":[1, 2]},"x y":[1,{"z":null}],
            "run_ts":"2026-08-01 10:00","output_tokens":64.0,"provider":"twice"}"#;
        let columns = columns();
        let split = split(&columns, text);
        let at = |name| &split.cells[columns.place(name, 0).unwrap()];
        assert_eq!(at("provider"), &Cell::Text("groq".into()));
        assert_eq!(at("misc"), &Cell::Json("{\"a\":[1, 2]}"));
        assert_eq!(at("output_tokens"), &Cell::Integer(64));
        assert_eq!(at("tokens_per_second"), &Cell::Null);
        assert!(!split.sound);
        let extra: Value = serde_json::from_str(&split.extra).unwrap();
        let kept = json!({"tokens_per_second": "fast", "x y": [1, {"z": null}], "run_ts": "2026-08-01 10:00",
            "provider": "twice"});
        assert_eq!(extra, kept);
    }

    #[test]
    fn what_is_no_document_is_kept_as_text() {
        for text in ["", "nonsense", "[1]", "{\"a\":1", "{\"a\":1}}", "{\"provider\":\"groq\",", "7"] {
            let split = split(&columns(), text);
            assert!(!split.sound && split.cells.iter().all(|cell| *cell == Cell::Null), "{text}");
            assert_eq!(serde_json::from_str::<Value>(&split.extra).unwrap(), json!({ "doc": text }));
        }
        let nothing = split(&columns(), "{}");
        assert!(nothing.sound && nothing.extra.is_empty());
    }

    proptest! {
        #[test]
        fn unknown_fields_come_back_as_they_were(
            fields in prop::collection::hash_map("[a-z\"\\\\é ]{0,8}", any_json(), 0..6),
        ) {
            let row: Map<String, Value> = fields.into_iter().filter(|(name, _)| {
                !super::super::names(RowSource::Runs(RunSeries::Published)).contains(&name.as_str())
            }).collect();
            let text = Value::Object(row.clone()).to_string();
            let (columns, empty) = (columns(), row.is_empty());
            let split = split(&columns, &text);
            let extra = if empty { "{}" } else { &split.extra };
            prop_assert_eq!(serde_json::from_str::<Value>(extra).unwrap(), serde_json::from_str::<Value>(&text).unwrap());
        }

        #[test]
        fn no_text_panics(text in ".{0,60}") {
            split(&columns(), &text);
        }
    }
}
