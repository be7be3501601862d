//! Problems of continuous measuring: one cause, one sentence, one remedy each. `health` finds them in a daemon's status
//! report and `fleet` in the store.

use crate::domain::troubleshooting;
use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemSeverity {
    /// Measuring works, but somebody should look.
    Degraded,
    /// Measuring does not work as it should.
    Unhealthy,
}

impl ProblemSeverity {
    /// The word in documents and on screen.
    pub fn as_str(self) -> &'static str {
        match self {
            ProblemSeverity::Degraded => "degraded",
            ProblemSeverity::Unhealthy => "unhealthy",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaemonProblem {
    pub severity: ProblemSeverity,
    /// True if only a restart of the daemon can help. A supervisor that restarts for that waits until it was true for a
    /// while by a monotonic clock: moments here are of the wall clock, and a machine may have slept.
    pub fatal: bool,
    pub cause: ProblemKind,
    /// The subject: `daemon`, `store`, `outbox`, `runner:NAME`, or a provider's name, which may hold anything.
    pub subject: String,
    /// One sentence without its full stop. May hold text from elsewhere: shown escaped.
    pub sentence: String,
    /// The first command to run, if one shows or solves the problem.
    pub command: Option<String>,
}

impl DaemonProblem {
    /// A problem that a restart does not solve and that has no command.
    pub fn new(
        cause: ProblemKind,
        severity: ProblemSeverity,
        subject: &str,
        sentence: impl Into<String>,
    ) -> Self {
        let (subject, sentence) = (subject.to_owned(), sentence.into());
        Self { severity, fatal: false, cause, subject, sentence, command: None }
    }

    /// Sets the first command to run.
    #[must_use]
    pub fn command(mut self, command: impl Into<String>) -> Self {
        self.command = Some(command.into());
        self
    }

    /// Sets the command with ` --provider NAME` appended. Omits a name that a shell would split.
    #[must_use]
    pub fn command_about(self, command: &str, provider: &str) -> Self {
        let plain = |ch: char| ch.is_ascii_alphanumeric() || "._-".contains(ch);
        let named = !provider.is_empty() && !provider.starts_with('-') && provider.chars().all(plain);
        let about = if named { format!(" --provider {provider}") } else { String::new() };
        self.command(format!("{command}{about}"))
    }

    /// Sets if a restart of the daemon solves the problem.
    #[must_use]
    pub fn fatal(self, fatal: bool) -> Self {
        Self { fatal, ..self }
    }
}

/// Sorts the worst first; equally bad ones keep their order.
pub fn worst_first(problems: &mut [DaemonProblem]) {
    problems.sort_by_key(|problem| std::cmp::Reverse(problem.severity));
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// The daemon sends no heartbeat.
    DaemonSilent,
    /// The process that wrote the status report is gone.
    DaemonGone,
    /// The daemon stopped because it was told to.
    DaemonStopped,
    /// The daemon has not yet read the catalog.
    CatalogueUnread,
    /// No model is to be measured.
    NoWork,
    /// Work is due, but no measurement ends.
    LaneStalled,
    /// No measurement has ever succeeded.
    LaneNeverRan,
    /// Every measurement of the lane fails.
    LaneFailing,
    /// The lane has waited on purpose for long.
    LaneHeld,
    /// The lane panicked and will restart.
    LaneRestarting,
    NothingProduced,
    /// Rows have waited for too long.
    OutboxStuck,
    /// The outbox has no room for another row.
    OutboxFull,
    /// A damaged outbox was set aside.
    OutboxDamaged,
    /// Rows are set aside in the outbox.
    Quarantine,
    /// Most models of a provider refuse, and none of them is set aside.
    ModelsRefused,
    /// The store does not answer.
    StoreDown,
    /// The store refuses the login or a right.
    StoreRefuses,
    /// The machine's clock was set, or differs from the store's.
    ClockWrong,
    /// A measured row is neither stored nor waiting.
    NotStored,
    LogDropped,
    /// The machine is too busy to measure.
    Starved,
    /// Enabled models are not measured in time.
    NotFresh,
    /// A self-check of the store failed, or could not run.
    CheckFailed,
    /// No bridge has heard a remote runner lately.
    RunnerSilent,
    /// No bridge ever heard a runner that has a key.
    RunnerNeverHeard,
    /// The host should not publish, says its calibration.
    HostUnfit,
    /// The host was not calibrated for long, though a daemon wants to.
    CalibrationOld,
    /// The site of `[report]` could not be written.
    SiteUnwritten,
    /// The state cannot be read at all.
    CouldNotLook,
}

/// The heading for both causes about runners.
const RUNNER_SILENT: &str = "A remote runner is silent";

/// Each cause, its word in documents, and the heading of TROUBLESHOOTING.md that explains it.
const CAUSES: [(ProblemKind, &str, &str); 30] = [
    (ProblemKind::DaemonSilent, "daemon_silent", "The daemon is silent"),
    (ProblemKind::DaemonGone, "daemon_gone", "The daemon is silent"),
    (ProblemKind::DaemonStopped, "daemon_stopped", "The daemon was stopped"),
    (ProblemKind::CatalogueUnread, "catalogue_unread", "The catalog was not read yet"),
    (ProblemKind::NoWork, "no_work", "Nothing to measure"),
    (ProblemKind::LaneStalled, "lane_stalled", "A lane stands still"),
    (ProblemKind::LaneNeverRan, "lane_never_ran", "A lane only fails"),
    (ProblemKind::LaneFailing, "lane_failing", "A lane only fails"),
    (ProblemKind::LaneHeld, "lane_held", "A lane waits"),
    (ProblemKind::LaneRestarting, "lane_restarting", "A lane stands still"),
    (ProblemKind::NothingProduced, "nothing_produced", "Nothing is produced"),
    (ProblemKind::OutboxStuck, "outbox_stuck", "The outbox does not empty"),
    (ProblemKind::OutboxFull, "outbox_full", "The outbox is full"),
    (ProblemKind::OutboxDamaged, "outbox_damaged", "The outbox is damaged"),
    (ProblemKind::Quarantine, "quarantine", "Rows are quarantined"),
    (ProblemKind::ModelsRefused, "models_refused", "A model was quarantined"),
    (ProblemKind::StoreDown, "store_down", troubleshooting::STORE_AWAY),
    (ProblemKind::StoreRefuses, "store_refuses", troubleshooting::STORE_DENIES),
    (ProblemKind::ClockWrong, "clock_wrong", troubleshooting::CLOCK),
    (ProblemKind::NotStored, "not_stored", "The outbox does not empty"),
    (ProblemKind::LogDropped, "log_dropped", "Log lines were lost"),
    (ProblemKind::Starved, "starved", "suspect"),
    (ProblemKind::NotFresh, "not_fresh", "Models are not measured in time"),
    (ProblemKind::CheckFailed, "check_failed", "A self-check failed"),
    (ProblemKind::RunnerSilent, "runner_silent", RUNNER_SILENT),
    (ProblemKind::RunnerNeverHeard, "runner_never_heard", RUNNER_SILENT),
    (ProblemKind::HostUnfit, "host_unfit", troubleshooting::CALIBRATION),
    (ProblemKind::CalibrationOld, "calibration_old", troubleshooting::CALIBRATION),
    (ProblemKind::SiteUnwritten, "site_unwritten", "Pages of a report"),
    (ProblemKind::CouldNotLook, "could_not_look", "Nothing can be known"),
];

impl ProblemKind {
    pub fn all() -> impl Iterator<Item = ProblemKind> {
        CAUSES.iter().map(|(cause, ..)| *cause)
    }

    fn row(self) -> &'static (ProblemKind, &'static str, &'static str) {
        // A test checks that every cause has its row.
        CAUSES.iter().find(|(cause, ..)| *cause == self).unwrap_or(&CAUSES[CAUSES.len() - 1])
    }

    /// The word in documents.
    pub fn as_str(self) -> &'static str {
        self.row().1
    }

    /// The heading of TROUBLESHOOTING.md that explains it.
    pub fn heading(self) -> &'static str {
        self.row().2
    }
}
