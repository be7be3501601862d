//! One snapshot: the status report in the state directory, the store, and the problems of either. A store that does not
//! answer is a finding, never an abort.

use crate::commands::bridge;
use crate::commands::calibrate::kept;
use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};
use crate::daemon::{owner_id, status_file};
use crate::domain::calibration::{CalibrationSummary, KeptCalibration};
use crate::domain::daemon_status::problem::worst_first;
use crate::domain::daemon_status::{DaemonProblem, DaemonStatus, ProblemKind, ProblemSeverity};
use crate::domain::fleet::Fleet;
use crate::domain::publication::LaneRanking;
use crate::domain::series_change::{REVERTS_WITHIN_DAYS, SeriesChange};
use crate::domain::window::DAY;
use crate::output::status::StatusReport;
use crate::output::status::calibrations::HostCalibrations;
use crate::output::status::places::RankingReport;
use crate::storage::series_changes::ChangeFilter;
use crate::storage::{Store, StoreLocation};
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::Arc;

/// Age up to which hosts in the store are shown: after that they have gone.
const SHOWN: TimeDelta = TimeDelta::days(14);

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

/// The status report of a daemon with the newest calibration of its host: it may have been made by hand since.
fn with_newest(mut told: DaemonStatus, newest: Option<CalibrationSummary>) -> DaemonStatus {
    if let (Some(report), Some(newest)) = (&mut told.calibration, newest)
        && report.newest.as_ref().is_none_or(|known| known.at < newest.at)
    {
        report.newest = Some(newest);
    }
    told
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
            Err(_) if daemon_status.is_some() && bridge::is_named(self.context) => None,
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
        let calibrations = self.calibrations(fleet.as_ref(), now).await;
        // A daemon of this host has told it.
        if daemon_status.as_ref().is_none_or(|told| told.calibration.is_none()) {
            problems.extend(calibrations.here.as_ref().and_then(|here| here.unfit_here(now)));
        }
        worst_first(&mut problems);
        let store = self.store.as_ref().map(|store| store.describe());
        let ranking = if fleet.is_some() { self.ranking().await } else { None };
        let open_changes = if fleet.is_some() { self.open_changes(now).await } else { None };
        let calibrations = Some(calibrations);
        let report = StatusReport {
            as_of: now,
            problems,
            store,
            fleet,
            ranking,
            open_changes,
            calibrations,
            daemon_status,
        };
        StatusSnapshot { report, exit }
    }

    /// The status report of this machine's daemon; `None` without a state directory.
    ///
    /// # Errors
    /// An unreadable file is a finding.
    pub fn daemon_status(&self) -> Result<Option<DaemonStatus>, DaemonProblem> {
        let Ok(directory) = self.context.settings.state_dir() else { return Ok(None) };
        let read = status_file::read(&directory.value).map_err(|error| {
            DaemonProblem::new(
                ProblemKind::CouldNotLook,
                ProblemSeverity::Unhealthy,
                "daemon",
                error.to_string(),
            )
        });
        let newest = kept::newest(&directory.value).map(|kept| kept.summary());
        Ok(read?.map(|told| with_newest(told, newest)))
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

    /// The store, once it has been opened.
    pub fn store(&self) -> Option<Arc<dyn Store>> {
        self.store.clone()
    }

    /// True if the store is a bridge, which shows no fleet.
    pub fn is_bridge(&self) -> bool {
        bridge::is_named(self.context)
    }

    /// The newest calibration in this host's state directory, and of no other host.
    pub fn own_calibration(&self) -> HostCalibrations {
        let state_dir = self.context.settings.state_dir().ok();
        let here = state_dir.and_then(|directory| kept::newest(&directory.value));
        HostCalibrations { here: here.map(|kept| kept.summary()), hosts: None }
    }

    /// The changes of series that are open; `None` if they cannot be read, as in a store of an older version.
    pub async fn open_changes(&self, now: DateTime<Utc>) -> Option<Vec<SeriesChange>> {
        // What began earlier is the usual level by now.
        let since = now - TimeDelta::days(REVERTS_WITHIN_DAYS);
        let lasting = ChangeFilter { open: true, began_since: Some(since), ..ChangeFilter::default() };
        let mut changes = self.store.as_ref()?.series_changes(&lasting).await.ok()?;
        changes.retain(|change| change.is_open(now));
        Some(changes)
    }

    /// The newest calibrations: of this host from its state directory, else from the store, if that answered with its
    /// `fleet`; of all hosts from the store, where bridges keep what their runners told.
    async fn calibrations(&self, fleet: Option<&Fleet>, now: DateTime<Utc>) -> HostCalibrations {
        let state_dir = self.context.settings.state_dir().ok();
        let here = state_dir.and_then(|directory| kept::newest(&directory.value));
        let Some((store, fleet)) = self.store.as_ref().zip(fleet) else {
            return HostCalibrations { here: here.map(|kept| kept.summary()), hosts: None };
        };
        let here = match here {
            Some(kept) => Some(kept),
            None => store.calibrations(&owner_id::host(), 1).await.ok().and_then(|mut known| known.pop()),
        };
        let hosts = store.newest_calibrations(now - SHOWN).await.ok().map(|stored| {
            let told = fleet.runners.iter().filter_map(|runner| runner.calibration.clone());
            let recent = told.filter(|calibration| (now - calibration.at).abs() <= SHOWN);
            let mut hosts: Vec<_> = stored.iter().map(KeptCalibration::summary).chain(recent).collect();
            hosts.sort_by(|one, other| (&one.host, &one.runner).cmp(&(&other.host, &other.runner)));
            hosts
        });
        HostCalibrations { here: here.map(|kept| kept.summary()), hosts }
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
