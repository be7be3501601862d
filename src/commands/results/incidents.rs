//! `llmbench results changes --incidents`: short disturbances of series that ended by themselves, from blocks of time. Nothing
//! of it is kept.

use super::changes::{MONTH, NOT_WATCHED, failed, fits, up_to_date, watched};
use crate::cli::changes::ResultsChangesArgs;
use crate::cli::errors::WindowArgs;
use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};
use crate::commands::scope::{scope, window};
use crate::commands::{stdout, unknown_names};
use crate::domain::series_block::{HISTORY_DAYS, SLOTS_OF_DAY, day_of_slot, slot_of};
use crate::domain::series_change::{SeriesChange, WatchedFigure};
use crate::measure::level_shift::{LevelBlock, level_deviations};
use crate::measure::series_incidents::{DeviatingSeries, believed_incidents};
use crate::measure::shift_changes::LookedFigure;
use crate::output::changes::incidents::{self, IncidentList};
use crate::output::print;
use crate::output::progress_counter::ProgressCounter;
use crate::storage::series_blocks::{SeriesDay, StoredSeries, first_unfinished};
use crate::storage::series_changes::ChangeFilter;
use crate::storage::{Store, StoreError};
use chrono::SubsecRound;
use std::collections::HashMap;

/// Series whose blocks are read at once.
const SERIES_AT_ONCE: usize = 100;

/// Slots of the longest incident: one that began before the window may reach into it.
const LONGEST: i64 = 3 * SLOTS_OF_DAY;

/// Lists the incidents of the window.
///
/// # Errors
/// An invalid window, a store that cannot be read.
pub async fn list(args: &ResultsChangesArgs, context: &Context) -> Result<Exit, CommandError> {
    let since = WindowArgs { since: args.since.clone(), to: None };
    let window = window(&since, (!args.all).then_some(MONTH))?;
    let scope = scope(&args.of, window)?;
    let store = context.open_store().await?;
    unknown_names::provider(&scope, context, &*store).await?;
    let now = store.server_time().await.map_err(failed)?;
    up_to_date(args, context, &*store, now).await?;
    let all = store.measured_series().await.map_err(failed)?;
    let to = first_unfinished(now);
    let oldest = to - HISTORY_DAYS * SLOTS_OF_DAY;
    let from = window.from.map_or(oldest, |from| slot_of(from.timestamp_millis()).max(oldest));
    let quiet = args.quiet || args.json;
    let mut counter = ProgressCounter::start("series looked at", &context.terminal, quiet);
    // How far an incident reached is seen in series that nobody asked for.
    let looked = look(&*store, &all, (from, to), |count| counter.more(count)).await.map_err(failed)?;
    counter.done();
    let mut found = believed_incidents(&looked, from);
    let wanted: HashMap<_, _> =
        all.iter().filter(|one| fits(one, &scope)).map(|one| (&one.series, one)).collect();
    found.retain(|incident| wanted.contains_key(&incident.series));
    let list = IncidentList {
        as_of: now.trunc_subsecs(3),
        window,
        series: watched(&all, &scope, now),
        incidents: found,
    };
    show(args, context, &list, all.iter().any(|one| one.sampled_blocks > 0 && fits(one, &scope)))?;
    if list.incidents.is_empty() {
        unknown_names::hint_at_model(&scope, &*store).await.map_err(failed)?;
    }
    Ok(Exit::Yes)
}

fn show(
    args: &ResultsChangesArgs,
    context: &Context,
    list: &IncidentList,
    is_watched: bool,
) -> Result<(), CommandError> {
    if args.json {
        stdout::document(&incidents::document(list))?;
    } else if !list.incidents.is_empty() {
        stdout::text(&incidents::list(list, &context.view(args.wide)))?;
    }
    if !args.json && !args.quiet {
        if list.incidents.is_empty() {
            print::note(if is_watched { "no incident was found in this time" } else { NOT_WATCHED });
        }
        if let Some(unjudged) = crate::output::changes::unjudged(&list.series) {
            print::note(&unjudged);
        }
    }
    Ok(())
}

/// How every series deviated from its usual level over these slots.
async fn look(
    store: &dyn Store,
    all: &[StoredSeries],
    (from, to): (i64, i64),
    mut done: impl FnMut(u64),
) -> Result<Vec<DeviatingSeries>, StoreError> {
    let alive: Vec<&StoredSeries> =
        all.iter().filter(|one| one.sampled_blocks > 0 && one.last_slot >= from).collect();
    let stored = store.series_changes(&ChangeFilter::default()).await?;
    let first = from - LONGEST;
    let days = (day_of_slot(first - HISTORY_DAYS * SLOTS_OF_DAY), day_of_slot(to) + 1);
    let mut looked = Vec::new();
    for some in alive.chunks(SERIES_AT_ONCE) {
        let keys: Vec<String> = some.iter().map(|one| one.key.clone()).collect();
        let mut of_key: HashMap<String, Vec<SeriesDay>> = HashMap::new();
        for day in store.series_days(&keys, days.0, days.1).await? {
            of_key.entry(day.key.clone()).or_default().push(day);
        }
        for one in some {
            let days = of_key.remove(&one.key).unwrap_or_default();
            looked.extend(deviating(one, &days, &stored, (first, to)));
        }
        done(some.len() as u64);
    }
    Ok(looked)
}

/// The figures of a series that have a usual level.
fn deviating(
    one: &StoredSeries,
    days: &[SeriesDay],
    stored: &[SeriesChange],
    (first, to): (i64, i64),
) -> Vec<DeviatingSeries> {
    let of = |figure: WatchedFigure| {
        let levels = days.iter().flat_map(|day| day.columns.levels(day.day, figure));
        let block = |(slot, level): (i64, crate::domain::series_block::BlockFigure)| LevelBlock {
            slot,
            ln_median: level.median.ln(),
            samples: level.samples,
        };
        let blocks: Vec<LevelBlock> = levels.filter(|(slot, _)| *slot < to).map(block).collect();
        // A level that changed is no incident, and neither is a change that went back.
        let looked = LookedFigure { key: &one.key, series: &one.series, figure, from: i64::MAX };
        let deviations = level_deviations(&blocks, &looked.known(stored), first);
        (!deviations.is_empty()).then(|| DeviatingSeries { series: one.series.clone(), figure, deviations })
    };
    WatchedFigure::ALL.into_iter().filter_map(of).collect()
}
