//! References to models: a provider's name and the provider's own id for the model, and nothing else about it.

use std::fmt;
use std::str::FromStr;

/// A model as the catalog names it: `provider:model_id`, split at the *first* colon because Bedrock ids hold colons
/// (`bedrock:amazon.nova-pro-v1:0`). The id is case-sensitive and is never altered.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelRef {
    /// The provider's name in the table of hosts, for example `groq`.
    pub provider: String,
    /// The provider's own id, for example `llama-3.3-70b-versatile`.
    pub model_id: String,
}

impl ModelRef {
    pub fn new(provider: impl Into<String>, model_id: impl Into<String>) -> Self {
        Self { provider: provider.into(), model_id: model_id.into() }
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
}

impl FromStr for ModelRef {
    type Err = ModelRefError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (provider, model_id) =
            text.split_once(':').ok_or_else(|| ModelRefError::Bare(text.to_owned()))?;
        if provider.trim().is_empty() || model_id.trim().is_empty() {
            return Err(ModelRefError::Empty(text.to_owned()));
        }
        Ok(Self::new(provider.trim(), model_id.trim()))
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
    fn names_what_is_wrong() {
        assert_eq!("gpt-4o".parse::<ModelRef>(), Err(ModelRefError::Bare("gpt-4o".into())));
        assert_eq!("openai:".parse::<ModelRef>(), Err(ModelRefError::Empty("openai:".into())));
        assert_eq!(":x".parse::<ModelRef>(), Err(ModelRefError::Empty(":x".into())));
    }
}
