//! References to models: a provider's name, the provider's own id for the model and, where the provider routes requests
//! to others, the endpoint to which they are pinned.

use std::fmt;
use std::str::FromStr;

/// Providers that send a request on to one of several endpoints of other providers. A reference to their models may pin
/// one: `openrouter:author/model@deepinfra/fp4`.
pub const ROUTERS: [&str; 1] = ["openrouter"];

/// Further routers, whose requests cannot be pinned: it is not known which endpoint answers.
const UNPINNED_ROUTERS: [&str; 1] = ["huggingface"];

/// True if the provider of this name sends requests on to endpoints of others, whether they can be pinned or not.
pub fn is_router(provider: &str) -> bool {
    ROUTERS.contains(&provider) || UNPINNED_ROUTERS.contains(&provider)
}

/// The sign between a model and its pinned endpoint. No id of a router's list holds it; ids of other providers may
/// (`vertex:claude-3-5-sonnet@20240620`), and there it means nothing.
const PIN: char = '@';

/// True if a text can be the tag of an endpoint: `deepinfra/fp4`, `novita`, `google-vertex/us-east5`.
pub fn is_endpoint_tag(text: &str) -> bool {
    let fits = |ch: char| ch.is_ascii_alphanumeric() || "-_./".contains(ch);
    !text.is_empty() && text.len() <= 100 && text.chars().all(fits) && !text.starts_with('/')
}

/// A stated quantization in the form of rows, one word in lower case; `None` for any other text and for the words by
/// which providers say that they state none.
pub fn quantization(text: &str) -> Option<String> {
    let word = text.trim().to_lowercase();
    let is_word = word.len() <= 20 && word.chars().all(|ch| ch.is_ascii_alphanumeric() || "-_.".contains(ch));
    (is_word && !matches!(word.as_str(), "" | "unknown" | "none")).then_some(word)
}

/// A model as the catalog names it: `provider:model_id`, split at the *first* colon because Bedrock ids hold colons
/// (`bedrock:amazon.nova-pro-v1:0`). The id is case-sensitive and is never altered.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelRef {
    /// The provider's name in the table of hosts, for example `groq`.
    pub provider: String,
    /// The provider's own id, for example `llama-3.3-70b-versatile`; of a router's model, behind an `@`, the tag of the
    /// endpoint to which requests are pinned. Each pinned endpoint is a lane of its own.
    pub model_id: String,
}

impl ModelRef {
    pub fn new(provider: impl Into<String>, model_id: impl Into<String>) -> Self {
        Self { provider: provider.into(), model_id: model_id.into() }
    }

    /// True if the provider sends requests on to endpoints of others.
    pub fn is_routed(&self) -> bool {
        ROUTERS.contains(&self.provider.as_str())
    }

    /// The id that is sent and that rows carry: without the pinned endpoint.
    pub fn served_id(&self) -> &str {
        self.parts().0
    }

    /// The tag of the pinned endpoint, for example `deepinfra/fp4`.
    pub fn endpoint_tag(&self) -> Option<&str> {
        self.parts().1
    }

    /// The model without its pinned endpoint, as the catalog has it.
    #[must_use]
    pub fn unpinned(&self) -> Self {
        Self::new(&self.provider, self.served_id())
    }

    /// The same model, pinned to an endpoint.
    #[must_use]
    pub fn pinned(&self, tag: &str) -> Self {
        Self::new(&self.provider, format!("{}{PIN}{tag}", self.served_id()))
    }

    fn parts(&self) -> (&str, Option<&str>) {
        // A router's preset is part of the id: `openai/gpt-4o@preset/short`, `@preset/short`.
        let is_pin = |(_, tag): &(&str, &str)| self.is_routed() && !tag.starts_with("preset/");
        match self.model_id.split_once(PIN).filter(is_pin) {
            Some((id, tag)) => (id, Some(tag)),
            None => (&self.model_id, None),
        }
    }
}

impl fmt::Display for ModelRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.provider, self.model_id)
    }
}

/// The reason why a text is no `provider:model_id`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelRefError {
    /// There is no colon, so the text can only be a bare model id.
    #[error("no provider in `{0}`: write provider:model_id")]
    Bare(String),
    /// One side of the first colon is empty.
    #[error("`{0}` has an empty provider or model id: write provider:model_id")]
    Empty(String),
    /// The model of a router names no endpoint behind its `@`, or the endpoint no model.
    #[error("`{0}` has an empty model id or endpoint: write provider:model_id@endpoint/tag")]
    EmptyPin(String),
}

impl FromStr for ModelRef {
    type Err = ModelRefError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (provider, model_id) =
            text.split_once(':').ok_or_else(|| ModelRefError::Bare(text.to_owned()))?;
        if provider.trim().is_empty() || model_id.trim().is_empty() {
            return Err(ModelRefError::Empty(text.to_owned()));
        }
        let model = Self::new(provider.trim(), model_id.trim());
        match model.parts() {
            ("", _) | (_, Some("")) => Err(ModelRefError::EmptyPin(text.to_owned())),
            _ => Ok(model),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_at_the_first_colon_only() {
        let model: ModelRef = "bedrock:us.amazon.nova-pro-v1:0".parse().unwrap();
        assert_eq!(model, ModelRef::new("bedrock", "us.amazon.nova-pro-v1:0"));
        assert_eq!(model.to_string(), "bedrock:us.amazon.nova-pro-v1:0");
    }

    #[test]
    fn a_router_s_model_may_pin_an_endpoint_and_no_other_s() {
        let model: ModelRef = "openrouter:qwen/qwen3:free@deepinfra/fp4".parse().unwrap();
        assert_eq!((model.served_id(), model.endpoint_tag()), ("qwen/qwen3:free", Some("deepinfra/fp4")));
        assert_eq!(model.unpinned().pinned("deepinfra/fp4"), model);
        assert_eq!(model.pinned("novita").endpoint_tag(), Some("novita"));
        let dated: ModelRef = "vertex:claude-3-5-sonnet@20240620".parse().unwrap();
        assert_eq!((dated.served_id(), dated.endpoint_tag()), ("claude-3-5-sonnet@20240620", None));
        let preset: ModelRef = "openrouter:@preset/short".parse().unwrap();
        assert_eq!((preset.served_id(), preset.endpoint_tag()), ("@preset/short", None));
        for wrong in ["openrouter:a/b@", "openrouter:@novita"] {
            assert_eq!(wrong.parse::<ModelRef>(), Err(ModelRefError::EmptyPin(wrong.into())));
        }
    }

    #[test]
    fn names_what_is_wrong() {
        assert_eq!("gpt-4o".parse::<ModelRef>(), Err(ModelRefError::Bare("gpt-4o".into())));
        assert_eq!("openai:".parse::<ModelRef>(), Err(ModelRefError::Empty("openai:".into())));
        assert_eq!(":x".parse::<ModelRef>(), Err(ModelRefError::Empty(":x".into())));
    }
}
