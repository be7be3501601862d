//! The shapes of a Chat Completions chunk, with each host's additions. Unneeded fields are not read;
//! text is borrowed from the recording.

use super::super::Usage;
use super::super::lenient::{ArrayLength, Count, First, LenientString, or_default};
use super::content::ChunkContent;
use super::joined;
use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ChatChunk<'a> {
    #[serde(borrow)]
    pub id: LenientString<'a>,
    #[serde(borrow)]
    pub model: LenientString<'a>,
    #[serde(borrow)]
    pub service_tier: LenientString<'a>,
    /// The backend configuration (<https://platform.openai.com/docs/api-reference/chat-streaming/streaming>): OpenAI, Azure,
    /// Groq, Cerebras, DeepSeek, Moonshot, SambaNova, xAI and llama.cpp send it.
    #[serde(borrow)]
    pub system_fingerprint: LenientString<'a>,
    /// OpenRouter: the provider that serves the request.
    #[serde(borrow)]
    pub provider: LenientString<'a>,
    #[serde(borrow)]
    pub choices: First<Box<ChatChoice<'a>>>,
    pub usage: Option<Box<ChatUsage>>,
    /// Groq: the same usage again, or an error.
    pub x_groq: Option<Box<GroqExtra>>,
    // Boxed, like everything that few chunks have: a chunk is moved several times while it is parsed.
    pub error: Option<Box<Value>>,
    /// Cerebras: beside `error`.
    pub status_code: Option<Box<Value>>,
    /// Cerebras: seconds.
    pub time_info: Option<Box<Value>>,
    /// Fireworks: numbers or texts.
    pub perf_metrics: Option<Box<Value>>,
    /// llama.cpp: milliseconds, counts and rates.
    pub timings: Option<Box<Value>>,
}

impl ChatChunk<'_> {
    /// True if no field shows that this is a chunk.
    pub fn is_bare(&self) -> bool {
        self.id.is_empty() && self.usage.is_none() && self.error.is_none()
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct GroqExtra {
    pub usage: Option<Box<ChatUsage>>,
    pub error: Option<Box<Value>>,
}

/// One choice; requests ask for only one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ChatChoice<'a> {
    #[serde(borrow, deserialize_with = "or_default")]
    pub delta: ChunkDelta<'a>,
    /// Set in legacy Completions.
    #[serde(borrow)]
    pub text: LenientString<'a>,
    #[serde(borrow)]
    finish_reason: LenientString<'a>,
    /// OpenRouter: the upstream's own word.
    #[serde(borrow)]
    native_finish_reason: LenientString<'a>,
    /// Set if `return_token_ids` was requested.
    token_ids: ArrayLength,
    /// Token probabilities, if they were requested: an object, of Together one number for the chunk's token.
    pub logprobs: Option<Box<Value>>,
    /// Moonshot: the counts, in the last choice.
    pub usage: Option<Box<ChatUsage>>,
}

/// The addition of a chunk to the message.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ChunkDelta<'a> {
    #[serde(borrow)]
    pub content: ChunkContent<'a>,
    #[serde(borrow)]
    pub refusal: LenientString<'a>,
    /// Used by Fireworks, DeepInfra, DeepSeek, xAI, Moonshot, Z.ai.
    #[serde(borrow)]
    reasoning_content: LenientString<'a>,
    /// Groq, Cerebras, Together, OpenRouter.
    #[serde(borrow)]
    reasoning: LenientString<'a>,
    /// OpenRouter: the same text once more, and sometimes the only one.
    #[serde(borrow, deserialize_with = "or_default")]
    reasoning_details: Vec<ReasoningDetail<'a>>,
    #[serde(borrow, deserialize_with = "or_default")]
    tool_calls: Vec<ToolCall<'a>>,
    #[serde(borrow, deserialize_with = "or_default")]
    function_call: Function<'a>,
    /// Cerebras: the ids of the chunk's tokens.
    tokens: ArrayLength,
    token_ids: ArrayLength,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ReasoningDetail<'a> {
    #[serde(borrow)]
    text: LenientString<'a>,
    #[serde(borrow)]
    summary: LenientString<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ToolCall<'a> {
    #[serde(borrow, deserialize_with = "or_default")]
    function: Function<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Function<'a> {
    #[serde(borrow)]
    arguments: LenientString<'a>,
}

impl<'a> ChatChoice<'a> {
    /// The finish reason, in the host's word, else in the upstream's.
    pub fn ended(&self) -> Option<&str> {
        self.finish_reason.get().or(self.native_finish_reason.get())
    }

    /// The number of tokens in the chunk, if the host lists them.
    pub fn tokens(&self) -> Option<u32> {
        let lists = [self.delta.tokens, self.delta.token_ids, self.token_ids];
        lists.iter().find_map(|list| list.0).filter(|length| *length > 0)
    }

    /// Reasoning text; hosts that send it under several names mean the same text.
    pub fn reasoning(&self) -> Cow<'a, str> {
        let delta = &self.delta;
        let plain = [&delta.reasoning_content, &delta.reasoning].into_iter().find(|word| !word.is_empty());
        match plain {
            Some(word) => word.clone().into_text(),
            None if !delta.content.reasoning.is_empty() => delta.content.reasoning.clone(),
            None => joined(delta.reasoning_details.iter().map(|detail| {
                let word = if detail.text.is_empty() { &detail.summary } else { &detail.text };
                word.clone().into_text()
            })),
        }
    }

    /// Arguments of tool calls, which count as output that a user waits for.
    pub fn calls(&self) -> Cow<'a, str> {
        let listed = self.delta.tool_calls.iter().map(|call| &call.function);
        joined(
            listed.chain([&self.delta.function_call]).map(|function| function.arguments.clone().into_text()),
        )
    }
}

/// Counts, with Groq's times in seconds among them.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ChatUsage {
    prompt_tokens: Count,
    pub completion_tokens: Count,
    total_tokens: Count,
    #[serde(deserialize_with = "or_default")]
    prompt_tokens_details: ChatTokenDetails,
    #[serde(deserialize_with = "or_default")]
    completion_tokens_details: ChatTokenDetails,
    queue_time: Option<f64>,
    prompt_time: Option<f64>,
    completion_time: Option<f64>,
    total_time: Option<f64>,
    /// DeepSeek: prompt tokens that its cache answered.
    prompt_cache_hit_tokens: Count,
    /// Moonshot: the same.
    cached_tokens: Count,
    /// SambaNova's clock, in seconds.
    time_to_first_token: Option<f64>,
    total_latency: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ChatTokenDetails {
    cached_tokens: Count,
    reasoning_tokens: Count,
}

impl ChatUsage {
    /// The provider's times, in seconds. Groq's total leaves the queue out.
    pub fn times(&self) -> [(&'static str, Option<f64>); 6] {
        [
            ("queue_time", self.queue_time),
            ("prompt_time", self.prompt_time),
            ("completion_time", self.completion_time),
            ("total_time", self.total_time),
            ("time_to_first_token", self.time_to_first_token),
            ("total_latency", self.total_latency),
        ]
    }
}

impl From<&ChatUsage> for Usage {
    fn from(usage: &ChatUsage) -> Self {
        let told =
            [usage.prompt_tokens_details.cached_tokens, usage.cached_tokens, usage.prompt_cache_hit_tokens];
        let cached = told.into_iter().find(|count| *count != Count::Absent).unwrap_or_default();
        let reasoning = usage.completion_tokens_details.reasoning_tokens;
        let (input, output, total) = (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens);
        Usage::counted(input, cached, output, reasoning, total)
    }
}
