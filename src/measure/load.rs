//! Load shapes: the rules for starting requests. A closed loop keeps a fixed number in flight; an open loop starts
//! them on a schedule that no slow answer can delay, and counts those that could not start on time. The caller
//! defines what a request is.

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Spacing of arrivals in an open loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrivals {
    /// Exponential gaps, as independent users arrive.
    Poisson,
    /// Equal gaps between arrivals.
    Constant,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ArrivalRate {
    /// Requests per second, > 0.
    pub per_second: f64,
    pub arrivals: Arrivals,
}

/// The load that one lane makes.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadSpec {
    /// Maximum number of requests; `None` leaves the end to `duration`.
    pub requests: Option<u64>,
    /// Time after which no request starts; those in flight are awaited.
    pub duration: Option<Duration>,
    /// Closed loop: requests in flight. Open loop: the most that may be in flight.
    pub concurrency: usize,
    /// Set for an open loop.
    pub rate: Option<ArrivalRate>,
    /// Failed share of requests (0 to 1) above which the lane stops.
    pub max_error_rate: Option<f64>,
}

/// One request's place in the load.
#[derive(Debug, Clone, Copy)]
pub struct ScheduledRequest {
    /// 0, 1, 2, … within the lane.
    pub index: u64,
    /// Open loop: the moment at which the request is due.
    pub due: Option<Instant>,
}

/// The end of one request, as far as the load depends on it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct RequestEnd {
    pub failed: bool,
    /// Closed loop: no request starts for this long. Others are in flight meanwhile; no clock runs.
    pub rest: Option<Duration>,
}

impl From<bool> for RequestEnd {
    fn from(failed: bool) -> Self {
        Self { failed, rest: None }
    }
}

/// Totals of a lane that ended.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LoadOutcome {
    pub started: u64,
    pub failed: u64,
    /// Time during which requests were started; `None` in a closed loop, whose starts wait for answers.
    pub starting: Option<Duration>,
    /// The reason, if the lane stopped before its end.
    pub stopped_early: Option<String>,
}

impl LoadOutcome {
    /// Requests started per second in an open loop, not counting the time that the last answers were awaited.
    pub fn rate(&self) -> Option<f64> {
        let seconds = self.starting?.as_secs_f64();
        (seconds > 0.0).then(|| self.started as f64 / seconds)
    }
}

/// Ended requests below which the error rate is ignored.
const RATE_NEEDS: u64 = 5;
/// A scheduled request is handed over this long before it is due, so that the handover does not delay it.
const AHEAD: Duration = Duration::from_millis(20);

/// State shared by the requests of one lane while it runs.
struct LoadLane {
    shape: LoadSpec,
    begun: Instant,
    next: Cell<u64>,
    ended: Cell<u64>,
    failed: Cell<u64>,
    too_many_errors: Cell<bool>,
    /// No request of a closed loop starts before this moment.
    rests_until: Cell<Option<tokio::time::Instant>>,
    stop: CancellationToken,
}

impl LoadLane {
    /// True if no request may start anymore.
    fn is_over(&self) -> bool {
        self.shape.requests.is_some_and(|most| self.next.get() >= most)
            || self.shape.duration.is_some_and(|most| self.begun.elapsed() >= most)
            || self.too_many_errors.get()
            || self.stop.is_cancelled()
    }

    /// Takes the next index, or `None` if no request may start anymore.
    fn take(&self) -> Option<u64> {
        if self.is_over() {
            return None;
        }
        let index = self.next.get();
        self.next.set(index + 1);
        Some(index)
    }

    /// Waits as long as an answer asked the lane to, at most until the load's end.
    /// Another answer may prolong the wait.
    async fn rest(&self) {
        while let Some(until) = self.rests_until.get() {
            if self.is_over() || until <= tokio::time::Instant::now() {
                return;
            }
            let left = self.shape.duration.map(|most| most.saturating_sub(self.begun.elapsed()));
            let end = left.map_or(until, |left| until.min(tokio::time::Instant::now() + left));
            tokio::select! {
                () = tokio::time::sleep_until(end) => {}
                () = self.stop.cancelled() => return,
            }
        }
    }

    fn note(&self, ended: impl Into<RequestEnd>) {
        let RequestEnd { failed, rest } = ended.into();
        let until = rest.map(|rest| tokio::time::Instant::now() + rest);
        self.rests_until.set(self.rests_until.get().max(until));
        self.ended.set(self.ended.get() + 1);
        self.failed.set(self.failed.get() + u64::from(failed));
        let Some(most) = self.shape.max_error_rate else { return };
        let ended = self.ended.get();
        let enough = ended >= RATE_NEEDS.min(self.shape.requests.unwrap_or(u64::MAX));
        if enough && self.failed.get() as f64 / ended as f64 > most {
            self.too_many_errors.set(true);
        }
    }

    fn tally(&self, starting: Option<Duration>) -> LoadOutcome {
        let stopped_early = if self.too_many_errors.get() {
            Some(format!(
                "{} of {} requests failed, more than the error rate allowed",
                self.failed.get(),
                self.ended.get()
            ))
        } else if self.stop.is_cancelled() {
            Some("interrupted".to_owned())
        } else {
            None
        };
        LoadOutcome { started: self.next.get(), failed: self.failed.get(), starting, stopped_early }
    }
}

/// Runs one lane to its end. `work` makes one request and returns how it ended. Must run inside a `LocalSet`.
pub async fn drive<W, F>(shape: LoadSpec, stop: CancellationToken, work: W) -> LoadOutcome
where
    W: Fn(ScheduledRequest) -> F + 'static,
    F: Future<Output: Into<RequestEnd>> + 'static,
{
    let lane = Rc::new(LoadLane {
        shape,
        begun: Instant::now(),
        next: Cell::new(0),
        ended: Cell::new(0),
        failed: Cell::new(0),
        too_many_errors: Cell::new(false),
        rests_until: Cell::default(),
        stop,
    });
    let starting = match lane.shape.rate {
        None => {
            closed(&lane, Rc::new(work)).await;
            None
        }
        Some(rate) => Some(open(&lane, rate, work).await),
    };
    lane.tally(starting)
}

async fn closed<W, F>(lane: &Rc<LoadLane>, work: Rc<W>)
where
    W: Fn(ScheduledRequest) -> F + 'static,
    F: Future<Output: Into<RequestEnd>> + 'static,
{
    let mut workers = JoinSet::new();
    for _ in 0..lane.shape.concurrency.max(1) {
        let (lane, work) = (Rc::clone(lane), Rc::clone(&work));
        workers.spawn_local(async move {
            loop {
                lane.rest().await;
                let Some(index) = lane.take() else { break };
                lane.note(work(ScheduledRequest { index, due: None }).await);
            }
        });
    }
    while workers.join_next().await.is_some() {}
}

/// Starts requests on their schedule, awaits the last of them, and returns how long it started them.
async fn open<W, F>(lane: &Rc<LoadLane>, rate: ArrivalRate, work: W) -> Duration
where
    W: Fn(ScheduledRequest) -> F + 'static,
    F: Future<Output: Into<RequestEnd>> + 'static,
{
    let places = Arc::new(Semaphore::new(lane.shape.concurrency.max(1)));
    let mut schedule = Schedule::new(rate, rand::rng().random());
    let mut requests = JoinSet::new();
    let starting = loop {
        let offset = schedule.next_offset();
        if let Some(most) = lane.shape.duration.filter(|most| offset >= *most) {
            break most.max(lane.begun.elapsed());
        }
        let due = lane.begun + AHEAD + offset;
        tokio::select! {
            () = tokio::time::sleep_until((due - AHEAD).into()) => {}
            () = lane.stop.cancelled() => break lane.begun.elapsed(),
        }
        // A request held back by slow answers starts late; its due moment stays, so the delay is measured.
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place,
            () = lane.stop.cancelled() => break lane.begun.elapsed(),
        };
        let Some(index) = lane.take() else { break lane.begun.elapsed() };
        let request = work(ScheduledRequest { index, due: Some(due) });
        let lane = Rc::clone(lane);
        requests.spawn_local(async move {
            lane.note(request.await);
            drop(place);
        });
        while requests.try_join_next().is_some() {}
    };
    while requests.join_next().await.is_some() {}
    starting
}

/// Offsets from the beginning at which requests are due.
struct Schedule {
    rate: ArrivalRate,
    at: f64,
    random: SmallRng,
}

impl Schedule {
    fn new(rate: ArrivalRate, seed: u64) -> Self {
        Self { rate, at: 0.0, random: SmallRng::seed_from_u64(seed) }
    }

    fn next_offset(&mut self) -> Duration {
        let offset = Duration::from_secs_f64(self.at);
        let mean = 1.0 / self.rate.per_second;
        self.at += match self.rate.arrivals {
            Arrivals::Constant => mean,
            // Inverse transform; 1 − u is never 0.
            Arrivals::Poisson => -mean * (1.0 - self.random.random::<f64>()).ln(),
        };
        offset
    }
}

#[cfg(test)]
mod tests;
