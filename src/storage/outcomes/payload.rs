//! An outcome as the exact bytes that wait on a disk until a store has it, and back. What would not come back as it was
//! must not count as kept. Where the bytes wait is `outbox` and `undelivered`.

use crate::domain::{Failure, Outcome, Run};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::sync::Arc;

/// Which of the two an outcome is: their documents do not say it themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeKind {
    /// A success.
    Run,
    /// A failure.
    Failure,
}

impl OutcomeKind {
    /// The word for it on the disk.
    pub fn as_str(self) -> &'static str {
        match self {
            OutcomeKind::Run => "run",
            OutcomeKind::Failure => "failure",
        }
    }

    /// The kind that a word on the disk means.
    pub fn named(word: &str) -> Option<Self> {
        [OutcomeKind::Run, OutcomeKind::Failure].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// An outcome as its document, whose fields nobody has given types again: what a store wants of it is the document, and
/// most rows are on their way to one.
#[derive(Debug, Clone, PartialEq)]
pub struct OutcomePayload {
    /// Which of the two it is.
    pub kind: OutcomeKind,
    /// All of its fields, shared with the row that it becomes.
    pub fields: Arc<Map<String, Value>>,
}

impl OutcomePayload {
    /// Reads a document.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(kind: OutcomeKind, text: &str) -> Result<Self, String> {
        let fields: Map<String, Value> =
            serde_json::from_str(text).map_err(|error| format!("its document cannot be read: {error}"))?;
        Ok(Self { kind, fields: Arc::new(fields) })
    }

    /// The document of an outcome that [`write()`] would take.
    ///
    /// # Errors
    /// Why there is none.
    pub fn of(outcome: &Outcome) -> Result<Self, String> {
        let (kind, text) = write(outcome)?;
        Self::read(kind, &text)
    }

    /// A text field; empty where it is missing or no text.
    pub fn text(&self, name: &str) -> &str {
        self.fields.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// The outcome's id.
    pub fn id(&self) -> &str {
        self.text("_id")
    }

    /// The outcome.
    ///
    /// # Errors
    /// What is wrong with its fields.
    pub fn outcome(&self) -> Result<Outcome, String> {
        let fields = Value::Object(Map::clone(&self.fields));
        let outcome = match self.kind {
            OutcomeKind::Run => Run::deserialize(fields).map(|run| Outcome::Success(Box::new(run))),
            OutcomeKind::Failure => {
                Failure::deserialize(fields).map(|failure| Outcome::Failure(Box::new(failure)))
            }
        };
        outcome.map_err(unreadable)
    }
}

/// Writes an outcome down as JSON and reads it back.
///
/// # Errors
/// Why JSON cannot hold it: a NaN, a field that is there twice.
pub fn write(outcome: &Outcome) -> Result<(OutcomeKind, String), String> {
    let (kind, text) = match outcome {
        Outcome::Success(run) => (OutcomeKind::Run, serde_json::to_string(run)),
        Outcome::Failure(failure) => (OutcomeKind::Failure, serde_json::to_string(failure)),
    };
    let text = text.map_err(|error| error.to_string())?;
    match read(kind, &text) {
        Ok(back) if back == *outcome => Ok((kind, text)),
        _ => Err("JSON cannot hold this outcome".to_owned()),
    }
}

/// As much of an outcome as JSON can say: null for a NaN, one field where two have a name.
pub fn write_what_fits(outcome: &Outcome) -> (OutcomeKind, String) {
    let (kind, document) = match outcome {
        Outcome::Success(run) => (OutcomeKind::Run, serde_json::to_value(run)),
        Outcome::Failure(failure) => (OutcomeKind::Failure, serde_json::to_value(failure)),
    };
    (kind, document.unwrap_or_else(|_| serde_json::json!({ "_id": outcome.id() })).to_string())
}

/// Reads an outcome from its JSON.
///
/// # Errors
/// What is wrong with it.
pub fn read(kind: OutcomeKind, text: &str) -> Result<Outcome, String> {
    let outcome = match kind {
        OutcomeKind::Run => serde_json::from_str::<Run>(text).map(|run| Outcome::Success(Box::new(run))),
        OutcomeKind::Failure => {
            serde_json::from_str::<Failure>(text).map(|failure| Outcome::Failure(Box::new(failure)))
        }
    };
    outcome.map_err(unreadable)
}

fn unreadable(error: serde_json::Error) -> String {
    format!("its outcome cannot be read: {error}")
}

/// SHA-256 of a text, in hex.
pub fn sha256(text: &str) -> String {
    sha256_of(&[text])
}

/// SHA-256 of texts as if they were one, in hex.
pub fn sha256_of(texts: &[&str]) -> String {
    let mut digest = Sha256::new();
    texts.iter().for_each(|text| digest.update(text.as_bytes()));
    let mut hex = String::with_capacity(64);
    for byte in digest.finalize() {
        // Writing to a string does not fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}
