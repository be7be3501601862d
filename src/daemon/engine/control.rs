//! The control loop: gives lanes their work, looks at itself every second, says in the pulse what is, and stops in good
//! order. It measures nothing and asks no store.

use super::crew::Crew;
use super::moments::Moments;
use crate::daemon::book::Book;
use crate::daemon::clock::{Looked, since_boot};
use crate::daemon::event::Event;
use crate::daemon::lane::Lane;
use crate::daemon::memory::Thrift;
use crate::daemon::roster::AskedByProvider;
use crate::daemon::rounds::Listed;
use crate::daemon::shared::{Counted, Shared};
use crate::daemon::signs::Signs;
use crate::daemon::work::{Questions, work};
use crate::domain::ModelRef;
use crate::domain::pulse::{PULSE_FORMAT, Pulse};
use crate::domain::regime::Price;
use crate::measure::rows::measured_by;
use crate::storage::outbox::Spend;
use crate::storage::outbox::sender::SenderPulse;
use crate::storage::pulse_file;
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, sleep_until};

/// How often the daemon looks at itself.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The same, where it ends after one pass.
const LOOK_ONCE: Duration = Duration::from_millis(100);
/// How often the pulse is written.
const PULSE_EVERY: Duration = Duration::from_secs(5);
/// How long measurements have to give up.
const GIVE_UP: Duration = Duration::from_secs(1);

/// What the loop starts from.
pub struct Start {
    /// What is asked of models.
    pub questions: Questions,
    /// What each provider was paid today before this start.
    pub spent: BTreeMap<String, Spend>,
    /// Where the pulse is written.
    pub state_dir: PathBuf,
    /// What the sender says of store and outbox.
    pub sent: watch::Receiver<SenderPulse>,
    /// Where the pulse is told.
    pub pulse: watch::Sender<Option<Arc<Pulse>>>,
    /// Where the loop shows that it turns.
    pub signs: Arc<Signs>,
}

/// The loop.
pub struct Control {
    shared: Arc<Shared>,
    start: Start,
    crew: Crew,
    /// The work that lanes were given last.
    given: AskedByProvider,
    prices: Arc<HashMap<ModelRef, Price>>,
    proposed: Arc<BTreeMap<String, u32>>,
    started_at: DateTime<Utc>,
    /// Asked once: a process without descriptors cannot ask.
    boot_id: String,
    lag: Duration,
    ready: bool,
    waited_in_vain: bool,
    store_lost: bool,
    thrift: Thrift,
    noted: Moments,
    /// The clocks of machine and store differ, and it was told.
    clocks_apart: bool,
    pulse_file: pulse_file::Writer,
}

impl Control {
    /// A loop that has not turned yet.
    pub fn new(shared: Arc<Shared>, start: Start) -> Self {
        Self {
            noted: Moments::default(),
            clocks_apart: false,
            pulse_file: pulse_file::Writer::new(&start.state_dir),
            start,
            crew: Crew::default(),
            given: AskedByProvider::new(),
            prices: Arc::default(),
            proposed: Arc::default(),
            started_at: shared.clock.now(),
            boot_id: pulse_file::boot_id().unwrap_or_default(),
            lag: Duration::ZERO,
            ready: false,
            waited_in_vain: false,
            store_lost: false,
            thrift: Thrift::default(),
            shared,
        }
    }

    /// Whether a single pass ended because no store said what to measure.
    pub fn waited_in_vain(&self) -> bool {
        self.waited_in_vain
    }

    /// Turns until the daemon is told to stop, or, where it works `once`, until nothing is left to be begun, or the store
    /// was waited for in vain.
    pub async fn work(&mut self, mut list: mpsc::Receiver<Listed>, once: bool) {
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
                        // The first lanes are said at once, and what they begin at the next look.
                        self.say(false);
                        said_at = None;
                    }
                }
                Some(ended) = self.crew.next_ended() => self.crew.ended(ended, &self.shared),
                () = sleep_until(look_at.into()) => {
                    self.start.signs.turned();
                    self.note_clock();
                    self.note_lag(look_at.elapsed());
                    self.note_store();
                    if said_at.is_none_or(|at| at.elapsed() >= PULSE_EVERY) {
                        self.say(false);
                        said_at = Some(Instant::now());
                        self.be_thrifty();
                    }
                    self.waited_in_vain = once && !self.ready && begun.elapsed() >= self.shared.regime.store_wait;
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
        let Counted { succeeded, failed, .. } = self.shared.counts.counted();
        let stored_at = self.start.sent.borrow().store.stored_at;
        self.thrift.look(self.crew.running(), (succeeded + failed, stored_at));
    }

    fn note_lag(&mut self, lag: Duration) {
        self.lag = self.lag.max(lag);
        self.shared.governor().lag(lag.as_secs_f64(), self.shared.clock.now());
    }

    /// Moves what is remembered where the clock moves, and tells of a step.
    fn note_clock(&mut self) {
        let Looked { moved, stepped } = self.shared.clock.look();
        if !moved.is_zero() {
            self.started_at += moved;
            self.noted.clock_moved(moved);
            self.crew.lanes().for_each(|lane| lane.book().clock_moved(moved));
        }
        if let Some(by) = stepped {
            self.shared.events.tell(Event::ClockSet { by });
        }
        let apart = self.shared.clock.pulse().apart();
        if self.clocks_apart != apart.is_some() {
            self.clocks_apart = apart.is_some();
            self.shared.events.tell(Event::ClocksApart { by: apart });
        }
        self.note_moments();
    }

    /// Notes when the store answered and took rows, as long as it is clear by which clock that was.
    fn note_moments(&mut self) {
        let now = self.shared.clock.now();
        let heard = self.shared.keeper.heard();
        let sent = self.start.sent.borrow();
        self.noted.see(&sent, heard.answered_at, now);
    }

    /// Tells that the store was lost, or is back.
    fn note_store(&mut self) {
        let error = self.shared.keeper.heard().error;
        match (self.store_lost, error) {
            (false, Some(error)) => self.shared.events.tell(Event::StoreLost { error }),
            (true, None) => self.shared.events.tell(Event::StoreBack),
            _ => return,
        }
        self.store_lost = !self.store_lost;
    }

    fn is_quiet(&self) -> bool {
        let now = self.shared.clock.now();
        self.crew.lanes().all(|lane| lane.book().is_quiet(now))
    }

    /// Gives lanes their work where it is another than before; a provider that is new gets a lane.
    fn take(&mut self, listed: Listed) {
        let Listed { asked, turns, prices, proposed } = listed;
        let same_rules = *self.prices == *prices && *self.proposed == *proposed;
        let before = std::mem::replace(&mut self.given, asked);
        (self.prices, self.proposed) = (prices, proposed);
        let shared = Arc::clone(&self.shared);
        let regime = shared.regime.proposed(&self.proposed);
        for (provider, asked) in &self.given {
            if same_rules && before.get(provider).is_some_and(|before| Arc::ptr_eq(before, asked)) {
                continue;
            }
            let work = work(asked, &self.start.questions, &regime, &self.prices);
            if let Some(lane) = self.crew.lane(provider) {
                lane.book().take(work, &turns);
                lane.nudge();
            } else if !work.is_empty() {
                let spent = self.start.spent.get(provider).copied().unwrap_or_default();
                let now = shared.clock.now();
                let mut book = Book::new(provider, &self.shared.regime, spent, now);
                book.take(work, &turns);
                // Known from the first moment: what is due must not look like nothing.
                book.look(0, now);
                self.crew.enlist(Lane::new(provider.clone(), Arc::clone(&self.shared), book));
            }
        }
        if !self.ready {
            self.ready = true;
            let models = self.given.values().map(|asked| asked.measured.len() as u64).sum();
            let lanes = self.crew.lanes().count() as u64;
            self.shared.events.tell(Event::Ready { models, lanes });
        }
    }

    /// Says in the pulse what is, and tells those who bring it to the store.
    pub fn say(&mut self, stopping: bool) {
        let now = self.shared.clock.now();
        self.note_moments();
        let SenderPulse { mut store, outbox, .. } = self.start.sent.borrow().clone();
        let heard = self.shared.keeper.heard();
        (store.answered_at, store.stored_at) = (self.noted.answered_at(), self.noted.stored_at());
        if heard.error.is_some() {
            (store.error, store.refuses) = (heard.error, heard.refuses);
        }
        let lane = |lane: &Arc<Lane>| lane.pulse(self.noted.stored_at_of(&lane.provider), now);
        let pulse = Pulse {
            format: PULSE_FORMAT,
            program: measured_by(),
            owner: self.shared.owner.clone(),
            vantage: self.shared.regime.vantage.clone(),
            pid: std::process::id(),
            boot_id: self.boot_id.clone(),
            started_at: self.started_at,
            written_at: now,
            written_since_boot_seconds: Some(since_boot().as_secs_f64()),
            ready: self.ready,
            stopping,
            failure: self.shared.failure().map(ToString::to_string),
            clock: self.shared.clock.pulse(),
            store,
            outbox,
            suspected: self.shared.suspected(),
            loop_lag_seconds: std::mem::take(&mut self.lag).as_secs_f64(),
            log_lines_dropped: self.start.signs.log_lines_dropped(),
            lanes: self.crew.lanes().map(lane).collect(),
        };
        // Whoever reads the pulse sees that it is old.
        let _ = self.pulse_file.write(&pulse);
        self.start.signs.publish(&pulse);
        self.start.pulse.send_replace(Some(Arc::new(pulse)));
    }

    /// Waits for what runs, as long as the grace lasts, then gives it up. Returns how many were given up.
    pub async fn stop(&mut self) -> u64 {
        self.shared.events.tell(Event::Stopping { running: self.crew.running() });
        self.say(true);
        self.wait_for_lanes(self.shared.regime.grace).await;
        self.shared.kill.cancel();
        let given_up = self.crew.running();
        self.wait_for_lanes(GIVE_UP).await;
        given_up
    }

    async fn wait_for_lanes(&self, patience: Duration) {
        let begun = Instant::now();
        while self.crew.running() > 0 && begun.elapsed() < patience && self.shared.failure().is_none() {
            sleep(Duration::from_millis(20)).await;
        }
    }
}
