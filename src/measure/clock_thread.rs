//! The measuring thread: its event loop only connects, writes, reads and takes time stamps. Parsing, storing and
//! drawing happen on other threads, so they cannot delay a time to first token.

use crate::measure::lag::{LagLog, TICK};
use crate::wire::connect::connect;
use crate::wire::exchange::{ExchangeSpec, exchange};
use crate::wire::kernel_socket::keep_stamping;
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

/// Exchanges that may start within one millisecond when no schedule sets their starts. Without it, 500 requests
/// handed over at once would wait for each other's connects while their clocks run.
const LAUNCHES_PER_MS: u32 = 4;
/// Niceness of the measuring thread, where the system allows it. It works in moments: beside a load it is scheduled at once,
/// and segments do not wait for it until the kernel joins them.
#[cfg(target_os = "linux")]
const NICENESS: i32 = -10;
/// Idle age above which a warm connection is not reused: most hosts close theirs after 5 to 60 s.
const IDLE_LIMIT: Duration = Duration::from_secs(4);

pub struct ExchangeJob {
    /// The request, with its keys and tokens filled in.
    pub request: WireRequest,
    pub limits: ExchangeLimits,
    /// Ends the answer even if the connection stays open.
    pub end_marker: Option<&'static [u8]>,
    /// Opens the connection before the clock starts, or reuses an open one.
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

/// The measuring thread ended before it answered; only a panic inside it causes that.
#[derive(Debug, thiserror::Error)]
#[error("the measuring thread ended")]
pub struct ClockThreadGone;

impl ClockThread {
    /// Starts the thread.
    ///
    /// # Errors
    /// The operating system's error if it cannot create the thread or the event loop.
    pub fn start(tls: Arc<ClientConfig>) -> std::io::Result<Self> {
        Self::start_slowed(tls, None)
    }

    /// The same with a thread that stands still for `slowed` out of every twice as long: a calibration has to notice.
    ///
    /// # Errors
    /// As [`ClockThread::start`].
    pub fn start_slowed(tls: Arc<ClientConfig>, slowed: Option<Duration>) -> std::io::Result<Self> {
        let (orders, inbox) = mpsc::unbounded_channel();
        // A low event interval: the loop checks readiness after every few polls, so a
        // burst of tasks cannot delay stamps.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().event_interval(7).build()?;
        std::thread::Builder::new().name("measure".to_owned()).spawn(move || {
            // If the system refuses, which it does to most users, the thread works at normal priority.
            #[cfg(target_os = "linux")]
            let _ = rustix::process::setpriority_process(None, NICENESS);
            let _stamping = keep_stamping();
            let local = LocalSet::new();
            if let Some(time) = slowed {
                local.spawn_local(stand_still(time));
            }
            local.block_on(&runtime, serve(inbox, tls));
        })?;
        Ok(Self { orders })
    }

    /// Makes one exchange and returns its recording. Dropping the future does not stop the exchange.
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

/// Two requests may share a connection if these are equal.
type ConnectionKey = (Origin, Option<ForwardProxy>);

fn key(request: &WireRequest) -> ConnectionKey {
    (request.target.clone(), request.proxy.clone())
}

/// State shared by the thread's exchanges.
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

/// Blocks the thread for `time`, again and again.
async fn stand_still(time: Duration) {
    loop {
        tokio::time::sleep(time).await;
        std::thread::sleep(time);
    }
}

/// Records late wake-ups while any exchange runs.
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

    /// Counts an exchange that begins; true if no other is running. Only one watch task exists, and
    /// the last one may still sleep.
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
        let kept = if job.warm { self.take_kept(&job.request) } else { None };
        let was_kept = kept.is_some();
        let warm = if job.warm && !was_kept { self.open(&job).await } else { kept };
        let mut zero = Instant::now();
        let (mut recording, mut stream) = exchange(plan(), warm).await;
        if was_kept && recording.went_unanswered() {
            // The host had closed the idle connection, as it may, and no measurement had begun. A new connection
            // cannot be stale, so one retry is enough.
            let warm = self.open(&job).await;
            zero = Instant::now();
            (recording, stream) = exchange(plan(), warm).await;
            recording.carrier.reconnects = 1;
        }
        recording.late_wakes = self.lag.borrow().within(zero, zero + recording.marks.end);
        recording.dispatch_delay = zero.saturating_duration_since(since);
        if let (true, Some(stream)) = (job.warm, stream) {
            let mut idle = self.idle.borrow_mut();
            idle.entry(key(&job.request)).or_default().push((stream, Instant::now()));
        }
        self.running.set(self.running.get() - 1);
        // A send fails only if the run was given up; its recording is then dropped.
        let _ = reply.send(recording);
    }

    /// Opens a new connection. `None` if that fails: the exchange then connects itself and records its failure.
    async fn open(&self, job: &ExchangeJob) -> Option<Stream> {
        connect(&job.request.target, job.request.proxy.as_ref(), &self.tls, job.limits.connect).await.1.ok()
    }

    /// Takes an idle connection that still seems open and can carry the request.
    fn take_kept(&self, request: &WireRequest) -> Option<Stream> {
        let key = key(request);
        let kept = self.idle.borrow_mut().get_mut(&key).map(std::mem::take).unwrap_or_default();
        let mut usable: Vec<_> = kept
            .into_iter()
            .filter(|(stream, since)| {
                since.elapsed() < IDLE_LIMIT && stream.is_idle() && stream.carries(request.body.len())
            })
            .collect();
        let taken = usable.pop();
        if !usable.is_empty() {
            self.idle.borrow_mut().entry(key).or_default().append(&mut usable);
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
        // Ends only once the watch task ends; otherwise this test hangs.
        local.await;
        assert_eq!((Rc::strong_count(&state), state.watched.get()), (1, false));
    }
}
