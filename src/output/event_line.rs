//! Formats one line per event of a server: words for people at a terminal, JSON for everything else. Pure.

use super::json::time;
use super::text;
use chrono::{DateTime, Local, Utc};
use serde_json::{Map, Value};

/// A line as JSON, without its line break.
pub fn json(at: DateTime<Utc>, level: &str, what: &str, fields: &Map<String, Value>) -> String {
    let mut line = Map::new();
    line.insert("at".to_owned(), time(at).into());
    line.insert("level".to_owned(), level.into());
    line.insert("event".to_owned(), what.into());
    line.extend(fields.iter().map(|(name, value)| (name.clone(), value.clone())));
    Value::Object(line).to_string()
}

/// A line for people, in local time, without its line break: texts plain, everything else as JSON.
pub fn words(at: DateTime<Utc>, level: &str, what: &str, fields: &Map<String, Value>) -> String {
    let mut line = format!("{} {level:5} {what}", at.with_timezone(&Local).format("%H:%M:%S"));
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
        let value = match value {
            Value::String(text) => text::one_line(text),
            other => text::one_line(&other.to_string()),
        };
        line.push_str(&format!("  {name}={value}"));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn programs_get_json_and_people_words() {
        let fields = json!({"key_id": "a\u{1b}b", "status": 200, "field": null, "items": {"stored": 1}});
        let Value::Object(fields) = fields else { panic!() };
        let said = json(DateTime::UNIX_EPOCH, "info", "write", &fields);
        assert_eq!(
            said,
            r#"{"at":"1970-01-01T00:00:00.000Z","level":"info","event":"write","key_id":"a\u001bb","status":200,"field":null,"items":{"stored":1}}"#
        );
        let said = words(DateTime::UNIX_EPOCH, "info", "write", &fields);
        assert!(said.ends_with(r#" info  write  key_id=a\u{1b}b  status=200  items={"stored":1}"#), "{said}");
    }
}
