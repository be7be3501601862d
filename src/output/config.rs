//! Formats the settings with their sources, as a list for people and a document for programs.

use super::list_report::{Column, ListReport};
use super::view::ReportView;
use crate::domain::sourced::Source;
use serde_json::{Value, json};
use std::fmt::Display;

/// The schema of the document, described by `docs/schema/config.schema.json`.
pub const SCHEMA: &str = "llmbench.config/1";

/// One setting. A secret has no value here: it is set or unset.
#[derive(Debug, Clone, PartialEq)]
pub struct SettingRow {
    name: String,
    value: SettingCell,
    source: Source,
}

#[derive(Debug, Clone, PartialEq)]
enum SettingCell {
    Value(String),
    Secret,
    Unset,
}

impl SettingRow {
    /// A setting that is no secret.
    pub fn new(name: impl Into<String>, value: impl Display, source: &Source) -> Self {
        Self { name: name.into(), value: SettingCell::Value(value.to_string()), source: source.clone() }
    }

    /// A secret that is set.
    pub fn set(name: impl Into<String>, source: Source) -> Self {
        Self { name: name.into(), value: SettingCell::Secret, source }
    }

    /// A setting that is not set.
    pub fn unset(name: impl Into<String>, source: Source) -> Self {
        Self { name: name.into(), value: SettingCell::Unset, source }
    }

    pub fn is_set(&self) -> bool {
        self.value != SettingCell::Unset
    }

    fn shown(&self) -> String {
        match &self.value {
            SettingCell::Value(value) => value.clone(),
            SettingCell::Secret => "set".to_owned(),
            SettingCell::Unset => "unset".to_owned(),
        }
    }
}

/// The list, ending in a line break.
pub fn text(settings: &[SettingRow], view: &ReportView) -> String {
    let list = ListReport::new(settings)
        .column(Column::new("SETTING"), |one| one.name.clone())
        .column(Column::new("VALUE").free(), SettingRow::shown)
        .column(Column::new("SOURCE").free(), |one| one.source.to_string());
    list.screen(view)
}

/// The document, ending in a line break.
pub fn json(settings: &[SettingRow]) -> String {
    let settings: Vec<Value> = settings.iter().map(document).collect();
    format!("{:#}\n", json!({ "schema": SCHEMA, "settings": settings }))
}

fn document(one: &SettingRow) -> Value {
    let (source, named) = match &one.source {
        Source::Flag(name) => ("flag", Some((*name).to_owned())),
        Source::Env(name) => ("environment", Some(name.clone())),
        Source::File(path) => ("file", Some(path.display().to_string())),
        Source::Default => ("default", None),
    };
    let value = match &one.value {
        SettingCell::Value(value) => Some(value),
        SettingCell::Secret | SettingCell::Unset => None,
    };
    json!({ "name": one.name, "set": one.is_set(), "value": value, "source": source, "named_by": named })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::schema_check::violations;

    #[test]
    fn the_document_is_what_its_schema_says() {
        let schema: Value =
            serde_json::from_str(include_str!("../../docs/schema/config.schema.json")).unwrap();
        let settings = [
            SettingRow::new("store", "sqlite:x.db", &Source::Flag("--store")),
            SettingRow::set("providers.groq.key", Source::Env("GROQ_API_KEY".into())),
            SettingRow::unset("config", Source::Default),
        ];
        let document: Value = serde_json::from_str(&json(&settings)).unwrap();
        assert_eq!(violations(&schema, &document), Vec::<String>::new());
        assert_eq!(document["settings"][1]["value"], Value::Null);
    }
}
