//! Sends rows from the outbox to the store, and confirms, postpones or sets aside each of them. Rows are retried unless
//! the error is known to be permanent; a rejected row delays no other, and an unreachable store is not called once per
//! row. This file schedules rounds; `round` carries them out.

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

/// Maximum number of rows that are read at once, and confirmed in one transaction, whose writes must fit into the
/// ballast of a full disk.
const BATCH: u32 = 2_000;

/// Interval of reads from the outbox while nothing new arrives.
const TICK: Duration = Duration::from_secs(1);

/// State of the sender.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SenderReport {
    pub store: StoreReport,
    pub outbox: OutboxReport,
    /// Time of the last confirmed row of each provider.
    pub stored_at: BTreeMap<String, DateTime<Utc>>,
    /// End of the pause after the store did not answer or refused.
    pub resumes_at: Option<DateTime<Utc>>,
}

/// The result of a flush.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flushed {
    /// Rows that the store has now, or had already.
    pub delivered: u64,
    pub quarantined: u64,
    /// Rows that still wait, safe in the outbox.
    pub left: u64,
}

/// The fate of rows, reported immediately.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryEvent {
    /// The store has confirmed rows of a provider.
    Stored {
        provider: String,
        /// Number of confirmed rows.
        rows: u64,
    },
    /// A row was set aside.
    SetAside {
        /// Id of the outcome.
        id: String,
        why: String,
    },
}

/// Sends the rows of one outbox to one store.
pub struct OutboxSender {
    outbox: Outbox,
    calls: StoreCalls,
    sender_report: watch::Sender<SenderReport>,
    news: Box<dyn Fn(DeliveryEvent) + Send + Sync>,
    /// Rows that failed since the store last took one. A single one may be the row's fault; two are the store's.
    failed: BTreeSet<OutboxKey>,
    /// Number of consecutive rounds in which the store took nothing.
    vain: u32,
    /// Current number of rows that are read at once.
    batch: u32,
    /// The last row that was sent or is being sent; the next one follows behind it.
    behind: Option<QueuePosition>,
    /// The confirmation of the previous round's rows, which still runs.
    finishing: Option<JoinHandle<RoundResult>>,
}

impl OutboxSender {
    /// Creates a sender to `sink` and a receiver of its reports. `store` (`sqlite:/path`, …) names it in reports.
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

    /// Reports delivered and rejected rows immediately to `news`, which must not block.
    #[must_use]
    pub fn telling(self, news: impl Fn(DeliveryEvent) + Send + Sync + 'static) -> Self {
        Self { news: Box::new(news), ..self }
    }

    /// Sends until `stop`. Running calls then end by themselves; rows without an answer stay and are sent again.
    ///
    /// # Errors
    /// A permanent error of the outbox, never one of the store.
    pub async fn run(&mut self, stop: &CancellationToken) -> Result<(), OutboxError> {
        // A random delay keeps daemons that start together from calling the store at the same time.
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

    /// Tries once to send all waiting rows, including postponed ones, for at most `deadline`. The rest
    /// stays in the outbox.
    ///
    /// # Errors
    /// A permanent error of the outbox.
    pub async fn flush_once(&mut self, deadline: Duration) -> Result<Flushed, OutboxError> {
        let mut flushed = Flushed::default();
        // Rows whose sending was interrupted are sent again.
        self.behind = None;
        // Each call is a task of its own, so the timeout interrupts none.
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

    /// Reads and reports the fill level of the outbox.
    ///
    /// # Errors
    /// A permanent error of the outbox.
    pub async fn look(&self) -> Result<OutboxDepth, OutboxError> {
        let depth = self.outbox.depth().await?;
        let OutboxDepth { pending, quarantined, oldest_at, bytes, full, damaged, .. } = depth.clone();
        self.sender_report.send_modify(|sender_report| {
            sender_report.outbox = OutboxReport { pending, quarantined, oldest_at, bytes, full, damaged };
        });
        Ok(depth)
    }
}
