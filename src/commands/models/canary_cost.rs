//! What the daily questions of `--canary` cost: told before a model gets one.

use crate::commands::context::{Context, store_error};
use crate::commands::exit::CommandError;
use crate::commands::run::estimate::{UsageEstimate, most};
use crate::daemon::price::ListedPrices;
use crate::domain::ModelRef;
use crate::domain::canary::canary_profile;
use crate::output::{print, units};
use crate::storage::Store;

/// Questions of a month.
const QUESTIONS: u64 = 30;

/// Tells what a month costs at most; nothing if there are no models. A model that is pinned to several endpoints is asked
/// at each of them, so it is there once for each.
///
/// # Errors
/// The store's error while reading prices.
pub async fn tell(lanes: &[ModelRef], store: &dyn Store, context: &Context) -> Result<(), CommandError> {
    if lanes.is_empty() {
        return Ok(());
    }
    let listed = store.listed(None).await.map_err(|error| store_error("reading prices", error))?;
    let listed = ListedPrices::of(listed);
    let price = |model: &ModelRef| context.settings.daemon_config.price(model, listed.get(model));
    print::note(&sentence(lanes.len(), &most(lanes, QUESTIONS, &canary_profile(), price)));
    Ok(())
}

fn sentence(lanes: usize, month: &UsageEstimate) -> String {
    format!(
        "canary: {}, one question a day at each vantage: in 30 days at most about {}",
        units::counted(lanes as u64, "model"),
        month.tokens_and_money(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::daemon_config::Price;

    #[test]
    fn a_month_is_told_as_far_as_prices_are_known() {
        let models = ["groq:a", "groq:b"].map(|name| name.parse().unwrap());
        let told = |models: &[ModelRef], each: Option<f64>| {
            let price = |model: &ModelRef| {
                each.filter(|_| model.model_id == "a").map(|each| Price { input: each, output: each })
            };
            sentence(models.len(), &most(models, QUESTIONS, &canary_profile(), price))
        };
        let cheap = told(&models[..1], Some(0.1));
        assert!(cheap.ends_with("tokens and less than 0.01 dollars"), "{cheap}");
        assert!(told(&models, None).ends_with("; no price is known"));
        let some = told(&models, Some(100.0));
        assert!(some.starts_with("canary: 2 models, one question a day"), "{some}");
        assert!(
            some.ends_with("dollars, without 1 model of unknown price") && !some.contains("less"),
            "{some}"
        );
    }
}
