//! Checks values against the part of JSON Schema (2020-12) that `docs/schema` uses. For tests.

use serde_json::{Map, Value};

/// The violations of `schema` in `value`, one line each, with their place.
pub fn violations(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    Checker { root: schema, found: &mut found }.check(schema, value, "$");
    found
}

struct Checker<'a> {
    root: &'a Value,
    found: &'a mut Vec<String>,
}

impl Checker<'_> {
    fn check(&mut self, schema: &Value, value: &Value, place: &str) {
        if let Some(name) = schema["$ref"].as_str() {
            let target =
                self.root.pointer(name.trim_start_matches('#')).expect("the reference leads somewhere");
            return self.check(target, value, place);
        }
        if let Some(choices) = schema["anyOf"].as_array() {
            let fits = |choice: &Value| {
                let mut found = Vec::new();
                Checker { root: self.root, found: &mut found }.check(choice, value, place);
                found.is_empty()
            };
            if !choices.iter().any(fits) {
                self.found.push(format!("{place}: {value} is none of its forms"));
            }
        }
        self.check_plain(schema, value, place);
        match value {
            Value::Object(fields) => self.check_object(schema, fields, place),
            Value::Array(items) if schema["items"].is_object() => {
                for (at, item) in items.iter().enumerate() {
                    self.check(&schema["items"], item, &format!("{place}[{at}]"));
                }
            }
            _ => {}
        }
    }

    fn check_plain(&mut self, schema: &Value, value: &Value, place: &str) {
        let types: Vec<&str> = match &schema["type"] {
            Value::String(one) => vec![one],
            many => many.as_array().into_iter().flatten().filter_map(Value::as_str).collect(),
        };
        let low = schema["minimum"].as_f64().zip(value.as_f64()).is_some_and(|(least, is)| is < least);
        let other = schema.get("const").is_some_and(|only| only != value);
        let unlisted = schema["enum"].as_array().is_some_and(|all| !all.contains(value));
        if low || other || unlisted || !(types.is_empty() || types.iter().any(|name| is(name, value))) {
            self.found.push(format!("{place}: {value} does not fit {schema}"));
        }
    }

    fn check_object(&mut self, schema: &Value, fields: &Map<String, Value>, place: &str) {
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !fields.contains_key(name) {
                self.found.push(format!("{place}: {name} is missing"));
            }
        }
        for (name, field) in fields {
            let place = format!("{place}.{name}");
            match (schema["properties"].get(name), &schema["additionalProperties"]) {
                (Some(known), _) => self.check(known, field, &place),
                (None, Value::Bool(false)) => self.found.push(format!("{place}: not in the schema")),
                (None, Value::Object(_)) => self.check(&schema["additionalProperties"], field, &place),
                _ => {}
            }
        }
    }
}

fn is(name: &str, value: &Value) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => panic!("{name} is no type"),
    }
}
