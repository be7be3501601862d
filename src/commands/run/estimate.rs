//! The expected usage of `run --all`: printed before the first call, with a question at a terminal. A script gets no
//! question, so that crontab lines with `--all` go on as they are.

use super::outcome_target::StoreOrBridge;
use crate::cli::run::RunArgs;
use crate::commands::context::Context;
use crate::commands::exit::CommandError;
use crate::commands::prompts;
use crate::daemon::price::{ListedPrices, cost, worst_case};
use crate::domain::daemon_config::Price;
use crate::domain::{ModelRef, Profile};
use crate::measure::load::LoadSpec;
use crate::output::{prompt, units};
use std::collections::{BTreeSet, HashMap};
use tokio_util::sync::CancellationToken;

/// The upper bound of the usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageEstimate {
    models: usize,
    calls: u64,
    tokens: u64,
    micro_dollars: u64,
    /// Models without a known price.
    unpriced: usize,
}

/// Prints the expected usage, and asks for consent if a user can answer and `--yes` is not set.
///
/// # Errors
/// Status 130 after Ctrl-C at the question; the store's error while reading prices.
pub async fn agreed(
    args: &RunArgs,
    context: &Context,
    prices: &HashMap<ModelRef, Price>,
    models: &[ModelRef],
    profile: &Profile,
    load: &LoadSpec,
) -> Result<bool, CommandError> {
    let price = |model: &ModelRef| prices.get(model).copied();
    let halves = if args.paired { 2 } else { 1 };
    let each = load.requests.map(|units| units.saturating_mul(halves).saturating_add(args.warmup));
    let said = match each {
        Some(each) => sentence(most(models, each, profile, price)),
        None => {
            format!("{}, as many calls as fit into --duration", units::counted(models.len() as u64, "model"))
        }
    };
    if args.yes || !prompt::possible() {
        context.note(args.quiet, &said);
        return Ok(true);
    }
    let agreed = prompts::ask_about(format!("{said}. Measure them?"), &CancellationToken::new()).await?;
    if !agreed {
        context.note(args.quiet, "nothing was measured");
    }
    Ok(agreed)
}

/// The most that one call of each of these models uses, as a phrase.
pub fn one_call_each(
    models: &[ModelRef],
    profile: &Profile,
    price: impl Fn(&ModelRef) -> Option<Price>,
) -> String {
    sentence(most(models, 1, profile, price))
}

/// The prices of these models, as the configuration or their providers' lists state them. A bridge knows no list, and one
/// that cannot be read leaves prices unknown.
pub async fn prices(
    context: &Context,
    place: Option<&StoreOrBridge>,
    models: &[ModelRef],
) -> HashMap<ModelRef, Price> {
    let mut rows = Vec::new();
    let providers: BTreeSet<&str> = models.iter().map(|model| model.provider.as_str()).collect();
    if let Some(StoreOrBridge::Store(store)) = place {
        for provider in providers {
            rows.extend(store.listed(Some(provider)).await.unwrap_or_default());
        }
    }
    let listed = ListedPrices::of(rows);
    let price = |model: &ModelRef| {
        Some((model.clone(), context.settings.daemon_config.price(model, listed.get(model))?))
    };
    models.iter().filter_map(price).collect()
}

/// The most that so many calls of each of these models use.
pub fn most(
    models: &[ModelRef],
    each: u64,
    profile: &Profile,
    price: impl Fn(&ModelRef) -> Option<Price>,
) -> UsageEstimate {
    let (input, output) = worst_case(profile);
    let (input, output) = (input.saturating_mul(each), output.saturating_mul(each));
    let prices: Vec<Option<Price>> = models.iter().map(price).collect();
    let of_all = |amount: u64| amount.saturating_mul(models.len() as u64);
    let costs = prices.iter().map(|price| cost(*price, input, output));
    UsageEstimate {
        models: models.len(),
        calls: of_all(each),
        tokens: of_all(input.saturating_add(output)),
        micro_dollars: costs.fold(0, u64::saturating_add),
        unpriced: prices.iter().filter(|price| price.is_none()).count(),
    }
}

fn sentence(most: UsageEstimate) -> String {
    let models = units::counted(most.models as u64, "model");
    format!("{models}, {}, at most about {}", units::counted(most.calls, "call"), most.tokens_and_money())
}

impl UsageEstimate {
    /// The tokens, and the dollars as far as prices are known.
    pub fn tokens_and_money(&self) -> String {
        let tokens = units::counted(self.tokens, "token");
        let dollars = match self.micro_dollars {
            1..10_000 => "less than 0.01 dollars".to_owned(),
            micro => format!("{:.2} dollars", micro as f64 / 1e6),
        };
        match self.unpriced {
            0 => format!("{tokens} and {dollars}"),
            all if all == self.models => format!("{tokens}; no price is known"),
            some => {
                let unpriced = units::counted(some as u64, "model");
                format!("{tokens} and {dollars}, without {unpriced} of unknown price")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::profile::built_in;

    #[test]
    fn every_call_counts_with_its_whole_budget() {
        let [profile, ..] = built_in();
        let models = ["groq:a", "groq:b"].map(|name| name.parse().unwrap());
        let (input, output) = worst_case(&profile);
        let one = |model: &ModelRef| (model.model_id == "a").then_some(Price { input: 1.0, output: 2.0 });
        let found = most(&models, 3, &profile, one);
        assert_eq!((found.calls, found.tokens), (6, 6 * (input + output)));
        assert_eq!((found.micro_dollars, found.unpriced), (3 * (input + 2 * output), 1));
        assert!(sentence(found).ends_with("without 1 model of unknown price"), "{}", sentence(found));
        assert!(sentence(most(&models, 1, &profile, |_| None)).ends_with("no price is known"));
        let endless = most(&models, u64::MAX, &profile, one);
        assert_eq!((endless.calls, endless.tokens), (u64::MAX, u64::MAX));
    }
}
