//! Rules that derive request settings from a model's name: its dialect, and whether it takes a
//! temperature. These are first guesses, so that the first request is likely to fit; `providers::adapt`
//! corrects them from the API's answers.

use super::protocols::Dialect;

/// The rule by which a host chooses the dialect of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialectRule {
    /// The same for all models.
    Fixed(Dialect),
    /// OpenAI: Responses for reasoning models, Completions for three old ones, Chat for the rest.
    OpenAi,
    /// Vertex: Gemini, Claude, and partner models as `publisher/name`.
    Vertex,
}

/// The models of a host that refuse a temperature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemperatureRule {
    /// No model is known to.
    Accepted,
    /// OpenAI's reasoning models and `gpt-4o-search-preview`.
    OpenAi,
    /// Claude from 4.7 on.
    Claude,
}

/// OpenAI's models of the old Completions API (from the parameter type of its Python SDK).
const COMPLETIONS_ONLY: &[&str] = &["gpt-3.5-turbo-instruct", "davinci-002", "babbage-002"];

/// OpenAI's models of the Responses API whose names are neither o-series nor
/// gpt-5 and later (same SDK, `ResponsesModel`).
const RESPONSES_ONLY: &[&str] = &["computer-use-preview", "gpt-daybreak", "codex-"];

impl DialectRule {
    /// The dialect to try first for a model.
    pub fn choose(self, model_id: &str) -> Dialect {
        match self {
            DialectRule::Fixed(dialect) => dialect,
            DialectRule::OpenAi => openai_dialect(model_id),
            DialectRule::Vertex if model_id.contains('/') || model_id.ends_with("-maas") => Dialect::Chat,
            DialectRule::Vertex if model_id.starts_with("claude") => Dialect::Messages,
            DialectRule::Vertex => Dialect::Gemini,
        }
    }
}

impl TemperatureRule {
    /// True if the model answers a temperature with an error.
    pub fn refuses(self, model_id: &str) -> bool {
        match self {
            TemperatureRule::Accepted => false,
            TemperatureRule::OpenAi => {
                is_openai_reasoning(model_id) || base_model(model_id).starts_with("gpt-4o-search-preview")
            }
            TemperatureRule::Claude => claude_version(model_id).is_some_and(|version| version >= (4, 7)),
        }
    }
}

fn openai_dialect(model_id: &str) -> Dialect {
    let base = base_model(model_id);
    let listed = |names: &[&str]| names.iter().any(|name| base.starts_with(name));
    if listed(COMPLETIONS_ONLY) {
        Dialect::Completions
    } else if o_series(base)
        || gpt_version(base).is_some_and(|(major, _)| major >= 5)
        || listed(RESPONSES_ONLY)
    {
        Dialect::Responses
    } else {
        Dialect::Chat
    }
}

/// True if an OpenAI model reasons: the o-series, and gpt-5 and later except the `chat` variants of a whole version.
pub fn is_openai_reasoning(model_id: &str) -> bool {
    let base = base_model(model_id);
    if o_series(base) {
        return true;
    }
    match gpt_version(base) {
        Some((major, rest)) => major >= 5 && !rest.starts_with("-chat"),
        None => false,
    }
}

/// The reasoning effort that the Python runner sent to OpenAI's Responses models (`low`), so that old and new rows
/// compare; `None` for those that accept only another one (`-pro`: high, deep research: medium) or none.
pub fn published_effort(model_id: &str) -> Option<&'static str> {
    let base = base_model(model_id);
    let fixed = base.contains("-pro") || base.contains("deep-research") || base.starts_with("o1-mini");
    (is_openai_reasoning(base) && !fixed).then_some("low")
}

/// The base model of a fine-tuned one (`ft:gpt-4o-mini:org::id`) or behind a publisher (`openai/gpt-5`).
fn base_model(model_id: &str) -> &str {
    let own = model_id.strip_prefix("ft:").map_or(model_id, |tuned| tuned.split(':').next().unwrap_or(tuned));
    own.rsplit('/').next().unwrap_or(own)
}

/// `o1`, `o3-mini`, …
fn o_series(base: &str) -> bool {
    let Some(rest) = base.strip_prefix('o') else { return false };
    let tail = rest.trim_start_matches(|ch: char| ch.is_ascii_digit());
    tail.len() < rest.len() && (tail.is_empty() || tail.starts_with('-'))
}

/// Major version of `gpt-N…` and its suffix: `gpt-5.1-codex` is (5, `.1-codex`), `gpt-4o` is (4, `o`).
fn gpt_version(base: &str) -> Option<(u32, &str)> {
    let rest = base.strip_prefix("gpt-")?;
    let digits = rest.len() - rest.trim_start_matches(|ch: char| ch.is_ascii_digit()).len();
    Some((rest[..digits].parse().ok()?, &rest[digits..]))
}

/// Version of a Claude model under any host's name for it: `claude-3-5-sonnet-20241022` is (3, 5), `claude-sonnet-5`
/// is (5, 0), `us.anthropic.claude-opus-4-7-v1:0` and `anthropic/claude-opus-4.7` are (4, 7). Dates are not versions.
pub fn claude_version(model_id: &str) -> Option<(u32, u32)> {
    let (_, rest) = model_id.split_once("claude-")?;
    let mut words = rest.split(['-', '.', '@', ':']).skip_while(|word| number(word).is_none());
    let major = number(words.next()?)?;
    Some((major, words.next().and_then(number).unwrap_or(0)))
}

fn number(word: &str) -> Option<u32> {
    if word.len() > 2 { None } else { word.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openai_dialects() {
        let cases = [
            ("gpt-4o-mini", Dialect::Chat),
            ("gpt-4.1", Dialect::Chat),
            ("chatgpt-4o-latest", Dialect::Chat),
            ("omni-moderation-latest", Dialect::Chat),
            ("ft:gpt-4o-mini:acme::abc", Dialect::Chat),
            ("o1", Dialect::Responses),
            ("o3-pro", Dialect::Responses),
            ("o4-mini-deep-research", Dialect::Responses),
            ("gpt-5", Dialect::Responses),
            ("gpt-5.1-codex-max", Dialect::Responses),
            ("gpt-10-mini", Dialect::Responses),
            ("computer-use-preview-2025-03-11", Dialect::Responses),
            ("gpt-daybreak-mini-latest", Dialect::Responses),
            ("gpt-3.5-turbo-instruct-0914", Dialect::Completions),
            ("davinci-002", Dialect::Completions),
            ("gpt-3.5-turbo", Dialect::Chat),
        ];
        for (model, dialect) in cases {
            assert_eq!(DialectRule::OpenAi.choose(model), dialect, "{model}");
        }
    }

    #[test]
    fn vertex_dialects() {
        let cases = [
            ("gemini-2.5-pro", Dialect::Gemini),
            ("claude-sonnet-4-5@20250929", Dialect::Messages),
            ("meta/llama-4-maverick-17b-128e-instruct-maas", Dialect::Chat),
            ("google/gemini-2.5-flash", Dialect::Chat),
            ("gpt-oss-120b-maas", Dialect::Chat),
        ];
        for (model, dialect) in cases {
            assert_eq!(DialectRule::Vertex.choose(model), dialect, "{model}");
        }
        assert_eq!(DialectRule::Fixed(Dialect::Converse).choose("any"), Dialect::Converse);
    }

    #[test]
    fn temperatures() {
        let openai =
            [("o3", true), ("gpt-5-mini", true), ("gpt-5-chat-latest", false), ("gpt-5.1-chat-latest", true)];
        let more = [("gpt-4o-search-preview", true), ("gpt-4o", false), ("o", false), ("gpt-oss-20b", false)];
        for (model, refuses) in openai.into_iter().chain(more) {
            assert_eq!(TemperatureRule::OpenAi.refuses(model), refuses, "{model}");
        }
        let claude = [
            ("claude-opus-4-7", true),
            ("claude-sonnet-5", true),
            ("claude-fable-5-1", true),
            ("us.anthropic.claude-opus-4-8-20260101-v1:0", true),
            ("claude-haiku-4-5-20251001", false),
            ("claude-sonnet-4-20250514", false),
            ("claude-3-5-sonnet-20241022", false),
            ("claude-v2:1", false),
            ("amazon.nova-pro-v1:0", false),
        ];
        for (model, refuses) in claude {
            assert_eq!(TemperatureRule::Claude.refuses(model), refuses, "{model}");
        }
        assert!(!TemperatureRule::Accepted.refuses("o3"));
    }

    #[test]
    fn claude_versions() {
        assert_eq!(claude_version("claude-3-5-sonnet-20241022"), Some((3, 5)));
        assert_eq!(claude_version("anthropic/claude-opus-4.7"), Some((4, 7)));
        assert_eq!(claude_version("claude-sonnet-4-5@20250929"), Some((4, 5)));
        assert_eq!(claude_version("claude-instant-v1"), None);
        assert_eq!(claude_version("gpt-5"), None);
    }

    #[test]
    fn efforts() {
        assert_eq!(published_effort("gpt-5-mini"), Some("low"));
        assert_eq!(published_effort("o3"), Some("low"));
        for model in ["gpt-5-pro", "o3-deep-research", "gpt-5-chat-latest", "gpt-4o"] {
            assert_eq!(published_effort(model), None, "{model}");
        }
    }
}
