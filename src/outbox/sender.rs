//! Brings rows from the outbox to the store, and decides what becomes of each: confirmed by the store, put off, or set
//! aside. Whatever is not on the short list of final answers is tried again; a row that the store does not like holds up
//! nobody, and a store that is away is not asked once for each row. When that is done is here, how in `round`.

mod round;

use super::Outbox;
use super::store_calls::StoreCalls;
use super::types::{OutboxDepth, OutboxError, OutboxKey, QueuePosition};
use crate::domain::daemon_status::{OutboxReport, StoreReport};
use crate::storage::OutcomeSink;
use chrono::{DateTime, Utc};
use round::{RoundResult, SendRound};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Rows that are taken at once at most, and confirmed in one transaction: what that writes must fit into the ballast of a
/// full disk.
const BATCH: u32 = 2_000;

/// How often the outbox is looked at where nothing new comes.
const TICK: Duration = Duration::from_secs(1);

/// What the sender last saw.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SenderReport {
    /// The store.
    pub store: StoreReport,
    /// The outbox.
    pub outbox: OutboxReport,
    /// When the store last confirmed a row of each provider.
    pub stored_at: BTreeMap<String, DateTime<Utc>>,
    /// Until when the store is left alone, where it did not answer or refused.
    pub resumes_at: Option<DateTime<Utc>>,
}

/// What a flush came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flushed {
    /// Rows that the store has now, or had already.
    pub delivered: u64,
    /// Rows set aside.
    pub quarantined: u64,
    /// Rows that still wait; they are safe.
    pub left: u64,
}

/// What became of rows, for whoever wants to hear of it as it happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryEvent {
    /// The store has confirmed so many rows of a provider.
    Stored {
        /// The provider.
        provider: String,
        /// How many.
        rows: u64,
    },
    /// A row is set aside.
    SetAside {
        /// The outcome's id.
        id: String,
        /// Why.
        why: String,
    },
}

/// The sender of one outbox to one store.
pub struct OutboxSender {
    outbox: Outbox,
    calls: StoreCalls,
    sender_report: watch::Sender<SenderReport>,
    news: Box<dyn Fn(DeliveryEvent) + Send + Sync>,
    /// Rows that the store failed to take since it last took one. One alone may be the row's own fault; two are the
    /// store's.
    failed: BTreeSet<OutboxKey>,
    /// Rounds in a row in which the store took nothing.
    vain: u32,
    /// Rows that are taken at once now.
    batch: u32,
    /// The last row that the store has, or is getting: the next one to send is behind it.
    behind: Option<QueuePosition>,
    /// Rows of the round before, which are being confirmed.
    finishing: Option<JoinHandle<RoundResult>>,
}

impl OutboxSender {
    /// A sender to `sink`, which is called `store` (`sqlite:/path`, `mongodb://host/db`), and what it tells of itself.
    pub fn new(
        outbox: Outbox,
        sink: Arc<dyn OutcomeSink>,
        store: String,
    ) -> (Self, watch::Receiver<SenderReport>) {
        let store = StoreReport { name: store, ..StoreReport::default() };
        let (sender_report, seen) = watch::channel(SenderReport { store, ..SenderReport::default() });
        let sender = Self {
            outbox,
            calls: StoreCalls::new(sink),
            sender_report,
            news: Box::new(|_| ()),
            failed: BTreeSet::new(),
            vain: 0,
            batch: BATCH,
            behind: None,
            finishing: None,
        };
        (sender, seen)
    }

    /// The same sender, which says at once what became of rows. `news` must not wait.
    #[must_use]
    pub fn telling(self, news: impl Fn(DeliveryEvent) + Send + Sync + 'static) -> Self {
        Self { news: Box::new(news), ..self }
    }

    /// Sends until `stop`. Calls that are under way then end by themselves; rows whose answer nobody heard stay where they
    /// are, and are sent again.
    ///
    /// # Errors
    /// A final error of the outbox. The store's are never one.
    pub async fn run(&mut self, stop: &CancellationToken) -> Result<(), OutboxError> {
        // Daemons that start together should not all knock at once.
        let mut pause = Duration::from_secs_f64(rand::random_range(0.0..0.5));
        let mut wakes_early = false;
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => break,
                () = sleep(pause) => {}
                () = self.outbox.news(), if wakes_early => {}
            }
            let round = tokio::select! {
                () = stop.cancelled() => break,
                round = self.round() => round?,
            };
            self.look().await?;
            wakes_early = round.wait.is_none();
            pause = match round.wait {
                Some(wait) => wait,
                None if round.taken > 0 => Duration::ZERO,
                None => TICK,
            };
        }
        Ok(())
    }

    /// Tries once to send what waits, rows that were put off among them, for at most `deadline`. What does not go stays
    /// where it is.
    ///
    /// # Errors
    /// A final error of the outbox.
    pub async fn flush_once(&mut self, deadline: Duration) -> Result<Flushed, OutboxError> {
        let mut flushed = Flushed::default();
        // Rows that were under way when sending stopped are sent again.
        self.behind = None;
        // Calls are tasks of their own: to stop waiting interrupts none of them.
        let ended = timeout(deadline, async {
            let mut before = SendRound::default();
            self.finished(&mut before).await?;
            flushed.delivered += before.delivered;
            self.outbox.hasten().await?;
            loop {
                let round = self.round().await?;
                flushed.delivered += round.delivered;
                flushed.quarantined += round.quarantined;
                if round.taken == 0 || round.wait.is_some() {
                    return Ok(());
                }
            }
        });
        ended.await.unwrap_or(Ok(()))?;
        flushed.left = self.look().await?.pending;
        Ok(flushed)
    }

    /// Tells how full the outbox is.
    ///
    /// # Errors
    /// A final error of the outbox.
    pub async fn look(&self) -> Result<OutboxDepth, OutboxError> {
        let depth = self.outbox.depth().await?;
        let OutboxDepth { pending, quarantined, oldest_at, bytes, full, damaged, .. } = depth.clone();
        self.sender_report.send_modify(|sender_report| {
            sender_report.outbox = OutboxReport { pending, quarantined, oldest_at, bytes, full, damaged };
        });
        Ok(depth)
    }
}
