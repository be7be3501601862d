//! `daemon --dry-run`: what would be asked now and later, from what the store says at this moment. Nothing is called and
//! nothing is changed.

use super::keeper;
use crate::cli::daemon::DaemonArgs;
use crate::commands::context::{Context, store_error};
use crate::commands::data;
use crate::commands::exit::{CommandError, Exit};
use crate::daemon::keeper::Keeper;
use crate::daemon::roster::Roster;
use crate::daemon::schedule::{Due, due};
use crate::daemon::steward::{Foreseen, Trial, foresee};
use crate::daemon::work::{Questions, turn, work};
use crate::domain::Series;
use crate::domain::regime::Regime;
use crate::measure::laboratory::Question;
use crate::output::daemon::{DueRow, Why, document, due as table};
use crate::storage::StoreError;
use chrono::{DateTime, Utc};
use std::collections::HashMap;
use std::sync::Arc;

/// Shows what is due and when.
///
/// # Errors
/// Status 2 or 75 where the store cannot be asked.
pub async fn run(args: &DaemonArgs, context: &Context, questions: &[Question]) -> Result<Exit, CommandError> {
    let now = Utc::now();
    let keeper = Arc::new(keeper(context)?);
    let rows = rows(&keeper, &context.settings.regime, questions, now).await;
    let mut rows = rows.map_err(|error| store_error("reading the catalogue", error))?;
    rows.sort_by_key(|row| (row.due_at.max(now), row.finished_at));
    if args.json {
        data::document(&document(&rows, now))?;
    } else {
        data::text(&table(&rows, now, &context.terminal))?;
    }
    Ok(if rows.is_empty() { Exit::No } else { Exit::Yes })
}

async fn rows(
    keeper: &Arc<Keeper>,
    regime: &Regime,
    questions: &[Question],
    now: DateTime<Utc>,
) -> Result<Vec<DueRow>, StoreError> {
    let store = keeper.store().await?;
    let mut roster = Roster::default();
    roster.measure(store.work_list(None).await?, regime);
    let jobs = store.jobs(None).await?;
    let turns: HashMap<Series, _> = jobs.iter().map(|job| (job.series.clone(), turn(job))).collect();
    let questions = Questions::new(questions.to_vec());
    let mut rows = Vec::new();
    for asked in roster.by_provider().values() {
        for work in work(asked, &questions, regime, &HashMap::new()) {
            let turn = turns.get(&work.plan.series).cloned().unwrap_or_default();
            let (Due::Since(due_at) | Due::At(due_at)) = due(&work.plan, &turn, now);
            rows.push(DueRow {
                model: work.item.model.clone(),
                why: Why::Cadence { profile: work.question.profile.name.clone() },
                cadence_seconds: Some(work.plan.cadence_seconds),
                finished_at: turn.finished_at,
                due_at,
            });
        }
    }
    rows.extend(foresee(keeper, regime, now).await?.into_iter().map(trial));
    Ok(rows)
}

fn trial(foreseen: Foreseen) -> DueRow {
    let Foreseen { model, trial, at } = foreseen;
    let why = match trial {
        Trial::Admission => Why::Admission,
        Trial::Recheck => Why::Recheck,
    };
    DueRow { model, why, cadence_seconds: None, finished_at: None, due_at: at }
}
