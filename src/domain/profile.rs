//! The request that every model of a series gets, so that rows compare. `providers` adapts it to each provider.

use serde::{Deserialize, Serialize};

/// The id of the profile whose rows are published and compared.
pub const DEFAULT_PROFILE: &str = "cloud-default-v1";

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
    /// True if rows carry a receipt, from which their figures can be computed again.
    #[serde(default)]
    pub receipts: bool,
    /// True if the daemon asks over a cold and a warm connection in turn. It is no part of what one request asks, so rows
    /// of a pair have the same hash in their receipts as other rows.
    #[serde(default, skip_serializing)]
    pub paired: bool,
    /// True for the question of [`canary`](super::canary): it asks for a seed and for token probabilities where the API has
    /// them, and its rows carry the answer.
    #[serde(default, skip_serializing)]
    pub deterministic: bool,
}

/// The profiles whose rows go to the public collection, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublishedProfiles {
    ids: Vec<String>,
    /// Those of `ids` whose rows get an explicit null as `tokens_per_second`.
    without_rate: Vec<String>,
}

impl PublishedProfiles {
    /// `without_rate` names some of `ids`.
    pub fn new(ids: Vec<String>, without_rate: Vec<String>) -> Self {
        Self { ids, without_rate }
    }

    /// The ids of all of them.
    pub fn ids(&self) -> &[String] {
        &self.ids
    }

    /// True if rows of this profile are published.
    pub fn has(&self, id: &str) -> bool {
        self.ids.iter().any(|known| known == id)
    }

    /// True if rows of this profile are published without a rate: readers that draw rates do not tell profiles apart, and
    /// a null drops the row there, while figures that follow the text still use it.
    pub fn without_rate(&self, id: Option<&str>) -> bool {
        id.is_some_and(|id| self.without_rate.iter().any(|known| known == id))
    }
}

impl From<&[String]> for PublishedProfiles {
    fn from(ids: &[String]) -> Self {
        Self::new(ids.to_vec(), Vec::new())
    }
}

impl From<&Vec<String>> for PublishedProfiles {
    fn from(ids: &Vec<String>) -> Self {
        Self::from(ids.as_slice())
    }
}

impl<const N: usize> From<&[String; N]> for PublishedProfiles {
    fn from(ids: &[String; N]) -> Self {
        Self::from(ids.as_slice())
    }
}

impl From<&PublishedProfiles> for PublishedProfiles {
    fn from(profiles: &PublishedProfiles) -> Self {
        profiles.clone()
    }
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
        receipts: false,
        paired: false,
        deterministic: false,
    };
    [
        profile("default", DEFAULT_PROFILE, 64, true),
        profile("long", "cloud-long-v1", 512, false),
        profile("reasoning", "cloud-reasoning-v1", 2048, false),
    ]
}
