//! What can be wrong with measuring around the clock, in words: one cause, one sentence, one way out. Who finds it out is
//! `health` (a daemon's status report) and `fleet` (what the store knows).

use crate::domain::troubleshooting;
use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemSeverity {
    /// It measures, and somebody should look.
    Degraded,
    /// It does not do what it is there for.
    Unhealthy,
}

impl ProblemSeverity {
    /// As documents and people spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            ProblemSeverity::Degraded => "degraded",
            ProblemSeverity::Unhealthy => "unhealthy",
        }
    }
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaemonProblem {
    /// How bad it is.
    pub severity: ProblemSeverity,
    /// Only a fresh start of the daemon can mend it. Whoever ends a process for that waits until it was so for a while by a
    /// clock that nobody sets: moments here are of the wall clock, and a machine may have slept.
    pub fatal: bool,
    /// What kind of thing it is.
    pub cause: ProblemKind,
    /// What it is about: `daemon`, `store`, `outbox`, `runner:NAME`, or a provider's name, which may hold anything.
    pub subject: String,
    /// One sentence without its full stop. May hold text from elsewhere: shown escaped.
    pub sentence: String,
    /// What to type first, where a command shows or mends it.
    pub command: Option<String>,
}

impl DaemonProblem {
    /// A trouble that a fresh start does not mend and for which there is no command.
    pub fn new(
        cause: ProblemKind,
        severity: ProblemSeverity,
        subject: &str,
        sentence: impl Into<String>,
    ) -> Self {
        let (subject, sentence) = (subject.to_owned(), sentence.into());
        Self { severity, fatal: false, cause, subject, sentence, command: None }
    }

    /// The same, with what to type first.
    #[must_use]
    pub fn command(mut self, command: impl Into<String>) -> Self {
        self.command = Some(command.into());
        self
    }

    /// The same, with ` --provider NAME` behind the command. A name that a shell would take apart is left out.
    #[must_use]
    pub fn command_about(self, command: &str, provider: &str) -> Self {
        let plain = |ch: char| ch.is_ascii_alphanumeric() || "._-".contains(ch);
        let named = !provider.is_empty() && !provider.starts_with('-') && provider.chars().all(plain);
        let about = if named { format!(" --provider {provider}") } else { String::new() };
        self.command(format!("{command}{about}"))
    }

    /// The same, mended by a fresh start or not.
    #[must_use]
    pub fn fatal(self, fatal: bool) -> Self {
        Self { fatal, ..self }
    }
}

/// The worst first; what is equally bad stays in its order.
pub fn worst_first(problems: &mut [DaemonProblem]) {
    problems.sort_by_key(|problem| std::cmp::Reverse(problem.severity));
}

/// What kind of thing is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// The daemon says nothing any more.
    DaemonSilent,
    /// The process that spoke is gone.
    DaemonGone,
    /// It was told to stop, and did.
    DaemonStopped,
    /// Nothing is known yet of what is to be measured.
    CatalogueUnread,
    /// There is nothing to measure.
    NoWork,
    /// Something is due and nothing ends.
    LaneStalled,
    /// Not one measurement has succeeded.
    LaneNeverRan,
    /// Every measurement fails.
    LaneFailing,
    /// It waits on purpose, and has for long.
    LaneHeld,
    /// It panicked.
    LaneRestarting,
    /// No lane produces.
    NothingProduced,
    /// Rows wait for too long.
    OutboxStuck,
    /// No room for another row.
    OutboxFull,
    /// A damaged outbox was set aside.
    OutboxDamaged,
    /// Rows are set aside.
    Quarantine,
    /// Most models of a provider refuse, and none of them is set aside.
    ModelsRefused,
    /// The store does not answer.
    StoreDown,
    /// The store refuses the login or a right.
    StoreRefuses,
    /// The machine's clock was set, or differs from the store's.
    ClockWrong,
    /// What was measured is neither stored nor waiting.
    NotStored,
    /// Log lines were lost.
    LogDropped,
    /// The machine is too busy.
    Starved,
    /// Enabled models are not measured in time.
    NotFresh,
    /// A self-check of the store failed, or could not be made.
    CheckFailed,
    /// No bridge hears a remote runner any more.
    RunnerSilent,
    /// No bridge ever heard a runner that has a key.
    RunnerNeverHeard,
    /// Nothing can be known.
    CouldNotLook,
}

/// Where both causes of runners are told of.
const RUNNER_SILENT: &str = "A remote runner is silent";

/// Each cause, its word in documents, and the heading of TROUBLESHOOTING.md that tells more.
const CAUSES: [(ProblemKind, &str, &str); 27] = [
    (ProblemKind::DaemonSilent, "daemon_silent", "The daemon is silent"),
    (ProblemKind::DaemonGone, "daemon_gone", "The daemon is silent"),
    (ProblemKind::DaemonStopped, "daemon_stopped", "The daemon was stopped"),
    (ProblemKind::CatalogueUnread, "catalogue_unread", "The catalogue was not read yet"),
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
    (ProblemKind::CouldNotLook, "could_not_look", "Nothing can be known"),
];

impl ProblemKind {
    /// Every cause.
    pub fn all() -> impl Iterator<Item = ProblemKind> {
        CAUSES.iter().map(|(cause, ..)| *cause)
    }

    fn row(self) -> &'static (ProblemKind, &'static str, &'static str) {
        // Every cause has its row: a test says so.
        CAUSES.iter().find(|(cause, ..)| *cause == self).unwrap_or(&CAUSES[CAUSES.len() - 1])
    }

    /// The word in documents.
    pub fn as_str(self) -> &'static str {
        self.row().1
    }

    /// The heading of TROUBLESHOOTING.md.
    pub fn heading(self) -> &'static str {
        self.row().2
    }
}
