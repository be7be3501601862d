//! Texts and values of a stranger's files in a length at which a report can show them.

use super::lines::ReceiptsHead;
use serde_json::{Map, Value};
use std::fmt::Display;
use std::path::Path;

/// The most characters of a text of a file in a report: no name of a file has more.
const LONGEST_NAME: usize = 255;

/// A value for a report, which must not grow with what a stranger wrote.
pub fn brief(value: Value) -> Value {
    match &value {
        Value::Array(items) if items.len() > 100 => format!("{} values", items.len()).into(),
        Value::Array(items) if items.iter().any(|item| !item.is_number()) => "odd values".into(),
        Value::Object(_) => "an object".into(),
        Value::String(text) => shortened(text).into(),
        _ => value,
    }
}

/// The head for a report.
pub fn brief_head(head: &ReceiptsHead) -> Value {
    let mut head = serde_json::to_value(head).unwrap_or_default();
    for value in head.as_object_mut().into_iter().flat_map(Map::values_mut) {
        if let Value::String(text) = value {
            *text = cut(text, LONGEST_NAME);
        }
    }
    head
}

/// A sentence on a file, which may quote what is in it.
pub fn told(path: &Path, said: &dyn Display) -> String {
    format!("{}: {}", name(path), cut(&said.to_string(), LONGEST_NAME))
}

pub fn shortened(text: &str) -> String {
    cut(text, 100)
}

fn cut(text: &str, most: usize) -> String {
    let short: String = text.chars().take(most).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}

/// The name of a file without its directory.
pub fn name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}
