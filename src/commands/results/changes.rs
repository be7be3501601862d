//! `llmbench results changes`: brings blocks of series up to date, looks for changes, and shows them; `ack` notes that
//! somebody has seen one.

use super::incidents;
use crate::cli::changes::{ResultsChangesAckArgs, ResultsChangesArgs, ResultsChangesCommand};
use crate::cli::errors::WindowArgs;
use crate::commands::changes::{evidence, up_to_date as bring_up_to_date};
use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};
use crate::commands::models::change::who;
use crate::commands::scope::{read_error, scope, window};
use crate::commands::{stdout, unknown_names};
use crate::domain::change_evidence::ChangeSurroundings;
use crate::domain::series_block::{SLOTS_OF_DAY, day_of_slot};
use crate::domain::series_change::{Acknowledgement, ChangedLevel, SeriesChange};
use crate::domain::timestamp;
use crate::measure::change_state::SILENT_DAYS;
use crate::measure::change_windows::ChangeWindows;
use crate::measure::level_shift::LEAST_DAYS;
use crate::output::changes::explained::{self, ExplainedChange};
use crate::output::changes::{self, ChangeList, WatchedSeries};
use crate::output::print;
use crate::output::text::escape;
use crate::storage::history::HistoryFilter;
use crate::storage::series_blocks::{SeriesDay, StoredSeries, first_unfinished, series_key};
use crate::storage::series_changes::ChangeFilter;
use crate::storage::{Store, StoreError};
use chrono::{DateTime, Duration, SubsecRound, Utc};

/// The default window.
pub(super) const MONTH: Duration = Duration::days(30);

/// What there is to say where no series is measured.
pub(super) const NOT_WATCHED: &str = "no series fits: only rows of daemons count, and runs by hand do not; `llmbench \
    daemon` measures what `llmbench models list` shows";

/// Days of a chart before a change, and after it where it is long over.
const CHART_DAYS: i64 = 28;

/// Longest note of an acknowledgement, in characters.
const LONGEST_NOTE: usize = 500;

/// Runs the command and returns its exit status.
///
/// # Errors
/// An invalid window, an unknown id (status 1), a store that cannot be read.
pub async fn run(args: ResultsChangesArgs, context: Context) -> Result<Exit, CommandError> {
    match &args.command {
        Some(ResultsChangesCommand::Ack(ack)) => acknowledge(ack, &context).await,
        None => match &args.explain {
            Some(id) => explain(id, &args, &context).await,
            None if args.incidents => incidents::list(&args, &context).await,
            None => list(&args, &context).await,
        },
    }
}

pub(super) fn failed(error: StoreError) -> CommandError {
    read_error("reading changes", error)
}

async fn list(args: &ResultsChangesArgs, context: &Context) -> Result<Exit, CommandError> {
    let since = WindowArgs { since: args.since.clone(), to: None };
    let window = window(&since, (!args.all).then_some(MONTH))?;
    let scope = scope(&args.of, window)?;
    let store = context.open_store().await?;
    unknown_names::provider(&scope, context, &*store).await?;
    // The store's, as in daemons: the looks of both go on where the other ended.
    let now = store.server_time().await.map_err(failed)?;
    up_to_date(args, context, &*store, now).await?;
    let wanted = ChangeFilter {
        provider: scope.provider.clone(),
        model: scope.model.clone(),
        since: scope.window.from,
        open: args.open,
        ..ChangeFilter::default()
    };
    let mut found = store.series_changes(&wanted).await.map_err(failed)?;
    found.retain(|change| !args.open || change.is_open(now));
    let series = store.measured_series().await.map_err(failed)?;
    let is_watched = series.iter().any(|one| one.sampled_blocks > 0 && fits(one, &scope));
    let list = ChangeList {
        as_of: now.trunc_subsecs(3),
        window,
        series: watched(&series, &scope, now),
        changes: found,
        last_slots: series.into_iter().map(|one| (one.series, one.last_slot)).collect(),
    };
    if args.json {
        stdout::document(&changes::document(&list))?;
    } else if !list.changes.is_empty() {
        stdout::text(&changes::list(&list, &context.view(args.wide)))?;
    }
    if !args.json && !args.quiet {
        say_nothing_found(args, &list, is_watched);
        if let Some(unjudged) = changes::unjudged(&list.series) {
            print::note(&unjudged);
        }
    }
    if list.changes.is_empty() {
        unknown_names::hint_at_model(&scope, &*store).await.map_err(failed)?;
    }
    Ok(Exit::Yes)
}

/// Says that no change was found, or that there is nothing to find one in.
fn say_nothing_found(args: &ResultsChangesArgs, list: &ChangeList, is_watched: bool) {
    if !list.changes.is_empty() {
        return;
    }
    if !is_watched {
        print::note(NOT_WATCHED);
        return;
    }
    let when = match (args.open, args.all, &args.since) {
        (true, ..) => " is open",
        (_, true, _) => " was found",
        (_, _, None) => " of the last 30 days was found",
        _ => " was found in this time",
    };
    print::note(&format!("no change{when}"));
}

/// Derives the blocks that are due, and looks for changes in what became other.
pub(super) async fn up_to_date(
    args: &ResultsChangesArgs,
    context: &Context,
    store: &dyn Store,
    now: DateTime<Utc>,
) -> Result<(), CommandError> {
    bring_up_to_date(store, now, &context.terminal, args.quiet || args.json).await.map_err(failed)
}

/// How many of these series are judged, and why the others are not. Series that fell silent are not counted.
pub(super) fn watched(series: &[StoredSeries], scope: &HistoryFilter, now: DateTime<Utc>) -> WatchedSeries {
    let end = first_unfinished(now);
    let mut counted = WatchedSeries { days_needed: DAYS_NEEDED, ..WatchedSeries::default() };
    let wanted = |one: &&StoredSeries| {
        one.sampled_blocks > 0 && one.last_slot >= end - SILENT_DAYS * SLOTS_OF_DAY && fits(one, scope)
    };
    for one in series.iter().filter(wanted) {
        // A look by an older program noted no days: there are as many as blocks at most.
        let days = one.judged_days.map_or(one.sampled_blocks, u64::from);
        let kind = if one.last_slot + 1 - one.first_slot < DAYS_NEEDED * SLOTS_OF_DAY {
            &mut counted.too_young
        } else if days < DAYS_NEEDED as u64 {
            &mut counted.too_thin
        } else {
            &mut counted.judged
        };
        *kind += 1;
    }
    counted
}

/// True if a series is of the wanted provider and model.
pub(super) fn fits(one: &StoredSeries, scope: &HistoryFilter) -> bool {
    let model = &one.series.model;
    scope.provider.as_ref().is_none_or(|name| *name == model.provider)
        && scope.model.as_ref().is_none_or(|id| *id == model.model_id || id == model.served_id())
}

/// Days of blocks without which the detector does not judge.
const DAYS_NEEDED: i64 = LEAST_DAYS as i64;

async fn explain(id: &str, args: &ResultsChangesArgs, context: &Context) -> Result<Exit, CommandError> {
    let store = context.open_store().await?;
    let now = store.server_time().await.map_err(failed)?;
    up_to_date(args, context, &*store, now).await?;
    let Some(change) = store.series_change(id).await.map_err(failed)? else {
        return Err(unknown(id, &*store).await?);
    };
    let all = store.measured_series().await.map_err(failed)?;
    let to = first_unfinished(now);
    let gathered =
        evidence::gather(&*store, &all, std::slice::from_ref(&change), to).await.map_err(failed)?;
    let around = gathered.around.into_iter().next().unwrap_or_default();
    let points = points(&*store, &change, to).await.map_err(failed)?;
    let last_slot = all.iter().find(|one| one.series == change.series).map(|one| one.last_slot);
    let one = explained_change(now, (change, last_slot), around, points);
    match args.json {
        true => stdout::document(&explained::document(&one))?,
        false => stdout::text(&explained::text(&one, &context.view(args.wide)))?,
    }
    Ok(Exit::Yes)
}

fn explained_change(
    now: DateTime<Utc>,
    (change, last_slot): (SeriesChange, Option<i64>),
    around: ChangeSurroundings,
    points: Vec<(i64, f64)>,
) -> ExplainedChange {
    ExplainedChange {
        as_of: now.trunc_subsecs(3),
        change,
        last_slot,
        points,
        before: around.before,
        after: around.after,
        neighbours: around.neighbours.into_iter().map(|one| (one.series, one.reading)).collect(),
    }
}

/// The medians of a figure from some weeks before a change to some weeks after it.
async fn points(store: &dyn Store, change: &SeriesChange, to: i64) -> Result<Vec<(i64, f64)>, StoreError> {
    let ChangedLevel::Figure { figure, .. } = change.level else { return Ok(Vec::new()) };
    let windows = ChangeWindows::of(change, to);
    let from = windows.before.1 - CHART_DAYS * SLOTS_OF_DAY;
    let end = (windows.after.1 + CHART_DAYS * SLOTS_OF_DAY).min(to);
    let key = [series_key(&change.series)];
    let days = store.series_days(&key, day_of_slot(from), day_of_slot(end) + 1).await?;
    let levels = |day: &SeriesDay| day.columns.levels(day.day, figure).collect::<Vec<_>>();
    let points = days.iter().flat_map(levels).filter(|(slot, _)| (from..end).contains(slot));
    Ok(points.map(|(slot, level)| (slot, level.median)).collect())
}

async fn acknowledge(args: &ResultsChangesAckArgs, context: &Context) -> Result<Exit, CommandError> {
    let note = args.note.as_deref().map(str::trim).filter(|note| !note.is_empty()).map(str::to_owned);
    if note.as_ref().is_some_and(|note| note.chars().count() > LONGEST_NOTE) {
        return Err(CommandError::usage(format!("--note is longer than {LONGEST_NOTE} characters")));
    }
    let store = context.open_store().await?;
    let Some(change) = store.series_change(&args.change).await.map_err(failed)? else {
        return Err(unknown(&args.change, &*store).await?);
    };
    let new = Acknowledgement { at: Utc::now().trunc_subsecs(3), who: who(context), note };
    let (kept, said) = acknowledged(&change, new);
    if let Some(kept) = kept {
        let noted = store.acknowledge_change(&args.change, &kept).await;
        noted.map_err(|error| read_error("noting it", error))?;
    }
    print::note(&said);
    Ok(Exit::Yes)
}

/// What is to be kept, if anything, and the words for it. Who saw a change first, and when, stays, unless it was over and
/// came back since; a later note replaces the first one's.
fn acknowledged(change: &SeriesChange, new: Acknowledgement) -> (Option<Acknowledgement>, String) {
    let name = format!("change {} of {}", escape(&change.id), escape(&change.series.model.to_string()));
    let by = |seen: &Acknowledgement| format!("by {} at {}", escape(&seen.who), timestamp::time(seen.at));
    let came_back = |seen: &Acknowledgement| change.returned.is_some_and(|returned| returned.at > seen.at);
    let Some(first) = change.acknowledged.clone().filter(|seen| !came_back(seen)) else {
        let said = format!("noted: {name} was seen {}", by(&new));
        return (Some(new), said);
    };
    let seen = format!("{name} was seen already {}", by(&first));
    match new.note {
        None => (None, format!("{seen}; nothing was noted")),
        note => {
            let became = if first.note.is_some() { "its note was replaced" } else { "the note was added" };
            (Some(Acknowledgement { note, ..first }), format!("{seen}; {became}"))
        }
    }
}

/// The error for an id that no change has, with those near to it.
async fn unknown(id: &str, store: &dyn Store) -> Result<CommandError, CommandError> {
    let all = store.series_changes(&ChangeFilter::default()).await.map_err(failed)?;
    let ids = all.iter().map(|change| change.id.as_str());
    let hint = unknown_names::near_or(id, ids, "take one from: llmbench results changes --all");
    Ok(CommandError::usage(format!("no change has the id `{}`", id.escape_debug())).exit(Exit::No).hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ModelRef;
    use crate::domain::series_change::MeasuredSeries;

    #[test]
    fn young_thin_and_silent_series_are_told_apart() {
        let now = "2026-11-24T15:20:00Z".parse::<DateTime<Utc>>().unwrap();
        let end = first_unfinished(now);
        let series = |days: i64, judged: Option<u32>, silent: i64| StoredSeries {
            key: String::new(),
            series: MeasuredSeries {
                model: ModelRef::new("groq", "m"),
                runner: None,
                profile: None,
                connection: None,
            },
            first_slot: end - silent * 8 - days * 8,
            last_slot: end - silent * 8 - 1,
            sampled_blocks: 30,
            changed_from: None,
            revision: 1,
            judged_days: judged,
        };
        let all = [
            series(40, Some(17), 0),
            // Hardly measured for a year, and every day lately.
            series(400, Some(30), 0),
            series(16, Some(16), 0),
            series(40, Some(16), 0),
            series(40, Some(30), 9),
            series(40, None, 0),
            StoredSeries { sampled_blocks: 9, ..series(40, None, 0) },
            StoredSeries { sampled_blocks: 0, ..series(40, None, 0) },
        ];
        let told = watched(&all, &HistoryFilter::default(), now);
        assert_eq!((told.judged, told.too_young, told.too_thin), (3, 1, 2));
        let other = HistoryFilter { provider: Some("x".to_owned()), ..HistoryFilter::default() };
        assert_eq!(watched(&all, &other, now).judged, 0);
    }
}
