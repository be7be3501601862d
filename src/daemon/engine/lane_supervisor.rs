//! The lanes and their tasks. A lane whose task panics restarts after a pause; other lanes are not affected.

use crate::daemon::context::DaemonContext;
use crate::daemon::event::DaemonEvent;
use crate::daemon::lane::Lane;
use crate::daemon::request_execution::panic_message;
use chrono::TimeDelta;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::sleep;

/// First and longest pause before a lane restarts.
const RESTART: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));
/// A lane that ran this long is restarted after the first pause again.
const STEADY: Duration = Duration::from_secs(600);

/// The lanes, by provider.
#[derive(Default)]
pub struct LaneSupervisor {
    lanes: BTreeMap<String, Arc<Lane>>,
    tasks: JoinSet<()>,
    names: BTreeMap<Id, String>,
    /// Number of consecutive panics of each lane, and time of the last one.
    broken: BTreeMap<String, (u32, Instant)>,
}

impl LaneSupervisor {
    /// The lane of a provider, if it has one.
    pub fn lane(&self, provider: &str) -> Option<&Arc<Lane>> {
        self.lanes.get(provider)
    }

    /// All lanes, sorted by provider.
    pub fn lanes(&self) -> impl Iterator<Item = &Arc<Lane>> {
        self.lanes.values()
    }

    /// Adds a new lane and starts it.
    pub fn enlist(&mut self, lane: Arc<Lane>) {
        self.lanes.insert(lane.provider.clone(), Arc::clone(&lane));
        self.start(lane, Duration::ZERO);
    }

    /// Number of running measurements.
    pub fn running(&self) -> u64 {
        self.lanes().map(|lane| lane.lane_state().running() as u64).sum()
    }

    /// Waits until a lane's task ends; `None` if there is no task.
    pub async fn next_ended(&mut self) -> Option<Result<(Id, ()), JoinError>> {
        self.tasks.join_next_with_id().await
    }

    /// Handles the end of a lane's task: it was told to stop, or it panicked and restarts.
    pub fn ended(&mut self, ended: Result<(Id, ()), JoinError>, shared: &DaemonContext) {
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
        shared.events.tell(DaemonEvent::Restarted { provider, reason, pause: wait });
        lane.lane_state().restarts(Some(shared.clock.now() + TimeDelta::from_std(wait).unwrap_or_default()));
        self.start(lane, wait);
    }

    fn start(&mut self, lane: Arc<Lane>, after: Duration) {
        let provider = lane.provider.clone();
        let task = self.tasks.spawn(async move {
            sleep(after).await;
            lane.lane_state().restarts(None);
            lane.run().await;
        });
        self.names.insert(task.id(), provider);
    }
}
