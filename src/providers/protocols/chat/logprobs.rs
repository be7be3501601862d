//! Token probabilities of Chat Completions chunks: `choices[].logprobs`
//! (<https://platform.openai.com/docs/api-reference/chat-streaming/streaming>). Hosts leave out what they like.

use serde_json::Value;

/// The most that are kept of an answer. They are asked for where answers are short.
const MOST: usize = 64;

/// The least that is kept; OpenAI says -9999 of what is very unlikely.
const LEAST: f64 = -10_000.0;

/// Appends the natural logarithms of a chunk's tokens: `content[].logprob`, else the older `token_logprobs`, else one
/// number (Together). What is no logarithm of a probability is passed over.
pub(super) fn note(told: &Value, logprobs: &mut Vec<f64>) {
    let list = |name: &str| told.get(name).and_then(Value::as_array);
    let numbers: Vec<f64> = match (list("content"), list("token_logprobs")) {
        (Some(tokens), _) => tokens.iter().filter_map(|token| token.get("logprob")?.as_f64()).collect(),
        (None, Some(numbers)) => numbers.iter().filter_map(Value::as_f64).collect(),
        (None, None) => told.as_f64().into_iter().collect(),
    };
    let room = MOST.saturating_sub(logprobs.len());
    logprobs.extend(numbers.into_iter().filter(|number| (LEAST..=0.0).contains(number)).take(room));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn noted(told: &Value) -> Vec<f64> {
        let mut logprobs = Vec::new();
        note(told, &mut logprobs);
        logprobs
    }

    #[test]
    fn every_host_s_shape_is_read() {
        let openai = json!({"content": [{"token": "bear", "logprob": -0.25, "top_logprobs": []}, {"token": ",", "logprob": 0}]});
        assert_eq!(noted(&openai), [-0.25, 0.0]);
        assert_eq!(noted(&json!({"token_logprobs": [-0.5, null, -1]})), [-0.5, -1.0]);
        assert_eq!(noted(&json!(-0.125)), [-0.125]);
        for nothing in [
            json!(null),
            json!({"content": null}),
            json!({"content": [{"logprob": "x"}, 7]}),
            json!(0.5),
            json!(-1e300),
        ] {
            assert!(noted(&nothing).is_empty(), "{nothing}");
        }
    }

    proptest! {
        #[test]
        fn no_answer_keeps_more_than_the_most(count in 0_usize..200, chunks in 1_usize..4) {
            let mut logprobs = Vec::new();
            let told = json!({"token_logprobs": vec![-0.5; count]});
            (0..chunks).for_each(|_| note(&told, &mut logprobs));
            prop_assert_eq!(logprobs.len(), MOST.min(count * chunks));
        }
    }
}
