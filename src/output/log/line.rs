//! One log line: collected on the thread that logs, written on another.

use super::word;
use crate::domain::redact::Redactor;
use crate::output::text;
use chrono::{DateTime, Local, SecondsFormat, Utc};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::fmt::{Debug, Write};
use tracing::field::{Field, Visit};
use tracing::{Event, Level};

/// Fields whose values are names. A name may look like a key, so only known secrets are hidden in them.
const NAMES: [&str; 8] = ["provider", "model", "profile", "kind", "stage", "id", "key_id", "runner"];

/// The longest text that a line shows, in characters.
const LONGEST: usize = 2000;

#[derive(Debug)]
pub struct LogLine {
    at: DateTime<Utc>,
    level: Level,
    /// The module that spoke; none for an event of the bridge.
    target: Option<&'static str>,
    message: String,
    fields: Vec<(Cow<'static, str>, Value)>,
}

/// Collects the fields of a `tracing` event.
impl Visit for LogLine {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else {
            self.add(field, value.into());
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, json!(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value.into());
    }
}

impl LogLine {
    pub fn of_event(event: &Event<'_>) -> Self {
        let mut line = Self::new(*event.metadata().level(), Some(event.metadata().target()), String::new());
        event.record(&mut line);
        line
    }

    pub fn of_fields(level: Level, what: &str, fields: Map<String, Value>) -> Self {
        let fields = fields.into_iter().map(|(name, value)| (Cow::Owned(name), value)).collect();
        Self { fields, ..Self::new(level, None, what.to_owned()) }
    }

    fn new(level: Level, target: Option<&'static str>, message: String) -> Self {
        Self { at: Utc::now(), level, target, message, fields: Vec::new() }
    }

    fn add(&mut self, field: &Field, value: Value) {
        self.fields.push((Cow::Borrowed(field.name()), value));
    }

    /// For people: `14:03:11 WARN  failed  provider=groq kind=timeout error="no answer"`.
    pub fn text(&self, redactor: &Redactor) -> String {
        let time = self.at.with_timezone(&Local).format("%H:%M:%S");
        let message = text::one_line(&shown(&self.message, redactor));
        let mut line = format!("{time} {} {message}", word(self.level));
        let mut gap = "  ";
        for (name, value) in self.fields.iter().filter(|(_, value)| !value.is_null() && *value != "") {
            // Writing into a String cannot fail.
            let _ = write!(line, "{gap}{name}={}", plain(&hidden(name, value, redactor)));
            gap = " ";
        }
        line
    }

    /// For programs: the time in UTC, the level in lower case, and every field under its own name. Time and message
    /// have the names that are given.
    pub fn json(&self, [time, message]: [&str; 2], redactor: &Redactor) -> String {
        let mut object = Map::new();
        object.insert(time.to_owned(), self.at.to_rfc3339_opts(SecondsFormat::Millis, true).into());
        object.insert("level".to_owned(), word(self.level).trim().to_lowercase().into());
        object.insert(message.to_owned(), shown(&self.message, redactor).into());
        if let Some(target) = self.target {
            object.insert("target".to_owned(), target.into());
        }
        for (name, value) in &self.fields {
            // A field must not replace a field of the line itself.
            let name = if object.contains_key(&**name) { format!("{name}_") } else { name.to_string() };
            let value = hidden(&name, value, redactor);
            object.insert(name, value);
        }
        Value::Object(object).to_string()
    }
}

/// Hides secrets in a text, then cuts it. The order matters: after a cut, half a key would not be recognized.
fn shown(text: &str, redactor: &Redactor) -> String {
    redactor.redact(text).chars().take(LONGEST).collect()
}

fn hidden(name: &str, value: &Value, redactor: &Redactor) -> Value {
    match value {
        Value::String(text) if NAMES.contains(&name) => redactor.redact_known(text).into(),
        Value::String(text) => shown(text, redactor).into(),
        Value::Array(items) => items.iter().map(|item| hidden(name, item, redactor)).collect(),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.clone(), hidden(name, value, redactor)));
            Value::Object(fields.collect())
        }
        other => other.clone(),
    }
}

/// A value for people: quoted unless it is a single word.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => {
            let text = text::one_line(text);
            if text.contains([' ', '"', '=']) { format!("\"{}\"", text.replace('"', "'")) } else { text }
        }
        Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(float) => format!("{float:.3}"),
            None => number.to_string(),
        },
        other => text::one_line(&other.to_string()),
    }
}
