//! The rules by which a daemon admits models and sets them aside, fixed before it starts. `daemon::admission`
//! and `daemon::quarantine` apply them.

use chrono::TimeDelta;

/// Rules for letting in a model that is under admission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdmissionConfig {
    /// True if models under admission are measured at all.
    pub enabled: bool,
    /// Successes that are needed, at least 1.
    pub successes: u32,
    /// Least time between two of these successes; also the time from trial to trial.
    pub apart: TimeDelta,
    /// Greatest age of these successes.
    pub within: TimeDelta,
    /// Most models let in per day (UTC).
    pub per_day: u32,
    /// Trials run and are judged, but no model is let in.
    pub dry_run: bool,
}

impl Default for AdmissionConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            successes: 3,
            apart: TimeDelta::hours(1),
            within: TimeDelta::hours(48),
            per_day: 10,
            dry_run: false,
        }
    }
}

/// Rules for setting aside a model whose only answer is "no such model", and for trying it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuarantineConfig {
    /// True if models are set aside at all.
    pub enabled: bool,
    /// Terminal answers that are needed, at least 2.
    pub answers: u32,
    /// Least time from the first to the last of these answers.
    pub over: TimeDelta,
    /// Time to the first recheck; it doubles with each further one.
    pub recheck: TimeDelta,
    /// Longest time between two rechecks.
    pub longest: TimeDelta,
    /// Most models set aside per day (UTC).
    pub per_day: u32,
}

impl Default for QuarantineConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            answers: 6,
            over: TimeDelta::hours(24),
            recheck: TimeDelta::days(1),
            longest: TimeDelta::days(14),
            per_day: 10,
        }
    }
}
