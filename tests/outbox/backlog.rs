//! A long backlog: batch behind batch, what follows from rows derived once for many, and nothing confirmed before that.

use super::{open, outcome};
use async_trait::async_trait;
use llmbench::domain::{ModelRef, Outcome};
use llmbench::outbox::Outbox;
use llmbench::outbox::sender::{Flushed, OutboxSender};
use llmbench::storage::aggregates::{NewestAttempts, PendingAggregates};
use llmbench::storage::outcomes::payload::OutcomePayload;
use llmbench::storage::{OutcomeSink, RecordOutcome, StoreError, WorkItem};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// More than fit into one batch.
const ROWS: usize = 3_000;

/// What a store was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Keep(usize),
    /// And how many rows were confirmed by then.
    Derive {
        confirmed: u64,
    },
}

/// A store that notes what it is asked, and derives nothing while it is told so.
struct Noting {
    asked: Mutex<Vec<Asked>>,
    outbox: Outbox,
    /// What it says instead of deriving for more than one row.
    refuses: Mutex<Option<StoreError>>,
}

#[async_trait]
impl OutcomeSink for Noting {
    async fn work_list(&self, _: Option<&str>) -> Result<Vec<WorkItem>, StoreError> {
        Ok(Vec::new())
    }

    async fn record(&self, _: &Outcome) -> Result<RecordOutcome, StoreError> {
        Ok(RecordOutcome::Stored)
    }

    async fn keep_all(
        &self,
        payloads: &[&OutcomePayload],
    ) -> (Vec<Result<RecordOutcome, StoreError>>, PendingAggregates) {
        self.asked.lock().unwrap().push(Asked::Keep(payloads.len()));
        let mut moved = PendingAggregates::default();
        for payload in payloads {
            let model = ModelRef::new(payload.fields().unwrap()["provider"].as_str().unwrap(), payload.id());
            moved.models.insert(model, NewestAttempts::default());
        }
        (payloads.iter().map(|_| Ok(RecordOutcome::Stored)).collect(), moved)
    }

    async fn derive(&self, moved: &PendingAggregates) -> Result<(), StoreError> {
        let confirmed = self.outbox.depth().await.unwrap().delivered;
        self.asked.lock().unwrap().push(Asked::Derive { confirmed });
        match self.refuses.lock().unwrap().clone() {
            Some(error) if moved.models.len() > 1 => Err(error),
            _ => Ok(()),
        }
    }

    fn describe(&self) -> String {
        "noting".to_owned()
    }

    async fn learned(&self, _: &ModelRef) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }

    async fn learn(&self, _: &ModelRef, _: &str) -> Result<(), StoreError> {
        Ok(())
    }
}

async fn full(directory: &std::path::Path, refuses: Option<StoreError>) -> (Arc<Noting>, OutboxSender) {
    let outbox = open(directory).await;
    let rows: Vec<Outcome> = (0..ROWS).map(|number| outcome(&format!("r{number}"))).collect();
    outbox.accept("none", &rows, Default::default()).await.unwrap();
    let noting =
        Arc::new(Noting { asked: Mutex::default(), outbox: outbox.clone(), refuses: Mutex::new(refuses) });
    let (sender, _) = OutboxSender::new(outbox, noting.clone(), "noting".to_owned());
    (noting, sender)
}

#[tokio::test]
async fn what_follows_from_many_batches_is_derived_once_before_any_of_them_is_confirmed() {
    let directory = tempfile::tempdir().unwrap();
    let (noting, mut sender) = full(directory.path(), None).await;
    let flushed = sender.flush_once(Duration::from_secs(60)).await.unwrap();
    assert_eq!(flushed, Flushed { delivered: ROWS as u64, quarantined: 0, left: 0 });
    let asked = noting.asked.lock().unwrap().clone();
    let derived_at = asked.iter().filter_map(|asked| match asked {
        Asked::Derive { confirmed } => Some(*confirmed),
        Asked::Keep(_) => None,
    });
    let derived_at: Vec<u64> = derived_at.collect();
    let kept: Vec<usize> = asked
        .iter()
        .filter_map(|asked| match asked {
            Asked::Keep(rows) => Some(*rows),
            Asked::Derive { .. } => None,
        })
        .collect();
    assert_eq!(kept.iter().sum::<usize>(), ROWS, "each row is sent once: {asked:?}");
    assert!(kept.len() > 1 && derived_at.len() < kept.len(), "{asked:?}");
    assert!(derived_at[0] == 0 && derived_at.iter().all(|confirmed| *confirmed < ROWS as u64), "{asked:?}");
}

#[tokio::test]
async fn rows_whose_health_cannot_be_derived_stay_and_some_go_one_by_one() {
    let directory = tempfile::tempdir().unwrap();
    let refuses = StoreError::Unavailable("no health today".to_owned());
    let (noting, mut sender) = full(directory.path(), Some(refuses)).await;
    let begun = Instant::now();
    // Those that went one by one.
    while noting.outbox.depth().await.unwrap().delivered == 0 {
        let flushed = sender.flush_once(Duration::from_secs(2)).await.unwrap();
        assert!(flushed.left > 0 && flushed.quarantined == 0, "{flushed:?}");
        assert!(begun.elapsed() < crate::support::PATIENCE);
    }
    *noting.refuses.lock().unwrap() = None;
    let rest = sender.flush_once(Duration::from_secs(60)).await.unwrap();
    assert_eq!((rest.left, noting.outbox.depth().await.unwrap().delivered), (0, ROWS as u64));
}
