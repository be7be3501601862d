//! One refresh of the full-screen view: the pulse of this machine's daemon each time, the store only as often as a tenth of
//! the time pays for it. Where the store is away, what it said before stays.

use super::live_rows::{NewRows, RowReader};
use super::snapshot::StatusReader;
use crate::cli::status::StatusArgs;
use crate::commands::context::Context;
use crate::commands::exit::CommandError;
use crate::commands::scope::read_error;
use crate::daemon::status_file;
use crate::domain::daemon_status::problem::worst_first;
use crate::domain::daemon_status::{DaemonProblem, DaemonStatus, ProblemKind, ProblemSeverity};
use crate::domain::fleet::Fleet;
use crate::domain::series_change::SeriesChange;
use crate::output::live::status_view::{StatusLook, StoreAnswer, WINDOW};
use crate::output::status::StatusReport;
use crate::storage::Store;
use chrono::{DateTime, Utc};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The store is asked for at most this share of the time: after a question that took a second, ten pass.
const SHARE: u32 = 10;

/// Changes come once in three hours.
const CHANGES_PAUSE: Duration = Duration::from_secs(60);

/// The pulse of this machine's daemon is read no more often while the store is asked.
const LEAST_PAUSE: Duration = Duration::from_millis(500);

/// When a question is due again.
#[derive(Debug, Default)]
struct QuestionPace {
    due: Option<Instant>,
}

impl QuestionPace {
    fn is_due(&self) -> bool {
        self.due.is_none_or(|due| due <= Instant::now())
    }

    fn asked(&mut self, took: Duration, pause: Duration) {
        self.due = Some(Instant::now() + pause.max(took * SHARE));
    }
}

/// What was heard of the store so far.
#[derive(Debug, Default)]
struct HeardOfStore {
    fleet: Option<Fleet>,
    changes: Option<Vec<SeriesChange>>,
    answer: StoreAnswer,
}

/// Asks the store.
struct StoreAsker<'a> {
    reader: StatusReader<'a>,
    rows: RowReader,
    changes_pace: QuestionPace,
}

/// What a store said at once.
struct StoreNews {
    fleet: Fleet,
    /// `None` if they were not asked for.
    changes: Option<Option<Vec<SeriesChange>>>,
    rows: NewRows,
}

/// Looks again and again.
pub struct LiveLooker<'a> {
    /// Reads what is on this machine.
    local: StatusReader<'a>,
    asker: StoreAsker<'a>,
    providers: &'a [String],
    pause: Duration,
    heard: HeardOfStore,
    store_pace: QuestionPace,
}

impl<'a> LiveLooker<'a> {
    pub fn new(context: &'a Context, args: &'a StatusArgs, pause: Duration) -> Self {
        let reader = StatusReader::new(context);
        Self {
            local: StatusReader::new(context),
            asker: StoreAsker { reader, rows: RowReader::default(), changes_pace: QuestionPace::default() },
            providers: &args.providers,
            pause,
            heard: HeardOfStore::default(),
            store_pace: QuestionPace::default(),
        }
    }

    /// The store, once it has been opened.
    pub fn store(&self) -> Option<Arc<dyn Store>> {
        self.asker.reader.store()
    }

    /// Looks once, and tells what this machine knows meanwhile if the store takes its time.
    pub async fn look(&mut self, tell: impl Fn(StatusLook) -> bool) -> StatusLook {
        let mut rows = NewRows::default();
        if self.store_pace.is_due() {
            let begun = Instant::now();
            let name = self.store().map(|store| store.describe());
            let mut asking = std::pin::pin!(self.asker.ask(self.providers));
            let asked = loop {
                tokio::select! {
                    asked = &mut asking => break asked,
                    () = tokio::time::sleep(self.pause.max(LEAST_PAUSE)) => {
                        tell(look_of(&self.local, &self.heard, name.clone(), self.providers, NewRows::default()));
                    }
                }
            };
            let took = begun.elapsed();
            self.store_pace.asked(took, self.pause);
            rows = self.heard.take(asked, took);
        }
        let name = self.store().map(|store| store.describe());
        look_of(&self.local, &self.heard, name, self.providers, rows)
    }
}

impl HeardOfStore {
    fn take(&mut self, asked: Result<StoreNews, CommandError>, took: Duration) -> NewRows {
        match asked {
            Ok(news) => {
                let remark = news.rows.is_cut.then(|| "some rows are left out: too many at once".to_owned());
                self.answer = StoreAnswer { at: Some(Utc::now()), took, remark, ..StoreAnswer::default() };
                self.fleet = Some(news.fleet);
                self.changes = news.changes.unwrap_or_else(|| self.changes.take());
                news.rows
            }
            Err(error) => {
                self.answer.error = Some(error.message);
                NewRows::default()
            }
        }
    }
}

impl StoreAsker<'_> {
    /// Asks for the fleet, for rows that are new, and sometimes for changes.
    async fn ask(&mut self, providers: &[String]) -> Result<StoreNews, CommandError> {
        let now = Utc::now();
        let fleet = self.reader.fleet(now).await?;
        let mut news = StoreNews { fleet, changes: None, rows: NewRows::default() };
        let Some(store) = self.reader.store() else { return Ok(news) };
        if self.changes_pace.is_due() {
            let begun = Instant::now();
            news.changes = Some(self.reader.open_changes(now).await);
            self.changes_pace.asked(begun.elapsed(), CHANGES_PAUSE);
        }
        let read = self.rows.read(&*store, providers, WINDOW, now).await;
        news.rows = read.map_err(|error| read_error("reading rows", error))?;
        Ok(news)
    }
}

fn look_of(
    local: &StatusReader<'_>,
    heard: &HeardOfStore,
    store: Option<String>,
    providers: &[String],
    rows: NewRows,
) -> StatusLook {
    let as_of = Utc::now();
    let (problems, daemon_status) = problems(local, heard, as_of);
    let mut answer = heard.answer.clone();
    // Behind a bridge only this machine's daemon is visible, and it reports problems with the bridge.
    answer.is_bridge = local.is_bridge() && daemon_status.is_some();
    let report = StatusReport {
        as_of,
        problems,
        store,
        fleet: heard.fleet.clone(),
        ranking: None,
        open_changes: heard.changes.clone(),
        calibrations: Some(local.own_calibration()),
        daemon_status,
    };
    let report = report.only(providers);
    StatusLook { report, samples: rows.samples, failures: rows.failures, store: answer }
}

/// What is wrong: by the daemon's pulse, and by what the store said if it still answers.
fn problems(
    local: &StatusReader<'_>,
    heard: &HeardOfStore,
    now: DateTime<Utc>,
) -> (Vec<DaemonProblem>, Option<DaemonStatus>) {
    let (mut problems, daemon_status) = match local.daemon_status() {
        Ok(Some(told)) => (told.local_problems(&status_file::process_evidence(&told), now), Some(told)),
        Ok(None) => (Vec::new(), None),
        Err(problem) => (vec![problem], None),
    };
    match (&heard.answer.error, &heard.fleet) {
        (None, Some(fleet)) => problems.extend(fleet.problems(now, daemon_status.as_ref())),
        (Some(_), _) if local.is_bridge() && daemon_status.is_some() => {}
        (Some(error), _) => {
            let (kind, severity) = (ProblemKind::StoreDown, ProblemSeverity::Unhealthy);
            let problem = DaemonProblem::new(kind, severity, "store", error.clone());
            problems.push(problem.command("llmbench doctor"));
        }
        (None, None) => {}
    }
    // A daemon of this host has told it.
    if daemon_status.as_ref().is_none_or(|told| told.calibration.is_none()) {
        problems.extend(local.own_calibration().here.as_ref().and_then(|here| here.unfit_here(now)));
    }
    worst_first(&mut problems);
    (problems, daemon_status)
}
