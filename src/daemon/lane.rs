//! One provider's lane: looks what is due, begins as much of it as pace, budget and concurrency allow, sleeps until
//! something can have changed. Nothing in it waits for another lane, for the catalogue or for the sender.

use crate::daemon::bench::Bench;
use crate::daemon::book::Book;
use crate::daemon::call;
use crate::daemon::event::Event;
use crate::daemon::order::End;
use crate::daemon::shared::Shared;
use crate::domain::pulse::{LanePulse, LaneState};
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::sleep;

/// A lane. Its book and its bench outlive the task that works it.
pub struct Lane {
    /// The provider.
    pub provider: String,
    /// What all lanes share.
    pub shared: Arc<Shared>,
    book: Mutex<Book>,
    bench: Mutex<Option<Arc<dyn Bench>>>,
    nudged: Notify,
    said: Mutex<Option<String>>,
}

impl Lane {
    /// A lane with this book.
    pub fn new(provider: String, shared: Arc<Shared>, book: Book) -> Arc<Self> {
        let (book, bench, said) = (Mutex::new(book), Mutex::default(), Mutex::default());
        Arc::new(Self { provider, shared, book, bench, nudged: Notify::new(), said })
    }

    /// What the lane knows. Never held across a wait.
    pub fn book(&self) -> MutexGuard<'_, Book> {
        // A panic while it was open left it as readable as any other moment.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the lane look again.
    pub fn nudge(&self) {
        self.nudged.notify_one();
    }

    /// The bench is not used any more: what runs on it may hang.
    pub fn abandon_bench(&self) {
        self.bench.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Measurements at once.
    pub fn concurrency(&self) -> usize {
        self.shared.regime.concurrency(&self.provider)
    }

    /// Works until no new measurement may begin any more.
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
            let mut book = self.book();
            (book.look(allowed, now), book.doubts_the_key())
        };
        let pause = look.sleep.max(TimeDelta::milliseconds(1)).to_std().unwrap_or_default();
        if look.orders.is_empty() {
            return pause;
        }
        match self.bench(afresh).await {
            Ok(bench) => {
                for order in look.orders {
                    tokio::spawn(call::carry_out(Arc::clone(self), Arc::clone(&bench), order));
                }
            }
            Err(reason) => {
                let recheck =
                    TimeDelta::from_std(self.shared.regime.recheck).unwrap_or(TimeDelta::minutes(1));
                let mut book = self.book();
                for order in &look.orders {
                    book.ended(order, End::NotBegun, now);
                }
                book.closed(reason, recheck, self.shared.clock.now());
                return Duration::from_millis(10);
            }
        }
        pause
    }

    /// The bench; a new one where there is none, or where the key is to be fetched `afresh`.
    async fn bench(&self, afresh: bool) -> Result<Arc<dyn Bench>, String> {
        let kept = || self.bench.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bench) = kept().as_ref().filter(|_| !afresh) {
            return Ok(Arc::clone(bench));
        }
        let bench = self.shared.doors.open(&self.provider).await?;
        *kept() = Some(Arc::clone(&bench));
        Ok(bench)
    }

    /// What the lane says of itself; that it begins or ends to wait is told.
    pub fn pulse(&self, stored_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> LanePulse {
        let held_back = self.shared.governor().is_holding_back();
        let pulse = self.book().pulse(&self.provider, self.concurrency(), held_back, stored_at, now);
        let present = pulse.reason.clone().filter(|_| pulse.state == LaneState::Held);
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if *said != present {
            said.clone_from(&present);
            let provider = self.provider.clone();
            self.shared.events.tell(match present {
                Some(reason) => Event::Held { provider, reason, until: pulse.until },
                None => Event::Released { provider },
            });
        }
        pulse
    }
}
