//! One provider's lane: finds due series, starts as many measurements as pace, budget and concurrency allow, and sleeps
//! until something can have changed. It never waits for another lane, the catalog or the sender.

use super::context::DaemonContext;
use crate::daemon::event::DaemonEvent;
use crate::daemon::lane_state::LaneState;
use crate::daemon::measurement_order::OrderOutcome;
use crate::daemon::order_execution;
use crate::daemon::provider_client::ProviderClient;
use crate::domain::daemon_status::{LaneActivity, LaneReport};
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::sleep;

/// Interval of looks at a closed gate: the host is calibrated for some seconds.
const GATE_LOOK: Duration = Duration::from_millis(500);

/// A lane. Its [`LaneState`] and its provider client outlive the task that runs it.
pub struct Lane {
    pub provider: String,
    pub shared: Arc<DaemonContext>,
    lane_state: Mutex<LaneState>,
    client: Mutex<Option<Arc<dyn ProviderClient>>>,
    nudged: Notify,
    said: Mutex<Option<String>>,
}

impl Lane {
    pub fn new(provider: String, shared: Arc<DaemonContext>, lane_state: LaneState) -> Arc<Self> {
        let (lane_state, client, said) = (Mutex::new(lane_state), Mutex::default(), Mutex::default());
        Arc::new(Self { provider, shared, lane_state, client, nudged: Notify::new(), said })
    }

    /// Locks the lane's state. The lock is never held across an await.
    pub fn lane_state(&self) -> MutexGuard<'_, LaneState> {
        // A panic while the lock was held leaves the state readable.
        self.lane_state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the lane so that it looks for work again.
    pub fn nudge(&self) {
        self.nudged.notify_one();
    }

    /// Drops the provider client, because a call on it may hang. The next measurement opens a new one.
    pub fn abandon_client(&self) {
        self.client.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Maximum number of concurrent measurements.
    pub fn concurrency(&self) -> usize {
        self.shared.daemon_config.concurrency(&self.provider)
    }

    /// Runs until the daemon stops beginning new measurements.
    pub async fn run(self: Arc<Self>) {
        while !self.shared.stop.is_cancelled() {
            let pause = self.step(self.shared.clock.now()).await;
            tokio::select! {
                () = self.shared.stop.cancelled() => {}
                () = self.nudged.notified() => {}
                () = sleep(pause) => {}
            }
        }
    }

    async fn step(self: &Arc<Self>, now: DateTime<Utc>) -> Duration {
        let allowed = self.shared.governor().allowed(self.concurrency());
        let (look, afresh) = {
            let mut lane_state = self.lane_state();
            if self.shared.gate.is_closed() {
                return GATE_LOOK;
            }
            (lane_state.look(allowed, now), lane_state.doubts_the_key())
        };
        let pause = look.sleep.max(TimeDelta::milliseconds(1)).to_std().unwrap_or_default();
        if look.orders.is_empty() {
            return pause;
        }
        match self.client(afresh).await {
            Ok(client) => {
                for order in look.orders {
                    tokio::spawn(order_execution::carry_out(Arc::clone(self), Arc::clone(&client), order));
                }
            }
            Err(reason) => {
                let recheck =
                    TimeDelta::from_std(self.shared.daemon_config.recheck).unwrap_or(TimeDelta::minutes(1));
                let mut lane_state = self.lane_state();
                for order in &look.orders {
                    lane_state.ended(order, OrderOutcome::NotBegun, now);
                    lane_state.counterpart_ended(order, None, now);
                }
                lane_state.closed(reason, recheck, self.shared.clock.now());
                return Duration::from_millis(10);
            }
        }
        pause
    }

    /// The provider client; opens a new one if there is none, or if the key is to be fetched `afresh`.
    ///
    /// # Errors
    /// The reason why the provider cannot be called.
    pub async fn client(&self, afresh: bool) -> Result<Arc<dyn ProviderClient>, String> {
        let kept = || self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = kept().as_ref().filter(|_| !afresh) {
            return Ok(Arc::clone(client));
        }
        let client = self.shared.clients.open(&self.provider).await?;
        *kept() = Some(Arc::clone(&client));
        Ok(client)
    }

    /// The lane's report for the status file. Emits an event if the lane began or ended a hold.
    pub fn daemon_status(&self, stored_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> LaneReport {
        let held_back = self.shared.governor().is_holding_back();
        let daemon_status =
            self.lane_state().daemon_status(&self.provider, self.concurrency(), held_back, stored_at, now);
        let present = daemon_status.reason.clone().filter(|_| daemon_status.state == LaneActivity::Held);
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if *said != present {
            said.clone_from(&present);
            let provider = self.provider.clone();
            self.shared.events.tell(match present {
                Some(reason) => DaemonEvent::Held { provider, reason, until: daemon_status.until },
                None => DaemonEvent::Released { provider },
            });
        }
        daemon_status
    }
}
