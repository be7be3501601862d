//! One snapshot: the status report in the state directory, the store, and the problems of either. A store that does not
//! answer is a finding, never an abort.

use crate::commands::bridge;
use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};
use crate::daemon::status_file;
use crate::domain::daemon_status::problem::worst_first;
use crate::domain::daemon_status::{DaemonProblem, DaemonStatus, ProblemKind, ProblemSeverity};
use crate::domain::fleet::Fleet;
use crate::domain::publication::LaneRanking;
use crate::domain::window::DAY;
use crate::output::status::StatusReport;
use crate::output::status::places::RankingReport;
use crate::storage::{Store, StoreLocation};
use chrono::{DateTime, Utc};
use std::sync::Arc;

/// Takes snapshots; opens the store once.
pub struct StatusReader<'a> {
    context: &'a Context,
    store: Option<Arc<dyn Store>>,
}

/// The result of one look.
pub struct StatusSnapshot {
    pub report: StatusReport,
    /// 0, or the status for the reason why the store could not be read.
    pub exit: Exit,
}

impl<'a> StatusReader<'a> {
    /// A reader that has opened nothing yet.
    pub fn new(context: &'a Context) -> Self {
        Self { context, store: None }
    }

    /// Takes one snapshot of everything.
    pub async fn look(&mut self) -> StatusSnapshot {
        let now = Utc::now();
        let (mut problems, daemon_status) = match self.daemon_status() {
            Ok(Some(daemon_status)) => (
                daemon_status.local_problems(&status_file::process_evidence(&daemon_status), now),
                Some(daemon_status),
            ),
            Ok(None) => (Vec::new(), None),
            Err(problem) => (vec![problem], None),
        };
        let mut exit = Exit::Yes;
        let fleet = match self.fleet(now).await {
            Ok(fleet) => {
                problems.extend(fleet.problems(now, daemon_status.as_ref()));
                Some(fleet)
            }
            // Behind a bridge only this machine's daemon is visible, and it reports problems with the bridge.
            Err(_) if daemon_status.is_some() && self.is_bridge() => None,
            Err(error) => {
                exit = error.exit;
                let problem = DaemonProblem::new(
                    ProblemKind::StoreDown,
                    ProblemSeverity::Unhealthy,
                    "store",
                    error.message,
                );
                problems.push(problem.command("llmbench doctor"));
                None
            }
        };
        worst_first(&mut problems);
        let store = self.store.as_ref().map(|store| store.describe());
        let ranking = if fleet.is_some() { self.ranking().await } else { None };
        let report = StatusReport { as_of: now, problems, store, fleet, ranking, daemon_status };
        StatusSnapshot { report, exit }
    }

    /// The status report of this machine's daemon; `None` without a state directory.
    ///
    /// # Errors
    /// An unreadable file is a finding.
    pub fn daemon_status(&self) -> Result<Option<DaemonStatus>, DaemonProblem> {
        let Ok(directory) = self.context.settings.state_dir() else { return Ok(None) };
        status_file::read(&directory.value).map_err(|error| {
            DaemonProblem::new(
                ProblemKind::CouldNotLook,
                ProblemSeverity::Unhealthy,
                "daemon",
                error.to_string(),
            )
        })
    }

    /// The fleet in the store.
    ///
    /// # Errors
    /// The reason why the store could not be read.
    pub async fn fleet(&mut self, now: DateTime<Utc>) -> Result<Fleet, CommandError> {
        let store = match &self.store {
            Some(store) => Arc::clone(store),
            None => {
                self.is_there()?;
                Arc::clone(self.store.insert(self.context.open_store().await?))
            }
        };
        let asked = store.overview(now - DAY, now).await;
        asked.map_err(|error| crate::commands::scope::read_error("reading the store", error))
    }

    /// The lanes of the ranking as they were counted last; `None` if nobody counted them, or if they cannot be read.
    async fn ranking(&self) -> Option<RankingReport> {
        let rankings = self.store.as_ref()?.rankings().await.ok()?;
        let counted_at = rankings.iter().map(|ranking| ranking.counted_at).max()?;
        let lanes = rankings.into_iter().flat_map(Vec::<LaneRanking>::from).collect();
        Some(RankingReport { counted_at, lanes })
    }

    fn is_bridge(&self) -> bool {
        bridge::named(self.context).is_ok_and(|named| named.is_some())
    }

    /// Fails if there is no database file, because a query must not create one.
    fn is_there(&self) -> Result<(), CommandError> {
        let location = self.context.store_location()?;
        match &location.value {
            StoreLocation::Sqlite(path) if !path.exists() => Err(CommandError::usage(format!(
                "store ({}): there is no database at {} yet",
                location.source,
                path.display()
            ))),
            _ => Ok(()),
        }
    }
}
