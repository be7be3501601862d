//! What happens in a daemon, told to whoever listens: logs, metrics. Telling never waits; a listener that is too slow
//! misses events, and learns how many.

use crate::domain::pulse::LaneState;
use crate::domain::{ModelRef, Outcome, Slot};
use chrono::{DateTime, Utc};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast;

/// Events that wait for a slow listener.
const WAITING: usize = 4096;

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// The work list was read: so many series of so many providers.
    Listed {
        /// Series.
        series: u64,
        /// Providers.
        lanes: u64,
    },
    /// A measurement began.
    Began {
        /// Whose turn.
        slot: Arc<Slot>,
        /// Which attempt at it, from 1.
        attempt: u32,
    },
    /// A measurement ended, and its rows are in the outbox.
    Ended {
        /// Whose turn.
        slot: Arc<Slot>,
        /// The rows of its attempts; the last one counts.
        outcomes: Arc<[Outcome]>,
        /// How long everything around the measurement took: claim, intent, outbox.
        own: Duration,
    },
    /// A turn was somebody else's, or has its row already.
    Passed {
        /// Whose turn.
        slot: Arc<Slot>,
    },
    /// A lane is in another state than before.
    Lane {
        /// The provider.
        provider: String,
        /// What it does now.
        state: LaneState,
        /// Why.
        reason: Option<String>,
        /// Until when.
        until: Option<DateTime<Utc>>,
    },
    /// A lane or one of its measurements panicked.
    Panicked {
        /// The provider.
        provider: String,
        /// What it said.
        message: String,
    },
    /// A measurement that was given up does not end; its lane goes on without it.
    Wedged {
        /// The model.
        model: ModelRef,
    },
    /// The store did not do what it was asked.
    StoreFailed {
        /// What.
        what: &'static str,
        /// What it said.
        error: String,
    },
    /// Models were let in or set aside, in a batch that can be undone.
    Catalogue {
        /// `admit`, `quarantine`, `recheck`.
        action: &'static str,
        /// The batch; none in a dry run.
        batch: Option<String>,
        /// The models.
        models: Vec<ModelRef>,
    },
    /// No new measurement begins any more.
    Stopping,
}

/// Where events are told, and listened to.
#[derive(Debug, Clone)]
pub struct Events(broadcast::Sender<Arc<Event>>);

impl Default for Events {
    fn default() -> Self {
        Self(broadcast::Sender::new(WAITING))
    }
}

impl Events {
    /// Tells whoever listens now.
    pub fn tell(&self, event: Event) {
        // Nobody listens: nothing is lost by that.
        let _ = self.0.send(Arc::new(event));
    }

    /// Listens from now on.
    pub fn listen(&self) -> broadcast::Receiver<Arc<Event>> {
        self.0.subscribe()
    }
}
