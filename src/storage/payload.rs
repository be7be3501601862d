//! An outcome as the exact bytes that wait on a disk until a store has it, and back. What would not come back as it was
//! must not count as kept. Where the bytes wait is `outbox` and `spill`.

use crate::domain::{Failure, Outcome, Run};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Which of the two an outcome is: their documents do not say it themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A success.
    Run,
    /// A failure.
    Failure,
}

impl Kind {
    /// The word for it on the disk.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Run => "run",
            Kind::Failure => "failure",
        }
    }

    /// The kind that a word on the disk means.
    pub fn named(word: &str) -> Option<Self> {
        [Kind::Run, Kind::Failure].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// Writes an outcome down as JSON and reads it back.
///
/// # Errors
/// Why JSON cannot hold it: a NaN, a field that is there twice.
pub fn write(outcome: &Outcome) -> Result<(Kind, String), String> {
    let (kind, text) = match outcome {
        Outcome::Success(run) => (Kind::Run, serde_json::to_string(run)),
        Outcome::Failure(failure) => (Kind::Failure, serde_json::to_string(failure)),
    };
    let text = text.map_err(|error| error.to_string())?;
    match read(kind, &text) {
        Ok(back) if back == *outcome => Ok((kind, text)),
        _ => Err("JSON cannot hold this outcome".to_owned()),
    }
}

/// Reads an outcome from its JSON.
///
/// # Errors
/// What is wrong with it.
pub fn read(kind: Kind, text: &str) -> Result<Outcome, String> {
    let outcome = match kind {
        Kind::Run => serde_json::from_str::<Run>(text).map(|run| Outcome::Success(Box::new(run))),
        Kind::Failure => {
            serde_json::from_str::<Failure>(text).map(|failure| Outcome::Failure(Box::new(failure)))
        }
    };
    outcome.map_err(|error| format!("its outcome cannot be read: {error}"))
}

/// SHA-256 of a text, in hex.
pub fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
