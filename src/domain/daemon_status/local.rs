//! A status report read on the machine that wrote it: its age by the machine's monotonic count, and if its process
//! is gone, the reason.

use super::problem::{DaemonProblem, ProblemKind, ProblemSeverity, worst_first};
use super::{DaemonStatus, delta};
use chrono::{DateTime, Utc};
use std::time::Duration;

/// Facts from the machine about the process that wrote a status report; `None` if unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProcessEvidence {
    /// The id of the present boot.
    pub boot_id: Option<String>,
    /// True if a process with that id exists.
    pub alive: Option<bool>,
    /// Time since the machine booted.
    pub since_boot: Option<Duration>,
}

impl DaemonStatus {
    /// Problems of a daemon of this machine, worst first, for every reader on this machine, the daemon included. `now`
    /// is the reader's clock, used only if the machine has no better one.
    pub fn local_problems(
        &self,
        process_evidence: &ProcessEvidence,
        now: DateTime<Utc>,
    ) -> Vec<DaemonProblem> {
        let gone = self.gone(process_evidence);
        // The silence of a process that is gone is not worth reporting.
        let is_news = |problem: &DaemonProblem| gone.is_none() || problem.cause != ProblemKind::DaemonSilent;
        let present =
            self.problems(self.read_at(process_evidence, now)).into_iter().filter(is_news).collect();
        let end = gone.or_else(|| self.ending());
        let mut problems: Vec<DaemonProblem> = [end.into_iter().collect::<Vec<_>>(), present].concat();
        worst_first(&mut problems);
        problems
    }

    /// The time of reading, by the writer's clock: the time since then is the machine's, if the boot is the same.
    pub fn read_at(&self, process_evidence: &ProcessEvidence, now: DateTime<Utc>) -> DateTime<Utc> {
        let same_boot = process_evidence.boot_id.as_ref() == Some(&self.boot_id);
        let ages = self.written_since_boot_seconds.zip(process_evidence.since_boot).filter(|_| same_boot);
        let passed = ages.map(|(written, runs)| delta(runs.as_secs_f64() - written));
        passed.and_then(|passed| self.written_at.checked_add_signed(passed)).unwrap_or(now)
    }

    /// Reports that the process which wrote this is gone, if the machine can tell. A daemon that was told to stop is
    /// reported too, in other words, because nothing is measured.
    pub fn gone(&self, process_evidence: &ProcessEvidence) -> Option<DaemonProblem> {
        let ended = process_evidence.alive == Some(false);
        let another_boot = process_evidence.boot_id.as_ref().is_some_and(|boot| *boot != self.boot_id);
        if !ended && !another_boot {
            return None;
        }
        let at = self.written_at.format("%Y-%m-%d %H:%M UTC");
        let (cause, sentence) = match &self.failure {
            Some(why) => (ProblemKind::DaemonGone, format!("the daemon ended at {at}: {why}")),
            None if self.stopping => {
                let sentence = format!("the daemon was stopped on purpose at {at}: nothing is measured here");
                (ProblemKind::DaemonStopped, sentence)
            }
            None if another_boot => {
                let sentence = "the machine was started again after the daemon's last pulse";
                (ProblemKind::DaemonGone, sentence.to_owned())
            }
            None => {
                let sentence = format!(
                    "the daemon's process {} is gone, and it left no word why: it was killed",
                    self.pid
                );
                (ProblemKind::DaemonGone, sentence)
            }
        };
        let problem = DaemonProblem::new(cause, ProblemSeverity::Unhealthy, "daemon", sentence);
        Some(problem.command("llmbench daemon"))
    }

    /// Reports that the daemon is ending, on purpose or not.
    fn ending(&self) -> Option<DaemonProblem> {
        let (cause, sentence) = match &self.failure {
            Some(why) => (ProblemKind::DaemonGone, format!("the daemon ends: {why}")),
            None if self.stopping => {
                (ProblemKind::DaemonStopped, "the daemon stops: it begins no measurement any more".to_owned())
            }
            None => return None,
        };
        Some(DaemonProblem::new(cause, ProblemSeverity::Unhealthy, "daemon", sentence))
    }
}
