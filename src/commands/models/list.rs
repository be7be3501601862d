//! `llmbench models list`: joins entries and figures, filters them, and passes them to the output.

use crate::cli::models::ModelsListArgs;
use crate::commands::context::{Context, store_error};
use crate::commands::exit::{CommandError, Exit};
use crate::commands::stdout;
use crate::domain::glob;
use crate::domain::window::moment;
use crate::measure::block_comparison::level::median_interval_of_day;
use crate::measure::ranking::CONFIDENCE;
use crate::measure::student_t::TQuantiles;
use crate::output::models::{self, ModelRow};
use crate::storage::catalog::{CatalogEntry, DayFigure, Figures, ModelScope};
use chrono::{DateTime, Local, Utc};
use std::collections::HashMap;

/// The message in place of an empty list.
const NOTHING_FITS: &str = "no model is as asked; `llmbench models list --all` shows all of them";
const NOTHING_THERE: &str =
    "there is no model yet; to add one: llmbench models add PROVIDER:MODEL_ID, for example sim:steady";

/// Runs `llmbench models list` to its exit status.
///
/// # Errors
/// An unknown provider, a store that fails.
pub async fn run(args: &ModelsListArgs, context: &Context) -> Result<Exit, CommandError> {
    let now = Utc::now();
    let since = since(args)?;
    let store = context.open_store().await?;
    let (provider, scope) = match args.providers.as_slice() {
        [one] => (Some(one.as_str()), ModelScope::Provider(one.clone())),
        _ => (None, ModelScope::All),
    };
    let read = |error| store_error("reading the catalog", error);
    let figures = async {
        if args.ids && !args.stale && !args.failing {
            return Ok(HashMap::new());
        }
        store.figures(&scope, now).await
    };
    let (entries, figures) = tokio::try_join!(store.entries(provider), figures).map_err(read)?;
    known(args, context, &entries)?;
    let nothing_shown = if entries.is_empty() { NOTHING_THERE } else { NOTHING_FITS };
    let mut entries: Vec<CatalogEntry> = entries.into_iter().filter(|entry| wanted(args, entry)).collect();
    if let Some(since) = since {
        let disabled_at = |entry: &CatalogEntry| entry.instant("disabled_at");
        entries.retain(|entry| disabled_at(entry) >= Some(since));
        entries.sort_by_key(|entry| std::cmp::Reverse(disabled_at(entry)));
    }
    let nothing = Figures::default();
    let of = |entry: &CatalogEntry| figures.get(&entry.model).unwrap_or(&nothing);
    // The plain table has no room for intervals, and thousands of them take longer than all else in it.
    let mut quantiles = (args.wide || args.json || args.csv).then(|| TQuantiles::two_sided(CONFIDENCE));
    let rows: Vec<ModelRow> = entries
        .iter()
        .map(|entry| (entry, of(entry)))
        .filter(|(entry, figures)| {
            let freshness = figures.freshness(entry.is_enabled(), now);
            let stale = matches!(freshness, "stale" | "critical" | "never_run");
            (!args.stale || stale) && (!args.failing || figures.only_fails())
        })
        .map(|(entry, figures)| row(entry, figures, now, quantiles.as_mut()))
        .collect();
    stdout::text(&text(args, context, &rows, now, nothing_shown)?)?;
    Ok(Exit::Yes)
}

/// The start of the period for disabled models.
fn since(args: &ModelsListArgs) -> Result<Option<DateTime<Utc>>, CommandError> {
    let read = |text: &String| moment(text, &Local::now());
    let since = args.since.as_ref().map(read).transpose();
    since.map_err(|reason| CommandError::usage(format!("--since: {reason}")))
}

fn text(
    args: &ModelsListArgs,
    context: &Context,
    rows: &[ModelRow],
    now: DateTime<Utc>,
    nothing: &str,
) -> Result<String, CommandError> {
    if args.ids {
        return Ok(models::ids(rows));
    }
    if args.json {
        return Ok(models::json(rows, now));
    }
    if args.csv {
        return models::csv(rows).map_err(|error| CommandError::usage(format!("CSV: {error}")));
    }
    let view = context.view(args.wide);
    let wanted = models::ModelsTableOptions { off: args.disabled, wide: args.wide };
    if rows.is_empty() {
        context.note(false, nothing);
    }
    Ok(models::table(rows, wanted, now, &view))
}

/// Refuses a provider that neither the table of hosts nor the catalog knows.
fn known(args: &ModelsListArgs, context: &Context, entries: &[CatalogEntry]) -> Result<(), CommandError> {
    for provider in &args.providers {
        if !entries.iter().any(|entry| entry.model.provider == *provider) {
            context.settings.hosts.find(provider).map_err(CommandError::usage)?;
        }
    }
    Ok(())
}

fn wanted(args: &ModelsListArgs, entry: &CatalogEntry) -> bool {
    let name = entry.model.to_string();
    let state = args.all || entry.is_enabled() != args.disabled;
    let provider = args.providers.is_empty() || args.providers.contains(&entry.model.provider);
    let pattern =
        args.patterns.is_empty() || args.patterns.iter().any(|pattern| glob::matches(pattern, &name));
    state && provider && pattern
}

/// An entry and its figures in the form for display; without quantiles, without intervals.
pub fn row(
    entry: &CatalogEntry,
    figures: &Figures,
    now: DateTime<Utc>,
    mut quantiles: Option<&mut TQuantiles>,
) -> ModelRow {
    let enabled = entry.is_enabled();
    let mut interval = |figure: &DayFigure| {
        let quantiles = quantiles.as_deref_mut();
        let found = quantiles.and_then(|of| median_interval_of_day(&figure.samples, CONFIDENCE, of));
        found.map_or((None, None), |found| (Some(found.low), Some(found.high)))
    };
    let (ttft, rate) = (interval(&figures.ttft), interval(&figures.rate));
    ModelRow {
        provider: entry.model.provider.clone(),
        model: entry.model.model_id.clone(),
        display_name: entry.text("display_name"),
        enabled,
        deprecated: entry.flag("deprecated"),
        status: entry.text("status"),
        freshness: figures.freshness(enabled, now).to_owned(),
        only_suspect: figures.only_suspect(),
        last_success_at: figures.last_success_at,
        successes_24h: figures.successes_24h,
        failures_24h: figures.failures_24h,
        success_rate_24h: figures.success_rate(),
        ttft_median_24h: figures.ttft.median,
        tokens_per_second_median_24h: figures.rate.median,
        last_error_kind: figures.last_error_kind.clone(),
        last_error_message: figures.last_error_message.clone(),
        disabled_reason: entry.text("disabled_reason"),
        disabled_class: entry.text("disabled_class"),
        disabled_at: entry.text("disabled_at"),
        disabled_by: entry.text("disabled_by"),
        disabled_until: entry.text("disabled_until"),
        ttft_median_24h_low: ttft.0,
        ttft_median_24h_high: ttft.1,
        tokens_per_second_median_24h_low: rate.0,
        tokens_per_second_median_24h_high: rate.1,
    }
}
