//! Problems with the calibration of a host: it should not publish, or it was not calibrated for long.

use super::problem::{DaemonProblem, ProblemKind, ProblemSeverity};
use crate::domain::calibration::{COMMAND, CalibrationReport, CalibrationSummary, OLD};
use crate::domain::window::span;
use chrono::{DateTime, TimeDelta, Utc};

/// The subject of these problems.
pub const SUBJECT: &str = "calibration";

/// Time for which a daemon may run without a calibration: its first one comes within minutes, if nothing is wrong.
const FIRST: TimeDelta = TimeDelta::days(1);

impl CalibrationSummary {
    /// The problem if the host should not publish. What mends it has to run on that host.
    pub fn unfit(&self) -> Option<DaemonProblem> {
        let verdict = self.verdict.trim_end_matches('.');
        (!self.may_publish).then(|| problem(ProblemKind::HostUnfit, format!("{}: {verdict}", self.host)))
    }

    /// The same of the host where this runs, if the calibration is not too old to say so.
    pub fn unfit_here(&self, now: DateTime<Utc>) -> Option<DaemonProblem> {
        let unfit = self.unfit().filter(|_| now - self.at <= OLD);
        unfit.map(|problem| problem.command(COMMAND))
    }
}

impl CalibrationReport {
    /// The problem with the host's calibration, if there is one: the host should not publish, or the daemon wants to
    /// calibrate it and has not been able to for long. `uptime` is the daemon's.
    pub fn problem(&self, uptime: TimeDelta, now: DateTime<Utc>) -> Option<DaemonProblem> {
        let age = self.newest.as_ref().map(|newest| now - newest.at);
        let missed = match age {
            Some(age) if age > OLD => {
                Some(format!("the newest calibration of this host is {} old", span(age)))
            }
            None if uptime > FIRST => Some(format!("this host was not calibrated for {}", span(uptime))),
            _ => None,
        };
        let missed = missed.filter(|_| self.daily).map(|what| {
            let why = self.failure.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            problem(ProblemKind::CalibrationOld, format!("{what}{why}"))
        });
        let problem = self.newest.as_ref().and_then(CalibrationSummary::unfit).or(missed);
        problem.map(|problem| problem.command(COMMAND))
    }
}

fn problem(kind: ProblemKind, sentence: String) -> DaemonProblem {
    DaemonProblem::new(kind, ProblemSeverity::Degraded, SUBJECT, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calibration::fixtures;

    fn report(newest: Option<CalibrationSummary>) -> CalibrationReport {
        CalibrationReport { daily: true, newest, failure: Some("no process can be started".to_owned()) }
    }

    #[test]
    fn a_host_that_is_off_is_told_whatever_its_age_and_an_old_calibration_where_one_a_day_was_wanted() {
        let now: DateTime<Utc> = "2026-11-23T12:00:00Z".parse().unwrap();
        let made = |days: i64, may| fixtures::kept("1", "h", now - TimeDelta::days(days), may).summary();
        let told = |report: &CalibrationReport, uptime: i64| {
            let problem = report.problem(TimeDelta::hours(uptime), now);
            problem.map(|problem| (problem.cause, problem.sentence))
        };
        assert_eq!(told(&report(Some(made(1, true))), 99), None);
        let unfit = "h: This host should not publish: TTFT is 4.0 ms off in the mean";
        for days in [0, 9] {
            let found = told(&report(Some(made(days, false))), 1);
            assert_eq!(found, Some((ProblemKind::HostUnfit, unfit.to_owned())));
        }
        let old = "the newest calibration of this host is 4 d old: no process can be started";
        let found = told(&report(Some(made(4, true))), 1);
        assert_eq!(found, Some((ProblemKind::CalibrationOld, old.to_owned())));
        assert_eq!(told(&report(None), 23), None, "the first one may take its time");
        let never = "this host was not calibrated for 30 h: no process can be started";
        assert_eq!(told(&report(None), 30), Some((ProblemKind::CalibrationOld, never.to_owned())));
        for newest in [None, Some(made(4, true))] {
            let never = CalibrationReport { daily: false, ..report(newest) };
            assert_eq!(told(&never, 99), None, "nobody wants one");
        }
        let standings = [made(1, true), made(4, true), made(4, false)].map(|one| one.standing(now).as_str());
        assert_eq!(standings, ["good", "old", "unfit"]);
    }
}
