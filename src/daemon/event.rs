//! What happens in a daemon, said once by whoever does it. Counts and log lines both follow from these, so they cannot tell
//! different stories. Telling never waits: a listener that is too slow misses events, and learns how many.

use crate::domain::{Outcome, Slot};
use crate::outbox::sender::DeliveryEvent;
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast;

/// Events that wait for a slow listener.
const WAITING: usize = 4096;

/// Where events are told, and listened to.
#[derive(Debug, Clone)]
pub struct EventBus(broadcast::Sender<Arc<DaemonEvent>>);

impl Default for EventBus {
    fn default() -> Self {
        Self(broadcast::Sender::new(WAITING))
    }
}

impl EventBus {
    /// Tells whoever listens now.
    pub fn tell(&self, event: DaemonEvent) {
        // Where nobody listens, nothing is lost.
        let _ = self.0.send(Arc::new(event));
    }

    /// Listens from now on.
    pub fn listen(&self) -> broadcast::Receiver<Arc<DaemonEvent>> {
        self.0.subscribe()
    }
}

/// Something that happened.
#[derive(Debug, Clone)]
pub enum DaemonEvent {
    /// The daemon has its catalogue and its lanes, and works.
    Ready {
        /// Enabled models in its care.
        models: u64,
        /// Lanes.
        lanes: u64,
    },
    /// A paid request begins.
    Started {
        /// For which turn.
        slot: Slot,
        /// Which attempt at it, from 1.
        attempt: u32,
    },
    /// It ended, one way or the other, and its row is safe in the outbox.
    Finished {
        /// Which turn it was.
        slot: Slot,
        /// Its row.
        outcome: Arc<Outcome>,
        /// From the start to the outbox.
        took: Duration,
    },
    /// The store confirmed rows of a lane.
    Stored {
        /// The lane.
        provider: String,
        /// How many.
        rows: u64,
    },
    /// A row was set aside because no store will ever take it.
    SetAside {
        /// Its id.
        id: String,
        /// Why.
        why: String,
    },
    /// A lane waits on purpose.
    Held {
        /// The lane.
        provider: String,
        /// Why.
        reason: String,
        /// Until when, where that is known.
        until: Option<DateTime<Utc>>,
    },
    /// A lane that waited works again.
    Released {
        /// The lane.
        provider: String,
    },
    /// A lane ended unexpectedly and begins again.
    Restarted {
        /// The lane.
        provider: String,
        /// What it said.
        reason: String,
        /// How long it rests first.
        pause: Duration,
    },
    /// The store does not work, since now.
    StoreLost {
        /// What it said.
        error: String,
    },
    /// The store works again.
    StoreBack,
    /// The machine's clock was set, by more than leases bear.
    ClockSet {
        /// By how much; negative where it was set back.
        by: TimeDelta,
    },
    /// The clocks of machine and store are further apart than leases bear, or are not any more.
    ClocksApart {
        /// How far the machine's is ahead; nothing where they agree again.
        by: Option<TimeDelta>,
    },
    /// The self-checks were made.
    Checked {
        /// Names of those that are violated.
        violated: Vec<String>,
        /// Names of those that could not look.
        blind: Vec<String>,
    },
    /// No new calls: somebody asked the daemon to stop.
    Stopping {
        /// Measurements that still run.
        running: u64,
    },
    /// It has stopped.
    Stopped {
        /// Measurements that ended well since the start.
        measured: u64,
        /// Measurements that failed since the start.
        failed: u64,
        /// Measurements that did not end in time; the next start says so in their rows.
        given_up: u64,
        /// Rows that the store took at the end.
        sent: u64,
        /// Rows that wait in the outbox, safe.
        waiting: u64,
    },
}

impl From<DeliveryEvent> for DaemonEvent {
    fn from(news: DeliveryEvent) -> Self {
        match news {
            DeliveryEvent::Stored { provider, rows } => DaemonEvent::Stored { provider, rows },
            DeliveryEvent::SetAside { id, why } => DaemonEvent::SetAside { id, why },
        }
    }
}
