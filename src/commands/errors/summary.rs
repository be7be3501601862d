//! `llmbench errors summary`: three concurrent queries (errors, successes, the catalog), folded into groups.

use super::catalog_presence;
use super::grouping::{self, AttemptCounts};
use crate::cli::errors::{ErrorsSummaryArgs, GroupByArg};
use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};
use crate::commands::scope::{read_error, scope, window};
use crate::commands::{stdout, unknown_names};
use crate::domain::window::DAY;
use crate::output::errors::{self, ErrorGrouping, ErrorShareLimit, ErrorSummary};
use crate::output::{print, text, units};
use crate::storage::history::{ErrorGranularity, HistoryFilter, MOST_GROUPS, RunSeries};
use crate::storage::{Store, StoreError};
use std::collections::HashSet;

/// Runs `llmbench errors summary` to its exit status.
///
/// # Errors
/// As in [`super::run`].
pub async fn run(args: ErrorsSummaryArgs, context: Context) -> Result<Exit, CommandError> {
    let scope = HistoryFilter {
        published_errors: args.published,
        ..scope(&args.of, window(&args.window, Some(DAY))?)?
    };
    let store = context.open_store().await?;
    unknown_names::provider(&scope, &context, &*store).await?;
    let failed = |error| read_error("reading errors", error);
    let summary = summarise(&args, &scope, &*store).await.map_err(failed)?;
    if args.json {
        stdout::document(&errors::summary_document(&summary))?;
    } else if args.csv {
        stdout::text(&errors::summary_csv(&summary).map_err(CommandError::usage)?)?;
    } else {
        stdout::text(&errors::summary(&summary, &context.view(args.wide)))?;
    }
    if summary.errors + summary.successes == 0 {
        unknown_names::hint_at_model(&scope, &*store).await.map_err(failed)?;
    }
    Ok(summary.limit.as_ref().map_or(Exit::Yes, judge))
}

/// Prints the groups above the limit, and returns the status.
fn judge(limit: &ErrorShareLimit) -> Exit {
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

async fn summarise(
    args: &ErrorsSummaryArgs,
    scope: &HistoryFilter,
    store: &dyn Store,
) -> Result<ErrorSummary, StoreError> {
    let by = by(args);
    let grain = grain(args, by);
    let series: &[RunSeries] = if args.published { &[RunSeries::Published] } else { &RunSeries::ALL };
    let errors = store.error_groups(scope, grain);
    let successes = store.successes(scope, grain > ErrorGranularity::Provider, series);
    let (fine, mut successes) = tokio::try_join!(errors, successes)?;
    let mut fine = grouping::in_order(fine);
    let truncated = fine.len() >= MOST_GROUPS;
    if args.enabled {
        let enabled = store.work_list(scope.provider.as_deref()).await?;
        let enabled: HashSet<_> =
            enabled.into_iter().map(|item| (Some(item.model.provider), Some(item.model.model_id))).collect();
        fine.retain(|part| enabled.contains(&(part.provider.clone(), part.model.clone())));
        successes.retain(|one| enabled.contains(&(one.provider.clone(), one.model.clone())));
    }
    if args.only_failing {
        let attempts = AttemptCounts::count(&fine, &successes);
        fine.retain(|part| attempts.only_failing(part));
        successes.clear();
    }
    let attempts = AttemptCounts::count(&fine, &successes);
    let groups = grouping::groups(&fine, &attempts, by);
    let (errors, successes) = attempts.total();
    Ok(ErrorSummary {
        window: scope.window,
        by,
        errors,
        successes,
        limit: args.max_error_rate.map(|share| grouping::limit(share, &groups, by, &attempts)),
        advised: catalog_presence::settled(grouping::advised(&fine), store).await?,
        groups,
        truncated,
    })
}

fn by(args: &ErrorsSummaryArgs) -> ErrorGrouping {
    match args.by {
        Some(GroupByArg::Provider) => ErrorGrouping::Provider,
        Some(GroupByArg::Model) => ErrorGrouping::Model,
        Some(GroupByArg::Kind) => ErrorGrouping::Kind,
        Some(GroupByArg::Cause) => ErrorGrouping::Cause,
        Some(GroupByArg::Stage) => ErrorGrouping::Stage,
        Some(GroupByArg::Fingerprint) => ErrorGrouping::Fingerprint,
        None if args.only_failing || args.enabled || args.of.model.is_some() => ErrorGrouping::Model,
        None => ErrorGrouping::Provider,
    }
}

/// The granularity for the store. Models are separate if it matters which of them succeeded.
fn grain(args: &ErrorsSummaryArgs, by: ErrorGrouping) -> ErrorGranularity {
    match by {
        ErrorGrouping::Provider if !args.only_failing && !args.enabled => ErrorGranularity::Provider,
        ErrorGrouping::Provider | ErrorGrouping::Model | ErrorGrouping::Kind => ErrorGranularity::Model,
        ErrorGrouping::Cause => ErrorGranularity::Cause,
        ErrorGrouping::Stage => ErrorGranularity::Stage,
        ErrorGrouping::Fingerprint => ErrorGranularity::Fingerprint,
    }
}
