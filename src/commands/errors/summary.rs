//! `llmbench errors summary`: three questions at once (errors, successes, the catalogue), folded into groups.

use super::fold::{self, Attempts};
use super::standing;
use crate::cli::errors::{ByArg, SummaryArgs};
use crate::commands::context::Context;
use crate::commands::data;
use crate::commands::exit::{CommandError, Exit};
use crate::commands::known;
use crate::commands::scope::{read_error, scope, window};
use crate::domain::window::DAY;
use crate::output::errors::{self, By, Limit, Summary};
use crate::output::{print, text, units};
use crate::storage::history::{Grain, MOST_GROUPS, Scope, Series};
use crate::storage::{Store, StoreError};
use std::collections::HashSet;

/// Runs the command.
///
/// # Errors
/// As [`super::run`].
pub async fn run(args: SummaryArgs, context: Context) -> Result<Exit, CommandError> {
    let scope =
        Scope { published_errors: args.published, ..scope(&args.of, window(&args.window, Some(DAY))?)? };
    let store = context.open_store().await?;
    known::provider(&scope, &context, &*store).await?;
    let failed = |error| read_error("reading errors", error);
    let summary = summarise(&args, &scope, &*store).await.map_err(failed)?;
    if args.json {
        data::document(&errors::summary_document(&summary))?;
    } else if args.csv {
        data::text(&errors::summary_csv(&summary).map_err(CommandError::usage)?)?;
    } else {
        data::text(&errors::summary(&summary, &context.view(args.wide)))?;
    }
    if summary.errors + summary.successes == 0 {
        known::hint_at_model(&scope, &*store).await.map_err(failed)?;
    }
    Ok(summary.limit.as_ref().map_or(Exit::Yes, judge))
}

/// Says what is above the limit, and whether anything is.
fn judge(limit: &Limit) -> Exit {
    let allowed = units::share(limit.share);
    for (name, rate) in &limit.over {
        print::note(&match rate {
            Some(rate) => {
                format!("{}: error rate {} is above {allowed}", text::escape(name), units::share(*rate))
            }
            None => "no attempt in the window: there is no error rate to judge".to_owned(),
        });
    }
    if limit.over.is_empty() { Exit::Yes } else { Exit::No }
}

async fn summarise(args: &SummaryArgs, scope: &Scope, store: &dyn Store) -> Result<Summary, StoreError> {
    let by = by(args);
    let grain = grain(args, by);
    let series: &[Series] = if args.published { &[Series::Published] } else { &Series::ALL };
    let errors = store.error_groups(scope, grain);
    let successes = store.successes(scope, grain > Grain::Provider, series);
    let (fine, mut successes) = tokio::try_join!(errors, successes)?;
    let mut fine = fold::in_order(fine);
    let truncated = fine.len() >= MOST_GROUPS;
    if args.enabled {
        let enabled = store.work_list(scope.provider.as_deref()).await?;
        let enabled: HashSet<_> =
            enabled.into_iter().map(|item| (Some(item.model.provider), Some(item.model.model_id))).collect();
        fine.retain(|part| enabled.contains(&(part.provider.clone(), part.model.clone())));
        successes.retain(|one| enabled.contains(&(one.provider.clone(), one.model.clone())));
    }
    if args.only_failing {
        let attempts = Attempts::count(&fine, &successes);
        fine.retain(|part| attempts.only_failing(part));
        successes.clear();
    }
    let attempts = Attempts::count(&fine, &successes);
    let groups = fold::groups(&fine, &attempts, by);
    let (errors, successes) = attempts.total();
    Ok(Summary {
        window: scope.window,
        by,
        errors,
        successes,
        limit: args.max_error_rate.map(|share| fold::limit(share, &groups, by, &attempts)),
        advised: standing::settled(fold::advised(&fine), store).await?,
        groups,
        truncated,
    })
}

fn by(args: &SummaryArgs) -> By {
    match args.by {
        Some(ByArg::Provider) => By::Provider,
        Some(ByArg::Model) => By::Model,
        Some(ByArg::Kind) => By::Kind,
        Some(ByArg::Cause) => By::Cause,
        Some(ByArg::Stage) => By::Stage,
        Some(ByArg::Fingerprint) => By::Fingerprint,
        None if args.only_failing || args.enabled || args.of.model.is_some() => By::Model,
        None => By::Provider,
    }
}

/// How finely the store must group. Models are told apart wherever it matters which of them succeeded.
fn grain(args: &SummaryArgs, by: By) -> Grain {
    match by {
        By::Provider if !args.only_failing && !args.enabled => Grain::Provider,
        By::Provider | By::Model | By::Kind => Grain::Model,
        By::Cause => Grain::Cause,
        By::Stage => Grain::Stage,
        By::Fingerprint => Grain::Fingerprint,
    }
}
