//! Converts an outcome to the exact bytes that wait on disk until a store has it, and back. An outcome that would not
//! be read back unchanged must not count as saved. `outbox` and `undelivered` keep the bytes.

use crate::domain::digest::hex;
use crate::domain::{Failure, Outcome, Run};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// The kind of an outcome, because its document does not contain it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeKind {
    Run,
    Failure,
}

impl OutcomeKind {
    /// The name of the kind on disk.
    pub fn as_str(self) -> &'static str {
        match self {
            OutcomeKind::Run => "run",
            OutcomeKind::Failure => "failure",
        }
    }

    /// The kind with this name on disk.
    pub fn named(word: &str) -> Option<Self> {
        [OutcomeKind::Run, OutcomeKind::Failure].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// An outcome as the JSON text of its document. Most outcomes are on their way to a store, which needs no more.
#[derive(Debug, Clone, PartialEq)]
pub struct OutcomePayload {
    pub kind: OutcomeKind,
    /// The document, an object. Nothing in it is checked before it is used.
    pub json: String,
}

impl OutcomePayload {
    /// The document of an outcome that [`write()`] would accept.
    ///
    /// # Errors
    /// The reason why there is none.
    pub fn of(outcome: &Outcome) -> Result<Self, String> {
        let (kind, json) = write(outcome)?;
        Ok(Self { kind, json })
    }

    /// Parses the document.
    ///
    /// # Errors
    /// One sentence with the mistake in it.
    pub fn fields(&self) -> Result<Map<String, Value>, String> {
        serde_json::from_str(&self.json).map_err(|error| format!("its document cannot be read: {error}"))
    }

    /// The id, for messages; empty if there is none. Parses the document.
    pub fn id(&self) -> String {
        let fields = self.fields().unwrap_or_default();
        fields.get("_id").and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// Converts the document to the outcome.
    ///
    /// # Errors
    /// One sentence with the mistake in its fields.
    pub fn outcome(&self) -> Result<Outcome, String> {
        read(self.kind, &self.json)
    }
}

/// Serialises an outcome as JSON and reads it back.
///
/// # Errors
/// The reason why JSON cannot represent it: a NaN, a duplicate field.
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

/// An outcome as far as JSON can represent it: null for a NaN, one field for duplicates.
pub fn write_what_fits(outcome: &Outcome) -> (OutcomeKind, String) {
    let (kind, document) = match outcome {
        Outcome::Success(run) => (OutcomeKind::Run, serde_json::to_value(run)),
        Outcome::Failure(failure) => (OutcomeKind::Failure, serde_json::to_value(failure)),
    };
    (kind, document.unwrap_or_else(|_| serde_json::json!({ "_id": outcome.id() })).to_string())
}

/// Parses an outcome from its JSON.
///
/// # Errors
/// One sentence with the mistake in it.
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

/// SHA-256 of the concatenation of texts, in hex.
pub fn sha256_of(texts: &[&str]) -> String {
    let mut digest = Sha256::new();
    texts.iter().for_each(|text| digest.update(text.as_bytes()));
    hex(&digest.finalize())
}
