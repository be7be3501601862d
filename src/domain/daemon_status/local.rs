//! A status report as it is read on the machine where it was written: how old it is by the machine's own count, whether its process
//! is still there, and why it is not.

use super::problem::{DaemonProblem, ProblemKind, ProblemSeverity, worst_first};
use super::{DaemonStatus, delta};
use chrono::{DateTime, Utc};
use std::time::Duration;

/// What the machine says about the process that wrote a status report; `None` where it says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProcessEvidence {
    /// The id of the present boot.
    pub boot_id: Option<String>,
    /// Whether there is a process of that id.
    pub alive: Option<bool>,
    /// How long the machine has run.
    pub since_boot: Option<Duration>,
}

impl DaemonStatus {
    /// What is wrong with a daemon of this machine, the worst first: what whoever asks on this machine has to be told, the
    /// daemon itself and others alike. `now` is the reader's clock, which counts only where the machine has no better one.
    pub fn local_problems(
        &self,
        process_evidence: &ProcessEvidence,
        now: DateTime<Utc>,
    ) -> Vec<DaemonProblem> {
        let gone = self.gone(process_evidence);
        // Of a process that is gone, its silence is no news.
        let is_news = |problem: &DaemonProblem| gone.is_none() || problem.cause != ProblemKind::DaemonSilent;
        let present =
            self.problems(self.read_at(process_evidence, now)).into_iter().filter(is_news).collect();
        let end = gone.or_else(|| self.ending());
        let mut problems: Vec<DaemonProblem> = [end.into_iter().collect::<Vec<_>>(), present].concat();
        worst_first(&mut problems);
        problems
    }

    /// When it is read, by the clock of whoever wrote it: the time since is the machine's, where it is the same boot.
    pub fn read_at(&self, process_evidence: &ProcessEvidence, now: DateTime<Utc>) -> DateTime<Utc> {
        let same_boot = process_evidence.boot_id.as_ref() == Some(&self.boot_id);
        let ages = self.written_since_boot_seconds.zip(process_evidence.since_boot).filter(|_| same_boot);
        let passed = ages.map(|(written, runs)| delta(runs.as_secs_f64() - written));
        passed.and_then(|passed| self.written_at.checked_add_signed(passed)).unwrap_or(now)
    }

    /// That the process which wrote this is gone, where the machine can tell. One that was told to stop is missed as well,
    /// in other words: nothing is measured.
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

    /// That it ends just now, on purpose or not.
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
