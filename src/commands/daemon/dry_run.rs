//! `daemon --dry-run`: shows the requests that are due now and later, from the present state of the store.
//! Calls and changes nothing.

use super::store_handle;
use crate::cli::daemon::DaemonArgs;
use crate::commands::context::{Context, store_error};
use crate::commands::exit::{CommandError, Exit};
use crate::commands::{bridge, stdout};
use crate::daemon::catalog_policy::{PlannedTrial, TrialReason, foresee};
use crate::daemon::price::ListedPrices;
use crate::daemon::roster::Roster;
use crate::daemon::sampling_plan::SamplingPlan;
use crate::daemon::sampling_plan::stored::{KnownNoise, known_noise, plan};
use crate::daemon::schedule::{DueTime, due};
use crate::daemon::series_work::{AFTER_A_CRASH, RequestSpecs, SeriesWork, turn, work};
use crate::daemon::turn_times::BlockDays;
use crate::domain::Series;
use crate::domain::daemon_config::{DaemonConfig, PlanKind};
use crate::domain::daemon_status::PlanReport;
use crate::measure::measurer::RequestSpec;
use crate::output::dry_run::{DueReason, DueRow, document, due as table};
use crate::output::sampling_plan::PlanNote;
use crate::storage::claims::JobState;
use crate::storage::{self, StoreError, StoreLocation, WorkItem};
use chrono::{DateTime, Utc};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// Shows the due series and the times of the others.
///
/// # Errors
/// Status 2 or 75 if the store cannot be read.
pub async fn run(
    args: &DaemonArgs,
    context: &Context,
    questions: &[RequestSpec],
) -> Result<Exit, CommandError> {
    let now = Utc::now();
    let (mut rows, plan) = rows(context, questions, now).await?;
    rows.sort_by_key(|row| (row.due_at.max(now), row.finished_at));
    if args.json {
        stdout::document(&document(&rows, plan.as_ref(), now))?;
    } else {
        stdout::text(&table(&rows, plan.as_ref(), now, &context.terminal))?;
    }
    Ok(if rows.is_empty() { Exit::No } else { Exit::Yes })
}

async fn rows(
    context: &Context,
    questions: &[RequestSpec],
    now: DateTime<Utc>,
) -> Result<(Vec<DueRow>, Option<PlanReport>), CommandError> {
    let failed = |error| store_error("reading the catalog", error);
    let daemon_config = &context.settings.daemon_config;
    let state_dir = context.settings.state_dir().map_err(CommandError::usage)?.value;
    if let Some(bridge) = bridge::open(context, daemon_config.wanted())? {
        let work = bridge.work().await;
        if let Some(error) = work.refused {
            return Err(store_error("the work list", error));
        }
        let jobs = turns_of_runner(&state_dir.join(bridge::MEMORY), context).await.map_err(failed)?;
        let rules = daemon_config.proposed(&work.cadences);
        return Ok((turns(work.items, &jobs, &rules, questions, None, now).0, None));
    }
    let store_handle = Arc::new(store_handle(context, &state_dir)?);
    let store = store_handle.store().await.map_err(failed)?;
    let items = store.work_list(None).await.map_err(failed)?;
    let jobs = store.jobs(None).await.map_err(failed)?;
    let noise = match daemon_config.plan {
        PlanKind::Even => None,
        PlanKind::Precision => {
            let prices = ListedPrices::of(store.listed(None).await.map_err(failed)?);
            Some((known_noise(&*store, now).await.map_err(failed)?, prices))
        }
    };
    let (mut rows, plan) = turns(items, &jobs, daemon_config, questions, noise.as_ref(), now);
    rows.extend(foresee(&store_handle, daemon_config, now).await.map_err(failed)?.into_iter().map(trial));
    Ok((rows, plan))
}

/// The progress of a runner's series. Empty if it never ran, and creates no file.
async fn turns_of_runner(path: &Path, context: &Context) -> Result<Vec<JobState>, StoreError> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let looked = storage::look(&StoreLocation::Sqlite(path.to_owned()), &context.names(), &[]).await?;
    looked.jobs(None).await
}

/// The turns of all models and profiles, at the cadences of a plan where the noise of series and the prices of models are
/// given.
fn turns(
    items: Vec<WorkItem>,
    jobs: &[JobState],
    daemon_config: &DaemonConfig,
    questions: &[RequestSpec],
    noise: Option<&(KnownNoise, ListedPrices)>,
    now: DateTime<Utc>,
) -> (Vec<DueRow>, Option<PlanReport>) {
    let mut roster = Roster::default();
    roster.measure(items, daemon_config);
    // A series that a daemon holds at this moment is not due.
    let turns: HashMap<Series, _> = jobs
        .iter()
        .map(|job| (job.series.clone(), turn(job, None, AFTER_A_CRASH, BlockDays::default(), now)))
        .collect();
    let questions = RequestSpecs::new(questions.to_vec());
    let asked = roster.by_provider();
    let plan = noise.map(|(noise, prices)| plan(asked, questions.profiles(), noise, daemon_config, prices));
    let daemon_config = daemon_config.planned(plan.as_ref().map(SamplingPlan::cadences).unwrap_or_default());
    let mut rows = Vec::new();
    for asked in roster.by_provider().values() {
        for work in work(asked, &questions, &daemon_config, &ListedPrices::default()) {
            let turn = turns.get(&work.plan.series).cloned().unwrap_or_default();
            let (DueTime::Since(due_at) | DueTime::At(due_at)) = due(&work.plan, &turn, now);
            rows.push(DueRow {
                model: work.item.model.clone(),
                why: DueReason::Cadence { profile: work.question.profile.name.clone() },
                cadence_seconds: Some(work.plan.cadence_seconds),
                plan: note(plan.as_ref(), &work),
                finished_at: turn.finished_at,
                due_at,
            });
        }
    }
    (rows, plan.as_ref().map(SamplingPlan::report))
}

/// What the plan gives to a series.
fn note(plan: Option<&SamplingPlan>, work: &SeriesWork) -> Option<PlanNote> {
    let planned = plan?.find(&work.item.model, &work.question.profile.id)?;
    Some(PlanNote {
        why: planned.why.as_str(),
        configured_seconds: planned.configured_seconds,
        half_width: planned.half_width,
        half_width_configured: planned.half_width_configured,
    })
}

fn trial(foreseen: PlannedTrial) -> DueRow {
    let PlannedTrial { model, trial, at } = foreseen;
    let why = match trial {
        TrialReason::Admission => DueReason::Admission,
        TrialReason::Recheck => DueReason::Recheck,
    };
    DueRow { model, why, cadence_seconds: None, plan: None, finished_at: None, due_at: at }
}
