//! Usage and cost of a call: requests, tokens, millionths of a dollar. The limits are in `budget`.

use crate::domain::daemon_config::Price;
use crate::domain::listing::{CatalogRow, listed_id};
use crate::domain::{ModelRef, Outcome, Profile};
use crate::outbox::Spend;
use serde_json::Value;
use std::collections::HashMap;

/// Cost of tokens in millionths of a dollar, rounded up; zero if the price is unknown.
pub fn cost(price: Option<Price>, input: u64, output: u64) -> u64 {
    // One dollar per million tokens is one millionth of a dollar per token.
    let cost = |price: Price| input as f64 * price.input.max(0.0) + output as f64 * price.output.max(0.0);
    price.map_or(0, |price| cost(price).ceil() as u64)
}

/// The prices that providers list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ListedPrices(HashMap<ModelRef, Price>);

impl ListedPrices {
    /// Of the rows that state a price for input and for output.
    pub fn of(rows: Vec<CatalogRow>) -> Self {
        let price = |row: CatalogRow| {
            let price = Price { input: row.facts.input_price?, output: row.facts.output_price? };
            Some((ModelRef::new(row.provider, row.model_id), price))
        };
        Self(rows.into_iter().filter_map(price).collect())
    }

    /// The price of a model under the id that its provider lists, whatever endpoint it is pinned to.
    pub fn get(&self, model: &ModelRef) -> Option<Price> {
        let id = listed_id(&model.provider, model.served_id());
        self.0.get(&ModelRef::new(&model.provider, id)).copied()
    }
}

/// Maximum input and output tokens of one request under a profile. A token has at least one byte and usually four; the
/// margin covers chat templates and nonces.
pub fn worst_case(profile: &Profile) -> (u64, u64) {
    (profile.prompt.len() as u64 + 64, u64::from(profile.max_output_tokens))
}

/// Usage of an attempt according to its row. If the row does not say: zero for a refused attempt, the worst case for
/// one that broke off, because providers bill generated tokens even if they did not arrive.
pub fn used(outcome: &Outcome, profile: &Profile, price: Option<Price>) -> Spend {
    let (input, output) = match outcome {
        Outcome::Success(run) => {
            let (most_input, most_output) = worst_case(profile);
            (run.tokens.input_tokens.unwrap_or(most_input), run.tokens.output_tokens.unwrap_or(most_output))
        }
        Outcome::Failure(failure) if answered(&failure.extra) => worst_case(profile),
        Outcome::Failure(_) => (0, 0),
    };
    Spend { runs: 1, tokens: input.saturating_add(output), micro_dollars: cost(price, input, output) }
}

/// True if a response had begun to stream before the attempt failed.
fn answered(extra: &serde_json::Map<String, Value>) -> bool {
    extra.get("first_event_seconds").is_some_and(Value::is_number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::FailureKind;
    use crate::domain::listing::ModelFacts;
    use crate::domain::profile::built_in;
    use crate::measure::testing;
    use serde_json::json;

    #[test]
    fn a_price_is_found_under_the_listed_id() {
        let row = |provider: &str, id: &str, output_price: Option<f64>| CatalogRow {
            provider: provider.to_owned(),
            model_id: id.to_owned(),
            name: id.to_owned(),
            facts: ModelFacts { input_price: Some(1.0), output_price, ..ModelFacts::default() },
            first_seen_at: None,
            last_seen_at: None,
            changes: Vec::new(),
        };
        let prices = ListedPrices::of(vec![
            row("vertex", "gemini-2.5-pro", Some(2.0)),
            row("openrouter", "a/b", Some(3.0)),
            row("groq", "half", None),
        ]);
        let output = |model: &str| prices.get(&model.parse().unwrap()).map(|price| price.output);
        assert_eq!(output("vertex:gemini-2.5-pro@20260101"), Some(2.0));
        assert_eq!(output("openrouter:a/b:nitro@novita"), Some(3.0));
        assert_eq!(output("groq:half"), None);
    }

    #[test]
    fn a_price_is_rounded_up() {
        let price = Some(Price { input: 0.05, output: 0.4 });
        assert_eq!((cost(price, 0, 0), cost(price, 1, 0), cost(price, 1000, 64)), (0, 1, 76));
        assert_eq!(cost(None, 1000, 64), 0);
    }

    #[test]
    fn an_attempt_costs_what_its_row_says() {
        let [profile, ..] = built_in();
        let price = Some(Price { input: 1.0, output: 1.0 });
        let run = testing::run("openai", "gpt-4o", 0.2);
        let (input, output) = (run.tokens.input_tokens.unwrap(), run.tokens.output_tokens.unwrap());
        let spent = used(&Outcome::Success(Box::new(run)), &profile, price);
        assert_eq!(spent, Spend { runs: 1, tokens: input + output, micro_dollars: input + output });
        let Outcome::Failure(mut failure) = testing::failure("openai", "gpt-4o", FailureKind::Timeout, "")
        else {
            panic!()
        };
        let refused = used(&Outcome::Failure(failure.clone()), &profile, price);
        assert_eq!(refused, Spend { runs: 1, ..Spend::default() });
        failure.extra.insert("first_event_seconds".to_owned(), json!(0.4));
        let (most_input, most_output) = worst_case(&profile);
        assert_eq!(used(&Outcome::Failure(failure), &profile, price).tokens, most_input + most_output);
    }
}
