//! The measuring thread: a thread of its own with an event loop that does nothing but connect, write, read and stamp.
//! Parsing, storing, drawing and everything else happen elsewhere, so they cannot be inside anybody's TTFT.

use crate::measure::lag::{LagLog, TICK};
use crate::wire::connect::connect;
use crate::wire::exchange::{ExchangeSpec, exchange};
use crate::wire::request::{ExchangeLimits, Origin, WireRequest};
use crate::wire::stream::Stream;
use crate::wire::{ForwardProxy, Recording};
use rustls::ClientConfig;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;

/// How many exchanges may start within one millisecond when no schedule says otherwise. Five hundred requests handed over
/// at once would otherwise wait for each other's connects, inside each other's clocks.
const LAUNCHES_PER_MS: u32 = 4;
/// An idle warm connection older than this is not trusted: most hosts close theirs after 5 to 60 s.
const IDLE_LIMIT: Duration = Duration::from_secs(4);

/// One exchange to make.
pub struct ExchangeJob {
    /// What to send; keys and tokens settled.
    pub request: WireRequest,
    /// Deadlines and caps.
    pub limits: ExchangeLimits,
    /// Ends the answer although the connection may stay open.
    pub end_marker: Option<&'static [u8]>,
    /// Open the connection before the clock starts, or take one that is open.
    pub warm: bool,
    /// Open loop: the moment at which the request is due. `None` starts it as soon as possible.
    pub due: Option<Instant>,
}

struct QueuedExchange {
    job: ExchangeJob,
    since: Instant,
    reply: oneshot::Sender<Recording>,
}

/// A handle to the measuring thread. The thread ends when the last handle is dropped.
#[derive(Clone)]
pub struct ClockThread {
    orders: mpsc::UnboundedSender<QueuedExchange>,
}

/// The measuring thread ended before it answered; only a panic inside it does that.
#[derive(Debug, thiserror::Error)]
#[error("the measuring thread ended")]
pub struct ClockThreadGone;

impl ClockThread {
    /// Starts the thread.
    ///
    /// # Errors
    /// The operating system's, where no thread or event loop can be had.
    pub fn start(tls: Arc<ClientConfig>) -> std::io::Result<Self> {
        let (orders, inbox) = mpsc::unbounded_channel();
        // A low event interval: readiness is asked for after every few polls, so a burst of tasks cannot hold up stamps.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().event_interval(7).build()?;
        std::thread::Builder::new().name("measure".to_owned()).spawn(move || {
            let local = LocalSet::new();
            local.block_on(&runtime, serve(inbox, tls));
        })?;
        Ok(Self { orders })
    }

    /// Makes one exchange and gives its recording. Dropping the future does not stop the exchange.
    ///
    /// # Errors
    /// [`ClockThreadGone`].
    pub async fn measure(&self, job: ExchangeJob) -> Result<Recording, ClockThreadGone> {
        let (reply, answer) = oneshot::channel();
        let order = QueuedExchange { since: job.due.unwrap_or_else(Instant::now), job, reply };
        self.orders.send(order).map_err(|_| ClockThreadGone)?;
        answer.await.map_err(|_| ClockThreadGone)
    }
}

/// What two requests have in common that may share a connection.
type ConnectionKey = (Origin, Option<ForwardProxy>);

fn key(request: &WireRequest) -> ConnectionKey {
    (request.target.clone(), request.proxy.clone())
}

/// What the exchanges of the thread share.
struct ClockState {
    tls: Arc<ClientConfig>,
    lag: RefCell<LagLog>,
    running: Cell<usize>,
    watched: Cell<bool>,
    idle: RefCell<HashMap<ConnectionKey, Vec<(Stream, Instant)>>>,
}

async fn serve(mut inbox: mpsc::UnboundedReceiver<QueuedExchange>, tls: Arc<ClientConfig>) {
    let state = Rc::new(ClockState::new(tls));
    let mut launched = 0;
    while let Some(order) = inbox.recv().await {
        let paced = order.job.due.is_none();
        if state.begin() {
            launched = 0;
        }
        tokio::task::spawn_local(Rc::clone(&state).carry_out(order));
        if paced {
            launched += 1;
            if launched % LAUNCHES_PER_MS == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }
}

/// Notes late wake-ups while anything is being measured.
async fn watch(state: Rc<ClockState>) {
    while state.running.get() > 0 {
        let due = Instant::now() + TICK;
        state.lag.borrow_mut().expect(due);
        tokio::time::sleep_until(due.into()).await;
        state.lag.borrow_mut().came(Instant::now());
    }
    state.watched.set(false);
}

impl ClockState {
    fn new(tls: Arc<ClientConfig>) -> Self {
        Self {
            tls,
            lag: RefCell::default(),
            running: Cell::new(0),
            watched: Cell::new(false),
            idle: RefCell::default(),
        }
    }

    /// Counts an exchange that begins; true if no other is running. One watch at a time: the one before may still sleep.
    fn begin(self: &Rc<Self>) -> bool {
        if !self.watched.replace(true) {
            tokio::task::spawn_local(watch(Rc::clone(self)));
        }
        self.running.replace(self.running.get() + 1) == 0
    }

    async fn carry_out(self: Rc<Self>, order: QueuedExchange) {
        let QueuedExchange { job, since, reply } = order;
        if let Some(due) = job.due {
            tokio::time::sleep_until(due.into()).await;
        }
        let plan = || ExchangeSpec {
            request: &job.request,
            limits: &job.limits,
            end_marker: job.end_marker,
            tls: &self.tls,
        };
        let kept = if job.warm { self.take_kept(&key(&job.request)) } else { None };
        let was_kept = kept.is_some();
        let warm = if job.warm && !was_kept { self.open(&job).await } else { kept };
        let mut zero = Instant::now();
        let (mut recording, mut stream) = exchange(plan(), warm).await;
        if was_kept && recording.went_unanswered() {
            // The host had closed it, as it may: no measurement was begun. A new connection cannot be stale, so once is
            // enough.
            let warm = self.open(&job).await;
            zero = Instant::now();
            (recording, stream) = exchange(plan(), warm).await;
            recording.carrier.reconnects = 1;
        }
        recording.loop_lag = self.lag.borrow().longest(zero, zero + recording.marks.end);
        recording.dispatch_delay = zero.saturating_duration_since(since);
        if let (true, Some(stream)) = (job.warm, stream) {
            let mut idle = self.idle.borrow_mut();
            idle.entry(key(&job.request)).or_default().push((stream, Instant::now()));
        }
        self.running.set(self.running.get() - 1);
        // Nobody waits any more: the run was given up, and so is its recording.
        let _ = reply.send(recording);
    }

    /// A new connection. `None` where none can be had: then the exchange itself connects, and its failure is recorded.
    async fn open(&self, job: &ExchangeJob) -> Option<Stream> {
        connect(&job.request.target, job.request.proxy.as_ref(), &self.tls, job.limits.connect).await.1.ok()
    }

    /// An idle connection that still seems to live.
    fn take_kept(&self, key: &ConnectionKey) -> Option<Stream> {
        let kept = self.idle.borrow_mut().get_mut(key).map(std::mem::take).unwrap_or_default();
        let mut usable: Vec<_> = kept
            .into_iter()
            .filter(|(stream, since)| since.elapsed() < IDLE_LIMIT && stream.is_idle())
            .collect();
        let taken = usable.pop();
        if !usable.is_empty() {
            self.idle.borrow_mut().entry(key.clone()).or_default().append(&mut usable);
        }
        taken.map(|(stream, _)| stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::tls::client_config;

    #[tokio::test]
    async fn one_watch_however_closely_exchanges_follow_each_other() {
        let state = Rc::new(ClockState::new(client_config(None).unwrap()));
        let watched = Rc::clone(&state);
        let follow = async move {
            for _ in 0..100 {
                watched.begin();
                tokio::time::sleep(TICK / 4).await;
                watched.running.set(0);
            }
        };
        let local = LocalSet::new();
        local.run_until(follow).await;
        assert!(Rc::strong_count(&state) <= 2, "{} watches", Rc::strong_count(&state) - 1);
        // Ends with what it watches, or this test never does.
        local.await;
        assert_eq!((Rc::strong_count(&state), state.watched.get()), (1, false));
    }
}
