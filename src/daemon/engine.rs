//! The daemon's tasks and who watches over them: a task for each lane, one for the sender, one for what the store is asked
//! again and again. A lane that breaks begins again; the others do not notice. Here too: how a daemon stops.

use crate::daemon::bench::Doors;
use crate::daemon::book::Book;
use crate::daemon::call::panic_message;
use crate::daemon::event::{Event, Events};
use crate::daemon::keeper::Keeper;
use crate::daemon::lane::Lane;
use crate::daemon::rounds::{self, Listed};
use crate::daemon::shared::{Counted, Shared};
use crate::daemon::signs::Signs;
use crate::daemon::{owner, work};
use crate::domain::pulse::{PULSE_FORMAT, Pulse};
use crate::domain::regime::Regime;
use crate::measure::laboratory::Question;
use crate::measure::rows::measured_by;
use crate::storage::Sink;
use crate::storage::outbox::sender::{Flushed, Sender, SenderPulse};
use crate::storage::outbox::{Outbox, OutboxError, Spend, control};
use crate::storage::pulse_file;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinHandle, JoinSet};
use tokio::time::{sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// How often the daemon looks at itself.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The same, where it ends after one pass.
const LOOK_ONCE: Duration = Duration::from_millis(100);
/// How often the pulse is written.
const PULSE_EVERY: Duration = Duration::from_secs(5);
/// A lane that broke waits so long at first, and at most so long.
const RESTART: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));
/// A lane that ran for so long begins to count anew.
const STEADY: Duration = Duration::from_secs(600);
/// How long the last rows may take to the store when the daemon stops.
const FLUSH: Duration = Duration::from_secs(5);
/// How long measurements have to give up.
const GIVE_UP: Duration = Duration::from_secs(1);

/// What a daemon is made of.
pub struct Setup {
    /// Its rules.
    pub regime: Regime,
    /// What is asked of every model.
    pub questions: Vec<Question>,
    /// The way to the store.
    pub keeper: Arc<Keeper>,
    /// The outbox, open.
    pub outbox: Outbox,
    /// The way to providers.
    pub doors: Arc<dyn Doors>,
    /// Where pulse and socket are.
    pub state_dir: PathBuf,
    /// Where events are told.
    pub events: Events,
    /// Where it shows that it lives.
    pub signs: Arc<Signs>,
    /// End after everything that is due was tried.
    pub once: bool,
}

/// How a daemon ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stopped {
    /// What it did.
    pub counted: Counted,
    /// What became of the last rows.
    pub flushed: Flushed,
    /// Measurements that did not end in time; the next start says so in their rows.
    pub given_up: u64,
}

/// Runs a daemon until `stop`, or through one pass.
///
/// # Errors
/// The outbox's final ones.
pub async fn run(setup: Setup, stop: CancellationToken) -> Result<Stopped, OutboxError> {
    let spent = setup.outbox.spent(Utc::now().date_naive()).await?;
    let shared = Shared::new(
        setup.regime.clone(),
        owner::unique(),
        setup.outbox.clone(),
        Arc::clone(&setup.keeper),
        Arc::clone(&setup.doors),
        setup.events.clone(),
        stop,
    );
    let sink: Arc<dyn Sink> = Arc::clone(&setup.keeper) as Arc<dyn Sink>;
    let (sender, sent) = Sender::new(setup.outbox.clone(), sink, setup.keeper.name());
    let events = setup.events.clone();
    let mut sender = sender.telling(move |news| events.tell(news.into()));
    let (stop_sending, reason) = (CancellationToken::new(), Arc::clone(&shared));
    let until = stop_sending.clone();
    let sending = tokio::spawn(async move {
        if let Err(error) = sender.run(&until).await {
            reason.fail(error);
        }
        sender
    });
    let (listed, list) = watch::channel(None);
    let (pulse, said) = watch::channel(None);
    let rounds = tokio::spawn(rounds::run(Arc::clone(&shared), listed, said));
    let socket = control::listen(&setup.state_dir.join(control::SOCKET))
        .inspect_err(
            |error| warn!(%error, "no control socket: `llmbench outbox` does not work beside this daemon"),
        )
        .map(|listener| tokio::spawn(control::serve(listener, setup.outbox.clone(), stop_sending.clone())));
    let questions = setup.questions.into_iter().map(Arc::new).collect();
    let mut engine = Engine::new(shared, questions, spent, setup.state_dir, sent, pulse, setup.signs);
    engine.work(list, setup.once).await;
    let given_up = engine.stop().await;
    rounds.abort();
    let flushed = flush(sending, &stop_sending).await;
    engine.say(true);
    if let Ok(socket) = socket {
        let _ = socket.await;
    }
    let counted = engine.shared.counts.counted();
    if let Some(error) = engine.shared.failure() {
        return Err(error.clone());
    }
    let flushed = flushed?;
    // Not closed, the next start takes longer and loses nothing.
    let _ = engine.shared.outbox.close().await;
    let Counted { succeeded: measured, failed, .. } = counted;
    let Flushed { delivered: sent, left: waiting, .. } = flushed;
    engine.shared.events.tell(Event::Stopped { measured, failed, given_up, sent, waiting });
    Ok(Stopped { counted, flushed, given_up })
}

async fn flush(sending: JoinHandle<Sender>, stop: &CancellationToken) -> Result<Flushed, OutboxError> {
    stop.cancel();
    match sending.await {
        Ok(mut sender) => sender.flush_once(FLUSH).await,
        // Its rows are where they were.
        Err(_) => Ok(Flushed::default()),
    }
}

struct Engine {
    shared: Arc<Shared>,
    questions: Vec<Arc<Question>>,
    spent: BTreeMap<String, Spend>,
    lanes: BTreeMap<String, Arc<Lane>>,
    tasks: JoinSet<()>,
    names: BTreeMap<Id, String>,
    /// How often each lane broke in a row, and when last.
    broken: BTreeMap<String, (u32, Instant)>,
    state_dir: PathBuf,
    signs: Arc<Signs>,
    started_at: DateTime<Utc>,
    sent: watch::Receiver<SenderPulse>,
    pulse: watch::Sender<Option<Arc<Pulse>>>,
    lag: Duration,
    ready: bool,
    store_lost: bool,
}

impl Engine {
    fn new(
        shared: Arc<Shared>,
        questions: Vec<Arc<Question>>,
        spent: BTreeMap<String, Spend>,
        state_dir: PathBuf,
        sent: watch::Receiver<SenderPulse>,
        pulse: watch::Sender<Option<Arc<Pulse>>>,
        signs: Arc<Signs>,
    ) -> Self {
        Self {
            shared,
            questions,
            spent,
            lanes: BTreeMap::new(),
            tasks: JoinSet::new(),
            names: BTreeMap::new(),
            broken: BTreeMap::new(),
            state_dir,
            signs,
            started_at: Utc::now(),
            sent,
            pulse,
            lag: Duration::ZERO,
            ready: false,
            store_lost: false,
        }
    }

    async fn work(&mut self, mut list: watch::Receiver<Option<Arc<Listed>>>, once: bool) {
        let every = if once { LOOK_ONCE } else { LOOK_EVERY };
        let (mut look_at, mut said_at) = (Instant::now(), None::<Instant>);
        loop {
            tokio::select! {
                () = self.shared.stop.cancelled() => return,
                Ok(()) = list.changed() => {
                    let was_ready = self.ready;
                    let listed = list.borrow_and_update().clone();
                    listed.iter().for_each(|listed| self.take(listed));
                    // The first lanes are said at once.
                    said_at = said_at.filter(|_| was_ready);
                }
                Some(ended) = self.tasks.join_next_with_id() => self.ended(ended),
                () = sleep_until(look_at.into()) => {
                    self.signs.turned();
                    self.note_lag(look_at.elapsed());
                    self.note_store();
                    if said_at.is_none_or(|at| at.elapsed() >= PULSE_EVERY) {
                        self.say(false);
                        said_at = Some(Instant::now());
                    }
                    if once && list.borrow().is_some() && self.is_quiet() {
                        self.shared.stop.cancel();
                        return;
                    }
                    look_at = Instant::now() + every;
                }
            }
        }
    }

    fn note_lag(&mut self, lag: Duration) {
        self.lag = self.lag.max(lag);
        self.shared.governor().lag(lag.as_secs_f64(), Utc::now());
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
        let now = Utc::now();
        self.lanes.values().all(|lane| lane.book().is_quiet(now))
    }

    /// Gives every lane its work; a provider that is new gets a lane.
    fn take(&mut self, listed: &Listed) {
        let regime = self.shared.regime.proposed(&listed.cadences);
        let mut work = work::work(&listed.items, &self.questions, &regime, &listed.prices);
        work::try_out(&mut work, &listed.judged.tried, &self.questions, &regime, &listed.prices);
        if !self.ready {
            self.ready = true;
            let models = listed.items.iter().filter(|item| self.shared.regime.covers(&item.model.provider));
            self.shared.events.tell(Event::Ready { models: models.count() as u64, lanes: work.len() as u64 });
        }
        for (provider, lane) in &self.lanes {
            let none = Vec::new();
            lane.book().take(work.get(provider).unwrap_or(&none), &listed.turns);
            lane.nudge();
        }
        for (provider, work) in work {
            if !self.lanes.contains_key(&provider) {
                let spent = self.spent.get(&provider).copied().unwrap_or_default();
                let now = Utc::now();
                let mut book = Book::new(&provider, &self.shared.regime, spent, now);
                book.take(&work, &listed.turns);
                // Known from the first moment: what is due must not look like nothing.
                book.look(0, now);
                let lane = Lane::new(provider.clone(), Arc::clone(&self.shared), book);
                self.lanes.insert(provider.clone(), Arc::clone(&lane));
                self.start(provider, lane, Duration::ZERO);
            }
        }
    }

    fn start(&mut self, provider: String, lane: Arc<Lane>, after: Duration) {
        let task = self.tasks.spawn(async move {
            sleep(after).await;
            lane.book().restarts(None);
            lane.run().await;
        });
        self.names.insert(task.id(), provider);
    }

    /// A lane's task ended: told to, or it broke and begins again.
    fn ended(&mut self, ended: Result<(Id, ()), JoinError>) {
        let (id, error) = match ended {
            Ok((id, ())) => (id, None),
            Err(error) => (error.id(), Some(error)),
        };
        let Some(provider) = self.names.remove(&id) else { return };
        let (Some(error), Some(lane)) = (error, self.lanes.get(&provider).cloned()) else { return };
        let reason = panic_message(error);
        let (times, last) = self.broken.get(&provider).copied().unwrap_or((0, Instant::now()));
        let times = if last.elapsed() > STEADY { 0 } else { times };
        self.broken.insert(provider.clone(), (times + 1, Instant::now()));
        let wait = RESTART.0.saturating_mul(1 << times.min(16)).min(RESTART.1);
        self.shared.events.tell(Event::Restarted { provider: provider.clone(), reason, pause: wait });
        lane.book().restarts(Some(Utc::now() + TimeDelta::from_std(wait).unwrap_or_default()));
        self.start(provider, lane, wait);
    }

    /// Says in the pulse what is, and tells those who bring it to the store.
    fn say(&mut self, stopping: bool) {
        let now = Utc::now();
        let SenderPulse { mut store, outbox, stored_at, .. } = self.sent.borrow().clone();
        let heard = self.shared.keeper.heard();
        store.answered_at = store.answered_at.max(heard.answered_at);
        store.error = heard.error.or(store.error);
        let lane = |lane: &Arc<Lane>| lane.pulse(stored_at.get(&lane.provider).copied(), now);
        let pulse = Pulse {
            format: PULSE_FORMAT,
            program: measured_by(),
            owner: self.shared.owner.clone(),
            vantage: self.shared.regime.vantage.clone(),
            pid: std::process::id(),
            boot_id: pulse_file::boot_id().unwrap_or_default(),
            started_at: self.started_at,
            written_at: now,
            stopping,
            store,
            outbox,
            suspected: self.shared.suspected(),
            loop_lag_seconds: std::mem::take(&mut self.lag).as_secs_f64(),
            log_lines_dropped: self.signs.log_lines_dropped(),
            lanes: self.lanes.values().map(lane).collect(),
        };
        // Whoever reads the pulse sees that it is old.
        let _ = pulse_file::write(&self.state_dir, &pulse);
        self.signs.publish(&pulse);
        self.pulse.send_replace(Some(Arc::new(pulse)));
    }

    /// Waits for what runs, as long as the grace lasts, then gives it up. Returns how many were given up.
    async fn stop(&mut self) -> u64 {
        self.shared.events.tell(Event::Stopping { running: self.running() });
        self.say(true);
        self.wait_for_lanes(self.shared.regime.grace).await;
        self.shared.kill.cancel();
        let given_up = self.running();
        self.wait_for_lanes(GIVE_UP).await;
        given_up
    }

    async fn wait_for_lanes(&self, patience: Duration) {
        let begun = Instant::now();
        while self.running() > 0 && begun.elapsed() < patience && self.shared.failure().is_none() {
            sleep(Duration::from_millis(20)).await;
        }
    }

    fn running(&self) -> u64 {
        self.lanes.values().map(|lane| lane.book().running() as u64).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::bench::Bench;
    use crate::domain::profile::built_in;
    use crate::domain::{ModelRef, Outcome};
    use crate::measure::laboratory::Attempted;
    use crate::measure::testing;
    use crate::providers::adapt::Adaptation;
    use crate::storage::outbox::Capacity;
    use crate::storage::{Location, Names, WorkItem};
    use crate::wire::Limits;
    use async_trait::async_trait;
    use std::path::Path;

    /// `panics` and `hangs` do what they are called; every other provider answers.
    struct Scripted;

    #[async_trait]
    impl Doors for Scripted {
        async fn open(&self, provider: &str) -> Result<Arc<dyn Bench>, String> {
            if provider == "closed" {
                Err("no key for provider `closed`".to_owned())
            } else {
                Ok(Arc::new(Scripted))
            }
        }
    }

    #[async_trait]
    impl Bench for Scripted {
        async fn measure(&self, item: &WorkItem, _: &Question, _: Vec<Adaptation>) -> Vec<Attempted> {
            match item.model.provider.as_str() {
                "panics" => panic!("planted"),
                "hangs" => std::future::pending().await,
                provider => {
                    let mut run = testing::run(provider, &item.model.model_id, 0.2);
                    run.id = ulid::Ulid::generate().to_string();
                    vec![Attempted { outcome: Outcome::Success(Box::new(run)), learned: None }]
                }
            }
        }
    }

    async fn setup(home: &Path, providers: &[&str]) -> Setup {
        let location = Location::parse(&format!("sqlite:{}", home.join("runs.db").display())).unwrap();
        let keeper = Arc::new(Keeper::new(location, Names::default(), vec!["cloud-default-v1".to_owned()]));
        let store = keeper.store().await.unwrap();
        for provider in providers {
            store.put_model(&ModelRef::new(*provider, "m"), "m", true).await.unwrap();
        }
        let [profile, ..] = built_in();
        let question =
            Question { profile, role: "published".to_owned(), limits: Limits::default(), warm: false };
        let regime = Regime {
            cadence_seconds: 86_400,
            attempts: 1,
            deadline: Duration::from_secs(1),
            ..Regime::default()
        };
        Setup {
            regime,
            questions: vec![question],
            keeper,
            outbox: Outbox::open(&home.join("outbox"), Capacity::default()).await.unwrap().0,
            doors: Arc::new(Scripted),
            state_dir: home.to_owned(),
            events: Events::default(),
            signs: Arc::default(),
            once: true,
        }
    }

    #[tokio::test]
    async fn a_panic_a_hang_and_a_missing_key_are_rows_or_reasons_and_others_do_not_notice() {
        let home = tempfile::tempdir().unwrap();
        let setup = setup(home.path(), &["panics", "hangs", "closed", "works"]).await;
        let mut events = setup.events.listen();
        let keeper = Arc::clone(&setup.keeper);
        let stopped = run(setup, CancellationToken::new()).await.unwrap();
        assert_eq!(stopped.counted, Counted { succeeded: 1, failed: 2, rows: 3 });
        assert_eq!((stopped.flushed.left, stopped.given_up), (0, 0));
        let mut told = Vec::new();
        while let Ok(event) = events.try_recv() {
            match &*event {
                Event::Finished { outcome, .. } => told.push(match &**outcome {
                    Outcome::Success(run) => run.id.clone(),
                    Outcome::Failure(failure) => format!("{}: {}", failure.provider, failure.message),
                }),
                Event::Held { provider, reason, .. } => told.push(format!("{provider} held: {reason}")),
                _ => {}
            }
        }
        told.sort();
        assert_eq!(told[0], "closed held: no key for provider `closed`");
        assert_eq!(told[1], "hangs: the measurement did not end within 1 s");
        assert_eq!(told[2], "panics: the measuring code broke: planted");
        assert!(told[3].starts_with("works/m/cloud-default-v1/main/"), "{told:?}");
        let jobs = keeper.ask(|store| async move { store.jobs(None).await }).await.unwrap();
        assert_eq!(jobs.len(), 3, "a lane without a key claims nothing");
    }
}
