//! The control loop: gives lanes their work, checks the daemon every second, writes the status report, and shuts down
//! in order. It measures nothing and never calls the store.

use super::lane_supervisor::LaneSupervisor;
use super::store_activity::StoreActivity;
use crate::daemon::calibration_gate::LaneTraffic;
use crate::daemon::clock::{ClockShift, since_boot};
use crate::daemon::context::{CountsSnapshot, DaemonContext};
use crate::daemon::event::DaemonEvent;
use crate::daemon::lane::Lane;
use crate::daemon::lane_state::LaneState;
use crate::daemon::liveness::Liveness;
use crate::daemon::memory_trim::MemoryTrimmer;
use crate::daemon::price::ListedPrices;
use crate::daemon::roster::RosterByProvider;
use crate::daemon::sampling_plan::stored::plan;
use crate::daemon::series_work::{RequestSpecs, work};
use crate::daemon::status_file;
use crate::daemon::store_sync::WorkUpdate;
use crate::domain::daemon_config::{DaemonConfig, PlanKind, PlannedCadences};
use crate::domain::daemon_status::{DaemonStatus, PlanReport, STATUS_FORMAT};
use crate::measure::outcome_row::measured_by;
use crate::outbox::Spend;
use crate::outbox::sender::SenderReport;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, sleep_until};

/// Interval of the checks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Interval of the checks if the daemon ends after one pass.
const LOOK_ONCE: Duration = Duration::from_millis(100);
/// Interval at which the status report is written.
const STATUS_EVERY: Duration = Duration::from_secs(5);
/// Time for which nothing may become due in a moment that is quiet enough to calibrate the host.
const CALM: TimeDelta = TimeDelta::seconds(30);
/// Time that measurements have to end after they are given up.
const GIVE_UP: Duration = Duration::from_secs(1);

/// The arguments of [`ControlLoop::new`].
pub struct ControlSetup {
    pub questions: RequestSpecs,
    /// Today's spending before this start, by provider.
    pub spent: BTreeMap<String, Spend>,
    /// Directory of the status file.
    pub state_dir: PathBuf,
    /// Reports of the sender about store and outbox.
    pub sent: watch::Receiver<SenderReport>,
    /// Receives the status report.
    pub daemon_status: watch::Sender<Option<Arc<DaemonStatus>>>,
    /// Receives the loop's signs of life.
    pub liveness: Arc<Liveness>,
}

pub struct ControlLoop {
    shared: Arc<DaemonContext>,
    start: ControlSetup,
    supervisor: LaneSupervisor,
    /// The work that the lanes have now.
    given: RosterByProvider,
    prices: Arc<ListedPrices>,
    proposed: Arc<BTreeMap<String, u32>>,
    /// The cadences that the plan changes, and the plan in numbers.
    planned: PlannedCadences,
    plan: Option<PlanReport>,
    started_at: DateTime<Utc>,
    /// Read only once: a process without free descriptors cannot read it.
    boot_id: String,
    lag: Duration,
    ready: bool,
    waited_in_vain: bool,
    store_lost: bool,
    thrift: MemoryTrimmer,
    noted: StoreActivity,
    /// True after a difference between the clocks of machine and store was reported.
    clocks_apart: bool,
    status_file: status_file::StatusFileWriter,
}

impl ControlLoop {
    pub fn new(shared: Arc<DaemonContext>, start: ControlSetup) -> Self {
        Self {
            noted: StoreActivity::default(),
            clocks_apart: false,
            status_file: status_file::StatusFileWriter::new(&start.state_dir),
            start,
            supervisor: LaneSupervisor::default(),
            given: RosterByProvider::new(),
            prices: Arc::default(),
            proposed: Arc::default(),
            planned: PlannedCadences::new(),
            plan: None,
            started_at: shared.clock.now(),
            boot_id: status_file::boot_id().unwrap_or_default(),
            lag: Duration::ZERO,
            ready: false,
            waited_in_vain: false,
            store_lost: false,
            thrift: MemoryTrimmer::default(),
            shared,
        }
    }

    /// True if a single pass ended because no work list arrived.
    pub fn waited_in_vain(&self) -> bool {
        self.waited_in_vain
    }

    /// Runs until the daemon is told to stop. With `once` it also ends when nothing is left to begin, or when the store
    /// did not answer in time.
    pub async fn work(&mut self, mut list: mpsc::Receiver<WorkUpdate>, once: bool) {
        let every = if once { LOOK_ONCE } else { LOOK_EVERY };
        let begun = Instant::now();
        let (mut look_at, mut said_at) = (begun, None::<Instant>);
        loop {
            tokio::select! {
                () = self.shared.stop.cancelled() => return,
                Some(listed) = list.recv() => {
                    let first = !self.ready;
                    self.take(listed);
                    if first {
                        // The first lanes are reported at once, and the measurements that they begin at the next check.
                        self.say(false);
                        said_at = None;
                    }
                }
                Some(ended) = self.supervisor.next_ended() => self.supervisor.ended(ended, &self.shared),
                () = sleep_until(look_at.into()) => {
                    self.start.liveness.turned();
                    self.note_clock();
                    self.note_lag(look_at.elapsed());
                    self.note_store();
                    self.note_traffic();
                    if said_at.is_none_or(|at| at.elapsed() >= STATUS_EVERY) {
                        self.say(false);
                        said_at = Some(Instant::now());
                        self.be_thrifty();
                    }
                    self.waited_in_vain = once && !self.ready && begun.elapsed() >= self.shared.daemon_config.store_wait;
                    if self.waited_in_vain || (once && self.ready && self.is_quiet()) {
                        self.shared.stop.cancel();
                        return;
                    }
                    look_at = Instant::now() + every;
                }
            }
        }
    }

    fn be_thrifty(&mut self) {
        let CountsSnapshot { succeeded, failed, .. } = self.shared.counts.counted();
        let stored_at = self.start.sent.borrow().store.stored_at;
        self.thrift.look(self.supervisor.running(), (succeeded + failed, stored_at));
    }

    fn note_lag(&mut self, lag: Duration) {
        self.lag = self.lag.max(lag);
        // A calibration makes the machine busy for some seconds, and no measurement runs beside it.
        if !self.shared.gate.is_closed() {
            self.shared.governor().lag(lag.as_secs_f64(), self.shared.clock.now());
        }
    }

    /// Moves remembered times if the daemon's clock moved, and reports a step.
    fn note_clock(&mut self) {
        let ClockShift { moved, stepped } = self.shared.clock.look();
        if !moved.is_zero() {
            self.started_at += moved;
            self.noted.clock_moved(moved);
            self.supervisor.lanes().for_each(|lane| lane.lane_state().clock_moved(moved));
        }
        if let Some(by) = stepped {
            self.shared.events.tell(DaemonEvent::ClockSet { by });
        }
        let apart = self.shared.clock.daemon_status().apart();
        if self.clocks_apart != apart.is_some() {
            self.clocks_apart = apart.is_some();
            self.shared.events.tell(DaemonEvent::ClocksApart { by: apart });
        }
        self.note_moments();
    }

    /// Translates the times of the store's answers before the clock can move again.
    fn note_moments(&mut self) {
        let now = self.shared.clock.now();
        let heard = self.shared.store_handle.heard();
        let sent = self.start.sent.borrow();
        self.noted.see(&sent, heard.answered_at, now);
    }

    /// Reports that the store was lost or is back.
    fn note_store(&mut self) {
        let error = self.shared.store_handle.heard().error;
        match (self.store_lost, error) {
            (false, Some(error)) => self.shared.events.tell(DaemonEvent::StoreLost { error }),
            (true, None) => self.shared.events.tell(DaemonEvent::StoreBack),
            _ => return,
        }
        self.store_lost = !self.store_lost;
    }

    /// Tells whoever calibrates the host what lanes do.
    fn note_traffic(&self) {
        let now = self.shared.clock.now();
        // Read before the lanes are counted: what is counted then is all that can still run.
        let gate_closed = self.shared.gate.is_closed();
        let running = self.supervisor.running();
        let quiet = running == 0 && self.supervisor.lanes().all(|lane| lane.lane_state().is_calm(CALM, now));
        self.shared.gate.saw(LaneTraffic { gate_closed, running, quiet });
    }

    fn is_quiet(&self) -> bool {
        let now = self.shared.clock.now();
        self.supervisor.lanes().all(|lane| lane.lane_state().is_quiet(now))
    }

    /// Makes the plan, if the configuration asks for one, and keeps its numbers; returns the cadences that it changes.
    fn plan(&mut self, listed: &WorkUpdate, configured: &DaemonConfig) -> PlannedCadences {
        if configured.plan == PlanKind::Even || self.shared.store_handle.bridge().is_some() {
            return PlannedCadences::new();
        }
        let WorkUpdate { asked, noise, prices, .. } = listed;
        let plan = plan(asked, self.start.questions.profiles(), noise, configured, prices);
        self.plan = Some(plan.report());
        plan.cadences()
    }

    /// Gives changed work to the lanes; a new provider gets a lane.
    fn take(&mut self, listed: WorkUpdate) {
        let shared = Arc::clone(&self.shared);
        let configured = shared.daemon_config.proposed(&listed.proposed);
        let cadences = self.plan(&listed, &configured);
        let WorkUpdate { asked, turns, prices, ref proposed, .. } = listed;
        let same_rules = *self.prices == *prices && self.proposed == *proposed && self.planned == cadences;
        let before = std::mem::replace(&mut self.given, asked);
        let daemon_config = configured.planned(cadences.clone());
        (self.prices, self.proposed, self.planned) = (prices, Arc::clone(proposed), cadences);
        for (provider, asked) in &self.given {
            if same_rules && before.get(provider).is_some_and(|before| Arc::ptr_eq(before, asked)) {
                continue;
            }
            let work = work(asked, &self.start.questions, &daemon_config, &self.prices);
            if let Some(lane) = self.supervisor.lane(provider) {
                lane.lane_state().take(work, &turns);
                lane.nudge();
            } else if !work.is_empty() {
                let spent = self.start.spent.get(provider).copied().unwrap_or_default();
                let now = shared.clock.now();
                let mut lane_state = LaneState::new(provider, &self.shared.daemon_config, spent, now);
                lane_state.take(work, &turns);
                // Count due series at once: the first report must not show none.
                lane_state.look(0, now);
                self.supervisor.enlist(Lane::new(provider.clone(), Arc::clone(&self.shared), lane_state));
            }
        }
        if !self.ready {
            self.ready = true;
            let models = self.given.values().map(|asked| asked.measured.len() as u64).sum();
            let lanes = self.supervisor.lanes().count() as u64;
            self.shared.events.tell(DaemonEvent::Ready { models, lanes });
        }
    }

    /// Writes the status report, and sends it to the tasks that bring it to monitors and the store.
    pub fn say(&mut self, stopping: bool) {
        let now = self.shared.clock.now();
        self.note_moments();
        let SenderReport { mut store, outbox, .. } = self.start.sent.borrow().clone();
        let heard = self.shared.store_handle.heard();
        (store.answered_at, store.stored_at) = (self.noted.answered_at(), self.noted.stored_at());
        if heard.error.is_some() {
            (store.error, store.refuses) = (heard.error, heard.refuses);
        }
        let lane = |lane: &Arc<Lane>| lane.daemon_status(self.noted.stored_at_of(&lane.provider), now);
        let daemon_status = DaemonStatus {
            format: STATUS_FORMAT,
            program: measured_by(),
            owner: self.shared.owner.clone(),
            vantage: self.shared.daemon_config.vantage.clone(),
            pid: std::process::id(),
            boot_id: self.boot_id.clone(),
            started_at: self.started_at,
            written_at: now,
            written_since_boot_seconds: Some(since_boot().as_secs_f64()),
            ready: self.ready,
            stopping,
            failure: self.shared.failure().map(ToString::to_string),
            clock: self.shared.clock.daemon_status(),
            store,
            outbox,
            calibration: self.shared.gate.report(),
            plan: self.plan,
            site_failure: self.start.liveness.site_failure(),
            suspected: self.shared.suspected(),
            loop_lag_seconds: std::mem::take(&mut self.lag).as_secs_f64(),
            log_lines_dropped: self.start.liveness.log_lines_dropped(),
            lanes: self.supervisor.lanes().map(lane).collect(),
        };
        // If the write fails, the report's age shows readers that it is stale.
        let _ = self.status_file.write(&daemon_status);
        self.start.liveness.publish(&daemon_status);
        self.start.daemon_status.send_replace(Some(Arc::new(daemon_status)));
    }

    /// Waits for running measurements during the grace period, then gives them up. Returns the number given up.
    pub async fn stop(&mut self) -> u64 {
        self.shared.events.tell(DaemonEvent::Stopping { running: self.supervisor.running() });
        self.say(true);
        self.wait_for_lanes(self.shared.daemon_config.grace).await;
        self.shared.kill.cancel();
        let given_up = self.supervisor.running();
        self.wait_for_lanes(GIVE_UP).await;
        given_up
    }

    async fn wait_for_lanes(&self, patience: Duration) {
        let begun = Instant::now();
        while self.supervisor.running() > 0 && begun.elapsed() < patience && self.shared.failure().is_none() {
            sleep(Duration::from_millis(20)).await;
        }
    }
}
