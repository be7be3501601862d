//! Records when the store last answered and took rows, by the daemon's clock. Store handle, bridge and sender note
//! these times by the machine's clock, which may be set at any moment, so the moment at which a change was seen counts.

use crate::daemon::clock::ObservedTime;
use crate::outbox::sender::SenderReport;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub struct StoreActivity {
    answered: ObservedTime,
    stored: ObservedTime,
    lanes: BTreeMap<String, ObservedTime>,
}

impl StoreActivity {
    /// Records the sender's report, and the time at which the store or the bridge last answered anyone else.
    pub fn see(&mut self, sent: &SenderReport, heard_at: Option<DateTime<Utc>>, now: DateTime<Utc>) {
        self.answered.see(sent.store.answered_at.max(heard_at), now);
        self.stored.see(sent.store.stored_at, now);
        for (provider, at) in &sent.stored_at {
            self.lanes.entry(provider.clone()).or_default().see(Some(*at), now);
        }
    }

    /// Moves the times after the daemon's clock moved.
    pub fn clock_moved(&mut self, by: TimeDelta) {
        let own = [&mut self.answered, &mut self.stored];
        own.into_iter().chain(self.lanes.values_mut()).for_each(|noted| noted.clock_moved(by));
    }

    /// Time of the store's last answer.
    pub fn answered_at(&self) -> Option<DateTime<Utc>> {
        self.answered.at()
    }

    /// Time of the last confirmation of a row.
    pub fn stored_at(&self) -> Option<DateTime<Utc>> {
        self.stored.at()
    }

    /// Time of the last confirmation of a row of this provider.
    pub fn stored_at_of(&self, provider: &str) -> Option<DateTime<Utc>> {
        self.lanes.get(provider).and_then(ObservedTime::at)
    }
}
