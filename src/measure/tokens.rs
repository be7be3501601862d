//! Token counts of one answer: the provider's usage, normalised; a tokenizer only where usage is missing, and then the row
//! says so. Called after the stream has ended, never while one is open.

use crate::domain::run::Tokens;
use crate::providers::protocols::{Answer, Channel, Usage};

/// Counts the tokens of a text. A parameter, so that the rules below can be tested without a vocabulary.
pub type Counter<'a> = &'a dyn Fn(&str) -> u64;

/// The label of counts that no provider reported.
pub const TOKENIZER_LABEL: &str = "tiktoken_visible_text";

/// Counts with OpenAI's `o200k_base` vocabulary. Another vendor's tokenizer would count differently: that is why usage
/// comes first and rows carry `token_source`.
pub fn count_with_tiktoken(text: &str) -> u64 {
    tiktoken_rs::o200k_base_singleton().encode_ordinary(text).len() as u64
}

/// All text of one channel, joined.
pub fn text_of(answer: &Answer, channel: Channel) -> String {
    answer.deltas.iter().filter(|delta| delta.channel == channel).map(|delta| delta.text.as_str()).collect()
}

/// The counts of an answer, and who counted the visible part of it where the provider does not tell reasoning apart.
///
/// Zero reported output beside visible text is no count: the tokenizer counts, and the label says so.
pub fn tokens(answer: &Answer, count: Counter<'_>) -> Tokens {
    let visible_text = text_of(answer, Channel::Visible);
    match &answer.usage {
        Some(usage) if usage.output.is_some_and(|output| output > 0 || visible_text.is_empty()) => {
            from_usage(answer, usage, &visible_text, count)
        }
        usage => from_text(answer, usage.as_ref(), &visible_text, count),
    }
}

fn from_usage(answer: &Answer, usage: &Usage, visible_text: &str, count: Counter<'_>) -> Tokens {
    let reported = usage.output.unwrap_or(0);
    let reasoning = usage.reasoning;
    // Some hosts leave reasoning out of their output count without saying so: a part cannot exceed its whole.
    let excluded = usage.output_excludes_reasoning || reasoning.is_some_and(|part| part > reported);
    let output = if excluded { reported + reasoning.unwrap_or(0) } else { reported };
    let reasoned = answer.deltas.iter().any(|delta| delta.channel == Channel::Reasoning);
    let visible = match reasoning {
        Some(part) => output - part,
        None if reasoned => count(visible_text).min(output),
        None => output,
    };
    Tokens {
        output_tokens: Some(output),
        generated_output_tokens: Some(output),
        visible_output_tokens: Some(visible),
        reasoning_tokens: reasoning,
        input_tokens: usage.input,
        cached_input_tokens: usage.cached_input,
        total_tokens: usage.total.or_else(|| usage.input.map(|input| input + output)),
        token_source: usage.source.to_owned(),
    }
}

fn from_text(answer: &Answer, usage: Option<&Usage>, visible_text: &str, count: Counter<'_>) -> Tokens {
    let visible = count(visible_text);
    let output = visible + count(&text_of(answer, Channel::Reasoning));
    let input = usage.and_then(|usage| usage.input);
    Tokens {
        output_tokens: Some(output),
        generated_output_tokens: Some(output),
        visible_output_tokens: Some(visible),
        reasoning_tokens: None,
        input_tokens: input,
        cached_input_tokens: usage.and_then(|usage| usage.cached_input),
        total_tokens: input.map(|input| input + output),
        token_source: TOKENIZER_LABEL.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::protocols::Delta;
    use std::time::Duration;

    fn words(text: &str) -> u64 {
        text.split_whitespace().count() as u64
    }

    fn answer(deltas: &[(Channel, &str)], usage: Option<Usage>) -> Answer {
        let delta = |(channel, text): &(Channel, &str)| Delta {
            at: Duration::ZERO,
            channel: *channel,
            text: (*text).to_owned(),
            tokens: None,
        };
        Answer { deltas: deltas.iter().map(delta).collect(), usage, ..Answer::default() }
    }

    fn usage(output: u64, reasoning: Option<u64>) -> Option<Usage> {
        Some(Usage {
            output: Some(output),
            reasoning,
            source: "provider_usage_completion_tokens",
            ..Usage::default()
        })
    }

    #[test]
    fn usage_first_and_reasoning_inside_output() {
        let counted = tokens(&answer(&[(Channel::Visible, "a b")], usage(64, Some(40))), &words);
        assert_eq!((counted.output_tokens, counted.visible_output_tokens), (Some(64), Some(24)));
        assert_eq!(counted.token_source, "provider_usage_completion_tokens");
    }

    #[test]
    fn counts_that_leave_reasoning_out_are_normalised() {
        let counted = tokens(&answer(&[(Channel::Visible, "a b")], usage(23, Some(302))), &words);
        assert_eq!((counted.output_tokens, counted.visible_output_tokens), (Some(325), Some(23)));
    }

    #[test]
    fn reasoning_text_without_a_count_is_not_called_visible() {
        let deltas = [(Channel::Reasoning, "hm hm hm"), (Channel::Visible, "a b")];
        let counted = tokens(&answer(&deltas, usage(5, None)), &words);
        assert_eq!((counted.visible_output_tokens, counted.reasoning_tokens), (Some(2), None));
    }

    #[test]
    fn missing_or_zero_usage_is_a_labelled_fallback() {
        for usage in [None, usage(0, None)] {
            let counted = tokens(&answer(&[(Channel::Visible, "a b c")], usage), &words);
            assert_eq!((counted.output_tokens, counted.token_source.as_str()), (Some(3), TOKENIZER_LABEL));
        }
    }
}
