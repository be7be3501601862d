//! Events of a daemon, each emitted once by the code that causes it. Counters and log lines both derive from them, so
//! they always agree. Sending never waits: a listener that is too slow misses events and learns how many.

use crate::domain::notice::{ChangeMoment, ToldChange};
use crate::domain::series_change::SeriesChange;
use crate::domain::{Outcome, Slot};
use crate::outbox::sender::DeliveryEvent;
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast;

/// Capacity of the event channel.
const WAITING: usize = 4096;

/// Sends events to all listeners.
#[derive(Debug, Clone)]
pub struct EventBus(broadcast::Sender<Arc<DaemonEvent>>);

impl Default for EventBus {
    fn default() -> Self {
        Self(broadcast::Sender::new(WAITING))
    }
}

impl EventBus {
    /// Sends an event to all current listeners.
    pub fn tell(&self, event: DaemonEvent) {
        // An error means that nobody listens.
        let _ = self.0.send(Arc::new(event));
    }

    /// Receives all events from now on.
    pub fn listen(&self) -> broadcast::Receiver<Arc<DaemonEvent>> {
        self.0.subscribe()
    }
}

#[derive(Debug, Clone)]
pub enum DaemonEvent {
    /// The daemon has read its catalog and started its lanes.
    Ready {
        /// Number of enabled models that the daemon measures.
        models: u64,
        lanes: u64,
    },
    /// A paid request begins.
    Started {
        slot: Slot,
        /// Number of the attempt at the slot, from 1.
        attempt: u32,
    },
    /// An attempt ended, and its row is safe in the outbox.
    Finished {
        slot: Slot,
        outcome: Arc<Outcome>,
        /// From the start of the measurement until the row is in the outbox.
        took: Duration,
    },
    /// The store confirmed rows of a lane.
    Stored {
        /// The provider of the lane.
        provider: String,
        rows: u64,
    },
    /// A row was set aside because no store will ever accept it.
    SetAside {
        /// Id of the row.
        id: String,
        why: String,
    },
    /// A lane waits on purpose.
    Held {
        provider: String,
        reason: String,
        /// End of the wait, if known.
        until: Option<DateTime<Utc>>,
    },
    /// A lane that waited works again.
    Released {
        /// The provider of the lane.
        provider: String,
    },
    /// A lane ended unexpectedly and will restart.
    Restarted {
        provider: String,
        /// The panic message, or the reason for the restart.
        reason: String,
        /// Delay before the restart.
        pause: Duration,
    },
    /// The store stopped working.
    StoreLost {
        /// The error that the store returned.
        error: String,
    },
    StoreBack,
    /// The machine's clock was set by more than leases tolerate.
    ClockSet {
        /// Negative if it was set back.
        by: TimeDelta,
    },
    /// The clocks of machine and store began to differ by more than leases tolerate, or agree again.
    ClocksApart {
        /// Lead of the machine's clock; `None` if they agree again.
        by: Option<TimeDelta>,
    },
    /// All self-checks have run.
    Checked {
        /// Names of the checks that are violated.
        violated: Vec<String>,
        /// Names of the checks that could not read their data.
        blind: Vec<String>,
    },
    /// The host was calibrated.
    Calibrated {
        /// Id of the calibration, which rows name from now on.
        id: String,
        may_publish: bool,
        /// The verdict in a sentence.
        verdict: String,
    },
    /// There was no quiet moment for a calibration that is due: lanes begin nothing until it was made.
    CalibrationOverdue {
        /// Time for which a quiet moment was waited for.
        waited: Duration,
    },
    /// The host could not be calibrated.
    CalibrationFailed {
        why: String,
        /// Pause before the next try.
        again: Duration,
    },
    /// A series moved to another level. One daemon of a store tells it, once.
    SeriesChanged {
        change: Arc<SeriesChange>,
    },
    /// A change of a series is over.
    SeriesChangeEnded {
        change: Arc<SeriesChange>,
    },
    /// The daemon was asked to stop and begins no new calls.
    Stopping {
        /// Number of measurements that still run.
        running: u64,
    },
    /// The daemon has stopped.
    Stopped {
        /// Measurements that succeeded since the start.
        measured: u64,
        /// Measurements that failed since the start.
        failed: u64,
        /// Measurements that did not end in time; the next start records that in their rows.
        given_up: u64,
        /// Rows that the store accepted during shutdown.
        sent: u64,
        /// Rows that still wait in the outbox.
        waiting: u64,
    },
}

impl From<ToldChange<'_>> for DaemonEvent {
    fn from(told: ToldChange<'_>) -> Self {
        let change = Arc::new(told.change.clone());
        match told.moment {
            ChangeMoment::Began => DaemonEvent::SeriesChanged { change },
            ChangeMoment::Ended => DaemonEvent::SeriesChangeEnded { change },
        }
    }
}

impl From<DeliveryEvent> for DaemonEvent {
    fn from(news: DeliveryEvent) -> Self {
        match news {
            DeliveryEvent::Stored { provider, rows } => DaemonEvent::Stored { provider, rows },
            DeliveryEvent::SetAside { id, why } => DaemonEvent::SetAside { id, why },
        }
    }
}
