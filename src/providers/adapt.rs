//! Adaptations: the one change, learned from a refusal, after which the same request fits the model's API. Pure: the
//! callers repeat the measurement and store adaptations that helped. Nothing is suggested for failures that waiting,
//! money or another key would fix.

use super::prepare::RequestPlan;
use super::protocols::{Dialect, Quirks, StreamError};
use crate::domain::GenerationRequest;
use crate::domain::failure::FailureDetail;
use crate::domain::generation_request::REASONING_EFFORT;
use serde_json::Value;
use std::fmt;
use std::str::FromStr;

/// A change to the requests of one model. Stored as its word ([`Adaptation::as_str`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Adaptation {
    OmitTemperature,
    /// Send the budget as `max_tokens`.
    UseMaxTokens,
    /// Send the budget as `max_completion_tokens`.
    UseMaxCompletionTokens,
    OmitStreamOptions,
    /// Send no `stream_options.include_obfuscation`.
    OmitIncludeObfuscation,
    OmitReasoningEffort,
    OmitSeed,
    /// Ask for no token probabilities.
    OmitLogprobs,
    /// Use the Responses API.
    UseResponses,
    /// Use the legacy Completions API.
    UseCompletions,
    /// Use the Chat Completions API.
    UseChat,
}

use Adaptation::{
    OmitIncludeObfuscation, OmitLogprobs, OmitReasoningEffort, OmitSeed, OmitStreamOptions, OmitTemperature,
    UseChat, UseCompletions, UseMaxCompletionTokens, UseMaxTokens, UseResponses,
};

const WORDS: [(Adaptation, &str); 11] = [
    (OmitTemperature, "omit_temperature"),
    (UseMaxTokens, "use_max_tokens"),
    (UseMaxCompletionTokens, "use_max_completion_tokens"),
    (OmitStreamOptions, "omit_stream_options"),
    (OmitIncludeObfuscation, "omit_include_obfuscation"),
    (OmitReasoningEffort, "omit_reasoning_effort"),
    (OmitSeed, "omit_seed"),
    (OmitLogprobs, "omit_logprobs"),
    (UseResponses, "use_responses"),
    (UseCompletions, "use_completions"),
    (UseChat, "use_chat"),
];

/// OpenAI's messages for a model of another API family (404 or 400), in lower case, clearest first.
const FAMILIES: [(&str, Adaptation); 4] = [
    ("this is a chat model", UseChat),
    ("not a chat model", UseCompletions),
    ("only supported in v1/responses", UseResponses),
    ("use the responses api", UseResponses),
];

/// Names under which APIs refuse a parameter, in lower case, most specific first, and the adaptation to try.
const PARAMETERS: [(&str, Adaptation); 12] = [
    ("logprobs", OmitLogprobs),
    ("seed", OmitSeed),
    ("include_obfuscation", OmitIncludeObfuscation),
    ("include_usage", OmitStreamOptions),
    ("continuous_usage_stats", OmitStreamOptions),
    ("stream_options", OmitStreamOptions),
    ("max_completion_tokens", UseMaxTokens),
    ("max_tokens", UseMaxCompletionTokens),
    ("temperature", OmitTemperature),
    ("reasoning_effort", OmitReasoningEffort),
    ("reasoning.effort", OmitReasoningEffort),
    ("reasoning", OmitReasoningEffort),
];

/// Words (lower case) that refuse a parameter as such, instead of its value's size or the length of a prompt.
const REFUSALS: [&str; 15] = [
    "unsupported",
    "not supported",
    "does not support",
    "doesn't support",
    "not permitted",
    "not allowed",
    "not accepted",
    "deprecated",
    "unrecognized",
    "unknown",
    "unexpected",
    "may only be",
    "only the default",
    // Moonshot: "invalid temperature: only 1 is allowed for this model".
    "is allowed for this model",
    "property is invalid",
];

/// Codes of the same meaning: OpenAI's, and those of pydantic, which many hosts use.
const REFUSAL_CODES: [&str; 4] =
    ["unsupported_parameter", "unsupported_value", "unknown_parameter", "extra_forbidden"];

impl Adaptation {
    /// The word under which it is stored; it never changes.
    pub fn as_str(self) -> &'static str {
        WORDS.iter().find(|(own, _)| *own == self).map_or("", |(_, word)| word)
    }

    /// The dialect that it switches to.
    pub fn dialect(self) -> Option<Dialect> {
        match self {
            UseResponses => Some(Dialect::Responses),
            UseCompletions => Some(Dialect::Completions),
            UseChat => Some(Dialect::Chat),
            _ => None,
        }
    }

    /// True if it changes no request but that of [`canary`](crate::domain::canary): rows of others do not name it.
    pub fn is_for_canaries(self) -> bool {
        matches!(self, OmitSeed | OmitLogprobs)
    }

    /// True if it would change the request. The refused parameter must be one that the request sends.
    fn changes(self, plan: &RequestPlan) -> bool {
        let chat = plan.dialect == Dialect::Chat;
        let openai = matches!(plan.dialect, Dialect::Chat | Dialect::Responses | Dialect::Completions);
        let options = plan.quirks.body.get("stream_options");
        match self {
            OmitTemperature => plan.ask.temperature.is_some() && !plan.quirks.omit_temperature,
            UseMaxTokens => chat && !plan.quirks.max_tokens_field,
            UseMaxCompletionTokens => chat && plan.quirks.max_tokens_field,
            OmitStreamOptions => {
                let usage = plan.dialect != Dialect::Responses && !plan.quirks.no_usage_option;
                openai && (usage || options.is_some())
            }
            OmitIncludeObfuscation => {
                options.is_some_and(|options| options.get("include_obfuscation").is_some())
            }
            OmitReasoningEffort => {
                let own = plan.ask.metadata.get(REASONING_EFFORT);
                own.map_or(plan.ask.reasoning_effort.is_some(), Value::is_string)
            }
            OmitSeed => plan.ask.deterministic && !plan.quirks.omit_seed,
            OmitLogprobs => chat && plan.ask.deterministic && !plan.quirks.omit_logprobs,
            UseResponses | UseCompletions | UseChat => openai && self.dialect() != Some(plan.dialect),
        }
    }
}

/// The adaptation to try after a refusal; `None` if no known one could help.
pub fn suggest(fault: &FailureDetail, error: &StreamError, plan: &RequestPlan) -> Option<Adaptation> {
    let refused = |change: &Adaptation| match fault.http_status {
        Some(400 | 404 | 422) => true,
        // OpenAI: "You are not allowed to request logprobs from this model".
        Some(403) => change.is_for_canaries(),
        _ => false,
    };
    let text = error.message.to_lowercase();
    let family = FAMILIES.iter().filter(|(said, _)| text.contains(said)).map(|(_, change)| *change);
    let parameter =
        PARAMETERS.iter().filter(|(name, _)| refuses(error, &text, name)).map(|(_, change)| *change);
    family.chain(parameter).find(|change| refused(change) && change.changes(plan))
}

/// True if an error refuses the parameter of that name. If the error names a parameter itself, only that one counts.
fn refuses(error: &StreamError, text: &str, name: &str) -> bool {
    let refused = error.code.as_deref().is_some_and(|code| REFUSAL_CODES.contains(&code))
        || REFUSALS.iter().any(|word| text.contains(word));
    let named = match error.param.as_deref() {
        Some(param) => param.to_lowercase().split(['.', '/']).any(|part| part == name) || param == name,
        None => holds_word(text, name),
    };
    refused && named
}

/// True if a name stands in a text as a whole word: `max_tokens` is not in `max_tokens_to_sample`.
fn holds_word(text: &str, name: &str) -> bool {
    let part = |ch: char| ch.is_ascii_alphanumeric() || ch == '_';
    text.match_indices(name)
        .any(|(start, _)| !text[..start].ends_with(part) && !text[start + name.len()..].starts_with(part))
}

/// Changes a request by all learned adaptations. [`super::prepare::plan`] sets dialects first, because quirks depend
/// on them; setting them here gives the same result.
pub fn apply(
    adaptations: &[Adaptation],
    ask: &mut GenerationRequest,
    quirks: &mut Quirks,
    dialect: &mut Dialect,
) {
    for adaptation in adaptations {
        match adaptation {
            OmitTemperature => quirks.omit_temperature = true,
            UseMaxTokens => quirks.max_tokens_field = true,
            UseMaxCompletionTokens => quirks.max_tokens_field = false,
            OmitStreamOptions => {
                quirks.no_usage_option = true;
                quirks.body.shift_remove("stream_options");
            }
            OmitIncludeObfuscation => omit_obfuscation(quirks),
            OmitReasoningEffort => {
                ask.reasoning_effort = None;
                ask.metadata.shift_remove(REASONING_EFFORT);
            }
            OmitSeed => quirks.omit_seed = true,
            OmitLogprobs => quirks.omit_logprobs = true,
            UseResponses | UseCompletions | UseChat => *dialect = adaptation.dialect().unwrap_or(*dialect),
        }
    }
}

fn omit_obfuscation(quirks: &mut Quirks) {
    let Some(Value::Object(options)) = quirks.body.get_mut("stream_options") else { return };
    options.shift_remove("include_obfuscation");
    if options.is_empty() {
        quirks.body.shift_remove("stream_options");
    }
}

impl fmt::Display for Adaptation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A stored word that this version does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown adaptation `{0}`")]
pub struct UnknownAdaptation(pub String);

impl FromStr for Adaptation {
    type Err = UnknownAdaptation;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = WORDS.iter().find(|(_, word)| *word == text);
        known.map(|(adaptation, _)| *adaptation).ok_or_else(|| UnknownAdaptation(text.to_owned()))
    }
}

#[cfg(test)]
mod tests;
