//! Token counts of one answer: the provider's usage, normalised; a tokenizer counts only what usage leaves out, and
//! the row says so. Called after the stream has ended, never during one.

use crate::domain::run::Tokens;
use crate::providers::protocols::{Channel, DecodedStream, Usage};

/// Counts the tokens of a text. A parameter, so that the rules below can be tested without a vocabulary.
pub type TokenCounter<'a> = &'a dyn Fn(&str) -> u64;

/// The label of counts that no provider reported.
pub const TOKENIZER_LABEL: &str = "tiktoken_visible_text";

/// Suffix of the label of a provider's count that a tokenizer split into a visible and a reasoning part.
pub const SPLIT_LABEL: &str = "_split_by_tiktoken";

/// Tokenizers of different vendors agree within this factor. If more was generated than that, part
/// of the reasoning was not shown.
const TOKENIZERS_DIFFER: f64 = 2.0;

/// Counts with OpenAI's `o200k_base` vocabulary. Another vendor's tokenizer would count differently: that is why
/// usage comes first and rows carry `token_source`.
pub fn count_with_tiktoken(text: &str) -> u64 {
    tiktoken_rs::o200k_base_singleton().encode_ordinary(text).len() as u64
}

/// Letters of a word that make a token, about: vocabularies have most words of this length whole.
const LETTERS: usize = 9;
/// Digits that vocabularies join.
const DIGITS: usize = 3;
/// Signs that vocabularies join.
const SIGNS: usize = 4;

/// What a vocabulary does not join with anything else.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CharacterClass {
    Letter,
    /// Of a script without spaces between words.
    Ideograph,
    Digit,
    Space,
    Sign,
}

impl CharacterClass {
    fn of(character: char) -> Self {
        match character {
            _ if character.is_whitespace() => Self::Space,
            _ if character.is_numeric() => Self::Digit,
            '\u{0e00}'..='\u{0fff}' | '\u{2e80}'..='\u{ffef}' | '\u{20000}'..='\u{3ffff}' => Self::Ideograph,
            _ if character.is_alphabetic() => Self::Letter,
            _ => Self::Sign,
        }
    }

    /// About how many tokens so many of them are.
    fn tokens(self, characters: usize) -> usize {
        match self {
            Self::Letter => characters.div_ceil(LETTERS),
            Self::Ideograph => characters,
            Self::Digit => characters.div_ceil(DIGITS),
            // A vocabulary has words with the space before them.
            Self::Space => 0,
            Self::Sign => characters.div_ceil(SIGNS),
        }
    }
}

/// About how many tokens a text is, at least 1, without a vocabulary: pieces of an answer are compared by it. Their number
/// of characters says less, because a long word is one token as a short one is.
pub fn rough_tokens(text: &str) -> u64 {
    let classes: Vec<CharacterClass> = text.chars().map(CharacterClass::of).collect();
    let runs =
        classes.chunk_by(|one, next| one == next).filter_map(|run| Some(run.first()?.tokens(run.len())));
    (runs.sum::<usize>() as u64).max(1)
}

/// All text of one channel, joined.
pub fn text_of(answer: &DecodedStream, channel: Channel) -> String {
    answer.deltas.iter().filter(|delta| delta.channel == channel).map(|delta| delta.text.as_str()).collect()
}

/// The output counts of usage, reasoning included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputTokens {
    /// All generated tokens.
    pub output: u64,
    /// The output without counted reasoning.
    pub visible: u64,
}

impl OutputTokens {
    /// `None` if usage has no output count. Some hosts leave reasoning out of their output count without saying so;
    /// this is inferred if the part exceeds the whole.
    pub fn of(usage: &Usage) -> Option<Self> {
        let (reported, reasoning) = (usage.output?, usage.reasoning.unwrap_or(0));
        let excluded = usage.output_excludes_reasoning || reasoning > reported;
        let output = if excluded { reported.saturating_add(reasoning) } else { reported };
        Some(Self { output, visible: output - reasoning })
    }
}

/// The counts of an answer, and who counted.
///
/// Zero reported output beside visible text is no count: the tokenizer counts, and the label says so. Zero input
/// tokens are none either, because every question has some.
pub fn tokens(answer: &DecodedStream, count: TokenCounter<'_>) -> Tokens {
    let visible_text = text_of(answer, Channel::Visible);
    let usage = answer.usage.clone().unwrap_or_default();
    match OutputTokens::of(&usage).filter(|split| split.output > 0 || visible_text.is_empty()) {
        Some(split) => from_usage(answer, &usage, split, &visible_text, count),
        None => from_text(answer, &usage, &visible_text, count),
    }
}

fn from_usage(
    answer: &DecodedStream,
    usage: &Usage,
    split: OutputTokens,
    visible_text: &str,
    count: TokenCounter<'_>,
) -> Tokens {
    let OutputTokens { output, visible } = split;
    let reasoning_text = text_of(answer, Channel::Reasoning);
    // Servers that count no reasoning may write a zero for it.
    let uncounted = usage.reasoning.unwrap_or(0) == 0 && !reasoning_text.is_empty();
    let (visible, suffix) = if uncounted {
        (visible_share(output, count(visible_text), count(&reasoning_text)), SPLIT_LABEL)
    } else {
        (visible, "")
    };
    Tokens {
        output_tokens: Some(output),
        generated_output_tokens: Some(output),
        visible_output_tokens: Some(visible),
        reasoning_tokens: usage.reasoning.filter(|_| !uncounted),
        token_source: format!("{}{suffix}", usage.source),
        ..prompt_tokens(usage, output)
    }
}

/// The visible part of `output`, by the tokenizer's counts of both texts: its share of them if they account for the
/// output, else the tokenizer's own count, because the rest is reasoning that was not shown.
fn visible_share(output: u64, visible: u64, reasoning: u64) -> u64 {
    let shown = visible.saturating_add(reasoning) as f64;
    let factor = output as f64 / shown;
    if (1.0 / TOKENIZERS_DIFFER..=TOKENIZERS_DIFFER).contains(&factor) {
        return ((visible as f64 * factor).round() as u64).min(output);
    }
    visible.min(output)
}

fn from_text(answer: &DecodedStream, usage: &Usage, visible_text: &str, count: TokenCounter<'_>) -> Tokens {
    let visible = count(visible_text);
    let output = visible + count(&text_of(answer, Channel::Reasoning));
    Tokens {
        output_tokens: Some(output),
        generated_output_tokens: Some(output),
        visible_output_tokens: Some(visible),
        reasoning_tokens: None,
        token_source: TOKENIZER_LABEL.to_owned(),
        // A reported total would be the sum of counts that were rejected.
        ..prompt_tokens(&Usage { total: None, ..usage.clone() }, output)
    }
}

/// The counts of the prompt, and the total.
fn prompt_tokens(usage: &Usage, output: u64) -> Tokens {
    let input = usage.input.filter(|tokens| *tokens > 0);
    Tokens {
        input_tokens: input,
        cached_input_tokens: input.and(usage.cached_input),
        total_tokens: usage.total.or_else(|| input.map(|input| input.saturating_add(output))),
        ..Tokens::default()
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

    fn answer(deltas: &[(Channel, &str)], usage: Option<Usage>) -> DecodedStream {
        let delta = |(channel, text): &(Channel, &str)| Delta {
            at: Duration::ZERO,
            channel: *channel,
            text: (*text).to_owned(),
            tokens: None,
        };
        DecodedStream { deltas: deltas.iter().map(delta).collect(), usage, ..DecodedStream::default() }
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
        // As counted; another tokenizer, whose tokens are shared out; a host that writes
        // 0; reasoning that is not shown.
        for (output, reasoning, visible) in [(5, None, 2), (10, None, 4), (8, Some(0), 3), (500, None, 2)] {
            let counted = tokens(&answer(&deltas, usage(output, reasoning)), &words);
            assert_eq!((counted.visible_output_tokens, counted.reasoning_tokens), (Some(visible), None));
            assert_eq!(counted.output_tokens, Some(output));
            assert_eq!(counted.token_source, "provider_usage_completion_tokens_split_by_tiktoken");
        }
    }

    #[test]
    fn forty_and_forty_words_of_104_tokens_are_half_and_half() {
        let forty = "word ".repeat(40);
        let deltas = [(Channel::Reasoning, forty.as_str()), (Channel::Visible, forty.as_str())];
        let counted = tokens(&answer(&deltas, usage(104, None)), &words);
        assert_eq!((counted.output_tokens, counted.visible_output_tokens), (Some(104), Some(52)));
    }

    /// The part that the first piece has of a text whose pieces have four tokens each, as it is guessed.
    fn guessed_part(pieces: &[String], weight: impl Fn(&str) -> f64) -> f64 {
        weight(&pieces[0]) / pieces.iter().map(|piece| weight(piece)).sum::<f64>()
    }

    #[test]
    fn rough_tokens_share_a_text_out_as_a_vocabulary_does() {
        let texts = [
            "The committee postponed its decision because a quorum was not reached, although 12 of 20 members had come. Nobody \
             objected to a second meeting, which will be held on the 4th of March in the same building as the first one.",
            "Die Feuerwehr rückte gestern Abend mit vier Fahrzeugen aus, weil in einer Lagerhalle Rauch bemerkt worden war. Es \
             stellte sich heraus, dass nur eine Maschine überhitzt war; verletzt wurde dabei niemand.",
            "for row in rows {\n    let total: u64 = row.iter().sum();\n    if total > limit {\n        return Err(Failure::TooMany);\n    \
             }\n}\nprintln!(\"{} rows\", rows.len());\n",
        ];
        let vocabulary = tiktoken_rs::o200k_base_singleton();
        let (mut by_tokens, mut by_characters) = (0.0, 0.0);
        for text in texts {
            let tokens = vocabulary.encode_ordinary(text);
            // Every start is tried, so that no single word decides.
            for start in 0..16 {
                let pieces: Vec<String> =
                    tokens[start..].chunks_exact(4).filter_map(|four| vocabulary.decode(four).ok()).collect();
                let share = 1.0 / pieces.len() as f64;
                let off = |guess: f64| (guess / share - 1.0).abs();
                by_tokens += off(guessed_part(&pieces, |piece| rough_tokens(piece) as f64));
                by_characters += off(guessed_part(&pieces, |piece| piece.chars().count() as f64));
            }
        }
        assert!(by_tokens < 0.75 * by_characters, "{by_tokens} beside {by_characters}");
    }

    #[test]
    fn a_text_has_a_rough_token_for_each_word_number_and_sign() {
        for (text, tokens) in
            [("", 1), (" ", 1), ("Hello, world", 3), (" 12345", 2), ("日本語", 3), ("a_b", 3), ("é", 1)]
        {
            assert_eq!(rough_tokens(text), tokens, "{text:?}");
        }
    }

    #[test]
    fn zero_input_is_unknown() {
        let zero = Usage {
            input: Some(0),
            cached_input: Some(0),
            output: Some(0),
            total: Some(0),
            ..Usage::default()
        };
        let counted = tokens(&answer(&[(Channel::Visible, "a b c")], Some(zero.clone())), &words);
        assert_eq!(
            (counted.input_tokens, counted.cached_input_tokens, counted.total_tokens),
            (None, None, None)
        );
        let told = Usage { input: Some(9), cached_input: Some(4), ..zero };
        let counted = tokens(&answer(&[(Channel::Visible, "a b c")], Some(told)), &words);
        assert_eq!((counted.input_tokens, counted.cached_input_tokens), (Some(9), Some(4)));
        assert_eq!((counted.output_tokens, counted.total_tokens), (Some(3), Some(12)));
    }

    #[test]
    fn missing_or_zero_usage_is_a_labelled_fallback() {
        for usage in [None, usage(0, None)] {
            let counted = tokens(&answer(&[(Channel::Visible, "a b c")], usage), &words);
            assert_eq!((counted.output_tokens, counted.token_source.as_str()), (Some(3), TOKENIZER_LABEL));
        }
    }
}
