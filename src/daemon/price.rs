//! What a call uses and what that costs: requests, tokens, millionths of a dollar. Which limits there are is `budget`'s.

use crate::domain::{Outcome, Profile};
use serde_json::Value;

/// What was used, or may be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spend {
    /// Requests.
    pub runs: u64,
    /// Tokens, input and output.
    pub tokens: u64,
    /// Millionths of a US dollar.
    pub micro_dollars: u64,
}

impl Spend {
    /// The sum.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            runs: self.runs.saturating_add(other.runs),
            tokens: self.tokens.saturating_add(other.tokens),
            micro_dollars: self.micro_dollars.saturating_add(other.micro_dollars),
        }
    }

    /// The difference, at least nothing.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self {
            runs: self.runs.saturating_sub(other.runs),
            tokens: self.tokens.saturating_sub(other.tokens),
            micro_dollars: self.micro_dollars.saturating_sub(other.micro_dollars),
        }
    }
}

/// US dollars for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Price {
    /// Of input.
    pub input: f64,
    /// Of output, reasoning included.
    pub output: f64,
}

impl Price {
    /// What tokens cost, in millionths of a dollar, rounded up.
    pub fn of(self, input: u64, output: u64) -> u64 {
        // A dollar for a million tokens is a millionth of a dollar for one.
        (input as f64 * self.input.max(0.0) + output as f64 * self.output.max(0.0)).ceil() as u64
    }
}

/// Input and output tokens that one request under a profile uses at most. A token is never shorter than a byte, and four
/// bytes are usual; chat templates and nonces add some.
pub fn worst_case(profile: &Profile) -> (u64, u64) {
    (profile.prompt.len() as u64 + 64, u64::from(profile.max_output_tokens))
}

/// What an attempt used, as its row says. Where the row does not say, it used nothing if it was refused, and what was put
/// aside for it if it broke off: a provider bills what it generated, whether or not it arrived.
pub fn used(outcome: &Outcome, profile: &Profile, price: Option<Price>) -> Spend {
    let (input, output) = match outcome {
        Outcome::Success(run) => {
            let (most_input, most_output) = worst_case(profile);
            (run.tokens.input_tokens.unwrap_or(most_input), run.tokens.output_tokens.unwrap_or(most_output))
        }
        Outcome::Failure(failure) if answered(&failure.extra) => worst_case(profile),
        Outcome::Failure(_) => (0, 0),
    };
    Spend {
        runs: 1,
        tokens: input.saturating_add(output),
        micro_dollars: price.map_or(0, |price| price.of(input, output)),
    }
}

/// Whether an answer had begun to stream when the attempt failed.
fn answered(extra: &serde_json::Map<String, Value>) -> bool {
    extra.get("first_event_seconds").is_some_and(Value::is_number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Kind;
    use crate::domain::profile::built_in;
    use crate::measure::testing;
    use serde_json::json;

    #[test]
    fn a_price_is_rounded_up() {
        let price = Price { input: 0.05, output: 0.4 };
        assert_eq!((price.of(0, 0), price.of(1, 0), price.of(1000, 64)), (0, 1, 76));
    }

    #[test]
    fn an_attempt_costs_what_its_row_says() {
        let [profile, ..] = built_in();
        let price = Some(Price { input: 1.0, output: 1.0 });
        let run = testing::run("openai", "gpt-4o", 0.2);
        let (input, output) = (run.tokens.input_tokens.unwrap(), run.tokens.output_tokens.unwrap());
        let spent = used(&Outcome::Success(Box::new(run)), &profile, price);
        assert_eq!(spent, Spend { runs: 1, tokens: input + output, micro_dollars: input + output });
        let Outcome::Failure(mut failure) = testing::failure("openai", "gpt-4o", Kind::Timeout, "") else {
            panic!()
        };
        let refused = used(&Outcome::Failure(failure.clone()), &profile, price);
        assert_eq!(refused, Spend { runs: 1, ..Spend::default() });
        failure.extra.insert("first_event_seconds".to_owned(), json!(0.4));
        let (most_input, most_output) = worst_case(&profile);
        assert_eq!(used(&Outcome::Failure(failure), &profile, price).tokens, most_input + most_output);
    }
}
