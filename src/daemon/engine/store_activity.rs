//! When the store last answered and took rows, by the daemon's own time. Keeper, bridge and sender note it by the machine's
//! clock, which may be set at any moment; what counts here is when a change was seen.

use crate::daemon::clock::ObservedTime;
use crate::outbox::sender::SenderReport;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeMap;

/// The moments.
#[derive(Debug, Default)]
pub struct StoreActivity {
    answered: ObservedTime,
    stored: ObservedTime,
    lanes: BTreeMap<String, ObservedTime>,
}

impl StoreActivity {
    /// Looks at what the sender says, and at when the store or the bridge last answered anybody else.
    pub fn see(&mut self, sent: &SenderReport, heard_at: Option<DateTime<Utc>>, now: DateTime<Utc>) {
        self.answered.see(sent.store.answered_at.max(heard_at), now);
        self.stored.see(sent.store.stored_at, now);
        for (provider, at) in &sent.stored_at {
            self.lanes.entry(provider.clone()).or_default().see(Some(*at), now);
        }
    }

    /// The daemon's time moved by so much.
    pub fn clock_moved(&mut self, by: TimeDelta) {
        let own = [&mut self.answered, &mut self.stored];
        own.into_iter().chain(self.lanes.values_mut()).for_each(|noted| noted.clock_moved(by));
    }

    /// When the store last answered anything.
    pub fn answered_at(&self) -> Option<DateTime<Utc>> {
        self.answered.at()
    }

    /// When it last confirmed a row.
    pub fn stored_at(&self) -> Option<DateTime<Utc>> {
        self.stored.at()
    }

    /// When it last confirmed a row of a provider.
    pub fn stored_at_of(&self, provider: &str) -> Option<DateTime<Utc>> {
        self.lanes.get(provider).and_then(ObservedTime::at)
    }
}
