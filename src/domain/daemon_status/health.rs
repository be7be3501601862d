//! Judges from its own status report whether a daemon is well; `status`, its `--check`, `/readyz` and the watchdog
//! share this judge. Pure. Lanes are judged by moments that only finished work moves, as of the time the report was
//! written; the report's age is a problem of its own. No duration in here depends on the wall clock.

use super::problem::{DaemonProblem, ProblemKind, ProblemSeverity, worst_first};
use super::{DaemonStatus, LaneActivity, LaneReport, StoreReport, SuspectedProvider};
use crate::domain::window::span;
use chrono::{DateTime, TimeDelta, Utc};

/// Greatest age of a status report. A daemon writes one at least every 15 seconds.
pub const STATUS_LIMIT: TimeDelta = TimeDelta::seconds(60);

/// Longest time a lane may have due work and finish none, and longest time a row may wait for the store.
pub const LANE_HORIZON: TimeDelta = TimeDelta::minutes(15);

/// Longest time a lane may run without any success before that is an alarm.
const FIRST_SUCCESS: TimeDelta = TimeDelta::hours(1);

/// Longest time without any measurement, whatever the cadences say.
const QUIET: TimeDelta = TimeDelta::hours(26);

/// Longest silence of the store.
const STORE_SILENCE: TimeDelta = TimeDelta::minutes(5);

/// Longest time from the end of a row's measurement to the store while no row waits.
const HANDOVER: TimeDelta = TimeDelta::seconds(60);

/// Time for which a step of the machine's clock is reported.
const STEP_TOLD: TimeDelta = LANE_HORIZON;

/// Greatest tolerated lag of the control loop, in seconds.
const LATE_LOOP: f64 = 5.0;

fn of_clock(sentence: String) -> DaemonProblem {
    DaemonProblem::new(ProblemKind::ClockWrong, ProblemSeverity::Degraded, "clock", sentence)
        .command("timedatectl")
}

fn refused(suspected: &SuspectedProvider) -> DaemonProblem {
    let SuspectedProvider { provider, refusing, of } = suspected;
    let sentence = format!("{refusing} of {of} models are refused, so none of them is set aside");
    let problem =
        DaemonProblem::new(ProblemKind::ModelsRefused, ProblemSeverity::Degraded, provider, sentence);
    problem.command_about("llmbench errors summary --by kind", provider)
}

impl DaemonStatus {
    /// Problems, worst first; empty if all is well. `now` is the reader's clock.
    pub fn problems(&self, now: DateTime<Utc>) -> Vec<DaemonProblem> {
        let mut problems: Vec<DaemonProblem> = [
            self.silent(now),
            self.unread(),
            self.no_work(),
            self.unproductive(),
            self.outbox_full(),
            self.outbox_stuck(),
            self.outbox_damaged(),
            self.quarantine(),
            self.store_down(),
            self.not_stored(),
            self.clock_differs(),
            self.clock_stepped(),
            self.starved(),
            self.log_dropped(),
            self.site_unwritten(),
            self.calibration.as_ref().and_then(|report| report.problem(self.uptime(), self.written_at)),
        ]
        .into_iter()
        .flatten()
        .collect();
        problems.extend(self.suspected.iter().map(refused));
        // A stopping daemon starts no measurements.
        let lanes = self.lanes.iter().filter(|lane| lane.series > 0 && !self.stopping);
        problems.extend(lanes.filter_map(|lane| self.lane(lane)));
        worst_first(&mut problems);
        problems
    }

    fn silent(&self, now: DateTime<Utc>) -> Option<DaemonProblem> {
        let age = now - self.written_at;
        let sentence = if age > STATUS_LIMIT {
            format!("the daemon has said nothing for {}", span(age))
        } else if -age > STATUS_LIMIT {
            format!("the daemon's pulse is dated {} in the future: a clock was set", span(-age))
        } else {
            return None;
        };
        let problem =
            DaemonProblem::new(ProblemKind::DaemonSilent, ProblemSeverity::Unhealthy, "daemon", sentence);
        Some(problem.command("llmbench daemon").fatal(age > STATUS_LIMIT))
    }

    /// Measuring goes on, and the site before is still there.
    fn site_unwritten(&self) -> Option<DaemonProblem> {
        let sentence = format!("the site is not written: {}", self.site_failure.as_ref()?);
        let problem =
            DaemonProblem::new(ProblemKind::SiteUnwritten, ProblemSeverity::Degraded, "report", sentence);
        Some(problem.command("llmbench config show"))
    }

    fn uptime(&self) -> TimeDelta {
        self.written_at - self.started_at
    }

    /// Until the catalog is read, nothing can be measured.
    fn unread(&self) -> Option<DaemonProblem> {
        if self.ready || self.stopping {
            return None;
        }
        let (cause, why) = match &self.store.error {
            Some(_) => (self.store_cause(), format!(": {}", self.store_sentence()?)),
            None => (ProblemKind::CatalogueUnread, String::new()),
        };
        let sentence = format!("the catalog was not read yet, so nothing is measured{why}");
        let problem = DaemonProblem::new(cause, ProblemSeverity::Unhealthy, "daemon", sentence);
        Some(problem.command("llmbench doctor"))
    }

    fn no_work(&self) -> Option<DaemonProblem> {
        let none = self.lanes.iter().all(|lane| lane.series == 0);
        let problem = || {
            let sentence = "no model is enabled for this daemon: it measures nothing";
            let problem =
                DaemonProblem::new(ProblemKind::NoWork, ProblemSeverity::Unhealthy, "daemon", sentence);
            problem.command("llmbench models list --all")
        };
        (none && self.ready && !self.stopping).then(problem)
    }

    /// Every lane waits, fails or stands still; or nothing has been due for so long that it cannot be intended.
    fn unproductive(&self) -> Option<DaemonProblem> {
        let lanes = || self.lanes.iter().filter(|lane| lane.series > 0);
        lanes().next()?;
        let newest = |moment: fn(&LaneReport) -> Option<DateTime<Utc>>| lanes().filter_map(moment).max();
        let since = |at: Option<DateTime<Utc>>| {
            self.written_at - at.map_or(self.started_at, |at| at.max(self.started_at))
        };
        let (finished, succeeded) =
            (since(newest(|lane| lane.finished_at)), since(newest(|lane| lane.succeeded_at)));
        let works = |lane: &LaneReport| matches!(lane.state, LaneActivity::Idle | LaneActivity::Producing);
        let sentence = if !lanes().any(works) && succeeded > LANE_HORIZON {
            format!("no lane produces: nothing has succeeded for {}", span(succeeded))
        } else if finished > QUIET {
            format!("nothing was measured for {}", span(finished))
        } else {
            return None;
        };
        let problem =
            DaemonProblem::new(ProblemKind::NothingProduced, ProblemSeverity::Unhealthy, "daemon", sentence);
        (!self.stopping).then(|| problem.command("llmbench errors summary"))
    }

    fn outbox_full(&self) -> Option<DaemonProblem> {
        let problem = || {
            let sentence = format!(
                "the outbox is full (rows that wait: {}): nothing new is measured",
                self.outbox.pending
            );
            let problem =
                DaemonProblem::new(ProblemKind::OutboxFull, ProblemSeverity::Unhealthy, "outbox", sentence);
            problem.command("llmbench outbox list")
        };
        self.outbox.full.then(problem)
    }

    fn outbox_stuck(&self) -> Option<DaemonProblem> {
        let waits = self.written_at - self.outbox.oldest_at.filter(|_| self.outbox.pending > 0)?;
        let problem = || {
            let sentence =
                format!("rows wait for the store: {}, the oldest for {}", self.outbox.pending, span(waits));
            let problem =
                DaemonProblem::new(ProblemKind::OutboxStuck, ProblemSeverity::Unhealthy, "outbox", sentence);
            problem.command("llmbench outbox list")
        };
        (waits > LANE_HORIZON).then(problem)
    }

    /// Only a person who inspects a damaged outbox can tell if rows are lost in it.
    fn outbox_damaged(&self) -> Option<DaemonProblem> {
        let files = self.outbox.damaged;
        let problem = || {
            let sentence = format!("damaged outboxes were set aside, and rows may be lost in them: {files}");
            let problem =
                DaemonProblem::new(ProblemKind::OutboxDamaged, ProblemSeverity::Degraded, "outbox", sentence);
            problem.command("llmbench outbox list")
        };
        (files > 0).then(problem)
    }

    fn quarantine(&self) -> Option<DaemonProblem> {
        let rows = self.outbox.quarantined;
        let severity =
            if self.unstored().is_some() { ProblemSeverity::Unhealthy } else { ProblemSeverity::Degraded };
        let problem = || {
            let sentence = format!("rows were refused for good and wait for somebody to look: {rows}");
            let problem = DaemonProblem::new(ProblemKind::Quarantine, severity, "outbox", sentence);
            problem.command("llmbench outbox list")
        };
        (rows > 0).then(problem)
    }

    /// Never an alarm alone, because the outbox keeps new rows meanwhile; a restart does not help.
    fn store_down(&self) -> Option<DaemonProblem> {
        let told_as_unread = self.unread().is_some() && self.store.error.is_some();
        let sentence = self.store_sentence().filter(|_| !told_as_unread)?;
        let problem = DaemonProblem::new(self.store_cause(), ProblemSeverity::Degraded, "store", sentence);
        Some(problem.command("llmbench doctor"))
    }

    fn store_cause(&self) -> ProblemKind {
        if self.store.refuses { ProblemKind::StoreRefuses } else { ProblemKind::StoreDown }
    }

    fn store_sentence(&self) -> Option<String> {
        let StoreReport { name, answered_at, error, .. } = &self.store;
        if let Some(error) = error {
            return Some(format!("the store {name} does not work: {error}"));
        }
        let silent = answered_at.map(|at| self.written_at - at).filter(|silent| *silent > STORE_SILENCE)?;
        Some(format!("the store {name} has not answered for {}", span(silent)))
    }

    /// The machine's clock and the store's differ by more than leases tolerate.
    fn clock_differs(&self) -> Option<DaemonProblem> {
        let ahead = self.clock.apart()?;
        let sentence = format!(
            "this machine's clock is {} {} the store's: slots and leases go by the store's, rows are dated by this machine's",
            span(ahead.abs()),
            if ahead > TimeDelta::zero() { "ahead of" } else { "behind" },
        );
        Some(of_clock(sentence))
    }

    /// The machine's clock was set while the daemon ran.
    fn clock_stepped(&self) -> Option<DaemonProblem> {
        let (by, at) = self.clock.step()?;
        let ago = self.written_at - at;
        let sentence = format!(
            "this machine's clock was set {} by {}, {} ago: rows of that time may be dated wrong",
            if by > TimeDelta::zero() { "forward" } else { "back" },
            span(by.abs()),
            span(ago),
        );
        (ago <= STEP_TOLD).then(|| of_clock(sentence))
    }

    /// Every measured row must be stored, waiting or in quarantine. Anything else is a leak.
    fn not_stored(&self) -> Option<DaemonProblem> {
        let ago = self.unstored().filter(|_| self.outbox.quarantined == 0)?;
        let sentence = format!(
            "a measurement ended {} ago, none was stored since, and none waits in the outbox",
            span(ago)
        );
        let problem =
            DaemonProblem::new(ProblemKind::NotStored, ProblemSeverity::Unhealthy, "outbox", sentence);
        Some(problem.command("llmbench outbox list"))
    }

    /// Time since the end of a measurement that was not followed by a stored row, if no row waits.
    fn unstored(&self) -> Option<TimeDelta> {
        let stored = self.lanes.iter().filter_map(|lane| lane.stored_at).chain(self.store.stored_at).max();
        let ended = self.lanes.iter().filter_map(|lane| lane.finished_at);
        let here = ended.filter(|at| *at > self.started_at && self.written_at - *at > HANDOVER);
        let newest = here.max().filter(|at| stored.is_none_or(|stored| stored < *at))?;
        (self.outbox.pending == 0).then(|| self.written_at - newest)
    }

    fn starved(&self) -> Option<DaemonProblem> {
        let problem = || {
            let sentence =
                format!("the machine is too busy: the daemon was {:.0} s late", self.loop_lag_seconds);
            DaemonProblem::new(ProblemKind::Starved, ProblemSeverity::Degraded, "daemon", sentence)
        };
        (self.loop_lag_seconds >= LATE_LOOP).then(problem)
    }

    fn log_dropped(&self) -> Option<DaemonProblem> {
        let lines = self.log_lines_dropped;
        let problem = || {
            let sentence = format!("log lines were lost because whoever reads the log is too slow: {lines}");
            DaemonProblem::new(ProblemKind::LogDropped, ProblemSeverity::Degraded, "daemon", sentence)
        };
        (lines > 0).then(problem)
    }

    /// The time since any measurement ended, and the expected interval, if it is so long that some series must have
    /// missed its turn, due or not.
    fn too_long_idle(&self, lane: &LaneReport) -> Option<String> {
        let cadence = TimeDelta::seconds(lane.cadence_seconds?.into());
        // A measurement that began recently has its own deadline.
        let idle =
            self.written_at - lane.idle_since.max(lane.started_at).filter(|_| lane.idle_since.is_some())?;
        (idle > cadence * 2 + LANE_HORIZON)
            .then(|| format!("{}, though one is due every {}", span(idle), span(cadence)))
    }

    /// The worst problem of one lane. A lane that waits on purpose gives its reason; one that neither works nor gives a
    /// reason is an alarm.
    fn lane(&self, lane: &LaneReport) -> Option<DaemonProblem> {
        let at = self.written_at;
        let since = |moment: Option<DateTime<Utc>>| {
            at - moment.map_or(self.started_at, |moment| moment.max(self.started_at))
        };
        // A measurement that began recently has its own deadline: after a suspended machine wakes, everything
        // is due at once.
        let still = since(lane.finished_at.max(lane.due_at).max(lane.started_at));
        let barren = lane.succeeded_at.is_none() && self.uptime() > FIRST_SUCCESS;
        let name = &lane.provider;
        let why = lane.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let told = |cause, severity, sentence: String| {
            let problem = DaemonProblem::new(cause, severity, name, sentence + &why);
            problem.command_about("llmbench errors summary --by kind", name)
        };
        let waits = lane.due > 0 && still > LANE_HORIZON;
        let idle = self.too_long_idle(lane);
        let stalled = || format!("{name}: no measurement has ended for {} (due: {})", span(still), lane.due);
        let problem = match lane.state {
            LaneActivity::Held if since(lane.succeeded_at) > LANE_HORIZON => {
                let until = lane.until.map(|until| format!(" until {}", until.format("%Y-%m-%d %H:%M UTC")));
                let sentence = format!("{name} waits{}", until.unwrap_or_default());
                told(ProblemKind::LaneHeld, ProblemSeverity::Degraded, sentence)
            }
            LaneActivity::Held => return None,
            LaneActivity::Stalled => {
                told(ProblemKind::LaneStalled, ProblemSeverity::Unhealthy, stalled()).fatal(waits)
            }
            LaneActivity::Restarting => {
                let severity = if waits { ProblemSeverity::Unhealthy } else { ProblemSeverity::Degraded };
                told(ProblemKind::LaneRestarting, severity, format!("{name} broke and starts again"))
            }
            LaneActivity::Starved => {
                let severity = if waits { ProblemSeverity::Unhealthy } else { ProblemSeverity::Degraded };
                told(ProblemKind::Starved, severity, format!("{name}: the machine is too busy to measure"))
            }
            _ if waits => told(ProblemKind::LaneStalled, ProblemSeverity::Unhealthy, stalled()).fatal(true),
            _ if idle.is_some() => {
                let sentence = format!("{name}: no measurement has ended for {}", idle.unwrap_or_default());
                told(ProblemKind::LaneStalled, ProblemSeverity::Unhealthy, sentence)
            }
            _ if barren && (lane.due > 0 || lane.finished_at.is_some()) => {
                let sentence = format!(
                    "{name}: nothing has succeeded since the daemon started {} ago",
                    span(self.uptime())
                );
                told(ProblemKind::LaneNeverRan, ProblemSeverity::Unhealthy, sentence)
            }
            LaneActivity::Failing => told(
                ProblemKind::LaneFailing,
                ProblemSeverity::Degraded,
                format!("{name}: every measurement fails"),
            ),
            LaneActivity::Idle | LaneActivity::Producing => return None,
        };
        Some(problem)
    }
}
