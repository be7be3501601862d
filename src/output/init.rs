//! The end of `llmbench init`: what was set up, which models answered, and what to type next, for people and for programs.

use super::json as document;
use super::text::{escape, width};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::json;
use std::path::PathBuf;

/// The schema of the document, described by `docs/schema/init.schema.json`.
pub const SCHEMA: &str = "llmbench.init/1";

/// What `llmbench init` did.
#[derive(Debug, Clone, PartialEq)]
pub struct InitReport {
    pub as_of: DateTime<Utc>,
    /// The file that was written.
    pub config: PathBuf,
    /// The store in force, without secrets.
    pub store: String,
    pub providers: Vec<SetUpProvider>,
    pub probes: Vec<InitProbe>,
    pub next: Vec<NextStep>,
}

/// A provider of the file. Of its key there is the variable alone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SetUpProvider {
    pub provider: String,
    /// The variable that holds its key, or would.
    pub key_variable: Option<String>,
    pub key_is_set: bool,
    /// True if it could be called now.
    pub is_configured: bool,
}

/// A model that was to be asked once.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InitProbe {
    /// Its name, or its provider's if none could be chosen.
    pub model: String,
    pub state: ProbeState,
    /// Why it did not answer, or was not asked.
    pub reason: Option<String>,
}

/// How that went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeState {
    /// It answered, and is measured from now on.
    Answered,
    /// It is in the catalog and enabled already, and was not asked.
    Measured,
    Failed,
    NotAsked,
}

/// A line to type, and what for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NextStep {
    pub command: String,
    pub why: String,
}

impl NextStep {
    pub fn new(command: String, why: &str) -> Self {
        Self { command, why: why.to_owned() }
    }
}

impl InitReport {
    /// What to type next, ending in a line break; everything else was told on the way.
    pub fn text(&self) -> String {
        let widest = self.next.iter().map(|step| width(&escape(&step.command))).max().unwrap_or_default();
        let line = |step: &NextStep| {
            let command = escape(&step.command);
            let room = " ".repeat(widest.saturating_sub(width(&command)));
            format!("  {command}{room}   # {}\n", escape(&step.why))
        };
        format!("Next:\n{}", self.next.iter().map(line).collect::<String>())
    }

    /// The document, ending in a line break.
    pub fn json(&self) -> String {
        let document = json!({
            "schema": SCHEMA,
            "as_of": document::time(self.as_of),
            "config": self.config.display().to_string(),
            "store": self.store,
            "providers": self.providers,
            "probes": self.probes,
            "next": self.next,
        });
        format!("{document:#}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::schema_check::violations;
    use serde_json::Value;

    fn report() -> InitReport {
        let probe = |model: &str, state, reason: Option<&str>| InitProbe {
            model: model.to_owned(),
            state,
            reason: reason.map(str::to_owned),
        };
        InitReport {
            as_of: DateTime::UNIX_EPOCH,
            config: "/home/ann/.config/llmbench/config.toml".into(),
            store: "sqlite:/home/ann/llmbench.db".to_owned(),
            providers: vec![SetUpProvider {
                provider: "groq".to_owned(),
                key_variable: Some("GROQ_API_KEY".to_owned()),
                key_is_set: false,
                is_configured: false,
            }],
            probes: vec![
                probe("sim:steady", ProbeState::Answered, None),
                probe("groq", ProbeState::NotAsked, Some("no key: GROQ_API_KEY is not set")),
            ],
            next: vec![
                NextStep::new("export GROQ_API_KEY=…".to_owned(), "the key of groq"),
                NextStep::new("llmbench daemon\u{1b}[2J".to_owned(), "around the clock"),
            ],
        }
    }

    #[test]
    fn the_document_is_what_its_schema_says() {
        let schema: Value = serde_json::from_str(include_str!("../../docs/schema/init.schema.json")).unwrap();
        let document: Value = serde_json::from_str(&report().json()).unwrap();
        assert_eq!(violations(&schema, &document), Vec::<String>::new());
        assert_eq!(document["probes"][1]["state"], "not_asked");
    }

    #[test]
    fn what_to_type_stands_in_a_column_and_forges_nothing() {
        let text = report().text();
        assert!(!text.contains('\u{1b}'), "{text:?}");
        let places: Vec<usize> = text.lines().skip(1).filter_map(|line| line.find("   # ")).collect();
        assert_eq!(places.len(), 2, "{text}");
    }
}
