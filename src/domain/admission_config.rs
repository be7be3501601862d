//! By which rules a daemon lets models in and sets them aside. Settled before it starts; what follows from them at a moment
//! is `daemon::admission`'s and `daemon::quarantine`'s.

use chrono::TimeDelta;

/// When a model under admission is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdmissionConfig {
    /// Models under admission are asked at all.
    pub enabled: bool,
    /// So many successes, at least 1.
    pub successes: u32,
    /// Each at least so long after the one before; also the time from probe to probe.
    pub apart: TimeDelta,
    /// All of them not older than this.
    pub within: TimeDelta,
    /// At most so many models a day (UTC).
    pub per_day: u32,
    /// Probes are made and judged, and nobody is let in.
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

/// When a model that answers nothing but "no such model" is set aside, and when it is asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuarantineConfig {
    /// Models are set aside at all.
    pub enabled: bool,
    /// So many terminal answers, at least 2.
    pub answers: u32,
    /// Over at least so long.
    pub over: TimeDelta,
    /// It is asked again after this, then after twice as long, and so on.
    pub recheck: TimeDelta,
    /// And at least this often.
    pub longest: TimeDelta,
    /// At most so many models a day (UTC).
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
