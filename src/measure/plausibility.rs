//! Rejects impossible counts. A provider's counts are accepted as far as the request and the received text allow
//! them; an answer beyond that is no sample, so that no row claims 2.2e20 tokens/s. Pure.

use crate::domain::GenerationRequest;
use crate::domain::failure::{FailureDetail, FailureKind, FailureStage};
use crate::measure::tokens::{OutputTokens, TokenCounter, text_of};
use crate::providers::protocols::{Channel, DecodedStream, Usage};

/// A host may exceed the budget by this factor (another tokenizer, reasoning that it neither shows nor counts).
const TIMES: u64 = 4;
/// Tokens that are allowed in addition, which matters for small budgets.
const SLACK: u64 = 256;
/// Counted reasoning may be outside the budget (xAI): twice the largest output limit of any model.
const MOST_REASONING: u64 = 256 * 1024;
/// Tokens that hosts may add around a prompt: templates, system prompts.
const MOST_ADDED_INPUT: u64 = 64 * 1024;
/// Text is tokenised only if a reported token would hold more than this many of its bytes on average.
const BYTES_PER_TOKEN: u64 = 16;

/// The reason why the counts of a whole answer are impossible; `None` if they can be true.
///
/// Visible output may be [`TIMES`] × budget + [`SLACK`], or the number of bytes in the text if a host ignores the
/// budget; counted reasoning may add [`MOST_REASONING`]; input may be the prompt's bytes + [`MOST_ADDED_INPUT`].
pub fn impossible(
    answer: &DecodedStream,
    ask: &GenerationRequest,
    count: TokenCounter<'_>,
) -> Option<FailureDetail> {
    let usage = answer.usage.clone().unwrap_or_default();
    let message = odd(&usage)
        .or_else(|| beyond_the_budget(answer, &usage, ask))
        .or_else(|| beyond_the_prompt(&usage, ask))
        .or_else(|| more_than_generated(answer, &usage, count))?;
    let fault = FailureDetail::new(FailureKind::Protocol, FailureStage::Validate, message);
    Some(FailureDetail { http_status: Some(200), ..fault })
}

fn odd(usage: &Usage) -> Option<String> {
    usage.odd.map(|number| format!("usage says {} tokens", told(number)))
}

fn beyond_the_budget(answer: &DecodedStream, usage: &Usage, ask: &GenerationRequest) -> Option<String> {
    let budget = u64::from(ask.max_output_tokens);
    let allowed = budget.saturating_mul(TIMES).saturating_add(SLACK);
    let most_visible = allowed.max(bytes_of(answer, Channel::Visible));
    let most_reasoning = allowed.saturating_add(MOST_REASONING.max(bytes_of(answer, Channel::Reasoning)));
    let OutputTokens { output, visible } = OutputTokens::of(usage)?;
    let wrong =
        (visible > most_visible || output > most_visible.saturating_add(most_reasoning)).then_some(output);
    wrong.map(|tokens| format!("usage says {} tokens of {budget}", told(tokens as f64)))
}

fn beyond_the_prompt(usage: &Usage, ask: &GenerationRequest) -> Option<String> {
    let bytes = ask.prompt.len() as u64;
    let most = bytes.saturating_add(MOST_ADDED_INPUT);
    let input = [usage.input, usage.cached_input].into_iter().flatten().find(|tokens| *tokens > most);
    if let Some(tokens) = input {
        return Some(format!("usage says {} prompt tokens for {bytes} bytes", told(tokens as f64)));
    }
    let most = most.saturating_add(usage.output.unwrap_or(0)).saturating_add(usage.reasoning.unwrap_or(0));
    let total = usage.total.filter(|total| *total > most)?;
    Some(format!("usage says {} tokens in total, prompt included", told(total as f64)))
}

/// More visible than generated: chunks that hold more tokens than the whole answer, or a text that is far longer.
fn more_than_generated(answer: &DecodedStream, usage: &Usage, count: TokenCounter<'_>) -> Option<String> {
    let OutputTokens { output, .. } = OutputTokens::of(usage).filter(|split| split.output > 0)?;
    let chunks: u64 = answer.deltas.iter().filter_map(|delta| delta.tokens).map(u64::from).sum();
    if chunks > output.saturating_add(SLACK) {
        return Some(format!("its chunks hold {chunks} tokens, and usage says {output}"));
    }
    let bytes = bytes_of(answer, Channel::Visible);
    if bytes / BYTES_PER_TOKEN <= output {
        return None;
    }
    let text = count(&text_of(answer, Channel::Visible));
    let longer = text > output.saturating_mul(TIMES).saturating_add(SLACK);
    longer.then(|| format!("usage says {output} tokens of a text of about {text}"))
}

fn bytes_of(answer: &DecodedStream, channel: Channel) -> u64 {
    answer.deltas.iter().filter(|delta| delta.channel == channel).map(|delta| delta.text.len() as u64).sum()
}

/// Formats a number for people: below a thousand million as it is, larger ones with two digits.
fn told(number: f64) -> String {
    if number.abs() < 1e9 { number.to_string() } else { format!("{number:.1e}") }
}

#[cfg(test)]
mod tests;
