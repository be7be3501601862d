//! Tests of accepted and rejected counts.

use super::*;
use crate::providers::protocols::Delta;
use serde_json::Map;
use std::time::Duration;

fn ask() -> GenerationRequest {
    GenerationRequest {
        model_id: "m".to_owned(),
        prompt: "Tell.".to_owned(),
        max_output_tokens: 64,
        temperature: None,
        reasoning_effort: None,
        metadata: Map::new(),
        deterministic: false,
    }
}

fn words(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}

fn said(text: &str, usage: Usage) -> Option<String> {
    let delta = Delta { at: Duration::ZERO, channel: Channel::Visible, text: text.to_owned(), tokens: None };
    let answer = DecodedStream { deltas: vec![delta], usage: Some(usage), ..DecodedStream::default() };
    impossible(&answer, &ask(), &words).map(|fault| {
        assert_eq!((fault.kind, fault.stage), (FailureKind::Protocol, FailureStage::Validate));
        fault.message
    })
}

fn output(output: u64, reasoning: Option<u64>) -> Usage {
    Usage { output: Some(output), reasoning, ..Usage::default() }
}

#[test]
fn each_count_has_its_bound() {
    let input = |input| Usage { input: Some(input), output: Some(64), ..Usage::default() };
    let cases = [
        (output(1 << 53, None), "usage says 9.0e15 tokens of 64"),
        (output(513, None), "usage says 513 tokens of 64"),
        (output(5_000_000, Some(4_999_999)), "usage says 5000000 tokens of 64"),
        (Usage { odd: Some(-5.0), ..output(64, None) }, "usage says -5 tokens"),
        (Usage { odd: Some(7.5), ..output(64, None) }, "usage says 7.5 tokens"),
        (Usage { odd: Some(1.8446744073709552e19), ..output(64, None) }, "usage says 1.8e19 tokens"),
        (input(70_000), "usage says 70000 prompt tokens for 5 bytes"),
        (Usage { cached_input: Some(70_000), ..input(9) }, "usage says 70000 prompt tokens for 5 bytes"),
        (Usage { total: Some(70_000), ..input(9) }, "usage says 70000 tokens in total, prompt included"),
    ];
    for (usage, expected) in cases {
        assert_eq!(said("once upon", usage).as_deref(), Some(expected));
    }
}

#[test]
fn what_can_be_is_believed() {
    // A tokenizer of another kind, reasoning that is hidden or outside the budget, a host's own system prompt.
    for (tokens, reasoning) in [(64, None), (512, None), (2_064, Some(2_000)), (23, Some(302)), (0, None)] {
        assert_eq!(said("once upon", output(tokens, reasoning)), None, "{tokens} {reasoning:?}");
    }
    let long = "word ".repeat(2_000);
    assert_eq!(said(&long, output(2_000, None)), None, "a host that ignores the budget");
    let usage =
        Usage { input: Some(3_000), cached_input: Some(3_100), total: Some(3_064), ..output(64, None) };
    assert_eq!(said("once upon", usage), None);
}

#[test]
fn no_more_can_be_seen_than_was_generated() {
    let long = "word ".repeat(2_000);
    assert_eq!(said(&long, output(3, None)).unwrap(), "usage says 3 tokens of a text of about 2000");
    assert_eq!(said(&"word ".repeat(200), output(3, None)), None, "tokenizers differ");
    let delta =
        Delta { at: Duration::ZERO, channel: Channel::Visible, text: "a".to_owned(), tokens: Some(900) };
    let answer =
        DecodedStream { deltas: vec![delta], usage: Some(output(64, None)), ..DecodedStream::default() };
    let fault = impossible(&answer, &ask(), &words).unwrap();
    assert_eq!(fault.message, "its chunks hold 900 tokens, and usage says 64");
}
