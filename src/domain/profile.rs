//! The request that every model of a series gets, so that rows compare. `providers` adapts it to each provider.

use serde::{Deserialize, Serialize};

/// The prompt of all published profiles; changing a letter of it starts a new series.
pub const PUBLISHED_PROMPT: &str = "Tell a long and happy story about the history of the world.";

/// A named, fixed request. Two runs compare only if their profile ids are equal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// The name on the command line: `default`, `long`, `reasoning`, or a name from the configuration.
    pub name: String,
    /// The id in rows, for example `cloud-default-v1`.
    pub id: String,
    /// The one user message.
    pub prompt: String,
    /// The limit of output tokens, reasoning included; 1 or more.
    pub max_output_tokens: u32,
    /// Sampling temperature, 0 to 2, sent only if the model accepts one.
    pub temperature: Option<f64>,
    /// Reasoning effort as the provider spells it; `None` leaves the provider's default.
    pub reasoning_effort: Option<String>,
    /// True if rows of this profile, in the role `published`, go to the public collection.
    pub published: bool,
    /// True if each request carries a nonce at the head of its prompt, so that no prefix cache can answer.
    pub cache_bust: bool,
}

/// The profiles that exist without configuration. Only `default` is published: the dashboard filters no profiles.
pub fn built_in() -> [Profile; 3] {
    let profile = |name: &str, id: &str, max_output_tokens, published| Profile {
        name: name.to_owned(),
        id: id.to_owned(),
        prompt: PUBLISHED_PROMPT.to_owned(),
        max_output_tokens,
        temperature: Some(0.1),
        reasoning_effort: None,
        published,
        cache_bust: !published,
    };
    [
        profile("default", "cloud-default-v1", 64, true),
        profile("long", "cloud-long-v1", 512, false),
        profile("reasoning", "cloud-reasoning-v1", 2048, false),
    ]
}
