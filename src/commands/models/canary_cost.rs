//! What the daily questions of `--canary` cost: told before a model gets one.

use crate::commands::context::{Context, store_error};
use crate::commands::exit::CommandError;
use crate::daemon::price::{cost, listed, worst_case};
use crate::domain::ModelRef;
use crate::domain::canary::canary_profile;
use crate::domain::daemon_config::Price;
use crate::output::{print, units};
use crate::storage::Store;

/// Questions of a month.
const QUESTIONS: u64 = 30;

/// Tells what a month costs at most; nothing if there are no models.
///
/// # Errors
/// The store's error while reading prices.
pub async fn tell(models: &[ModelRef], store: &dyn Store, context: &Context) -> Result<(), CommandError> {
    if models.is_empty() {
        return Ok(());
    }
    let prices = store.listed(None).await.map_err(|error| store_error("reading prices", error))?;
    let prices = listed(prices);
    let daemon_config = &context.settings.daemon_config;
    let of = |model: &ModelRef| daemon_config.price(model, prices.get(&model.unpinned()).copied());
    print::note(&sentence(&models.iter().map(of).collect::<Vec<_>>()));
    Ok(())
}

/// The month of models with these prices.
fn sentence(prices: &[Option<Price>]) -> String {
    let (input, output) = worst_case(&canary_profile());
    let models = prices.len() as u64;
    let tokens = models * QUESTIONS * (input + output);
    let micro: u64 = prices.iter().map(|price| cost(*price, QUESTIONS * input, QUESTIONS * output)).sum();
    let unpriced = prices.iter().filter(|price| price.is_none()).count();
    let dollars = match micro {
        0..10_000 => "less than 0.01 dollars".to_owned(),
        micro => format!("{:.2} dollars", micro as f64 / 1e6),
    };
    let money = match unpriced {
        0 => format!(" and {dollars}"),
        all if all == prices.len() => "; no price is known".to_owned(),
        some => format!(" and {dollars}, without {} of unknown price", units::counted(some as u64, "model")),
    };
    format!(
        "canary: {}, one question a day at each vantage: in 30 days at most about {}{money}",
        units::counted(models, "model"),
        units::counted(tokens, "token"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_told_as_far_as_prices_are_known() {
        let price = |each: f64| Some(Price { input: each, output: each });
        assert!(
            sentence(&[price(0.1)]).ends_with("tokens and less than 0.01 dollars"),
            "{}",
            sentence(&[price(0.1)])
        );
        assert!(sentence(&[None, None]).ends_with("; no price is known"));
        let some = sentence(&[price(100.0), None]);
        assert!(some.starts_with("canary: 2 models, one question a day"), "{some}");
        assert!(
            some.ends_with("dollars, without 1 model of unknown price") && !some.contains("less"),
            "{some}"
        );
    }
}
