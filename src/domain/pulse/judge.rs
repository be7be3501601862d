//! Whether a daemon is well, from its own pulse: the one judge that `status`, its `--check`, `/readyz` and the watchdog
//! share. Pure. Lanes are judged by the moments that only finished work moves, and as of the moment when the pulse was
//! written: how long ago that was is a trouble of its own. No distance in here depends on what the wall clock shows.

use super::trouble::{Cause, Severity, Trouble, worst_first};
use super::{LanePulse, LaneState, Pulse, StorePulse, SuspectedProvider};
use crate::domain::window::span;
use chrono::{DateTime, TimeDelta, Utc};

/// How old a pulse may be. A daemon writes one at least every 15 seconds.
pub const PULSE_LIMIT: TimeDelta = TimeDelta::seconds(60);

/// How long a lane may have work that is due and end none of it, and how long a row may wait for the store.
pub const LANE_HORIZON: TimeDelta = TimeDelta::minutes(15);

/// How long a lane may run without any success before that is an alarm.
const FIRST_SUCCESS: TimeDelta = TimeDelta::hours(1);

/// How long nothing at all may be measured, whatever the cadences say.
const QUIET: TimeDelta = TimeDelta::hours(26);

/// How long the store may say nothing.
const STORE_SILENCE: TimeDelta = TimeDelta::minutes(5);

/// How long a row may take from the end of its measurement to the store, while none waits.
const HANDOVER: TimeDelta = TimeDelta::seconds(60);

/// For how long a step of the machine's clock is told of.
const STEP_TOLD: TimeDelta = LANE_HORIZON;

/// How late the control loop may be, in seconds.
const LATE_LOOP: f64 = 5.0;

fn of_clock(sentence: String) -> Trouble {
    Trouble::new(Cause::ClockWrong, Severity::Degraded, "clock", sentence).command("timedatectl")
}

fn refused(suspected: &SuspectedProvider) -> Trouble {
    let SuspectedProvider { provider, refusing, of } = suspected;
    let sentence = format!("{refusing} of {of} models are refused, so none of them is set aside");
    let trouble = Trouble::new(Cause::ModelsRefused, Severity::Degraded, provider, sentence);
    trouble.command_about("llmbench errors summary --by kind", provider)
}

impl Pulse {
    /// What is wrong, the worst first; empty where all is well. `now` is the reader's clock.
    pub fn troubles(&self, now: DateTime<Utc>) -> Vec<Trouble> {
        let mut troubles: Vec<Trouble> = [
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
        ]
        .into_iter()
        .flatten()
        .collect();
        troubles.extend(self.suspected.iter().map(refused));
        // A daemon that stops begins nothing.
        let lanes = self.lanes.iter().filter(|lane| lane.series > 0 && !self.stopping);
        troubles.extend(lanes.filter_map(|lane| self.lane(lane)));
        worst_first(&mut troubles);
        troubles
    }

    fn silent(&self, now: DateTime<Utc>) -> Option<Trouble> {
        let age = now - self.written_at;
        let sentence = if age > PULSE_LIMIT {
            format!("the daemon has said nothing for {}", span(age))
        } else if -age > PULSE_LIMIT {
            format!("the daemon's pulse is dated {} in the future: a clock was set", span(-age))
        } else {
            return None;
        };
        let trouble = Trouble::new(Cause::DaemonSilent, Severity::Unhealthy, "daemon", sentence);
        Some(trouble.command("llmbench daemon").fatal(age > PULSE_LIMIT))
    }

    fn uptime(&self) -> TimeDelta {
        self.written_at - self.started_at
    }

    /// Nothing is known yet of what is to be measured: nothing is.
    fn unread(&self) -> Option<Trouble> {
        if self.ready || self.stopping {
            return None;
        }
        let (cause, why) = match &self.store.error {
            Some(_) => (self.store_cause(), format!(": {}", self.store_sentence()?)),
            None => (Cause::CatalogueUnread, String::new()),
        };
        let sentence = format!("the catalogue was not read yet, so nothing is measured{why}");
        let trouble = Trouble::new(cause, Severity::Unhealthy, "daemon", sentence);
        Some(trouble.command("llmbench doctor"))
    }

    fn no_work(&self) -> Option<Trouble> {
        let none = self.lanes.iter().all(|lane| lane.series == 0);
        let trouble = || {
            let sentence = "no model is enabled for this daemon: it measures nothing";
            let trouble = Trouble::new(Cause::NoWork, Severity::Unhealthy, "daemon", sentence);
            trouble.command("llmbench models list --all")
        };
        (none && self.ready && !self.stopping).then(trouble)
    }

    /// Everything waits, fails or stands still; or nothing was due for so long that nobody can mean it.
    fn unproductive(&self) -> Option<Trouble> {
        let lanes = || self.lanes.iter().filter(|lane| lane.series > 0);
        lanes().next()?;
        let newest = |moment: fn(&LanePulse) -> Option<DateTime<Utc>>| lanes().filter_map(moment).max();
        let since = |at: Option<DateTime<Utc>>| {
            self.written_at - at.map_or(self.started_at, |at| at.max(self.started_at))
        };
        let (finished, succeeded) =
            (since(newest(|lane| lane.finished_at)), since(newest(|lane| lane.succeeded_at)));
        let works = |lane: &LanePulse| matches!(lane.state, LaneState::Idle | LaneState::Producing);
        let sentence = if !lanes().any(works) && succeeded > LANE_HORIZON {
            format!("no lane produces: nothing has succeeded for {}", span(succeeded))
        } else if finished > QUIET {
            format!("nothing was measured for {}", span(finished))
        } else {
            return None;
        };
        let trouble = Trouble::new(Cause::NothingProduced, Severity::Unhealthy, "daemon", sentence);
        (!self.stopping).then(|| trouble.command("llmbench errors summary"))
    }

    fn outbox_full(&self) -> Option<Trouble> {
        let trouble = || {
            let sentence = format!(
                "the outbox is full (rows that wait: {}): nothing new is measured",
                self.outbox.pending
            );
            let trouble = Trouble::new(Cause::OutboxFull, Severity::Unhealthy, "outbox", sentence);
            trouble.command("llmbench outbox list")
        };
        self.outbox.full.then(trouble)
    }

    fn outbox_stuck(&self) -> Option<Trouble> {
        let waits = self.written_at - self.outbox.oldest_at.filter(|_| self.outbox.pending > 0)?;
        let trouble = || {
            let sentence =
                format!("rows wait for the store: {}, the oldest for {}", self.outbox.pending, span(waits));
            let trouble = Trouble::new(Cause::OutboxStuck, Severity::Unhealthy, "outbox", sentence);
            trouble.command("llmbench outbox list")
        };
        (waits > LANE_HORIZON).then(trouble)
    }

    /// Whether rows are lost in it only somebody who looks can tell.
    fn outbox_damaged(&self) -> Option<Trouble> {
        let files = self.outbox.damaged;
        let trouble = || {
            let sentence = format!("damaged outboxes were set aside, and rows may be lost in them: {files}");
            let trouble = Trouble::new(Cause::OutboxDamaged, Severity::Degraded, "outbox", sentence);
            trouble.command("llmbench outbox list")
        };
        (files > 0).then(trouble)
    }

    fn quarantine(&self) -> Option<Trouble> {
        let rows = self.outbox.quarantined;
        let severity = if self.unstored().is_some() { Severity::Unhealthy } else { Severity::Degraded };
        let trouble = || {
            let sentence = format!("rows were refused for good and wait for somebody to look: {rows}");
            let trouble = Trouble::new(Cause::Quarantine, severity, "outbox", sentence);
            trouble.command("llmbench outbox list")
        };
        (rows > 0).then(trouble)
    }

    /// The outbox keeps what is measured meanwhile, so this alone is no alarm, and a fresh start mends nothing.
    fn store_down(&self) -> Option<Trouble> {
        let told_as_unread = self.unread().is_some() && self.store.error.is_some();
        let sentence = self.store_sentence().filter(|_| !told_as_unread)?;
        let trouble = Trouble::new(self.store_cause(), Severity::Degraded, "store", sentence);
        Some(trouble.command("llmbench doctor"))
    }

    fn store_cause(&self) -> Cause {
        if self.store.refuses { Cause::StoreRefuses } else { Cause::StoreDown }
    }

    fn store_sentence(&self) -> Option<String> {
        let StorePulse { name, answered_at, error, .. } = &self.store;
        if let Some(error) = error {
            return Some(format!("the store {name} does not work: {error}"));
        }
        let silent = answered_at.map(|at| self.written_at - at).filter(|silent| *silent > STORE_SILENCE)?;
        Some(format!("the store {name} has not answered for {}", span(silent)))
    }

    /// The machine's clock and the store's are further apart than leases bear.
    fn clock_differs(&self) -> Option<Trouble> {
        let ahead = self.clock.apart()?;
        let sentence = format!(
            "this machine's clock is {} {} the store's: slots and leases go by the store's, rows are dated by this machine's",
            span(ahead.abs()),
            if ahead > TimeDelta::zero() { "ahead of" } else { "behind" },
        );
        Some(of_clock(sentence))
    }

    /// The machine's clock was set while the daemon ran.
    fn clock_stepped(&self) -> Option<Trouble> {
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

    /// Rows that were measured are stored, or wait, or are in quarantine. Anything else is a leak.
    fn not_stored(&self) -> Option<Trouble> {
        let ago = self.unstored().filter(|_| self.outbox.quarantined == 0)?;
        let sentence = format!(
            "a measurement ended {} ago, none was stored since, and none waits in the outbox",
            span(ago)
        );
        let trouble = Trouble::new(Cause::NotStored, Severity::Unhealthy, "outbox", sentence);
        Some(trouble.command("llmbench outbox list"))
    }

    /// How long ago a measurement ended after which nothing was stored, though nothing waits to be.
    fn unstored(&self) -> Option<TimeDelta> {
        let stored = self.lanes.iter().filter_map(|lane| lane.stored_at).chain(self.store.stored_at).max();
        let ended = self.lanes.iter().filter_map(|lane| lane.finished_at);
        let here = ended.filter(|at| *at > self.started_at && self.written_at - *at > HANDOVER);
        let newest = here.max().filter(|at| stored.is_none_or(|stored| stored < *at))?;
        (self.outbox.pending == 0).then(|| self.written_at - newest)
    }

    fn starved(&self) -> Option<Trouble> {
        let trouble = || {
            let sentence =
                format!("the machine is too busy: the daemon was {:.0} s late", self.loop_lag_seconds);
            Trouble::new(Cause::Starved, Severity::Degraded, "daemon", sentence)
        };
        (self.loop_lag_seconds >= LATE_LOOP).then(trouble)
    }

    fn log_dropped(&self) -> Option<Trouble> {
        let lines = self.log_lines_dropped;
        let trouble = || {
            let sentence = format!("log lines were lost because whoever reads the log is too slow: {lines}");
            Trouble::new(Cause::LogDropped, Severity::Degraded, "daemon", sentence)
        };
        (lines > 0).then(trouble)
    }

    /// For how long nothing has ended, and how often something should: where that is so long that some series must have
    /// missed its turn, due or not as it may seem.
    fn too_long_idle(&self, lane: &LanePulse) -> Option<String> {
        let cadence = TimeDelta::seconds(lane.cadence_seconds?.into());
        // What began lately has its own deadline.
        let idle =
            self.written_at - lane.idle_since.max(lane.started_at).filter(|_| lane.idle_since.is_some())?;
        (idle > cadence * 2 + LANE_HORIZON)
            .then(|| format!("{}, though one is due every {}", span(idle), span(cadence)))
    }

    /// The worst that can be said of one lane. A lane that waits on purpose says why; one that neither works nor says why
    /// is an alarm.
    fn lane(&self, lane: &LanePulse) -> Option<Trouble> {
        let at = self.written_at;
        let since = |moment: Option<DateTime<Utc>>| {
            at - moment.map_or(self.started_at, |moment| moment.max(self.started_at))
        };
        // What began lately has its own deadline: after a suspended machine wakes, everything is due at once.
        let still = since(lane.finished_at.max(lane.due_at).max(lane.started_at));
        let barren = lane.succeeded_at.is_none() && self.uptime() > FIRST_SUCCESS;
        let name = &lane.provider;
        let why = lane.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let told = |cause, severity, sentence: String| {
            let trouble = Trouble::new(cause, severity, name, sentence + &why);
            trouble.command_about("llmbench errors summary --by kind", name)
        };
        let waits = lane.due > 0 && still > LANE_HORIZON;
        let idle = self.too_long_idle(lane);
        let stalled = || format!("{name}: no measurement has ended for {} (due: {})", span(still), lane.due);
        let trouble = match lane.state {
            LaneState::Held if since(lane.succeeded_at) > LANE_HORIZON => {
                let until = lane.until.map(|until| format!(" until {}", until.format("%Y-%m-%d %H:%M UTC")));
                let sentence = format!("{name} waits{}", until.unwrap_or_default());
                told(Cause::LaneHeld, Severity::Degraded, sentence)
            }
            LaneState::Held => return None,
            LaneState::Stalled => told(Cause::LaneStalled, Severity::Unhealthy, stalled()).fatal(waits),
            LaneState::Restarting => {
                let severity = if waits { Severity::Unhealthy } else { Severity::Degraded };
                told(Cause::LaneRestarting, severity, format!("{name} broke and starts again"))
            }
            LaneState::Starved => {
                let severity = if waits { Severity::Unhealthy } else { Severity::Degraded };
                told(Cause::Starved, severity, format!("{name}: the machine is too busy to measure"))
            }
            _ if waits => told(Cause::LaneStalled, Severity::Unhealthy, stalled()).fatal(true),
            _ if idle.is_some() => {
                let sentence = format!("{name}: no measurement has ended for {}", idle.unwrap_or_default());
                told(Cause::LaneStalled, Severity::Unhealthy, sentence)
            }
            _ if barren && (lane.due > 0 || lane.finished_at.is_some()) => {
                let sentence = format!(
                    "{name}: nothing has succeeded since the daemon started {} ago",
                    span(self.uptime())
                );
                told(Cause::LaneNeverRan, Severity::Unhealthy, sentence)
            }
            LaneState::Failing => {
                told(Cause::LaneFailing, Severity::Degraded, format!("{name}: every measurement fails"))
            }
            LaneState::Idle | LaneState::Producing => return None,
        };
        Some(trouble)
    }
}
