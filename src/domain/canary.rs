//! The canary: a short question that the daemon asks a model once a day, in the same words for ever, so that another
//! model behind the same name shows in another answer. Its rows are never published.

use super::Profile;
use super::pair::COUNTERPART;
use serde_json::{Map, Value};

/// In a model's metadata: true if the daemon asks it the question.
pub const CANARY: &str = "canary";
/// The id of the question in rows. Another question, or another budget, gets another version: answers compare with
/// answers to the same question alone.
pub const CANARY_PROFILE: &str = "canary-v1";
/// The role of its rows.
pub const CANARY_ROLE: &str = "canary";

/// True for the roles of rows that a daemon measures beside its series, and that are no samples of it: warm halves of pairs,
/// and answers of canaries.
pub fn is_beside_series(role: Option<&str>) -> bool {
    matches!(role, Some(COUNTERPART | CANARY_ROLE))
}

/// Seconds from one answer to the next.
pub const CANARY_CADENCE: u32 = 86_400;
/// The seed that is sent to APIs which take one.
pub const CANARY_SEED: u64 = 7;

/// Each model has animals of its own, and each of them the same ones again: an open question would be answered in other
/// words each time, and one with a single right answer in the same words by every model.
const PROMPT: &str = "Name five animals that begin with the letter B, in lower case, separated by commas, and write \
    nothing else.";
/// Tokens of an answer, reasoning included. The Responses API takes no fewer than 16.
const BUDGET: u32 = 20;

/// The question as a profile.
pub fn canary_profile() -> Profile {
    Profile {
        name: CANARY_ROLE.to_owned(),
        id: CANARY_PROFILE.to_owned(),
        prompt: PROMPT.to_owned(),
        max_output_tokens: BUDGET,
        temperature: Some(0.0),
        reasoning_effort: None,
        published: false,
        // A nonce would be another question each time.
        cache_bust: false,
        receipts: false,
        paired: false,
        deterministic: true,
    }
}

/// True if a model with this metadata is asked.
pub fn is_asked(metadata: &Map<String, Value>) -> bool {
    metadata.get(CANARY) == Some(&Value::Bool(true))
}

/// Says so in a model's metadata, or takes it away.
pub fn ask(metadata: &mut Map<String, Value>, on: bool) {
    if on {
        metadata.insert(CANARY.to_owned(), Value::Bool(true));
    } else {
        metadata.shift_remove(CANARY);
    }
}
